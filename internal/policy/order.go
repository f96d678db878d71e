package policy

import (
	"slices"

	"github.com/pawl-cd/pawl/internal/source"
)

// Order returns how the filter compares two tags: negative when a is older, positive when it is newer, 0 when neither
// can be said. Versions compare by precedence, then number by number of their build metadata. Filters without an order
// compare versions too where both can be read, else places in the listing, the last being the newest.
func (f Filter) Order(p Policy, listing source.Listing) func(a, b string) int {
	if !f.ordered() {
		return func(a, b string) int {
			if d, ok := higher(a, b); ok {
				return d
			}
			x, y := place(listing, a), place(listing, b)
			if x < 0 || y < 0 {
				return 0
			}
			return x - y
		}
	}
	return func(a, b string) int {
		r := Request{Listing: listing, Current: a, Filter: f, Policy: p}
		r.bind()
		x, ok1 := r.version(a)
		y, ok2 := r.version(b)
		if !ok1 || !ok2 {
			return 0
		}
		if d := r.compare(x, y); d != 0 || !f.versions() {
			return d
		}
		return compareBuilds(build(x.text), build(y.text))
	}
}

// compareBuilds compares build metadata of one kind; 0 also means that nothing can be said.
func compareBuilds(a, b string) int {
	if !sameBuilds(a, b) {
		return 0
	}
	return natural(a, b)
}

// place is where a tag is listed, -1 when it is not.
func place(listing source.Listing, tag string) int {
	return slices.IndexFunc(listing, func(r source.Release) bool { return r.Tag == tag })
}

// version reads a tag, or a value that may be none, as the filter compares it.
func (r *Request) version(tag string) (candidate, bool) {
	c, ok := r.read(tag, 0)
	if ok && !c.isVersion && r.Filter.versions() {
		v, readable := readValue(c.text)
		c.version, c.isVersion = r.labelled(v.version), readable && !v.further
	}
	return c, ok && c.isVersion
}

// Admits reports whether a tag would compete if it were listed.
func (f Filter) Admits(tag string, p Policy) bool {
	r := Request{Filter: f, Policy: p, Current: tag}
	r.bind()
	_, rule := r.judge(tag, 0)
	return rule == accepted
}

// Rises reports whether a tag that the source does not list is a version that satisfies the filter and is higher than the
// current one, so that it may be taken once it is known to exist. Other kinds of filter than those of versions take their
// order from the listing, and a value that is no version has none to rise from.
func (r Request) Rises(tag string) bool {
	if !r.Filter.versions() {
		return false
	}
	now := r.current()
	c, rule := r.judge(tag, -1)
	return rule.satisfied() && now.known && r.against(c, now) > 0
}

// Compare compares two texts as versions, generously, then by their build metadata; 0 also means that nothing can be said.
func Compare(a, b string) int {
	if d, ok := higher(a, b); ok {
		return d
	}
	return compareBuilds(build(a), build(b))
}
