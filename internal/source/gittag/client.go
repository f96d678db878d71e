// Package gittag asks git servers for the tags of a repository, by the advertisement of refs that every server sends over
// HTTP. It needs no git. Nothing says when a tag was made: the listing ascends number by number.
package gittag

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// maxBody bounds an advertisement in bytes: it holds every branch and pull request too, 60 bytes each.
const maxBody = 64 << 20

// Config says how git servers are asked.
type Config struct {
	// HTTP sends the requests.
	HTTP *httpx.Client
	// Mirrors says which servers are asked elsewhere.
	Mirrors source.Mirrors
	// Token returns the value of a variable for the scheme and host that are really asked; empty means anonymous.
	Token func(name, place string) string
}

// Client lists the tags of repositories. It is safe for concurrent use.
type Client struct{ config Config }

// New returns a client that has not asked anything yet.
func New(c Config) *Client {
	if c.Token == nil {
		c.Token = func(string, string) string { return "" }
	}
	return &Client{config: c}
}

// List returns the tags of a repository, ascending number by number. The error is a *source.EmptyError when there are none.
func (c *Client) List(ctx context.Context, q source.Query) (source.Listing, error) {
	names, err := c.list(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("listing tags of %s: %w", q, err)
	}
	if len(names) == 0 {
		return nil, &source.EmptyError{Detail: q.Base + " has no tags", Hint: "check the url, or follow what is built from the repository with `kind: dockerimage`, `helmchart` or `githubrelease`"}
	}
	slices.SortFunc(names, ascending)
	listing := make(source.Listing, len(names))
	for i, name := range names {
		listing[i] = source.Release{Tag: name}
	}
	return listing, nil
}

func (c *Client) list(ctx context.Context, q source.Query) ([]string, error) {
	base, _ := c.config.Mirrors.URL(q.Base)
	place, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL of a repository", base)
	}
	header, token := "", ""
	if q.Token != "" {
		token = c.config.Token(q.Token, place.Scheme+"://"+place.Host)
	}
	if token != "" { // any name goes with a token
		header = "Basic " + base64.StdEncoding.EncodeToString([]byte("git:"+token))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place.JoinPath("info/refs").String()+"?service=git-upload-pack", nil)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL of a repository", base)
	}
	client := httpx.NewClient(httpx.Authorize(c.config.HTTP.Transport(q.Host).WithMaxBody(maxBody), place, header))
	res, err := client.Do(req)
	if err != nil {
		return nil, httpx.Clean(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, refused(res, q, token == "")
	}
	if kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";"); kind != "application/x-git-upload-pack-advertisement" {
		return nil, httpx.Malformed(res, errOdd.Error(), "check that the url is the one that git clones from")
	}
	names, err := tags(res.Body)
	if err != nil {
		return nil, httpx.Malformed(res, err.Error(), "check that the url is the one that git clones from")
	}
	return names, nil
}

// refused says what a server wants that answers otherwise.
func refused(res *http.Response, q source.Query, anonymous bool) error {
	e := httpx.StatusError(res)
	switch {
	case res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusNotFound:
	case !anonymous:
		e.Hint = "check the url, and that the token in " + q.Token + " may read the repository"
	case q.Token != "":
		e.Hint = fmt.Sprintf("the token in %s was not sent: it is not set, or not bound to %s under secrets in .pawl.yaml", q.Token, q.Host)
	default:
		e.Hint = "check the url: the repository does not exist, or is private; name a token's variable with `password` in the manifest then"
	}
	return e
}

// ascending compares names number by number, so that v1.10 comes after v1.9.
func ascending(a, b string) int {
	whole := cmp.Compare(a, b)
	for a != "" && b != "" {
		x, y := run(a), run(b)
		one, other := a[:x], b[:y]
		if digit(one[0]) && digit(other[0]) {
			one, other = strings.TrimLeft(one, "0"), strings.TrimLeft(other, "0")
			if c := cmp.Compare(len(one), len(other)); c != 0 {
				return c
			}
		}
		if c := cmp.Compare(one, other); c != 0 {
			return c
		}
		a, b = a[x:], b[y:]
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), whole)
}

// run is the length of the digits, or of what is none, at the start of a text.
func run(text string) int {
	n := 1
	for n < len(text) && digit(text[n]) == digit(text[0]) {
		n++
	}
	return n
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
