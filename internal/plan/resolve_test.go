package plan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

func TestOneListingForEachSource(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/library/nginx": {"1.0.0", "1.1.0"}, "ghcr.io/o/app": {"1.0.0"}}}
	p := newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\n", "b.yaml": "a: 1.0.0\n"})
	got := planned(t, p, map[string]string{
		"short":  follow("nginx", "^1", "a.yaml:$.a", "a.yaml:$.b"),
		"long":   follow("docker.io/library/nginx", ">=1", "b.yaml:$.a"),
		"longer": follow("index.docker.io/nginx", "~1.1", "b.yaml:$.a"),
		"other":  follow("ghcr.io/o/app", "~1.1", "b.yaml:$.a"),
	})
	if diff := cmp.Diff(map[string]int{"docker.io/library/nginx": 1, "ghcr.io/o/app": 1}, w.listed); diff != "" {
		t.Errorf("listings: %s", diff)
	}
	if diff := cmp.Diff(map[string]int{"docker.io/library/nginx:1.1.0": 1}, w.looked); diff != "" {
		t.Errorf("digests: %s", diff)
	}
	want := []string{"long/t0 update newest-match", "longer/t0 update newest-match", "other/t0 none no-match",
		"short/t0 update newest-match", "short/t1 update newest-match"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	for _, c := range got.Changes {
		if c.Digest != digestOf("library/nginx:1.1.0") || c.Version != "1.1.0" {
			t.Errorf("digest %q of version %q", c.Digest, c.Version)
		}
	}
}

// TestExplainListsOnce holds for the targets of one manifest as well.
func TestExplainListsOnce(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0"}}}
	p := newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\n"})
	all, err := p.Explain(t.Context(), load(t, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a", "a.yaml:$.b")})[0])
	if err != nil || len(all) != 2 {
		t.Fatalf("%d explanations, error %v", len(all), err)
	}
	if w.listed["docker.io/o/app"] != 1 || w.looked["docker.io/o/app:1.1.0"] != 1 {
		t.Errorf("listings %v, digests %v", w.listed, w.looked)
	}
}

// TestDigestIsForImages shows that a chart or release is written as listed, and a value that stays is not looked up.
func TestDigestIsForImages(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{
		"https://h.example/charts#c": {"1.0.0", "1.1.0"}, "o/r": {"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}, "docker.io/o/app": {"1.0.0"},
	}}
	p := newPlanner(w, map[string]string{"a.yaml": "chart: 1.0.0\nrelease: v1.0.0\npre: v1.0.0\nimage: 1.0.0\n"})
	release := "sources: {s: {kind: githubrelease, spec: {owner: o, repository: r, versionfilter: '>=1-0'%s}}}\ntargets: {t: {kind: yaml, spec: {file: a.yaml, key: $.%s}}}\n"
	got := planned(t, p, map[string]string{
		"chart":   "sources: {s: {kind: helmchart, spec: {url: 'https://h.example/charts', name: c, versionfilter: ^1}}}\ntargets: {t: {kind: yaml, spec: {file: a.yaml, key: $.chart}}}\n",
		"release": fmt.Sprintf(release, "", "release"),
		"pre":     fmt.Sprintf(release, ", typefilter: {prerelease: true}", "pre"),
		"image":   follow("o/app", "^1", "a.yaml:$.image"),
	})
	want := []string{"chart a.yaml $.chart 1.0.0->1.1.0", "pre a.yaml $.pre v1.0.0->v1.2.0-rc.1", "release a.yaml $.release v1.0.0->v1.1.0"}
	if diff := cmp.Diff(want, edits(got)); diff != "" || len(w.looked) > 0 {
		t.Errorf("%s digests asked: %v", diff, w.looked)
	}
	if w.listed["o/r"] != 1 {
		t.Errorf("two type filters on one repository: %v", w.listed)
	}
}

// tags are n versions of an image, ascending, of which the last `missing` do not exist.
func tags(n, missing int) *world {
	w := &world{listings: map[string][]string{}, faults: map[string]error{}}
	for i := range n {
		tag := fmt.Sprintf("1.%d.0", i)
		w.listings["docker.io/o/app"] = append(w.listings["docker.io/o/app"], tag)
		if i >= n-missing {
			w.faults["docker.io/o/app:"+tag] = source.ErrNotFound
		}
	}
	return w
}

func TestMissingTagGivesWay(t *testing.T) {
	t.Parallel()
	w := tags(5, 2)
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\n"}),
		map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a", "a.yaml:$.b")})
	if diff := cmp.Diff(map[string]string{"a.yaml": "a: 1.2.0\nb: 1.2.0\n"}, after(got)); diff != "" {
		t.Error(diff)
	}
	want := map[string]int{"docker.io/o/app:1.4.0": 1, "docker.io/o/app:1.3.0": 1, "docker.io/o/app:1.2.0": 1}
	if diff := cmp.Diff(want, w.looked); diff != "" {
		t.Errorf("digests: %s", diff)
	}
	if d := got.Outcomes[0].Detail; !strings.Contains(d, "1.4.0 cannot be pulled yet") {
		t.Errorf("no note of the missing tag: %s", d)
	}
}

func TestMissingTagNeverLeadsDown(t *testing.T) {
	t.Parallel()
	w := tags(3, 1)
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.1.0\n"}), map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
	if diff := cmp.Diff([]string{"app/t0 held not-published"}, outcomes(got)); diff != "" {
		t.Error(diff)
	}
}

func TestMissingTagsAreBounded(t *testing.T) {
	t.Parallel()
	w := tags(100, 99)
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\n"}), map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
	if diff := cmp.Diff([]string{"app/t0 failed source-failed"}, outcomes(got)); diff != "" || len(w.looked) != 10 || len(got.Files) > 0 {
		t.Errorf("%s asked for %d tags, %d files", diff, len(w.looked), len(got.Files))
	}
}

func TestDigestFailureFailsItsTarget(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "2.0.0"}},
		faults: map[string]error{"docker.io/o/app:2.0.0": advised{errors.New("HTTP 500")}}}
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\n"}),
		map[string]string{"one": follow("o/app", "^1", "a.yaml:$.a"), "two": follow("o/app", "^2", "a.yaml:$.b")})
	if diff := cmp.Diff([]string{"one/t0 update newest-match", "two/t0 failed source-failed"}, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	failed := got.Outcomes[1]
	if failed.Detail != "looking at docker.io/o/app:2.0.0: HTTP 500" || failed.Hint != "mend it" || failed.Candidates != 3 {
		t.Errorf("%+v", failed)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "a: 1.1.0\nb: 1.0.0\n"}, after(got)); diff != "" || !got.Failed() {
		t.Errorf("failed: %t, %s", got.Failed(), diff)
	}
}

