package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

const (
	// retold is how long an event that a receiver has not got is told again by later runs.
	retold = 7 * 24 * time.Hour
	// patience is how long a write of the ledger waits for receivers, so that it can say what they got, and how long one
	// look at a pipeline of an earlier run may take; glances is how long all of these may.
	patience = 2 * time.Second
	glances  = 10 * time.Second
)

// Outbox keeps events until their receivers have them.
type Outbox interface {
	// Sinks are the names of the receivers.
	Sinks() []string
	// Add keeps an event for the receivers that are named.
	Add(m event.Message, sinks []string) error
	// Deliver hands over what waits until the context ends.
	Deliver(ctx context.Context)
	// Settled are the ids of the events that each receiver acknowledged or refused for good so far.
	Settled() map[string][]string
}

// Observer tells the events of a run: it stands between the run and what it talks to, sees each step, and is seen by none.
//
// What happened to branches, pull requests and pipelines is not remembered but read: from the pull requests as the
// forge shows them and the claims of the ledger, by one function, whether this run did it or an earlier one that died
// with its outbox. So any run tells it in the same bytes. The ledger holds what each receiver has settled; the rest of
// the last days is told again.
type Observer struct {
	ObserverConfig
	teller    *event.Teller
	triggerer Triggerer

	mu sync.Mutex
	// queries are the questions to sources that are not told yet.
	queries []event.Query
	// pulls and ledger are the forge as it is now, to the knowledge of this run; before are the ids of what they showed
	// at first, nil until then.
	pulls  map[int]PullState
	ledger *ledger.Ledger
	before map[string]bool
	// derived are the events of the pull requests as they were looked at last.
	derived map[int]derivedPull
	// followed are the last looks at pipelines.
	followed map[pipelineKey]deploy.Answer
	// told are the events of this run in their order; ids holds theirs, shown those of what the forge shows.
	told       []event.Message
	ids, shown map[string]bool
	// failure is the first event that could not be kept.
	failure error
}

// derivedPull is what was made of a state.
type derivedPull struct {
	state    PullState
	mergedAt time.Time
	events   []event.Message
}

// ObserverConfig is what an Observer needs to know.
type ObserverConfig struct {
	About event.About
	// Outbox gets the events; nil keeps them in the report only.
	Outbox Outbox
	// Announced is the artifact that an incoming event told of.
	Announced event.Artifact
	// Projects are those whose pipelines may be looked after, and Wait says that they are.
	Projects []deploy.Project
	Wait     bool
	// Silent only shows the events of the run itself, for a run that writes nothing.
	Silent bool
	Clock  func() time.Time
}

type pipelineKey struct {
	project string
	id      int64
}

// Observe returns an Observer that has seen nothing yet. The error says what the source or the run lacks.
func Observe(c ObserverConfig) (*Observer, error) {
	teller, err := event.NewTeller(c.About)
	if err != nil {
		return nil, err
	}
	return &Observer{ObserverConfig: c, teller: teller, followed: map[pipelineKey]deploy.Answer{}, derived: map[int]derivedPull{}, ids: map[string]bool{}, shown: map[string]bool{}}, nil
}

// Started tells that the run begins.
func (o *Observer) Started() {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.Clock()
	if o.About.Dispatched {
		o.tell(o.teller.Queued(at), nil)
	}
	o.tell(o.teller.Started(at), nil)
}

