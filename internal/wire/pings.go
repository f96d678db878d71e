package wire

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// pings asks each registry once how it wants clients to log in: what it says to somebody who shows no credentials is the same for
// all profiles.
type pings struct {
	next  http.RoundTripper
	now   func() time.Time
	mu    sync.Mutex
	known map[string]*ping
}

// ping is the answer of one registry.
type ping struct {
	key string
	at  time.Time
	// done is closed when it is there; ok says that it can be used.
	done chan struct{}
	ok   bool
	res  http.Response
	body []byte
}

const (
	// pingLife is how long an answer counts.
	pingLife = 5 * time.Minute
	// maxPing bounds an answer that is shared in bytes, its headers included; maxPings is how many are remembered.
	maxPing  = 8 << 10
	maxPings = 10_000
)

// RoundTrip sends a request, or answers as its host just did. Who waits for the answer to another one that fails asks on its own.
func (p *pings) RoundTrip(r *http.Request) (*http.Response, error) {
	one, own := p.of(r)
	switch {
	case one == nil:
		return p.next.RoundTrip(r)
	case own:
		return p.ask(one, r)
	}
	select {
	case <-one.done:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if !one.ok {
		return p.next.RoundTrip(r)
	}
	return one.answer(r), nil
}

// of is the answer to a request that asks how to log in, nil for any other request; own says that it is still to be had.
func (p *pings) of(r *http.Request) (one *ping, own bool) {
	if r.Method != http.MethodGet || r.URL.EscapedPath() != "/v2/" || r.URL.RawQuery != "" || r.URL.User != nil || !plain(r.Header) {
		return nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := r.URL.Scheme + "://" + strings.ToLower(r.URL.Host)
	one, known := p.known[key]
	if known && p.now().Sub(one.at) < pingLife {
		return one, false
	}
	if !known && len(p.known) >= maxPings {
		return nil, false
	}
	one = &ping{key: key, at: p.now(), done: make(chan struct{})}
	p.known[key] = one
	return one, true
}

// plain reports whether a request has no header that could make its answer somebody's.
func plain(header http.Header) bool {
	for name := range header {
		if name != "User-Agent" && name != "Accept" && name != "Accept-Encoding" && name != "Traceparent" {
			return false
		}
	}
	return true
}

// ask gets an answer; one that says neither how to log in nor that nobody need, or that is too large, is forgotten.
func (p *pings) ask(one *ping, r *http.Request) (*http.Response, error) {
	defer close(one.done)
	res, err := p.next.RoundTrip(r)
	if err == nil && (res.StatusCode == http.StatusOK || res.StatusCode == http.StatusUnauthorized) {
		room := maxPing - size(res.Header)
		one.body, err = io.ReadAll(io.LimitReader(res.Body, max(0, int64(room))+1))
		switch {
		case err != nil:
			err = errors.Join(err, res.Body.Close())
		case len(one.body) > room:
			res.Body = rest{io.MultiReader(bytes.NewReader(one.body), res.Body), res.Body}
		default:
			if err = res.Body.Close(); err == nil {
				one.ok = true
				one.res = http.Response{Status: res.Status, StatusCode: res.StatusCode, Proto: res.Proto, ProtoMajor: res.ProtoMajor, ProtoMinor: res.ProtoMinor, Header: res.Header.Clone()}
				return one.answer(r), nil
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.body = nil; p.known[one.key] == one { // and no newer one
		delete(p.known, one.key)
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

// rest is a body of which some was read already.
type rest struct {
	io.Reader
	io.Closer
}

// size is how many bytes headers take.
func size(header http.Header) (n int) {
	for name, values := range header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n
}

func (p *ping) answer(r *http.Request) *http.Response {
	res := p.res
	res.Header, res.Request = p.res.Header.Clone(), r
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(p.body)), int64(len(p.body))
	return &res
}
