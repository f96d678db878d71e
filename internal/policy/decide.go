package policy

import (
	"fmt"
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

	// underscore says that the value has _ before its build metadata, see prepare.
	underscore bool
}

// Decision is which version a value should have, and why.
type Decision struct {
	Outcome Outcome `json:"outcome"`
	Reason  Reason  `json:"reason"`
	// Tag is the version chosen, in the source's spelling, and Value its text for the file; both are empty when
	// nothing is to be written or confirmed. The value in the file is compared without its digest (see SplitDigest): what
	// is to be written has none, what is confirmed is the value as it stands.
	Tag   string `json:"tag,omitempty"`
	Value string `json:"value,omitempty"`
	// From is the version that the present value stands for, empty when that is not known or nothing is to be written.
	From   string `json:"from,omitempty"`
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
	if hold == nil {
		return d
	}
	if d.Reason == NewestMatch || d.Reason == AlreadyNewest {
		d.Reason = HoldExpired
	}
	d.Detail += fmt.Sprintf("; the hold ended on %s", hold.Until.Format(time.DateOnly))
	if d.Hint == "" {
		d.Hint = "remove policy.hold from the manifest"
	}
	return d
}

func (r *Request) choose() Decision {
	if len(r.Listing) == 0 {
		return Decision{Outcome: None, Reason: EmptyListing, Detail: "the source lists no version at all",
			Hint: "check the name of the source; a new repository fills with its first release"}
	}
	r.bind()
	now := r.current()
	t := r.survey(now)
	if t.best.tag == "" {
		return r.nothing(t)
	}
	return r.weigh(now, t)
}

// weigh compares the best candidate with the current version.
func (r *Request) weigh(now current, t tally) Decision {
	value, err := r.Transform.Apply(t.best.tag)
	if err != nil || value == "" {
		return emptyValue(t.best.tag, err)
	}
	if r.holds(value) {
		return r.stay(Decision{Tag: t.best.tag, Value: r.Current}, t)
	}
	now = r.closeIn(now, t.best, value)
	rise, known := r.rise(t.best, value, now)
	if known && !now.known && r.obscure(now) {
		now.inside = now.inside || r.mayBeInside()
	}
	switch {
	case rise <= 0 && t.missing.tag != "" && r.compare(t.missing, now.candidate) >= 0 && r.exclusion(now.candidate) == nil:
		return r.notPublished(t)
	case rise == 0 && now.inside && r.Filter.ordered() && !now.read.short && !r.follows(t.best, now):
		return r.otherSpelling(t, now)
	case rise < 0 && now.inside && r.Policy.Downgrade != Follow:
		return r.keep(now, t)
	case !known && r.adrift(t.best, now) && r.Policy.Downgrade != Follow:
		return held(NotListed, fmt.Sprintf("%s satisfies %s and is not listed; nothing says whether %s is newer", r.Current, r.rule(), t.best.tag), downHint)
	}
	return r.update(Decision{Tag: t.best.tag, Value: value}, rise, known, now, t)
}

// closeIn looks for the tag that would give the value as the best candidate gives its text; transformers that cannot be
// undone leave no other way.
func (r *Request) closeIn(now current, best candidate, value string) current {
	if now.listed || now.inside || r.Transform.Identity() {
		return now
	}
	if tag := r.resembling(best.tag, value); tag != "" {
		return r.likeliest(now, tag)
	}
	return now
}

// mayBeInside decides about a value of which no tag is known that gives it: it satisfies the filter, unless it is a
// version that the range refuses.
func (r *Request) mayBeInside() bool {
	v, ok := readValue(r.text())
	return !ok || !r.Filter.versions() || r.Filter.span.admits(v.version)
}

// follows reports whether a candidate is a rebuild that is to be taken.
func (r *Request) follows(c candidate, now current) bool {
	return r.Policy.Rebuilds == FollowRebuilds && r.rebuilds(c.tag, now.tag)
}

