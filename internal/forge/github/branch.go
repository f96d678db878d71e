package github

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
)

// maxBranches bounds how many branches that people took over are stepped past.
const maxBranches = 20

// Head is the branch that holds a change.
type Head struct {
	// Branch is its name, SHA its only commit on the base.
	Branch, SHA string
	// Changed reports whether it was written now.
	Changed bool
	// Foreign are the branches that were left alone because somebody else pushed to them, or because nothing shows that they
	// are ours.
	Foreign []string
	// Others are the open pull requests of somebody else that come from branches with names of ours; these branches are
	// left alone too.
	Others []forge.PullState
}

// Know names commits that are known as pushed by us: a branch that is at one of them is ours.
func (c *Client) Know(heads ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, head := range heads {
		c.pushed[head] = true
	}
}

// known reports whether we pushed a commit.
func (c *Client) known(head string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pushed[head]
}

// Publish makes a branch of ours hold exactly one commit on the base: with these files and this message. A branch that
// holds it already is left as it is; one with earlier work of ours is replaced, from the very commit that was looked
// at; one that somebody else pushed to, or opened a pull request from, or that nothing shows to be ours, is left to them,
// and the next free name is taken. first are names to try before the configured one. forge.ErrMoved means that another run or a
// person was faster: read everything again.
func (c *Client) Publish(ctx context.Context, base string, files []change.File, message string, first ...string) (Head, error) {
	doing := "publishing " + c.config.Branch
	existing, err := c.survey(ctx, base)
	if err != nil {
		return Head{}, c.fail(doing, readContents, err)
	}
	var head Head
	var left []string
	for len(left) < maxBranches {
		head.Branch = c.nextBranch(first, left)
		if theirs, found := c.theirPull(head.Branch); found {
			head.Others, left = append(head.Others, theirs), append(left, head.Branch)
			continue
		}
		tip := existing[head.Branch]
		whose, err := c.inspect(ctx, base, tip, files, message)
		if whose == ours && !c.known(tip) {
			whose, err = c.guarded(ctx, head.Branch)
		}
		switch {
		case err != nil:
			return Head{}, c.fail(doing, readContents, err)
		case whose == same:
			head.SHA = tip
			c.Know(tip)
			return head, nil
		case whose != foreign:
			return c.write(ctx, head, tip, base, files, message)
		}
		if err := c.stillBase(ctx, base); err != nil {
			return Head{}, c.fail(doing, readContents, err)
		}
		head.Foreign, left = append(head.Foreign, head.Branch), append(left, head.Branch)
	}
	return Head{}, fmt.Errorf("%s: people work on %d of its branches", doing, len(left))
}

// nextBranch is the first name that is not left alone: of those to try first, the configured one, then fresh ones.
func (c *Client) nextBranch(first, left []string) string {
	for _, name := range append(slices.Clone(first), c.config.Branch) {
		if !slices.Contains(left, name) {
			return name
		}
	}
	return change.FreshBranch(c.config.Branch, func(name string) bool { return slices.Contains(left, name) })
}

// guarded is foreign for a branch that the repository protects, and ours for any other: what looks like our work may stand
// on a branch that the configuration names by mistake.
func (c *Client) guarded(ctx context.Context, branch string) (owner, error) {
	var out struct{ Protected bool }
	_, err := c.get(ctx, c.repoPath("/branches/%s", segments(branch)), &out)
	switch {
	case err != nil:
		return absent, err
	case out.Protected:
		return foreign, nil
	default:
		return ours, nil
	}
}

// survey lists our branches and, at the same time, reads what a commit on the base needs.
func (c *Client) survey(ctx context.Context, base string) (existing map[string]string, err error) {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		existing, err = c.branches(inner, c.config.Branch)
		return err
	})
	group.Go(func() error {
		_, err := c.root(inner, base)
		return err
	})
	return existing, group.Wait()
}

// owner is what the look at a branch shows.
type owner int

const (
	absent owner = iota
	same
	ours
	foreign
)

// inspect says whose a branch is, and whether it already holds what it should.
func (c *Client) inspect(ctx context.Context, base, tip string, files []change.File, message string) (owner, error) {
	if tip == "" {
		return absent, nil
	}
	repository, err := c.repository(ctx)
	if err != nil {
		return absent, err
	}
	d, err := c.diff(ctx, base, tip)
	if err != nil {
		return absent, err
	}
	known, trailers := c.known(tip), true
	for i, commit := range d.commits {
		if !repository.Self.Is(commit.Author) {
			return foreign, nil
		}
		trailers = trailers && change.OwnMessage(d.messages[i])
	}
	switch {
	case len(d.commits) == 1 && d.mergeBase == base && forge.SameText(d.messages[0], message) && len(d.irregular) == 0 && sameFiles(d.files, files):
		return same, nil
	case !known && (len(d.commits) == 0 || !trailers):
		return foreign, nil // nothing shows that it is ours: it may be a branch for a release, or of another program of our user
	}
	return ours, nil
}

// stillBase is forge.ErrMoved when the base is no longer at a commit: what a branch has more than that may be the base's own, and
// what is to be proposed may be merged already.
func (c *Client) stillBase(ctx context.Context, commit string) error {
	repository, err := c.repository(ctx)
	if err != nil {
		return err
	}
	tip, err := c.Ref(ctx, "refs/heads/"+repository.Base)
	if err == nil && tip != commit {
		return forge.ErrMoved
	}
	return err
}

func sameFiles(have, want []change.File) bool {
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b change.File) int { return strings.Compare(a.Path, b.Path) })
	return slices.EqualFunc(have, want, func(a, b change.File) bool {
		return a.Path == b.Path && bytes.Equal(a.Before, b.Before) && bytes.Equal(a.After, b.After)
	})
}

func (c *Client) write(ctx context.Context, head Head, tip, base string, files []change.File, message string) (Head, error) {
	sha, err := c.MakeCommit(ctx, base, files, message)
	if err != nil {
		return Head{}, err
	}
	ref := "refs/heads/" + head.Branch
	head.SHA, head.Changed = sha, true
	c.Know(sha)
	if tip != "" {
		return head, c.ReplaceRef(ctx, ref, tip, sha)
	}
	if err := c.createOn(ctx, base, ref, sha); err != nil {
		return head, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[head.Branch] = true
	return head, nil
}

// createOn makes a branch and looks, at the same time, whether the base is still where the branch begins: a pull request is
// opened next, and another run may have merged the same meanwhile.
func (c *Client) createOn(ctx context.Context, base, ref, sha string) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return c.fail("making "+ref, readContents, c.stillBase(inner, base)) })
	group.Go(func() error { return c.CreateRef(ctx, ref, sha) })
	return group.Wait()
}

// segments escapes a name with slashes for a path.
func segments(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
