package httpx

import (
	"net/http"
	"sync"
	"time"
)

// Clock tells the time at a host: as of its last answer, which says it to the second, and by the own clock since then.
type Clock struct {
	now         func() time.Time
	mu          sync.Mutex
	told, heard time.Time
}

// NewClock returns a clock that has heard nothing yet; now is the own clock.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// Listen returns a RoundTripper that notes the date of each answer.
func (c *Clock) Listen(next http.RoundTripper) http.RoundTripper { return listening{c, next} }

type listening struct {
	clock *Clock
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (l listening) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(req)
	if err != nil {
		return res, err
	}
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		l.clock.mu.Lock()
		l.clock.told, l.clock.heard = at.UTC(), l.clock.now()
		l.clock.mu.Unlock()
	}
	return res, nil
}

// Time is the time at the host; zero when it has said none.
func (c *Clock) Time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.IsZero() {
		return time.Time{}
	}
	return c.told.Add(c.now().Sub(c.heard))
}
