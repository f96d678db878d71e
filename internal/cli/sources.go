package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/githubrelease"
	"github.com/pawl-cd/pawl/internal/source/helm"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// sources hands each query to the client of its kind.
type sources struct {
	g        *globals
	registry *registry.Client
	helm     *helm.Client
	releases *githubrelease.Client
}

func (s *session) sources(client *httpx.Client) *sources {
	mirrors, keys := s.config.Mirrors, patientKeychain{authn.DefaultKeychain}
	return &sources{
		g:        s.g,
		registry: registry.New(registry.Config{HTTP: client, Mirrors: mirrors, Keychain: keys}),
		helm:     helm.New(helm.Config{HTTP: client, Mirrors: mirrors, Keychain: keys}),
		releases: githubrelease.New(githubrelease.Config{HTTP: client, Mirrors: mirrors, Token: s.token, Queries: s.queries()}),
	}
}

// List lists the versions of any kind of source, but for those that hold a secret: they would be written.
func (s *sources) List(ctx context.Context, q source.Query) (source.Listing, error) {
	listing, err := s.list(ctx, q)
	holds := func(r source.Release) bool { return s.g.door.Holds(r.Tag) }
	if !slices.ContainsFunc(listing, holds) {
		return listing, err
	}
	s.g.reporter().say(slog.LevelWarn, q.String()+" lists a version that holds a secret of this run: it is left out", "make a new secret: whoever runs that source knows the old one")
	return slices.DeleteFunc(slices.Clone(listing), holds), err
}

func (s *sources) list(ctx context.Context, q source.Query) (source.Listing, error) {
	switch {
	case q.OCI():
		return s.registry.List(ctx, q)
	case q.Kind == source.HelmChart:
		return s.helm.List(ctx, q)
	case q.Kind == source.GitHubRelease:
		return s.releases.List(ctx, q)
	default:
		return nil, fmt.Errorf("there is no client for sources of the kind %q", q.Kind)
	}
}

// queries are those of the manifests, in their order.
func (s *session) queries() []source.Query {
	var all []source.Query
	for _, m := range s.manifests {
		for _, src := range m.Sources {
			all = append(all, src.Query)
		}
	}
	return all
}
