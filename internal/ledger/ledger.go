// Package ledger holds the state that survives a run, as a value: the claims and results of pipeline triggers, the
// value that pawl last wrote to each scalar, the versions that people rejected, what pawl's pull requests hold, and how far
// each event sink got.
//
// It promises that transitions are pure (time and identities come in from outside, the receiver is never changed), that
// encoding is deterministic and readable by a person, that what this version does not know is kept, and that losing the
// ledger costs caution, never correctness. Reading it from and writing it to a git ref, with a compare-and-swap, is left
// to the caller: a transition that lost the race is simply applied again to the newer ledger.
package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Schema is the version of the ledger's files; fields and files may be added within it.
const Schema = "pawl.ledger/1"

// Ledger is the whole state. The zero Ledger is an empty one. Its lists, Pending and Shadow apart, are in the order of their keys, each key once.
type Ledger struct {
	Claims  []Claim
	Values  []Value
	Vetoes  []Veto
	Cursors []Cursor
	// Pulls are pawl's pull requests, Accepted the times at which a person let the ledger begin anew.
	Pulls    []Pull
	Accepted []Acceptance
	// Levers are what people said by command: quarantines, rollbacks, holds, a pause.
	Levers []Lever
	// Seen are first sightings of versions that have to have an age.
	Seen []Sighting
	// Denials are what gates said against versions.
	Denials []Denial
	// Reported are the faults of the last run that was to tell new ones from old ones.
	Reported []Reported
	// Pending are the events of runs that receivers have not got, the oldest first.
	Pending []Pending
	// Shadow is what shadow runs decided, the oldest first.
	Shadow []Decision
	// braked says that the ledger held a lever once, so that its format stays the later one.
	braked bool
	// seal is what it was sealed with, and is sealed with when it is written.
	seal seal
	// rest is what this version does not know: fields beside the lists, by file, and whole files.
	rest rest
}

// Transition makes the next ledger from the present one; it must be pure, for it is applied again when another writer
// was faster.
type Transition func(Ledger) Ledger

// Extra holds the JSON fields of an entry that this version does not know; they survive a rewrite.
type Extra map[string]json.RawMessage

// Place is one scalar: a file below the root, the index of the YAML document in it, and a concrete JSONPath.
type Place struct {
	File     string `json:"file"`
	Document int    `json:"document,omitempty"`
	Key      string `json:"key"`
}

// compare orders places by file, document and key.
func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Document, q.Document), cmp.Compare(p.Key, q.Key))
}

// Asker is the manifest that asks for a value: its identity, and the digest of its text at that time.
type Asker struct {
	Manifest string `json:"manifest"`
	Digest   string `json:"manifestDigest"`
}

// Value is what pawl last wrote to one scalar for one manifest, or found right there.
type Value struct {
	Place
	Asker
	// Value is the decoded scalar, Version the listed version that it was made from.
	Value   string `json:"value"`
	Version string `json:"version"`
	// Commit is the merged commit that wrote it, empty when it was there already.
	Commit string    `json:"commit,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Extra  Extra     `json:"-"`
}

// Veto is a person's no to one version of one scalar.
type Veto struct {
	Place
	Asker
	Version string `json:"version"`
	// Pull is the number of the pull request that was closed, 0 when the veto came another way.
	Pull  int       `json:"pull,omitempty"`
	At    time.Time `json:"at,omitzero"`
	Extra Extra     `json:"-"`
}

// Cursor is how far one event sink got.
type Cursor struct {
	Sink string `json:"sink"`
	// Settled are the events that the sink acknowledged or refused for good, by id, and when a run last saw what each
	// tells. What nobody saw for long is told by nobody any more and left out.
	Settled map[string]time.Time `json:"settled"`
	Extra   Extra                `json:"-"`
}

func compareValues(a, b Value) int {
	return cmp.Or(a.Place.compare(b.Place), cmp.Compare(a.Manifest, b.Manifest))
}

func compareVetoes(a, b Veto) int {
	return cmp.Or(a.Place.compare(b.Place), cmp.Compare(a.Manifest, b.Manifest),
		cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.Version, b.Version))
}

func compareCursors(a, b Cursor) int { return cmp.Compare(a.Sink, b.Sink) }

// put returns the ordered list with the entries in it: new ones in their places, and those of a key that is there
// replaced by what merge makes of both, in the order given. It takes one walk over the list, however many they are.
func put[T any](list, entries []T, compare func(a, b T) int, merge func(old, new T) T) []T {
	if len(entries) == 0 {
		return list
	}
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, compare)
	next := make([]T, 0, len(list)+len(entries))
	for _, entry := range entries {
		at, _ := slices.BinarySearchFunc(list, entry, compare)
		next, list = append(next, list[:at]...), list[at:]
		if len(list) > 0 && compare(list[0], entry) == 0 {
			next, list = append(next, list[0]), list[1:]
		}
		if n := len(next); n > 0 && compare(next[n-1], entry) == 0 {
			next[n-1] = merge(next[n-1], entry)
			continue
		}
		next = append(next, entry)
	}
	return append(next, list...)
}
