package page

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pawl-cd/pawl/internal/event"
)

// kindOf is what events have in common that stand in a row.
func kindOf(t told) string { return t.of() + " " + t.CustomData.Pawl.Step }

// relation is a link in a word.
func relation(linkType, kind string) string {
	switch linkType {
	case "PATH":
		return "after"
	case "END":
		return "ends the chain after"
	}
	switch kind {
	case "TRIGGER":
		return "triggered by"
	case "CAUSED_BY":
		return "caused by"
	}
	return "relates to"
}

// sum is the title of several events.
func sum(group []told) (title, tone string) {
	failed := 0
	for _, t := range group {
		if _, _, tone := say(t); tone == "bad" {
			failed++
		}
	}
	switch {
	case group[0].is(event.VersionFound, ""):
		title = "Found " + count(len(group), "version") + " to go to"
	case group[0].CustomData.Pawl.Step == "rewrite":
		title = "Rewrote " + count(len(group), "file")
	default:
		title = "Asked " + count(len(group), "source")
	}
	if failed > 0 {
		return fmt.Sprintf("%s, %d failed", title, failed), "bad"
	}
	return title, ""
}

// say is an event in words.
func say(t told) (title, detail, tone string) {
	content, own := t.Subject.Content, t.CustomData.Pawl
	name := cmp.Or(content.PipelineName, t.Subject.ID)
	deploying := own.Step == "deploy"
	switch t.of() {
	case event.PipelineRunQueued:
		if deploying {
			return "Pipeline of " + name + " queued", t.Subject.ID, ""
		}
		return "Dispatch received", t.Subject.ID, ""
	case event.PipelineRunStarted:
		if deploying {
			return "Pipeline of " + name + " started", t.Subject.ID, ""
		}
		return "Run started", t.Subject.ID, ""
	case event.PipelineRunFinished:
		tone = ended(content.Outcome)
		if deploying {
			return "Pipeline of " + name + " ended: " + content.Outcome, cmp.Or(content.Errors, t.Subject.ID), tone
		}
		title = "Run ended: " + content.Outcome
		if own.Result != "" {
			title += ", " + map[string]string{"noop": "nothing to do", "updated": "values updated", "pending": "something is left"}[own.Result]
		}
		return title, cmp.Or(content.Errors, t.Subject.ID), tone
	case event.TaskRunFinished:
		if own.Step == "rewrite" {
			return "Rewrote " + own.File, count(len(own.Updates), "value"), ended(content.Outcome)
		}
		if content.Errors != "" {
			return "Asked " + own.Registry + " for " + own.Repository, content.Errors, ended(content.Outcome)
		}
		return "Asked " + own.Registry + " for " + own.Repository, count(own.Listed, "version") + " listed", ""
	case event.VersionFound:
		return "Found " + content.To, strings.TrimSpace("for " + content.Target.Manifest + ", now " + content.From), ""
	case event.BranchCreated:
		return "Branch pushed", t.Subject.ID, ""
	case event.ChangeCreated:
		return "Pull request opened", cmp.Or(content.Description, t.Subject.ID), ""
	case event.ChangeUpdated:
		return "Pull request updated", t.Subject.ID, ""
	case event.AutoMergeEnabled:
		return "Merge left to the forge", t.Subject.ID, ""
	case event.ChangeMerged:
		return "Merged", t.Subject.ID + ", commit " + shortSHA(own.MergeCommit), "good"
	case event.ChangeAbandoned:
		return "Pull request closed, not merged", strings.Trim(t.Subject.ID+", "+own.Reason, ", "), "wait"
	}
	return t.Context.Type, t.Subject.ID, ""
}

// ended is the tone of an outcome in CDEvents' words.
func ended(outcome string) string {
	switch outcome {
	case string(event.Success):
		return "good"
	case string(event.Cancel):
		return "wait"
	}
	return "bad"
}
