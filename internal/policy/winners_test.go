package policy

import "testing"

// TestWinners checks the one winner of each range among the generated tags, whatever the value's spelling, and that a
// decision allocates next to nothing. It is not parallel: allocations are counted.
func TestWinners(t *testing.T) {
	small, large := generated10k(t), generated100k(t)
	for _, c := range benchRanges {
		for _, current := range []string{"v0.0.1", "0.0.1", "latest", ""} {
			r := Request{Listing: small, Current: current, Filter: filter(t, c.pattern), Now: today}
			if d := Decide(r); d.Tag != c.of10k {
				t.Errorf("%s of 10,000 from %q: %+v, want %s", c.pattern, current, d, c.of10k)
			}
			r.Listing = large
			if d := Decide(r); d.Tag != c.of100k {
				t.Errorf("%s of 100,000 from %q: %+v, want %s", c.pattern, current, d, c.of100k)
			}
			if n := testing.AllocsPerRun(1, func() { Decide(r) }); n > 1000 {
				t.Errorf("%s of 100,000 from %q: %v allocations", c.pattern, current, n)
			}
		}
	}
}
