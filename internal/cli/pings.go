package cli

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
	// maxPing bounds the body of an answer in bytes, maxPings how many are remembered.
	maxPing  = 64 << 10
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
	if r.Method != http.MethodGet || r.URL.Path != "/v2/" || r.URL.RawQuery != "" || r.URL.User != nil || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
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

// ask gets an answer; one that says neither how to log in nor that nobody need is forgotten.
func (p *pings) ask(one *ping, r *http.Request) (*http.Response, error) {
	defer close(one.done)
	res, err := p.next.RoundTrip(r)
	if err == nil && (res.StatusCode == http.StatusOK || res.StatusCode == http.StatusUnauthorized) {
		one.body, err = io.ReadAll(io.LimitReader(res.Body, maxPing))
		if err = errors.Join(err, res.Body.Close()); err == nil {
			one.ok = true
			one.res = http.Response{Status: res.Status, StatusCode: res.StatusCode, Proto: res.Proto, ProtoMajor: res.ProtoMajor, ProtoMinor: res.ProtoMinor, Header: res.Header.Clone()}
			return one.answer(r), nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, one.key)
	if err != nil {
		return nil, err
	}
	return res, nil
}

func (p *ping) answer(r *http.Request) *http.Response {
	res := p.res
	res.Header, res.Request = p.res.Header.Clone(), r
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(p.body)), int64(len(p.body))
	return &res
}
