package event

import "slices"

// SpecVersion is the version of CDEvents that is told (https://github.com/cdevents/spec/blob/v0.5.1/spec.md).
const SpecVersion = "0.5.1"

// The types of events without their versions. Those of CDEvents itself begin with dev.cdevents, our own with
// dev.cdeventsx.pawl (https://github.com/cdevents/spec/blob/v0.5.1/custom/README.md).
const (
	PipelineRunQueued   = "dev.cdevents.pipelinerun.queued"
	PipelineRunStarted  = "dev.cdevents.pipelinerun.started"
	PipelineRunFinished = "dev.cdevents.pipelinerun.finished"
	TaskRunFinished     = "dev.cdevents.taskrun.finished"
	TestCaseRunFinished = "dev.cdevents.testcaserun.finished"
	BranchCreated       = "dev.cdevents.branch.created"
	ChangeCreated       = "dev.cdevents.change.created"
	ChangeUpdated       = "dev.cdevents.change.updated"
	ChangeMerged        = "dev.cdevents.change.merged"
	ChangeAbandoned     = "dev.cdevents.change.abandoned"
	VersionFound        = "dev.cdeventsx.pawl-version.found"
	ArtifactExcluded    = "dev.cdeventsx.pawl-artifact.excluded"
	AutoMergeEnabled    = "dev.cdeventsx.pawl-automerge.enabled"

	// These are understood when they come in, and never told.
	ArtifactPublished   = "dev.cdevents.artifact.published"
	ArtifactDeleted     = "dev.cdevents.artifact.deleted"
	ArtifactQuarantined = "dev.cdeventsx.pawl-artifact.quarantined"
)

// Kind is a type of event and the version of it that SpecVersion defines.
type Kind struct{ Name, Version string }

// Type is the type as an event carries it.
func (k Kind) Type() string { return k.Name + "." + k.Version }

// kinds is the one table that maps a type to its version.
var kinds = [...]Kind{
	{PipelineRunQueued, "0.3.0"},
	{PipelineRunStarted, "0.3.0"},
	{PipelineRunFinished, "0.3.0"},
	{TaskRunFinished, "0.3.0"},
	{TestCaseRunFinished, "0.3.0"},
	{BranchCreated, "0.3.0"},
	{ChangeCreated, "0.4.0"},
	{ChangeUpdated, "0.3.0"},
	{ChangeMerged, "0.3.0"},
	{ChangeAbandoned, "0.3.0"},
	{VersionFound, "0.1.0"},
	{AutoMergeEnabled, "0.1.0"},
	{ArtifactExcluded, "0.1.0"},
}

// Kinds returns every type of event that is told, in the order in which a run comes to it.
func Kinds() []Kind { return slices.Clone(kinds[:]) }

// typeOf returns the type with its version.
func typeOf(name string) string {
	for _, k := range kinds {
		if k.Name == name {
			return k.Type()
		}
	}
	return name
}
