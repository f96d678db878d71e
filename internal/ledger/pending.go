package ledger

import (
	"encoding/json"
	"slices"
)

// What waits is bounded: so many events, and so many bytes of the file.
const (
	MaxPending      = 1_000
	MaxPendingBytes = 1 << 20
)

// Pending is an event that a sink has not got, and that no later run can make again.
type Pending struct {
	Sink string `json:"sink"`
	// ID and Source tell events apart.
	ID     string `json:"id"`
	Source string `json:"source"`
	// Event is what is to be delivered, as JSON on one line; the ledger does not look into it.
	Event json.RawMessage `json:"event"`
	Extra Extra           `json:"-"`
}

// Same reports whether two are one event for one sink.
func (p Pending) Same(q Pending) bool {
	return p.Sink == q.Sink && p.ID == q.ID && p.Source == q.Source
}

// Keep takes out the events that are settled and puts those that wait behind what is there already, each once. When there
// are too many, the oldest go; how many went is returned.
func (l Ledger) Keep(settled, waiting []Pending) (Ledger, int) {
	has := func(list []Pending, p Pending) bool { return slices.ContainsFunc(list, p.Same) }
	all := slices.DeleteFunc(slices.Clone(l.Pending), func(p Pending) bool { return has(settled, p) })
	for _, p := range waiting {
		if !has(all, p) {
			all = append(all, p)
		}
	}
	size, first := 0, len(all)
	for first > 0 && len(all)-first < MaxPending {
		line, err := encodeEntry(all[first-1])
		if err != nil || size+len(line)+1 > MaxPendingBytes {
			break
		}
		size += len(line) + 1
		first--
	}
	l.Pending = all[first:]
	if len(l.Pending) == 0 {
		l.Pending = nil
	}
	return l, first
}
