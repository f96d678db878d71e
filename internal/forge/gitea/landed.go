package gitea

import (
	"context"
	"slices"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
)

// The server merges within the request that asks for it: a client that goes away in the middle can leave the commit on the base and
// the pull request open, for the server notes the merge after its own push. Nobody else would ever finish it: it is found by
// what the commit says, counts as merged, and is closed with a mark that names the commit.

// landed is the commit on the base that an open pull request was merged as; its ID is empty when there is none.
func (c *Client) landed(ctx context.Context, p pull, base string) (git.Commit, error) {
	if p.MergeBase == "" || base == "" || p.MergeBase == base {
		return git.Commit{}, nil
	}
	since, err := c.git.Between(ctx, p.MergeBase, base)
	if err != nil {
		return git.Commit{}, err
	}
	for _, one := range slices.Backward(since.Commits) {
		if one.ID == p.Head.SHA || says(one, p) {
			return one, nil
		}
	}
	return git.Commit{}, nil
}

// unnoted is the state of an open pull request: merged when its commit is on the base and no run is merging it. While one does, the
// server may be about to note it, and others may push to its branch.
func (c *Client) unnoted(ctx context.Context, p pull, me profile) (forge.PullState, error) {
	as, err := c.landed(ctx, p, me.BaseSHA)
	if err != nil || as.ID == "" {
		return p.state(me.Self), err
	}
	held, err := c.claimed(ctx)
	if err != nil || c.stands(held) {
		return p.state(me.Self), err
	}
	if p, err = c.pull(ctx, p.Number); err != nil { // what was read before may be older than the claim's end
		return forge.PullState{}, err
	}
	if !p.open() {
		return c.settled(ctx, p, me)
	}
	if as, err = c.landed(ctx, p, me.BaseSHA); err != nil {
		return forge.PullState{}, err
	}
	return mergedAs(p.state(me.Self), as), nil
}

// mergedAs is the state of a pull request that was merged as a commit; the same without one.
func mergedAs(s forge.PullState, as git.Commit) forge.PullState {
	if as.ID != "" {
		s.Merged, s.Withdrawn, s.SHA, s.At, s.ByPawl = true, false, as.ID, as.Committer.At.UTC(), true
	}
	return s
}

// says reports whether a commit says of itself what a pull request holds. Whoever can write it on the base can merge.
func says(commit git.Commit, p pull) bool {
	t := change.ParseTrailers(commit.Message)
	of, told := change.ParseMetadata(p.Body)
	if !told || t.Chain == "" || t.Chain != of.Chain || len(t.Updates)+t.Omitted != len(of.Updates)+of.Omitted {
		return false
	}
	for i := range min(len(t.Updates), len(of.Updates)) {
		a, b := t.Updates[i], of.Updates[i]
		if a.File != b.File || a.Document != b.Document || a.Key != b.Key || a.Old != b.Old || a.New != b.New {
			return false
		}
	}
	return len(t.Updates) > 0
}

// marked is the commit that the mark of a closed pull request names, if it is what it says; its ID is empty otherwise.
func (c *Client) marked(ctx context.Context, p pull) (git.Commit, error) {
	sha := forge.LandedAs(p.Body)
	if sha == "" {
		return git.Commit{}, nil
	}
	objects, err := c.remote.Fetch(ctx, remote.Want{IDs: []string{sha}, Depth: 1, Filter: "tree:0"})
	if err != nil {
		return git.Commit{}, err
	}
	one, err := objects.Commit(sha)
	if err != nil || one.ID != p.Head.SHA && !says(one, p) {
		return git.Commit{}, err
	}
	return one, nil
}

// finish closes the open pull requests that were merged without the server's knowing, but for those that somebody pushed to.
func (c *Client) finish(ctx context.Context) error {
	me, err := c.profile(ctx)
	if err != nil {
		return err
	}
	open, err := c.openPulls(ctx)
	if err != nil {
		return err
	}
	for _, p := range open {
		as, err := c.landed(ctx, p, me.BaseSHA)
		if err != nil {
			return err
		}
		if as.ID == "" {
			continue
		}
		if err := c.bury(ctx); err != nil { // it may be on its way
			return err
		}
		if p, err = c.pull(ctx, p.Number); err != nil {
			return err
		}
		if !p.open() {
			continue
		}
		history, err := c.git.Between(ctx, me.BaseSHA, p.Head.SHA)
		if err != nil {
			return err
		}
		if mine, err := c.mine(ctx, p.Head.Label, history.Commits); err != nil || !mine {
			if err != nil {
				return err
			}
			continue
		}
		if err := c.patch(ctx, p.Number, map[string]any{"state": "closed", "body": forge.Landed(p.Body, as.ID)}, nil); err != nil {
			return err
		}
	}
	return nil
}
