package plan_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
)

// world is every source that there is, in memory. It notes what it is asked.
type world struct {
	// listings are the tags by the source's canonical name, faults what a listing or "name:tag" fails with.
	listings map[string][]string
	faults   map[string]error
	// unlisted are tags, as name:tag, that exist and are not listed; mute is a registry that tells no digest.
	unlisted []string
	mute     bool
	// platforms are what images are built for, by name:tag.
	platforms map[string][]string
	// immutable are when releases that cannot change were published, by tag.
	immutable map[string]time.Time
	// jitter makes each answer come at another time.
	jitter bool

	mu             sync.Mutex
	listed, looked map[string]int
}

func (w *world) List(ctx context.Context, q source.Query) (source.Listing, error) {
	w.note(&w.listed, q.String())
	if err := errors.Join(ctx.Err(), w.faults[q.String()]); err != nil {
		return nil, fmt.Errorf("listing %s: %w", q, err)
	}
	var all source.Listing
	for _, tag := range w.listings[q.String()] {
		all = append(all, source.Release{Tag: tag, Prerelease: q.Kind == source.GitHubRelease && strings.Contains(tag, "-"), Published: w.immutable[tag]})
	}
	return all, nil
}

func (w *world) Digest(ctx context.Context, q source.Query, tag string) (string, error) {
	name := q.String() + ":" + tag
	w.note(&w.looked, name)
	if err := errors.Join(ctx.Err(), w.faults[name]); err != nil {
		return "", fmt.Errorf("looking at %s: %w", name, err)
	}
	if !slices.Contains(w.listings[q.String()], tag) && !slices.Contains(w.unlisted, name) {
		return "", fmt.Errorf("looking at %s: %w", name, source.ErrNotFound)
	}
	if w.mute {
		return "", nil
	}
	return sumOf(name), nil
}

func (w *world) Platforms(ctx context.Context, q source.Query, tag string) ([]string, error) {
	if _, err := w.Digest(ctx, q, tag); err != nil {
		return nil, err
	}
	return w.platforms[q.String()+":"+tag], nil
}

// sumOf is the digest that the world gives an image's tag, by its full name.
func sumOf(name string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))) }

// digestOf is that of an image at Docker Hub.
func digestOf(name string) string { return sumOf("docker.io/" + name) }

func (w *world) note(in *map[string]int, name string) {
	if w.jitter {
		for range rand.IntN(50) {
			runtime.Gosched()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if *in == nil {
		*in = map[string]int{}
	}
	(*in)[name]++
}

// advised is an error that knows what to do.
type advised struct{ error }

func (advised) Advice() string { return "mend it" }

// disk is a root in memory; unwritable names files that cannot be replaced.
type disk struct {
	files      map[string]string
	unwritable string
}

func (d disk) ReadFile(path string) ([]byte, error) {
	text, ok := d.files[path]
	if !ok {
		return nil, advised{fmt.Errorf("%s: the file does not exist", path)}
	}
	return []byte(text), nil
}

func (d disk) ReplaceFile(path string, before, after []byte) error {
	if path == d.unwritable || d.files[path] != string(before) {
		return fmt.Errorf("%s: not written", path)
	}
	d.files[path] = string(after)
	return nil
}

// newPlanner plans on the day that the tests are set on.
func newPlanner(w *world, files map[string]string) plan.Planner {
	return plan.Planner{Lister: w, Digester: w, Platformer: w, Files: disk{files: files}, Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// load reads manifests by their names.
func load(t testing.TB, texts map[string]string) []manifest.Manifest {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range texts {
		fsys["manifests/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	all, err := manifest.Load(fsys, nil, manifest.Options{Env: func(string) (string, bool) { return "", false }, Gates: []string{"g", "h"}})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// follow is a manifest that follows an image within a range; each target is written file:key.
func follow(image, pattern string, targets ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sources: {image: {kind: dockerimage, spec: {image: %s, versionfilter: {pattern: '%s'}}}}\ntargets:\n", image, pattern)
	for i, t := range targets {
		file, key, _ := strings.Cut(t, ":")
		fmt.Fprintf(&b, "  t%d: {kind: yaml, spec: {file: %s, key: \"%s\"}}\n", i, file, key)
	}
	return b.String()
}

// plan plans the manifests and fails the test when it cannot.
func planned(t *testing.T, p plan.Planner, texts map[string]string) plan.Plan {
	t.Helper()
	got, err := p.Plan(t.Context(), load(t, texts))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// outcomes are the plan's outcomes as lines "manifest/target outcome reason".
func outcomes(p plan.Plan) []string {
	var lines []string
	for _, o := range p.Outcomes {
		lines = append(lines, fmt.Sprintf("%s/%s %s %s", o.Manifest, o.Target, o.Outcome, o.Reason))
	}
	return lines
}

// edits are the plan's changes as lines "manifest file key old->new".
func edits(p plan.Plan) []string {
	var lines []string
	for _, c := range p.Changes {
		lines = append(lines, fmt.Sprintf("%s %s %s %s->%s", c.Manifest, c.File, c.Key, c.Old, c.New))
	}
	return lines
}

// after are the new contents by file.
func after(p plan.Plan) map[string]string {
	texts := map[string]string{}
	for _, f := range p.Files {
		texts[f.Path] = string(f.After)
	}
	return texts
}

func words(text string) []string { return strings.Fields(text) }

// counted counts the questions after platforms.
type counted struct {
	*world
	n int
}

func (c *counted) Platforms(ctx context.Context, q source.Query, tag string) ([]string, error) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	return c.world.Platforms(ctx, q, tag)
}
