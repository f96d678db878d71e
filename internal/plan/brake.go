package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// Historian tells what stood in a file: what those of pawl's own commits on the base branch left there that changed a place of it,
// the newest first. With a commit it is the past of that one, which comes first.
type Historian interface {
	Past(ctx context.Context, at ledger.Place, commit string) ([]Revision, error)
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

// covers reports whether it is about a version of a source, by its name there, by the tag that is written for it, or by the digest
// that the registry gave that tag in this run.
func (q quarantined) covers(s *snapshot, tag, written string) bool {
	return q.artifact.Covers(s.query, tag, s.digests[written]) || q.artifact.Covers(s.query, written, s.digests[written])
}

// byDigest reports whether it names the bytes.
func (q quarantined) byDigest() bool { return q.artifact.Type == "oci" && q.artifact.Version != "" }

func (q quarantined) why() string {
	if q.Kind == ledger.Withdrawn {
		return "withdrawn: " + q.Why()
	}
	return "quarantined: " + q.Why()
}

// quarantines are those that are about a source.
func (p Planner) quarantines(of source.Query) []quarantined { return p.said(ledger.Quarantine, of) }

// said are the words of a kind about versions of a source.
func (p Planner) said(kind ledger.LeverKind, of source.Query) []quarantined {
	var all []quarantined
	for _, lever := range p.Ledger.LeversOf(kind, p.Now) {
		if a, err := source.ParseArtifact(lever.Subject); err == nil && a.Of(of) {
			all = append(all, quarantined{lever, a})
		}
	}
	return all
}

// barred says of a source's tags why they must not be written to a value; nil when none is quarantined or held back by a gate.
func (p Planner) barred(s *snapshot, j *job, v *value) func(tag string) (policy.Reason, string) {
	all := p.quarantines(s.query)
	if len(all) == 0 && len(j.refused) == 0 {
		return nil
	}
	return func(tag string) (policy.Reason, string) {
		for _, q := range all {
			if q.covers(s, tag, j.written(s, v, tag)) {
				return policy.Quarantined, q.why()
			}
		}
		return j.refused[tag].reason, j.refused[tag].why
	}
}

// written is the image's tag that is written to a value for a listed one.
func (j *job) written(s *snapshot, v *value, tag string) string {
	text, err := j.transform().Apply(tag)
	if err != nil {
		return tag
	}
	return s.asked(text, v.scalar.Value, tag)
}

// quarantine passes a version on to the next one when the registry's digest for it is quarantined, and holds a way back to a
// version that was merged here with another digest.
type quarantine struct{}

func (quarantine) judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	if !v.updated() {
		return verdict{}, nil
	}
	if v.merged != "" && v.digest != "" && !strings.EqualFold(v.merged, v.digest) && j.source.Policy.Digest != policy.FollowDigest {
		return verdict{reason: policy.DigestMoved, hint: "name another version, or set policy.digest: follow to take the new digest",
			detail: fmt.Sprintf("%s was merged here as %s, and the registry gives it %s", v.decision.Tag, brief(v.merged), brief(v.digest))}, nil
	}
	all := p.quarantines(s.query)
	written := cmp.Or(v.tag, j.written(s, v, v.decision.Tag))
	if s.query.OCI() && slices.ContainsFunc(all, quarantined.byDigest) {
		if _, err := p.digest(ctx, s, written); err != nil && !errors.Is(err, source.ErrNotFound) {
			return verdict{}, err
		}
	}
	at := slices.IndexFunc(all, func(q quarantined) bool { return q.covers(s, v.decision.Tag, written) })
	switch {
	case at < 0:
		return verdict{}, nil
	case j.target.Digest && v.digest != "": // the digest itself: its version was chosen before
		return verdict{reason: policy.Quarantined, detail: v.decision.Tag + " is " + all[at].why()}, nil
	}
	j.chosen, v.digest = nil, "" // the digest is known now, so that the tag is barred
	return verdict{next: true}, nil
}

