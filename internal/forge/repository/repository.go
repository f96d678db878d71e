// Package repository is the half of a forge that is git's: files and differences of commits, histories, the branch of the
// pull request and the ledger, read and written by git's own protocol, which is the same at every forge.
//
// It promises: every ref moves from the value that was read, and what somebody else moved meanwhile is a forge.ErrMoved;
// a refusal is held against where the refs are now, so that an answer that got lost is no failure and a race is no
// refusal. It knows no user of the forge: whose a commit is, is the forge's to say.
package repository

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// Config says which repository, and what is ours in it.
type Config struct {
	Remote *remote.Remote
	// Base is the branch that is updated, empty for the one that HEAD names; Branch is the pull request's; Ledger is the
	// whole name of the ledger's ref.
	Base, Branch, Ledger string
	// Seal is the key of the ledger, the zero one for none.
	Seal ledger.Key
	// Store is where objects are remembered, nil for a new one.
	Store *Store
	// Known removes secrets from what is written to the ledger.
	Known func(text string) string
	// Now is the time of what is written, Sleep waits between attempts.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Store remembers the objects of one repository, which never change, for all who ask for it as the same user.
type Store struct {
	mu      sync.Mutex
	objects git.Objects
	whole   map[string]bool // commits of which all trees are known
}

// NewStore returns a store that knows nothing yet.
func NewStore() *Store { return &Store{objects: git.Objects{}, whole: map[string]bool{}} }

// Repository is one repository. It is safe for concurrent use.
type Repository struct {
	config  Config
	known   *Store             // its lock is that of what stands below too
	between map[string]History // by both ends
	pushed  map[string]bool    // commits that are known as pushed by us
	last    *seen              // the ledger as it was last seen
	listed  *Tips              // the refs as a run began, until the ledger is read
}

// New returns a repository of which nothing was asked yet.
func New(c Config) *Repository {
	store := c.Store
	if store == nil {
		store = NewStore()
	}
	return &Repository{config: c, known: store, between: map[string]History{}, pushed: map[string]bool{}}
}

// Tips are where the refs are that matter to pawl.
type Tips struct {
	// Base is the branch that is updated and BaseSHA its tip, empty when there is none; Default is the repository's default
	// branch, empty when it is not known.
	Base, BaseSHA, Default string
	// Branches are the tips of branches that begin with the name of the pull request's.
	Branches map[string]string
	// Ledger is the commit of the ledger, empty when there is none.
	Ledger string
}

const heads = "refs/heads/"

// Tips reads where the refs are, in one request.
func (r *Repository) Tips(ctx context.Context) (Tips, error) {
	prefixes := []string{heads + r.config.Branch, r.config.Ledger}
	if r.config.Base != "" {
		prefixes = append(prefixes, heads+r.config.Base)
	}
	refs, err := r.config.Remote.Refs(ctx, prefixes...)
	if err != nil {
		return Tips{}, err
	}
	tips := Tips{Base: r.config.Base, Default: refs.Default, Branches: map[string]string{}, Ledger: refs.IDs[r.config.Ledger]}
	if tips.Base == "" {
		tips.Base, tips.BaseSHA = refs.Default, refs.IDs["HEAD"]
	} else {
		tips.BaseSHA = refs.IDs[heads+tips.Base]
	}
	for name, id := range refs.IDs {
		if branch, ok := strings.CutPrefix(name, heads); ok && strings.HasPrefix(branch, r.config.Branch) {
			tips.Branches[branch] = id
		}
	}
	return tips, nil
}

// add remembers objects.
func (r *Repository) add(objects git.Objects) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	maps.Copy(r.known.objects, objects)
}

// tree returns a commit's files by path, reading its trees when they are not known.
func (r *Repository) tree(ctx context.Context, commit string) (map[string]git.Entry, error) {
	if err := r.load(ctx, commit); err != nil {
		return nil, err
	}
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	c, err := r.known.objects.Commit(commit)
	if err != nil {
		return nil, err
	}
	return r.known.objects.Files(c.Tree)
}

// load makes a commit and all its trees known.
func (r *Repository) load(ctx context.Context, commit string) error {
	return r.fetch(ctx, commit, "blob:none")
}

func (r *Repository) fetch(ctx context.Context, commit, filter string) error {
	r.known.mu.Lock()
	known := r.known.whole[commit]
	r.known.mu.Unlock()
	if known {
		return nil
	}
	objects, err := r.config.Remote.Fetch(ctx, remote.Want{IDs: []string{commit}, Depth: 1, Filter: filter})
	if err != nil {
		return err
	}
	r.add(objects)
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	r.known.whole[commit] = true
	return nil
}

// blobs returns the bytes of blobs, reading those that are not known at once.
func (r *Repository) blobs(ctx context.Context, ids []string) (map[string][]byte, error) {
	r.known.mu.Lock()
	var lacking []string
	for _, id := range ids {
		if _, known := r.known.objects[id]; !known && !slices.Contains(lacking, id) {
			lacking = append(lacking, id)
		}
	}
	r.known.mu.Unlock()
	if len(lacking) > 0 {
		objects, err := r.config.Remote.Fetch(ctx, remote.Want{IDs: lacking})
		if err != nil {
			return nil, err
		}
		r.add(objects)
	}
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	found := map[string][]byte{}
	for _, id := range ids {
		found[id] = r.known.objects[id].Data
	}
	return found, nil
}

