package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// What a caller decides on; each is found with errors.Is.
var (
	// ErrForeign: somebody else pushed to the branch, which is theirs now.
	ErrForeign = errors.New("somebody else pushed to the branch")
)

// The permissions of a token, in the words of a workflow's `permissions`.
const (
	readContents  = "contents: read"
	writeContents = "contents: write"
	readPulls     = "pull-requests: read"
	writePulls    = "pull-requests: write"
	readChecks    = "checks: read` and `statuses: read"
)

// Error is a step that failed.
type Error struct {
	// Doing is the step, as a gerund with its object.
	Doing string
	// Status is GitHub's, 0 when there was no answer; errors of GraphQL, which come with 200, are given the status that
	// REST has for them.
	Status int
	// Message is GitHub's text.
	Message string
	// Hint is the advice.
	Hint string
	// Obstacle is what has to be changed at GitHub, where its words tell; else empty.
	Obstacle forge.Obstacle
	Err      error
}

// Is reports that a refusal is a forge.ErrNotFound.
func (e *Error) Is(target error) bool {
	return target == forge.ErrNotFound && e.Status == http.StatusNotFound
}

// Error returns the step and what went wrong with it.
func (e *Error) Error() string {
	if e.Message == "" && e.Status > 0 {
		return fmt.Sprintf("%s: github: %s (%d)", e.Doing, http.StatusText(e.Status), e.Status)
	}
	if e.Message != "" && e.Status > 0 {
		return fmt.Sprintf("%s: github: %s (%d)", e.Doing, e.Message, e.Status)
	}
	if e.Message != "" {
		return fmt.Sprintf("%s: github: %s", e.Doing, e.Message)
	}
	return fmt.Sprintf("%s: %v", e.Doing, e.Err)
}

// Refusal is what GitHub says no with.
func (e *Error) Refusal() (int, forge.Obstacle) { return e.Status, e.Obstacle }

// Advice returns what a person can do about it.
func (e *Error) Advice() string { return e.Hint }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail describes the failure of a step that needs a permission.
func (c *Client) fail(doing, permission string, err error) error {
	if err == nil {
		return nil
	}
	var ref *change.RefError
	var broken *repository.LedgerError
	if _, known := asError(err); known || errors.As(err, &ref) || errors.As(err, &broken) || errors.Is(err, forge.ErrMoved) || errors.Is(err, forge.ErrNotFound) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	e := &Error{Doing: doing, Err: err}
	if response := refusal(err); response != nil {
		e.Status, e.Message = response.Status, c.line(response.Message)
		e.Err = &answered{Status: e.Status, Message: e.Message, Kind: response.Kind}
		if c.config.Token == "" && e.Status == http.StatusUnauthorized {
			e.Err = fmt.Errorf("%w: %w", forge.ErrNoToken, e.Err)
		}
		e.Hint = c.advice(e.Status, permission)
		if e.Status > 0 && e.Status < 300 {
			e.Hint = oddHint
		}
		if b, found := barrierOf(response); found {
			e.Obstacle, e.Hint = b.obstacle, b.hint
		}
		return e
	}
	if ctx := contextError(err); ctx != nil {
		e.Err = ctx
		return e
	}
	e.Err = undecodable(httpx.Clean(err))
	if errors.Is(e.Err, httpx.ErrMalformed) || errors.Is(err, git.ErrMalformed) || errors.Is(err, git.ErrMissing) {
		e.Hint = oddHint
	}
	var low *httpx.Error
	if errors.As(err, &low) {
		e.Status, e.Hint = low.Status, low.Advice()
	}
	return e
}

// asError finds the step that failed.
func asError(err error) (*Error, bool) {
	var known *Error
	return known, errors.As(err, &known) && known.Doing != ""
}

func contextError(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// advice says what a status usually means.
func (c *Client) advice(status int, permission string) string {
	switch {
	case status == http.StatusUnauthorized && c.config.Token == "":
		return "no token is set and the host wants one: set MERGE_TOKEN"
	case status == http.StatusNotFound && c.config.Token == "":
		return c.config.Repository + " does not exist, or is private: no token is set, so set MERGE_TOKEN"
	case status == http.StatusUnauthorized:
		return "the token is unknown or expired: renew MERGE_TOKEN (or GITHUB_TOKEN)"
	case status == http.StatusForbidden:
		return fmt.Sprintf("the token needs the permission `%s` on %s", permission, c.config.Repository)
	case status == http.StatusNotFound:
		return fmt.Sprintf("%s does not exist, or the token cannot see it: it needs `%s`", c.config.Repository, permission)
	default:
		return ""
	}
}

// line makes GitHub's words fit to stand in a message.
func (c *Client) line(text string) string { return c.config.HTTP.Line(text) }

// answered is an answer that says no, from REST or GraphQL.
type answered struct {
	Status  int
	Message string
	// Kind is the type of an error of GraphQL.
	Kind string
}

// Error returns GitHub's text.
func (a *answered) Error() string { return a.Message }

// refusal returns what GitHub said no with, nil when it is no answer of that kind.
func refusal(err error) *answered {
	var plain *answered
	if errors.As(err, &plain) {
		return plain
	}
	var no *remote.RefusedError
	if errors.As(err, &no) {
		return &answered{Status: no.Status, Message: no.Spoken()}
	}
	var rest *gh.ErrorResponse
	if errors.As(err, &rest) && rest.Response != nil {
		return &answered{Status: rest.Response.StatusCode, Message: restMessage(rest)}
	}
	var abuse *gh.AbuseRateLimitError
	if errors.As(err, &abuse) && abuse.Response != nil {
		return &answered{Status: abuse.Response.StatusCode, Message: abuse.Message}
	}
	return nil
}

// restMessage joins a refusal's text with those of its parts.
func restMessage(rest *gh.ErrorResponse) string {
	texts := []string{rest.Message}
	for _, part := range rest.Errors {
		if part.Message != "" {
			texts = append(texts, part.Message)
		} else if part.Field != "" {
			texts = append(texts, part.Field+" "+part.Code)
		}
	}
	return strings.Join(texts, ": ")
}

// saidNo reports whether the error is an answer with that status.
func saidNo(err error, status int) bool {
	said := refusal(err)
	return said != nil && said.Status == status
}
