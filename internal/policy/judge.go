package policy

import (
	"cmp"
	"fmt"
)

// rule is what accepts or rejects one tag.
type rule int

const (
	accepted rule = iota
	otherTag
	otherText
	noVersion
	otherChannel
	prereleaseOnly
	outsideRange
	excluded
	missing
)

// candidate is one tag with its place in the listing; without a tag it is none.
type candidate struct {
	tag string
	// text is the part of the tag that is compared, version what it is as a semantic one. isVersion means that the
	// filter's order can place it.
	text      string
	version   version
	isVersion bool
	index     int
}

// read finds out what a tag is compared by, and whether the filter looks at it at all.
func (r *Request) read(tag string, index int) (candidate, bool) {
	f := &r.Filter
	text, ok := f.compared(tag)
	c := candidate{tag: tag, text: text, index: index}
	switch f.kind {
	case kindLike:
		c.isVersion = f.shape.fits(tag)
	case kindRegexNumeric:
		c.isVersion = ok && isNumber(text)
	case kindRegexAlphabetical:
		c.isVersion = ok && text != ""
	default:
		c.version, c.isVersion = parse(text, r.Policy.Loose)
	}
	return c, ok
}

// semantic reads a candidate as a version also where the filter compares something else.
func (r *Request) semantic(c candidate) (version, bool) {
	if f := &r.Filter; f.ordered() && !f.versions() {
		return parse(c.text, true)
	}
	return c.version, c.isVersion
}

// judge holds one tag against the filter and the policy.
func (r *Request) judge(tag string, index int) (candidate, rule) {
	f := &r.Filter
	c, ok := r.read(tag, index)
	switch {
	case f.tags != nil && !f.tags.MatchString(tag):
		return c, otherTag
	case !ok:
		return c, otherText
	case f.ordered() && !c.isVersion:
		return c, noVersion
	case r.Policy.Channel != "" && !r.inChannel(c):
		return c, otherChannel
	case f.kind == kindLike && !f.lead.admits(f.shape, tag):
		return c, outsideRange
	case f.versions() && !f.span.admits(c.version):
		if c.version.pre != "" && f.span.releasesOnly() {
			return c, prereleaseOnly
		}
		return c, outsideRange
	case r.exclusion(c) != nil:
		return c, excluded
	case r.Missing[tag]:
		return c, missing
	}
	return c, accepted
}

func (r *Request) inChannel(c candidate) bool {
	v, ok := r.semantic(c)
	return ok && inChannel(v.pre, r.Policy.Channel)
}

// exclusion returns what excludes the candidate, or nil.
func (r *Request) exclusion(c candidate) *Exclusion {
	if len(r.Policy.Exclude) == 0 {
		return nil
	}
	v, ok := r.semantic(c)
	for i := range r.Policy.Exclude {
		if r.Policy.Exclude[i].covers(c.tag, v, ok) {
			return &r.Policy.Exclude[i]
		}
	}
	return nil
}

// compare orders two candidates that satisfy the filter: by the filter's order, else by their place in the listing.
func (r *Request) compare(a, b candidate) int {
	if r.Filter.ordered() {
		return r.Filter.compare(a, b)
	}
	return cmp.Compare(a.index, b.index)
}

// above reports whether a exists and is higher than b.
func (r *Request) above(a, b candidate) bool { return a.tag != "" && r.compare(a, b) > 0 }

// better reports whether a is higher than b, or equal and spelled better: the current tag first, then those with the
// current one's v or lack of it, then the higher text.
func (r *Request) better(a, b candidate, current string) bool {
	if d := r.compare(a, b); d != 0 {
		return d > 0
	}
	if a.tag == current || b.tag == current {
		return a.tag == current && b.tag != current
	}
	now := r.spelling(current)
	if x, y := r.spelling(a.tag) == now, r.spelling(b.tag) == now; now != unspelled && x != y {
		return x
	}
	return a.tag > b.tag
}

// spelling says how a version is written.
type spelling int

const (
	unspelled spelling = iota
	bare
	withV
)

func (r *Request) spelling(tag string) spelling {
	text, _ := r.Filter.compared(tag)
	switch {
	case text != "" && digit(text[0]):
		return bare
	case len(text) > 1 && text[0] == 'v' && digit(text[1]):
		return withV
	}
	return unspelled
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// describe says in words what the rule means for this candidate.
func (r *Request) describe(c candidate, rule rule) string {
	switch rule {
	case otherTag:
		return fmt.Sprintf("does not match tagfilter %s", r.Filter.tags)
	case otherText:
		return fmt.Sprintf("does not match %s", r.Filter)
	case noVersion:
		switch r.Filter.kind {
		case kindLike:
			return "not " + r.rule() + ": other text, or another count of numbers"
		case kindRegexNumeric, kindRegexAlphabetical:
			return fmt.Sprintf("%q is nothing to compare by %s", c.text, r.Filter.kind)
		}
		if r.Policy.Loose {
			return "not a version"
		}
		return "not a version: three numeric parts are required"
	case otherChannel:
		return fmt.Sprintf("not in the channel %s", r.Policy.Channel)
	case prereleaseOnly:
		return fmt.Sprintf("a prerelease; %s admits releases only", r.Filter.pattern)
	case outsideRange:
		return fmt.Sprintf("outside %s", r.Filter.pattern)
	case excluded:
		return fmt.Sprintf("excluded by policy.exclude %s", r.exclusion(c).text)
	case missing:
		return "listed, but the registry answers 404 for it"
	default:
		return "matches"
	}
}
