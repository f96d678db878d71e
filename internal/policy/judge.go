package policy

import (
	"cmp"
	"fmt"
	"strings"
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
		c.version, c.isVersion = r.parse(text)
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

// satisfied reports whether the rule lets a version be the current one: all but its existence is right.
func (r rule) satisfied() bool { return r == accepted || r == missing }

// judge holds one tag against the filter and the policy.
func (r *Request) judge(tag string, index int) (candidate, rule) {
	c, ok := r.read(tag, index)
	return c, r.admit(c, ok)
}

// parse reads a tag as the policy wants versions read. Where the value itself has _ before its build metadata, as it must
// in a registry, so may tags.
func (r *Request) parse(text string) (version, bool) {
	v, ok := parse(text, r.Policy.Loose)
	if !ok && r.underscore && strings.Contains(text, "_") {
		v, ok = parseStrict(strings.Replace(text, "_", "+", 1))
	}
	if r.Policy.Channel == "" {
		return v, ok
	}
	return r.labelled(v), ok
}

// labelled marks a version of the channel.
func (r *Request) labelled(v version) version {
	if v.pre != "" && r.Policy.Channel != "" && inChannel(v.pre, r.Policy.Channel) {
		v.label = len(r.Policy.Channel)
	}
	return v
}

// admit holds a candidate against the rules in their order; ok says that the filter looks at such tags at all.
func (r *Request) admit(c candidate, ok bool) rule {
	f := &r.Filter
	switch {
	case f.tags != nil && !f.tags.MatchString(c.tag):
		return otherTag
	case !ok:
		return otherText
	case f.ordered() && !c.isVersion:
		return noVersion
	case r.Policy.Channel != "" && !r.inChannel(c):
		return otherChannel
	case f.kind == kindLike && !f.lead.admits(f.shape, c.tag):
		return outsideRange
	case f.versions() && !f.span.admits(c.version):
		if c.version.pre != "" && f.span.releasesOnly() {
			return prereleaseOnly
		}
		return outsideRange
	case r.exclusion(c) != nil:
		return excluded
	case r.Missing[c.tag]:
		return missing
	}
	return accepted
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

// better reports whether a is higher than b, or equal and to be preferred: the current tag, unless rebuilds are followed;
// one with the current one's v or lack of it, then with its leading zeros, then with build metadata of its kind; the one
// with the higher metadata; at last the higher text.
func (r *Request) better(a, b candidate, current string) bool {
	if d := r.compare(a, b); d != 0 {
		return d > 0
	}
	text := r.comparedText(current)
	now := build(text)
	follows := r.Policy.Rebuilds == FollowRebuilds && !hasHash(now)
	isNow := func(tag string) bool { return tag == current }
	if x, y := isNow(a.tag), isNow(b.tag); !follows && x != y {
		return x
	}
	if want := spelled(text); want != unspelled {
		if x, y := r.spelling(a.tag) == want, r.spelling(b.tag) == want; x != y {
			return x
		}
		if x, y := padded(r.comparedText(a.tag)) == padded(text), padded(r.comparedText(b.tag)) == padded(text); x != y {
			return x
		}
	}
	m, n := r.build(a.tag), r.build(b.tag)
	if x, y := sameBuilds(m, now), sameBuilds(n, now); x != y && spelled(text) != unspelled {
		return x
	}
	if d := natural(m, n); d != 0 {
		return d > 0
	}
	if x, y := isNow(a.tag), isNow(b.tag); x != y {
		return x
	}
	return a.tag > b.tag
}

// comparedText is the part of a tag that is read as a version.
func (r *Request) comparedText(tag string) string {
	text, _ := r.Filter.compared(tag)
	return text
}

// build is the build metadata of a tag.
func (r *Request) build(tag string) string { return build(r.comparedText(tag)) }

// rebuilds reports whether a tag is a later build of the same version as the other.
func (r *Request) rebuilds(tag, other string) bool {
	m, n := r.build(tag), r.build(other)
	return sameBuilds(m, n) && natural(m, n) > 0
}

// padded reports whether any of a version's three numbers has leading zeros.
func padded(text string) bool {
	rest := trimV(text)
	for rest != "" && digit(rest[0]) {
		run, after := leadingDigits(rest)
		if len(run) > 1 && run[0] == '0' {
			return true
		}
		rest = strings.TrimPrefix(after, ".")
	}
	return false
}

// spelling says how a version is written.
type spelling int

const (
	unspelled spelling = iota
	bare
	withV
)

func (r *Request) spelling(tag string) spelling { return spelled(r.comparedText(tag)) }

func spelled(text string) spelling {
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
		return "not a version" + r.whyNoVersion(c.tag)
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

// whyNoVersion says what keeps a tag from being a version.
func (r *Request) whyNoVersion(tag string) string {
	text := r.comparedText(tag)
	v, ok := readValue(text)
	switch {
	case ok && !v.short && paddedIdentifier(v.pre) != "":
		return fmt.Sprintf(": %s has a leading zero, which a number in a prerelease must not have", paddedIdentifier(v.pre))
	case ok && !v.short && strings.HasPrefix(metadata(text), "_"):
		return ": _ stands for + only where the value in the file has it too"
	case r.Policy.Loose:
		return ""
	}
	return ": three numeric parts are required"
}

// paddedIdentifier is the first numeric identifier of a prerelease with a leading zero.
func paddedIdentifier(pre string) string {
	for id := range strings.SplitSeq(pre, ".") {
		if run, rest := leadingDigits(id); rest == "" && len(run) > 1 && run[0] == '0' {
			return id
		}
	}
	return ""
}
