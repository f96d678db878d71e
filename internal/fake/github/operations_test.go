package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/conformance"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestEveryOperationConforms asks for each described operation once and wants an answer of success for each.
func TestEveryOperationConforms(t *testing.T) {
	t.Parallel()
	descriptions, err := described()
	must(t, err)
	if descriptions == nil {
		t.Skip("set " + conformance.Variable + " to the node_modules of testdata/octokit")
	}
	checker := descriptions.Checker()
	w := newWorld(t, github.Settings{AutoMerge: true}, func(o *github.Options) { o.Check = checker.Exchange })
	w.repo.Workflow("ci.yaml")
	w.fake.Organize("guild")
	w.fake.Create("guild/one", github.Settings{Topics: []string{"pawl"}, Archived: true})
	w.propose(t, w.bot, "up", "a: 2\n")
	head := w.repo.Head("up")
	must(t, w.repo.Comment(1, "alice", "hello"))
	main := w.repo.Head("main")
	tree := w.commitTree(t, main)
	w.repo.SetCheck(head, github.Check{Name: "ext", Conclusion: "success", Status: true})
	w.push(t, "main", "alice", "more", "x", "more")
	w.repo.Protect("up", github.Protection{Checks: []string{"ci"}})

	type body = map[string]any
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{"GET", "user", nil},
		{"GET", "rate_limit", nil},
		{"GET", "orgs/guild/repos?type=all&sort=created&direction=asc&per_page=100&page=1", nil},
		{"GET", "users/acme/repos?type=owner", nil},
		{"GET", "user/repos?sort=created&direction=asc", nil},
		{"GET", "installation/repositories?per_page=100", nil},
		{"GET", "", nil},
		{"GET", "/git/ref/heads/main", nil},
		{"GET", "/git/matching-refs/heads", nil},
		{"POST", "/git/refs", body{"ref": "refs/pawl/ledger", "sha": main}},
		{"PATCH", "/git/refs/pawl/ledger", body{"sha": head}},
		{"DELETE", "/git/refs/pawl/ledger", nil},
		{"POST", "/git/blobs", body{"content": "x"}},
		{"GET", "/git/blobs/" + w.blob(t, main), nil},
		{"POST", "/git/trees", body{"base_tree": main, "tree": []body{{"path": "y", "mode": "100644", "type": "blob", "content": "y"}}}},
		{"GET", "/git/trees/" + tree + "?recursive=1", nil},
		{"POST", "/git/commits", body{"message": "m", "tree": tree, "parents": []string{main}}},
		{"GET", "/git/commits/" + main, nil},
		{"GET", "/contents/values.yaml?ref=main", nil},
		{"GET", "/contents/?ref=main", nil},
		{"GET", "/compare/main...up", nil},
		{"GET", "/commits?sha=main&path=values.yaml", nil},
		{"GET", "/commits/" + head + "/pulls", nil},
		{"GET", "/commits/up/check-runs", nil},
		{"GET", "/commits/up/status", nil},
		{"GET", "/commits/up/statuses", nil},
		{"GET", "/commits/up", nil},
		{"POST", "/statuses/" + head, body{"state": "success", "context": "ext"}},
		{"POST", "/check-runs", body{"name": "ci", "head_sha": head, "status": "completed", "conclusion": "success"}},
		{"GET", "/branches/up/protection/required_status_checks", nil},
		{"GET", "/branches/up/protection", nil},
		{"GET", "/branches/up", nil},
		{"GET", "/rules/branches/up", nil},
		{"GET", "/pulls?state=all&head=acme:up&base=main&sort=updated&direction=desc&per_page=1", nil},
		{"POST", "/pulls", body{"title": "t", "head": "main", "base": "up"}},
		{"GET", "/pulls/1", nil},
		{"PATCH", "/pulls/1", body{"title": "t", "body": "b"}},
		{"GET", "/pulls/1/files", nil},
		{"GET", "/pulls/1/commits", nil},
		{"PUT", "/pulls/1/update-branch", body{"expected_head_sha": head}},
		{"POST", "/pulls/1/requested_reviewers", body{"reviewers": []string{"boss"}}},
		{"POST", "/issues/1/assignees", body{"assignees": []string{"boss", "nobody"}}},
		{"GET", "/issues/1/labels", nil},
		{"POST", "/issues/1/labels", []string{"a"}},
		{"PUT", "/issues/1/labels", body{"labels": []string{"a/b"}}},
		{"DELETE", "/issues/1/labels/a%2Fb", nil},
		{"GET", "/issues/1/comments", nil},
		{"POST", "/issues/1/comments", body{"body": "b"}},
		{"PATCH", "/issues/comments/COMMENT", body{"body": "c"}},
		{"POST", "/actions/workflows/ci.yaml/dispatches", body{"ref": "main"}},
		{"PUT", "/pulls/1/merge", body{"merge_method": "squash"}},
		{"GET", "/pulls/1/merge", nil},
	} {
		client := w.boss
		if call.path == "/check-runs" || strings.HasPrefix(call.path, "installation/") {
			client = w.client(t, "app-token")
		}
		path := strings.Replace(call.path, "COMMENT", w.comment(t), 1)
		if path == "" || path[0] == '/' {
			path = "repos/acme/profile" + path
		}
		request, err := client.NewRequest(call.method, path, call.body)
		must(t, err)
		if _, err := client.Do(context.Background(), request, nil); err != nil && !accepted(err) {
			t.Errorf("%s %s: %v", call.method, call.path, err)
		}
	}
	for _, violation := range checker.Violations() {
		t.Error(violation)
	}
	counts := checker.Counts()
	t.Logf("%d operations are described and used, %d violations", len(counts), len(checker.Violations()))
	for _, operation := range conformance.Operations() {
		if counts[operation] == 0 {
			t.Errorf("%s was never checked", operation)
		}
	}
}

func (w *world) commitTree(t *testing.T, sha string) string {
	t.Helper()
	commit, _, err := w.bot.Git.GetCommit(context.Background(), "acme", "profile", sha)
	must(t, err)
	return commit.GetTree().GetSHA()
}

func (w *world) blob(t *testing.T, at string) string {
	t.Helper()
	tree, _, err := w.bot.Git.GetTree(context.Background(), "acme", "profile", w.commitTree(t, at), false)
	must(t, err)
	return tree.Entries[0].GetSHA()
}

// comment is the number of the first comment on pull request 1.
func (w *world) comment(t *testing.T) string {
	t.Helper()
	request, err := w.bot.NewRequest(http.MethodGet, "repos/acme/profile/issues/1/comments", nil)
	must(t, err)
	var list []struct{ URL string }
	_, err = w.bot.Do(context.Background(), request, &list)
	must(t, err)
	return list[0].URL[strings.LastIndex(list[0].URL, "/")+1:]
}
