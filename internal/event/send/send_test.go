package send_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
)

// TestTimer runs on synctest's clock: fourteen events and silence are delivered after three seconds, not before.
func TestTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}})
		add(t, o, chain("a", 1, 14)...)
		pass(send.BatchWait - time.Nanosecond)
		if got := sink.taken(); len(got) != 0 {
			t.Errorf("%d events before the time", len(got))
		}
		pass(time.Nanosecond)
		if diff := cmp.Diff(ids(chain("a", 1, 14)), sink.taken()); diff != "" {
			t.Error(diff)
		}
		o.Close(t.Context())
	})
}

// pass lets time pass on synctest's clock and waits for what happens then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestFullBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}})
		add(t, o, chain("a", 1, 14)...)
		pass(time.Second)
		add(t, o, chain("a", 15, 16)...)
		synctest.Wait()
		if diff := cmp.Diff([]int{15}, sink.sizes()); diff != "" {
			t.Error(diff)
		}
		pass(send.BatchWait - time.Nanosecond)
		if diff := cmp.Diff([]int{15}, sink.sizes()); diff != "" {
			t.Error("the rest does not wait its own time", diff)
		}
		pass(time.Nanosecond)
		if diff := cmp.Diff([]int{15, 1}, sink.sizes()); diff != "" {
			t.Error(diff)
		}
		o.Close(t.Context())
	})
}

// TestStopped shows that a run that was told to stop hands over what it has.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sink := &memory{}
	o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}})
	add(t, o, chain("a", 1, 3)...)
	got := o.Close(ctx)
	if diff := cmp.Diff(send.Summary{{Sink: "s", Delivered: 3}}, got); diff != "" {
		t.Error(diff)
	}
	if sink.closed != 1 {
		t.Errorf("closed %d times", sink.closed)
	}
	if err := o.Add(message("a", 4)); err == nil {
		t.Error("a closed sender takes events")
	}
	if again := o.Close(ctx); cmp.Diff(got, again) != "" || sink.closed != 1 {
		t.Errorf("the second Close says %v", again)
	}
}

// TestStopAtOnce shows that what waits is not delivered then, and that nothing more is taken.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	sink := &memory{}
	o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}})
	add(t, o, chain("a", 1, 3)...)
	got := o.Stop()
	if diff := cmp.Diff(send.Summary{{Sink: "s", Waiting: 3}}, got); diff != "" {
		t.Error(diff)
	}
	if got := sink.taken(); len(got) != 0 || sink.closed != 1 {
		t.Errorf("%v came, closed %d times", got, sink.closed)
	}
	if err := o.Add(message("a", 4)); err == nil {
		t.Error("a stopped sender takes events")
	}
	if again := o.Close(t.Context()); cmp.Diff(got, again) != "" || sink.closed != 1 {
		t.Errorf("Close after it says %v", again)
	}
}

// TestChains shows that a failure holds back its chain only, at its sink only, and that everything comes in order later.
func TestChains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		weak, good := &memory{}, &memory{}
		weak.fail = func(m event.Message) error {
			if m.ID == "a-002" {
				return errDown
			}
			return nil
		}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"weak": weak, "good": good}})
		var all []event.Message
		for n := 1; n <= 20; n++ { // more than a batch, so that the chain is held back in later batches as well
			all = append(all, message("a", n), message("b", n), message("", n))
		}
		add(t, o, all...)
		s := o.Flush(t.Context())
		if s[0].Err != nil || s[0].Delivered != 60 || s[1].Delivered != 41 || s[1].Waiting != 19 || !errors.Is(s[1].Err, errDown) || s.Undelivered() != 19 {
			t.Errorf("summary is %+v", s)
		}
		if diff := cmp.Diff(ids(all), good.taken()); diff != "" {
			t.Error(diff)
		}
		weak.set(nil)
		if s := o.Flush(t.Context()); s.Undelivered() != 0 || s[1].Err != nil {
			t.Errorf("summary is %+v", s)
		}
		o.Close(t.Context())
		checkOrder(t, weak.taken(), 60)
	})
}

// checkOrder holds that all events came once, those of a chain by their number.
func checkOrder(t *testing.T, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Errorf("%d events, want %d", len(got), n)
	}
	last := map[string]string{}
	for _, id := range got {
		name := id[:strings.LastIndexByte(id, '-')]
		if id <= last[name] {
			t.Errorf("%s came after %s", id, last[name])
		}
		last[name] = id
	}
}

