package repository

import (
	"context"
	"io/fs"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// Port is the part of forge.Forge that needs git alone, in the words of a forge.
type Port struct {
	git   *Repository
	words Words
}

// Words are what a forge adds to git.
type Words struct {
	// Fail describes the failure of a step, which writes or reads.
	Fail func(doing string, writes bool, err error) error
	// Page is the page of a commit for people, Name is OWNER/NAME for messages.
	Page func(commit string) string
	Name func() string
	// Self is who our commits are by; it opens the repository when nobody has.
	Self func(ctx context.Context) (git.Person, error)
}

// Port returns that part for the repository.
func (r *Repository) Port(words Words) *Port { return &Port{r, words} }

// List returns all files of a commit.
func (p *Port) List(ctx context.Context, commit string) (map[string]fs.FileMode, error) {
	all, err := p.git.List(ctx, commit)
	return all, p.words.Fail("reading the tree of "+commit, false, err)
}

// Read reads files of a commit.
func (p *Port) Read(ctx context.Context, commit string, paths []string) (forge.Reader, error) {
	files, err := p.git.Read(ctx, commit, paths)
	return files, p.words.Fail("reading files of "+commit, false, err)
}

// Differs compares files with a commit by their git object names.
func (p *Port) Differs(ctx context.Context, commit string, files map[string][]byte, counts func(path string) bool) ([]string, error) {
	differ, err := p.git.Differs(ctx, commit, files, counts)
	return differ, p.words.Fail("reading the tree of "+commit, false, err)
}

// Tip is the newest commit of the base branch.
func (p *Port) Tip(ctx context.Context) (string, error) {
	tips, err := p.git.Tips(ctx)
	return tips.BaseSHA, p.words.Fail("reading the base branch", false, err)
}

// Behind counts the commits that tip has and a commit lacks; false when the commit is not in the history of tip.
func (p *Port) Behind(ctx context.Context, tip, commit string) (int, bool, error) {
	n, found, err := p.git.Behind(ctx, tip, commit)
	return n, found, p.words.Fail("comparing "+commit+" with the base branch", false, err)
}

// Commit is what the repository says of a commit, by its full name or that of a branch or a tag.
func (p *Port) Commit(ctx context.Context, name string) (forge.Commit, error) {
	found, changed, err := p.git.Commit(ctx, name)
	if err != nil {
		return forge.Commit{}, p.words.Fail("reading commit "+name, false, err)
	}
	one := p.shown(found)
	one.Changed = changed
	return one, nil
}

func (p *Port) shown(one git.Commit) forge.Commit {
	return forge.Commit{SHA: one.ID, URL: p.words.Page(one.ID), Message: one.Message, At: one.Committer.At}
}

// OwnCommits are the commits in the history of one whose messages have trailers of ours, the newest first.
func (p *Port) OwnCommits(ctx context.Context, tip string) ([]forge.Commit, error) {
	commits, err := p.git.OwnCommits(ctx, tip)
	var ours []forge.Commit
	for _, one := range commits {
		ours = append(ours, p.shown(one))
	}
	return ours, p.words.Fail("reading the history of "+p.words.Name(), false, err)
}

// Ledger reads what earlier runs left.
func (p *Port) Ledger(ctx context.Context) (ledger.Ledger, error) {
	doing := "reading the ledger at " + p.git.config.Ledger
	if _, err := p.words.Self(ctx); err != nil {
		return ledger.Ledger{}, p.words.Fail(doing, false, err)
	}
	l, err := p.git.Ledger(ctx)
	return l, p.words.Fail(doing, false, err)
}

// Record adds to the ledger.
func (p *Port) Record(ctx context.Context, next ledger.Transition) error {
	doing := "writing the ledger at " + p.git.config.Ledger
	me, err := p.words.Self(ctx)
	if err != nil {
		return p.words.Fail(doing, true, err)
	}
	return p.words.Fail(doing, true, p.git.Record(ctx, next, me))
}

// Look tells where the refs are.
func (p *Port) Look(ctx context.Context) (forge.Refs, error) {
	seen, err := p.git.Look(ctx)
	return seen, p.words.Fail("listing the refs of "+p.words.Name(), false, err)
}

// Marked reports whether a mark holds.
func (p *Port) Marked(seen forge.Refs, digest string, now time.Time) bool {
	return p.git.Marked(seen, digest, now)
}

// Mark leaves a mark in the place of those that were seen.
func (p *Port) Mark(ctx context.Context, seen forge.Refs, digest string, until time.Time) error {
	return p.words.Fail("marking the repository as quiet", true, p.git.Mark(ctx, seen, digest, until))
}

// Seen is the ledger as it was last read or written, and its commit.
func (p *Port) Seen() (ledger.Ledger, string) { return p.git.Seen() }
