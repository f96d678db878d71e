package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// maxAsks bounds how often the base is asked before a claim, each time because of what was learned before.
	maxAsks = 12
	// rivals is how many of a project's last pipelines are looked at, and leftovers how many refused triggers.
	rivals, leftovers = 3, 20
)

// standing is where a commit stands: how many commits the tip has that it lacks; on is false when it is not in the tip's
// history.
type standing struct {
	behind int
	on     bool
}

// relation is a question to the base: where a commit stands below another one.
type relation struct{ tip, commit string }

// fact is what the forge says of a commit of which only the ledger tells; none when it is not on the base branch.
type fact struct {
	commit forge.Commit
	none   bool
}

// where returns the place of a commit on the base branch, or notes that it has to be asked.
func (t *turns) where(p *picks, sha string) (standing, bool) {
	return t.below(p, t.tip, sha)
}

func (t *turns) below(p *picks, tip, sha string) (standing, bool) {
	r := relation{tip, sha}
	known, ok := t.places[r]
	if !ok {
		p.asks = append(p.asks, r)
	}
	return known, ok
}

// ordered returns the candidates that a project has not got, the oldest first; false when the order is not known yet. The
// order is that of the base branch: whose commit is in the other's history is the older one, whatever their dates say.
func (t *turns) ordered(p *picks, project deploy.Project, pending []candidate) ([]candidate, bool) {
	rival := t.rival(p, project, pending)
	own := slices.IndexFunc(pending, func(c candidate) bool { return c.commit.Own })
	if own >= 0 && rival.Commit == "" { // merged a moment ago, onto all that was known
		last := pending[own]
		return append(slices.Delete(slices.Clone(pending), own, own+1), last), true
	}
	sure := true
	places := map[string]standing{}
	for _, c := range pending {
		at, ok := t.where(p, c.commit.SHA)
		places[c.commit.SHA], sure = at, sure && ok
	}
	if rival.Commit != "" {
		at, ok := t.where(p, rival.Commit)
		places[rival.Commit], sure = at, sure && ok
	}
	if !sure {
		return nil, false
	}
	var left []candidate
	for _, c := range pending {
		at := places[c.commit.SHA]
		switch {
		case !at.on:
			p.tell(project, c.commit.SHA, Untouched, "it is not on the base branch any more")
		case rival.Commit != "" && places[rival.Commit].on && places[rival.Commit].behind < at.behind:
			covered, ok := t.covers(p, rival, c)
			if !ok {
				return nil, false
			}
			if !covered {
				left = append(left, c)
				continue
			}
			p.tell(project, c.commit.SHA, Covered, "the pipeline of "+short(rival.Commit)+" brought it")
			p.cover(t.covered(project, c.commit, rival.Commit))
		default:
			left = append(left, c)
		}
	}
	slices.SortStableFunc(left, func(a, b candidate) int {
		return cmp.Compare(places[b.commit.SHA].behind, places[a.commit.SHA].behind)
	})
	return left, true
}

// covers reports whether a deployed commit that stands higher holds a candidate. What was merged by a pull request stands
// on the branch itself; any other commit may have come by a branch that was merged later.
func (t *turns) covers(p *picks, rival ledger.Claim, c candidate) (covered, known bool) {
	if c.commit.Pull != 0 {
		return true, true
	}
	at, known := t.below(p, rival.Commit, c.commit.SHA)
	return at.on, known
}

