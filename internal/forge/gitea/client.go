// Package gitea is the client of Gitea and Forgejo: git's own protocol for files, branch and ledger (package repository),
// and a dozen calls of their API for what only they know: pull requests, labels, statuses, who did what, merging.
//
// It promises what forge.Forge says, where the server itself does not: of several merges at once one is sent, for the
// server would make a commit of each; nothing is believed of an answer that a look does not confirm; the server's own
// merging when checks succeed is never used, for it merges whatever was pushed meanwhile; and a branch is kept instead of
// deleted, for the server closes pull requests late and by the branch's name.
package gitea

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/forge/rest"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// DefaultPoll is how often a merge that waits is looked at.
	DefaultPoll = 10 * time.Second
	// maxPages bounds every listing.
	maxPages = 100
)

// Config says which repository, as whom, and how.
type Config struct {
	HTTP *httpx.Client
	// URL is the address of the instance, a path included; the API is below it.
	URL string
	// Repository is OWNER/NAME.
	Repository string
	// Token is sent to the instance only; empty is anonymous.
	Token string
	// Base is the branch that is updated, empty for the repository's default; Branch the pull request's, by default
	// change.DefaultBranch.
	Base, Branch string
	// Ledger is the ref of the ledger.
	Ledger string
	// Seal is the key of the ledger, the zero one for none.
	Seal ledger.Key
	// Store is where git's objects are remembered, nil for a new one.
	Store *repository.Store
	// Labels are worn by every pull request that is made; Reviewers and Assignees are asked when it is opened.
	Labels, Reviewers, Assignees []string
	// Clean removes secrets from what others are told, Warn is told what went wrong beside the run; both may be nil.
	Clean func(text string) string
	Warn  func(err error)
	// Now and Sleep are the clock; the defaults are the real one.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Poll replaces DefaultPoll.
	Poll time.Duration
}

// Client talks to one repository. It is safe for concurrent use.
type Client struct {
	*rest.Client
	*repository.Port
	config Config
	git    *repository.Repository
	remote *remote.Remote

	mu     sync.Mutex
	opened profile
	claims string                     // the claim that this run holds
	theirs map[string]forge.OtherPull // open pull requests of others, by the branch with a name of ours that they come from
}

// New returns a client that has not asked anything yet.
func New(c Config) (*Client, error) {
	owner, name, found := strings.Cut(c.Repository, "/")
	if !found || owner == "" || name == "" || strings.ContainsAny(c.Repository, "?#% ") || strings.Contains(name, "/") {
		return nil, fmt.Errorf("configuring the forge: repository %q is not OWNER/NAME", c.Repository)
	}
	c = withDefaults(c)
	if err := change.CheckBranch(c.Branch); err != nil {
		return nil, fmt.Errorf("configuring the forge: %w", err)
	}
	client := &Client{config: c, theirs: map[string]forge.OtherPull{}}
	var err error
	client.Client, err = rest.New(rest.Config{HTTP: c.HTTP, URL: c.URL, API: "api/v1", Name: "Gitea", Token: c.Token, Scheme: "token", User: "pawl", Clean: c.Clean, Now: c.Now,
		Advise: rest.Advice{Repository: c.Repository, Branch: c.Branch, Ledger: c.Ledger, Scope: "write:repository",
			BadToken: "the token is unknown or expired: renew MERGE_TOKEN (the token of a job ends with its job)",
			Write:    "give the token's user write access to " + c.Repository, Lacks: rest.LackedScope,
			Archived: func(r *rest.Refusal) bool { return r.Status == http.StatusLocked }}})
	if err != nil {
		return nil, err
	}
	client.remote = client.Remote(c.Repository)
	client.git = repository.New(repository.Config{Remote: client.remote, Base: c.Base, Branch: c.Branch, Ledger: c.Ledger, Seal: c.Seal, Store: c.Store,
		Known: c.HTTP.Known, Now: client.Now, Sleep: c.Sleep})
	client.Port = client.git.Port(repository.Words{Name: func() string { return c.Repository },
		Fail: func(doing string, _ bool, err error) error { return client.Fail(doing, err) },
		Page: func(commit string) string { return client.Base.JoinPath(c.Repository, "commit", commit).String() },
		Self: func(ctx context.Context) (git.Person, error) {
			me, err := client.profile(ctx)
			return me.by(), err
		}})
	return client, nil
}

func withDefaults(c Config) Config {
	if c.Branch == "" {
		c.Branch = change.DefaultBranch
	}
	if c.HTTP == nil {
		c.HTTP = httpx.New(httpx.Config{})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = httpx.Sleep
	}
	if c.Poll <= 0 {
		c.Poll = DefaultPoll
	}
	if c.Clean == nil {
		c.Clean = func(text string) string { return text }
	}
	return c
}

// path is a path of the API below the repository.
func (c *Client) path(format string, args ...any) string {
	return "repos/" + c.config.Repository + fmt.Sprintf(format, args...)
}

// list reads all pages of a listing; the server says how long they are.
func list[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	p, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var all []T
	for page := 1; page <= maxPages; page++ {
		var part []T
		if err := c.Get(ctx, fmt.Sprintf("%s%slimit=%d&page=%d", path, separator, p.pageSize, page), &part); err != nil {
			return nil, err
		}
		if all = append(all, part...); len(part) < p.pageSize {
			return all, nil
		}
	}
	return nil, fmt.Errorf("there are more than %d entries at %s", maxPages*p.pageSize, path)
}

// by is who our commits are by.
func (p profile) by() git.Person { return git.Person{Name: p.Self.Login, Email: p.email} }
