package plan_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

// planSchema compiles the schema; what is returned validates JSON.
func planSchema(t *testing.T) func(data []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.SchemaJSON()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("plan.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(data []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
}

// TestPlansAreValid holds real plans, with every kind of outcome, against the schema.
func TestPlansAreValid(t *testing.T) {
	t.Parallel()
	validate := planSchema(t)
	w := releases()
	w.listings["https://h.example#c"] = []string{"1.0.0", "1.1.0"}
	got := planned(t, newPlanner(w, map[string]string{"a.yaml": "v: 1.0.0\nw: 1.5.0\nx: 1.1.0\n---\ny: 1.0.0\n"}), map[string]string{
		"update": follow("o/a", "^1", "a.yaml:$.v"), "held": follow("o/a", "^1", "a.yaml:$.w"), "current": follow("o/a", "^1", "a.yaml:$.x"),
		"none": follow("o/a", "^9", "a.yaml:$.x"), "failed": follow("o/a", "^1", "a.yaml:$.z"), "invalid": "a: [",
		"chart": "sources: {s: {kind: helmchart, spec: {url: 'https://h.example', name: c, versionfilter: ^1}}}\ntargets: {t: {kind: yaml, spec: {file: a.yaml, key: $.y}}}\n",
	})
	seen := map[policy.Outcome]bool{}
	for _, o := range got.Outcomes {
		seen[o.Outcome] = true
	}
	if len(seen) != 5 || len(got.Changes) != 2 || got.Changes[0].Document != 1 {
		t.Fatalf("the plan shows too little: %v, %+v", seen, got.Changes)
	}
	got.Requests, got.Remaining = map[string]int{"docker.io": 3}, map[string]int{"docker.io": 97}
	for _, p := range []plan.Plan{got, planned(t, newPlanner(w, nil), map[string]string{"invalid": "a: ["})} {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(data); err != nil {
			t.Errorf("%s\n%v", data, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	validate := planSchema(t)
	read := func(file string) []byte {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if err := validate(read("testdata/plan.json")); err != nil {
		t.Fatalf("the plan that the others vary is invalid: %v", err)
	}
	files, err := filepath.Glob("testdata/invalid/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		if validate(read(file)) == nil {
			t.Errorf("%s is valid", file)
		}
	}
}

// TestSchemaText holds the schema's own words against the code: the reasons, the version, and a description of every
// field.
func TestSchemaText(t *testing.T) {
	t.Parallel()
	type node struct {
		Const, Description   string
		Ref                  string `json:"$ref"`
		Enum                 []string
		Type                 string
		AdditionalProperties json.RawMessage
		Properties           map[string]json.RawMessage
	}
	var root struct {
		node
		Defs map[string]node `json:"$defs"`
	}
	if err := json.Unmarshal(plan.SchemaJSON(), &root); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, r := range policy.Reasons() {
		reasons = append(reasons, string(r))
	}
	if diff := cmp.Diff(reasons, root.Defs["reason"].Enum); diff != "" {
		t.Errorf("reasons: %s", diff)
	}
	for name, object := range map[string]node{"plan": root.node, "change": root.Defs["change"], "outcome": root.Defs["outcome"]} {
		if string(object.AdditionalProperties) != "false" {
			t.Errorf("%s is open", name)
		}
		for key, text := range object.Properties {
			var field node
			if err := json.Unmarshal(text, &field); err != nil {
				t.Fatal(err)
			}
			if field.Description == "" && root.Defs[filepath.Base(field.Ref)].Description == "" {
				t.Errorf("%s.%s has no description", name, key)
			}
			if key == "schema" && field.Const != plan.PlanSchema {
				t.Errorf("version %q", field.Const)
			}
		}
	}
}
