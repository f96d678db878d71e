package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// Historian tells what stood in a file: what pawl's own commits on the base branch left there, the newest first. With a commit
// it is the past of that one, which comes first.
type Historian interface {
	Past(ctx context.Context, file, commit string) ([]Revision, error)
}

// Revision is a file as a commit left it.
type Revision struct {
	Bytes []byte
	// Replaced are the updates of the commit as far as it is certain what stood there before.
	Replaced []change.Update
}

// quarantined is a lever with the artifact that it is about.
type quarantined struct {
	ledger.Lever
	artifact source.Artifact
}

// covers reports whether it is about a version of a source; digest is empty while it is not known.
func (q quarantined) covers(of source.Query, tag, digest string) bool {
	return q.artifact.Covers(of, tag, digest)
}

func (q quarantined) why() string { return "quarantined: " + q.Why() }

// quarantines are those that are about a source.
func (p Planner) quarantines(of source.Query) []quarantined {
	var all []quarantined
	for _, lever := range p.Ledger.LeversOf(ledger.Quarantine, p.Now) {
		if a, err := source.ParseArtifact(lever.Subject); err == nil && a.Of(of) {
			all = append(all, quarantined{lever, a})
		}
	}
	return all
}

// barred says of a source's tags why they must not be written; nil when none is quarantined or known as too young.
func (p Planner) barred(s *snapshot, j *job) func(tag string) (policy.Reason, string) {
	all := p.quarantines(s.query)
	if len(all) == 0 && len(j.young) == 0 {
		return nil
	}
	return func(tag string) (policy.Reason, string) {
		for _, q := range all {
			if q.covers(s.query, tag, s.digests[tag]) {
				return policy.Quarantined, q.why()
			}
		}
		return policy.TooYoung, j.young[tag]
	}
}

// quarantine passes a version on to the next one when the digest that the registry has for it is quarantined.
type quarantine struct{}

func (quarantine) judge(_ context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	if v.digest == "" || v.decision.Outcome != policy.Update {
		return verdict{}, nil
	}
	for _, q := range p.quarantines(s.query) {
		if !q.covers(s.query, v.decision.Tag, v.digest) {
			continue
		}
		if j.target.Digest {
			return verdict{reason: policy.Quarantined, detail: v.decision.Tag + " is " + q.why()}, nil
		}
		j.chosen, v.digest = nil, "" // the digest is known now, so that the tag is barred
		return verdict{next: true}, nil
	}
	return verdict{}, nil
}

// held is the policy of a job: a hold of the ledger comes before the manifest's.
func (p Planner) held(j *job) policy.Policy {
	rules := j.manifest.Policy
	if lever, ok := p.Ledger.LeverOf(ledger.Hold, j.manifest.Name, p.Now); ok {
		rules.Hold = &policy.Hold{Version: lever.Version, Reason: lever.Why()}
	}
	return rules
}

// braked decides about a value that must leave its version, because that is quarantined or the manifest is rolled back. False
// leaves the choice to the policy.
func (p Planner) braked(ctx context.Context, s *snapshot, j *job, v *value) (policy.Decision, bool, error) {
	if len(p.Ledger.Levers) == 0 {
		return policy.Decision{}, false, nil
	}
	q, bad, err := p.standsAt(ctx, s, j, v)
	if err != nil {
		return policy.Decision{}, false, err
	}
	if bad {
		d, err := p.leave(ctx, s, j, v, q)
		return d, true, err
	}
	if lever, ok := p.Ledger.LeverOf(ledger.Rollback, j.manifest.Name, p.Now); ok {
		d, err := p.rollBack(ctx, s, j, v, lever)
		return d, true, err
	}
	return policy.Decision{}, false, nil
}

// standsAt finds the quarantine of what the file holds now.
func (p Planner) standsAt(ctx context.Context, s *snapshot, j *job, v *value) (quarantined, bool, error) {
	all := p.quarantines(s.query)
	if len(all) == 0 {
		return quarantined{}, false, nil
	}
	tag, digests := j.tagOf(s, v.scalar.Value), []string{v.pinned()}
	for _, b := range v.beside {
		digests = append(digests, b.scalar.Value[strings.LastIndexByte(b.scalar.Value, '@')+1:])
	}
	for _, q := range all {
		for _, d := range digests {
			if q.covers(s.query, tag, d) {
				return q, true, nil
			}
		}
	}
	byDigest := func(q quarantined) bool { return q.artifact.Type == "oci" && q.artifact.Version != "" }
	if tag == "" || v.pinned() != "" || len(v.beside) > 0 || !slices.ContainsFunc(all, byDigest) || !listed(s.listing, tag) {
		return quarantined{}, false, nil
	}
	digest, err := p.digest(ctx, s, tag)
	if err != nil && !errors.Is(err, source.ErrNotFound) {
		return quarantined{}, false, err
	}
	for _, q := range all {
		if digest != "" && q.covers(s.query, tag, digest) {
			return q, true, nil
		}
	}
	return quarantined{}, false, nil
}

