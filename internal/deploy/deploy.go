// Package deploy holds the values of the last stage: which GitLab projects a merge triggers, what is sent to them, and
// what became of it. It promises: a list is read with all its problems at once; a message that comes out of Message
// cannot skip a pipeline nor break out of a line; and no text holds a secret, nor the whole of an address that may
// hold one. Sending is left to its gitlab package, deciding who sends to the pipeline and the ledger.
package deploy

import "time"

// Project is one GitLab project whose pipeline a merge triggers.
type Project struct {
	Name string
	// URL is the trigger endpoint as written, without user information:
	// https://HOST[/SUB-PATH]/api/v4/projects/ID/trigger/pipeline, where ID is a number or the URL-encoded path.
	URL string
	// Secret and API are the names of environment variables: the trigger token, and optionally a token that may read
	// the project's pipelines.
	Secret, API string
	// Paths are the files that the project consumes, as patterns (see Consumes); none stands for the profile's target
	// files and extra paths.
	Paths []string
}

// Request is what one trigger says.
type Request struct {
	// Ref is the branch or tag of the GitLab project that the pipeline runs on.
	Ref string
	// Message is the merged commit's, as it is; CommitURL is its page.
	Message, CommitURL string
	// Until is when it is too late to begin sending it; zero is never.
	Until time.Time
}

// Search says what to look for when nobody knows what became of a trigger.
type Search struct {
	CommitURL, Ref string
	// Since is when it was sent at the earliest, by the GitLab's clock, give or take some minutes; Settled when a pipeline
	// that is not there by then, by the own clock, will certainly never be.
	Since, Settled time.Time
	// Within is how long it may be looked for at most; zero leaves that to the client.
	Within time.Duration
}

// The variables of a triggered pipeline.
const (
	UpdateVariable    = "CD_UPDATE_PROFILE"
	MessageVariable   = "CD_MESSAGE"
	CommitURLVariable = "CD_COMMIT_URL"
)

// Variables returns the variables that the pipeline is to have.
func (r Request) Variables() map[string]string {
	return map[string]string{
		UpdateVariable:    "true",
		MessageVariable:   Message(r.Message),
		CommitURLVariable: r.CommitURL,
	}
}

// State is what is known of one trigger, in the words of the ledger.
type State string

const (
	// Accepted says that GitLab made the pipeline.
	Accepted State = "accepted"
	// Refused says that it is certain that no pipeline was made that runs anything.
	Refused State = "refused"
	// Unknown says that the trigger was sent, and no usable answer came.
	Unknown State = "unknown"
)

// Answer is what became of one trigger.
type Answer struct {
	State State
	// PipelineID and URL name the pipeline, when there is one.
	PipelineID int64
	URL        string
	// Status is the pipeline's, in GitLab's words: created, pending, running, success, failed, canceled, skipped, manual...
	// (https://docs.gitlab.com/ee/api/pipelines.html#list-project-pipelines).
	Status string
	// Created, Started and Finished are GitLab's times, zero where it did not say.
	Created, Started, Finished time.Time
	// Detail says what happened, Hint what a person can do about it; both are one line.
	Detail, Hint string
	// Again is after which time a refused trigger is worth sending again; zero is not in this run.
	Again time.Duration
}
