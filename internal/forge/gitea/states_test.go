package gitea_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/gitea"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// trick answers some requests in the server's place, with what a server was seen to answer.
type trick struct {
	// when is the method and the end of the path of the requests that are meant; carry lets the server carry them out.
	when  string
	times int64
	carry bool
	// status and body are the answer; a status of 0 is an answer that gets lost.
	status int
	body   string
	n      int64
}

// RoundTrip implements http.RoundTripper.
func (t *trick) RoundTrip(r *http.Request) (*http.Response, error) {
	method, end, _ := strings.Cut(t.when, " ")
	if t.when == "" || r.Method != method || !strings.HasSuffix(r.URL.Path, end) || atomic.AddInt64(&t.n, 1) > t.times {
		return http.DefaultTransport.RoundTrip(r)
	}
	if t.carry {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
	}
	if t.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: t.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewBufferString(t.body)), Request: r}, nil
}

func says(text string) string { return `{"message":"` + text + `","url":"x"}` }

// TestStates are the states and answers of a server that a merge meets, and how each ends.
func TestStates(t *testing.T) {
	start := worlds(t)
	const merge, always = "POST /merge", 1 << 30
	for _, c := range []struct {
		name    string
		arrange func(w world, number int)
		trick   trick
		want    forge.Outcome
		code    change.Code
		says    string // the detail, the hint or the error
		commits int    // that main has more
	}{
		{name: "1 merged", want: forge.Merged, commits: 1},
		{name: "2 said to be merged, is on the base, stays open", trick: trick{when: "GET /pulls/1", times: always, status: 200}, want: forge.Failed, says: "MERGE_TOKEN", commits: 1},
		{name: "3 the answer got lost, it was carried out", trick: trick{when: merge, times: 1, carry: true}, want: forge.Merged, commits: 1},
		{name: "3 the answer got lost, it was not carried out", trick: trick{when: merge, times: 1}, want: forge.Merged, commits: 1},
		{name: "3 a fault of the server", trick: trick{when: merge, times: 1, status: 500, body: says("")}, want: forge.Merged, commits: 1},
		{name: "4 head out of date", trick: trick{when: merge, times: 1, status: 409, body: says("head out of date")}, want: forge.Merged, commits: 1},
		{name: "5 the base moved at that moment", trick: trick{when: merge, times: 1, status: 409,
			body: says("PushRejected with remote message: cannot lock ref 'refs/heads/main': is at X but expected Y")}, want: forge.Rebuild},
		{name: "5 push out of date", trick: trick{when: merge, times: 1, status: 409, body: says("merge push out of date")}, want: forge.Rebuild},
		{name: "6 a conflict", trick: trick{when: merge, times: 1, status: 409, body: `{"ConflictTree":"x"}`}, want: forge.Rebuild},
		{name: "7 try again later", trick: trick{when: merge, times: 2, status: 405, body: says("Please try again later")}, want: forge.Merged, commits: 1},
		{name: "8 checks of the protection", arrange: func(w world, _ int) { w.Protect("other") }, want: forge.Pending, code: change.RuleBroken, says: "merge.require"},
		{name: "9 approvals", arrange: func(w world, _ int) { w.protect(map[string]any{"required_approvals": 1}) }, want: forge.Pending, code: change.ApprovalNeeded, says: "a person has to approve it"},
		{name: "9 changes requested", trick: trick{when: merge, times: always, status: 405, body: says("There are requested changes")}, want: forge.Pending, code: change.ApprovalNeeded, says: "approve"},
		{name: "9 a review requested", trick: trick{when: merge, times: always, status: 405, body: says("There are official review requests")}, want: forge.Pending, code: change.ApprovalNeeded, says: "approve"},
		{name: "10 behind its base", trick: trick{when: merge, times: 1, status: 405, body: says("The head branch is behind the base branch")}, want: forge.Rebuild},
		{name: "11 protected files", arrange: func(w world, _ int) { w.protect(map[string]any{"protected_file_patterns": "*.yaml"}) }, want: forge.Refused, code: change.RuleBroken, says: "merge it yourself"},
		{name: "12 not in the whitelist", arrange: func(w world, _ int) {
			w.protect(map[string]any{"enable_merge_whitelist": true, "merge_whitelist_usernames": []string{"alice"}})
		}, want: forge.Failed, says: "merge whitelist"},
		{name: "13 the method", arrange: func(w world, _ int) { w.settings(map[string]any{"allow_squash_merge": false}) }, want: forge.Failed, says: "merge: {method:"},
		{name: "13 the method, not seen before", trick: trick{when: merge, times: 1, status: 405, body: says("squash is not allowed an allowed merge style for this repository")}, want: forge.Failed, says: "merge: {method:"},
		{name: "14 it cannot sign", arrange: func(w world, _ int) { w.protect(map[string]any{"require_signed_commits": true}) }, want: forge.Failed, says: "signing key"},
		{name: "15 a draft", arrange: func(w world, number int) {
			w.Call(w.t, w.alice, http.MethodPatch, w.path("/pulls/%d", number), map[string]any{"title": "WIP: wait"})
		}, want: forge.Refused, code: change.IsDraft, says: "ready for review"},
		{name: "16 merged by a person", arrange: func(w world, number int) {
			w.Call(w.t, w.alice, http.MethodPost, w.path("/pulls/%d/merge", number), map[string]any{"Do": "squash"})
		}, want: forge.Merged, commits: 1},
		{name: "16 merged already", trick: trick{when: merge, times: 1, carry: true, status: 405, body: says("The PR is already merged")}, want: forge.Merged, commits: 1},
		{name: "17 closed by a person", arrange: func(w world, number int) { w.Close(number) }, want: forge.Closed, says: "left alone"},
		{name: "17 closed while it is merged", trick: trick{when: merge, times: 1, status: 404, body: says("not found")}, want: forge.Merged, commits: 1},
		{name: "18 scheduled instead", trick: trick{when: merge, times: 1, status: 201}, want: forge.Merged, commits: 1},
		{name: "18 scheduled before", trick: trick{when: merge, times: 1, status: 409, body: says("pull request is already scheduled to auto merge when checks succeed [pull_id: 3]")}, want: forge.Merged, commits: 1},
		{name: "30 closed by the server, late and in our name", arrange: func(w world, number int) {
			w.Call(w.t, w.token, http.MethodPatch, w.path("/pulls/%d", number), map[string]any{"state": "closed"})
		}, want: forge.Merged, commits: 1},
		{name: "another no", trick: trick{when: merge, times: always, status: 405, body: says("The moon is not full")}, want: forge.Pending, code: change.RuleBroken, says: "moon"},
		{name: "26 archived", arrange: func(w world, _ int) { w.settings(map[string]any{"archived": true}) }, want: forge.Failed, says: "unarchive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			p, set, pull := w.proposed()
			if c.arrange != nil {
				c.arrange(w, pull.Number)
			}
			before := len(w.Commits())
			if c.trick.when == "GET /pulls/1" { // as the server shows it for ever
				c.trick.body = w.read("/pulls/1")
			}
			m, err := w.through(&c.trick).Merge(t.Context(), w.order(p, set, pull))
			all := strings.Join([]string{m.Detail, m.Hint, fault.Hint(err), errorText(err)}, "\n")
			if m.Outcome != c.want || c.code != "" && m.Decision.Code != c.code || !strings.Contains(all, c.says) {
				t.Errorf("it is %+v, %v (hint: %s)", m, err, fault.Hint(err))
			}
			if n := len(w.Commits()) - before; n != c.commits && c.name != "16 merged by a person" {
				t.Errorf("main has %d commits more, want %d", n, c.commits)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// protect adds a protection of main.
func (w world) protect(rule map[string]any) {
	w.t.Helper()
	rule["rule_name"], rule["enable_push"] = "main", true
	w.Call(w.t, w.Admin, http.MethodPost, w.path("/branch_protections"), rule)
}

func (w world) settings(fields map[string]any) {
	w.t.Helper()
	w.Call(w.t, w.Admin, http.MethodPatch, w.path(""), fields)
}

func (w world) read(path string) string {
	w.t.Helper()
	return w.Text(w.t, w.token, w.path("%s", path))
}

// through is a client whose requests go through a trick.
func (w world) through(over http.RoundTripper, change ...func(*gitea.Config)) *gitea.Client {
	w.t.Helper()
	c := w.config()
	c.HTTP = httpx.New(httpx.Config{Timeout: 30 * time.Second, Transport: over})
	for _, f := range change {
		f(&c)
	}
	made, err := gitea.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// proposed is a pull request that takes b.yaml to v2.
func (w world) proposed() (forge.Profile, change.Set, forge.Pull) {
	w.t.Helper()
	f := w.Client()
	p, err := f.Open(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	set := change.Set{Base: p.BaseSHA, Chain: "chain", Files: []change.File{{Path: "b.yaml", Before: []byte("tag: v1"), After: []byte("tag: v2")}},
		Updates: []change.Update{{Manifest: "b", File: "b.yaml", Key: "$.tag", Old: "v1", New: "v2", Version: "v2"}}}
	pull, err := f.Propose(w.t.Context(), set, w.text(set))
	if err != nil {
		w.t.Fatal(err)
	}
	return p, set, pull
}

func (w world) text(set change.Set) forge.PullText {
	return forge.PullText{Message: change.CommitMessage(set), Title: change.Title(set), Body: "x"}
}

func (w world) order(p forge.Profile, set change.Set, pull forge.Pull) forge.Order {
	return forge.Order{Number: pull.Number, Head: pull.HeadSHA, Method: "squash", Message: change.CommitMessage(set), Wait: 3 * time.Second,
		Authority: func(_ context.Context, s forge.State) (forge.Answer, error) {
			rules := change.Rules{Self: p.Self, Repository: p.Repository, Branch: "pawl/update", Base: "main", BaseSHA: s.BaseSHA}
			return forge.Answer{Now: change.Authorize(set, s.Pull, change.Checks{Require: change.Requirement{Mode: change.RequireNone}}, change.View{}, rules)}, nil
		}}
}

// TestRefusals are the states that a run meets before it merges.
func TestRefusals(t *testing.T) {
	start := worlds(t)
	open := func(c *gitea.Client) error { _, err := c.Open(t.Context()); return err }
	write := func(c *gitea.Client) error {
		return c.Record(t.Context(), func(l ledger.Ledger) ledger.Ledger { return l.Written(ledger.Value{Version: "v1"}) })
	}
	list := func(c *gitea.Client) error { _, _, err := c.Recent(t.Context(), 1); return err }
	for _, c := range []struct {
		name    string
		arrange func(w world)
		config  func(w world, c *gitea.Config)
		act     func(c *gitea.Client) error
		says    string
	}{
		{name: "20 two were opened at once", act: list, arrange: func(w world) { w.proposed() }},
		{name: "21 no pull requests", arrange: func(w world) { w.settings(map[string]any{"has_pull_requests": false}) }, act: open, says: "turn them on"},
		{name: "22 somebody was faster", act: write},
		{name: "23 a scope is missing", config: func(w world, c *gitea.Config) { c.Token = w.Token(w.t, "bot", "write:repository") }, act: open, says: "read:user"},
		{name: "24 no write access", config: func(w world, c *gitea.Config) { c.Token = w.stranger() }, act: write, says: "write access"},
		{name: "24 the branch is protected", config: func(w world, c *gitea.Config) {
			c.Ledger = "refs/heads/pawl-ledger"
			w.Call(w.t, w.Admin, http.MethodPost, w.path("/branch_protections"), map[string]any{"rule_name": "pawl-ledger", "enable_push": false})
		}, act: write, says: "a rule protects the branch"},
		{name: "24 the ledger's ref is free of rules", arrange: func(w world) { w.protectAll() }, act: write},
		{name: "25 a token that is none", config: func(_ world, c *gitea.Config) { c.Token = "none" }, act: open, says: "renew MERGE_TOKEN"},
		{name: "25 no token", config: func(_ world, c *gitea.Config) { c.Token = "" }, act: write, says: "set MERGE_TOKEN"},
		{name: "26 archived", arrange: func(w world) { w.settings(map[string]any{"archived": true}) }, act: write, says: "unarchive"},
		{name: "27 no such repository", config: func(_ world, c *gitea.Config) { c.Repository = "admin/none" }, act: open, says: "does not exist"},
		{name: "27 renamed", arrange: func(w world) { w.settings(map[string]any{"name": "new" + w.repository[len("admin/"):]}) }, act: open, says: "another name"},
		{name: "27 another host", config: func(_ world, c *gitea.Config) { c.URL = "http://127.0.0.1:1" }, act: open, says: "127.0.0.1:1"},
		{name: "no base", config: func(_ world, c *gitea.Config) { c.Base = "none" }, act: open, says: "forge: {base: NAME}"},
		{name: "the base is the branch", config: func(_ world, c *gitea.Config) { c.Branch = "main" }, act: open, says: "branch of their own"},
		{name: "a branch in the way", arrange: func(w world) { w.Push("pawl", map[string]string{"x": "y"}) },
			act: func(c *gitea.Client) error {
				p, err := c.Open(t.Context())
				if err != nil {
					return err
				}
				set := change.Set{Base: p.BaseSHA, Files: []change.File{{Path: "b.yaml", Before: []byte("tag: v1"), After: []byte("tag: v2")}}}
				_, err = c.Propose(t.Context(), set, forge.PullText{Message: change.Message{Subject: "x", Body: "y"}, Title: "x"})
				return err
			}, says: "is in the way"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			if c.arrange != nil {
				c.arrange(w)
			}
			err := c.act(w.through(http.DefaultTransport, func(config *gitea.Config) {
				if c.config != nil {
					c.config(w, config)
				}
			}))
			if (err == nil) != (c.says == "") || !strings.Contains(errorText(err)+"\n"+fault.Hint(err), c.says) {
				t.Errorf("the error is %v (hint: %s)", err, fault.Hint(err))
			}
			if err != nil && strings.Contains(err.Error(), w.token) {
				t.Errorf("the token is in it: %v", err)
			}
		})
	}
}

// protectAll protects every branch with a name of ours.
func (w world) protectAll() {
	w.t.Helper()
	w.Call(w.t, w.Admin, http.MethodPost, w.path("/branch_protections"), map[string]any{"rule_name": "pawl/**", "enable_push": false})
}

// stranger is a token of a user who may not write.
func (w world) stranger() string {
	w.t.Helper()
	return w.User(w.t, "stranger"+w.repository[len("admin/profile"):])
}

// TestNothingToPropose is a set that changes nothing (28), and one of which another run was faster (22, 31).
func TestNothingToPropose(t *testing.T) {
	w := worlds(t)(t)
	p, set, _ := w.proposed()
	empty := change.Set{Base: p.BaseSHA, Files: []change.File{{Path: "b.yaml", Before: []byte("tag: v1"), After: []byte("tag: v1")}}}
	if _, err := w.Client().Propose(t.Context(), empty, w.text(set)); err == nil {
		t.Error("a set that changes nothing is proposed")
	}
	set.Base = strings.Repeat("1", 40)
	if _, err := w.Client().Propose(t.Context(), set, w.text(set)); !errors.Is(err, forge.ErrMoved) {
		t.Errorf("a set for another base: %v", err)
	}
}

// TestUnnoticed is a branch that git shows and the server does not know: for a moment, or for good.
func TestUnnoticed(t *testing.T) {
	start := worlds(t)
	for _, c := range []struct {
		name  string
		times int64
		want  error
	}{{"for a moment", 3, nil}, {"for good", 1 << 30, forge.ErrMoved}} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t)
			_, set, pull := w.proposed()
			// The branch stands without a pull request, as while another run is about to open one, and has to be replaced.
			w.Call(w.t, w.token, http.MethodPatch, w.path("/pulls/%d", pull.Number), map[string]any{"state": "closed"})
			set.Files[0].After = []byte("tag: v3")
			unaware := &trick{when: "GET /branches/pawl/update", times: c.times, status: http.StatusNotFound, body: says("branch does not exist")}
			client := w.through(unaware, func(config *gitea.Config) {
				config.Sleep = func(context.Context, time.Duration) error { return nil }
			})
			if _, err := client.Propose(t.Context(), set, w.text(set)); !errors.Is(err, c.want) {
				t.Errorf("the branch ends as %v", err)
			}
			if unaware.n == 0 {
				t.Error("the server was not asked")
			}
		})
	}
}
