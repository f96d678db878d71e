package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/policy"
)

// TestConditions asks for the images that targets depend on, each once: what is not there holds the update, what cannot be
// asked fails it, and a value that stays asks nothing.
func TestConditions(t *testing.T) {
	t.Parallel()
	const release = "sources: {v: {kind: githubrelease, spec: {owner: o, repository: %r, versionfilter: '*'}, transformers: [{trimprefix: v}]}%more}\n" +
		"conditions: {c: {kind: dockerimage, sourceid: v, spec: %c}}\n" +
		"targets: {t: {kind: yaml, sourceid: v, spec: {file: a.yaml, key: $.a}}}\n"
	for name, c := range map[string]struct {
		repository, condition, more string
		want, says                  string
		looked                      int
	}{
		"there":                     {"r", "{image: o/img}", "", "update newest-match", "", 1},
		"not there":                 {"late", "{image: o/img}", "", "held not-published", "condition c: docker.io/o/img:3.0.0 cannot be pulled yet; 1.0.0 stays", 1},
		"nothing to write":          {"old", "{image: o/img}", "", "current already-newest", "", 0},
		"not to be asked":           {"r", "{image: o/broken}", "", "failed source-failed", "condition c: looking at docker.io/o/broken:2.0.0: boom", 1},
		"a tag of its own":          {"late", "{image: o/img, tag: 1.0.0}", "", "update newest-match", "", 1},
		"a tag with the version":    {"r", "{image: o/img, tag: 'x{{ source \"v\" }}-a'}", "", "held not-published", "condition c: docker.io/o/img:x2.0.0-a cannot be pulled yet; 1.0.0 stays", 1},
		"a tag that is the version": {"r", "{image: o/img, tag: '{{ source \"v\" }}'}", "", "update newest-match", "", 1},
		"built for it":              {"r", "{image: o/img, architectures: [arm64, linux/amd64]}", "", "update newest-match", "", 1},
		"not built for it":          {"r", "{image: o/img, architectures: [arm64, s390x]}", "", "held not-published", "condition c: docker.io/o/img:2.0.0 is not built for s390x; 1.0.0 stays", 1},
		"a variant is named":        {"r", "{image: o/img, architecture: arm64/v8}", "", "update newest-match", "", 1},
		"not there for anything":    {"late", "{image: o/img, architectures: [arm64]}", "", "held not-published", "condition c: docker.io/o/img:3.0.0 cannot be pulled yet; 1.0.0 stays", 1},
		"of another source":         {"r", "{image: o/img}", ", w: {kind: dockerimage, spec: {image: o/img, versionfilter: <2}}", "update newest-match", "", 1},
		"of another source, absent": {"r", "{image: o/other}", ", w: {kind: dockerimage, spec: {image: o/img, versionfilter: <2}}", "held not-published", "condition c: docker.io/o/other:1.0.0 cannot be pulled yet; 1.0.0 stays", 1},
		"of a source of nothing":    {"r", "{image: o/img}", ", w: {kind: dockerimage, spec: {image: o/none, versionfilter: '*'}}", "failed source-failed", "the source w gives no version", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{
				listings:  map[string][]string{"o/r": {"v1.0.0", "v2.0.0"}, "o/late": {"v1.0.0", "v3.0.0"}, "o/old": {"v1.0.0"}, "docker.io/o/img": {"1.0.0", "2.0.0"}},
				platforms: map[string][]string{"docker.io/o/img:2.0.0": {"linux/amd64", "linux/arm64/v8"}},
				faults:    map[string]error{"docker.io/o/broken:2.0.0": errors.New("boom")},
			}
			text := strings.NewReplacer("%r", c.repository, "%c", c.condition, "%more", c.more).Replace(release)
			if c.more != "" {
				text = strings.Replace(text, "dockerimage, sourceid: v", "dockerimage, sourceid: w", 1)
			}
			p := newPlanner(w, map[string]string{"a.yaml": "a: 1.0.0\n", "b.yaml": "a: 1.0.0\n"})
			got := planned(t, p, map[string]string{"one": text, "two": strings.Replace(text, "a.yaml", "b.yaml", 1)})
			if diff := cmp.Diff([]string{"one/t " + c.want, "two/t " + c.want}, outcomes(got)); diff != "" || !strings.Contains(got.Outcomes[0].Detail, c.says) {
				t.Errorf("%s%s", diff, got.Outcomes[0].Detail)
			}
			total := 0
			for _, n := range w.looked {
				total += n
			}
			if total != c.looked {
				t.Errorf("asked for %v, want %d", w.looked, c.looked)
			}
			all, err := p.Explain(t.Context(), load(t, map[string]string{"one": text})[0])
			if err != nil || len(all) != 1 || all[0].Decision.Outcome != policy.Outcome(strings.Fields(c.want)[0]) {
				t.Errorf("explained as %+v, %v", all, err)
			}
		})
	}
}
