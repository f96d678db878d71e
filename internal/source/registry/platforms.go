package registry

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// Platforms returns what a tag's image is built for, as linux/arm64 or linux/arm/v7: the entries of its index, or what the
// configuration of a single image says. The error wraps source.ErrNotFound when there is no such tag.
func (c *Client) Platforms(ctx context.Context, q source.Query, tag string) ([]string, error) {
	platforms, err := c.platforms(ctx, q, tag)
	if err != nil {
		return nil, fmt.Errorf("asking what %s:%s is built for: %w", q, tag, err)
	}
	return platforms, nil
}

func (c *Client) platforms(ctx context.Context, q source.Query, tag string) ([]string, error) {
	if !validTag(tag) {
		return nil, fmt.Errorf("%w: it is not a tag", source.ErrNotFound)
	}
	s, err := c.session(ctx, q.Host)
	if err != nil {
		return nil, err
	}
	repo := repository(q)
	res, err := s.do(ctx, http.MethodGet, part{repo, manifestsOf}, s.url(repo, "manifests/"+tag), manifests)
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %w", source.ErrNotFound, s.refused(ctx, res, repo))
	case res.StatusCode != http.StatusOK:
		return nil, s.refused(ctx, res, repo)
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if types.MediaType(strings.TrimSpace(kind)).IsIndex() {
		index, err := v1.ParseIndexManifest(res.Body)
		if err != nil {
			return nil, httpx.Malformed(res, "the index is malformed", "")
		}
		return ofIndex(index), nil
	}
	image, err := v1.ParseManifest(res.Body)
	if err != nil || image.Config.Digest.Hex == "" {
		return nil, httpx.Malformed(res, "the manifest names no configuration", "")
	}
	return s.ofConfig(ctx, repo, image.Config.Digest)
}

// ofIndex are the platforms of an index; attestations, which are built for nothing, are none.
func ofIndex(index *v1.IndexManifest) []string {
	var all []string
	for _, m := range index.Manifests {
		if p := m.Platform; p != nil && p.OS != "unknown" && p.Architecture != "unknown" {
			all = append(all, platform(p.OS, p.Architecture, p.Variant))
		}
	}
	return all
}

// ofConfig reads the configuration of a single image.
func (s *session) ofConfig(ctx context.Context, repo string, digest v1.Hash) ([]string, error) {
	res, err := s.do(ctx, http.MethodGet, part{repo, blobsOf}, s.url(repo, "blobs/"+digest.String()), "*/*")
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, s.refused(ctx, res, repo)
	}
	config, err := v1.ParseConfigFile(res.Body)
	if err != nil {
		return nil, httpx.Malformed(res, "the image's configuration is malformed", "")
	}
	return []string{platform(config.OS, config.Architecture, config.Variant)}, nil
}

func platform(system, architecture, variant string) string {
	name := system + "/" + architecture
	if variant != "" {
		name += "/" + variant
	}
	return strings.ToLower(name)
}
