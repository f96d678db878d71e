package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// age lets a version pass that pawl has known for as long as the policy wants. It counts from when pawl first saw the version with
// the digest that it has now, so that a tag which moves starts anew, and no publisher can date it back; of an immutable release it
// counts from when GitHub published it.
type age struct{}

func (age) judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	if p.sightings == nil || j.source.Policy.Age <= 0 || !p.rises(s, j, v) {
		return verdict{}, nil
	}
	if at := s.published(v.decision.Tag); !at.IsZero() {
		return p.young(j, v, "published", at), nil
	}
	digest := v.digest
	if digest == "" && s.query.OCI() { // of a chart, and of an image whose digest is chosen by its version
		var err error
		if digest, err = p.digest(ctx, s, j.written(s, v, v.decision.Tag)); err != nil && !errors.Is(err, source.ErrNotFound) {
			return verdict{}, err
		}
	}
	seen := p.sightings.sight(p, s.query.String(), v.decision.Tag, digest)
	return p.young(j, v, "first seen", seen.At), nil
}

// young holds a version back until its age is over; what happened at the time that it counts from.
func (p Planner) young(j *job, v *value, what string, since time.Time) verdict {
	end := since.Add(j.source.Policy.Age)
	if !p.Now.Before(end) {
		return verdict{}
	}
	why := fmt.Sprintf("too young: %s %s, takes part from %s on", what, ledger.Minute(since), ledger.Minute(end))
	return j.holdBack(v, refusal{reason: policy.TooYoung, why: why})
}

// published is when a version was published as an immutable release, zero for any other.
func (s *snapshot) published(tag string) time.Time {
	for _, r := range s.listing {
		if r.Tag == tag {
			return r.Published
		}
	}
	return time.Time{}
}

// rises reports whether the version that a value is about to get has to pass what holds new versions back: every move up has, but
// for one that a person named, and the new digest of a version that stays.
func (p Planner) rises(s *snapshot, j *job, v *value) bool {
	d := v.decision
	switch {
	case !v.updated(), d.Reason == policy.RolledBack, d.Reason == policy.PinnedDown, d.Reason == policy.HeldByPolicy:
		return false
	case d.Reason == policy.Quarantined:
		named := func(q quarantined) bool { return q.Version == d.Tag }
		return !slices.ContainsFunc(p.quarantines(s.query), named) && (!j.source.Filter.Ordered() || p.request(s, j, v).Rises(d.Tag))
	case j.target.Digest:
		return !slices.ContainsFunc(v.beside, (*value).updated) // the tag beside it has been asked about
	default:
		return true
	}
}

// sightings collects what a plan saw.
type sightings struct {
	mu   sync.Mutex
	seen []ledger.Sighting
}

// sight is the first sighting of a version, which may be this one.
func (c *sightings) sight(p Planner, source, tag, digest string) ledger.Sighting {
	s, found := p.Ledger.Sighted(source, tag, digest)
	if !found || s.At.After(p.Now) {
		s = ledger.Sighting{Source: source, Tag: tag, Digest: digest, At: p.Now.UTC().Truncate(time.Second)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, s)
	return s
}

// all are the sightings in their order, each once.
func (c *sightings) all() []ledger.Sighting {
	if c == nil {
		return nil
	}
	order := func(a, b ledger.Sighting) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Digest, b.Digest))
	}
	slices.SortFunc(c.seen, order)
	return slices.CompactFunc(c.seen, func(a, b ledger.Sighting) bool { return order(a, b) == 0 })
}

// passed tells of a version of a source whether every value that follows it is there already or beyond; one of a source that
// nothing follows any more has been passed too.
func passed(jobs []*job) func(source, tag string) bool {
	values := map[string][]string{}
	for _, j := range jobs {
		name := j.source.Query.String()
		for _, v := range j.values {
			if !j.target.Digest {
				values[name] = append(values[name], j.plain(v.scalar.Value))
			}
		}
		if j.failure != nil || j.target.Digest {
			values[name] = append(values[name], "") // nothing is known of it: it stays
		}
	}
	return func(source, tag string) bool {
		for _, value := range values[source] {
			if value == "" || policy.Compare(value, tag) <= 0 && value != tag {
				return false
			}
		}
		return true
	}
}

// plain is the tag that a value seems to stand for, without a look at the listing.
func (j *job) plain(text string) string {
	bare, _ := policy.SplitDigest(text)
	if all := j.transform().Undo(bare); len(all) > 0 && !j.transform().Identity() {
		return all[0]
	}
	return bare
}
