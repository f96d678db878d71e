package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// Error is a reading step that failed.
type Error struct {
	// Doing is the step, as a gerund with its object.
	Doing string
	// Status is GitLab's, 0 when there was no answer.
	Status int
	// Message says what went wrong; Hint is the advice.
	Message, Hint string
	// Err is the context's error or one of httpx; nil when GitLab said no.
	Err error
}

// Error returns the step and what went wrong with it.
func (e *Error) Error() string { return e.Doing + ": " + e.Message }

// Advice returns what a person can do about it.
func (e *Error) Advice() string { return e.Hint }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail describes the failure of a reading step.
func (c *Client) fail(p deploy.Project, doing string, res *gl.Response, err error) *Error {
	e := &Error{Doing: fmt.Sprintf("%s of project %q", doing, p.Name)}
	var low *httpx.Error
	switch {
	case res != nil && res.StatusCode == http.StatusOK:
		e.Message, e.Hint, e.Err = "the answer cannot be read", "check that `url` of the project is GitLab's", httpx.ErrMalformed
	case res != nil:
		e.Status = res.StatusCode
		e.Message = fmt.Sprintf("GitLab answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))
		if text := said(err); text != "" {
			e.Message += ": " + text
		}
		if to := target(res.Response); to != "" {
			e.Message += ", a redirect to " + to + " that is not followed with the token"
		}
		e.Hint = readHint(p, res.StatusCode)
	case errors.Is(err, context.Canceled):
		e.Message, e.Err = "stopped", context.Canceled
	case errors.As(err, &low):
		e.Status, e.Message, e.Hint, e.Err = low.Status, low.Error(), low.Advice(), low
	default:
		e.Message, e.Hint = reason(err), "correct `url` of the project"
	}
	e.Message, e.Hint = c.clean(e.Message), c.clean(e.Hint)
	return e
}

func readHint(p deploy.Project, status int) string {
	token := "the token in " + p.API
	switch {
	case status/100 == 3:
		return "correct `url` of the project: it has moved, or the address wants https"
	case status == http.StatusUnauthorized:
		return token + " is unknown or expired: create a new one with the scope read_api"
	case status == http.StatusForbidden:
		return token + " needs the scope read_api and, to see a pipeline's variables, the role Maintainer"
	case status == http.StatusNotFound:
		return "the project or the pipeline is not there, or " + token + " cannot see it"
	}
	return "run again later"
}

// noReader is the failure when a project has no read token.
func (c *Client) noReader(p deploy.Project, doing string) *Error {
	return &Error{Doing: fmt.Sprintf("%s of project %q", doing, p.Name), Message: "there is no read token",
		Hint: "name a variable that holds a token with the scope read_api as `api` of the project"}
}
