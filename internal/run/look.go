package run

import (
	"context"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
)

// Sight is the profile as a run would find it now.
type Sight struct {
	Profile forge.Profile
	Ledger  ledger.Ledger
	// Pulls are the earlier pull requests, the newest first.
	Pulls []forge.PullState
	Plan  plan.Plan
	Lost  *Lost
}

// Look reads and plans as Run would, and writes nothing.
func (r Runner) Look(ctx context.Context, manifests []manifest.Manifest) (Sight, error) {
	r.DryRun, r.Survey = true, true
	profile, err := r.Forge.Open(ctx)
	if err != nil {
		return Sight{}, err
	}
	var report Report
	if err := r.prepare(ctx, profile, manifests, &report); err != nil {
		return Sight{}, err
	}
	made, err := r.Plan(ctx, manifests)
	return Sight{profile, r.Ledger, r.pulls, made, r.forgotten}, err
}

// Remember is the ledger as a run would know it now: with what became of pull requests since it was written. It writes nothing.
func Remember(ctx context.Context, f forge.Forge, manifests []manifest.Manifest) (ledger.Ledger, error) {
	profile, err := f.Open(ctx)
	if err != nil {
		return ledger.Ledger{}, err
	}
	known, pulls, _, err := (&Runner{Forge: f}).look(ctx, profile)
	if err != nil {
		return ledger.Ledger{}, err
	}
	return lessons(pulls, manifests)(known), nil
}
