package github_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

func TestProposeUpdatesWhatDiffers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	head, _ := w.propose()
	since := len(w.fake.Calls())
	p, made, err := w.client.PutPull(ctx, head.Branch, github.Text{Title: "Bump a, b", Body: "why\nnot", Labels: []string{"pawl/review", "Dependencies"}})
	w.must(err)
	got, _ := w.repo.Pull(p.Number)
	if made || got.Title != "Bump a, b" || got.Body != "why\nnot" || !cmp.Equal(got.Labels, []string{"dependencies", "pawl/review"}) {
		t.Errorf("made %v: %+v", made, got)
	}
	if diff := cmp.Diff([]string{"PATCH /pulls/{pull_number}", "POST /issues/{issue_number}/labels"}, w.writes(since)); diff != "" {
		t.Error(diff)
	}
}

func TestProposeFindsTheOneOfARacer(t *testing.T) {
	t.Parallel()
	var w *world
	act := onFirst("POST /pulls", func(w *world) {
		_, err := w.repo.Open("pawl-bot", fake.NewPull{Title: "theirs", Head: "pawl/update"})
		w.must(err)
	})
	w = newWorld(t, fake.Settings{}, func(o *fake.Options) { o.Before = func(c fake.Call) { act(w, c) } })
	_, p := w.propose()
	if pulls := w.repo.Pulls(); len(pulls) != 1 || p.Number != 1 || pulls[0].Title != "Bump a" {
		t.Errorf("proposed %+v: %+v", p, pulls)
	}
}

func TestProposeLosesARace(t *testing.T) {
	t.Parallel()
	var w *world
	open := onFirst("POST /pulls", func(w *world) {
		_, err := w.repo.Open("pawl-bot", fake.NewPull{Title: "theirs", Head: "pawl/update"})
		w.must(err)
	})
	merge := onFirst("GET /pulls", func(w *world) {
		_, err := w.repo.Merge(1, "pawl-bot", "squash")
		w.must(err)
	})
	w = newWorld(t, fake.Settings{}, func(o *fake.Options) { o.Before = func(c fake.Call) { open(w, c); merge(w, c) } })
	if _, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n"); !errors.Is(err, forge.ErrMoved) {
		t.Errorf("another run opened the pull request and merged it: %v", err)
	}
}

func TestCloseAndRecent(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	_, p := w.propose()
	if closed, err := w.client.Close(ctx, p); err != nil || !closed.Withdrawn || closed.At.IsZero() {
		t.Errorf("closed %+v, %v", closed, err)
	}
	if got, _ := w.repo.Pull(1); got.State != "closed" || w.repo.Head("pawl/update") != "" {
		t.Errorf("closed %+v", got)
	}
	_, second := w.propose()
	w.must(w.repo.Close(second.Number, "alice"))
	third, err := w.repo.Open("alice", fake.NewPull{Title: "hers", Head: "pawl/update"})
	w.must(err)
	w.must(w.repo.Close(third, "alice"))
	_, open := w.propose()
	recent, more, err := w.client.Recent(ctx, 1)
	w.must(err)
	if more || len(recent) != 3 || recent[0].Number != open.Number || !recent[0].At.IsZero() || recent[0].Created.IsZero() {
		t.Fatalf("recent %+v", recent)
	}
	if theirs := recent[1]; theirs.Number != second.Number || theirs.Body != "why" || theirs.At.IsZero() || theirs.Merged || theirs.Withdrawn {
		t.Errorf("closed by a person: %+v", theirs)
	}
	if ours := recent[2]; ours.Number != p.Number || !ours.Withdrawn {
		t.Errorf("withdrawn: %+v", ours)
	}
}

func TestCloseKeepsWhatSomebodyPushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	_, p := w.propose()
	theirs := w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
	if _, err := w.client.Close(context.Background(), p); !errors.Is(err, forge.ErrMoved) {
		t.Errorf("closing what moved: %v", err)
	}
	open, err := w.client.FindOpen(context.Background())
	w.must(err)
	if _, err := w.client.Close(context.Background(), open[0]); !errors.Is(err, github.ErrForeign) {
		t.Errorf("closing what is theirs: %v", err)
	}
	if got, _ := w.repo.Pull(1); got.State != "open" || w.repo.Head("pawl/update") != theirs {
		t.Errorf("their branch is at %s, the pull request %+v", w.repo.Head("pawl/update"), got)
	}
}

func TestCommentOnceOverManyPages(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	for i := range 230 {
		w.must(w.repo.Comment(1, "alice", fmt.Sprint("comment ", i)))
	}
	w.must(w.repo.Comment(1, "alice", "left alone"))
	for i, want := range []bool{true, false} {
		wrote, err := w.client.CommentOnce(ctx, 1, "left alone")
		w.must(err)
		if wrote != want {
			t.Errorf("call %d wrote %v", i, wrote)
		}
	}
}

// TestOthersPullsCostNothing lets there be many other pull requests, all newer than ours: ours is found, in two calls.
func TestOthersPullsCostNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	for i := range 300 {
		branch := fmt.Sprint("feature-", i)
		w.push(branch, "alice", map[string]string{"x": branch})
		_, err := w.repo.Open("alice", fake.NewPull{Title: "Bump a", Head: branch})
		w.must(err)
	}
	before := len(w.fake.Calls())
	found, err := w.client.FindOpen(context.Background())
	w.must(err)
	recent, more, err := w.client.Recent(context.Background(), 1)
	w.must(err)
	if calls := len(w.fake.Calls()) - before; len(found) != 1 || found[0].Number != 1 || len(recent) != 1 || more || calls > 3 {
		t.Errorf("found %+v, recent %+v in %d calls", found, recent, calls)
	}
}
