package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// lease is how long a claim belongs to the run that made it. No trigger is sent after half of it; after all of it, a
	// trigger that cannot be found was never sent.
	lease = 10 * time.Minute
	// recording bounds how long the answers are written, also after an interruption.
	recording = 30 * time.Second
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

// Commit is a merged commit as projects are told of it.
type Commit struct {
	SHA, URL, Message string
	At                time.Time
	// Changed are the paths that it changed; All says that there are more, so that every project is concerned.
	Changed []string
	All     bool
	// Pull is the number of the pull request that was merged, 0 when there was none, and Chain the chain of its events.
	Pull  int
	Chain string
}

// Deployment brings merged commits to projects: one pipeline for each project and commit, whoever else tries. A trigger
// is claimed in the ledger before it is sent, and what became of it is recorded; what nobody can know stays unknown
// until a look-up or a person settles it.
type Deployment struct {
	Projects  []deploy.Project
	Triggerer Triggerer
	Recorder  Recorder
	// Ref is the branch whose pipelines run; Targets and Extra are the files that a project without paths consumes.
	Ref            string
	Targets, Extra []string
	// Wait follows the pipelines to their end when above zero.
	Wait time.Duration
	// Run names this process in claims; no other process has the same.
	Run string
	// Retry fires also what is unknown, for a person who accepts that it may fire twice.
	Retry bool
	Clock func() time.Time
}

// The states of a trigger in a report, besides those of a claim.
const (
	// Covered: a newer commit's pipeline of the same project was fired, and it reads the branch's head.
	Covered = "covered"
	// Untouched: no file that the project consumes was changed.
	Untouched = "untouched"
)

// Deploy is what became of the triggers of a run. Its JSON form is a contract.
type Deploy struct {
	Commit   string    `json:"commit,omitempty"`
	URL      string    `json:"url,omitempty"`
	Message  string    `json:"message,omitempty"`
	Triggers []Trigger `json:"triggers"`
}

// Trigger is one project's part of a deployment.
type Trigger struct {
	Project string `json:"project"`
	Commit  string `json:"commit"`
	// State is accepted, refused, unknown, claimed (by another run that is at it), covered or untouched.
	State      string  `json:"state"`
	PipelineID int64   `json:"pipelineId,omitempty"`
	URL        string  `json:"url,omitempty"`
	Status     string  `json:"status,omitempty"`
	Detail     string  `json:"detail,omitempty"`
	Hint       string  `json:"hint,omitempty"`
	Duration   float64 `json:"duration,omitempty"`
	// Fired reports that this run sent it.
	Fired bool `json:"fired,omitempty"`
}

// Failed reports that the trigger needs somebody.
func (t Trigger) Failed() bool {
	switch t.State {
	case string(ledger.Refused), string(ledger.Unknown):
		return true
	default:
		return slices.Contains([]string{"failed", "canceled", "skipped", "timeout"}, t.Status)
	}
}

// Failed reports that at least one trigger needs somebody.
func (d *Deploy) Failed() bool { return d != nil && slices.ContainsFunc(d.Triggers, Trigger.Failed) }

// Deploy fires what is pending of the commits and of earlier runs. known is the ledger as it was read; learned, which may
// be nil, is recorded in the same write as the claims. An error means that the ledger could not be read or written;
// without a claim nothing is fired.
func (d Deployment) Deploy(ctx context.Context, known ledger.Ledger, commits []Commit, learned ledger.Transition) (*Deploy, error) {
	found := d.lookUp(ctx, known)
	picked, err := d.claim(ctx, known, commits, learned, found)
	if err != nil {
		return nil, fmt.Errorf("claiming the triggers: %w", err)
	}
	fired := d.fire(ctx, picked.claims)
	report := d.report(commits, picked, fired)
	if err := d.record(ctx, fired); err != nil {
		return report, fmt.Errorf("recording the answers of the triggers: %w", err)
	}
	d.follow(ctx, report)
	return report, nil
}

// claim writes the claims of what is pending; nothing is written when there is nothing to say.
func (d Deployment) claim(ctx context.Context, known ledger.Ledger, commits []Commit, learned ledger.Transition, found []ledger.Claim) (picks, error) {
	at := d.Clock()
	pick := func(l ledger.Ledger) picks {
		if learned != nil {
			l = learned(l)
		}
		return d.pick(l.Answer(found...), commits, at)
	}
	picked := pick(known)
	if learned == nil && len(found) == 0 && len(picked.claims) == 0 {
		return picked, nil
	}
	err := d.Recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger {
		picked = pick(l)
		return picked.ledger
	})
	return picked, err
}

