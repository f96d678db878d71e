package ledger

import (
	"slices"
	"time"
)

// Limits says what Compact may forget. A zero field is replaced by its default.
type Limits struct {
	// ClaimAge is how long a settled claim is kept, default 31 days, for GitHub lets a job run again for 30; MaxClaims how
	// many, default 5,000.
	ClaimAge  time.Duration
	MaxClaims int
	// MaxValues is how many written values are kept, default 20,000.
	MaxValues int
	// ShadowAge is how long decisions of shadow runs are kept once there are runs that write, default 92 days.
	ShadowAge time.Duration
	// Order tells when a veto is outgrown; without it no veto is.
	Order Order
}

// Compact forgets what no longer matters: settled claims that are old or too many (oldest first), the oldest values
// above the limit, vetoes that are dead, and what shadow runs decided long ago. A claim that is open is never forgotten, nor for its age one of the last
// pipelines of a project, nor a veto that may still hold a version.
func (l Ledger) Compact(now time.Time, limits Limits) Ledger {
	limits = limits.withDefaults()
	l.Vetoes = l.living(limits.Order)
	l.Claims = compactClaims(l.Claims, now.Add(-limits.ClaimAge), limits.MaxClaims)
	l.Values = newest(l.Values, limits.MaxValues, func(v Value) time.Time { return v.At }, func(Value) bool { return true })
	l.Shadow = slices.DeleteFunc(slices.Clone(l.Shadow), func(d Decision) bool { return d.At.Before(now.Add(-limits.ShadowAge)) })
	return l
}

func (m Limits) withDefaults() Limits {
	if m.ClaimAge <= 0 {
		m.ClaimAge = 31 * 24 * time.Hour
	}
	if m.MaxClaims <= 0 {
		m.MaxClaims = 5_000
	}
	if m.ShadowAge <= 0 {
		m.ShadowAge = 92 * 24 * time.Hour
	}
	if m.MaxValues <= 0 {
		m.MaxValues = 20_000
	}
	return m
}

// maxNewest bounds with how many vetoes of one scalar another one is compared: of versions in order there is one newest
// one, and those that are in no order are kept.
const maxNewest = 16

// living are the vetoes that no other entry makes needless: a veto or written value of the same manifest text with a
// newer version.
func (l Ledger) living(order Order) []Veto {
	var kept []Veto
	for rest := l.Vetoes; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Place == rest[0].Place && rest[n].Asker == rest[0].Asker {
			n++
		}
		newest := l.newest(rest[:n], order)
		for _, v := range rest[:n] {
			if !slices.ContainsFunc(newest, func(version string) bool { return order.newer(version, v.Version) }) {
				kept = append(kept, v)
			}
		}
		rest = rest[n:]
	}
	return kept
}

// newest are versions of a scalar that none of the others is newer than: of its vetoes, and the written one.
func (l Ledger) newest(vetoes []Veto, order Order) (newest []string) {
	add := func(version string) {
		if slices.ContainsFunc(newest, func(n string) bool { return order.newer(n, version) }) {
			return
		}
		newest = slices.DeleteFunc(newest, func(n string) bool { return order.newer(version, n) })
		if len(newest) < maxNewest {
			newest = append(newest, version)
		}
	}
	if order == nil {
		return nil
	}
	if written, found := l.ValueOf(vetoes[0].Place, vetoes[0].Manifest); found && written.Digest == vetoes[0].Digest {
		add(written.Version)
	}
	for _, v := range vetoes {
		add(v.Version)
	}
	return newest
}

// How many pipelines of a project are kept whatever their age: a run asks them what was brought already. And how much
// longer than others a trigger is kept that is to be sent again.
const (
	lastPipelines = 3
	owedLonger    = 2 * 31 * 24 * time.Hour
)

// compactClaims drops settled claims from before the given time, then the oldest settled ones above the limit.
func compactClaims(claims []Claim, before time.Time, limit int) []Claim {
	last := lastOf(claims)
	claims = slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool {
		if c.owed() {
			return c.At.Before(before.Add(-owedLonger))
		}
		return !c.Open() && !last[[2]string{c.Commit, c.Project}] && c.At.Before(before)
	})
	return newest(claims, limit, func(c Claim) time.Time { return c.At }, func(c Claim) bool { return !c.Open() })
}

// lastOf are the last pipelines of each project, by commit and project.
func lastOf(claims []Claim) map[[2]string]bool {
	accepted := map[string][]int{}
	for i, c := range claims {
		if c.State == Accepted {
			accepted[c.Project] = append(accepted[c.Project], i)
		}
	}
	last := map[[2]string]bool{}
	for project, all := range accepted {
		slices.SortStableFunc(all, func(i, j int) int { return claims[j].At.Compare(claims[i].At) })
		for _, i := range all[:min(lastPipelines, len(all))] {
			last[[2]string{claims[i].Commit, project}] = true
		}
	}
	return last
}

// newestOfEach keeps at most limit entries of each source, by dropping the oldest; the entries of a source stand together.
func newestOfEach[T any](all []T, limit int, source func(T) string, at func(T) time.Time) []T {
	var kept []T
	for len(all) > 0 {
		n := 1
		for n < len(all) && source(all[n]) == source(all[0]) {
			n++
		}
		kept = append(kept, newest(all[:n:n], limit, at, func(T) bool { return true })...)
		all = all[n:]
	}
	return kept
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
