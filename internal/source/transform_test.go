package source

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// must returns what a constructor made from words that are known to be good.
func must(op Op, err error) func(*testing.T) Op {
	return func(t *testing.T) Op {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
}

func TestTransformApply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		ops     []func(*testing.T) Op
		version string
		want    string
	}{
		{"nothing", nil, "v1.2.3", "v1.2.3"},
		{"trimprefix", ops(must(TrimPrefix("v"), nil)), "v1.2.3", "1.2.3"},
		{"trimprefix that is not there", ops(must(TrimPrefix("v"), nil)), "1.2.3", "1.2.3"},
		{"trimprefix once", ops(must(TrimPrefix("v"), nil)), "vv1", "v1"},
		{"addprefix", ops(must(AddPrefix("app:"), nil)), "v1", "app:v1"},
		{"trimsuffix", ops(must(TrimSuffix("-alpine"), nil)), "1.2-alpine", "1.2"},
		{"addsuffix", ops(must(AddSuffix("-alpine"), nil)), "1.2", "1.2-alpine"},
		{"in order", ops(must(TrimPrefix("v"), nil), must(AddPrefix("https://x/refs/tags/v"), nil), must(AddSuffix("/rules.json"), nil)),
			"v1.2.3", "https://x/refs/tags/v1.2.3/rules.json"},
		{"replacer", ops(must(Replace(Replacement{"_", "."}))), "1_2_3", "1.2.3"},
		{"replacer by nothing", ops(must(Replace(Replacement{"_", ""}))), "1_2_3", "123"},
		{"replacers in one pass", ops(must(Replace(Replacement{"a", "b"}, Replacement{"b", "c"}))), "ab", "bc"},
		{"find", ops(must(Find(`\d+\.\d+`))), "v1.2.3", "1.2"},
		{"findsubmatch whole", ops(must(FindSubmatch(`v(\d+)`, 0))), "app-v1.2.3", "v1"},
		{"findsubmatch group", ops(must(FindSubmatch(`v(\d+)\.(\d+)`, 2))), "v1.2.3", "2"},
		{"findsubmatch group that took no part", ops(must(FindSubmatch(`v|(w)`, 1))), "v1", ""},
		{"semverinc patch", ops(must(SemverInc("patch"))), "v1.2.3", "1.2.4"},
		{"semverinc patch of a prerelease", ops(must(SemverInc("patch"))), "1.2.3-rc.1+b", "1.2.3"},
		{"semverinc minor", ops(must(SemverInc("minor"))), "1.2.3-rc.1", "1.3.0"},
		{"semverinc several", ops(must(SemverInc("major, minor,patch"))), "1.2.3", "2.1.1"},
		{"semverinc short", ops(must(SemverInc("minor"))), "1", "1.1.0"},
		{"trimmed to nothing", ops(must(TrimPrefix("v1"), nil)), "v1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var tr Transform
			for _, op := range tt.ops {
				tr = tr.Then(NewTransform(op(t)))
			}
			if got, err := tr.Apply(tt.version); got != tt.want || err != nil {
				t.Errorf("Apply(%q) = %q, %v; want %q", tt.version, got, err, tt.want)
			}
			if tr.Identity() != (len(tt.ops) == 0) {
				t.Errorf("Identity() = %v", tr.Identity())
			}
		})
	}
}

func ops(all ...func(*testing.T) Op) []func(*testing.T) Op { return all }

func TestTransformApplyErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		op            func(*testing.T) Op
		version, want string
	}{
		{"find", must(Find(`^x`)), "v1", `transforming "v1": finding "^x" in "v1": no match`},
		{"findsubmatch", must(FindSubmatch(`^(x)`, 1)), "v1", "no match"},
		{"semverinc", must(SemverInc("patch")), "latest", `incrementing "latest": not a semantic version`},
		{"semverinc at the limit", must(SemverInc("minor")), "1.18446744073709551615.0", "limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := NewTransform(tt.op(t)).Apply(tt.version)
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != "" {
				t.Errorf("got %q, %v; want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestOpErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func() (Op, error)
		want string
	}{
		{"no replacement", func() (Op, error) { return Replace() }, "reading replacers: want"},
		{"nothing to replace", func() (Op, error) { return Replace(Replacement{To: "x"}) }, "from is empty"},
		{"empty pattern", func() (Op, error) { return Find("") }, "reading find: the pattern is empty"},
		{"bad pattern", func() (Op, error) { return Find("(") }, `reading find "(": error parsing regexp`},
		{"bad pattern with group", func() (Op, error) { return FindSubmatch("[", 0) }, `reading findsubmatch "["`},
		{"group too high", func() (Op, error) { return FindSubmatch("(a)", 2) }, "captureindex 2: want 0 to 1"},
		{"group below 0", func() (Op, error) { return FindSubmatch("(a)", -1) }, "captureindex -1: want 0 to 1"},
		{"unknown part", func() (Op, error) { return SemverInc("major,huge") }, `reading semverinc "major,huge": want major`},
		{"no part", func() (Op, error) { return SemverInc("") }, "want major"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := tt.make(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestTransformUndo(t *testing.T) {
	t.Parallel()
	find := must(Find(".*"))(t)
	doubling := NewTransform(TrimPrefix("a"), TrimPrefix("b"), TrimPrefix("c"), TrimPrefix("d"), TrimPrefix("e"), TrimPrefix("f"))
	tests := []struct {
		name      string
		transform Transform
		value     string
		want      []string
	}{
		{"identity", Transform{}, "v1", []string{"v1"}},
		{"zero transformer", NewTransform(Op{}), "v1", []string{"v1"}},
		{"trimprefix", NewTransform(TrimPrefix("v")), "1.2.3", []string{"v1.2.3", "1.2.3"}},
		{"trimprefix of what is still there", NewTransform(TrimPrefix("v")), "v1.2.3", []string{"vv1.2.3"}},
		{"empty trimprefix", NewTransform(TrimPrefix("")), "1", []string{"1"}},
		{"trimsuffix", NewTransform(TrimSuffix("-x")), "1", []string{"1-x", "1"}},
		{"addprefix", NewTransform(AddPrefix("app:")), "app:v1", []string{"v1"}},
		{"addprefix that is not there", NewTransform(AddPrefix("app:")), "v1", nil},
		{"addsuffix", NewTransform(AddSuffix(".zip")), "v1.zip", []string{"v1"}},
		{"addsuffix that is not there", NewTransform(AddSuffix(".zip")), "v1", nil},
		{"a reference", NewTransform(TrimPrefix("v"), AddPrefix("ghcr.io/org/app:v")), "ghcr.io/org/app:v1.52.0", []string{"v1.52.0", "1.52.0"}},
		{"not undoable", NewTransform(TrimPrefix("v"), find), "1.2.3", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.transform.Undo(tt.value)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := doubling.Undo("1"); len(got) != maxUndone || got[0] != "abcdef1" {
		t.Errorf("Undo returned %d texts, want %d, the best first: %q", len(got), maxUndone, got)
	}
}

func TestTransformThenLeavesItsPartsAlone(t *testing.T) {
	t.Parallel()
	base := NewTransform(TrimPrefix("v"))
	a, b := base.Then(NewTransform(AddPrefix("a"))), base.Then(NewTransform(AddPrefix("b")))
	for _, tt := range []struct {
		t    Transform
		want string
	}{{base, "1"}, {a, "a1"}, {b, "b1"}} {
		if got, err := tt.t.Apply("v1"); got != tt.want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, tt.want)
		}
	}
}

// FuzzUndo shows that Undo returns only texts that Apply turns into the value, and that it finds the original.
func FuzzUndo(f *testing.F) {
	f.Add("v1.2.3", "v", "app:v", ".zip", "-x")
	f.Add("", "", "", "", "")
	f.Add("aaa", "a", "a", "aa", "a")
	f.Fuzz(func(t *testing.T, version, trim, add, suffix, trimmed string) {
		tr := NewTransform(TrimPrefix(trim), TrimSuffix(trimmed), AddPrefix(add), AddSuffix(suffix))
		value, err := tr.Apply(version)
		if err != nil {
			t.Fatal(err)
		}
		originals := tr.Undo(value)
		for _, o := range originals {
			if got, err := tr.Apply(o); got != value || err != nil {
				t.Errorf("%q becomes %q, %v; not %q", o, got, err, value)
			}
		}
		if !slices.Contains(originals, version) {
			t.Errorf("Undo(%q) = %q does not hold %q", value, originals, version)
		}
	})
}
