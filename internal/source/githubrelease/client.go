// Package githubrelease asks GitHub, or a server with its API, for the releases of a repository: all pages, never a
// draft, ascending by publication. A token goes to the host that it was resolved for and nowhere else.
package githubrelease

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// Asked is the query that is really asked: one with a token where any of those for the same repository has one.
func (c *Client) Asked(q source.Query) source.Query {
	if first, ok := c.asks[withoutToken(q)]; ok {
		return first
	}
	return q
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

// List returns the releases of a repository, ascending by publication. The error is a *source.EmptyError when there are
// none and it is known why.
func (c *Client) List(ctx context.Context, q source.Query) (source.Listing, error) {
	listing, err := c.listings.Do(withoutToken(q), func() (source.Listing, error) { return c.list(ctx, c.Asked(q)) })
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
	if len(releases) == 0 && l.tagged(ctx) {
		return nil, &source.EmptyError{
			Detail: q.Path + " has tags and no releases",
			Hint:   "a tag is no release: publish one for it at GitHub, or follow what is built from it with `kind: dockerimage` or `helmchart`",
		}
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

// release is one with what the library does not know: that neither its tag nor its files can be changed any more
// (https://docs.github.com/rest/releases/releases).
type release struct {
	github.RepositoryRelease
	Immutable bool `json:"immutable"`
}

// page asks for the releases of one page.
func (l lister) page(ctx context.Context, number int) ([]*release, *github.Response, error) {
	path := fmt.Sprintf("repos/%s/releases?page=%d&per_page=%d", l.query.Path, number, pageSize)
	req, err := l.api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, nil, err
	}
	var releases []*release
	res, err := l.api.Do(ctx, req, &releases)
	return releases, res, err
}

func (l lister) all(ctx context.Context) ([]*release, error) {
	var all []*release
	for page := 1; ; {
		releases, res, err := l.page(ctx, page)
		if err != nil {
			return nil, l.clean(err, res)
		}
		for _, r := range releases {
			if r != nil && !r.GetDraft() && r.GetTagName() != "" {
				all = append(all, slim(r))
			}
		}
		next, err := l.next(res.Response)
		switch {
		case err != nil:
			return nil, err
		case next == 0:
			return all, nil
		case next <= page:
			return nil, httpx.Malformed(res.Response, "the pages of releases form a loop", "")
		case next > maxPages:
			return nil, httpx.Malformed(res.Response, fmt.Sprintf("the pages of releases do not end (%d)", maxPages), "")
		}
		page = next
	}
}

// tagged reports whether a repository without releases has tags. One tag is asked for, once; not to know is no failure.
func (l lister) tagged(ctx context.Context) bool {
	owner, repository, _ := strings.Cut(l.query.Path, "/")
	tags, _, err := l.api.Repositories.ListTags(ctx, owner, repository, &github.ListOptions{PerPage: 1})
	return err == nil && len(tags) > 0
}

// slim keeps what is needed of a release, so that its notes and assets do not stay in memory.
func slim(r *release) *release {
	few := github.RepositoryRelease{ID: r.ID, TagName: r.TagName, Prerelease: r.Prerelease, PublishedAt: published(r)}
	return &release{few, r.Immutable && r.PublishedAt != nil}
}

// published is when a release was published. GitHub's created_at is the date of the tagged commit
// (https://docs.github.com/rest/releases/releases), older than releases before it for a release of an old commit, and
// shared by those of one commit; it stands in only where a server has no other.
func published(r *release) *github.Timestamp {
	if r.PublishedAt != nil {
		return r.PublishedAt
	}
	return r.CreatedAt
}

func ascending(releases []*release) source.Listing {
	slices.SortStableFunc(releases, func(a, b *release) int {
		return cmp.Or(a.GetPublishedAt().Compare(b.GetPublishedAt().Time), cmp.Compare(a.GetID(), b.GetID()))
	})
	listing := make(source.Listing, len(releases))
	for i, r := range releases {
		listing[i] = source.Release{Tag: r.GetTagName(), Prerelease: r.GetPrerelease()}
		if r.Immutable {
			listing[i].Published = r.GetPublishedAt().UTC()
		}
	}
	return listing
}

// next returns the number of the next page, 0 at the end; the library reads the first of several Link headers only. An
// answer whose Link to another page leads elsewhere is refused: nothing but the number is taken from it, so nothing would
// be sent there, but a server that says so is not the one that was meant. Links that are no pages, such as the notice
// of a deprecation, may lead anywhere.
func (l lister) next(res *http.Response) (int, error) {
	number := 0
	for _, link := range httpx.Links(res.Header) {
		if !link.Is("next", "prev", "first", "last") {
			continue
		}
		u, err := res.Request.URL.Parse(link.Target)
		if err != nil || !slices.ContainsFunc(append(l.places, res.Request.URL), func(p *url.URL) bool { return httpx.SamePlace(p, u) }) {
			return 0, httpx.Malformed(res, "the Link to the next page leads to another host", "nothing was sent there; check the API's url")
		}
		if !link.Is("next") {
			continue
		}
		if number, err = strconv.Atoi(u.Query().Get("page")); err != nil || number < 1 {
			return 0, httpx.Malformed(res, "the Link to the next page has no number", "")
		}
	}
	return number, nil
}
