package gitlab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// Error is a step that failed.
type Error struct {
	// Doing is the step, as a gerund with its object.
	Doing string
	// Status is the server's, 0 when there was no answer.
	Status int
	// Message is the server's text, Hint the advice.
	Message, Hint string
	// Obstacle is what has to be changed at the server, where its words tell; else empty.
	Obstacle forge.Obstacle
	Err      error
}

// Is reports that a refusal is a forge.ErrNotFound.
func (e *Error) Is(target error) bool {
	return target == forge.ErrNotFound && e.Status == http.StatusNotFound
}

// Error returns the step and what went wrong with it.
func (e *Error) Error() string {
	switch {
	case e.Message == "" && e.Status > 0:
		return fmt.Sprintf("%s: gitlab: %s (%d)", e.Doing, http.StatusText(e.Status), e.Status)
	case e.Message != "" && e.Status > 0:
		return fmt.Sprintf("%s: gitlab: %s (%d)", e.Doing, e.Message, e.Status)
	case e.Message != "":
		return fmt.Sprintf("%s: %s", e.Doing, e.Message)
	}
	return fmt.Sprintf("%s: %v", e.Doing, e.Err)
}

// Refusal is what the server says no with.
func (e *Error) Refusal() (int, forge.Obstacle) { return e.Status, e.Obstacle }

// Advice returns what a person can do about it.
func (e *Error) Advice() string { return e.Hint }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// answered is an answer that says no.
type answered struct {
	Status  int
	Message string
	// Moved is where a redirect points to, Request what was asked.
	Moved, Request string
	// Scope is what the token lacks.
	Scope string
}

// Error returns the server's text.
func (a *answered) Error() string { return a.Message }

func refusal(res *http.Response, text []byte) error {
	var out struct {
		Message     any    `json:"message"`
		Error       any    `json:"error"`
		Description string `json:"error_description"`
		Scope       string `json:"scope"`
	}
	_ = json.Unmarshal(text, &out) // a refusal for too many requests is plain text, and that of a proxy a page
	a := &answered{Status: res.StatusCode, Message: words(out.Message), Request: res.Request.Method + " " + res.Request.URL.Path, Scope: out.Scope}
	if a.Message == "" {
		a.Message = cmp.Or(out.Description, words(out.Error))
	}
	if at, err := res.Location(); err == nil {
		a.Moved = at.Path
	}
	return a
}

// words are the texts of a message, which is a text, a list of them, or a map of lists by the field that is wrong.
func words(message any) string {
	var all []string
	switch m := message.(type) {
	case string:
		return m
	case []any:
		for _, one := range m {
			all = append(all, words(one))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(m)) {
			one := words(m[name])
			if name != "base" && name != "error" {
				one = name + " " + one
			}
			all = append(all, one)
		}
	}
	return strings.Join(all, "; ")
}

// said returns what the server said no with, nil when the error is nothing of that kind.
func said(err error) *answered {
	var a *answered
	if errors.As(err, &a) {
		return a
	}
	return nil
}

// saidNo reports whether the error is an answer with that status.
func saidNo(err error, status int) bool {
	a := said(err)
	return a != nil && a.Status == status
}

// odd is an answer that lacks what it should have.
type odd struct{ what string }

// Error names what is missing.
func (o *odd) Error() string { return "the answer holds no " + o.what }

func lacks(missing bool, what string) error {
	if missing {
		return &odd{what}
	}
	return nil
}

