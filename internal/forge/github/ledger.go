package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// ledgerAttempts bounds how often a transition is applied when others keep being faster.
	ledgerAttempts = 40
	ledgerMessage  = "Update the ledger"
	ledgerHint     = "a rule of the repository may refuse this ref: set `ledger: refs/heads/pawl-ledger`"
)

// LoadLedger reads the ledger from its ref, and the commit that it was read from: empty, with an empty ledger, when the
// ref does not exist yet.
func (c *Client) LoadLedger(ctx context.Context, ref string) (l ledger.Ledger, parent string, err error) {
	doing := "reading the ledger at " + ref
	parent, err = c.Ref(ctx, ref)
	if err != nil {
		return ledger.Ledger{}, "", c.fail(doing, readContents, err)
	}
	if parent == "" {
		l, err := ledger.DecodeSealed(nil, c.config.Seal)
		c.see(ref, l, "")
		return l, "", err
	}
	top, err := c.top(ctx, parent)
	if err != nil {
		return ledger.Ledger{}, "", c.fail(doing, readContents, err)
	}
	paths := slices.Sorted(maps.Keys(top))
	if !ledger.IsLedger(paths) {
		return ledger.Ledger{}, "", &change.RefError{Key: "ledger", Message: ref + " holds " + paths[0] + " and no ledger", Hint: "name a ref that is the ledger's alone, as in `ledger: refs/heads/pawl-ledger`"}
	}
	known, _ := split(top)
	blobs, err := c.readBlobs(ctx, names(known))
	if err != nil {
		return ledger.Ledger{}, "", c.fail(doing, readContents, err)
	}
	snapshot := ledger.Snapshot{}
	for path, e := range known {
		snapshot[path] = blobs[e.SHA]
	}
	l, err = ledger.DecodeSealed(snapshot, c.config.Seal)
	if err != nil {
		return ledger.Ledger{}, "", fmt.Errorf("%s: %w", doing, err)
	}
	c.see(ref, l, parent)
	return l, parent, nil
}

// StoreLedger writes the next ledger onto the commit that the last one was read from (empty: none), and returns the
// commit that holds it, with a message. Nothing is written when nothing changes. It is forge.ErrMoved when another writer was faster.
func (c *Client) StoreLedger(ctx context.Context, ref, parent, message string, next ledger.Ledger) (string, error) {
	doing := "writing the ledger at " + ref
	snapshot, err := next.Encode()
	if err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	for path, text := range snapshot {
		snapshot[path] = []byte(c.config.HTTP.Known(string(text)))
	}
	if snapshot, err = next.Resealed(snapshot); err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	top := tree{}
	if parent != "" {
		if top, err = c.top(ctx, parent); err != nil {
			return "", c.fail(doing, readContents, err)
		}
	}
	known, others := split(top)
	files, made := snapshotTree(snapshot, known)
	if maps.Equal(made, known) {
		return parent, nil
	}
	sha, err := c.commitLedger(ctx, parent, message, files, len(others) > 0)
	if err != nil {
		return "", c.fail(doing, writeContents, err)
	}
	maps.Copy(made, others)
	c.mu.Lock()
	c.tops[sha] = made
	c.mu.Unlock()
	return sha, refusedLedger(c.moveLedger(ctx, ref, parent, sha))
}

// snapshotTree returns the whole tree of a snapshot, as what has to be sent and as what it will be.
func snapshotTree(snapshot ledger.Snapshot, known tree) ([]written, tree) {
	var files []written
	made := tree{}
	for _, path := range slices.Sorted(maps.Keys(snapshot)) {
		e := Entry{Mode: "100644", SHA: blobSHA(snapshot[path])}
		made[path] = e
		file := written{path: path, mode: e.Mode, data: snapshot[path]}
		if known[path] == e {
			file.sha = e.SHA
		}
		files = append(files, file)
	}
	for _, path := range slices.Sorted(maps.Keys(known)) {
		if _, stays := snapshot[path]; !stays {
			files = append(files, written{path: path, mode: known[path].Mode, gone: true})
		}
	}
	return files, made
}

