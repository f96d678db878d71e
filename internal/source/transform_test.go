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
		{"semverinc patch", ops(must(SemverInc("patch"))), "v1.2.3", "1.2.4"},
		{"semverinc patch of a prerelease", ops(must(SemverInc("patch"))), "1.2.3-rc.1+b", "1.2.3"},
		{"semverinc minor", ops(must(SemverInc("minor"))), "1.2.3-rc.1", "1.3.0"},
		{"semverinc several", ops(must(SemverInc("major, minor,patch"))), "1.2.3", "2.1.1"},
		{"semverinc short", ops(must(SemverInc("minor"))), "1", "1.1.0"},
		{"an empty prefix", ops(must(AddPrefix(""), nil)), "v1", "v1"},
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
		{"trimmed to nothing", must(TrimPrefix("v1"), nil), "v1", `transforming "v1": transformer 1 of 1 leaves nothing of "v1"`},
		{"findsubmatch group that took no part", must(FindSubmatch(`v|(w)`, 1)), "v1", "leaves nothing"},
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

// TestNothingInBetween shows that a later transformer does not make up for one that leaves nothing.
func TestNothingInBetween(t *testing.T) {
	t.Parallel()
	digits := must(Find(`\d*$`))(t)
	for _, tr := range []Transform{NewTransform(digits, AddPrefix("v")), NewTransform(digits).Then(NewTransform(AddSuffix("-x"))), NewTransform(Op{}, TrimSuffix("nightly"), AddPrefix("1"))} {
		if got, err := tr.Apply("nightly"); err == nil || !strings.Contains(err.Error(), "leaves nothing") || got != "" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestTransformResemble(t *testing.T) {
	t.Parallel()
	find := must(Find(".*"))(t)
	for _, tt := range []struct {
		name  string
		ops   []Op
		value string
		want  string
	}{
		{"whole prefix", []Op{AddPrefix("release-v")}, "release-v1.2", "1.2"},
		{"start of the prefix", []Op{AddPrefix("release-v")}, "release-1.2", "1.2"},
		{"end of the prefix", []Op{AddPrefix("release-v")}, "v1.2", "1.2"},
		{"no prefix", []Op{AddPrefix("release-v")}, "1.2", "1.2"},
		{"a prefix that ends in a number", []Op{AddPrefix("10-")}, "101.4.0", "101.4.0"},
		{"a prefix with other numbers", []Op{AddPrefix("el8-")}, "el7-1.4", "1.4"},
		{"a prefix of numbers", []Op{AddPrefix("1.")}, "2.4.0", "2.4.0"},
		{"another word", []Op{AddPrefix("release-")}, "rel1.4.0", "rel1.4.0"},
		{"suffix with other numbers", []Op{AddSuffix("-alpine3.18")}, "1.4.0-alpine3.9", "1.4.0"},
		{"start of the suffix", []Op{AddSuffix("-alpine3.18")}, "1.4.0-alpine", "1.4.0"},
		{"end of the suffix", []Op{AddSuffix("-linux-amd64")}, "1.4.0-amd64", "1.4.0"},
		{"no suffix", []Op{AddSuffix("-alpine")}, "1.4.0-rc.1e", "1.4.0-rc.1e"},
		{"what cannot be undone", []Op{find, AddPrefix("v")}, "v1.4.0", "1.4.0"},
		{"minor", []Op{must(SemverInc("minor"))(t)}, "1.5.0", "1.4.0,1.4.999999,1.5.0"},
		{"minor and patch", []Op{must(SemverInc("minor,patch"))(t)}, "1.5.1", "1.4.0,1.4.999999,1.5.1"},
		{"patch", []Op{must(SemverInc("patch"))(t), AddPrefix("v")}, "v1.5.2", "1.5.1,1.5.2-0,1.5.2"},
		{"major", []Op{must(SemverInc("major"))(t)}, "0.1.0", "0.1.0"},
		{"what is no version", []Op{must(SemverInc("major"))(t)}, "main", "main"},
		{"a trimmed prefix that is still there", []Op{TrimPrefix("v")}, "v1.4.0", "vv1.4.0,v1.4.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(NewTransform(tt.ops...).Resemble(tt.value), ","); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
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
			return // something in between is empty
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
