package policy

import "fmt"

// otherSpelling keeps a value that is not listed and whose version is, in another spelling or another build.
func (r *Request) otherSpelling(t tally, now current) Decision {
	if r.rebuilds(t.best.tag, now.tag) {
		return held(NotListed, fmt.Sprintf("%s is not listed; %s is a rebuild of it", r.Current, t.best.tag),
			"set policy.rebuilds: follow to take rebuilds")
	}
	return held(NotListed, fmt.Sprintf("%s is not listed; %s is the same version in another spelling", r.Current, t.best.tag),
		"write the listed spelling by hand")
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
	case r.above(t.barred, t.best):
		return r.heldByBar(t.barred.tag, "; "+r.Current+" stays")
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

// keepAdrift is the answer when nothing says whether what is listed last is lower.
func (r *Request) keepAdrift(t tally) Decision {
	return held(NotListed, fmt.Sprintf("%s satisfies %s and is not listed; nothing says whether %s is newer",
		r.Current, r.rule(), t.best.tag), downHint)
}

const lastHint = "the order of the listing is the source's own: kind semver or regex/semver compares versions; " +
	"policy.downgrade: follow takes the last one listed all the same"

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
	return held(reason, fmt.Sprintf("%s satisfies %s; %s", r.Current, r.rule(), why), lastHint)
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
	case t.barred.tag != "":
		return r.heldByBar(t.barred.tag, ", and nothing else satisfies "+r.rule())
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
