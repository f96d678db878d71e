package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// newTimedStage is a deploy stage whose clock is that of the bubble, so that time passes for everybody at once.
func newTimedStage(t *testing.T, projects int) *deployStage {
	t.Helper()
	d := newDeployStage(t, projects, github.Settings{}, "")
	d.bubble = true
	return d
}

// once fails when a project has more than one pipeline for a commit, or the last commit is not deployed in one and the
// report neither names the project nor says what to do. One that can be asked is deployed, unless the answer to this very
// run's trigger got lost.
func (d *deployStage) once(when string, code int, report run.Report, printed string) {
	d.Helper()
	for key, n := range d.gitlab.Counts() {
		if n > 1 {
			d.Errorf("%s: %d pipelines of %s for %s", when, n, key.Project, key.CommitURL)
		}
	}
	for i, n := range d.counts(d.head()) {
		named, own := false, false
		if report.Deploy != nil {
			for _, t := range report.Deploy.Triggers {
				ours := t.Project == fmt.Sprintf("env-%d", i) && t.Failed() && t.Hint != "" && t.Detail != ""
				named, own = named || ours, own || ours && t.Fired
			}
		}
		if n == 0 && (!named || code != cli.Partial || i%2 == 1 && !own) || named && code != cli.Partial {
			d.Errorf("%s: project %d has %d pipelines, exit code %d: %s", when, i, n, code, printed)
		}
	}
}

// TestDeployKilled kills a run at each of its requests, before it arrives and after, and runs exactly once more: that run
// ends with one pipeline everywhere, or names what it waits for and why. Project 0 has no token that reads.
func TestDeployKilled(t *testing.T) {
	t.Parallel()
	attempt := func(n int) map[string]string {
		return map[string]string{"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": fmt.Sprint(n)}
	}
	ways := map[string]struct {
		pause  time.Duration
		next   map[string]string
		atMost time.Duration
	}{
		"at once":            {0, map[string]string{"GITHUB_RUN_ID": "78", "GITHUB_RUN_ATTEMPT": "1"}, 150 * time.Second},
		"as it is run again": {20 * time.Second, attempt(2), 100 * time.Second},
		"an hour later":      {time.Hour, attempt(1), time.Minute},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 1
			for request := 1; request <= requests; request += stride(9) {
				for _, after := range []bool{false, true} {
					bubbleNow(t, func(t *testing.T) {
						d := newTimedStage(t, 2)
						d.publish("a")
						c := &counting{next: d.transport()}
						d.command(&mortal{next: c, left: request, after: after}, attempt(1), "run")
						requests = max(requests, c.n+1)
						d.wait(way.pause)
						begun := time.Now()
						code, report, printed := d.command(d.transport(), way.next, "run")
						d.once(fmt.Sprintf("request %d, arrived %t", request, after), code, report, printed)
						if took := time.Since(begun); took > way.atMost {
							t.Errorf("request %d, arrived %t: the next run took %s", request, after, took)
						}
						if report.Deploy != nil && report.Deploy.Waited > 0 && !strings.Contains(printed, "waiting for the run 77-1/") {
							t.Errorf("it waited %g s and did not say so: %s", report.Deploy.Waited, printed)
						}
						d.wait(2 * time.Minute)
						code, report, printed = d.command(d.transport(), attempt(3), "run")
						d.once("and once more", code, report, printed)
					})
				}
				if request > 60 {
					t.Fatal("it does not end")
				}
			}
			t.Logf("%d requests: %d deaths", requests-1, 2*(requests-1))
		})
	}
}

// slowNet is a network in which each request takes its time, and GitLab may go on with a trigger whose client has left.
type slowNet struct {
	next http.RoundTripper
	mu   sync.Mutex
	rand *rand.Rand
	late *sync.WaitGroup
}

func (s *slowNet) some(most time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.rand.Int64N(int64(most)))
}

