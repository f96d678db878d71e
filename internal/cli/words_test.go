package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestRunInTheTeamsWords words title and commit as the configuration says, and asks people once: whom it cannot ask it names,
// and the change goes on.
func TestRunInTheTeamsWords(t *testing.T) {
	t.Parallel()
	const words = "change: {title: '[bot] {summary}', commit: 'build(deps): {count} of {manifests}', labels: [bot], reviewers: [alice], assignees: [alice, ghost]}\n"
	people := func(o *github.Options) {
		o.Identities["x"] = github.Identity{Login: "alice"}
	}
	s := newStage(t, github.Settings{}, noChecks+words, people)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	code, out, errs := s.pawl(nil, "run", "--no-merge")
	p := s.pull(1)
	reviewers, assignees := s.repo.Asked(1)
	if code != cli.OK || p.Title != "[bot] a v1.0.0 -> v1.1.0" || !slices.Contains(p.Labels, "bot") || !slices.Equal(reviewers, []string{"alice"}) || !slices.Equal(assignees, []string{"alice"}) {
		t.Errorf("exit code %d, %+v, %v, %v: %s%s", code, p, reviewers, assignees, out, errs)
	}
	if !strings.Contains(errs, "assigning pull request 1: github: left out ghost") || !strings.Contains(errs, "change.assignees") {
		t.Errorf("it does not say who was left out: %s", errs)
	}
	if code, out, errs = s.pawl(nil, "run"); code != cli.OK || strings.Contains(errs, "ghost") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	commit := s.repo.Log("main")[0]
	if trailers := change.ParseTrailers(commit.Message); !strings.HasPrefix(commit.Message, "build(deps): 1 of a\n\n- a v1.0.0 -> v1.1.0") || len(trailers.Updates) != 1 {
		t.Errorf("%q", commit.Message)
	}
}

// TestRunAsksNobodyWhoMayNot goes on when GitHub refuses all reviewers because one is no collaborator.
func TestRunAsksNobodyWhoMayNot(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"ghost", "pawl-bot", "acme/team"} {
		s := newStage(t, github.Settings{}, noChecks+"change: {reviewers: ["+who+"]}\n")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		code, out, errs := s.pawl(nil, "run")
		if code != cli.OK || s.value("a") != "v1.1.0" || !strings.Contains(errs, "asking for reviews of pull request 1") || !strings.Contains(errs, "hint: correct change.reviewers in .pawl.yaml") {
			t.Errorf("%s: exit code %d: %s%s", who, code, out, errs)
		}
	}
}
