package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/githubrelease"
	"github.com/pawl-cd/pawl/internal/source/gittag"
	"github.com/pawl-cd/pawl/internal/source/helm"
	"github.com/pawl-cd/pawl/internal/source/registry"
	"github.com/pawl-cd/pawl/internal/trace"
)

// Sources hands each query to the client of its kind.
type Sources struct {
	wire     Wire
	keys     keychain
	queries  []source.Query
	registry *registry.Client
	releases *githubrelease.Client
	// clients are those that list, by kind.
	clients map[source.Kind]plan.Lister
	// timeout is how long a source of a host may take; left is what remains of it to each source of the run.
	timeout func(host string) time.Duration
	left    sync.Map
	// turns are those of a tenant to ask for shared listings, by host.
	turns httpx.Once[string, chan struct{}]
	// beyond says that something else than a listing was asked for.
	beyond atomic.Bool
}

// Listed returns the queries that were listed, and whether nothing else was asked: no digest, no platforms.
func (s *Sources) Listed() (queries []source.Query, only bool) {
	s.left.Range(func(q, _ any) bool {
		queries = append(queries, q.(source.Query))
		return true
	})
	return distinct(queries), !s.beyond.Load()
}

// distinct are queries in their order, each once.
func distinct(queries []source.Query) []source.Query {
	slices.SortFunc(queries, func(a, b source.Query) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(queries)
}

// Queries are those that were announced, in their order, each once.
func (s *Sources) Queries() []source.Query { return distinct(slices.Clone(s.queries)) }

// Sources returns the clients of all kinds of source; queries are all that will be asked.
func (w Wire) Sources(client *httpx.Client, queries []source.Query) *Sources {
	mirrors, keys := w.Config.Mirrors, w.keys()
	images := registry.New(registry.Config{HTTP: client, Mirrors: mirrors, Keychain: keys})
	releases := githubrelease.New(githubrelease.Config{HTTP: client, Mirrors: mirrors, Token: w.token, Queries: queries})
	return &Sources{wire: w, keys: keys, queries: queries, timeout: w.sourceTimeout, registry: images, releases: releases, clients: map[source.Kind]plan.Lister{
		source.Image:         images,
		source.HelmChart:     helm.New(helm.Config{HTTP: client, Mirrors: mirrors, Keychain: keys}),
		source.GitHubRelease: releases,
		source.GitTag:        gittag.New(gittag.Config{HTTP: client, Mirrors: mirrors, Token: w.token}),
	}}
}

// List lists the versions of any kind of source, but for those that hold a secret: they would be written.
func (s *Sources) List(ctx context.Context, q source.Query) (listing source.Listing, err error) {
	ctx, span := trace.Start(ctx, "list "+string(q.Kind), trace.Internal)
	defer func() {
		if span != nil && err != nil {
			span.Fail(err.Error())
		}
		span.End()
	}()
	if span != nil {
		span.Set("pawl.source", q.String())
		span.Set("pawl.source.kind", string(q.Kind))
		span.Set("pawl.source.host", q.Host)
	}
	defer s.wire.Caught(&err)
	allowance := httpx.NewAllowance(s.timeout(q.Host))
	s.left.Store(q, allowance)
	ctx = httpx.WithAllowance(ctx, allowance)
	if s.wire.Tenant != nil {
		listing, err = s.shared(ctx, q)
	} else {
		listing, err = s.list(ctx, q)
	}
	return s.innocent(q, listing), s.slow(q, err)
}

// innocent is a listing without the versions that hold a secret. It looks at all of them together first, as nearly always
// there is none.
func (s *Sources) innocent(q source.Query, listing source.Listing) source.Listing {
	var all strings.Builder
	for _, r := range listing {
		all.WriteString(r.Tag)
		all.WriteByte('\n')
	}
	if !s.wire.Redactor.Holds(all.String()) {
		return listing
	}
	left := slices.DeleteFunc(slices.Clone(listing), func(r source.Release) bool { return s.wire.Redactor.Holds(r.Tag) })
	if len(left) < len(listing) {
		s.wire.Say(slog.LevelWarn, q.String()+" lists a version that holds a secret of this run: it is left out", "make a new secret: whoever runs that source knows the old one")
	}
	return left
}

// Digest tells the digest of an image's tag within what the listing left of the source's time.
func (s *Sources) Digest(ctx context.Context, q source.Query, tag string) (digest string, err error) {
	s.beyond.Store(true)
	defer s.wire.Caught(&err)
	if left, ok := s.left.Load(q); ok {
		ctx = httpx.WithAllowance(ctx, left.(*httpx.Allowance))
	}
	digest, err = s.registry.Digest(ctx, q, tag)
	return digest, s.slow(q, err)
}

// Platforms asks what a tag's image is built for.
func (s *Sources) Platforms(ctx context.Context, q source.Query, tag string) ([]string, error) {
	s.beyond.Store(true)
	platforms, err := s.registry.Platforms(ctx, q, tag)
	return platforms, s.slow(q, err)
}

// slow adds to an error that a source has taken all its time which key that is.
func (s *Sources) slow(q source.Query, err error) error {
	if !errors.Is(err, httpx.ErrSpent) {
		return err
	}
	timeout := s.timeout(q.Host)
	return fault.New(fmt.Sprintf("if %s is slow and not broken, give it more time: write registries: {%s: {timeout: %s}} in .pawl.yaml", q.Host, q.Host, shortly(3*timeout)),
		"%w (registries: {%s: {timeout: %s}})", err, q.Host, shortly(timeout))
}

// shortly writes a duration as a person does: 3m rather than 3m0s.
func shortly(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "m0s")
	if text != d.String() {
		text += "m"
	}
	if hours := strings.TrimSuffix(text, "h0m"); hours != text {
		return hours + "h"
	}
	return text
}

// list asks the client of a query's kind; whatever stands in a registry is the registry's.
func (s *Sources) list(ctx context.Context, q source.Query) (source.Listing, error) {
	client := s.clients[q.Kind]
	if q.OCI() {
		client = s.registry
	}
	if client == nil {
		return nil, fmt.Errorf("there is no client for sources of the kind %q", q.Kind)
	}
	return client.List(ctx, q)
}
