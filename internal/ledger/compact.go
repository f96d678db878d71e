package ledger

import (
	"slices"
	"time"
)

// Limits says what Compact may forget. A zero field is replaced by its default.
type Limits struct {
	// ClaimAge is how long a settled claim is kept, default 90 days; MaxClaims how many, default 5,000.
	ClaimAge  time.Duration
	MaxClaims int
	// MaxValues is how many written values are kept, default 20,000.
	MaxValues int
	// Order tells when a veto is outgrown; without it no veto is.
	Order Order
}

// Compact forgets what no longer matters: settled claims that are old or too many (oldest first), the oldest values
// above the limit, and vetoes that are dead. A claim that is open is never forgotten, nor is a veto that may still
// hold a version.
func (l Ledger) Compact(now time.Time, limits Limits) Ledger {
	limits = limits.withDefaults()
	l.Vetoes = slices.DeleteFunc(slices.Clone(l.Vetoes), func(v Veto) bool { return l.dead(v, limits.Order) })
	l.Claims = compactClaims(l.Claims, now.Add(-limits.ClaimAge), limits.MaxClaims)
	l.Values = newest(l.Values, limits.MaxValues, func(v Value) time.Time { return v.At }, func(Value) bool { return true })
	return l
}

func (m Limits) withDefaults() Limits {
	if m.ClaimAge <= 0 {
		m.ClaimAge = 90 * 24 * time.Hour
	}
	if m.MaxClaims <= 0 {
		m.MaxClaims = 5_000
	}
	if m.MaxValues <= 0 {
		m.MaxValues = 20_000
	}
	return m
}

// dead reports whether another entry makes a veto needless: a veto or written value of the same manifest text with a
// newer version.
func (l Ledger) dead(v Veto, order Order) bool {
	for _, w := range l.Vetoes {
		if w.Place == v.Place && w.Asker == v.Asker && order.newer(w.Version, v.Version) {
			return true
		}
	}
	written, found := l.ValueOf(v.Place, v.Manifest)
	return found && written.Digest == v.Digest && order.newer(written.Version, v.Version)
}

// compactClaims drops settled claims from before the given time, then the oldest settled ones above the limit.
func compactClaims(claims []Claim, before time.Time, limit int) []Claim {
	claims = slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return !c.Open() && c.At.Before(before) })
	return newest(claims, limit, func(c Claim) time.Time { return c.At }, func(c Claim) bool { return !c.Open() })
}

// newest keeps at most limit entries, in their order, by dropping the oldest of those that may go.
func newest[T any](list []T, limit int, at func(T) time.Time, mayGo func(T) bool) []T {
	surplus := len(list) - limit
	if surplus <= 0 {
		return list
	}
	var candidates []int
	for i, entry := range list {
		if mayGo(entry) {
			candidates = append(candidates, i)
		}
	}
	slices.SortStableFunc(candidates, func(i, j int) int { return at(list[i]).Compare(at(list[j])) })
	drop := map[int]bool{}
	for _, i := range candidates[:min(surplus, len(candidates))] {
		drop[i] = true
	}
	var kept []T
	for i, entry := range list {
		if !drop[i] {
			kept = append(kept, entry)
		}
	}
	return kept
}
