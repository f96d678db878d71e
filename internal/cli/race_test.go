package cli_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// racers is how many runs go at once.
const racers = 20

// seeds is how many different races are run.
func seeds() int {
	n, err := strconv.Atoi(os.Getenv("PAWL_SEEDS"))
	if err != nil {
		return 2
	}
	return min(n, 100)
}

// stride is how many of the places where a run may die, or be answered wrongly, are passed over: none where CI=true or
// PAWL_SEEDS asks for all.
func stride(otherwise int) int {
	if os.Getenv("CI") == "true" || os.Getenv("PAWL_SEEDS") != "" {
		return 1
	}
	return otherwise
}

// TestRunRace lets twenty runs with different new tags go at once: no run is needed afterwards for every update to be on
// the base, no commit is empty, and at no time is more than one pull request open.
func TestRunRace(t *testing.T) {
	t.Parallel()
	if _, err := described(); err != nil { // read once, outside the bubbles
		t.Fatal(err)
	}
	slow := checks(github.Check{Name: "ci", Conclusion: "success", After: 3 * time.Second})
	for seed := range seeds() {
		settings := []github.Settings{{}, slow, withAutoMerge(slow)}[seed%3]
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newRace(t, settings, uint64(seed)).run() })
		})
	}
}

// race is a stage with an image, a chart or a release for each racer.
type race struct {
	*stage
	seed uint64
	mu   sync.Mutex
	// newest holds the version of each racer's own chart or release.
	newest map[int]string
	// most is how many pull requests were open at the same time, and exchanges how often that was looked at.
	most, exchanges int
}

func newRace(t *testing.T, settings github.Settings, seed uint64) *race {
	config := noChecks
	if settings.CI != nil {
		config = onlyCI
	}
	if settings.AutoMerge {
		config = ""
	}
	adjust := unchecked
	if seed < 3 { // one for each of the settings
		adjust = func(*github.Options) {}
	}
	r := &race{stage: newStage(t, settings, config, adjust), seed: seed, newest: map[int]string{}}
	r.bubble = true
	values := "apps:\n"
	files := map[string][]byte{}
	sources := []string{"kind: dockerimage, spec: {image: org/app%d", "kind: helmchart, spec: {url: 'https://charts.example', name: app%d", "kind: githubrelease, spec: {url: 'https://releases.example', owner: org, repository: app%d"}
	for i := range racers {
		values += fmt.Sprintf("  app%d: v1.0.0\n", i)
		r.publish(i, "v1.0.0")
		files[fmt.Sprintf("manifests/app%d.yaml", i)] = fmt.Appendf(nil, "sources: {s: {"+sources[i%len(sources)]+", versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: race.yaml, key: $.apps.app%d}}}\n", i, i)
	}
	r.network["charts.example"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		charts, _ := r.published()
		fake.NewHelm(charts).ServeHTTP(w, req)
	})
	r.network["releases.example"] = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, releases := r.published()
		fake.NewReleases(fake.ReleasesOptions{Releases: releases}).ServeHTTP(w, req)
	})
	files["race.yaml"] = []byte(values)
	for name, data := range files {
		r.local(name, string(data))
	}
	r.must(r.repo.Push("main", "alice", files, "racers"))
	if settings.AutoMerge {
		r.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	}
	return r
}

