package send

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

// entry is one event that waits for a sink.
type entry struct {
	message event.Message
	at      time.Time
	gone    bool
}

// key tells events apart: ids are unique within a source.
type key struct{ source, id string }

func keyOf(m event.Message) key { return key{m.Source, m.ID} }

// queue is what waits for one sink, in the order in which it was added.
type queue struct {
	name                string
	maxEvents, maxBytes int
	mu                  sync.Mutex
	pending             []*entry
	known               map[key]bool // what waits or is settled
	bytes               int          // of what waits
	delivered, rejected int
	faults              int   // how many failures there were
	err, refusal        error // the latest of each
}

// add makes an event wait for this sink.
func (q *queue) add(e *entry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known[keyOf(e.message)] {
		return nil
	}
	if len(q.pending) >= q.maxEvents || q.bytes+len(e.message.Body) > q.maxBytes {
		return fmt.Errorf("adding an event: %d wait for %s already", len(q.pending), q.name)
	}
	q.pending = append(q.pending, e)
	q.known[keyOf(e.message)] = true
	q.bytes += len(e.message.Body)
	return nil
}

// waiting returns how many events wait, and since when the first does.
func (q *queue) waiting() (int, time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 {
		return 0, time.Time{}
	}
	return len(q.pending), q.pending[0].at
}

// next returns up to n events of chains that are not blocked.
func (q *queue) next(n int, blocked map[string]bool) []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	var found []*entry
	for _, e := range q.pending {
		if len(found) == n {
			break
		}
		if !blocked[e.message.Chain] {
			found = append(found, e)
		}
	}
	return found
}

// settle notes that the sink has an event, or with a refusal that it never will.
func (q *queue) settle(e *entry, refused *event.Rejected) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.gone = true
	if refused == nil {
		q.delivered++
		return
	}
	q.rejected++
	q.refusal = refused
}

// sweep takes the events that are gone out of the queue.
func (q *queue) sweep() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = slices.DeleteFunc(q.pending, func(e *entry) bool {
		if e.gone {
			q.bytes -= len(e.message.Body)
		}
		return e.gone
	})
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults++
	q.err = err
}

// progress returns how many events were delivered and how many failures there were.
func (q *queue) progress() (delivered, faults int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.delivered, q.faults
}

// recovered forgets the failures, if there were none since the given count.
func (q *queue) recovered(faults int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.faults == faults {
		q.err = nil
	}
}

func (q *queue) state() State {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.err
	if err == nil {
		err = q.refusal
	}
	return State{Sink: q.name, Delivered: q.delivered, Dead: q.rejected, Waiting: len(q.pending), Err: err}
}