// held is the policy of a job: a hold of the ledger comes before the manifest's.
func (p Planner) held(j *job) policy.Policy {
	rules := j.source.Policy
	if lever, ok := p.Ledger.LeverOf(ledger.Hold, j.manifest.Name, p.Now); ok {
		rules.Hold = &policy.Hold{Version: lever.Version, Reason: lever.Why()}
	}
	return rules
}

// braked decides about a value that must leave its version, because that is quarantined or the manifest is rolled back. False
// leaves the choice to the policy.
func (p Planner) braked(ctx context.Context, s *snapshot, j *job, v *value) (policy.Decision, bool, error) {
	v.lever, v.merged = ledger.Lever{}, ""
	if len(p.Ledger.Levers) == 0 {
		return policy.Decision{}, false, nil
	}
	q, bad, err := p.standsAt(ctx, s, j, v)
	if err != nil {
		return policy.Decision{}, false, err
	}
	if !bad && j.source.Policy.Withdrawn == policy.ReplaceWithdrawn {
		q, bad, err = p.withdrawn(ctx, s, j, v)
	}
	if err != nil {
		return policy.Decision{}, false, err
	}
	if bad {
		d, err := p.leave(ctx, s, j, v, q)
		return d, true, err
	}
	if lever, ok := p.Ledger.LeverOf(ledger.Rollback, j.manifest.Name, p.Now); ok {
		d, err := p.rollBack(ctx, s, j, v, p.request(s, j, v), lever)
		return d, true, err
	}
	return policy.Decision{}, false, nil
}

// standsAt finds the quarantine of what the file holds now.
func (p Planner) standsAt(ctx context.Context, s *snapshot, j *job, v *value) (quarantined, bool, error) {
	all := slices.DeleteFunc(p.quarantines(s.query), func(q quarantined) bool { return q.Stay })
	if len(all) == 0 {
		return quarantined{}, false, nil
	}
	digests := slices.DeleteFunc([]string{v.pinned(), v.present}, func(d string) bool { return d == "" })
	for _, b := range v.beside {
		digests = append(digests, digestIn(b.scalar.Value))
	}
	tag := j.tagOf(s, v.scalar.Value)
	written := tag
	if in := tagIn(v.scalar.Value); s.query.Kind == source.Image && in != "" {
		written = in
	}
	if len(digests) == 0 && s.lists(tag) && slices.ContainsFunc(all, quarantined.byDigest) {
		digest, err := p.digest(ctx, s, j.written(s, v, tag))
		if err != nil && !errors.Is(err, source.ErrNotFound) {
			return quarantined{}, false, err
		}
		digests = append(digests, digest)
	}
	at := slices.IndexFunc(all, func(q quarantined) bool {
		return q.artifact.Covers(s.query, tag, "") || q.artifact.Covers(s.query, written, "") ||
			slices.ContainsFunc(digests, func(d string) bool { return d != "" && q.artifact.Covers(s.query, tag, d) })
	})
	if at < 0 {
		return quarantined{}, false, nil
	}
	return all[at], true, nil
}

// withdrawn finds the event's word that what the file holds was deleted. The source has the last one: it has to lack it.
func (p Planner) withdrawn(ctx context.Context, s *snapshot, j *job, v *value) (quarantined, bool, error) {
	all := p.said(ledger.Withdrawn, s.query)
	tag := j.tagOf(s, v.scalar.Value)
	written := j.written(s, v, tag)
	at := slices.IndexFunc(all, func(q quarantined) bool {
		named := q.artifact
		if named.Type == "oci" && named.Tag != "" {
			named.Version = "" // a deleted tag is one, whatever digest it had
		}
		pinned := v.pinned()
		return named.Covers(s.query, tag, pinned) || named.Covers(s.query, written, pinned)
	})
	if at < 0 || tag == "" {
		return quarantined{}, false, nil
	}
	if !s.query.OCI() {
		return all[at], !s.lists(tag), nil
	}
	_, err := p.digest(ctx, s, written)
	if errors.Is(err, source.ErrNotFound) {
		return all[at], true, nil
	}
	return quarantined{}, false, err
}

