package gitea

import (
	"context"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
)

// What a run asks of a forge, in the order in which it does: Client is a forge.Forge.
var _ forge.Forge = (*Client)(nil)

// Propose publishes the branch and brings the pull request up to date. People are asked to look at one that was just
// opened, once.
func (c *Client) Propose(ctx context.Context, set change.Set, text forge.PullText) (forge.Pull, error) {
	doing := "publishing " + c.config.Branch
	me, err := c.profile(ctx)
	if err != nil {
		return forge.Pull{}, c.Fail(doing, err)
	}
	if err := c.finish(ctx); err != nil {
		return forge.Pull{}, c.Fail("looking for the open pull request", err)
	}
	c.git.Know(text.Heads...)
	text.Title, text.Body = c.config.Clean(text.Title), c.config.Clean(text.Body)
	var others []forge.OtherPull
	head, err := c.git.Publish(ctx, repository.Work{Base: set.Base, Files: set.Files, Message: c.config.Clean(text.Message.String()), By: me.by(),
		First: []string{text.Branch}, Mine: c.mine,
		Taken: func(branch string) bool {
			other, found := c.theirPull(branch)
			if found {
				others = append(others, other)
			}
			return found
		},
		Guarded: func(ctx context.Context, name string) (bool, error) {
			b, err := c.branch(ctx, name)
			return b.Protected, err
		}})
	if err != nil {
		return forge.Pull{}, c.Fail(doing, err)
	}
	p, made, err := c.put(ctx, head.Branch, text)
	if err != nil {
		return forge.Pull{}, c.Fail("opening the pull request of "+head.Branch, err)
	}
	if err := c.explain(ctx, head.Foreign, p.Number); err != nil {
		return forge.Pull{}, c.Fail(fmt.Sprintf("commenting on what pull request %d replaces", p.Number), err)
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
		if !slices.Contains(foreign, p.Head.Label) {
			continue
		}
		text := fmt.Sprintf("Somebody pushed to this branch, so pawl leaves it alone. The updates go on in #%d.", number)
		if err := c.commentOnce(ctx, p.Number, text); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw closes our open pull requests, but for those that somebody pushed to.
func (c *Client) Withdraw(ctx context.Context) ([]forge.PullState, error) {
	const doing = "closing the open pull request"
	me, err := c.profile(ctx)
	if err != nil {
		return nil, c.Fail(doing, err)
	}
	if err := c.bury(ctx); err != nil {
		return nil, c.Fail(doing, err)
	}
	if err := c.finish(ctx); err != nil {
		return nil, c.Fail(doing, err)
	}
	open, err := c.openPulls(ctx)
	if err != nil {
		return nil, c.Fail(doing, err)
	}
	var closed []forge.PullState
	for _, p := range slices.Backward(open) {
		history, err := c.git.Between(ctx, me.BaseSHA, p.Head.SHA)
		if err != nil {
			return closed, c.Fail(doing, err)
		}
		if mine, err := c.mine(ctx, p.Head.Label, history.Commits); err != nil || !mine {
			if err != nil {
				return closed, c.Fail(doing, err)
			}
			continue
		}
		done, err := c.close(ctx, p)
		if err != nil {
			return closed, c.Fail(doing, err)
		}
		closed = append(closed, done.state(me.Self))
	}
	return closed, nil
}

// MergedDiff returns the digest of what a merged pull request changed, and whether all of its commits are by our user.
func (c *Client) MergedDiff(ctx context.Context, p forge.PullState) (diff string, own bool, err error) {
	doing := "reading what was merged as " + p.HeadSHA
	me, err := c.profile(ctx)
	if err != nil {
		return "", false, c.Fail(doing, err)
	}
	d, err := c.git.Diff(ctx, p.BaseSHA, p.HeadSHA)
	if err != nil {
		return "", false, c.Fail(doing, err)
	}
	who, err := c.pusher(ctx, p.Number, me.Self)
	if err != nil {
		return "", false, c.Fail(doing, err)
	}
	foreign := slices.ContainsFunc(authors(d.Commits, me), func(one change.Commit) bool { return !me.Self.Is(one.Author) })
	return change.DiffDigest(d.Files, d.Irregular), !foreign && who == (change.Identity{}), nil
}

// Disarm takes nothing back: this client never tells the server to merge by itself.
func (c *Client) Disarm(context.Context, int) (bool, error) { return false, nil }
