package policy

import (
	"slices"

	"github.com/pawl-cd/pawl/internal/source"
)

// Order returns how the filter compares two tags: negative when a is older, positive when it is newer, 0 when neither
// can be said. Versions compare by precedence; filters without an order compare places in the listing, the last being
// the newest.
func (f Filter) Order(loose bool, listing source.Listing) func(a, b string) int {
	if !f.ordered() {
		return func(a, b string) int {
			x, y := place(listing, a), place(listing, b)
			if x < 0 || y < 0 {
				return 0
			}
			return x - y
		}
	}
	return func(a, b string) int {
		r := Request{Listing: listing, Current: a, Filter: f, Policy: Policy{Loose: loose}}
		r.bind()
		x, ok1 := r.read(a, 0)
		y, ok2 := r.read(b, 0)
		if !ok1 || !ok2 || !x.isVersion || !y.isVersion {
			return 0
		}
		return r.compare(x, y)
	}
}

// place is where a tag is listed, -1 when it is not.
func place(listing source.Listing, tag string) int {
	return slices.IndexFunc(listing, func(r source.Release) bool { return r.Tag == tag })
}

// Admits reports whether a tag would compete if it were listed.
func (f Filter) Admits(tag string, p Policy) bool {
	r := Request{Filter: f, Policy: p, Current: tag}
	r.bind()
	_, rule := r.judge(tag, 0)
	return rule == accepted
}

// Compare compares two texts as versions, loosely; 0 also means that one of them is none.
func Compare(a, b string) int {
	x, ok1 := parse(a, true)
	y, ok2 := parse(b, true)
	if !ok1 || !ok2 {
		return 0
	}
	return x.compare(y)
}
