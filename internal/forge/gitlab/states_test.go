package gitlab_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/gitlab/merging"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/gitlab"
)

// clock is one on which waiting takes no time.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return ctx.Err()
}

// answers lets the server answer some requests to merge so, after they were carried out or in their place.
func answers(w world, status, times int, message string, applied bool) {
	w.Fault = func(r *http.Request) (int, string, bool, bool) {
		if times == 0 || r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/merge") {
			return 0, "", false, false
		}
		times--
		return status, `{"message":"` + message + `"}`, applied, true
	}
}

// TestStates are the states and answers of a server that a merge meets, and how each ends, by their numbers in GitLab's list of
// what it really does.
func TestStates(t *testing.T) {
	t.Parallel()
	none := change.Requirement{Mode: change.RequireNone}
	named := change.Requirement{Mode: change.RequireNamed, Names: []string{"test"}}
	must := func(w world) { w.Set(func(s *merging.Settings) { s.MustSucceed = true }) }
	runs := func(status string, jobs ...string) func(world, forge.Pull) {
		return func(w world, p forge.Pull) {
			w.Run(p.HeadSHA, "refs/merge-requests/1/head", "merge_request_event", status, jobs...)
		}
	}
	status := func(status string) func(world, forge.Pull) {
		return func(w world, _ forge.Pull) { w.Set(func(s *merging.Settings) { s.Status = status }) }
	}
	set := func(change func(*merging.Settings)) func(world, forge.Pull) {
		return func(w world, _ forge.Pull) { w.Set(change) }
	}
	for _, c := range []struct {
		name    string
		require change.Requirement
		before  func(w world)
		arrange func(w world, p forge.Pull)
		outcome forge.Outcome
		says    string // in the detail, the hint or the code
	}{
		{name: "1 its pipeline succeeded", before: must, arrange: runs("success"), outcome: forge.Merged},
		{name: "1 and the named job", require: named, before: must, arrange: runs("success", "test", "success"), outcome: forge.Merged},
		{name: "2 nothing is required", require: none, outcome: forge.Merged},
		{name: "3 nothing is said", outcome: forge.Refused, says: "require"},
		{name: "4 preparing", require: none, arrange: status("preparing"), outcome: forge.Pending, says: "preparing"},
		{name: "4 checking", require: none, arrange: status("checking"), outcome: forge.Pending, says: "computing"},
		{name: "4 counting approvals", require: none, arrange: status("approvals_syncing"), outcome: forge.Pending, says: "approvals"},
		{name: "5 the head shows late", require: none, arrange: set(func(s *merging.Settings) { s.Lag = 4 }), outcome: forge.Merged},
		{name: "6 the pipeline of an earlier head", before: must, arrange: func(w world, _ forge.Pull) {
			w.Run(strings.Repeat("1", 40), "refs/merge-requests/1/head", "merge_request_event", "success")
		}, outcome: forge.Pending, says: "gitlab/pipeline"},
		{name: "7 the pipeline of its merge into the base", before: must, arrange: func(w world, p forge.Pull) {
			w.Run(w.mergeOf("main", p.HeadSHA), "refs/merge-requests/1/merge", "merge_request_event", "success")
		}, outcome: forge.Merged},
		{name: "8 the pipeline of another's merge", before: must, arrange: func(w world, _ forge.Pull) {
			w.Run(w.mergeOf("main", w.Push("other", map[string]string{"x": "y"})), "refs/merge-requests/1/merge", "merge_request_event", "success")
		}, outcome: forge.Pending, says: "gitlab/pipeline"},
		{name: "9 no pipeline at all", before: must, outcome: forge.Pending, says: "gitlab/pipeline"},
		{name: "10 running", before: must, arrange: runs("running"), outcome: forge.Pending, says: "gitlab/pipeline"},
		{name: "10 created", before: must, arrange: runs("created"), outcome: forge.Pending, says: "gitlab/pipeline"},
		{name: "11 failed", before: must, arrange: runs("failed"), outcome: forge.Refused, says: "gitlab/pipeline"},
		{name: "11 canceled", before: must, arrange: runs("canceled"), outcome: forge.Refused, says: "gitlab/pipeline"},
		{name: "12 manual", before: must, arrange: runs("manual"), outcome: forge.Pending, says: "gitlab/pipeline"},
		{name: "13 skipped", before: must, arrange: runs("skipped"), outcome: forge.Refused, says: "gitlab/pipeline"},
		{name: "13 skipped, which is enough", before: func(w world) { w.Set(func(s *merging.Settings) { s.MustSucceed, s.OrSkipped = true, true }) }, arrange: runs("skipped"), outcome: forge.Merged},
		{name: "14 the named job is absent", require: named, before: must, arrange: runs("success", "lint", "success"), outcome: forge.Pending, says: "test"},
		{name: "14 the named job failed and may", require: named, before: must, arrange: runs("success", "test", "failed"), outcome: forge.Refused, says: "test"},
		{name: "15 a second pipeline failed", before: must, arrange: func(w world, p forge.Pull) {
			runs("success")(w, p)
			w.Run(p.HeadSHA, p.Branch, "push", "failed")
		}, outcome: forge.Refused, says: "gitlab/pipeline"},
		{name: "16 not approved", require: none, arrange: status("not_approved"), outcome: forge.Pending, says: "approve"},
		{name: "16 changes are requested", require: none, arrange: status("requested_changes"), outcome: forge.Pending, says: "approve"},
		{name: "16 discussions", require: none, arrange: status("discussions_not_resolved"), outcome: forge.Pending, says: "resolve"},
		{name: "16 external checks", require: none, arrange: status("status_checks_must_pass"), outcome: forge.Pending, says: "status checks"},
		{name: "17 a draft", require: none, arrange: status("draft_status"), outcome: forge.Refused, says: "ready"},
		{name: "17 locked files", require: none, arrange: status("locked_paths"), outcome: forge.Refused, says: "locked files"},
		{name: "17 a form of titles", require: none, arrange: status("title_regex"), outcome: forge.Refused, says: "change: {title"},
		{name: "17 a policy", require: none, arrange: status("security_policy_violations"), outcome: forge.Refused, says: "security policy"},
		{name: "17 a label of a person's", require: none, arrange: func(w world, p forge.Pull) { w.Label(p.Number, "pawl/review") }, outcome: forge.Refused, says: "pawl/review"},
		{name: "a status that nobody knows", require: none, arrange: status("moon_phase"), outcome: forge.Pending, says: "moon_phase"},
		{name: "18 a conflict", require: none, arrange: status("conflict"), outcome: forge.Rebuild},
		{name: "18 behind its base", require: none, arrange: status("need_rebase"), outcome: forge.Rebuild},
		{name: "18 no commits", require: none, arrange: status("commits_status"), outcome: forge.Rebuild},
		{name: "19 closed by a person", require: none, arrange: func(w world, p forge.Pull) { w.Close(p.Number) }, outcome: forge.Closed},
		{name: "19 closed by another run", require: none, arrange: func(w world, p forge.Pull) {
			w.Change(p.Number, func(r *merging.Request) { r.State, r.Closer, r.Closed = "closed", w.User("bot"), time.Now() })
		}, outcome: forge.Rebuild},
		{name: "20 merged by a person", require: none, arrange: func(w world, p forge.Pull) {
			w.Change(p.Number, func(r *merging.Request) {
				r.State, r.Merger, r.Merged, r.Commit = "merged", w.User("alice"), time.Now(), p.HeadSHA
			})
		}, outcome: forge.Merged},
		{name: "20 merged with another head", require: none, arrange: func(w world, p forge.Pull) {
			w.Change(p.Number, func(r *merging.Request) {
				r.State, r.Merger, r.Merged, r.SHA = "merged", w.User("bot"), time.Now(), strings.Repeat("2", 40)
			})
		}, outcome: forge.Rebuild},
		{name: "21 it is being merged", require: none, arrange: func(w world, p forge.Pull) {
			w.Change(p.Number, func(r *merging.Request) { r.State = "locked" })
		}, outcome: forge.Pending, says: "merging"},
		{name: "22 its head moved", require: none, arrange: func(w world, _ forge.Pull) { answers(w, 409, 1, "SHA does not match HEAD", false) }, outcome: forge.Merged},
		{name: "23 not now", require: none, arrange: func(w world, _ forge.Pull) { answers(w, 405, 1, "405 Method Not Allowed", false) }, outcome: forge.Merged},
		{name: "23 never", require: none, arrange: func(w world, _ forge.Pull) { answers(w, 405, 99, "405 Method Not Allowed", false) }, outcome: forge.Pending, says: "405"},
		{name: "24 it cannot", require: none, arrange: func(w world, _ forge.Pull) { answers(w, 422, 99, "Branch cannot be merged", false) }, outcome: forge.Failed, says: "cannot be merged"},
		{name: "25 the user may not", require: none, arrange: set(func(s *merging.Settings) { s.NoMerge = []string{"bot"} }), outcome: forge.Failed, says: "may not merge"},
		{name: "29 the answer is a fault", require: none, arrange: func(w world, _ forge.Pull) { answers(w, 502, 1, "no", false) }, outcome: forge.Merged},
		{name: "29 the answer is a fault, and it is merged", require: none, arrange: func(w world, _ forge.Pull) { answers(w, 500, 1, "no", true) }, outcome: forge.Merged},
		{name: "34 merge trains", require: none, before: func(w world) { w.Set(func(s *merging.Settings) { s.Trains = true }) }, outcome: forge.Pending, says: "train"},
		{name: "35 armed by a person", require: none, arrange: func(w world, p forge.Pull) {
			w.Change(p.Number, func(r *merging.Request) { r.Armed = true })
		}, outcome: forge.Pending, says: "by itself"},
		{name: "36 a commit of a person's", require: none, arrange: func(w world, p forge.Pull) { w.Push(p.Branch, map[string]string{"c": "d"}) }, outcome: forge.Refused, says: "foreign"},
		{name: "the project does not squash", require: none, before: func(w world) { w.Set(func(s *merging.Settings) { s.Squash = "never" }) }, outcome: forge.Failed, says: "merge: {method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.before != nil {
				c.before(w)
			}
			on := &clock{at: time.Now()}
			f := w.connect("bot-token", func(config *gitlab.Config) { config.Now, config.Sleep, config.Poll = on.now, on.sleep, time.Second })
			me, err := f.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			plan := change.Set{Base: me.BaseSHA, Chain: "chain", Files: []change.File{{Path: "b.yaml", Before: []byte("tag: v1"), After: []byte("tag: v2")}},
				Updates: []change.Update{{Manifest: "b", File: "b.yaml", Key: "$.tag", Old: "v1", New: "v2", Version: "v2"}}}
			p, err := f.Propose(t.Context(), plan, forge.PullText{Message: change.CommitMessage(plan), Title: change.Title(plan), Body: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if c.arrange != nil {
				c.arrange(w, p)
			}
			rules := change.Rules{Self: me.Self, Repository: me.Repository, Branch: p.Branch, Base: "main", BaseSHA: me.BaseSHA}
			m, err := f.Merge(t.Context(), forge.Order{Number: p.Number, Head: p.HeadSHA, Method: "squash", Message: change.CommitMessage(plan), Wait: 30 * time.Second,
				Authority: func(_ context.Context, s forge.State) (forge.Answer, error) {
					need := c.require
					if need.Mode == change.RequireUnset { // then what the project demands counts
						need = change.Requirement{Mode: change.RequireProtection, Names: s.Enforced}
					}
					checks := change.Checks{Runs: s.Checks, Require: need, Enforced: s.Enforced, Waited: s.Waited, Limit: time.Hour}
					return forge.Answer{Now: change.Authorize(plan, s.Pull, checks, change.View{}, rules)}, nil
				}})
			said := strings.Join([]string{m.Detail, m.Hint, m.Decision.Detail, string(m.Decision.Code)}, "; ")
			if err != nil || m.Outcome != c.outcome || !strings.Contains(said, c.says) {
				t.Errorf("it ends as %s, %v: %s", m.Outcome, err, said)
			}
			if m.Outcome != forge.Merged && m.Outcome != forge.Closed && m.Hint == "" && m.Decision.Hint == "" && m.Outcome != forge.Pending {
				t.Errorf("no hint: %s", said)
			}
			if merged := len(w.Commits()) > 1; merged != (m.Outcome == forge.Merged && !strings.HasPrefix(c.name, "20")) {
				t.Errorf("%s, and %d commits", m.Outcome, len(w.Commits()))
			}
		})
	}
}

