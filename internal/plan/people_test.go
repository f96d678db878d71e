package plan_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
)

// TestPeopleWin shows that what a person changed or rejected is held until something newer comes, or until the manifest
// changes.
func TestPeopleWin(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")}
	digest := load(t, texts)[0].Digest
	at := ledger.Place{File: "a.yaml", Key: "$.a"}
	written := ledger.Ledger{}.Written(ledger.Value{Place: at, Asker: ledger.Asker{Manifest: "app", Digest: digest}, Value: "1.1.0", Version: "1.1.0"})
	vetoed := ledger.Ledger{}.Veto(ledger.Veto{Place: at, Asker: ledger.Asker{Manifest: "app", Digest: digest}, Version: "1.1.0"})
	older := ledger.Ledger{}.Written(ledger.Value{Place: at, Asker: ledger.Asker{Manifest: "app", Digest: "of another text"}, Value: "1.1.0", Version: "1.1.0"})
	for _, c := range []struct {
		name   string
		ledger ledger.Ledger
		tags   []string
		want   string
	}{
		{"nothing known", ledger.Ledger{}, []string{"1.0.0", "1.1.0"}, "app/t0 update newest-match"},
		{"reverted by a person", written, []string{"1.0.0", "1.1.0"}, "app/t0 held people-edit"},
		{"reverted, then something newer", written, []string{"1.0.0", "1.1.0", "1.2.0"}, "app/t0 update newest-match"},
		{"reverted, then the manifest changed", older, []string{"1.0.0", "1.1.0"}, "app/t0 update newest-match"},
		{"closed by a person", vetoed, []string{"1.0.0", "1.1.0"}, "app/t0 held vetoed"},
		{"closed, then something newer", vetoed, []string{"1.0.0", "1.1.0", "1.2.0"}, "app/t0 update newest-match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": c.tags}}, map[string]string{"a.yaml": "a: 1.0.0\n"})
			p.Ledger = c.ledger
			got := planned(t, p, texts)
			if diff := cmp.Diff([]string{c.want}, outcomes(got)); diff != "" {
				t.Error(diff)
			}
			if held := len(got.Changes) == 0; held && got.Outcomes[0].Detail == "" {
				t.Error("a hold does not say why")
			}
		})
	}
}

// late is a world in which a tag appears after a number of looks.
type late struct {
	world
	tag   string
	looks int
}

func (l *late) Digest(ctx context.Context, q source.Query, tag string) (string, error) {
	if tag == l.tag {
		if l.looks--; l.looks >= 0 {
			return "", source.ErrNotFound
		}
	}
	return l.world.Digest(ctx, q, tag)
}

