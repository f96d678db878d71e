package wire

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// SharedNetwork returns a transport that keeps one set of connections for all profiles of a process, asks each registry once how to
// log in, and sends no host more requests at once than one profile would; next nil is the network.
func SharedNetwork(next http.RoundTripper, now func() time.Time) http.RoundTripper {
	if next == nil {
		next = httpx.NewTransport()
	}
	return &pings{next: limit(next, config.DefaultConcurrency), now: now, known: map[string]*ping{}}
}

// TenantNetwork returns the part of a shared network that one profile has: no host gets more requests at once from it than
// TenantConcurrency.
func TenantNetwork(shared http.RoundTripper) http.RoundTripper {
	return limit(shared, TenantConcurrency)
}

// limited sends a host so many requests at once.
type limited struct {
	next  http.RoundTripper
	room  int
	mu    sync.Mutex
	hosts map[string]chan struct{}
}

// RoundTrip sends a request as soon as its host has room.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	host := strings.ToLower(r.URL.Host)
	room, known := l.hosts[host]
	if !known {
		room = make(chan struct{}, l.room)
		l.hosts[host] = room
	}
	l.mu.Unlock()
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
		return l.next.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func limit(next http.RoundTripper, room int) *limited {
	return &limited{next: next, room: room, hosts: map[string]chan struct{}{}}
}
