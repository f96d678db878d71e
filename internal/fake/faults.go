// Package fake holds the servers that pawl talks to, as http.Handlers with real behaviour: served on loopback or in
// memory, for tests and for the demonstration. Each counts what it was asked, and misbehaves where told to.
package fake

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is how a server misbehaves at a path. The fields are applied in their order; those that are zero are not.
type Fault struct {
	// Method restricts the fault; empty means every method.
	Method string
	// Times is how many requests are affected, 0 for all.
	Times int
	// Latency delays the answer.
	Latency time.Duration
	// Stall never answers; it ends when the client leaves.
	Stall bool
	// Header is added to the answer.
	Header http.Header
	// Redirect answers 307 with this Location and the path asked for.
	Redirect string
	// Status answers with this status and Body.
	Status int
	// Body replaces the answer's.
	Body string
	// Truncate cuts the answer's body after so many bytes while the length promises all of it.
	Truncate int
	// Drip sends the body byte by byte without an end.
	Drip bool
}

// Faults is a handler that misbehaves before, or instead of, another one, and records every request.
type Faults struct {
	next http.Handler

	mu       sync.Mutex
	faults   []*placedFault
	requests []Request
	inFlight int
	peak     int
}

type placedFault struct {
	Fault
	prefix string
	left   int
}

// Request is one request that a server got.
type Request struct {
	Method, Host, Path, Query, Authorization, Remote string
}

// WithFaults returns a handler that serves like the given one until faults are set.
func WithFaults(next http.Handler) *Faults { return &Faults{next: next} }

// Clear removes all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Set makes requests whose path begins with the prefix meet the fault. Faults set earlier at the same place come
// first, until they are used up.
func (f *Faults) Set(prefix string, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &placedFault{Fault: fault, prefix: prefix, left: fault.Times})
}

// Requests returns what was asked, in order of arrival.
func (f *Faults) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Request(nil), f.requests...)
}

// Count returns how many requests had the method and a path that contains the text.
func (f *Faults) Count(method, text string) int {
	n := 0
	for _, r := range f.Requests() {
		if r.Method == method && strings.Contains(r.Path, text) {
			n++
		}
	}
	return n
}

// Peak returns the most requests that were being answered at the same time.
func (f *Faults) Peak() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak
}

// ServeHTTP records the request and answers it, well or badly.
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := f.enter(r)
	defer f.leave()
	if fault.Latency > 0 && !pause(r, fault.Latency) {
		return
	}
	if fault.Stall {
		<-r.Context().Done()
		return
	}
	for name, values := range fault.Header {
		w.Header()[name] = values
	}
	switch {
	case fault.Redirect != "":
		http.Redirect(w, r, fault.Redirect+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	case fault.Drip:
		drip(w, r)
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body)
	case fault.Body != "":
		_, _ = io.WriteString(w, fault.Body)
	case fault.Truncate > 0:
		truncate(w, r, f.next, fault.Truncate)
	default:
		f.next.ServeHTTP(w, r)
	}
}

// enter records a request and picks its fault.
func (f *Faults) enter(r *http.Request) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, Request{
		Method: r.Method, Host: r.Host, Path: r.URL.Path, Query: r.URL.RawQuery,
		Authorization: r.Header.Get("Authorization"), Remote: r.RemoteAddr,
	})
	f.inFlight++
	f.peak = max(f.peak, f.inFlight)
	for _, p := range f.faults {
		if !strings.HasPrefix(r.URL.Path, p.prefix) || p.Method != "" && p.Method != r.Method || p.Times > 0 && p.left == 0 {
			continue
		}
		p.left--
		return p.Fault
	}
	return Fault{}
}

func (f *Faults) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inFlight--
}

// pause waits, and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func truncate(w http.ResponseWriter, r *http.Request, next http.Handler, n int) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	body := whole.Body.Bytes()
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(body[:min(n, len(body))])
}

func drip(w http.ResponseWriter, r *http.Request) {
	for pause(r, time.Millisecond) {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
	}
}

// Network is an http.RoundTripper without a network: each host (with its port, if it has one) is a handler.
type Network map[string]http.Handler

// RoundTrip lets the handler of the request's host answer; a host that is not there cannot be reached.
func (n Network) RoundTrip(r *http.Request) (*http.Response, error) {
	handler, ok := n[r.URL.Host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host in the fake network", Name: r.URL.Hostname(), IsNotFound: true}
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI = r.URL.Host, r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	res := w.Result()
	res.Request = r
	return res, nil
}
