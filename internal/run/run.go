// Package run is the second half of the product's story: what becomes of a plan. A Runner does it all; Push is its end alone,
// for what people merge. Both promise that a run which is killed anywhere is finished by the next one and that nothing happens
// twice. They see the outside through forge.Forge and the interfaces of Deployment.
//
// Somebody starts it: a schedule, an upstream build that tells of a tag (Planner.Announced, Upstream, Chain), a person. It
// works on the profile, the repository that holds the manifests and the files with the values, at its base branch.
//
// A run, in order, with the files that tell each part:
//
//	read     the base's tip, the ledger, what became of earlier pull requests    run.go, pulls.go, lost.go
//	plan     package plan, on the base's files: choose, gate, compute the bytes  plan/plan.go
//	propose  one branch and one pull request with exactly the plan's bytes       propose.go
//	merge    with a grant of change.Authorize, now or later by the forge         propose.go
//	deploy   a claim in the ledger, then a pipeline for each project             deploy.go, claim.go, order.go, fire.go
//	tell     an event for each of these, derived from what the forge shows       package observe, around all of it
//
// A person stops it with the manifest (filters, policy.hold, policy.exclude, conditions: plan); by reverting or changing a value,
// or closing the pull request, which rejects its versions until something newer comes (learned); with a commit on the branch, a
// draft or the label pawl/review, with required checks and `merge: off` (merge); with the levers of
// the ledger (quarantine, rollback, hold: plan; a pulled lever ends the grant of a run that waits); with a pause or PAWL_PAUSE, which are Freeze: nothing is
// proposed, merged or fired; with --no-merge; and with `deploy: {by: push}`, a nil Deployment: `pawl deploy` fires then. Between
// a merge and its pipelines there is no stop: what was merged is deployed, by this run or within a week by a later one.
//
// It writes the branch and the pull request (propose), the base by merging that (merge), and the ledger, JSON files on a ref of
// the profile's own: what became of earlier pull requests (learned), what this one holds before anything may merge unseen,
// the values that were written, a claim before and the answer after each trigger, which sink has which event, and the events
// that none has taken yet. Each write is a transition that is applied again when another run was faster, so that a claim is
// made once. A dry run writes nothing; a paused one takes back what would merge by itself, and no more.
package run

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
)

// maxRounds bounds how often a run starts over because the base or the branch moved under it.
const maxRounds = 20

// pickUp is how long a merged commit of which no run knows is brought to the projects by a later one.
const pickUp = 7 * 24 * time.Hour

// Runner does the whole job: it plans on the base branch, keeps one pull request, merges it when it may, and has the
// projects deploy what was merged.
type Runner struct {
	plan.Planner
	Forge forge.Forge
	// Deployment fires the pipelines; nil leaves that to others.
	Deployment *Deployment
	// Ask returns a Lister that has not asked anything yet. A run that starts over asks anew: it has just learned that
	// somebody else knows more, and two runs that hold on to what each once saw would undo each other's work. Nil keeps the
	// Lister.
	Ask func() plan.Lister
	// Require says which checks must be green; Freeze, when set, is why nothing is written or merged now.
	Require change.Requirement
	Freeze  string
	// Hear records what the event that started the run says of brakes, given the tip of the base and the time; nil for nothing. What it
	// has recorded already it records in the same way.
	Hear func(l ledger.Ledger, base string, now time.Time) ledger.Ledger
	// Review labels the pull request for people, so that no grant is given; NoMerge does not even ask for one.
	Review, NoMerge bool
	// NoArm keeps the forge from merging by itself.
	NoArm bool
	// Calendar says when merges are possible, Max how many values one pull request may change.
	Calendar change.Calendar
	Max      int
	// Method is how to merge: squash, merge or rebase; MergeWait is how long checks, auto-merge and queue are waited for.
	Method    string
	MergeWait time.Duration
	// DryRun writes nothing.
	DryRun bool
	// Own are the manifests and the configuration as they were read, by path; the base has to hold the same.
	Own map[string][]byte
	// OwnDirs are the manifests directories; none means that the base need not be the same.
	OwnDirs []string
	// Upstream is what an event says triggered the run, Chain the id of its chain; both untrusted and may be empty.
	Upstream, Chain string
	// Source names this instance in events; it goes into new chain ids.
	Source string
	// Words are how the team words its changes.
	Words change.Words
	// Branch is the name of the pull request's branch.
	Branch string
	// Absent is how long a required check may take to appear.
	Absent time.Duration
	// Clock is the time of each step.
	Clock func() time.Time
	// pulls are the earlier pull requests of a round, the newest first.
	pulls []forge.PullState
	// fresh reports that there is no ledger yet, forgotten that there should be one.
	fresh     bool
	forgotten *Lost
	// asked is when somebody last looked what people said; the steps of a round share it.
	asked *time.Time
	// listed is when the digests were last asked for; the steps of a round share it.
	listed *time.Time
	// late is what can be recorded along with something else.
	late ledger.Transition
}