// Finished tells how the run ended, fills the report's events, hands over what waits, and writes into the ledger what
// receivers have settled beyond what it says already. The error is the first fault of the outbox or the ledger: the run
// is what it was.
func (o *Observer) Finished(ctx context.Context, recorder Recorder, report *Report, err error) error {
	if err == nil {
		o.lookAfter(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tellEnd(report, err)
	if !o.sends() {
		return nil
	}
	o.Outbox.Deliver(ctx)
	cursors := o.news()
	if len(cursors) == 0 || ctx.Err() != nil {
		return o.failure
	}
	ctx, cancel := context.WithTimeout(ctx, recording)
	defer cancel()
	cause := recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger { return l.Advance(cursors...) })
	if err != nil {
		cause = nil // the run has failed anyway, and the next one tells the same again
	}
	return errors.Join(o.failure, cause)
}

// tellEnd tells what is left to tell.
func (o *Observer) tellEnd(report *Report, err error) {
	if o.Silent {
		o.tellFound(change.Set{Updates: report.Plan.Changes, Files: report.Plan.Files, Chain: report.Chain})
	}
	o.catchUp()
	o.tellQueries()
	finish := finishOf(*report, err)
	finish.At = o.Clock()
	o.tell(o.teller.Finished(finish), nil)
	for _, m := range o.told {
		report.Events = append(report.Events, json.RawMessage(m.Body))
	}
}

// sends reports whether anybody gets the events.
func (o *Observer) sends() bool { return o.Outbox != nil && !o.Silent }

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
			return len(o.lacking(o.teller.PipelineFinished(pipelineOf(c), status, c.Queued))) == 0
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

// tell keeps an event for the sinks that are named, for all when none is; one that was told already is not told again.
func (o *Observer) tell(m event.Message, sinks []string) {
	if o.ids[m.ID] || sinks != nil && len(sinks) == 0 {
		return
	}
	o.ids[m.ID] = true
	m.Sequence = event.Sequence(len(o.told) + 1)
	o.told = append(o.told, m)
	if !o.sends() {
		return
	}
	if sinks == nil {
		sinks = o.Outbox.Sinks()
	}
	if err := o.Outbox.Add(m, sinks); err != nil && o.failure == nil {
		o.failure = fmt.Errorf("keeping the event %s: %w", m.Type, err)
	}
}

// tellQueries tells of the questions to sources, in their order.
func (o *Observer) tellQueries() {
	slices.SortStableFunc(o.queries, func(a, b event.Query) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Repository, b.Repository), a.At.Compare(b.At))
	})
	for _, q := range o.queries {
		o.tell(o.teller.Queried(q), nil)
	}
	o.queries = nil
}

// tellFound tells of new versions and of the bytes that hold them, with all that only the run that found them knows.
func (o *Observer) tellFound(set change.Set) {
	o.tellQueries()
	if len(set.Updates) == 0 {
		return
	}
	at := o.Clock()
	updates := map[string][]event.Update{}
	for _, u := range set.Updates {
		update := o.update(u)
		updates[u.File] = append(updates[u.File], update)
		if update.Artifact.Type == "oci" {
			update.Artifact.Version = u.Digest
		}
		m := o.teller.Found(event.Find{Update: update, Policy: u.Reason, Announced: o.announced(update.Artifact), Chain: set.Chain, At: at})
		o.tell(m, o.lacking(m))
	}
	for _, f := range set.Files {
		o.tell(o.teller.Rewritten(event.Rewrite{File: f.Path, Before: digest(f.Before), After: digest(f.After), Updates: updates[f.Path], Chain: set.Chain, At: at}), nil)
	}
}

// announced reports whether an incoming event told of this very artifact.
func (o *Observer) announced(a event.Artifact) bool {
	return o.Announced.Name != "" && o.Announced.Same(a) || o.Announced.Undigested() == a && a.Name != ""
}

