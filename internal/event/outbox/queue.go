package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

// maxHeld is how many messages of a queue are held in memory as well, which saves reading them when the sink keeps up.
const maxHeld = 64

// entry is one event that waits for a sink; beyond maxHeld its bytes are on disk only.
type entry struct {
	message    *event.Message
	key, chain string
	size       int64
	order      int64
	at         time.Time
	gone, dead bool
}

// queue is what waits for one sink, in the order in which it was added.
type queue struct {
	name                string
	spool               *spool
	maxEvents           int
	maxBytes            int64
	mu                  sync.Mutex
	pending             []*entry
	known               map[string]bool // what waits or was set aside
	bytes               int64           // of the same
	held                int             // how many messages are in memory
	buried              int             // all that is set aside, earlier processes' included
	delivered, rejected int
	faults              int   // how many failures there were
	err, refusal        error // the latest of each
}

// load reads the directory and returns the latest order in it.
func (q *queue) load() (int64, error) {
	dead, err := q.spool.keys(dirDead, q.name)
	if err != nil {
		return 0, err
	}
	for _, key := range dead {
		q.known[key] = true
		q.buried++
		q.bytes += q.spool.size(dirDead, q.name, key)
	}
	waiting, err := q.spool.keys(dirWaiting, q.name)
	if err != nil {
		return 0, err
	}
	var last int64
	for _, key := range waiting {
		r, size, err := q.spool.read(dirWaiting, q.name, key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		chain := r.Message.Chain
		if err != nil {
			chain = key // it is dealt with when it is its turn, and stands in nobody's way
		}
		q.push(&entry{key: key, chain: chain, size: size, order: r.Order})
		last = max(last, r.Order)
	}
	slices.SortFunc(q.pending, func(a, b *entry) int { return cmp.Compare(a.order, b.order) })
	return last, nil
}

func (q *queue) knows(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.known[key]
}

// keep makes a staged event wait for this sink.
func (q *queue) keep(staged string, e *entry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known[e.key] {
		return nil
	}
	if len(q.pending)+q.buried >= q.maxEvents || q.bytes+e.size > q.maxBytes {
		err := fmt.Errorf("%d events wait and %d are set aside for %s", len(q.pending), q.buried, q.name)
		return failure("adding an event: the outbox is full", err, "see pawl events list; send with pawl events flush, or remove what nobody needs")
	}
	// What another process has added a moment ago is delivered by both, rather than by none.
	if err := q.spool.publish(staged, q.name, e.key); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	q.push(e)
	return nil
}

func (q *queue) push(e *entry) {
	if q.held == maxHeld {
		e.message = nil
	}
	if e.message != nil {
		q.held++
	}
	q.pending = append(q.pending, e)
	q.known[e.key] = true
	q.bytes += e.size
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
		if !blocked[e.chain] {
			found = append(found, e)
		}
	}
	return found
}

// settle removes an event that the sink has; once delivered, it is not delivered again even if its file stays.
func (q *queue) settle(e *entry) {
	err := q.spool.forget(q.name, e.key)
	q.mu.Lock()
	defer q.mu.Unlock()
	e.gone = true
	q.delivered++
	if err != nil {
		q.fault(err)
	}
}

// bury sets an event aside.
func (q *queue) bury(e *entry, m event.Message, reason string) error {
	if err := q.spool.bury(q.name, e.key, record{Order: e.order, Reason: reason, Message: m}); err != nil {
		return err
	}
	q.setAside(e, &event.Rejected{Reason: reason})
	return nil
}

// buryDamaged sets aside a file that holds no event.
func (q *queue) buryDamaged(e *entry) error {
	if err := q.spool.buryDamaged(q.name, e.key); err != nil {
		return err
	}
	q.setAside(e, errDamaged)
	return nil
}

func (q *queue) setAside(e *entry, why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.gone, e.dead = true, true
	q.rejected++
	q.buried++
	q.refusal = why
}

// drop forgets an event whose file is gone: another process delivered it.
func (q *queue) drop(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.gone = true
}

// sweep takes the events that are gone out of the queue.
func (q *queue) sweep() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = slices.DeleteFunc(q.pending, func(e *entry) bool {
		if e.gone && e.message != nil {
			q.held--
		}
		if e.gone && !e.dead {
			q.bytes -= e.size
			delete(q.known, e.key)
		}
		return e.gone
	})
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fault(err)
}

func (q *queue) fault(err error) {
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
