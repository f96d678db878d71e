package conformance

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// strictly loads the description without relaxations, and skips where it is not installed.
func strictly(t *testing.T) *openapi3.T {
	t.Helper()
	dir := os.Getenv(Variable)
	if dir == "" && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not set", Variable)
	}
	if dir == "" {
		t.Skip(Variable + " is not set")
	}
	data, err := os.ReadFile(filepath.Join(dir, "@octokit/openapi/generated/api.github.com.json"))
	if err != nil {
		t.Fatal(err)
	}
	var whole reduced
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	document, err := document(whole)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// failing lists the operations whose own examples of success fail their schemas, with the place of the fault.
func failing(document *openapi3.T) map[string]string {
	found := map[string]string{}
	for _, r := range compile(document) {
		for code, response := range r.found.Operation.Responses.Map() {
			media := response.Value.Content.Get("application/json")
			if media == nil || !strings.HasPrefix(code, "2") {
				continue
			}
			for _, example := range media.Examples {
				if err := media.Schema.Value.VisitJSON(example.Value.Value, openapi3.VisitAsResponse()); err != nil {
					var wrong *openapi3.SchemaError
					errors.As(err, &wrong)
					found[r.name] = strings.Join(wrong.JSONPointer(), "/")
				}
			}
		}
	}
	return found
}

func TestRelaxationsAreExactlyWhatExamplesNeed(t *testing.T) {
	t.Parallel()
	document := strictly(t)
	before := failing(document)
	if err := relax(document); err != nil {
		t.Fatal(err)
	}
	after := failing(document)
	var lifted []string
	for name, place := range before {
		if _, still := after[name]; !still {
			lifted = append(lifted, name)
			if !strings.HasSuffix(place, "requested_teams/0/type") {
				t.Errorf("%s: the relaxation lifts %s", name, place)
			}
		}
	}
	slices.Sort(lifted)
	want := []string{
		"GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls", "GET /repos/{owner}/{repo}/pulls",
		"GET /repos/{owner}/{repo}/pulls/{pull_number}", "PATCH /repos/{owner}/{repo}/pulls/{pull_number}", "POST /repos/{owner}/{repo}/pulls",
		"POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
	}
	if !slices.Equal(lifted, want) {
		t.Errorf("lifted %v, want %v", lifted, want)
	}
	// What is left is not answered that way by the fake, so it stays demanded.
	for name, place := range after {
		if strings.Contains(name, "/pulls") {
			t.Errorf("%s: the example still fails at %s", name, place)
		}
	}
}

func TestOnlyUsedOperationsAreKept(t *testing.T) {
	t.Parallel()
	document := strictly(t)
	if got := len(compile(document)); got != len(Operations()) {
		t.Errorf("%d operations kept of %d", got, len(Operations()))
	}
	if got := len(document.Components.Schemas); got < 50 || got > 200 {
		t.Errorf("%d schemas kept", got)
	}
}

func TestMissingPackagesFailUnderCI(t *testing.T) {
	t.Setenv(Variable, "")
	t.Setenv("CI", "true")
	if _, err := FromEnvironment(); err == nil {
		t.Error("no error under CI")
	}
	t.Setenv("CI", "")
	if found, err := FromEnvironment(); found != nil || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("an empty directory has no descriptions")
	}
}
