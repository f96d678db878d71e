package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/trace"
)

// Triggerer fires the pipelines of projects and looks after them.
type Triggerer interface {
	// Trigger fires one pipeline. It sends again only what certainly was not accepted.
	Trigger(ctx context.Context, p deploy.Project, r deploy.Request) deploy.Answer
	// Lookup finds the pipeline that was triggered for a commit; false is certain.
	Lookup(ctx context.Context, p deploy.Project, q deploy.Search) (deploy.Answer, bool, error)
	// Follow waits for the end of a pipeline.
	Follow(ctx context.Context, p deploy.Project, id int64, wait time.Duration) (deploy.Answer, error)
}

// Recorder keeps what survives a run.
type Recorder interface {
	Record(ctx context.Context, next ledger.Transition) error
}

// Base is the branch whose commits are deployed, as its forge shows it. What is fired is derived from it: the ledger only
// says for which commits something was fired.
type Base interface {
	// Tip is its newest commit.
	Tip(ctx context.Context) (string, error)
	// Behind counts the commits that tip has and a commit lacks; false when the commit is not in the history of tip.
	Behind(ctx context.Context, tip, commit string) (int, bool, error)
	// Commit is what the forge says of a commit; the error is a forge.ErrNotFound when there is none.
	Commit(ctx context.Context, sha string) (forge.Commit, error)
	// Time is the forge's clock; zero when it says none.
	Time() time.Time
}

// Deployment brings merged commits to projects: one pipeline for each project and commit, whoever else tries. A trigger
// is claimed in the ledger before it is sent, and what became of it is recorded; what nobody can know stays unknown
// until a look-up or a person settles it.
type Deployment struct {
	Projects  []deploy.Project
	Triggerer Triggerer
	Recorder  Recorder
	Base      Base
	// Ref is the branch whose pipelines run; Targets and Extra are the files that a project without paths consumes.
	Ref            string
	Targets, Extra []string
	// Wait follows the pipelines to their end when above zero. Timeout is how long one request may take.
	Wait, Timeout time.Duration
	// Holds are the files of each manifest's values, where a pipeline that fails holds the values that its project consumes; nil
	// holds nothing.
	Holds map[string][]string
	// Run names this process in claims; no other process has the same. Workflow is the run of the forge that it is of.
	Run      string
	Workflow Attempt
	// Retry fires also what is unknown, for a person who accepts that it may fire twice.
	Retry bool
	// Clock is the own clock, Sleep waits by it, and Say tells people what is waited for; without Say nobody is told.
	Clock func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	Say   func(text string)
}

// The states of a trigger in a report, besides those of a claim.
const (
	// Covered: a newer commit's pipeline of the same project was fired, and it reads the branch's head.
	Covered = "covered"
	// Untouched: no file that the project consumes was changed, or the commit is not on the base branch any more.
	Untouched = "untouched"
	// Distrusted: what the ledger says is not what the forge says. It counts for nothing, and nothing is fired for it.
	Distrusted = "distrusted"
)

// Deploy is what became of the triggers of a run. Its JSON form is a contract.
type Deploy struct {
	Commit  string `json:"commit,omitempty"`
	URL     string `json:"url,omitempty"`
	Message string `json:"message,omitempty"`
	// Waited is for how many seconds the run waited for other runs, or for GitLab to take another trigger.
	Waited   float64   `json:"waited,omitempty"`
	Triggers []Trigger `json:"triggers"`
	// Held are the manifests that are held from now on, because a pipeline that they go to failed.
	Held []string `json:"held,omitempty"`
}

// Trigger is one project's part of a deployment.
type Trigger struct {
	Project string `json:"project"`
	Commit  string `json:"commit"`
	// State is accepted, refused, unknown, claimed (by another run that is at it), covered, untouched or distrusted.
	State      string  `json:"state"`
	PipelineID int64   `json:"pipelineId,omitempty"`
	URL        string  `json:"url,omitempty"`
	Status     string  `json:"status,omitempty"`
	Detail     string  `json:"detail,omitempty"`
	Hint       string  `json:"hint,omitempty"`
	Duration   float64 `json:"duration,omitempty"`
	// Fired reports that this run sent it.
	Fired bool `json:"fired,omitempty"`
	// Settled reports that it is of an earlier merge and was settled before: no news for people.
	Settled bool `json:"-"`
}

