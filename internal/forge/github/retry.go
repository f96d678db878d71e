package github

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// unsaid is how long GitHub wants to be left alone when it does not say
// (https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately).
const unsaid = time.Minute

// limitWords is what all of GitHub's texts about too many requests hold, whichever limit they speak of.
const limitWords = "rate limit"

// retrying repeats requests, writing ones too, that were refused because there were too many: such a request was never
// applied. It also hides the quota's headers from the library, which would refuse requests by a clock of its own.
type retrying struct {
	client *Client
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (p *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	left := p.client.config.Patience
	p.client.count(req)
	for {
		again, err := copied(req)
		if err != nil {
			return nil, err
		}
		res, err := p.next.RoundTrip(again)
		wait, refused := p.asked(again, res, err)
		if !refused {
			return quiet(res), err
		}
		if wait > left {
			return nil, tooMany(req, res, err, wait)
		}
		left -= max(wait, time.Second)
		if err := p.client.config.Sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// copied is the request with a body of its own, so that it can be sent again.
func copied(req *http.Request) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.GetBody == nil {
		return again, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("reading the body of a request: %w", err)
	}
	again.Body = body
	return again, nil
}

// asked says whether there were too many requests, and how long to wait then.
func (p *retrying) asked(req *http.Request, res *http.Response, err error) (time.Duration, bool) {
	var failed *httpx.Error
	switch {
	case errors.As(err, &failed):
		if failed.Wait == 0 && failed.Status == http.StatusTooManyRequests {
			return unsaid, true
		}
		return failed.Wait, failed.Wait > 0
	case err != nil:
		return 0, false
	case req.URL.String() == p.client.graphURL && res.StatusCode == http.StatusOK:
		if !mentionsLimit(res) {
			return 0, false
		}
	case res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusTooManyRequests:
		return 0, false
	}
	if wait, said := httpx.RetryAfter(res.Header, p.client.config.Now()); said {
		return wait, true
	}
	return unsaid, res.StatusCode == http.StatusTooManyRequests || mentionsLimit(res)
}

// mentionsLimit looks for a rate limit among the reasons of a refusal, which GraphQL sends with 200; the body stays
// readable.
func mentionsLimit(res *http.Response) bool {
	body, err := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	var refusal struct {
		Message string
		Errors  []limitError
	}
	if err != nil || json.Unmarshal(body, &refusal) != nil {
		return false
	}
	return slices.ContainsFunc(refusal.Errors, limitError.isLimit) || speaksOfLimit(refusal.Message)
}

// limitError is an error of GraphQL, of which GitHub changes the names: RATE_LIMITED until 2025, RATE_LIMIT with the
// code graphql_rate_limit since 2026.
type limitError struct{ Type, Code, Message string }

func (e limitError) isLimit() bool {
	switch e.Type {
	case "RATE_LIMITED", "RATE_LIMIT":
		return true
	case "UNPROCESSABLE", "NOT_FOUND": // their texts hold people's words
		return false
	}
	return e.Code == "graphql_rate_limit" || speaksOfLimit(e.Message)
}

func speaksOfLimit(text string) bool { return strings.Contains(strings.ToLower(text), limitWords) }

func quiet(res *http.Response) *http.Response {
	if res != nil {
		res.Header.Del("X-Ratelimit-Remaining")
		res.Header.Del("X-Ratelimit-Reset")
	}
	return res
}

func tooMany(req *http.Request, res *http.Response, err error, wait time.Duration) error {
	if err != nil {
		return err
	}
	res.Request = req
	failed := httpx.StatusError(res)
	failed.Wait = wait
	if res.StatusCode == http.StatusOK {
		failed.Status, failed.Reason = http.StatusTooManyRequests, "GitHub wants fewer requests"
	}
	return failed
}