func (s *slowNet) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case req.URL.Host == "index.docker.io": // a sync.Once waits for it, and such a wait stops the clock of a bubble
		return s.next.RoundTrip(req)
	case req.Method != http.MethodPost || req.URL.Host != "gitlab.example":
		time.Sleep(s.some(1500 * time.Millisecond))
		return s.next.RoundTrip(req)
	}
	takes := s.some(3 * time.Second)
	if s.some(4) == 0 {
		takes = s.some(55 * time.Second)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	type result struct {
		res *http.Response
		err error
	}
	done := make(chan result, 1)
	s.late.Go(func() {
		time.Sleep(takes)
		again := req.Clone(context.WithoutCancel(req.Context()))
		again.Body = io.NopCloser(strings.NewReader(string(body)))
		res, err := s.next.RoundTrip(again)
		done <- result{res, err}
	})
	select {
	case r := <-done:
		return r.res, r.err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// TestDeployRaceKilled lets several runs race for one merged commit over a slow network, with clocks an hour apart, and
// some of them die at any request. Exactly one more run ends with one pipeline everywhere, or names what it waits for.
func TestDeployRaceKilled(t *testing.T) {
	t.Parallel()
	for seed := range deploySeeds() * 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(seed), 12))
				d := newTimedStage(t, 4)
				d.publish("a")
				d.do(0, "run", "--no-merge")
				if _, err := d.repo.Merge(1, "alice", "squash"); err != nil {
					t.Fatal(err)
				}
				var late, group sync.WaitGroup
				for i := range 4 {
					args, begins := []string{"run"}, time.Duration(random.IntN(100))*time.Second
					if random.IntN(2) == 0 {
						args = []string{"deploy", "--commit", d.repo.Head("main")}
					}
					var network http.RoundTripper = &slowNet{next: d.transport(), rand: rand.New(rand.NewPCG(uint64(seed), uint64(i))), late: &late}
					if random.IntN(3) > 0 {
						network = &mortal{next: network, left: 1 + random.IntN(30), after: random.IntN(2) == 0}
					}
					clock := time.Duration(random.IntN(7200)-3600) * time.Second
					group.Go(func() {
						time.Sleep(begins)
						d.commandAt(clock, network, nil, args...)
					})
				}
				group.Wait()
				last := &slowNet{next: d.transport(), rand: random, late: &late}
				code, report, printed := d.commandAt(-time.Hour, last, nil, "run")
				for _, t := range report.Deploy.Triggers { // a trigger of this very run may have got lost
					if !t.Fired && t.State == "unknown" && slices.Contains([]string{"env-1", "env-3"}, t.Project) {
						d.Errorf("%+v", t)
					}
				}
				late.Wait()
				d.wait(2 * time.Minute)
				d.once("after the race", code, report, printed)
			})
		})
	}
}

// TestDeployFastClock settles at once what a run with a fast clock claimed before it died.
func TestDeployFastClock(t *testing.T) {
	for _, clock := range []time.Duration{-48 * time.Hour, -time.Hour, time.Hour, 48 * time.Hour} {
		t.Run(clock.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newTimedStage(t, 2)
				d.publish("a")
				d.do(0, "run", "--no-merge")
				if _, err := d.repo.Merge(1, "alice", "squash"); err != nil {
					t.Fatal(err)
				}
				dead := &deafTo{next: d.transport(), host: "gitlab.example"}
				d.commandAt(clock, dead, nil, "run")
				begun := time.Now()
				code, report, printed := d.command(d.transport(), nil, "run")
				if d.once("the next run", code, report, printed); time.Since(begun) > 150*time.Second {
					t.Errorf("it took %s", time.Since(begun))
				}
			})
		})
	}
}

// deafTo is the network of a process that dies when it is about to talk to a host.
type deafTo struct {
	next http.RoundTripper
	host string
	mu   sync.Mutex
	dead bool
}

func (d *deafTo) RoundTrip(req *http.Request) (*http.Response, error) {
	d.mu.Lock()
	d.dead = d.dead || req.URL.Host == d.host
	dead := d.dead
	d.mu.Unlock()
	if dead {
		return nil, errDead
	}
	return d.next.RoundTrip(req)
}

