package policy

import "fmt"

// rule is what accepts or rejects one tag.
type rule int

const (
	accepted rule = iota
	otherTag
	otherText
	noVersion
	otherChannel
	prereleaseOnly
	outsideRange
	excluded
	missing
)

// judge holds one tag against the filter and the policy. The version is valid for rules after noVersion when the filter
// has an order.
func (r *Request) judge(tag string) (version, rule) {
	f := &r.Filter
	if f.tags != nil && !f.tags.MatchString(tag) {
		return version{}, otherTag
	}
	if !f.ordered() {
		return version{}, r.judgeText(tag)
	}
	text, ok := f.compared(tag)
	if !ok {
		return version{}, otherText
	}
	v, ok := parse(text, r.Policy.Loose)
	switch {
	case !ok:
		return v, noVersion
	case r.Policy.Channel != "" && !inChannel(v.pre, r.Policy.Channel):
		return v, otherChannel
	case !f.span.admits(v):
		if v.pre != "" && f.span.admits(version{v.major, v.minor, v.patch, ""}) {
			return v, prereleaseOnly
		}
		return v, outsideRange
	case r.excludes(tag, v, true):
		return v, excluded
	case r.Missing[tag]:
		return v, missing
	}
	return v, accepted
}

// judgeText judges for filters that know no versions.
func (r *Request) judgeText(tag string) rule {
	f := &r.Filter
	switch {
	case f.kind == kindRegex && !f.regex.MatchString(tag):
		return otherText
	case f.kind == kindLatest && f.pattern != "" && f.pattern != kindLatest && f.pattern != tag:
		return otherText
	}
	v, isVersion := parse(tag, r.Policy.Loose)
	switch {
	case r.excludes(tag, v, isVersion):
		return excluded
	case r.Missing[tag]:
		return missing
	}
	return accepted
}

func (r *Request) excludes(tag string, v version, isVersion bool) bool {
	for i := range r.Policy.Exclude {
		if r.Policy.Exclude[i].covers(tag, v, isVersion) {
			return true
		}
	}
	return false
}

// describe says in words what the rule means for this request.
func (r *Request) describe(rule rule) string {
	switch rule {
	case otherTag:
		return fmt.Sprintf("does not match tagfilter %s", r.Filter.tags)
	case otherText:
		return fmt.Sprintf("does not match %s", r.Filter)
	case noVersion:
		if r.Policy.Loose {
			return "not a version"
		}
		return "not a version: three numeric parts are required"
	case otherChannel:
		return fmt.Sprintf("not in the channel %s", r.Policy.Channel)
	case prereleaseOnly:
		return fmt.Sprintf("a prerelease; %s admits releases only", r.Filter.pattern)
	case outsideRange:
		return fmt.Sprintf("outside %s", r.Filter.pattern)
	case excluded:
		return "excluded by policy.exclude"
	case missing:
		return "listed, but the registry answers 404 for it"
	default:
		return "matches"
	}
}
