package cli_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/conformance"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// tick is what each call of the forge takes on the clock of a bubble, where nothing else takes any time: a run lasts as
// many ticks as its longest chain of calls is long. It is far from making the run ten seconds long, at which a merge looks at the
// ledger again: whether that look meets a write of the run itself would be a tie.
const tick = 100 * time.Millisecond

// own is this repository's profile on a stage, with the network that has its sources.
type own struct {
	*stage
	network fake.Network
	// world is what the sources have; registry has its images.
	world    benchWorld
	registry *fake.Registry
	checker  *conformance.Checker
	base     string
	// arrived is when each call of the forge came in.
	arrived arrivals
}

// arrivals holds the time of each call by its number.
type arrivals struct {
	mu    sync.Mutex
	times map[int]time.Time
}

func (a *arrivals) note(c github.Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.times == nil {
		a.times = map[int]time.Time{}
	}
	a.times[c.Number] = time.Now()
}

// newOwn puts the manifests and what they manage on the base of a GitHub, with this configuration.
func newOwn(t *testing.T, settings github.Settings, config string) *own {
	t.Helper()
	root, world := ownProfile(t)
	o := &own{stage: &stage{T: t, root: t.TempDir()}}
	options := github.Options{Now: time.Now, Before: o.arrived.note, Identities: map[string]github.Identity{canary: {Login: "pawl-bot"}}}
	if all, err := described(); err != nil {
		t.Fatal(err)
	} else if all != nil {
		o.checker = all.Checker()
		options.Check = o.checker.Exchange
	}
	o.stage.github = github.New(options)
	o.repo = o.stage.github.Create("acme/profile", settings)
	files := map[string][]byte{".pawl.yaml": []byte("forge: {repository: acme/profile}\n" + config)}
	for _, dir := range []string{"manifests", "profiles"} {
		o.must(nil, fs.WalkDir(os.DirFS(root), dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files[path], err = os.ReadFile(filepath.Join(root, path))
			}
			return err
		}))
	}
	for name, data := range files {
		o.local(name, string(data))
	}
	var err error
	if o.base, err = o.repo.Push("main", "alice", files, "the profile"); err != nil {
		t.Fatal(err)
	}
	release(world)
	registry := fake.NewRegistry(fake.RegistryOptions{Tags: world.Images})
	o.world, o.registry = world, registry
	charts := fake.NewHelm(world.Charts)
	o.network = fake.Network{
		"index.docker.io": registry, "ghcr.io": registry, "mojaloop.github.io": charts, "pm4ml.github.io": charts,
		"api.github.com": fake.NewReleases(fake.ReleasesOptions{Releases: world.Releases}),
	}
	return o
}

// snapshots are the tags of the profile's own images, which count their builds.
var snapshots = regexp.MustCompile(`^(v.*-infitx\.)(\d+)$`)

// release publishes the next build of each image of which builds are counted.
func release(w benchWorld) {
	for name, tags := range w.Images {
		for _, tag := range tags {
			if m := snapshots.FindStringSubmatch(tag); m != nil {
				build, _ := strconv.Atoi(m[2]) // digits
				w.Images[name] = append(w.Images[name], m[1]+strconv.Itoa(build+1))
			}
		}
	}
}

// pawl runs a command on the clock of the bubble and returns what it printed and how many ticks it took.
func (o *own) pawl(args ...string) (out string, depth int) {
	o.Helper()
	return o.pawlAs(map[string]string{"MERGE_TOKEN": canary, "GITHUB_TOKEN": canary, "GITHUB_ACTOR": "pawl-bot"}, args...)
}

func (o *own) pawlAs(env map[string]string, args ...string) (out string, depth int) {
	o.Helper()
	var stdout, stderr strings.Builder
	system := o.system(&stdout, &stderr, env)
	system.Now, system.Sleep = time.Now, bubbleSleep
	system.Transport = everywhere{slowly{o.stage.github.RoundTripper(), func() time.Duration { return tick }}, o.network}
	begin := time.Now()
	if code := cli.Run(o.Context(), append(args, "--root", o.root), system); code != 0 {
		o.Fatalf("%v: exit code %d: %s%s", args, code, stdout.String(), stderr.String())
	}
	return stdout.String(), int(time.Since(begin) / tick)
}

