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
)

// fleetSizes are those of the benchmark of quiet fleets; PAWL_FLEET names another.
func fleetSizes() []int {
	if n, err := strconv.Atoi(os.Getenv("PAWL_FLEET")); err == nil {
		return []int{n}
	}
	return []int{30, 100, 300}
}

// BenchmarkFleetQuiet runs a fleet in which nothing is new: profiles of 60 manifests over 500 sources, over a snapshot that knows
// them. It reports the requests of a profile at its forge, those at sources by distinct source, and by how much the memory in use grows at most.
func BenchmarkFleetQuiet(b *testing.B) {
	for _, n := range fleetSizes() {
		b.Run(fmt.Sprintf("profiles=%d", n), func(b *testing.B) {
			const manifests, sources = 60, 500
			tags := map[string][]string{}
			for i := range sources {
				for v := range 40 {
					tags[fmt.Sprintf("org/s%d", i)] = append(tags[fmt.Sprintf("org/s%d", i)], fmt.Sprintf("v1.%d.0", v))
				}
			}
			registry := fake.NewRegistry(fake.RegistryOptions{Tags: tags})
			hub := github.New(github.Options{Identities: map[string]github.Identity{canary: {Login: "pawl-bot"}}})
			list := "version: 1\nprofiles:\n"
			for p := range n {
				files := map[string][]byte{".pawl.yaml": []byte(noChecks)}
				values := "apps:\n"
				for m := range manifests {
					source := (p*7 + m) % sources
					files[fmt.Sprintf("manifests/m%d.yaml", m)] = fmt.Appendf(nil, "sources: {image: {kind: dockerimage, spec: {image: org/s%d, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.m%d}}}\n", source, m)
					values += fmt.Sprintf("  m%d: v1.39.0\n", m)
				}
				files["values.yaml"] = []byte(values)
				if _, err := hub.Create(fmt.Sprintf("org/p%d", p), github.Settings{}).Push("main", "alice", files, "the profile"); err != nil {
					b.Fatal(err)
				}
				list += fmt.Sprintf("  - {repository: org/p%d, token: TOKEN}\n", p)
			}
			dir := b.TempDir()
			file, snapshot := filepath.Join(dir, "fleet.yaml"), filepath.Join(dir, "snapshot")
			if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
				b.Fatal(err)
			}
			count := &counted{next: router{hub.RoundTripper(), fake.Network{"index.docker.io": registry}}}
			run := func() string {
				var out, errs bytes.Buffer
				code := cli.Run(b.Context(), []string{"fleet", "run", "--fleet", file, "--snapshot", snapshot, "--output", "json"}, cli.System{
					Out: &out, Err: &errs, Now: time.Now, Transport: count, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
					Env: func(name string) (string, bool) { return map[string]string{"TOKEN": canary}[name], name == "TOKEN" },
				})
				if code != 0 {
					b.Fatalf("exit code %d: %s%.600s", code, errs.String(), out.String())
				}
				return out.String()
			}
			run()
			distinct := min(sources, 7*(n-1)+manifests)
			b.ResetTimer()
			var out string
			for range b.N {
				count.forge.Store(0)
				count.others.Store(0)
				out = run()
			}
			b.StopTimer()
			if quiet := strings.Count(out, `"state": "quiet"`); quiet != n {
				b.Fatalf("%d of %d are quiet", quiet, n)
			}
			b.ReportMetric(float64(count.forge.Load())/float64(n), "forge-requests/profile")
			b.ReportMetric(float64(count.others.Load())/float64(distinct), "source-requests/source")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/profile")
			b.ReportMetric(grows(run), "MB-at-most")
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

// counted counts the requests to GitHub, and all others.
type counted struct {
	next          http.RoundTripper
	forge, others atomic.Int64
}

// RoundTrip counts a request.
func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	if toGitHub(r) {
		c.forge.Add(1)
	} else {
		c.others.Add(1)
	}
	return c.next.RoundTrip(r)
}
