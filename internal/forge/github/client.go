// Package github is the change stage's client of GitHub: it reads files at a commit, commits without a clone, moves
// refs, keeps one pull request, reads checks, merges with a grant, and stores the ledger on a ref of its own.
//
// It promises: a ref is only moved from the value that was read, which every move names (compare-and-swap);
// nothing that a person pushed is overwritten; no way of merging exists without a change.Grant; every call may be
// repeated after a crash and then converges; refusals for too many requests are waited for within a budget; and no
// text holds the token, which goes to the API's own hosts only. What to merge, and whether, is decided by its caller.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// DefaultAPI is where GitHub itself answers.
	DefaultAPI = "https://api.github.com"
	// DefaultPoll is how often a merge that waits is looked at.
	DefaultPoll = 10 * time.Second
	// DefaultPatience is how long one request waits in total when GitHub says that there were too many.
	DefaultPatience = 5 * time.Minute

	pageSize = 100
	// maxPages bounds every listing.
	maxPages = 20
	// parallel is how many requests one step sends at once.
	parallel = 8
)

// Config says which repository, as whom, and how.
type Config struct {
	HTTP *httpx.Client
	// API and GraphQL are the endpoints (GITHUB_API_URL, GITHUB_GRAPHQL_URL). An empty API is GitHub's own; an empty
	// GraphQL is derived from the API.
	API, GraphQL string
	// Repository is OWNER/NAME.
	Repository string
	// Token is sent to the hosts of API and GraphQL only; empty is anonymous.
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
	// Unsigned has the commit pushed as at any other forge, instead of made and signed by GitHub.
	Unsigned bool
	// Clean removes secrets from what others are told, Warn is told what went wrong beside the run; both may be nil.
	Clean func(text string) string
	Warn  func(err error)
	// Now and Sleep are the clock; the defaults are the real one.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Poll and Patience replace DefaultPoll and DefaultPatience.
	Poll, Patience time.Duration
}

// Client talks to one repository. It is safe for concurrent use; it remembers git objects, which never change.
type Client struct {
	*repository.Port
	config      Config
	owner, repo string
	api         *gh.Client
	graph       *http.Client // of mutations
	graphReads  *http.Client // of queries, which do no harm when they are repeated
	graphURL    string
	calls       atomic.Int64
	writes      atomic.Int64
	mu          sync.Mutex
	merged      map[string]bool            // heads of pull requests of ours that are merged
	theirs      map[string]forge.PullState // open pull requests of others, by the branch with a name of ours that they come from
	opened      Repository
	clock       *httpx.Clock
	git         *repository.Repository
	remote      *remote.Remote
	web         *url.URL // for people, and for git
}

// New returns a client that has not asked anything yet.
func New(c Config) (*Client, error) {
	owner, name, found := strings.Cut(c.Repository, "/")
	if !found || owner == "" || name == "" || strings.ContainsAny(name, "/?#% ") || strings.ContainsAny(owner, "?#% ") {
		return nil, fmt.Errorf("configuring the forge: repository %q is not OWNER/NAME", c.Repository)
	}
	c = withDefaults(c)
	if err := change.CheckBranch(c.Branch); err != nil {
		return nil, fmt.Errorf("configuring the forge: %w", err)
	}
	api, err := endpoint(c.API + "/")
	if err != nil {
		return nil, err
	}
	graph, err := endpoint(c.GraphQL)
	if err != nil {
		return nil, err
	}
	c.HTTP.Learn(c.Token)
	client := &Client{config: c, owner: owner, repo: name, graphURL: c.GraphQL, theirs: map[string]forge.PullState{}, merged: map[string]bool{}, clock: httpx.NewClock(c.Now), web: gitHost(api)}
	client.api = gh.NewClient(client.httpClient(api, c.HTTP.Transport(api.Host)))
	client.api.BaseURL = api
	client.graph = client.httpClient(graph, c.HTTP.Transport(graph.Host))
	client.graphReads = client.httpClient(graph, c.HTTP.Transport(graph.Host).Repeating())
	client.speakGit(client.web)
	return client, nil
}

func withDefaults(c Config) Config {
	c.API = strings.TrimRight(c.API, "/")
	if c.API == "" {
		c.API = DefaultAPI
	}
	if c.GraphQL == "" {
		c.GraphQL = strings.TrimSuffix(c.API, "/v3") + "/graphql"
	}
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
	if c.Patience <= 0 {
		c.Patience = DefaultPatience
	}
	return c
}

func endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, errors.New("configuring the forge: the address of its API is no http(s) URL without credentials")
	}
	return u, nil
}

// untouched are the fields whose values are files, names of objects, or our own text: no secret is looked for in them, for
// what is written into files is looked at before, where it comes from.
var untouched = []string{"content", "contents", "sha", "oid", "query"}

// httpClient is the way to one endpoint: the token is added for its host only, below the following of redirects.
func (c *Client) httpClient(place *url.URL, transport http.RoundTripper) *http.Client {
	value := ""
	if c.config.Token != "" {
		value = "Bearer " + c.config.Token
	}
	authorized := httpx.Authorize(c.clock.Listen(&retrying{client: c, next: transport}), place, value)
	return httpx.NewClient(httpx.WithoutSecrets(authorized, c.config.HTTP.Clean, untouched...))
}

// Calls returns how many calls were made so far; one that had to be repeated counts once.
func (c *Client) Calls() int { return int(c.calls.Load()) }

// Writes returns how many of them asked GitHub to change something.
func (c *Client) Writes() int { return int(c.writes.Load()) }

// count counts a call, once however often it has to be repeated. The method of those of GraphQL tells nothing; query looks at their text.
func (c *Client) count(req *http.Request) {
	c.calls.Add(1)
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead || strings.HasSuffix(req.URL.Path, "/git-upload-pack")
	if !reads && req.URL.String() != c.graphURL {
		c.writes.Add(1)
	}
}

// Branch returns the configured branch of the pull request.
func (c *Client) Branch() string { return c.config.Branch }

// repoPath is a path of the API below the repository.
func (c *Client) repoPath(format string, args ...any) string {
	return fmt.Sprintf("repos/%s/%s", c.owner, c.repo) + fmt.Sprintf(format, args...)
}

// get reads one answer for which the library has no fitting call.
func (c *Client) get(ctx context.Context, path string, into any) (*gh.Response, error) {
	req, err := c.api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return c.api.Do(ctx, req, into)
}