// fail describes the failure of a step.
func (c *Client) fail(doing string, err error) error {
	var known *Error
	var ref *change.RefError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.As(err, &ref), errors.Is(err, forge.ErrMoved), errors.Is(err, forge.ErrNotFound):
		return fmt.Errorf("%s: %w", doing, err)
	}
	e := &Error{Doing: doing, Err: httpx.Clean(err)}
	var no *remote.RefusedError
	var strange *odd
	var low *httpx.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case said(err) != nil:
		a := said(err)
		e.Status, e.Message = a.Status, c.config.HTTP.Line(cmp.Or(a.Message, http.StatusText(a.Status)+" to "+a.Request))
		e.Hint = c.advice(a)
		if strings.Contains(a.Message, "archived") {
			e.Obstacle = forge.Archived
		}
		if c.config.Token == "" && a.Status == http.StatusUnauthorized {
			e.Err = fmt.Errorf("%w: %w", forge.ErrNoToken, e.Err)
		}
	case errors.As(err, &no):
		reason := repository.ReasonOf(err)
		e.Status, e.Message = cmp.Or(no.Status, gitStatuses[reason]), c.config.HTTP.Line(no.Spoken())
		e.Hint, e.Obstacle = c.gitAdvice(reason), obstacles[reason]
	case errors.As(err, &strange):
		e.Hint = "something else than GitLab's API may be answering: check the proxy and forge.url, and run again"
	case errors.As(err, &low):
		e.Status, e.Hint = low.Status, low.Advice()
	}
	return e
}

// gitStatuses are those of HTTP for reasons that git says in words.
var gitStatuses = map[repository.Reason]int{
	repository.BadToken: http.StatusUnauthorized, repository.NotAllowed: http.StatusForbidden, repository.NotFound: http.StatusNotFound,
}

// obstacles are the reasons of git that a person has to do something about.
var obstacles = map[repository.Reason]forge.Obstacle{
	repository.Archived: forge.Archived, repository.Protected: forge.RefIsGuarded, repository.HookRefused: forge.RefIsGuarded, repository.Unsigned: forge.Unsigned,
}

const badToken = "the token is unknown, revoked or expired: renew MERGE_TOKEN (CI_JOB_TOKEN cannot open merge requests)"

// advice says what an answer usually means.
func (c *Client) advice(a *answered) string {
	name := c.config.Repository
	switch {
	case a.Moved != "":
		return name + " has another name now, see " + a.Moved + ": write that in forge.repository"
	case a.Scope != "" || strings.Contains(a.Message, "higher privileges"):
		return "the token needs the scope api"
	case a.Status == http.StatusUnauthorized && c.config.Token == "":
		return "no token is set and the host wants one: set MERGE_TOKEN"
	case a.Status == http.StatusNotFound && c.config.Token == "":
		return name + " does not exist, or is private: no token is set, so set MERGE_TOKEN"
	case a.Status == http.StatusUnauthorized:
		return badToken
	case strings.Contains(a.Message, "archived"):
		return archived
	case a.Status == http.StatusForbidden:
		return "give the token's user the role Developer, or a higher one, in " + name
	case a.Status == http.StatusNotFound:
		return name + " does not exist, or the token's user cannot see it"
	}
	return ""
}

const archived = "the repository takes no changes: unarchive it, or stop the runs"

// gitAdvice says what a refusal of git means.
func (c *Client) gitAdvice(r repository.Reason) string {
	switch r {
	case repository.BadToken:
		if c.config.Token == "" {
			return "no token is set and the host wants one: set MERGE_TOKEN"
		}
		return badToken
	case repository.Archived:
		return archived
	case repository.NotAllowed:
		return "give the token's user the role Developer, or a higher one, in " + c.config.Repository + ", and the token the scope write_repository"
	case repository.NotFound:
		return c.config.Repository + " does not exist, or the token's user cannot see it, or the server has git over HTTP turned off"
	case repository.Renamed:
		return "the repository has another name now: write that in forge.repository"
	case repository.Protected, repository.HookRefused:
		return "a rule protects the branch: take " + c.config.Branch + " and " + c.config.Ledger + " out of it, or let the token's user push"
	case repository.NameTaken:
		return "a branch that is called like a part of " + c.config.Branch + " is in the way: delete it, or choose another name with `forge: {branch: NAME}`"
	case repository.Unsigned:
		return "a rule wants signed commits: take " + c.config.Branch + " out of it"
	case repository.TooLarge:
		return "a limit of the server is reached: ask its administrator"
	default:
		return ""
	}
}
