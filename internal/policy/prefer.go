package policy

import "strings"

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
