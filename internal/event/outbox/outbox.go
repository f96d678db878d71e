// Package outbox keeps events on disk until their receivers have them. An event is written before it is delivered and
// leaves when the sink acknowledges it, for each sink on its own; what a receiver refuses for good is set aside with the
// reason. It promises: nothing that Add took is lost, whenever the process ends; events of a chain reach a sink in the
// order in which they were added, and one that fails holds back those behind it in its chain, not other chains; a
// receiver may get an event twice, never not at all; a dead sink costs no more than the drain time; disk and memory are
// bounded. Several processes may share a directory. What an event holds and how a receiver is talked to is the business
// of package event and of the sinks.
//
// On disk, an event is one file, made under new/ and then linked into waiting/<sink>/ of each sink, named after a digest
// of its source and id. A link is made once or not at all and never replaces another: so a waiting file is whole, the
// same event waits once, whoever adds it, and no lock is needed. Links, not cursors, because a sink then needs no state
// but its own directory, and sinks that come and go do not meet. dead/<sink>/ holds what was set aside.
package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

// When a batch is delivered, and the defaults of Config.
const (
	BatchSize        = 15
	BatchWait        = 3 * time.Second
	DefaultDrain     = 10 * time.Second
	DefaultMaxEvents = 20_000
	DefaultMaxBytes  = 64 << 20
)

// Sink hands messages to one receiver.
type Sink interface {
	// Deliver hands over the messages, those of a chain in their order, and returns an error for each: nil when the
	// receiver has it, an *event.Rejected when it never will, any other when it may later. An error with a method
	// RetryAfter() time.Duration says how long the receiver asks to be left alone. It returns soon after the context ends.
	Deliver(ctx context.Context, batch []event.Message) []error
	// Close gives back what the sink holds.
	Close() error
}

// Config says where events wait and who gets them; every zero field has the default above or the one described.
type Config struct {
	// Dir is the directory of the outbox, made when it is missing.
	Dir string
	// Sinks are the receivers by a name of letters, digits, '.', '_' and '-'. The name is the sink's identity: what
	// waits for a name that is not here stays.
	Sinks map[string]Sink
	// Drain bounds how long Flush and Close wait for the receivers.
	Drain time.Duration
	// MaxEvents and MaxBytes bound what is kept for a sink, the events set aside included.
	MaxEvents int
	MaxBytes  int64
	// Settled, when set, is told of each event that a sink acknowledged or refused for good. It is called from several
	// goroutines.
	Settled func(sink string, m event.Message)
	// Now is the clock, After its timer; the defaults are the time package's.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Outbox takes events and delivers them in the background. It is safe for concurrent use.
type Outbox struct {
	config  Config
	spool   *spool
	workers []*worker
	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // also keeps the order of Add the order of the queues
	last   int64
	closed bool
}

// Open makes the directory ready and begins to deliver what waits there. It must be closed or stopped.
func Open(c Config) (*Outbox, error) { return open(c, osDisk{}) }

func open(c Config, d disk) (*Outbox, error) {
	c.Drain = cmp.Or(c.Drain, DefaultDrain)
	c.MaxEvents = cmp.Or(c.MaxEvents, DefaultMaxEvents)
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	o := &Outbox{config: c, spool: &spool{disk: d, dir: c.Dir}}
	if err := o.load(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	for _, w := range o.workers {
		o.running.Go(func() { w.run(ctx) })
	}
	return o, nil
}

// load reads what waits for each sink.
func (o *Outbox) load() error {
	names := slices.Sorted(maps.Keys(o.config.Sinks))
	if err := o.spool.prepare(names, o.config.Now()); err != nil {
		return err
	}
	for _, name := range names {
		w := newWorker(o.config, name, o.spool)
		last, err := w.load()
		if err != nil {
			return err
		}
		o.last = max(o.last, last)
		o.workers = append(o.workers, w)
	}
	return nil
}

// Add writes the message for the sinks that are named, for every sink when none is, and returns; it does not wait for any
// receiver. An event that already waits is kept once, one that was set aside is not taken again. After an error the event
// is not kept for at least one sink: adding it again completes what is missing.
func (o *Outbox) Add(m event.Message, sinks ...string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return errors.New("adding an event: the outbox is closed")
	}
	key := keyOf(m)
	workers := slices.DeleteFunc(slices.Clone(o.workers), func(w *worker) bool {
		return w.knows(key) || len(sinks) > 0 && !slices.Contains(sinks, w.name)
	})
	if len(workers) == 0 {
		return nil
	}
	r := record{Order: o.next(), Message: m}
	temp, size, err := o.spool.stage(r)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range workers {
		errs = append(errs, w.keep(temp, &entry{message: &r.Message, key: key, chain: m.Chain, size: size, order: r.Order, at: o.config.Now()}))
	}
	o.spool.discard(temp)
	return errors.Join(errs...)
}

// next is the time, made unique and later than everything that waits.
func (o *Outbox) next() int64 {
	o.last = max(o.last+1, o.config.Now().UnixNano())
	return o.last
}

// Flush delivers what waits now, at most for the drain time, and returns how it stands.
func (o *Outbox) Flush(ctx context.Context) Summary {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked sync.WaitGroup
	for _, w := range o.workers {
		asked.Go(func() { w.flush(ctx, o.config.Now().Add(o.config.Drain)) })
	}
	done := make(chan struct{})
	go func() { asked.Wait(); close(done) }()
	select {
	case <-done:
	case <-o.config.After(o.config.Drain):
	case <-ctx.Done():
	}
	return o.summary()
}

// Close takes no more events, delivers what waits as Flush does, and ends. A context that has ended does not shorten it:
// a run that was told to stop hands over what it has. What is not delivered stays on disk.
func (o *Outbox) Close(ctx context.Context) Summary {
	if o.shut() {
		o.Flush(context.WithoutCancel(ctx))
		o.end()
	}
	return o.summary()
}

// Stop takes no more events and ends without delivering what waits; it stays on disk.
func (o *Outbox) Stop() Summary {
	if o.shut() {
		o.end()
	}
	return o.summary()
}

// shut takes no more events, and reports whether that is new.
func (o *Outbox) shut() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.closed
	o.closed = true
	return !was
}

func (o *Outbox) end() {
	o.stop()
	o.running.Wait()
	for _, w := range o.workers {
		w.close()
	}
}

// Summary is how each sink stands, by name.
type Summary []State

// State is how one sink stands.
type State struct {
	Sink string
	// Delivered and Dead count what the sink acknowledged and refused since Open; Waiting is what is kept for later.
	Delivered, Dead, Waiting int
	// Err is the latest failure that is not over, else the latest refusal, else nil.
	Err error
}

// Undelivered is how many events did not reach a receiver, over all sinks.
func (s Summary) Undelivered() int {
	n := 0
	for _, state := range s {
		n += state.Dead + state.Waiting
	}
	return n
}

func (o *Outbox) summary() Summary {
	var s Summary
	for _, w := range o.workers {
		s = append(s, w.state())
	}
	return s
}

// Error is a failure of the outbox itself, and what to do.
type Error struct {
	doing, hint string
	err         error
}

func failure(doing string, err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{doing: doing, err: err, hint: hint}
}

// Error returns what was done and the cause.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.doing, e.err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// Advice returns the hint.
func (e *Error) Advice() string {
	return cmp.Or(e.hint, "set events.outbox to a directory that can be read and written")
}
