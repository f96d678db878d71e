package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/outbox"
)

// TestTimer runs on synctest's clock: fourteen events and silence are delivered after three seconds, not before.
func TestTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &memory{}
		o := open(t, outbox.Config{Dir: t.TempDir(), Sinks: map[string]outbox.Sink{"s": sink}})
		add(t, o, chain("a", 1, 14)...)
		pass(outbox.BatchWait - time.Nanosecond)
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
		o := open(t, outbox.Config{Dir: t.TempDir(), Sinks: map[string]outbox.Sink{"s": sink}})
		add(t, o, chain("a", 1, 14)...)
		pass(time.Second)
		add(t, o, chain("a", 15, 16)...)
		synctest.Wait()
		if diff := cmp.Diff([]int{15}, sink.sizes()); diff != "" {
			t.Error(diff)
		}
		pass(outbox.BatchWait - time.Nanosecond)
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
	sink, dir := &memory{}, t.TempDir()
	o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}})
	add(t, o, chain("a", 1, 3)...)
	got := o.Close(ctx)
	if diff := cmp.Diff(outbox.Summary{{Sink: "s", Delivered: 3}}, got); diff != "" {
		t.Error(diff)
	}
	if left := files(t, dir); len(left) != 0 || sink.closed != 1 {
		t.Errorf("left %v, closed %d times", left, sink.closed)
	}
	if err := o.Add(message("a", 4)); err == nil {
		t.Error("a closed outbox takes events")
	}
	if again := o.Close(ctx); cmp.Diff(got, again) != "" || sink.closed != 1 {
		t.Errorf("the second Close says %v", again)
	}
}

// TestStopAtOnce shows that what waits stays on disk when it is not to be delivered, and that nothing more is taken.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	sink, dir := &memory{}, t.TempDir()
	o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}})
	add(t, o, chain("a", 1, 3)...)
	got := o.Stop()
	if diff := cmp.Diff(outbox.Summary{{Sink: "s", Waiting: 3}}, got); diff != "" {
		t.Error(diff)
	}
	if left := listed(t, dir); len(left) != 3 || sink.closed != 1 {
		t.Errorf("left %v, closed %d times", left, sink.closed)
	}
	if err := o.Add(message("a", 4)); err == nil {
		t.Error("a stopped outbox takes events")
	}
	if again := o.Close(t.Context()); cmp.Diff(got, again) != "" || sink.closed != 1 {
		t.Errorf("Close after it says %v", again)
	}
}

