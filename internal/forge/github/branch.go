package github

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git"
)

// head is the branch that holds a change, and the open pull requests of somebody else that come from branches with names of
// ours; these branches are left alone.
type head struct {
	repository.Head
	others []forge.OtherPull
}

// publish makes a branch of ours hold exactly one commit on the set's base.
func (c *Client) publish(ctx context.Context, set change.Set, message, first string) (head, error) {
	doing := "publishing " + c.config.Branch
	me, err := c.repository(ctx)
	if err == nil {
		err = c.distinct(me) // nothing is committed before
	}
	if err != nil {
		return head{}, c.fail(doing, readContents, err)
	}
	var h head
	h.Head, err = c.git.Publish(ctx, repository.Work{Base: set.Base, Files: set.Files, Message: message, By: me.person(), First: []string{first},
		Commit: c.signer(), Settled: c.settled,
		Taken: func(branch string) bool {
			p, found := c.theirPull(branch)
			if found {
				h.others = append(h.others, forge.OtherPull{Number: p.Number, URL: p.URL, Branch: p.Branch, Author: p.Author})
			}
			return found
		},
		Mine: func(ctx context.Context, branch string, commits []git.Commit) (bool, error) {
			if len(commits) == 0 {
				return true, nil
			}
			d, err := c.Compare(ctx, set.Base, commits[len(commits)-1].ID)
			return d.by(me.Self), err
		},
		Guarded: func(ctx context.Context, branch string) (bool, error) {
			var out struct{ Protected bool }
			_, err := c.get(ctx, c.repoPath("/branches/%s", segments(branch)), &out)
			return out.Protected, err
		}})
	if _, known := asError(err); err != nil && !known && !errors.Is(err, forge.ErrMoved) {
		err = c.refRefused(doing, "refs/heads/"+h.Branch, err)
	}
	return h, err
}

// settled reports that a commit was the head of a pull request of ours that is merged.
func (c *Client) settled(commit string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.merged[commit]
}

// pause waits a moment, longer each time.
func (c *Client) pause(ctx context.Context, attempt int) error {
	return c.config.Sleep(ctx, time.Duration(attempt)*200*time.Millisecond)
}

// stillBase is forge.ErrMoved when the base is no longer at a commit: what a branch has more than that may be the base's own, and
// what is to be proposed may be merged already.
func (c *Client) stillBase(ctx context.Context, commit string) error {
	tip, err := c.Tip(ctx)
	if err == nil && tip != commit {
		return forge.ErrMoved
	}
	return err
}

// segments escapes a name with slashes for a path.
func segments(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
