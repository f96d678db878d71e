package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
)

// maxYoung is how many candidates of a value are looked at that turn out to be too young.
const maxYoung = 3

// age lets a version pass that pawl has known for as long as the policy wants. It counts from when pawl first saw the version with
// the digest that it has now, so that a tag which moves starts anew, and no publisher can date it back.
type age struct{}

func (age) judge(_ context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	if p.sightings == nil || j.manifest.Policy.Age <= 0 || !p.ages(s, j, v) {
		return verdict{}, nil
	}
	seen := p.sightings.sight(p, s.query.String(), v.decision.Tag, v.digest)
	end := seen.At.Add(j.manifest.Policy.Age)
	if !p.Now.Before(end) {
		return verdict{}, nil
	}
	why := fmt.Sprintf("too young: first seen %s, takes part from %s on", minute(seen.At), minute(end))
	if j.young == nil {
		j.young, j.youngest = map[string]string{}, v.decision.Tag+" is "+why // the newest is asked first
	}
	j.young[v.decision.Tag] = why
	if j.target.Digest || v.decision.From == v.decision.Tag || len(j.young) >= maxYoung {
		return verdict{reason: policy.TooYoung, detail: j.youngest}, nil
	}
	j.chosen, v.digest = nil, ""
	return verdict{next: true}, nil
}

// ages reports whether the version that a value is about to get has to have an age: every move up has, but for one that a
// person named, and the new digest of a version that stays.
func (p Planner) ages(s *snapshot, j *job, v *value) bool {
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

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

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

// all are the sightings in their order, each once, and the sources that were asked for an age.
func (c *sightings) all(jobs []*job) (seen []ledger.Sighting, sources []string) {
	if c == nil {
		return nil, nil
	}
	seen = c.seen
	slices.SortFunc(seen, func(a, b ledger.Sighting) int {
		return strings.Compare(a.Source+"\x00"+a.Tag+"\x00"+a.Digest, b.Source+"\x00"+b.Tag+"\x00"+b.Digest)
	})
	seen = slices.CompactFunc(seen, func(a, b ledger.Sighting) bool {
		return a.Source == b.Source && a.Tag == b.Tag && a.Digest == b.Digest
	})
	for _, j := range jobs {
		if j.failure == nil {
			sources = append(sources, j.source.Query.String())
		}
	}
	slices.Sort(sources)
	return seen, slices.Compact(sources)
}
