package observe

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
)

// derivedPull is what was made of a state.
type derivedPull struct {
	state    forge.PullState
	mergedAt time.Time
	events   []event.Message
}

type pipelineKey struct {
	project string
	id      int64
}

// lookAfter looks once at each pipeline of earlier runs whose end nobody has told, where pipelines are followed: at the
// newest first, for a moment, and at no other one of a GitLab that does not answer.
func (o *Observer) lookAfter(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, glances)
	defer cancel()
	silent := map[string]bool{}
	for _, c := range slices.Backward(o.unfinished()) {
		p, known := o.projectOf(c)
		if !known || p.API == "" || silent[c.Server] || ctx.Err() != nil {
			continue
		}
		answer, err := o.glance(ctx, p, c.PipelineID)
		if silent[c.Server] = errors.Is(err, context.DeadlineExceeded); err == nil {
			o.look(func() { o.followed[pipelineKey{c.Project, c.PipelineID}] = answer })
		}
	}
}

// glance looks at one pipeline.
func (o *Observer) glance(ctx context.Context, p deploy.Project, id int64) (deploy.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := o.triggerer.Follow(ctx, p, id, 0)
	return answer, errors.Join(err, ctx.Err())
}

// projectOf is the project of a claim, when it is still where it was.
func (o *Observer) projectOf(c ledger.Claim) (deploy.Project, bool) {
	for _, p := range o.Projects {
		if server, path, err := p.Endpoint(); err == nil && p.Name == c.Project && server == c.Server && path == c.Path {
			return p, true
		}
	}
	return deploy.Project{}, false
}

// unfinished are the pipelines that this run has not followed and of whose end some sink does not know.
func (o *Observer) unfinished() []ledger.Claim {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.Wait || !o.sends() || o.triggerer == nil || o.ledger == nil {
		return nil
	}
	return slices.DeleteFunc(o.accepted(), func(c ledger.Claim) bool {
		_, followed := o.followed[pipelineKey{c.Project, c.PipelineID}]
		return followed || slices.ContainsFunc(ends, func(status string) bool {
			return o.lacking(o.teller.PipelineFinished(pipelineOf(c), status, c.Queued)).nobody()
		})
	})
}

// accepted are the pipelines of the last days, in the order in which they are told.
func (o *Observer) accepted() []ledger.Claim {
	since := o.Clock().Add(-retold)
	claims := slices.DeleteFunc(slices.Clone(o.ledger.Claims), func(c ledger.Claim) bool {
		return c.State != ledger.Accepted || c.PipelineID == 0 || c.Path == "" || c.Queued.Before(since)
	})
	slices.SortStableFunc(claims, func(a, b ledger.Claim) int {
		return cmp.Or(cmp.Compare(a.Pull, b.Pull), a.MergedAt.Compare(b.MergedAt), cmp.Compare(a.Project, b.Project))
	})
	return claims
}

// catchUp tells what the forge and the ledger show and somebody lacks: of this run and of earlier ones. Without the pull
// requests it tells what the ledger shows.
func (o *Observer) catchUp() {
	if o.ledger == nil || o.Silent {
		return
	}
	all := o.derive()
	if o.before == nil {
		o.before = map[string]bool{}
		for _, d := range all {
			o.before[d.ID] = true
		}
	}
	for _, m := range all {
		if to := o.lacking(m); !to.all || !o.before[m.ID] {
			o.tell(m, to)
		}
	}
}

// derive makes the events of what the forge and the ledger show: the same for the same state, whoever asks.
func (o *Observer) derive() []event.Message {
	var all []event.Message
	since := o.Clock().Add(-retold)
	show := func(m event.Message) {
		o.shown[m.ID] = true
		all = append(all, m)
	}
	for _, l := range o.ledger.Levers {
		if artifact, err := source.ParseArtifact(l.Subject); l.Kind == ledger.Quarantine && err == nil && l.At.After(since) {
			show(o.teller.Excluded(event.Exclude{Artifact: artifact, Rule: "quarantine", Reason: l.Reason, Cause: l.Event, Until: l.Until, At: l.At}))
		}
	}
	for _, number := range slices.Sorted(maps.Keys(o.pulls)) {
		if p := o.pulls[number]; p.Open() || p.At.After(since) {
			for _, m := range o.derivedOf(p) {
				show(m)
			}
		}
	}
	for _, c := range o.accepted() {
		o.derivePipeline(c, show)
	}
	return all
}

