package outbox_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/file"
	"github.com/pawl-cd/pawl/internal/event/outbox"
)

// large is an event of the usual size.
func large(n int) event.Message {
	m := message("a", n)
	m.Body = []byte(`{"context":{"id":"` + m.ID + `"},"x":"` + strings.Repeat("y", 1200) + `"}`)
	return m
}

// BenchmarkSpool takes 10,000 events through the spool to the file sink.
func BenchmarkSpool(b *testing.B) {
	const events = 10_000
	for b.Loop() {
		dir := b.TempDir()
		path := filepath.Join(dir, "events.jsonl")
		o, err := outbox.Open(outbox.Config{Dir: filepath.Join(dir, "outbox"), Sinks: map[string]outbox.Sink{"file": file.New(path)}, Drain: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		for n := range events {
			if err := o.Add(large(n)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(start).Microseconds())/events, "µs/add")
		if s := o.Close(b.Context()); s[0].Delivered != events || s[0].Waiting != 0 {
			b.Fatalf("summary is %+v", s)
		}
		b.ReportMetric(events/time.Since(start).Seconds(), "events/s")
		if data, err := os.ReadFile(path); err != nil || bytes.Count(data, []byte("\n")) != events {
			b.Fatalf("%d bytes, %v", len(data), err)
		}
	}
}

// BenchmarkAdd is the cost of one event on the caller's side, with a sink that takes nothing.
func BenchmarkAdd(b *testing.B) {
	for _, sinks := range []int{1, 3} {
		b.Run(strings.Repeat("s", sinks), func(b *testing.B) {
			config := outbox.Config{Dir: b.TempDir(), Sinks: map[string]outbox.Sink{}, Drain: time.Millisecond, MaxEvents: 1 << 30, MaxBytes: 1 << 40}
			for n := range sinks {
				config.Sinks[strings.Repeat("s", n+1)] = &memory{fail: down}
			}
			o, err := outbox.Open(config)
			if err != nil {
				b.Fatal(err)
			}
			for n := 0; b.Loop(); n++ {
				if err := o.Add(large(n)); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			o.Close(b.Context())
		})
	}
}

// TestMemory holds that waiting costs memory for names only: 5,000 events of 1.2 kB stay below 2 MB.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 5,000 files")
	}
	o := open(t, outbox.Config{Dir: t.TempDir(), Sinks: map[string]outbox.Sink{"s": &memory{fail: down}}, Drain: time.Millisecond})
	before := heap()
	for n := range 5000 {
		add(t, o, large(n))
	}
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	o.Close(t.Context())
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
