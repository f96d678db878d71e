package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
)

// fleetSizes are those of the benchmark of quiet fleets; PAWL_FLEET names another.
func fleetSizes() []int {
	if n, err := strconv.Atoi(os.Getenv("PAWL_FLEET")); err == nil {
		return []int{n}
	}
	return []int{30, 100, 300}
}

// benchFleet are profiles of 60 manifests over 500 sources, in which nothing is new.
type benchFleet struct {
	*testing.B
	registry *fake.Registry
	lab      *gitlab.Server
	projects []*gitlab.Project
	repos    []*github.Repo
	count    *counted
	env      map[string]string
	file     string
	snapshot string
	// distinct is how many sources there are.
	distinct int
}

// newBenchFleet makes one; where all follow one image, each has a token of its own and deploys to a project of its own.
func newBenchFleet(b *testing.B, n int, followed bool) *benchFleet {
	b.Helper()
	const manifests, sources = 60, 500
	tags := map[string][]string{"org/all": {"v1.0.0"}}
	for i := range sources {
		for v := range 40 {
			tags[fmt.Sprintf("org/s%d", i)] = append(tags[fmt.Sprintf("org/s%d", i)], fmt.Sprintf("v1.%d.0", v))
		}
	}
	dir := b.TempDir()
	f := &benchFleet{B: b, registry: fake.NewRegistry(fake.RegistryOptions{Tags: tags}), lab: gitlab.New(gitlab.Options{Now: time.Now}), env: map[string]string{"TRIGGER": "trigger"},
		file: filepath.Join(dir, "fleet.yaml"), snapshot: filepath.Join(dir, "snapshot"), distinct: min(sources, 7*(n-1)+manifests)}
	list, who := "version: 1\nprofiles:\n", map[string]github.Identity{}
	names := make([]string, n)
	for p := range n {
		names[p] = fmt.Sprintf("TOKEN_%d", p/500) // for a token may ask 5,000 times an hour
		if followed {
			names[p] = fmt.Sprintf("TOKEN_%d", p)
		}
		f.env[names[p]] = strings.ToLower(names[p]) + "-c4nary"
		who[f.env[names[p]]] = github.Identity{Login: "bot-" + strings.ToLower(names[p])}
	}
	hub := github.New(github.Options{Identities: who})
	f.count = &counted{next: router{hub.RoundTripper(), hosts{"gitlab.example": f.lab.RoundTripper(), "": fake.Network{"index.docker.io": f.registry}}}}
	for p := range n {
		config := noChecks
		files := map[string][]byte{}
		values := "apps:\n"
		if followed {
			project := f.lab.Create(fmt.Sprintf("group/p%d", p), gitlab.Settings{Triggers: []string{"trigger"}})
			f.projects = append(f.projects, project)
			config += fmt.Sprintf("deploy: {projects: [{name: env, url: '%s', secret: TRIGGER}]}\n", project.TriggerPathURL())
			files["manifests/all.yaml"] = []byte("sources: {image: {kind: dockerimage, spec: {image: org/all, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.all}}}\n")
			values += "  all: v1.0.0\n"
		}
		for m := range manifests {
			files[fmt.Sprintf("manifests/m%d.yaml", m)] = fmt.Appendf(nil, "sources: {image: {kind: dockerimage, spec: {image: org/s%d, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.m%d}}}\n", (p*7+m)%sources, m)
			values += fmt.Sprintf("  m%d: v1.39.0\n", m)
		}
		files["values.yaml"], files[".pawl.yaml"] = []byte(values), []byte(config)
		repo := hub.Create(fmt.Sprintf("org/p%d", p), github.Settings{})
		if _, err := repo.Push("main", "alice", files, "the profile"); err != nil {
			b.Fatal(err)
		}
		f.repos = append(f.repos, repo)
		list += fmt.Sprintf("  - {repository: org/p%d, token: %s, env: [TRIGGER]}\n", p, names[p])
	}
	if err := os.WriteFile(f.file, []byte(list), 0o600); err != nil {
		b.Fatal(err)
	}
	return f
}