// Run plans, proposes and merges. The error is one that ended the run before its outcome was known; everything else is
// in the report.
func (r Runner) Run(ctx context.Context, manifests []manifest.Manifest) (Report, error) {
	report := Report{Schema: ReportSchema, DryRun: r.DryRun, Paused: r.Freeze, Started: r.Clock()}
	for range maxRounds {
		again, err := r.round(ctx, manifests, &report)
		report.Duration = r.Clock().Sub(report.Started).Seconds()
		if err != nil || !again {
			return report, err
		}
		report.Rounds++
		r.Announced.Wait = 0 // an announced tag was waited for already
		if r.Ask != nil {
			r.Lister = r.Ask()
		}
	}
	return report, fmt.Errorf("updating the profile: %w %d times", forge.ErrMoved, maxRounds)
}

// round is one attempt on the base as it is now; again means that it moved.
func (r Runner) round(ctx context.Context, manifests []manifest.Manifest, report *Report) (again bool, err error) {
	begun, meter := r.Clock(), r.meter(ctx, report)
	defer func() { meter.left(err) }()
	ctx = meter.next("read")
	profile, err := r.Forge.Open(ctx)
	if err != nil {
		return false, err
	}
	report.Expires = profile.Expires
	if err := r.prepare(ctx, profile, manifests, report); err != nil {
		return false, err
	}
	meter.done("read")
	ctx = meter.next("plan")
	listed := r.Clock()
	r.listed = &listed
	if report.Plan, err = r.planned(ctx, manifests); err != nil {
		return false, err
	}
	meter.done("plan")
	ctx = meter.next("propose")
	report.Pull, report.Merge = nil, nil // those of a round that came to nothing
	set := r.set(profile, report.Plan)
	if report.Chain = ""; len(set.Updates) > 0 {
		report.Chain = set.Chain
	}
	if r.DryRun || r.Freeze != "" || r.forgotten != nil {
		report.Preview, err = r.preview(set)
		return false, err
	}
	pull, err := r.propose(ctx, set, report)
	meter.done("propose")
	if errors.Is(err, forge.ErrMoved) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	ctx = meter.next("merge")
	confirmed := r.confirmed(report.Plan, manifests, begun)
	if closed, waits := change.Closed(r.Calendar, r.now()); waits && pull.Number != 0 && !r.NoMerge {
		report.Merge = &forge.Merge{Outcome: forge.Pending, Decision: closed, Detail: closed.Detail, Hint: closed.Hint}
		defer meter.done("record")
		return false, r.conclude(ctx, nil, r.then(r.keeps(pull, set), r.news(confirmed)), report)
	}
	if pull.Number == 0 || r.NoMerge {
		defer meter.done("record")
		return false, r.conclude(ctx, nil, r.then(r.keeps(pull, set), r.news(confirmed)), report)
	}
	defer meter.done("merge")
	return r.merge(ctx, profile, set, pull, confirmed, manifests, report)
}

// planned is the plan of a round; where brakes press, of them alone, which are merged now.
func (r *Runner) planned(ctx context.Context, manifests []manifest.Manifest) (plan.Plan, error) {
	made, err := r.Plan(ctx, manifests)
	if err != nil {
		return made, err
	}
	pressing := r.pressing(made)
	if pressing == nil {
		return made, nil
	}
	r.Pressing, r.Calendar, r.NoArm = pressing, change.Calendar{}, true
	return r.Plan(ctx, manifests)
}

