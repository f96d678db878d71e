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

// Sight records what a plan saw at sources. Of two sightings of one version the earlier stays; what the plan did not look at any
// more at these sources is forgotten: values have passed it, or its tag has moved. Sightings of the last hour stay, for
// another run may have made them.
func (l Ledger) Sight(sources []string, seen []Sighting, now time.Time) Ledger {
	old := slices.DeleteFunc(slices.Clone(l.Seen), func(s Sighting) bool {
		wanted := slices.ContainsFunc(seen, func(n Sighting) bool { return compareSightings(n, s) == 0 })
		return slices.Contains(sources, s.Source) && !wanted && now.Sub(s.At) >= time.Hour
	})
	seen = slices.Clone(seen)
	for i := range seen {
		seen[i].At = seen[i].At.UTC()
	}
	l.Seen = put(old, seen, compareSightings, func(old, n Sighting) Sighting {
		if n.At.Before(old.At) {
			old.At = n.At
		}
		return old
	})
	if len(l.Seen) == 0 {
		l.Seen = nil
	}
	return l
}
