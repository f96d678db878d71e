package observe

import (
	"testing"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/run"
)

// TestResult says what came of a run: something was updated only when a pull request was merged or a pipeline was started.
func TestResult(t *testing.T) {
	t.Parallel()
	deployed := func(states ...string) *run.Deploy {
		d := &run.Deploy{}
		for _, s := range states {
			d.Triggers = append(d.Triggers, run.Trigger{State: s, Fired: true})
		}
		return d
	}
	for name, c := range map[string]struct {
		report run.Report
		want   event.Result
	}{
		"nothing":                  {run.Report{}, event.Noop},
		"an open pull request":     {run.Report{Pull: &forge.Pull{}}, event.Pending},
		"a merge":                  {run.Report{Pull: &forge.Pull{}, Merge: &forge.Merge{Outcome: forge.Merged}}, event.Updated},
		"a pipeline":               {run.Report{Deploy: deployed("refused", "accepted")}, event.Updated},
		"a trigger that is no one": {run.Report{Deploy: deployed("refused", "unknown")}, event.Noop},
		"somebody else's pipeline": {run.Report{Deploy: &run.Deploy{Triggers: []run.Trigger{{State: "accepted"}}}}, event.Noop},
	} {
		if got := resultOf(c.report); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
