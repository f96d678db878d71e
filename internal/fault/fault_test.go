package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pawl-cd/pawl/internal/fault"
)

func TestHint(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := fmt.Errorf("doing: %w", fault.New("do this", "reading %s: %w", "x", cause))
	if err.Error() != "doing: reading x: cause" || fault.Hint(err) != "do this" || !errors.Is(err, cause) {
		t.Errorf("%v, hint %q", err, fault.Hint(err))
	}
	if fault.Hint(fault.With(err, "or that")) != "or that" || fault.Hint(cause) != "" || fault.Hint(nil) != "" || fault.With(nil, "x") != nil {
		t.Error("the first hint is not the outermost, or there is one of nothing")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"merge", "mirrors", "manifests", "events"}
	for have, want := range map[string]string{"mergee": "merge", "Merge": "merge", "mirors": "mirrors", "evnts": "events", "x": "", "": "", "deploy": "", "vents": "events"} {
		if got := fault.Nearest(have, words); got != want {
			t.Errorf("%q: %q, want %q", have, got, want)
		}
	}
	if fault.DidYouMean("") != "" || fault.DidYouMean("merge") != `did you mean "merge"?` {
		t.Error(fault.DidYouMean("merge"))
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	guarded := func(value any) (err error) {
		defer fault.Guard(&err, func(cause any) error { return fmt.Errorf("it failed: %v", cause) })
		if value != nil {
			panic(value)
		}
		return errors.New("its own")
	}
	if err := guarded("x"); err == nil || err.Error() != "it failed: x" {
		t.Error(err)
	}
	if err := guarded(nil); err == nil || err.Error() != "its own" {
		t.Error(err)
	}
}
