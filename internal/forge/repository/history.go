package repository

import (
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

const (
	// maxFiles is how many changed files are read; a diff beyond that is nobody's update of versions.
	maxFiles = 1000
	// maxHistory is how many commits of the base are looked through for one of ours.
	maxHistory = 300
)

// History is what one commit has that another has not.
type History struct {
	// Commits are those of the one, the oldest first.
	Commits []git.Commit
	// MergeBase is the newest commit that both have, as far as one commit is that.
	MergeBase string
}

// Between returns what head has that base has not.
func (r *Repository) Between(ctx context.Context, base, head string) (History, error) {
	key := base + " " + head
	r.known.mu.Lock()
	known, found := r.between[key]
	r.known.mu.Unlock()
	if found {
		return known, nil
	}
	objects, err := r.config.Remote.Fetch(ctx, remote.Want{IDs: []string{head}, Have: []string{base}, Filter: "tree:0"})
	if err != nil {
		return History{}, err
	}
	h := History{MergeBase: head}
	if h.Commits, err = ordered(objects, head); err != nil {
		return History{}, err
	}
	if len(h.Commits) > 0 {
		h.MergeBase = boundary(h.Commits, base)
	}
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	r.between[key] = h
	return h, nil
}

// ordered are the commits that a head reaches among the objects, each after its parents.
func ordered(objects git.Objects, head string) ([]git.Commit, error) {
	type step struct {
		id   string
		done bool // its parents are in the list
	}
	var all []git.Commit
	visited := map[string]bool{}
	for path := []step{{id: head}}; len(path) > 0; {
		last := path[len(path)-1]
		path = path[:len(path)-1]
		if _, there := objects[last.id]; !there || visited[last.id] && !last.done {
			continue
		}
		c, err := objects.Commit(last.id)
		if err != nil {
			return nil, err
		}
		if last.done {
			all = append(all, c)
			continue
		}
		visited[last.id] = true
		path = append(path, step{last.id, true})
		for _, parent := range c.Parents {
			path = append(path, step{id: parent})
		}
	}
	return all, nil
}

// boundary is the commit that a history begins on: the base itself where it does, for it is the newest that both have.
func boundary(commits []git.Commit, base string) string {
	first := ""
	inside := map[string]bool{}
	for _, c := range commits {
		inside[c.ID] = true
	}
	for _, c := range commits {
		for _, parent := range c.Parents {
			if parent == base {
				return base
			}
			if !inside[parent] {
				first = parent
			}
		}
	}
	return first
}

// Behind counts the commits that tip has and a commit lacks; false when the commit is not in the history of tip.
func (r *Repository) Behind(ctx context.Context, tip, commit string) (int, bool, error) {
	switch {
	case !git.IsID(commit) || !git.IsID(tip):
		return 0, false, nil
	case commit == tip:
		return 0, true, nil
	}
	more, err := r.Between(ctx, tip, commit)
	if unknownObject(err) || err == nil && len(more.Commits) > 0 {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	behind, err := r.Between(ctx, commit, tip)
	return len(behind.Commits), err == nil, err
}

// Diff is what a pull request changes.
type Diff struct {
	History
	Files     []change.File
	Irregular []string
}

// Diff compares two commits as a pull request does: head with the newest commit that it has in common with base.
func (r *Repository) Diff(ctx context.Context, base, head string) (Diff, error) {
	history, err := r.Between(ctx, base, head)
	if err != nil {
		return Diff{}, err
	}
	if history.MergeBase == "" {
		return Diff{}, errors.New("the branch has no commit in common with its base")
	}
	d := Diff{History: history}
	d.Files, d.Irregular, err = r.Changes(ctx, history.MergeBase, head)
	return d, err
}

// Changes are the files of which two commits differ, in order; irregular are paths of which more than the bytes do.
func (r *Repository) Changes(ctx context.Context, from, to string) (files []change.File, irregular []string, err error) {
	before, err := r.tree(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	after, err := r.tree(ctx, to)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	for i, path := range differing(before, after) {
		old, now := before[path], after[path]
		switch {
		case i >= maxFiles, now.ID == "", !now.Regular(), old.ID != "" && old.Mode != now.Mode:
			irregular = append(irregular, path)
			continue
		case old.ID != "":
			ids = append(ids, old.ID)
		}
		ids = append(ids, now.ID)
		files = append(files, change.File{Path: path})
	}
	blobs, err := r.blobs(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for i, f := range files {
		if old := before[f.Path]; old.ID != "" {
			files[i].Before = blobs[old.ID]
		}
		files[i].After = blobs[after[f.Path].ID]
	}
	return files, irregular, nil
}

// differing returns the paths of which the trees disagree, in order.
func differing(before, after map[string]git.Entry) []string {
	paths := map[string]bool{}
	for path, e := range after {
		if before[path] != e {
			paths[path] = true
		}
	}
	for path := range before {
		if _, kept := after[path]; !kept {
			paths[path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// Commit returns a commit and the paths that it changed, held against its first parent. A name that is no full one of a
// commit is that of a branch or a tag. The error is a forge.ErrNotFound when there is none.
func (r *Repository) Commit(ctx context.Context, name string) (git.Commit, []string, error) {
	id, err := r.resolve(ctx, name)
	if err != nil {
		return git.Commit{}, nil, err
	}
	objects, err := r.config.Remote.Fetch(ctx, remote.Want{IDs: []string{id}, Depth: 2, Filter: "blob:none"})
	if unknownObject(err) {
		return git.Commit{}, nil, fmt.Errorf("%w: commit %s", forge.ErrNotFound, name)
	}
	if err != nil {
		return git.Commit{}, nil, err
	}
	c, err := objects.Commit(id)
	if err != nil {
		return git.Commit{}, nil, err
	}
	after, err := objects.Files(c.Tree)
	if err != nil || len(c.Parents) == 0 {
		return c, slices.Sorted(maps.Keys(after)), err
	}
	parent, err := objects.Commit(c.Parents[0])
	if err != nil {
		return git.Commit{}, nil, err
	}
	before, err := objects.Files(parent.Tree)
	return c, differing(before, after), err
}

func (r *Repository) resolve(ctx context.Context, name string) (string, error) {
	if git.IsID(name) {
		return name, nil
	}
	if change.CheckBranch(name) != nil {
		return "", fmt.Errorf("%w: %q is no name of a commit", forge.ErrNotFound, name)
	}
	refs, err := r.config.Remote.Refs(ctx, heads+name, "refs/tags/"+name)
	if err != nil {
		return "", err
	}
	for _, ref := range []string{heads + name, "refs/tags/" + name} {
		if id := refs.IDs[ref]; id != "" {
			return id, nil
		}
	}
	return "", fmt.Errorf("%w: commit %s", forge.ErrNotFound, name)
}

// OwnCommits returns the commits up to one whose messages have trailers of ours, the newest first, among the last three
// hundred.
func (r *Repository) OwnCommits(ctx context.Context, tip string) ([]git.Commit, error) {
	objects, err := r.config.Remote.Fetch(ctx, remote.Want{IDs: []string{tip}, Depth: maxHistory, Filter: "tree:0"})
	if err != nil {
		return nil, err
	}
	all, err := ordered(objects, tip)
	if err != nil {
		return nil, err
	}
	var ours []git.Commit
	for _, c := range slices.Backward(all) {
		if change.OwnMessage(c.Message) {
			ours = append(ours, c)
		}
	}
	return ours, nil
}
