package run_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

// notebook is a ledger in memory; each write first lets others write.
type notebook struct {
	ledger.Ledger
	writes int
	before func(*notebook)
}

func (n *notebook) Record(_ context.Context, next ledger.Transition) error {
	if n.before != nil {
		n.before(n)
	}
	was, _ := n.Encode()
	n.Ledger = next(n.Ledger)
	if is, _ := n.Encode(); !cmp.Equal(was, is) {
		n.writes++
	}
	return nil
}

// pipelines accepts every trigger, and finds those that it is told of by their commit's page.
type pipelines struct {
	fired []string
	there map[string]bool
	// answers are given instead, one after the other.
	answers []deploy.Answer
	looked  []deploy.Search
}

func (p *pipelines) Trigger(_ context.Context, to deploy.Project, r deploy.Request) deploy.Answer {
	p.fired = append(p.fired, to.Name+" "+r.CommitURL)
	if len(p.answers) > 0 {
		answer := p.answers[0]
		p.answers = p.answers[1:]
		return answer
	}
	return deploy.Answer{State: deploy.Accepted, PipelineID: int64(len(p.fired))}
}

func (p *pipelines) Lookup(_ context.Context, _ deploy.Project, q deploy.Search) (deploy.Answer, bool, error) {
	p.looked = append(p.looked, q)
	return deploy.Answer{State: deploy.Accepted, PipelineID: 99}, p.there[q.CommitURL], nil
}

func (p *pipelines) Follow(context.Context, deploy.Project, int64, time.Duration) (deploy.Answer, error) {
	return deploy.Answer{}, nil
}

// trunk is a base branch: commits by number, the oldest first.
type trunk struct {
	commits []forge.Commit
	clock   func() time.Time
	mu      sync.Mutex
	calls   int
}

func (b *trunk) count() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
}

func (b *trunk) at(sha string) int {
	return slices.IndexFunc(b.commits, func(c forge.Commit) bool { return c.SHA == sha })
}

func (b *trunk) Tip(context.Context) (string, error) {
	b.count()
	return b.commits[len(b.commits)-1].SHA, nil
}

func (b *trunk) Behind(_ context.Context, tip, sha string) (int, bool, error) {
	b.count()
	at, from := b.at(sha), b.at(tip)
	return from - at, at >= 0 && at <= from, nil
}

func (b *trunk) Commit(_ context.Context, sha string) (forge.Commit, error) {
	b.count()
	if at := b.at(sha); at >= 0 {
		return b.commits[at], nil
	}
	return forge.Commit{}, forge.ErrNotFound
}

func (b *trunk) Time() time.Time { return b.clock() }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func merge(n int, changed string) forge.Commit {
	return forge.Commit{SHA: fmt.Sprint("c", n), URL: fmt.Sprint("page", n), Message: "m", At: noon.Add(time.Duration(n) * time.Minute), Changed: []string{changed}}
}

// claim is what the ledger holds of a merge of values.yaml, made by another run at a minute.
func claim(n int, state ledger.State, minute int) ledger.Claim {
	c := merge(n, "")
	return ledger.Claim{Commit: c.SHA, CommitURL: c.URL, Message: c.Message, MergedAt: c.At, Project: "dev", Run: "other", State: state, At: noon.Add(time.Duration(minute) * time.Minute)}
}

// deployment is one of a project at the thirtieth minute, on a clock that only waiting moves.
type deployment struct {
	run.Deployment
	book   *notebook
	gitlab *pipelines
	trunk  *trunk
	now    time.Time
	slept  time.Duration
	said   []string
}

func newDeployment(api bool, claims ...ledger.Claim) *deployment {
	d := &deployment{now: noon.Add(30 * time.Minute), book: &notebook{Ledger: ledger.Ledger{Claims: claims}}, gitlab: &pipelines{there: map[string]bool{}}}
	clock := func() time.Time { return d.now }
	d.trunk = &trunk{clock: clock}
	for n := range 6 {
		d.trunk.commits = append(d.trunk.commits, merge(n, "values.yaml"))
	}
	project := deploy.Project{Name: "dev", Secret: "S"}
	if api {
		project.API = "A"
	}
	d.Deployment = run.Deployment{Projects: []deploy.Project{project}, Triggerer: d.gitlab, Recorder: d.book, Base: d.trunk, Ref: "main", Targets: []string{"values.yaml"},
		Run: "own", Clock: clock, Say: func(text string) { d.said = append(d.said, text) },
		Sleep: func(_ context.Context, by time.Duration) error {
			d.now, d.slept = d.now.Add(by), d.slept+by
			return nil
		}}
	return d
}