// mergeOf is a commit that merges a head into a branch, as a pipeline of merged results runs on.
func (w world) mergeOf(branch, head string) string {
	return w.Git("-c", "user.name=GitLab", "-c", "user.email=noreply@gitlab.example", "commit-tree", head+"^{tree}", "-p", w.Git("rev-parse", branch), "-p", head, "-m", "merge")
}

// TestRefusals are the states that a run meets before it merges.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before func(w world)
		config func(c *gitlab.Config)
		says   string
	}{
		{name: "26 a token that is none", config: func(c *gitlab.Config) { c.Token = "none" }, says: "renew MERGE_TOKEN"},
		{name: "27 no such project", config: func(c *gitlab.Config) { c.Repository = "group/none" }, says: "does not exist"},
		{name: "archived", before: func(w world) { w.Set(func(s *merging.Settings) { s.Archived = true }) }, says: "unarchive"},
		{name: "no base", config: func(c *gitlab.Config) { c.Base = "none" }, says: "forge: {base: NAME}"},
		{name: "the base is the branch", config: func(c *gitlab.Config) { c.Branch = "main" }, says: "branch of their own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.before != nil {
				c.before(w)
			}
			_, err := w.connect("bot-token", c.config).Open(t.Context())
			if err == nil || !strings.Contains(err.Error()+"\n"+fault.Hint(err), c.says) {
				t.Errorf("the error is %v (hint: %s)", err, fault.Hint(err))
			}
		})
	}
}
