package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// Sentence says what a run, or a deployment alone, came to: the headline of its page, where it is, and what it started. No word of it is
// anybody else's.
func Sentence(r run.Report, failure Failure) string {
	text, _ := headline(r, failure)
	var more []string
	if len(r.Plan.Changes) > 0 {
		if p := r.Pull; p != nil {
			more = append(more, fmt.Sprintf("pull request #%d", p.Number))
		}
		if n := fired(r.Deploy); n > 0 {
			more = append(more, count(n, "pipeline")+" started")
		}
	}
	if len(more) > 0 {
		text += ": " + strings.Join(more, ", ")
	}
	return text + "."
}

// headline says in one sentence what the run came to.
func headline(r run.Report, failure Failure) (text, tone string) {
	if r.Plan.Schema == "" {
		return deployed(r, failure)
	}
	updates, counts := count(len(r.Plan.Changes), "update"), outcomes(r.Plan)
	tone = "good"
	if waiting(r.Delivery) {
		tone = "wait"
	}
	text, worse := proposed(r, updates, counts)
	if failure.Message != "" && r.Pull == nil && r.Merge == nil { // it came to nothing more
		text = updates + " planned"
	}
	if n := counts[policy.Failed]; n > 0 {
		text += ", " + thousands(n) + " failed"
	}
	switch {
	case brokenBefore(r):
		text += ", an earlier deployment failed"
	case r.Deploy.Failed():
		text += ", not every deployment went well"
	}
	if failure.Message != "" {
		text += ", and the run ended early"
	}
	if failure.Message != "" || counts[policy.Failed] > 0 || r.Deploy.Failed() || worse == "bad" {
		tone = "bad"
	} else if worse == "wait" {
		tone = "wait"
	}
	return text, tone
}

// proposed says what became of the updates.
func proposed(r run.Report, updates string, counts map[policy.Outcome]int) (text, tone string) {
	switch {
	case len(r.Plan.Changes) == 0 && counts[policy.Failed]+counts[policy.Held]+counts[policy.None] == 0:
		return "Everything is current" + started(r.Deploy), ""
	case len(r.Plan.Changes) == 0:
		return "Nothing to update" + started(r.Deploy), ""
	case r.Paused != "":
		return updates + " planned, writing is paused", "wait"
	case r.Shadow != nil:
		return updates + " would be proposed (shadow)", ""
	case r.DryRun:
		return updates + " would be proposed", ""
	case r.Merge != nil:
		switch r.Merge.Outcome {
		case forge.Merged:
			return updates + " merged", ""
		case forge.Pending:
			return updates + " proposed, not merged yet", "wait"
		case forge.Refused:
			return updates + " proposed, a person decides on the merge", "wait"
		case forge.Closed:
			return updates + " proposed, the pull request was closed", "wait"
		case forge.Rebuild:
			return updates + " proposed, the base kept moving", "wait"
		default:
			return updates + " proposed, the merge failed", "bad"
		}
	case r.Pull != nil:
		return updates + " proposed", ""
	}
	return updates + " planned", ""
}

// fired counts the pipelines that the run started, whatever became of them.
func fired(d *run.Deploy) (n int) {
	if d == nil {
		return 0
	}
	for _, t := range d.Triggers {
		if t.Started() {
			n++
		}
	}
	return n
}

// started adds to a headline what was started for what others merged.
func started(d *run.Deploy) string {
	if n := fired(d); n > 0 {
		return ", " + count(n, "pipeline") + " started"
	}
	return ""
}

// brokenBefore reports that a deployment needs somebody, and none of those of this run does.
func brokenBefore(r run.Report) bool {
	return r.Deploy.Failed() && !slices.ContainsFunc(r.Deploy.Triggers, func(t run.Trigger) bool { return t.Failed() && own(r, t) })
}

// deployed is the headline of a deployment alone.
func deployed(r run.Report, failure Failure) (text, tone string) {
	fired := fired(r.Deploy)
	text, tone = count(fired, "pipeline")+" started", "good"
	if fired == 0 {
		text = "No pipeline started"
	}
	switch {
	case failure.Message != "":
		return text + ", and the run ended early", "bad"
	case r.Deploy.Failed():
		return text + ", not all went well", "bad"
	}
	return text, tone
}

// notes are what the headline has no room for.
func notes(r run.Report) []string {
	var all []string
	switch {
	case r.Shadow != nil:
		all = append(all, "This was a shadow run beside another bot: nothing was proposed, merged or deployed.")
	case r.DryRun:
		all = append(all, "This was a dry run: nothing was written.")
	}
	if r.Paused != "" {
		all = append(all, "Writing is paused: "+r.Paused)
	}
	if r.Rounds > 0 {
		all = append(all, fmt.Sprintf("The base or the branch moved meanwhile, so the run started over (%d×).", r.Rounds))
	}
	for _, n := range r.Withdrawn {
		all = append(all, fmt.Sprintf("Pull request #%d was closed: nothing is left to change.", n))
	}
	if waiting(r.Delivery) {
		all = append(all, "Not every event has reached its receiver.")
	}
	return all
}

func waiting(all []run.Delivery) bool {
	return slices.ContainsFunc(all, func(d run.Delivery) bool { return d.Waiting+d.Dead+d.Lost > 0 })
}
