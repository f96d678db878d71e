package observe

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
)

// Lister returns a Lister whose questions are told.
func (o *Observer) Lister(l plan.Lister) plan.Lister { return observedLister{l, o} }

type observedLister struct {
	plan.Lister
	*Observer
}

// List asks, and notes what became of it.
func (l observedLister) List(ctx context.Context, q source.Query) (source.Listing, error) {
	listing, err := l.Lister.List(ctx, q)
	note := event.Query{Registry: q.Host, Repository: q.Repository(), Listed: len(listing), At: l.Clock()}
	if err != nil {
		note.Err = err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queries = append(l.queries, note)
	return listing, err
}

// Forge returns a Forge whose steps are told.
func (o *Observer) Forge(f forge.Forge) forge.Forge { return observedForge{f, o} }

type observedForge struct {
	forge.Forge
	*Observer
}

// Recent shows the pull requests, of which earlier runs may have told nobody.
func (f observedForge) Recent(ctx context.Context, page int) ([]forge.PullState, bool, error) {
	pulls, more, err := f.Forge.Recent(ctx, page)
	if err == nil {
		f.see(page == 1, pulls)
	}
	return pulls, more, err
}

// Numbered shows those that the ledger knows.
func (f observedForge) Numbered(ctx context.Context, numbers ...int) ([]forge.PullState, error) {
	pulls, err := f.Forge.Numbered(ctx, numbers...)
	if err == nil {
		f.see(false, pulls)
	}
	return pulls, err
}

// see notes pull requests that say what they hold; anew forgets what was seen before.
func (o *Observer) see(anew bool, pulls []forge.PullState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if anew || o.pulls == nil {
		o.pulls = map[int]forge.PullState{}
	}
	for _, p := range pulls {
		if p.Says.Schema != "" {
			p.ByPawl, p.BaseSHA = false, "" // only some ways of looking tell
			o.pulls[p.Number] = p
		}
	}
}

// Ledger shows the pipelines, and what the receivers of events have settled.
func (f observedForge) Ledger(ctx context.Context) (ledger.Ledger, error) {
	l, err := f.Forge.Ledger(ctx)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ledger = &l
		f.resume(l)
	}
	return l, err
}

// Propose tells of the versions that were found, and of what became of the pull request.
func (f observedForge) Propose(ctx context.Context, set change.Set, text forge.PullText) (forge.Pull, error) {
	f.look(f.catchUp)
	pull, err := f.Forge.Propose(ctx, set, text)
	f.look(func() {
		if !errors.Is(err, forge.ErrMoved) && pull.Done != "unchanged" {
			f.tellFound(set)
		}
		if err != nil {
			return
		}
		says, _ := change.ParseMetadata(text.Body)
		p := f.pulls[pull.Number]
		p.Number, p.URL, p.Branch, p.HeadSHA, p.Title, p.Says, p.Created = pull.Number, pull.URL, pull.Branch, pull.HeadSHA, text.Title, says, pull.Created
		f.show(p)
	})
	return pull, err
}

// Merge tells how the pull request ended.
func (f observedForge) Merge(ctx context.Context, order forge.Order) (forge.Merge, error) {
	merge, err := f.Forge.Merge(ctx, order)
	f.look(func() {
		p, known := f.pulls[order.Number]
		if !known {
			return
		}
		p.Armed = p.Armed || merge.Armed
		switch {
		case merge.Outcome == forge.Merged:
			p.Merged, p.SHA, p.At = true, merge.SHA, merge.At
		case !merge.Closed.IsZero():
			p.At = merge.Closed
		}
		f.show(p)
	})
	return merge, err
}

// Withdraw tells of the pull requests that were closed because nothing is left to change.
func (f observedForge) Withdraw(ctx context.Context) ([]forge.PullState, error) {
	f.look(f.catchUp)
	closed, err := f.Forge.Withdraw(ctx)
	f.look(func() {
		for _, p := range closed {
			f.show(p)
		}
	})
	return closed, err
}

// Record tells what the ledger is going to show, and lets it say as well what the receivers have settled. They are waited
// for only when nothing that is urgent hangs on the write.
func (f observedForge) Record(ctx context.Context, next ledger.Transition) error {
	var cursors []ledger.Cursor
	f.look(func() {
		if f.ledger == nil {
			return
		}
		if f.before == nil {
			f.catchUp() // what was there before this run wrote
		}
		after := next(*f.ledger)
		urgent := urges(*f.ledger, after)
		f.ledger = &after
		f.catchUp()
		if f.sends() && !urgent {
			f.deliver(ctx)
		}
		cursors = f.news()
		advanced := after.Advance(cursors...)
		f.ledger = &advanced
	})
	return f.Forge.Record(ctx, func(l ledger.Ledger) ledger.Ledger { return next(l).Advance(cursors...) })
}

// urges reports that something hangs on a write: a trigger that is sent then, or a merge.
func urges(before, after ledger.Ledger) bool {
	return slices.ContainsFunc(after.Claims, func(c ledger.Claim) bool {
		was, known := before.ClaimOf(c.Commit, c.Project)
		return c.State == ledger.Claimed && (!known || was.State != ledger.Claimed)
	}) || slices.ContainsFunc(after.Pulls, func(p ledger.Pull) bool {
		was, _ := before.PullOf(p.Number)
		return p.End == "" && p.Head != was.Head
	})
}

// deliver hands over what waits, for a moment. Whoever is interrupted does not wait.
func (o *Observer) deliver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o.Sender.Deliver(ctx)
}

// show notes how a pull request is now, and tells what is new about it.
func (o *Observer) show(p forge.PullState) {
	if o.pulls == nil {
		return
	}
	o.pulls[p.Number] = p
	o.catchUp()
}

func (o *Observer) look(see func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	see()
}

// Triggerer returns a Triggerer whose looks at pipelines are told.
func (o *Observer) Triggerer(t run.Triggerer) run.Triggerer {
	o.triggerer = t
	return observedTriggerer{t, o}
}

type observedTriggerer struct {
	run.Triggerer
	*Observer
}

// Follow notes the last look.
func (t observedTriggerer) Follow(ctx context.Context, p deploy.Project, id int64, wait time.Duration) (deploy.Answer, error) {
	answer, err := t.Triggerer.Follow(ctx, p, id, wait)
	t.look(func() { t.followed[pipelineKey{p.Name, id}] = answer })
	return answer, err
}
