package event

import (
	"fmt"
	"time"
)

// runContent is the content of pipelinerun.* (https://github.com/cdevents/spec/blob/v0.5.1/core.md#pipelinerun).
type runContent struct {
	Name    string  `json:"pipelineName,omitempty"`
	URI     string  `json:"uri,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
	Errors  string  `json:"errors,omitempty"`
}

// runData is customData.pawl of the events of a run of pawl itself.
type runData struct {
	Step   string  `json:"step"`
	Run    string  `json:"run"`
	Result Result  `json:"result,omitempty"`
	Counts *Counts `json:"counts,omitempty"`
}

// Outcome is how something ended, in the words of CDEvents.
type Outcome string

// The outcomes: error is a fault of the tool or its configuration, failure one of what it worked on.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
	Cancel  Outcome = "cancel"
	Error   Outcome = "error"
)

// Result is what a run came to: nothing to do, values updated, or something left for the next run or a person.
type Result string

// The results of a run. Empty is a run that ended before that was known.
const (
	Noop    Result = "noop"
	Updated Result = "updated"
	Pending Result = "pending"
)

// Counts are the numbers of a run: manifests, and targets by their outcome.
type Counts struct {
	Manifests int `json:"manifests"`
	Updated   int `json:"updated"`
	Current   int `json:"current"`
	Held      int `json:"held"`
	None      int `json:"none"`
	Failed    int `json:"failed"`
}

// Finish is the end of a run.
type Finish struct {
	Outcome Outcome
	Result  Result
	Counts  Counts
	// Errors are told by their first lines.
	Errors []string
	At     time.Time
}

func (t *Teller) run() string { return "run/" + t.about.Run }

func (t *Teller) runEvent(name string) string { return t.identify(name, t.run(), t.about.Run) }

// Queued tells that a dispatch was received.
func (t *Teller) Queued(at time.Time) Message {
	var links []link
	if t.about.Trigger != "" {
		links = append(links, relation(trigger, t.about.Trigger))
	}
	return t.ofRun(PipelineRunQueued, runContent{}, runData{}, links, at)
}

// Started tells that the run works now.
func (t *Teller) Started(at time.Time) Message {
	var links []link
	switch {
	case t.about.Dispatched:
		links = append(links, path(t.runEvent(PipelineRunQueued)))
	case t.about.Trigger != "":
		links = append(links, relation(trigger, t.about.Trigger))
	}
	return t.ofRun(PipelineRunStarted, runContent{}, runData{}, links, at)
}

// Finished tells how the run ended.
func (t *Teller) Finished(f Finish) Message {
	started := t.runEvent(PipelineRunStarted)
	links := []link{path(started)}
	content := runContent{Outcome: f.Outcome, Errors: t.errors(f.Errors)}
	return t.ofRun(PipelineRunFinished, content, runData{Result: f.Result, Counts: &f.Counts}, links, f.At)
}

func (t *Teller) ofRun(name string, content runContent, data runData, links []link, at time.Time) Message {
	content.Name, content.URI = t.about.Pipeline, t.about.URI
	data.Step, data.Run = "run", t.about.Run
	return t.tell(occurrence{name: name, id: t.runEvent(name), subject: t.run(), content: content, data: data,
		links: links, chain: t.about.Chain, at: at})
}

// taskContent is the content of taskrun.finished (https://github.com/cdevents/spec/blob/v0.5.1/core.md#taskrun).
type taskContent struct {
	Name    string    `json:"taskName"`
	Run     reference `json:"pipelineRun"`
	Outcome Outcome   `json:"outcome"`
	Errors  string    `json:"errors,omitempty"`
}

// Query is one question to a source.
type Query struct {
	// Registry is the host as manifests name it, Repository what was asked for there.
	Registry, Repository string
	// Listed counts the versions of the answer.
	Listed int
	// Err is why there was none, empty when there was.
	Err string
	At  time.Time
}

type queryData struct {
	Step       string `json:"step"`
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Listed     int    `json:"listed"`
}

// Queried tells what became of a question to a source.
func (t *Teller) Queried(q Query) Message {
	data := queryData{"query", t.name(q.Registry), t.name(q.Repository), q.Listed}
	subject := fmt.Sprintf("%s/query/%s/%s", t.run(), data.Registry, data.Repository)
	return t.task(subject, "query", []string{data.Registry, data.Repository}, q.Err, data, t.about.Chain, q.At)
}

// Rewrite is one file that got new values.
type Rewrite struct {
	File string
	// Before and After are the digests of the file, as sha256:HEX.
	Before, After string
	Updates       []Update
	// Chain is the chain of the change that the file belongs to.
	Chain string
	At    time.Time
}

type rewriteData struct {
	Step    string       `json:"step"`
	File    string       `json:"file"`
	Before  string       `json:"before"`
	After   string       `json:"after"`
	Updates []updateData `json:"updates"`
	Omitted int          `json:"omitted,omitempty"`
}

// Rewritten tells that the new bytes of a file were made.
func (t *Teller) Rewritten(r Rewrite) Message {
	data := rewriteData{Step: "rewrite", File: t.name(r.File), Before: t.name(r.Before), After: t.name(r.After)}
	data.Updates, data.Omitted = t.updates(r.Updates)
	subject := t.run() + "/rewrite/" + data.File
	return t.task(subject, "rewrite", []string{data.After}, "", data, t.name(r.Chain), r.At)
}

func (t *Teller) task(subject, name string, discriminator []string, failed string, data any, chain string, at time.Time) Message {
	content := taskContent{Name: name, Run: reference{t.run(), t.about.Source}, Outcome: Success}
	if failed != "" {
		content.Outcome, content.Errors = Failure, t.errors([]string{failed})
	}
	id := t.identify(TaskRunFinished, subject, append(discriminator, t.about.Run)...)
	return t.tell(occurrence{name: TaskRunFinished, id: id, subject: subject, content: content, data: data,
		links: []link{path(t.runEvent(PipelineRunStarted))}, chain: chain, at: at})
}
