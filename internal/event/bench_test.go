package event_test

import "testing"

// BenchmarkTell tells the events of a run in which everything happens; the cost of one is reported.
func BenchmarkTell(b *testing.B) {
	told := 0
	for b.Loop() {
		told += len(story(b, about()))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(told), "ns/event")
}