// Failed reports that the trigger needs somebody.
func (t Trigger) Failed() bool {
	switch t.State {
	case string(ledger.Refused), string(ledger.Unknown), Distrusted:
		return true
	case string(ledger.Claimed):
		return t.Hint != "" // it was waited for, in vain
	default:
		return slices.Contains([]string{"failed", "canceled", "skipped", "timeout"}, t.Status)
	}
}

// Started reports that this run started a pipeline. One that was sent and has no answer may be none.
func (t Trigger) Started() bool { return t.Fired && t.State == string(ledger.Accepted) }

// fired reports that a pipeline was started.
func (d *Deploy) fired() bool {
	return d != nil && slices.ContainsFunc(d.Triggers, Trigger.Started)
}

// Failed reports that at least one trigger needs somebody.
func (d *Deploy) Failed() bool { return d != nil && slices.ContainsFunc(d.Triggers, Trigger.Failed) }

// Deploy fires what is pending of the commits and of earlier runs. known is the ledger as it was read; learned, which may
// be nil, is recorded in the same write as the claims. An error means that the ledger or the history of the base could not
// be read, or the ledger not be written; without a claim nothing is fired.
//
// It goes on in turns: claim what is pending, send it, record the answers. What another run has claimed is waited for, and
// taken over when that run is certainly not at it any more.
func (d Deployment) Deploy(ctx context.Context, known ledger.Ledger, commits []forge.Commit, learned ledger.Transition) (*Deploy, error) {
	ctx, span := trace.Start(ctx, "deploy", trace.Internal)
	defer span.End()
	t := newTurns(d, known, commits, learned)
	for {
		picked, err := t.claim(ctx)
		if err != nil {
			return t.unfinished(), fmt.Errorf("claiming the triggers: %w", err)
		}
		if len(picked.claims) > 0 {
			fired := t.fire(ctx, picked)
			if err := t.record(ctx, fired); err != nil {
				return t.report(picked), fmt.Errorf("recording the answers of the triggers: %w", err)
			}
			continue
		}
		again, err := t.rest(ctx, picked)
		if err != nil {
			return t.report(picked), fmt.Errorf("waiting for other runs: %w", err)
		}
		if !again {
			report := t.report(picked)
			d.follow(ctx, report)
			if err := d.holdFailed(ctx, report); err != nil {
				return report, fmt.Errorf("holding what a failed pipeline consumes: %w", err)
			}
			return report, nil
		}
	}
}

func (d Deployment) project(name string) (deploy.Project, bool) {
	i := slices.IndexFunc(d.Projects, func(p deploy.Project) bool { return p.Name == name })
	if i < 0 {
		return deploy.Project{}, false
	}
	return d.Projects[i], true
}

// now is the time that claims are written with: the forge's, which all runs share, else the own.
func (d Deployment) now() time.Time {
	if d.Base != nil {
		if at := d.Base.Time(); !at.IsZero() {
			return at
		}
	}
	return d.Clock()
}

// holdFailed holds the values that the project of a failed pipeline consumes, until a person says otherwise: what people held by
// themselves stays as they said it.
func (d Deployment) holdFailed(ctx context.Context, report *Deploy) error {
	var levers []ledger.Lever
	for _, t := range report.Triggers {
		p, known := d.project(t.Project)
		if t.Status != "failed" || !known || d.Holds == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(d.Holds)) {
			if p.Consumes(d.Holds[name], d.Targets, d.Extra) {
				levers = append(levers, ledger.Lever{Kind: ledger.Hold, Subject: name, Reason: fmt.Sprintf("pipeline %d of %s failed", t.PipelineID, t.Project),
					By: "deploy.onFailure", Event: fmt.Sprintf("pipeline %d of %s", t.PipelineID, t.Project), At: d.now().UTC().Truncate(time.Second)})
			}
		}
	}
	if len(levers) == 0 {
		return nil
	}
	for _, l := range levers {
		report.Held = append(report.Held, l.Subject)
	}
	slices.Sort(report.Held)
	report.Held = slices.Compact(report.Held)
	now := d.now()
	return d.Recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger { return l.Hear(now, levers...) })
}
