package send_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
)

// message is the nth event of a chain.
func message(chain string, n int) event.Message {
	id := fmt.Sprintf("%s-%03d", chain, n)
	return event.Message{
		ID: id, Source: "https://pawl.example/profile", Type: "dev.cdevents.change.merged.0.3.0", Subject: "o/r#" + id,
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Chain: chain, Sequence: fmt.Sprintf("%06d", n),
		Body: []byte(`{"context":{"id":"` + id + `"}}`),
	}
}

// memory is a sink that remembers, and fails as it is told.
type memory struct {
	mu      sync.Mutex
	batches [][]string
	closed  int
	fail    func(event.Message) error
	stall   bool
}

func (s *memory) Deliver(ctx context.Context, batch []event.Message) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stall {
		<-ctx.Done()
	}
	errs := make([]error, len(batch))
	failed := map[string]error{}
	var taken []string
	for i, m := range batch {
		errs[i] = failed[m.Chain]
		if errs[i] == nil && s.fail != nil {
			errs[i] = s.fail(m)
		}
		if s.stall {
			errs[i] = ctx.Err()
		}
		var rejected *event.Rejected
		switch {
		case errs[i] == nil:
			taken = append(taken, m.ID)
		case !errors.As(errs[i], &rejected):
			failed[m.Chain] = errs[i]
		}
	}
	s.batches = append(s.batches, taken)
	return errs
}

func (s *memory) Close() error { s.closed++; return nil }

// taken is what the sink has, in order of arrival.
func (s *memory) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.batches...)
}

func (s *memory) sizes() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n []int
	for _, b := range s.batches {
		n = append(n, len(b))
	}
	return n
}

func (s *memory) set(fail func(event.Message) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func add(t *testing.T, o *send.Sender, messages ...event.Message) {
	t.Helper()
	for _, m := range messages {
		if err := o.Add(m); err != nil {
			t.Fatal(err)
		}
	}
}

// chain returns the events from first to last of a chain.
func chain(name string, first, last int) []event.Message {
	var all []event.Message
	for n := first; n <= last; n++ {
		all = append(all, message(name, n))
	}
	return all
}

func ids(messages []event.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.ID)
	}
	return all
}

var errDown = errors.New("down")

func down(event.Message) error { return errDown }
