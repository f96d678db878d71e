package run

import (
	"context"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// Push brings commits that no run deploys by itself: those that people merged, and those of a workflow of its own. It looks
// first at what was merged, and fires nothing without the ledger that got lost, nor, unless a person names it, what was
// merged in pawl's name otherwise than planned.
type Push struct {
	Forge      forge.Forge
	Deployment *Deployment
	Commits    []forge.Commit
	// Named says that a person named what is fired.
	Named bool
	Clock func() time.Time
	// Warn is told why nobody could look at the pull requests of the commits; their pipelines are fired all the same.
	Warn func(err error)
}

// Run fires the pipelines of the commits, and of what earlier runs left.
func (p Push) Run(ctx context.Context) (Report, error) {
	report := Report{Schema: ReportSchema, Started: p.Clock()}
	commits := slices.Clone(p.Commits)
	known, err := p.look(ctx, commits, &report)
	if err != nil || report.Lost != nil {
		return report, err
	}
	if lever, paused := known.LeverOf(ledger.Pause, "", p.Clock()); paused {
		report.Paused = lever.Why()
		return report, nil
	}
	if !p.Named && !brings(known, commits) {
		report.Unplanned = UnplannedOf(known, p.Deployment)
		return report, nil
	}
	report.Deploy, err = p.Deployment.Deploy(ctx, known, commits, nil)
	return report, err
}

// look reads the ledger and the pull requests that the commits were merged from: for the events of the commits, and because
// nobody may have looked yet what was merged. When those cannot be read, the chain stands in the commit's trailers as well.
func (p Push) look(ctx context.Context, commits []forge.Commit, report *Report) (ledger.Ledger, error) {
	for i, c := range commits {
		if chain := change.ParseTrailers(c.Message).Chain; len(chain) <= change.MaxChain {
			commits[i].Chain = chain
		}
	}
	profile, err := p.Forge.Open(ctx)
	if err != nil {
		return ledger.Ledger{}, err
	}
	known, err := p.Forge.Ledger(ctx)
	if err != nil {
		return known, err
	}
	recent, _, err := p.Forge.Recent(ctx, 1)
	if err != nil {
		p.Warn(err)
	} else if known, err = learnOnly(ctx, p.Forge, known, recent); err != nil {
		return known, err
	}
	if report.Lost, err = Forgotten(ctx, p.Forge, profile.BaseSHA, known, recent, p.Clock()); err != nil {
		return known, err
	}
	for i, c := range commits {
		at := slices.IndexFunc(recent, func(r forge.PullState) bool { return r.Merged && r.SHA == c.SHA })
		if at >= 0 {
			commits[i].Pull, commits[i].Chain = recent[at].Number, recent[at].Says.Chain
		}
	}
	return known, nil
}
