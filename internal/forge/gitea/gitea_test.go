package gitea_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/careless"
	server "github.com/pawl-cd/pawl/internal/fake/gitea"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/conformance"
	"github.com/pawl-cd/pawl/internal/forge/gitea"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// world is a repository of a real Gitea.
type world struct {
	*server.Server
	t                *testing.T
	repository       string
	token, ci, alice string
}

// worlds starts a server, of which each world is a repository.
func worlds(t *testing.T) func(t *testing.T) world {
	t.Helper()
	s := server.Start(t)
	token, ci, alice := s.User(t, "bot"), s.User(t, "ci"), s.User(t, "alice")
	return func(t *testing.T) world {
		t.Helper()
		w := world{Server: s, t: t, token: token, ci: ci, alice: alice, repository: s.Repository(t, "bot", nil)}
		for _, name := range []string{"ci", "alice"} {
			s.Call(t, s.Admin, http.MethodPut, w.path("/collaborators/%s", name), map[string]any{"permission": "write"})
		}
		s.Commit(t, alice, w.repository, "main", "Begin", conformance.Files)
		return w
	}
}

func (w world) path(format string, args ...any) string {
	return "repos/" + w.repository + fmt.Sprintf(format, args...)
}

// Client is the client of a new run.
func (w world) Client(token ...string) forge.Forge {
	w.t.Helper()
	c, err := gitea.New(w.config(token...))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// Over is one that calls before each of its requests.
func (w world) Over(before func(r *http.Request)) forge.Forge {
	w.t.Helper()
	config := w.config()
	config.HTTP = httpx.New(httpx.Config{Timeout: 30 * time.Second, Transport: conformance.Over(http.DefaultTransport, before)})
	c, err := gitea.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w world) config(token ...string) gitea.Config {
	return gitea.Config{HTTP: httpx.New(httpx.Config{Timeout: 30 * time.Second}), URL: w.URL, Repository: w.repository,
		Token: append(token, w.token)[0], Ledger: conformance.Ledger, Poll: 200 * time.Millisecond}
}

// Push is alice's.
func (w world) Push(branch string, files map[string]string) string {
	w.t.Helper()
	return w.Commit(w.t, w.alice, w.repository, branch, "by hand", files)
}

// Close is alice's.
func (w world) Close(number int) {
	w.t.Helper()
	w.Call(w.t, w.alice, http.MethodPatch, w.path("/pulls/%d", number), map[string]any{"state": "closed"})
}

// Label is alice's.
func (w world) Label(number int, label string) {
	w.t.Helper()
	w.Try(w.t, w.alice, http.MethodPost, w.path("/labels"), map[string]any{"name": label, "color": "#000000"})
	w.Call(w.t, w.alice, http.MethodPost, w.path("/issues/%d/labels", number), map[string]any{"labels": []string{label}})
}

// Protect requires checks on main.
func (w world) Protect(checks ...string) {
	w.t.Helper()
	w.Call(w.t, w.Admin, http.MethodPost, w.path("/branch_protections"), map[string]any{"rule_name": "main", "enable_push": true, "enable_status_check": true, "status_check_contexts": checks})
}

// Status is the ci user's.
func (w world) Status(commit, name, state string) {
	w.t.Helper()
	w.Call(w.t, w.ci, http.MethodPost, w.path("/statuses/%s", commit), map[string]any{"context": name, "state": state})
}

// Open counts the open pull requests of our user.
func (w world) Open() int { return len(w.List(w.t, w.Admin, w.path("/pulls?state=open&poster=bot"))) }

// Commits are those on main.
func (w world) Commits() [][]string {
	w.t.Helper()
	var all [][]string
	for _, c := range w.List(w.t, w.Admin, w.path("/commits?sha=main&files=true&limit=50")) {
		var changed []string
		files, _ := c["files"].([]any)
		for _, f := range files {
			changed = append(changed, f.(map[string]any)["filename"].(string))
		}
		all = append(all, changed)
	}
	return all
}

// Settle waits for what the server does after its answers.
func (w world) Settle() { time.Sleep(3 * time.Second) }

func TestPromises(t *testing.T) {
	start := worlds(t)
	conformance.Promises(t, func(t *testing.T) conformance.World { return start(t) })
}

// TestDeadClaim has a run with nothing to do meet the claim of one that died while it merged: it is taken away, for while there is one
// a profile of a fleet is never quiet; that of a run that may be alive stays.
func TestDeadClaim(t *testing.T) {
	start := worlds(t)
	for name, c := range map[string]struct {
		age  time.Duration
		left bool
	}{"dead": {2 * time.Minute, false}, "alive": {0, true}} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			claimed := w.claimed(c.age)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := w.Client().Withdraw(ctx)
			if left := claimed(); left != c.left || (err != nil) != c.left {
				t.Errorf("the claim is left: %t, %v", left, err)
			}
		})
	}
}

