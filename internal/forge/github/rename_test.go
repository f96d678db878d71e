package github_test

import (
	"context"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
)

// TestRenamedRepository does everything under a repository's former name: GitHub sends on what reads and what writes.
func TestRenamedRepository(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	w.repo.Rename("renamed")
	head, p := w.propose()
	if err := w.client.Record(ctx, claims("c1")); err != nil {
		t.Error(err)
	}
	again, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
	if err != nil || again.Done != "unchanged" || again.HeadSHA != head.HeadSHA {
		t.Errorf("published again as %+v, %v", again, err)
	}
	authority := w.authority(w.repo.Head("main"), change.Requirement{Mode: change.RequireNone}, time.Hour)
	result, err := w.client.Merge(ctx, forge.Order{Number: p.Number, Head: head.HeadSHA, Method: "squash",
		Authority: func(ctx context.Context, q forge.State) (forge.Answer, error) {
			q.Pull.BaseRepo, q.Pull.HeadRepo = "acme/profile", "acme/profile" // the rules of this test know the former name
			return authority(ctx, q)
		}})
	if err != nil || result.Outcome != forge.Merged {
		t.Errorf("merged as %+v, %v", result, err)
	}
}