// run deploys and returns what the report says, in order.
func (d *deployment) run(t *testing.T, commits ...forge.Commit) (says []string, report *run.Deploy) {
	t.Helper()
	report, err := d.Deploy(t.Context(), d.book.Ledger, commits, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, trigger := range report.Triggers {
		says = append(says, trigger.Commit+" "+trigger.State)
	}
	slices.Sort(says)
	return says, report
}

// TestDeployOfClaims lists what earlier and other runs left in the ledger, and what a run at the thirtieth minute fires,
// for how long it waits and what it says.
func TestDeployOfClaims(t *testing.T) {
	t.Parallel()
	const whole = 90 * time.Second
	values, notes := merge(1, "values.yaml"), merge(2, "notes.md")
	for _, c := range []struct {
		name    string
		api     bool
		there   []string
		claims  []ledger.Claim
		commits []forge.Commit
		fired   []string
		says    []string
		waits   time.Duration
	}{
		{"nothing known", false, nil, nil, []forge.Commit{values}, []string{"dev page1"}, []string{"c1 accepted"}, 0},
		{"another run died a moment ago, before it fired", true, nil, []ledger.Claim{claim(1, ledger.Claimed, 29)}, []forge.Commit{values}, []string{"dev page1"}, []string{"c1 accepted"}, whole},
		{"another run died a moment ago, after it fired", true, []string{"page1"}, []ledger.Claim{claim(1, ledger.Claimed, 29)}, []forge.Commit{values}, nil, []string{"c1 accepted"}, whole},
		{"another run died a moment ago, and nobody can look", false, nil, []ledger.Claim{claim(1, ledger.Claimed, 29)}, []forge.Commit{values}, nil, []string{"c1 unknown"}, whole},
		{"another run died long ago, before it fired", true, nil, []ledger.Claim{claim(1, ledger.Claimed, 15)}, []forge.Commit{values}, []string{"dev page1"}, []string{"c1 accepted"}, 0},
		{"another run died long ago, and nobody can look", false, nil, []ledger.Claim{claim(1, ledger.Claimed, 15)}, []forge.Commit{values}, nil, []string{"c1 unknown"}, 0},
		{"a claim of a fast clock", true, nil, []ledger.Claim{claim(1, ledger.Claimed, 55)}, []forge.Commit{values}, []string{"dev page1"}, []string{"c1 accepted"}, whole},
		{"a claim that is not asked for again", true, nil, []ledger.Claim{claim(1, ledger.Claimed, 15)}, nil, []string{"dev page1"}, []string{"c1 accepted"}, 0},
		{"unknown, and nothing newer that is consumed", false, nil, []ledger.Claim{claim(1, ledger.Unknown, 15)}, []forge.Commit{values, notes}, nil, []string{"c1 unknown", "c2 untouched"}, 0},
		{"unknown, and something newer", false, nil, []ledger.Claim{claim(1, ledger.Unknown, 15)}, []forge.Commit{values, merge(2, "values.yaml")}, []string{"dev page2"}, []string{"c1 unknown", "c2 accepted"}, 0},
		{"refused before, and not given again", false, nil, []ledger.Claim{claim(1, ledger.Refused, 15)}, nil, []string{"dev page1"}, []string{"c1 accepted"}, 0},
		{"refused before, brought by a newer one", false, nil, []ledger.Claim{claim(1, ledger.Refused, 15)}, []forge.Commit{notes}, []string{"dev page2"}, []string{"c1 covered", "c2 accepted"}, 0},
		{"a newer one was accepted", false, nil, []ledger.Claim{claim(2, ledger.Accepted, 15)}, []forge.Commit{values}, nil, []string{"c1 covered"}, 0},
		{"an older one was accepted later", false, nil, []ledger.Claim{claim(1, ledger.Accepted, 29)}, []forge.Commit{merge(2, "values.yaml")}, []string{"dev page2"}, []string{"c2 accepted"}, 0},
		{"several at once", false, nil, nil, []forge.Commit{notes, values}, []string{"dev page2"}, []string{"c1 covered", "c2 accepted"}, 0},
		{"more paths than are known", false, nil, nil, []forge.Commit{{SHA: "c1", URL: "page1", At: noon, All: true}}, []string{"dev page1"}, []string{"c1 accepted"}, 0},
		{"not on the base any more", false, nil, nil, []forge.Commit{merge(9, "values.yaml")}, nil, []string{"c9 untouched"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(c.api, c.claims...)
			for _, page := range c.there {
				d.gitlab.there[page] = true
			}
			for round := range 2 { // a second one fires, writes and waits for nothing, and asks nobody
				writes, calls := d.book.writes, d.trunk.calls
				says, report := d.run(t, c.commits...)
				if diff := cmp.Diff(c.fired, d.gitlab.fired); diff != "" {
					t.Fatalf("round %d fired: %s", round, diff)
				}
				if diff := cmp.Diff(c.says, says); round == 0 && diff != "" {
					t.Errorf("said: %s", diff)
				}
				if d.slept != c.waits || (len(d.said) > 0) != (c.waits > 0) {
					t.Errorf("round %d waited %s, want %s, and said %q", round, d.slept, c.waits, d.said)
				}
				if round == 1 && (d.book.writes != writes || d.trunk.calls != calls && !strings.Contains(c.name, "not on the base")) {
					t.Errorf("the second run wrote %d times and asked the base %d times: %+v", d.book.writes-writes, d.trunk.calls-calls, report)
				}
				d.Run = "next"
			}
		})
	}
}

// TestNewerOneComesFreeLater fires what a dead run had claimed also when an older commit was fired meanwhile, and covers an
// older one that comes free.
func TestNewerOneComesFreeLater(t *testing.T) {
	t.Parallel()
	d := newDeployment(true, claim(2, ledger.Claimed, 29))
	says, _ := d.run(t, merge(1, "values.yaml"), merge(2, "values.yaml"))
	if !slices.Equal(says, []string{"c1 accepted", "c2 accepted"}) || !slices.Equal(d.gitlab.fired, []string{"dev page1", "dev page2"}) {
		t.Errorf("a newer one: %v, fired %v", says, d.gitlab.fired)
	}
	d = newDeployment(true, claim(1, ledger.Claimed, 29))
	says, _ = d.run(t, merge(1, "values.yaml"), merge(2, "values.yaml"))
	if !slices.Equal(says, []string{"c1 covered", "c2 accepted"}) || !slices.Equal(d.gitlab.fired, []string{"dev page2"}) {
		t.Errorf("an older one: %v, fired %v", says, d.gitlab.fired)
	}
}

// TestEarlierAttempt takes over at once what an earlier attempt of the same workflow run has claimed, and nothing else.
func TestEarlierAttempt(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]bool{"77-1/abc": true, "77-2/abc": false, "77-3/abc": false, "7-1/abc": false, "770-1/abc": false, "local/abc": false, "77-x/abc": false, "77-": false} {
		held := claim(1, ledger.Claimed, 29)
		held.Run = name
		d := newDeployment(true, held)
		d.Run, d.Workflow = "77-2/def", run.Attempt{ID: "77", Number: 2}
		says, _ := d.run(t, merge(1, "values.yaml"))
		if (d.slept == 0) != takes || !slices.Equal(says, []string{"c1 accepted"}) || len(d.gitlab.fired) != 1 {
			t.Errorf("%s: waited %s, %v, fired %v", name, d.slept, says, d.gitlab.fired)
		}
		d = newDeployment(false, held)
		d.Run, d.Workflow = "77-2/def", run.Attempt{ID: "77", Number: 2}
		if says, report := d.run(t, merge(1, "values.yaml")); (d.slept == 0) != takes || !slices.Equal(says, []string{"c1 unknown"}) || !report.Failed() {
			t.Errorf("%s, and nobody can look: waited %s, %v", name, d.slept, says)
		}
	}
}

