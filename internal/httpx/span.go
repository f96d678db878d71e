package httpx

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/trace"
)

// span starts the span of one attempt, with the attributes of OpenTelemetry's conventions for HTTP clients. Queries,
// fragments and user information are left out.
func (t *Transport) span(req *http.Request, number int) (context.Context, *trace.Span) {
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	ctx, span := trace.Start(req.Context(), method, trace.Client)
	if span == nil {
		return ctx, nil
	}
	span.Set("http.request.method", method)
	span.Set("url.full", (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path, RawPath: req.URL.RawPath}).String())
	span.Set("server.address", req.URL.Hostname())
	if port, ok := portOf(address(req.URL)); ok {
		span.Set("server.port", port)
	}
	if again := number - 1 + redirects(req); again > 0 {
		span.Set("http.request.resend_count", again)
	}
	return ctx, span
}

// portOf is the port of an address as a number.
func portOf(address string) (port int, ok bool) {
	port, err := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
	return port, err == nil
}

// redirects counts those that led to the request.
func redirects(req *http.Request) (n int) {
	for res := req.Response; res != nil && res.Request != nil && n < maxRedirects; res = res.Request.Response {
		n++
	}
	return n
}

// ended ends the span of an attempt with what came of it.
func ended(span *trace.Span, res *http.Response, failed *Error) {
	if span == nil {
		return
	}
	if res != nil {
		span.Set("http.response.status_code", res.StatusCode)
	}
	switch {
	case failed != nil:
		span.Set("error.type", errorType(failed))
		span.Fail(failed.Reason)
	case res != nil && res.StatusCode >= http.StatusBadRequest:
		span.Set("error.type", strconv.Itoa(res.StatusCode))
		span.Fail("")
	}
	span.End()
}

// errorTypes are the words for failures without an answer, few enough to be counted by.
var errorTypes = []struct {
	err  error
	word string
}{
	{ErrTimeout, "timeout"}, {ErrSpent, "timeout"}, {context.DeadlineExceeded, "timeout"}, {context.Canceled, "cancelled"}, {ErrUnknownHost, "unknown_host"},
	{ErrRefused, "connection_refused"}, {ErrTLS, "tls"}, {ErrTooLarge, "too_large"}, {ErrTruncated, "truncated"}, {ErrConnection, "connection"},
}

func errorType(e *Error) string {
	for _, t := range errorTypes {
		if errors.Is(e, t.err) {
			return t.word
		}
	}
	return "_OTHER"
}