// TestAnnounced shows when a run waits for an announced tag, for how long, and what becomes of the target.
func TestAnnounced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		announcement plan.Announcement
		looks        int
		waited       time.Duration
		want         []string
	}{
		{"listed already", plan.Announcement{Image: "o/app:1.1.0"}, 0, 0, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
		{"there at once", plan.Announcement{Image: "o/app:1.2.0"}, 0, 0, []string{"app a.yaml $.a 1.0.0->1.2.0"}},
		{"there after a while", plan.Announcement{Image: "docker.io/o/app", Tag: "1.2.0"}, 3, 30 * time.Second, []string{"app a.yaml $.a 1.0.0->1.2.0"}},
		{"never there", plan.Announcement{Image: "o/app:1.2.0"}, 1000, 120 * time.Second, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
		{"outside the filter", plan.Announcement{Image: "o/app:2.0.0"}, 1000, 0, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
		{"a branch", plan.Announcement{Image: "o/app:main@8a213de"}, 1000, 0, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
		{"an unexpanded variable", plan.Announcement{Image: "o/app:v${VERSION}", Tag: "$(id)"}, 1000, 0, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
		{"another image", plan.Announcement{Image: "o/other:1.2.0"}, 1000, 0, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
		{"nothing", plan.Announcement{}, 1000, 0, []string{"app a.yaml $.a 1.0.0->1.1.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &late{tag: "1.2.0", looks: c.looks}
			w.listings = map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0"}}
			w.unlisted = []string{"docker.io/o/app:1.2.0"}
			p := newPlanner(&w.world, map[string]string{"a.yaml": "a: 1.0.0\n"})
			p.Digester = w
			waited := time.Duration(0)
			p.Announced = c.announcement
			p.Announced.Wait, p.Announced.Pause = 2*time.Minute, 10*time.Second
			p.Announced.Sleep = func(_ context.Context, d time.Duration) error { waited += d; return nil }
			got := planned(t, p, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
			if diff := cmp.Diff(c.want, edits(got)); diff != "" || waited != c.waited {
				t.Errorf("waited %s, want %s; changes: %s", waited, c.waited, diff)
			}
		})
	}
}

// TestDispatchBringsNothingDown shows that an announced tag that is not listed becomes a value only where the filter orders
// versions and it is higher than the value; a registry that has the tag changes nothing about that.
func TestDispatchBringsNothingDown(t *testing.T) {
	t.Parallel()
	manifest := func(filter string) map[string]string {
		return map[string]string{"app": "sources: {s: {kind: dockerimage, spec: {image: o/app, versionfilter: " + filter + "}}}\n" +
			"targets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\n"}
	}
	for _, c := range []struct {
		name, filter, value, tag string
		want                     []string
	}{
		{"higher", "^1", "1.1.0", "1.2.0", []string{"app a.yaml $.a 1.1.0->1.2.0"}},
		{"higher, by a part of the tag", "{kind: regex/semver, regex: '^(.*)$', pattern: ^1}", "1.1.0", "1.2.0", []string{"app a.yaml $.a 1.1.0->1.2.0"}},
		{"higher than a pinned value outside", "^1", "2.0.0", "1.2.0", []string{"app a.yaml $.a 2.0.0->1.1.0"}},
		{"older", "^1", "1.1.0", "1.0.5", nil},
		{"older, regex", "{kind: regex, pattern: '^1'}", "1.1.0", "1.0.5", nil},
		{"newer, regex", "{kind: regex, pattern: '^1'}", "1.1.0", "1.2.0", nil},
		{"latest", "{kind: latest}", "1.1.0", "1.0.5", nil},
		{"the exact tag of kind latest", "{kind: latest, pattern: stable}", "1.1.0", "stable", nil},
		{"like", "{kind: like}", "1.1.0", "1.2.0", nil},
		{"by a number", "{kind: regex/numeric, regex: '^1.([0-9]+).0$'}", "1.1.0", "1.2.0", nil},
		{"a value that is no version", "^1", "main", "1.2.0", []string{"app a.yaml $.a main->1.1.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0"}}, unlisted: []string{"docker.io/o/app:" + c.tag}}
			p := newPlanner(w, map[string]string{"a.yaml": "a: " + c.value + "\n"})
			p.Announced = plan.Announcement{Image: "o/app", Tag: c.tag}
			if diff := cmp.Diff(c.want, edits(planned(t, p, manifest(c.filter)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAnnouncedHeld shows that a value whose only news is an announced tag that never appears says so.
func TestAnnouncedHeld(t *testing.T) {
	t.Parallel()
	w := &late{tag: "1.2.0", looks: 1000}
	w.listings = map[string][]string{"docker.io/o/app": {"1.0.0"}}
	p := newPlanner(&w.world, map[string]string{"a.yaml": "a: 1.0.0\n"})
	p.Digester = w
	p.Announced = plan.Announcement{Image: "o/app:1.2.0"}
	if diff := cmp.Diff([]string{"app/t0 held not-published"}, outcomes(planned(t, p, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")}))); diff != "" {
		t.Error(diff)
	}
}

// TestAnnouncedUnknown shows that a registry that cannot be asked about the tag teaches nothing.
func TestAnnouncedUnknown(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/o/app": {"1.0.0"}}, faults: map[string]error{"docker.io/o/app:1.2.0": errors.New("broken")}}
	p := newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\n"})
	p.Announced = plan.Announcement{Image: "o/app:1.2.0"}
	if diff := cmp.Diff([]string{"app/t0 current already-newest"}, outcomes(planned(t, p, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")}))); diff != "" {
		t.Error(diff)
	}
}

// TestConflictOfThree shows that one dissenter fails all who claim a value, whatever their order.
func TestConflictOfThree(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/o/a": {"1.1.0"}, "docker.io/o/b": {"1.2.0"}}}
	same, other := follow("o/a", "^1", "a.yaml:$.v"), follow("o/b", "^1", "a.yaml:$.v")
	for _, texts := range []map[string]string{{"1": same, "2": same, "3": other}, {"1": same, "2": other, "3": same}, {"1": other, "2": same, "3": same}} {
		got := planned(t, newPlanner(w, map[string]string{"a.yaml": "v: 1.0.0\n"}), texts)
		want := []string{"1/t0 failed target-invalid", "2/t0 failed target-invalid", "3/t0 failed target-invalid"}
		if diff := cmp.Diff(want, outcomes(got)); diff != "" || len(got.Files) > 0 {
			t.Errorf("%s\nfiles: %v", diff, got.Files)
		}
	}
}

// TestOtherTypes shows that releases of other types are no empty source.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"o/r": {"v1.0.0-rc.1"}}}
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "v: v0.9.0\n"}), map[string]string{
		"r": "sources: {s: {kind: githubrelease, spec: {owner: o, repository: r, versionfilter: '*'}}}\ntargets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.v}}}\n"})
	if diff := cmp.Diff([]string{"r/t0 none no-match"}, outcomes(got)); diff != "" || got.Outcomes[0].Candidates != 1 {
		t.Error(diff)
	}
}

// TestPeopleAhead shows that a version which a person wrote beyond the filter is not replaced by one between that and
// what pawl wrote.
func TestPeopleAhead(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")}
	asker := ledger.Asker{Manifest: "app", Digest: load(t, texts)[0].Digest}
	p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0"}}}, map[string]string{"a.yaml": "a: 2.0.0-rc.1\n"})
	p.Ledger = ledger.Ledger{}.Written(ledger.Value{Place: ledger.Place{File: "a.yaml", Key: "$.a"}, Asker: asker, Value: "1.0.0", Version: "1.0.0"})
	if diff := cmp.Diff([]string{"app/t0 held people-edit"}, outcomes(planned(t, p, texts))); diff != "" {
		t.Error(diff)
	}
	p.Ledger = ledger.Ledger{}
	if diff := cmp.Diff([]string{"app/t0 update pinned-down"}, outcomes(planned(t, p, texts))); diff != "" {
		t.Errorf("without a ledger the filter is followed down: %s", diff)
	}
}

// TestPeopleAheadTransformed is TestPeopleAhead for values that transformers make of versions, such as URLs. Where they
// cannot be undone and the value reads as no version, nobody knows which one a person's value stands for: it is held, as any
// other, until there is something newer than what it replaced.
func TestPeopleAheadTransformed(t *testing.T) {
	t.Parallel()
	const url = "https://h.example/app-"
	for _, c := range []struct {
		name, transformers, wrote, base, want string
	}{
		{"ahead", "{addprefix: '" + url + "'}, {addsuffix: .tgz}", url + "1.0.0.tgz", url + "2.0.0-rc.1.tgz", "app/t0 held people-edit"},
		{"ahead, without a prefix", "{trimprefix: v}", "1.0.0", "2.0.0-rc.1", "app/t0 held people-edit"},
		{"behind", "{addprefix: '" + url + "'}, {addsuffix: .tgz}", url + "1.0.0.tgz", url + "0.9.0.tgz", "app/t0 update newest-match"},
		{"the same, reverted", "{addprefix: '" + url + "'}, {addsuffix: .tgz}", url + "1.1.0.tgz", url + "1.0.0.tgz", "app/t0 held people-edit"},
		{"ahead, replaced", "{replacer: {from: '.', to: '-'}}", "1-0-0", "2-0-0-rc-1", "app/t0 update newest-match"},
		{"ahead, a part of it", "{findsubmatch: {pattern: '^(\\d+\\.\\d+)', captureindex: 1}}", "1.0", "2.0", "app/t0 held people-edit"},
		{"nothing newer than what it replaced", "{replacer: {from: '.', to: '-'}}", "1-1-0", "2-0-0-rc-1", "app/t0 held people-edit"},
		{"no version at all", "{addprefix: '" + url + "'}", url + "1.0.0", "https://mirror.example/app.tgz", "app/t0 update newest-match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			texts := map[string]string{"app": "sources: {image: {kind: dockerimage, spec: {image: o/app, versionfilter: {pattern: '^1'}}, transformers: [" + c.transformers + "]}}\n" +
				"targets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\n"}
			asker := ledger.Asker{Manifest: "app", Digest: load(t, texts)[0].Digest}
			w := &world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0"}}, unlisted: []string{"docker.io/o/app:1-1-0"}}
			p := newPlanner(w, map[string]string{"a.yaml": "a: \"" + c.base + "\"\n"})
			version := "1.0.0"
			if strings.Contains(strings.ReplaceAll(c.wrote, "-", "."), "1.1.0") {
				version = "1.1.0"
			}
			p.Ledger = ledger.Ledger{}.Written(ledger.Value{Place: ledger.Place{File: "a.yaml", Key: "$.a"}, Asker: asker, Value: c.wrote, Version: version})
			if diff := cmp.Diff([]string{c.want}, outcomes(planned(t, p, texts))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
