package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

// Request is everything that a decision depends on.
type Request struct {
	// Listing is what exists, in the source's order.
	Listing source.Listing
	// Current is the value in the file, and Transform what turns a tag into such a value.
	Current   string
	Transform source.Transform
	Filter    Filter
	Policy    Policy
	// Missing are listed tags that turned out not to exist.
	Missing map[string]bool
	// Now decides whether a hold has ended.
	Now time.Time
}

// Decision is which version a value should have, and why.
type Decision struct {
	Outcome Outcome `json:"outcome"`
	Reason  Reason  `json:"reason"`
	// Tag is the version chosen, in the source's spelling, and Value its text for the file; both are empty when
	// nothing is to be written or confirmed.
	Tag    string `json:"tag,omitempty"`
	Value  string `json:"value,omitempty"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Decide chooses a version for one value.
func Decide(r Request) Decision {
	hold := r.Policy.Hold
	if hold != nil && hold.active(r.Now) {
		return r.held(*hold)
	}
	d := r.choose()
	if hold != nil && (d.Reason == NewestMatch || d.Reason == AlreadyNewest) {
		d.Reason = HoldExpired
		d.Detail += fmt.Sprintf("; the hold ended on %s", hold.Until.Format(time.DateOnly))
		d.Hint = "remove policy.hold from the manifest"
	}
	return d
}

func (r *Request) choose() Decision {
	if len(r.Listing) == 0 {
		return Decision{Outcome: None, Reason: EmptyListing, Detail: "the source lists no version at all",
			Hint: "check the name of the source; a new repository fills with its first release"}
	}
	now := r.current()
	if !r.Filter.ordered() {
		return r.last()
	}
	t := r.survey(now)
	if t.best.tag == "" {
		return r.nothing(t)
	}
	return r.weigh(now, t)
}

// current is the version that the value stands for.
type current struct {
	// tag is the listed tag that gives the value, else the value with its prefixes and suffixes undone.
	tag     string
	listed  bool
	version version
	// known means that version is valid; inside that it satisfies the filter.
	known, inside bool
}

// current finds out what the value in the file stands for.
func (r *Request) current() current {
	c := current{}
	for i := range r.Listing {
		if tag := r.Listing[i].Tag; r.gives(tag) {
			c.tag, c.listed = tag, true
			break
		}
	}
	if !c.listed {
		c.tag = r.original()
	}
	if c.tag == "" {
		return c
	}
	v, rule := r.judge(c.tag)
	c.version, c.known = v, rule > noVersion || rule == accepted
	c.inside = rule == accepted || rule == missing
	return c
}

// gives reports whether a tag's text for the file is the value.
func (r *Request) gives(tag string) bool {
	if r.Transform.Identity() {
		return tag == r.Current
	}
	text, err := r.Transform.Apply(tag)
	return err == nil && text == r.Current
}

// original is the first text that the value may come from and that is a version, else the first of all.
func (r *Request) original() string {
	originals := r.Transform.Undo(r.Current)
	for _, o := range originals {
		if text, ok := r.Filter.compared(o); ok {
			if _, ok := parse(text, r.Policy.Loose); ok {
				return o
			}
		}
	}
	if len(originals) > 0 {
		return originals[0]
	}
	return ""
}

// candidate is one tag and its version; the zero value is none.
type candidate struct {
	tag     string
	version version
}

// tally is what one pass over the listing found.
type tally struct {
	// best is the highest that competes, top the highest version of all.
	best, top candidate
	// excluded and missing are the highest that satisfy the filter and must not be written.
	excluded, missing candidate
	matches           int
	// prereleases counts those that only a range for prereleases would admit.
	prereleases int
}

// survey passes over the listing once and keeps the highest of each sort.
func (r *Request) survey(now current) tally {
	var t tally
	for i := range r.Listing {
		tag := r.Listing[i].Tag
		v, rule := r.judge(tag)
		if rule != accepted && rule <= noVersion {
			continue
		}
		c := candidate{tag, v}
		keepHigher(&t.top, c, now)
		switch rule {
		case accepted:
			t.matches++
			keepHigher(&t.best, c, now)
		case excluded:
			keepHigher(&t.excluded, c, now)
		case missing:
			keepHigher(&t.missing, c, now)
		case prereleaseOnly:
			t.prereleases++
		}
	}
	return t
}

// keepHigher replaces the best so far when the candidate is higher, or equal and spelled better.
func keepHigher(best *candidate, c candidate, now current) {
	if best.tag == "" {
		*best = c
		return
	}
	d := c.version.compare(best.version)
	if d > 0 || d == 0 && spelledBetter(c.tag, best.tag, now.tag) {
		*best = c
	}
}

// spelledBetter orders tags of equal precedence: the current one, then those with the current one's v or lack of it,
// then the higher text.
func spelledBetter(a, b, current string) bool {
	if a == current || b == current {
		return a == current
	}
	if current != "" {
		v := strings.HasPrefix(current, "v")
		if x, y := strings.HasPrefix(a, "v") == v, strings.HasPrefix(b, "v") == v; x != y {
			return x
		}
	}
	return a > b
}

// above reports whether c exists and is higher than o.
func (c candidate) above(o version) bool { return c.tag != "" && c.version.compare(o) > 0 }

// weigh compares the best candidate with the current version.
func (r *Request) weigh(now current, t tally) Decision {
	value, err := r.Transform.Apply(t.best.tag)
	if err != nil || value == "" {
		return emptyValue(t.best.tag, err)
	}
	d := Decision{Tag: t.best.tag, Value: value}
	rises := now.known && t.best.version.compare(now.version) > 0
	falls := now.known && t.best.version.compare(now.version) < 0
	switch {
	case value == r.Current:
		return r.stay(d, t)
	case now.known && t.missing.above(now.version) && !rises:
		return held(NotPublished, fmt.Sprintf("%s is listed but does not exist; %s stays", t.missing.tag, r.Current), publishHint)
	case now.inside && !rises && r.Policy.Downgrade != Follow:
		return r.keep(now, t)
	case falls && !now.inside:
		d.Outcome, d.Reason = Update, PinnedDown
		d.Detail = fmt.Sprintf("%s does not satisfy %s; %s is the newest that does", r.Current, r.rule(), d.Tag)
	default:
		d.Outcome, d.Reason = Update, NewestMatch
		d.Detail = fmt.Sprintf("newest of %d that satisfy %s", t.matches, r.rule())
		if falls {
			d.Detail += fmt.Sprintf("; lower than %s, which is not listed", r.Current)
		}
	}
	d.Detail += r.passedOver(t)
	return d
}

const publishHint = "run again when its push has finished, or exclude it in policy.exclude"

// stay says why the value is right as it is, although something newer may be listed.
func (r *Request) stay(d Decision, t tally) Decision {
	d.Outcome, d.Reason = Current, AlreadyNewest
	d.Detail = fmt.Sprintf("newest of %d that satisfy %s", t.matches, r.rule())
	switch {
	case t.missing.above(t.best.version):
		return held(NotPublished, fmt.Sprintf("%s is listed but does not exist; %s stays", t.missing.tag, r.Current), publishHint)
	case t.excluded.above(t.best.version):
		d.Reason = Excluded
		d.Detail = fmt.Sprintf("%s satisfies %s and is excluded; %s is the newest besides", t.excluded.tag, r.rule(), d.Tag)
	}
	return d
}

// keep is the answer when the value satisfies the filter and nothing higher does.
func (r *Request) keep(now current, t tally) Decision {
	if t.best.version.compare(now.version) == 0 {
		return held(NotListed, fmt.Sprintf("%s is not listed; %s is the same version in another spelling", r.Current, t.best.tag),
			"write the listed spelling by hand, or set policy.downgrade: follow")
	}
	reason, why := NotListed, "is no longer listed"
	if !t.top.above(now.version) {
		reason, why = LowerOnly, "is higher than everything listed"
	}
	return held(reason, fmt.Sprintf("%s satisfies %s and %s; the newest match is %s", r.Current, r.rule(), why, t.best.tag),
		"set policy.downgrade: follow to go down, or correct the value")
}

func held(reason Reason, detail, hint string) Decision {
	return Decision{Outcome: Held, Reason: reason, Detail: detail, Hint: hint}
}

func emptyValue(tag string, err error) Decision {
	d := Decision{Outcome: Failed, Reason: EmptyValue, Detail: fmt.Sprintf("the transformers leave nothing of %s", tag), Hint: "correct transformers in the manifest"}
	if err != nil {
		d.Detail = fmt.Sprintf("transforming %s: %v", tag, err)
	}
	return d
}

// passedOver names what is newer than the choice and must not be written.
func (r *Request) passedOver(t tally) string {
	text := ""
	if t.missing.above(t.best.version) {
		text += fmt.Sprintf("; %s is listed but does not exist", t.missing.tag)
	}
	if t.excluded.above(t.best.version) {
		text += fmt.Sprintf("; %s is excluded", t.excluded.tag)
	}
	return text
}

// rule names the filter with its channel.
func (r *Request) rule() string {
	if r.Policy.Channel != "" {
		return fmt.Sprintf("%s in channel %s", r.Filter.pattern, r.Policy.Channel)
	}
	return r.Filter.pattern
}

// nothing is the answer when no listed version may be written.
func (r *Request) nothing(t tally) Decision {
	d := Decision{Outcome: None, Reason: NoMatch, Detail: fmt.Sprintf("none of %d listed satisfies %s", len(r.Listing), r.rule())}
	switch {
	case t.missing.tag != "":
		return held(NotPublished, fmt.Sprintf("%s is listed but does not exist, and nothing else satisfies %s", t.missing.tag, r.rule()), publishHint)
	case t.excluded.tag != "":
		d.Reason = Excluded
		d.Detail = fmt.Sprintf("all that satisfy %s are excluded, %s among them", r.rule(), t.excluded.tag)
		d.Hint = "widen the range or shorten policy.exclude"
	case t.top.tag == "":
		d.Hint = "no tag is a version; use kind: regex, or policy.loose: true for tags like 1.2 or 20260101"
	case t.prereleases > 0:
		d.Hint = fmt.Sprintf("prereleases alone fit; name one in the range to admit them, e.g. >=%d.%d.%d-0", t.top.version.major, t.top.version.minor, t.top.version.patch)
	default:
		d.Hint = fmt.Sprintf("the newest version listed is %s", t.top.tag)
	}
	return d
}

// last is the answer of filters without an order: the last listed match.
func (r *Request) last() Decision {
	tag, matches := "", 0
	for i := range r.Listing {
		if _, rule := r.judge(r.Listing[i].Tag); rule == accepted {
			tag = r.Listing[i].Tag
			matches++
		}
	}
	if tag == "" {
		return r.nothingLast()
	}
	value, err := r.Transform.Apply(tag)
	switch {
	case err != nil || value == "":
		return emptyValue(tag, err)
	case value == r.Current:
		return Decision{Outcome: Current, Reason: AlreadyNewest, Tag: tag, Value: value, Detail: fmt.Sprintf("last listed of %d that match %s", matches, r.Filter)}
	default:
		return Decision{Outcome: Update, Reason: NewestMatch, Tag: tag, Value: value, Detail: fmt.Sprintf("last listed of %d that match %s", matches, r.Filter)}
	}
}

func (r *Request) nothingLast() Decision {
	d := Decision{Outcome: None, Reason: NoMatch, Detail: fmt.Sprintf("none of %d listed matches %s", len(r.Listing), r.Filter), Hint: "pawl explain shows every tag"}
	for i := range r.Listing {
		tag := r.Listing[i].Tag
		switch _, rule := r.judge(tag); rule {
		case missing:
			return held(NotPublished, fmt.Sprintf("%s is listed but does not exist, and nothing else matches %s", tag, r.Filter), publishHint)
		case excluded:
			d.Reason, d.Detail, d.Hint = Excluded, fmt.Sprintf("all that match %s are excluded, %s among them", r.Filter, tag), "widen the filter or shorten policy.exclude"
		}
	}
	return d
}

// held is the answer of a hold: its version if it names one that is listed, else the value as it is.
func (r *Request) held(h Hold) Decision {
	if h.Version == "" {
		return held(HeldByPolicy, "held at "+r.Current+h.why(), "")
	}
	tag := r.find(h.Version)
	if tag == "" {
		return held(NotListed, fmt.Sprintf("to be held at %s, which is not listed%s", h.Version, h.why()), "correct policy.hold.version, or wait for its publication")
	}
	if r.Missing[tag] {
		return held(NotPublished, fmt.Sprintf("to be held at %s, which is listed but does not exist%s", tag, h.why()), publishHint)
	}
	value, err := r.Transform.Apply(tag)
	if err != nil || value == "" {
		return emptyValue(tag, err)
	}
	d := Decision{Outcome: Update, Reason: HeldByPolicy, Tag: tag, Value: value, Detail: "held at " + tag + h.why()}
	if value == r.Current {
		d.Outcome = Held
	}
	return d
}

// find returns the listed tag with the text, else the one of the same version whose spelling is closest to the file's.
func (r *Request) find(text string) string {
	want, isVersion := parse(text, r.Policy.Loose)
	var best candidate
	for i := range r.Listing {
		tag := r.Listing[i].Tag
		if tag == text {
			return tag
		}
		compared, ok := r.Filter.compared(tag)
		if v, parsed := parse(compared, r.Policy.Loose); ok && parsed && isVersion && v.compare(want) == 0 {
			keepHigher(&best, candidate{tag, v}, current{tag: r.original()})
		}
	}
	return best.tag
}
