package strictyaml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

type garden struct {
	Name   Text        `yaml:"name" required:"true"`
	Kind   Text        `yaml:"kind" enum:"kitchen,rose"`
	Open   Flag        `yaml:"open"`
	Beds   Number      `yaml:"beds"`
	Plants Map[plant]  `yaml:"plants"`
	Owners []Text      `yaml:"owners"`
	Gate   *gate       `yaml:"gate"`
	Size   size        `yaml:"size"`
	Fence  Unsupported `yaml:"fence" hint:"plant a hedge"`
}

type plant struct {
	Height Number `yaml:"height" required:"true"`
}

type gate struct {
	Locked Flag `yaml:"locked"`
}

// size is written as one number or as a map.
type size struct{ Width Number }

type sizeMap struct {
	Width Number `yaml:"width"`
}

func (s *size) DecodeYAML(d *Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &s.Width)
		return
	}
	var m sizeMap
	d.Decode(n, &m)
	s.Width = m.Width
}

func (s *size) Alternatives() []any { return []any{Number{}, sizeMap{}} }

func decode(t *testing.T, text string) (garden, []Problem) {
	t.Helper()
	var g garden
	docs, problems := Documents("g.yaml", []byte(text))
	if len(docs) > 0 {
		problems = append(problems, Decode("g.yaml", docs[0], &g)...)
	}
	return g, problems
}

