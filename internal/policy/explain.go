package policy

import (
	"slices"
)

// Verdict is what became of one listed tag.
type Verdict struct {
	Tag string `json:"tag"`
	// Chosen is the tag that the decision names; Accepted is any that competes.
	Chosen   bool `json:"chosen"`
	Accepted bool `json:"accepted"`
	// Rule says in words what accepted or rejected it.
	Rule string `json:"rule"`
}

// Explain returns a verdict for every listed tag: versions from the highest down, then the others as listed; filters
// without an order give the last listed first.
func Explain(r Request) []Verdict {
	type judged struct {
		candidate
		rule rule
	}
	d := Decide(r)
	all := make([]judged, 0, len(r.Listing))
	for _, l := range r.Listing {
		v, rule := r.judge(l.Tag)
		all = append(all, judged{candidate{l.Tag, v}, rule})
	}
	if !r.Filter.ordered() {
		slices.Reverse(all)
	}
	now := r.current()
	slices.SortStableFunc(all, func(a, b judged) int {
		x, y := a.rule == accepted || a.rule > noVersion, b.rule == accepted || b.rule > noVersion
		switch {
		case x != y:
			return order(x)
		case !x || !r.Filter.ordered():
			return 0
		case a.version.compare(b.version) != 0:
			return b.version.compare(a.version)
		case a.tag == b.tag:
			return 0
		default:
			return order(spelledBetter(a.tag, b.tag, now.tag))
		}
	})
	verdicts := make([]Verdict, 0, len(all))
	for _, j := range all {
		v := Verdict{Tag: j.tag, Accepted: j.rule == accepted, Chosen: j.tag == d.Tag && d.Tag != "", Rule: r.describe(j.rule)}
		switch {
		case v.Chosen:
			v.Rule = "chosen: " + d.Detail
		case j.rule == accepted && d.Tag != "":
			v.Rule = "matches; " + d.Tag + " is preferred"
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}
