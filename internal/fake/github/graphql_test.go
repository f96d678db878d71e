package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// graph is the answer to a query about a pull request, or to a mutation.
type graph struct {
	Data   map[string]any
	Errors []struct{ Type, Message string }
}

func (g graph) message() string {
	if len(g.Errors) == 0 {
		return ""
	}
	return g.Errors[0].Message
}

func (w *world) query(t *testing.T, client *gh.Client, text string, variables map[string]any) graph {
	t.Helper()
	request, err := client.NewRequest(http.MethodPost, w.url+"/api/graphql", map[string]any{"query": text, "variables": variables})
	must(t, err)
	var out graph
	_, err = client.Do(context.Background(), request, &out)
	must(t, err)
	return out
}

const (
	enable = `mutation($id: ID!, $head: GitObjectID) { enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: SQUASH, commitHeadline: "auto", expectedHeadOid: $head}) {
		pullRequest { autoMergeRequest { mergeMethod enabledBy { login } } } } }`
	disable = `mutation($id: ID!) { disablePullRequestAutoMerge(input: {pullRequestId: $id}) { pullRequest { autoMergeRequest { enabledAt } } } }`
	enqueue = `mutation($id: ID!) { enqueuePullRequest(input: {pullRequestId: $id}) { mergeQueueEntry { id position state } } }`
	look    = `query($number: Int!) { repository(owner: "acme", name: "profile") { id autoMergeAllowed pullRequest(number: $number) {
		id number state merged mergeable mergeStateStatus isInMergeQueue isMergeQueueEnabled headRefOid baseRefName
		autoMergeRequest { mergeMethod } mergeCommit { oid } author { __typename login ... on User { databaseId } } labels(first: 5) { totalCount nodes { name } }
		commits(last: 1) { totalCount nodes { commit { oid statusCheckRollup { state } } } } } } }`
)

func id(pull *gh.PullRequest) map[string]any { return map[string]any{"id": pull.GetNodeID()} }

func TestAutoMergeMergesWhenTheCheckTurnsGreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{AutoMerge: true}, nil)
	w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	pull := w.propose(t, w.bot, "up", "a: 2\n")
	if got := w.query(t, w.bot, enable, id(pull)); got.message() != "" {
		t.Fatal(got.Errors)
	}
	if got, _ := w.repo.Pull(1); !got.AutoMerge || got.Merged {
		t.Fatalf("armed: %+v", got)
	}
	w.repo.SetCheck(pull.GetHead().GetSHA(), github.Check{Name: "ci", Conclusion: "success"})
	seen := w.query(t, w.bot, look, map[string]any{"number": 1}).Data["repository"].(map[string]any)["pullRequest"].(map[string]any)
	if seen["state"] != "MERGED" || seen["mergeCommit"].(map[string]any)["oid"] != w.repo.Head("main") {
		t.Errorf("seen %v", seen)
	}
	if log := w.repo.Log("main"); log[0].Message != "auto" {
		t.Errorf("merged as %+v", log[0])
	}
}

func TestAutoMergeRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		settings github.Settings
		arrange  func(w *world, head string)
		want     string
	}{
		{"not allowed", github.Settings{}, nil, "Auto merge is not allowed for this repository"},
		{"clean", github.Settings{AutoMerge: true}, nil, "Pull request Pull request is in clean status"},
		{"unstable", github.Settings{AutoMerge: true}, func(w *world, head string) {
			w.repo.SetCheck(head, github.Check{Name: "lint", Conclusion: "failure"})
		}, "Pull request Pull request is in unstable status"},
		{"squash off", github.Settings{AutoMerge: true, NoSquash: true}, nil, "Merge method squash merging is not allowed on this repository"},
		{"head moved", github.Settings{AutoMerge: true}, func(w *world, _ string) {
			_, _ = w.repo.Push("up", "alice", map[string][]byte{"x": []byte("x")}, "x")
		}, "Head branch was modified"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.settings, nil)
			pull := w.propose(t, w.bot, "up", "a: 2\n")
			if test.arrange != nil {
				test.arrange(w, pull.GetHead().GetSHA())
			}
			variables := id(pull)
			variables["head"] = pull.GetHead().GetSHA()
			got := w.query(t, w.bot, enable, variables)
			if !strings.Contains(got.message(), test.want) || got.Errors[0].Type != "UNPROCESSABLE" {
				t.Errorf("%+v, want %q", got, test.want)
			}
		})
	}
}

func TestAutoMergeIsDisarmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{AutoMerge: true}, nil)
	w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	pull := w.propose(t, w.bot, "up", "a: 2\n")
	w.query(t, w.bot, enable, id(pull))
	if got := w.query(t, w.bot, disable, id(pull)); got.message() != "" {
		t.Fatal(got.Errors)
	}
	w.repo.SetCheck(pull.GetHead().GetSHA(), github.Check{Name: "ci", Conclusion: "success"})
	w.fake.Tick()
	if got, _ := w.repo.Pull(1); got.Merged || got.AutoMerge {
		t.Errorf("pull %+v", got)
	}
	if got := w.query(t, w.bot, disable, id(pull)); got.message() == "" {
		t.Error("disarmed twice")
	}
}

func TestMergeQueueMergesAfterItsBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	w.repo.Protect("main", github.Protection{Queue: true, Build: 5 * time.Minute})
	pull := w.propose(t, w.bot, "up", "a: 2\n")
	got := w.query(t, w.bot, enqueue, id(pull))
	if got.message() != "" {
		t.Fatal(got.Errors)
	}
	entry := got.Data["enqueuePullRequest"].(map[string]any)["mergeQueueEntry"].(map[string]any)
	if entry["position"] != 1.0 {
		t.Errorf("entry %v", entry)
	}
	if got := w.query(t, w.bot, enqueue, id(pull)).message(); !strings.Contains(got, "already in the queue") {
		t.Errorf("queued twice: %q", got)
	}
	w.time.at = w.time.at.Add(4 * time.Minute)
	w.fake.Tick()
	if got, _ := w.repo.Pull(1); got.Merged || !got.Queued {
		t.Fatalf("too early: %+v", got)
	}
	w.time.at = w.time.at.Add(time.Minute)
	w.fake.Tick()
	if got, _ := w.repo.Pull(1); !got.Merged || got.Queued || got.MergeCommit != w.repo.Head("main") {
		t.Errorf("pull %+v", got)
	}
}

func TestPullRequestIsQueried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{AutoMerge: true}, func(o *github.Options) { o.MergeableReads = 2 })
	pull := w.propose(t, w.bot, "up", "a: 2\n")
	must(t, w.repo.Label(1, "deps"))
	w.repo.SetCheck(pull.GetHead().GetSHA(), github.Check{Name: "lint"})
	read := func() map[string]any {
		return w.query(t, w.bot, look, map[string]any{"number": 1}).Data["repository"].(map[string]any)["pullRequest"].(map[string]any)
	}
	if first := read(); first["mergeable"] != "UNKNOWN" || first["mergeStateStatus"] != "UNKNOWN" {
		t.Errorf("first %v", first)
	}
	second := read()
	if second["mergeable"] != "MERGEABLE" || second["mergeStateStatus"] != "UNSTABLE" || second["id"] != pull.GetNodeID() {
		t.Errorf("second %v", second)
	}
	missing := w.query(t, w.bot, look, map[string]any{"number": 9})
	if missing.Errors[0].Type != "NOT_FOUND" {
		t.Errorf("missing %+v", missing)
	}
}

const commitQuery = `mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) {
	commit { oid url signature { isValid } } ref { name target { oid } } } }`

func TestCommitOnBranchComparesTheHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	head := w.repo.Head("main")
	input := func(expected string) map[string]any {
		return map[string]any{"input": map[string]any{
			"branch":          map[string]any{"repositoryNameWithOwner": "acme/profile", "branchName": "main"},
			"expectedHeadOid": expected, "message": map[string]any{"headline": "head", "body": "body"},
			"fileChanges": map[string]any{
				"additions": []any{map[string]any{"path": "new/file", "contents": "eAo="}}, "deletions": []any{map[string]any{"path": "values.yaml"}},
			},
		}}
	}
	made := w.query(t, w.bot, commitQuery, input(head))
	if made.message() != "" {
		t.Fatal(made.Errors)
	}
	commit := made.Data["createCommitOnBranch"].(map[string]any)["commit"].(map[string]any)
	if commit["oid"] != w.repo.Head("main") || commit["signature"].(map[string]any)["isValid"] != true {
		t.Errorf("commit %v", commit)
	}
	if log := w.repo.Log("main"); log[0].Message != "head\n\nbody" || strings.Join(log[0].Files, " ") != "new/file values.yaml" {
		t.Errorf("log %+v", log[0])
	}
	stale := w.query(t, w.bot, commitQuery, input(head))
	if stale.Errors[0].Type != "STALE_DATA" || !strings.Contains(stale.message(), "Expected branch to point to") {
		t.Errorf("stale %+v", stale)
	}
}
