package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

// set is the plan as a change of the base.
func (r Runner) set(profile forge.Profile, plan plan.Plan) change.Set {
	s := change.Set{Base: profile.BaseSHA, Updates: plan.Changes, Files: plan.Files, Upstream: r.Upstream, Chain: r.Chain, Words: r.Words, Seal: r.Ledger.Counter()}
	if open, ok := r.open(); ok {
		s = r.replaces(open, s)
	}
	for _, o := range plan.Outcomes {
		note := change.Note{Manifest: o.Manifest, Reason: string(o.Reason), Detail: o.Detail, Hint: o.Hint}
		switch o.Outcome {
		case policy.Update:
			if o.Reason.Brake() {
				s.Brakes = append(s.Brakes, note)
			}
		case policy.Held:
			s.Held = append(s.Held, note)
		case policy.Failed:
			s.Failed = append(s.Failed, note)
		}
	}
	s.RollbackOf, s.CausedBy = r.origins(plan)
	for _, v := range plan.Verdicts {
		if v.Outcome == gate.Pass {
			s.Gates = append(s.Gates, change.Note{Manifest: v.Manifest, Reason: v.Gate, Detail: v.Version + " passes"})
		}
	}
	if s.Chain == "" {
		s.Chain = change.ChainID(r.Source, s.Base, s.Digest())
	}
	return s
}

// open is our newest pull request that is open.
func (r Runner) open() (forge.PullState, bool) {
	at := slices.IndexFunc(r.pulls, forge.PullState.Open)
	if at < 0 {
		return forge.PullState{}, false
	}
	return r.pulls[at], true
}

// replaces makes a set the next revision of an open pull request: the chain stays what it was when that was opened.
func (r Runner) replaces(open forge.PullState, s change.Set) change.Set {
	if open.Says.Chain != "" && len(open.Says.Chain) <= change.MaxChain {
		s.Chain = open.Says.Chain
	}
	s.Revised = open.Says.Revised
	if open.Says.Base != s.Base || open.Says.Digest != s.Digest() {
		at := r.Clock().UTC().Truncate(time.Second)
		if Revised(open, at) && !at.After(open.Says.Revised.At) {
			at = open.Says.Revised.At.Add(time.Second) // the time tells one revision from another
		}
		s.Revised = &change.Revision{Pull: open.Number, At: at}
	}
	return s
}

// text is what the pull request says of the set, and where it goes on.
func (r Runner) text(set change.Set) (forge.PullText, error) {
	body, err := change.Body(set, r.Require)
	if err != nil {
		return forge.PullText{}, fmt.Errorf("describing the change: %w", err)
	}
	text := forge.PullText{Message: change.CommitMessage(set), Title: change.Title(set), Body: body, Heads: r.Ledger.Heads()}
	if open, ok := r.open(); ok {
		if record, _ := r.Ledger.PullOf(open.Number); record.Head == open.HeadSHA {
			text.Branch = open.Branch
		}
	}
	if r.Review || r.Max > 0 && (r.fresh || len(set.Updates) > r.Max) {
		text.Labels = []string{change.ReviewLabel}
	}
	return text, nil
}

// Preview is what a run would propose.
type Preview struct {
	Title   string `json:"title"`
	Body    string `json:"body"`
	Message string `json:"message"`
	// Triggers are the projects whose pipelines the merge would fire.
	Triggers []PreviewTrigger `json:"triggers,omitempty"`
}

// PreviewTrigger is a trigger that would be sent; the commit's URL is known after the merge only.
type PreviewTrigger struct {
	Project   string            `json:"project"`
	Ref       string            `json:"ref"`
	Variables map[string]string `json:"variables"`
}

// triggers are those that merging the set would fire.
func (d *Deployment) triggers(set change.Set) []PreviewTrigger {
	if d == nil {
		return nil
	}
	var changed []string
	for _, f := range set.Files {
		changed = append(changed, f.Path)
	}
	var all []PreviewTrigger
	for _, p := range d.Projects {
		if p.Consumes(changed, d.Targets, d.Extra) {
			r := deploy.Request{Ref: d.Ref, Message: change.CommitMessage(set).Subject, CommitURL: "(known after the merge)"}
			all = append(all, PreviewTrigger{Project: p.Name, Ref: d.Ref, Variables: r.Variables()})
		}
	}
	return all
}

func (r Runner) preview(set change.Set) (*Preview, error) {
	if len(set.Updates) == 0 {
		return nil, nil
	}
	text, err := r.text(set)
	return &Preview{Title: text.Title, Body: text.Body, Message: text.Message.String(), Triggers: r.Deployment.triggers(set)}, err
}

// propose makes the one pull request say and do what the set does; a set without updates withdraws it.
func (r Runner) propose(ctx context.Context, set change.Set, report *Report) (forge.Pull, error) {
	if len(set.Updates) == 0 {
		closed, err := r.Forge.Withdraw(ctx)
		for _, p := range closed {
			report.Withdrawn = append(report.Withdrawn, p.Number)
		}
		if err != nil {
			return forge.Pull{}, err
		}
		return forge.Pull{}, r.disarmOthers(ctx, 0, report)
	}
	text, err := r.text(set)
	if err != nil {
		return forge.Pull{}, err
	}
	if err := r.disarmOlder(ctx, set, report); err != nil {
		return forge.Pull{}, err
	}
	pull, err := r.Forge.Propose(ctx, set, text)
	if err != nil {
		return forge.Pull{}, err
	}
	report.Pull = &pull
	return pull, r.disarmOthers(ctx, pull.Number, report)
}

