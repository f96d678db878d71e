package cli_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
)

// reportSchema is compiled once; it may be used from several goroutines.
var reportSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const base = "https://pawl-cd.github.io/schema/"
	for name, data := range map[string][]byte{"pawl.report@1.json": run.ReportSchemaJSON(), "pawl.plan@1.json": plan.SchemaJSON()} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource(base+name, doc); err != nil {
			return nil, err
		}
	}
	return c.Compile(base + "pawl.report@1.json")
})

// valid holds the JSON form of a report against its schema.
func valid(t *testing.T, report string) {
	t.Helper()
	schema, err := reportSchema()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(report))
	if err != nil {
		t.Fatalf("the report is no JSON: %v\n%s", err, report)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, report)
	}
}

// read reads a valid report.
func read(t *testing.T, text string) (report run.Report) {
	t.Helper()
	valid(t, text)
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// TestReportSteps shows that the steps of a report account for all calls and for all the time.
func TestReportSteps(t *testing.T) {
	t.Parallel()
	s := newStage(t, checks(github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute}), onlyCI)
	for _, c := range []struct {
		args []string
		tags []string
		want []string
	}{
		{nil, []string{"v1.0.0"}, []string{"read", "plan", "propose", "record"}},
		{[]string{"--dry-run"}, []string{"v1.0.0", "v1.1.0"}, []string{"read", "plan"}},
		{[]string{"--no-merge"}, []string{"v1.0.0", "v1.1.0"}, []string{"read", "plan", "propose", "record"}},
		{nil, []string{"v1.0.0", "v1.1.0", "v1.2.0"}, []string{"read", "plan", "propose", "merge"}},
	} {
		s.registry.SetTags("org/a", c.tags...)
		before := s.github.Writes()
		report := s.run(0, c.args...)
		var names []string
		calls, writes, seconds := 0, 0, 0.0
		for _, step := range report.Steps {
			names = append(names, step.Name)
			calls, writes, seconds = calls+step.Calls, writes+step.Writes, seconds+step.Duration
		}
		if diff := cmp.Diff(c.want, names); diff != "" {
			t.Errorf("%v: steps: %s", c.args, diff)
		}
		if calls != report.Calls || writes != s.github.Writes()-before || math.Abs(seconds-report.Duration) > 1e-6 {
			t.Errorf("%v: %d calls, %d of them writing, %f s, and the report says %d, %d and %f", c.args, calls, writes, seconds, report.Calls, s.github.Writes()-before, report.Duration)
		}
	}
	if report := s.run(0); report.Duration != 0 {
		t.Errorf("the clock stood still for %f s", report.Duration)
	}
}
