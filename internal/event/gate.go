package event

import (
	"cmp"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

// Judgement is what a gate, a program of the team, said of a version.
type Judgement struct {
	Gate string
	// Artifact is the version that was judged, Version its spelling at the source.
	Artifact source.Artifact
	Version  string
	// Decision is pass, deny or broken; Detail why.
	Decision, Detail string
	At               time.Time
}

// testContent is the content of testcaserun.finished (https://github.com/cdevents/spec/blob/v0.5.1/testing-events.md).
type testContent struct {
	Outcome     Outcome   `json:"outcome"`
	Reason      string    `json:"reason,omitempty"`
	Environment reference `json:"environment"`
	TestCase    testCase  `json:"testCase"`
}

type testCase struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type judgementData struct {
	Step     string `json:"step"`
	Gate     string `json:"gate"`
	Artifact string `json:"artifact"`
	Version  string `json:"version"`
	Decision string `json:"decision"`
}

// Judged tells what a gate said of a version.
func (t *Teller) Judged(j Judgement) Message {
	data := judgementData{"gate", t.name(j.Gate), t.purl(j.Artifact), t.name(j.Version), t.name(j.Decision)}
	subject := t.run() + "/gate/" + data.Gate + "/" + cmp.Or(t.name(j.Artifact.Repository), t.name(j.Artifact.Name)) + "@" + data.Version
	content := testContent{Outcome: map[string]Outcome{"pass": Success, "deny": Failure}[j.Decision],
		Environment: reference{ID: cmp.Or(t.about.Repository, t.about.Source)}, TestCase: testCase{"gate/" + data.Gate, data.Gate, "security"}}
	if content.Outcome == "" {
		content.Outcome = Error
	}
	if content.Outcome != Success {
		content.Reason = t.line(j.Detail)
	}
	return t.tell(occurrence{name: TestCaseRunFinished, id: t.identify(TestCaseRunFinished, subject, data.Gate, data.Artifact), subject: subject,
		content: content, data: data, links: []link{path(t.runEvent(PipelineRunStarted))}, chain: t.about.Chain, at: j.At})
}
