package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// maxReason bounds how much of an answer's text goes into a reason, in characters.
const maxReason = 200

// Error is an event that was not taken now and may be later. Its text holds no secret, no path and no query.
type Error struct {
	host, reason, hint string
	wait               time.Duration
	err                error
}

// Error returns the receiver's host and what it did.
func (e *Error) Error() string { return fmt.Sprintf("sending events to %s: %s", e.host, e.reason) }

// Unwrap returns the cause, nil for an answer.
func (e *Error) Unwrap() error { return e.err }

// RetryAfter is how long the receiver asks to be left alone, 0 when it does not.
func (e *Error) RetryAfter() time.Duration { return e.wait }

// Advice returns the hint.
func (e *Error) Advice() string { return e.hint }

// post sends one request and says what its answer means.
func (s *Sink) post(ctx context.Context, c content) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(c.body))
	if err != nil {
		return s.failure(err)
	}
	req.Header = c.header
	if s.config.Key != "" {
		req.Header.Set(SignatureHeader, sign(s.config.Key, c.body))
	}
	res, err := s.client.Do(req)
	if errors.Is(err, httpx.ErrTooLarge) {
		return nil // only a success is read to its end
	}
	if err != nil {
		return s.failure(err)
	}
	defer res.Body.Close()
	return s.judge(res)
}

// judge says what a status means: delivered, later, or never.
func (s *Sink) judge(res *http.Response) error {
	status := res.StatusCode
	switch {
	case status >= 200 && status < 300, status == http.StatusConflict:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		wait, _ := httpx.RetryAfter(res.Header, s.config.Now())
		return &Error{host: s.url.Host, reason: s.describe(res), wait: wait, hint: "the events are kept; send them later with pawl events flush"}
	case status < 400:
		return &Error{host: s.url.Host, reason: s.describe(res) + ", which is not followed", hint: "set url of the sink to where the receiver is now"}
	default:
		return &event.Rejected{Reason: s.url.Host + " answers " + s.describe(res)}
	}
}

// describe is the status and what the answer says, cut and without secrets.
func (s *Sink) describe(res *http.Response) string {
	text := fmt.Sprintf("%d %s", res.StatusCode, http.StatusText(res.StatusCode))
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if said := s.clean(string(body)); err == nil && said != "" {
		text += ": " + said
	}
	return text
}

// clean makes foreign text fit for one line: secrets are removed before it is cut, so that none is cut in two.
func (s *Sink) clean(text string) string {
	text = s.config.Client.Clean(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxReason {
		return string(runes[:maxReason]) + "…"
	}
	return string(runes)
}

// failure describes why there was no answer.
func (s *Sink) failure(err error) error {
	failed := &Error{host: s.url.Host, reason: "no answer", err: httpx.Clean(err)}
	var e *httpx.Error
	if errors.As(failed.err, &e) {
		failed.wait, failed.hint, failed.err = e.Wait, e.Advice(), e.Err
		if e.Reason != "" {
			failed.reason = s.clean(e.Reason)
		}
		if e.Status != 0 {
			failed.reason = fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
		}
	}
	return failed
}
