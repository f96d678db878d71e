package page

import (
	"cmp"
	"maps"
	"net/url"
	"slices"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// runView is what the template of a run shows.
type runView struct {
	Title, Headline, Profile string
	// Tone is good, wait or bad.
	Tone    string
	Notes   []string
	Failure Failure
	Report  run.Report
	Shares  []share
	Changes []changed
	// Attention are the targets that somebody has to look at, Quiet those that stay as they are.
	Attention []attention
	Quiet     []plan.Outcome
	// Pipelines are those of this run, Earlier those that earlier runs started.
	Pipelines, Earlier []pipeline
	Chain              chain
	Hosts              []bar
	Steps              []bar
	Requests           int
	Sections           []section
	// Waited is how long the run waited to start, Took how long it ran then.
	Waited, Took string
}

// attention is a target that somebody has to look at, and what gates said of its versions.
type attention struct {
	plan.Outcome
	Gates []judged
}

// Word names the outcome.
func (a attention) Word() string {
	if a.Outcome.Outcome == policy.None {
		return "no match"
	}
	return string(a.Outcome.Outcome)
}

// section is one part of the page and its place in the contents.
type section struct{ ID, Name string }

// share is how many targets have an outcome.
type share struct {
	Word, Class string
	Count       int
}

// bar is a line of a table of costs.
type bar struct {
	Name, Took, Width string
	Count, Writes     int
	// Left is what the host still allows; Known says whether it does.
	Left  int
	Known bool
}

func newRunView(r run.Report, failure Failure) runView {
	v := runView{Report: r, Failure: failure, Changes: changes(r.Plan), Chain: newChain(r.Events, r.Started), Profile: profileOf(r)}
	v.Headline, v.Tone = headline(r, failure)
	v.Title = titled(v.Headline, v.Profile)
	v.Notes = notes(r)
	v.Shares = shares(r)
	for _, o := range r.Plan.Outcomes {
		switch {
		case o.Outcome == policy.Update && o.Hint == "":
		case o.Outcome == policy.Current && o.Hint == "":
			v.Quiet = append(v.Quiet, o)
		default:
			v.Attention = append(v.Attention, attention{o, verdicts(r.Plan, o.Manifest, o.Target, "")})
		}
	}
	slices.SortStableFunc(v.Attention, func(a, b attention) int { return cmp.Compare(urgency(a.Outcome), urgency(b.Outcome)) })
	v.Waited, v.Took = v.Chain.Waited, took(runTook(r))
	v.pipelines()
	v.costs()
	v.sections()
	return v
}

// urgency orders what needs to be seen.
func urgency(o plan.Outcome) int {
	return slices.Index([]policy.Outcome{policy.Failed, policy.Held, policy.None, policy.Update, policy.Current}, o.Outcome)
}

// sections lists the parts that this page has.
func (v *runView) sections() {
	r := v.Report
	for _, s := range []struct {
		there    bool
		id, name string
	}{
		{len(v.Attention) > 0, "attention", "Needs a look"},
		{len(v.Changes) > 0, "changes", "What changes"},
		{v.Proposed(), "proposal", "Pull request"},
		{v.Deployed(), "deploy", "Pipelines"},
		{len(v.Quiet) > 0, "current", "Already current"},
		{len(v.Earlier) > 0, "earlier", "Earlier deployments"},
		{len(v.Chain.Nodes) > 0, "timeline", "Timeline"},
		{len(v.Hosts)+len(v.Steps) > 0, "cost", "Time and requests"},
		{len(r.Delivery) > 0, "delivery", "Delivery of events"},
	} {
		if s.there {
			v.Sections = append(v.Sections, section{s.id, s.name})
		}
	}
}

// Proposed says whether there is anything about a pull request.
func (v runView) Proposed() bool {
	r := v.Report
	return r.Pull != nil || r.Preview != nil || r.Merge != nil || len(r.Withdrawn) > 0
}

func outcomes(p plan.Plan) map[policy.Outcome]int {
	counts := map[policy.Outcome]int{}
	for _, o := range p.Outcomes {
		counts[o.Outcome]++
	}
	return counts
}

// shares counts the outcomes.
func shares(r run.Report) []share {
	counts, updated := outcomes(r.Plan), "to update"
	if r.Merge != nil && r.Merge.Outcome == forge.Merged {
		updated = "updated"
	}
	var all []share
	for _, s := range []struct {
		outcome     policy.Outcome
		word, class string
	}{
		{policy.Update, updated, "s-update"}, {policy.Current, "current", "s-current"}, {policy.Held, "held", "s-held"},
		{policy.None, "without a match", "s-none"}, {policy.Failed, "failed", "s-failed"},
	} {
		if n := counts[s.outcome]; n > 0 {
			all = append(all, share{s.word, s.class, n})
		}
	}
	return all
}

// costs are the requests by host, and the steps.
func (v *runView) costs() {
	p, most := v.Report.Plan, 0
	for _, n := range p.Requests {
		v.Requests += n
		most = max(most, n)
	}
	for _, host := range slices.Sorted(maps.Keys(p.Requests)) {
		left, known := p.Remaining[host]
		v.Hosts = append(v.Hosts, bar{Name: host, Count: p.Requests[host], Width: percent(float64(p.Requests[host]), float64(most)), Left: left, Known: known})
	}
	longest := 0.0
	for _, s := range v.Report.Steps {
		longest = max(longest, s.Duration)
	}
	for _, s := range v.Report.Steps {
		v.Steps = append(v.Steps, bar{Name: stepWord(s.Name), Count: s.Calls, Writes: s.Writes, Took: took(s.Duration), Width: percent(s.Duration, longest)})
	}
}

// stepWord says what a step is, waits included.
func stepWord(name string) string {
	if name == "merge" {
		return "merge and deploy, with all waits" // its timeline tells them apart
	}
	return name
}

// CommitPage is the address of the merged commit at the forge, empty when it is not known.
func (v runView) CommitPage() string {
	r := v.Report
	if r.Merge == nil || r.Merge.SHA == "" {
		return ""
	}
	if d := r.Deploy; d != nil && d.Commit == r.Merge.SHA && link(d.URL) != "" {
		return link(d.URL)
	}
	if r.Pull == nil {
		return ""
	}
	return link(forge.CommitURL(r.Pull.URL, url.PathEscape(r.Merge.SHA)))
}

// Word names how the merge went.
func (v runView) Word() string {
	if m := v.Report.Merge; m != nil && m.Outcome == forge.Merged {
		return map[forge.Way]string{forge.Direct: "by pawl", forge.Auto: "by the forge's auto-merge", forge.Queue: "by the merge queue", forge.ByPerson: "by a person"}[m.By]
	}
	return ""
}

// Merged is the tone of the merge.
func (v runView) Merged() string {
	if m := v.Report.Merge; m != nil && m.Outcome == forge.Failed {
		return "bad"
	} else if m != nil && m.Outcome == forge.Merged {
		return "good"
	}
	return "wait"
}

// outcomeTone is the tone of a target.
func outcomeTone(o policy.Outcome) string {
	switch o {
	case policy.Failed:
		return "bad"
	case policy.Held, policy.None:
		return "wait"
	}
	return "good"
}
