package send_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/file"
	"github.com/pawl-cd/pawl/internal/event/send"
)

// large is an event of the usual size.
func large(n int) event.Message {
	m := message("a", n)
	m.Body = []byte(`{"context":{"id":"` + m.ID + `"},"x":"` + strings.Repeat("y", 1200) + `"}`)
	return m
}

// BenchmarkSend takes 10,000 events to the file sink.
func BenchmarkSend(b *testing.B) {
	const events = 10_000
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "events.jsonl")
		s := send.New(send.Config{Sinks: map[string]send.Sink{"file": file.New(path)}, Drain: time.Minute})
		start := time.Now()
		for n := range events {
			if err := s.Add(large(n)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(start).Microseconds())/events, "µs/add")
		if sum := s.Close(b.Context()); sum[0].Delivered != events || sum[0].Waiting != 0 {
			b.Fatalf("summary is %+v", sum)
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
			config := send.Config{Sinks: map[string]send.Sink{}, Drain: time.Millisecond, MaxEvents: 1 << 30, MaxBytes: 1 << 40}
			for n := range sinks {
				config.Sinks[strings.Repeat("s", n+1)] = &memory{fail: down}
			}
			s := send.New(config)
			for n := 0; b.Loop(); n++ {
				if err := s.Add(large(n)); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			s.Close(b.Context())
		})
	}
}
