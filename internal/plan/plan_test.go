package plan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/plan"
)

// releases lists 1.1.0 and 2.0.0 of the images o/a to o/d.
func releases() *world {
	w := &world{listings: map[string][]string{}}
	for _, name := range []string{"a", "b", "c", "d"} {
		w.listings["docker.io/o/"+name] = []string{"1.0.0", "1.1.0", "2.0.0"}
	}
	return w
}

func TestWildcardTargetIsSummarised(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want, detail, after string }{
		"update wins": {"l: [{v: 1.0.0}, {v: 1.1.0}, {v: 1.0.0}]\n", "app/t0 update newest-match", "2 of 3 values: ", "l: [{v: 1.1.0}, {v: 1.1.0}, {v: 1.1.0}]\n"},
		"held wins":   {"l: [{v: 1.1.0}, {v: 1.5.0}]\n", "app/t0 held not-listed", "1 of 2 values: ", ""},
		"all current": {"l: [{v: 1.1.0}, {v: 1.1.0}]\n", "app/t0 current already-newest", "2 of 2 values: ", ""},
		"one value":   {"l: [{v: 1.0.0}]\n", "app/t0 update newest-match", "newest of ", "l: [{v: 1.1.0}]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": c.in}), map[string]string{"app": follow("o/a", "^1", "a.yaml:$.l[*].v")})
			if diff := cmp.Diff([]string{c.want}, outcomes(got)); diff != "" {
				t.Fatal(diff)
			}
			if o := got.Outcomes[0]; !strings.HasPrefix(o.Detail, c.detail) || o.Candidates != 3 {
				t.Errorf("%+v", o)
			}
			if after(got)["a.yaml"] != c.after || len(got.Changes) != strings.Count(c.in, "1.0.0") {
				t.Errorf("%d changes, file %q", len(got.Changes), after(got)["a.yaml"])
			}
		})
	}
}

func TestTargetFaultIsIsolated(t *testing.T) {
	t.Parallel()
	w := releases()
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "v: 1.0.0\nm: {}\n", "broken.yaml": "v: [\n"}), map[string]string{
		"absent": follow("o/b", "^1", "absent.yaml:$.v"), "broken": follow("o/b", "^1", "broken.yaml:$.v"),
		"map": follow("o/b", "^1", "a.yaml:$.m"), "nokey": follow("o/b", "^1", "a.yaml:$.x"), "good": follow("o/a", "^1", "a.yaml:$.v")})
	want := []string{"absent/t0 failed target-invalid", "broken/t0 failed target-invalid", "good/t0 update newest-match",
		"map/t0 failed target-invalid", "nokey/t0 failed target-invalid"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	if o := got.Outcomes[0]; o.Detail != "absent.yaml: the file does not exist" || o.Hint != "mend it" {
		t.Errorf("%+v", o)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "v: 1.1.0\nm: {}\n"}, after(got)); diff != "" {
		t.Error(diff)
	}
	if w.listed["docker.io/o/b"] > 0 {
		t.Error("a source is asked although no target can follow it")
	}
}

// TestUnwritableValueIsIsolated has a value whose tag allows no version; the others of the file change.
func TestUnwritableValueIsIsolated(t *testing.T) {
	t.Parallel()
	got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": "v: 1.0.0\nn: !!int 5\n"}),
		map[string]string{"bad": follow("o/b", "^1", "a.yaml:$.n"), "good": follow("o/a", "^1", "a.yaml:$.v")})
	if diff := cmp.Diff([]string{"bad/t0 failed target-invalid", "good/t0 update newest-match"}, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "v: 1.1.0\nn: !!int 5\n"}, after(got)); diff != "" {
		t.Error(diff)
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": "v: 1.0.0\nw: 1.0.0\n", "b.yaml": "v: 1.1.0\n"}), map[string]string{
		"one": follow("o/a", "^1", "a.yaml:$.v"), "two": follow("o/a", "^2", "a.yaml:$['v']"), "other": follow("o/b", "^1", "a.yaml:$.w"),
		"stay": follow("o/c", "^1", "b.yaml:$.v"), "move": follow("o/c", "^2", "b.yaml:$.v"),
	})
	want := []string{"move/t0 failed target-invalid", "one/t0 failed target-invalid", "other/t0 update newest-match",
		"stay/t0 failed target-invalid", "two/t0 failed target-invalid"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	if d := got.Outcomes[1].Detail; d != `a.yaml:1:4: $.v is to be "1.1.0" here and "2.0.0" by two/t0` {
		t.Error(d)
	}
	if d := got.Outcomes[4].Detail; d != `a.yaml:1:4: $.v is to be "2.0.0" here and "1.1.0" by one/t0` {
		t.Error(d)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "v: 1.0.0\nw: 1.1.0\n"}, after(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"other a.yaml $.w 1.0.0->1.1.0"}, edits(got)); diff != "" {
		t.Error(diff)
	}
}

func TestAgreement(t *testing.T) {
	t.Parallel()
	got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": "v: 1.0.0\n"}),
		map[string]string{"one": follow("o/a", "^1", "a.yaml:$.v"), "two": follow("o/b", "~1.1", "a.yaml:$['v']")})
	if diff := cmp.Diff([]string{"one a.yaml $.v 1.0.0->1.1.0", "two a.yaml $.v 1.0.0->1.1.0"}, edits(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "v: 1.1.0\n"}, after(got)); diff != "" || got.Failed() {
		t.Error(diff)
	}
}

