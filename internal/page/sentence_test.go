package page_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// TestSentence says in one line what each kind of run came to, and the page of the run says it too.
func TestSentence(t *testing.T) {
	t.Parallel()
	made := func(updates int, more ...plan.Outcome) plan.Plan {
		p := plan.Plan{Schema: "pawl.plan/1", Outcomes: more}
		for range updates {
			p.Changes = append(p.Changes, change.Update{Manifest: "web", Old: "v1", New: "v2"})
		}
		return p
	}
	pull, fired := &forge.Pull{Number: 12}, &run.Deploy{Triggers: []run.Trigger{{Project: "a", State: "accepted", Fired: true}, {Project: "b", State: "accepted", Fired: true}}}
	broken := &run.Deploy{Triggers: []run.Trigger{{Project: "a", Commit: "c1", State: "accepted", Status: "success", Fired: true}, {Project: "b", Commit: "c1", State: "accepted", Status: "failed", Fired: true}}}
	merge := func(o forge.Outcome) *forge.Merge { return &forge.Merge{Outcome: o} }
	for want, c := range map[string]struct {
		report  run.Report
		failure page.Failure
	}{
		"Everything is current.":                                                                  {run.Report{Plan: made(0)}, page.Failure{}},
		"Everything is current, 2 pipelines started.":                                             {run.Report{Plan: made(0), Deploy: fired}, page.Failure{}},
		"Nothing to update, 1 failed.":                                                            {run.Report{Plan: made(0, plan.Outcome{Outcome: policy.Failed})}, page.Failure{}},
		"3 updates merged: pull request #12, 2 pipelines started.":                                {run.Report{Plan: made(3), Pull: pull, Merge: merge(forge.Merged), Deploy: fired}, page.Failure{}},
		"1 update proposed, a person decides on the merge: pull request #12.":                     {run.Report{Plan: made(1), Pull: pull, Merge: merge(forge.Refused)}, page.Failure{}},
		"1 update proposed, not merged yet, 1 failed: pull request #12.":                          {run.Report{Plan: made(1, plan.Outcome{Outcome: policy.Failed}), Pull: pull, Merge: merge(forge.Pending)}, page.Failure{}},
		"2 updates planned, writing is paused.":                                                   {run.Report{Plan: made(2), Paused: "a fire"}, page.Failure{}},
		"2 updates would be proposed.":                                                            {run.Report{Plan: made(2), DryRun: true}, page.Failure{}},
		"2 updates planned, and the run ended early.":                                             {run.Report{Plan: made(2)}, page.Failure{Message: "no"}},
		"1 update merged, not every deployment went well: pull request #12, 2 pipelines started.": {run.Report{Plan: made(1), Pull: pull, Merge: &forge.Merge{Outcome: forge.Merged, SHA: "c1"}, Deploy: broken}, page.Failure{}},
		"1 update merged, and the run ended early: pull request #12, 2 pipelines started.":        {run.Report{Plan: made(1), Pull: pull, Merge: merge(forge.Merged), Deploy: fired}, page.Failure{Message: "no"}},
		"1 update proposed, and the run ended early: pull request #12.":                           {run.Report{Plan: made(1), Pull: pull}, page.Failure{Message: "no"}},
		"Everything is current, 2 pipelines started, not every deployment went well.":             {run.Report{Plan: made(0), Deploy: broken}, page.Failure{}},
		"0 updates planned, and the run ended early.":                                             {run.Report{Plan: made(0)}, page.Failure{Message: "no"}},
		"2 pipelines started.":                                                                    {run.Report{Deploy: fired}, page.Failure{}},
		"No pipeline started.":                                                                    {run.Report{}, page.Failure{}},
	} {
		if got := page.Sentence(c.report, c.failure); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		data, err := page.Run(c.report, c.failure)
		if head, _, _ := strings.Cut(strings.TrimSuffix(want, "."), ":"); err != nil || !strings.Contains(string(data), `<h1 id="headline">`+head+`</h1>`) {
			t.Errorf("%v: the page does not say %q", err, head)
		}
	}
}
