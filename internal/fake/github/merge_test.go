package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

func (w *world) merge(client *gh.Client, number int, method, sha string) (*gh.PullRequestMergeResult, error) {
	result, _, err := client.PullRequests.Merge(context.Background(), "acme", "profile", number, "", &gh.PullRequestOptions{MergeMethod: method, SHA: sha})
	return result, err
}

func (w *world) state(t *testing.T, number int) string {
	t.Helper()
	pull, _, err := w.anon.PullRequests.Get(context.Background(), "acme", "profile", number)
	must(t, err)
	return pull.GetMergeableState()
}

func TestMergeableStates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		arrange func(t *testing.T, w *world, head string)
		want    string
	}{
		{"nothing demanded", func(*testing.T, *world, string) {}, "clean"},
		{"required check absent", func(_ *testing.T, w *world, _ string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
		}, "blocked"},
		{"required check pending", func(_ *testing.T, w *world, head string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
			w.repo.SetCheck(head, github.Check{Name: "ci"})
		}, "blocked"},
		{"required check failed", func(_ *testing.T, w *world, head string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Ruleset: true})
			w.repo.SetCheck(head, github.Check{Name: "ci", Conclusion: "failure"})
		}, "blocked"},
		{"required check green", func(_ *testing.T, w *world, head string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
			w.repo.SetCheck(head, github.Check{Name: "ci", Conclusion: "success"})
		}, "clean"},
		{"required status green", func(_ *testing.T, w *world, head string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
			w.repo.SetCheck(head, github.Check{Name: "ci", Conclusion: "success", Status: true})
		}, "clean"},
		{"optional check red", func(_ *testing.T, w *world, head string) {
			w.repo.SetCheck(head, github.Check{Name: "lint", Conclusion: "failure"})
		}, "unstable"},
		{"green on an older commit", func(t *testing.T, w *world, head string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
			w.repo.SetCheck(head, github.Check{Name: "ci", Conclusion: "success"})
			w.push(t, "up", "alice", "more", "x", "more")
		}, "blocked"},
		{"strict and base moved", func(t *testing.T, w *world, head string) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Strict: true})
			w.repo.SetCheck(head, github.Check{Name: "ci", Conclusion: "success"})
			w.push(t, "main", "alice", "more", "x", "more")
		}, "behind"},
		{"conflict", func(t *testing.T, w *world, _ string) {
			w.push(t, "main", "alice", "values.yaml", strings.Replace(base, "a: 1", "a: 7", 1), "mine")
		}, "dirty"},
		{"other lines of the file moved", func(t *testing.T, w *world, _ string) {
			w.push(t, "main", "alice", "values.yaml", strings.Replace(base, "b: 2", "b: 7", 1), "mine")
		}, "clean"},
		{"draft", func(t *testing.T, w *world, _ string) { must(t, w.repo.Draft(1, true)) }, "draft"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, github.Settings{}, nil)
			pull := w.propose(t, w.bot, "up", strings.Replace(base, "a: 1", "a: 2", 1))
			test.arrange(t, w, pull.GetHead().GetSHA())
			if got := w.state(t, 1); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestMergeableIsUnknownForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, func(o *github.Options) { o.MergeableReads = 2 })
	created := w.propose(t, w.bot, "up", strings.Replace(base, "a: 1", "a: 2", 1))
	if created.Mergeable != nil {
		t.Error("mergeable is known at once")
	}
	if got := w.state(t, 1) + " " + w.state(t, 1); got != "unknown clean" {
		t.Errorf("states %s", got)
	}
	w.push(t, "main", "alice", "more", "x", "base moves")
	_, err := w.merge(w.bot, 1, "squash", "")
	refused(t, err, http.StatusMethodNotAllowed, "Base branch was modified. Review and try the merge again.")
	_, err = w.merge(w.bot, 1, "squash", "")
	must(t, err)
}