// fired is a claim whose trigger was sent, or could not be, and its answer.
type fired struct {
	claim  ledger.Claim
	answer deploy.Answer
	took   time.Duration
}

// fire sends all triggers at once.
func (d Deployment) fire(ctx context.Context, claims []ledger.Claim) []fired {
	all := make([]fired, len(claims))
	var group errgroup.Group
	for i, c := range claims {
		group.Go(func() error {
			begun := d.Clock()
			answer := d.trigger(ctx, c)
			c.At, c.State = d.Clock(), ledger.State(answer.State)
			c.PipelineID, c.URL, c.Detail = answer.PipelineID, answer.URL, answer.Detail
			c.Queued = queued(answer, c.At)
			all[i] = fired{claim: c, answer: answer, took: c.At.Sub(begun)}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return all
}

// trigger sends one trigger, while the claim is certainly ours, and looks for the pipeline when no answer came.
func (d Deployment) trigger(ctx context.Context, c ledger.Claim) deploy.Answer {
	p, _ := d.project(c.Project)
	if err := ctx.Err(); err != nil {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: interrupted", Hint: "run again"}
	}
	if d.Clock().Sub(c.At) > lease/2 {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: too much time has passed since the claim", Hint: "run again"}
	}
	answer := d.Triggerer.Trigger(ctx, p, deploy.Request{Ref: d.Ref, Message: c.Message, CommitURL: c.CommitURL})
	if answer.State != deploy.Unknown {
		return answer
	}
	if p.API == "" {
		answer.Hint = fmt.Sprintf("look at the project's pipelines; when there is none, run pawl deploy --project %s --retry-unknown", p.Name)
		return answer
	}
	found, ok, err := d.Triggerer.Lookup(ctx, p, deploy.Search{CommitURL: c.CommitURL, Ref: d.Ref, Since: c.At, Settled: c.At.Add(lease)})
	switch {
	case err != nil:
		answer.Hint = "the next run looks for the pipeline again, and fires when there is certainly none"
	case ok:
		return found
	default:
		answer.State, answer.Hint = deploy.Refused, "the next run fires again: there is certainly no pipeline for this commit"
	}
	return answer
}

// record writes the answers, and forgets claims that are long settled, also when the run is being interrupted: an answer that is lost makes a trigger unknown.
func (d Deployment) record(ctx context.Context, all []fired) error {
	if len(all) == 0 {
		return nil
	}
	answers := make([]ledger.Claim, len(all))
	for i, f := range all {
		answers[i] = f.claim
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	at := d.Clock()
	return d.Recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger {
		return l.Answer(answers...).Compact(at, ledger.Limits{})
	})
}

// follow waits for the ends of the pipelines that were fired.
func (d Deployment) follow(ctx context.Context, report *Deploy) {
	if d.Wait <= 0 {
		return
	}
	var group errgroup.Group
	for i := range report.Triggers {
		t := &report.Triggers[i]
		p, known := d.project(t.Project)
		if !known || !t.Fired || t.State != string(ledger.Accepted) || p.API == "" {
			continue
		}
		group.Go(func() error {
			answer, err := d.Triggerer.Follow(ctx, p, t.PipelineID, d.Wait)
			t.Status, t.Detail = cmp.Or(answer.Status, t.Status), cmp.Or(answer.Detail, t.Detail)
			if err != nil {
				t.Status, t.Detail, t.Hint = "timeout", err.Error(), advice(err)
			}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
}

// queued is when GitLab made a pipeline, or the time given when it does not say; zero when there is none.
func queued(a deploy.Answer, otherwise time.Time) time.Time {
	switch {
	case a.State != deploy.Accepted:
		return time.Time{}
	case a.Created.IsZero():
		return otherwise.UTC()
	default:
		return a.Created.UTC()
	}
}

func (d Deployment) project(name string) (deploy.Project, bool) {
	i := slices.IndexFunc(d.Projects, func(p deploy.Project) bool { return p.Name == name })
	if i < 0 {
		return deploy.Project{}, false
	}
	return d.Projects[i], true
}

func advice(err error) string {
	if a, ok := errors.AsType[interface {
		error
		Advice() string
	}](err); ok {
		return a.Advice()
	}
	return ""
}
