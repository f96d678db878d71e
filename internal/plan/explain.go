package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// ExplainSchema is the version of the explanations' JSON form.
const ExplainSchema = "pawl.explain/1"

// Explanation is every version that one value could have, each with the rule that accepted or rejected it.
type Explanation struct {
	Manifest string          `json:"manifest"`
	Target   string          `json:"target"`
	File     string          `json:"file"`
	Document int             `json:"document,omitempty"`
	Key      string          `json:"key"`
	Current  string          `json:"current"`
	Source   string          `json:"source"`
	Filter   string          `json:"filter"`
	Decision policy.Decision `json:"decision"`
	// Verdicts are empty when the outcome is a failure before the choice.
	Verdicts []policy.Verdict `json:"verdicts"`
	// Err is the cause of a failure.
	Err error `json:"-"`
}

// Explain resolves one manifest and returns an explanation for each of its values. The others count where they write what
// stands beside its values: a tag is held when nothing writes its digest. The error is the context's.
func (p Planner) Explain(ctx context.Context, m manifest.Manifest, others ...manifest.Manifest) ([]Explanation, error) {
	p.inquiry, p.verdicts = newInquiry(), &verdicts{}
	var all []Explanation
	done := interruptibly(ctx, func() { all = p.explainAll(ctx, m, others) })
	if err := ctx.Err(); err != nil || !done {
		return nil, fmt.Errorf("explaining %s: %w", m.Name, err)
	}
	return all, nil
}

func (p Planner) explainAll(ctx context.Context, m manifest.Manifest, others []manifest.Manifest) []Explanation {
	var all []Explanation
	jobs := p.open([]manifest.Manifest{m})
	snapshots := map[source.Query]*snapshot{}
	for q, group := range bySource(append(p.neighbours(jobs, others), jobs...)) {
		snapshots[q] = p.snapshot(ctx, q)
		p.decideAll(ctx, snapshots[q], group)
	}
	for _, j := range jobs {
		all = append(all, p.explain(snapshots[j.source.Query], j)...)
	}
	return all
}

// neighbours are the jobs of other manifests that follow the same source in the same file.
func (p Planner) neighbours(jobs []*job, others []manifest.Manifest) []*job {
	var all []*job
	for _, other := range others {
		same := func(t manifest.Target) bool {
			return slices.ContainsFunc(jobs, func(j *job) bool {
				return other.Name != j.manifest.Name && t.File == j.target.File && other.Source(t.SourceID).Query == j.source.Query
			})
		}
		if other.Valid() {
			other.Targets = slices.DeleteFunc(slices.Clone(other.Targets), func(t manifest.Target) bool { return !same(t) })
			all = append(all, p.open([]manifest.Manifest{other})...)
		}
	}
	return all
}

func (p Planner) explain(s *snapshot, j *job) []Explanation {
	base := Explanation{Manifest: j.manifest.Name, Target: j.target.ID, File: j.target.File, Key: j.target.Address().String(),
		Source: j.source.Name, Filter: j.source.Filter.String(), Verdicts: []policy.Verdict{}}
	if j.failure != nil {
		base.Decision = policy.Decision{Outcome: policy.Failed, Reason: j.failure.reason, Detail: j.failure.detail, Hint: j.failure.hint}
		base.Err = j.failure.err
		if len(j.values) > 0 {
			first := j.values[0].scalar
			base.Document, base.Key, base.Current = first.Document, first.Key, first.Value
		}
		return []Explanation{base}
	}
	all := make([]Explanation, 0, len(j.values))
	for _, v := range j.values {
		e := base
		e.Document, e.Key, e.Current, e.Decision = v.scalar.Document, v.scalar.Key, v.scalar.Value, v.decision
		e.Verdicts = policy.Explain(p.request(s, j, v))
		all = append(all, e)
	}
	return all
}
