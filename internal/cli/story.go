package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/observe"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/wire"
)

const (
	// waitForReceivers is how long a run waits for the receivers of events, over all.
	waitForReceivers = send.DefaultDrain
	// hurry is what an interrupted run has left for them: a runner that is told to stop kills its jobs after 7.5 seconds
	// (https://docs.github.com/actions/reference/workflows-and-actions/workflow-cancellation).
	hurry = 3 * time.Second
)

// story tells the events of a command, and hands them over.
type story struct {
	*observe.Observer
	session *session
	sending *sending
}

// runInfo says which run it is.
type runInfo struct {
	// runID is the name that a person gave it; started when it began.
	runID   string
	started time.Time
	// dispatched says that something asked for it: an event, or the inputs of a workflow.
	dispatched bool
	incoming   event.Incoming
	// silent shows events and sends none.
	silent bool
}

// story wires the events of a command to the configured sinks.
func (s *session) story(of runInfo) (*story, error) {
	st := &story{session: s}
	if !of.silent {
		s.warnOfSpool()
		to := &sending{left: waitForReceivers, now: s.g.sys.Now, settled: map[string][]string{}}
		for _, c := range s.config.Events.Sinks {
			to.names = append(to.names, wire.SinkName(c))
		}
		sender, err := s.sender(to.settle)
		if err != nil {
			return nil, err
		}
		if sender != nil {
			to.Sender, st.sending = sender, to
		}
	}
	c := observe.Config{
		About: s.about(of), Announced: of.incoming.Artifact, Projects: s.projects, Wait: s.config.Deploy.Wait > 0, Silent: of.silent, Clock: s.g.sys.Now,
	}
	if st.sending != nil {
		c.Sender = st.sending
	}
	o, err := observe.New(c)
	if err != nil {
		st.sending.close(context.Background())
		return nil, &exit{code: Usage, topics: []topic{sinksTopic}, err: err, hint: "set events.source in .pawl.yaml to an absolute URL"}
	}
	st.Observer = o
	return st, nil
}

// about is what all events of a run have in common.
func (s *session) about(of runInfo) event.About {
	repository := s.wire().Repository()
	server := s.wire().ForgePage()
	a := event.About{
		Source: s.wire().EventSource(), Run: s.g.runName(of.runID), Pipeline: s.env("GITHUB_WORKFLOW"), Trigger: of.incoming.ID, Dispatched: of.dispatched,
		Chain: of.incoming.Chain, Forge: server, Repository: repository, RepositoryURL: server + "/" + repository, TraceParent: s.env("TRACEPARENT"),
		Redact: s.g.door.Text,
	}
	if id := s.env("GITHUB_RUN_ID"); id != "" {
		a.URI = a.RepositoryURL + "/actions/runs/" + id
	} else if s.env("GITLAB_CI") == "true" {
		a.URI = s.env("CI_JOB_URL")
	}
	if a.Run == local {
		host, _ := os.Hostname() // without a name the time has to do
		sum := sha256.Sum256([]byte(of.started.UTC().Format(time.RFC3339Nano) + " " + host))
		a.Run = hex.EncodeToString(sum[:6])
	}
	return a
}

