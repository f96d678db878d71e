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
)

// maxBranches bounds how many branches that people took over are stepped past.
const maxBranches = 20

// Head is the branch that holds a change.
type Head struct {
	// Branch is its name, SHA its only commit on the base.
	Branch, SHA string
	// Changed reports whether it was written now.
	Changed bool
	// Foreign are the branches that were left alone because somebody else pushed to them.
	Foreign []string
}

// Publish makes a branch of ours hold exactly one commit on the base: with these files and this message. A branch that
// holds it already is left as it is; one with earlier work of ours is replaced, from the very commit that was looked
// at; one that somebody else pushed to is left to them, and the next free name is taken. ErrMoved means that another
// run or a person was faster: read everything again.
func (c *Client) Publish(ctx context.Context, base string, files []change.File, message string) (Head, error) {
	doing := "publishing " + c.config.Branch
	existing, err := c.survey(ctx, base)
	if err != nil {
		return Head{}, c.fail(doing, readContents, err)
	}
	head := Head{Branch: c.config.Branch}
	for len(head.Foreign) < maxBranches {
		tip := existing[head.Branch]
		whose, err := c.inspect(ctx, base, tip, files, message)
		switch {
		case err != nil:
			return Head{}, c.fail(doing, readContents, err)
		case whose == same:
			head.SHA = tip
			return head, nil
		case whose != foreign:
			return c.write(ctx, head, tip, base, files, message)
		}
		if err := c.stillBase(ctx, base); err != nil {
			return Head{}, c.fail(doing, readContents, err)
		}
		head.Foreign = append(head.Foreign, head.Branch)
		head.Branch = change.FreshBranch(c.config.Branch, func(name string) bool { return slices.Contains(head.Foreign, name) })
	}
	return Head{}, fmt.Errorf("%s: people work on %d of its branches", doing, len(head.Foreign))
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
	for _, commit := range d.commits {
		if !repository.Self.Is(commit.Author) {
			return foreign, nil
		}
	}
	if len(d.commits) == 1 && d.mergeBase == base && sameText(d.messages[0], message) && len(d.irregular) == 0 && sameFiles(d.files, files) {
		return same, nil
	}
	return ours, nil
}

// stillBase is ErrMoved when the base is no longer at a commit: what a branch has more than that may be the base's own.
func (c *Client) stillBase(ctx context.Context, commit string) error {
	repository, err := c.repository(ctx)
	if err != nil {
		return err
	}
	tip, err := c.Ref(ctx, "refs/heads/"+repository.Base)
	if err == nil && tip != commit {
		return ErrMoved
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
	sha, err := c.Commit(ctx, base, files, message)
	if err != nil {
		return Head{}, err
	}
	ref := "refs/heads/" + head.Branch
	head.SHA, head.Changed = sha, true
	if tip != "" {
		return head, c.ReplaceRef(ctx, ref, tip, sha)
	}
	if err := c.CreateRef(ctx, ref, sha); err != nil {
		return head, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[head.Branch] = true
	return head, nil
}

// segments escapes a name with slashes for a path.
func segments(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