func TestMergeRefusals(t *testing.T) {
	t.Parallel()
	protect := func(p github.Protection) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.repo.Protect("main", p) }
	}
	for _, test := range []struct {
		name, method, sha string
		arrange           func(*testing.T, *world)
		status            int
		want              string
	}{
		{"head moved", "squash", strings.Repeat("1", 40), nil, 409, "Head branch was modified. Review and try the merge again."},
		{"squash off", "squash", "", func(_ *testing.T, w *world) { w.repo.Configure(func(s *github.Settings) { s.NoSquash = true }) }, 405, "Squash merges are not allowed on this repository."},
		{"merge off", "merge", "", func(_ *testing.T, w *world) { w.repo.Configure(func(s *github.Settings) { s.NoMergeCommit = true }) }, 405, "Merge commits are not allowed on this repository."},
		{"rebase off", "rebase", "", func(_ *testing.T, w *world) { w.repo.Configure(func(s *github.Settings) { s.NoRebase = true }) }, 405, "Rebase merges are not allowed on this repository."},
		{"check absent", "squash", "", protect(github.Protection{Checks: []string{"ci"}}), 405, `Required status check "ci" is expected.`},
		{"checks absent", "squash", "", protect(github.Protection{Checks: []string{"a", "b"}}), 405, "2 of 2 required status checks are expected."},
		{"queue", "squash", "", protect(github.Protection{Queue: true}), 405, "Changes must be made through the merge queue"},
		{"draft", "squash", "", func(t *testing.T, w *world) { must(t, w.repo.Draft(1, true)) }, 405, "Pull Request is still a draft"},
		{"closed", "squash", "", func(t *testing.T, w *world) { must(t, w.repo.Close(1, "alice")) }, 405, "Pull Request is not mergeable"},
		{"conflict", "squash", "", func(t *testing.T, w *world) { w.push(t, "main", "alice", "values.yaml", "a: 7\n", "mine") }, 405, "Pull Request is not mergeable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, github.Settings{}, nil)
			w.propose(t, w.bot, "up", strings.Replace(base, "a: 1", "a: 2", 1))
			if test.arrange != nil {
				test.arrange(t, w)
			}
			before := w.repo.Head("main")
			_, err := w.merge(w.bot, 1, test.method, test.sha)
			refused(t, err, test.status, test.want)
			if w.repo.Head("main") != before {
				t.Error("main moved")
			}
		})
	}
}

func TestMethodsOfMerging(t *testing.T) {
	t.Parallel()
	want := strings.Replace(strings.Replace(base, "a: 1", "a: 2", 1), "b: 2", "b: 3", 1)
	for _, test := range []struct {
		method   string
		messages []string
		parents  int
	}{
		{"squash", []string{"bump up (#1)", "base moves", "start"}, 1},
		{"merge", []string{"Merge pull request #1 from acme/up\n\nBump up", "base moves", "bump up", "start"}, 2},
		{"rebase", []string{"bump up", "base moves", "start"}, 1},
	} {
		t.Run(test.method, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, github.Settings{}, nil)
			w.propose(t, w.bot, "up", strings.Replace(base, "a: 1", "a: 2", 1))
			w.push(t, "main", "alice", "values.yaml", strings.Replace(base, "b: 2", "b: 3", 1), "base moves")
			result, err := w.merge(w.bot, 1, test.method, "")
			must(t, err)
			log := w.repo.Log("main")
			var messages []string
			for _, commit := range log {
				messages = append(messages, commit.Message)
			}
			if diff := cmp.Diff(test.messages, messages); diff != "" {
				t.Error(diff)
			}
			if len(log[0].Parents) != test.parents || log[0].SHA != result.GetSHA() {
				t.Errorf("merged as %+v", log[0])
			}
			if text, _ := w.repo.File("main", "values.yaml"); string(text) != want {
				t.Errorf("merged text %q", text)
			}
			pull, _, err := w.bot.PullRequests.Get(context.Background(), "acme", "profile", 1)
			must(t, err)
			if !pull.GetMerged() || pull.GetMergeCommitSHA() != result.GetSHA() || pull.GetMergedBy().GetLogin() != "pawl-bot" || pull.GetCommits() != 1 {
				t.Errorf("pull after the merge %v", pull)
			}
		})
	}
}

func TestSquashOfSeveralCommitsListsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	w.propose(t, w.bot, "up", "a: 2\n")
	w.push(t, "up", "alice", "more", "x", "more\n\ntext")
	_, err := w.merge(w.bot, 1, "squash", "")
	must(t, err)
	if got := w.repo.Log("main")[0].Message; got != "Bump up (#1)\n\n* bump up\n\n* more\n\ntext\n\nCo-authored-by: alice <8+alice@users.noreply.github.com>" {
		t.Errorf("message %q", got)
	}
}

