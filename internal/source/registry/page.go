package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// A listing that is longer than this is not believed.
const (
	maxPages = 1000
	maxTags  = 1_000_000
)

// smallPage is how many tags are asked for where a registry refuses more: Quay's and the older Docker Hub's limit.
const smallPage = 100

// lister follows the pages of a repository's tags to their end.
type lister struct {
	s    *session
	repo string
	// size is how many tags are asked for at a time, 0 for as many as the registry likes.
	size int
	// asked are the queries that were sent; linked says that a page named the next one.
	asked  map[string]bool
	linked bool
	// tags are those seen, when pages are asked for by their last tag; listing holds them in order.
	tags    map[string]bool
	listing source.Listing
}

func (s *session) list(ctx context.Context, repo string, size int) (source.Listing, error) {
	l := &lister{s: s, repo: repo, size: size, asked: map[string]bool{}}
	page, err := l.first(ctx)
	for err == nil {
		var next *url.URL
		next, err = l.add(page)
		if _, repeats := errors.AsType[repeatsError](err); err == nil && next == nil || repeats && l.whole(ctx) {
			return l.listing, nil
		}
		if err == nil {
			page, err = l.page(ctx, next)
		}
	}
	return nil, err
}

// whole reports whether the first page was the whole list after all, as long by chance as was asked for: then the
// registry gives more than one tag also when it is asked for one. Those before version 3 of the reference registry do so.
func (l *lister) whole(ctx context.Context) bool {
	p, err := l.page(ctx, l.at(url.Values{"n": {"1"}}))
	return err == nil && len(p.tags) > 1
}

// at is where the tags are asked for.
func (l *lister) at(query url.Values) *url.URL {
	u := l.s.url(l.repo, "tags/list")
	u.RawQuery = query.Encode()
	return u
}

// first fetches the first page. A registry that allows fewer tags at a time than asked for says so with 400, Quay with
// 413, ECR with 405; it is asked for fewer, then for as many as it likes.
func (l *lister) first(ctx context.Context) (*page, error) {
	for {
		query := url.Values{}
		if l.size > 0 {
			query.Set("n", strconv.Itoa(l.size))
		}
		p, err := l.page(ctx, l.at(query))
		if failed := (*httpx.Error)(nil); l.size == 0 || !errors.As(err, &failed) || !tooMany(failed.Status) {
			return p, err
		}
		if l.size > smallPage {
			l.size = smallPage
		} else {
			l.size = 0
		}
	}
}

func tooMany(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusMethodNotAllowed || status == http.StatusRequestEntityTooLarge
}

// page is one answer with tags, as they were written.
type page struct {
	res  *http.Response
	tags []string
}

func (l *lister) page(ctx context.Context, at *url.URL) (*page, error) {
	l.asked[at.String()] = true
	res, err := l.s.do(ctx, http.MethodGet, part{l.repo, tagsOf}, at, "application/json")
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, l.s.refused(ctx, res, l.repo)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	var answer struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, httpx.Malformed(res, "the answer is no list of tags", "check that "+res.Request.URL.Host+" is a registry: a proxy or a login page may be answering")
	}
	return &page{res: res, tags: answer.Tags}, nil
}

// add keeps the tags of a page and returns where the next one is, nil at the end.
func (l *lister) add(p *page) (*url.URL, error) {
	fresh, err := l.news(p)
	if err != nil {
		return nil, err
	}
	for _, tag := range fresh {
		if validTag(tag) {
			l.listing = append(l.listing, source.Release{Tag: tag})
		}
	}
	next, err := l.next(p, len(fresh) > 0)
	switch {
	case err != nil || next == nil:
		return nil, err
	case l.asked[next.String()]:
		return nil, httpx.Malformed(p.res, "the pages of tags form a loop", "")
	case len(l.asked) >= maxPages, len(l.listing) > maxTags:
		return nil, httpx.Malformed(p.res, fmt.Sprintf("the pages of tags do not end (%d pages, %d tags)", len(l.asked), len(l.listing)), "")
	}
	return next, nil
}

// news returns the tags of a page that were not listed before. Only pages that were asked for by their last tag may repeat
// some, and only that one: a registry that repeats others does not know `last` and gives the same tags for ever.
func (l *lister) news(p *page) ([]string, error) {
	if l.tags == nil || l.linked {
		return p.tags, nil
	}
	last := p.res.Request.URL.Query().Get("last")
	var fresh []string
	for _, tag := range p.tags {
		switch {
		case !l.tags[tag]:
			l.tags[tag] = true
			fresh = append(fresh, tag)
		case tag != last:
			return nil, l.repeats(p.res, last)
		}
	}
	return fresh, nil
}

// repeatsError is that of a registry which does not know `last`.
type repeatsError struct{ error }

// Unwrap returns the error to show.
func (e repeatsError) Unwrap() error { return e.error }

func (l *lister) repeats(res *http.Response, last string) error {
	return repeatsError{httpx.Malformed(res, fmt.Sprintf("it names no next page and gives the same tags again when asked for those after %s", last),
		fmt.Sprintf("%s shows the first %d tags only, so newer ones would be missed: update it, or name a registry with the same "+
			"images under mirrors in .pawl.yaml", res.Request.URL.Host, len(l.listing)))}
}

// next returns where the next page is: where the Link says, or, in a listing without any, after the last tag of a page
// that is as long as was asked for. Nexus sends groups so.
func (l *lister) next(p *page, more bool) (*url.URL, error) {
	for _, link := range httpx.Links(p.res.Header) {
		if link.Rel == nil || link.Is("next") { // registries that leave rel out mean the next page
			l.linked = true
			return l.follow(p.res, link.Target)
		}
	}
	if l.linked || !more || l.size == 0 || len(p.tags) != l.size {
		return nil, nil
	}
	if l.tags == nil {
		l.tags = make(map[string]bool, 2*len(p.tags))
		for _, tag := range p.tags {
			l.tags[tag] = true
		}
	}
	return l.at(url.Values{"n": {strconv.Itoa(l.size)}, "last": {p.tags[len(p.tags)-1]}}), nil
}

// follow reads the target of a Link (RFC 8288). It must lie at the registry, or at the host that a redirect led to.
// Where its path is not the one that was asked, only its query is taken: Artifactory and Nexus write the name of the
// repository that they have inside, and proxies another scheme or port.
func (l *lister) follow(res *http.Response, target string) (*url.URL, error) {
	asked := res.Request.URL
	u, err := asked.Parse(target)
	switch {
	case err != nil:
		return nil, httpx.Malformed(res, "the Link to the next page is no URL", "")
	case httpx.SamePlace(u, asked) && u.Path == asked.Path:
		return u, nil
	case sameHost(u, asked), sameHost(u, l.s.place):
		next := l.s.url(l.repo, "tags/list")
		next.RawQuery = u.RawQuery
		return next, nil
	default:
		return nil, httpx.Malformed(res, "the Link to the next page leads to another host, "+u.Scheme+"://"+u.Host,
			"nothing was sent there; if it is the same registry, mirror it under that name")
	}
}

func sameHost(a, b *url.URL) bool { return strings.EqualFold(a.Hostname(), b.Hostname()) }

// validTag reports whether a text is a tag to the distribution specification: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func validTag(tag string) bool {
	for i := range len(tag) {
		c := tag[i]
		word := c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !word && (i == 0 || c != '.' && c != '-') {
			return false
		}
	}
	return len(tag) > 0 && len(tag) <= 128
}
