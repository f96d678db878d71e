// Package policy chooses which version a value follows, and says why. It is pure: what is listed, what the file holds
// and the day come in; a decision with its reason comes out. It asks nobody, reads no clock and writes no log.
package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy is what a manifest asks for beyond its version filter. The zero value is the default.
type Policy struct {
	// Channel admits only prereleases of this label followed by numbers: infitx.4 or infitx4 for infitx. Within it the
	// numbers are the order: rc9 is lower than rc10.
	Channel string
	// Exclude are versions that never compete.
	Exclude   []Exclusion
	Downgrade Downgrade
	// Rebuilds says whether a version that differs in its build metadata alone is taken.
	Rebuilds Rebuilds
	// Hold keeps a version; nil holds nothing.
	Hold *Hold
	// Digest says what happens to a pinned value when its tag gets another digest.
	Digest DigestRule
	// Withdrawn says what happens to a value whose version is not there any more, when an event told of it.
	Withdrawn WithdrawnRule
	// Age is how long a version must have been known before it is taken; 0 takes it at once.
	Age time.Duration
	// Platforms are what an image must be built for, Gates the programs of the configuration that must let a version pass.
	Platforms, Gates []string
	// Loose also takes tags without three numeric parts as versions.
	Loose bool
}

// AtLeast is the policy with all that a floor demands as well: the larger age, its platforms and its gates.
func (p Policy) AtLeast(floor Policy) Policy {
	p.Age = max(p.Age, floor.Age)
	p.Platforms, p.Gates = union(floor.Platforms, p.Platforms), union(floor.Gates, p.Gates)
	return p
}

// union is what is in one list, followed by what only the other has.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, one := range b {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// Downgrade says what happens when only lower versions are left while the current one still satisfies the filter.
type Downgrade string

// The two ways; the empty text is Keep as well.
const (
	Keep   Downgrade = "hold"
	Follow Downgrade = "follow"
)

// DigestRule says what happens to a value that is pinned to a digest when the registry gives its version another one.
type DigestRule string

// The two ways; the empty text is KeepDigest as well.
const (
	KeepDigest   DigestRule = "hold"
	FollowDigest DigestRule = "follow"
)

// WithdrawnRule says what happens to a value whose version its publisher deleted.
type WithdrawnRule string

// The two ways; the empty text is KeepWithdrawn as well. ReplaceWithdrawn goes where a quarantine would.
const (
	KeepWithdrawn    WithdrawnRule = "hold"
	ReplaceWithdrawn WithdrawnRule = "replace"
)

// Rebuilds says what happens when a version is there again with higher build metadata: 1.30.4+k3s2 after 1.30.4+k3s1.
type Rebuilds string

// The two ways; the empty text is KeepRebuilds as well.
const (
	KeepRebuilds   Rebuilds = "hold"
	FollowRebuilds Rebuilds = "follow"
)

// Hold keeps a version for a while.
type Hold struct {
	// Version is what to keep, the value in the file when empty.
	Version string
	// Reason is for people.
	Reason string
	// Until is the last day (UTC); the zero time has no end.
	Until time.Time
}

// active reports whether the hold still holds at the time.
func (h Hold) active(now time.Time) bool {
	return h.Until.IsZero() || now.UTC().Before(h.Until.AddDate(0, 0, 1))
}

func (h Hold) why() string {
	text := ""
	if h.Reason != "" {
		text = ": " + h.Reason
	}
	if !h.Until.IsZero() {
		text += " (until " + h.Until.Format(time.DateOnly) + ")"
	}
	return text
}

// Exclusion is a version or a range that never competes.
type Exclusion struct {
	text    string
	exact   bool
	version version
	span    span
}

// ParseExclusion reads a version (1.2.3) or a semver range.
func ParseExclusion(text string) (Exclusion, error) {
	if v, ok := parseStrict(text); ok {
		return Exclusion{text: text, exact: true, version: v}, nil
	}
	s, err := parseSpan(text)
	if err != nil {
		return Exclusion{}, badRange(fmt.Sprintf("exclude: %q is no version and no range", text), text, err)
	}
	return Exclusion{text: text, span: s}, nil
}

func (e Exclusion) covers(tag string, v version, isVersion bool) bool {
	switch {
	case tag == e.text:
		return true
	case !isVersion:
		return false
	case e.exact:
		return v.compare(e.version) == 0
	default:
		return e.span.admits(v)
	}
}

// inChannel reports whether a prerelease is the label followed by numbers: rc.4 and rc4 for rc.
func inChannel(pre, label string) bool {
	rest, ok := strings.CutPrefix(pre, label)
	return ok && counted(rest)
}

// maxAge bounds an age.
const maxAge = 366 * 24 * time.Hour

// ParseAge reads a time such as 90m, 12h, 3d or 2w, of at most a year.
func ParseAge(text string) (time.Duration, error) {
	var age time.Duration
	number := strings.TrimRight(text, "mhdw")
	n, err := strconv.Atoi(number)
	switch unit := text[len(number):]; {
	case err != nil || n < 0 || n > 1_000_000:
		return 0, fmt.Errorf("want a number and m, h, d or w, have %q", text)
	case unit == "m":
		age = time.Duration(n) * time.Minute
	case unit == "h":
		age = time.Duration(n) * time.Hour
	case unit == "d":
		age = time.Duration(n) * 24 * time.Hour
	case unit == "w":
		age = time.Duration(n) * 7 * 24 * time.Hour
	case text == "0":
	default:
		return 0, fmt.Errorf("want a number and m, h, d or w, have %q", text)
	}
	if age > maxAge {
		return 0, fmt.Errorf("%s is longer than a year", text)
	}
	return age, nil
}
