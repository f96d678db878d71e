package github_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

// TestRefsAreCompared moves refs that somebody else moved first; nothing of theirs is overwritten.
func TestRefsAreCompared(t *testing.T) {
	t.Parallel()
	const ref = "refs/heads/side"
	for _, test := range []struct {
		name string
		do   func(c *github.Client, from, to string) error
		race string // what somebody else does to the ref: push, create or delete
		want error
		end  func(from, to string) string // where the ref is then; nil: where the other one put it
	}{
		{"create", func(c *github.Client, _, to string) error { return c.CreateRef(context.Background(), ref, to) }, "delete", nil, target},
		{"create, exists", func(c *github.Client, _, to string) error { return c.CreateRef(context.Background(), ref, to) }, "push", forge.ErrMoved, nil},
		{"forward", func(c *github.Client, from, to string) error {
			return c.ForwardRef(context.Background(), ref, from, to)
		}, "", nil, target},
		{"forward, moved", func(c *github.Client, from, to string) error {
			return c.ForwardRef(context.Background(), ref, from, to)
		}, "push", forge.ErrMoved, nil},
		{"forward, gone", func(c *github.Client, from, to string) error {
			return c.ForwardRef(context.Background(), ref, from, to)
		}, "delete", forge.ErrMoved, nil},
		{"replace", func(c *github.Client, from, to string) error {
			return c.ReplaceRef(context.Background(), ref, from, to)
		}, "", nil, target},
		{"replace, moved", func(c *github.Client, from, to string) error {
			return c.ReplaceRef(context.Background(), ref, from, to)
		}, "push", forge.ErrMoved, nil},
		{"replace, gone", func(c *github.Client, from, to string) error {
			return c.ReplaceRef(context.Background(), ref, from, to)
		}, "delete", forge.ErrMoved, nil},
		{"delete", func(c *github.Client, from, _ string) error { return c.DeleteRef(context.Background(), ref, from) }, "", nil, nowhere},
		{"delete, moved", func(c *github.Client, from, _ string) error { return c.DeleteRef(context.Background(), ref, from) }, "push", forge.ErrMoved, nil},
		{"delete, gone", func(c *github.Client, from, _ string) error { return c.DeleteRef(context.Background(), ref, from) }, "delete", nil, nowhere},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Settings{}, nil)
			from := w.push("side", "alice", map[string]string{"a": "1\n"})
			to, err := w.client.MakeCommit(context.Background(), from, edits(), "m")
			w.must(err)
			switch test.race {
			case "push":
				w.push("side", "mallory", map[string]string{"a": "2\n"})
			case "delete":
				w.repo.DeleteBranch("side", "mallory")
			}
			want := w.repo.Head(ref)
			if test.end != nil {
				want = test.end(from, to)
			}
			if err := test.do(w.client, from, to); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if got := w.repo.Head(ref); got != want {
				t.Errorf("the ref is at %s, want %s", got, want)
			}
		})
	}
}

func target(_, to string) string { return to }

func nowhere(_, _ string) string { return "" }

// TestPublishLeavesPeopleAlone finds what a person pushed to the branch, also at the last moment.
func TestPublishLeavesPeopleAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	theirs := w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
	head, err := w.client.Publish(ctx, w.repo.Head("main"), edits(), "Bump b\n")
	w.must(err)
	if head.Branch != "pawl/update-2" || !head.Changed || !cmp.Equal(head.Foreign, []string{"pawl/update"}) {
		t.Errorf("published %+v", head)
	}
	again, err := w.client.Publish(ctx, w.repo.Head("main"), edits(), "Bump b\n")
	w.must(err)
	if again.SHA != head.SHA || again.Changed || w.repo.Head("pawl/update") != theirs {
		t.Errorf("again %+v", again)
	}
}

func TestPublishRebuildsOnTheNewBase(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	base := w.push("main", "alice", map[string]string{"README.md": "moved\n"})
	head, err := w.client.Publish(ctx, base, edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
	w.must(err)
	if log := w.repo.Log("pawl/update"); !head.Changed || head.Branch != "pawl/update" || log[0].Parents[0] != base || len(log) != 3 {
		t.Errorf("published %+v: %+v", head, log)
	}
	if pull, _ := w.repo.Pull(1); pull.State != "open" || pull.HeadSHA != head.SHA {
		t.Errorf("pull request %+v", pull)
	}
}

// A branch that another run built on a newer base holds commits that the older one lacks, and is no person's for that.
func TestPublishOnAnOldBase(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	old := w.repo.Head("main")
	w.propose()
	theirs, err := w.connect(token).Publish(ctx, w.push("main", "alice", map[string]string{"README.md": "moved\n"}), edits(), "Bump a\n")
	w.must(err)
	if head, err := w.client.Publish(ctx, old, edits(), "Bump b\n"); !errors.Is(err, forge.ErrMoved) || w.repo.Head("pawl/update") != theirs.SHA || w.repo.Head("pawl/update-2") != "" {
		t.Errorf("published %+v, %v: %v", head, err, w.repo.Refs())
	}
}

func TestPublishLosesARace(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"mutation updateRefs", "POST /git/refs"} {
		var w *world
		var theirs string
		act := onFirst(operation, func(w *world) {
			theirs = w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
		})
		w = newWorld(t, fake.Settings{}, func(o *fake.Options) { o.Before = func(c fake.Call) { act(w, c) } })
		if operation == "mutation updateRefs" {
			w.propose()
		}
		base := w.push("main", "alice", map[string]string{"README.md": "moved\n"})
		_, err := w.client.Publish(context.Background(), base, edits(), "Bump b\n")
		if !errors.Is(err, forge.ErrMoved) || w.repo.Head("pawl/update") != theirs {
			t.Errorf("%s: %v, the branch is at %s, want %s", operation, err, w.repo.Head("pawl/update"), theirs)
		}
	}
}
