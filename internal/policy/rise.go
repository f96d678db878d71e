package policy

import (
	"cmp"
	"slices"
	"strings"
)

// rise says whether a candidate, whose text for the file is value, is higher than the current one, and whether that is
// known at all.
//
// Filters without an order (kinds regex and latest) take what is listed last, and it goes up when it is the higher of two
// versions; or the higher number by number of two texts that are the same besides; or, where neither says anything,
// the later in the listing of two that are listed.
func (r *Request) rise(best candidate, value string, now current) (int, bool) {
	if d, ok := higher(value, r.text()); ok && !now.listed && r.Transform.Increments() {
		return d, true
	}
	if r.Filter.ordered() && now.known {
		return r.against(best, now), true
	}
	if d, ok := higher(best.tag, now.tag); ok && !r.Filter.ordered() {
		return d, true
	}
	if r.obscure(now) {
		if d, ok := higher(value, r.text()); ok {
			return d, true
		}
	}
	if !r.Filter.ordered() && now.listed {
		return cmp.Compare(best.index, now.index), true
	}
	return 1, false
}

// adrift reports whether the value is one of the tags that a filter without an order follows, by its look, and is not
// listed, so that nothing says which of the two is newer: the listing may have lost its end.
func (r *Request) adrift(best candidate, now current) bool {
	_, alike := sideBySide(best.tag, now.tag)
	return alike && now.inside && !now.listed && !r.Filter.ordered()
}

// obscure reports whether no tag is known that gives the value, because transformers cannot be undone.
func (r *Request) obscure(now current) bool {
	return !now.listed && !r.Transform.Identity() && len(r.Transform.Undo(r.text())) == 0
}

// against compares a candidate with the current one by the filter's order; a version with what was read generously.
func (r *Request) against(c candidate, now current) int {
	if !r.Filter.versions() {
		return r.Filter.compare(c, now.candidate)
	}
	if d := c.version.release().compare(now.read.release()); d != 0 {
		return d
	}
	if now.read.further {
		return -1
	}
	return c.version.compare(now.read.version)
}

// higher orders two texts: as versions where both can be read, else as relate does. In a prerelease numbers count wherever
// they stand: 1.0.0-rc9 is lower than 1.0.0-rc10.
func higher(a, b string) (int, bool) {
	a, b = cutCommon(a, b)
	x, ok1 := readValue(a)
	y, ok2 := readValue(b)
	if !ok1 || !ok2 {
		return relate(a, b)
	}
	if d := x.release().compare(y.release()); d != 0 {
		return d, true
	}
	if d, ok := relate(a, b); ok {
		return d, true
	}
	switch {
	case x.further != y.further:
		return order(y.further), true
	case x.pre == y.pre:
		return 0, false
	case x.pre == "" || y.pre == "":
		return order(x.pre != ""), true
	case hasHash(x.pre) || hasHash(y.pre):
		return 0, false
	}
	d := natural(x.pre, y.pre)
	return d, d != 0
}

// cutCommon cuts off the words that both texts start with, before their first digit.
func cutCommon(a, b string) (restA, restB string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] && !digit(a[i]) {
		i++
	}
	if i < len(a) && i < len(b) && digit(a[i]) && digit(b[i]) {
		return a[i:], b[i:]
	}
	return a, b
}

// resembling is the tag that would give the value as the candidate gives its own text: with the value's numbers in place
// of those of the text. It is empty when there is none; what is returned gives the value.
func (r *Request) resembling(tag, text string) string {
	value := r.text()
	if !sameWord(text, value) {
		return ""
	}
	exchanged := exchange(tag, numbers(text), numbers(value))
	if got, err := r.Transform.Apply(exchanged); err != nil || got != value {
		return ""
	}
	return exchanged
}

// exchange replaces the first run of numbers in a tag that is the same as from; without one the tag stays.
func exchange(tag string, from, to []string) string {
	all := numbers(tag)
	for i := 0; i+len(from) <= len(all); i++ {
		if slices.Equal(all[i:i+len(from)], from) {
			return withNumbers(tag, slices.Concat(all[:i], to, all[i+len(from):]))
		}
	}
	return tag
}

// numbers are the runs of digits in a text.
func numbers(s string) []string {
	var all []string
	for s != "" {
		run, rest := leadingDigits(s)
		if run != "" {
			all = append(all, run)
		}
		s = rest[min(1, len(rest)):]
	}
	return all
}

// withNumbers puts other numbers in the place of a text's own, of which there are as many.
func withNumbers(s string, all []string) string {
	var b strings.Builder
	for s != "" {
		run, rest := leadingDigits(s)
		if run != "" {
			b.WriteString(all[0])
			all = all[1:]
		}
		n := min(1, len(rest))
		b.WriteString(rest[:n])
		s = rest[n:]
	}
	return b.String()
}
