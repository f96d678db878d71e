package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// newConvoy makes n profiles that share the token of the first one, at a clock that only waiting moves on; limits is that block of
// the file. It counts the requests that the forge refused.
func newConvoy(t *testing.T, n int, limits string, options ...func(*github.Options)) (s *squadron, now func() time.Time, refused func() int) {
	t.Helper()
	var (
		mu    sync.Mutex
		clock = time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
		noes  int
	)
	now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return clock
	}
	options = append(options, func(o *github.Options) {
		o.Check = func(_ *http.Request, _ []byte, status int, _ http.Header, _ []byte) {
			if status == http.StatusForbidden || status == http.StatusTooManyRequests {
				mu.Lock()
				defer mu.Unlock()
				noes++
			}
		}
	})
	s = newSquadronAt(t, n, noChecks, now, options...)
	s.sleep = func(ctx context.Context, d time.Duration) {
		for asked := -1; d > 5*time.Second && asked != s.asked(); { // or a request would see its time fly
			asked = s.asked()
			time.Sleep(300 * time.Millisecond)
		}
		if ctx.Err() != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(d)
	}
	text := "version: 1\nprofiles:\n"
	for i := range n {
		text += fmt.Sprintf("  - {repository: org/p%d, token: TOKEN_0}\n", i)
	}
	s.write(text + "limits: {" + limits + "}\n")
	return s, now, func() int {
		mu.Lock()
		defer mu.Unlock()
		return noes
	}
}

// asked is how many requests were made.
func (s *squadron) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// TestFleetPace publishes what more profiles of one token follow than GitHub lets it write for in a minute: each merges as soon as it
// may, and GitHub never has to say no. One with another token does not wait.
func TestFleetPace(t *testing.T) {
	t.Parallel()
	const n = 24
	s, now, refused := newConvoy(t, n, "deadline: 1h", func(o *github.Options) { o.WritesPerMin, o.WritesPerHour = 80, 500 })
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	began := now()
	code, out, errs := s.pawl("fleet", "run")
	if code != 0 || !strings.Contains(out, "24 profiles: 24 merged;") || refused() > 0 {
		t.Errorf("exit code %d, %d refused: %s%s", code, refused(), out, errs)
	}
	if took := now().Sub(began); took < time.Minute || took > 4*time.Minute {
		t.Errorf("96 contents took %s", took)
	}
	if strings.Count(errs, "info: ") != 1 || !strings.Contains(errs, " left, the last one begins by about 2026-11-28 01:0") || !strings.Contains(errs, "info: api.github.com lets TOKEN_0 do no more now (80 contents a minute, 500 an hour): ") {
		t.Errorf("it said: %s", errs)
	}
	if code, out, errs := s.pawl("fleet", "run"); code != 0 || !strings.Contains(out, "24 unchanged") || errs != "" {
		t.Errorf("nothing new: exit code %d: %s%s", code, out, errs)
	}
}

// TestFleetPaceLate has the fleet's time be over before a token may write for all its profiles: those that did not begin say why, and
// nobody waits for what comes too late.
func TestFleetPaceLate(t *testing.T) {
	t.Parallel()
	s, now, refused := newConvoy(t, 24, "deadline: 40s", func(o *github.Options) { o.WritesPerMin = 80 })
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	began := now()
	report, by := s.run(3)
	tally, late := report.Tally(), 0
	for _, one := range by {
		if one.State == fleet.Late {
			late++
			if one.Detail != "what api.github.com lets TOKEN_0 do was used up before the fleet's time was over" || !strings.HasPrefix(one.Hint, "the next run goes on; ") {
				t.Fatalf("%+v", one)
			}
		}
	}
	if late < 2 || late > 9 || len(tally) != 2 || refused() > 0 || now().Sub(began) > 40*time.Second {
		t.Errorf("%v, %d refused, after %s", tally, refused(), now().Sub(began))
	}
}

// TestFleetPaceStopped has the forge stop a token that others use as well, for longer than a request waits: what it stopped is done
// again when it may go on, and happens once.
func TestFleetPaceStopped(t *testing.T) {
	t.Parallel()
	const n = 12
	s, now, refused := newConvoy(t, n, "deadline: 3h, parallel: 4", func(o *github.Options) { o.WritesPerHour = 30 })
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	began := now()
	report, _ := s.run(0)
	if fmt.Sprint(report.Tally()) != "[{merged 12}]" || refused() == 0 || now().Sub(began) < time.Hour {
		t.Errorf("%v, %d refused, after %s", report.Tally(), refused(), now().Sub(began))
	}
	for i := range n {
		if log := s.repo(i).Log("main"); s.value(i, "a") != "v1.1.0" || len(log) != 2 {
			t.Errorf("org/p%d: a is %s after %d commits", i, s.value(i, "a"), len(log))
		}
	}
}
