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
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
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
	config Config
	git    *repository.Repository
	remote *remote.Remote
	once   *http.Client // for requests that do harm when they are sent twice
	api    *http.Client // for all others, which are repeated
	base   *url.URL
	clock  *httpx.Clock
	calls  atomic.Int64
	writes atomic.Int64

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
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, errors.New("configuring the forge: the address of the instance is no http(s) URL without credentials")
	}
	c.HTTP.Learn(c.Token)
	client := &Client{config: c, base: base, clock: httpx.NewClock(c.Now), theirs: map[string]forge.OtherPull{}}
	client.once = &http.Client{Transport: client.layers("Bearer ", c.HTTP.Transport(base.Host)), CheckRedirect: stay}
	client.api = &http.Client{Transport: client.layers("Bearer ", c.HTTP.Transport(base.Host).Repeating()), CheckRedirect: stay}
	client.remote = remote.New(c.HTTP, base.JoinPath(c.Repository+".git"), func(next http.RoundTripper) http.RoundTripper {
		return client.layers("Basic ", next)
	})
	client.git = repository.New(repository.Config{Remote: client.remote, Base: c.Base, Branch: c.Branch, Ledger: c.Ledger, Seal: c.Seal,
		Known: c.HTTP.Known, Now: client.now, Sleep: c.Sleep})
	return client, nil
}

// isPath reports whether a text is the path of a project, whose groups may be nested.
func isPath(text string) bool {
	parts := strings.Split(text, "/")
	return len(parts) > 1 && !slices.Contains(parts, "") && !slices.Contains(parts, "..") && !strings.ContainsAny(text, "?#%\\ ")
}

func withDefaults(c Config) Config {
	c.URL = strings.TrimSuffix(strings.TrimRight(c.URL, "/"), "/api/v4")
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

// stay follows no redirect: one that is followed would turn a request that writes into one that reads.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// layers counts requests, keeps secrets out of texts, reads the clock, and adds the token for the instance alone.
func (c *Client) layers(scheme string, next http.RoundTripper) http.RoundTripper {
	value := ""
	switch {
	case c.config.Token == "":
	case scheme == "Basic ":
		value = scheme + base64.StdEncoding.EncodeToString([]byte("oauth2:"+c.config.Token))
		c.config.HTTP.Learn(strings.TrimPrefix(value, scheme))
	default:
		value = scheme + c.config.Token
	}
	return counted{c, httpx.WithoutSecrets(httpx.Authorize(c.clock.Listen(next), c.base, value), c.config.HTTP.Clean)}
}

// counted counts each call once, however often it is repeated.
type counted struct {
	client *Client
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.client.calls.Add(1)
	if req.Method != http.MethodGet && !strings.HasSuffix(req.URL.Path, "/git-upload-pack") {
		c.client.writes.Add(1)
	}
	return c.next.RoundTrip(req)
}

// Calls returns how many calls were made so far; one that had to be repeated counts once.
func (c *Client) Calls() int { return int(c.calls.Load()) }

// Writes returns how many of them asked the server to change something.
func (c *Client) Writes() int { return int(c.writes.Load()) }

// Time is the time at the server, as of its last answer; zero when it has said none.
func (c *Client) Time() time.Time { return c.clock.Time() }

// now is the server's time where it is known.
func (c *Client) now() time.Time {
	if t := c.clock.Time(); !t.IsZero() {
		return t
	}
	return c.config.Now()
}

// path is a path of the API below the repository.
func (c *Client) path(format string, args ...any) string {
	return "projects/" + url.PathEscape(c.config.Repository) + fmt.Sprintf(format, args...)
}

// call sends a request, again where its failure may pass, and decodes the answer; an answer that is no success is an
// *answered. Nearly all requests may be sent twice: they read, or say how something shall be.
func (c *Client) call(ctx context.Context, method, path string, body, into any) (*http.Response, error) {
	return c.send(ctx, c.api, method, path, body, into)
}

// send is call by one of the ways.
func (c *Client) send(ctx context.Context, by *http.Client, method, path string, body, into any) (*http.Response, error) {
	var data io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		data = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.base.String(), "/")+"/api/v4/"+path, data)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := by.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // the body is in memory
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(res, text)
	}
	if into == nil {
		return res, nil
	}
	if json.Unmarshal(text, into) != nil {
		return nil, &odd{"JSON of the kind that GitLab sends"}
	}
	return res, nil
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	_, err := c.call(ctx, http.MethodGet, path, nil, into)
	return err
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
		res, err := c.call(ctx, http.MethodGet, fmt.Sprintf("%s%sper_page=%d&page=%s", path, separator, pageSize, url.QueryEscape(page)), nil, &part)
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
