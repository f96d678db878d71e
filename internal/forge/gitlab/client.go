// Package gitlab is the client of GitLab: git's own protocol for files, branch and ledger (package repository), and a dozen
// calls of its API for what only it knows: merge requests, pipelines, who did what, merging.
//
// It promises what forge.Forge says. A merge is sent by this client, with the head that the grant is for, once that head's
// own pipeline is seen; GitLab's auto-merge is never used, for it merges what no pipeline has validated. No claim is taken
// before a merge, as at Gitea: GitLab merges only the named head of an open merge request, and by its source locks that
// meanwhile, which no live server has shown us yet. No text
// that is written there begins a line with a slash, which GitLab would carry out.
package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/forge/rest"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// DefaultPoll is how often a merge that waits is looked at.
	DefaultPoll = 10 * time.Second
	// maxPages bounds every listing.
	maxPages = 100
	// pageSize is how many entries are asked for at once, which is the most that the server gives.
	pageSize = 100
)

// Config says which repository, as whom, and how.
type Config struct {
	HTTP *httpx.Client
	// URL is the address of the instance, a path included; the API is below it.
	URL string
	// Repository is the whole path of the project, as in group/sub/name.
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

	mu     sync.Mutex
	opened profile
	theirs map[string]forge.OtherPull // open pull requests of others, by the branch with a name of ours that they come from
}

// New returns a client that has not asked anything yet.
func New(c Config) (*Client, error) {
	if !isPath(c.Repository) {
		return nil, fmt.Errorf("configuring the forge: repository %q is not GROUP/NAME", c.Repository)
	}
	c = withDefaults(c)
	if err := change.CheckBranch(c.Branch); err != nil {
		return nil, fmt.Errorf("configuring the forge: %w", err)
	}
	client := &Client{config: c, theirs: map[string]forge.OtherPull{}}
	var err error
	client.Client, err = rest.New(rest.Config{HTTP: c.HTTP, URL: c.URL, API: "api/v4", Name: "GitLab", Token: c.Token, Scheme: "Bearer", User: "oauth2", Clean: c.Clean, Now: c.Now,
		Advise: rest.Advice{Repository: c.Repository, Branch: c.Branch, Ledger: c.Ledger, Scope: "write_repository",
			BadToken: "the token is unknown, revoked or expired: renew MERGE_TOKEN (CI_JOB_TOKEN cannot open merge requests)",
			Write:    "give the token's user the role Developer, or a higher one, in " + c.Repository, Lacks: lackedScope,
			Archived: func(r *rest.Refusal) bool { return strings.Contains(r.Message, "archived") }}})
	if err != nil {
		return nil, err
	}
	client.git = repository.New(repository.Config{Remote: client.Remote(c.Repository), Base: c.Base, Branch: c.Branch, Ledger: c.Ledger, Seal: c.Seal, Store: c.Store,
		Known: c.HTTP.Known, Now: client.Now, Sleep: c.Sleep})
	client.Port = client.git.Port(repository.Words{Name: func() string { return c.Repository },
		Fail: func(doing string, _ bool, err error) error { return client.Fail(doing, err) },
		Page: func(commit string) string { return client.Base.JoinPath(c.Repository, "-", "commit", commit).String() },
		Self: func(ctx context.Context) (git.Person, error) {
			me, err := client.profile(ctx)
			return me.by(), err
		}})
	return client, nil
}

// isPath reports whether a text is the path of a project, whose groups may be nested.
func isPath(text string) bool {
	parts := strings.Split(text, "/")
	return len(parts) > 1 && !slices.Contains(parts, "") && !slices.Contains(parts, "..") && !strings.ContainsAny(text, "?#%\\ ")
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
	return "projects/" + url.PathEscape(c.config.Repository) + fmt.Sprintf(format, args...)
}

// list reads all pages of a listing, as far as the server says that there is a next one.
func list[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var all []T
	for page, n := "1", 0; n < maxPages; n++ {
		var part []T
		res, err := c.Call(ctx, http.MethodGet, fmt.Sprintf("%s%sper_page=%d&page=%s", path, separator, pageSize, url.QueryEscape(page)), nil, &part)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		if page = res.Header.Get("X-Next-Page"); page == "" {
			return all, nil
		}
	}
	return nil, fmt.Errorf("there are more than %d entries at %s", maxPages*pageSize, path)
}

// by is who our commits are by.
func (p profile) by() git.Person { return git.Person{Name: p.Self.Login, Email: p.email} }

// lackedScope is the scope that a refusal misses: the API wants all of it.
func lackedScope(r *rest.Refusal) string {
	if r.Scope != "" || strings.Contains(r.Message, "higher privileges") {
		return "api"
	}
	return ""
}
