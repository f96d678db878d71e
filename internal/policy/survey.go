package policy

// tally is what one pass over the listing found.
type tally struct {
	// best is the highest that competes; excluded and missing are the highest that satisfy the filter and must not be
	// written.
	best, excluded, missing, barred candidate
	// rebuild is the highest later build of the current version that competes.
	rebuild candidate
	// top is the highest version of all, whatever the filter, prerelease the highest that the range refuses only
	// because it admits no prerelease.
	top, prerelease candidate
	matches         int
}

// survey passes over the listing once and keeps the highest of each sort.
func (r *Request) survey(now current) tally {
	var t tally
	for i := range r.Listing {
		c, rule := r.judge(r.Listing[i].Tag, i)
		if c.tag == "" {
			continue
		}
		if c.isVersion && r.Filter.ordered() {
			r.keepBetter(&t.top, c, now.tag)
		}
		switch rule {
		case accepted:
			t.matches++
			r.keepBetter(&t.best, c, now.tag)
			if now.known && c.isVersion && r.Filter.versions() && c.version.compare(now.version) == 0 && r.rebuilds(c.tag, now.tag) {
				r.keepBetter(&t.rebuild, c, now.tag)
			}
		case excluded:
			r.keepBetter(&t.excluded, c, now.tag)
		case barred:
			r.keepBetter(&t.barred, c, now.tag)
		case missing:
			r.keepBetter(&t.missing, c, now.tag)
		case prereleaseOnly:
			if r.Filter.span.admits(c.version.release()) {
				r.keepBetter(&t.prerelease, c, now.tag)
			}
		}
	}
	return t
}

func (r *Request) keepBetter(best *candidate, c candidate, current string) {
	if best.tag == "" || r.better(c, *best, current) {
		*best = c
	}
}
