// Package send hands events to their receivers, from memory and in the background: in batches, each sink on its own, and
// again after a failure. It promises: events of a chain reach a sink in the order in which they were added, and one that
// fails holds back those behind it in its chain, not other chains; a dead sink costs no more than the drain time; memory
// is bounded. It keeps nothing: what a sink has not taken when the process ends is the business of whoever added it. What
// an event holds and how a receiver is talked to is that of package event and of the sinks.
package send

import (
	"cmp"
	"context"
	"errors"
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

// Config says who gets events; every zero field has the default above or the one described.
type Config struct {
	// Sinks are the receivers by their names.
	Sinks map[string]Sink
	// Drain bounds how long Flush and Close wait for the receivers.
	Drain time.Duration
	// MaxEvents and MaxBytes bound what waits for a sink.
	MaxEvents int
	MaxBytes  int
	// Settled, when set, is told of each event that a sink acknowledged or refused for good. It is called from several
	// goroutines.
	Settled func(sink string, m event.Message)
	// Now is the clock, After its timer; the defaults are the time package's.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Sender takes events and delivers them in the background. It is safe for concurrent use.
type Sender struct {
	config  Config
	workers []*worker
	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // also keeps the order of Add the order of the queues
	closed bool
}

// New returns a Sender to which nothing was added. It must be closed or stopped.
func New(c Config) *Sender {
	c.Drain = cmp.Or(c.Drain, DefaultDrain)
	c.MaxEvents = cmp.Or(c.MaxEvents, DefaultMaxEvents)
	c.MaxBytes = cmp.Or(c.MaxBytes, DefaultMaxBytes)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sender{config: c, stop: stop}
	for _, name := range slices.Sorted(maps.Keys(c.Sinks)) {
		w := newWorker(c, name)
		s.workers = append(s.workers, w)
		s.running.Go(func() { w.run(ctx) })
	}
	return s
}

// Add takes the message for the sinks that are named, for every sink when none is, and returns; it does not wait for any
// receiver. An event that a sink waits for or has settled already is not taken for it again.
func (s *Sender) Add(m event.Message, sinks ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("adding an event: the sender is closed")
	}
	var errs []error
	for _, w := range s.workers {
		if len(sinks) == 0 || slices.Contains(sinks, w.name) {
			errs = append(errs, w.add(&entry{message: m, at: s.config.Now()}))
		}
	}
	return errors.Join(errs...)
}

// Flush delivers what waits now, at most for the drain time, and returns how it stands.
func (s *Sender) Flush(ctx context.Context) Summary {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked sync.WaitGroup
	for _, w := range s.workers {
		asked.Go(func() { w.flush(ctx, s.config.Now().Add(s.config.Drain)) })
	}
	done := make(chan struct{})
	go func() { asked.Wait(); close(done) }()
	select {
	case <-done:
	case <-s.config.After(s.config.Drain):
	case <-ctx.Done():
	}
	return s.summary()
}

// Close takes no more events, delivers what waits as Flush does, and ends. A context that has ended does not shorten it:
// a run that was told to stop hands over what it has.
func (s *Sender) Close(ctx context.Context) Summary {
	if s.shut() {
		s.Flush(context.WithoutCancel(ctx))
		s.end()
	}
	return s.summary()
}

// Stop takes no more events and ends without delivering what waits.
func (s *Sender) Stop() Summary {
	if s.shut() {
		s.end()
	}
	return s.summary()
}

// shut takes no more events, and reports whether that is new.
func (s *Sender) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.closed
	s.closed = true
	return !was
}

func (s *Sender) end() {
	s.stop()
	s.running.Wait()
	for _, w := range s.workers {
		w.close()
	}
}

// Summary is how each sink stands, by name.
type Summary []State

// State is how one sink stands.
type State struct {
	Sink string
	// Delivered and Dead count what the sink acknowledged and refused; Waiting is what it has not taken.
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

func (s *Sender) summary() Summary {
	var all Summary
	for _, w := range s.workers {
		all = append(all, w.state())
	}
	return all
}
