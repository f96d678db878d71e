package plan

import (
	"context"
	"time"
)

// grace is how long work that was interrupted has to end by itself. All that waits for somebody ends at once; what
// computes does not look at its context all the time.
const grace = time.Second

// interruptibly does the work and reports whether it was done. When the context ends and the work does not, it is left
// behind: it writes nothing, and nobody reads what it made.
func interruptibly(ctx context.Context, work func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