func bubbleSleep(ctx context.Context, d time.Duration) error {
	time.Sleep(d)
	return ctx.Err()
}

// slowly lets each request take its time.
type slowly struct {
	next    http.RoundTripper
	latency func() time.Duration
}

// RoundTrip waits, then sends the request.
func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.latency())
	return s.next.RoundTrip(r)
}

// TestRunOwnProfile runs this repository's own profile from new tags to a merged commit. A clone of the result holds
// exactly what the plan's patch makes of the base, with the message that the dry run showed.
func TestRunOwnProfile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings github.Settings
		config   string
	}{
		"no checks":    {github.Settings{}, noChecks},
		"green checks": {checks(github.Check{Name: "ci", Conclusion: "success"}), onlyCI},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := described(); err != nil { // read once, outside the bubbles
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				o := newOwn(t, c.settings, c.config)
				patch, _ := o.pawl("plan", "--output", "diff")
				o.checkDry()
				preview, _ := o.run("--dry-run")
				before := len(o.stage.github.Calls())
				report, depth := o.run()
				o.checkCalls(report, o.stage.github.Calls()[before:], depth)
				o.checkClone(report, patch, preview.Preview.Message)
				o.checkAgain()
				o.checkNext()
				o.checkConformance()
			})
		})
	}
}

// checkDry shows that a dry run without any token plans the same as one with a token, and writes nothing.
func (o *own) checkDry() {
	o.Helper()
	with, _ := o.run("--dry-run")
	out, _ := o.pawlAs(nil, "run", "--output", "json", "--dry-run")
	without := read(o.T, out)
	if diff := cmp.Diff(with.Preview, without.Preview); diff != "" || with.Preview == nil || o.stage.github.Writes() != 0 {
		o.Errorf("%d writing calls; without a token: %s", o.stage.github.Writes(), diff)
	}
}

// checkAgain shows that a run with nothing new writes nothing.
func (o *own) checkAgain() {
	o.Helper()
	writes, calls := o.stage.github.Writes(), len(o.stage.github.Calls())
	report, depth := o.run()
	if o.stage.github.Writes() != writes || len(report.Plan.Changes) > 0 || report.Pull != nil {
		o.Errorf("nothing new, and %d writing calls: %+v", o.stage.github.Writes()-writes, report.Plan.Changes)
	}
	o.Logf("again: %d calls, none of them writing, %d in sequence", len(o.stage.github.Calls())-calls, depth)
}

// checkNext brings the next builds, with a ledger that holds the last ones.
func (o *own) checkNext() {
	o.Helper()
	release(o.world)
	for name, tags := range o.world.Images {
		o.registry.SetTags(name, tags...)
	}
	before := len(o.stage.github.Calls())
	report, depth := o.run()
	o.checkCalls(report, o.stage.github.Calls()[before:], depth)
}

func (o *own) run(args ...string) (report run.Report, depth int) {
	o.Helper()
	out, depth := o.pawl(append([]string{"run", "--output", "json"}, args...)...)
	return read(o.T, out), depth
}

// checkCalls holds the calls of a run against what a run may cost.
func (o *own) checkCalls(report run.Report, calls []github.Call, depth int) {
	o.Helper()
	o.Logf("%d changes, %d calls, %d in sequence:\n%s", len(report.Plan.Changes), len(calls), depth, o.list(calls))
	if len(report.Plan.Outcomes) < 60 || len(report.Plan.Changes) < 5 || report.Plan.Failed() {
		o.Errorf("%d outcomes, %d changes: %+v", len(report.Plan.Outcomes), len(report.Plan.Changes), report.Plan.Outcomes)
	}
	if len(calls) > 25 || depth > 12 || depth == 0 || report.Calls != len(calls) {
		o.Errorf("%d calls (the report says %d), %d in sequence, want at most 25 and 12", len(calls), report.Calls, depth)
	}
}

