package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// maxMissing bounds how many listed tags of one image may turn out not to exist before a target gives up.
const maxMissing = 10

// resolve lists each distinct source once, all at the same time (the clients limit the requests in flight for each
// host), and decides about every value that follows it.
func (p Planner) resolve(ctx context.Context, jobs []*job) {
	var wg sync.WaitGroup
	for q, group := range bySource(jobs) {
		wg.Go(func() {
			if err := p.resolveSource(ctx, q, group); err != nil {
				for _, j := range group {
					j.failure = fail(policy.SourceFailed, err)
				}
			}
		})
	}
	wg.Wait()
}

// resolveSource lists one source and decides about what follows it. The error is a fault of pawl: it stops no other source.
func (p Planner) resolveSource(ctx context.Context, q source.Query, group []*job) (err error) {
	defer fault.Guard(&err, func(cause any) error {
		return fault.New("this is a fault of pawl: please report it, with what -v prints, at https://github.com/pawl-cd/pawl/issues", "pawl failed in itself at %s: %v", q, cause)
	})
	s := p.snapshot(ctx, q)
	candidates := len(s.listing)
	p.settle(ctx, s, group)
	for _, j := range group {
		j.candidates = candidates
	}
	p.decideAll(ctx, s, group)
	if p.Survey {
		p.lookAll(s, group)
	}
	return nil
}

// bySource returns the jobs that did not fail by what they follow.
func bySource(jobs []*job) map[source.Query][]*job {
	groups := map[source.Query][]*job{}
	for _, j := range jobs {
		if j.failure == nil {
			groups[j.source.Query] = append(groups[j.source.Query], j)
		}
	}
	return groups
}

// decideAll decides about every value that follows a source: the versions first, then the digests that stand beside them.
func (p Planner) decideAll(ctx context.Context, s *snapshot, jobs []*job) {
	if s.err != nil {
		for _, j := range jobs {
			j.failure = fail(policy.SourceFailed, s.err)
		}
		return
	}
	pair(jobs)
	for _, digests := range []bool{false, true} {
		for _, j := range jobs {
			if j.target.Digest == digests {
				p.decideJob(ctx, s, j)
			}
		}
	}
	holdUnpaired(jobs)
	together(jobs)
}

func (p Planner) decideJob(ctx context.Context, s *snapshot, j *job) {
	decide := p.decide
	if j.target.Digest {
		decide = func(ctx context.Context, s *snapshot, j *job, v *value) error {
			if err := p.decideDigest(ctx, s, j, v); err != nil {
				return err
			}
			_, err := p.admit(ctx, s, j, v)
			return err
		}
	}
	for _, v := range j.values {
		if err := decide(ctx, s, j, v); err != nil {
			j.failure = fail(policy.SourceFailed, err)
			return
		}
		if p.Pressing != nil && v.updated() && !v.presses(p.Pressing) {
			v.decision = policy.Decision{Outcome: policy.Held, Reason: policy.HeldByPolicy, Detail: "only what a pressing brake asks for is merged now; " + v.decision.Value + " waits"}
		}
	}
}

// braking reports that a brake moves the value.
func (v *value) braking() bool { return v.updated() && v.decision.Reason.Brake() }

// presses reports whether a pressing brake moves the value, or what stands beside it.
func (v *value) presses(pressing func(ledger.Lever) bool) bool {
	if v.braking() && pressing(v.lever) {
		return true
	}
	return slices.ContainsFunc(v.beside, func(b *value) bool { return b.braking() && pressing(b.lever) })
}

// snapshot is what one source said in this run.
type snapshot struct {
	query   source.Query
	listing source.Listing
	// missing are the listed tags that turned out not to exist; digests those of the tags that do.
	missing map[string]bool
	digests map[string]string
	// announced is a tag that is not listed and that an event told of.
	announced string
	// tags are those of the listing, once somebody has asked for one.
	tags map[string]bool
	// empty says why the listing is empty, where that is known.
	empty *source.EmptyError
	// err says why there is no listing.
	err error
}

func (p Planner) snapshot(ctx context.Context, q source.Query) *snapshot {
	listing, err := p.Lister.List(ctx, q)
	s := &snapshot{query: q, listing: listing, missing: map[string]bool{}, digests: map[string]string{}, err: err}
	if errors.As(err, &s.empty) {
		s.err = nil
	}
	return s
}

