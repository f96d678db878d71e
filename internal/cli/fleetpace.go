package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// A forge lets a token do so much in a time. The profiles of one token stand in a lane and begin as its budget allows; those of
// the others go on meanwhile.

// lane is the profiles that wait for one token.
type lane struct {
	token string
	// variable is the token's, host that of its forge.
	variable, host string
	budget         fleet.Budget
	waiting        []int
	// held says that the next one has to wait, told that people know.
	held, told bool
}

// lanes are those of a fleet, in the order of their first profiles.
func (t *tenants) lanes() []*lane {
	var all []*lane
	of := map[string]*lane{}
	for i, p := range t.fleet.Profiles {
		value, _ := t.sys.Env(p.Token)
		api := t.apiOf(p)
		key := p.Kind + " " + api + " " + value
		one, known := of[key]
		if !known {
			one = &lane{token: key, variable: p.Token, host: hostOf(api)}
			if p.Kind == "github" && api == source.GitHubAPI {
				one.budget = fleet.GitHubBudget
			}
			of[key], all = one, append(all, one)
		}
		one.waiting = append(one.waiting, i)
	}
	return all
}

// apiOf is the address at which a profile's forge takes requests, and counts them.
func (t *tenants) apiOf(p fleet.Profile) string {
	if p.Kind != "github" {
		return p.URL
	}
	api, _ := lookup(t.sys, p)("GITHUB_API_URL")
	return strings.TrimRight(cmp.Or(api, source.GitHubAPI), "/")
}

// queue is the profiles of a fleet that have not ended.
type queue struct {
	*tenants
	do      func(ctx context.Context, i int, turn *fleet.Turn) fate
	lanes   []*lane
	running int
	ended   chan func()
	// awake says of each profile that it was not quiet.
	awake []bool
	// clock is the time at least, after what was waited.
	clock, until time.Time
}

// maxTries is how often a profile begins at most, when its forge stops it.
const maxTries = 3

// fate is how the turn of a profile ended.
type fate int

const (
	// settled: with the result that it has.
	settled fate = iota
	// stopped: the forge wanted to be left alone; it is done again.
	stopped
	// held: it is not quiet, and there was too little for it; it was not done.
	held
)

// each does something for every profile, as many at once as the fleet and their tokens allow, until the fleet's deadline.
func (t *tenants) each(ctx context.Context, do func(ctx context.Context, i int, turn *fleet.Turn) fate) {
	ctx, cancel := context.WithTimeout(ctx, t.fleet.Deadline)
	defer cancel()
	q := &queue{tenants: t, do: do, lanes: t.lanes(), ended: make(chan func()), awake: make([]bool, len(t.fleet.Profiles)), clock: t.sys.Now()}
	q.until = q.clock.Add(t.fleet.Deadline)
	for {
		wait := q.begin(ctx)
		switch {
		case q.running == 0 && len(q.lanes) == 0:
			return
		case q.over(ctx), q.running == 0 && q.now().Add(wait).After(q.until):
			q.giveUp(ctx)
		default:
			q.wait(ctx, wait)
		}
	}
}

func (q *queue) now() time.Time {
	if now := q.sys.Now(); now.After(q.clock) {
		q.clock = now
	}
	return q.clock
}

// over reports whether nothing more begins.
func (q *queue) over(ctx context.Context) bool { return ctx.Err() != nil || q.now().After(q.until) }

// begin starts all that may begin, and returns how long the next one has to wait when nothing else happens, 0 when that is not known.
func (q *queue) begin(ctx context.Context) time.Duration {
	soonest := time.Duration(0)
	for asked := 0; asked < len(q.lanes) && q.running < q.fleet.Parallel && !q.over(ctx); {
		one := q.lanes[0]
		q.lanes = q.lanes[1:]
		turn, wait := q.pace.Begin(one.token, one.budget, q.awake[one.waiting[0]], q.now())
		if one.held = turn == nil; one.held {
			q.tell(one, wait)
			if asked++; wait > 0 && (soonest == 0 || wait < soonest) {
				soonest = wait
			}
			q.lanes = append(q.lanes, one)
			continue
		}
		asked, soonest = 0, 0
		i := one.waiting[0]
		if one.waiting = one.waiting[1:]; len(one.waiting) > 0 {
			q.lanes = append(q.lanes, one)
		}
		q.tries[i]++
		q.running++
		go func() {
			how := q.do(ctx, i, turn)
			turn.End()
			q.ended <- func() { q.end(one, i, how) }
		}()
	}
	return soonest
}

// end puts a profile that has to begin anew at the end of its lane.
func (q *queue) end(one *lane, i int, how fate) {
	q.running--
	switch {
	case how == held:
		q.awake[i], one.held = true, true
		q.tries[i]--
	case how == settled || q.tries[i] == maxTries:
		return
	}
	if one.waiting = append(one.waiting, i); !slices.Contains(q.lanes, one) {
		q.lanes = append(q.lanes, one)
	}
}