func TestSourceFailureIsIsolated(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/o/good": {"1.1.0"}, "docker.io/o/empty": {}},
		faults: map[string]error{"docker.io/o/bad": advised{errors.New("no route")}}}
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\nc: 1.0.0\n"}), map[string]string{
		"bad": follow("o/bad", "^1", "a.yaml:$.a"), "empty": follow("o/empty", "^1", "a.yaml:$.b"), "good": follow("o/good", "^1", "a.yaml:$.c")})
	want := []string{"bad/t0 failed source-failed", "empty/t0 none empty-listing", "good/t0 update newest-match"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	if o := got.Outcomes[0]; o.Detail != "listing docker.io/o/bad: no route" || o.Hint != "mend it" {
		t.Errorf("%+v", o)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\nc: 1.1.0\n"}, after(got)); diff != "" {
		t.Error(diff)
	}
}

// TestEmptyForAReason shows that a source which knows why it lists nothing is an outcome with that reason, no failure.
func TestEmptyForAReason(t *testing.T) {
	t.Parallel()
	w := &world{faults: map[string]error{"docker.io/o/app": &source.EmptyError{Detail: "o/app has tags and no releases", Hint: "publish one"}}}
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\n"}), map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
	if diff := cmp.Diff([]string{"app/t0 none empty-listing"}, outcomes(got)); diff != "" || got.Failed() {
		t.Errorf("failed: %t, %s", got.Failed(), diff)
	}
	if o := got.Outcomes[0]; o.Detail != "o/app has tags and no releases" || o.Hint != "publish one" {
		t.Errorf("%+v", o)
	}
}

