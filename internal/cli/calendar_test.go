package cli_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
)

// The stage begins on Sunday, 2026-03-01, at noon UTC.
const (
	office = "merge: {require: none, windows: [{days: mon-fri, from: 08:00, to: 16:00, zone: Europe/Berlin}]}\n"
	frozen = "merge: {require: none, freeze: [{from: 2026-03-01, to: 2026-03-03, reason: audit}]}\n"
)

// TestCalendarOfMerges shows that nothing is merged while the calendar is closed, that the pull request is kept up to date
// meanwhile, that the end is exit code 0 and says when it opens, and that the first run after that merges.
func TestCalendarOfMerges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		code   change.Code
		opens  string
		pass   time.Duration
	}{
		"window": {office, change.OutsideWindow, "2026-03-02 07:00 UTC", 19 * time.Hour},
		"freeze": {frozen, change.InFreeze, "2026-03-04 00:00 UTC", 60 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, c.config)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			for i, tag := range []string{"v1.1.0", "v1.2.0", "v1.2.0"} {
				s.registry.SetTags("org/a", "v1.0.0", tag)
				writes := s.github.Writes()
				report := s.run(0)
				if m := report.Merge; m == nil || m.Outcome != forge.Pending || m.Decision.Code != c.code || !strings.Contains(m.Hint, c.opens) {
					t.Fatalf("the end is %+v", m)
				}
				if pulls := s.repo.Pulls(); len(pulls) != 1 || pulls[0].State != "open" || !strings.Contains(pulls[0].Body, tag) {
					t.Errorf("the pull requests are %+v", pulls)
				}
				if i == 2 && s.github.Writes() != writes {
					t.Errorf("nothing new, and %d writes", s.github.Writes()-writes)
				}
				s.pass(time.Minute)
			}
			s.pass(c.pass - 4*time.Minute)
			if s.run(0); s.value("a") != "v1.0.0" {
				t.Errorf("merged a minute early: a is %s", s.value("a"))
			}
			s.pass(2 * time.Minute)
			if s.run(0); s.value("a") != "v1.2.0" {
				t.Errorf("it is open, and a is %s", s.value("a"))
			}
		})
	}
}

// TestWindowEndsWhileARunWaits shows that a run which waits for a check does not merge after the window, and leaves nothing to
// the forge.
func TestWindowEndsWhileARunWaits(t *testing.T) {
	t.Parallel()
	slow := github.Settings{AutoMerge: true, CI: func(string) []github.Check {
		return []github.Check{{Name: "ci", Conclusion: "success", After: 2 * time.Minute}}
	}}
	s := newStage(t, slow, "merge: {require: [ci], wait: 5m, windows: [{from: 00:00, to: 12:01}]}\n")
	s.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if report := s.run(0); report.Merge.Decision.Code != change.OutsideWindow || s.value("a") != "v1.0.0" || s.pull(1).AutoMerge {
		t.Errorf("a is %s: %+v", s.value("a"), report.Merge)
	}
}

