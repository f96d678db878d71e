// Package observe tells the events of a run: an Observer stands between the run and what it talks to, sees each step, and is
// seen by none. What the forge and the ledger show is told by one function (derive.go), in the same bytes by any run; what only
// the run itself knows waits in the ledger for a receiver that is away (pending.go). Its Sender hands events to receivers.
package observe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
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

// Sender hands events to their receivers.
type Sender interface {
	// Sinks are the names of the receivers.
	Sinks() []string
	// Add takes an event for the receivers that are named.
	Add(m event.Message, sinks []string) error
	// Deliver hands over what waits until the context ends.
	Deliver(ctx context.Context)
	// Settled are the ids of the events that each receiver acknowledged or refused for good so far.
	Settled() map[string][]string
}

// Observer tells the events of a run: it stands between the run and what it talks to, sees each step, and is seen by none.
//
// What happened to branches, pull requests and pipelines is not remembered but read: from the pull requests as the
// forge shows them and the claims of the ledger, by one function, whether this run did it or an earlier one that died. So
// any run tells it in the same bytes. The ledger holds what each receiver has settled; the rest of the last days is told
// again. Of what a run did that the forge does not show, the ledger keeps what receivers have not taken.
type Observer struct {
	Config
	teller    *event.Teller
	triggerer run.Triggerer

	mu sync.Mutex
	// queries are the questions to sources that are not told yet.
	queries []event.Query
	// pulls and ledger are the forge as it is now, to the knowledge of this run; before are the ids of what they showed
	// at first, nil until then.
	pulls  map[int]forge.PullState
	ledger *ledger.Ledger
	before map[string]bool
	// derived are the events of the pull requests as they were looked at last.
	derived map[int]derivedPull
	// followed are the last looks at pipelines.
	followed map[pipelineKey]deploy.Answer
	// told are the events of this run in their order; ids holds theirs, shown those of what the forge shows.
	told       []toldEvent
	ids, shown map[string]bool
	// pending are the events of earlier runs that this one hands over, nil until the ledger was read.
	pending []ledger.Pending
	// broken are those that cannot be read, which are taken out.
	broken []ledger.Pending
	// kept are the events that the ledger keeps, once this run has written it.
	kept []ledger.Pending
	// failure is the first event that could not be taken.
	failure error
}

// toldEvent is an event of this run with the sinks that it is for, and as the ledger keeps it.
type toldEvent struct {
	event.Message
	sinks []string
	bare  event.Message
}

// Config is what an Observer needs to know.
type Config struct {
	About event.About
	// Sender gets the events; nil keeps them in the report only.
	Sender Sender
	// Announced is the artifact that an incoming event told of.
	Announced source.Artifact
	// Projects are those whose pipelines may be looked after, and Wait says that they are.
	Projects []deploy.Project
	Wait     bool
	// Silent only shows the events of the run itself, for a run that writes nothing.
	Silent bool
	Clock  func() time.Time
}

// New returns an Observer that has seen nothing yet. The error says what the source or the run lacks.
func New(c Config) (*Observer, error) {
	teller, err := event.NewTeller(c.About)
	if err != nil {
		return nil, err
	}
	return &Observer{Config: c, teller: teller, followed: map[pipelineKey]deploy.Answer{}, derived: map[int]derivedPull{}, ids: map[string]bool{}, shown: map[string]bool{}}, nil
}

// Started tells that the run begins.
func (o *Observer) Started() {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.Clock()
	if o.About.Dispatched {
		o.tell(o.teller.Queued(at), everyone)
	}
	o.tell(o.teller.Started(at), everyone)
}

