package forge

import (
	"context"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// Marker keeps one mark at a repository: that nothing is to be done there before a time, as long as what a digest is made of
// stays as it is. Every client of a forge is one.
type Marker interface {
	// Look tells where the refs are, in one request.
	Look(ctx context.Context) (Refs, error)
	// Marked reports whether a mark that Look saw says that a digest holds at a time.
	Marked(seen Refs, digest string, now time.Time) bool
	// Mark leaves a mark in the place of those that Look saw.
	Mark(ctx context.Context, seen Refs, digest string, until time.Time) error
	// Seen is the ledger as it was last read or written here, and its commit, empty when there is none.
	Seen() (ledger.Ledger, string)
}

// Refs are where the refs of a repository are.
type Refs struct {
	// Default is the tip of the default branch, Base that of the branch that is updated, Ledger the commit of the ledger; empty
	// for what does not exist.
	Default, Base, Ledger string
	// Branches are those that begin with the name of the pull request's, which may be left of an earlier one, with their tips.
	Branches map[string]string
	// Open says that something of ours is there that exists for a moment only: a run is at it, or died.
	Open bool
	// Marks are the marks: which commit each ref is at.
	Marks map[string]string
}