// TestInterruptLeavesWorkBehind interrupts a plan whose source does not look at its context.
func TestInterruptLeavesWorkBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		busy := make(chan struct{})
		p := newPlanner(tags(2, 0), map[string]string{"a.yaml": "a: 1.0.0\n"})
		p.Lister = deaf{started: cancel, until: busy}
		all := load(t, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
		begin := time.Now()
		if _, err := p.Plan(ctx, all); !errors.Is(err, context.Canceled) || time.Since(begin) > 2*time.Second {
			t.Errorf("plan: %v after %s", err, time.Since(begin))
		}
		begin = time.Now()
		if _, err := p.Explain(ctx, all[0]); !errors.Is(err, context.Canceled) || time.Since(begin) > 2*time.Second {
			t.Errorf("explain: %v after %s", err, time.Since(begin))
		}
		close(busy)
	})
}

// deaf is a source that is busy, whatever its context says.
type deaf struct {
	started func()
	until   chan struct{}
}

func (d deaf) List(context.Context, source.Query) (source.Listing, error) {
	d.started()
	<-d.until
	return source.Listing{{Tag: "1.1.0"}}, nil
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := newPlanner(tags(2, 0), map[string]string{"a.yaml": "a: 1.0.0\n"})
	all := load(t, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
	if got, err := p.Plan(ctx, all); !errors.Is(err, context.Canceled) || got.Schema != "" {
		t.Errorf("plan %+v, error %v", got, err)
	}
	if got, err := p.Explain(ctx, all[0]); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("explanations %v, error %v", got, err)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := tags(4, 1)
	p := newPlanner(w, map[string]string{"a.yaml": "l: [{v: 1.0.0}, {v: 2.0.0}]\n"})
	all, err := p.Explain(t.Context(), load(t, map[string]string{"app": follow("o/app", "<1.2 || 1.3.0", "a.yaml:$.l[*].v")})[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		got = append(got, fmt.Sprintf("%s/%s %s %s=%s %s %s", e.Manifest, e.Target, e.File, e.Key, e.Current, e.Source, e.Decision.Outcome))
	}
	want := []string{"app/t0 a.yaml $.l[0].v=1.0.0 o/app update", "app/t0 a.yaml $.l[1].v=2.0.0 o/app update"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	verdict := func(v policy.Verdict) string { return fmt.Sprintf("%s %t %t", v.Tag, v.Accepted, v.Chosen) }
	var verdicts []string
	for _, v := range all[0].Verdicts {
		verdicts = append(verdicts, verdict(v))
	}
	if diff := cmp.Diff([]string{"1.3.0 false false", "1.2.0 false false", "1.1.0 true true", "1.0.0 true false"}, verdicts); diff != "" {
		t.Error(diff)
	}
	if slices.ContainsFunc(all[0].Verdicts, func(v policy.Verdict) bool { return v.Rule == "" }) {
		t.Errorf("a verdict without a rule: %+v", all[0].Verdicts)
	}
}

func TestExplainFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		world  *world
		file   string
		reason policy.Reason
	}{
		"no such file": {tags(1, 0), "b.yaml", policy.TargetInvalid},
		"no listing":   {&world{faults: map[string]error{"docker.io/o/app": advised{errors.New("no route")}}}, "a.yaml", policy.SourceFailed},
		"no digest": {&world{listings: map[string][]string{"docker.io/o/app": {"1.2.0"}},
			faults: map[string]error{"docker.io/o/app:1.2.0": advised{errors.New("HTTP 500")}}}, "a.yaml", policy.SourceFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlanner(c.world, map[string]string{"a.yaml": "a: 1.0.0\n"})
			all, err := p.Explain(t.Context(), load(t, map[string]string{"app": follow("o/app", "^1", c.file+":$.a")})[0])
			if err != nil || len(all) != 1 {
				t.Fatalf("%d explanations, error %v", len(all), err)
			}
			d := all[0].Decision
			if d.Outcome != policy.Failed || d.Reason != c.reason || d.Detail == "" || d.Hint != "mend it" || len(all[0].Verdicts) > 0 {
				t.Errorf("%+v", all[0])
			}
			if all[0].Key != "$.a" || all[0].Source != "o/app" || all[0].Filter == "" {
				t.Errorf("%+v", all[0])
			}
		})
	}
}

var (
	_ plan.Lister   = (*world)(nil)
	_ plan.Digester = (*world)(nil)
	_ plan.Writer   = disk{}
)
