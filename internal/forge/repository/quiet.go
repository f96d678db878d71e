package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// marks is where marks stand: a ref for each, whose name ends with the time until which it holds, in seconds since 1970. It is
// at a commit without parents and files that whoever knows the digest can compute, so that the list of refs says everything. The
// commit says a digest of the digest and the time: who may push can move it to no other time.
const marks = "refs/pawl/quiet/"

// longestMark is how far in the future a mark may end: nobody who writes one keeps a profile from being looked at for longer.
const longestMark = 25 * time.Hour

// Look tells where the refs are, in one request.
func (r *Repository) Look(ctx context.Context) (forge.Refs, error) {
	prefixes := []string{heads + r.config.Branch, heads + change.ScratchPrefix + r.config.Branch, r.config.Ledger, marks}
	if r.config.Base != "" {
		prefixes = append(prefixes, heads+r.config.Base)
	}
	refs, err := r.config.Remote.Refs(ctx, prefixes...)
	if err != nil {
		return forge.Refs{}, err
	}
	seen := forge.Refs{Default: refs.IDs["HEAD"], Base: refs.IDs["HEAD"], Ledger: refs.IDs[r.config.Ledger], Branches: map[string]string{}, Marks: map[string]string{}}
	if r.config.Base != "" {
		seen.Base = refs.IDs[heads+r.config.Base]
	}
	for name, id := range refs.IDs {
		switch {
		case strings.HasPrefix(name, marks):
			seen.Marks[name] = id
		case name == "HEAD", name == r.config.Ledger, strings.HasPrefix(name, heads) && (name == heads+r.config.Base || r.config.Base == "" && name == heads+refs.Default):
		case strings.HasPrefix(name, heads+r.config.Branch):
			seen.Branches[name] = id
		case strings.HasPrefix(name, r.config.Ledger), strings.HasPrefix(name, heads+change.ScratchPrefix+r.config.Branch):
			seen.Open = true
		}
	}
	return seen, nil
}

// Marked reports whether a mark holds.
func (r *Repository) Marked(seen forge.Refs, digest string, now time.Time) bool {
	tree := git.Tree{}.Object()
	for name, id := range seen.Marks {
		until, err := strconv.ParseInt(strings.TrimPrefix(name, marks), 10, 64)
		if err == nil && id == mark(tree, digest, until).ID() && now.Before(time.Unix(until, 0)) && time.Unix(until, 0).Sub(now) <= longestMark {
			return true
		}
	}
	return false
}

// Mark leaves a mark in the place of the others.
func (r *Repository) Mark(ctx context.Context, seen forge.Refs, digest string, until time.Time) error {
	tree := git.Tree{}.Object()
	objects := git.Objects{tree.ID(): tree}
	own := marks + strconv.FormatInt(until.Unix(), 10)
	updates := []remote.Update{{Ref: own, Old: seen.Marks[own], New: objects.Add(mark(tree, digest, until.Unix()))}}
	for name, id := range seen.Marks {
		if name != own {
			updates = append(updates, remote.Update{Ref: name, Old: id})
		}
	}
	return r.Push(ctx, objects, updates...)
}

func mark(tree git.Object, digest string, until int64) git.Object {
	says := sha256.Sum256([]byte(digest + " " + strconv.FormatInt(until, 10)))
	nobody := git.Person{Name: "pawl", Email: "pawl@invalid", At: time.Unix(0, 0)}
	return git.Commit{Tree: tree.ID(), Author: nobody, Committer: nobody, Message: hex.EncodeToString(says[:]) + "\n"}.Object()
}

// Seen is the ledger as it was last read or written, and its commit.
func (r *Repository) Seen() (ledger.Ledger, string) {
	s, _ := r.lastSeen()
	return s.ledger, s.commit
}
