package plan

import (
	"context"
	"errors"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// A judge stands between the version that the policy chose and the file. It asks for facts and answers for one value: it
// never chooses, and no value goes down because of it. A new one is a type with judge and its line in gates.
type judge interface {
	judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error)
}

// gates are asked in this order, as long as each passes.
var gates = []judge{existence{}, quarantine{}, age{}, conditions{}, platforms{}, programs{}}

// verdict is a gate's answer. The zero verdict passes.
type verdict struct {
	// next lets the next version below be chosen, as long as it is above what is in the file.
	next bool
	// reason holds the value where it is, with what is known and what to do.
	reason       policy.Reason
	detail, hint string
}

func (v verdict) passes() bool { return !v.next && v.reason == "" }

// admit asks the gates about the version that a value is about to get. again means that another one has to be chosen. The
// error is one of a source: the job cannot be decided.
func (p Planner) admit(ctx context.Context, s *snapshot, j *job, v *value) (again bool, err error) {
	for _, g := range gates {
		said, err := g.judge(ctx, p, s, j, v)
		if err != nil || said.next {
			return said.next, err
		}
		if !said.passes() {
			outcome := policy.Held
			if v.braking() {
				outcome = policy.Failed // it stays where a brake says that it must not
			}
			v.decision = policy.Decision{Outcome: outcome, Reason: said.reason, Detail: said.detail, Hint: said.hint}
			return false, nil
		}
	}
	return false, nil
}

// maxRefused is how many candidates of a value are looked at that gates hold back.
const maxRefused = 3

// refusal is why a gate holds a version back.
type refusal struct {
	reason    policy.Reason
	why, hint string
}

// holdBack holds a version back: the next one below is asked for, at most three in all. Then the value stays, for the reason of the
// newest one; one that has to leave goes down. Where the policy follows downwards, no lower one is asked for.
func (j *job) holdBack(v *value, r refusal) verdict {
	tag := v.decision.Tag
	if j.refused == nil {
		j.refused, j.newest = map[string]refusal{}, refusal{r.reason, tag + " is " + r.why, r.hint} // the newest is asked first
	}
	j.refused[tag] = r
	alone := j.target.Digest && v.digest != "" || v.decision.From != "" && policy.Compare(v.decision.From, tag) > 0
	switch {
	case len(j.refused) >= maxRefused && v.decision.Reason == policy.Quarantined && !alone:
		j.noUp = true
	case alone || v.decision.From == tag || len(j.refused) >= maxRefused:
		return verdict{reason: j.newest.reason, detail: j.newest.why, hint: j.newest.hint}
	}
	j.chosen, v.digest = nil, ""
	return verdict{next: true}
}

// existence lets an image's tag pass that can be pulled, and takes its digest along; one that cannot gives way to the next.
type existence struct{}

func (existence) judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	if j.target.Digest || !v.unconfirmed(s.query) {
		return verdict{}, nil // a digest is of a tag that was asked for already
	}
	v.tag = s.asked(v.decision.Value, v.scalar.Value, v.decision.Tag)
	digest, err := p.digest(ctx, s, v.tag)
	switch {
	case err == nil:
		return verdict{}, p.pin(s, j, v, digest)
	case errors.Is(err, source.ErrNotFound):
		j.forget(s, v, v.tag)
		return verdict{next: true}, nil
	default:
		return verdict{}, err
	}
}
