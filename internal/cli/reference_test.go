package cli_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/manifest"
)

var rewrite = flag.Bool("update", false, "write golden files and the references in docs/ anew")

// section is the heading of one part of a format, or the place of another page that describes it.
type section struct{ definition, title, elsewhere string }

// reference is a page whose last part is made from a format's schema.
type reference struct {
	page     string
	schema   func() ([]byte, error)
	sections []section
}

func references() []reference {
	return []reference{
		{"manifest.md", manifest.Schema, []section{
			{"document", "The manifest", ""}, {"sourceBlock", "Sources", ""}, {"imageSpec", "Spec of a dockerimage", ""}, {"chartSpec", "Spec of a helmchart", ""},
			{"releaseSpec", "Spec of a githubrelease", ""}, {"gitSpec", "Spec of a gittag", ""}, {"typeFilter", "Type filter", ""}, {"versionFilterBlock", "Version filter", ""},
			{"transformBlock", "Transformers", ""}, {"replaceBlock", "Replacer", ""}, {"findSubMatchBlock", "Submatch", ""},
			{"conditionBlock", "Conditions of targets", ""}, {"existsSpec", "Spec of a condition", ""}, {"targetBlock", "Targets", ""}, {"yamlSpec", "Spec of a target", ""}, {"fileSpec", "Spec of a target of kind file", ""}, {"PolicyBlock", "Policy", ""}, {"holdBlock", "Hold", ""},
		}},
		{"configuration.md", config.Schema, []section{
			{"fileFormat", "The file", ""}, {"registryBlock", "Registry", ""}, {"PolicyBlock", "policy", "manifest.md#policy"}, {"holdBlock", "hold", "manifest.md#hold"},
			{"forgeBlock", "Forge", ""}, {"changeBlock", "Change", ""}, {"policiesBlock", "Policies", ""}, {"gateBlock", "Gate", ""}, {"ledgerMap", "Ledger", ""}, {"mergeMap", "Merge", ""}, {"windowBlock", "Window", ""}, {"freezeBlock", "Freeze", ""}, {"deployBlock", "Deploy", ""}, {"projectBlock", "Project", ""},
			{"eventsBlock", "Events", ""}, {"sinkBlock", "Sink", ""},
		}},
	}
}

const (
	begins = "<!-- what follows is made from the schema: go test ./internal/cli -run TestReference -update -->\n"
	closes = "<!-- end -->\n"
)

// TestReference keeps the reference in step with the formats.
func TestReference(t *testing.T) {
	t.Parallel()
	for _, r := range references() {
		file := "../../docs/" + r.page
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(text), begins)
		_, after, closed := strings.Cut(rest, closes)
		if !ok || !closed {
			t.Fatalf("%s has no place for its reference", r.page)
		}
		want := before + begins + r.markdown(t) + closes + after
		if string(text) == want {
			continue
		}
		if !*rewrite {
			t.Errorf("%s is not as the schema says; go test ./internal/cli -run TestReference -update makes it anew", r.page)
			continue
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shape is the part of a JSON Schema that formats use.
type shape struct {
	Type        any
	Ref         string `json:"$ref"`
	Const       any
	Enum        []any
	AnyOf       []shape `json:"anyOf"`
	AllOf       []shape `json:"allOf"`
	Items       *shape
	Additional  json.RawMessage `json:"additionalProperties"`
	Properties  map[string]shape
	Required    []string
	Description string
	Definitions map[string]shape
}

// markdown describes every definition in a table.
func (r reference) markdown(t *testing.T) string {
	t.Helper()
	data, err := r.schema()
	if err != nil {
		t.Fatal(err)
	}
	var root shape
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{}
	for _, s := range r.sections {
		places["#/definitions/"+s.definition] = fmt.Sprintf("[%s](%s)", s.title, s.elsewhere)
		if s.elsewhere == "" {
			places["#/definitions/"+s.definition] = fmt.Sprintf("[%s](#%s)", s.title, strings.ReplaceAll(strings.ToLower(s.title), " ", "-"))
		}
	}
	for name := range root.Definitions {
		if places["#/definitions/"+name] == "" {
			t.Fatalf("%s: the definition %s has no heading", r.page, name)
		}
	}
	var b strings.Builder
	for _, s := range r.sections {
		d, ok := root.Definitions[s.definition]
		if !ok {
			t.Fatalf("%s: there is no definition %s", r.page, s.definition)
		}
		if s.elsewhere == "" {
			fmt.Fprintf(&b, "\n### %s\n\n| key | value | meaning |\n| --- | --- | --- |\n%s", s.title, d.rows(places))
		}
	}
	return b.String() + "\n"
}

// rows are the keys, those that have to be there first.
func (s shape) rows(places map[string]string) string {
	var keys []string
	for name := range s.Properties {
		keys = append(keys, name)
	}
	needed := func(name string) bool { return slices.Contains(s.Required, name) }
	slices.SortFunc(keys, func(a, b string) int {
		switch {
		case needed(a) != needed(b) && needed(a):
			return -1
		case needed(a) != needed(b):
			return 1
		default:
			return strings.Compare(a, b)
		}
	})
	var b strings.Builder
	for _, name := range keys {
		p := s.Properties[name]
		must := ""
		if needed(name) {
			must = "**required** "
		}
		meaning := strings.NewReplacer("|", `\|`, "<", "&lt;", "{{", "&#123;&#123;").Replace(p.Description)
		fmt.Fprintf(&b, "| `%s` | %s%s | %s |\n", name, must, orElse(p.kind(places), "anything"), meaning)
	}
	return b.String()
}

// kind says in words what may be written.
func (s shape) kind(places map[string]string) string {
	var words []string
	add := func(word string) {
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	switch {
	case s.Ref != "":
		add(places[s.Ref])
	case s.Const == false: // what YAML makes of the word off
	case s.Const != nil:
		add(fmt.Sprintf("`%v`", s.Const))
	case s.Items != nil:
		add("list of " + s.Items.kind(places))
	case len(s.Additional) > 1 && s.Additional[0] == '{':
		var of shape
		_ = json.Unmarshal(s.Additional, &of)
		add("map of " + of.kind(places))
	case len(s.Enum) > 0:
		for _, word := range s.Enum {
			add(fmt.Sprintf("`%v`", word))
		}
	case s.Type == "boolean":
		add("`true` or `false`")
	case s.Type == "integer":
		add("number")
	case s.Type != nil && s.Type != "null":
		add("text")
	}
	for _, one := range append(s.AnyOf, s.AllOf...) {
		add(one.kind(places))
	}
	return strings.Join(words, ", ")
}

// orElse is the kind of what nothing more is said about.
func orElse(kind, otherwise string) string {
	if kind == "" {
		return otherwise
	}
	return kind
}
