package cli_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/demo"
	"github.com/pawl-cd/pawl/internal/fake"
)

// benchWorld describes the sources of a benchmark; they are served by a process of their own.
type benchWorld struct {
	Images   map[string][]string
	Charts   map[string][]string
	Releases map[string][]fake.Release
	Auth     fake.Auth
	Latency  time.Duration
}

// benchServer serves the world in the file given as argument on loopback, prints its address, and ends with its
// standard input.
func benchServer() {
	var w benchWorld
	data, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(data, &w)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.Handle("/", fake.NewRegistry(fake.RegistryOptions{Tags: w.Images, Auth: w.Auth}))
	mux.Handle("/charts/", fake.NewHelm(w.Charts))
	mux.Handle("/api/v3/", fake.NewReleases(fake.ReleasesOptions{Releases: w.Releases, Prefix: "/api/v3"}))
	faults := fake.WithFaults(mux)
	faults.Set("/", fake.Fault{Latency: w.Latency})
	fmt.Println(httptest.NewServer(faults).URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// BenchmarkPlan runs `pawl plan` as a process against sources in another one. Besides the time of a run it reports the
// requests, the peak memory of pawl's own process, and the ratio to the floor: the requests in rounds of 16.
func BenchmarkPlan(b *testing.B) {
	binary := build(b, "../../cmd/pawl", "pawl")
	for _, c := range []struct {
		name    string
		profile func(testing.TB) (root string, w benchWorld)
		auth    fake.Auth
		latency time.Duration
	}{
		{"60/0ms", ownProfile, fake.NoAuth, 0},
		{"60/50ms", ownProfile, fake.NoAuth, 50 * time.Millisecond},
		{"60/token/50ms", ownProfile, fake.BearerAuth, 50 * time.Millisecond},
		{"600/50ms", largeProfile(600, 330), fake.NoAuth, 50 * time.Millisecond},
		{"6000/0ms", largeProfile(6000, 3300), fake.NoAuth, 0},
		{"6000/50ms", largeProfile(6000, 3300), fake.NoAuth, 50 * time.Millisecond},
	} {
		b.Run(c.name, func(b *testing.B) {
			root, w := c.profile(b)
			w.Auth, w.Latency = c.auth, c.latency
			config := mirrored(b, serveApart(b, w))
			var requests, peak float64
			for b.Loop() {
				plan, memory := runPlan(b, binary, root, config)
				requests, peak = float64(total(plan.Requests)), max(peak, memory)
				if failed := plan.count("failed"); failed > 0 || len(plan.Outcomes) < 60 {
					b.Fatalf("%d of %d targets failed: %+v", failed, len(plan.Outcomes), plan.Outcomes[0])
				}
			}
			b.ReportMetric(requests, "requests")
			b.ReportMetric(peak, "peak-MB")
			if c.latency > 0 {
				floor := math.Ceil(requests/16) * c.latency.Seconds()
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/floor, "x-floor")
			}
		})
	}
}

type planOutput struct {
	Outcomes []struct{ Manifest, Outcome, Detail string }
	Requests map[string]int
}

func (p planOutput) count(outcome string) int {
	n := 0
	for _, o := range p.Outcomes {
		if o.Outcome == outcome {
			n++
		}
	}
	return n
}

func total(requests map[string]int) int {
	n := 0
	for _, r := range requests {
		n += r
	}
	return n
}

// runPlan runs the binary and returns its plan and its peak memory in MB.
func runPlan(tb testing.TB, binary, root, config string) (planOutput, float64) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), binary, "plan", "--root", root, "--config", config, "--output", "json")
	cmd.Env = []string{"HOME=" + tb.TempDir()}
	out, err := cmd.Output()
	var plan planOutput
	if err != nil || json.Unmarshal(out, &plan) != nil {
		tb.Fatalf("pawl plan: %v: %.500s", err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		tb.Fatal("no resource usage")
	}
	return plan, float64(usage.Maxrss) / 1024
}