// digestIn is the digest in a text: behind an @, or the text itself.
func digestIn(text string) string { return text[strings.LastIndexByte(text, '@')+1:] }

// tagOf is the tag that a value stands for: the listed one that gives it, else what the transformers are undone to.
func (j *job) tagOf(s *snapshot, text string) string {
	bare, _ := policy.SplitDigest(text)
	for _, r := range s.listing {
		if got, err := j.transform().Apply(r.Tag); err == nil && got == bare {
			return r.Tag
		}
	}
	return j.plain(text)
}

// leave brings a value away from a quarantined version: to one that a person named, else up to the newest that may be written,
// unless people roll it back, else down to the highest that stood here before. What a person rejected before the quarantine
// is no way out.
func (p Planner) leave(ctx context.Context, s *snapshot, j *job, v *value, q quarantined) (policy.Decision, error) {
	v.lever = q.Lever
	away := fmt.Sprintf("%s is %s", v.scalar.Value, q.why())
	request := p.request(s, j, v)
	hold, now, others := request.Policy.Hold, j.tagOf(s, v.scalar.Value), request.Barred
	request.Policy.Hold, request.Leave = nil, true
	request.Barred = func(tag string) (policy.Reason, string) {
		if tag == now {
			return policy.Quarantined, q.why() // by its digest, which the tag need not have any more
		}
		if no, rejected := p.Ledger.Rejected(ledgerPlace(v.place()), j.asker(), tag); rejected && no.At.Before(q.At) {
			return policy.Vetoed, "rejected by a person"
		}
		if others == nil {
			return "", ""
		}
		return others(tag)
	}
	if now != "" && !listed(request.Listing, now) {
		request.Listing = append(slices.Clone(request.Listing), source.Release{Tag: now}) // it may have been withdrawn; it is compared and never chosen
	}
	if q.Version != "" {
		if d := heldAt(request, q.Version); d.Outcome == policy.Update {
			return because(d, policy.Quarantined, away+"; to "+d.Tag+", which was named"), nil
		}
	}
	back, rolled := p.Ledger.LeverOf(ledger.Rollback, j.manifest.Name, p.Now)
	if rolled {
		d, err := p.rollBack(ctx, s, j, v, request, back)
		if err != nil || d.Outcome == policy.Update {
			return because(d, policy.RolledBack, away+"; "+d.Detail), err
		}
		v.lever = q.Lever
	}
	if hold != nil && hold.Version != "" {
		request.Policy.Hold = hold
		if d := policy.Decide(request); d.Outcome == policy.Update && d.Reason == policy.HeldByPolicy {
			return because(d, policy.Quarantined, away+"; "+d.Detail), nil
		}
		request.Policy.Hold = nil
	}
	up := !rolled && !j.noUp && request.Filter.Ordered() && !void(v.scalar.Value)
	if d := policy.Decide(request); up && d.Outcome == policy.Update && d.Reason == policy.NewestMatch {
		return because(d, policy.Quarantined, away+"; "+d.Tag+" is newer"), nil
	}
	past, err := p.past(ctx, j, v, "")
	if err != nil {
		return policy.Decision{}, err
	}
	request.Listing = slices.DeleteFunc(slices.Clone(request.Listing), func(r source.Release) bool {
		_, stood := j.stoodAt(past, r.Tag)
		return r.Tag != now && (!stood || policy.Compare(r.Tag, now) > 0)
	})
	if d := policy.Decide(request); d.Outcome == policy.Update {
		v.merged, _ = j.stoodAt(past, d.Tag)
		return because(d, policy.Quarantined, away+"; back to "+d.Tag+", which was merged here before"), nil
	}
	return policy.Decision{Outcome: policy.Failed, Reason: policy.Quarantined, Detail: away + ", and nothing that may be written is newer or was merged here before",
		Hint: "name the version to go to with pawl quarantine ... --use VERSION, or write it by hand"}, nil
}

// heldAt decides as if a person held the value at a version.
func heldAt(r policy.Request, version string) policy.Decision {
	r.Policy.Hold = &policy.Hold{Version: version}
	return policy.Decide(r)
}

