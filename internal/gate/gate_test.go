package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/gate"
)

func subject() gate.Subject {
	return gate.Subject{Kind: "dockerimage", Image: "docker.io/org/app", Tag: "1.4.2", Digest: "sha256:abc", Version: "v1.4.2", Current: "1.4.1", Manifest: "apps/app"}
}

// TestArguments shows that each argument stays one, whatever stands for its placeholders.
func TestArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		run  []string
		tag  string
		want []string
		err  string
	}{
		{[]string{"grype", "registry:{image}@{digest}"}, "", []string{"grype", "registry:docker.io/org/app@sha256:abc"}, ""},
		{[]string{"p", "{image}{tag}", "{version}/{current}", "{manifest}"}, "", []string{"p", "docker.io/org/app1.4.2", "v1.4.2/1.4.1", "apps/app"}, ""},
		{[]string{"p", "{tag}"}, "a b; rm -rf $(x) '\"", []string{"p", "a b; rm -rf $(x) '\""}, ""},
		{[]string{"p", "{tag}"}, "--config=evil", nil, `"--config=evil" would be read as an option`},
		{[]string{"p", "{tag}"}, "-", nil, `"-" would be read as an option`},
		{[]string{"p", "--tag={tag}"}, "--config=evil", []string{"p", "--tag=--config=evil"}, ""},
		{[]string{"p", "{tag}"}, "{digest}", []string{"p", "{digest}"}, ""}, // what stands for a placeholder is none itself
		{[]string{"p", "{tag}"}, "a\x00b", nil, "cannot be an argument"},
		{[]string{"p", "{{tag}}", "${tag}", "{ tag }", "{}", "{TAG}"}, "", []string{"p", "{{tag}}", "${tag}", "{ tag }", "{}", "{TAG}"}, ""},
	} {
		s := subject()
		if c.tag != "" {
			s.Tag = c.tag
		}
		got, err := gate.Gate{Run: c.run}.Arguments(s)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, want %s", c.run, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%q: %s%v", c.run, diff, err)
		}
	}
	s := subject()
	s.Digest = ""
	if _, err := (gate.Gate{Run: []string{"p", "{digest}"}}).Arguments(s); err == nil || err.Error() != "no digest of v1.4.2 is known" {
		t.Errorf("without a digest: %v", err)
	}
}

// TestKey shows what a verdict belongs to.
func TestKey(t *testing.T) {
	t.Parallel()
	g := gate.Gate{Deny: []int{2}, Files: map[string]string{"keys/a.pub": "1"}}
	of, moved, named := subject(), subject(), subject()
	moved.Digest, named.Artifact = "sha256:abd", "pkg:helm/a@2"
	key := g.Key([]string{"a", "b c"}, of)
	other := gate.Gate{Deny: []int{3}, Files: g.Files}
	file := gate.Gate{Deny: []int{2}, Files: map[string]string{"keys/a.pub": "2"}}
	for name, another := range map[string]string{
		"arguments": g.Key([]string{"a b", "c"}, of), "digest": g.Key([]string{"a", "b c"}, moved), "artifact": g.Key([]string{"a", "b c"}, named),
		"codes": other.Key([]string{"a", "b c"}, of), "files": file.Key([]string{"a", "b c"}, of),
	} {
		if another == key || len(another) != 64 {
			t.Errorf("other %s: %s", name, another)
		}
	}
}

// TestFind shows which of several verdicts counts.
func TestFind(t *testing.T) {
	t.Parallel()
	verdict := func(o gate.Outcome) gate.Verdict { return gate.Verdict{Gate: "scan", Key: "k", Outcome: o} }
	for _, c := range []struct {
		all  []gate.Outcome
		want gate.Outcome
	}{
		{nil, ""}, {[]gate.Outcome{gate.Pass}, gate.Pass}, {[]gate.Outcome{gate.Pass, gate.Deny}, gate.Deny}, {[]gate.Outcome{gate.Deny, gate.Pass}, gate.Deny},
		{[]gate.Outcome{gate.Broken, gate.Pass}, gate.Pass}, {[]gate.Outcome{gate.Pass, gate.Broken}, gate.Pass}, {[]gate.Outcome{gate.Deny, gate.Broken}, gate.Deny},
	} {
		var v gate.Verdicts
		for _, o := range c.all {
			v.Verdicts = append(v.Verdicts, verdict(o))
		}
		if got, found := v.Find("scan", "k"); got.Outcome != c.want || found != (c.want != "") {
			t.Errorf("of %v counts %q", c.all, got.Outcome)
		}
		if _, found := v.Find("other", "k"); found {
			t.Error("another gate has a verdict")
		}
	}
	none := gate.Verdicts{Verdicts: []gate.Verdict{{Gate: "scan", Outcome: gate.Pass}}}
	if _, found := none.Find("scan", ""); found {
		t.Error("a verdict without a key counts for all that have none")
	}
}

// FuzzParse holds what is read of a file of verdicts to what it promises, and what is written to what is read.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schema":"pawl.verdicts/1","verdicts":[{"gate":"scan","key":"k","artifact":"pkg:oci/a","version":"1","outcome":"deny","detail":"a\nb","at":"2026-03-01T12:00:00Z"}]}`))
	f.Add([]byte(`{"schema":"pawl.verdicts/2"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := gate.Parse(data)
		if err != nil {
			return
		}
		for _, v := range all.Verdicts {
			if len(v.Detail) > gate.MaxDetail || strings.ContainsAny(v.Detail, "\n\r\x1b\u202e") || v.Gate == "" {
				t.Errorf("it gave %+v", v)
			}
			if v.At.Year() > 9999 || v.At.Year() < 0 {
				return // no JSON says it
			}
		}
		again, err := gate.Parse(all.Encode())
		if diff := cmp.Diff(all.Verdicts, again.Verdicts, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); err != nil || diff != "" && len(all.Verdicts) > 0 {
			t.Errorf("%s%v", diff, err)
		}
	})
}