// rival is the last pipeline of a project that may have brought the candidates already; none when this run merged the
// newest one and the ledger knew all the others before. One whose commit is not on the base branch brought nothing.
func (t *turns) rival(p *picks, project deploy.Project, pending []candidate) ledger.Claim {
	own := slices.ContainsFunc(pending, func(c candidate) bool { return c.commit.Own })
	limit := t.now().Add(impossible)
	var accepted []ledger.Claim
	for _, c := range p.ledger.Claims {
		if c.Project == project.Name && c.State == ledger.Accepted && !(own && t.before[keyOf(c)]) {
			accepted = append(accepted, c)
		}
	}
	slices.SortStableFunc(accepted, func(a, b ledger.Claim) int {
		if a.At.After(limit) != b.At.After(limit) { // a time that cannot be says nothing
			return cmp.Compare(btoi(a.At.After(limit)), btoi(b.At.After(limit)))
		}
		return b.At.Compare(a.At)
	})
	for _, c := range accepted[:min(rivals, len(accepted))] {
		at, known := t.places[relation{t.tip, c.Commit}]
		if !known || at.on {
			return c
		}
		t.distrust(c, "the ledger says that it was deployed, and it is not on the base branch")
	}
	return ledger.Claim{}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// learn asks the base what a turn has to know. When a commit is not below the tip, the tip may have moved meanwhile.
func (t *turns) learn(ctx context.Context, p picks) error {
	if t.Base == nil {
		return errors.New("nobody knows the base branch")
	}
	if t.tip == "" {
		return t.climb(ctx)
	}
	var mu sync.Mutex
	missing := false
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(8)
	slices.SortFunc(p.asks, func(a, b relation) int { return cmp.Or(cmp.Compare(a.tip, b.tip), cmp.Compare(a.commit, b.commit)) })
	for _, r := range slices.Compact(p.asks) {
		group.Go(func() error {
			behind, on, err := t.Base.Behind(inner, r.tip, r.commit)
			mu.Lock()
			defer mu.Unlock()
			t.places[r] = standing{behind, on}
			missing = missing || !on && r.tip == t.tip
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if missing {
		if err := t.climb(ctx); err != nil {
			return err
		}
	}
	return t.check(ctx, p)
}

// climb reads the tip of the base anew; what is known of places below another one is of no use then.
func (t *turns) climb(ctx context.Context) error {
	tip, err := t.Base.Tip(ctx)
	if err == nil && tip == "" {
		err = errors.New("the base branch is gone")
	}
	t.tip = tip
	return err
}

// check asks the forge for the commits of which only the ledger tells.
func (t *turns) check(ctx context.Context, p picks) error {
	for _, c := range p.checks {
		at, known := t.places[relation{t.tip, c.Commit}]
		if _, done := t.facts[c.Commit]; done || !known {
			continue
		}
		if !at.on {
			t.facts[c.Commit] = fact{none: true}
			continue
		}
		commit, err := t.Base.Commit(ctx, c.Commit)
		none := errors.Is(err, forge.ErrNotFound)
		if err != nil && !none {
			return err
		}
		t.facts[c.Commit] = fact{commit, none}
	}
	return nil
}

// believed returns the commit of a refused trigger as the forge tells of it; false when that is not known yet, or when the
// ledger says something else.
func (t *turns) believed(p *picks, c ledger.Claim) (forge.Commit, bool) {
	known, ok := t.facts[c.Commit]
	if !ok {
		t.where(p, c.Commit)
		p.checks = append(p.checks, c)
		return forge.Commit{}, false
	}
	wrong := ""
	switch {
	case known.none:
		wrong = "the ledger says that it is to be deployed, and it is not on the base branch"
	case c.CommitURL != "" && !samePage(c.CommitURL, known.commit.URL):
		wrong = "the ledger says another page of it than the forge"
	case c.Message != "" && !says(known.commit.Message, c.Message):
		wrong = "the ledger says another message of it than the forge"
	}
	switch {
	case wrong != "" && !t.Retry:
		t.distrust(c, wrong)
		return forge.Commit{}, false
	case known.none: // a person has seen it
		p.cover(ledger.Claim{Commit: c.Commit, Project: c.Project, CoveredBy: nobody})
		return forge.Commit{}, false
	}
	commit := known.commit
	commit.Pull, commit.Chain = c.Pull, c.Chain
	return commit, true
}

// samePage reports whether two addresses are of the same commit at the same host; the repository may have got another name.
func samePage(a, b string) bool {
	if a == b {
		return true
	}
	one, err1 := url.Parse(a)
	other, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && strings.EqualFold(one.Host, other.Host) && path.Base(one.Path) == path.Base(other.Path)
}

// says reports whether a message of the ledger is a line of the commit's, as far as GitHub has not added to it.
func says(whole, message string) bool {
	for line := range strings.Lines(whole) {
		if line = deploy.Message(line); line == message || strings.HasPrefix(line, message+" (#") {
			return true
		}
	}
	return deploy.Message(whole) == message
}

// distrust notes a fault of the ledger.
func (t *turns) distrust(c ledger.Claim, why string) {
	t.faults[keyOf(c)] = Trigger{Project: c.Project, Commit: c.Commit, State: Distrusted, Detail: why,
		Hint: fmt.Sprintf("somebody else may have written the ledger: see its history; when that is settled, pawl deploy --project %s --retry-unknown goes on", quoted(c.Project))}
}