func build(tb testing.TB, pkg, name string) string {
	tb.Helper()
	binary := filepath.Join(tb.TempDir(), name)
	if out, err := exec.CommandContext(tb.Context(), "go", "build", "-o", binary, pkg).CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return binary
}

// serveApart starts this test binary as the server and returns its URL.
func serveApart(tb testing.TB, w benchWorld) string {
	tb.Helper()
	data, err := json.Marshal(w)
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "world.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		tb.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), self)
	cmd.Args = []string{"bench-server", file}
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func mirrored(tb testing.TB, url string) string {
	tb.Helper()
	text := "mirrors:\n"
	for _, m := range []string{"docker.io: %s", "ghcr.io: %s", "https://mojaloop.github.io/helm: %s/charts/a", "https://mojaloop.github.io/charts: %s/charts/b",
		"https://mojaloop.github.io/reporting-k8s-templates: %s/charts/c", "https://pm4ml.github.io: %s/charts/d", "https://api.github.com: %s/api/v3"} {
		text += "  " + fmt.Sprintf(m, url) + "\n"
	}
	file := filepath.Join(tb.TempDir(), "pawl.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return file
}

// ownProfile is this repository's, with sources that list 200 versions each, none of them new.
func ownProfile(tb testing.TB) (string, benchWorld) {
	tb.Helper()
	const root = "../.."
	versions, err := demo.Sources(os.DirFS(root))
	if err != nil {
		tb.Fatal(err)
	}
	for name := range versions.Images {
		versions.Images[name] = append(versions.Images[name], oldTags(200)...)
	}
	return root, benchWorld{Images: versions.Images, Charts: versions.Charts, Releases: versions.Releases}
}

// oldTags are below everything that is tracked.
func oldTags(n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = "v0.0.0-old." + strconv.Itoa(i)
	}
	return tags
}

// largeProfile has a manifest for each value of files with 100 values; the images list 200 tags each.
func largeProfile(manifests, images int) func(testing.TB) (string, benchWorld) {
	return func(tb testing.TB) (string, benchWorld) {
		tb.Helper()
		root := tb.TempDir()
		w := benchWorld{Images: map[string][]string{}}
		for i := range images {
			w.Images[fmt.Sprintf("org/app-%d", i)] = append(oldTags(199), "v1.0.0")
		}
		write := func(name, text string) {
			file := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				tb.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				tb.Fatal(err)
			}
		}
		for f := range manifests / 100 {
			values := "apps:\n"
			for k := range 100 {
				values += fmt.Sprintf("  app-%d:\n    image:\n      tag: v1.0.0\n", k)
				write(fmt.Sprintf("manifests/m-%d.yaml", f*100+k), fmt.Sprintf(
					"sources: {image: {kind: dockerimage, spec: {image: org/app-%d, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values-%d.yaml, key: $.apps.app-%d.image.tag}}}\n",
					(f*100+k)%images, f, k))
			}
			write(fmt.Sprintf("values-%d.yaml", f), values)
		}
		return root, w
	}
}

// BenchmarkStart compares the start of `pawl version` with that of an empty Go program, in turn, and reports both
// medians and their difference.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	pawl, empty := build(b, "../../cmd/pawl", "pawl"), build(b, filepath.Join(dir, "main.go"), "empty")
	var own, base []float64
	for b.Loop() {
		own = append(own, start(b, pawl, "version"))
		base = append(base, start(b, empty))
	}
	b.ReportMetric(median(own), "pawl-ms")
	b.ReportMetric(median(base), "empty-ms")
	b.ReportMetric(median(own)-median(base), "difference-ms")
}

func start(b *testing.B, binary string, args ...string) float64 {
	b.Helper()
	begin := time.Now()
	if err := exec.CommandContext(b.Context(), binary, args...).Run(); err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(begin).Microseconds()) / 1000
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
