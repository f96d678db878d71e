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
	// Barred says why a tag must not be written, with the reason of a value that stays because of it; empty for one that may.
	// Nil bars none.
	Barred func(tag string) (reason Reason, why string)
	// Leave says that the present version has to be left, although it may satisfy the filter; what it is must be barred.
	Leave bool
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
	now.inside = now.inside && !r.Leave
	switch {
	case rise <= 0 && r.keptBy(t.barred, now) && !r.Leave:
		return r.heldByBar(t.barred.tag, "; "+r.Current+" stays")
	case rise <= 0 && r.keptBy(t.missing, now):
		return r.notPublished(t)
	case rise == 0 && now.inside && r.Filter.ordered() && !now.read.short && !r.follows(t.best, now):
		return r.otherSpelling(t, now)
	case rise < 0 && now.inside && r.Policy.Downgrade != Follow:
		return r.keep(now, t)
	case !known && r.adrift(t.best, now) && r.Policy.Downgrade != Follow:
		return r.keepAdrift(t)
	}
	return r.update(Decision{Tag: t.best.tag, Value: value}, rise, known, now, t)
}

// keptBy reports whether a version that cannot be written now is why a value does not go down: it is no lower than the value,
// which nothing excludes.
func (r *Request) keptBy(c candidate, now current) bool {
	return c.tag != "" && r.compare(c, now.candidate) >= 0 && r.exclusion(now.candidate) == nil
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
	if r.above(t.barred, t.best) {
		d.Detail += fmt.Sprintf("; %s is %s", t.barred.tag, r.barred(t.barred.tag))
	}
	if r.above(t.missing, t.best) {
		d.Hint = publishHint
	}
	return d
}
