package gitlab

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"
)

// ErrDropped is what the in-memory transport returns when the connection breaks.
var ErrDropped = errors.New("fake gitlab: connection reset before the reply was read")

// outcome is what becomes of one request.
type outcome struct {
	reply
	// One of these replaces or shortens the answer.
	drop, stall, refuse bool
	truncate            int
}

// ServeHTTP answers one request. A dropped reply closes the connection, a stalled one waits for the client to leave.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := readBody(req.Body)
	if err != nil {
		return // the client is gone
	}
	out := s.exchange(req, body)
	if out.stall {
		<-req.Context().Done()
		return
	}
	if out.drop || out.refuse {
		hangUp(w)
		return
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	if out.truncate > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(out.data)))
		out.data = out.data[:min(out.truncate, len(out.data))]
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.data) // the client is gone when this fails
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close() // nothing was written
}

// RoundTripper serves requests to any host in memory, without a socket and without waiting: an answer that never comes
// is an error that says so at once (os.ErrDeadlineExceeded).
func (s *Server) RoundTripper() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	body, err := readBody(req.Body)
	if err != nil {
		return nil, err
	}
	out := t.server.exchange(req, body)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	switch {
	case out.refuse:
		return nil, &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}
	case out.stall:
		return nil, os.ErrDeadlineExceeded
	case out.drop:
		return nil, ErrDropped
	}
	var content io.Reader = bytes.NewReader(out.data)
	if out.truncate > 0 {
		content = io.MultiReader(bytes.NewReader(out.data[:min(out.truncate, len(out.data))]), cut{})
	}
	return &http.Response{
		StatusCode: out.status, Status: http.StatusText(out.status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header, Request: req, Body: io.NopCloser(content), ContentLength: int64(len(out.data)),
	}, nil
}

// cut is where a truncated answer ends.
type cut struct{}

// Read implements io.Reader.
func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
