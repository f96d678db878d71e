package policy

import (
	"math"
	"strings"
)

// reading is a value of the file, read as generously as it can be.
type reading struct {
	version
	// further means that a fourth or fifth number is not zero, which makes it higher than its three parts say.
	further bool
	// short means that it has not three numeric parts: no tag that is a version is the same in another spelling.
	short bool
}

// The parts that a value is read with; a tag that competes has three.
const (
	leastParts = 2
	mostParts  = 5
)

// read reads a value: two to five numeric parts with or without leading zeros, a v or V, a prerelease, and build
// metadata after + or _. What is chosen among must be stricter (see parse): this is only what it is compared with.
func readValue(text string) (r reading, ok bool) {
	rest := trimV(text)
	n := 0
	for ; n < mostParts; n++ {
		if n > 0 {
			if len(rest) < 2 || rest[0] != '.' || !digit(rest[1]) {
				break
			}
			rest = rest[1:]
		}
		var part uint64
		if part, rest, ok = number(rest); !ok {
			return reading{}, false
		}
		switch n {
		case 0:
			r.major = part
		case 1:
			r.minor = part
		case 2:
			r.patch = part
		default:
			r.further = r.further || part > 0
		}
	}
	r.short = n != 3
	rest = rest[:len(rest)-len(metadata(rest))]
	if rest != "" {
		r.pre = rest[1:]
	}
	return r, n >= leastParts && len(text) < math.MaxUint8 && (rest == "" || rest[0] == '-' && identifiers(r.pre, false))
}

// metadata is the build metadata at the end of a version with the + or _ before it, empty when it has none.
func metadata(text string) string {
	if i := strings.IndexAny(text, "+_"); i >= 0 && identifiers(text[i+1:], false) {
		return text[i:]
	}
	return ""
}

// build is the build metadata of a version without its +.
func build(text string) string {
	if m := metadata(text); m != "" {
		return m[1:]
	}
	return ""
}

// sameBuilds reports whether two texts of build metadata may be builds of one kind: k3s1 and k3s2, not amd64 and arm64;
// hashes have no order.
func sameBuilds(a, b string) bool {
	return sameLetters(a, b) && (a == "") == (b == "") && !hasHash(a) && !hasHash(b)
}
