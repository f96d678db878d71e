package change

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// Set is a change set: everything that one pull request says and does.
type Set struct {
	// Base is the commit, as SHA, that the set was made on.
	Base    string
	Updates []Update
	Files   []File
	// Brakes are the targets that a quarantine or a rollback moves.
	Brakes []Note
	// Gates are what gates said of the versions that are written.
	Gates []Note
	// Held and Failed are the targets that are not updated although somebody could expect it.
	Held, Failed []Note
	// Upstream is what an incoming event says triggered the run: untrusted, often a URL, may be empty.
	Upstream string
	// Chain is the id that joins all events of this change; see ChainID.
	Chain string
	// RollbackOf are the pull requests whose values it takes back, CausedBy the ids of the events that asked for it.
	RollbackOf []int
	CausedBy   []string
	// Seal is the counter of the ledger's seal that it was made under, 0 for none.
	Seal int
	// Words are those of the title and the commit; they change nothing of what the set does.
	Words Words
	// Revised is when the set took the place of another one in its pull request, nil for the first.
	Revised *Revision
}

// Note says why one target is left as it is.
type Note struct {
	Manifest string `json:"manifest"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// Digest returns the digest of what the set changes: its updates and the bytes it leaves, in any order. Notes, upstream,
// base and chain do not count.
func (s Set) Digest() string {
	h := sha256.New()
	for _, u := range s.sorted() {
		put(h, "update", u.Manifest, u.Target, u.File, fmt.Sprint(u.Document), u.Key, u.Old, u.New, u.Version)
	}
	files := slices.Clone(s.Files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range files {
		put(h, "file", f.Path, string(f.After))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// DiffDigest returns the digest of a change of files as bytes, in any order; irregular are paths that change otherwise.
func DiffDigest(files []File, irregular []string) string {
	h := sha256.New()
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) }) {
		put(h, "file", f.Path, string(f.Before), string(f.After))
	}
	put(h, slices.Sorted(slices.Values(irregular))...)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Holds returns what the ledger records of the set's pull request.
func (s Set) Holds() ledger.Pull {
	p := ledger.Pull{Diff: DiffDigest(s.Files, nil)}
	for _, u := range s.sorted() {
		p.Updates = append(p.Updates, ledger.PullUpdate{Place: u.place(), Manifest: u.Manifest, Old: u.Old, New: u.New, Version: u.Version})
	}
	for _, f := range s.Files {
		p.Files = append(p.Files, f.Path)
	}
	slices.Sort(p.Files)
	return p
}

// Held returns the updates that the ledger recorded of a pull request.
func Held(p ledger.Pull) []Update {
	var all []Update
	for _, u := range p.Updates {
		all = append(all, Update{Manifest: u.Manifest, File: u.File, Document: u.Document, Key: u.Key, Old: u.Old, New: u.New, Version: u.Version})
	}
	return all
}

// put writes texts with their lengths, so that no two lists of texts look alike.
func put(w io.Writer, texts ...string) {
	for _, t := range texts {
		_, _ = w.Write(binary.BigEndian.AppendUint64(nil, uint64(len(t))))
		_, _ = io.WriteString(w, t)
	}
}

// ChainID returns the id of the chain that a change begins when no incoming event names one: a version 5 UUID
// (RFC 9562, section 5.5) in the URL namespace over the source of the events, the base SHA and the digest of the set.
func ChainID(source, base, digest string) string {
	var all bytes.Buffer
	put(&all, source, base, digest)
	return uuid.NewSHA1(uuid.NameSpaceURL, all.Bytes()).String()
}

// sorted returns the updates ordered by manifest, file, document and key.
func (s Set) sorted() []Update {
	updates := slices.Clone(s.Updates)
	slices.SortStableFunc(updates, func(a, b Update) int {
		return cmp.Or(cmp.Compare(a.Manifest, b.Manifest), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Document, b.Document), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Target, b.Target),
			cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New), cmp.Compare(a.Version, b.Version))
	})
	return updates
}

// place is where an update is written.
func (u Update) place() ledger.Place {
	return ledger.Place{File: u.File, Document: u.Document, Key: u.Key}
}

// Written returns what the ledger records once the set is merged; digests holds the digest of each manifest's text.
func (s Set) Written(commit string, digests map[string]string, at time.Time) []ledger.Value {
	var values []ledger.Value
	for _, u := range s.sorted() {
		values = append(values, ledger.Value{
			Place: u.place(), Asker: ledger.Asker{Manifest: u.Manifest, Digest: digests[u.Manifest]},
			Value: u.New, Version: u.Version, Commit: commit, At: at,
		})
	}
	return values
}

// Vetoes returns what the ledger records when a person closes the pull request of the set.
func (s Set) Vetoes(pull int, digests map[string]string, at time.Time) []ledger.Veto {
	var vetoes []ledger.Veto
	for _, u := range s.sorted() {
		vetoes = append(vetoes, ledger.Veto{
			Place: u.place(), Asker: ledger.Asker{Manifest: u.Manifest, Digest: digests[u.Manifest]},
			Version: u.Version, Pull: pull, At: at,
		})
	}
	return vetoes
}
