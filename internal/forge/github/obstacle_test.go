package github_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

// saying is what GitHub says to a merge, and what has to come of it.
type saying struct {
	text    string
	status  int
	outcome forge.Outcome
	code    change.Code
	hint    string
	tries   int // at most so many requests to merge
}

func sayings() []saying {
	const rules = "Repository rule violations found\n\n"
	refused := func(text string, code change.Code, hint string) saying {
		return saying{text, 405, forge.Refused, code, hint, 1}
	}
	waits := func(text string, code change.Code, hint string) saying {
		return saying{text, 405, forge.Pending, code, hint, 100}
	}
	return []saying{
		refused(rules+"Commits must have verified signatures.\n\n", change.Unsigned, "plain files"),
		refused("Commits must have verified signatures.", change.Unsigned, "plain files"),
		refused("Pull Request is still a draft", change.IsDraft, "ready for review"),
		refused(rules+"This branch must not contain merge commits.\n\n", change.RuleBroken, "rule"),
		refused(rules+"Cannot update this protected ref.\n\n", change.RuleBroken, "rule"),
		refused(rules+"A rule of some day.\n\n", change.RuleBroken, "rule"),
		{rules + "Cannot change this locked branch\n\n", 409, forge.Refused, change.RuleBroken, "rule", 1},
		{"Repository was archived so is read-only.", 403, forge.Refused, change.RepoArchived, "unarchive", 1},
		waits(rules+"At least 1 approving review is required by reviewers with write access.\n\n", change.ApprovalNeeded, "approve"),
		waits("At least 2 approving reviews are required by reviewers with write access.", change.ApprovalNeeded, "approve"),
		waits(rules+"A conversation must be resolved before this pull request can be merged.\n\n", change.ApprovalNeeded, "approve"),
		waits(`Required status check "continuous-integration/fake-ci" is expected.`, change.RuleBroken, "merge.require"),
		waits(rules+"2 of 3 required status checks are expected.\n\n", change.RuleBroken, "merge.require"),
		waits(`Required status check "verified signature of a draft in the merge queue, not allowed" is expected.`, change.RuleBroken, "merge.require"),
		waits("Something nobody has ever seen", change.Authorized, "pull request's page"),
		{"Merge commits are not allowed on this repository.", 405, forge.Failed, change.Authorized, "merge: {method", 1},
		{"Squash merges are not allowed on this repository.", 405, forge.Failed, change.Authorized, "merge: {method", 1},
		{"Base branch was modified. Review and try the merge again.", 405, forge.Rebuild, change.Authorized, "run again", 9},
		{"Head branch was modified. Review and try the merge again.", 409, forge.Pending, change.Authorized, "run again", 9},
		{"Pull Request is not mergeable", 405, forge.Rebuild, change.Authorized, "run again", 9},
	}
}

// TestWhatGitHubSaysToAMerge leads every text that GitHub is known to refuse a merge with to its state and to a hint, and
// no text of several lines comes through as it is.
func TestWhatGitHubSaysToAMerge(t *testing.T) {
	t.Parallel()
	for _, c := range sayings() {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Settings{}, nil)
			_, p := w.propose()
			once(put, fake.Fault{Times: 1000, Status: c.status, Message: c.text})(w, "")
			since := len(w.fake.Calls())
			result, err := w.client.Merge(context.Background(), forge.Order{Number: p.Number, Method: "squash", Wait: 3 * time.Minute,
				Authority: w.authority(w.repo.Head("main"), change.Requirement{Mode: change.RequireNone}, time.Hour)})
			w.must(err)
			if result.Outcome != c.outcome || result.Decision.Code != c.code || !strings.Contains(result.Hint, c.hint) || result.Detail == "" {
				t.Errorf("ends as %s (%s): %s; hint %q", result.Outcome, result.Decision.Code, result.Detail, result.Hint)
			}
			if strings.ContainsAny(result.Detail+result.Hint+result.Decision.Detail, "\n\r") {
				t.Errorf("several lines: %q, %q", result.Detail, result.Hint)
			}
			if n := len(w.writes(since)); n > c.tries {
				t.Errorf("%d requests to merge", n)
			}
		})
	}
}

// TestWhatGitHubSaysToAutoMerge refuses auto-merge in every known way: the checks are waited for here, and a wait that is
// too short ends with what to do about it.
func TestWhatGitHubSaysToAutoMerge(t *testing.T) {
	t.Parallel()
	for text, hint := range map[string]string{
		"Auto merge is not allowed for this repository":                                   "allow auto-merge",
		"Pull request Auto merge is not allowed for this repository":                      "allow auto-merge",
		"seate does not have a verified email, which is required to enable auto-merging.": "verify the e-mail address",
		"Pull request Protected branch rules not configured for this branch":              "require checks",
		"Protected branch rules not configured for this branch":                           "require checks",
		"Something nobody has ever seen":                                                  "raise merge.wait",
		"Repository was archived so is read-only":                                         "unarchive",
		"Pull request is in clean status":                                                 "run again",
		"Pull request Pull request is in unstable status":                                 "run again",
		"Merge method squash merging is not allowed on this repository":                   "merge: {method",
	} {
		for _, late := range []bool{false, true} {
			w := newWorld(t, fake.Settings{AutoMerge: true}, nil)
			w.repo.Protect("main", fake.Protection{Checks: []string{"ci"}})
			head, p := w.propose()
			once(enable, fake.Fault{Times: 1000, Status: 200, Message: fmt.Sprintf(
				`{"data":{"enablePullRequestAutoMerge":null},"errors":[{"type":"UNPROCESSABLE","path":["enablePullRequestAutoMerge"],"message":%q}]}`, text)})(w, "")
			w.repo.SetCheck(head.HeadSHA, fake.Check{Name: "ci"})
			if !late {
				w.time.each = func() { green("ci")(w, head.HeadSHA) }
			}
			result, err := w.client.Merge(context.Background(), forge.Order{Number: p.Number, Method: "squash", Wait: 3 * time.Minute,
				Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)})
			w.must(err)
			gone := strings.HasPrefix(hint, "unarchive") || strings.HasPrefix(hint, "merge: ")
			if !late && !gone && result.Outcome != forge.Merged {
				t.Errorf("%s: with a green check it ends as %s: %s", text, result.Outcome, result.Detail)
			}
			if (late || gone) && (result.Outcome == forge.Merged || !strings.Contains(result.Hint, hint)) {
				t.Errorf("%s: it ends as %s: %s; hint %q", text, result.Outcome, result.Detail, result.Hint)
			}
		}
	}
}

