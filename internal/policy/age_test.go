package policy_test

import (
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/policy"
)

// TestParseAge reads ages, and refuses what is none, negative or longer than a year.
func TestParseAge(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0": 0, "90m": 90 * time.Minute, "12h": 12 * time.Hour, "3d": 72 * time.Hour, "2w": 336 * time.Hour, "366d": 366 * 24 * time.Hour} {
		if got, err := policy.ParseAge(text); got != want || err != nil {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "3", "d", "-3d", "3.5d", "3days", "1h30m", "367d", "9999999999999h", "1000001m", "3 d", "३d"} {
		if got, err := policy.ParseAge(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
