package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// onlyNew ends a run whose faults the last run had as well as one without any, and remembers those of this one. Another end than
// that of a run that is done but for some faults stays as it is.
func (o *runOptions) onlyNew(ctx context.Context, f forge.Forge, report run.Report, end error) error {
	var e *exit
	if o.failOn != "new" || o.dryRun || report.Paused != "" || end != nil && (!errors.As(end, &e) || e.code != Partial) {
		return end
	}
	var keys []string
	if end != nil {
		keys = faultsOf(report)
	}
	known, err := f.Ledger(ctx)
	if err != nil {
		return errors.Join(end, &exit{code: Failure, err: err})
	}
	next, fresh := known.Report(keys, o.sys.Now())
	if len(fresh) > 0 || len(next.Reported) != len(known.Reported) {
		if err := f.Record(ctx, func(l ledger.Ledger) ledger.Ledger { l, _ = l.Report(keys, o.sys.Now()); return l }); err != nil {
			return errors.Join(end, &exit{code: Failure, err: err})
		}
	}
	if end == nil || len(fresh) > 0 || len(keys) == 0 { // a fault without a name is always new
		return end
	}
	o.reporter().say(slog.LevelWarn, fmt.Sprintf("%s that the last run reported as well: exit code 0, for --fail-on new", count(len(keys), "fault")), "pawl status shows them")
	return nil
}

// faultsOf names what makes a run end with exit code 3: the same in each run that it goes on.
func faultsOf(report run.Report) []string {
	var keys []string
	for _, out := range report.Plan.Outcomes {
		if out.Outcome == policy.Failed {
			keys = append(keys, fmt.Sprintf("plan %s/%s %s", out.Manifest, out.Target, out.Reason))
		}
	}
	if m := report.Merge; m != nil && m.Outcome != forge.Merged && !wanted(m.Decision.Code) && report.Pull != nil {
		keys = append(keys, fmt.Sprintf("merge of pull request #%d at %s: %s %s", report.Pull.Number, report.Pull.HeadSHA, m.Outcome, m.Decision.Code))
	}
	if d := report.Deploy; d != nil {
		for _, t := range d.Triggers {
			if t.Failed() {
				keys = append(keys, fmt.Sprintf("deploy %s of %s: %s %s", t.Project, t.Commit, t.State, t.Status))
			}
		}
	}
	if report.Lost != nil {
		keys = append(keys, "ledger "+report.Lost.Reason)
	}
	for _, u := range report.Unplanned {
		keys = append(keys, "unplanned "+u.Commit)
	}
	return keys
}
