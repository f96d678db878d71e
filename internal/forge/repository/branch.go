package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
)

// maxBranches bounds how many branches that people took over are stepped past.
const maxBranches = 20

// ErrNoChange is for a commit whose files are already what they should become.
var ErrNoChange = errors.New("nothing would change")

// Work is what the branch of the pull request has to hold: exactly one commit on the base.
type Work struct {
	Base    string
	Files   []change.File
	Message string
	// By is who the commit is by; its time is that of the writing.
	By git.Person
	// First are names to try before the configured one.
	First []string
	// Taken reports that somebody else has an open pull request from a branch, Mine that everything on a branch was made
	// and pushed by our user, Guarded that the repository protects a branch.
	Taken   func(branch string) bool
	Mine    func(ctx context.Context, branch string, commits []git.Commit) (bool, error)
	Guarded func(ctx context.Context, branch string) (bool, error)
	// Settled reports that a commit was the head of a pull request of ours that is merged: a branch that still stands there has
	// served, whatever it holds. It may be nil.
	Settled func(commit string) bool
	// Commit makes the commit at the forge, so that the forge signs it, instead of here; nil, or an answer without a commit,
	// leaves it to this side. It is told the id of the tree that the commit has to have. Its updates go along with the branch's.
	Commit func(ctx context.Context, w Work, tree string) (sha string, also []remote.Update, err error)
}

// Head is the branch that holds the work.
type Head struct {
	// Branch is its name, SHA its only commit on the base.
	Branch, SHA string
	// Changed reports whether it was written now, Made that there was no such branch before.
	Changed, Made bool
	// Foreign are the branches that were left alone because somebody else pushed to them, or because nothing shows that they
	// are ours.
	Foreign []string
}

// Publish makes a branch of ours hold the work. A branch that holds it already is left as it is; one with earlier work of
// ours is replaced, from the very commit that was looked at; one that somebody else pushed to, or opened a pull request
// from, or that nothing shows to be ours, is left to them, and the next free name is taken. forge.ErrMoved means that
// another run or a person was faster, at the branch or at the base: read everything again.
func (r *Repository) Publish(ctx context.Context, w Work) (Head, error) {
	tips, err := r.Tips(ctx)
	if err == nil && tips.BaseSHA != w.Base {
		err = forge.ErrMoved
	}
	if err != nil {
		return Head{}, err
	}
	var head Head
	var left []string
	for len(left) < maxBranches {
		head.Branch = r.next(w.First, left)
		tip := tips.Branches[head.Branch]
		whose, err := r.inspect(ctx, w, head.Branch, tip)
		switch {
		case err != nil:
			return Head{}, err
		case whose == same:
			head.SHA = tip
			r.Know(tip)
			return head, nil
		case whose == absent || whose == ours:
			return r.write(ctx, w, head, tip)
		case whose == foreign:
			head.Foreign = append(head.Foreign, head.Branch)
		}
		left = append(left, head.Branch)
	}
	return Head{}, fmt.Errorf("people work on %d branches of pawl's", len(left))
}

// next is the first name that is not left alone: of those to try first, the configured one, then fresh ones.
func (r *Repository) next(first, left []string) string {
	for _, name := range append(slices.Clone(first), r.config.Branch) {
		if name != "" && !slices.Contains(left, name) {
			return name
		}
	}
	return change.FreshBranch(r.config.Branch, func(name string) bool { return slices.Contains(left, name) })
}

// owner is what the look at a branch shows.
type owner int

const (
	absent owner = iota
	same
	ours
	foreign
	taken
)

// inspect says whose a branch is, and whether it already holds what it should.
func (r *Repository) inspect(ctx context.Context, w Work, branch, tip string) (owner, error) {
	if w.Taken != nil && w.Taken(branch) {
		return taken, nil
	}
	if tip == "" {
		return absent, nil
	}
	if w.Settled != nil && w.Settled(tip) {
		return ours, nil
	}
	d, err := r.Diff(ctx, w.Base, tip)
	if err != nil {
		return absent, err
	}
	if mine, err := w.Mine(ctx, branch, d.Commits); err != nil || !mine {
		return foreign, err
	}
	says := func(message string) bool { return forge.SameText(change.Unsealed(message), change.Unsealed(w.Message)) }
	if len(d.Commits) == 1 && d.MergeBase == w.Base && says(d.Commits[0].Message) && len(d.Irregular) == 0 && sameFiles(d.Files, w.Files) {
		return same, nil
	}
	if r.Knows(tip) {
		return ours, nil
	}
	trailers := every(d.Commits, func(c git.Commit) bool { return change.OwnMessage(c.Message) })
	if len(d.Commits) == 0 || !trailers {
		return foreign, nil // nothing shows that it is ours: it may be a branch for a release, or of another program of our user
	}
	if guarded, err := w.Guarded(ctx, branch); err != nil || guarded {
		return foreign, err
	}
	return ours, nil
}

