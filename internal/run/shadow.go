package run

import (
	"context"
	"reflect"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

// Shadow is what a shadow run recorded. Its JSON form is part of the report.
type Shadow struct {
	// To is where decisions are recorded: the ledger's ref, or a file.
	To string `json:"to"`
	// Values counts those that were decided on, Changed those whose decision is another one than before.
	Values  int `json:"values"`
	Changed int `json:"changed"`
	// Recorded says that what changed was recorded, which a dry run does not do.
	Recorded bool `json:"recorded,omitempty"`
}

// Shadow plans as Run would, and records in the ledger what it decided for each value whose decision changed, with the first
// sightings of versions that have to have an age. It does nothing else, whatever pauses say; a dry run does not even do that.
func (r Runner) Shadow(ctx context.Context, manifests []manifest.Manifest) (Report, error) {
	dry := r.DryRun
	r.DryRun, r.Survey, r.Freeze, r.Hear, r.Deployment = true, true, "", nil, nil
	report := Report{Schema: ReportSchema, DryRun: true, Started: r.Clock(), Shadow: &Shadow{}}
	err := r.shadow(ctx, manifests, dry, &report)
	report.Duration = r.Clock().Sub(report.Started).Seconds()
	return report, err
}

func (r Runner) shadow(ctx context.Context, manifests []manifest.Manifest, dry bool, report *Report) (err error) {
	meter := r.meter(ctx, report)
	defer func() { meter.left(err) }()
	ctx = meter.next("read")
	profile, err := r.Forge.Open(ctx)
	if err != nil {
		return err
	}
	report.Expires = profile.Expires
	if err := r.prepare(ctx, profile, manifests, report); err != nil {
		return err
	}
	report.Paused = ""
	meter.done("read")
	ctx = meter.next("plan")
	if report.Plan, err = r.planned(ctx, manifests); err != nil {
		return err
	}
	meter.done("plan")
	set := r.set(profile, report.Plan)
	if report.Preview, err = r.preview(set); err != nil {
		return err
	}
	var decide ledger.Transition
	if decide, report.Shadow.Values, report.Shadow.Changed = Decide(r.Ledger, report.Plan, r.now()); decide == nil && r.sights(report.Plan) == nil || dry {
		return nil
	}
	ctx = meter.next("record")
	defer meter.done("record")
	if err := r.Forge.Record(ctx, r.then(decide, r.sights(report.Plan))); err != nil {
		return err
	}
	report.Shadow.Recorded = decide != nil
	return nil
}

// Decide records in a ledger what a plan decided for each value, as far as that is new; nil when nothing is. It says of how many
// values there is a decision, and how many are new. The plan has to be one with a survey.
func Decide(known ledger.Ledger, made plan.Plan, at time.Time) (next ledger.Transition, values, changed int) {
	var all []ledger.Decision
	for _, s := range made.Values {
		all = append(all, decision(s, at))
	}
	next = func(l ledger.Ledger) ledger.Ledger { return l.Decide(all...) }
	then := next(known)
	if reflect.DeepEqual(then.Shadow, known.Shadow) {
		return nil, len(all), 0
	}
	for _, d := range all {
		if was, _ := known.DecisionOf(d.Manifest, d.Place); !was.Same(d) {
			changed++
		}
	}
	return next, len(all), changed
}

// decision is where a value stands, as a shadow run records it. That the newest match stands there already, or is to be written,
// is the same decision: only what somebody else did meanwhile tells them apart.
func decision(s plan.Standing, at time.Time) ledger.Decision {
	d := ledger.Decision{At: at, Manifest: s.Manifest, Place: ledger.Place{File: s.File, Document: s.Document, Key: s.Key},
		Now: s.Now, Reason: string(s.Decision.Reason)}
	switch s.Decision.Outcome {
	case policy.Update:
		d.Want = s.Decision.Value
	case policy.Current:
		d.Want = s.Now
		if s.Decision.Reason == policy.AlreadyNewest {
			d.Reason = string(policy.NewestMatch)
		}
	default:
		d.Outcome, d.Detail = string(s.Decision.Outcome), s.Decision.Detail
		if s.Decision.Outcome == policy.Held && s.Text != s.Now {
			d.Held = s.Text
		}
	}
	return d
}
