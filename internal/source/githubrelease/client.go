// Package githubrelease asks GitHub, or a server with its API, for the releases of a repository: all pages, never a
// draft, ascending by creation. A token goes to the host that it was resolved for and nowhere else.
package githubrelease

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

const (
	pageSize = 100
	// maxPages is where GitHub itself stops: 10,000 releases.
	maxPages = 100
	// maxPageBody bounds one page in bytes; releases with many assets take some kB each.
	maxPageBody = 32 << 20
)

// Config says how releases are asked for.
type Config struct {
	// HTTP sends the requests.
	HTTP *httpx.Client
	// Mirrors says which APIs are asked elsewhere.
	Mirrors source.Mirrors
	// Token returns the value of a variable for the scheme and host that are really asked; empty means anonymous.
	// Nil makes every request anonymous.
	Token func(name, place string) string
	// Queries are those of the run, in its order. Of queries that differ in the token only, the first whose token has
	// a value asks for all; without Queries the first to come asks.
	Queries []source.Query
}

// Client lists releases. It is safe for concurrent use and remembers each listing for the length of its life, a run.
type Client struct {
	config   Config
	asks     map[source.Query]source.Query
	listings httpx.Once[source.Query, source.Listing]
}

// New returns a client that has not asked anything yet.
func New(c Config) *Client {
	if c.Token == nil {
		c.Token = func(string, string) string { return "" }
	}
	client := &Client{config: c, asks: map[source.Query]source.Query{}}
	for _, q := range c.Queries {
		if q.Kind == source.GitHubRelease {
			client.prefer(q)
		}
	}
	return client
}

func (c *Client) prefer(q source.Query) {
	key := withoutToken(q)
	first, ok := c.asks[key]
	if !ok || c.token(first) == "" && c.token(q) != "" {
		c.asks[key] = q
	}
}

func (c *Client) token(q source.Query) string {
	base, err := url.Parse(c.base(q))
	if err != nil || q.Token == "" {
		return ""
	}
	return c.config.Token(q.Token, base.Scheme+"://"+base.Host)
}

// base is the URL of the API that is really asked, without a final slash.
func (c *Client) base(q source.Query) string {
	base, _ := c.config.Mirrors.URL(q.Base)
	return base
}

func withoutToken(q source.Query) source.Query {
	q.Token = ""
	return q
}

// List returns the releases of a repository, ascending by creation.
func (c *Client) List(ctx context.Context, q source.Query) (source.Listing, error) {
	listing, err := c.listings.Do(withoutToken(q), func() (source.Listing, error) {
		if first, ok := c.asks[withoutToken(q)]; ok {
			q = first
		}
		return c.list(ctx, q)
	})
	if err != nil {
		return nil, fmt.Errorf("listing releases of %s: %w", q, err)
	}
	return slices.Clone(listing), nil
}

func (c *Client) list(ctx context.Context, q source.Query) (source.Listing, error) {
	base, err := url.Parse(c.base(q) + "/")
	if err != nil {
		return nil, fmt.Errorf("%s is no URL of an API", c.base(q))
	}
	logical, err := url.Parse(q.Base)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL of an API", q.Base)
	}
	var header string
	if token := c.token(q); token != "" {
		header = "Bearer " + token
	}
	transport := httpx.Authorize(c.config.HTTP.Transport(q.Host).WithMaxBody(maxPageBody), base, header)
	api := github.NewClient(httpx.NewClient(transport))
	api.BaseURL = base
	l := lister{api: api, places: []*url.URL{base, logical}, query: q, anonymous: header == ""}
	releases, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	return ascending(releases), nil
}

// lister asks for the pages of one repository.
type lister struct {
	api *github.Client
	// places are where a Link may lead: the API itself, and the name that its mirror may still call it by.
	places    []*url.URL
	query     source.Query
	anonymous bool
}

func (l lister) all(ctx context.Context) ([]*github.RepositoryRelease, error) {
	owner, repository, _ := strings.Cut(l.query.Path, "/")
	var all []*github.RepositoryRelease
	for page := 1; ; {
		options := &github.ListOptions{Page: page, PerPage: pageSize}
		releases, res, err := l.api.Repositories.ListReleases(ctx, owner, repository, options)
		if err != nil {
			return nil, l.clean(err, res)
		}
		for _, r := range releases {
			if r != nil && !r.GetDraft() && r.GetTagName() != "" {
				all = append(all, slim(r))
			}
		}
		if err := l.checkLinks(res.Response); err != nil {
			return nil, err
		}
		switch {
		case res.NextPage == 0:
			return all, nil
		case res.NextPage <= page:
			return nil, httpx.Malformed(res.Response, "the pages of releases form a loop", "")
		case res.NextPage > maxPages:
			return nil, httpx.Malformed(res.Response, fmt.Sprintf("the pages of releases do not end (%d)", maxPages), "")
		}
		page = res.NextPage
	}
}

// slim keeps what is needed of a release, so that its notes and assets do not stay in memory.
func slim(r *github.RepositoryRelease) *github.RepositoryRelease {
	return &github.RepositoryRelease{ID: r.ID, TagName: r.TagName, Prerelease: r.Prerelease, CreatedAt: r.CreatedAt}
}

func ascending(releases []*github.RepositoryRelease) source.Listing {
	slices.SortStableFunc(releases, func(a, b *github.RepositoryRelease) int {
		return cmp.Or(a.GetCreatedAt().Compare(b.GetCreatedAt().Time), cmp.Compare(a.GetID(), b.GetID()))
	})
	listing := make(source.Listing, len(releases))
	for i, r := range releases {
		listing[i] = source.Release{Tag: r.GetTagName(), Prerelease: r.GetPrerelease()}
	}
	return listing
}

// checkLinks refuses an answer whose Link leads elsewhere. Only the number of the page is taken from a Link, so
// nothing would be sent there; but a server that says so is not the one that was meant.
func (l lister) checkLinks(res *http.Response) error {
	for _, header := range res.Header.Values("Link") {
		for _, link := range strings.Split(header, ",") {
			target, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
			if !ok {
				continue
			}
			u, err := res.Request.URL.Parse(target)
			if err != nil || !slices.ContainsFunc(append(l.places, res.Request.URL), func(p *url.URL) bool { return httpx.SamePlace(p, u) }) {
				return httpx.Malformed(res, "the Link to the next page leads to another host", "nothing was sent there; check the API's url")
			}
		}
	}
	return nil
}
