package fleet_test

import (
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
)

// TestPace has profiles of one token write as fast as they may: in no minute and in no hour more than the budget says, and not
// much less than it allows.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shards, writes, within int
		budget                 fleet.Budget
	}{
		{0, 5, 200, fleet.GitHubBudget}, {1, 4, 200, fleet.GitHubBudget}, {4, 5, 60, fleet.GitHubBudget}, {200, 5, 5, fleet.GitHubBudget}, {1, 3, 50, fleet.Budget{Minute: 20}},
	} {
		now, p := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC), fleet.NewPace(c.shards)
		var wrote []time.Time
		var running []*fleet.Turn
		began := now
		for done := 0; done < c.within; {
			turn, wait := p.Begin("token", c.budget, true, now)
			switch {
			case turn != nil:
				running = append(running, turn)
			case len(running) > 0:
				for _, one := range running { // all end at once, after they wrote
					for range c.writes {
						now = now.Add(50 * time.Millisecond)
						one.Wrote(now)
						wrote = append(wrote, now)
					}
					one.End()
					done++
				}
				running = nil
			default:
				now = now.Add(wait)
			}
		}
		minute, hour := max(5, c.budget.Minute/max(1, c.shards)), max(5, c.budget.Hour/max(1, c.shards))
		for i, at := range wrote {
			if c.budget.Minute > 0 && i >= minute && at.Sub(wrote[i-minute]) < time.Minute {
				t.Errorf("%+v: %d contents within %s", c, minute+1, at.Sub(wrote[i-minute]))
			}
			if c.budget.Hour > 0 && i >= hour && at.Sub(wrote[i-hour]) < time.Hour {
				t.Errorf("%+v: %d contents within %s", c, hour+1, at.Sub(wrote[i-hour]))
			}
		}
		least := time.Duration(0)
		if c.budget.Hour > 0 {
			least = time.Duration((len(wrote)-1)/hour) * time.Hour
		}
		if took := now.Sub(began); took < least || took > least+90*time.Minute {
			t.Errorf("%+v: %d contents took %s, at least %s", c, len(wrote), took, least)
		}
	}
}

// TestPaceTold holds profiles back as the forge says: until its quota is filled up again, or as long as it wants to be left alone.
func TestPaceTold(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	p := fleet.NewPace(1)
	begin := func(token string) (*fleet.Turn, time.Duration) { return p.Begin(token, fleet.Budget{}, true, now) }
	first, _ := begin("a")
	first.Left("core", 59, now.Add(10*time.Minute))
	first.Left("core", 4000, now.Add(10*time.Minute)) // was overtaken
	first.Left("core", 0, now.Add(-50*time.Minute))   // from before
	if turn, wait := begin("a"); turn != nil || wait != 10*time.Minute {
		t.Errorf("with 59 requests for two: wait %s", wait)
	}
	if turn, _ := begin("b"); turn == nil {
		t.Error("another token waits")
	}
	first.End()
	second, wait := begin("a")
	if second == nil {
		t.Fatalf("with 59 requests for one: wait %s", wait)
	}
	second.Left("graphql", 0, now.Add(20*time.Minute))
	if second.End(); !second.Stopped() {
		t.Error("it may have failed for another reason than that nothing was left")
	}
	if _, wait := begin("a"); wait != 20*time.Minute {
		t.Errorf("with no request left: wait %s", wait)
	}
	now = now.Add(20 * time.Minute)
	third, wait := begin("a")
	if third == nil {
		t.Fatalf("after the reset: wait %s", wait)
	}
	third.Stop(now.Add(time.Minute))
	third.Stop(now.Add(time.Second))
	if third.End(); !third.Stopped() {
		t.Error("it was not stopped")
	}
	if _, wait := begin("a"); wait != time.Minute {
		t.Errorf("stopped: wait %s", wait)
	}
	var none *fleet.Turn
	none.Wrote(now)
	none.Stop(now)
	none.End()
	if none.Stopped() {
		t.Error("nobody was stopped")
	}
}

// TestPaceLasts says how long a fleet takes.
func TestPaceLasts(t *testing.T) {
	t.Parallel()
	p := fleet.NewPace(1)
	if turn, _ := p.Begin("token", fleet.GitHubBudget, true, time.Now()); turn == nil {
		t.Fatal("the first one waits")
	}
	for profiles, want := range map[int]time.Duration{10: 0, 100: 0, 101: time.Hour, 200: time.Hour, 10_000: 99 * time.Hour} {
		if got := p.Lasts("token", profiles); got != want {
			t.Errorf("%d profiles last %s, want %s", profiles, got, want)
		}
	}
}

// TestPaceLeftBehind has a command go on that was left behind: it gets nothing any more, or what is saved for it would be so for ever.
func TestPaceLeftBehind(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	p := fleet.NewPace(1)
	for i := range 100 {
		turn, wait := p.Begin("token", fleet.GitHubBudget, i%2 == 0, now)
		if turn == nil {
			t.Fatalf("profile %d waits %s though nobody wrote", i, wait)
		}
		turn.End()
		turn.End()
		if i%2 == 1 && turn.Awake(now) {
			t.Fatal("it may go on")
		}
	}
}

// TestResultAfter tells of a profile that was tried again what its tries did together.
func TestResultAfter(t *testing.T) {
	t.Parallel()
	merged := fleet.Result{State: fleet.Failed, Changes: 1, Summary: "a 1 -> 2", Pull: "u", Commit: "c", Fired: 1, Calls: 20, Seconds: 2}
	for _, c := range []struct{ before, last, want fleet.Result }{
		{fleet.Result{Calls: 3, Seconds: 1}, fleet.Result{State: fleet.Quiet, Calls: 1, Seconds: 1}, fleet.Result{State: fleet.Quiet, Calls: 4, Seconds: 2}},
		{merged, fleet.Result{State: fleet.Unchanged, Calls: 9, Seconds: 1}, fleet.Result{State: fleet.Merged, Changes: 1, Summary: "a 1 -> 2", Pull: "u", Commit: "c", Fired: 1, Calls: 29, Seconds: 3}},
		{merged, fleet.Result{State: fleet.Failed, Detail: "no", Calls: 9}, fleet.Result{State: fleet.Failed, Detail: "no", Changes: 1, Summary: "a 1 -> 2", Pull: "u", Commit: "c", Fired: 1, Calls: 29, Seconds: 2}},
		{merged, fleet.Result{State: fleet.Merged, Commit: "d", Changes: 2, Summary: "b", Fired: 1}, fleet.Result{State: fleet.Merged, Commit: "d", Changes: 2, Summary: "b", Fired: 2, Calls: 20, Seconds: 2}},
	} {
		if got := c.last.After(c.before); got != c.want {
			t.Errorf("%+v\nafter %+v\nis %+v\nwant %+v", c.last, c.before, got, c.want)
		}
	}
}
