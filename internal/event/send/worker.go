package send

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// worker delivers what waits for one sink; everything but the queue belongs to its goroutine.
type worker struct {
	*queue
	sink    Sink
	config  Config
	added   chan struct{}
	flushes chan flush

	failures int       // rounds in a row without any success
	retry    time.Time // when the next round may begin
	asked    bool      // the receiver asked for that, it is not our own backoff
}

// flush is the wish to deliver everything.
type flush struct {
	ctx      context.Context
	deadline time.Time
	done     chan struct{}
}

func newWorker(c Config, name string) *worker {
	q := &queue{name: name, maxEvents: c.MaxEvents, maxBytes: c.MaxBytes, known: map[key]bool{}}
	return &worker{queue: q, sink: c.Sinks[name], config: c, added: make(chan struct{}, 1), flushes: make(chan flush)}
}

// add makes an event wait and tells the goroutine.
func (w *worker) add(e *entry) error {
	if err := w.queue.add(e); err != nil {
		return err
	}
	if n, _ := w.waiting(); n > 1 && n < BatchSize {
		return nil // the timer is running
	}
	select {
	case w.added <- struct{}{}:
	default: // it has been told and has not looked yet
	}
	return nil
}

// flush asks the goroutine to deliver everything and waits for it.
func (w *worker) flush(ctx context.Context, deadline time.Time) {
	f := flush{ctx: ctx, deadline: deadline, done: make(chan struct{})}
	select {
	case w.flushes <- f:
		<-f.done
	case <-ctx.Done():
	}
}

// run delivers batches when they are full or old enough, until the context ends.
func (w *worker) run(ctx context.Context) {
	var timer <-chan time.Time
	for {
		if timer == nil {
			timer = w.schedule()
		}
		select {
		case <-ctx.Done():
			return
		case <-w.added:
			if w.full() {
				w.round(ctx, BatchSize)
				timer = nil
			}
		case <-timer:
			w.round(ctx, 1)
			timer = nil
		case f := <-w.flushes:
			w.drain(f)
			close(f.done)
			timer = nil
		}
	}
}

// schedule returns the timer of the next round, nil while there is nothing to deliver.
func (w *worker) schedule() <-chan time.Time {
	n, since := w.waiting()
	if n == 0 {
		return nil
	}
	due := since.Add(BatchWait)
	if w.retry.After(due) {
		due = w.retry
	}
	return w.config.After(max(due.Sub(w.config.Now()), 0))
}

// full reports whether a batch is complete and may be sent.
func (w *worker) full() bool {
	n, _ := w.waiting()
	return n >= BatchSize && !w.retry.After(w.config.Now())
}

// drain delivers everything, again after each failure, while the deadline allows the wait.
func (w *worker) drain(f flush) {
	w.failures = 0
	for f.ctx.Err() == nil {
		if wait := w.retry.Sub(w.config.Now()); wait > 0 && (w.asked || w.failures > 0) {
			if w.retry.After(f.deadline) {
				return
			}
			select {
			case <-w.config.After(wait):
			case <-f.ctx.Done():
				return
			}
		}
		if !w.round(f.ctx, 1) {
			return
		}
	}
}

// round goes once through what waits, in batches of at least so many events, and reports whether any failed. An event
// that fails blocks its chain for the round; what is outside of any chain counts as one more.
func (w *worker) round(ctx context.Context, least int) bool {
	w.retry, w.asked = time.Time{}, false
	blocked := map[string]bool{}
	delivered, faults := w.progress()
	var wait time.Duration
	for ctx.Err() == nil && wait == 0 {
		entries := w.next(BatchSize, blocked)
		if len(entries) < least {
			break
		}
		wait = w.send(ctx, entries, blocked)
		w.sweep()
	}
	if len(blocked) == 0 {
		if ctx.Err() == nil {
			w.failures = 0
			w.recovered(faults)
		}
		return false
	}
	if now, _ := w.progress(); now > delivered {
		w.failures = 0
	}
	w.failures++
	w.asked = wait > 0
	w.retry = w.config.Now().Add(max(wait, backoff(w.failures)))
	return true
}

// send delivers one batch and returns how long the receiver asks to be left alone.
func (w *worker) send(ctx context.Context, entries []*entry, blocked map[string]bool) time.Duration {
	batch := make([]event.Message, len(entries))
	for i, e := range entries {
		batch[i] = e.message
	}
	var wait time.Duration
	results := w.sink.Deliver(ctx, batch)
	for i, e := range entries {
		err := errors.New("the sink gave no answer")
		if i < len(results) {
			err = results[i]
		}
		if w.concluded(e, err) {
			continue
		}
		blocked[e.message.Chain] = true
		w.fail(w.explain(ctx, err))
		wait = max(wait, retryAfter(err))
	}
	return wait
}

// concluded reports whether the sink's answer settles an event, and notes that it does.
func (w *worker) concluded(e *entry, err error) bool {
	refused, ok := errors.AsType[*event.Rejected](err)
	if err != nil && !ok {
		return false
	}
	w.settle(e, refused)
	if w.config.Settled != nil {
		w.config.Settled(w.name, e.message)
	}
	return true
}

// explain puts the end of the drain time in place of a context's error.
func (w *worker) explain(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if last := w.state().Err; last != nil {
		return last
	}
	return fmt.Errorf("no acknowledgement in time (the drain time is %s)", w.config.Drain)
}

// close closes the sink.
func (w *worker) close() {
	if err := w.sink.Close(); err != nil {
		w.fail(fmt.Errorf("closing %s: %w", w.name, err))
	}
}

// backoff is the wait after so many failed rounds when the receiver does not say: half a second, then twice as long.
func backoff(failures int) time.Duration {
	return min(firstBackoff<<min(failures-1, 10), maxBackoff)
}

func retryAfter(err error) time.Duration {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		return asks.RetryAfter()
	}
	return 0
}
