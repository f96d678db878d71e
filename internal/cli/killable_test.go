package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
)

// killable is a profile at a server whose runs may die, or go at once; its images are at v1.0.0.
type killable interface {
	// publish adds a version of an app.
	publish(app, version string)
	// pawlUntil runs a command until the context ends, over a way to the server, nil for the network itself.
	pawlUntil(ctx context.Context, over http.RoundTripper, args ...string) (code int, printed string)
	// file is a file of the base, commits counts those of the base and fails for an empty one, pulls are the states of all pull
	// requests, pipelines counts those of the project.
	file(path string) string
	commits() int
	pulls() []string
	pipelines() int
}

// dying lets a run die at a request: before it arrives, or after it was carried out. Nothing arrives afterwards.
type dying struct {
	at      int64
	applied bool
	n       atomic.Int64
	what    atomic.Value
	die     context.CancelFunc
}

var errKilled = errors.New("the process was killed")

// RoundTrip sends a request while the run lives.
func (d *dying) RoundTrip(r *http.Request) (*http.Response, error) {
	switch n := d.n.Add(1); {
	case n < d.at:
		return http.DefaultTransport.RoundTrip(r)
	case n > d.at:
		return nil, errKilled
	}
	d.what.Store(r.Method + " " + r.URL.Path)
	defer d.die() // so that it does not try again for long
	if d.applied {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}
	return nil, errKilled
}

// killedAnywhere kills a run at each of its requests, before it arrives and after it was carried out. One more run ends
// where an undisturbed one does.
func killedAnywhere(t *testing.T, stage func(t *testing.T) killable) {
	step := int64(stride(7))
	alive := &dying{at: 1 << 40}
	s := stage(t)
	s.publish("a", "v1.1.0")
	s.pawlUntil(t.Context(), alive, "run")
	var next, requests atomic.Int64
	requests.Store(alive.n.Load())
	var group sync.WaitGroup
	for range 12 { // most of the time they wait: a claim of who died is respected for a minute
		group.Go(func() {
			for at := next.Add(step) - step + 1; at <= requests.Load(); at = next.Add(step) - step + 1 {
				if what := killed(t, stage(t), at, true, &requests); writes(what) {
					killed(t, stage(t), at, false, &requests)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d requests", requests.Load())
}

// writes reports whether a request changes anything, so that it matters whether it was carried out.
func writes(request string) bool {
	return request != "" && !strings.HasPrefix(request, "GET ") && !strings.HasSuffix(request, "/git-upload-pack")
}

// killed lets one run die at a request, which it returns, and judges how the next one ends.
func killed(t *testing.T, s killable, at int64, applied bool, requests *atomic.Int64) string {
	s.publish("a", "v1.1.0")
	ctx, die := context.WithCancel(t.Context())
	defer die()
	d := &dying{at: at, applied: applied, die: die}
	if s.pawlUntil(ctx, d, "run"); d.n.Load() < at {
		return ""
	}
	what := d.what.Load().(string)
	requests.Store(max(requests.Load(), d.n.Load()+4)) // it may have gone on
	code, printed := s.pawlUntil(t.Context(), nil, "run")
	if got := fmt.Sprint(s.pulls()); code != cli.OK || got != "[merged]" || s.commits() != 2 || s.pipelines() != 1 || s.file("values.yaml") != "apps:\n  a: v1.1.0\n" {
		t.Errorf("killed at request %d (%s), applied %t: exit code %d, %s, %d commits, %d pipelines, %q: %s", at, what, applied, code, got, s.commits(), s.pipelines(), s.file("values.yaml"), printed)
	}
	return what
}

// raced lets twenty runs go at once, each started for a version of its own: every version is on the base in the
// end, no commit is empty, no pull request is left open, and one more run has nothing to do.
func raced(t *testing.T, stage func(t *testing.T, apps []string) killable) {
	for seed := range min(seeds(), 5) {
		var apps []string
		want := "apps:\n"
		for i := range racers {
			apps = append(apps, fmt.Sprintf("app%d", i))
			want += fmt.Sprintf("  app%d: v1.1.%d\n", i, i)
		}
		s := stage(t, apps)
		var group sync.WaitGroup
		began := time.Now()
		for i := range racers {
			group.Go(func() {
				random := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
				time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second))))
				s.publish(fmt.Sprintf("app%d", i), fmt.Sprintf("v1.1.%d", i))
				if code, printed := s.pawlUntil(t.Context(), nil, "run"); code != cli.OK && code != cli.Partial {
					t.Errorf("seed %d, run %d: exit code %d: %s", seed, i, code, printed)
				}
			})
		}
		group.Wait()
		took := time.Since(began)
		if code, printed := s.pawlUntil(t.Context(), nil, "run"); code != cli.OK {
			t.Errorf("seed %d, the run after them: exit code %d: %s", seed, code, printed)
		}
		if got := s.file("values.yaml"); got != want {
			t.Errorf("seed %d: the base holds\n%s", seed, got)
		}
		pulls := s.pulls()
		if slices.Contains(pulls, "open") {
			t.Errorf("seed %d: a pull request is left open: %v", seed, pulls)
		}
		t.Logf("seed %d: %v, %d commits, %d pull requests, %d pipelines", seed, took, s.commits()-1, len(pulls), s.pipelines())
	}
}
