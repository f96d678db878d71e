package gitea_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/gitea"
	"github.com/pawl-cd/pawl/internal/forge"
	client "github.com/pawl-cd/pawl/internal/forge/gitea"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// world is a real server with one profile.
type world struct {
	*gitea.Server
	t          *testing.T
	repository string
	token      string
	transport  http.RoundTripper
}

var files = map[string]string{"a/values.yaml": "tag: v1\n", "b.yaml": "tag: v1\n"}

func (w world) client(change ...func(*client.Config)) *client.Client {
	w.t.Helper()
	c := client.Config{HTTP: httpx.New(httpx.Config{Timeout: 30 * time.Second, Transport: w.transport}), URL: w.URL, Repository: w.repository, Token: w.token,
		Ledger: "refs/pawl/ledger", Poll: 200 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	made, err := client.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func TestLive(t *testing.T) {
	s := gitea.Start(t)
	token := s.User(t, "bot")
	w := world{Server: s, t: t, token: token, repository: s.Repository(t, "bot", files)}
	ctx := t.Context()
	c := w.client()
	p, err := c.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", p)
	set := change.Set{Base: p.BaseSHA, Files: []change.File{{Path: "a/values.yaml", Before: []byte("tag: v1\n"), After: []byte("tag: v2\n")}},
		Updates: []change.Update{{Manifest: "m", File: "a/values.yaml", Key: "$.tag", Old: "v1", New: "v2", Version: "v2"}}, Chain: "chain"}
	text := forge.PullText{Message: change.CommitMessage(set), Title: change.Title(set), Body: "body", Labels: []string{"pawl"}}
	began := time.Now()
	pull, err := c.Propose(ctx, set, text)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v %v calls %d", pull, time.Since(began), c.Calls())
	again, err := w.client().Propose(ctx, set, text)
	if err != nil || again.Done != "unchanged" || again.HeadSHA != pull.HeadSHA || again.Number != pull.Number {
		t.Fatalf("%+v %v", again, err)
	}
	if err := c.Record(ctx, func(l ledger.Ledger) ledger.Ledger { return l.Hold(set.Holds()) }); err != nil {
		t.Fatal(err)
	}
	before := c.Calls()
	began = time.Now()
	m, err := c.Merge(ctx, forge.Order{Number: pull.Number, Head: pull.HeadSHA, Method: "squash", Wait: time.Minute, Message: text.Message,
		Authority: authority(p, set)})
	if err != nil || m.Outcome != forge.Merged {
		t.Fatalf("%+v %v", m, err)
	}
	t.Logf("%+v %v calls %d", m, time.Since(began), c.Calls()-before)
	commit, err := c.Commit(ctx, m.SHA)
	if err != nil || !change.OwnMessage(commit.Message) || len(commit.Changed) != 1 {
		t.Errorf("%+v %v", commit, err)
	}
	recent, _, err := w.client().Recent(ctx, 1)
	if err != nil || len(recent) != 1 || !recent[0].Merged || recent[0].HeadSHA != pull.HeadSHA || recent[0].Branch != "pawl/update" {
		t.Errorf("%+v %v", recent, err)
	}
	own, err := c.OwnCommits(ctx, m.SHA)
	if err != nil || len(own) != 1 || own[0].SHA != m.SHA {
		t.Errorf("%+v %v", own, err)
	}
	n, found, err := c.Behind(ctx, m.SHA, p.BaseSHA)
	if n != 1 || !found || err != nil {
		t.Errorf("behind %d %v %v", n, found, err)
	}
	if _, err := c.Commit(ctx, strings.Repeat("1", 40)); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("an unknown commit: %v", err)
	}
	diff, ownd, err := w.client().MergedDiff(ctx, recent[0])
	if err != nil || !ownd || diff != set.Holds().Diff {
		t.Errorf("%s %v %v", diff, ownd, err)
	}
}

func authority(p forge.Profile, set change.Set) func(context.Context, forge.State) (forge.Answer, error) {
	return func(_ context.Context, s forge.State) (forge.Answer, error) {
		rules := change.Rules{Self: p.Self, Repository: p.Repository, Branch: "pawl/update", Base: p.Base, BaseSHA: s.BaseSHA}
		checks := change.Checks{Runs: s.Checks, Require: change.Requirement{Mode: change.RequireNone}, Enforced: s.Enforced, Waited: s.Waited, Limit: time.Minute}
		return forge.Answer{Now: change.Authorize(set, s.Pull, checks, change.View{}, rules)}, nil
	}
}
