package policy

import (
	"cmp"
	"strings"
)

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
	barred
)

// candidate is one tag with its place in the listing; without a tag it is none.
type candidate struct {
	tag string
	// text is the part of the tag that is compared, version what it is as a semantic one. isVersion means that the
	// filter's order can place it.
	text      string
	version   version
	isVersion bool
	index     int
}

// read finds out what a tag is compared by, and whether the filter looks at it at all.
func (r *Request) read(tag string, index int) (candidate, bool) {
	f := &r.Filter
	text, ok := f.compared(tag)
	c := candidate{tag: tag, text: text, index: index}
	switch f.kind {
	case kindLike:
		c.isVersion = f.shape.fits(tag)
	case kindRegexNumeric:
		c.isVersion = ok && isNumber(text)
	case kindRegexAlphabetical:
		c.isVersion = ok && text != ""
	default:
		c.version, c.isVersion = r.parse(text)
	}
	return c, ok
}

// semantic reads a candidate as a version also where the filter compares something else.
func (r *Request) semantic(c candidate) (version, bool) {
	if f := &r.Filter; f.ordered() && !f.versions() {
		return parse(c.text, true)
	}
	return c.version, c.isVersion
}

// satisfied reports whether the rule lets a version be the current one: all is right but that it cannot be written now.
func (r rule) satisfied() bool { return r == accepted || r == missing || r == barred }

// judge holds one tag against the filter and the policy.
func (r *Request) judge(tag string, index int) (candidate, rule) {
	c, ok := r.read(tag, index)
	return c, r.admit(c, ok)
}

// parse reads a tag as the policy wants versions read. Where the value itself has _ before its build metadata, as it must
// in a registry, so may tags.
func (r *Request) parse(text string) (version, bool) {
	v, ok := parse(text, r.Policy.Loose)
	if !ok && r.underscore && strings.Contains(text, "_") {
		v, ok = parseStrict(strings.Replace(text, "_", "+", 1))
	}
	if r.Policy.Channel == "" {
		return v, ok
	}
	return r.labelled(v), ok
}

// labelled marks a version of the channel.
func (r *Request) labelled(v version) version {
	if v.pre != "" && r.Policy.Channel != "" && inChannel(v.pre, r.Policy.Channel) {
		v.label = len(r.Policy.Channel)
	}
	return v
}

// admit holds a candidate against the rules in their order; ok says that the filter looks at such tags at all.
func (r *Request) admit(c candidate, ok bool) rule {
	f := &r.Filter
	switch {
	case f.tags != nil && !f.tags.MatchString(c.tag):
		return otherTag
	case !ok:
		return otherText
	case f.ordered() && !c.isVersion:
		return noVersion
	case r.Policy.Channel != "" && !r.inChannel(c):
		return otherChannel
	case f.kind == kindLike && !f.lead.admits(f.shape, c.tag):
		return outsideRange
	case f.versions() && !f.span.admits(c.version):
		if c.version.pre != "" && f.span.releasesOnly() {
			return prereleaseOnly
		}
		return outsideRange
	case r.barred(c.tag) != "":
		return barred
	case r.exclusion(c) != nil:
		return excluded
	case r.Missing[c.tag]:
		return missing
	}
	return accepted
}

func (r *Request) inChannel(c candidate) bool {
	v, ok := r.semantic(c)
	return ok && inChannel(v.pre, r.Policy.Channel)
}

// barred says why a tag must not be written, empty for one that may.
func (r *Request) barred(tag string) string {
	_, why := r.bar(tag)
	return why
}

func (r *Request) bar(tag string) (Reason, string) {
	if r.Barred == nil {
		return "", ""
	}
	return r.Barred(tag)
}

// heldByBar is the answer for a value that stays because of what a tag is; rest goes on.
func (r *Request) heldByBar(tag, rest string) Decision {
	reason, why := r.bar(tag)
	return held(reason, tag+" is "+why+rest, "")
}

// exclusion returns what excludes the candidate, or nil.
func (r *Request) exclusion(c candidate) *Exclusion {
	if len(r.Policy.Exclude) == 0 {
		return nil
	}
	v, ok := r.semantic(c)
	for i := range r.Policy.Exclude {
		if r.Policy.Exclude[i].covers(c.tag, v, ok) {
			return &r.Policy.Exclude[i]
		}
	}
	return nil
}

// compare orders two candidates that satisfy the filter: by the filter's order, else by their place in the listing.
func (r *Request) compare(a, b candidate) int {
	if r.Filter.ordered() {
		return r.Filter.compare(a, b)
	}
	return cmp.Compare(a.index, b.index)
}

// above reports whether a exists and is higher than b.
func (r *Request) above(a, b candidate) bool { return a.tag != "" && r.compare(a, b) > 0 }