// forge puts a claim into the ledger as anybody can who may push.
func (d *deployStage) forge(change func(claims []map[string]any) []map[string]any) {
	d.Helper()
	var file struct {
		Schema string           `json:"schema"`
		Claims []map[string]any `json:"claims"`
	}
	file.Schema = "pawl.ledger/1"
	if data, ok := d.repo.File("pawl-ledger", "claims.json"); ok {
		d.must(nil, json.Unmarshal(data, &file))
	}
	file.Claims = change(file.Claims)
	data, err := json.Marshal(file)
	d.must(nil, err)
	d.must(d.repo.PushOnto(d.repo.Head("pawl-ledger"), "pawl-ledger", "mallory", map[string][]byte{"claims.json": data}, "forged"))
}

// commitDated puts a commit onto the base whose committer has another clock.
func (d *deployStage) commitDated(at time.Time, message string) string {
	d.Helper()
	ask := func(method, path string, body any, into any) {
		data, err := json.Marshal(body)
		d.must(nil, err)
		req, err := http.NewRequest(method, "https://api.github.com/repos/acme/profile/git/"+path, strings.NewReader(string(data)))
		d.must(nil, err)
		req.Header.Set("Authorization", "Bearer "+canary)
		req.Header.Set("Content-Type", "application/json")
		res, err := d.stage.github.RoundTripper().RoundTrip(req)
		d.must(nil, err)
		if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode/100 != 2 {
			d.Fatalf("%s: %d, %v", path, res.StatusCode, err)
		}
	}
	var made struct{ SHA string }
	entry := map[string]any{"path": "values.yaml", "mode": "100644", "type": "blob", "content": "a: " + message + "\n"}
	ask("POST", "trees", map[string]any{"base_tree": d.repo.Head("main"), "tree": []any{entry}}, &made)
	who := map[string]any{"name": "alice", "email": "alice@example.com", "date": at.UTC().Format(time.RFC3339)}
	ask("POST", "commits", map[string]any{"message": message, "tree": made.SHA, "parents": []string{d.repo.Head("main")}, "author": who, "committer": who}, &made)
	sha := made.SHA
	ask("PATCH", "refs/heads/main", map[string]any{"sha": sha}, &made)
	return sha
}

// bubbleNow runs a part of a test on a clock of its own.
func bubbleNow(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// TestForgedLedgerFiresNothing is an attack by somebody who may push: a ledger that asks for another page, message or
// commit fires nothing, is named, and stops nothing, also not with a time in 2099.
func TestForgedLedgerFiresNothing(t *testing.T) {
	const evil = "https://evil.example/"
	never := "2099-01-01T00:00:00Z"
	claim := func(commit, url, message, state, at string) map[string]any {
		return map[string]any{"commit": commit, "project": "env-0", "commitUrl": url, "message": message, "mergedAt": at, "run": "x", "at": at, "state": state}
	}
	for name, forged := range map[string]func(base, page string) map[string]any{
		"another page": func(base, _ string) map[string]any {
			return claim(base, evil, "the profile", "refused", "2000-01-01T00:00:00Z")
		},
		"another message": func(base, page string) map[string]any {
			return claim(base, page, evil, "refused", "2000-01-01T00:00:00Z")
		},
		"a commit of nobody": func(string, string) map[string]any {
			return claim(strings.Repeat("a", 40), evil, evil, "refused", "2000-01-01T00:00:00Z")
		},
		"no commit at all": func(string, string) map[string]any {
			return claim("../../x", evil, evil, "refused", "2000-01-01T00:00:00Z")
		},
		"deployed in 2099": func(base, page string) map[string]any { return claim(base, page, "the profile", "accepted", never) },
		"claimed in 2099":  func(base, page string) map[string]any { return claim(base, page, "the profile", "claimed", never) },
		"deployed, and a nobody": func(string, string) map[string]any {
			return claim(strings.Repeat("b", 40), evil, evil, "accepted", never)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDeployStage(t, 2, github.Settings{}, "ledger: refs/heads/pawl-ledger\n")
				d.publish("a")
				d.do(0, "run", "--no-merge")
				base := d.repo.Head("main")
				d.forge(func(all []map[string]any) []map[string]any { return append(all, forged(base, d.head())) })
				_, report, printed := d.command(d.transport(), nil, "run")
				if n := d.counts(d.head()); n[0] != 1 || n[1] != 1 || len(d.projects[0].Pipelines()) != 1 {
					t.Errorf("pipelines %v of the real commit, %d in all: %s", n, len(d.projects[0].Pipelines()), printed)
				}
				for _, p := range d.projects[0].Pipelines() {
					if strings.Contains(fmt.Sprint(p.Variables), evil) {
						t.Errorf("fired %v", p.Variables)
					}
				}
				if strings.HasPrefix(name, "deployed, and") {
					return // what this run merged is newer than anything that it knew before, whatever that says
				}
				named := false
				for _, one := range report.Deploy.Triggers {
					named = named || one.State == "distrusted" && one.Hint != "" && one.Project == "env-0"
				}
				if !named {
					t.Errorf("it is not named: %s", printed)
				}
			})
		})
	}
}

