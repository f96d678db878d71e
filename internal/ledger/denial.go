package ledger

import (
	"cmp"
	"slices"
	"time"
)

// Denial is a gate's no to bytes: it holds until the same gate passes them.
type Denial struct {
	Gate string `json:"gate"`
	// Key is what the verdict belongs to: the program's arguments, the files that they name, and the digest.
	Key string `json:"key"`
	// Source is the canonical name of the source, Tag the version in its spelling.
	Source string    `json:"source"`
	Tag    string    `json:"tag"`
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
	Extra  Extra     `json:"-"`
}

func compareDenials(a, b Denial) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Gate, b.Gate), cmp.Compare(a.Key, b.Key))
}

// Denied returns what a gate said against a key.
func (l Ledger) Denied(gate, key string) (Denial, bool) {
	at := slices.IndexFunc(l.Denials, func(d Denial) bool { return key != "" && d.Gate == gate && d.Key == key })
	if at < 0 {
		return Denial{}, false
	}
	return l.Denials[at], true
}

// maxDenials bounds how many denials of one source are kept.
const maxDenials = 12

// Deny records what gates said: denials stay until the same gate passes the same bytes, until the values have passed the version,
// or until twelve of its source are newer.
func (l Ledger) Deny(denied []Denial, lifted func(Denial) bool, passed func(source, tag string) bool) Ledger {
	denied = slices.Clone(denied)
	for i := range denied {
		denied[i].At = denied[i].At.UTC()
	}
	old := slices.DeleteFunc(slices.Clone(l.Denials), func(d Denial) bool { return lifted(d) || passed(d.Source, d.Tag) })
	all := put(old, denied, compareDenials, func(old, _ Denial) Denial { return old })
	l.Denials = newestOfEach(all, maxDenials, func(s Denial) string { return s.Source }, func(s Denial) time.Time { return s.At })
	return l
}