// claimed leaves the claim of a run that began to merge so long ago; it returns what tells whether it is there.
func (w world) claimed(ago time.Duration) func() bool {
	w.t.Helper()
	ref, dir := conformance.Ledger+"-merge", w.t.TempDir()
	git := func(args ...string) string {
		cmd := exec.CommandContext(w.t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=bot", "-c", "user.email=bot@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", time.Now().Add(-ago).Unix()))
		out, err := cmd.CombinedOutput()
		if err != nil {
			w.t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "a claim")
	git("remote", "add", "origin", strings.Replace(w.URL, "://", "://x:"+w.token+"@", 1)+"/"+w.repository+".git")
	git("push", "-q", "origin", "HEAD:"+ref)
	return func() bool { return git("ls-remote", "origin", ref) != "" }
}

// TestPeople has what only this forge needs: who pushed is told by the server alone.
func TestPeople(t *testing.T) {
	start := worlds(t)
	t.Run("what a person pushed in our name stays", func(t *testing.T) {
		w := start(t)
		f := w.Client()
		p, err := f.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		set := change.Set{Base: p.BaseSHA, Chain: "chain", Files: []change.File{{Path: "b.yaml", Before: []byte("tag: v1"), After: []byte("tag: v2")}},
			Updates: []change.Update{{Manifest: "b", File: "b.yaml", Key: "$.tag", Old: "v1", New: "v2", Version: "v2"}}}
		text := forge.PullText{Message: change.CommitMessage(set), Title: change.Title(set), Body: "x"}
		pull, err := f.Propose(t.Context(), set, text)
		if err != nil {
			t.Fatal(err)
		}
		// alice pushes a commit that names the bot as its author, with the plan's bytes and our trailers.
		forged := w.CommitAs(t, w.alice, "bot", w.repository, "pawl/update", text.Message.String(), map[string]string{"b.yaml": "tag: v2"})
		w.Settle()
		m, err := f.Merge(t.Context(), forge.Order{Number: pull.Number, Head: forged, Method: "squash", Message: text.Message, Wait: 2 * time.Second,
			Authority: func(_ context.Context, s forge.State) (forge.Answer, error) {
				rules := change.Rules{Self: p.Self, Repository: p.Repository, Branch: "pawl/update", Base: "main", BaseSHA: s.BaseSHA}
				return forge.Answer{Now: change.Authorize(set, s.Pull, change.Checks{Require: change.Requirement{Mode: change.RequireNone}}, change.View{}, rules)}, nil
			}})
		if err != nil || m.Outcome != forge.Refused || m.Decision.Code != change.ForeignCommit || !strings.Contains(m.Detail, "alice") {
			t.Errorf("the merge is %+v, %v", m, err)
		}
		next, err := w.Client().Propose(t.Context(), set, text)
		if err != nil || next.Branch != "pawl/update-2" {
			t.Errorf("the next one is %+v, %v", next, err)
		}
		if closed, err := w.Client().Withdraw(t.Context()); err != nil || len(closed) != 1 || closed[0].Branch != "pawl/update-2" {
			t.Errorf("withdrawn were %+v, %v", closed, err)
		}
	})
}

// TestCareless has clients that do one thing carelessly each.
func TestCareless(t *testing.T) {
	if os.Getenv("PAWL_GITEA") == "" && os.Getenv("CI") != "true" {
		t.Skip("PAWL_GITEA is not set: .ci/gitea builds one")
	}
	careless.Clients(t, [][5]string{
		{"a push without old values", "../../git/remote/remote.go", `line(&request, "%s %s %s%s\n", old, now, u.Ref, capabilities)`,
			`if refs, err := r.Refs(ctx, u.Ref); err == nil && refs.IDs[u.Ref] != "" { old = refs.IDs[u.Ref] }; line(&request, "%s %s %s%s\n", old, now, u.Ref, capabilities)`,
			"TestPromises/the_ledger_is_compare-and-swap"},
		{"the server's own merging", "merge.go", `"delete_branch_after_merge": false,`, `"delete_branch_after_merge": false, "merge_when_checks_succeed": true,`, "TestPromises/a_merge_lands_once"},
		{"arming while it waits", "merge.go", "	case !granted:\n		return m.wait(ctx)", `	case !granted:
		_, _ = m.Call(ctx, http.MethodPost, m.path("/pulls/%d/merge", m.order.Number), map[string]any{"Do": m.order.Method, "merge_when_checks_succeed": true}, nil)
		return m.wait(ctx)`, "TestPromises/nothing_is_left_armed"},
		{"a branch that is deleted", "pull.go", "	return closed, closed.complete()", `	_, _ = c.Call(ctx, http.MethodDelete, c.path("/branches/%s", p.Head.Label), nil, nil)
	return closed, closed.complete()`, "TestPromises/one_proposal"},
		{"no claim", "claim.go", "	me, err := c.profile(ctx)\n	if err != nil {\n		return false, err\n	}\n	held", "	me, err := c.profile(ctx)\n	if err == nil {\n		return true, err\n	}\n	held", "TestPromises/a_merge_lands_once"},
		{"one page of statuses", "checks.go", `l.Is("next")`, `false`, "TestPromises/all_checks_are_read"},
		{"commits believed", "people.go", `e.Type == "pull_push" && !self.Is`, `e.Type == "none" && !self.Is`, "TestPeople/what_a_person_pushed_in_our_name_stays"},
		{"any head", "merge.go", `"head_commit_id": grant.Head(),`, ``, "TestPromises/a_merge_lands_the_head_that_was_authorised"},
	})
}
