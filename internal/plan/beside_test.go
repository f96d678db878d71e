package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
)

// tagAndDigest is a manifest that writes both; extra goes to the digest's target.
func tagAndDigest(tagKey, digestKey, extra string) string {
	return fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: o/web, versionfilter: ^1}}}\ntargets:\n"+
		"  tag: {kind: yaml, spec: {file: a.yaml, key: %q}}\n  digest: {kind: yaml, writes: digest, spec: {file: a.yaml, key: %q}%s}\n", tagKey, digestKey, extra)
}

// TestDigestBeside: a version is not written beside a digest that stays.
func TestDigestBeside(t *testing.T) {
	t.Parallel()
	hex := strings.Repeat("ab", 32)
	for in, want := range map[string]string{
		"{v: 1.0.0, digest: 'sha256:" + hex + "'}": "held digest-beside",
		"{v: 1.0.0, digest: odd}":                  "held digest-beside",
		"{v: 1.0.0, digest: &d x}":                 "held digest-beside",
		"{v: 1.0.0, digest: ''}":                   "update newest-match",
		"{v: 1.0.0, digest: }":                     "update newest-match",
		"{v: 1.0.0, digest: ~}":                    "update newest-match",
		"{v: 1.0.0, sha: '" + hex + "'}":           "held digest-beside",
		"{v: 1.0.0, sha: 0a1b2c3}":                 "update newest-match",
		"{v: 1.0.0, vDigest: x}":                   "held digest-beside",
		"{v: 1.0.0, v_digest: x}":                  "held digest-beside",
		"{v: 1.0.0, otherDigest: x}":               "update newest-match",
		"{v: 1.1.0, digest: x}":                    "current already-newest",
		"{v: 1.0.0, o: {digest: x}}":               "update newest-match",
		"{v: 1.0.0" + before + ", digest: x}":      "held digest-beside",
	} {
		got := planned(t, newPlanner(pins("1.0.0", "1.1.0"), map[string]string{"a.yaml": in + "\n"}), map[string]string{"app": follow("o/web", "^1", "a.yaml:$.v")})
		if diff := cmp.Diff([]string{"app/t0 " + want}, outcomes(got)); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
		if o := got.Outcomes[0]; strings.HasPrefix(want, "held") && !strings.Contains(o.Hint, "writes: digest") {
			t.Errorf("%s: %s", in, o.Hint)
		}
	}
	for name, want := range map[string]string{"imageTag": "imageDigest", "image_tag": "image_digest", "image-tag": "image-digest", "WEB_TAG": "WEB_DIGEST",
		"newTag": "digest", "image": "imageDigest", "simulatorImage": "simulatorDigest", "web.version": "web.digest"} {
		in := fmt.Sprintf("%s: 1.0.0\n%s: x\n", name, want)
		got := planned(t, newPlanner(pins("1.0.0", "1.1.0"), map[string]string{"a.yaml": in}), map[string]string{"app": follow("o/web", "^1", "a.yaml:$['"+name+"']")})
		if diff := cmp.Diff([]string{"app/t0 held digest-beside"}, outcomes(got)); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
}

// TestWritesDigest: a target with writes: digest gets the digest of the version that the tag beside it gets.
func TestWritesDigest(t *testing.T) {
	t.Parallel()
	both := tagAndDigest("$.v.tag", "$.v.digest", "")
	old, now := digestOf("o/web:1.0.0"), digestOf("o/web:1.1.0")
	for _, c := range []struct{ name, manifest, in, want, tag, digest string }{
		{"both", both, "v: {tag: 1.0.0, digest: '" + old + "'}", "v: {tag: 1.1.0, digest: '" + now + "'}", "update newest-match", "update newest-match"},
		{"empty at first", both, "v: {tag: 1.0.0, digest: ''}", "v: {tag: 1.1.0, digest: '" + now + "'}", "update newest-match", "update newest-match"},
		{"right already", both, "v: {tag: 1.1.0, digest: '" + now + "'}", "", "current already-newest", "current already-newest"},
		{"the digest is right already", both, "v: {tag: 1.0.0, digest: '" + now + "'}", "v: {tag: 1.1.0, digest: '" + now + "'}", "update newest-match", "current already-newest"},
		{"filled in", both, "v: {tag: 1.1.0, digest: ''}", "v: {tag: 1.1.0, digest: '" + now + "'}", "current already-newest", "update newest-match"},
		{"moved", both, "v: {tag: 1.1.0, digest: '" + old + "'}", "", "current already-newest", "held digest-moved"},
		{"moved, followed", both + "policy: {digest: follow}\n", "v: {tag: 1.1.0, digest: '" + old + "'}", "v: {tag: 1.1.0, digest: '" + now + "'}", "current already-newest", "update newest-match"},
		{"on hold", both + "policy: {hold: {}}\n", "v: {tag: 1.0.0, digest: '" + old + "'}", "", "held held", "held held"},
		{"without its algorithm", tagAndDigest("$.v.tag", "$.v.sha", ", transformers: [{trimprefix: 'sha256:'}]"),
			"v: {tag: 1.0.0, sha: '" + old[7:] + "'}", "v: {tag: 1.1.0, sha: '" + now[7:] + "'}", "update newest-match", "update newest-match"},
		{"a tag stands there", both, "v: {tag: 1.0.0, digest: 1.0.0}", "", "held digest-beside", "failed target-mismatch"},
		{"the tag cannot be written", both, "v: {tag: !!int 1, digest: '" + old + "'}", "", "failed target-invalid", "failed target-invalid"},
		{"the digest cannot be written", both, "v: {tag: 1.0.0, digest: !!int ''}", "", "failed target-invalid", "failed target-invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := planned(t, newPlanner(pins("1.0.0", "1.1.0"), map[string]string{"a.yaml": c.in + "\n"}), map[string]string{"app": c.manifest})
			var have []string
			for _, id := range []string{"tag", "digest"} {
				for _, o := range got.Outcomes {
					if o.Target == id {
						have = append(have, string(o.Outcome)+" "+string(o.Reason))
					}
				}
			}
			want := map[string]string{}
			if c.want != "" {
				want["a.yaml"] = c.want + "\n"
			}
			if diff := cmp.Diff([]string{c.tag, c.digest}, have); diff != "" {
				t.Errorf("%s %+v", diff, got.Outcomes)
			}
			if diff := cmp.Diff(want, after(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTagAndDigestGoTogether: when people object to one of the two, neither is written; nor without a digest.
func TestTagAndDigestGoTogether(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"app": tagAndDigest("$.tag", "$.digest", "")}
	asker := ledger.Asker{Manifest: "app", Digest: load(t, texts)[0].Digest}
	in := map[string]string{"a.yaml": "tag: 1.0.0\ndigest: " + digestOf("o/web:1.0.0") + "\n"}
	for _, key := range []string{"$.tag", "$.digest"} {
		p := newPlanner(pins("1.0.0", "1.1.0"), in)
		p.Ledger = ledger.Ledger{}.Veto(ledger.Veto{Place: ledger.Place{File: "a.yaml", Key: key}, Asker: asker, Version: "1.1.0", Pull: 7})
		if diff := cmp.Diff([]string{"app/tag held vetoed", "app/digest held vetoed"}, outcomes(planned(t, p, texts))); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	w := pins("1.0.0", "1.1.0")
	w.mute = true
	if diff := cmp.Diff([]string{"app/tag failed source-failed", "app/digest failed source-failed"}, outcomes(planned(t, newPlanner(w, in), texts))); diff != "" {
		t.Error(diff)
	}
	conflict := map[string]string{"app": texts["app"], "other": follow("o/web", "~1.0.0", "a.yaml:$.tag")}
	got := planned(t, newPlanner(pins("1.0.0", "1.1.0"), in), conflict)
	want := []string{"app/tag failed target-invalid", "app/digest failed target-invalid", "other/t0 failed target-invalid"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" || len(got.Files) > 0 {
		t.Error(diff)
	}
}

// TestExplainSeesWhatWritesTheDigest: a digest that another manifest writes holds nothing up in an explanation either.
func TestExplainSeesWhatWritesTheDigest(t *testing.T) {
	t.Parallel()
	w := pins("1.0.0", "1.1.0")
	p := newPlanner(w, map[string]string{"a.yaml": "tag: 1.0.0\ndigest: " + digestOf("o/web:1.0.0") + "\n"})
	all := load(t, map[string]string{"a": follow("o/web", "^1", "a.yaml:$.tag"),
		"b": "sources: {i: {kind: dockerimage, spec: {image: docker.io/o/web, versionfilter: ^1}}}\ntargets: {d: {kind: yaml, writes: digest, spec: {file: a.yaml, key: $.digest}}}\n"})
	for i, want := range []string{"1.1.0", digestOf("o/web:1.1.0")} {
		got, err := p.Explain(t.Context(), all[i], all...)
		if err != nil || len(got) != 1 || got[0].Decision.Value != want {
			t.Errorf("%s: %+v, error %v", all[i].Name, got, err)
		}
	}
	if alone, err := p.Explain(t.Context(), all[0]); err != nil || alone[0].Decision.Reason != policy.DigestBeside {
		t.Errorf("alone: %+v, error %v", alone, err)
	}
	if n := w.listed["docker.io/o/web"]; n != 3 {
		t.Errorf("%d listings for three explanations", n)
	}
}

// TestDigestAlone: a digest without a tag beside it follows the filter, one beside a tag of nobody that tag only.
func TestDigestAlone(t *testing.T) {
	t.Parallel()
	manifest := "sources: {image: {kind: dockerimage, spec: {image: o/web, versionfilter: ^1}}}\ntargets: {digest: {kind: yaml, writes: digest, spec: {file: a.yaml, key: $.digest}}}\n"
	old, now := digestOf("o/web:1.0.0"), digestOf("o/web:1.1.0")
	for in, want := range map[string]string{
		"digest: " + old + "\n":             "update newest-match",
		"digest: " + now + "\n":             "current already-newest",
		"tag: 1.0.0\ndigest: " + old + "\n": "held digest-beside",
		"tag: 1.1.0\ndigest: " + now + "\n": "current already-newest",
		"tag: 1.1.0\ndigest: " + old + "\n": "held digest-moved",
		"digest: 1.0.0\n":                   "failed target-mismatch",
		"digest: o/web@" + old + "\n":       "failed target-mismatch",
	} {
		got := planned(t, newPlanner(pins("1.0.0", "1.1.0"), map[string]string{"a.yaml": in}), map[string]string{"app": manifest})
		if diff := cmp.Diff([]string{"app/digest " + want}, outcomes(got)); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
	reference := strings.Replace(manifest, "spec: {file: a.yaml, key: $.digest}", "spec: {file: a.yaml, key: $.digest}, transformers: [{addprefix: 'o/web@'}]", 1)
	for value, want := range map[string]string{"o/web@" + old: "o/web@" + now, "o/log@" + old: "", "": "o/web@" + now} {
		got := planned(t, newPlanner(pins("1.0.0", "1.1.0"), map[string]string{"a.yaml": "digest: \"" + value + "\"\n"}), map[string]string{"app": reference})
		if have := after(got)["a.yaml"]; want != "" && have != "digest: \""+want+"\"\n" || want == "" && (have != "" || !got.Failed()) {
			t.Errorf("%q became %q: %+v", value, have, got.Outcomes)
		}
	}
	texts := map[string]string{"app": manifest}
	p := newPlanner(pins("1.0.0"), map[string]string{"a.yaml": "digest: " + now + "\n"})
	p.Ledger = ledger.Ledger{}.Written(ledger.Value{Place: ledger.Place{File: "a.yaml", Key: "$.digest"},
		Asker: ledger.Asker{Manifest: "app", Digest: load(t, texts)[0].Digest}, Value: now, Version: "1.1.0"})
	if diff := cmp.Diff([]string{"app/digest held lower-only"}, outcomes(planned(t, p, texts))); diff != "" {
		t.Errorf("a digest whose version the ledger knows goes down: %s", diff)
	}
}