func (r *Request) otherSpelling(t tally, now current) Decision {
	if r.rebuilds(t.best.tag, now.tag) {
		return held(NotListed, fmt.Sprintf("%s is not listed; %s is a rebuild of it", r.Current, t.best.tag), "set policy.rebuilds: follow to take rebuilds")
	}
	return held(NotListed, fmt.Sprintf("%s is not listed; %s is the same version in another spelling", r.Current, t.best.tag),
		"write the listed spelling by hand")
}

// update writes the best candidate and says whether that leads up or down.
func (r *Request) update(d Decision, rise int, known bool, now current, t tally) Decision {
	d.Outcome, d.Reason, d.Detail = Update, NewestMatch, r.newest(t)
	if now.known && (now.listed || !r.Transform.Increments()) {
		d.From = now.tag
	}
	switch {
	case !known:
		d.Detail += "; it replaces " + r.replaced()
	case rise < 0 && now.inside:
		d.Detail += fmt.Sprintf("; lower than %s", r.Current)
		if !now.listed {
			d.Detail += ", which is not listed"
		}
	case rise < 0 && r.Filter.ordered():
		d.Reason = PinnedDown
		d.Detail = fmt.Sprintf("%s does not satisfy %s; %s is the newest that does", r.Current, r.rule(), d.Tag)
		if e := r.exclusion(now.candidate); e != nil {
			d.Detail = fmt.Sprintf("%s is excluded by policy.exclude %s; %s is the newest that is not", r.Current, e.text, d.Tag)
		}
	case rise == 0 && r.follows(t.best, now):
		d.Detail += fmt.Sprintf("; a rebuild of %s", r.Current)
	}
	if now.known && now.inside && !now.listed && rise > 0 {
		d.Detail += fmt.Sprintf("; %s is not listed", r.Current)
	}
	d.Detail += r.passedOver(t)
	if r.above(t.missing, t.best) {
		d.Hint = publishHint
	}
	return d
}

// replaced names a value that says nothing about its version.
func (r *Request) replaced() string {
	switch text := r.text(); {
	case text == "" || text == "~" || text == "null":
		return "an empty value"
	case r.Filter.versions():
		return text + ", which is no version"
	case r.Filter.ordered():
		return text + ", which has no place in that order"
	default:
		return text + ", which is not listed"
	}
}

func (r *Request) newest(t tally) string {
	if !r.Filter.ordered() {
		return fmt.Sprintf("last listed of %d that match %s", t.matches, r.rule())
	}
	return fmt.Sprintf("newest of %d that satisfy %s", t.matches, r.rule())
}

const publishHint = "run again when its push has finished, or exclude it in policy.exclude"

// notPublished keeps the value because what would replace it does not exist.
func (r *Request) notPublished(t tally) Decision {
	return held(NotPublished, fmt.Sprintf("%s cannot be pulled yet; %s stays", t.missing.tag, r.Current), publishHint)
}

// stay says why the value is right as it is, although something newer may be listed.
func (r *Request) stay(d Decision, t tally) Decision {
	d.Outcome, d.Reason, d.Detail = Current, AlreadyNewest, r.newest(t)
	switch {
	case r.above(t.missing, t.best):
		return r.notPublished(t)
	case r.above(t.excluded, t.best):
		d.Reason = Excluded
		d.Detail = fmt.Sprintf("%s satisfies %s and is excluded; %s is the newest besides", t.excluded.tag, r.rule(), d.Tag)
	case t.rebuild.tag != "" && t.rebuild.tag != t.best.tag:
		d.Detail += fmt.Sprintf("; %s is a rebuild of it, which policy.rebuilds: follow takes", t.rebuild.tag)
	}
	return d
}

