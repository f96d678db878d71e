package event_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/contract"
	"github.com/pawl-cd/pawl/internal/fake/cdevents"
)

// samples returns the sample events by file name; those whose name says invalid apart.
func samples(t testing.TB) (valid, invalid map[string][]byte) {
	t.Helper()
	files, err := filepath.Glob("schemas/samples/*.sample.json")
	if err != nil {
		t.Fatal(err)
	}
	valid, invalid = map[string][]byte{}, map[string][]byte{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if strings.Contains(name, ".invalid-") {
			invalid[name] = raw
		} else {
			valid[name] = raw
		}
	}
	return valid, invalid
}

// TestSampleFiles: every schema has a minimal or full sample and an invalid one; the valid ones pass the specification
// and the contract; the invalid ones pass the specification, so that the contract alone refuses them.
func TestSampleFiles(t *testing.T) {
	t.Parallel()
	valid, invalid := samples(t)
	validate, count := cdevents.Validate, map[string][2]int{}
	of := func(name string) string { return name[:strings.Index(name, "@")+2] }
	for name, raw := range valid {
		c := count[of(name)]
		c[0]++
		count[of(name)] = c
		if err := validate(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := contract.Validate(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range invalid {
		c := count[of(name)]
		c[1]++
		count[of(name)] = c
		if err := validate(raw); err != nil {
			t.Errorf("%s is refused for another reason: %v", name, err)
		}
		if contract.Validate(raw) == nil {
			t.Errorf("%s is valid", name)
		}
	}
	for _, s := range event.Schemas() {
		if c := count[s.Name]; c[0] < 2 || c[1] < 1 {
			t.Errorf("%s has %d samples and %d invalid ones", s.Name, c[0], c[1])
		}
	}
}

// TestSchemas: there is a schema for every type that is told, each describes every field, and what is told has no field
// that it does not describe.
func TestSchemas(t *testing.T) {
	t.Parallel()
	all := event.Schemas()
	if len(all) != len(event.Kinds())+1 {
		t.Errorf("%d schemas for %d types", len(all), len(event.Kinds()))
	}
	valid, _ := samples(t)
	for _, s := range all {
		var doc any
		if err := json.Unmarshal(s.JSON, &doc); err != nil {
			t.Fatal(err)
		}
		describe(t, s.Name, doc)
		closed, compiler := "https://test.invalid/"+s.Name, jsonschema.NewCompiler()
		if err := compiler.AddResource(closed, seal(doc)); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile(closed)
		if err != nil {
			t.Fatal(err)
		}
		for name, raw := range valid {
			if !strings.HasPrefix(name, s.Name+".") {
				continue
			}
			if err := schema.Validate(part(t, s, raw)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, ok := event.SchemaOf("change.merged@9"); ok {
		t.Error("there is a schema of a version to come")
	}
}

// part is what a schema describes of an event.
func part(t *testing.T, s event.Schema, raw []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if s.Custom() {
		return value.(map[string]any)["subject"].(map[string]any)["content"]
	}
	return value.(map[string]any)["customData"].(map[string]any)["pawl"]
}

// seal closes every object of a schema.
func seal(node any) any {
	switch n := node.(type) {
	case map[string]any:
		for _, child := range n {
			seal(child)
		}
		if n["type"] == "object" {
			n["additionalProperties"] = false
		}
	case []any:
		for _, child := range n {
			seal(child)
		}
	}
	return node
}

// describe checks that every property says what it is.
func describe(t *testing.T, where string, node any) {
	n, ok := node.(map[string]any)
	if !ok {
		return
	}
	properties, _ := n["properties"].(map[string]any)
	for name, property := range properties {
		if text, _ := property.(map[string]any)["description"].(string); text == "" {
			t.Errorf("%s.%s has no description", where, name)
		}
		describe(t, where+"."+name, property)
	}
	definitions, _ := n["$defs"].(map[string]any)
	for name, definition := range definitions {
		describe(t, where+"#"+name, definition)
	}
}

// TestContractAgrees spoils each standard event in every place and way, outside of what is ours, and holds the offline
// check against the specification's own schemas.
func TestContractAgrees(t *testing.T) {
	t.Parallel()
	validate, compared, refused := cdevents.Validate, 0, 0
	for _, s := range everything(t) {
		var doc map[string]any
		if err := json.Unmarshal(s.message.Body, &doc); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.message.Type, "cdeventsx") {
			continue
		}
		spoil(doc, func(where string) {
			raw, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			want, got := validate(raw), contract.Validate(raw)
			if strings.Contains(s.message.Type, ".testcaserun.") && want == nil && where == "with another source" {
				return // the specification's schema of this type alone does not say what a source is
			}
			if compared++; want != nil {
				refused++
			}
			if (want == nil) != (got == nil) {
				t.Errorf("%s: the specification says %v, the contract %v\n%s", where, want, got, raw)
			}
		})
	}
	if compared < 1000 || refused < 500 {
		t.Errorf("compared %d, refused %d", compared, refused)
	}
}

// TestOurPartAgrees does the same with what is ours, against a complete implementation of JSON Schema.
func TestOurPartAgrees(t *testing.T) {
	t.Parallel()
	valid, _ := samples(t)
	compared, refused := 0, 0
	for _, s := range event.Schemas() {
		schema := compile(t, s)
		for name, raw := range valid {
			if !strings.HasPrefix(name, s.Name+".") {
				continue
			}
			var doc map[string]any
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			spoil(ourPart(doc, s), func(where string) {
				raw, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				want, got := schema.Validate(part(t, s, raw)), contract.Validate(raw)
				if compared++; want != nil {
					refused++
				}
				if (want == nil) != (got == nil) {
					t.Errorf("%s: the schema says %v, the contract %v\n%s", where, want, got, raw)
				}
			})
		}
	}
	if compared < 1000 || refused < 500 {
		t.Errorf("compared %d, refused %d", compared, refused)
	}
}

func ourPart(doc map[string]any, s event.Schema) map[string]any {
	if s.Custom() {
		return doc["subject"].(map[string]any)["content"].(map[string]any)
	}
	return doc["customData"].(map[string]any)["pawl"].(map[string]any)
}

func compile(t *testing.T, s event.Schema) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.JSON))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("https://test.invalid/"+s.Name, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("https://test.invalid/" + s.Name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestKeywords: the schemas use no keyword that the offline check does not know.
func TestKeywords(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("contract/cdevents@0.5.json")
	if err != nil {
		t.Fatal(err)
	}
	texts := [][]byte{raw}
	for _, s := range event.Schemas() {
		texts = append(texts, s.JSON)
	}
	known := strings.Fields("$schema title description $defs $ref type const enum anyOf minLength maxLength pattern format minimum maxItems items required properties additionalProperties")
	var visit func(node any)
	visit = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, child := range n {
				visit(child)
			}
		case map[string]any:
			for key, child := range n {
				if !slices.Contains(known, key) {
					t.Errorf("the keyword %s is not known", key)
				}
				if named, ok := child.(map[string]any); ok && (key == "properties" || key == "$defs") {
					for _, schema := range named {
						visit(schema)
					}
					continue
				}
				visit(child)
			}
		}
	}
	for _, text := range texts {
		visit(any(object(t, text)))
	}
}

// spoil changes one place after the other, calls try, and undoes the change.
func spoil(node map[string]any, try func(where string)) {
	for key, value := range node {
		if key == "pawl" {
			continue
		}
		delete(node, key)
		try("without " + key)
		for _, other := range []any{nil, "", 1.5, 4.0, -1, 1e300, true, []any{}, map[string]any{}, "a b:%zz", "sha256:0", `c:\d`} {
			if _, text := other.(string); text && (key == "type" || key == "specversion") {
				continue // of another type or version there is nothing to compare with
			}
			node[key] = other
			try("with another " + key)
		}
		node[key] = value
		switch v := value.(type) {
		case map[string]any:
			v["surplus"] = 1.0
			try("with a surplus in " + key)
			delete(v, "surplus")
			spoil(v, try)
		case []any:
			for _, item := range v {
				if m, ok := item.(map[string]any); ok {
					spoil(m, try)
				}
			}
		}
	}
}
