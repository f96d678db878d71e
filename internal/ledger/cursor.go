package ledger

import (
	"cmp"
	"slices"
)

// Advance moves the cursors of sinks forward; a cursor never moves back, so racing runs end at the same place.
func (l Ledger) Advance(cursors ...Cursor) Ledger {
	for _, c := range cursors {
		c.At = c.At.UTC()
		l.Cursors = put(l.Cursors, c, compareCursors, later)
	}
	return l
}

// later chooses the cursor that is further on.
func later(old, c Cursor) Cursor {
	if cmp.Or(old.At.Compare(c.At), cmp.Compare(old.Position, c.Position)) >= 0 {
		return old
	}
	if c.Extra == nil {
		c.Extra = old.Extra
	}
	return c
}

// CursorOf returns how far a sink got.
func (l Ledger) CursorOf(sink string) (Cursor, bool) {
	at, found := slices.BinarySearchFunc(l.Cursors, Cursor{Sink: sink}, compareCursors)
	if !found {
		return Cursor{}, false
	}
	return l.Cursors[at], true
}
