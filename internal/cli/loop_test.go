package cli_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestLoop is the chain from a build to the environments: a CircleCI job dispatches, GitHub starts the workflow with its
// inputs, the run merges the new tag, and GitLab has one pipeline for each project.
func TestLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		d.repo.Workflow("docker-image.yaml", "image", "chart", "tag", "upstream")
		tag := d.publish("a")
		job := map[string]string{
			"DOWNSTREAM_IMAGE_PROFILE": "acme/profile:" + canary, "DOCKER_ORG": "org", "CIRCLE_PROJECT_REPONAME": "a",
			"PACKAGE_VERSION": strings.TrimPrefix(tag, "v"), "RELEASE_TAG": "minor", "CIRCLE_BUILD_URL": "https://circleci.example/7",
		}
		var out, errs strings.Builder
		code := cli.Run(t.Context(), []string{"dispatch"}, cli.System{
			Out: &out, Err: &errs, Now: d.clock, Sleep: d.sleep, Transport: d.transport(),
			Env: func(name string) (string, bool) { v, ok := job[name]; return v, ok },
			Environ: func() []string {
				var all []string
				for _, name := range slices.Sorted(maps.Keys(job)) {
					all = append(all, name+"="+job[name])
				}
				return all
			},
		})
		started := d.repo.Dispatches()
		if code != 0 || len(started) != 1 || started[0].Inputs["image"] != "org/a:"+tag || strings.Contains(out.String()+errs.String(), canary) {
			t.Fatalf("pawl dispatch: exit code %d, %+v: %s%s", code, started, &out, &errs)
		}
		event := filepath.Join(t.TempDir(), "event.json")
		data, err := json.Marshal(map[string]any{"inputs": started[0].Inputs})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(event, data, 0o600); err != nil {
			t.Fatal(err)
		}
		code, report, printed := d.command(d.transport(), map[string]string{"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": event}, "run")
		if code != 0 || d.value("a") != tag || !strings.Contains(d.repo.Pulls()[0].Body, "circleci.example/7") {
			t.Fatalf("pawl run: exit code %d: %s", code, printed)
		}
		if got := d.counts(d.head()); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("pipelines %v", got)
		}
		t.Logf("%s%s", &out, &errs)
		for _, trigger := range report.Deploy.Triggers {
			t.Logf("%s: %s, pipeline %d, %s", trigger.Project, trigger.State, trigger.PipelineID, trigger.URL)
		}
	})
}