func (o *Observer) update(u change.Update) event.Update {
	artifact, _ := event.ParseArtifact(u.Artifact) // none is told without one
	return event.Update{Artifact: artifact, Manifest: u.Manifest, File: u.File, Document: u.Document, Key: u.Key, From: u.Old, To: u.New}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// lacking are the sinks that have not settled an event, to the ledger's knowledge; nil when that is not known.
func (o *Observer) lacking(m event.Message) []string {
	if o.Outbox == nil || o.ledger == nil {
		return nil
	}
	sinks := []string{}
	for _, sink := range o.Outbox.Sinks() {
		cursor, _ := o.ledger.CursorOf(sink)
		if _, settled := cursor.Settled[m.ID]; !settled {
			sinks = append(sinks, sink)
		}
	}
	return sinks
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
		sinks := o.lacking(m)
		if len(sinks) > 0 || sinks == nil && !o.before[m.ID] {
			o.tell(m, sinks)
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
func (o *Observer) derivedOf(p PullState) []event.Message {
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
func (o *Observer) derivePull(p PullState, mergedAt time.Time, show func(event.Message)) {
	c := event.Change{Number: p.Number, URI: p.URL, Branch: p.Branch, HeadSHA: p.HeadSHA, Title: p.Title, Chain: p.Says.Chain, Require: string(p.Says.Require.Known()), At: p.Created}
	for _, u := range p.Updates() {
		c.Updates = append(c.Updates, o.update(u))
	}
	revised := p.revised(o.Clock())
	opened, head := c, p.Created
	if revised {
		head = p.Says.Revised.At
		opened.Title, opened.Updates = "", nil
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
		show(o.teller.AutoMergeEnabled(c, event.AutoMerge, head))
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
func (o *Observer) mergedAt(p PullState) time.Time {
	for _, v := range o.ledger.Values {
		if v.Commit == p.SHA {
			return v.At
		}
	}
	return p.At
}

// deriveFound makes the events of the versions that a pull request says it was made for.
func (o *Observer) deriveFound(p PullState, updates []event.Update, at time.Time, show func(event.Message)) {
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

// news are the cursors that say more than the ledger does. They name as well what the forge shows and the ledger says
// already, so that it stays there as long as it is shown.
func (o *Observer) news() []ledger.Cursor {
	if !o.sends() || o.ledger == nil {
		return nil
	}
	var all []ledger.Cursor
	at, done := o.Clock().UTC().Truncate(time.Second), o.Outbox.Settled()
	for _, sink := range slices.Sorted(maps.Keys(done)) {
		cursor, _ := o.ledger.CursorOf(sink)
		settled := map[string]time.Time{}
		for _, id := range done[sink] {
			if _, known := cursor.Settled[id]; o.shown[id] && !known {
				settled[id] = at
			}
		}
		if len(settled) == 0 {
			continue
		}
		for id := range cursor.Settled {
			if o.shown[id] {
				settled[id] = at
			}
		}
		all = append(all, ledger.Cursor{Sink: sink, Settled: settled})
	}
	return all
}

// finishOf sums up a run.
func finishOf(report Report, err error) event.Finish {
	f := event.Finish{Outcome: event.Success}
	manifests := map[string]bool{}
	for _, out := range report.Plan.Outcomes {
		manifests[out.Manifest] = true
		switch out.Outcome {
		case policy.Update:
			f.Counts.Updated++
		case policy.Current:
			f.Counts.Current++
		case policy.Held:
			f.Counts.Held++
		case policy.None:
			f.Counts.None++
		case policy.Failed:
			f.Counts.Failed++
			f.Errors = append(f.Errors, out.Manifest+": "+out.Detail)
		}
	}
	f.Counts.Manifests = len(manifests)
	if report.Deploy != nil {
		for _, t := range report.Deploy.Triggers {
			if t.Failed() {
				f.Errors = append(f.Errors, fmt.Sprintf("deploy %s: %s: %s", t.Project, cmp.Or(t.Status, t.State), t.Detail))
			}
		}
	}
	if len(f.Errors) > 0 {
		f.Outcome = event.Failure
	}
	f.Result = resultOf(report)
	switch {
	case errors.Is(err, context.Canceled):
		f.Outcome, f.Result = event.Cancel, ""
	case err != nil:
		f.Outcome, f.Result, f.Errors = event.Error, "", append([]string{err.Error()}, f.Errors...)
	}
	return f
}

func resultOf(report Report) event.Result {
	fired := report.Deploy != nil && slices.ContainsFunc(report.Deploy.Triggers, func(t Trigger) bool { return t.Fired })
	switch {
	case report.Merge != nil && report.Merge.Outcome == "merged", fired:
		return event.Updated
	case report.Pull != nil, report.DryRun && len(report.Plan.Changes) > 0:
		return event.Pending
	default:
		return event.Noop
	}
}

// repositoryOf is what a query asks for at its host.
func repositoryOf(q source.Query) string {
	if q.Kind == source.Image {
		return q.Path
	}
	_, place, _ := strings.Cut(q.Base, "://")
	_, prefix, _ := strings.Cut(place, "/")
	return strings.Trim(prefix+"/"+q.Path, "/")
}