// TestGuardedRefs has rulesets on the names of refs, a workflow that may open no pull request, and an archived repository:
// each is told apart with its own advice, at once, and is nobody's lost race.
func TestGuardedRefs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	publish := func(w *world, c *github.Client) error {
		_, err := w.publish(c, w.repo.Head("main"), edits(), "Bump c\n")
		return err
	}
	for name, c := range map[string]struct {
		arrange func(w *world)
		do      func(w *world, c *github.Client) error
		as      string
		want    forge.Obstacle
		hint    string
	}{
		"creating the branch": {func(w *world) { w.repo.Guard("refs/heads/pawl/", fake.NameRule{Create: true}) }, publish, token, forge.RefIsGuarded, "forge: {branch"},
		"moving the branch": {func(w *world) {
			w.propose()
			w.repo.Guard("refs/heads/pawl/", fake.NameRule{Update: true})
		}, publish, token, forge.RefIsGuarded, "forge: {branch"},
		"signatures on the branch": {func(w *world) {
			_, err := w.repo.Chmod("main", "alice", map[string]string{file: "100755"})
			w.must(err)
			w.repo.Guard("refs/heads/", fake.NameRule{Signed: true})
		}, publish, token, forge.Unsigned, "plain files"},
		"deleting the branch": {func(w *world) { w.repo.Guard("refs/heads/pawl/", fake.NameRule{Delete: true}) }, func(w *world, c *github.Client) error {
			_, p := w.propose()
			_, err := c.Close(ctx, p)
			return err
		}, token, forge.RefIsGuarded, "rule"},
		"creating the ledger": {func(w *world) { w.repo.Guard("refs/pawl/", fake.NameRule{Create: true}) }, func(_ *world, c *github.Client) error {
			return c.Record(ctx, claims("c"))
		}, token, forge.RefIsGuarded, "ledger: refs/heads/pawl-ledger"},
		"an archived repository": {func(w *world) { w.repo.Configure(func(s *fake.Settings) { s.Archived = true }) }, publish, token, forge.Archived, "unarchive"},
		"actions": {func(w *world) { w.repo.Configure(func(s *fake.Settings) { s.NoActionsPulls = true }) }, func(w *world, c *github.Client) error {
			return publish(w, c)
		}, "workflow", forge.ActionsMayNot, "MERGE_TOKEN"},
	} {
		w := newWorld(t, fake.Settings{}, nil)
		c.arrange(w)
		err := c.do(w, w.connect(c.as))
		var failed *github.Error
		if !errors.As(err, &failed) || failed.Obstacle != c.want || !strings.Contains(failed.Hint, c.hint) || errors.Is(err, forge.ErrMoved) {
			t.Errorf("%s: %v: %+v", name, err, failed)
			continue
		}
		if strings.ContainsAny(err.Error()+failed.Hint, "\r\n") || w.time.slept > 0 {
			t.Errorf("%s: %q, slept %s", name, err, w.time.slept)
		}
	}
}

// TestRulesOfTheBase merges into a base whose rulesets want signatures or approvals: neither is pending without a word.
func TestRulesOfTheBase(t *testing.T) {
	t.Parallel()
	for _, ruleset := range []bool{false, true} {
		for _, auto := range []bool{false, true} {
			for code, protection := range map[change.Code]fake.Protection{
				change.Unsigned:       {Checks: []string{"ci"}, Signed: true, Ruleset: ruleset},
				change.ApprovalNeeded: {Checks: []string{"ci"}, Reviews: 1, Ruleset: ruleset},
			} {
				w := newWorld(t, fake.Settings{AutoMerge: auto}, nil)
				if code == change.Unsigned { // GitHub cannot commit such a file, and so does not sign
					_, err := w.repo.Chmod("main", "alice", map[string]string{file: "100755"})
					w.must(err)
				}
				w.repo.Protect("main", protection)
				head, p := w.propose()
				w.time.each = func() { green("ci")(w, head.HeadSHA) }
				result, err := w.client.Merge(context.Background(), forge.Order{Number: p.Number, Method: "squash", Wait: 5 * time.Minute,
					Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)})
				w.must(err)
				if result.Decision.Code != code || result.Hint == "" || result.Outcome == forge.Merged {
					t.Errorf("%s, ruleset %t, auto-merge %t: %+v", code, ruleset, auto, result)
				}
				if shown, _ := w.repo.Pull(p.Number); code == change.Unsigned && (shown.AutoMerge || result.Outcome != forge.Refused) {
					t.Errorf("ruleset %t: armed %t, %s", ruleset, shown.AutoMerge, result.Outcome)
				}
			}
		}
	}
}