// decide chooses a version for one value that every gate lets pass.
func (p Planner) decide(ctx context.Context, s *snapshot, j *job, v *value) error {
	for range maxMissing {
		d, braked, err := p.braked(ctx, s, j, v)
		if err != nil {
			return err
		}
		if !braked {
			d = p.choose(s, j, v)
		}
		if d.Outcome == policy.Held && len(j.refused) > 0 && (d.Reason == policy.Quarantined || d.Reason == j.newest.reason) {
			d.Reason, d.Detail, d.Hint = j.newest.reason, j.newest.why+"; "+v.scalar.Value+" stays", j.newest.hint // what is quarantined does not compete
		}
		v.decision = d
		j.sayUnmade(v)
		j.guardText(v)
		p.objections(s, j, v)
		if again, err := p.admit(ctx, s, j, v); err != nil || !again {
			return err
		}
	}
	return fmt.Errorf("resolving %s: %d listed tags do not exist", s.query, maxMissing)
}

// choose lets the policy decide, once for all values of a job that say the same: a wildcard may select thousands.
func (p Planner) choose(s *snapshot, j *job, v *value) policy.Decision {
	if d, ok := j.chosen[v.scalar.Value]; ok {
		return d
	}
	d := p.ask(s, j, v)
	if j.chosen == nil {
		j.chosen = map[string]policy.Decision{}
	}
	j.chosen[v.scalar.Value] = d
	return d
}

func (p Planner) ask(s *snapshot, j *job, v *value) policy.Decision {
	request := p.request(s, j, v)
	if len(request.Listing) == 0 && len(s.listing) > 0 {
		return otherTypes(len(s.listing))
	}
	d := policy.Decide(request)
	if d.Reason == policy.EmptyListing && s.empty != nil {
		d.Detail, d.Hint = s.empty.Detail, s.empty.Hint
	}
	return d
}

func (p Planner) request(s *snapshot, j *job, v *value) policy.Request {
	listing := s.listing
	if s.query.Kind == source.GitHubRelease {
		listing = j.source.Types.Keep(listing)
	}
	return s.withAnnounced(policy.Request{
		Listing: listing, Current: v.scalar.Value, Transform: j.transform(), Filter: j.source.Filter,
		Policy: p.held(j), Missing: j.absent(s), Barred: p.barred(s, j, v), Now: p.Now,
	})
}

// otherTypes is the answer when a type filter leaves no release.
func otherTypes(listed int) policy.Decision {
	return policy.Decision{Outcome: policy.None, Reason: policy.NoMatch, Detail: fmt.Sprintf("none of %d releases is of a type that counts", listed),
		Hint: "typefilter: {release: true, prerelease: true} counts both types"}
}

// objections hold an update that people object to.
func (p Planner) objections(s *snapshot, j *job, v *value) {
	if !v.updated() {
		return
	}
	verdict := p.Ledger.Judge(ledger.Proposal{
		Place: ledgerPlace(v.place()),
		Asker: j.asker(),
		Base:  v.scalar.Value, Current: v.decision.From, Value: v.decision.Value, Version: v.decision.Tag,
		Braked: v.decision.Reason.Brake(),
	}, j.source.Filter.Order(j.source.Policy, s.listing))
	if verdict.Held() {
		outcome := policy.Held
		if no, _ := p.Ledger.Rejected(ledgerPlace(v.place()), j.asker(), v.decision.Tag); v.braking() && no.At.Before(v.lever.At) {
			outcome = policy.Failed // the brake is the newer word, and cannot be done
		}
		v.decision = policy.Decision{Outcome: outcome, Reason: policy.Reason(verdict.Reason), Detail: verdict.Detail, Hint: verdict.Hint}
	}
}

// asker is the manifest as the ledger knows it.
func (j *job) asker() ledger.Asker {
	return ledger.Asker{Manifest: j.manifest.Name, Digest: j.manifest.Digest}
}

// transform makes the text of a version: the source's transformers, followed by the target's. Those of a target that
// writes a digest apply to the digest.
func (j *job) transform() source.Transform {
	if j.target.Digest {
		return j.source.Transform
	}
	return j.source.Transform.Then(j.target.Transform)
}

// digest asks for each tag of a source once.
func (p Planner) digest(ctx context.Context, s *snapshot, tag string) (string, error) {
	if d, ok := s.digests[tag]; ok {
		return d, nil
	}
	d, err := p.Digester.Digest(ctx, s.query, tag)
	if err == nil {
		s.digests[tag] = d
	}
	return d, err
}
