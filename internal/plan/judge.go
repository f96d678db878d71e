package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// Judge tells what a gate of the configuration says of a version: by starting its program, or by what was said before.
type Judge interface {
	// Judges reports whether the gate is for versions of the kind of source.
	Judges(name string, kind source.Kind) bool
	Judge(ctx context.Context, name string, s gate.Subject) (gate.Verdict, error)
}

// Verdict is what a gate said of the version that a value was about to get.
type Verdict struct {
	Manifest string `json:"manifest"`
	Target   string `json:"target"`
	// Source is the canonical name of the source.
	Source string `json:"-"`
	Tag    string `json:"-"`
	// Remembered says that the ledger said it: nobody judged it for this plan.
	Remembered bool `json:"-"`
	gate.Verdict
}

// platforms lets an image pass that is built for all that the policy wants.
type platforms struct{}

func (platforms) judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	want := j.source.Policy.Platforms
	if len(want) == 0 || s.query.Kind != source.Image || p.Platformer == nil || !p.rises(s, j, v) {
		return verdict{}, nil
	}
	tag := cmp.Or(v.tag, j.written(s, v, v.decision.Tag))
	image := s.query.String() + ":" + tag
	there, err := once(p.inquiry, "platforms "+image, func() ([]string, error) { return p.Platformer.Platforms(ctx, s.query, tag) })
	if errors.Is(err, source.ErrNotFound) {
		return j.holdBack(v, refusal{reason: policy.PlatformMissing, why: "not there any more"}), nil
	}
	if err != nil {
		return verdict{}, err
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(one string) bool {
		return slices.ContainsFunc(there, func(platform string) bool { return builtFor(platform, one) })
	})
	if len(missing) == 0 {
		return verdict{}, nil
	}
	return j.holdBack(v, refusal{reason: policy.PlatformMissing, why: "not built for " + strings.Join(missing, ", "),
		hint: "it is asked again by the next run; policy.platforms says what is wanted"}), nil
}

// programs lets a version pass that every gate of the policy passed.
type programs struct{}

func (programs) judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	if p.Judge == nil || len(j.source.Policy.Gates) == 0 || !p.rises(s, j, v) {
		return verdict{}, nil
	}
	subject, err := p.subject(ctx, s, j, v)
	if err != nil {
		return verdict{}, err
	}
	for _, name := range j.source.Policy.Gates {
		if !p.Judge.Judges(name, s.query.Kind) {
			continue
		}
		said, err := once(p.inquiry, fmt.Sprintf("gate %s %q", name, subject), func() (gate.Verdict, error) { return p.Judge.Judge(ctx, name, subject) })
		if err != nil {
			return verdict{}, fmt.Errorf("gate %s: %w", name, err)
		}
		denied, remembered := p.Ledger.Denied(name, said.Key)
		if remembered = remembered && said.Outcome == gate.Broken; remembered {
			said.Outcome, said.Detail, said.At = gate.Deny, denied.Detail, denied.At
		}
		p.verdicts.add(Verdict{Manifest: j.manifest.Name, Target: j.target.ID, Source: s.query.String(), Tag: v.decision.Tag, Remembered: remembered, Verdict: said})
		switch said.Outcome {
		case gate.Pass:
		case gate.Deny:
			return j.holdBack(v, refusal{reason: policy.GateDenied, why: strings.TrimSuffix("denied by the gate "+name+": "+said.Detail, ": "),
				hint: "exclude it with policy.exclude or pawl quarantine where it stays so; gates in .pawl.yaml says which exit codes deny"}), nil
		default:
			return j.holdBack(v, refusal{reason: policy.GateMissing, why: strings.TrimSuffix("not judged by the gate "+name+": "+said.Detail, ": "),
				hint: "run pawl gates --verdicts FILE before, and give the file to pawl run --verdicts FILE"}), nil
		}
	}
	return verdict{}, nil
}

// subject is what gates are told of the version that a value is about to get.
func (p Planner) subject(ctx context.Context, s *snapshot, j *job, v *value) (gate.Subject, error) {
	one := gate.Subject{Kind: string(s.query.Kind), Image: s.query.String(), Tag: cmp.Or(v.tag, j.written(s, v, v.decision.Tag)), Version: v.decision.Tag,
		Digest: v.digest, Current: v.scalar.Value, Manifest: j.manifest.Name}
	artifact := s.query.Artifact(one.Tag)
	if s.query.OCI() {
		one.Image = artifact.Repository
		if one.Digest == "" {
			var err error
			if one.Digest, err = p.digest(ctx, s, one.Tag); err != nil && !errors.Is(err, source.ErrNotFound) {
				return gate.Subject{}, err
			}
		}
		artifact.Version = one.Digest
	} else {
		artifact = s.query.Artifact(one.Version)
	}
	one.Artifact = artifact.String()
	return one, nil
}

// verdicts collects what gates said in a plan.
type verdicts struct {
	mu   sync.Mutex
	said []Verdict
}

func (c *verdicts) add(v Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, v)
}

// all are the verdicts in the order of manifests, targets, versions and gates, each once.
func (c *verdicts) all() []Verdict {
	same := func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Manifest, b.Manifest), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Gate, b.Gate))
	}
	slices.SortStableFunc(c.said, same)
	return slices.CompactFunc(c.said, func(a, b Verdict) bool { return same(a, b) == 0 })
}