func sameFiles(have, want []change.File) bool {
	want = slices.SortedFunc(slices.Values(want), byPath)
	return slices.EqualFunc(have, want, func(a, b change.File) bool {
		return a.Path == b.Path && bytes.Equal(a.Before, b.Before) && bytes.Equal(a.After, b.After)
	})
}

// write makes the commit and moves the branch to it.
func (r *Repository) write(ctx context.Context, w Work, head Head, tip string) (Head, error) {
	if err := r.load(ctx, w.Base); err != nil {
		return Head{}, err
	}
	made, tree, err := r.build(w)
	if err != nil {
		return Head{}, err
	}
	sha, updates := "", []remote.Update(nil)
	if w.Commit != nil {
		if sha, updates, err = w.Commit(ctx, w, tree); err != nil {
			return Head{}, err
		}
	}
	if sha != "" { // everything that it needs is there
		r.add(made)
		made = nil
	} else {
		sha = r.commit(made, w, tree)
	}
	head.SHA, head.Changed, head.Made = sha, true, tip == ""
	r.Know(sha)
	move := remote.Update{Ref: heads + head.Branch, Old: tip, New: sha}
	err = r.Push(ctx, made, append(slices.Clone(updates), move)...)
	if no := (*remote.RefusedError)(nil); len(updates) > 0 && errors.As(err, &no) && no.Status == 0 { // refs were refused
		err = r.Push(ctx, made, move) // a rule may keep what is beside the branch: then it stays; if it is the branch's, that is to be told
	}
	if err != nil && len(updates) > 0 { // what was made beside the branch goes too, unless somebody else is at it by now
		_ = r.config.Remote.Push(ctx, nil, updates...)
	}
	if err == nil && head.Made {
		err = r.stillBase(ctx, w.Base)
	}
	return head, err
}

// stillBase is forge.ErrMoved when the base is no longer at a commit: a pull request is opened next, and another run may have
// merged the same meanwhile.
func (r *Repository) stillBase(ctx context.Context, base string) error {
	tips, err := r.Tips(ctx)
	if err == nil && tips.BaseSHA != base {
		return fmt.Errorf("the base is at %q: %w", tips.BaseSHA, forge.ErrMoved)
	}
	return err
}

// build makes the tree of the work's commit. Each file's Before must be what the base holds (nil: no such file), its
// mode stays; a nil After removes it.
func (r *Repository) build(w Work) (git.Objects, string, error) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	base, err := r.known.objects.Commit(w.Base)
	if err != nil {
		return nil, "", err
	}
	tree, err := r.known.objects.Files(base.Tree)
	if err != nil {
		return nil, "", err
	}
	blobs := git.Objects{}
	changes := map[string]git.Entry{}
	for _, f := range w.Files {
		old, exists := tree[f.Path]
		switch {
		case exists && !old.Regular():
			return nil, "", fmt.Errorf("%s is a link or a submodule", f.Path)
		case exists && f.Before == nil, !exists && f.Before != nil, exists && git.Blob(f.Before).ID() != old.ID:
			return nil, "", fmt.Errorf("%s is not what the plan was made from", f.Path)
		case f.After == nil:
			changes[f.Path] = git.Entry{}
			continue
		case !exists:
			old.Mode = "100644"
		}
		changes[f.Path] = git.Entry{Mode: old.Mode, ID: blobs.Add(git.Blob(f.After))}
	}
	root, made, err := r.known.objects.Edit(base.Tree, changes)
	if err != nil {
		return nil, "", err
	}
	if root == base.Tree {
		return nil, "", ErrNoChange
	}
	maps.Copy(made, blobs)
	return made, root, nil
}

// commit adds the commit of a tree.
func (r *Repository) commit(to git.Objects, w Work, tree string) string {
	by := w.By
	by.At = r.config.Now()
	return to.Add(git.Commit{Tree: tree, Parents: []string{w.Base}, Author: by, Committer: by, Message: w.Message}.Object())
}

// Entries are the files of a commit by path.
func (r *Repository) Entries(ctx context.Context, commit string) (map[string]git.Entry, error) {
	return r.tree(ctx, commit)
}