// TestDeployNotOnBase refuses to fire for a commit that is on no base branch, and accepts any that is.
func TestDeployNotOnBase(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newTimedStage(t, 2)
		first := d.repo.Head("main")
		d.must(d.repo.Push("feature", "mallory", map[string][]byte{"values.yaml": []byte("a: evil\n")}, "not merged"))
		feature := d.repo.Head("feature")
		for _, args := range [][]string{
			{"deploy", "--commit", feature},
			{"deploy", "--commit", feature, "--changed", "values.yaml", "--message", "m"},
			{"deploy", "--commit", feature[:10]},
			{"deploy", "--commit", first, "--url", "https://evil.example/"},
		} {
			code, _, printed := d.command(d.transport(), nil, args...)
			if code != cli.Usage || !strings.Contains(printed, "hint") || len(d.gitlab.Requests()) != 0 || d.repo.Head("refs/pawl/ledger") != "" {
				t.Errorf("%v: exit code %d, %d requests: %s", args, code, len(d.gitlab.Requests()), printed)
			}
		}
		d.must(d.repo.Push("main", "alice", map[string][]byte{"values.yaml": []byte("a: v1.0.0\n")}, "by hand"))
		d.do(0, "deploy", "--commit", first, "--changed", "values.yaml", "--url", "https://github.com/acme/profile/commit/"+first)
		d.do(0, "deploy", "--commit", d.repo.Head("main"))
		if got := d.counts(d.head()); got[0] != 1 || got[1] != 1 {
			t.Errorf("pipelines %v", got)
		}
	})
}

// TestDeployOrderedByTheBase brings each merge to the projects by its place on the base, whatever dates commits have: one
// of 2027 silences no later one, and the commit of a rollback by a slow clock is deployed.
func TestDeployOrderedByTheBase(t *testing.T) {
	for name, years := range map[string]int{"dated 2027": 1, "a slow clock": -1} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newTimedStage(t, 2)
				d.publish("a")
				d.do(0, "run")
				strange := d.commitDated(time.Now().AddDate(years, 0, 0), "strange")
				d.do(0, "deploy", "--commit", strange)
				d.must(d.repo.Push("main", "alice", map[string][]byte{"values.yaml": []byte("a: v1.0.0\n")}, "rollback"))
				d.do(0, "deploy", "--commit", d.repo.Head("main"))
				for _, commit := range []string{strange, d.repo.Head("main")} {
					if got := d.counts("https://github.com/acme/profile/commit/" + commit); got[0] != 1 || got[1] != 1 {
						t.Errorf("pipelines %v of %s", got, commit)
					}
				}
			})
		})
	}
}
