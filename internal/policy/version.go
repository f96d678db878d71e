package policy

import (
	"math"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// version is a parsed tag. It points into the tag, so that parsing allocates nothing.
type version struct {
	major, minor, patch uint64
	pre                 string
	// label is the length of the channel's name in pre, 0 when no channel is followed or pre is not of it. Two versions of
	// a channel compare by the numbers after it: rc9 is lower than rc10.
	label int
}

// parse reads a tag as a version: strictly SemVer 2.0.0 with three numeric parts, which may have leading zeros, and an
// optional lower-case v; loosely whatever Masterminds accepts.
func parse(tag string, loose bool) (version, bool) {
	if v, ok := parseStrict(tag); ok || !loose {
		return v, ok
	}
	v, err := semver.NewVersion(tag)
	if err != nil {
		return version{}, false
	}
	return version{major: v.Major(), minor: v.Minor(), patch: v.Patch(), pre: v.Prerelease()}, true
}

func parseStrict(tag string) (v version, ok bool) {
	if len(tag) > semver.MaxVersionLen {
		return v, false
	}
	rest := strings.TrimPrefix(tag, "v")
	if v.major, rest, ok = number(rest); !ok || rest == "" || rest[0] != '.' {
		return v, false
	}
	if v.minor, rest, ok = number(rest[1:]); !ok || rest == "" || rest[0] != '.' {
		return v, false
	}
	if v.patch, rest, ok = number(rest[1:]); !ok {
		return v, false
	}
	if rest != "" && rest[0] == '-' {
		end := strings.IndexByte(rest, '+')
		if end < 0 {
			end = len(rest)
		}
		v.pre, rest = rest[1:end], rest[end:]
		if !identifiers(v.pre, true) {
			return v, false
		}
	}
	return v, rest == "" || rest[0] == '+' && identifiers(rest[1:], false)
}

// number reads decimal digits; leading zeros count for nothing.
func number(s string) (n uint64, rest string, ok bool) {
	i := 0
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		d := uint64(s[i] - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, "", false
		}
		n = n*10 + d
	}
	return n, s[i:], i > 0
}

// identifiers checks dot-separated identifiers; in a prerelease, numeric ones have no leading zeros.
func identifiers(s string, prerelease bool) bool {
	for {
		id, rest, more := strings.Cut(s, ".")
		digits := true
		for i := range len(id) {
			c := id[i]
			switch {
			case c >= '0' && c <= '9':
			case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-':
				digits = false
			default:
				return false
			}
		}
		if id == "" || prerelease && digits && len(id) > 1 && id[0] == '0' {
			return false
		}
		if !more {
			return true
		}
		s = rest
	}
}

// compare orders versions by precedence (https://semver.org/#spec-item-11); build metadata does not count.
func (v version) compare(o version) int {
	switch {
	case v.major != o.major:
		return order(v.major < o.major)
	case v.minor != o.minor:
		return order(v.minor < o.minor)
	case v.patch != o.patch:
		return order(v.patch < o.patch)
	case v.pre == o.pre:
		return 0
	case v.pre == "":
		return 1
	case o.pre == "":
		return -1
	}
	if label := max(v.label, o.label); label > 0 && ofChannel(v.pre, o.pre, label) {
		return natural(strings.TrimPrefix(v.pre[label:], "."), strings.TrimPrefix(o.pre[label:], "."))
	}
	return comparePrerelease(v.pre, o.pre)
}

// ofChannel reports whether two prereleases start with the same label of that length and go on with numbers alone.
func ofChannel(a, b string, label int) bool {
	return len(a) > label && len(b) > label && a[:label] == b[:label] && counted(a[label:]) && counted(b[label:])
}

// counted reports whether a text is numbers between dots, and may start with a dot.
func counted(s string) bool {
	for i := range len(s) {
		if s[i] != '.' && !digit(s[i]) {
			return false
		}
	}
	return s != ""
}

// release is the version without its prerelease.
func (v version) release() version { return version{major: v.major, minor: v.minor, patch: v.patch} }

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

// comparePrerelease compares identifier by identifier; a missing one is lower.
func comparePrerelease(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if x == y {
			continue
		}
		if x == "" || y == "" {
			return order(x == "")
		}
		return compareIdentifier(x, y)
	}
	return 0
}

// compareIdentifier compares two different identifiers: numbers by value and below texts, texts by their bytes. What
// does not fit 64 bits is a text, as it is for Masterminds.
func compareIdentifier(x, y string) int {
	m, xNumeric := numeric(x)
	n, yNumeric := numeric(y)
	switch {
	case xNumeric && yNumeric:
		return order(m <= n)
	case xNumeric != yNumeric:
		return order(xNumeric)
	default:
		return order(x < y)
	}
}

func numeric(s string) (uint64, bool) {
	n := uint64(0)
	for i := range len(s) {
		d := uint64(s[i] - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}
