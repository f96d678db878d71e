package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/wire"
)

// asleep reports whether a profile of a fleet is quiet by what is known of it: one look at its refs, and the listings, which the
// fleet shares. Whatever is not certain is no.
func (o *runOptions) asleep(ctx context.Context) bool {
	if t := o.sys.tenant; t == nil || t.fresh {
		return false
	}
	s, seen, ok := o.known(ctx)
	return ok && o.marked(ctx, s, seen, *o.sys.tenant.facts)
}

// sight is where the refs of a repository are, and by which client they were seen.
type sight struct {
	forge.Refs
	by forge.Forge
}

// known is a session of what is known of a profile, and where its refs are now.
func (o *runOptions) known(ctx context.Context) (*session, sight, bool) {
	t := o.sys.tenant
	if t.facts == nil {
		return nil, sight{}, false
	}
	s := &session{g: o.globals}
	at, err := o.at.find(s)
	if err != nil {
		return nil, sight{}, false
	}
	if s.config, s.problems = config.Parse(config.FileName, t.facts.Config); strictyaml.Failed(s.problems) {
		return nil, sight{}, false
	}
	s.settle(at)
	seen, ok := s.look(ctx)
	return s, seen, ok
}

// look tells where the refs are.
func (s *session) look(ctx context.Context) (sight, bool) {
	f, err := s.forge(s.wire().Client())
	if err != nil {
		return sight{}, false
	}
	s.g.sys.tenant.count(f)
	seen, err := f.(forge.Marker).Look(ctx) // every client is one
	return sight{seen, f}, err == nil
}

// dozing is the same for a profile of which nothing was known before it was read: it was read, but needs no run.
func (o *runOptions) dozing(ctx context.Context, s *session) bool {
	t := o.sys.tenant
	if t == nil || t.fresh || t.facts != nil && t.facts.Commit == s.commit { // then that has been looked at
		return false
	}
	facts, err := s.facts()
	if err != nil {
		return false
	}
	seen, ok := s.look(ctx)
	return ok && o.marked(ctx, s, seen, facts)
}

// facts are what a session read.
func (s *session) facts() (fleet.Facts, error) {
	text, err := s.files.ReadFile(config.FileName)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return fleet.Facts{Default: s.first, Commit: s.commit, Config: text, Queries: s.sources(s.wire().Client()).Queries()}, err
}

// marked reports whether the repository has a mark for these facts.
func (o *runOptions) marked(ctx context.Context, s *session, seen sight, facts fleet.Facts) bool {
	t := o.sys.tenant
	if seen.Open || len(seen.Marks) == 0 || seen.Base != facts.Commit || seen.Default != facts.Default {
		return false
	}
	digest, ok := o.digest(ctx, s.wire().Sources(s.wire().Client(), facts.Queries), seen.Refs, facts.Queries)
	if t.quiet = ok && seen.by.(forge.Marker).Marked(seen.Refs, digest, now(seen.by, o.sys.Now)); t.quiet {
		t.facts = &facts
	}
	return t.quiet
}

// now is the forge's time, else our own.
func now(f forge.Forge, own func() time.Time) time.Time {
	if t := f.Time(); !t.IsZero() {
		return t
	}
	return own()
}

// digest is all that the answer of a run would depend on now; false when it cannot be told.
func (o *runOptions) digest(ctx context.Context, sources *wire.Sources, seen forge.Refs, queries []source.Query) (string, bool) {
	t := o.sys.tenant
	token, _ := o.sys.Env("MERGE_TOKEN")
	d := fleet.Digest{Key: token, Version: buildVersion() + " " + buildCommit(), World: t.world, Default: seen.Default, Base: seen.Base, Ledger: seen.Ledger, Branches: seen.Branches,
		Listings: make([][sha256.Size]byte, len(queries))}
	for i, q := range queries {
		sum, err := sources.ListingDigest(ctx, q)
		if err != nil {
			return "", false
		}
		d.Listings[i] = sum
	}
	return d.String(), token != ""
}

// settleDown marks a profile of a fleet as quiet when its run had nothing to do, nothing of ours is open, and no time changes the
// answer: then the next run sees that with one request. A mark that cannot be left costs that only.
func (o *runOptions) settleDown(ctx context.Context, s *session, f forge.Forge, report run.Report) {
	t := o.sys.tenant
	if t == nil || o.dryRun {
		return
	}
	t.facts = nil
	marker := f.(forge.Marker) // every client is one
	facts, err := s.facts()
	at := now(f, o.sys.Now)
	kept, commit := marker.Seen()
	queries, only := s.asked.Listed()
	if err != nil || !only || !idle(report) || !calm(kept, len(s.config.Events.Sinks) > 0, at) {
		return
	}
	seen, err := marker.Look(ctx)
	if err != nil || seen.Base != facts.Commit || seen.Default != facts.Default {
		return
	}
	facts.Queries = queries
	t.facts = &facts
	if seen.Open || seen.Ledger != commit {
		return
	}
	digest, ok := o.digest(ctx, s.asked, seen, queries)
	if !ok || marker.Marked(seen, digest, at) {
		return
	}
	if err := marker.Mark(ctx, seen, digest, t.profile.Until(at)); err != nil {
		o.reporter().say(slog.LevelWarn, "the profile cannot be marked as quiet: "+err.Error(), "it is looked at in full each time; let the token write refs below refs/pawl/")
	}
}

// timeless are the reasons for which a value stands where it is, until something changes.
var timeless = []policy.Reason{policy.AlreadyNewest, policy.PinnedDown, policy.NotListed, policy.LowerOnly, policy.Excluded, policy.PeopleEdit, policy.Vetoed, policy.NoMatch}

// idle reports whether a run had nothing to do, and leaves nothing for a later one.
func idle(r run.Report) bool {
	if r.Pull != nil || r.Merge != nil || r.Preview != nil || r.Lost != nil || r.Paused != "" || r.Rounds > 0 ||
		len(r.Withdrawn)+len(r.Unplanned)+len(r.Disarmed)+len(r.Plan.Changes)+len(r.Plan.Seen)+len(r.Plan.Verdicts)+len(r.Plan.Levers) > 0 {
		return false
	}
	for _, d := range r.Delivery {
		if d.Waiting+d.Dead+d.Lost > 0 {
			return false
		}
	}
	return !slices.ContainsFunc(r.Plan.Outcomes, func(o plan.Outcome) bool { return !slices.Contains(timeless, o.Reason) })
}

// calm reports whether nothing in the ledger ends, waits or is open. Where events are told, the end of a pipeline is waited for.
func calm(l ledger.Ledger, tells bool, at time.Time) bool {
	for _, one := range l.Levers {
		if one.Active(at) {
			return false
		}
	}
	for _, c := range l.Claims {
		if c.State != ledger.Accepted || tells && at.Sub(c.At) < 24*time.Hour {
			return false
		}
	}
	return len(l.Pending) == 0 && !slices.ContainsFunc(l.Pulls, func(p ledger.Pull) bool { return p.End == "" })
}
