package fleet

import (
	"cmp"
	_ "embed" // the schema is a file, so that editors and other tools can use it as well
	"slices"
	"strings"
	"time"
)

// ReportSchema is the version of the report's JSON form.
const ReportSchema = "pawl.fleet/1"

//go:embed schemas/pawl.fleet@1.json
var reportSchema string

// ReportSchemaJSON returns the JSON Schema (2020-12) of the report's JSON form.
func ReportSchemaJSON() []byte { return []byte(reportSchema) }

// State says how a profile ended.
type State string

// The states, the worst first.
const (
	// Failed: pawl failed at it, or its forge did.
	Failed State = "failed"
	// Late: its time, or that of the fleet, was over.
	Late State = "late"
	// Refused: its entry, its configuration or its manifests cannot be used; nothing was done.
	Refused State = "refused"
	// Partial: something of it failed or is pending, the rest is done.
	Partial State = "partial"
	// Pending: its pull request is open, and waits for people or checks as it should.
	Pending State = "pending"
	// Paused: somebody paused it.
	Paused State = "paused"
	// Planned: there are changes, and this was a dry run.
	Planned State = "planned"
	// Merged: its changes are on the base branch.
	Merged State = "merged"
	// Unchanged: there was nothing to do.
	Unchanged State = "unchanged"
	// Quiet: nothing has changed since there was nothing to do.
	Quiet State = "quiet"
)

var states = []State{Failed, Late, Refused, Partial, Pending, Paused, Planned, Merged, Unchanged, Quiet}

// Bad reports whether a person has to look.
func (s State) Bad() bool { return slices.Contains([]State{Failed, Late, Refused, Partial}, s) }

// Result is how one profile ended.
type Result struct {
	// Profile is its name, Forge the kind of its forge.
	Profile string `json:"profile"`
	Forge   string `json:"forge"`
	State   State  `json:"state"`
	// Exit is the exit code that a run of it alone would have had.
	Exit int `json:"exit"`
	// Changes are the values that differ from the base, Failures the targets that failed.
	Changes  int `json:"changes"`
	Failures int `json:"failures,omitempty"`
	// Summary says in words what changed.
	Summary string `json:"summary,omitempty"`
	// Pull is the page of its pull request, Commit what was merged, Fired how many pipelines were.
	Pull   string `json:"pull,omitempty"`
	Commit string `json:"commit,omitempty"`
	Fired  int    `json:"fired,omitempty"`
	// Detail and Hint say what is wrong and what to do.
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Calls are the requests at its forge; Seconds is how long it took.
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
}

// Took adds the requests and the time of a try.
func (r *Result) Took(try Result) { r.Calls, r.Seconds = r.Calls+try.Calls, r.Seconds+try.Seconds }

// After is the result of a profile of which an earlier try got so far: what that one did, a later one does not find any more.
func (r Result) After(before Result) Result {
	r.Took(before)
	r.Fired += before.Fired
	if before.Commit != "" && r.Commit == "" {
		r.Changes, r.Summary, r.Pull, r.Commit = r.Changes+before.Changes, cmp.Or(r.Summary, before.Summary), cmp.Or(r.Pull, before.Pull), before.Commit
		if r.State == Unchanged || r.State == Quiet {
			r.State = Merged
		}
	}
	return r
}

// Report is how a run of a fleet ended.
type Report struct {
	Schema  string    `json:"schema"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	DryRun  bool      `json:"dryRun,omitempty"`
	// Shard is I/N, empty for all.
	Shard string `json:"shard,omitempty"`
	// Listings is how many sources were listed, Uses how often profiles asked for one.
	Listings int `json:"listings"`
	Uses     int `json:"uses"`
	// Calls are the requests at all forges.
	Calls    int      `json:"calls"`
	Profiles []Result `json:"profiles"`
}

// Sort puts the worst profiles first, and those of one state in the order of their names.
func (r *Report) Sort() {
	slices.SortFunc(r.Profiles, func(a, b Result) int {
		return cmp.Or(cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)), strings.Compare(a.Profile, b.Profile))
	})
}

// Bad reports whether a person has to look at one of the profiles.
func (r Report) Bad() bool {
	return slices.ContainsFunc(r.Profiles, func(one Result) bool { return one.State.Bad() })
}

// Tally counts the profiles by state, the worst first; states without any are left out.
func (r Report) Tally() []Tally {
	var all []Tally
	for _, s := range states {
		n := 0
		for _, one := range r.Profiles {
			if one.State == s {
				n++
			}
		}
		if n > 0 {
			all = append(all, Tally{s, n})
		}
	}
	return all
}

// Tally is how many profiles ended in a state.
type Tally struct {
	State State
	Count int
}
