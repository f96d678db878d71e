package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// The kinds of filter, Updatecli's words.
const (
	kindSemVer      = "semver"
	kindRegex       = "regex"
	kindRegexSemVer = "regex/semver"
	kindLatest      = "latest"
	kindLike        = "like"
	// Flux's policies "numerical" and "alphabetical".
	kindRegexNumeric      = "regex/numeric"
	kindRegexAlphabetical = "regex/alphabetical"
)

const rangeHint = "write a semver range, e.g. ^1.2.0, ~1.2 or >=1.2.0-rc.0 <2.0.0"

// Error is a filter or exclusion that cannot be read, and what to write instead.
type Error struct {
	Message, Hint string
	// Err is the parser's own error, nil when there is none.
	Err error
}

// Error returns the message with the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Advice returns the hint.
func (e *Error) Advice() string { return e.Hint }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Filter says which of the listed tags compete, and whether they have an order. It is compiled once and never changes.
type Filter struct {
	kind, pattern string
	span          span
	// regex selects tags; for the kinds regex/... its first group is what is compared.
	regex *regexp.Regexp
	// lead limits kind like; shape is what its tags have in common, once it is known which they are like.
	lead  lead
	shape *shape
	// tags must match before anything else, nil for all.
	tags *regexp.Regexp
}

// ParseFilter compiles a version filter of the kinds semver (also when kind is empty), like, regex, regex/semver,
// regex/numeric, regex/alphabetical and latest. The pattern is the range, the leading numbers of kind like, the
// expression of kind regex, or the exact tag of kind latest; regex is the expression of the kinds regex/..., whose first
// group, or the whole match when it has none, is compared. The pattern "latest" of kind latest is the last listed tag,
// as without a pattern. The zero Filter matches nothing.
func ParseFilter(kind, pattern, regex string) (Filter, error) {
	if kind == "" {
		kind = kindSemVer
	}
	if regex != "" && !strings.HasPrefix(kind, "regex/") {
		return Filter{}, &Error{Message: fmt.Sprintf("kind %s reads no regex", kind), Hint: "write kind: regex/semver, or the expression as pattern of kind: regex"}
	}
	f := Filter{kind: kind, pattern: pattern}
	var err error
	switch kind {
	case kindLatest:
		return f, nil
	case kindRegex:
		f.regex, err = compile("pattern", pattern)
		return f, err
	case kindLike:
		f.lead, err = parseLead(pattern)
		return f, err
	case kindRegexNumeric, kindRegexAlphabetical:
		if pattern != "" {
			return Filter{}, &Error{Message: "kind " + kind + " reads no pattern", Hint: "write the expression as regex; its first group is compared"}
		}
		f.regex, err = compile("regex", regex)
		return f, err
	case kindRegexSemVer:
		if f.regex, err = compile("regex", regex); err != nil {
			return Filter{}, err
		}
	case kindSemVer:
	default:
		return Filter{}, &Error{Message: fmt.Sprintf("unknown kind of version filter %q", kind),
			Hint: "write semver, like, regex, regex/semver, regex/numeric, regex/alphabetical or latest"}
	}
	if pattern == "" {
		f.pattern = "*"
	}
	f.span, err = parseSpan(f.pattern)
	if err != nil {
		return Filter{}, badRange(fmt.Sprintf("%q is no semver range", pattern), pattern, err)
	}
	return f, nil
}

// badRange is a text that is no range; the cause is left out when it only repeats the text.
func badRange(message, text string, err error) error {
	if strings.Contains(err.Error(), text) {
		err = nil
	}
	return &Error{Message: message, Hint: rangeHint, Err: err}
}

func compile(key, expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, &Error{Message: key + " is empty", Hint: "write a regular expression"}
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, &Error{Message: key + " is no regular expression", Hint: "see https://pkg.go.dev/regexp/syntax", Err: err}
	}
	return re, nil
}

// WithTags returns a filter that considers only tags matching the expression.
func (f Filter) WithTags(re *regexp.Regexp) Filter {
	f.tags = re
	return f
}

// String describes the filter as people write it.
func (f Filter) String() string {
	text := strings.TrimSuffix(f.kind+" "+f.pattern, " ")
	switch f.kind {
	case kindRegexSemVer:
		text = fmt.Sprintf("%s %s of %s", f.kind, f.pattern, f.regex)
	case kindRegexNumeric, kindRegexAlphabetical:
		text = fmt.Sprintf("%s %s", f.kind, f.regex)
	}
	if f.tags != nil {
		text += fmt.Sprintf(" among tags like %s", f.tags)
	}
	return text
}

// Ordered reports whether the filter compares what it takes; the others take what is listed last.
func (f Filter) Ordered() bool { return f.ordered() }

// ordered reports whether the versions that compete have an order; if not, the last one listed wins.
func (f *Filter) ordered() bool { return f.kind != kindRegex && f.kind != kindLatest && f.kind != "" }

// versions reports whether what is compared are semantic versions.
func (f *Filter) versions() bool { return f.kind == kindSemVer || f.kind == kindRegexSemVer }

// compared is the part of a tag that is read as a version, and whether the filter looks at the tag at all.
func (f *Filter) compared(tag string) (string, bool) {
	switch f.kind {
	case kindSemVer:
		return tag, true
	case kindRegex:
		return tag, f.regex.MatchString(tag)
	case kindLatest:
		return tag, f.pattern == "" || f.pattern == kindLatest || f.pattern == tag
	case kindLike:
		return tag, true
	case kindRegexSemVer, kindRegexNumeric, kindRegexAlphabetical:
		m := f.regex.FindStringSubmatch(tag)
		if m == nil {
			return "", false
		}
		return m[min(1, len(m)-1)], true
	}
	return tag, false
}
