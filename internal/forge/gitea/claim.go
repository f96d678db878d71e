package gitea

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
)

// Of several requests to merge one pull request at once the server carries out all: three make three commits on the base.
// So a run takes a claim before it sends one: a ref beside the ledger's, made by compare-and-swap, whose commit says for
// which head and when. It is deleted when the end is known; that of a run that died is taken over after a while.

// claimFor is how long a claim keeps other runs from merging. It is more than a request may take.
const claimFor = time.Minute

// claimRef is the ref of the claim.
func (c *Client) claimRef() string { return c.config.Ledger + "-merge" }

// claim takes the right to send a merge of a head; false when another run has it.
func (c *Client) claim(ctx context.Context, number int, head string) (bool, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return false, err
	}
	held, err := c.claimed(ctx)
	if err != nil || c.stands(held) {
		return false, err
	}
	by := me.by()
	by.At = c.Now()
	tree := git.Tree{}.Object()
	commit := git.Commit{Tree: tree.ID(), Author: by, Committer: by, Message: fmt.Sprintf("Merge pull request %d at %s\n\n%d\n", number, head, c.config.Now().UnixNano())}
	objects := git.Objects{tree.ID(): tree}
	id := objects.Add(commit.Object())
	err = c.git.Push(ctx, objects, remote.Update{Ref: c.claimRef(), Old: held.ID, New: id})
	if errors.Is(err, forge.ErrMoved) {
		return false, nil
	}
	if err == nil {
		c.mu.Lock()
		c.claims = id
		c.mu.Unlock()
	}
	return err == nil, err
}

// stands reports whether a claim keeps this run from merging.
func (c *Client) stands(held git.Commit) bool {
	c.mu.Lock()
	own := c.claims
	c.mu.Unlock()
	return held.ID != "" && held.ID != own && c.Now().Before(held.Committer.At.Add(claimFor))
}

// idle waits until no other run is merging: what a pull request or the base look like meanwhile is neither the old nor the
// new. It returns the claim that is left and stands no more; its ID is empty when there is none.
func (c *Client) idle(ctx context.Context) (git.Commit, error) {
	for {
		held, err := c.claimed(ctx)
		if err != nil || !c.stands(held) {
			return held, err
		}
		if err := c.config.Sleep(ctx, time.Second); err != nil {
			return held, err
		}
	}
}

// bury waits like idle, and deletes the claim of a run that died: as long as there is one, a merge may be going on.
func (c *Client) bury(ctx context.Context) error {
	left, err := c.idle(ctx)
	if err != nil || left.ID == "" {
		return err
	}
	err = c.git.Push(ctx, nil, remote.Update{Ref: c.claimRef(), Old: left.ID})
	if errors.Is(err, forge.ErrMoved) {
		return nil // another run took it over
	}
	return err
}

// claimed is the commit of the claim that stands; its ID is empty when none does.
func (c *Client) claimed(ctx context.Context) (git.Commit, error) {
	refs, err := c.remote.Refs(ctx, c.claimRef())
	id := refs.IDs[c.claimRef()]
	if err != nil || id == "" {
		return git.Commit{}, err
	}
	objects, err := c.remote.Fetch(ctx, remote.Want{IDs: []string{id}, Depth: 1, Filter: "blob:none"})
	if err != nil {
		return git.Commit{}, err
	}
	return objects.Commit(id)
}

// release gives the claim back, if it is still ours.
func (c *Client) release(ctx context.Context) error {
	c.mu.Lock()
	id := c.claims
	c.claims = ""
	c.mu.Unlock()
	if id == "" {
		return nil
	}
	err := c.git.Push(ctx, nil, remote.Update{Ref: c.claimRef(), Old: id})
	if errors.Is(err, forge.ErrMoved) {
		return nil // another run took it over
	}
	return err
}
