// Package helm asks classic Helm repositories which versions of a chart exist. The index of a repository is fetched
// once and shared by all its charts. Charts in registries (oci://) are package registry's.
package helm

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// MaxIndex bounds an index.yaml, in bytes.
const MaxIndex = 64 << 20

// Config says how Helm repositories are asked.
type Config struct {
	// HTTP sends the requests.
	HTTP *httpx.Client
	// Mirrors says which repositories are asked elsewhere.
	Mirrors source.Mirrors
}

// Client lists the versions of charts. It is safe for concurrent use and remembers each index for the length of its
// life, a run.
type Client struct {
	config  Config
	indexes httpx.Once[string, Index]
}

// New returns a client that has not asked anything yet.
func New(c Config) *Client { return &Client{config: c} }

// List returns the versions of a chart ascending by semver, those that are no versions first.
func (c *Client) List(ctx context.Context, q source.Query) (source.Listing, error) {
	index, err := c.indexes.Do(q.Base, func() (Index, error) { return c.fetch(ctx, q) })
	if err != nil {
		return nil, fmt.Errorf("reading the index of %s: %w", q.Base, err)
	}
	listing, err := index.Listing(q.Path)
	if err != nil {
		return nil, fmt.Errorf("listing versions of %s: %w", q, err)
	}
	return listing, nil
}

// fetch gets and reads the index of the query's repository.
func (c *Client) fetch(ctx context.Context, q source.Query) (Index, error) {
	base, _ := c.config.Mirrors.URL(q.Base)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/index.yaml", nil)
	if err != nil {
		return Index{}, fmt.Errorf("%s is no URL of a Helm repository", base)
	}
	client := httpx.NewClient(c.config.HTTP.Transport(q.Host).WithMaxBody(MaxIndex))
	res, err := client.Do(req)
	if err != nil {
		return Index{}, httpx.Clean(err)
	}
	if res.StatusCode != http.StatusOK {
		return Index{}, refused(res, base)
	}
	index, err := ReadIndex(res.Body)
	if err != nil {
		return Index{}, httpx.Malformed(res, err.Error(), "check that "+base+" is a Helm repository: a proxy or a web page may be answering")
	}
	return index, nil
}

func refused(res *http.Response, base string) error {
	e := httpx.StatusError(res)
	switch res.StatusCode {
	case http.StatusNotFound:
		e.Hint = "check the URL: there is no index.yaml at " + base
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Hint = res.Request.URL.Host + " wants credentials, which Helm repositories are not sent; mirror it without"
	}
	return e
}