// Finished tells how the run ended, fills the report's events, hands over what waits, and writes into the ledger what
// receivers have settled beyond what it says already, and what they have not taken. The error is the first fault of the
// sender or the ledger: the run is what it was.
func (o *Observer) Finished(ctx context.Context, recorder run.Recorder, report *run.Report, err error) error {
	if err == nil {
		o.lookAfter(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tellEnd(report, err)
	if !o.sends() {
		return nil
	}
	o.Sender.Deliver(ctx)
	cause := o.remember(ctx, recorder)
	if err != nil {
		cause = nil // the run has failed anyway, and the next one tells the same again
	}
	return errors.Join(o.failure, cause)
}

// tellEnd tells what is left to tell.
func (o *Observer) tellEnd(report *run.Report, err error) {
	if o.Silent {
		o.tellFound(change.Set{Updates: report.Plan.Changes, Files: report.Plan.Files, Chain: report.Chain})
	}
	o.catchUp()
	o.tellQueries()
	o.tellVerdicts(report.Plan.Verdicts)
	finish := finishOf(*report, err)
	finish.At = o.Clock()
	bare := finish
	bare.Errors = nil
	o.tellOwn(o.teller.Finished(finish), o.teller.Finished(bare), everyone)
	for _, m := range o.told {
		report.Events = append(report.Events, m.Body)
	}
}

// sends reports whether anybody gets the events.
func (o *Observer) sends() bool { return o.Sender != nil && !o.Silent }

// receivers are the sinks that lack an event: those that are named, or all when it is not known which.
type receivers struct {
	all   bool
	named []string
}

// everyone is all sinks.
var everyone = receivers{all: true}

// nobody reports that no sink lacks the event.
func (r receivers) nobody() bool { return !r.all && len(r.named) == 0 }

// tell hands an event to its receivers; one that was told already, or that nobody lacks, is not told again.
func (o *Observer) tell(m event.Message, to receivers) { o.tellOwn(m, m, to) }

// tellOwn tells an event that the ledger keeps in other words: without the texts of errors, which may be what a server said.
func (o *Observer) tellOwn(m, bare event.Message, to receivers) {
	if o.ids[m.ID] || to.nobody() {
		return
	}
	o.ids[m.ID] = true
	m.Sequence = event.Sequence(len(o.told) + 1)
	bare.Sequence = m.Sequence
	told := toldEvent{Message: m, sinks: to.named, bare: bare}
	if to.all && o.Sender != nil {
		told.sinks = o.Sender.Sinks()
	}
	o.told = append(o.told, told)
	if !o.sends() {
		return
	}
	if err := o.Sender.Add(m, told.sinks); err != nil && o.failure == nil {
		o.failure = fmt.Errorf("sending the event %s: %w", m.Type, err)
	}
}

// tellQueries tells of the questions to sources, in their order.
func (o *Observer) tellQueries() {
	slices.SortStableFunc(o.queries, func(a, b event.Query) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Repository, b.Repository), a.At.Compare(b.At))
	})
	for _, q := range o.queries {
		bare := q
		if q.Err != "" {
			bare.Err = "the versions could not be listed"
		}
		o.tellOwn(o.teller.Queried(q), o.teller.Queried(bare), everyone)
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
		o.tell(o.teller.Rewritten(event.Rewrite{File: f.Path, Before: digest(f.Before), After: digest(f.After), Updates: updates[f.Path], Chain: set.Chain, At: at}), everyone)
	}
}

// tellVerdicts tells what gates said in this run's file of verdicts.
func (o *Observer) tellVerdicts(all []plan.Verdict) {
	for _, v := range all {
		if v.At.IsZero() || v.Remembered {
			continue // nobody has judged it for this run
		}
		artifact, _ := source.ParseArtifact(v.Artifact)
		judged := event.Judgement{Gate: v.Gate, Artifact: artifact, Version: v.Version, Decision: string(v.Outcome), Detail: v.Detail, At: v.At}
		bare := judged
		bare.Detail = ""
		o.tellOwn(o.teller.Judged(judged), o.teller.Judged(bare), everyone)
	}
}

// announced reports whether an incoming event told of this very artifact.
func (o *Observer) announced(a source.Artifact) bool {
	return o.Announced.Name != "" && o.Announced.Same(a)
}

func (o *Observer) update(u change.Update) event.Update {
	artifact, _ := source.ParseArtifact(u.Artifact) // none is told without one
	return event.Update{Artifact: artifact, Manifest: u.Manifest, File: u.File, Document: u.Document, Key: u.Key, From: u.Old, To: u.New}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// lacking are the sinks that have not settled an event, to the ledger's knowledge.
func (o *Observer) lacking(m event.Message) receivers {
	if o.Sender == nil || o.ledger == nil {
		return everyone
	}
	var sinks []string
	for _, sink := range o.Sender.Sinks() {
		cursor, _ := o.ledger.CursorOf(sink)
		if _, settled := cursor.Settled[m.ID]; !settled {
			sinks = append(sinks, sink)
		}
	}
	return receivers{named: sinks}
}

// news are the cursors that say more than the ledger does. They name as well what the forge shows and the ledger says
// already, so that it stays there as long as it is shown.
func (o *Observer) news() []ledger.Cursor {
	if !o.sends() || o.ledger == nil {
		return nil
	}
	var all []ledger.Cursor
	at, done := o.Clock().UTC().Truncate(time.Second), o.Sender.Settled()
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