// TestChains shows that a failure holds back its chain only, at its sink only, and that everything comes in order later.
func TestChains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, weak, good := t.TempDir(), &memory{}, &memory{}
		weak.fail = func(m event.Message) error {
			if m.ID == "a-002" {
				return errDown
			}
			return nil
		}
		o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"weak": weak, "good": good}})
		var all []event.Message
		for n := 1; n <= 20; n++ { // more than a batch, so that the chain is held back in later batches as well
			all = append(all, message("a", n), message("b", n), message("", n))
		}
		add(t, o, all...)
		s := o.Close(t.Context())
		if s[0].Err != nil || s[0].Delivered != 60 || s[1].Delivered != 41 || s[1].Waiting != 19 || !errors.Is(s[1].Err, errDown) || s.Undelivered() != 19 {
			t.Errorf("summary is %+v", s)
		}
		if diff := cmp.Diff(ids(all), good.taken()); diff != "" {
			t.Error(diff)
		}
		var want []string
		for _, m := range chain("a", 2, 20) {
			want = append(want, "weak "+m.ID)
		}
		if diff := cmp.Diff(want, listed(t, dir)); diff != "" {
			t.Error(diff)
		}
		weak.set(nil)
		o = open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"weak": weak, "good": good}})
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

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, sink := t.TempDir(), &memory{}
		sink.fail = func(m event.Message) error {
			if m.ID == "a-002" {
				return fmt.Errorf("posting: %w", &event.Rejected{Reason: "400 no such thing"})
			}
			return nil
		}
		for _, want := range []outbox.State{{Sink: "s", Delivered: 2, Dead: 1}, {Sink: "s", Delivered: 2}} {
			o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}})
			add(t, o, chain("a", 1, 3)...)
			got := o.Close(t.Context())[0]
			if (got.Err == nil) != (want.Dead == 0) {
				t.Errorf("error is %v", got.Err)
			}
			if got.Err = nil; got != want {
				t.Errorf("got %+v, want %+v: what was refused for good is not sent again", got, want)
			}
		}
		if diff := cmp.Diff([]string{"s a-002 dead: 400 no such thing"}, listed(t, dir)); diff != "" {
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
				dir, good := t.TempDir(), &memory{}
				o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"dead": c.sink, "dead2": &memory{stall: c.sink.stall, fail: c.sink.fail}, "good": good}})
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
				if n := len(listed(t, dir)); n != 80 {
					t.Errorf("%d files wait, want 80", n)
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
		o := open(t, outbox.Config{Dir: t.TempDir(), Sinks: map[string]outbox.Sink{"s": sink}, Drain: 20 * time.Second})
		add(t, o, message("a", 1), message("b", 1))
		pass(outbox.BatchWait)
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
		o := open(t, outbox.Config{Dir: t.TempDir(), Sinks: map[string]outbox.Sink{"s": sink}})
		add(t, o, message("a", 1))
		pass(30 * time.Second)
		o.Close(t.Context())
		want := []string{"3s", "3.5s", "4.5s", "6.5s", "10.5s", "18.5s", "28.5s", "30s", "30.5s", "31.5s", "33.5s", "37.5s"}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnceWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, one, two := t.TempDir(), &memory{fail: down}, &memory{fail: down}
		first := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": one}})
		second := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": two}}) // as another process
		for range 3 {
			add(t, first, message("a", 1))
			add(t, second, message("a", 1), message("a", 2))
		}
		other := message("a", 1)
		other.Source = "https://other.example"
		add(t, first, other)
		first.Close(t.Context())
		second.Close(t.Context())
		if diff := cmp.Diff([]string{"s a-001", "s a-002", "s a-001"}, listed(t, dir)); diff != "" {
			t.Error(diff)
		}
		one.set(nil)
		third := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": one}})
		add(t, third, message("a", 1))
		third.Close(t.Context())
		if diff := cmp.Diff([]string{"a-001", "a-002", "a-001"}, one.taken()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestShared lets two processes' outboxes deliver one backlog: each event comes, in order, and nobody minds that a file
// is gone.
func TestShared(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), &memory{fail: down}
	o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}, Drain: time.Millisecond})
	add(t, o, chain("a", 1, 100)...)
	o.Close(t.Context())
	sink.set(nil)
	first := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}})
	second := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}})
	for _, o := range []*outbox.Outbox{first, second} {
		if s := o.Close(t.Context()); s[0].Err != nil || s[0].Waiting != 0 {
			t.Errorf("summary is %+v", s)
		}
	}
	var once []string
	seen := map[string]bool{}
	for _, id := range sink.taken() {
		if !seen[id] {
			once = append(once, id)
		}
		seen[id] = true
	}
	checkOrder(t, once, 100)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]outbox.Config{"count": {MaxEvents: 5}, "size": {MaxBytes: 1400}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Dir, c.Drain = t.TempDir(), time.Millisecond
			c.Sinks = map[string]outbox.Sink{"s": &memory{fail: down}}
			o := open(t, c)
			var err error
			added := 0
			for n := range 20 {
				if err = o.Add(message("a", n)); err != nil {
					break
				}
				added++
			}
			var advice interface{ Advice() string }
			if added == 0 || added > 5 || !errors.As(err, &advice) || !strings.Contains(err.Error(), "full") {
				t.Errorf("%d added, error %v", added, err)
			}
			if s := o.Close(t.Context()); s[0].Waiting != added {
				t.Errorf("summary is %+v", s)
			}
			if n := len(files(t, c.Dir)); n != added {
				t.Errorf("%d files, want %d", n, added)
			}
		})
	}
}

// TestDamaged shows that a file that a power failure has cut stands in nobody's way and is kept for a look.
func TestDamaged(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), &memory{fail: down}
	config := outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": sink}, Drain: time.Millisecond}
	o := open(t, config)
	add(t, o, chain("a", 1, 3)...)
	o.Close(t.Context())
	names := files(t, dir)
	if err := os.Truncate(filepath.Join(dir, names[0]), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, names[1]), 50); err != nil {
		t.Fatal(err)
	}
	sink.set(nil)
	config.Drain = 0
	s := open(t, config).Close(t.Context())
	if s[0].Delivered != 1 || s[0].Dead != 2 || s[0].Waiting != 0 {
		t.Errorf("summary is %+v", s)
	}
	for _, line := range listed(t, dir) {
		if line != "s  dead: damaged: not a whole event" {
			t.Errorf("listed is %q", line)
		}
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "outbox")
	o := open(t, outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": &memory{fail: down}}, Drain: time.Millisecond})
	add(t, o, message("a", 1))
	o.Close(t.Context())
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s is %o, want %o", name, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "a/b", "../x", `a\b`, "a b", strings.Repeat("a", 101)} {
		if _, err := outbox.Open(outbox.Config{Dir: t.TempDir(), Sinks: map[string]outbox.Sink{name: &memory{}}}); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(outbox.Config{Dir: file}); err == nil {
		t.Error("a file is a directory")
	}
	if entries, err := outbox.List(filepath.Join(t.TempDir(), "none")); err != nil || len(entries) != 0 {
		t.Errorf("a missing directory holds %v, %v", entries, err)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := outbox.Config{Dir: dir, Sinks: map[string]outbox.Sink{"s": &memory{}}}
	open(t, config).Close(t.Context())
	old, young := filepath.Join(dir, "new", "old"), filepath.Join(dir, "new", "young")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte(`{"or`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	open(t, config).Close(t.Context())
	if diff := cmp.Diff([]string{"/new/young"}, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}
