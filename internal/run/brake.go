package run

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// How long what people said is taken as it was read: a merge at once asks nobody again, one that waits does, and one that is left
// to the forge asks right before.
const (
	trusted    = 10 * time.Second
	justBefore = time.Second
)

// pause makes a pause of the ledger that of this round.
func (r *Runner) pause(known ledger.Ledger, report *Report) {
	if lever, paused := known.LeverOf(ledger.Pause, "", r.now()); paused && r.Freeze == "" {
		r.Freeze = lever.Why()
		report.Paused = r.Freeze
	}
}

// hear records what started the run says of brakes; a run that writes nothing only takes it into account.
func (r *Runner) hear(ctx context.Context, known ledger.Ledger, base string) (ledger.Ledger, error) {
	if r.Hear == nil {
		return known, nil
	}
	now := r.now().UTC().Truncate(time.Second)
	hear := func(l ledger.Ledger) ledger.Ledger { return r.Hear(l, base, now) }
	next := hear(known)
	if known.Said(next) == "" {
		return known, nil
	}
	if !r.DryRun {
		if err := r.Forge.Record(ctx, hear); err != nil {
			return known, err
		}
		return next.Seal()
	}
	return next, nil
}

// now is the forge's time, else the clock's.
func (r *Runner) now() time.Time {
	if at := r.Forge.Time(); !at.IsZero() {
		return at
	}
	return r.Clock()
}

// brakesMoved reports whether somebody pulled or lifted a brake since the round read the ledger. It looks when the last look is as
// old as given.
func (r Runner) brakesMoved(ctx context.Context, old time.Duration) (bool, error) {
	asked := r.Clock()
	if asked.Sub(*r.asked) < old {
		return false, nil
	}
	now, err := r.Forge.Ledger(ctx)
	if err != nil {
		return false, err
	}
	*r.asked = asked
	return !now.SameLevers(r.Ledger), nil
}

