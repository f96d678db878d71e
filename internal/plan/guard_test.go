package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/plan"
)

// prefixed is a manifest that follows o/web and writes it behind a prefix.
func prefixed(transformers string) string {
	return "sources: {image: {kind: dockerimage, spec: {image: o/web, versionfilter: ^1}}}\n" +
		"targets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.v}, transformers: [" + transformers + "]}}\n"
}

func web() *world {
	return &world{listings: map[string][]string{"docker.io/o/web": {"1.0.0", "1.1.0"}}}
}

// TestAnotherImageIsNeverOverwritten: what stands before the tag in the file must be what the manifest writes there.
func TestAnotherImageIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	const plain, mismatch = "", "app/t0 failed target-mismatch"
	for _, c := range []struct{ prefix, value, want, hint string }{
		{"o/web:", "o/web:1.0.0", "o/web:1.1.0", ""},
		{"o/web:", "o/web", "o/web:1.1.0", ""},
		{"o/web:", "", "o/web:1.1.0", ""},
		{"o/web:", "o/log:1.0.0", mismatch, "correct key"},
		{"o/web:", "o/log", mismatch, "correct key"},
		{"o/web:", "o/web-log:1.0.0", mismatch, "correct key"},
		{"o/web:", "x/o/web:1.0.0", mismatch, "correct key"},
		{"o/web:", "1.0.0", mismatch, "correct key"},
		{"o/web:", "docker.io/o/web:1.0.0", mismatch, "the same image in another spelling: write addprefix: 'docker.io/o/web:'"},
		{"docker.io/o/web:", "o/web:1.0.0", mismatch, "another spelling: write addprefix: 'o/web:'"},
		{"web:", "web:5000/o/web:1.0.0", mismatch, "correct key"},
		{"localhost:5000/o/web:", "localhost:5000/o/web:1.0.0", "localhost:5000/o/web:1.1.0", ""},
		{"mirror.example/o/web:", "mirror.example/o/web:1.0.0", "mirror.example/o/web:1.1.0", ""},
		{"o/web:", "https://h.example/web", mismatch, "correct key"},
		{plain, "o/log:1.0.0", mismatch, "write transformers: [{addprefix: 'o/log:'}]"},
		{plain, "nginx:1.0.0", mismatch, "addprefix: 'nginx:'"},
		{plain, "feature/x", "1.1.0", ""},
		{plain, "latest", "1.1.0", ""},
		{plain, "~", "1.1.0", ""},
		{plain, digestOf("o/web:1.0.0"), mismatch, "add writes: digest"},
		{plain, "1.0.0@sha256:no", mismatch, "correct the value"},
	} {
		t.Run(c.prefix+" "+c.value, func(t *testing.T) {
			t.Parallel()
			transformers := ""
			if c.prefix != "" {
				transformers = "{addprefix: '" + c.prefix + "'}"
			}
			in := "v: \"" + c.value + "\"\n"
			got := planned(t, newPlanner(web(), map[string]string{"a.yaml": in}), map[string]string{"app": prefixed(transformers)})
			if strings.HasPrefix(c.want, "app/") {
				if diff := cmp.Diff([]string{c.want}, outcomes(got)); diff != "" || len(got.Files) > 0 {
					t.Errorf("%s %v", diff, after(got))
				}
				if o := got.Outcomes[0]; !strings.HasPrefix(o.Detail, "a.yaml:1:4: ") || !strings.Contains(o.Hint, c.hint) {
					t.Errorf("%s: %s", o.Detail, o.Hint)
				}
				return
			}
			if diff := cmp.Diff(map[string]string{"a.yaml": "v: \"" + c.want + "\"\n"}, after(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReplacedImage: what a replacer or an expression makes is known only with the version.
func TestReplacedImage(t *testing.T) {
	t.Parallel()
	const replacer = "{addprefix: x}, {replacer: {from: x, to: 'o/web:'}}"
	for value, want := range map[string]string{
		"o/web:1.0.0": "update newest-match", "o/log:1.0.0": "failed target-mismatch", "1.0.0": "failed target-mismatch", "": "update newest-match",
	} {
		got := planned(t, newPlanner(web(), map[string]string{"a.yaml": "v: \"" + value + "\"\n"}), map[string]string{"app": prefixed(replacer)})
		if diff := cmp.Diff([]string{"app/t0 " + want}, outcomes(got)); diff != "" || got.Failed() && len(got.Files) > 0 {
			t.Errorf("%s: %s", value, diff)
		}
	}
	got := planned(t, newPlanner(web(), map[string]string{"a.yaml": "v: o/log:1.0.0\n"}), map[string]string{"app": prefixed("{find: '.*'}")})
	if diff := cmp.Diff([]string{"app/t0 failed target-mismatch"}, outcomes(got)); diff != "" {
		t.Errorf("a tag alone: %s", diff)
	}
}

// TestMismatchIsFoundWithoutAsking shows validate's view of it, and that the source is not asked.
func TestMismatchIsFoundWithoutAsking(t *testing.T) {
	t.Parallel()
	w := web()
	p := newPlanner(w, map[string]string{"a.yaml": "v: o/log:1.0.0\n"})
	texts := map[string]string{"app": prefixed("{addprefix: 'o/web:'}")}
	planned(t, p, texts)
	problems := plan.Check(load(t, texts), p.Files)
	if len(w.listed) > 0 || len(problems) != 1 || !strings.Contains(problems[0].Message, "begins with o/web:") {
		t.Errorf("listed %v, problems %v", w.listed, problems)
	}
}

// TestEncryptedIsNeverOverwritten: neither a value of SOPS, nor any in a file whose checksum covers all.
func TestEncryptedIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	const mac = "sops:\n  mac: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n  lastmodified: \"2026-01-01T00:00:00Z\"\n"
	for in, want := range map[string]string{
		"v: 1.0.0\n" + mac: "app/t0 failed target-encrypted",
		"v: 1.0.0\n" + mac + "  mac_only_encrypted: true\n":                                      "app/t0 update newest-match",
		"v: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n" + mac + "  mac_only_encrypted: true\n": "app/t0 failed target-encrypted",
		"v: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n":                                        "app/t0 failed target-encrypted",
		"v: 1.0.0\n---\nw: 1\n" + mac:                                                            "app/t0 failed target-encrypted",
	} {
		got := planned(t, newPlanner(web(), map[string]string{"a.yaml": in}), map[string]string{"app": prefixed("")})
		if diff := cmp.Diff([]string{want}, outcomes(got)); diff != "" || got.Failed() && (len(got.Files) > 0 || got.Outcomes[0].Hint == "") {
			t.Errorf("%s: %s %v", in, diff, after(got))
		}
		if after := after(got)["a.yaml"]; !got.Failed() && after != strings.Replace(in, "v: 1.0.0", "v: 1.1.0", 1) {
			t.Errorf("%s became %s", in, after)
		}
	}
}
