package gitea_test

import (
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
)

// TestLanded has the server die between its push to the base and its note that the pull request is merged: the pull request stays
// open, and every run from then on takes it for what it is.
func TestLanded(t *testing.T) {
	start := worlds(t)
	// died leaves a pull request whose commit is on the base.
	died := func(t *testing.T, w world, message string) (forge.Profile, change.Set, forge.Pull, string) {
		t.Helper()
		p, set, _ := w.proposed()
		body, err := change.Body(set, change.Requirement{Mode: change.RequireNone})
		if err != nil {
			t.Fatal(err)
		}
		text := w.text(set)
		text.Body = body
		pull, err := w.Client().Propose(t.Context(), set, text)
		if err != nil {
			t.Fatal(err)
		}
		if message == "" {
			message = change.CommitMessage(set).String()
		}
		return p, set, pull, w.Commit(t, w.token, w.repository, "main", message, map[string]string{"b.yaml": "tag: v2"})
	}
	recent := func(t *testing.T, w world) forge.PullState {
		t.Helper()
		c := w.Client()
		if _, err := c.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, _, err := c.Recent(t.Context(), 1)
		if err != nil || len(all) == 0 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[len(all)-1]
	}
	landed := func(t *testing.T, s forge.PullState, sha string) {
		t.Helper()
		if !s.Merged || s.SHA != sha || s.At.IsZero() || s.Withdrawn || !s.ByPawl {
			t.Errorf("it is %+v, want it merged as %s", s, sha)
		}
	}
	t.Run("nothing is left to change", func(t *testing.T) {
		w := start(t)
		_, _, _, sha := died(t, w, "")
		first := recent(t, w)
		landed(t, first, sha)
		if closed, err := w.Client().Withdraw(t.Context()); err != nil || len(closed) > 0 || w.Open() > 0 {
			t.Errorf("withdrawn are %+v, %d are open, %v", closed, w.Open(), err)
		}
		later := recent(t, w)
		if landed(t, later, sha); !later.At.Equal(first.At) {
			t.Errorf("it was merged at %s, and later at %s", first.At, later.At)
		}
		found, err := w.Client().Numbered(t.Context(), first.Number)
		if err != nil || len(found) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		landed(t, found[0], sha)
	})
	t.Run("a newer version is there", func(t *testing.T) {
		w := start(t)
		_, _, old, sha := died(t, w, "")
		c := w.Client()
		p, err := c.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		set := change.Set{Base: p.BaseSHA, Chain: "next", Files: []change.File{{Path: "b.yaml", Before: []byte("tag: v2"), After: []byte("tag: v3")}},
			Updates: []change.Update{{Manifest: "b", File: "b.yaml", Key: "$.tag", Old: "v2", New: "v3", Version: "v3"}}}
		next, err := c.Propose(t.Context(), set, w.text(set))
		if err != nil || next.Number == old.Number || w.Open() != 1 {
			t.Errorf("%+v after %d, %d are open, %v", next, old.Number, w.Open(), err)
		}
		landed(t, recent(t, w), sha)
	})
	t.Run("the run that merges sees it", func(t *testing.T) {
		w := start(t)
		p, set, pull, sha := died(t, w, "")
		merged, err := w.Client().Merge(t.Context(), w.order(p, set, pull))
		if err != nil || merged.Outcome != forge.Merged || merged.SHA != sha || w.Open() > 0 {
			t.Errorf("%+v, %d are open, %v", merged, w.Open(), err)
		}
		landed(t, recent(t, w), sha)
	})
	t.Run("a run is merging it", func(t *testing.T) {
		w := start(t)
		died(t, w, "")
		w.claimed(0)
		if s := recent(t, w); s.Merged || !s.Open() {
			t.Errorf("it is %+v", s)
		}
	})
	t.Run("a run died while it merged it", func(t *testing.T) {
		w := start(t)
		_, _, _, sha := died(t, w, "")
		claimed := w.claimed(2 * time.Minute)
		landed(t, recent(t, w), sha)
		if closed, err := w.Client().Withdraw(t.Context()); err != nil || len(closed) > 0 || w.Open() > 0 || claimed() {
			t.Errorf("withdrawn are %+v, %d are open, %v", closed, w.Open(), err)
		}
	})
	t.Run("a person pushed to it", func(t *testing.T) {
		w := start(t)
		_, _, pull, sha := died(t, w, "")
		w.Push(pull.Branch, map[string]string{"more.txt": "by hand"})
		landed(t, recent(t, w), sha)
		if closed, err := w.Client().Withdraw(t.Context()); err != nil || len(closed) > 0 || w.Open() != 1 {
			t.Errorf("withdrawn are %+v, %d are open, %v", closed, w.Open(), err)
		}
	})
	t.Run("a person made the same change", func(t *testing.T) {
		w := start(t)
		died(t, w, "Take b to v2 by hand")
		if s := recent(t, w); s.Merged || !s.Open() {
			t.Errorf("it is %+v", s)
		}
		if closed, err := w.Client().Withdraw(t.Context()); err != nil || len(closed) != 1 || !closed[0].Withdrawn {
			t.Errorf("withdrawn are %+v, %v", closed, err)
		}
		if s := recent(t, w); s.Merged || !s.Withdrawn {
			t.Errorf("it is %+v", s)
		}
	})
}