// end tells how the command ended and how the events stand. err is how it ended; the one that is returned says that
// events which are required were not delivered.
func (st *story) end(ctx context.Context, recorder run.Recorder, report *run.Report, err error) error {
	trouble := st.Finished(ctx, recorder, report, err)
	sum := st.sending.close(ctx)
	report.Delivery, report.Receivers = st.session.delivery(sum), len(st.session.config.Events.Sinks)
	lost := st.Lost()
	for i, d := range report.Delivery {
		report.Delivery[i].Lost = min(lost[d.Sink], d.Waiting)
		report.Delivery[i].Waiting -= report.Delivery[i].Lost
	}
	if trouble != nil {
		st.session.g.reporter().say(slog.LevelWarn, trouble.Error(), fault.Hint(trouble))
	}
	if err != nil { // the report, which says the same, may never be seen
		for _, d := range report.Delivery {
			if d.Waiting+d.Dead+d.Lost > 0 {
				st.session.g.reporter().say(slog.LevelWarn, eventLine(d), "the next run tells what waits; pawl events flush sends what the ledger keeps")
			}
		}
	}
	switch {
	case !st.session.config.Events.Required:
		return nil
	case sum.Undelivered() > 0:
		return &exit{code: Partial, topics: []topic{undeliveredTopic}, err: fmt.Errorf("events.required: %d events are not delivered", sum.Undelivered()), hint: "see events in the report; the next run sends what waits, as pawl events flush does with what the ledger keeps"}
	case trouble != nil:
		return &exit{code: Partial, topics: []topic{undeliveredTopic}, err: errors.New("events.required: not all events are told"), hint: "see the warning above; the next run tells what is missing"}
	}
	return nil
}

// sending is a sender as a run sees it; nil is none.
type sending struct {
	*send.Sender
	names []string
	// left is for how long receivers are still waited for.
	left    time.Duration
	now     func() time.Time
	mu      sync.Mutex
	settled map[string][]string
}

// settle notes that a sink is done with an event.
func (m *sending) settle(sink string, e event.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settled[sink] = append(m.settled[sink], e.ID)
}

// Sinks are the names of the receivers.
func (m *sending) Sinks() []string { return m.names }

// Add takes an event for the sinks that are named.
func (m *sending) Add(e event.Message, sinks []string) error { return m.Sender.Add(e, sinks...) }

// Deliver hands over what waits, until the context ends or the run has waited long enough.
func (m *sending) Deliver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.left)
	defer cancel()
	begun := m.now()
	m.Flush(ctx)
	m.left = max(m.left-m.now().Sub(begun), 0)
}

// Settled are the events that each sink is done with.
func (m *sending) Settled() map[string][]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := maps.Clone(m.settled)
	for sink, ids := range all {
		all[sink] = slices.Clone(ids)
	}
	return all
}

// close ends the delivery; what is left waits for a later run. After an interruption nobody has waited yet.
func (m *sending) close(ctx context.Context) send.Summary {
	if m == nil {
		return nil
	}
	if ctx.Err() != nil {
		m.left = min(m.left, hurry)
		m.Deliver(context.WithoutCancel(ctx))
	}
	return m.Stop()
}

// eventLines say which events a run that only looks would tell its receivers, and how the receivers of the others stand. A
// paused run tells what it tells: nothing, or what the lines of its receivers say.
func eventLines(report run.Report) []string {
	var lines []string
	if report.DryRun && report.Receivers > 0 {
		for _, raw := range report.Events {
			lines = append(lines, "would tell: "+nameOfEvent(raw))
		}
	}
	for _, d := range report.Delivery {
		lines = append(lines, eventLine(d))
	}
	return lines
}

// eventLine says how one receiver stands.
func eventLine(d run.Delivery) string {
	line := fmt.Sprintf("events to %s: %d delivered", d.Sink, d.Delivered)
	if d.Waiting > 0 {
		line += fmt.Sprintf(", %d wait for a later run", d.Waiting)
	}
	if d.Dead > 0 {
		line += fmt.Sprintf(", %d refused", d.Dead)
	}
	if d.Lost > 0 {
		line += fmt.Sprintf(", %d lost", d.Lost)
	}
	if d.Detail != "" {
		line += ": " + d.Detail
	}
	return line
}

// nameOfEvent is an event's type and what it is about.
func nameOfEvent(raw json.RawMessage) string {
	var e struct {
		Context struct{ Type string }
		Subject struct{ ID string }
	}
	_ = json.Unmarshal(raw, &e) // it is our own
	return e.Context.Type + " " + e.Subject.ID
}
