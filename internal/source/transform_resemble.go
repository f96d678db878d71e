package source

import (
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// resemble returns what a text may have been before the transformer, if somebody else wrote it in about its manner.
func (o Op) resemble(text string) []string {
	switch o.kind {
	case addPrefix:
		return []string{withoutPrefix(text, o.text)}
	case addSuffix:
		return []string{withoutSuffix(text, o.text)}
	case trimPrefix, trimSuffix:
		return append(o.undo(text), text)
	case semverInc:
		return o.decrement(text)
	default:
		return []string{text}
	}
}

// highest stands for the highest number that people write in a version.
const highest = 999_999

// decrement returns the lowest and the highest of the versions that the increments turn into the text.
func (o Op) decrement(text string) []string {
	v, err := semver.StrictNewVersion(text)
	if err != nil {
		return []string{text}
	}
	before := []*semver.Version{v}
	for i := len(o.steps) - 1; i >= 0; i-- {
		var all []*semver.Version
		for _, v := range before {
			all = append(all, previous(v, o.steps[i])...)
		}
		before = all[:min(len(all), maxUndone)]
	}
	var texts []string
	for _, v := range before {
		if got, err := increment(v.String(), o.steps); err == nil && got == text && !slices.Contains(texts, v.String()) {
			texts = append(texts, v.String())
		}
	}
	return append(texts, text)
}

// previous returns the ends of the versions whose next one by a step is the version, none when there is none.
func previous(v *semver.Version, step string) []*semver.Version {
	major, minor, patch := v.Major(), v.Minor(), v.Patch()
	switch {
	case step == "major" && major > 0:
		return []*semver.Version{semver.New(major-1, 0, 0, "", ""), semver.New(major-1, highest, highest, "", "")}
	case step == "minor" && minor > 0:
		return []*semver.Version{semver.New(major, minor-1, 0, "", ""), semver.New(major, minor-1, highest, "", "")}
	case step == "patch" && patch > 0:
		return []*semver.Version{semver.New(major, minor, patch-1, "", ""), semver.New(major, minor, patch, "0", "")}
	}
	return nil
}

// withoutPrefix cuts off the longest start of a text that is the prefix, an end of it (v of release-v), a start of it up to
// a sign (release- of release-v), or the prefix with other numbers. A part never ends within a number.
func withoutPrefix(text, prefix string) string {
	for i := min(len(text)-1, looked(prefix)); i > 0; i-- {
		start := text[:i]
		last := start[i-1]
		part := strings.HasPrefix(prefix, start) && !isWord(last) || strings.HasSuffix(prefix, start) && !isDigit(last)
		if alike(start, prefix) || part {
			return text[i:]
		}
	}
	return text
}

// withoutSuffix cuts off the longest end of a text that is the suffix, a start of it, an end of it from a sign on, or the
// suffix with other numbers.
func withoutSuffix(text, suffix string) string {
	for i := max(1, len(text)-looked(suffix)); i < len(text); i++ {
		end := text[i:]
		part := strings.HasPrefix(suffix, end) && !isDigit(end[0]) || strings.HasSuffix(suffix, end) && !isWord(end[0])
		if alike(end, suffix) || part {
			return text[:i]
		}
	}
	return text
}

// looked is how much of a text may be a prefix or suffix with other numbers, which may be longer.
func looked(affix string) int { return 2*len(affix) + 16 }

// alike reports whether two texts are the same but for their numbers; numbers alone are not.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	words := false
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			a, b = strings.TrimLeft(a, digits), strings.TrimLeft(b, digits)
			continue
		}
		if a[0] != b[0] {
			return false
		}
		words = words || a[0] != '.'
		a, b = a[1:], b[1:]
	}
	return words && a == b
}

const digits = "0123456789"

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
