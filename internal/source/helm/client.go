// Package helm asks classic Helm repositories which versions of a chart exist. The index of a repository is fetched
// once and shared by all its charts. A repository that wants a login gets what the docker config has for the host that is
// really asked. Charts in registries (oci://) are package registry's.
package helm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/authn"

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
	// Keychain finds credentials; the default is the docker config with its helpers.
	Keychain authn.Keychain
}

// Client lists the versions of charts. It is safe for concurrent use and remembers each index for the length of its
// life, a run.
type Client struct {
	config  Config
	indexes httpx.Once[string, Index]
}

// New returns a client that has not asked anything yet.
func New(c Config) *Client {
	if c.Keychain == nil {
		c.Keychain = authn.DefaultKeychain
	}
	return &Client{config: c}
}

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
	place, err := url.Parse(base)
	if err != nil {
		return Index{}, fmt.Errorf("%s is no URL of a Helm repository", base)
	}
	res, err := c.get(ctx, q.Host, place, "")
	if err != nil {
		return Index{}, err
	}
	var l login
	if denied(res) {
		if l, err = c.login(ctx, place, res); err != nil {
			return Index{}, err
		}
		if l.header != "" {
			if res, err = c.get(ctx, q.Host, place, l.header); err != nil {
				return Index{}, err
			}
		}
	}
	if res.StatusCode != http.StatusOK {
		return Index{}, refused(res, base, l)
	}
	index, err := ReadIndex(untilDone{ctx, res.Body})
	if ctx.Err() != nil {
		return Index{}, ctx.Err()
	}
	switch {
	case errors.Is(err, errUnusual):
		return Index{}, httpx.Malformed(res, err.Error(), "let `helm repo index` write the index of "+base+": only small ones may be laid out otherwise, or hold anchors")
	case errors.Is(err, errManyEntries), errors.Is(err, errManyVersions):
		return Index{}, httpx.Malformed(res, err.Error(), "divide the repository, or remove old versions from it")
	case err != nil:
		return Index{}, httpx.Malformed(res, err.Error(), "check that "+base+" is a Helm repository: a proxy or a web page may be answering")
	}
	return index, nil
}

// get asks for the index; the header goes to the repository's own place and nowhere else.
func (c *Client) get(ctx context.Context, label string, place *url.URL, header string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String()+"/index.yaml", nil)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL of a Helm repository", place)
	}
	transport := c.config.HTTP.Transport(label).WithMaxBody(MaxIndex)
	res, err := httpx.NewClient(httpx.Authorize(transport, place, header)).Do(req)
	if err != nil {
		return nil, httpx.Clean(err)
	}
	return res, nil
}

// untilDone is a reader that ends with its context: what reads an index ends with it.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

// Read gives the context's error once it has one.
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.from.Read(p)
}