// merge merges the pull request when change.Authorize grants it, and records what was written. again means that the plan
// has to be made anew.
func (r Runner) merge(ctx context.Context, profile forge.Profile, set change.Set, pull forge.Pull, confirmed []ledger.Value, manifests []manifest.Manifest, report *Report) (again bool, err error) {
	view := change.View{Ledger: r.Ledger, Manifests: digests(manifests), Order: policy.Compare}
	before := r.before(ctx, pull, set)
	merged, err := r.Forge.Merge(ctx, forge.Order{Number: pull.Number, Head: pull.HeadSHA, Method: r.Method, Wait: r.MergeWait, Message: change.CommitMessage(set), Before: before, Authority: func(ctx context.Context, s forge.State) (forge.Answer, error) {
		moved, err := r.brakesMoved(ctx, trusted)
		if err != nil {
			return forge.Answer{}, err
		}
		tag, err := r.tagMoved(ctx, set, manifests)
		if err != nil {
			return forge.Answer{}, err
		}
		checks := change.Checks{Runs: s.Checks, Require: r.Require.Resolve(s.Enforced), Enforced: s.Enforced, Waited: s.Waited, Limit: r.Absent, Silent: s.Silent}
		rules := change.Rules{Self: profile.Self, Repository: profile.Repository, Branch: r.Branch, Base: profile.Base, BaseSHA: s.BaseSHA, Freeze: r.Freeze, NoArm: r.NoArm, BrakesMoved: moved, TagMoved: tag, Calendar: r.Calendar, Now: r.now(), Max: r.Max}
		return forge.Answer{Now: change.Authorize(set, s.Pull, checks, view, rules), Later: change.MayArm(set, s.Pull, checks, view, rules)}, nil
	}})
	if early := r.early(ctx, before); err != nil || early != nil {
		return errors.Is(err, forge.ErrMoved) && early == nil, cmp.Or(early, unlessMoved(err))
	}
	if merged.Armed && merged.Outcome != forge.Merged {
		if again, err := r.disarmBraked(ctx, pull.Number, report); again || err != nil {
			return again, err
		}
	}
	report.Merge = &merged
	if merged.Outcome == forge.Merged {
		written := set.Written(merged.SHA, digests(manifests), merged.At)
		commit := forge.Commit{SHA: merged.SHA, URL: forge.CommitURL(pull.URL, merged.SHA), Message: change.CommitMessage(set).Subject, At: merged.At, Pull: pull.Number, Chain: set.Chain, Own: true}
		for _, f := range set.Files {
			commit.Changed = append(commit.Changed, f.Path)
		}
		settled := keep(pull, set, merged.At)
		settled.End, settled.Commit = ledger.EndMerged, merged.SHA
		return false, r.conclude(ctx, &commit, func(l ledger.Ledger) ledger.Ledger {
			return l.Confirmed(r.Ledger, confirmed...).Written(written...).Settle(settled)
		}, report)
	}
	stale := []change.Code{change.BaseMoved, change.DiffDiffers, change.NotOpen, change.IsBraked, change.TagMoved}
	again = merged.Outcome == forge.Rebuild || merged.Outcome == forge.Refused && slices.Contains(stale, merged.Decision.Code)
	if again {
		return true, nil
	}
	return false, r.conclude(ctx, nil, r.then(r.keeps(pull, set), r.news(confirmed)), report)
}

// before makes sure that the ledger knows what a pull request holds before it may be merged when nobody looks: before the
// forge is told to merge it and before each wait, and before any merge when the ledger says something else of it, or when
// there is no ledger yet, for then its absence could not be told from its loss. A merge at once of a pull request that this
// very run opened from the configured branch needs no word before: it is found there, and GitHub merges the head that is
// named and no other. Where there is no ledger it is
// written at once, while the merge is prepared.
func (r Runner) before(ctx context.Context, pull forge.Pull, set change.Set) func(ctx context.Context, later bool) error {
	next := r.keeps(pull, set)
	write := &errand{do: func() error { return r.Forge.Record(ctx, next) }, done: make(chan struct{})}
	if next != nil && r.fresh {
		write.begin()
	}
	return func(ctx context.Context, later bool) error {
		if later {
			if err := r.unbraked(ctx, justBefore); err != nil {
				return err
			}
		}
		if next == nil || !later && !r.fresh && pull.Done == "opened" && pull.Branch == r.Branch {
			return nil
		}
		return write.wait()
	}
}

// unlessMoved is an error that is not told by planning anew.
func unlessMoved(err error) error {
	if errors.Is(err, forge.ErrMoved) {
		return nil
	}
	return err
}

// errand is something that is done once, in the background.
type errand struct {
	do    func() error
	begun sync.Once
	done  chan struct{}
	err   error
}

func (e *errand) begin() {
	e.begun.Do(func() {
		go func() {
			e.err = e.do()
			close(e.done)
		}()
	})
}

// wait returns what became of it, and begins it when nobody has.
func (e *errand) wait() error {
	e.begin()
	<-e.done
	return e.err
}

// early waits for the writing that began early.
func (r Runner) early(ctx context.Context, before func(ctx context.Context, later bool) error) error {
	if !r.fresh {
		return nil
	}
	return before(ctx, false)
}
