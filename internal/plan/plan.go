// Package plan is the first half of the product's story: Plan reads the manifests' targets, asks the sources which versions
// exist, lets the policy choose what the gates let pass, and computes the new bytes. It owns the order and the isolation (one
// bad manifest, source or file never stops the others) and leaves every detail to its stage:
//
//	manifest ──> source ──> policy ──> gates ──> edit ──> change
//
// It sees the outside through the small interfaces below. What becomes of a plan is the business of package run, which has the
// forge write it; Apply writes it into a working tree, for people.
package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/source"
)

// Lister tells which versions exist at a source. It is asked once for each distinct query of a run.
type Lister interface {
	List(ctx context.Context, q source.Query) (source.Listing, error)
}

// Digester tells the digest of an image's tag; the error wraps source.ErrNotFound when the tag does not exist.
type Digester interface {
	Digest(ctx context.Context, q source.Query, tag string) (string, error)
}

// Reader reads a file below the root.
type Reader interface {
	ReadFile(path string) ([]byte, error)
}

// Writer replaces a file below the root as a whole, provided that it still holds the bytes before.
type Writer interface {
	ReplaceFile(path string, before, after []byte) error
}

// Planner plans: it holds what the stages need from outside.
type Planner struct {
	Lister   Lister
	Digester Digester
	// Platformer is asked by conditions that name architectures.
	Platformer Platformer
	Files      Reader
	// Now decides whether a hold has ended.
	Now time.Time
	// Ledger is what earlier runs wrote and what people rejected; the zero value objects to nothing.
	Ledger ledger.Ledger
	// Sightings has policy.age count from the ledger's first sightings; without it nothing has an age, and nothing waits.
	Sightings bool
	// Judge tells what the gates of the configuration say; without it they are not asked, and every version passes.
	Judge Judge
	// Pressing, unless nil, says which brakes may be merged now; every value that none of them moves is held.
	Pressing func(ledger.Lever) bool
	// Survey has the plan say of each value where it stands, for people who look.
	Survey bool
	// Past is asked where a quarantined or rolled back value may go back to; nil knows of no past.
	Past Historian
	// Announced is a tag that an event says was published.
	Announced Announcement
	// inquiry holds what conditions asked in this plan.
	inquiry *inquiry
	// verdicts are what gates said in this plan.
	verdicts *verdicts
	// sightings are what this plan saw, nil where nothing has an age.
	sightings *sightings
}

// Plan resolves every manifest and returns what would change and why. It writes nothing. The error is the context's;
// everything else that goes wrong is an outcome of the plan.
func (p Planner) Plan(ctx context.Context, manifests []manifest.Manifest) (Plan, error) {
	p.inquiry, p.verdicts = newInquiry(), &verdicts{}
	if p.Sightings {
		p.sightings = &sightings{}
	}
	jobs := p.open(manifests)
	done := interruptibly(ctx, func() { p.resolve(ctx, jobs) })
	if err := ctx.Err(); err != nil || !done {
		return Plan{}, fmt.Errorf("planning: %w", err)
	}
	refuseConflicts(jobs)
	files := rewrite(jobs)
	plan := assemble(manifests, jobs, files)
	if p.Survey {
		plan.Values = p.survey(jobs)
	}
	plan.Seen, plan.Passed, plan.Verdicts = p.sightings.all(), passed(jobs), p.verdicts.all()
	return plan, nil
}

// Apply writes the plan's files and returns the paths that were written, in order. A file that changed since it was
// read stays as it is and is an error; the others are written.
func Apply(files []change.File, w Writer) (written []string, errs []error) {
	for _, f := range files {
		if err := w.ReplaceFile(f.Path, f.Before, f.After); err != nil {
			errs = append(errs, err)
			continue
		}
		written = append(written, f.Path)
	}
	return written, errs
}
