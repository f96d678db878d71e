package policy

import (
	"fmt"
	"strings"
)

// naming returns the range that admits, besides what this one does, the prereleases between its bounds: with pre in the lower
// bounds, and -0 in the upper ones, so that none of what lies behind is admitted. It is empty for ranges that cannot be written
// so without doubt.
func (s span) naming(pre string) string {
	groups := make([]string, 0, len(s.groups))
	for _, g := range s.groups {
		words := make([]string, 0, len(g.comparisons))
		for _, c := range g.comparisons {
			word, ok := c.naming(pre)
			if !ok {
				return ""
			}
			words = append(words, word)
		}
		groups = append(groups, strings.Join(words, " "))
	}
	text := strings.Join(groups, " || ")
	if wide, err := parseSpan(text); err != nil || wide.releasesOnly() {
		return ""
	}
	return text
}

// naming writes one comparison with a prerelease in its version.
func (c comparison) naming(pre string) (string, bool) {
	operator, to := c.operator, c.to.release().String()
	if c.to.pre != "" {
		return "", false
	}
	if operator == "" || operator == "=" {
		switch {
		case !c.open:
			return operator + to, true
		case c.minorOpen:
			operator = "^"
		case c.patchOpen:
			operator = "~"
		default:
			operator = ">="
		}
		if c.minorOpen && c.to.major == 0 {
			return fmt.Sprintf(">=0.0.0-%s <1.0.0-0", pre), true
		}
		return operator + to + "-" + pre, true
	}
	switch operator {
	case ">=", "=>":
		return ">=" + to + "-" + pre, true
	case "^":
		return operator + to + "-" + pre, !c.open || c.minorOpen && c.to.major > 0
	case "~", "~>":
		return c.namingTilde(to, pre)
	case "<":
		return "<" + to + "-0", true
	case "<=", "=<":
		return operator + to, !c.open
	}
	return "", false
}

// namingTilde says an open minor version with a caret.
func (c comparison) namingTilde(to, pre string) (string, bool) {
	switch {
	case c.minorOpen:
		return "^" + to + "-" + pre, c.to.major > 0
	case c.open && !c.patchOpen, c.to.release() == version{}:
		return "", false
	}
	return "~" + to + "-" + pre, true
}
