package policy

import (
	"fmt"
	"regexp"
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

// operand and operators are the grammar of one comparison; Masterminds has checked the text before it is split.
const operand = `v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?`

var (
	comparisonText = regexp.MustCompile(`(=||!=|>|<|>=|=>|<=|=<|~|~>|\^)\s*` + operand)
	wholeText      = regexp.MustCompile(`^\s*(=||!=|>|<|>=|=>|<=|=<|~|~>|\^)\s*` + operand + `\s*$`)
	hyphenText     = regexp.MustCompile(`\s*(` + operand + `)\s+-\s+(` + operand + `)\s*`)
)

// parseSpan compiles a range; what Masterminds refuses is an error.
func parseSpan(text string) (span, error) {
	if _, err := semver.NewConstraint(text); err != nil {
		return span{}, err
	}
	s := span{text: text}
	for _, part := range strings.Split(replaceHyphens(text), "||") {
		g, err := parseGroup(part)
		if err != nil {
			return span{}, err
		}
		s.groups = append(s.groups, g)
	}
	return s, nil
}

// replaceHyphens writes "1 - 2" as ">= 1, <= 2".
func replaceHyphens(text string) string {
	for _, m := range hyphenText.FindAllStringSubmatch(text, -1) {
		text = strings.Replace(text, m[0], fmt.Sprintf(">= %s, <= %s ", m[1], m[7]), 1) // an operand has five groups of its own
	}
	return text
}

func parseGroup(text string) (group, error) {
	parts := comparisonText.FindAllString(text, -1)
	if parts == nil {
		return group{comparisons: []comparison{{open: true}}}, nil // an empty text admits everything
	}
	var g group
	for _, part := range parts {
		c, err := parseComparison(part)
		if err != nil {
			return group{}, err
		}
		g.comparisons = append(g.comparisons, c)
		g.prereleases = g.prereleases || c.to.pre != ""
	}
	return g, nil
}

func parseComparison(text string) (comparison, error) {
	m := wholeText.FindStringSubmatch(text)
	if m == nil {
		return comparison{}, fmt.Errorf("improper comparison %q", text)
	}
	c := comparison{operator: m[1]}
	major, minor, patch := m[2], strings.TrimPrefix(m[3], "."), strings.TrimPrefix(m[4], ".")
	switch {
	case openPart(major):
		c.open = true
		major, minor, patch = "0", "0", "0"
	case openPart(minor):
		c.open, c.minorOpen = true, true
		minor, patch = "0", "0"
	case openPart(patch):
		c.open, c.patchOpen = true, true
		patch = "0"
	}
	v, err := semver.NewVersion(major + "." + minor + "." + patch + m[5])
	if err != nil {
		return comparison{}, fmt.Errorf("improper comparison %q", text)
	}
	c.to = version{v.Major(), v.Minor(), v.Patch(), v.Prerelease()}
	return c, nil
}

func openPart(s string) bool { return s == "" || s == "x" || s == "X" || s == "*" }

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

func (c *comparison) different(v version) bool {
	switch {
	case !c.open:
		return v.compare(c.to) != 0
	case c.to.major != v.major:
		return true
	case c.to.minor != v.minor && !c.minorOpen:
		return true
	case c.minorOpen:
		return false
	case c.to.patch != v.patch && !c.patchOpen:
		return true
	case c.patchOpen:
		return (v.pre != "" || c.to.pre != "") && comparePrerelease(v.pre, c.to.pre) != 0
	default:
		return v.compare(c.to) != 0
	}
}

// greater means above everything that an open operand stands for: >11 starts at 12.
func (c *comparison) greater(v version) bool {
	switch {
	case !c.open:
		return v.compare(c.to) > 0
	case v.major != c.to.major:
		return v.major > c.to.major
	case c.minorOpen:
		return false
	case c.patchOpen:
		return v.minor > c.to.minor
	default:
		return v.compare(c.to) > 0
	}
}

// atMost includes everything that an open operand stands for: <=11 ends before 12.
func (c *comparison) atMost(v version) bool {
	if !c.open {
		return v.compare(c.to) <= 0
	}
	return v.major <= c.to.major && (v.major != c.to.major || v.minor <= c.to.minor || c.minorOpen)
}

// tilde admits the same minor version, or the same major one when the minor is open; ~0.0.0 and ~* admit everything.
func (c *comparison) tilde(v version) bool {
	if v.compare(c.to) < 0 {
		return false
	}
	if c.to.major == 0 && c.to.minor == 0 && c.to.patch == 0 && !c.minorOpen && !c.patchOpen {
		return true
	}
	return v.major == c.to.major && (v.minor == c.to.minor || c.minorOpen)
}

// caret admits what leaves the first part that is not zero as it is.
func (c *comparison) caret(v version) bool {
	switch {
	case v.compare(c.to) < 0:
		return false
	case c.to.major > 0 || c.minorOpen:
		return v.major == c.to.major
	case v.major > 0:
		return false
	case c.to.minor > 0 || c.patchOpen:
		return v.minor == c.to.minor
	case v.minor > 0:
		return false
	default:
		return c.to.patch == v.patch
	}
}
