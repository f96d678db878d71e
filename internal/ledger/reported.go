package ledger

import (
	"cmp"
	"slices"
	"time"
)

// Reported is a fault that the last run that was asked to tell new ones from old ones had. Key names it: what it is of, and why.
type Reported struct {
	Key   string    `json:"key"`
	At    time.Time `json:"at"`
	Extra Extra     `json:"-"`
}

func compareReported(a, b Reported) int { return cmp.Compare(a.Key, b.Key) }

// maxReported bounds how many faults are remembered, maxKey each key, in bytes.
const (
	maxReported = 1000
	maxKey      = 500
)

// Report replaces the faults of the last run by those of this one; one that goes on keeps its time. New are those that the last
// run did not have.
func (l Ledger) Report(keys []string, at time.Time) (next Ledger, fresh []string) {
	old := l.Reported
	l.Reported = nil
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i] = keys[i][:min(len(keys[i]), maxKey)]
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		one := Reported{Key: key, At: at.UTC().Truncate(time.Second)}
		if i, known := slices.BinarySearchFunc(old, one, compareReported); known {
			one = old[i]
		} else {
			fresh = append(fresh, key)
		}
		if len(l.Reported) < maxReported {
			l.Reported = append(l.Reported, one)
		}
	}
	return l, fresh
}