// tagMoved asks again for the digests of the images that are about to be written, when they were asked for longer ago than is trusted:
// a tag that was pushed again since is not what was planned. It names the first one.
func (r Runner) tagMoved(ctx context.Context, set change.Set, manifests []manifest.Manifest) (string, error) {
	now := r.Clock()
	if now.Sub(*r.listed) < trusted {
		return "", nil
	}
	group, inner := errgroup.WithContext(ctx)
	moved := make([]string, len(set.Updates))
	asked := map[string]bool{}
	for i, u := range set.Updates {
		artifact, err := source.ParseArtifact(u.Artifact)
		query, known := queryOf(manifests, u)
		if err != nil || !known || u.Digest == "" || !query.OCI() || asked[u.Artifact] {
			continue
		}
		asked[u.Artifact] = true
		group.Go(func() error {
			digest, err := r.Digester.Digest(inner, query, artifact.Tag)
			switch {
			case errors.Is(err, source.ErrNotFound):
			case err != nil:
				return err
			case strings.EqualFold(digest, u.Digest):
				return nil
			}
			moved[i] = query.String() + ":" + artifact.Tag
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	*r.listed = now
	moved = slices.DeleteFunc(moved, func(name string) bool { return name == "" })
	if len(moved) == 0 {
		return "", nil
	}
	return moved[0], nil
}

// queryOf is the source that an update follows.
func queryOf(manifests []manifest.Manifest, u change.Update) (source.Query, bool) {
	for _, m := range manifests {
		if m.Name != u.Manifest || !m.Valid() {
			continue
		}
		for _, t := range m.Targets {
			if t.ID == u.Target {
				return m.Source(t.SourceID).Query, true
			}
		}
	}
	return source.Query{}, false
}

// unbraked is the error of a merge that is left to the forge while somebody pulls a brake: the round is over.
func (r Runner) unbraked(ctx context.Context, old time.Duration) error {
	moved, err := r.brakesMoved(ctx, old)
	if err == nil && moved {
		err = forge.ErrMoved
	}
	return err
}

// disarmBraked looks once more after the forge was told to merge by itself: whoever pulls a brake after this look disarms it.
func (r *Runner) disarmBraked(ctx context.Context, number int, report *Report) (again bool, err error) {
	if again, err = r.brakesMoved(ctx, 0); again {
		err = r.disarmOne(ctx, number, report)
	}
	return again, err
}

// maxPast bounds how many earlier commits are read for one value.
const maxPast = 20

// history reads what pawl's own commits on the base left in files. It is asked only where a value has to go back.
type history struct {
	forge  forge.Forge
	tip    string
	ledger ledger.Ledger

	mu      sync.Mutex
	commits map[string][]forge.Commit
	pasts   map[past][]plan.Revision
}

// past is what a history is asked for.
type past struct {
	at     ledger.Place
	commit string
}

func newHistory(f forge.Forge, tip string, l ledger.Ledger) *history {
	return &history{forge: f, tip: tip, ledger: l, commits: map[string][]forge.Commit{}, pasts: map[past][]plan.Revision{}}
}

// Past returns what our commits that changed a place left in its file, the newest first; before them, where a commit is named, what
// that one holds.
func (h *history) Past(ctx context.Context, at ledger.Place, commit string) ([]plan.Revision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if all, known := h.pasts[past{at, commit}]; known {
		return all, nil
	}
	tip := cmp.Or(commit, h.tip)
	commits, read := h.commits[tip]
	if !read {
		var err error
		if commits, err = h.forge.OwnCommits(ctx, tip); err != nil {
			return nil, err
		}
		h.commits[tip] = commits
	}
	if commit != "" {
		commits = slices.Insert(slices.Clone(commits), 0, forge.Commit{SHA: commit, Message: change.OmittedTrailer + ": 1"})
	}
	var all []plan.Revision
	for _, c := range commits {
		told := change.ParseTrailers(c.Message)
		if len(all) == maxPast || told.Omitted == 0 && !slices.ContainsFunc(told.Updates, func(u change.Update) bool { return ledger.Place{File: u.File, Document: u.Document, Key: u.Key} == at }) {
			continue
		}
		one, err := h.revision(ctx, c, told, at.File)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	h.pasts[past{at, commit}] = all
	return all, nil
}

// revision reads a file as a commit left it. What the commit replaced is believed where the ledger has recorded the merge: a
// message alone is whatever somebody wrote.
func (h *history) revision(ctx context.Context, c forge.Commit, told change.Trailers, file string) (plan.Revision, error) {
	files, err := h.forge.Read(ctx, c.SHA, []string{file})
	if err != nil {
		return plan.Revision{}, err
	}
	data, err := files.ReadFile(file)
	if err != nil {
		return plan.Revision{}, err
	}
	one := plan.Revision{Bytes: bytes.Clone(data)}
	if slices.ContainsFunc(h.ledger.Pulls, func(p ledger.Pull) bool { return p.Commit == c.SHA && p.End == ledger.EndMerged && p.Unplanned == "" }) {
		one.Replaced = told.Updates
	}
	return one, nil
}

// pressing says which brakes pass while merges are closed; nil where none that moves a value does, or where nothing is closed.
func (r Runner) pressing(p plan.Plan) func(ledger.Lever) bool {
	code, _, _ := r.Calendar.Closed(r.now())
	passes := func(l ledger.Lever) bool { return l.BreakGlass != "" || l.Urgent && code == change.OutsideWindow }
	if code == "" || !slices.ContainsFunc(p.Levers, passes) {
		return nil
	}
	return passes
}

// sights records what the plan saw first; nil when the ledger says so already.
func (r Runner) sights(p plan.Plan) ledger.Transition {
	next := func(l ledger.Ledger) ledger.Ledger { return l.Sight(p.Seen, p.Passed) }
	if len(p.Seen)+len(r.Ledger.Seen) == 0 || reflect.DeepEqual(r.Ledger.Seen, next(r.Ledger).Seen) {
		return nil
	}
	return next
}

// denials records what gates said against versions, and forgets what they let pass; nil when the ledger says so already.
func (r Runner) denials(p plan.Plan) ledger.Transition {
	var denied []ledger.Denial
	for _, v := range p.Verdicts {
		if v.Outcome == gate.Deny && v.Digest != "" {
			denied = append(denied, ledger.Denial{Gate: v.Gate, Key: v.Key, Source: v.Source, Tag: v.Tag, Detail: v.Detail, At: v.At})
		}
	}
	lifted := func(d ledger.Denial) bool {
		return slices.ContainsFunc(p.Verdicts, func(v plan.Verdict) bool { return v.Outcome == gate.Pass && v.Gate == d.Gate && v.Key == d.Key })
	}
	next := func(l ledger.Ledger) ledger.Ledger { return l.Deny(denied, lifted, p.Passed) }
	if len(denied)+len(r.Ledger.Denials) == 0 || reflect.DeepEqual(r.Ledger.Denials, next(r.Ledger).Denials) {
		return nil
	}
	return next
}

// origins are the pull requests that brought what brakes take back, and the events that pulled those brakes.
func (r Runner) origins(p plan.Plan) (pulls []int, events []string) {
	for _, u := range p.Changes {
		if !policy.Reason(u.Reason).Brake() {
			continue
		}
		written, known := r.Ledger.ValueOf(ledger.Place{File: u.File, Document: u.Document, Key: u.Key}, u.Manifest)
		for _, record := range r.Ledger.Pulls {
			if known && written.Value == u.Old && written.Commit != "" && record.Commit == written.Commit {
				pulls = append(pulls, record.Number)
			}
		}
	}
	for _, l := range p.Levers {
		if l.Event != "" {
			events = append(events, l.Event)
		}
	}
	slices.Sort(pulls)
	slices.Sort(events)
	return slices.Compact(pulls), slices.Compact(events)
}
