package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// maxErrorBody is how much is read of an answer that is no success; nothing of it is shown.
const maxErrorBody = 64 << 10

// attempt sends the request once and reads the whole answer within the timeout and what is left of the allowance, then
// gives back the slot that it is called with.
func (t *Transport) attempt(req *http.Request, number int) (answer *http.Response, failed *Error) {
	defer t.host.release()
	_, span := t.span(req, number)
	defer func() { ended(span, answer, failed) }()
	t.host.count()
	allowance := allowanceOf(req.Context())
	timeout, last := allowance.within(t.client.config.Timeout)
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	defer cancel()

	start := t.client.config.Now()
	res, err := t.send(ctx, req, number)
	if err == nil {
		err = buffer(req.Method, res, t.maxBody)
	}
	took := t.client.config.Now().Sub(start)
	allowance.spend(took)
	t.log(req, res, err, number, took.String())
	if err != nil {
		failed := t.failure(ctx, req, err)
		if last && errors.Is(failed, ErrTimeout) {
			failed = allowance.spent(failed)
		}
		return nil, failed
	}
	t.host.observe(res.Header)
	res.Request = req
	return res, nil
}

// send sends a copy of the request; from the second attempt on the copy has a body of its own.
func (t *Transport) send(ctx context.Context, req *http.Request, number int) (*http.Response, error) {
	out := req.Clone(ctx)
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", t.client.config.UserAgent)
	}
	if number > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	t.client.learn(out)
	return t.client.config.Transport.RoundTrip(out)
}

// buffer replaces the body by its bytes. A body that is no success is cut instead of refused.
func buffer(method string, res *http.Response, limit int64) error {
	defer res.Body.Close()
	success := res.StatusCode < 300
	if !success {
		limit = min(limit, maxErrorBody)
	}
	if success && res.ContentLength > limit && method != http.MethodHead {
		return tooLarge(limit)
	}
	body, err := readBody(io.LimitReader(res.Body, limit+1), res.ContentLength)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	case err != nil:
		return err
	case body.size > limit && success:
		return tooLarge(limit)
	}
	body.cut(limit)
	res.Body = body
	if method != http.MethodHead {
		res.ContentLength = body.size
	}
	return nil
}

func tooLarge(limit int64) error { return fmt.Errorf("%w than %d bytes", ErrTooLarge, limit) }

func (t *Transport) log(req *http.Request, res *http.Response, err error, number int, duration string) {
	log := t.client.config.Log
	if !log.Enabled(req.Context(), slog.LevelDebug) {
		return
	}
	status := 0
	if res != nil {
		status = res.StatusCode
	}
	path := t.client.Clean(req.URL.Path)
	log.DebugContext(req.Context(), "request", "method", req.Method, "host", req.URL.Host, "path", path,
		"status", status, "duration", duration, "attempt", number, "failed", err != nil)
}
