package policy

import (
	"fmt"
	"strings"

	"github.com/pawl-cd/pawl/internal/source"
)

// maxNumbers bounds how many numbers and hashes a tag that others are like may hold.
const maxNumbers = 16

// shape is what tags like another have in common: the same text, with as many numbers in the same places.
type shape struct {
	// exemplar is the tag that the others are like; numbers counts what it is compared by.
	exemplar string
	numbers  int
	// hashes says, for each place of a number or hash, which lengths the hashes have that are listed there: digits of
	// such a length are a hash too.
	hashes [maxNumbers]uint64
}

// newShape returns the shape of a tag among the listed ones; nil when it has no number to go on from.
func newShape(exemplar string, listing source.Listing) *shape {
	s := &shape{exemplar: exemplar}
	if exemplar == "" || !s.learn(exemplar) {
		return nil
	}
	for i := range listing {
		s.learn(listing[i].Tag)
	}
	p, slot := parts{tag: exemplar}, 0
	for next, ok := p.next(); ok; next, ok = p.next() {
		if next.kind != literal {
			if !s.isHash(next, slot) {
				s.numbers++
			}
			slot++
		}
	}
	if s.numbers == 0 {
		return nil
	}
	return s
}

// learn notes the hashes of a tag that has the exemplar's text, and reports whether it has.
func (s *shape) learn(tag string) bool {
	own, other := parts{tag: s.exemplar}, parts{tag: tag}
	var found [maxNumbers]uint64
	for slot := 0; ; {
		a, more := own.next()
		b, moreToo := other.next()
		switch {
		case !more && !moreToo:
			for i := range found {
				s.hashes[i] |= found[i]
			}
			return true
		case more != moreToo || (a.kind == literal) != (b.kind == literal) || a.kind == literal && a.text != b.text || a.whole != b.whole:
			return false
		case a.kind == literal:
			continue
		case slot == maxNumbers:
			return false
		case b.kind == hash:
			found[slot] |= lengthBit(b.text)
		}
		slot++
	}
}

func lengthBit(text string) uint64 { return 1 << min(len(text), 63) }

// isHash reports whether what stands in a place is a hash.
func (s *shape) isHash(p part, slot int) bool {
	return p.kind == hash || p.whole && len(p.text) >= shortestHash && s.hashes[slot]&lengthBit(p.text) != 0
}

// comparable reports whether two numbers count the same: neither is a date where the other is none, nor a year at the
// front of several numbers.
func (s *shape) comparable(x, y string, slot int) bool {
	const date = len("20060102")
	if (len(x) >= date || len(y) >= date) && len(x) != len(y) {
		return false
	}
	return slot > 0 || s.numbers < 2 || isYear(x) == isYear(y)
}

func isYear(text string) bool { return len(text) == 4 && strings.HasPrefix(text, "20") }

// walk goes over the places of two tags side by side until both say stop; it reports whether they have one shape so far.
func (s *shape) walk(a, b string, each func(x, y string) bool) bool {
	one, other := parts{tag: a}, parts{tag: b}
	for slot := 0; ; {
		x, more := one.next()
		y, moreToo := other.next()
		switch {
		case more != moreToo:
			return false
		case !more:
			return true
		case (x.kind == literal) != (y.kind == literal), x.kind == literal && x.text != y.text, x.whole != y.whole:
			return false
		case x.kind == literal:
			continue
		case slot == maxNumbers || s.isHash(x, slot) != s.isHash(y, slot):
			return false
		case !s.isHash(x, slot) && !s.comparable(x.text, y.text, slot):
			return false
		case !s.isHash(x, slot) && !each(x.text, y.text):
			return true
		}
		slot++
	}
}

// fits reports whether a tag is like the exemplar.
func (s *shape) fits(tag string) bool {
	return s != nil && s.walk(s.exemplar, tag, func(string, string) bool { return true })
}

// compare orders two tags of the shape number by number.
func (s *shape) compare(a, b string) int {
	result := 0
	if s == nil || !s.walk(a, b, func(x, y string) bool { result = compareDigits(x, y); return result == 0 }) {
		return 0
	}
	return result
}

// lead are the first numbers that every tag must have: 16 of 16.x.
type lead []string

// parseLead reads a pattern of numbers and, after them, of x.
func parseLead(pattern string) (lead, error) {
	var all lead
	open := false
	if pattern == "" {
		return nil, nil
	}
	for _, text := range strings.Split(strings.TrimPrefix(pattern, "v"), ".") {
		switch {
		case openPart(text):
			open = true
		case !decimal(text) || open:
			return nil, &Error{Message: fmt.Sprintf("%q limits no leading numbers", pattern), Hint: "write the numbers that stay and x for those that move, e.g. 16.x or 3.11.x"}
		default:
			all = append(all, text)
		}
	}
	return all, nil
}

// admits reports whether the first numbers of a tag of the shape are those.
func (l lead) admits(s *shape, tag string) bool {
	i, same := 0, true
	s.walk(tag, tag, func(x, _ string) bool {
		if i < len(l) {
			same = same && compareDigits(x, l[i]) == 0
			i++
		}
		return same && i < len(l)
	})
	return same && i == len(l)
}

// bind finds out which tags are meant by a filter that is about the value in the file.
func (r *Request) bind() {
	if r.Filter.kind == kindLike {
		r.Filter.shape = newShape(r.exemplar(), r.Listing)
	}
}

// exemplar is the tag that the value stands for: a listed one that gives it, else what the transformers can be undone to.
func (r *Request) exemplar() string {
	text, _ := SplitDigest(r.Current)
	if r.Transform.Identity() {
		return text
	}
	for i := range r.Listing {
		if tag := r.Listing[i].Tag; tag != "" && r.gives(tag) {
			return tag
		}
	}
	for _, o := range r.Transform.Undo(text) {
		return o
	}
	return ""
}