// rollBack brings a value back to the version that the person named, else to the last different one that stood there and may be
// written, and keeps it there. Where that cannot be, it fails.
func (p Planner) rollBack(ctx context.Context, s *snapshot, j *job, v *value, r policy.Request, lever ledger.Lever) (policy.Decision, error) {
	v.lever = lever
	failed := policy.Decision{Outcome: policy.Failed, Reason: policy.RolledBack, Hint: "name the version to go to with pawl rollback ... --to VERSION"}
	if lever.Version != "" {
		return rolledTo(heldAt(r, lever.Version), failed, lever), nil
	}
	past, err := p.past(ctx, j, v, lever.Base)
	if err != nil {
		return policy.Decision{}, err
	}
	for _, one := range past {
		if tag := j.tagOf(s, one.text); one.text != past[0].text && tag != "" && !bars(r, tag) {
			v.merged = one.digest
			return rolledTo(heldAt(r, tag), failed, lever), nil
		}
	}
	failed.Detail = "nothing that was merged here before and may be written is known: " + lever.Why()
	return failed, nil
}

// bars reports whether a tag must not be written.
func bars(r policy.Request, tag string) bool {
	if r.Barred == nil {
		return false
	}
	_, why := r.Barred(tag)
	return why != ""
}

// rolledTo words the decision of a rollback.
func rolledTo(d, failed policy.Decision, lever ledger.Lever) policy.Decision {
	if d.Reason != policy.HeldByPolicy || d.Tag == "" {
		failed.Detail = "to be rolled back: " + d.Detail
		return failed
	}
	return because(d, policy.RolledBack, "rolled back to "+d.Tag+": "+lever.Why())
}

func because(d policy.Decision, reason policy.Reason, detail string) policy.Decision {
	d.Reason, d.Detail, d.Hint = reason, detail, ""
	return d
}

// stood is what once stood in the place of a value: its text without the digest, and the digest behind or beside it.
type stood struct{ text, digest string }

// stoodAt finds a tag in the past of a value, the newest first, with its digest then.
func (j *job) stoodAt(past []stood, tag string) (digest string, found bool) {
	text, err := j.transform().Apply(tag)
	at := slices.IndexFunc(past, func(s stood) bool { return s.text == text })
	if err != nil || at < 0 {
		return "", false
	}
	return past[at].digest, true
}

// past is what stood in the place of a value, the newest first: until a commit, where one is named. Nothing is known of a digest
// alone.
func (p Planner) past(ctx context.Context, j *job, v *value, commit string) ([]stood, error) {
	if p.Past == nil || j.target.Digest {
		return nil, nil
	}
	revisions, err := p.Past.Past(ctx, ledgerPlace(v.place()), commit)
	if err != nil {
		return nil, err
	}
	var all []stood
	for _, r := range revisions {
		if text, found := v.in(r.Bytes); found {
			one := stood{}
			one.text, one.digest = policy.SplitDigest(text)
			for _, b := range v.beside {
				text, _ := b.in(r.Bytes)
				one.digest = cmp.Or(one.digest, digestIn(text))
			}
			all = append(all, one)
		}
		for _, u := range r.Replaced {
			if u.File == j.target.File && u.Document == v.scalar.Document && u.Key == v.scalar.Key {
				text, digest := policy.SplitDigest(u.Old)
				all = append(all, stood{text, digest})
			}
		}
	}
	return all, nil
}

// in is the text of the value's place in other bytes of its file; false where there is none, as in a file of another kind.
func (v *value) in(data []byte) (string, bool) {
	at := v.job.target.Address()
	file, err := at.Open(v.job.target.File, data)
	if err != nil {
		return "", false
	}
	scalars, err := at.Find(file)
	if err != nil {
		return "", false
	}
	i := slices.IndexFunc(scalars, func(s edit.Scalar) bool { return s.Document == v.scalar.Document && s.Key == v.scalar.Key })
	if i < 0 {
		return "", false
	}
	return scalars[i].Value, true
}
