package policy

import (
	"fmt"
	"strings"
)

// Warning is something about a filter that is probably not what was meant.
type Warning struct{ Message, Hint string }

// shortCounter is the highest end of a window that is warned about: builds reach three digits within a year.
const shortCounter = 999

// Lint looks at windows on one prerelease channel, ranges like ">=1.2.0-rc.0 <=1.9.0-rc.99": such a range admits every
// other channel and release between its ends too, unless both ends are prereleases of one version or the policy names
// the channel; and it goes quiet when the counter passes its end. A lower bound alone is no window: going up from a
// prerelease to its release is what such ranges are for. A channel in a range without prereleases can never match.
func (f Filter) Lint(p Policy) []Warning {
	var all []Warning
	if p.Channel != "" && f.versions() && f.span.releasesOnly() {
		all = append(all, Warning{
			Message: fmt.Sprintf("%s admits no prerelease, so nothing of the channel %s can match", f.pattern, p.Channel),
			Hint:    "name one of its prereleases in the range" + example(f.span.naming(p.Channel+".0")),
		})
	}
	for _, g := range f.span.groups {
		low, high, ok := g.window()
		if !ok {
			continue
		}
		label, last, _ := channel(high.pre)
		if p.Channel == "" {
			if leak := g.leak(low, label); leak != "" {
				all = append(all, Warning{
					Message: fmt.Sprintf("%s also admits other versions than %s.N, e.g. %s", f.pattern, label, leak),
					Hint:    fmt.Sprintf("if only %s.N is meant, add policy: {channel: %s}", label, label),
				})
			}
		}
		if last <= shortCounter {
			all = append(all, Warning{
				Message: fmt.Sprintf("%s ends at %s.%d; later builds will not be seen", f.pattern, label, last),
				Hint:    fmt.Sprintf("raise the end to %s.999999", label),
			})
		}
	}
	return all
}

// example shows a range, when there is one.
func example(pattern string) string {
	if pattern == "" {
		return ""
	}
	return ", e.g. " + pattern
}

// window returns the ends of a group that is a lower and an upper bound on one channel.
func (g group) window() (low, high version, ok bool) {
	for _, c := range g.comparisons {
		switch c.operator {
		case ">=", "=>", ">":
			low = c.to
		case "<=", "=<", "<":
			high = c.to
		default:
			return low, high, false
		}
	}
	from, _, ok1 := channel(low.pre)
	to, _, ok2 := channel(high.pre)
	return low, high, len(g.comparisons) == 2 && ok1 && ok2 && from == to
}

// channel splits infitx.12 into its label and number.
func channel(pre string) (label string, n uint64, ok bool) {
	i := strings.LastIndexByte(pre, '.')
	if i < 1 {
		return "", 0, false
	}
	n, ok = numeric(pre[i+1:])
	return pre[:i], n, ok
}

// leak names versions outside the channel that the group admits all the same.
func (g group) leak(low version, label string) string {
	other := "rc.1"
	if label == "rc" {
		other = "beta.1"
	}
	var found []string
	for _, v := range []version{
		{major: low.major, minor: low.minor, patch: low.patch},
		{major: low.major, minor: low.minor, patch: low.patch + 1, pre: other},
		{major: low.major, minor: low.minor + 1, pre: other},
	} {
		if g.admits(v) {
			found = append(found, v.String())
		}
	}
	return strings.Join(found, ", ")
}

// String returns the version without a v.
func (v version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
	if v.pre != "" {
		text += "-" + v.pre
	}
	return text
}
