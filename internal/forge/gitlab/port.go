package gitlab

import (
	"context"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// What a run asks of a forge, in the order in which it does: Client is a forge.Forge.
var _ forge.Forge = (*Client)(nil)

// Read reads files of a commit.
func (c *Client) Read(ctx context.Context, commit string, paths []string) (forge.Reader, error) {
	files, err := c.git.Read(ctx, commit, paths)
	return files, c.fail("reading files of "+commit, err)
}

// Differs compares files with a commit.
func (c *Client) Differs(ctx context.Context, commit string, files map[string][]byte, counts func(path string) bool) ([]string, error) {
	differ, err := c.git.Differs(ctx, commit, files, counts)
	return differ, c.fail("reading the tree of "+commit, err)
}

// Propose publishes the branch and brings the merge request up to date. People are asked to look at one that was just
// opened, once.
func (c *Client) Propose(ctx context.Context, set change.Set, text forge.PullText) (forge.Pull, error) {
	doing := "publishing " + c.config.Branch
	me, err := c.profile(ctx)
	if err != nil {
		return forge.Pull{}, c.fail(doing, err)
	}
	if _, err := c.openPulls(ctx); err != nil {
		return forge.Pull{}, c.fail("looking for the open merge request", err)
	}
	c.git.Know(text.Heads...)
	text.Title, text.Body = safeTitle(c.config.Clean(text.Title)), safeText(c.config.Clean(text.Body))
	var others []forge.OtherPull
	head, err := c.git.Publish(ctx, repository.Work{Base: set.Base, Files: set.Files, Message: safeMessage(c.config.Clean(text.Message.String())), By: me.by(),
		First: []string{text.Branch}, Mine: c.mine,
		Taken: func(branch string) bool {
			other, found := c.theirPull(branch)
			if found {
				others = append(others, other)
			}
			return found
		},
		Guarded: func(ctx context.Context, name string) (bool, error) {
			return c.protected(ctx, name)
		}})
	if err != nil {
		return forge.Pull{}, c.fail(doing, err)
	}
	p, made, err := c.put(ctx, head.Branch, text)
	if err != nil {
		return forge.Pull{}, c.fail("opening the merge request of "+head.Branch, err)
	}
	if err := c.explain(ctx, head.Foreign, p.Number); err != nil {
		return forge.Pull{}, c.fail(fmt.Sprintf("commenting on what merge request %d replaces", p.Number), err)
	}
	out := forge.Pull{Number: p.Number, URL: p.URL, Branch: head.Branch, HeadSHA: head.SHA, Created: p.Created.UTC(), Done: "unchanged", Foreign: head.Foreign, Others: others}
	switch {
	case made:
		out.Done = "opened"
		c.ask(ctx, p.Number)
	case head.Changed:
		out.Done = "updated"
	}
	return out, nil
}

func (c *Client) theirPull(branch string) (forge.OtherPull, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, found := c.theirs[branch]
	return p, found
}

// explain tells the people who pushed to branches of ours where the updates go on.
func (c *Client) explain(ctx context.Context, foreign []string, number int) error {
	if len(foreign) == 0 {
		return nil
	}
	open, err := c.openPulls(ctx)
	if err != nil {
		return err
	}
	for _, p := range open {
		if !slices.Contains(foreign, p.Branch) {
			continue
		}
		text := fmt.Sprintf("Somebody pushed to this branch, so pawl leaves it alone. The updates go on in !%d.", number)
		if err := c.commentOnce(ctx, p.Number, text); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw closes our open merge requests, but for those that somebody pushed to.
func (c *Client) Withdraw(ctx context.Context) ([]forge.PullState, error) {
	const doing = "closing the open merge request"
	me, err := c.profile(ctx)
	if err != nil {
		return nil, c.fail(doing, err)
	}
	open, err := c.openPulls(ctx)
	if err != nil {
		return nil, c.fail(doing, err)
	}
	var closed []forge.PullState
	for _, p := range slices.Backward(open) {
		history, err := c.git.Between(ctx, me.BaseSHA, p.SHA)
		if err != nil {
			return closed, c.fail(doing, err)
		}
		if mine, err := c.mine(ctx, p.Branch, history.Commits); err != nil || !mine {
			if err != nil {
				return closed, c.fail(doing, err)
			}
			continue
		}
		done, err := c.close(ctx, p)
		if err != nil {
			return closed, c.fail(doing, err)
		}
		closed = append(closed, done.state(me.Self))
	}
	return closed, nil
}

// MergedDiff returns the digest of what a merged merge request changed, and whether all of its commits are by our user.
func (c *Client) MergedDiff(ctx context.Context, p forge.PullState) (diff string, own bool, err error) {
	doing := "reading what was merged as " + p.HeadSHA
	me, err := c.profile(ctx)
	if err != nil {
		return "", false, c.fail(doing, err)
	}
	base := p.BaseSHA
	if base == "" { // a list does not say it
		one, err := c.pull(ctx, p.Number)
		if err == nil {
			err = lacks(one.Refs == nil, "base")
		}
		if err != nil {
			return "", false, c.fail(doing, err)
		}
		base = one.Refs.Base
	}
	d, err := c.git.Diff(ctx, base, p.HeadSHA)
	if err != nil {
		return "", false, c.fail(doing, err)
	}
	foreign := slices.ContainsFunc(authors(d.Commits, me), func(one change.Commit) bool { return !me.Self.Is(one.Author) })
	return change.DiffDigest(d.Files, d.Irregular), !foreign, nil
}

// OwnCommits are the commits in the history of one whose messages have trailers of ours, the newest first.
func (c *Client) OwnCommits(ctx context.Context, tip string) ([]forge.Commit, error) {
	commits, err := c.git.OwnCommits(ctx, tip)
	var ours []forge.Commit
	for _, one := range commits {
		ours = append(ours, c.commit(one))
	}
	return ours, c.fail("reading the history of "+c.config.Repository, err)
}

func (c *Client) commit(one git.Commit) forge.Commit {
	return forge.Commit{SHA: one.ID, URL: c.base.JoinPath(c.config.Repository, "-/commit", one.ID).String(), Message: one.Message, At: one.Committer.At}
}

// Commit is what the repository says of a commit.
func (c *Client) Commit(ctx context.Context, name string) (forge.Commit, error) {
	found, changed, err := c.git.Commit(ctx, name)
	if err != nil {
		return forge.Commit{}, c.fail("reading commit "+name, err)
	}
	one := c.commit(found)
	one.Changed = changed
	return one, nil
}

// Tip is the newest commit of the base branch.
func (c *Client) Tip(ctx context.Context) (string, error) {
	tips, err := c.git.Tips(ctx)
	return tips.BaseSHA, c.fail("reading the base branch", err)
}

// Behind counts the commits that tip has and a commit lacks, false when the commit is not in the history of tip.
func (c *Client) Behind(ctx context.Context, tip, commit string) (int, bool, error) {
	n, found, err := c.git.Behind(ctx, tip, commit)
	return n, found, c.fail("comparing "+commit+" with the base branch", err)
}

// Disarm takes nothing back: this client never tells the server to merge by itself.
func (c *Client) Disarm(context.Context, int) (bool, error) { return false, nil }

// Ledger reads what earlier runs left.
func (c *Client) Ledger(ctx context.Context) (ledger.Ledger, error) {
	doing := "reading the ledger at " + c.config.Ledger
	if _, err := c.profile(ctx); err != nil {
		return ledger.Ledger{}, c.fail(doing, err)
	}
	l, err := c.git.Ledger(ctx)
	return l, c.fail(doing, err)
}

// Record adds to the ledger.
func (c *Client) Record(ctx context.Context, next ledger.Transition) error {
	doing := "writing the ledger at " + c.config.Ledger
	me, err := c.profile(ctx)
	if err != nil {
		return c.fail(doing, err)
	}
	return c.fail(doing, c.git.Record(ctx, next, me.by()))
}