// prepare learns what became of earlier pull requests, disarms those that must not merge by themselves, and makes the base's
// files the ones that are planned on.
func (r *Runner) prepare(ctx context.Context, profile forge.Profile, manifests []manifest.Manifest, report *Report) error {
	asked := r.Clock() // before it is read
	known, pulls, differ, err := r.look(ctx, profile)
	if err != nil {
		return err
	}
	if known, err = r.hear(ctx, known, profile.BaseSHA); err != nil {
		return err
	}
	r.pulls, r.fresh, r.asked = pulls, known.Empty(), &asked
	r.pause(known, report)
	r.Now = r.now()
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		r.forgotten, err = Forgotten(inner, r.Forge, profile.BaseSHA, known, pulls, r.Clock())
		return err
	})
	floor := 0
	if known.Sealed() {
		group.Go(func() (err error) {
			floor, err = SealFloor(inner, r.Forge, profile.BaseSHA)
			return err
		})
	}
	if len(differ) == 0 {
		group.Go(func() (err error) {
			r.Files, err = r.Forge.Read(inner, profile.BaseSHA, targetFiles(manifests))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if r.forgotten == nil && known.Counter() < floor {
		r.forgotten = goneBack(known.Counter(), floor)
	}
	report.Lost = r.forgotten
	if err := r.disarm(ctx, known, report); err != nil {
		return err
	}
	if err := r.learned(ctx, known, manifests, report); err != nil {
		return err
	}
	r.Sightings, r.Past = true, newHistory(r.Forge, profile.BaseSHA, r.Ledger)
	if len(differ) > 0 {
		return &StaleError{Base: profile.Base, Paths: differ}
	}
	return nil
}

// learned records what became of earlier pull requests, when the ledger does not know it, and names the merges that are
// not what pawl planned.
func (r *Runner) learned(ctx context.Context, known ledger.Ledger, manifests []manifest.Manifest, report *Report) error {
	learn := lessons(r.pulls, manifests)
	r.Ledger, r.late = learn(known), nil
	report.Unplanned = UnplannedOf(r.Ledger, r.Deployment)
	if r.DryRun || r.Freeze != "" || r.forgotten != nil || reflect.DeepEqual(known, r.Ledger) {
		return nil
	}
	withdrawn := func(p forge.PullState) bool { return p.Withdrawn }
	if urgent := lessons(slices.DeleteFunc(slices.Clone(r.pulls), withdrawn), manifests); reflect.DeepEqual(known, urgent(known)) {
		r.late = learn // pawl's own closing means nothing: it can ride on another write
		return nil
	}
	return r.Forge.Record(ctx, learn)
}

// look asks at once for what does not depend on each other: the ledger, earlier pull requests, and which of the own files
// the base holds otherwise.
func (r *Runner) look(ctx context.Context, profile forge.Profile) (known ledger.Ledger, pulls []forge.PullState, differ []string, err error) {
	more := false
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		known, err = r.Forge.Ledger(inner)
		return err
	})
	group.Go(func() (err error) {
		pulls, more, err = r.Forge.Recent(inner, 1)
		return err
	})
	group.Go(func() (err error) {
		differ, err = r.Forge.Differs(inner, profile.BaseSHA, r.Own, func(path string) bool {
			return slices.ContainsFunc(r.OwnDirs, func(dir string) bool { return manifest.IsManifest(dir, path) })
		})
		return err
	})
	if err := group.Wait(); err != nil {
		return known, nil, nil, err
	}
	if known, err = again(ctx, r.Forge, known, pulls); err != nil {
		return known, nil, nil, err
	}
	pulls, err = learn(ctx, r.Forge, known, pulls, more)
	return known, pulls, differ, err
}

// confirmed are the values that the plan found right and the ledger does not know of: a person who changes one of them
// later has changed what pawl stands for.
func (r Runner) confirmed(plan plan.Plan, manifests []manifest.Manifest, at time.Time) []ledger.Value {
	return r.Ledger.Unknown(change.Set{Updates: plan.Confirmed}.Written("", digests(manifests), at))
}

