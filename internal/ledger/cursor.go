package ledger

import (
	"maps"
	"slices"
	"time"
)

// cursorAge is how long before the latest settled event of a sink another one may have been seen to be remembered. It is
// more than twice the time for which events of earlier runs are told again.
const cursorAge = 15 * 24 * time.Hour

// Advance records what sinks have settled, and forgets sinks that settled nothing for long while others did: nobody sends
// to them any more. Nothing else is taken back, so racing runs end at the same place.
func (l Ledger) Advance(cursors ...Cursor) Ledger {
	for _, c := range cursors {
		l.Cursors = put(l.Cursors, []Cursor{c}, compareCursors, union)
	}
	var latest time.Time
	for _, c := range l.Cursors {
		latest = later(latest, c.latest())
	}
	l.Cursors = slices.DeleteFunc(slices.Clone(l.Cursors), func(c Cursor) bool { return latest.Sub(c.latest()) > cursorAge })
	return l
}

// latest is when the sink's latest event was seen.
func (c Cursor) latest() time.Time {
	var latest time.Time
	for _, at := range c.Settled {
		latest = later(latest, at)
	}
	return latest
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// union joins two cursors of a sink and forgets what is old.
func union(old, c Cursor) Cursor {
	settled := make(map[string]time.Time, len(old.Settled)+len(c.Settled))
	maps.Copy(settled, old.Settled)
	for id, at := range c.Settled {
		if at.After(settled[id]) {
			settled[id] = at.UTC()
		}
	}
	c.Settled = settled
	latest := c.latest()
	maps.DeleteFunc(settled, func(_ string, at time.Time) bool { return latest.Sub(at) > cursorAge })
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
