package event_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/event"
)

// TestCompatible holds every released schema against what was released: within a version fields are added only.
// testdata/released holds the schemas as they were released; a new version gets a new file there.
func TestCompatible(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/released/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d schemas were released, error %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		now, ok := event.SchemaOf(name)
		if !ok {
			t.Errorf("%s was released and is gone", name)
			continue
		}
		for _, problem := range breaks(released(t, name), object(t, now.JSON), "") {
			t.Errorf("%s: %s", name, problem)
		}
	}
	for _, s := range event.Schemas() {
		released(t, s.Name) // what is embedded is released
	}
}

func released(t *testing.T, name string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("testdata/released/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return object(t, raw)
}

func object(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// breaks returns how a schema says something else than before: of each keyword only description, title and default may
// change freely, properties and definitions may be added, an enum may grow.
func breaks(before, now map[string]any, at string) []string {
	var problems []string
	for _, key := range union(before, now) {
		b, had := before[key]
		n, has := now[key]
		where := at + "/" + key
		switch key {
		case "description", "title", "default":
		case "properties", "$defs":
			problems = append(problems, lost(b, n, where)...)
		case "enum":
			if had != has || !containsAll(n, b) {
				problems = append(problems, where+": narrowed")
			}
		case "required":
			if !containsAll(n, b) || !containsAll(b, n) {
				problems = append(problems, where+": a required field came or went")
			}
		default:
			problems = append(problems, differ(b, n, where)...)
		}
	}
	return problems
}

// differ compares the values of any other keyword: a schema by its own keywords, the rest as a whole.
func differ(b, n any, where string) []string {
	if bm, ok := b.(map[string]any); ok {
		if nm, ok := n.(map[string]any); ok {
			return breaks(bm, nm, where)
		}
	}
	if fmt.Sprint(b) != fmt.Sprint(n) {
		return []string{where + ": changed"}
	}
	return nil
}

// lost compares what is named: nothing may go, and what stays must be compatible.
func lost(b, n any, where string) []string {
	var problems []string
	before, _ := b.(map[string]any)
	now, _ := n.(map[string]any)
	for name, schema := range before {
		if _, ok := now[name]; !ok {
			problems = append(problems, where+"/"+name+": gone")
			continue
		}
		problems = append(problems, differ(schema, now[name], where+"/"+name)...)
	}
	return problems
}

func union(a, b map[string]any) []string {
	var all []string
	for key := range a {
		all = append(all, key)
	}
	for key := range b {
		all = append(all, key)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func containsAll(list, wanted any) bool {
	l, _ := list.([]any)
	w, _ := wanted.([]any)
	return !slices.ContainsFunc(w, func(v any) bool { return !slices.Contains(l, v) })
}

// TestCompatibleFails spoils the released schemas and shows that the check sees it, and that it lets grow what may grow.
func TestCompatibleFails(t *testing.T) {
	t.Parallel()
	type node = map[string]any
	in := func(n node, path ...string) node {
		for _, key := range path {
			n = n[key].(node)
		}
		return n
	}
	for _, c := range []struct {
		name, schema string
		spoil        func(s node)
		want         string
	}{
		{"another required field", "change.merged@1", func(s node) { s["required"] = append(s["required"].([]any), "require") }, "/required"},
		{"one required field less", "change.merged@1", func(s node) { s["required"] = s["required"].([]any)[:1] }, "/required"},
		{"a required field of a part", "version.found@0", func(s node) { in(s, "properties", "target")["required"] = []any{"manifest"} }, "/properties/target/required"},
		{"an enum narrowed", "change.abandoned@1", func(s node) { e := in(s, "properties", "reason"); e["enum"] = e["enum"].([]any)[1:] }, "/properties/reason/enum: narrowed"},
		{"an enum that was none", "branch.created@1", func(s node) { in(s, "properties", "change")["enum"] = []any{"a"} }, "/properties/change/enum"},
		{"a field gone", "change.created@1", func(s node) { delete(in(s, "properties"), "omitted") }, "/properties/omitted: gone"},
		{"a field of a definition gone", "change.created@1", func(s node) { delete(in(s, "$defs", "update", "properties"), "artifact") }, "artifact: gone"},
		{"another type", "taskrun.finished@1", func(s node) { in(s, "$defs", "query", "properties", "listed")["type"] = "string" }, "listed/type"},
		{"a bound", "branch.created@1", func(s node) { in(s, "properties", "change")["maxLength"] = 40.0 }, "maxLength"},
		{"closed", "branch.created@1", func(s node) { s["additionalProperties"] = false }, "additionalProperties"},
		{"a case gone", "pipelinerun.queued@1", func(s node) { s["anyOf"] = s["anyOf"].([]any)[:1] }, "/anyOf"},
		{"another field", "branch.created@1", func(s node) { in(s, "properties")["base"] = node{"type": "string"} }, ""},
		{"an enum widened", "change.abandoned@1", func(s node) { e := in(s, "properties", "reason"); e["enum"] = append(e["enum"].([]any), "expired") }, ""},
		{"other words", "branch.created@1", func(s node) { s["description"] = "Other words." }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := released(t, c.schema)
			c.spoil(now)
			got := strings.Join(breaks(released(t, c.schema), now, ""), "; ")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
