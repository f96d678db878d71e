package policy

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// span is a semver range in the language of Masterminds/semver v3.5, compiled so that a check allocates nothing: groups
// of comparisons, one of which must hold as a whole.
type span struct {
	text   string
	groups []group
}

// group is a list of comparisons that must all hold. Prereleases are admitted only when one of them names one.
type group struct {
	comparisons []comparison
	prereleases bool
}

// comparison is one operator and a version whose parts may be left open (1.2.x).
type comparison struct {
	operator  string
	to        version
	open      bool // any part is open
	minorOpen bool // 1, 1.x
	patchOpen bool // 1.2, 1.2.x
}

// parseSpan compiles a range; what Masterminds refuses is an error. What it accepts is read from its own canonical text:
// comparisons between spaces, groups between " || ", hyphen ranges already rewritten.
func parseSpan(text string) (span, error) {
	constraints, err := semver.NewConstraint(text)
	if err != nil {
		return span{}, err
	}
	s := span{text: text}
	for part := range strings.SplitSeq(constraints.String(), " || ") {
		var g group
		for word := range strings.FieldsSeq(part) {
			c, ok := parseComparison(word)
			if !ok {
				return span{}, fmt.Errorf("improper comparison %q", word)
			}
			g.comparisons = append(g.comparisons, c)
			g.prereleases = g.prereleases || c.to.pre != ""
		}
		s.groups = append(s.groups, g)
	}
	return s, nil
}

// parseComparison reads an operator followed by up to three numbers or wildcards, a prerelease and build metadata.
func parseComparison(word string) (comparison, bool) {
	operand := strings.TrimLeft(word, "=!<>~^")
	c := comparison{operator: word[:len(word)-len(operand)]}
	operand, _, _ = strings.Cut(operand, "+")
	numbers, pre, _ := strings.Cut(strings.TrimPrefix(operand, "v"), "-")
	c.to.pre = pre
	parts := strings.Split(numbers, ".")
	for i, to := range []*uint64{&c.to.major, &c.to.minor, &c.to.patch} {
		if i >= len(parts) || openPart(parts[i]) {
			c.open, c.minorOpen, c.patchOpen = true, i == 1, i == 2
			break
		}
		n, ok := numeric(parts[i])
		if !ok || parts[i] == "" {
			return comparison{}, false
		}
		*to = n
	}
	return c, true
}

func openPart(s string) bool { return s == "x" || s == "X" || s == "*" }

// admits reports whether the version lies in the range.
func (s span) admits(v version) bool {
	for i := range s.groups {
		if s.groups[i].admits(v) {
			return true
		}
	}
	return false
}

// releasesOnly reports whether no prerelease can lie in the range.
func (s span) releasesOnly() bool {
	for i := range s.groups {
		if s.groups[i].prereleases {
			return false
		}
	}
	return true
}

func (g *group) admits(v version) bool {
	if v.pre != "" && !g.prereleases {
		return false
	}
	for i := range g.comparisons {
		if !g.comparisons[i].holds(v) {
			return false
		}
	}
	return true
}

func (c *comparison) holds(v version) bool {
	switch c.operator {
	case "!=":
		return c.different(v)
	case ">":
		return c.greater(v)
	case "<":
		return v.compare(c.to) < 0
	case ">=", "=>":
		return v.compare(c.to) >= 0
	case "<=", "=<":
		return c.atMost(v)
	case "~", "~>":
		return c.tilde(v)
	case "^":
		return c.caret(v)
	default:
		if c.open {
			return c.tilde(v)
		}
		return v.compare(c.to) == 0
	}
}

// different takes an open operand for all that it stands for; after an open patch, another prerelease is different too.
func (c *comparison) different(v version) bool {
	switch {
	case c.minorOpen:
		return v.major != c.to.major
	case c.patchOpen:
		return v.major != c.to.major || v.minor != c.to.minor || v.pre != c.to.pre
	}
	return v.compare(c.to) != 0
}

// greater means above everything that an open operand stands for: >11 starts at 12.
func (c *comparison) greater(v version) bool {
	switch {
	case c.minorOpen:
		return v.major > c.to.major
	case c.patchOpen:
		return v.major > c.to.major || v.major == c.to.major && v.minor > c.to.minor
	}
	return v.compare(c.to) > 0
}

// atMost includes everything that an open operand stands for: <=11 ends before 12.
func (c *comparison) atMost(v version) bool {
	if !c.open {
		return v.compare(c.to) <= 0
	}
	return v.major < c.to.major || v.major == c.to.major && (c.minorOpen || v.minor <= c.to.minor)
}

// tilde admits the same minor version, or the same major one when the minor is open; ~0.0.0 and ~* admit everything.
func (c *comparison) tilde(v version) bool {
	if v.compare(c.to) < 0 {
		return false
	}
	if c.to.release() == (version{}) && !c.minorOpen && !c.patchOpen {
		return true
	}
	return v.major == c.to.major && (v.minor == c.to.minor || c.minorOpen)
}

// caret admits what leaves the first part that is not zero as it is; ^* admits 0.0.0 only, as it does for Masterminds.
func (c *comparison) caret(v version) bool {
	switch {
	case v.compare(c.to) < 0 || v.major != c.to.major:
		return false
	case c.to.major > 0 || c.minorOpen:
		return true
	case c.to.minor > 0 || c.patchOpen:
		return v.minor == c.to.minor
	}
	return v.minor == 0 && v.patch == c.to.patch
}