// TestRefused shows that what was refused for good is counted, told and not sent again, whoever adds it.
func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var settled []string
		sink := &memory{}
		sink.fail = func(m event.Message) error {
			if m.ID == "a-002" {
				return fmt.Errorf("posting: %w", &event.Rejected{Reason: "400 no such thing"})
			}
			return nil
		}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}, Settled: func(sink string, m event.Message) { settled = append(settled, sink+" "+m.ID) }})
		for range 2 {
			add(t, o, chain("a", 1, 3)...)
			got := o.Flush(t.Context())[0]
			if got.Err == nil || !strings.Contains(got.Err.Error(), "400 no such thing") {
				t.Errorf("error is %v", got.Err)
			}
			if got.Err = nil; got != (send.State{Sink: "s", Delivered: 2, Dead: 1}) {
				t.Errorf("got %+v", got)
			}
		}
		o.Close(t.Context())
		if diff := cmp.Diff([]string{"s a-001", "s a-002", "s a-003"}, settled); diff != "" {
			t.Error(diff)
		}
	})
}

// TestDrain holds the cost of dead sinks on the clock: together no more than the drain time, with the last error told.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sink  *memory
		limit time.Duration
		err   string
	}{
		"stalls":       {&memory{stall: true}, 10 * time.Second, "no acknowledgement in time (the drain time is 10s)"},
		"fails":        {&memory{fail: down}, 10 * time.Second, "down"},
		"asks to wait": {&memory{fail: func(event.Message) error { return later(time.Hour) }}, 0, "later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				good := &memory{}
				o := send.New(send.Config{Sinks: map[string]send.Sink{"dead": c.sink, "dead2": &memory{stall: c.sink.stall, fail: c.sink.fail}, "good": good}})
				add(t, o, chain("a", 1, 40)...)
				synctest.Wait()
				start := time.Now()
				s := o.Close(t.Context())
				if took := time.Since(start); took > c.limit {
					t.Errorf("took %s", took)
				}
				if s[0].Waiting != 40 || s[0].Err == nil || s[0].Err.Error() != c.err || s[2].Delivered != 40 {
					t.Errorf("summary is %+v", s)
				}
			})
		})
	}
}

// later is an error that asks for a wait.
type later time.Duration

func (l later) Error() string             { return "later" }
func (l later) RetryAfter() time.Duration { return time.Duration(l) }

// TestRetryAfter shows that a receiver's wish is kept to the second, at the end of a run as well.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		start := time.Now()
		sink := &memory{fail: func(event.Message) error {
			tries = append(tries, time.Since(start))
			if len(tries) < 3 {
				return later(7 * time.Second)
			}
			return nil
		}}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}, Drain: 20 * time.Second})
		add(t, o, message("a", 1), message("b", 1))
		pass(send.BatchWait)
		o.Close(t.Context())
		// Both chains are of one batch, so the second is tried beside the first each time.
		if diff := cmp.Diff([]time.Duration{3 * time.Second, 3 * time.Second, 10 * time.Second, 10 * time.Second}, tries); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries []string
		start := time.Now()
		sink := &memory{fail: func(event.Message) error {
			tries = append(tries, time.Since(start).String())
			return errDown
		}}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}})
		add(t, o, message("a", 1))
		pass(30 * time.Second)
		o.Close(t.Context())
		want := []string{"3s", "3.5s", "4.5s", "6.5s", "10.5s", "18.5s", "28.5s", "30s", "30.5s", "31.5s", "33.5s", "37.5s"}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOnce shows that an event comes once, by its source and id, however often it is added, before and after it came.
func TestOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"s": sink}})
		for range 3 {
			add(t, o, message("a", 1), message("a", 2))
			o.Flush(t.Context())
		}
		other := message("a", 1)
		other.Source = "https://other.example"
		add(t, o, other)
		o.Close(t.Context())
		if diff := cmp.Diff([]string{"a-001", "a-002", "a-001"}, sink.taken()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNamed shows that an event goes to the sinks that are named, and to all when none is.
func TestNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, two := &memory{}, &memory{}
		o := send.New(send.Config{Sinks: map[string]send.Sink{"one": one, "two": two}})
		if err := errors.Join(o.Add(message("a", 1), "two"), o.Add(message("a", 2)), o.Add(message("a", 3), "three")); err != nil {
			t.Fatal(err)
		}
		o.Close(t.Context())
		if diff := cmp.Diff([][]string{{"a-002"}, {"a-001", "a-002"}}, [][]string{one.taken(), two.taken()}); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]send.Config{"count": {MaxEvents: 5}, "size": {MaxBytes: 130}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Drain = time.Millisecond
			c.Sinks = map[string]send.Sink{"s": &memory{fail: down}}
			o := send.New(c)
			var err error
			added := 0
			for n := range 20 {
				if err = o.Add(message("a", n)); err != nil {
					break
				}
				added++
			}
			if added == 0 || added > 5 || err == nil || !strings.Contains(err.Error(), "wait for s already") {
				t.Errorf("%d added, error %v", added, err)
			}
			if s := o.Close(t.Context()); s[0].Waiting != added {
				t.Errorf("summary is %+v", s)
			}
		})
	}
}
