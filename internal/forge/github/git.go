package github

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// gitHost is where git is spoken, by the address of the API (https://docs.github.com/rest/enterprise-admin#endpoint-urls):
// github.com for api.github.com, HOST for api.HOST of an enterprise in the cloud and for HOST/api/v3 of a server.
func gitHost(api *url.URL) *url.URL {
	place := *api
	place.Path, place.RawPath = "/", ""
	if prefix, ok := strings.CutSuffix(strings.TrimRight(api.Path, "/"), "/api/v3"); ok {
		place.Path = prefix + "/"
	} else if host, ok := strings.CutPrefix(api.Host, "api."); ok && api.Scheme == "https" {
		place.Host = host
	}
	return &place
}

// speakGit makes the half of the client that is git's.
func (c *Client) speakGit(host *url.URL) {
	value := ""
	if c.config.Token != "" {
		encoded := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + c.config.Token))
		c.config.HTTP.Learn(encoded)
		value = "Basic " + encoded
	}
	c.remote = remote.New(c.config.HTTP, host.JoinPath(c.config.Repository+".git"), func(next http.RoundTripper) http.RoundTripper {
		return renamed{c, httpx.Authorize(c.clock.Listen(&retrying{client: c, next: next}), host, value)}
	})
	c.git = repository.New(repository.Config{Remote: c.remote, Base: c.config.Base, Branch: c.config.Branch, Ledger: c.config.Ledger, Seal: c.config.Seal, Store: c.config.Store,
		Known: c.config.HTTP.Known, Now: c.now, Sleep: c.config.Sleep})
	c.Port = c.git.Port(repository.Words{Name: c.name,
		Page: func(commit string) string { return c.web.JoinPath(c.name(), "commit", commit).String() },
		Fail: func(doing string, writes bool, err error) error {
			if writes {
				return c.fail(doing, writeContents, err)
			}
			return c.fail(doing, readContents, err)
		},
		Self: func(ctx context.Context) (git.Person, error) {
			me, err := c.repository(ctx)
			if err == nil {
				err = c.distinct(me) // nothing is written to the ledger before
			}
			return me.person(), err
		}})
}

// renamed asks for the repository by the name that it has now: git's requests are not sent on as those of the API are.
type renamed struct {
	client *Client
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (n renamed) RoundTrip(req *http.Request) (*http.Response, error) {
	if now := n.client.name(); now != n.client.config.Repository {
		req = req.Clone(req.Context())
		req.URL.Path = strings.Replace(req.URL.Path, "/"+n.client.config.Repository+".git/", "/"+now+".git/", 1)
	}
	return n.next.RoundTrip(req)
}

// name is OWNER/NAME of the repository, as GitHub spells it where that is known.
func (c *Client) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.opened.Name, c.config.Repository)
}

// now is the time at GitHub where it is known.
func (c *Client) now() time.Time {
	if t := c.clock.Time(); !t.IsZero() {
		return t
	}
	return c.config.Now()
}

// Time is the time at GitHub, as of its last answer; zero when it has said none.
func (c *Client) Time() time.Time { return c.clock.Time() }

// short is a name of a commit that is not a full one.
var short = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{7,39}$`) })

// Commit reads a commit by its SHA, which may be cut short, or the name of a branch or a tag.
func (c *Client) Commit(ctx context.Context, name string) (forge.Commit, error) {
	if short().MatchString(name) {
		var whole struct{ SHA string }
		if _, err := c.get(ctx, c.repoPath("/commits/%s", name), &whole); err == nil && git.IsID(whole.SHA) {
			name = whole.SHA
		}
	}
	return c.Port.Commit(ctx, name)
}

// MergedDiff returns the digest of what a merged pull request changed, as change.DiffDigest makes it, and whether all of
// its commits are by our user.
func (c *Client) MergedDiff(ctx context.Context, p forge.PullState) (diff string, own bool, err error) {
	doing := "reading what was merged as " + p.HeadSHA
	me, err := c.repository(ctx)
	if err != nil {
		return "", false, c.fail(doing, readContents, err)
	}
	d, err := c.diff(ctx, p.BaseSHA, p.HeadSHA)
	if err != nil {
		return "", false, c.fail(doing, readContents, err)
	}
	return change.DiffDigest(d.files, d.irregular), d.by(me.Self), nil
}

// Record adds to the ledger.
func (c *Client) Record(ctx context.Context, next ledger.Transition) error {
	err := c.Port.Record(ctx, next)
	if refused, known := asError(err); known && (refused.Message != "" && refused.Status == 0 || refused.Status == http.StatusForbidden) {
		refused.Hint = joined(refused.Hint, "a rule of the repository may refuse this ref: set `ledger: refs/heads/pawl-ledger`")
	}
	return err
}

// person is who our commits are by: the address is one that GitHub gives to everybody.
func (r Repository) person() git.Person {
	if r.Self.ID == 0 {
		return git.Person{Name: r.Self.Login, Email: r.Self.Login + "@users.noreply.github.com"}
	}
	return git.Person{Name: r.Self.Login, Email: fmt.Sprintf("%d+%s@users.noreply.github.com", r.Self.ID, r.Self.Login)}
}
