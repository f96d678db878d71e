package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/status"
)

// papers are what people and programs read from.
var papers = map[string]paper{"80": {width: 80, watched: true}, "200": {width: 200, watched: true}, "pipe": {}}

// manyFailures is a plan in which one cause makes many manifests fail, and others stand alone.
func manyFailures() plan.Plan {
	p := plan.Plan{Requests: map[string]int{"ghcr.io": 14}, Changes: []change.Update{
		{Manifest: "account-lookup-service", Old: "ghcr.io/some-organization/account-lookup-service:v1.0.0", New: "ghcr.io/some-organization/account-lookup-service:v1.1.0",
			File: "clusters/production/values-override.yaml", Key: "$.DEFINE.account-lookup-service.image.tag"},
		{Manifest: "größer", Old: "v1.0.0", New: "v1.1.0", File: "a.yaml", Key: "$.a"}}}
	add := func(name string, outcome policy.Outcome, reason policy.Reason, detail, hint string) {
		p.Outcomes = append(p.Outcomes, plan.Outcome{Manifest: name, Target: "yaml", Outcome: outcome, Reason: reason, Detail: detail, Hint: hint})
	}
	for i := range 12 {
		add(fmt.Sprintf("service-with-a-name-%d", i), policy.Failed, policy.SourceFailed,
			fmt.Sprintf("listing tags of ghcr.io/org/app-%d: GET ghcr.io/v2/: the proxy 127.0.0.1:9 refused the connection", i), "check HTTPS_PROXY and NO_PROXY")
	}
	add("alone", policy.Failed, policy.SourceFailed, "listing tags of ghcr.io/org/alone: 404 Not Found", "check the name")
	for _, name := range []string{"one", "two"} {
		add(name, policy.None, policy.NoMatch, "none of 3 versions matches ^2.0.0", "")
	}
	add("three", policy.None, policy.NoMatch, "none of 4 versions matches ^2.0.0", "")
	p.Outcomes = append(p.Outcomes, plan.Outcome{Manifest: "bad", Outcome: policy.Failed, Reason: policy.ManifestInvalid, Place: "manifests/bad.yaml:1:1"},
		plan.Outcome{Manifest: "worse", Outcome: policy.Failed, Reason: policy.ManifestInvalid, Place: "manifests/worse.yaml:1:1"})
	return p
}

// TestTerminal holds what stands on a terminal, narrow and wide, and in a pipe, against golden files.
func TestTerminal(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)
	states := status.Status{Values: []status.Value{
		{Manifest: "account-lookup-service", Target: "yaml", Now: "v17.12.0-snapshot.14", Newest: "v17.13.0", State: "held", Reason: "by-hold", Since: since,
			Why: "alice said: the new version loses messages when two of them arrive at once, see the incident of March"},
		{Manifest: "a", Target: "yaml", Now: "v1.0.0", State: "current"},
		{Manifest: "b", Now: strings.Repeat("0123456789", 5), Newest: "v2.0.0", State: "update", Why: "the newest of 12 versions"}}}
	for name, on := range papers {
		var b strings.Builder
		if err := writeTable(&b, manyFailures(), false, on); err != nil {
			t.Fatal(err)
		}
		golden(t, "plan-"+name, b.String())
		golden(t, "status-"+name, statusText(states, on))
		table, _, _ := strings.Cut(b.String(), "12 values")
		for line := range strings.Lines(table + statusText(states, on)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); on.width > 0 && n > on.width {
				t.Errorf("%s: a line has %d characters: %s", name, n, line)
			}
		}
	}
	var each, piped strings.Builder
	if err := writeTable(&each, manyFailures(), true, papers["80"]); err != nil {
		t.Fatal(err)
	}
	if err := writeTable(&piped, manyFailures(), true, papers["pipe"]); err != nil {
		t.Fatal(err)
	}
	if strings.Count(each.String(), "refused the connection") != 12 || strings.Count(piped.String(), "refused the connection") != 12 {
		t.Errorf("with -v not every failure is said by itself:\n%s", each.String())
	}
}

// golden compares a text with a file of testdata/terminal, and writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "terminal", name+".txt")
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: run go test ./internal/cli -run TestTerminal -update and read the difference: %s", name, diff)
	}
}
