package run_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
)

// reportSchema compiles the report's schema together with the plan's.
func reportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	const base = "https://pawl-cd.github.io/schema/"
	for name, data := range map[string][]byte{"pawl.report@1.json": run.ReportSchemaJSON(), "pawl.plan@1.json": plan.SchemaJSON()} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(base+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(base + "pawl.report@1.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// full is a report in which every field says something.
func full(t *testing.T) run.Report {
	t.Helper()
	var plan plan.Plan
	data, err := os.ReadFile("../plan/testdata/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sha := strings.Repeat("0123456789", 4)
	return run.Report{
		Schema: run.ReportSchema, DryRun: true, Paused: "release week",
		Incoming: &run.Incoming{ID: "1", Source: "https://ci.example", Type: "dev.cdevents.artifact.published", Chain: "c", Artifact: "pkg:oci/a", Reason: "r", Ignored: "i"},
		Started:  at, Duration: 1.5, Rounds: 1, Plan: plan,
		Preview:   &run.Preview{Title: "a 1 -> 2", Body: "| a |\n", Message: "a 1 -> 2\n"},
		Pull:      &forge.Pull{Number: 2, URL: "https://github.com/o/r/pull/2", Branch: "pawl/update-2", HeadSHA: sha, Done: "opened", Foreign: []string{"pawl/update"}},
		Withdrawn: []int{1},
		Chain:     "b6c7911f-9c38-5627-90eb-4dbeeb247ebe",
		Events:    []json.RawMessage{json.RawMessage(`{"context":{},"subject":{}}`)},
		Delivery:  []run.Delivery{{Sink: "file", Delivered: 1, Dead: 1, Waiting: 1, Detail: "d"}},
		Merge: &forge.Merge{Outcome: "merged", SHA: sha, At: at, By: "direct", Detail: "d", Hint: "h",
			Decision: change.Decision{Verdict: change.Granted, Code: change.Authorized, Detail: "d", Hint: "h"}},
		Calls: 9, Steps: []run.Step{{Name: "read", Duration: 0.5, Calls: 4, Writes: 1}}, Expires: at,
	}
}

// generic is a value as JSON sees it.
func generic(t *testing.T, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out.(map[string]any)
}

// TestReportSchema shows what is a report and what is none: each row sets one field of a full report, or removes it.
func TestReportSchema(t *testing.T) {
	t.Parallel()
	schema := reportSchema(t)
	const removed = "removed"
	for _, c := range []struct {
		place string
		value any
		valid bool
	}{
		{"", nil, true},
		{"somethingNew", "a later version's", true},
		{"events", []any{map[string]any{"context": map[string]any{}, "subject": map[string]any{}}}, true},
		{"events", "none", false},
		{"incoming", removed, true},
		{"incoming/chain", removed, true},
		{"incoming/artifact", "docker.io/org/a", false},
		{"incoming/id", removed, false},
		{"incoming/ignored", "", false},
		{"incoming/token", "t", false},
		{"preview", removed, true},
		{"pull", removed, true},
		{"merge", removed, true},
		{"steps", removed, true},
		{"merge/decision", removed, true},
		{"schema", removed, false},
		{"schema", "pawl.report/2", false},
		{"plan", removed, true},
		{"plan/schema", "pawl.plan/2", false},
		{"plan/changes", nil, false},
		{"calls", removed, false},
		{"calls", -1, false},
		{"calls", map[string]any{"docker.io": 1}, false},
		{"duration", "1.5s", false},
		{"duration", -1, false},
		{"started", "yesterday", false},
		{"rounds", 0, false},
		{"dryRun", "true", false},
		{"paused", true, false},
		{"withdrawn", []any{}, false},
		{"withdrawn", []any{"1"}, false},
		{"delivery", []any{map[string]any{"sink": "file"}}, false},
		{"preview/title", strings.Repeat("x", 257), false},
		{"preview/body", removed, false},
		{"pull/number", 0, false},
		{"pull/url", "javascript:alert(1)", false},
		{"pull/done", "merged", false},
		{"pull/headSha", "main", false},
		{"pull/token", "t", false},
		{"pull/foreign", []any{}, false},
		{"merge/outcome", "success", false},
		{"merge/outcome", "pending", false},
		{"merge/sha", removed, false},
		{"merge/by", "magic", false},
		{"merge/decision/verdict", "yes", false},
		{"merge/decision/verdict", "", false},
		{"merge/decision/code", "because", false},
		{"merge/decision/grant", "g", false},
		{"merge/hint", "", false},
		{"steps", map[string]any{}, false},
		{"tokenExpires", "0", false},
	} {
		report := generic(t, full(t))
		object, name := report, c.place
		for dir, rest, found := strings.Cut(name, "/"); found; dir, rest, found = strings.Cut(name, "/") {
			object, name = object[dir].(map[string]any), rest
		}
		switch {
		case c.value == removed:
			delete(object, name)
		case name != "":
			object[name] = c.value
		}
		if err := schema.Validate(generic(t, report)); (err == nil) != c.valid {
			t.Errorf("%s = %v: valid is %t, want %t: %v", c.place, c.value, err == nil, c.valid, err)
		}
	}
}

// TestReportSchemaText holds the schema's own words against the code: every field is described, and the closed lists
// are complete.
func TestReportSchemaText(t *testing.T) {
	t.Parallel()
	type node struct {
		Description string
		Ref         string `json:"$ref"`
		Enum        []string
		Properties  map[string]node
	}
	var root struct {
		node
		Defs map[string]node `json:"$defs"`
	}
	if err := json.Unmarshal(run.ReportSchemaJSON(), &root); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, c := range change.Codes() {
		codes = append(codes, string(c))
	}
	sorted := cmp.Transformer("set", func(all []string) map[string]bool {
		set := map[string]bool{}
		for _, one := range all {
			set[one] = true
		}
		return set
	})
	if diff := cmp.Diff(codes, root.Defs["decision"].Properties["code"].Enum, sorted); diff != "" {
		t.Errorf("codes: %s", diff)
	}
	for name, of := range map[string]struct {
		node node
		form any
	}{
		"report": {root.node, run.Report{}}, "preview": {root.Defs["preview"], run.Preview{}}, "pull": {root.Defs["pull"], forge.Pull{}},
		"merge": {root.Defs["merge"], forge.Merge{}}, "decision": {root.Defs["decision"], change.Decision{}}, "incoming": {root.Defs["incoming"], run.Incoming{}}, "delivery": {root.Defs["delivery"], run.Delivery{}}, "step": {root.Defs["step"], run.Step{}},
		"deploy": {root.Defs["deploy"], run.Deploy{}}, "trigger": {root.Defs["trigger"], run.Trigger{}}, "previewTrigger": {root.Defs["previewTrigger"], run.PreviewTrigger{}},
	} {
		for field := range reflect.TypeOf(of.form).Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			described, there := of.node.Properties[key]
			if field.IsExported() && key != "-" && !there {
				t.Errorf("%s.%s is not in the schema", name, key)
			}
			if there && described.Description == "" && root.Defs[path.Base(described.Ref)].Description == "" {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
}