// TestUrgentBrakes shows which brake passes what, and that nothing else is merged along with it.
func TestUrgentBrakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		flags  []string
		passes bool
	}{
		"window":                       {office, nil, false},
		"window, urgent":               {office, []string{"--urgent"}, true},
		"window, break glass":          {office, []string{"--break-glass", "customers are down"}, true},
		"freeze, urgent":               {frozen, []string{"--urgent"}, false},
		"freeze, break glass":          {frozen, []string{"--break-glass", "customers are down"}, true},
		"no calendar, urgent":          {noChecks, []string{"--urgent"}, true},
		"window of a rollback, urgent": {office, []string{"--urgent"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := lately(t, github.Settings{}, noChecks)
			s.local(".pawl.yaml", profileFiles(c.config)[".pawl.yaml"])
			s.must(s.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(profileFiles(c.config)[".pawl.yaml"])}, "a calendar"))
			s.registry.SetTags("org/b", "v1.0.0", "v1.5.0") // an ordinary update
			pull := []string{"quarantine", "org/a:v1.1.0", "--reason", "broken"}
			if strings.Contains(name, "rollback") {
				pull = []string{"rollback", "a", "--reason", "broken"}
			}
			s.brake(0, append(pull, c.flags...)...)
			want := map[bool]string{true: "v1.0.0", false: "v1.1.0"}[c.passes]
			if report := s.run(0); s.value("a") != want {
				t.Fatalf("a is %s, want %s: %+v", s.value("a"), want, report.Merge)
			}
			if c.config != noChecks && s.value("b") != "v1.0.0" {
				t.Errorf("an ordinary update passed: b is %s", s.value("b"))
			}
			glass := func(p github.Pull) bool { return strings.Contains(p.Body, "customers are down") }
			if slices.Contains(c.flags, "--break-glass") != slices.ContainsFunc(s.repo.Pulls(), glass) {
				t.Errorf("the pull request does not say who broke the glass: %s", s.repo.Pulls()[len(s.repo.Pulls())-1].Body)
			}
			s.pass(96 * time.Hour)
			if s.run(0); s.value("a") != "v1.0.0" || s.value("b") != "v1.5.0" {
				t.Errorf("it is open, and a is %s, b %s", s.value("a"), s.value("b"))
			}
		})
	}
}

// TestUrgencyIsOfOneBrake shows that a brake which passed once, or could, lets no other one pass.
func TestUrgencyIsOfOneBrake(t *testing.T) {
	t.Parallel()
	s := lately(t, github.Settings{}, noChecks)
	s.local(".pawl.yaml", profileFiles(office)[".pawl.yaml"])
	s.must(s.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(profileFiles(office)[".pawl.yaml"])}, "a calendar"))
	s.registry.SetTags("org/b", "v0.9.0", "v1.0.0")
	s.brake(0, "quarantine", "org/a:v9.9.9", "--reason", "old", "--urgent", "--break-glass", "long ago")
	s.brake(0, "quarantine", "org/a:v1.1.0", "--reason", "broken")
	if report := s.run(0); s.value("a") != "v1.1.0" || report.Merge.Decision.Code != change.OutsideWindow {
		t.Errorf("a is %s: %+v", s.value("a"), report.Merge)
	}
	s.brake(0, "rollback", "b", "--reason", "errors", "--to", "v1.0.0", "--urgent") // another value's
	if s.run(0); s.value("a") != "v1.1.0" {
		t.Errorf("another brake let it pass: a is %s", s.value("a"))
	}
	s.brake(0, "quarantine", "org/a:v1.1.0", "--reason", "broken", "--urgent")
	if s.run(0); s.value("a") != "v1.0.0" {
		t.Errorf("it is urgent now, and a is %s", s.value("a"))
	}
}

// TestTooManyValues shows that people decide about a pull request with more values than merge.max, and about a profile's first.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, "merge: {require: none, max: 2}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if report := s.run(0); report.Merge.Decision.Code != change.UnderReview || len(s.pull(1).Labels) != 2 {
		t.Fatalf("the first one is %+v: %+v", report.Merge, s.pull(1).Labels)
	}
	s.must(nil, s.repo.Unlabel(1, change.ReviewLabel))
	if s.run(0); s.value("a") != "v1.1.0" {
		t.Fatalf("the label is off, and a is %s", s.value("a"))
	}
	s.registry.SetTags("org/a", "v1.0.0", "v1.2.0")
	s.registry.SetTags("org/b", "v1.0.0", "v1.2.0")
	if s.run(0); s.value("a") != "v1.2.0" || s.value("b") != "v1.2.0" {
		t.Errorf("two of two, and a is %s, b %s", s.value("a"), s.value("b"))
	}
	for _, app := range []string{"a", "b", "c"} {
		s.registry.SetTags("org/"+app, "v1.0.0", "v1.3.0")
	}
	if report := s.run(0); report.Merge.Decision.Code != change.TooMany || s.value("a") != "v1.2.0" || !slices.Contains(s.pull(3).Labels, change.ReviewLabel) {
		t.Errorf("three of two: %+v", report.Merge)
	}
}