// keep is the answer when the value satisfies the filter, and what would replace it is lower.
func (r *Request) keep(now current, t tally) Decision {
	if !r.Filter.ordered() {
		return r.keepLast(now, t)
	}
	reason, why := NotListed, "is no longer listed"
	if r.against(t.top, now) < 0 {
		reason, why = LowerOnly, "is higher than everything listed"
	}
	return held(reason, fmt.Sprintf("%s satisfies %s and %s; the newest match is %s", r.Current, r.rule(), why, t.best.tag),
		downHint)
}

const downHint = "set policy.downgrade: follow to go down, or correct the value"

// keepLast is the answer when what is listed last is lower than the value.
func (r *Request) keepLast(now current, t tally) Decision {
	reason := LowerOnly
	for i := range r.Listing {
		if d, ok := higher(r.Listing[i].Tag, now.tag); ok && d > 0 {
			reason = NotListed
		}
	}
	why := "the last one listed, " + t.best.tag + ", is lower"
	if !now.listed {
		why = "it is not listed, and " + why
	}
	return held(reason, fmt.Sprintf("%s satisfies %s; %s", r.Current, r.rule(), why),
		"the order of the listing is the source's own: kind semver or regex/semver compares versions; policy.downgrade: follow takes the last one listed all the same")
}

func held(reason Reason, detail, hint string) Decision {
	return Decision{Outcome: Held, Reason: reason, Detail: detail, Hint: hint}
}

func emptyValue(tag string, err error) Decision {
	d := Decision{Outcome: Failed, Reason: EmptyValue, Detail: fmt.Sprintf("the transformers leave nothing of %s", tag), Hint: "correct transformers in the manifest"}
	if err != nil {
		d.Detail = err.Error() // which names the tag
	}
	return d
}

// passedOver names what is newer than the choice and must not be written.
func (r *Request) passedOver(t tally) string {
	text := ""
	if r.above(t.missing, t.best) {
		text += fmt.Sprintf("; %s cannot be pulled yet", t.missing.tag)
	}
	if r.above(t.excluded, t.best) {
		text += fmt.Sprintf("; %s is excluded", t.excluded.tag)
	}
	return text
}

// rule names the filter with its channel.
func (r *Request) rule() string {
	text := r.Filter.pattern
	if !r.Filter.versions() {
		text = r.Filter.named()
	}
	if r.Policy.Channel != "" {
		text += " in channel " + r.Policy.Channel
	}
	return text
}

// nothing is the answer when no listed version may be written.
func (r *Request) nothing(t tally) Decision {
	d := Decision{Outcome: None, Reason: NoMatch, Detail: fmt.Sprintf("none of %d listed satisfies %s", len(r.Listing), r.rule())}
	switch {
	case t.missing.tag != "":
		return held(NotPublished, fmt.Sprintf("%s cannot be pulled yet, and nothing else satisfies %s", t.missing.tag, r.rule()), publishHint)
	case t.excluded.tag != "":
		d.Reason = Excluded
		d.Detail = fmt.Sprintf("all that satisfy %s are excluded, %s among them", r.rule(), t.excluded.tag)
		d.Hint = "widen the filter or shorten policy.exclude"
	case r.Filter.kind == kindLike && r.Filter.shape == nil:
		d.Detail = fmt.Sprintf("%q has no number to go on from", r.Current)
		d.Hint = "write the tag that others are to be like by hand, e.g. 1.25-alpine"
	case !r.Filter.versions():
		d.Hint = "pawl explain shows every tag"
	case t.top.tag == "":
		d.Hint = "no tag is a version with three numeric parts; policy.loose: true also takes tags like 1.2 or 20260101, kind: like those of the value's shape"
	case t.prerelease.tag != "":
		d.Hint = fmt.Sprintf("prereleases alone fit, the newest is %s; a range that names one admits them", t.prerelease.tag) + example(r.Filter.span.naming("0"))
	default:
		d.Hint = fmt.Sprintf("the newest version listed is %s", t.top.tag)
	}
	return d
}
