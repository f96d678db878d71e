package fleet

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/source"
)

// SnapshotSchema is the version of a snapshot's form.
const SnapshotSchema = "pawl.snapshot/1"

// SnapshotLife is how long the listings of a snapshot count; what it says of a commit is true for ever.
const SnapshotLife = 15 * time.Minute

// MaxSnapshot bounds a snapshot in bytes, once it is unpacked.
const MaxSnapshot = 1 << 30

// maxListings bounds what listings are in a snapshot, in bytes.
const maxListings = MaxSnapshot / 4

// Snapshot is what one process of a fleet learned and others may use: what profiles say at the commits of their base branches,
// and what sources list for everybody. What only somebody's credentials list is not in it.
type Snapshot struct {
	// At is when its listings were asked for.
	At time.Time
	// Facts are those of the profiles, by their names.
	Facts map[string]*Facts
	// Listings are those for everybody.
	Listings map[Key]source.Listing
}

type snapshotFile struct {
	Schema   string            `json:"schema"`
	At       time.Time         `json:"at"`
	Profiles map[string]*Facts `json:"profiles"`
	Listings []snapshotListing `json:"listings"`
}

type snapshotListing struct {
	Key      string           `json:"key"`
	Releases []source.Release `json:"releases"`
}

// size is about how many bytes a listing takes.
func (l snapshotListing) size() int {
	size := len(l.Key)
	for _, r := range l.Releases {
		size += len(r.Tag) + 100
	}
	return size
}

// Encode writes a snapshot, compressed; the same snapshot is the same bytes. Where there is too much, the longest listings are
// left out, so that no source makes the snapshot useless for all.
func (s Snapshot) Encode() ([]byte, error) {
	file := snapshotFile{Schema: SnapshotSchema, At: s.At.UTC().Truncate(time.Second), Profiles: s.Facts, Listings: []snapshotListing{}}
	for key, all := range s.Listings {
		file.Listings = append(file.Listings, snapshotListing{hex.EncodeToString(key[:]), all})
	}
	slices.SortFunc(file.Listings, func(a, b snapshotListing) int {
		return cmp.Or(cmp.Compare(a.size(), b.size()), strings.Compare(a.Key, b.Key))
	})
	size := 0
	for i, one := range file.Listings {
		if size += one.size(); size > maxListings {
			file.Listings = file.Listings[:i]
			break
		}
	}
	slices.SortFunc(file.Listings, func(a, b snapshotListing) int { return strings.Compare(a.Key, b.Key) })
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	if err := json.NewEncoder(packed).Encode(file); err != nil {
		return nil, fmt.Errorf("writing the snapshot: %w", err)
	}
	if err := packed.Close(); err != nil {
		return nil, fmt.Errorf("writing the snapshot: %w", err)
	}
	return out.Bytes(), nil
}

// errSnapshot is for what is no snapshot of this version.
var errSnapshot = errors.New("it is no " + SnapshotSchema)

// DecodeSnapshot reads a snapshot; listings that are too old at a time, or from after it, are left out.
func DecodeSnapshot(data []byte, now time.Time) (Snapshot, error) {
	const hint = "remove it: pawl fleet list writes a new one"
	packed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return Snapshot{}, fault.New(hint, "reading the snapshot: %w", errSnapshot)
	}
	in := &io.LimitedReader{R: packed, N: MaxSnapshot}
	var file snapshotFile
	if err := json.NewDecoder(in).Decode(&file); err != nil || file.Schema != SnapshotSchema {
		return Snapshot{}, fault.New(hint, "reading the snapshot: %w", errSnapshot)
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // the checksum stands behind the last byte
		return Snapshot{}, fault.New(hint, "reading the snapshot: %w", errSnapshot)
	}
	s := Snapshot{At: file.At, Facts: map[string]*Facts{}, Listings: map[Key]source.Listing{}}
	for name, f := range file.Profiles {
		if f != nil {
			s.Facts[name] = f
		}
	}
	if age := now.Sub(file.At); age < -time.Minute || age > SnapshotLife {
		return s, nil
	}
	for _, one := range file.Listings {
		raw, err := hex.DecodeString(one.Key)
		if err != nil || len(raw) != len(Key{}) {
			return Snapshot{}, fault.New(hint, "reading the snapshot: %w", errSnapshot)
		}
		s.Listings[Key(raw)] = one.Releases
	}
	return s, nil
}

// Load takes over listings that are known already.
func (l *Listings) Load(known map[Key]source.Listing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, releases := range known {
		one := &listing{done: make(chan struct{}), releases: releases, digest: digest(releases), known: true}
		close(one.done)
		l.known[key] = one
	}
}

// Public returns the listings that succeeded and are for everybody.
func (l *Listings) Public() map[Key]source.Listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[Key]source.Listing{}
	for key, one := range l.known {
		select {
		case <-one.done:
			if one.err == nil && !one.private {
				all[key] = one.releases
			}
		default: // somebody still asks
		}
	}
	return all
}
