package ledger

import (
	"cmp"
	"slices"
	"time"
)

// Sighting is when pawl first saw a version of a source with a digest. No publisher can date it back.
type Sighting struct {
	// Source is the canonical name of the source, Tag the version in its spelling, Digest that of an image, empty for others.
	Source string    `json:"source"`
	Tag    string    `json:"tag"`
	Digest string    `json:"digest,omitempty"`
	At     time.Time `json:"at"`
	Extra  Extra     `json:"-"`
}

func compareSightings(a, b Sighting) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
}

// Sighted returns the first sighting of a version.
func (l Ledger) Sighted(source, tag, digest string) (Sighting, bool) {
	at, found := slices.BinarySearchFunc(l.Seen, Sighting{Source: source, Tag: tag, Digest: digest}, compareSightings)
	if !found {
		return Sighting{}, false
	}
	return l.Seen[at], true
}

// maxSeen bounds how many versions of one source are remembered.
const maxSeen = 12

// Sight records what a plan saw. Of two sightings of one version the earlier stays. Forgotten is what the values have passed, a tag
// with another digest than the one that was seen now, and of one source what was seen first of more than twelve.
func (l Ledger) Sight(seen []Sighting, passed func(source, tag string) bool) Ledger {
	seen = slices.Clone(seen)
	for i := range seen {
		seen[i].At = seen[i].At.UTC()
	}
	moved := movedBy(seen)
	old := slices.DeleteFunc(slices.Clone(l.Seen), func(s Sighting) bool { return passed(s.Source, s.Tag) || moved(s) })
	all := put(old, seen, compareSightings, func(old, n Sighting) Sighting {
		if n.At.Before(old.At) {
			old.At = n.At
		}
		return old
	})
	l.Seen = newestOfEach(all, maxSeen, func(s Sighting) string { return s.Source }, func(s Sighting) time.Time { return s.At })
	return l
}

// movedBy says of a sighting that its tag was seen with another digest.
func movedBy(seen []Sighting) func(Sighting) bool {
	digests := map[[2]string][]string{}
	for _, s := range seen {
		version := [2]string{s.Source, s.Tag}
		digests[version] = append(digests[version], s.Digest)
	}
	return func(s Sighting) bool {
		return slices.ContainsFunc(digests[[2]string{s.Source, s.Tag}], func(digest string) bool { return digest != s.Digest })
	}
}
