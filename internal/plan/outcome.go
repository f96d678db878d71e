package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
)

// PlanSchema is the version of the plan's JSON form.
const PlanSchema = "pawl.plan/1"

// Plan is what a run would change, and an outcome for every target. Its JSON form is a contract.
type Plan struct {
	Schema   string          `json:"schema"`
	Changes  []change.Update `json:"changes"`
	Outcomes []Outcome       `json:"outcomes"`
	// Requests counts the requests made by logical host; Remaining is the quota left where the host says so.
	Requests  map[string]int `json:"requests"`
	Remaining map[string]int `json:"remaining,omitempty"`
	// Verdicts are what gates said of versions that were about to be taken.
	Verdicts []Verdict `json:"verdicts,omitempty"`
	// Seen are the versions that had to have an age, with their first sightings; Passed says of a version of a source that its
	// values are there or beyond.
	Seen   []ledger.Sighting             `json:"-"`
	Passed func(source, tag string) bool `json:"-"`
	// Values are where all values stand, where Planner.Survey asked for it.
	Values []Standing `json:"-"`
	// Levers are the brakes that move values.
	Levers []ledger.Lever `json:"-"`
	// Files are the bytes behind Changes, in the order of their paths; Confirmed are the values that are right already.
	Files     []change.File   `json:"-"`
	Confirmed []change.Update `json:"-"`
}

// Outcome is what became of one target, and why.
type Outcome struct {
	Manifest string         `json:"manifest"`
	Target   string         `json:"target"`
	Outcome  policy.Outcome `json:"outcome"`
	Reason   policy.Reason  `json:"reason"`
	Detail   string         `json:"detail"`
	Hint     string         `json:"hint"`
	// Candidates is the number of versions that the source listed.
	Candidates int `json:"candidates"`
	// Place is where the fault of a manifest stands, and how many more it has; empty for other outcomes. Whoever says the
	// faults themselves need not repeat Detail.
	Place string `json:"-"`
	// Err is the cause of a failure where there is one, for those who tell causes apart.
	Err error `json:"-"`
}

// Failed reports whether any outcome failed.
func (p Plan) Failed() bool {
	return slices.ContainsFunc(p.Outcomes, func(o Outcome) bool { return o.Outcome == policy.Failed })
}

// assemble puts the jobs' results into the order of the contract: by manifest, then file, then position.
func assemble(manifests []manifest.Manifest, jobs []*job, files []change.File) Plan {
	plan := Plan{Schema: PlanSchema, Changes: []change.Update{}, Outcomes: []Outcome{}, Requests: map[string]int{}, Files: files}
	for _, m := range manifests {
		if !m.Valid() {
			plan.Outcomes = append(plan.Outcomes, invalid(m))
		}
	}
	for _, j := range jobs {
		plan.Outcomes = append(plan.Outcomes, j.outcome())
		plan.Changes = append(plan.Changes, j.updates(policy.Update)...)
		plan.Confirmed = append(plan.Confirmed, j.updates(policy.Current)...)
		for _, v := range j.values {
			if j.failure == nil && v.braking() {
				plan.Levers = append(plan.Levers, v.lever)
			}
		}
	}
	slices.SortStableFunc(plan.Outcomes, func(a, b Outcome) int { return strings.Compare(a.Manifest, b.Manifest) })
	return plan
}

// invalid is the outcome of a manifest that could not be loaded.
func invalid(m manifest.Manifest) Outcome {
	o := Outcome{Manifest: m.Name, Outcome: policy.Failed, Reason: policy.ManifestInvalid}
	more := 0
	for i, p := range m.Problems {
		switch {
		case p.Warning:
		case m.First(i):
			o.Detail, o.Hint, o.Place = p.Error(), p.Hint, p.Place()
		default:
			more++
		}
	}
	if more > 0 {
		o.Detail += fmt.Sprintf(" (and %d more, see pawl validate)", more)
		o.Place += fmt.Sprintf(" and %d more", more)
	}
	return o
}

// outcome sums up a job; a target with several values is reported by the one that most needs to be seen.
func (j *job) outcome() Outcome {
	o := Outcome{Manifest: j.manifest.Name, Target: j.target.ID, Candidates: j.candidates}
	if j.failure != nil {
		o.Outcome, o.Reason, o.Detail, o.Hint, o.Err = policy.Failed, j.failure.reason, j.failure.detail, j.failure.hint, j.failure.err
		return o
	}
	order := []policy.Outcome{policy.Failed, policy.Update, policy.Held, policy.None, policy.Current}
	worst := slices.MinFunc(j.values, func(a, b *value) int {
		return cmp.Compare(slices.Index(order, a.decision.Outcome), slices.Index(order, b.decision.Outcome))
	})
	d := worst.decision
	o.Outcome, o.Reason, o.Detail, o.Hint = d.Outcome, d.Reason, d.Detail, d.Hint
	if len(j.values) > 1 {
		same := 0
		for _, v := range j.values {
			if v.decision.Outcome == d.Outcome {
				same++
			}
		}
		o.Detail = fmt.Sprintf("%d of %d values: %s", same, len(j.values), d.Detail)
	}
	return o
}

// updates are the job's values with an outcome that names a version: those that change, or those that need not.
func (j *job) updates(outcome policy.Outcome) []change.Update {
	var all []change.Update
	for _, v := range j.values {
		if j.failure != nil || v.decision.Outcome != outcome || v.decision.Tag == "" {
			continue
		}
		all = append(all, change.Update{
			Manifest: j.manifest.Name, Target: j.target.ID, File: j.target.File, Document: v.scalar.Document, Key: v.scalar.Key,
			Old: v.scalar.Value, From: v.decision.From, New: v.decision.Value, Version: v.decision.Tag, Digest: v.digest, Reason: string(v.decision.Reason),
			Artifact: j.source.Query.Artifact(cmp.Or(v.tag, v.decision.Tag)).String(),
			Source:   change.Source{Kind: string(j.source.Query.Kind), Name: j.source.Name},
		})
	}
	return all
}
