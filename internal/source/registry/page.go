package registry

import (
	"context"
	"encoding/json"
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

// list follows the pages of a repository's tags to their end.
func (s *session) list(ctx context.Context, repo string, size int) (source.Listing, error) {
	at := s.url(repo, "tags/list")
	at.RawQuery = "n=" + strconv.Itoa(size)
	seen := map[string]bool{}
	var listing source.Listing
	for {
		seen[at.String()] = true
		res, err := s.page(ctx, repo, at)
		if err != nil {
			return nil, err
		}
		if listing, err = appendTags(listing, res); err != nil {
			return nil, err
		}
		next, err := s.next(res)
		switch {
		case err != nil:
			return nil, err
		case next == nil:
			return listing, nil
		case seen[next.String()]:
			return nil, httpx.Malformed(res, "the pages of tags form a loop", "")
		case len(seen) >= maxPages, len(listing) > maxTags:
			return nil, httpx.Malformed(res, fmt.Sprintf("the pages of tags do not end (%d pages, %d tags)", len(seen), len(listing)), "")
		}
		at = next
	}
}

// page fetches one page. A registry that allows fewer tags at a time than asked for answers 400; it is asked again
// for as many as it likes.
func (s *session) page(ctx context.Context, repo string, at *url.URL) (*http.Response, error) {
	res, err := s.do(ctx, http.MethodGet, repo, at, "application/json")
	if err == nil && res.StatusCode == http.StatusBadRequest && strings.HasPrefix(at.RawQuery, "n=") {
		plain := *at
		plain.RawQuery = ""
		res, err = s.do(ctx, http.MethodGet, repo, &plain, "application/json")
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, s.refused(res, repo)
	}
	return res, nil
}

// appendTags adds the tags of one page; what cannot be a tag is left out.
func appendTags(listing source.Listing, res *http.Response) (source.Listing, error) {
	var page struct {
		Tags []string `json:"tags"`
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("reading tags: %w", err)
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, httpx.Malformed(res, "the answer is no list of tags", "check that "+res.Request.URL.Host+" is a registry: a proxy or a login page may be answering")
	}
	for _, tag := range page.Tags {
		if validTag(tag) {
			listing = append(listing, source.Release{Tag: tag})
		}
	}
	return listing, nil
}

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

// next returns the URL of the next page (RFC 8288), nil at the end. It must lie at the registry, or at the host that
// a redirect led to.
func (s *session) next(res *http.Response) (*url.URL, error) {
	for _, header := range res.Header.Values("Link") {
		for link := range links(header) {
			u, err := res.Request.URL.Parse(link)
			if err != nil {
				return nil, httpx.Malformed(res, "the Link to the next page is no URL", "")
			}
			if !httpx.SamePlace(u, res.Request.URL) && !httpx.SamePlace(u, s.place) {
				return nil, httpx.Malformed(res, "the Link to the next page leads to another host, "+u.Scheme+"://"+u.Host,
					"nothing was sent there; if it is the same registry, mirror it under that name")
			}
			return u, nil
		}
	}
	return nil, nil
}

// links yields the targets of a Link header that are next pages.
func links(header string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, rest, ok := strings.Cut(header, "<")
			if !ok {
				return
			}
			target, parameters, ok := strings.Cut(rest, ">")
			if !ok {
				return
			}
			own, _, _ := strings.Cut(parameters, ",")
			if target != "" && isNext(own) && !yield(target) {
				return
			}
			header = parameters
		}
	}
}

// isNext reads the parameters of a link. Registries that leave rel out mean the next page.
func isNext(parameters string) bool {
	for _, p := range strings.Split(parameters, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), "rel") {
			return strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "next")
		}
	}
	return true
}
