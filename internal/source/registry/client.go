// Package registry asks container registries which tags a repository has and which digest a tag stands for, by the
// OCI distribution protocol. A registry is pinged once, a token is exchanged once for each repository, tags are paged
// by Link or by the last tag, and a manifest is fetched only where its HEAD, which does not count as a pull, is refused.
// Credentials are those of the docker config for the host that is really asked, and go to whoever asks for them there:
// the registry or a repository of it. Repetition, limits and counting are left to httpx.
package registry

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// DefaultPageSize is how many tags are asked for at a time, the most that the reference registry allows.
const DefaultPageSize = 1000

// manifests are the media types that an image's tag may stand for.
var manifests = strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2), string(types.DockerManifestSchema1Signed),
}, ", ")

// Config says how registries are asked.
type Config struct {
	// HTTP sends the requests.
	HTTP *httpx.Client
	// Mirrors says which hosts are asked elsewhere.
	Mirrors source.Mirrors
	// Keychain finds credentials; the default is the docker config with its helpers.
	Keychain authn.Keychain
	// PageSize is how many tags are asked for at a time.
	PageSize int
}

// Client lists the tags of repositories, and of Helm charts in registries. It is safe for concurrent use and remembers
// the challenge of each host for the length of its life, a run.
type Client struct {
	config   Config
	sessions httpx.Once[string, *session]
}

// New returns a client that has not asked anything yet.
func New(c Config) *Client {
	if c.Keychain == nil {
		c.Keychain = authn.DefaultKeychain
	}
	c.PageSize = cmp.Or(c.PageSize, DefaultPageSize)
	return &Client{config: c}
}

// List returns the tags of an image or of a chart at oci://, in the registry's own order.
func (c *Client) List(ctx context.Context, q source.Query) (source.Listing, error) {
	s, err := c.session(ctx, q.Host)
	if err != nil {
		return nil, fmt.Errorf("listing tags of %s: %w", q, err)
	}
	listing, err := s.list(ctx, repository(q), c.config.PageSize)
	if err != nil {
		return nil, fmt.Errorf("listing tags of %s: %w", q, err)
	}
	if q.Kind == source.HelmChart {
		for i := range listing {
			listing[i].Tag = strings.ReplaceAll(listing[i].Tag, "_", "+")
		}
	}
	return listing, nil
}

// Digest returns the digest of a tag, empty when the registry does not tell it. The error wraps source.ErrNotFound
// when there is no such tag.
func (c *Client) Digest(ctx context.Context, q source.Query, tag string) (string, error) {
	if q.Kind == source.HelmChart {
		tag = strings.ReplaceAll(tag, "+", "_")
	}
	digest, err := c.digest(ctx, q, tag)
	if err != nil {
		return "", fmt.Errorf("asking for %s:%s: %w", q, tag, err)
	}
	return digest, nil
}

func (c *Client) digest(ctx context.Context, q source.Query, tag string) (string, error) {
	if !validTag(tag) {
		return "", fmt.Errorf("%w: it is not a tag", source.ErrNotFound)
	}
	s, err := c.session(ctx, q.Host)
	if err != nil {
		return "", err
	}
	repo := repository(q)
	res, err := s.manifest(ctx, repo, tag)
	if err != nil {
		return "", err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return digestOf(res)
	case http.StatusNotFound:
		return "", fmt.Errorf("%w: %w", source.ErrNotFound, s.refused(ctx, res, repo))
	default:
		return "", s.refused(ctx, res, repo)
	}
}

// manifest asks for a tag with HEAD, and with GET where HEAD is refused: some registries and the proxies before them let
// only GET through, and not all say so: a tag is missing when both say it. Credentials that are not accepted are an
// answer to either.
func (s *session) manifest(ctx context.Context, repo, tag string) (*http.Response, error) {
	of, at := part{repo, manifestsOf}, s.url(repo, "manifests/"+tag)
	res, err := s.do(ctx, http.MethodHead, of, at, manifests)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
		http.StatusNotImplemented:
		return s.do(ctx, http.MethodGet, of, at, manifests)
	default:
		return res, nil
	}
}

// digestOf reads the digest, or computes it from a manifest that was fetched. That of schema 1, which carries its own
// signature, is not the digest of its bytes.
func digestOf(res *http.Response) (string, error) {
	text := res.Header.Get("Docker-Content-Digest")
	fetched := res.Request.Method == http.MethodGet && !strings.Contains(res.Header.Get("Content-Type"), "prettyjws")
	switch {
	case text == "" && fetched:
		hash, _, err := v1.SHA256(res.Body)
		return hash.String(), err
	case text == "":
		return "", nil
	}
	hash, err := v1.NewHash(text)
	if err != nil {
		return "", httpx.Malformed(res, "the digest is malformed", "")
	}
	return hash.String(), nil
}

// repository is the path in the registry of what a query asks for.
func repository(q source.Query) string {
	if q.Kind == source.Image {
		return q.Path
	}
	_, prefix, ok := strings.Cut(strings.TrimPrefix(q.Base, "oci://"), "/")
	if !ok {
		return q.Path
	}
	return prefix + "/" + q.Path
}
