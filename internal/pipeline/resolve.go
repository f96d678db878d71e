package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// maxMissing bounds how many listed tags of one image may turn out not to exist before a target gives up.
const maxMissing = 10

// resolve lists each distinct source once, all at the same time (the clients limit the requests in flight for each
// host), and decides about every value that follows it.
func (p Pipeline) resolve(ctx context.Context, jobs []*job) {
	groups := map[source.Query][]*job{}
	for _, j := range jobs {
		if j.failure == nil {
			groups[j.source.Query] = append(groups[j.source.Query], j)
		}
	}
	var wg sync.WaitGroup
	for q, group := range groups {
		wg.Go(func() { p.resolveSource(ctx, q, group) })
	}
	wg.Wait()
}

// resolveSource decides about all values that follow one source.
func (p Pipeline) resolveSource(ctx context.Context, q source.Query, jobs []*job) {
	s := p.snapshot(ctx, q)
	if s.err != nil {
		for _, j := range jobs {
			j.failure = fail(policy.SourceFailed, s.err)
		}
		return
	}
	candidates := len(s.listing)
	p.settle(ctx, s, jobs)
	for _, j := range jobs {
		j.candidates = candidates
		for _, v := range j.values {
			if err := p.decide(ctx, s, j, v); err != nil {
				j.failure = fail(policy.SourceFailed, err)
				break
			}
		}
	}
}

// snapshot is what one source said in this run.
type snapshot struct {
	query   source.Query
	listing source.Listing
	// missing are the listed tags that turned out not to exist; digests those of the tags that do.
	missing map[string]bool
	digests map[string]string
	// empty says why the listing is empty, where that is known.
	empty *source.EmptyError
	// err says why there is no listing.
	err error
}

func (p Pipeline) snapshot(ctx context.Context, q source.Query) *snapshot {
	listing, err := p.Lister.List(ctx, q)
	s := &snapshot{query: q, listing: listing, missing: map[string]bool{}, digests: map[string]string{}, err: err}
	if errors.As(err, &s.empty) {
		s.err = nil
	}
	return s
}

// decide chooses a version for one value. An image's tag must exist before it is written: one that does not gives way
// to the next.
func (p Pipeline) decide(ctx context.Context, s *snapshot, j *job, v *value) error {
	for range maxMissing {
		request := p.request(s, j, v)
		if len(request.Listing) == 0 && len(s.listing) > 0 {
			v.decision = otherTypes(len(s.listing))
			return nil
		}
		v.decision = policy.Decide(request)
		if v.decision.Reason == policy.EmptyListing && s.empty != nil {
			v.decision.Detail, v.decision.Hint = s.empty.Detail, s.empty.Hint
		}
		if v.decision.Outcome == policy.Update {
			p.ask(s, j, v)
		}
		if v.decision.Outcome != policy.Update || s.query.Kind != source.Image {
			return nil
		}
		digest, err := p.digest(ctx, s, v.decision.Tag)
		if err == nil {
			v.digest = digest
			return nil
		}
		if !errors.Is(err, source.ErrNotFound) {
			return err
		}
		s.missing[v.decision.Tag] = true
	}
	return fmt.Errorf("resolving %s: %d listed tags do not exist", s.query, maxMissing)
}

func (p Pipeline) request(s *snapshot, j *job, v *value) policy.Request {
	listing := s.listing
	if s.query.Kind == source.GitHubRelease {
		listing = j.source.Types.Keep(listing)
	}
	return policy.Request{
		Listing: listing, Current: v.scalar.Value, Transform: j.transform(), Filter: j.source.Filter,
		Policy: j.manifest.Policy, Missing: s.missing, Now: p.Now,
	}
}

// otherTypes is the answer when a type filter leaves no release.
func otherTypes(listed int) policy.Decision {
	return policy.Decision{Outcome: policy.None, Reason: policy.NoMatch, Detail: fmt.Sprintf("none of %d releases is of a type that counts", listed),
		Hint: "set typefilter: {prerelease: true} to follow prereleases, or {release: true} for full releases"}
}

// ask holds an update that people object to.
func (p Pipeline) ask(s *snapshot, j *job, v *value) {
	verdict := p.Ledger.Judge(ledger.Proposal{
		Place: ledger.Place{File: j.target.File, Document: v.scalar.Document, Key: v.scalar.Key},
		Asker: ledger.Asker{Manifest: j.manifest.Name, Digest: j.manifest.Digest},
		Base:  v.scalar.Value, Current: v.decision.From, Value: v.decision.Value, Version: v.decision.Tag,
	}, j.source.Filter.Order(j.manifest.Policy.Loose, s.listing))
	if verdict.Held() {
		v.decision = policy.Decision{Outcome: policy.Held, Reason: policy.Reason(verdict.Reason), Detail: verdict.Detail, Hint: verdict.Hint}
	}
}

// transform is the source's transformers followed by the target's.
func (j *job) transform() source.Transform { return j.source.Transform.Then(j.target.Transform) }

// digest asks for each tag of a source once.
func (p Pipeline) digest(ctx context.Context, s *snapshot, tag string) (string, error) {
	if d, ok := s.digests[tag]; ok {
		return d, nil
	}
	d, err := p.Digester.Digest(ctx, s.query, tag)
	if err == nil {
		s.digests[tag] = d
	}
	return d, err
}
