package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// turns is a deployment under way: what it has learned, and what became of what it sent.
type turns struct {
	Deployment
	commits []forge.Commit
	// learned is still to be recorded; ledger is how it was read last, and stale says that it has to be read again.
	learned ledger.Transition
	ledger  ledger.Ledger
	stale   bool
	// before are the pipelines that were known before this run merged anything.
	before map[key]bool
	// tip is the commit that places are counted from, empty when it has not been asked.
	tip    string
	places map[relation]standing
	facts  map[string]fact
	// seen are the open claims, verdicts what was found out about them, and faults what the ledger cannot be believed.
	seen     map[key]sighting
	verdicts map[key]verdict
	faults   map[key]Trigger
	progress map[string]*progress
	// begun is when the claims of a turn were begun, by the own clock; sent are the last answers.
	begun time.Time
	sent  map[key]fired
	// waited is for how long others were waited for, pause how long the next wait is, and said who was told of.
	waited, pause time.Duration
	said          map[key]bool
}

// verdict is what a look-up says of a claim; Unknown when it says nothing.
type verdict struct{ seen, becomes ledger.Claim }

// progress is how far one project is in this run.
type progress struct {
	// batches are what was sent, by the commit whose trigger it was; what came free later may be sent as well.
	batches map[string]batch
	// tries counts the triggers of a commit that were sent; after is when the next one may be, and spent for how long
	// pipelines of the project were looked for.
	tries map[string]int
	after time.Time
	spent time.Duration
}

// batch is what one trigger brings: the older commits, and what was told of all others when it was claimed.
type batch struct {
	older  []ledger.Claim
	others []Trigger
}

// handled reports that a commit was sent in this run, or is brought by one that was.
func (p *progress) handled(commit string) bool {
	for sent, b := range p.batches {
		if sent == commit || slices.ContainsFunc(b.older, func(c ledger.Claim) bool { return c.Commit == commit }) {
			return true
		}
	}
	return false
}

// firstPause and lastPause are how long a turn waits before it reads the ledger again: twice as long each time.
const (
	firstPause = 2 * time.Second
	lastPause  = 30 * time.Second
	// looking is how long the pipelines of one project are looked for in one run.
	looking = time.Minute
	// maxTries is how often a trigger is sent in one run, each time because the one before was certainly not accepted.
	maxTries = 5
)

func newTurns(d Deployment, known ledger.Ledger, commits []forge.Commit, learned ledger.Transition) *turns {
	t := &turns{Deployment: d, commits: commits, learned: learned, ledger: known, before: map[key]bool{}, places: map[relation]standing{}, facts: map[string]fact{},
		seen: map[key]sighting{}, verdicts: map[key]verdict{}, faults: map[key]Trigger{}, progress: map[string]*progress{}, sent: map[key]fired{},
		pause: firstPause, said: map[key]bool{}}
	for _, p := range d.Projects {
		t.progress[p.Name] = &progress{batches: map[string]batch{}, tries: map[string]int{}}
	}
	for _, c := range commits {
		if c.Own {
			t.tip = c.SHA
		}
	}
	for _, c := range known.Claims {
		if c.State == ledger.Accepted {
			t.before[keyOf(c)] = true
		}
	}
	t.see(known)
	return t
}

// claim writes the claims of what is pending, as soon as all is known that they depend on; nothing is written when there
// is nothing to say.
func (t *turns) claim(ctx context.Context) (picks, error) {
	for range maxAsks {
		p := t.pick(t.read(t.ledger))
		if len(p.asks)+len(p.checks) > 0 {
			if err := t.learn(ctx, p); err != nil {
				return p, err
			}
			continue
		}
		if !t.stale && !p.changed && t.learned == nil {
			return p, nil
		}
		t.begun = t.Clock()
		err := t.Recorder.Record(ctx, func(l ledger.Ledger) ledger.Ledger {
			t.ledger = l
			if p = t.pick(t.read(l)); len(p.asks)+len(p.checks) > 0 {
				return t.read(l)
			}
			return p.ledger
		})
		if err != nil {
			return p, err
		}
		if t.stale = false; len(p.asks)+len(p.checks) > 0 {
			continue
		}
		t.ledger, t.learned = p.ledger, nil
		return p, nil
	}
	return picks{}, errors.New("the base branch moved each time that it was asked")
}

// read is a ledger with what the run has learned.
func (t *turns) read(l ledger.Ledger) ledger.Ledger {
	if t.learned != nil {
		l = t.learned(l)
	}
	return l
}

// rest does what a turn without claims has left: it looks for the pipelines of triggers that are open, or waits for other
// runs, or until GitLab takes another trigger. It is false when there is nothing to wait for any more.
func (t *turns) rest(ctx context.Context, p picks) (again bool, err error) {
	if len(p.lookups) > 0 {
		t.lookUp(ctx, p.lookups)
		return true, nil
	}
	if len(p.waits) == 0 && p.until.IsZero() || t.waited >= resting || t.Sleep == nil {
		return false, nil
	}
	wait := resting - t.waited
	for _, c := range p.waits {
		left := t.left(c)
		wait = min(wait, max(left, time.Second), t.pause)
		t.tell(c, left)
	}
	if !p.until.IsZero() {
		wait = min(wait, max(time.Second, p.until.Sub(t.Clock())))
	}
	t.pause = min(2*t.pause, lastPause)
	begun := t.Clock()
	err = t.Sleep(ctx, wait)
	t.waited += max(wait, t.Clock().Sub(begun))
	t.stale = true
	return true, err
}

