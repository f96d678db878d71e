package fleet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

// A profile is quiet when a run of it had nothing to do, nothing of ours is open, and all that the answer was made of is as it
// was. All of that goes into a digest; what no digest holds (labels, closed pull requests, settings of the forge) is looked at again
// after a day.

// Facts are what a profile says of itself at one commit of its base branch: with them one look at its refs tells whether it is
// quiet.
type Facts struct {
	// Default is the tip of its default branch, Commit that of its base branch.
	Default string `json:"default"`
	Commit  string `json:"commit"`
	// Config is its .pawl.yaml, nil when there is none.
	Config []byte `json:"config,omitempty"`
	// Queries are what it asks of sources.
	Queries []source.Query `json:"queries"`
}

// Digest is all that an answer depends on, keyed so that nobody can try out what a secret among it might be.
type Digest struct {
	// Key is the profile's token.
	Key string
	// Version is pawl's, World what the profile sees of its environment.
	Version, World string
	// Default, Base and Ledger are where the refs are.
	Default, Base, Ledger string
	// Branches are those with a name of ours, with their tips.
	Branches map[string]string
	// Listings are those of the profile's queries, in their order.
	Listings [][sha256.Size]byte
}

// String is the digest in hexadecimal.
func (d Digest) String() string {
	h := hmac.New(sha256.New, []byte(d.Key))
	parts := []string{"pawl.quiet/1", d.Version, d.World, d.Default, d.Base, d.Ledger, strconv.Itoa(len(d.Branches))}
	for _, name := range slices.Sorted(maps.Keys(d.Branches)) {
		parts = append(parts, name, d.Branches[name])
	}
	for _, part := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // a hash takes everything
		_, _ = h.Write([]byte(part))
	}
	for _, one := range d.Listings {
		_, _ = h.Write(one[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// The longest and the shortest time for which a profile is quiet; in between lies each one's own, so that those of a large fleet
// do not wake all at once.
const (
	LongestQuiet  = 24 * time.Hour
	shortestQuiet = 18 * time.Hour
)

// Until is when a profile that is quiet now is looked at again.
func (p Profile) Until(now time.Time) time.Time {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.key())) // a hash takes everything
	spread := time.Duration(h.Sum64() % uint64(LongestQuiet-shortestQuiet))
	return now.Add(shortestQuiet + spread).Truncate(time.Second)
}

// digest is that of a listing.
func digest(all source.Listing) [sha256.Size]byte {
	h := sha256.New()
	var line []byte
	for _, r := range all {
		line = append(line[:0], r.Tag...)
		line = append(line, 0)
		if r.Prerelease {
			line = append(line, 'p')
		}
		if !r.Published.IsZero() {
			line = r.Published.UTC().AppendFormat(line, time.RFC3339Nano)
		}
		line = append(line, '\n')
		_, _ = h.Write(line) // a hash takes everything
	}
	return [sha256.Size]byte(h.Sum(nil))
}
