package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// Error is a step that failed.
type Error struct {
	// Forge is who says no, in lower case; Doing is the step, as a gerund with its object.
	Forge, Doing string
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
		return fmt.Sprintf("%s: %s: %s (%d)", e.Doing, e.Forge, http.StatusText(e.Status), e.Status)
	case e.Message != "" && e.Status > 0:
		return fmt.Sprintf("%s: %s: %s (%d)", e.Doing, e.Forge, e.Message, e.Status)
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

// Refusal is an answer that says no.
type Refusal struct {
	Status  int
	Message string
	// Moved is where a redirect points to, Request what was asked, Scope what the token lacks, where the server says it so.
	Moved, Request, Scope string
}

// Error returns the server's text.
func (r *Refusal) Error() string { return r.Message }

func refusal(res *http.Response, text []byte) error {
	var out struct {
		Message     any    `json:"message"`
		Error       any    `json:"error"`
		Description string `json:"error_description"`
		Scope       string `json:"scope"`
	}
	_ = json.Unmarshal(text, &out) // some refusals have no body, one for too many requests is plain text, and that of a proxy a page
	r := &Refusal{Status: res.StatusCode, Message: words(out.Message), Request: res.Request.Method + " " + res.Request.URL.Path, Scope: out.Scope}
	if r.Message == "" {
		r.Message = cmp.Or(out.Description, words(out.Error))
	}
	if at, err := res.Location(); err == nil {
		r.Moved = at.Path
	}
	return r
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

// Said returns what the server said no with, nil when the error is nothing of that kind.
func Said(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// SaidNo reports whether the error is an answer with that status.
func SaidNo(err error, status int) bool {
	r := Said(err)
	return r != nil && r.Status == status
}

// odd is an answer that lacks what it should have.
type odd struct{ what string }

// Error names what is missing.
func (o *odd) Error() string { return "the answer holds no " + o.what }

// Lacks is an error about an answer when something is missing that it should have.
func Lacks(missing bool, what string) error {
	if missing {
		return &odd{what}
	}
	return nil
}

// Advice is what differs between forges in what a person can do about a refusal.
type Advice struct {
	// Repository, Branch and Ledger are those of the client, by name.
	Repository, Branch, Ledger string
	// BadToken is about a token that is not taken, Write about a user who may not write, Scope what a token needs for git.
	BadToken, Write, Scope string
	// Lacks is the scope that a refusal misses, empty for none; Archived tells that of a repository that takes no changes.
	Lacks    func(r *Refusal) string
	Archived func(r *Refusal) bool
}

// scopes finds the permissions that a token lacks at a Gitea.
var scopes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`required=\[([a-z:,]+)\]`) })

// LackedScope is the scope that a refusal says the token lacks: in a field as GitLab does, or in words as Gitea does.
func LackedScope(r *Refusal) string {
	if found := scopes().FindStringSubmatch(r.Message); r.Scope == "" && found != nil {
		return found[1]
	}
	return r.Scope
}

const noToken = "no token is set and the host wants one: set MERGE_TOKEN"

// Archived is the advice about a repository that takes no changes.
const Archived = "the repository takes no changes: unarchive it, or stop the runs"

// refused is about a refusal of the API.
func (c *Client) refused(r *Refusal) string {
	a, anonymous := c.config.Advise, c.config.Token == ""
	scope := a.Lacks(r)
	switch {
	case r.Moved != "":
		return a.Repository + " has another name now, see " + r.Moved + ": write that in forge.repository"
	case scope != "":
		return "the token needs the scope " + scope
	case r.Status == http.StatusUnauthorized && anonymous:
		return noToken
	case r.Status == http.StatusNotFound && anonymous:
		return a.Repository + " does not exist, or is private: no token is set, so set MERGE_TOKEN"
	case r.Status == http.StatusUnauthorized:
		return a.BadToken
	case a.Archived(r):
		return Archived
	case r.Status == http.StatusForbidden:
		return a.Write
	case r.Status == http.StatusNotFound:
		return a.Repository + " does not exist, or the token's user cannot see it"
	}
	return ""
}

// refusedByGit is about a refusal of git's.
func (c *Client) refusedByGit(reason repository.Reason) string {
	a := c.config.Advise
	switch reason {
	case repository.BadToken:
		if c.config.Token == "" {
			return noToken
		}
		return a.BadToken
	case repository.Archived:
		return Archived
	case repository.NotAllowed:
		return a.Write + ", and the token the scope " + a.Scope
	case repository.NotFound:
		return a.Repository + " does not exist, or the token's user cannot see it, or the server has git over HTTP turned off"
	case repository.Renamed:
		return "the repository has another name now: write that in forge.repository"
	case repository.Protected, repository.HookRefused:
		return "a rule protects the branch: take " + a.Branch + " and " + a.Ledger + " out of it, or let the token's user push"
	case repository.NameTaken:
		return "a branch that is called like a part of " + a.Branch + " is in the way: delete it, or choose another name with `forge: {branch: NAME}`"
	case repository.Unsigned:
		return "a rule wants signed commits: take " + a.Branch + " out of it"
	case repository.TooLarge:
		return "a limit of the server is reached: ask its administrator"
	default:
		return ""
	}
}

// statuses are those of HTTP for reasons that git says in words.
var statuses = map[repository.Reason]int{
	repository.BadToken: http.StatusUnauthorized, repository.NotAllowed: http.StatusForbidden, repository.NotFound: http.StatusNotFound,
}

// obstacles are the reasons of git that a person has to do something about.
var obstacles = map[repository.Reason]forge.Obstacle{
	repository.Archived: forge.Archived, repository.Protected: forge.RefIsGuarded, repository.HookRefused: forge.RefIsGuarded, repository.Unsigned: forge.Unsigned,
}

// Fail describes the failure of a step.
func (c *Client) Fail(doing string, err error) error {
	var known *Error
	var ref *change.RefError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.As(err, &ref), errors.Is(err, forge.ErrMoved), errors.Is(err, forge.ErrNotFound):
		return fmt.Errorf("%s: %w", doing, err)
	}
	e := &Error{Forge: strings.ToLower(c.config.Name), Doing: doing, Err: httpx.Clean(err)}
	var no *remote.RefusedError
	var strange *odd
	var low *httpx.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case Said(err) != nil:
		r := Said(err)
		e.Status, e.Message = r.Status, c.config.HTTP.Line(cmp.Or(r.Message, http.StatusText(r.Status)+" to "+r.Request))
		e.Hint = c.refused(r)
		if c.config.Advise.Archived(r) {
			e.Obstacle = forge.Archived
		}
		if c.config.Token == "" && r.Status == http.StatusUnauthorized {
			e.Err = fmt.Errorf("%w: %w", forge.ErrNoToken, e.Err)
		}
	case errors.As(err, &no):
		reason := repository.ReasonOf(err)
		e.Status, e.Message = cmp.Or(no.Status, statuses[reason]), c.config.HTTP.Line(no.Spoken())
		e.Hint, e.Obstacle = c.refusedByGit(reason), obstacles[reason]
	case errors.As(err, &strange):
		e.Hint = "something else than " + c.config.Name + "'s API may be answering: check the proxy and forge.url, and run again"
	case errors.As(err, &low):
		e.Status, e.Hint = low.Status, low.Advice()
	}
	return e
}