// TestOrderIsAncestry deploys by what stands on the base, whatever dates the commits and the claims have: a commit dated
// 2027 silences nothing, and a slow clock leaves no rollback undeployed.
func TestOrderIsAncestry(t *testing.T) {
	t.Parallel()
	dated := func(c ledger.Claim, at time.Time) ledger.Claim {
		c.MergedAt = at
		return c
	}
	at := func(n int, at time.Time) forge.Commit {
		c := merge(n, "values.yaml")
		c.At = at
		return c
	}
	future, slow := noon.Add(10*time.Hour), noon.Add(-time.Minute)
	for _, c := range []struct {
		name    string
		claims  []ledger.Claim
		commits []forge.Commit
		fired   []string
	}{
		{"deployed was one of tomorrow", []ledger.Claim{dated(claim(1, ledger.Accepted, 15), future)}, []forge.Commit{at(2, noon)}, []string{"dev page2"}},
		{"the rollback has a slow clock", []ledger.Claim{claim(1, ledger.Accepted, 15)}, []forge.Commit{at(2, slow)}, []string{"dev page2"}},
		{"the older one claims to be newer", []ledger.Claim{claim(2, ledger.Accepted, 15)}, []forge.Commit{at(1, future)}, nil},
		{"both at once, dated the other way round", nil, []forge.Commit{at(2, slow), at(1, future)}, []string{"dev page2"}},
		{"refused and of tomorrow, then a newer one", []ledger.Claim{dated(claim(1, ledger.Refused, 15), future)}, []forge.Commit{at(2, slow)}, []string{"dev page2"}},
	} {
		d := newDeployment(false, c.claims...)
		if d.run(t, c.commits...); !slices.Equal(d.gitlab.fired, c.fired) {
			t.Errorf("%s: fired %v, want %v", c.name, d.gitlab.fired, c.fired)
		}
	}
}

