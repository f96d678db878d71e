package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const aged = noChecks + "policy: {age: 3h}\n"

// look runs, and says what became of a.
func (s *stage) look() string {
	s.Helper()
	report := s.run(0)
	for _, o := range report.Plan.Outcomes {
		if o.Manifest == "a" {
			return strings.Join([]string{s.value("a"), string(o.Outcome), string(o.Reason), o.Detail}, " ")
		}
	}
	return s.value("a")
}

// TestAge shows that a version is taken by the first run after its time and never before, counted from when a run first saw it.
func TestAge(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, aged)
	want := func(head, part string) {
		t.Helper()
		if said := s.look(); !strings.HasPrefix(said, head) || !strings.Contains(said, part) {
			t.Fatalf("at %s it said %q, want %q with %q", s.clock().Format(time.TimeOnly), said, head, part)
		}
	}
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	want("v1.0.0 held too-young", "first seen 2026-03-01 12:00 UTC, takes part from 2026-03-01 15:00 UTC on") // what is there when pawl comes, too
	s.pass(3*time.Hour - time.Second)
	writes := s.github.Writes()
	want("v1.0.0 held too-young", "v1.1.0")
	if s.github.Writes() != writes {
		t.Errorf("nothing new, and %d writes", s.github.Writes()-writes)
	}
	s.pass(time.Second)
	want("v1.1.0 update newest-match", "")

	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	want("v1.1.0 held too-young", "v1.2.0")
	s.pass(2 * time.Hour)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0")
	want("v1.1.0 held too-young", "v1.4.0")
	s.pass(time.Hour)
	want("v1.2.0 update newest-match", "v1.4.0 is too young") // the highest that is old enough
	s.pass(2 * time.Hour)
	want("v1.4.0 update newest-match", "")
}

// TestAgeOfManyVersions shows that at most three candidates are looked at.
func TestAgeOfManyVersions(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, aged)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.look()
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0")
	s.pass(3 * time.Hour)
	if said := s.look(); !strings.HasPrefix(said, "v1.0.0 held too-young") {
		t.Errorf("it said %q", said)
	}
	s.pass(3 * time.Hour)
	if said := s.look(); !strings.HasPrefix(said, "v1.5.0 update") {
		t.Errorf("it said %q", said)
	}
}

// TestAgeOfATagThatMoves shows that a tag which gets another digest starts anew.
func TestAgeOfATagThatMoves(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, aged)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.look()
	s.pass(170 * time.Minute)
	s.registry.Retag("org/a", "v1.1.0")
	for _, wait := range []time.Duration{0, 10 * time.Minute, 169 * time.Minute} {
		s.pass(wait)
		if said := s.look(); !strings.HasPrefix(said, "v1.0.0 held too-young") {
			t.Errorf("after %s it said %q", wait, said)
		}
	}
	s.pass(time.Minute)
	if said := s.look(); !strings.HasPrefix(said, "v1.1.0 update") {
		t.Errorf("it said %q", said)
	}
}

// TestAgeAndBrakes shows that age holds a way up from a quarantined version, but no way down and no version that a person named.
func TestAgeAndBrakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pull []string
		want string
	}{
		"quarantine":            {[]string{"quarantine", "org/a:v1.1.0", "--reason", "x"}, "v1.0.0"},
		"quarantine to a named": {[]string{"quarantine", "org/a:v1.1.0", "--reason", "x", "--use", "v1.2.0"}, "v1.2.0"},
		"rollback":              {[]string{"rollback", "a", "--reason", "x"}, "v1.0.0"},
		"rollback to a named":   {[]string{"rollback", "a", "--reason", "x", "--to", "v1.2.0"}, "v1.2.0"},
		"hold at a named":       {[]string{"hold", "a", "--reason", "x", "--version", "v1.2.0"}, "v1.2.0"},
		"hold":                  {[]string{"hold", "a", "--reason", "x"}, "v1.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, aged)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.look()
			s.pass(4 * time.Hour)
			s.look()
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
			s.brake(0, c.pull...)
			if said := s.look(); !strings.HasPrefix(said, c.want+" ") {
				t.Errorf("it said %q, want %s", said, c.want)
			}
		})
	}
}

// TestAgeIsAFloor shows that a manifest may only ask for more than the configuration.
func TestAgeIsAFloor(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]time.Duration{"0": 3 * time.Hour, "1h": 3 * time.Hour, "1d": 24 * time.Hour} {
		s := newStage(t, github.Settings{}, aged)
		text := profileFiles("")["manifests/a.yaml"] + "policy: {age: " + own + "}\n"
		s.local("manifests/a.yaml", text)
		s.must(s.repo.Push("main", "alice", map[string][]byte{"manifests/a.yaml": []byte(text)}, "an age"))
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.look()
		s.pass(want - time.Minute)
		if said := s.look(); !strings.HasPrefix(said, "v1.0.0 held too-young") {
			t.Errorf("%s: it said %q", own, said)
		}
		s.pass(time.Minute)
		if said := s.look(); !strings.HasPrefix(said, "v1.1.0 update") {
			t.Errorf("%s: it said %q", own, said)
		}
	}
}

// TestSightingsMeet shows that of two runs that see a version for the first time the earlier sighting counts, in whatever order
// they write, and that the list does not grow.
func TestSightingsMeet(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	see := func(tag string, when time.Time) []ledger.Sighting {
		return []ledger.Sighting{{Source: "docker.io/org/a", Tag: tag, At: when}}
	}
	none := func(_, _ string) bool { return false }
	one := ledger.Ledger{}.Sight(see("v1", at), none).Sight(see("v1", at.Add(time.Minute)), none)
	other := ledger.Ledger{}.Sight(see("v1", at.Add(time.Minute)), none).Sight(see("v1", at), none)
	for _, l := range []ledger.Ledger{one, other} {
		if s, ok := l.Sighted("docker.io/org/a", "v1", ""); !ok || !s.At.Equal(at) {
			t.Errorf("it counts from %s", s.At)
		}
	}
	if l := one.Sight(nil, func(_, tag string) bool { return tag == "v1" }); len(l.Seen) != 0 {
		t.Errorf("what the value has passed is kept: %+v", l.Seen)
	}
	l := ledger.Ledger{}
	for i := range 1000 {
		l = l.Sight(see(strings.Repeat("x", i+1), at.Add(time.Duration(i)*time.Hour)), none)
	}
	if len(l.Seen) != 12 || len(l.Seen[11].Tag) != 1000 {
		t.Errorf("%d sightings are kept", len(l.Seen))
	}
}