// top returns what lies at the top of a commit's tree, its folders as well: the ledger's files do.
func (c *Client) top(ctx context.Context, sha string) (tree, error) {
	c.mu.Lock()
	top, known := c.tops[sha]
	c.mu.Unlock()
	if known {
		return top, nil
	}
	listing, _, err := c.api.Git.GetTree(ctx, c.owner, c.name, sha, false)
	if err == nil {
		err = oddTree(listing)
	}
	if err != nil {
		return nil, err
	}
	if listing.GetTruncated() {
		return nil, errors.New("there are more files than GitHub lists")
	}
	top = tree{}
	for _, e := range listing.Entries {
		top[e.GetPath()] = Entry{Mode: e.GetMode(), SHA: e.GetSHA()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tops[sha] = top
	return top, nil
}

// split tells the files of a ledger from others, which are never read and stay as they are.
func split(top tree) (known, others tree) {
	known, others = tree{}, tree{}
	for path, e := range top {
		if ledger.IsFile(path) && e.Regular() {
			known[path] = e
		} else {
			others[path] = e
		}
	}
	return known, others
}

// names are the ids of the files' contents.
func names(files tree) []string {
	var all []string
	for _, e := range files {
		all = append(all, e.SHA)
	}
	return all
}

// commitLedger writes a commit whose tree holds the files, and the parent's others when there are any; the first one has
// no parent.
func (c *Client) commitLedger(ctx context.Context, parent, message string, files []written, others bool) (string, error) {
	base := ""
	if others {
		var err error
		if base, err = c.root(ctx, parent); err != nil {
			return "", err
		}
	} else {
		files = slices.DeleteFunc(files, func(f written) bool { return f.gone })
	}
	entries, err := c.treeEntries(ctx, files)
	if err != nil {
		return "", err
	}
	made, _, err := c.api.Git.CreateTree(ctx, c.owner, c.name, base, entries)
	if err == nil {
		err = lacks(made.GetSHA() == "", "tree")
	}
	if err != nil {
		return "", err
	}
	var parents []*gh.Commit
	if parent != "" {
		parents = append(parents, &gh.Commit{SHA: &parent})
	}
	return c.createCommit(ctx, made, parents, cmp.Or(message, ledgerMessage))
}

func (c *Client) moveLedger(ctx context.Context, ref, parent, sha string) error {
	if parent == "" {
		return c.CreateRef(ctx, ref, sha)
	}
	return c.ForwardRef(ctx, ref, parent, sha)
}

// refusedLedger adds what helps when GitHub does not take the ref.
func refusedLedger(err error) error {
	var refused *Error
	if errors.As(err, &refused) && (refused.Status == http.StatusUnprocessableEntity || refused.Status == http.StatusForbidden) {
		refused.Hint = joined(refused.Hint, ledgerHint)
	}
	return err
}

// seen is a ledger as it was read or written, and the commit that held it.
type seen struct {
	ledger ledger.Ledger
	commit string
}

// UpdateLedger applies a transition to the ledger and writes the result; when another writer was faster, to the newer
// ledger again. It returns the ledger that is stored then. It begins with the ledger as this client saw it last: every
// write names what it writes over, so that an old one loses and is read again.
func (c *Client) UpdateLedger(ctx context.Context, ref string, next ledger.Transition) (ledger.Ledger, error) {
	if known, found := c.lastSeen(ref); found {
		l, err := next(known.ledger).Seal()
		if err != nil {
			return ledger.Ledger{}, err
		}
		sha, err := c.StoreLedger(ctx, ref, known.commit, c.config.HTTP.Known(known.ledger.Said(l)), l)
		switch {
		case err == nil && sha != known.commit: // else nothing is to be written, if nobody else wrote
			c.see(ref, l, sha)
			return l, nil
		case err != nil && !errors.Is(err, forge.ErrMoved):
			return l, err
		}
	}
	for attempt := range ledgerAttempts {
		l, parent, err := c.LoadLedger(ctx, ref)
		if err != nil {
			return ledger.Ledger{}, err
		}
		old := l
		if l, err = next(l).Seal(); err != nil {
			return ledger.Ledger{}, err
		}
		sha, err := c.StoreLedger(ctx, ref, parent, c.config.HTTP.Known(old.Said(l)), l)
		if err == nil {
			c.see(ref, l, sha)
		}
		if !errors.Is(err, forge.ErrMoved) {
			return l, err
		}
		if err := c.config.Sleep(ctx, time.Duration(min(attempt, 10))*50*time.Millisecond); err != nil {
			return ledger.Ledger{}, fmt.Errorf("writing the ledger at %s: %w", ref, err)
		}
	}
	return ledger.Ledger{}, fmt.Errorf("writing the ledger at %s: %d times %w", ref, ledgerAttempts, forge.ErrMoved)
}

func (c *Client) lastSeen(ref string) (seen, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, found := c.seen[ref]
	return s, found
}

func (c *Client) see(ref string, l ledger.Ledger, commit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[ref] = seen{l, commit}
}