// list names the calls, a line for all that were under way at the same time.
func (o *own) list(calls []github.Call) string {
	begin := o.arrived.times[calls[0].Number].Add(-tick)
	lines := map[int][]string{}
	for _, c := range calls {
		at := int(o.arrived.times[c.Number].Sub(begin) / tick)
		lines[at] = append(lines[at], c.Operation)
	}
	var text strings.Builder
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&text, "%2d. %s\n", at, together(lines[at]))
	}
	return text.String()
}

// together counts those that are the same.
func together(operations []string) string {
	counts := map[string]int{}
	for _, operation := range operations {
		counts[strings.Replace(operation, "/repos/{owner}/{repo}", "", 1)]++
	}
	var parts []string
	for _, operation := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[operation]; n > 1 {
			operation = fmt.Sprintf("%d x %s", n, operation)
		}
		parts = append(parts, operation)
	}
	return strings.Join(parts, ", ")
}

// checkClone compares a clone of the base with the patch and the message.
func (o *own) checkClone(report run.Report, patch, message string) {
	o.Helper()
	bare, clone := filepath.Join(o.TempDir(), "profile.git"), filepath.Join(o.TempDir(), "clone")
	o.must(nil, o.repo.Save(bare))
	o.git("", "clone", "--quiet", bare, clone)
	if log := strings.Fields(o.git("", "-C", clone, "log", "--format=%H")); len(log) != 2 || log[0] != report.Merge.SHA || log[1] != o.base {
		o.Errorf("the log is %v, merged as %s", log, report.Merge.SHA)
	}
	o.git("", "-C", clone, "checkout", "--quiet", o.base)
	o.git(patch, "-C", clone, "apply", "--index", "-")
	if tree, want := o.git("", "-C", clone, "write-tree"), o.git("", "-C", clone, "rev-parse", report.Merge.SHA+"^{tree}"); tree != want || patch == "" {
		o.Errorf("the plan's patch makes the tree %s, merged is %s", tree, want)
	}
	merged := o.git("", "-C", clone, "log", "-1", "--format=%B", report.Merge.SHA)
	if diff := cmp.Diff(strings.TrimSpace(message), merged); diff != "" {
		o.Errorf("the message is not the dry run's: %s", diff)
	}
	o.checkTrailers(report, o.git(merged+"\n", "interpret-trailers", "--parse"))
}

// checkTrailers compares what git reads at a message's end with the plan.
func (o *own) checkTrailers(report run.Report, trailers string) {
	o.Helper()
	var got, want []string
	for _, c := range report.Plan.Changes {
		want = append(want, fmt.Sprintf("Pawl-Update: %s %s %s -> %s", c.File, c.Key, c.Old, c.New))
	}
	chain, updates, _ := strings.Cut(trailers, "\n")
	got = strings.Split(updates, "\n")
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(chain, "Pawl-Chain: ") {
		o.Errorf("%s, trailers: %s", chain, diff)
	}
}

func (o *own) git(stdin string, args ...string) string {
	o.Helper()
	cmd := exec.CommandContext(o.Context(), "git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		o.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// checkConformance shows that each call was held against GitHub's own description, where that is installed.
func (o *own) checkConformance() {
	o.Helper()
	if o.checker == nil {
		return
	}
	for _, v := range o.checker.Violations() {
		o.Errorf("violation: %s", v)
	}
	counts, checked, used := o.checker.Counts(), 0, map[string]bool{}
	for _, n := range counts {
		checked += n
	}
	calls := 0
	for _, c := range o.stage.github.Calls() {
		if !strings.HasPrefix(c.Operation, "git-") { // of git's protocol they say nothing: git itself judges it
			used[c.Operation] = true
			calls++
		}
	}
	if checked != calls || len(counts) != len(used) {
		o.Errorf("%d of %d calls were checked: %v", checked, calls, counts)
	}
	o.Logf("%d calls of %d operations were checked: %v", checked, len(counts), slices.Sorted(maps.Keys(counts)))
}