// TestOwnMergeAsksNobody fires what the run merged itself without asking for its place, unless another run was faster.
func TestOwnMergeAsksNobody(t *testing.T) {
	t.Parallel()
	own := merge(3, "values.yaml")
	own.Own = true
	d := newDeployment(false, claim(2, ledger.Accepted, 15))
	if says, _ := d.run(t, merge(1, "values.yaml"), own); d.trunk.calls != 0 || !slices.Equal(says, []string{"c1 covered", "c3 accepted"}) || d.book.writes != 2 {
		t.Errorf("%d questions, %d writes, %v", d.trunk.calls, d.book.writes, says)
	}
	d = newDeployment(false)
	d.book.before = func(n *notebook) { n.Ledger = n.Answer(claim(4, ledger.Accepted, 31)) }
	if says, _ := d.run(t, own); len(d.gitlab.fired) != 0 || !slices.Equal(says, []string{"c3 covered"}) {
		t.Errorf("another run was faster: fired %v, %v", d.gitlab.fired, says)
	}
}

// TestForgedLedger fires nothing that only a ledger says, names it, and is stopped by nothing in it.
func TestForgedLedger(t *testing.T) {
	t.Parallel()
	forged := func(n int, state ledger.State, change func(c *ledger.Claim)) ledger.Claim {
		c := claim(n, state, 15)
		change(&c)
		return c
	}
	never := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		held ledger.Claim
		says string
	}{
		{"another page", forged(1, ledger.Refused, func(c *ledger.Claim) { c.CommitURL = "https://evil.example/" }), "c1 distrusted"},
		{"another message", forged(1, ledger.Refused, func(c *ledger.Claim) { c.Message = "rm -rf" }), "c1 distrusted"},
		{"another commit", forged(9, ledger.Refused, func(*ledger.Claim) {}), "c9 distrusted"},
		{"deployed, and not on the base", forged(9, ledger.Accepted, func(*ledger.Claim) {}), "c9 distrusted"},
		{"deployed in 2099", forged(1, ledger.Accepted, func(c *ledger.Claim) { c.At, c.MergedAt = never, never }), "c1 distrusted"},
		{"claimed in 2099", forged(1, ledger.Claimed, func(c *ledger.Claim) { c.At = never }), "c1 distrusted"},
		{"a path for a commit", forged(1, ledger.Refused, func(c *ledger.Claim) { c.Commit = "../../x" }), "../../x distrusted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(false, c.held)
			if c.held.State == ledger.Refused {
				if says, report := d.run(t); !slices.Contains(says, c.says) || !report.Failed() || len(d.gitlab.fired) != 0 || report.Triggers[0].Hint == "" {
					t.Errorf("alone: fired %v, %+v", d.gitlab.fired, report)
				}
			}
			says, report := d.run(t, merge(2, "values.yaml"))
			if !slices.Contains(says, c.says) || !slices.Contains(says, "c2 accepted") || !report.Failed() || !slices.Equal(d.gitlab.fired, []string{"dev page2"}) {
				t.Errorf("fired %v, %+v", d.gitlab.fired, report)
			}
		})
	}
}

