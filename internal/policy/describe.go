package policy

import (
	"fmt"
	"strings"
)

// describe says in words what the rule means for this candidate.
func (r *Request) describe(c candidate, rule rule) string {
	switch rule {
	case otherTag:
		return fmt.Sprintf("does not match tagfilter %s", r.Filter.tags)
	case otherText:
		return fmt.Sprintf("does not match %s", r.Filter)
	case noVersion:
		switch r.Filter.kind {
		case kindLike:
			return "not " + r.rule() + ": other text, or another count of numbers"
		case kindRegexNumeric, kindRegexAlphabetical:
			return fmt.Sprintf("%q is nothing to compare by %s", c.text, r.Filter.kind)
		}
		return "not a version" + r.whyNoVersion(c.tag)
	case otherChannel:
		return fmt.Sprintf("not in the channel %s", r.Policy.Channel)
	case prereleaseOnly:
		return fmt.Sprintf("a prerelease; %s admits releases only", r.Filter.pattern)
	case outsideRange:
		return fmt.Sprintf("outside %s", r.Filter.pattern)
	case excluded:
		return fmt.Sprintf("excluded by policy.exclude %s", r.exclusion(c).text)
	case barred:
		return r.barred(c.tag)
	case missing:
		return "listed, but the registry answers 404 for it"
	default:
		return "matches"
	}
}

// whyNoVersion says what keeps a tag from being a version.
func (r *Request) whyNoVersion(tag string) string {
	text := r.comparedText(tag)
	v, ok := readValue(text)
	switch {
	case ok && !v.short && paddedIdentifier(v.pre) != "":
		return fmt.Sprintf(": %s has a leading zero, which a number in a prerelease must not have", paddedIdentifier(v.pre))
	case ok && !v.short && strings.HasPrefix(metadata(text), "_"):
		return ": _ stands for + only where the value in the file has it too"
	case r.Policy.Loose:
		return ""
	}
	return ": three numeric parts are required"
}

// paddedIdentifier is the first numeric identifier of a prerelease with a leading zero.
func paddedIdentifier(pre string) string {
	for id := range strings.SplitSeq(pre, ".") {
		if run, rest := leadingDigits(id); rest == "" && len(run) > 1 && run[0] == '0' {
			return id
		}
	}
	return ""
}
