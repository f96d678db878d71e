package github

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
)

// maxInline is how many bytes of a file are sent inside the request for a tree; a larger one is sent as a blob first.
const maxInline = 1 << 20

// MakeCommit writes a commit on the base with the files changed, and returns its SHA. No ref moves yet. Each file's Before
// must be what the base holds (nil: no such file), its mode stays; a nil After removes it. The author is the token's
// user. It is ErrNoChange when the base already holds the files.
func (c *Client) MakeCommit(ctx context.Context, base string, files []change.File, message string) (string, error) {
	doing := "committing on " + base
	known, err := c.tree(ctx, base)
	if err != nil {
		return "", c.fail(doing, readContents, err)
	}
	entries, err := changed(known, files)
	if err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	if len(entries) == 0 {
		return "", fmt.Errorf("%s: %w", doing, ErrNoChange)
	}
	sha, err := c.commit(ctx, base, entries, message)
	return sha, c.fail(doing, writeContents, err)
}

// written is one file of a new tree: its bytes, or the blob that already holds them, or nothing when it is gone.
type written struct {
	path, mode, sha string
	data            []byte
	gone            bool
}

// changed returns what has to be written, after a look at what is there.
func changed(known tree, files []change.File) ([]written, error) {
	var entries []written
	for _, f := range files {
		old, exists := known[f.Path]
		switch {
		case exists && !old.Regular():
			return nil, fmt.Errorf("%s is a link or a submodule", f.Path)
		case exists && f.Before == nil, !exists && f.Before != nil, exists && blobSHA(f.Before) != old.SHA:
			return nil, fmt.Errorf("%s is not what the plan was made from", f.Path)
		case f.Before == nil && f.After == nil, f.Before != nil && f.After != nil && bytes.Equal(f.Before, f.After):
			continue
		}
		if !exists {
			old.Mode = "100644"
		}
		entries = append(entries, written{path: f.Path, mode: old.Mode, data: f.After, gone: f.After == nil})
	}
	return entries, nil
}

// commit writes blobs, tree and commit on one parent.
func (c *Client) commit(ctx context.Context, parent string, files []written, message string) (string, error) {
	root, err := c.root(ctx, parent)
	if err != nil {
		return "", err
	}
	entries, err := c.treeEntries(ctx, files)
	if err != nil {
		return "", err
	}
	made, _, err := c.api.Git.CreateTree(ctx, c.owner, c.name, root, entries)
	if err == nil {
		err = lacks(made.GetSHA() == "", "tree")
	}
	if err != nil {
		return "", err
	}
	return c.createCommit(ctx, made, []*gh.Commit{{SHA: &parent}}, message)
}

// root returns the id of a commit's tree.
func (c *Client) root(ctx context.Context, commit string) (string, error) {
	c.mu.Lock()
	sha := c.roots[commit]
	c.mu.Unlock()
	if sha != "" {
		return sha, nil
	}
	found, _, err := c.api.Git.GetCommit(ctx, c.owner, c.name, commit)
	if err == nil {
		err = lacks(found.GetTree().GetSHA() == "", "commit")
	}
	if err != nil {
		return "", err
	}
	c.rooted(commit, found.GetTree().GetSHA())
	return found.GetTree().GetSHA(), nil
}

// rooted remembers the tree of a commit.
func (c *Client) rooted(commit, tree string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roots[commit] = tree
}

func (c *Client) createCommit(ctx context.Context, made *gh.Tree, parents []*gh.Commit, message string) (string, error) {
	commit, _, err := c.api.Git.CreateCommit(ctx, c.owner, c.name, &gh.Commit{Message: &message, Tree: made, Parents: parents}, nil)
	if err != nil {
		return "", err
	}
	return commit.GetSHA(), lacks(commit.GetSHA() == "", "commit")
}

// treeEntries sends what cannot be part of the request for the tree.
func (c *Client) treeEntries(ctx context.Context, files []written) ([]*gh.TreeEntry, error) {
	entries := make([]*gh.TreeEntry, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	room := maxInline
	for i, f := range files {
		entries[i] = &gh.TreeEntry{Path: &f.path, Mode: &f.mode, Type: gh.String("blob")}
		switch {
		case f.gone:
		case f.sha != "":
			entries[i].SHA = gh.String(f.sha)
		case len(f.data) <= room && utf8.Valid(f.data) && !bytes.Contains(f.data, []byte{0}):
			room -= len(f.data)
			entries[i].Content = gh.String(string(f.data))
			c.remember(blobSHA(f.data), bytes.Clone(f.data))
		default:
			group.Go(func() error { return c.createBlob(ctx, f.data, entries[i]) })
		}
	}
	return entries, group.Wait()
}

func (c *Client) createBlob(ctx context.Context, data []byte, into *gh.TreeEntry) error {
	blob, _, err := c.api.Git.CreateBlob(ctx, c.owner, c.name, &gh.Blob{
		Content: gh.String(base64.StdEncoding.EncodeToString(data)), Encoding: gh.String("base64"),
	})
	if err == nil {
		err = lacks(blob.GetSHA() != blobSHA(data), "blob of that content")
	}
	if err != nil {
		return err
	}
	into.SHA = blob.SHA
	c.remember(blob.GetSHA(), bytes.Clone(data))
	return nil
}
