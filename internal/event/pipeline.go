package event

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Pipeline is a pipeline that GitLab made of a trigger, as GitLab describes it.
type Pipeline struct {
	// Server is the base URL of the GitLab, Project the project there by id or path, Name what the configuration calls
	// it, ID the pipeline's number and URI its page.
	Server, Project, Name string
	ID                    int64
	URI                   string
	// Ref is what was built; Commit the merged commit that was the reason and Change the number of its pull request, 0
	// when there is none.
	Ref, Commit string
	Change      int
	Chain       string
}

type pipelineData struct {
	Step       string `json:"step"`
	Project    string `json:"project"`
	PipelineID int64  `json:"pipelineId"`
	Ref        string `json:"ref,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Status     string `json:"status,omitempty"`
}

// PipelineQueued tells that GitLab accepted a trigger. At is the pipeline's created_at.
func (t *Teller) PipelineQueued(p Pipeline, at time.Time) Message {
	var links []link
	if p.Change != 0 {
		merged := t.mergedEvent(p.Change, p.Commit)
		links = []link{path(merged), relation(trigger, merged)}
	}
	return t.ofPipeline(PipelineRunQueued, p, runContent{}, pipelineData{Ref: t.name(p.Ref), Commit: t.name(p.Commit)}, links, at)
}

// PipelineStarted tells that a pipeline runs. At is its started_at.
func (t *Teller) PipelineStarted(p Pipeline, at time.Time) Message {
	return t.ofPipeline(PipelineRunStarted, p, runContent{}, pipelineData{Status: "running"}, t.afterQueued(p), at)
}

// PipelineFinished tells how a pipeline ended, by GitLab's status; a status that is no end, such as "lost" for one that
// could not be followed, is an error. At is its finished_at.
func (t *Teller) PipelineFinished(p Pipeline, status string, at time.Time) Message {
	data := pipelineData{Status: t.name(status)}
	return t.ofPipeline(PipelineRunFinished, p, runContent{Outcome: outcomeOf(status)}, data, t.afterQueued(p), at)
}

// outcomeOf translates GitLab's status (https://docs.gitlab.com/api/pipelines/).
func outcomeOf(status string) Outcome {
	switch status {
	case "success":
		return Success
	case "failed":
		return Failure
	case "canceled", "skipped":
		return Cancel
	default:
		return Error
	}
}

func (t *Teller) pipelineSubject(p Pipeline) string {
	return fmt.Sprintf("%s/pipelines/%d", t.name(p.Project), p.ID)
}

// pipelineEvent is the id of an event of a pipeline. The server counts: ids of pipelines are unique there only.
func (t *Teller) pipelineEvent(name string, p Pipeline, status string) string {
	return t.identify(name, t.pipelineSubject(p), t.uri(p.Server), strconv.FormatInt(p.ID, 10), status)
}

func (t *Teller) afterQueued(p Pipeline) []link {
	return []link{path(t.pipelineEvent(PipelineRunQueued, p, ""))}
}

func (t *Teller) ofPipeline(name string, p Pipeline, content runContent, data pipelineData, links []link, at time.Time) Message {
	data.Step, data.Project, data.PipelineID = "deploy", t.name(p.Project), p.ID
	content.Name = cmp.Or(t.name(p.Name), data.Project)
	content.URI = cmp.Or(t.uri(p.URI), t.uri(p.Server), t.about.Source) // the specification wants one
	return t.tell(occurrence{name: name, id: t.pipelineEvent(name, p, data.Status), subject: t.pipelineSubject(p),
		source: t.uri(p.Server), content: content, data: data, links: links, chain: t.name(p.Chain), at: at})
}
