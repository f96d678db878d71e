package run

import (
	"context"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
)

const (
	// maxAsked bounds how many pull requests a run asks for by number.
	maxAsked = 50
	// unplanned is what is said of a merge in pawl's name that is not what pawl planned.
	unplanned = "it was merged in pawl's name with commits of somebody else in it"
)

// learn reads what became of our pull requests: those on the first page of the list, as many of the earlier ones as the
// ledger has not seen the end of, and those that it knows as open. Each merge that may not be what was planned is looked
// at.
func learn(ctx context.Context, f forge.Forge, known ledger.Ledger, pulls []forge.PullState, more bool) ([]forge.PullState, error) {
	news := func(p forge.PullState) bool { return !p.Withdrawn && !known.Learned(p.Number) }
	for page := 2; more && slices.ContainsFunc(pulls, news); page++ {
		var earlier []forge.PullState
		var err error
		if earlier, more, err = f.Recent(ctx, page); err != nil {
			return nil, err
		}
		pulls = append(pulls, earlier...)
		if !slices.ContainsFunc(earlier, news) {
			break
		}
	}
	lacking := slices.DeleteFunc(known.OpenPulls(), func(n int) bool {
		return slices.ContainsFunc(pulls, func(p forge.PullState) bool { return p.Number == n })
	})
	if lacking = lacking[:min(len(lacking), maxAsked)]; len(lacking) > 0 {
		found, err := f.Numbered(ctx, lacking...)
		if err != nil {
			return nil, err
		}
		pulls = append(pulls, found...)
	}
	for i := range pulls {
		if err := judge(ctx, f, known, &pulls[i]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(pulls, func(a, b forge.PullState) int { return b.Number - a.Number })
	return pulls, nil
}

// judge says whether a merge is one of pawl's that is not what pawl planned. A merge of a person is the person's. One of
// the head that the ledger names, or of a pull request that it knows nothing of and that was never armed, is what was
// planned: GitHub merges no other head than the one that a request names.
func judge(ctx context.Context, f forge.Forge, known ledger.Ledger, p *forge.PullState) error {
	record, recorded := known.PullOf(p.Number)
	switch {
	case !p.Merged, recorded && (record.End == ledger.EndMerged || record.Head == p.HeadSHA):
		return nil
	case !recorded && (!p.Armed || known.Learned(p.Number) || known.Knows(p.SHA)):
		return nil
	}
	found, err := f.Numbered(ctx, p.Number)
	if err != nil || len(found) == 0 {
		return err
	}
	if p.ByPawl = found[0].ByPawl; !p.ByPawl {
		return nil
	}
	p.BaseSHA = found[0].BaseSHA
	diff, own, err := f.MergedDiff(ctx, *p)
	if err != nil {
		return err
	}
	if recorded && diff != record.Diff || !recorded && !own {
		p.Unplanned = unplanned
	}
	return nil
}

// heldBy is what a pull request holds: what the ledger recorded when it was pushed. What its body says counts where the
// ledger knows nothing, and beside it where the branch is not at what was recorded.
func heldBy(p forge.PullState, l ledger.Ledger) []change.Update {
	record, recorded := l.PullOf(p.Number)
	if !recorded {
		return p.Updates()
	}
	all := change.Held(record)
	if record.Head == p.HeadSHA {
		return all
	}
	for _, u := range p.Updates() {
		same := func(v change.Update) bool {
			return v.Manifest == u.Manifest && v.File == u.File && v.Document == u.Document && v.Key == u.Key && v.Version == u.Version
		}
		if !slices.ContainsFunc(all, same) {
			all = append(all, u)
		}
	}
	return all
}

// endOf is how it ended, in the ledger's words; empty while it is open.
func endOf(p forge.PullState) string {
	switch {
	case p.Open():
		return ""
	case p.Merged:
		return ledger.EndMerged
	case p.Withdrawn:
		return ledger.EndWithdrawn
	default:
		return ledger.EndClosed
	}
}

// lessons is what earlier pull requests mean for the ledger: those that people closed are vetoes, those that were merged
// after the run that proposed them had ended, or was killed, wrote their values. What the ledger knows already stays.
func lessons(pulls []forge.PullState, manifests []manifest.Manifest) ledger.Transition {
	return lessonsOf(pulls, digests(manifests))
}

func lessonsOf(pulls []forge.PullState, digests map[string]string) ledger.Transition {
	return func(l ledger.Ledger) ledger.Ledger {
		for _, p := range slices.Backward(pulls) { // the oldest first
			if record, _ := l.PullOf(p.Number); p.Open() || record.End == endOf(p) || l.Learned(p.Number) && record.Number == 0 {
				continue
			}
			l = lessonOf(p, l, digests).Settle(settledAs(p, l))
		}
		return l
	}
}

// lessonOf is what the end of one pull request means.
func lessonOf(p forge.PullState, l ledger.Ledger, digests map[string]string) ledger.Ledger {
	set := change.Set{Updates: heldBy(p, l)}
	switch {
	case p.Withdrawn:
		return l
	case !p.Merged:
		return l.Veto(set.Vetoes(p.Number, digests, p.At)...)
	}
	for _, v := range set.Written(p.SHA, digests, p.At) {
		if known, ok := l.ValueOf(v.Place, v.Manifest); !ok || known.At.Before(v.At) {
			l = l.Written(v)
		}
	}
	return l
}

// settledAs is what the ledger records of its end.
func settledAs(p forge.PullState, l ledger.Ledger) ledger.Pull {
	record, recorded := l.PullOf(p.Number)
	s := ledger.Pull{Number: p.Number, Branch: p.Branch, Head: p.HeadSHA, At: p.At, End: endOf(p), Commit: p.SHA}
	switch {
	case !p.Merged:
		s.Commit = ""
	case recorded && record.Head != p.HeadSHA:
		s.Unplanned = p.Unplanned
	case !recorded:
		s.Unplanned = p.Unplanned
		for _, u := range p.Says.Updates {
			if p.Says.Omitted == 0 && !slices.Contains(s.Files, u.File) {
				s.Files = append(s.Files, u.File)
			}
		}
	}
	if recorded && record.Head != p.HeadSHA || !p.Merged {
		s.Files = []string{} // nobody recorded what else was changed
	}
	return s
}

// commitOf is what projects are told of a merge.
func commitOf(p forge.PullState, l ledger.Ledger) forge.Commit {
	c := forge.Commit{SHA: p.SHA, URL: forge.CommitURL(p.URL, p.SHA), Message: p.Title, At: p.At, Pull: p.Number, Chain: p.Says.Chain}
	if record, _ := l.PullOf(p.Number); record.Head == p.HeadSHA {
		c.Changed = record.Files
	}
	c.All = len(c.Changed) == 0
	return c
}

// keep is what the ledger records of the pull request that was just pushed.
func keep(pull forge.Pull, set change.Set, at time.Time) ledger.Pull {
	p := set.Holds()
	p.Number, p.Branch, p.Head, p.At = pull.Number, pull.Branch, pull.HeadSHA, at.UTC().Truncate(time.Second)
	return p
}

// Unplanned is a merge in pawl's name that is not what pawl planned. It is not deployed until somebody says so, or a later
// merge brings it.
type Unplanned struct {
	Pull   int    `json:"pull"`
	Commit string `json:"commit"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// UnplannedOf are the merges that nothing deploys by itself; none where nothing is deployed.
func UnplannedOf(l ledger.Ledger, d *Deployment) []Unplanned {
	if d == nil {
		return nil
	}
	var all []Unplanned
	for _, p := range l.Unplanned() {
		all = append(all, Unplanned{Pull: p.Number, Commit: p.Commit, Detail: p.Unplanned, Hint: "look at it, then run pawl deploy --commit " + p.Commit + ", or revert it"})
	}
	return all
}

// brings reports whether pipelines may be fired for the commits: one that starts now reads the branch's head, and so brings a
// merge that is not what pawl planned, which only a later merge may do.
func brings(l ledger.Ledger, commits []forge.Commit) bool {
	held := l.Unplanned()
	return len(held) == 0 || slices.ContainsFunc(commits, func(c forge.Commit) bool {
		return !slices.ContainsFunc(held, func(p ledger.Pull) bool { return c.SHA == p.Commit || !c.At.After(p.At) })
	})
}

// learnOnly returns the ledger with what became of the pull requests, for a run that records nothing of it. Where there is no
// ledger it stays empty.
func learnOnly(ctx context.Context, f forge.Forge, known ledger.Ledger, pulls []forge.PullState) (ledger.Ledger, error) {
	known, err := again(ctx, f, known, pulls)
	if err != nil {
		return known, err
	}
	pulls, err = learn(ctx, f, known, pulls, false)
	if err != nil || known.Empty() {
		return known, err
	}
	return lessonsOf(pulls, nil)(known), nil
}

// disarm takes back what may merge without anybody looking: everything when this run merges nothing or leaves nothing to
// the forge, else the pull requests whose branches are not at what the ledger says that was pushed there, which somebody
// else may have pushed to.
func (r *Runner) disarm(ctx context.Context, known ledger.Ledger, report *Report) error {
	if r.DryRun {
		return nil
	}
	for _, p := range r.pulls {
		record, recorded := known.PullOf(p.Number)
		moved := !recorded && p.Armed || recorded && record.Head != p.HeadSHA
		if !p.Open() || !(moved || r.mergesNothing() || r.armsNothing() && p.Armed) {
			continue
		}
		if err := r.disarmOne(ctx, p.Number, report); err != nil {
			return err
		}
	}
	return nil
}

// disarmOlder takes back what the forge was told of the pull request that is about to get another change: what is armed is
// what the ledger names.
func (r *Runner) disarmOlder(ctx context.Context, set change.Set, report *Report) error {
	open, ok := r.open()
	if record, _ := r.Ledger.PullOf(open.Number); !ok || !open.Armed || record.Diff == set.Holds().Diff || slices.Contains(report.Disarmed, open.Number) {
		return nil
	}
	return r.disarmOne(ctx, open.Number, report)
}

// disarmOthers takes back what the forge was told of every pull request but the present one.
func (r *Runner) disarmOthers(ctx context.Context, number int, report *Report) error {
	for _, p := range r.pulls {
		if p.Open() && p.Armed && p.Number != number && !slices.Contains(report.Disarmed, p.Number) && !slices.Contains(report.Withdrawn, p.Number) {
			if err := r.disarmOne(ctx, p.Number, report); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Runner) disarmOne(ctx context.Context, number int, report *Report) error {
	done, err := r.Forge.Disarm(ctx, number)
	if done && !slices.Contains(report.Disarmed, number) {
		report.Disarmed = append(report.Disarmed, number)
	}
	return err
}

// mergesNothing reports that this run does not come to merging, which disarms as well.
func (r *Runner) mergesNothing() bool { return r.Freeze != "" || r.NoMerge || r.forgotten != nil }

// armsNothing reports that nothing is to be left to the forge.
func (r *Runner) armsNothing() bool {
	return r.NoArm || r.Calendar.Set() || r.Require.Mode == change.MergeOff
}

// Revised reports that the pull request says for itself that it was changed, at a time that can be true: people may have
// changed what it says, and no two clocks agree.
func Revised(p forge.PullState, now time.Time) bool {
	const apart = 24 * time.Hour
	r := p.Says.Revised
	return r != nil && r.Pull == p.Number && r.At.After(p.Created.Add(-apart)) && r.At.Before(now.Add(apart))
}
