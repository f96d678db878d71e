package gitlab

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// trace sees whether a request got as far as a connection.
type trace struct{ asked, connected atomic.Bool }

// context returns the context of a request that is to be seen.
func (t *trace) context(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.connected.Store(true) },
	})
}

// sent reports whether any of the request may have reached the host, when it ended without an answer. A transport that
// tells nothing of its connections, such as one in memory, is believed by its error.
func (t *trace) sent(err error) bool {
	var failed *httpx.Error
	switch {
	case t.connected.Load():
		return true
	case t.asked.Load():
		return false
	case errors.As(err, &failed) && failed.Status != 0:
		return false // kept back: the host had said that there were too many
	}
	return !errors.Is(err, httpx.ErrRefused) && !errors.Is(err, httpx.ErrUnknownHost) && !errors.Is(err, httpx.ErrTLS) && !errors.Is(err, httpx.ErrLate)
}
