package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// ledgerAttempts bounds how often a transition is applied when others keep being faster.
	ledgerAttempts = 40
	ledgerMessage  = "Update the ledger"
)

// seen is a ledger as it was read or written: the commit that held it, and what lay at the top of its tree.
type seen struct {
	ledger ledger.Ledger
	commit string
	tree   string
}

// LedgerError is for files of the ledger that cannot be read.
type LedgerError struct{ Err error }

// Error says which file, and why.
func (e *LedgerError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LedgerError) Unwrap() error { return e.Err }

// Ledger reads the ledger; it is empty when its ref does not exist yet.
func (r *Repository) Ledger(ctx context.Context) (ledger.Ledger, error) {
	s, err := r.read(ctx)
	return s.ledger, err
}

func (r *Repository) read(ctx context.Context) (seen, error) {
	r.known.mu.Lock()
	listed := r.listed
	r.listed = nil
	r.known.mu.Unlock()
	if listed == nil {
		tips, err := r.Tips(ctx)
		if err != nil {
			return seen{}, err
		}
		listed = &tips
	}
	return r.readAt(ctx, *listed)
}

// Begin lists the refs for whoever opens the repository: the ledger that is read next is the one that was there then.
func (r *Repository) Begin(ctx context.Context) error {
	tips, err := r.Tips(ctx)
	if err == nil {
		r.known.mu.Lock()
		defer r.known.mu.Unlock()
		r.listed = &tips
	}
	return err
}

func (r *Repository) readAt(ctx context.Context, tips Tips) (s seen, err error) {
	s.commit = tips.Ledger
	snapshot := ledger.Snapshot{}
	if s.commit != "" {
		if s.tree, snapshot, err = r.snapshot(ctx, s.commit); err != nil {
			return seen{}, err
		}
	}
	if s.ledger, err = ledger.DecodeSealed(snapshot, r.config.Seal); err != nil {
		return seen{}, &LedgerError{err}
	}
	r.see(s)
	return s, nil
}

// snapshot reads the files of a ledger from the top of a commit's tree; what lies beside them is not read.
func (r *Repository) snapshot(ctx context.Context, commit string) (string, ledger.Snapshot, error) {
	filter := "" // everything, in one request: nobody else keeps files there
	if strings.HasPrefix(r.config.Ledger, heads) {
		filter = "blob:none"
	}
	if err := r.fetch(ctx, commit, filter); err != nil {
		return "", nil, err
	}
	root, top, err := r.top(commit)
	if err != nil {
		return "", nil, err
	}
	paths := slices.Sorted(maps.Keys(top))
	if !ledger.IsLedger(paths) {
		return "", nil, &change.RefError{Key: "ledger", Message: r.config.Ledger + " holds " + paths[0] + " and no ledger",
			Hint: "name a ref that is the ledger's alone, as in `ledger: refs/heads/pawl-ledger`"}
	}
	known := map[string]string{}
	for path, e := range top {
		if ledger.IsFile(path) && e.Regular() {
			known[path] = e.ID
		}
	}
	blobs, err := r.blobs(ctx, slices.Collect(maps.Values(known)))
	if err != nil {
		return "", nil, err
	}
	snapshot := ledger.Snapshot{}
	for path, id := range known {
		snapshot[path] = blobs[id]
	}
	return root, snapshot, nil
}

func (r *Repository) top(commit string) (string, git.Tree, error) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	c, err := r.known.objects.Commit(commit)
	if err != nil {
		return "", nil, err
	}
	top, err := r.known.objects.Tree(c.Tree)
	return c.Tree, top, err
}

// Record applies a transition to the ledger and writes the result; when another writer was faster, to the newer ledger
// again. It begins with the ledger as it was seen last: every write names what it writes over, so that an old one loses
// and is read again.
func (r *Repository) Record(ctx context.Context, next ledger.Transition, by git.Person) error {
	if s, found := r.lastSeen(); found {
		wrote, err := r.store(ctx, s, next, by)
		if err != nil && !errors.Is(err, forge.ErrMoved) || wrote {
			return err // else nothing is to be written, if nobody else wrote
		}
	}
	for attempt := range ledgerAttempts {
		s, err := r.read(ctx)
		if err != nil {
			return err
		}
		if _, err = r.store(ctx, s, next, by); !errors.Is(err, forge.ErrMoved) {
			return err
		}
		if err := r.config.Sleep(ctx, time.Duration(min(attempt, 10))*50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("writing the ledger at %s: %d times %w", r.config.Ledger, ledgerAttempts, forge.ErrMoved)
}

// store writes what a transition makes of a ledger onto the commit that it was read from; wrote is false when that is
// nothing new.
func (r *Repository) store(ctx context.Context, s seen, next ledger.Transition, by git.Person) (wrote bool, err error) {
	l, err := next(s.ledger).Seal()
	if err != nil {
		return false, err
	}
	made, root, err := r.encode(s, l)
	if err != nil || root == s.tree {
		return false, err
	}
	var parents []string
	if s.commit != "" {
		parents = []string{s.commit}
	}
	by.At = r.config.Now()
	message := cmp.Or(r.config.Known(s.ledger.Said(l)), ledgerMessage)
	id := made.Add(git.Commit{Tree: root, Parents: parents, Author: by, Committer: by, Message: message}.Object())
	if err := r.Push(ctx, made, remote.Update{Ref: r.config.Ledger, Old: s.commit, New: id}); err != nil {
		return false, err
	}
	r.see(seen{l, id, root})
	return true, nil
}

// encode makes the objects of a ledger and the tree that holds it; files that are no ledger's stay.
func (r *Repository) encode(s seen, l ledger.Ledger) (git.Objects, string, error) {
	snapshot, err := l.Encode()
	if err != nil {
		return nil, "", err
	}
	for path, text := range snapshot {
		snapshot[path] = []byte(r.config.Known(string(text)))
	}
	if snapshot, err = l.Resealed(snapshot); err != nil {
		return nil, "", err
	}
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	top := git.Tree{}
	if s.tree != "" {
		if top, err = r.known.objects.Tree(s.tree); err != nil {
			return nil, "", err
		}
	}
	changes, blobs := map[string]git.Entry{}, git.Objects{}
	for path, e := range top {
		if ledger.IsFile(path) && e.Regular() {
			changes[path] = git.Entry{}
		}
	}
	for path, data := range snapshot {
		id := blobs.Add(git.Blob(data))
		changes[path] = git.Entry{Mode: "100644", ID: id}
		if top[path].ID == id {
			delete(blobs, id)
		}
	}
	if len(changes) == 0 {
		return nil, s.tree, nil
	}
	root, made, err := r.known.objects.Edit(s.tree, changes)
	maps.Copy(made, blobs)
	return made, root, err
}

func (r *Repository) lastSeen() (seen, bool) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	if r.last == nil {
		return seen{}, false
	}
	return *r.last, true
}

func (r *Repository) see(s seen) {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	r.last = &s
}
