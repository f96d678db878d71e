package manifest

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// loadWith loads a manifest with the values that a file says.
func loadWith(t *testing.T, values, text string) Manifest {
	t.Helper()
	opt := options()
	opt.Values = Values{}
	if problems := opt.Values.Read("values.yaml", []byte(values)); len(problems) > 0 {
		t.Fatal(problems)
	}
	all, err := Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte(text)}}, nil, opt)
	if err != nil || len(all) != 1 {
		t.Fatalf("loaded %d manifests, error %v", len(all), err)
	}
	return all[0]
}

// TestExpressions puts an expression into every way that YAML has to write a text: what it stands for stays one text.
func TestExpressions(t *testing.T) {
	t.Parallel()
	const values = "a: {b: org/web, dots: 'x: y # z', list: [1], empty: '', none: null, tilde: ~, zero: 0, no: false, zeros: '0', version: 1.10}\nname: MIRROR\n"
	for written, want := range map[string]string{
		`{{ .a.b }}`:                              "org/web",
		`{{.a.b}}`:                                "org/web",
		`{{- .a.b -}}`:                            "org/web",
		`"{{ .a.b }}"`:                            "org/web",
		`'{{ .a.b }}'`:                            "org/web",
		`{{ requiredEnv "MIRROR" }}/app`:          "registry.example/app",
		`"{{ requiredEnv \"MIRROR\" }}/app"`:      "registry.example/app",
		`'{{ requiredEnv ''MIRROR'' }}/app'`:      "",
		"{{ env `MIRROR` }}/app":                  "registry.example/app",
		`{{ requiredEnv .name }}/app`:             "registry.example/app",
		`{{ env "UNSET" | default "o" }}/app`:     "o/app",
		`"{{ env \"UNSET\" | default \"org\" }}"`: "org",
		`{{ .a.lost | default "o" }}/app`:         "o/app",
		`{{ .a.empty | default "o" }}/app`:        "o/app",
		`>-` + "\n        {{ .a.b }}":             "org/web",
		`org/{{ .a.dots }}`:                       "",
		`{{ .a.list }}`:                           "",
		`{{ .a.list | default "o" }}`:             "",
		`{{ .a | default "o" }}`:                  "",
		`org/{{ .a.none }}`:                       "",
		`org/{{ .a.tilde }}`:                      "",
		`{{ .a.none | default "o" }}/app`:         "o/app",
		`{{ .a.zero | default "o" }}/app`:         "o/app",
		`{{ .a.no | default "o" }}/app`:           "o/app",
		`org/{{ .a.zero }}-{{ .a.no }}`:           "org/0-false",
		`org/{{ .a.zeros | default "o" }}`:        "org/0",
		`org/{{ .a.version }}`:                    "org/1.10",
		`{{ .a }}`:                                "",
		`{{ .a.lost }}`:                           "",
		`{{ .a.b | upper }}`:                      "",
		`{{ printf "%s" .a.b }}`:                  "",
		`{{ requiredEnv "GITHUB_TOKEN" }}`:        "",
		`{{ env "HOME" | default "o" }}`:          "",
		`{{ "text" }}`:                            "",
	} {
		m := loadWith(t, values, "sources:\n  s:\n    kind: dockerimage\n    spec:\n      versionfilter: '*' # {{ .a.b }}\n      image: "+written+"\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n")
		got := ""
		if m.Valid() {
			got = m.Sources[0].Name
		}
		if got != want {
			t.Errorf("%s: have %q, want %q: %v", written, got, want, m.Problems)
		}
	}
}

// TestExpressionsKeepPlaces reports a fault behind an expression where it stands.
func TestExpressionsKeepPlaces(t *testing.T) {
	t.Parallel()
	m := loadWith(t, "a: b\n", "name: {{ .ä }} and {{ .a }}\nsources: {s: {kind: dockerimage, spec: {image: {{ .a }}/{{ .a }}, versionfilterr: x, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n")
	if len(m.Problems) == 0 || m.Problems[0].Place() != "manifests/app.yaml:2:67" {
		t.Errorf("%v", m.Problems)
	}
	broken := loadWith(t, "a: b\n", "sources: {{ .a }\n{{ .a }}: [\n")
	for _, p := range broken.Problems {
		if strings.ContainsRune(p.Message+p.Hint, hole) {
			t.Errorf("a stand-in is shown: %v", p)
		}
	}
}

