package page

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
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
	Attention, Quiet []plan.Outcome
	Chain            chain
	Hosts            []bar
	Steps            []bar
	Requests         int
	Sections         []section
}

// section is one part of the page and its place in the contents.
type section struct{ ID, Name string }

// share is a part of the strip of outcomes.
type share struct {
	Word, Class, X, Width string
	Count                 int
}

// changed is one version that goes to one or more places.
type changed struct {
	Source                  change.Source
	Same, OldTail, NewTail  string
	Version, Digest, Reason string
	Why                     string
	Places                  []where
}

// where is a value's place and who asks for it.
type where struct {
	Manifest, File, Key string
	Document            int
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
	v.Shares = shares(r.Plan)
	for _, o := range r.Plan.Outcomes {
		switch {
		case o.Outcome == policy.Update && o.Hint == "":
		case o.Outcome == policy.Current && o.Hint == "":
			v.Quiet = append(v.Quiet, o)
		default:
			v.Attention = append(v.Attention, o)
		}
	}
	slices.SortStableFunc(v.Attention, func(a, b plan.Outcome) int { return cmp.Compare(urgency(a), urgency(b)) })
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
		{r.Deploy != nil, "deploy", "Pipelines"},
		{len(v.Chain.Nodes) > 0, "timeline", "Timeline"},
		{len(v.Quiet) > 0, "current", "Already current"},
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

// shares draws the outcomes as one strip.
func shares(p plan.Plan) []share {
	counts, at := outcomes(p), 0
	var all []share
	for _, s := range []struct {
		outcome     policy.Outcome
		word, class string
	}{
		{policy.Update, "updated", "s-update"}, {policy.Current, "current", "s-current"}, {policy.Held, "held", "s-held"},
		{policy.None, "without a match", "s-none"}, {policy.Failed, "failed", "s-failed"},
	} {
		n := counts[s.outcome]
		if n == 0 {
			continue
		}
		whole := float64(len(p.Outcomes))
		all = append(all, share{Word: s.word, Class: s.class, Count: n, X: place(float64(at), whole), Width: place(float64(n), whole)})
		at += n
	}
	return all
}

// changes puts the places that get the same version of the same source together, in the order of the plan.
func changes(p plan.Plan) []changed {
	why := map[[2]string]string{}
	for _, o := range p.Outcomes {
		why[[2]string{o.Manifest, o.Target}] = o.Detail
	}
	type group struct {
		source           change.Source
		old, new, reason string
	}
	var all []changed
	index := map[group]int{}
	for _, u := range p.Changes {
		g := group{u.Source, u.Old, u.New, u.Reason}
		at, ok := index[g]
		if !ok {
			at = len(all)
			index[g] = at
			c := changed{Source: u.Source, Version: u.Version, Digest: u.Digest, Reason: u.Reason, Why: why[[2]string{u.Manifest, u.Target}]}
			c.Same, c.OldTail, c.NewTail = cut(u.Old, u.New)
			all = append(all, c)
		}
		all[at].Places = append(all[at].Places, where{u.Manifest, u.File, u.Key, u.Document})
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
		v.Steps = append(v.Steps, bar{Name: s.Name, Count: s.Calls, Writes: s.Writes, Took: took(s.Duration), Width: percent(s.Duration, longest)})
	}
}

// Ended is when the run was over.
func (v runView) Ended() time.Time {
	return v.Report.Started.Add(time.Duration(v.Report.Duration * float64(time.Second)))
}

// Many says that a change goes to more places than are shown at once.
func (c changed) Many() bool { return len(c.Places) > 3 }

// Kind says in a word what a source is.
func (c changed) Kind() string { return kind(c.Source.Kind) }

func kind(name string) string {
	switch name {
	case "dockerimage":
		return "image"
	case "helmchart":
		return "chart"
	case "githubrelease":
		return "release"
	}
	return name
}

// Name is what the source is called, without the address of a chart's repository.
func (c changed) Name() string {
	name, _ := sourceName(c.Source)
	return name
}

// Address is where the chart's repository is.
func (c changed) Address() string {
	_, address := sourceName(c.Source)
	return address
}

// sourceName splits the name of a chart from the address of its repository.
func sourceName(s change.Source) (name, address string) {
	if address, name, ok := strings.Cut(s.Name, "#"); ok && name != "" {
		return name, address
	}
	return s.Name, ""
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
		return map[forge.Way]string{forge.Direct: "merged by pawl", forge.Auto: "merged by the forge's auto-merge", forge.Queue: "merged by the merge queue", forge.ByPerson: "merged by a person"}[m.By]
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

// State is the tone of a trigger.
func (v runView) State(t run.Trigger) string {
	switch {
	case t.Failed():
		return "bad"
	case t.State == "accepted" && t.Status == "success":
		return "good"
	case t.State == "accepted" && t.Status != "":
		return "wait"
	}
	return "calm"
}

// Status names what became of a trigger; one that an earlier run fired and nobody asked about is of earlier.
func (v runView) Status(t run.Trigger) string {
	if t.State == "accepted" && !t.Fired && t.Status == "" {
		return "earlier"
	}
	return t.State
}
