package github

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"
)

// Entry is one file of a tree: a blob, a link or a submodule.
type Entry struct {
	Mode, SHA string
}

// Regular reports whether the entry is a file whose bytes may be edited.
func (e Entry) Regular() bool { return e.Mode == "100644" || e.Mode == "100755" }

// tree is a commit's files by path.
type tree map[string]Entry

// ReadTree returns all files of a commit by path. A tree that GitHub cuts off is read folder by folder.
func (c *Client) ReadTree(ctx context.Context, sha string) (map[string]Entry, error) {
	files, err := c.tree(ctx, sha)
	if err != nil {
		return nil, c.fail("reading the tree of "+sha, readContents, err)
	}
	return maps.Clone(files), nil
}

func (c *Client) tree(ctx context.Context, sha string) (tree, error) {
	c.mu.Lock()
	files, known := c.trees[sha]
	c.mu.Unlock()
	if known {
		return files, nil
	}
	whole, _, err := c.api.Git.GetTree(ctx, c.owner, c.name, sha, true)
	if err != nil {
		return nil, err
	}
	if err := oddTree(whole); err != nil {
		return nil, err
	}
	files = tree{}
	if !whole.GetTruncated() {
		collect(files, "", whole.Entries)
	} else if err := c.walk(ctx, sha, "", files); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trees[sha] = files
	return files, nil
}

func oddTree(t *gh.Tree) error {
	incomplete := func(e *gh.TreeEntry) bool { return e.GetPath() == "" || e.GetMode() == "" || e.GetSHA() == "" }
	return lacks(t.GetSHA() == "" || t.Entries == nil || slices.ContainsFunc(t.Entries, incomplete), "whole tree")
}

// collect adds the files of a listing and returns its folders.
func collect(files tree, prefix string, entries []*gh.TreeEntry) (folders []*gh.TreeEntry) {
	for _, e := range entries {
		if e.GetType() == "tree" {
			folders = append(folders, e)
		} else {
			files[path.Join(prefix, e.GetPath())] = Entry{Mode: e.GetMode(), SHA: e.GetSHA()}
		}
	}
	return folders
}

func (c *Client) walk(ctx context.Context, sha, prefix string, files tree) error {
	listing, _, err := c.api.Git.GetTree(ctx, c.owner, c.name, sha, false)
	if err != nil {
		return err
	}
	if err := oddTree(listing); err != nil {
		return err
	}
	if listing.GetTruncated() {
		return fmt.Errorf("the folder %q is too large for GitHub to list", prefix)
	}
	for _, folder := range collect(files, prefix, listing.Entries) {
		if err := c.walk(ctx, folder.GetSHA(), path.Join(prefix, folder.GetPath()), files); err != nil {
			return err
		}
	}
	return nil
}

// Files are some files of one commit. It is read-only.
type Files struct {
	// SHA is the commit.
	SHA      string
	contents map[string][]byte
}

// ReadFile returns the bytes of a file, or an error that is fs.ErrNotExist for one that the commit does not have and
// for one that was not asked for.
func (f *Files) ReadFile(name string) ([]byte, error) {
	data, found := f.contents[name]
	if !found {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(data), nil
}

// ReadFiles reads files of a commit, several at once. One that does not exist is left out; a link or a submodule in
// the place of a file is an error.
func (c *Client) ReadFiles(ctx context.Context, sha string, paths []string) (*Files, error) {
	doing := "reading files of " + sha
	all, err := c.tree(ctx, sha)
	if err != nil {
		return nil, c.fail(doing, readContents, err)
	}
	wanted := map[string]string{}
	for _, p := range paths {
		e, found := all[p]
		if found && !e.Regular() {
			return nil, fmt.Errorf("%s: %s is a link or a submodule", doing, p)
		}
		if found {
			wanted[p] = e.SHA
		}
	}
	blobs, err := c.readBlobs(ctx, slices.Collect(maps.Values(wanted)))
	if err != nil {
		return nil, c.fail(doing, readContents, err)
	}
	files := &Files{SHA: sha, contents: map[string][]byte{}}
	for p, id := range wanted {
		files.contents[p] = blobs[id]
	}
	return files, nil
}

// readBlobs reads blobs, each once.
func (c *Client) readBlobs(ctx context.Context, shas []string) (map[string][]byte, error) {
	slices.Sort(shas)
	shas = slices.Compact(shas)
	found := make([][]byte, len(shas))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, sha := range shas {
		group.Go(func() (err error) {
			found[i], err = c.blob(ctx, sha)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for i, sha := range shas {
		all[sha] = found[i]
	}
	return all, nil
}

// blob returns the bytes of a blob, which is read once.
func (c *Client) blob(ctx context.Context, sha string) ([]byte, error) {
	c.mu.Lock()
	data, known := c.blobs[sha]
	c.mu.Unlock()
	if known {
		return data, nil
	}
	blob, _, err := c.api.Git.GetBlob(ctx, c.owner, c.name, sha)
	if err != nil {
		return nil, err
	}
	data = []byte(blob.GetContent())
	if blob.GetEncoding() == "base64" {
		data, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(blob.GetContent(), "\n", ""))
	}
	if err != nil || blobSHA(data) != sha {
		return nil, &odd{"content of the file " + sha}
	}
	c.remember(sha, data)
	return data, nil
}

// remember keeps what a blob holds. The bytes must not change.
func (c *Client) remember(sha string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blobs[sha] = data
}

// blobSHA is the id that git gives to bytes (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
func blobSHA(data []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
