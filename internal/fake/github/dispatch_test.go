package github_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestDispatchIsAnsweredAsByGitHub asks through GitHub's own library; newWorld holds each exchange against the
// description.
func TestDispatchIsAnsweredAsByGitHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, func(o *github.Options) {
		o.Identities["no-actions"] = github.Identity{Login: "weak", NoActions: true}
	})
	w.repo.Workflow("image.yaml", "image", "tag")
	w.repo.DeclareWorkflow("strict.yaml", github.Workflow{Inputs: []string{"tag"}, Required: []string{"image"}})
	w.repo.DeclareWorkflow("push.yaml", github.Workflow{PushOnly: true})
	w.repo.DeclareWorkflow("off.yaml", github.Workflow{Disabled: true})
	for _, c := range []struct {
		token, file, ref string
		inputs           map[string]any
		want             string
	}{
		{"bot-token", "image.yaml", "main", map[string]any{"image": "org/app:v1"}, "204"},
		{"bot-token", "image.yaml", "main", nil, "204"},
		{"bot-token", "strict.yaml", "main", map[string]any{"image": "x"}, "204"},
		{"bot-token", "absent.yaml", "main", nil, "404 Not Found"},
		{"bot-token", "image.yaml", "absent", nil, "422 No ref found for: absent"},
		{"bot-token", "image.yaml", "main", map[string]any{"z": "1", "a": "1", "tag": "1"}, `422 Unexpected inputs provided: ["a", "z"]`},
		{"bot-token", "strict.yaml", "main", map[string]any{"tag": "1"}, "422 Required input 'image' not provided"},
		{"bot-token", "push.yaml", "main", nil, "422 Workflow does not have 'workflow_dispatch' trigger"},
		{"bot-token", "off.yaml", "main", nil, "422 Cannot trigger a 'workflow_dispatch' on a disabled workflow"},
		{"no-actions", "image.yaml", "main", nil, "403 Resource not accessible by personal access token"},
	} {
		event := gh.CreateWorkflowDispatchEventRequest{Ref: c.ref, Inputs: c.inputs}
		res, err := w.client(t, c.token).Actions.CreateWorkflowDispatchEventByFileName(context.Background(), "acme", "profile", c.file, event)
		got := fmt.Sprint(res.StatusCode)
		var refused *gh.ErrorResponse
		if errors.As(err, &refused) {
			got += " " + refused.Message
		}
		if got != c.want {
			t.Errorf("%s as %s with %v: %s, want %s", c.file, c.token, c.inputs, got, c.want)
		}
	}
	want := []github.Dispatch{
		{Workflow: "image.yaml", Ref: "main", By: "pawl-bot", Inputs: map[string]string{"image": "org/app:v1"}},
		{Workflow: "image.yaml", Ref: "main", By: "pawl-bot", Inputs: map[string]string{}},
		{Workflow: "strict.yaml", Ref: "main", By: "pawl-bot", Inputs: map[string]string{"image": "x"}},
	}
	if diff := cmp.Diff(want, w.repo.Dispatches()); diff != "" {
		t.Error(diff)
	}
}

func TestDispatchNamesItsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{RunDetails: true}, nil)
	w.repo.Workflow("image.yaml")
	var run struct {
		ID  int64  `json:"workflow_run_id"`
		URL string `json:"html_url"`
	}
	req, err := w.bot.NewRequest("POST", "repos/acme/profile/actions/workflows/image.yaml/dispatches", map[string]any{"ref": "main"})
	must(t, err)
	res, err := w.bot.Do(context.Background(), req, &run)
	must(t, err)
	if want := fmt.Sprintf("https://github.com/acme/profile/actions/runs/%d", run.ID); res.StatusCode != 200 || run.ID == 0 || run.URL != want {
		t.Errorf("%d with %+v, want 200 and %s", res.StatusCode, run, want)
	}
}