// Files are some files of one commit. It is read-only.
type Files struct {
	data map[string][]byte
	// odd are those of them that are no files.
	odd map[string]error
}

// ReadFile returns the bytes of a file, or an error that is fs.ErrNotExist for one that the commit does not have and
// for one that was not asked for; a link or a submodule is an error of its own.
func (f Files) ReadFile(name string) ([]byte, error) {
	if err := f.odd[name]; err != nil {
		return nil, err
	}
	data, found := f.data[name]
	if !found {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(data), nil
}

// List returns the files of a commit by their paths, as fs knows them: a link is one, and a submodule is irregular.
func (r *Repository) List(ctx context.Context, commit string) (map[string]fs.FileMode, error) {
	tree, err := r.tree(ctx, commit)
	if err != nil {
		return nil, err
	}
	all := make(map[string]fs.FileMode, len(tree))
	for path, e := range tree {
		all[path] = e.FileMode()
	}
	return all, nil
}

// Read reads files of a commit. One that does not exist is left out; what is no file is an error of its own.
func (r *Repository) Read(ctx context.Context, commit string, paths []string) (Files, error) {
	tree, err := r.tree(ctx, commit)
	if err != nil {
		return Files{}, err
	}
	files := Files{data: map[string][]byte{}, odd: map[string]error{}}
	ids := map[string]string{}
	for _, path := range paths {
		switch e, found := tree[path]; {
		case found && e.Regular():
			ids[path] = e.ID
		case found && e.FileMode()&fs.ModeSymlink != 0:
			files.odd[path] = fault.New("name the file that it points to", "%s: is a symbolic link", path)
		case found:
			files.odd[path] = fault.New("name a file of this repository", "%s: is a submodule", path)
		default:
			if link := linkAbove(tree, path); link != "" {
				files.odd[path] = fault.New("name the file by its own path", "%s: lies behind a symbolic link: %s", path, link)
			}
		}
	}
	blobs, err := r.blobs(ctx, slices.Sorted(maps.Values(ids)))
	if err != nil {
		return Files{}, err
	}
	for path, id := range ids {
		files.data[path] = blobs[id]
	}
	return files, nil
}

// linkAbove is the link on the way to a path, empty when there is none.
func linkAbove(tree map[string]git.Entry, path string) string {
	for i, c := range path {
		if c != '/' {
			continue
		}
		if e, found := tree[path[:i]]; found && e.FileMode()&fs.ModeSymlink != 0 {
			return path[:i]
		}
	}
	return ""
}

// Differs compares files with a commit by the names of their objects, as forge.Forge says.
func (r *Repository) Differs(ctx context.Context, commit string, files map[string][]byte, counts func(path string) bool) ([]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	tree, err := r.tree(ctx, commit)
	if err != nil {
		return nil, err
	}
	var differ []string
	for path, data := range files {
		e, there := tree[path]
		if there != (data != nil) || there && e.ID != git.Blob(data).ID() {
			differ = append(differ, path)
		}
	}
	for path := range tree {
		if _, known := files[path]; !known && counts(path) {
			differ = append(differ, path)
		}
	}
	slices.Sort(differ)
	return differ, nil
}

// attempts bounds how often a push is repeated that failed although no ref had moved.
const attempts = 4

// Push sends objects and moves refs, all or none. It is a forge.ErrMoved when one of them is not where it should be moved
// from; an answer that got lost is looked up.
func (r *Repository) Push(ctx context.Context, objects git.Objects, updates ...remote.Update) error {
	var names []string
	for _, u := range updates {
		names = append(names, u.Ref)
	}
	for attempt := 1; ; attempt++ {
		cause := r.config.Remote.Push(ctx, objects, updates...)
		if cause == nil {
			r.add(objects)
			return nil
		}
		refs, err := r.config.Remote.Refs(ctx, names...)
		if err != nil {
			return cause
		}
		at := func(value func(remote.Update) string) func(remote.Update) bool {
			return func(u remote.Update) bool { return refs.IDs[u.Ref] == value(u) }
		}
		arrived := at(func(u remote.Update) string { return u.New })
		stayed := at(func(u remote.Update) string { return u.Old })
		switch {
		case every(updates, arrived):
			r.add(objects)
			return nil
		case !every(updates, stayed):
			return fmt.Errorf("pushing %s: %w", strings.Join(names, " and "), forge.ErrMoved)
		case attempt == attempts || !passing(cause):
			return cause
		}
		if err := r.config.Sleep(ctx, time.Duration(attempt)*200*time.Millisecond); err != nil {
			return err
		}
	}
}

func every[T any](all []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(all, func(one T) bool { return !holds(one) })
}

// Know names commits that are known as pushed by us: a branch that is at one of them is ours.
func (r *Repository) Know(commits ...string) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	for _, c := range commits {
		r.pushed[c] = true
	}
}

// Knows reports whether a commit is known as pushed by us.
func (r *Repository) Knows(commit string) bool {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	return r.pushed[commit]
}

// change.File lists are compared in the order of their paths.
func byPath(a, b change.File) int { return strings.Compare(a.Path, b.Path) }
