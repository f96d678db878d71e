package ledger

import (
	"maps"
	"slices"
	"time"
)

// cursorAge is how long before the latest settled event of a sink another one may have happened to be remembered. It is
// more than twice the time for which events of earlier runs are told again.
const cursorAge = 15 * 24 * time.Hour

// Advance records what sinks have settled. Nothing is taken back, so racing runs end at the same place.
func (l Ledger) Advance(cursors ...Cursor) Ledger {
	for _, c := range cursors {
		l.Cursors = put(l.Cursors, c, compareCursors, union)
	}
	return l
}

// union joins two cursors of a sink and forgets what is old.
func union(old, c Cursor) Cursor {
	settled := make(map[string]time.Time, len(old.Settled)+len(c.Settled))
	maps.Copy(settled, old.Settled)
	for id, at := range c.Settled {
		if known, ok := settled[id]; !ok || at.Before(known) {
			settled[id] = at.UTC()
		}
	}
	var latest time.Time
	for _, at := range settled {
		if at.After(latest) {
			latest = at
		}
	}
	maps.DeleteFunc(settled, func(_ string, at time.Time) bool { return latest.Sub(at) > cursorAge })
	c.Settled = settled
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