func TestInvalidManifest(t *testing.T) {
	t.Parallel()
	got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": "v: 1.0.0\n"}), map[string]string{
		"bad": "sources: {}\ntarget: {}\n", "worse": "a: [", "good": follow("o/a", "^1", "a.yaml:$.v")})
	want := []string{"bad/ failed manifest-invalid", "good/t0 update newest-match", "worse/ failed manifest-invalid"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Error(diff)
	}
	if o := got.Outcomes[0]; o.Detail != `manifests/bad.yaml:1:10: sources is empty (and 1 more, see pawl validate)` {
		t.Errorf("%+v", o)
	}
}

// TestOrder plans one profile 50 times with answers that come in another order each time.
func TestOrder(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.yaml": "a: 1.0.0\nb: 1.0.0\nl: [1.0.0, 1.0.0]\n", "b.yaml": "v: 1.0.0\n---\nv: 1.0.0\n"}
	manifests := map[string]string{
		"z/last": follow("o/d", "^3", "a.yaml:$.a"),
		"first":  follow("o/a", "^1", "b.yaml:$.v", "a.yaml:$.l[*]", "a.yaml:$.b", "a.yaml:$.a"),
		"second": follow("o/b", "^1", "a.yaml:$.b"), "third": follow("o/c", "^1", "a.yaml:$.a"), "broken": "a: [",
	}
	want := []string{"broken/", "first/t3", "first/t2", "first/t1", "first/t0", "second/t0", "third/t0", "z/last/t0"}
	var before []byte
	for range 50 {
		w := releases()
		w.jitter = true
		got := planned(t, newPlanner(w, files), manifests)
		var order []string
		for _, o := range got.Outcomes {
			order = append(order, o.Manifest+"/"+o.Target)
		}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Fatal(diff)
		}
		data, err := json.Marshal(struct {
			Plan  plan.Plan
			Files []change.File
		}{got, got.Files})
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !bytes.Equal(before, data) {
			t.Fatalf("another plan:\n%s\n%s", before, data)
		}
		before = data
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	d := disk{files: map[string]string{"a.yaml": "v: 1.0.0\n", "b.yaml": "v: 1.0.0\n", "c.yaml": "v: 1.0.0\n"}, unwritable: "b.yaml"}
	got := planned(t, newPlanner(releases(), d.files), map[string]string{"app": follow("o/a", "^1", "c.yaml:$.v", "b.yaml:$.v", "a.yaml:$.v")})
	written, errs := plan.Apply(got.Files, d)
	if diff := cmp.Diff([]string{"a.yaml", "c.yaml"}, written); diff != "" {
		t.Error(diff)
	}
	if len(errs) != 1 || errs[0].Error() != "b.yaml: not written" {
		t.Errorf("errors %v", errs)
	}
	if diff := cmp.Diff(map[string]string{"a.yaml": "v: 1.1.0\n", "b.yaml": "v: 1.0.0\n", "c.yaml": "v: 1.1.0\n"}, d.files); diff != "" {
		t.Error(diff)
	}
}

// TestNothingToDo writes nothing and still answers with lists, not nulls.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": "v: 1.1.0\n"}), map[string]string{"app": follow("o/a", "^1", "a.yaml:$.v")})
	if len(got.Files) > 0 || got.Failed() {
		t.Errorf("%+v", got)
	}
	data, err := json.Marshal(got)
	if err != nil || !bytes.Contains(data, []byte(`"changes":[]`)) {
		t.Errorf("%s, error %v", data, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	all := load(t, map[string]string{"good": follow("o/a", "^1", "a.yaml:$.v"), "invalid": "a: [",
		"nofile": follow("o/a", "^1", "x.yaml:$.v"), "nokey": follow("o/a", "^1", "a.yaml:$.v", "a.yaml:$.w")})
	var got []string
	for _, p := range plan.Check(all, disk{files: map[string]string{"a.yaml": "v: 1.0.0\n"}}) {
		got = append(got, fmt.Sprintf("%s %t", p.Error(), p.Hint != ""))
	}
	both := load(t, map[string]string{"a": follow("o/a", "^1", "a.yaml:$.v"), "b": follow("o/a", "^1", "a.yaml:$['v']"), "c": follow("o/a", "^2", "a.yaml:$.v")})
	doubled := plan.Check(both, disk{files: map[string]string{"a.yaml": "v: 1.0.0\n"}})
	if len(doubled) != 1 || !doubled[0].Warning || doubled[0].File != "manifests/c.yaml" || doubled[0].Message != "a/t0 writes $.v in a.yaml too, from another source or with another filter" {
		t.Errorf("two writers: %v", doubled)
	}
	want := []string{"manifests/nofile.yaml:3:33: x.yaml: the file does not exist true", "manifests/nokey.yaml:4:46: a.yaml:1:1: "}
	if len(got) != 2 || got[0] != want[0] || !strings.HasPrefix(got[1], want[1]) {
		t.Error(cmp.Diff(want, got))
	}
}
