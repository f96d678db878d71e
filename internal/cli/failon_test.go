package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestFailOnNew shows that a fault makes exit code 3 once, again when another joins it, and again when it comes back.
func TestFailOnNew(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	hopeless := func(app string) { // quarantined, and nowhere to go
		s.brake(0, "quarantine", "org/"+app+":v1.0.0", "--reason", "broken")
	}
	s.run(0, "--fail-on", "new")
	writes := s.github.Writes()
	if s.run(0, "--fail-on", "new"); s.github.Writes() != writes {
		t.Error("a run without faults wrote something")
	}
	hopeless("a")
	s.run(3, "--fail-on", "new")
	writes = s.github.Writes()
	code, _, errs := s.pawl(nil, "run", "--fail-on", "new")
	if code != 0 || s.github.Writes() != writes || !strings.Contains(errs, "1 fault that the last run reported as well") {
		t.Errorf("exit code %d, %d writes: %s", code, s.github.Writes()-writes, errs)
	}
	s.run(3) // any
	s.run(0, "--fail-on", "new")
	hopeless("b")
	s.run(3, "--fail-on", "new")
	s.run(0, "--fail-on", "new")
	s.brake(0, "unquarantine", "org/b:v1.0.0")
	s.run(0, "--fail-on", "new")
	hopeless("b")
	s.run(3, "--fail-on", "new")
	if v := standing(s.status(), "a"); v.State != "failed" || v.Reason != "quarantined" {
		t.Errorf("status forgot it: %+v", v)
	}
	if code, _, errs := s.pawl(nil, "run", "--fail-on", "some"); code != 4 || !strings.Contains(errs, "want any or new") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