// derivedOf are the events of a pull request, made anew when it changed.
func (o *Observer) derivedOf(p forge.PullState) []event.Message {
	mergedAt := o.mergedAt(p)
	known, ok := o.derived[p.Number]
	if !ok || !known.mergedAt.Equal(mergedAt) || !reflect.DeepEqual(known.state, p) {
		known = derivedPull{state: p, mergedAt: mergedAt}
		o.derivePull(p, mergedAt, func(m event.Message) { known.events = append(known.events, m) })
		o.derived[p.Number] = known
	}
	return known.events
}

// derivePull makes the events of a pull request, in their order. Of one that was revised nobody can say any more what it
// was opened with.
func (o *Observer) derivePull(p forge.PullState, mergedAt time.Time, show func(event.Message)) {
	c := event.Change{Number: p.Number, URI: p.URL, Branch: p.Branch, HeadSHA: p.HeadSHA, Title: p.Title, Chain: p.Says.Chain, Require: string(p.Says.Require.Known()), RollbackOf: p.Says.RollbackOf, CausedBy: p.Says.CausedBy, At: p.Created}
	for _, u := range p.Updates() {
		c.Updates = append(c.Updates, o.update(u))
	}
	revised := run.Revised(p, o.Clock())
	opened, head := c, p.Created
	if revised {
		head = p.Says.Revised.At
		opened.Title, opened.Updates, opened.RollbackOf, opened.CausedBy = "", nil, nil, nil
	} else {
		o.deriveFound(p, c.Updates, head, show)
	}
	show(o.teller.BranchCreated(event.Branch{Name: p.Branch, Change: p.Number, Chain: c.Chain, Updates: opened.Updates, At: p.Created}))
	show(o.teller.ChangeCreated(opened))
	if revised {
		o.deriveFound(p, c.Updates, head, show)
		c.At = head
		show(o.teller.ChangeUpdated(c))
	}
	if p.Armed {
		show(o.teller.AutoMergeEnabled(c, head))
	}
	switch {
	case p.Open():
	case p.Merged:
		show(o.teller.ChangeMerged(c, event.Merge{Commit: p.SHA, Auto: p.Armed, At: mergedAt}))
	case p.Withdrawn:
		show(o.teller.ChangeAbandoned(c, event.Abandon{Reason: event.Withdrawn, At: p.At}))
	default:
		show(o.teller.ChangeAbandoned(c, event.Abandon{Reason: event.Closed, At: p.At}))
	}
}

// mergedAt is when a pull request was merged, as the run that merged it recorded it: what the forge answers to a merge and
// what it shows afterwards may be a second apart.
func (o *Observer) mergedAt(p forge.PullState) time.Time {
	for _, v := range o.ledger.Values {
		if v.Commit == p.SHA {
			return v.At
		}
	}
	return p.At
}

// deriveFound makes the events of the versions that a pull request says it was made for.
func (o *Observer) deriveFound(p forge.PullState, updates []event.Update, at time.Time, show func(event.Message)) {
	for i, u := range updates[:min(len(updates), event.MaxUpdates)] {
		reason := cmp.Or(strings.TrimSpace(p.Says.Updates[i].Reason), string(policy.NewestMatch))
		show(o.teller.Found(event.Find{Update: u, Policy: reason, Announced: o.announced(u.Artifact), Chain: p.Says.Chain, At: at}))
	}
}

// pipelineOf is the one of a claim, wherever its project is by now.
func pipelineOf(c ledger.Claim) event.Pipeline {
	return event.Pipeline{Server: c.Server, Project: c.Path, Name: c.Project, ID: c.PipelineID, URI: c.URL, Ref: c.Ref, Commit: c.Commit, Change: c.Pull, Chain: c.Chain}
}

// derivePipeline makes the events of a pipeline.
func (o *Observer) derivePipeline(c ledger.Claim, show func(event.Message)) {
	p := pipelineOf(c)
	show(o.teller.PipelineQueued(p, c.Queued))
	last, followed := o.followed[pipelineKey{c.Project, c.PipelineID}]
	if !followed {
		return
	}
	if !last.Started.IsZero() {
		show(o.teller.PipelineStarted(p, last.Started))
	}
	if !last.Finished.IsZero() && slices.Contains(ends, last.Status) {
		show(o.teller.PipelineFinished(p, last.Status, last.Finished))
	}
}

// ends are GitLab's words for a pipeline that is over.
var ends = []string{"success", "failed", "canceled", "skipped"}