// run runs the fleet and returns its report.
func (f *benchFleet) run() string {
	f.Helper()
	f.count.forge.Store(0)
	f.count.others.Store(0)
	f.count.most.Store(0)
	var out, errs bytes.Buffer
	code := cli.Run(f.Context(), []string{"fleet", "run", "--fleet", f.file, "--snapshot", f.snapshot, "--output", "json"}, cli.System{
		Out: &out, Err: &errs, Now: time.Now, Transport: f.count, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Env: func(name string) (string, bool) { v, ok := f.env[name]; return v, ok },
	})
	if code != 0 {
		f.Fatalf("exit code %d: %s%.600s", code, errs.String(), out.String())
	}
	return out.String()
}

// BenchmarkFleetQuiet runs a fleet in which nothing is new, over a snapshot that knows it. It reports the requests of a profile at its
// forge, those at sources by distinct source, and by how much the memory in use grows at most.
func BenchmarkFleetQuiet(b *testing.B) {
	for _, n := range fleetSizes() {
		b.Run(fmt.Sprintf("profiles=%d", n), func(b *testing.B) {
			f := newBenchFleet(b, n, false)
			f.run()
			b.ResetTimer()
			var out string
			for range b.N {
				out = f.run()
			}
			b.StopTimer()
			if quiet := strings.Count(out, `"state": "quiet"`); quiet != n {
				b.Fatalf("%d of %d are quiet", quiet, n)
			}
			b.ReportMetric(float64(f.count.forge.Load())/float64(n), "forge-requests/profile")
			b.ReportMetric(float64(f.count.others.Load())/float64(f.distinct), "source-requests/source")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/profile")
			b.ReportMetric(grows(f.run), "MB-at-most")
		})
	}
}

// BenchmarkFleetRelease publishes an image that all profiles of a fleet follow, and runs it: each merges and deploys once. It reports
// the requests of a profile at its forge, and how many were on their way at once.
func BenchmarkFleetRelease(b *testing.B) {
	for _, n := range fleetSizes() {
		b.Run(fmt.Sprintf("profiles=%d", n), func(b *testing.B) {
			f := newBenchFleet(b, n, true)
			f.run()
			tags := []string{"v1.0.0"}
			b.ResetTimer()
			for range b.N {
				tags = append(tags, fmt.Sprintf("v1.%d.0", len(tags)))
				f.registry.SetTags("org/all", tags...)
				f.run()
			}
			b.StopTimer()
			for i, repo := range f.repos {
				if merged, fired := len(repo.Log("main"))-1, len(f.projects[i].Pipelines()); merged != len(tags)-1 || fired != len(tags)-1 {
					b.Fatalf("profile %d: %d merges and %d pipelines of %d releases", i, merged, fired, len(tags)-1)
				}
			}
			b.ReportMetric(float64(f.count.forge.Load())/float64(n), "forge-requests/profile")
			b.ReportMetric(float64(f.count.most.Load()), "forge-requests-at-once")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/profile")
		})
	}
}

// grows returns by how many MB the heap grows at most while something is done, with little garbage in it.
func grows(do func() string) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(3))
	runtime.GC()
	before, most, done := heapOf(), make(chan uint64), make(chan bool)
	go func() {
		highest := before
		for {
			select {
			case <-done:
				most <- highest
				return
			case <-time.After(2 * time.Millisecond):
				highest = max(highest, heapOf())
			}
		}
	}()
	do()
	close(done)
	return float64(<-most-before) / (1 << 20)
}

// heapOf is how much of the heap is in use, in bytes.
func heapOf() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// counted counts the requests to GitHub and all others, and how many of the former are on their way at most.
type counted struct {
	next                    http.RoundTripper
	forge, others, at, most atomic.Int64
}

// RoundTrip counts a request.
func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	if !toGitHub(r) {
		c.others.Add(1)
		return c.next.RoundTrip(r)
	}
	c.forge.Add(1)
	defer c.at.Add(-1)
	for now, most := c.at.Add(1), c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	return c.next.RoundTrip(r)
}
