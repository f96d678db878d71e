package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// filter says which versions count, as far as the version in the file or another tool's policy shows.
type filter struct {
	// kind is that of the manifest, empty for semver.
	kind, pattern, channel, regex string
	// digest means that the digest of the same tag is followed.
	digest bool
	// tags is an expression that tags must match first.
	tags string
	// label is that of the prereleases that the pattern admits.
	label string
}

// version is a tag with three numeric parts, of charts also with build metadata; the rest is a prerelease or the variant
// of an image.
var version = mustPattern(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$`)

// counted is a prerelease channel, a label and a number: infitx.4, rc.1.
var counted = mustPattern(`^([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z][A-Za-z0-9-]*)*)(?:\.(?:0|[1-9]\d*))+$`)

// leading are the labels of prereleases that a release without a label follows; any other is the channel of a fork.
var leading = []string{"rc", "cr", "alpha", "beta", "pre", "preview", "dev", "snapshot", "m", "milestone"}

// hasFilter is the reason of what is not left out.
const hasFilter reason = -1

// filterOf derives the filter from the version in the file.
func filterOf(u use) (f filter, why reason) {
	held := u.pinned || u.digestKey != ""
	if held && moving.MatchString(u.tag) {
		return sameTag(u.tag), hasFilter
	}
	if f, why = derive(u.tag, u.origin.kind == source.Image); why == hasFilter && !f.admits(u.tag) {
		return filter{}, hasNoVersion
	}
	if why == hasNoVersion && held && u.tag != "" && !isHashTag(u.tag) {
		return sameTag(u.tag), hasFilter
	}
	return f, why
}

// sameTag keeps a tag that its publisher moves: its digest follows.
func sameTag(tag string) filter {
	return filter{kind: "regex", pattern: "^" + regexp.QuoteMeta(tag) + "$", digest: true}
}

// derive follows the same major version, of 0 the same minor one, of a year any later one; for a counted prerelease of a
// fork its channel alone, for one that leads to a release the prereleases and the release. What is no semantic version
// is followed by its shape. Its end is open downwards, so that a person can go back.
func derive(tag string, image bool) (filter, reason) {
	m := version.FindStringSubmatch(tag)
	if m == nil || isDate(m[1]) {
		return deriveLike(tag)
	}
	label := counted.FindStringSubmatch(m[4])
	if label != nil && strings.ContainsAny(label[1], "0123456789") {
		label = nil // alpine3.18 is what an image is built on
	}
	switch {
	case m[4] == "" && isYear(m[1]):
		return filter{pattern: ">=2000.0.0 <2100.0.0"}, hasFilter
	case m[4] == "":
		return filter{pattern: span(m[1], m[2], "")}, hasFilter
	case label != nil && isYear(m[1]):
		return deriveLike(tag)
	case label != nil && slices.Contains(leading, strings.ToLower(label[1])):
		return filter{pattern: span(m[1], m[2], label[1]), label: label[1]}, hasFilter
	case label != nil:
		return filter{pattern: span(m[1], m[2], label[1]), channel: label[1], label: label[1]}, hasFilter
	case image || len(m[4]) > 0:
		return deriveLike(tag)
	}
	return filter{}, hasNoVersion
}

var (
	// shaped is a tag that begins with numbers, perhaps after a word: 16.4, v8, 7.2-alpine, jdk-17.1.
	shaped = mustPattern(`^(?:[A-Za-z]+[-_.]?)?(\d+)(?:\.(\d+))?`)
	// moving is a tag of one short number, which its publisher moves to whatever is newest below it.
	moving = mustPattern(`^v?\d{1,2}(?:-[A-Za-z][A-Za-z-]*)?$`)
	// hashTag is a tag that ends in a hash and holds no number besides.
	hashTag = mustPattern(`^(?:[A-Za-z_-]*[-_.])?(?:g|git|sha)?-?[0-9a-f]{6,64}$`)
)

// isHashTag reports whether a tag is a hash, perhaps after a word: sha-0a1b2c3, develop-ccf1ce5.
func isHashTag(tag string) bool {
	if !hashTag.MatchString(tag) {
		return false
	}
	last := tag[strings.LastIndexAny(tag, "-_.")+1:]
	return strings.ContainsAny(last, "abcdef") || len(last) >= 7 && !isDate(last) && !moment.MatchString(last)
}

// deriveLike follows tags of the same shape, as long as their leading number stays.
func deriveLike(tag string) (filter, reason) {
	m := shaped.FindStringSubmatch(tag)
	f := filter{kind: "like"}
	if isHashTag(tag) || !f.admits(tag) {
		return filter{}, hasNoVersion
	}
	switch {
	case moving.MatchString(tag):
		f.pattern = m[1] + ".x"
	case m == nil || isYear(m[1]) || isDate(m[1]) || counter.MatchString(tag) || shortYear.MatchString(tag):
	case m[1] == "0" && m[2] != "":
		f.pattern = "0." + m[2] + ".x"
	default:
		f.pattern = m[1] + ".x"
	}
	if !f.admits(tag) {
		f.pattern = "" // what looked like its first number is part of a hash
	}
	return f, hasFilter
}

var (
	year   = mustPattern(`^20\d\d$`)
	date   = mustPattern(`^20\d{6}(?:\d{2,6})?$`)
	moment = mustPattern(`^1\d{9}(?:\d{3})?$`)
	// shortYear is a year of two digits and a month with its zero: 25.04.
	shortYear = mustPattern(`^v?(?:1[5-9]|[23]\d)\.0[1-9](?:\D|$)`)
	// counter is a word and one number that counts builds, alone or before a hash: main-1234, build-12.
	counter = mustPattern(`^(?:[A-Za-z]{2,}[-_.])*\d{3,}(?:[-_.][0-9a-f]{7,40})?$|^(?:[A-Za-z]{2,}[-_.])+\d+(?:[-_.][0-9a-f]{7,40})?$`)
)

func isYear(number string) bool { return year.MatchString(number) }
func isDate(number string) bool { return date.MatchString(number) || moment.MatchString(number) }

// span is the range of one major version, or of one minor version of 0, with the prereleases of the label if there is
// one. A tilde is not written before 0.0.0, where it means any version.
func span(major, minor, label string) string {
	switch {
	case major != "0" && label == "":
		return "^" + major + ".0.0"
	case major != "0":
		return "^" + major + ".0.0-" + label + ".0"
	case label == "":
		return "~0." + minor
	}
	next, _ := strconv.ParseUint(minor, 10, 63) // digits; what is too long admits nothing
	return fmt.Sprintf(">=0.%s.0-%s.0 <0.%d.0-0", minor, label, next+1)
}

// parse compiles the filter as pawl does.
func (f filter) parse() (policy.Filter, error) {
	parsed, err := policy.ParseFilter(f.kind, f.pattern, f.regex)
	if err == nil && f.tags != "" {
		re, bad := regexp.Compile(f.tags)
		if bad != nil {
			return parsed, fmt.Errorf("reading the expression of the tags: %w", bad)
		}
		parsed = parsed.WithTags(re)
	}
	return parsed, err
}

// admits reports whether a tag passes the filter as pawl reads it.
func (f filter) admits(tag string) bool {
	parsed, err := f.parse()
	return err == nil && parsed.Admits(tag, policy.Policy{Channel: f.channel})
}

// short tells filters of one image apart.
func (f filter) short() string {
	digits, _, _ := strings.Cut(strings.TrimLeft(f.pattern, "^~>= "), ".0")
	text := "v" + strings.TrimSuffix(digits, ".x")
	switch {
	case f.digest:
		text = strings.Trim(f.pattern, "^$")
	case f.pattern == "":
		text = strings.ReplaceAll(f.kind, "/", "-")
	}
	if f.label != "" {
		text += "-" + f.label
	}
	if f.kind == "like" && f.pattern != "" {
		text += "-like"
	}
	return text
}

// String says in one line what the filter admits.
func (f filter) String() string {
	text := f.pattern
	switch {
	case f.kind != "" && f.regex != "":
		text = strings.TrimSpace(f.kind + " " + f.pattern + " of " + f.regex)
		text = strings.Replace(text, "  of", " of", 1)
	case f.digest:
		text = "the digest of " + strings.ReplaceAll(strings.Trim(f.pattern, "^$"), `\`, "")
	case f.kind != "":
		text = strings.TrimSpace(f.kind + " " + f.pattern)
	}
	if f.channel != "" {
		text += " in channel " + f.channel
	}
	if f.tags != "" {
		text += " among tags like " + f.tags
	}
	return text
}

// lines are the filter in the words of a manifest.
func (f filter) lines() []string {
	kind := f.kind
	if kind == "" {
		kind = "semver"
	}
	all := []string{"kind: " + quote(kind)}
	if f.regex != "" {
		all = append(all, "regex: "+quote(f.regex))
	}
	if f.pattern != "" {
		all = append(all, "pattern: "+quote(f.pattern))
	}
	return all
}
