package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// pins is a registry with o/web.
func pins(tags ...string) *world {
	return &world{listings: map[string][]string{"docker.io/o/web": tags}}
}

func at(tag string) string {
	return tag + "@" + digestOf("o/web:"+tag[strings.LastIndexByte(tag, ':')+1:])
}

var before = "@sha256:" + strings.Repeat("0", 64)

// TestPinnedStaysPinned: a value with a digest is written with the digest of its new tag, and one whose tag stays is held,
// or brought up to date, when the registry gives the tag another digest.
func TestPinnedStaysPinned(t *testing.T) {
	t.Parallel()
	const reference = "    transformers: [{addprefix: 'o/web:'}]\n"
	upper := "1.1.0@sha256:" + strings.ToUpper(digestOf("o/web:1.1.0")[len("sha256:"):])
	for _, c := range []struct {
		name, filter, rest, value, want, outcome string
		mute                                     bool
	}{
		{"moves", "^1", "", at("1.0.0"), at("1.1.0"), "update newest-match", false},
		{"moves, whatever its digest was", "^1", "", "1.0.0" + before, at("1.1.0"), "update newest-match", false},
		{"goes down into the filter", "^1", "", at("2.0.0"), at("1.1.0"), "update pinned-down", false},
		{"a reference moves", "^1", reference, at("o/web:1.0.0"), at("o/web:1.1.0"), "update newest-match", false},
		{"a reference without tag", "^1", reference, "o/web" + before, at("o/web:1.1.0"), "update newest-match", false},
		{"is right", "^1", "", at("1.1.0"), "", "current already-newest", false},
		{"is right, in capitals", "^1", "", upper, "", "current already-newest", false},
		{"moved", "^1", "", "1.1.0" + before, "", "held digest-moved", false},
		{"moved, cut", "^1", "", "1.1.0@sha256:0000", "", "held digest-moved", false},
		{"moved, or of another kind", "^1", "", "1.1.0@sha512:" + strings.Repeat("0", 128), "", "held digest-moved", false},
		{"moved, a reference", "^1", reference, "o/web:1.1.0" + before, "", "held digest-moved", false},
		{"moved, followed", "^1", "policy: {digest: follow}\n", "1.1.0" + before, at("1.1.0"), "update newest-match", false},
		{"moved, on hold", "^1", "policy: {digest: follow, hold: {}}\n", "1.1.0" + before, "", "held held", false},
		{"a floating tag", "{kind: latest, pattern: edge}", "", "edge" + before, at("edge"), "update newest-match", false},
		{"a floating tag that is right", "{kind: latest, pattern: edge}", "", at("edge"), "", "current already-newest", false},
		{"a date does not float", "{kind: latest, pattern: '20260101'}", "", "20260101" + before, "", "held digest-moved", false},
		{"no digest, moves", "^1", "", at("1.0.0"), "", "failed source-failed", true},
		{"no digest, stays", "^1", "", at("1.1.0"), "", "current already-newest", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := pins("1.0.0", "1.1.0", "2.0.0", "20260101", "edge")
			w.mute = c.mute
			manifest := "sources: {image: {kind: dockerimage, spec: {image: o/web, versionfilter: " + c.filter + "}}}\ntargets:\n  t0:\n    kind: yaml\n    spec: {file: a.yaml, key: $.v}\n" + c.rest
			got := planned(t, newPlanner(w, map[string]string{"a.yaml": "v: " + c.value + " # kept\n"}), map[string]string{"app": manifest})
			if diff := cmp.Diff([]string{"app/t0 " + c.outcome}, outcomes(got)); diff != "" {
				t.Fatalf("%s %+v", diff, got.Outcomes)
			}
			want := map[string]string{}
			if c.want != "" {
				want["a.yaml"] = "v: " + c.want + " # kept\n"
			}
			if diff := cmp.Diff(want, after(got)); diff != "" {
				t.Error(diff)
			}
			if c.want != "" && !strings.HasSuffix(c.want, got.Changes[0].Digest) {
				t.Errorf("the plan says %s", got.Changes[0].Digest)
			}
			if o := got.Outcomes[0]; strings.HasPrefix(c.outcome, "failed") && (!strings.Contains(o.Detail, "tells no digest of docker.io/o/web:1.1.0") || o.Hint == "") {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestPinnedTagIsGone: a pinned value whose tag answers 404 is neither unpinned nor replaced by a lower one.
func TestPinnedTagIsGone(t *testing.T) {
	t.Parallel()
	w := tags(3, 1)
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.2.0" + before + "\n"}), map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
	if diff := cmp.Diff([]string{"app/t0 held not-published"}, outcomes(got)); diff != "" {
		t.Error(diff)
	}
}

// TestPinnedFollowsNoRelease: a GitHub release has no digest, so a pinned value cannot follow it.
func TestPinnedFollowsNoRelease(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"o/r": {"1.0.0", "1.1.0"}}}
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0" + before + "\n"}), map[string]string{
		"app": "sources: {s: {kind: githubrelease, spec: {owner: o, repository: r, versionfilter: ^1}}}\ntargets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\n"})
	if diff := cmp.Diff([]string{"app/t0 failed target-mismatch"}, outcomes(got)); diff != "" {
		t.Error(diff)
	}
}

// TestRejectedDigest: what people rejected is not proposed again, also when only the digest would change.
func TestRejectedDigest(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"app": follow("o/web", "^1", "a.yaml:$.v") + "policy: {digest: follow}\n"}
	p := newPlanner(pins("1.1.0"), map[string]string{"a.yaml": "v: 1.1.0" + before + "\n"})
	p.Ledger = ledger.Ledger{}.Veto(ledger.Veto{Place: ledger.Place{File: "a.yaml", Key: "$.v"},
		Asker: ledger.Asker{Manifest: "app", Digest: load(t, texts)[0].Digest}, Version: "1.1.0", Pull: 7})
	if diff := cmp.Diff([]string{"app/t0 held vetoed"}, outcomes(planned(t, p, texts))); diff != "" {
		t.Error(diff)
	}
}
