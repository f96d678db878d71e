package policy

import "fmt"

// held is the answer of a hold: its version if it names one that is listed, else the value as it is.
func (r *Request) held(h Hold) Decision {
	if h.Version == "" {
		return held(HeldByPolicy, "held at "+r.Current+h.why(), "")
	}
	tag := r.find(h.Version)
	if tag == "" {
		return held(NotListed, fmt.Sprintf("to be held at %s, which is not listed%s", h.Version, h.why()), "correct policy.hold.version, or wait for its publication")
	}
	if reason, why := r.bar(tag); why != "" {
		return held(reason, fmt.Sprintf("to be held at %s, which is %s", tag, why), "hold another version")
	}
	if r.Missing[tag] {
		return held(NotPublished, fmt.Sprintf("to be held at %s, which cannot be pulled yet%s", tag, h.why()), publishHint)
	}
	value, err := r.Transform.Apply(tag)
	if err != nil || value == "" {
		return emptyValue(tag, err)
	}
	d := Decision{Outcome: Update, Reason: HeldByPolicy, Tag: tag, Value: value, Detail: "held at " + tag + h.why()}
	if r.holds(value) {
		d.Outcome, d.Value = Held, r.Current
	}
	return d
}

// find returns the listed tag with the text, else the one of the same version whose spelling is closest to the file's.
func (r *Request) find(text string) string {
	r.bind()
	now := r.current().tag
	want, _ := r.read(text, 0)
	var best candidate
	for i := range r.Listing {
		tag := r.Listing[i].Tag
		if tag == text {
			return tag
		}
		if c, _ := r.read(tag, i); c.isVersion && want.isVersion && r.Filter.compare(c, want) == 0 {
			r.keepBetter(&best, c, now)
		}
	}
	return best.tag
}