// publish makes a version of a racer's own image, chart or release the newest.
func (r *race) publish(i int, version string) {
	if i%3 == 0 {
		r.registry.SetTags(fmt.Sprintf("org/app%d", i), "v1.0.0", version)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest[i] = version
}

// published are the charts and releases there are now.
func (r *race) published() (charts map[string][]string, releases map[string][]fake.Release) {
	r.mu.Lock()
	defer r.mu.Unlock()
	charts, releases = map[string][]string{}, map[string][]fake.Release{}
	for i, version := range r.newest {
		charts[fmt.Sprintf("app%d", i)] = []string{"v1.0.0", version}
		releases[fmt.Sprintf("org/app%d", i)] = []fake.Release{{Tag: "v1.0.0"}, {Tag: version}}
	}
	return charts, releases
}

// run starts the racers within some seconds, each right after what it was started for was published, and judges the end.
func (r *race) run() {
	r.Helper()
	before := len(r.repo.Log("main"))
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(r.seed, uint64(i)))
			time.Sleep(time.Duration(random.Int64N(int64(r.seed%7+1) * int64(6*time.Second))))
			r.publish(i, fmt.Sprintf("v1.1.%d", i))
			r.race(&lane{race: r, random: random, next: r.github.RoundTripper()})
		})
	}
	wg.Wait()
	data, _ := r.repo.File("main", "race.yaml")
	for i := range racers {
		if want := fmt.Sprintf("  app%d: v1.1.%d\n", i, i); !strings.Contains(string(data), want) {
			r.Errorf("seed %d: %q is lost:\n%s", r.seed, want, data)
		}
	}
	commits := r.repo.Log("main")
	for _, c := range commits {
		if len(c.Files) == 0 {
			r.Errorf("seed %d: an empty commit: %+v", r.seed, c)
		}
	}
	if r.most != 1 {
		r.Errorf("seed %d: %d pull requests were open at once", r.seed, r.most)
	}
	for _, p := range r.repo.Pulls() {
		if p.State == "open" {
			r.Errorf("seed %d: a pull request is left: %+v", r.seed, p)
		}
	}
	r.Logf("%d commits, %d pull requests, at most %d open after any of %d exchanges", len(commits)-before, len(r.repo.Pulls()), r.most, r.exchanges)
}

// race runs the whole job once.
func (r *race) race(l *lane) {
	var out, errs strings.Builder
	system := r.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary})
	system.Transport = router{l, r.network}
	if code := cli.Run(r.Context(), []string{"run", "--root", r.root}, system); code != cli.OK {
		r.Errorf("seed %d: exit code %d: %s%s", r.seed, code, out.String(), errs.String())
	}
}

// lane is one racer's way to GitHub: requests and answers take their time, and after each exchange the open pull
// requests are counted, before any other exchange.
type lane struct {
	race   *race
	next   http.RoundTripper
	mu     sync.Mutex
	random *rand.Rand
}

// RoundTrip sends a request.
func (l *lane) RoundTrip(r *http.Request) (*http.Response, error) {
	there, back := l.latency(), l.latency()
	time.Sleep(there)
	defer time.Sleep(back)
	l.race.mu.Lock()
	defer l.race.mu.Unlock()
	res, err := l.next.RoundTrip(r)
	open := 0
	for _, p := range l.race.repo.Pulls() {
		if p.State == "open" {
			open++
		}
	}
	l.race.most = max(l.race.most, open)
	l.race.exchanges++
	return res, err
}

func (l *lane) latency() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.random.Int64N(int64(200*time.Millisecond))) + 1
}

// TestRacersOpenOnePullRequest lets a whole other run merge the same version between any two requests of a run: it was one
// pull request, and none is opened to be closed again. Only where the other one merges between the last look at the base,
// which is while the branch is made, and the opening, for which GitHub has no single request, a second one may be, and is closed.
func TestRacersOpenOnePullRequest(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		var n atomic.Int64
		now := ""
		var out, errs strings.Builder
		system := s.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary})
		next := system.Transport
		system.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if n.Add(1) == int64(at) {
				now = r.Method + " " + r.URL.Path
				s.run(0)
			}
			return next.RoundTrip(r)
		})
		if code := cli.Run(s.Context(), []string{"run", "--root", s.root}, system); code != cli.OK {
			t.Fatalf("before request %d, %s: exit code %d: %s%s", at, now, code, out.String(), errs.String())
		}
		if n.Load() < int64(at) {
			break
		}
		want := 1
		if now == "POST /repos/acme/profile/pulls" || now == "POST /repos/acme/profile/git/refs" {
			want = 2
		}
		pulls := s.repo.Pulls()
		for _, p := range pulls {
			if p.State == "open" {
				t.Errorf("before request %d, %s: #%d is left open", at, now, p.Number)
			}
		}
		if len(pulls) > want || s.value("a") != "v1.1.0" || len(s.repo.Log("main")) != 2 {
			t.Errorf("before request %d, %s: %d pull requests, want at most %d, %d commits", at, now, len(pulls), want, len(s.repo.Log("main")))
		}
	}
}
