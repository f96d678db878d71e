package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

// NewPending is an event as the ledger keeps it for a sink.
func NewPending(sink string, m event.Message) ledger.Pending {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(m) // strings, and a body that is JSON
	return ledger.Pending{Sink: sink, ID: m.ID, Source: m.Source, Event: bytes.TrimSpace(text.Bytes())}
}

// PendingMessage is the event that the ledger keeps.
func PendingMessage(p ledger.Pending) (event.Message, error) {
	var m event.Message
	if err := json.Unmarshal(p.Event, &m); err != nil || m.ID != p.ID || m.Source != p.Source {
		return event.Message{}, fault.New("nothing is left to do: it is taken out", "reading an event that waits in the ledger: %s for %s is not whole", p.ID, p.Sink)
	}
	return m, nil
}

// resume hands over the events that earlier runs left, once.
func (o *Observer) resume(l ledger.Ledger) {
	if !o.sends() || o.pending != nil {
		return
	}
	o.pending = []ledger.Pending{}
	sinks := o.Sender.Sinks()
	for _, p := range l.Pending {
		if !slices.Contains(sinks, p.Sink) {
			continue // a sink that is configured no more may come back
		}
		m, err := PendingMessage(p)
		if err == nil {
			err = o.Sender.Add(m, []string{p.Sink})
		}
		if err != nil {
			o.broken = append(o.broken, p)
			o.failure = errors.Join(o.failure, err)
			continue
		}
		o.pending = append(o.pending, p)
	}
}

// noting bounds how long the end of a run is written.
const noting = 30 * time.Second

// remember writes into the ledger what receivers have settled and what they have not taken, when there is any of it. What
// cannot be written stays as it is there.
func (o *Observer) remember(ctx context.Context, recorder run.Recorder) error {
	if o.ledger == nil || ctx.Err() != nil {
		return nil
	}
	cursors, settled, waiting := o.news(), append(o.delivered(), o.broken...), o.undelivered()
	if len(cursors)+len(settled)+len(waiting) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, noting)
	defer cancel()
	dropped := 0
	if err := recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger {
		l, dropped = l.Advance(cursors...).Keep(settled, waiting)
		o.kept = l.Pending
		return l
	}); err != nil {
		o.kept = nil
		return err
	}
	if dropped > 0 {
		o.failure = errors.Join(o.failure, fault.New("look at the receiver: the ledger keeps no more for it",
			"keeping the events that receivers have not taken: the oldest %d are dropped, %d are kept", dropped, len(o.kept)))
	}
	return nil
}

// delivered are the events of earlier runs that their sinks have settled.
func (o *Observer) delivered() []ledger.Pending {
	done := o.Sender.Settled()
	var all []ledger.Pending
	for _, p := range o.pending {
		if slices.Contains(done[p.Sink], p.ID) {
			all = append(all, p)
		}
	}
	return all
}

// undelivered are the events of this run that a sink has not settled and that no later run can read from the forge.
func (o *Observer) undelivered() []ledger.Pending {
	done := o.Sender.Settled()
	settled := map[string]map[string]bool{}
	for sink, ids := range done {
		settled[sink] = map[string]bool{}
		for _, id := range ids {
			settled[sink][id] = true
		}
	}
	var all []ledger.Pending
	for _, m := range o.told {
		for _, sink := range m.sinks {
			if !o.shown[m.ID] && !settled[sink][m.ID] {
				all = append(all, NewPending(sink, m.bare))
			}
		}
	}
	return all
}

// Lost counts, for each sink, the events of this run that it has not settled, that no later run can read from the forge,
// and that the ledger does not keep.
func (o *Observer) Lost() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := map[string]int{}
	if !o.sends() {
		return lost
	}
	for _, p := range o.undelivered() {
		if !slices.ContainsFunc(o.kept, p.Same) {
			lost[p.Sink]++
		}
	}
	return lost
}
