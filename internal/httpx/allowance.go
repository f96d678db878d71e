package httpx

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Allowance is the time that all requests for one purpose may take together. Only the time in which a request is under way
// counts, not that of waiting for a turn; what hosts ask to wait has a bound of its own. It is safe for concurrent use.
type Allowance struct {
	total time.Duration

	mu    sync.Mutex
	left  time.Duration
	waits time.Duration
}

// NewAllowance returns an allowance of which nothing is spent.
func NewAllowance(total time.Duration) *Allowance {
	return &Allowance{total: total, left: total, waits: max(total, 2*DefaultBudget)}
}

type allowanceKey struct{}

// WithAllowance returns a context whose requests take their time from the allowance. One that fails because there is
// none left fails with ErrSpent.
func WithAllowance(ctx context.Context, a *Allowance) context.Context {
	return context.WithValue(ctx, allowanceKey{}, a)
}

// allowanceOf returns the allowance of a context, nil for none.
func allowanceOf(ctx context.Context) *Allowance {
	a, _ := ctx.Value(allowanceKey{}).(*Allowance)
	return a
}

// within returns how long an attempt may take that has so long at most, and whether the allowance is what bounds it.
func (a *Allowance) within(most time.Duration) (time.Duration, bool) {
	if a == nil {
		return most, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return min(most, a.left), a.left < most
}

// spend takes the time that an attempt took.
func (a *Allowance) spend(d time.Duration) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left -= d
}

// wait takes the time of a wait that a host asks for, and reports whether there was so much.
func (a *Allowance) wait(d time.Duration) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits -= d
	return a.waits >= 0
}

// spent describes a request for which no time is left.
func (a *Allowance) spent(e *Error) *Error {
	e.Err, e.Reason = ErrSpent, fmt.Sprintf("not done within %s in all", a.total)
	return e
}