// TestValues lets later files win, key by key.
func TestValues(t *testing.T) {
	t.Parallel()
	v := Values{}
	for _, text := range []string{"a: {b: 1, c: 2}\nd: &x {e: 1.10}\nf: *x\n", "a: {c: 3}\nd: text\n"} {
		if problems := v.Read("values.yaml", []byte(text)); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	got := map[string]string{}
	for _, path := range []string{".a.b", ".a.c", ".d", ".f.e", ".a", ".a.b.c", ".g"} {
		if text, ok := v.Look(path); ok {
			got[path] = text
		}
	}
	if diff := cmp.Diff(map[string]string{".a.b": "1", ".a.c": "3", ".d": "text", ".f.e": "1.10"}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"- a\n", "a: [\n", "text\n", "a: &a {b: c}\nd: {<<: *a}\n"} {
		if !strictyaml.Failed(Values{}.Read("values.yaml", []byte(bad))) {
			t.Errorf("%q is accepted", bad)
		}
	}
	bomb := "a0: &a0 {x: 1}\n"
	for i := range 30 {
		bomb += fmt.Sprintf("a%d: &a%d {x: *a%d, y: *a%d}\n", i+1, i+1, i, i)
	}
	if !strictyaml.Failed(Values{}.Read("values.yaml", []byte(bomb))) {
		t.Error("a nest of aliases is accepted")
	}
}

// TestTemplatesThatDecide refuses what decides, wherever it stands; the same words elsewhere are none of it.
func TestTemplatesThatDecide(t *testing.T) {
	t.Parallel()
	for line, column := range map[string]int{
		"{{ if .a }}": 1, "  {{- end }}": 3, "# {{ if .a }}": 3, "  #{{ range .a }}": 4, "name: x # ä {{ else }}": 13, "#- {{ $x := .a }}": 4, "# {{- /* x */}}": 3,
		"# {{ .a }}": 0, "# {{ endpoint }}": 0, "#{{ .if }} and {{ .end }}": 0, "name: '{{ .with }}'": 0, "# if a, then b": 0,
	} {
		m := loadWith(t, "a: b\n", line+"\nsources: {s: {kind: dockerimage, spec: {image: org/web, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n")
		if column == 0 && !m.Valid() || column > 0 && (len(m.Problems) != 1 || m.Problems[0].Line != 1 || m.Problems[0].Column != column) {
			t.Errorf("%s: %v", line, m.Problems)
		}
	}
}

// FuzzValue puts any text into a manifest as a value: it stays in its place, as it is, and brings nothing else along.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{"x", "", "a: b", "}, u: {kind: yaml", "'\"#", "{{ .a }}", "{{ source \"s\" }}", "\ue000\ue010", "\n- x\n", "true", "1.10", "&a *a", "\\1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !utf8.ValidString(value) {
			return
		}
		for _, form := range []string{"<{{ .a }}>{{ source \"s\" }}", "'<{{ .a }}>{{ source \"s\" }}'", "\"<{{ .a }}>{{ source `s` }}\""} {
			opt := options()
			opt.Values = Values{"a": value}
			all, err := Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte("sources: {s: {kind: dockerimage, spec: {image: org/web, versionfilter: '*'}}}\n" +
				"targets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a, value: " + form + "}}}\n")}}, nil, opt)
			if err != nil || len(all) != 1 || !all[0].Valid() || len(all[0].Targets) != 1 {
				t.Fatalf("%s with %q: %v %v", form, value, err, all)
			}
			if got, err := all[0].Targets[0].Transform.Apply("1.0"); err != nil || got != "<"+value+">1.0" {
				t.Fatalf("%s with %q became %q: %v", form, value, got, err)
			}
		}
	})
}

// FuzzCover covers and uncovers any text: it has as many characters in between, and comes back as it was.
func FuzzCover(f *testing.F) {
	for _, seed := range []string{"a: {{ .b }}\n", `a: "{{ x \"y\" }}" # {{`, "{{}}{{ a }}{{{ b }}}", "\ue000\ue010{{ a }}", strings.Repeat("{{}}", 12), "a: '{{ ''x'' }}'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		covered, expressions := cover([]byte(text))
		if utf8.RuneCount(covered) != utf8.RuneCountInString(text) || uncover(string(covered), 0, expressions) != text {
			t.Fatalf("%q became %q", text, covered)
		}
		docs, _ := documents("x.yaml", []byte(text))
		for _, d := range docs {
			uncoverAll(d, expressions)
			if len(expressions) > 0 && strings.ContainsRune(textsOf(d), hole) {
				t.Fatalf("a stand-in is left of %q", text)
			}
		}
	})
}

func textsOf(n *yaml.Node) string {
	all := n.Value
	for _, c := range n.Content {
		all += textsOf(c)
	}
	return all
}
