package page

import (
	"fmt"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/run"
)

// accepted is the state of a trigger that made a pipeline.
const accepted = "accepted"

// pipeline is what became of one project's trigger.
type pipeline struct {
	run.Trigger
	Word, Tone string
	// Ran is how long the pipeline ran, Other says that it is of another commit than the newest.
	Ran   string
	Other bool
}

// pipelines tells the triggers of this run from those of earlier ones.
func (v *runView) pipelines() {
	d := v.Report.Deploy
	if d == nil {
		return
	}
	for _, t := range d.Triggers {
		p := pipeline{Trigger: t, Word: stateWord(t, d), Tone: stateTone(t), Ran: v.Chain.Ran(t), Other: t.Commit != d.Commit}
		if own(v.Report, t) {
			v.Pipelines = append(v.Pipelines, p)
		} else {
			v.Earlier = append(v.Earlier, p)
		}
	}
}

// own reports that a trigger is of what this run did: it merged the commit, or fired something for it.
func own(r run.Report, t run.Trigger) bool {
	if r.Plan.Schema == "" || r.Merge != nil && r.Merge.Outcome == forge.Merged && r.Merge.SHA == t.Commit {
		return true // a deployment alone is about its triggers
	}
	for _, other := range r.Deploy.Triggers {
		same := other.Commit == t.Commit || t.State == run.Covered && other.Project == t.Project
		if other.Fired && same {
			return true
		}
	}
	return false
}

// stateWord names what became of a trigger: how its pipeline ended where that is known, else what was done.
func stateWord(t run.Trigger, d *run.Deploy) string {
	switch t.State {
	case accepted:
		switch {
		case t.Status == "success":
			return "succeeded"
		case t.Status != "":
			return t.Status
		case !t.Fired:
			return "already running"
		}
		return "started"
	case "refused":
		return "not started"
	case run.Covered:
		return "included in " + bringer(t, d)
	case run.Untouched:
		return "not affected"
	}
	return t.State
}

// bringer names the pipeline that brings what another commit changed.
func bringer(t run.Trigger, d *run.Deploy) string {
	for _, other := range d.Triggers {
		if other.Project == t.Project && other.State == accepted && other.PipelineID > 0 {
			return fmt.Sprintf("pipeline %d", other.PipelineID)
		}
	}
	return "another pipeline"
}

// stateTone is the tone of a trigger.
func stateTone(t run.Trigger) string {
	switch {
	case t.Failed():
		return "bad"
	case t.State == accepted && t.Status == "success":
		return "good"
	case t.State == accepted && t.Status != "":
		return "wait"
	}
	return "calm"
}

// Deployed says that the page has a part about the pipelines of this run.
func (v runView) Deployed() bool {
	r := v.Report
	merged := r.Merge != nil && r.Merge.Outcome == forge.Merged
	return r.Deploy != nil && (len(v.Pipelines) > 0 || r.Plan.Schema == "" || merged)
}