// TestRenamedRepositoryIsBelieved fires what was refused before the repository got another name, with the page of now.
func TestRenamedRepositoryIsBelieved(t *testing.T) {
	t.Parallel()
	const now = "https://forge.example/new/name/commit/c1"
	for page, want := range map[string][]string{
		"https://forge.example/old/profile/commit/c1": {"dev " + now},
		"https://Forge.example/New/name/commit/c1":    {"dev " + now},
		"https://evil.example/new/name/commit/c1":     nil,
		"https://forge.example/new/name/commit/c2":    nil,
	} {
		refused := claim(1, ledger.Refused, 15)
		refused.CommitURL = page
		d := newDeployment(false, refused)
		d.trunk.commits[1].URL = now
		if _, report := d.run(t); !slices.Equal(d.gitlab.fired, want) || report.Failed() != (want == nil) {
			t.Errorf("%s: fired %v, %+v", page, d.gitlab.fired, report)
		}
	}
}

// TestClaimIsNotSentLate claims again what it could not send within thirty seconds of its claim.
func TestClaimIsNotSentLate(t *testing.T) {
	t.Parallel()
	d := newDeployment(false)
	slow := true
	d.book.before = func(*notebook) {
		if slow {
			d.now = d.now.Add(31 * time.Second)
		}
		slow = false
	}
	says, _ := d.run(t, merge(1, "values.yaml"))
	held, _ := d.book.ClaimOf("c1", "dev")
	if !slices.Equal(says, []string{"c1 accepted"}) || len(d.gitlab.fired) != 1 || d.now.Sub(held.At) > 30*time.Second || d.book.writes != 4 {
		t.Errorf("%v, fired %v, %d writes, claimed %s ago", says, d.gitlab.fired, d.book.writes, d.now.Sub(held.At))
	}
}

// TestGitLabWantsToWait sends again what GitLab refused for a while, under a new claim each time, and not for ever.
func TestGitLabWantsToWait(t *testing.T) {
	t.Parallel()
	later := deploy.Answer{State: deploy.Refused, Detail: "too many pipelines", Hint: "later", Again: 20 * time.Second}
	d := newDeployment(false)
	d.gitlab.answers = []deploy.Answer{later, later}
	if says, report := d.run(t, merge(1, "values.yaml")); !slices.Equal(says, []string{"c1 accepted"}) || d.slept != 40*time.Second || report.Waited != 40 {
		t.Errorf("%v after %s: %+v", says, d.slept, report)
	}
	d = newDeployment(false)
	d.gitlab.answers = slices.Repeat([]deploy.Answer{later}, 99)
	if says, _ := d.run(t, merge(1, "values.yaml")); !slices.Equal(says, []string{"c1 refused"}) || len(d.gitlab.fired) != 5 || d.slept > 4*time.Minute {
		t.Errorf("%v after %d triggers and %s", says, len(d.gitlab.fired), d.slept)
	}
}

// TestAnotherRunStaysAtIt waits for a run that goes on and on for a bounded time, and says so.
func TestAnotherRunStaysAtIt(t *testing.T) {
	t.Parallel()
	d := newDeployment(true, claim(1, ledger.Claimed, 30))
	d.book.before = func(n *notebook) {
		c := claim(1, ledger.Claimed, 30)
		c.At = d.now
		n.Claims = []ledger.Claim{c}
	}
	says, report := d.run(t, merge(1, "values.yaml"))
	if !slices.Equal(says, []string{"c1 claimed"}) || !report.Failed() || d.slept > 5*time.Minute || len(d.gitlab.fired) != 0 || report.Triggers[0].Hint == "" {
		t.Errorf("%v after %s: %+v", says, d.slept, report)
	}
}