// wait waits until a profile ends, or for a time when there is one.
func (q *queue) wait(ctx context.Context, d time.Duration) {
	var slept chan error
	d = min(d, q.until.Sub(q.now()))
	until := q.clock.Add(d)
	if d > 0 {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		slept = make(chan error, 1)
		go func() { slept <- q.sys.Sleep(ctx, d) }()
	}
	var over <-chan struct{}
	if q.running == 0 {
		over = ctx.Done()
	}
	select {
	case ended := <-q.ended:
		ended()
	case err := <-slept:
		if err == nil && until.After(q.clock) {
			q.clock = until
		}
	case <-over:
	}
}

// tell says once that the profiles of a token have to wait for long.
func (q *queue) tell(one *lane, wait time.Duration) {
	if one.told || wait < 10*time.Second {
		return
	}
	one.told = true
	text := fmt.Sprintf("%s lets %s do no more now", one.host, cmp.Or(one.variable, "nobody"))
	if one.budget != (fleet.Budget{}) {
		text += fmt.Sprintf(" (%d contents a minute, %d an hour)", one.budget.Minute, one.budget.Hour)
	}
	last := q.now().Add(max(wait, q.pace.Lasts(one.token, len(one.waiting))))
	q.reporter().say(slog.LevelInfo, fmt.Sprintf("%s: %s left, the last one begins by about %s UTC", text, count(len(one.waiting), "profile"), last.UTC().Format("2006-01-02 15:04")), "")
}

// giveUp waits for those that run, and ends all that has not begun, each as what its time was over for.
func (q *queue) giveUp(ctx context.Context) {
	for q.running > 0 {
		(<-q.ended)()
	}
	for _, one := range q.lanes {
		why := q.why(ctx, one)
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		cancel(why)
		for _, i := range one.waiting {
			if q.tries[i] == 0 { // the others have told how they were stopped
				q.do(ctx, i, nil)
			}
		}
	}
	q.lanes = nil
}

// why is what the profiles of a lane did not begin for.
func (q *queue) why(ctx context.Context, one *lane) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case one.held:
		return fault.New("the next run goes on; give the profiles tokens of their own, or limits: {deadline: ...} more time",
			"what %s lets %s do was used up before the fleet's time was over", one.host, cmp.Or(one.variable, "nobody"))
	default:
		return context.DeadlineExceeded
	}
}

// fate is stopped for a command that failed and whose forge may have wanted to be left alone. One that took all its time is not
// done again: it may hang, and it may go on.
func (e ending) fate(turn *fleet.Turn) fate {
	if turn.Stopped() && !e.late && e.code != OK && e.code != Usage {
		return stopped
	}
	return settled
}

// paced notes what a profile's forge says of what its token may do.
type paced struct {
	next http.RoundTripper
	turn *fleet.Turn
	// hosts are those of its API and of its repositories, token is what requests show there.
	hosts []string
	token string
	now   func() time.Time
}

func (t *tenants) paced(p fleet.Profile, turn *fleet.Turn, next http.RoundTripper) http.RoundTripper {
	if turn == nil {
		return next
	}
	hosts := []string{hostOf(t.apiOf(p))}
	if p.Kind == "github" {
		server, _ := lookup(t.sys, p)("GITHUB_SERVER_URL")
		hosts = append(hosts, hostOf(cmp.Or(server, "https://github.com")))
	}
	token, _ := t.sys.Env(p.Token)
	return &paced{next, turn, hosts, token, t.sys.Now}
}

// RoundTrip passes a request on. What the profile asks the same host with other credentials, or with none, is counted elsewhere.
func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(p.hosts, hostOf(r.URL.Scheme+"://"+r.URL.Host)) || shown(r) != p.token {
		return p.next.RoundTrip(r)
	}
	wrote := writes(r)
	res, err := p.next.RoundTrip(r)
	now := p.now()
	if wrote {
		p.turn.Wrote(now)
	}
	if err != nil {
		return res, err
	}
	if kind, left, reset, ok := httpx.Quota(res.Header, now); ok {
		p.turn.Left(fmt.Sprint(kind, wrote), left, reset) // GitHub counts what writes apart
	}
	if wait, ok := httpx.Limited(res, now); ok {
		p.turn.Stop(now.Add(wait))
	}
	return res, nil
}

// shown is the token or the password that a request shows.
func shown(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return cmp.Or(token, r.Header.Get("Private-Token"))
}

// writes reports whether a request makes contents, as GitHub counts them.
func writes(r *http.Request) bool {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || strings.HasSuffix(r.URL.Path, "/git-upload-pack") || strings.HasSuffix(r.URL.Path, "/git-receive-pack"):
		return false
	case !strings.HasSuffix(r.URL.Path, "/graphql") || r.GetBody == nil:
		return true
	}
	body, err := r.GetBody()
	if err != nil {
		return true
	}
	defer body.Close()
	head, _ := io.ReadAll(io.LimitReader(body, 64)) // what is not read is no query
	return !bytes.HasPrefix(head, []byte(`{"query":"query`))
}