// tagOf is the tag that a value stands for: the listed one that gives it, else what the transformers are undone to.
func (j *job) tagOf(s *snapshot, text string) string {
	bare, _ := policy.SplitDigest(text)
	for _, r := range s.listing {
		if got, err := j.transform().Apply(r.Tag); err == nil && got == bare {
			return r.Tag
		}
	}
	if j.transform().Identity() {
		return bare
	}
	if all := j.transform().Undo(bare); len(all) > 0 {
		return all[0]
	}
	return ""
}

// leave brings a value away from a quarantined version: to the one that the person named, else up to the newest that may be
// written, else down to the highest that stood here before.
func (p Planner) leave(ctx context.Context, s *snapshot, j *job, v *value, q quarantined) (policy.Decision, error) {
	away := fmt.Sprintf("%s is %s", v.scalar.Value, q.why())
	request := p.request(s, j, v)
	request.Policy.Hold = nil
	now, others := j.tagOf(s, v.scalar.Value), request.Barred
	request.Barred = func(tag string) (policy.Reason, string) {
		if tag == now {
			return policy.Quarantined, q.why() // by its digest, which the tag need not have any more
		}
		return others(tag)
	}
	if now != "" && !listed(request.Listing, now) {
		request.Listing = append(slices.Clone(request.Listing), source.Release{Tag: now}) // it may have been withdrawn; it is compared and never chosen
	}
	if q.Version != "" {
		request.Policy.Hold = &policy.Hold{Version: q.Version}
		if d := policy.Decide(request); d.Outcome == policy.Update {
			return because(d, policy.Quarantined, away+"; to "+d.Tag+", which was named"), nil
		}
		request.Policy.Hold = nil
	}
	if d := policy.Decide(request); !j.noUp && d.Outcome == policy.Update && d.Reason == policy.NewestMatch && request.Filter.Ordered() {
		return because(d, policy.Quarantined, away+"; "+d.Tag+" is newer"), nil
	}
	past, err := p.past(ctx, j, v, "")
	if err != nil {
		return policy.Decision{}, err
	}
	request.Listing = slices.DeleteFunc(slices.Clone(request.Listing), func(r source.Release) bool {
		text, err := j.transform().Apply(r.Tag)
		return r.Tag != now && (err != nil || !slices.Contains(past, text))
	})
	if d := policy.Decide(request); d.Outcome == policy.Update {
		return because(d, policy.Quarantined, away+"; back to "+d.Tag+", which was merged here before"), nil
	}
	return policy.Decision{Outcome: policy.Failed, Reason: policy.Quarantined, Detail: away + ", and nothing is newer or was merged here before",
		Hint: "name the version to go to with pawl quarantine ... --use VERSION, or write it by hand"}, nil
}

// rollBack brings a value back to the version that the person named, else to the last different one that stood there, and
// keeps it there.
func (p Planner) rollBack(ctx context.Context, s *snapshot, j *job, v *value, lever ledger.Lever) (policy.Decision, error) {
	request, version := p.request(s, j, v), lever.Version
	if version == "" {
		past, err := p.past(ctx, j, v, lever.Base)
		if err != nil {
			return policy.Decision{}, err
		}
		at := slices.IndexFunc(past, func(text string) bool { return text != past[0] })
		if at < 0 {
			return policy.Decision{Outcome: policy.Failed, Reason: policy.RolledBack, Detail: "nothing that was merged here before is known: " + lever.Why(),
				Hint: "name the version to go to with pawl rollback ... --to VERSION"}, nil
		}
		version = j.tagOf(s, past[at])
	}
	request.Policy.Hold = &policy.Hold{Version: version}
	d := policy.Decide(request)
	switch {
	case d.Outcome == policy.Update:
		return because(d, policy.RolledBack, "rolled back to "+d.Tag+": "+lever.Why()), nil
	case d.Reason == policy.HeldByPolicy:
		return because(d, policy.RolledBack, "rolled back to "+d.Tag+": "+lever.Why()), nil
	default:
		d.Detail = "to be rolled back: " + d.Detail
		return d, nil
	}
}

func because(d policy.Decision, reason policy.Reason, detail string) policy.Decision {
	d.Reason, d.Detail, d.Hint = reason, detail, ""
	return d
}

// past are the texts that stood in the place of a value, without their digests, the newest first: until a commit, where one is
// named.
func (p Planner) past(ctx context.Context, j *job, v *value, commit string) ([]string, error) {
	if p.Past == nil {
		return nil, nil
	}
	revisions, err := p.Past.Past(ctx, j.target.File, commit)
	if err != nil {
		return nil, err
	}
	var all []string
	add := func(text string) {
		text, _ = policy.SplitDigest(text)
		all = append(all, text)
	}
	for _, r := range revisions {
		file, err := j.target.Address().Open(j.target.File, r.Bytes)
		if err != nil {
			continue // another pawl may have kept another file there
		}
		scalars, err := j.target.Address().Find(file)
		if err != nil {
			continue
		}
		for _, s := range scalars {
			if s.Document == v.scalar.Document && s.Key == v.scalar.Key {
				add(s.Value)
			}
		}
		for _, u := range r.Replaced {
			if u.File == j.target.File && u.Document == v.scalar.Document && u.Key == v.scalar.Key {
				add(u.Old)
			}
		}
	}
	return all, nil
}