// news is what is to be recorded of confirmed values without a merge: those that differ from what the ledger holds of
// them, nil when there are none. Scalars that it knows nothing about can wait for the next merge: nothing to do means
// nothing written.
func (r Runner) news(confirmed []ledger.Value) ledger.Transition {
	changed := slices.DeleteFunc(confirmed, func(v ledger.Value) bool {
		_, known := r.Ledger.ValueOf(v.Place, v.Manifest)
		return !known
	})
	if len(changed) == 0 {
		return nil
	}
	return func(l ledger.Ledger) ledger.Ledger { return l.Confirmed(r.Ledger, changed...) }
}

// conclude records what was learned and brings what was merged to the projects: by this run, by earlier ones that did not
// get that far, and by the forge or a person meanwhile.
func (r Runner) conclude(ctx context.Context, merged *forge.Commit, learned ledger.Transition, report *Report) (err error) {
	learned = r.then(learned, r.sights(report.Plan), r.denials(report.Plan))
	if learned != nil {
		learned = r.then(r.late, learned)
	}
	commits := r.commits(merged)
	if r.Deployment == nil || !brings(r.Ledger, commits) {
		if learned == nil {
			return nil
		}
		return r.Forge.Record(ctx, learned)
	}
	report.Deploy, err = r.Deployment.Deploy(ctx, r.Ledger, commits, learned)
	if report.Deploy.fired() {
		report.Unplanned = nil // a pipeline reads the branch's head, and so brings them
	}
	return err
}

// commits are the merged ones that projects may not have got yet, the oldest first. Left out are those that were merged
// in pawl's name otherwise than planned, and those from before a person let the ledger begin anew.
func (r Runner) commits(own *forge.Commit) []forge.Commit {
	var all []forge.Commit
	for _, p := range r.pulls {
		record, _ := r.Ledger.PullOf(p.Number)
		if p.Merged && (own == nil || p.SHA != own.SHA) && r.Clock().Sub(p.At) < pickUp && record.Unplanned == "" && p.At.After(r.Ledger.Since()) {
			all = append(all, commitOf(p, r.Ledger))
		}
	}
	if own != nil {
		all = append(all, *own)
	}
	slices.SortStableFunc(all, func(a, b forge.Commit) int { return a.At.Compare(b.At) })
	return all
}

// then joins transitions; those that are nil are nothing, and nothing is nil.
func (r Runner) then(steps ...ledger.Transition) ledger.Transition {
	steps = slices.DeleteFunc(steps, func(t ledger.Transition) bool { return t == nil })
	if len(steps) == 0 {
		return nil
	}
	return func(l ledger.Ledger) ledger.Ledger {
		for _, step := range steps {
			l = step(l)
		}
		return l
	}
}

// keeps records what the pull request holds that was just pushed; nil when the ledger says so already, or there is none.
func (r Runner) keeps(pull forge.Pull, set change.Set) ledger.Transition {
	if pull.Number == 0 {
		return nil
	}
	record := keep(pull, set, r.Clock())
	if reflect.DeepEqual(r.Ledger, r.Ledger.Hold(record)) {
		return nil
	}
	return func(l ledger.Ledger) ledger.Ledger { return l.Hold(record) }
}

func digests(manifests []manifest.Manifest) map[string]string {
	all := make(map[string]string, len(manifests))
	for _, m := range manifests {
		all[m.Name] = m.Digest
	}
	return all
}

func targetFiles(manifests []manifest.Manifest) []string {
	var paths []string
	seen := map[string]bool{}
	for _, m := range manifests {
		for _, t := range m.Targets {
			if m.Valid() && !seen[t.File] {
				seen[t.File] = true
				paths = append(paths, t.File)
			}
		}
	}
	return paths
}

// StaleError says that the base branch holds other manifests than those that were read.
type StaleError struct {
	Base  string
	Paths []string
}

// Error names the first of the files.
func (e *StaleError) Error() string {
	more := ""
	if len(e.Paths) > 1 {
		more = fmt.Sprintf(" and %d more", len(e.Paths)-1)
	}
	return fmt.Sprintf("%s%s: not as on the branch %s", e.Paths[0], more, e.Base)
}

// Advice returns what to do.
func (e *StaleError) Advice() string {
	return "push the change or check the branch out, or use the manifests as they are here with --from root"
}