// tell says once that another run is waited for.
func (t *turns) tell(c ledger.Claim, left time.Duration) {
	if t.Say != nil && !t.said[keyOf(c)] {
		t.said[keyOf(c)] = true
		t.Say(fmt.Sprintf("waiting for the run %s, which has claimed the trigger of %s for %s: for at most %s unless it goes on", c.Run, c.Project, short(c.Commit), left.Round(time.Second)))
	}
}

// lookUp asks for the pipelines of triggers whose answer is not known, all at once. Those that are found were accepted;
// those that certainly are not there were not.
func (t *turns) lookUp(ctx context.Context, claims []ledger.Claim) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(16)
	begun, projects := t.Clock(), map[string]bool{}
	for _, c := range claims {
		p, _ := t.project(c.Project)
		since := t.now()
		if c.At.Before(since) {
			since = c.At
		}
		projects[p.Name] = true
		search := deploy.Search{CommitURL: c.CommitURL, Ref: t.Ref, Since: since.Add(-longLease), Settled: t.settled(c), Within: looking - t.progress[p.Name].spent}
		group.Go(func() error {
			answer, found, err := t.Triggerer.Lookup(ctx, p, search)
			mu.Lock()
			defer mu.Unlock()
			t.judge(c, answer, found, err)
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	for name := range projects {
		t.progress[name].spent += t.Clock().Sub(begun)
	}
}

// judge notes what a look-up says.
func (t *turns) judge(c ledger.Claim, answer deploy.Answer, found bool, err error) {
	becomes := c
	own, ours := t.sent[keyOf(c)]
	switch {
	case err != nil:
		becomes.State = ledger.Unknown
		if ours {
			own.answer.Hint = cmp.Or(fault.Hint(err), own.answer.Hint)
		}
	case found:
		becomes.State, becomes.PipelineID, becomes.URL, becomes.Detail = ledger.Accepted, answer.PipelineID, answer.URL, ""
		becomes.Queued = queued(answer, c.At)
		own.answer.Status, own.answer.Hint = answer.Status, ""
	default:
		becomes.State, becomes.Detail = ledger.Refused, "there is certainly no pipeline for this commit"
		own.answer.Hint = "the next run fires again"
		if progress := t.progress[c.Project]; ours && progress.tries[c.Commit] < maxTries {
			delete(progress.batches, c.Commit)
		}
	}
	if ours {
		own.claim = becomes
		t.sent[keyOf(c)] = own
	}
	t.verdicts[keyOf(c)] = verdict{c, becomes}
}

// unfinished is the report of a deployment that could not go on; nil when it has sent nothing.
func (t *turns) unfinished() *Deploy {
	if len(t.sent) == 0 {
		return nil
	}
	return t.report(picks{ledger: t.ledger})
}

// report tells what became of each trigger, in the order of the projects.
func (t *turns) report(p picks) *Deploy {
	report := &Deploy{Waited: t.waited.Seconds(), Triggers: []Trigger{}}
	if newest, ok := t.newest(); ok {
		report.Commit, report.URL, report.Message = newest.SHA, newest.URL, deploy.Message(newest.Message)
	}
	told := map[key]bool{}
	add := func(one Trigger) {
		if k := (key{one.Commit, one.Project}); !told[k] {
			told[k] = true
			report.Triggers = append(report.Triggers, one)
		}
	}
	for k, f := range t.sent {
		one := triggerOf(f.claim)
		one.Status, one.Hint, one.Duration, one.Fired = f.answer.Status, f.answer.Hint, f.took.Seconds(), true
		if _, wrong := t.faults[k]; !wrong {
			add(one)
		}
	}
	for _, one := range t.faults {
		add(one)
	}
	for _, one := range slices.Concat(p.others, t.open(p)) {
		add(one)
	}
	slices.SortFunc(report.Triggers, func(a, b Trigger) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), strings.Compare(a.Commit, b.Commit))
	})
	return report
}

// newest is the given commit that stands highest on the base, as far as that was asked.
func (t *turns) newest() (forge.Commit, bool) {
	if len(t.commits) == 0 {
		return forge.Commit{}, false
	}
	newest := t.commits[len(t.commits)-1]
	for _, c := range t.commits {
		at, known := t.places[relation{t.tip, c.SHA}]
		if c.Own || known && at.on && at.behind == 0 {
			newest = c
		}
	}
	return newest, true
}

// open are the triggers that no run holds the answer of, as they are told.
func (t *turns) open(p picks) []Trigger {
	var all []Trigger
	for _, c := range p.ledger.Claims {
		if !c.Open() {
			continue
		}
		one := triggerOf(c)
		_, ours := t.project(c.Project)
		switch {
		case c.State == ledger.Claimed && ours:
			one.Detail, one.Hint = "the run "+c.Run+" is at it", "run again: the next run goes on when that run does not"
		case c.State == ledger.Claimed && t.age(c) <= longLease && !t.said[keyOf(c)]:
			one.Detail = "the run " + c.Run + " is at it"
		default:
			one.State = string(ledger.Unknown)
			one.Detail = cmp.Or(one.Detail, "the run "+c.Run+" ended before it had an answer")
			one.Hint = fmt.Sprintf("look at the project's pipelines; when there is none for this commit, run pawl deploy --project %s --retry-unknown", quoted(c.Project))
			if v, looked := t.verdicts[keyOf(c)]; looked && v.becomes.State == ledger.Unknown {
				one.Hint = "the next run looks for the pipeline again, and fires when there is certainly none"
			}
		}
		all = append(all, one)
	}
	return all
}

// quoted puts a name that a shell would split into quotes.
func quoted(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./", r)
	}) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
