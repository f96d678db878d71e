package fleet_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/source"
)

// TestDamagedSnapshot turns each bit of a snapshot: what is read is what was written, or nothing.
func TestDamagedSnapshot(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want, err := fleet.Snapshot{At: now, Facts: map[string]*fleet.Facts{}, Listings: map[fleet.Key]source.Listing{{1}: {{Tag: "v1.0.0"}, {Tag: "v1.1.7"}, {Tag: "v1.2.3"}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(want) {
		data := bytes.Clone(want)
		data[i/8] ^= 1 << (i % 8)
		s, err := fleet.DecodeSnapshot(data, now)
		if err != nil {
			continue
		}
		if got, err := s.Encode(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("bit %d: %v: %+v", i, err, s)
		}
	}
}
