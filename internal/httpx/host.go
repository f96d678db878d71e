package httpx

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// host is what all requests of one label share.
type host struct {
	slots chan struct{}

	mu        sync.Mutex
	requests  int
	remaining int
	quota     bool
	until     time.Time
}

// acquire takes a slot for one request in flight.
func (h *host) acquire(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *host) release() { <-h.slots }

func (h *host) count() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests++
}

// pause keeps all requests back until the given time.
func (h *host) pause(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until.After(h.until) {
		h.until = until
	}
}

// paused returns how long requests are still to be kept back.
func (h *host) paused(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until.Sub(now)
}

// observe records the quota that an answer reports. Answers overtake each other, so the lowest one counts.
func (h *host) observe(header http.Header) {
	n, ok := remaining(header)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.quota || n < h.remaining {
		h.remaining, h.quota = n, true
	}
}

// remaining reads the headers of GitHub ("4999") and Docker Hub ("99;w=21600").
func remaining(header http.Header) (int, bool) {
	for _, name := range []string{"X-Ratelimit-Remaining", "Ratelimit-Remaining"} {
		text, _, _ := strings.Cut(header.Get(name), ";")
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n >= 0 {
			return n, true
		}
	}
	return 0, false
}
