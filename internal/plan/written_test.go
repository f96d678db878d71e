package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTagThatTransformersMakeMustExist: addsuffix, addprefix, replacer and semverinc make tags that nobody asked the
// registry for. What stands in the file is what it has confirmed.
func TestTagThatTransformersMakeMustExist(t *testing.T) {
	t.Parallel()
	const absent = "held not-published"
	for _, c := range []struct {
		transformers, value string
		tags, asked         []string
		want                string
	}{
		{"{addsuffix: -alpine}", "1.0.0-alpine", []string{"1.0.0", "1.1.0"}, []string{"1.1.0-alpine"}, absent},
		{"{addsuffix: -alpine}", "1.0.0-alpine", []string{"1.0.0", "1.0.0-alpine", "1.1.0", "1.1.0-alpine"}, []string{"1.1.0-alpine"}, "1.1.0-alpine"},
		{"{addsuffix: -alpine}", "1.0.0-alpine", []string{"1.0.0", "1.1.0", "1.1.0-alpine", "1.2.0"}, []string{"1.2.0-alpine", "1.1.0-alpine"}, "1.1.0-alpine"},
		{"{addsuffix: -alpine}", "1.1.0-alpine", []string{"1.0.0", "1.0.0-alpine", "1.1.0", "1.1.0-alpine", "1.2.0"}, []string{"1.2.0-alpine"}, absent},
		{"{addprefix: v}", "v1.0.0", []string{"1.0.0", "1.1.0"}, []string{"v1.1.0"}, absent},
		{"{addprefix: 'o/web:v'}", "o/web:v1.0.0", []string{"1.0.0", "1.1.0"}, []string{"v1.1.0"}, absent},
		{"{addprefix: 'o/web:'}, {addsuffix: -slim}", "o/web:1.0.0-slim", []string{"1.0.0", "1.1.0"}, []string{"1.1.0-slim"}, absent},
		{"{addprefix: 'o/web:'}", "o/web:1.0.0", []string{"1.0.0", "1.1.0"}, []string{"1.1.0"}, "o/web:1.1.0"},
		{"{trimprefix: v}, {addprefix: 'o/web:v'}", "o/web:v1.0.0", []string{"v1.0.0", "v1.1.0"}, []string{"v1.1.0"}, "o/web:v1.1.0"},
		{"{replacer: {from: '.', to: '-'}}", "1-0-0", []string{"1.0.0", "1.1.0"}, []string{"1-1-0"}, absent},
		{"{semverinc: patch}", "1.0.1", []string{"1.0.0", "1.1.0"}, []string{"1.1.1"}, absent},
		{"{semverinc: minor}", "1.0.0", []string{"1.0.0", "1.1.0"}, []string{"1.2.0"}, absent},
		{"{addsuffix: -x}", "1.0.0-x" + before, []string{"1.0.0", "1.1.0"}, []string{"1.1.0-x"}, absent},
		// What is only shorter than a tag is put together again elsewhere, unless the file shows that it is not.
		{"{trimprefix: v}", "1.0.0", []string{"v1.0.0", "v1.1.0"}, []string{"v1.1.0"}, "1.1.0"},
		{"{trimsuffix: -build}", "1.0.0", []string{"1.0.0", "1.1.0-build"}, []string{"1.1.0"}, absent},
		// No tag stands in a URL.
		{"{addprefix: 'https://h.example/'}, {addsuffix: .tgz}", "https://h.example/1.0.0.tgz", []string{"1.0.0", "1.1.0"}, []string{"1.1.0"}, "https://h.example/1.1.0.tgz"},
	} {
		t.Run(c.transformers+" "+c.value+" "+strings.Join(c.tags, " "), func(t *testing.T) {
			t.Parallel()
			w := pins(c.tags...)
			manifest := prefixed(c.transformers)
			if strings.Contains(c.transformers, "trimsuffix") {
				manifest = strings.Replace(manifest, "versionfilter: ^1", "versionfilter: '>=1.0.0-0'", 1)
			}
			got := planned(t, newPlanner(w, map[string]string{"a.yaml": "v: \"" + c.value + "\"\n"}), map[string]string{"app": manifest})
			asked := map[string]int{}
			for _, tag := range c.asked {
				asked["docker.io/o/web:"+tag] = 1
			}
			if c.want == absent {
				if diff := cmp.Diff([]string{"app/t0 " + absent}, outcomes(got)); diff != "" || len(got.Files) > 0 {
					t.Errorf("%s %v", diff, after(got))
				}
				if o := got.Outcomes[0]; !strings.Contains(o.Detail, c.asked[0]+", which the transformers make of ") || !strings.Contains(o.Hint, "transformers") {
					t.Errorf("%s: %s", o.Detail, o.Hint)
				}
			} else if diff := cmp.Diff(map[string]string{"a.yaml": "v: \"" + c.want + "\"\n"}, after(got)); diff != "" {
				t.Errorf("%s %+v", diff, got.Outcomes)
			}
			if diff := cmp.Diff(asked, w.looked); diff != "" {
				t.Errorf("asked: %s", diff)
			}
		})
	}
}
