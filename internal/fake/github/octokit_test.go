package github_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake/conformance"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// flow is what testdata/octokit/flow.mjs prints.
type flow struct {
	Stale                          string
	Labels, Comments, Files        []string
	Content, Status, Merged, State string
	MergeState                     string
	HeadKnown                      bool
}

func TestGitHubsOwnClientDrivesTheFake(t *testing.T) {
	t.Parallel()
	modules := os.Getenv(conformance.Variable)
	if modules == "" {
		conform(t) // fails under CI
		t.Skip("set " + conformance.Variable + " to the node_modules of testdata/octokit")
	}
	dir := t.TempDir()
	w := newWorld(t, github.Settings{}, func(o *github.Options) { o.Dir = dir })
	w.push(t, "main", "alice", "values.yaml", "tag: v1\n", "values")
	modules, err := filepath.Abs(modules)
	must(t, err)
	command := exec.Command("node", filepath.Join("..", "..", "..", "testdata", "octokit", "flow.mjs"), w.url+"/api/v3")
	command.Env = append(os.Environ(), "TOKEN=bot-token", conformance.Variable+"="+modules)
	var diagnostics strings.Builder
	command.Stderr = &diagnostics
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, diagnostics.String())
	}
	var got flow
	must(t, json.Unmarshal(out, &got))
	want := flow{
		Stale: "422 Update is not a fast forward", Labels: []string{"dependencies", "pawl/review"}, Comments: []string{"first", "second"},
		Files: []string{"modified values.yaml"}, Content: "tag: v2\n", Status: "success", State: "merged", MergeState: "CLEAN",
		HeadKnown: true, Merged: w.repo.Head("main"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, ".", "clone", "-q", w.repo.Dir(), clone)
	if text := git(t, clone, "log", "-1", "-p", "--format=%B", "--unified=0"); !strings.Contains(text, "Bump tag (#1)\n\nKey: value") || !strings.HasSuffix(text, "-tag: v1\n+tag: v2\n") {
		t.Errorf("cloned %s", text)
	}
}
