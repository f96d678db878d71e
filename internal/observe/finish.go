package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// finishOf sums up a run.
func finishOf(report run.Report, err error) event.Finish {
	f := event.Finish{Outcome: event.Success}
	manifests := map[string]bool{}
	for _, out := range report.Plan.Outcomes {
		manifests[out.Manifest] = true
		switch out.Outcome {
		case policy.Update:
			f.Counts.Updated++
		case policy.Current:
			f.Counts.Current++
		case policy.Held:
			f.Counts.Held++
		case policy.None:
			f.Counts.None++
		case policy.Failed:
			f.Counts.Failed++
			f.Errors = append(f.Errors, out.Manifest+": "+out.Detail)
		}
	}
	f.Counts.Manifests = len(manifests)
	if report.Deploy != nil {
		for _, t := range report.Deploy.Triggers {
			if t.Failed() {
				f.Errors = append(f.Errors, fmt.Sprintf("deploy %s: %s: %s", t.Project, cmp.Or(t.Status, t.State), t.Detail))
			}
		}
	}
	if report.Lost != nil {
		f.Errors = append(f.Errors, report.Lost.Reason+": "+report.Lost.Detail)
	}
	for _, u := range report.Unplanned {
		f.Errors = append(f.Errors, fmt.Sprintf("pull request %d: %s", u.Pull, u.Detail))
	}
	if len(f.Errors) > 0 {
		f.Outcome = event.Failure
	}
	f.Result = resultOf(report)
	switch {
	case errors.Is(err, context.Canceled):
		f.Outcome, f.Result = event.Cancel, ""
	case err != nil:
		f.Outcome, f.Result, f.Errors = event.Error, "", append([]string{err.Error()}, f.Errors...)
	}
	return f
}

func resultOf(report run.Report) event.Result {
	switch {
	case report.Merge != nil && report.Merge.Outcome == forge.Merged, report.Deploy != nil && slices.ContainsFunc(report.Deploy.Triggers, run.Trigger.Started):
		return event.Updated
	case report.Pull != nil, report.DryRun && len(report.Plan.Changes) > 0:
		return event.Pending
	default:
		return event.Noop
	}
}
