package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// printed is what a command says to people.
func (d *deployStage) printed(args ...string) (code int, out string) {
	d.Helper()
	var printed strings.Builder
	code = cli.Run(d.Context(), append(args, "--root", d.root), cli.System{
		Out: &printed, Err: &printed, Now: d.clock, Sleep: d.sleep, Transport: d.transport(),
		Env: func(name string) (string, bool) { v, ok := d.env[name]; return v, ok },
	})
	return code, printed.String()
}

// TestRunSaysItsOwnPipelines: people are told which pipelines this run fired, and of those that it could not; what earlier runs settled
// of earlier merges is in the report as JSON alone, also after a rollback.
func TestRunSaysItsOwnPipelines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		says := func(want int, args ...string) string {
			code, out := d.printed(args...)
			if n := strings.Count("\n"+out, "\ndeploy "); code != 0 || n != want || strings.Contains(out, "deploy env-0 of ") {
				t.Errorf("%v: exit code %d and %d lines, want %d: %s", args, code, n, want, out)
			}
			return out
		}
		d.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		says(2, "run")
		d.wait(1)
		d.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		says(2, "run")
		says(0, "run")
		if report := d.do(0, "run"); len(report.Deploy.Triggers) != 4 {
			t.Errorf("the report has %+v", report.Deploy.Triggers)
		}
		says(0, "rollback", "a", "--reason", "errors", "--no-run")
		if out := says(2, "run"); !strings.Contains(out, "v1.2.0") || !strings.Contains(out, "v1.1.0") {
			t.Errorf("the rollback says %s", out)
		}
		if out := says(2, "deploy", "--commit", d.repo.Head("main")); !strings.Contains(out, "accepted, pipeline ") {
			t.Errorf("who asks is told what is: %s", out)
		}
	})
}

// TestPausedRunTellsNobody: a paused run names no events that it would tell, whether the pause is the variable's or the ledger's;
// a dry run names them where somebody receives events.
func TestPausedRunTellsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, s := range map[string]*storyStage{"with receivers": newStoryStage(t, 1, github.Settings{}, ""), "without": {deployStage: newDeployStage(t, 1, github.Settings{}, "")}} {
			s.publish("a")
			env := map[string]string{"TRIGGER_0": "x", "SINK_TOKEN": "x", "PAWL_PAUSE": "release week"}
			says := func(tells bool, args ...string) {
				code, out, errs := s.stage.pawl(env, args...)
				if code != 0 || strings.Contains(out, "would tell: ") != tells {
					t.Errorf("%s, %v: exit code %d: %s%s", name, args, code, out, errs)
				}
			}
			says(false, "run")
			delete(env, "PAWL_PAUSE")
			says(name == "with receivers", "run", "--dry-run")
			says(false, "pause", "--reason", "incident")
			says(false, "run")
		}
	})
}