func TestChecksReportByTheClock(t *testing.T) {
	t.Parallel()
	settings := github.Settings{CI: func(string) []github.Check {
		return []github.Check{{Name: "ci", Conclusion: "success", After: time.Minute}}
	}}
	w := newWorld(t, settings, nil)
	w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	mine := w.propose(t, w.bot, "up", "a: 2\n")
	unseen := w.propose(t, w.ci, "by-workflow", "a: 3\n")
	if got := w.state(t, 1); got != "blocked" {
		t.Errorf("at first %s", got)
	}
	w.time.at = w.time.at.Add(time.Minute)
	if got := w.state(t, 1) + " " + w.state(t, 2); got != "clean blocked" {
		t.Errorf("after a minute %s: the workflow's own token must start no checks", got)
	}
	for sha, want := range map[string]int{mine.GetHead().GetSHA(): 1, unseen.GetHead().GetSHA(): 0} {
		runs, _, err := w.anon.Checks.ListCheckRunsForRef(context.Background(), "acme", "profile", sha, nil)
		must(t, err)
		if runs.GetTotal() != want || want == 1 && runs.CheckRuns[0].GetConclusion() != "success" {
			t.Errorf("check runs of %s: %v", sha, runs)
		}
	}
}

func TestStatusesAndCheckRunsAreWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx, head := context.Background(), w.repo.Head("main")
	app := w.client(t, "app-token")
	_, _, err := w.bot.Repositories.CreateStatus(ctx, "acme", "profile", head, &gh.RepoStatus{State: gh.String("pending"), Context: gh.String("ext")})
	must(t, err)
	_, _, err = app.Checks.CreateCheckRun(ctx, "acme", "profile", gh.CreateCheckRunOptions{Name: "ci", HeadSHA: head, Status: gh.String("completed"), Conclusion: gh.String("success")})
	must(t, err)
	_, _, err = w.bot.Checks.CreateCheckRun(ctx, "acme", "profile", gh.CreateCheckRunOptions{Name: "ci", HeadSHA: head})
	refused(t, err, http.StatusForbidden, "You must authenticate via a GitHub App.")
	combined, _, err := w.anon.Repositories.GetCombinedStatus(ctx, "acme", "profile", "main", nil)
	must(t, err)
	if combined.GetState() != "pending" || combined.GetTotalCount() != 1 {
		t.Errorf("combined %v", combined)
	}
	_, _, err = w.bot.Repositories.CreateStatus(ctx, "acme", "profile", head, &gh.RepoStatus{State: gh.String("success"), Context: gh.String("ext")})
	must(t, err)
	list, _, err := w.anon.Repositories.ListStatuses(ctx, "acme", "profile", "main", nil)
	must(t, err)
	if len(list) != 1 || list[0].GetState() != "success" || list[0].GetCreator().GetLogin() != "pawl-bot" {
		t.Errorf("statuses %v", list)
	}
}

func TestDemandsOfABranchAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	w.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Strict: true})
	branch, _, err := w.bot.Repositories.GetBranch(ctx, "acme", "profile", "main", 1)
	must(t, err)
	if !branch.GetProtected() || branch.GetCommit().GetSHA() != w.repo.Head("main") {
		t.Errorf("branch %v", branch)
	}
	protection, _, err := w.boss.Repositories.GetBranchProtection(ctx, "acme", "profile", "main")
	must(t, err)
	if !protection.GetRequiredStatusChecks().Strict {
		t.Errorf("protection %v", protection)
	}
	_, _, err = w.ci.Repositories.GetBranchProtection(ctx, "acme", "profile", "main")
	refused(t, err, http.StatusForbidden, "Resource not accessible by integration")
	_, _, err = w.bot.Repositories.GetRequiredStatusChecks(ctx, "acme", "profile", "main")
	refused(t, err, http.StatusNotFound, "Not Found")
	rules, _, err := w.bot.Repositories.GetRulesForBranch(ctx, "acme", "profile", "main")
	must(t, err)
	if len(rules) != 0 {
		t.Errorf("classic protection among the rules: %v", rules)
	}
	w.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Ruleset: true, Queue: true})
	request, err := w.bot.NewRequest(http.MethodGet, "repos/acme/profile/rules/branches/main", nil)
	must(t, err)
	var shown []struct{ Type string }
	_, err = w.bot.Do(ctx, request, &shown) // go-github cannot read rules of a merge queue
	must(t, err)
	if diff := cmp.Diff([]struct{ Type string }{{"required_status_checks"}, {"merge_queue"}}, shown); diff != "" {
		t.Error(diff)
	}
	_, _, err = w.boss.Repositories.GetBranchProtection(ctx, "acme", "profile", "main")
	if err == nil || !strings.Contains(err.Error(), "branch is not protected") {
		t.Errorf("protection of a ruleset: %v", err)
	}
}
