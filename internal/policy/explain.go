package policy

import (
	"cmp"
	"fmt"
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

// judged is a tag with the rule that accepted or rejected it.
type judged struct {
	candidate
	rule rule
}

// Explain returns a verdict for every listed tag: versions from the highest down, then the others as listed; filters
// without an order give the last listed first.
func Explain(r Request) []Verdict {
	d := Decide(r)
	r.bind()
	now := r.current()
	all := r.judgeAll(now.tag)
	verdicts := make([]Verdict, 0, len(all))
	for _, j := range all {
		verdicts = append(verdicts, r.verdict(j, d, now))
	}
	return verdicts
}

func (r *Request) judgeAll(now string) []judged {
	all := make([]judged, 0, len(r.Listing))
	for i, l := range r.Listing {
		c, rule := r.judge(l.Tag, i)
		all = append(all, judged{c, rule})
	}
	slices.SortStableFunc(all, func(a, b judged) int { return r.byRank(a.candidate, b.candidate, now) })
	return all
}

// byRank puts the better of two candidates first.
func (r *Request) byRank(a, b candidate, current string) int {
	if r.Filter.ordered() && !(a.isVersion && b.isVersion) {
		if a.isVersion != b.isVersion {
			return order(a.isVersion)
		}
		return cmp.Compare(a.index, b.index)
	}
	switch {
	case r.better(a, b, current):
		return -1
	case r.better(b, a, current):
		return 1
	}
	return 0
}

func (r *Request) verdict(j judged, d Decision, now current) Verdict {
	v := Verdict{Tag: j.tag, Accepted: j.rule == accepted, Chosen: d.Tag != "" && j.tag == d.Tag, Rule: r.describe(j.candidate, j.rule)}
	switch {
	case v.Chosen:
		v.Rule = "chosen: " + d.Detail
	case v.Accepted && now.known && r.Filter.versions() && j.version.compare(now.version) == 0 && r.rebuilds(j.tag, now.tag):
		v.Rule = fmt.Sprintf("matches; a rebuild of %s, which policy.rebuilds: follow takes", now.tag)
	case v.Accepted && d.Tag != "":
		v.Rule = fmt.Sprintf("matches; %s is preferred", d.Tag)
	case v.Accepted && d.Outcome == Held:
		v.Rule = fmt.Sprintf("matches; %s stays", r.Current)
	}
	return v
}
