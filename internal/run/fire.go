package run

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// recording bounds how long the answers are written, also after an interruption.
const recording = 30 * time.Second

// fired is a claim whose trigger was sent, or could not be, and its answer.
type fired struct {
	claim  ledger.Claim
	answer deploy.Answer
	took   time.Duration
	// ended is when the answer came, by the own clock.
	ended time.Time
}

// fire sends all triggers at once.
func (t *turns) fire(ctx context.Context, p picks) []fired {
	all := make([]fired, len(p.claims))
	var group errgroup.Group
	for i, c := range p.claims {
		t.progress[c.Project].batches[c.Commit] = p.batches[i]
		group.Go(func() error {
			begun := t.Clock()
			answer := t.trigger(ctx, c)
			ended := t.Clock()
			c.At, c.State = t.now(), ledger.State(answer.State)
			c.PipelineID, c.URL, c.Detail = answer.PipelineID, answer.URL, answer.Detail
			c.Queued = queued(answer, c.At)
			all[i] = fired{claim: c, answer: answer, took: ended.Sub(begun), ended: ended}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	for _, f := range all {
		t.note(f)
	}
	return all
}

// note keeps an answer, and decides whether the trigger is sent once more in this run.
func (t *turns) note(f fired) {
	progress, commit := t.progress[f.claim.Project], f.claim.Commit
	progress.tries[commit]++
	if again := f.answer.Again; again > 0 && progress.tries[commit] < maxTries && t.waited+again < resting && t.Sleep != nil {
		progress.after = t.Clock().Add(again)
		delete(progress.batches, commit)
	}
	t.sent[keyOf(f.claim)] = f
}

// trigger sends one trigger, while the claim is certainly ours.
func (t *turns) trigger(ctx context.Context, c ledger.Claim) deploy.Answer {
	p, _ := t.project(c.Project)
	if err := ctx.Err(); err != nil {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: interrupted", Hint: "run again"}
	}
	until := t.begun.Add(sending)
	if t.Clock().After(until) {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: too much time has passed since the claim", Hint: "run again", Again: time.Second}
	}
	answer := t.Triggerer.Trigger(ctx, p, deploy.Request{Ref: t.Ref, Message: c.Message, CommitURL: c.CommitURL, Until: until})
	if answer.State == deploy.Unknown && p.API == "" {
		answer.Hint = fmt.Sprintf("look at the project's pipelines; when there is none, run pawl deploy --project %s --retry-unknown", quoted(p.Name))
	}
	return answer
}

// record writes the answers and what they cover, and forgets claims that are long settled, also when the run is being
// interrupted: an answer that is lost makes a trigger unknown.
func (t *turns) record(ctx context.Context, all []fired) error {
	answers := make([]ledger.Claim, len(all))
	var covered []ledger.Claim
	for i, f := range all {
		if answers[i] = f.claim; f.claim.State == ledger.Accepted {
			covered = append(covered, t.progress[f.claim.Project].batches[f.claim.Commit].older...)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	at := t.now()
	return t.Recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger {
		t.ledger = l.Answer(answers...).Cover(covered...).Compact(at, ledger.Limits{})
		return t.ledger
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
		if !known || !t.Started() || p.API == "" {
			continue
		}
		group.Go(func() error {
			answer, err := d.Triggerer.Follow(ctx, p, t.PipelineID, d.Wait)
			t.Status, t.Detail = cmp.Or(answer.Status, t.Status), cmp.Or(answer.Detail, t.Detail)
			if err != nil {
				t.Status, t.Detail, t.Hint = "timeout", err.Error(), fault.Hint(err)
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
