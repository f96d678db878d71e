package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestHoldOnFailure has a pipeline fail: the values that its project consumes stay where they are until a person lets them go on, and
// nothing goes back by itself.
func TestHoldOnFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "  wait: 10m\n  onFailure: hold\n")
		s.projects[1].SetStatuses("running", "failed")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		code, report, printed := s.command(s.network(), s.environment(1), "run")
		if code != 3 || report.Deploy == nil || len(report.Deploy.Held) != 3 || s.value("a") != "v1.1.0" {
			t.Fatalf("exit code %d, %+v: %s", code, report.Deploy, printed)
		}
		s.projects[1].SetStatuses("success")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		s.play(2, 0)
		if s.value("a") != "v1.1.0" {
			t.Errorf("a went on to %s", s.value("a"))
		}
		if v := standing(s.status(), "a"); v.State != "held" || v.By != "deploy.onFailure" || !strings.Contains(v.Why, " failed") {
			t.Errorf("a: %+v", v)
		}
		s.brake(0, "unhold", "*", "--yes")
		s.play(3, 0)
		if s.value("a") != "v1.2.0" {
			t.Errorf("a is %s after it was let go on", s.value("a"))
		}
	})
}

// TestHoldOnFailureKeepsWhatPeopleSaid shows that a person's hold stays as it was said.
func TestHoldOnFailureKeepsWhatPeopleSaid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "  wait: 10m\n  onFailure: hold\n")
		s.projects[1].SetStatuses("running", "failed")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.brake(0, "hold", "b", "--reason", "mine", "--until", "30d")
		s.play(1, 3)
		for _, b := range s.status().Brakes {
			if b.Subject == "b" && (b.Reason != "mine" || b.Until.IsZero()) {
				t.Errorf("b is held as %+v", b)
			}
		}
	})
}