func TestDecode(t *testing.T) {
	t.Parallel()
	got, problems := decode(t, "name: 1.20\nkind: rose\nopen: true\nbeds: 3\nplants: {b: {height: 2}, a: {height: 1}}\nowners: [x, y]\ngate: {locked: false}\nsize: {width: 4}\n")
	want := garden{
		Name: Text{"1.20", 1, 7}, Kind: Text{"rose", 2, 7}, Open: Flag{true, 3, 7}, Beds: Number{3, 4, 7},
		Plants: Map[plant]{{Text{"b", 5, 10}, plant{Number{2, 5, 22}}}, {Text{"a", 5, 26}, plant{Number{1, 5, 38}}}},
		Owners: []Text{{"x", 6, 10}, {"y", 6, 13}}, Gate: &gate{Flag{false, 7, 16}}, Size: size{Number{4, 8, 15}},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
		t.Errorf("decoded: %s\nproblems: %v", diff, problems)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n" +
		"d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n"
	for name, c := range map[string]struct{ in, want string }{
		"unknown key":       {"name: x\nknid: rose\n", `g.yaml:2:1: unknown key "knid" (did you mean "kind"?)`},
		"nothing near":      {"name: x\nwater: y\n", `g.yaml:2:1: unknown key "water" (known here: name, kind, open, beds, plants, owners, gate, size)`},
		"wrong type":        {"name: [a]\n", "g.yaml:1:7: name: want text, have a list ()"},
		"no number":         {"name: x\nbeds: many\n", `g.yaml:2:7: beds: want a whole number, have "many" ()`},
		"number in quotes":  {"name: x\nbeds: '3'\n", `g.yaml:2:7: beds: want a whole number, have "3" ()`},
		"empty item":        {"name: x\nowners: [a, null]\n", "g.yaml:2:13: want a value, have nothing (write its value, or remove it)"},
		"empty entry":       {"name: x\nplants: {rose: }\n", "g.yaml:2:16: want a value, have nothing (write its value, or remove it)"},
		"alias of nothing":  {"kind: &k\nname: *k\n", `g.yaml:1:1: missing key "name" ()`},
		"no flag":           {"name: x\nopen: 'true'\n", `g.yaml:2:7: open: want true or false, have "true" ()`},
		"no map":            {"- a\n", "g.yaml:1:1: want a map with name, have a list ()"},
		"missing":           {"kind: rose\n", `g.yaml:1:1: missing key "name" ()`},
		"null is missing":   {"name:\n", `g.yaml:1:1: missing key "name" ()`},
		"a lost bracket":    {"name: x\nowners: ann, bob]\n", `g.yaml:2:9: owners: want a list, have "ann, bob]" (write owners: [ann, bob])`},
		"text for a list":   {"name: x\nowners: ann\n", `g.yaml:2:9: owners: want a list, have "ann" (write owners: [ann])`},
		"URL for a list":    {"name: x\nowners: https://a.example\n", `g.yaml:2:9: owners: want a list, have a text with a URL ()`},
		"misspelt key":      {"nmae: x\n", `g.yaml:1:1: unknown key "nmae" (did you mean "name"?)`},
		"enum":              {"name: x\nkind: rsoe\n", `g.yaml:2:7: kind: want kitchen or rose, have "rsoe" (did you mean "rose"?)`},
		"twice":             {"name: x\nname: y\n", `g.yaml:2:1: the key "name" is there twice ()`},
		"twice in cases":    {"name: x\nName: y\n", "g.yaml:2:1: the key \"Name\" is written \"name\" (write name)\ng.yaml:2:1: the key \"name\" is there twice ()"},
		"case":              {"NAME: x\n", `g.yaml:1:1: the key "NAME" is written "name" (write name)`},
		"unsupported":       {"name: x\nfence: high\n", `g.yaml:2:1: "fence" is not supported by pawl (plant a hedge)`},
		"merge key":         {"name: x\ngate: &g {locked: true}\nplants: {a: {<<: *g}}\n", "g.yaml:3:14: merge keys are not supported here (write the keys out)\ng.yaml:3:13: missing key \"height\" ()"},
		"key is a map":      {"name: x\n? {a: b}\n: c\n", "g.yaml:2:3: want a name as key, have a map ()"},
		"all at once":       {"beds: x\nopen: y\n", "g.yaml:1:7: beds: want a whole number, have \"x\" ()\ng.yaml:2:7: open: want true or false, have \"y\" ()\ng.yaml:1:1: missing key \"name\" ()"},
		"template unquoted": {"name: x\nkind: {{ requiredEnv \"X\" }}\n", `g.yaml:2:7: kind: want text, have a map (put quotes around the expression: '{{ requiredEnv "NAME" }}')`},
		"syntax":            {"name: [x\n", "g.yaml:1:1: reading YAML: a bracket is not closed (close the bracket that is opened here, and put commas between what is in it)"},
		"bomb":              {bomb + "name: x\nowners: [*e]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := decode(t, c.in)
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%s (%s)", p.Error(), p.Hint))
			}
			if name == "bomb" {
				if len(got) == 0 || len(got) > 20 {
					t.Errorf("a nest of aliases gives %d problems", len(got))
				}
				return
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// leaf is a list of lists: what a nest of aliases needs to expand.
type leaf []Text

func (l *leaf) DecodeYAML(d *Decoder, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		*l = append(*l, Text{})
		return
	}
	for _, c := range n.Content {
		var inner leaf
		d.Decode(c, &inner)
	}
}

func (l *leaf) Alternatives() []any { return nil }

func TestAliasNestIsBounded(t *testing.T) {
	t.Parallel()
	text := "- &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'l'; c++ {
		text += fmt.Sprintf("- &%c [%s]\n", c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	docs, _ := Documents("bomb.yaml", []byte(text))
	var l leaf
	problems := Decode("bomb.yaml", docs[0], &l)
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "expands to more than") {
		t.Errorf("problems: %v", problems)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	if _, problems := Documents("big.yaml", make([]byte, MaxSize+1)); len(problems) != 1 || !strings.Contains(problems[0].Message, "limit") {
		t.Errorf("a large file: %v", problems)
	}
	if docs, problems := Documents("many.yaml", []byte(strings.Repeat("---\na: 1\n", maxDocuments+1))); len(docs) != maxDocuments || len(problems) != 1 {
		t.Errorf("many documents: %d, %v", len(docs), problems)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"name: x\n", "a: &a [*a]\n", "? a\n", "{{", "%YAML 1.1\n---\nname: !!binary x\n", "\xef\xbb\xbfname: x\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, problems := Documents("f.yaml", []byte(text))
		for _, d := range docs {
			var g garden
			problems = append(problems, Decode("f.yaml", d, &g)...)
		}
		for _, p := range problems {
			if p.Message == "" || p.Line < 0 || strings.Contains(p.Message, "\n") {
				t.Fatalf("bad problem: %+v", p)
			}
		}
	})
}
