package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestRunConfirms shows that people also win over values that pawl found right and did not write: what they change is
// held as if pawl had written it.
func TestRunConfirms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// history is what happens after a run wrote v1.1.0 to a; the next run must leave the value at want.
		history func(s *stage)
		want    string
	}{
		{"up and half way back", func(s *stage) {
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
			s.edit("main", "a: v1.1.0", "a: v1.3.0")
			s.run(0)
			s.edit("main", "a: v1.3.0", "a: v1.2.0")
		}, "v1.2.0"},
		{"back after the manifest changed", func(s *stage) {
			text := strings.Replace(profileFiles("")["manifests/a.yaml"], "^1.0.0", "^1.0", 1)
			s.local("manifests/a.yaml", text)
			s.must(s.repo.Push("main", "alice", map[string][]byte{"manifests/a.yaml": []byte(text)}, "another range"))
			s.run(0)
			s.edit("main", "a: v1.1.0", "a: v1.0.0")
		}, "v1.0.0"},
		{"back to what was there before pawl", func(s *stage) {
			s.registry.SetTags("org/b", "v0.9.0", "v1.0.0")
			s.edit("main", "b: v1.0.0", "b: v0.9.0")
		}, "v1.1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, noChecks)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.run(0)
			c.history(s)
			b := s.value("b")
			if report := s.run(0); s.value("a") != c.want || s.value("b") != b {
				t.Errorf("a is %s, want %s; b is %s, want %s: %+v", s.value("a"), c.want, s.value("b"), b, report.Plan.Outcomes)
			}
			writes := s.github.Writes()
			if s.run(0); s.github.Writes() != writes {
				t.Errorf("nothing new, and %d writing calls", s.github.Writes()-writes)
			}
		})
	}
}

// TestRunConfirmsWithoutAWord shows that a profile in which everything is right is left without any writing.
func TestRunConfirmsWithoutAWord(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	if s.run(0); s.github.Writes() != 0 {
		t.Errorf("nothing to do, and %d writing calls", s.github.Writes())
	}
}
