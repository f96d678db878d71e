package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/event/contract"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/cdevents"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// kindsSince are the derived events of the receiver from a number on, as "type subject".
func (s *storyStage) kindsSince(n int) []string {
	s.Helper()
	var all []string
	for _, got := range s.receiver.Events()[n:] {
		var e occurrence
		s.must(nil, json.Unmarshal(got.Data, &e))
		if e.derived() {
			all = append(all, e.kind()+" "+e.Subject.ID)
		}
	}
	return all
}

// TestStoryDeadReceiver: a receiver that never answers costs a run its drain time, once.
func TestStoryDeadReceiver(t *testing.T) {
	for name, fault := range map[string]fake.Fault{"stalls": {Stall: true}, "503": {Status: 503}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newStoryStage(t, 1, github.Settings{}, "")
				s.publish("a")
				s.play(1, 0)
				s.publish("a")
				s.receiver.Set("/in", fault)
				begun := time.Now()
				code, report, printed := s.command(s.network(), s.environment(2), "run")
				if took := time.Since(begun); took > 11*time.Second || code != 0 || report.Merge.Outcome != "merged" {
					t.Errorf("exit code %d after %s: %s", code, took, printed)
				}
			})
		})
	}
}

// TestStoryDeployWithoutPulls: a token that may not read pull requests does not keep a deployment from firing.
func TestStoryDeployWithoutPulls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "  by: push\n")
		s.publish("a")
		s.play(1, 0)
		s.stage.github.Inject(github.Fault{Times: 99, Status: 403, Message: "Resource not accessible by integration", Match: func(c github.Call) bool {
			return c.Method == http.MethodGet && strings.HasSuffix(c.Path, "/pulls")
		}})
		code, report, printed := s.command(s.network(), s.environment(2), "deploy", "--commit", s.repo.Head("main"))
		if code != 0 || report.Deploy == nil || s.projects[0].Count(s.head()) != 1 {
			t.Errorf("exit code %d: %s", code, printed)
		}
		s.oneChain()
	})
}

// TestStoryMovedProject: a project that moved to another address has no pipelines there that ran at the old one.
func TestStoryMovedProject(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		s.play(1, 0)
		before := len(s.receiver.Events())
		s.configure("group%2Fenv-0", "other%2Fplace")
		s.play(2, 0)
		if more := s.kindsSince(before); len(more) > 0 {
			t.Errorf("told: %v", more)
		}
	})
}

// TestStoryLongOpen: a pull request that is open for weeks is told of once, also after it was updated.
func TestStoryLongOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		s.play(1, 0, "--no-merge")
		s.wait(20 * 24 * time.Hour)
		s.publish("a")
		s.play(2, 0, "--no-merge")
		for run := 3; run < 6; run++ {
			before := len(s.receiver.Events())
			s.play(run, 0, "--no-merge")
			if more := s.kindsSince(before); len(more) > 0 {
				t.Errorf("run %d tells again: %v", run, more)
			}
		}
	})
}

// TestStoryHostileBody: whatever people write into the body of a pull request, all events are valid, each is told once, and
// what is told of others stays told.
func TestStoryHostileBody(t *testing.T) {
	for name, change := range map[string]func(m map[string]any){
		"far future": func(m map[string]any) { m["revised"] = map[string]any{"pull": 1, "at": "9000-01-01T00:00:00Z"} },
		"after time": func(m map[string]any) { m["revised"] = map[string]any{"pull": 1, "at": "9999-12-31T23:59:59-12:00"} },
		"far past":   func(m map[string]any) { m["revised"] = map[string]any{"pull": 1, "at": "0001-01-01T00:00:00Z"} },
		"require":    func(m map[string]any) { m["require"] = "whatever" },
		"document":   func(m map[string]any) { first(m)["document"] = -7 },
		"artifact":   func(m map[string]any) { first(m)["artifact"] = "no purl \u0000" },
		"reason":     func(m map[string]any) { first(m)["reason"] = " \n " },
		"chain":      func(m map[string]any) { m["chain"] = strings.Repeat("\n\u202e", 5000) },
		"no chain":   func(m map[string]any) { delete(m, "chain") },
		"many updates": func(m map[string]any) {
			var all []any
			for i := range 3000 {
				all = append(all, map[string]any{"new": fmt.Sprint(i)})
			}
			m["updates"] = all
		},
		"wrong type": func(m map[string]any) { m["updates"] = "none" },
		"null":       func(m map[string]any) { m["updates"] = nil; m["revised"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newStoryStage(t, 1, github.Settings{}, "")
				s.publish("a")
				s.receiver.Set("/in", fake.Fault{Status: 503})
				s.command(s.network(), s.environment(1), "run", "--no-merge")
				s.receiver.Clear()
				p, _ := s.repo.Pull(1)
				head, tail, _ := strings.Cut(p.Body, "<!-- pawl:")
				text, _, _ := strings.Cut(tail, " -->")
				var m map[string]any
				s.must(nil, json.Unmarshal([]byte(text), &m))
				change(m)
				data, err := json.Marshal(m)
				s.must(nil, err)
				body := head + "<!-- pawl:" + string(data) + " -->"
				s.must(nil, s.repo.Edit(1, nil, &body))
				if _, err := s.repo.Merge(1, "alice", "squash"); err != nil {
					t.Fatal(err)
				}
				s.wait(time.Minute)
				begun := time.Now()
				code, report, printed := s.command(s.network(), s.environment(2), "run")
				if code != 0 || len(report.Events) > 120 || len(report.Delivery) != 1 || report.Delivery[0].Waiting+report.Delivery[0].Dead > 0 || strings.Contains(printed, "warning") {
					t.Errorf("exit code %d, %d events after %s: %.2000s", code, len(report.Events), time.Since(begun), printed)
				}
				for _, e := range s.receiver.Events() {
					for _, err := range []error{cdevents.Validate(e.Data), contract.Validate(e.Data)} {
						if err != nil {
							t.Errorf("%.1000s: %v", e.Data, err)
							return
						}
					}
				}
				for run := 3; run < 5; run++ {
					before, writes := len(s.receiver.Events()), s.stage.github.Writes()
					s.play(run, 0)
					if more := s.kindsSince(before); len(more) > 0 || s.stage.github.Writes() > writes {
						t.Errorf("run %d writes %d times and tells again: %d %.500v", run, s.stage.github.Writes()-writes, len(more), more)
					}
				}
			})
		})
	}
}

func first(m map[string]any) map[string]any { return m["updates"].([]any)[0].(map[string]any) }

// TestStoryForeignPush: what a person pushes to our branch is no deed of ours.
func TestStoryForeignPush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		s.play(1, 0, "--no-merge")
		s.publish("a")
		s.play(2, 0, "--no-merge")
		p, _ := s.repo.Pull(1)
		s.must(s.repo.Push(p.Head, "alice", map[string][]byte{"x.txt": []byte("x")}, "mine"))
		before := len(s.receiver.Events())
		s.play(3, 0, "--no-merge")
		for _, k := range s.kindsSince(before) {
			if strings.HasSuffix(k, "#1") {
				t.Errorf("told of the person's push: %s", k)
			}
		}
	})
}

// TestStoryDeadGitLab: pipelines of earlier runs are looked after for a bounded time.
func TestStoryDeadGitLab(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "  wait: 1s\n")
		s.projects[1].SetStatuses("running")
		for run := range 20 {
			s.publish("a")
			s.command(s.network(), s.environment(run), "run")
		}
		all := s.network().(hosts)
		all["gitlab.example"] = stalled{}
		begun := time.Now()
		code, _, printed := s.command(all, s.environment(30), "run")
		if took := time.Since(begun); took > 5*time.Second || code != 0 {
			t.Errorf("exit code %d after %s: %s", code, took, printed)
		}
	})
}

type stalled struct{}

func (stalled) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// TestStoryFailingRuns: a run that fails again and again tells of the same only once.
func TestStoryFailingRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		no := github.Fault{Times: 99, Status: 403, Message: "Resource not accessible by integration", Match: func(c github.Call) bool { return strings.HasSuffix(c.Path, "/merge") }}
		s.stage.github.Inject(no)
		for run := 1; run < 5; run++ {
			before := len(s.receiver.Events())
			code, _, printed := s.command(s.network(), s.environment(run), "run")
			if code != cli.Failure {
				t.Fatalf("exit code %d: %s", code, printed)
			}
			if more := s.kindsSince(before); run > 1 && len(more) > 0 {
				t.Errorf("run %d tells again: %v", run, more)
			}
		}
	})
}

// TestStoryInterruptedDead: a run that is told to stop while its receiver is away ends before it is killed.
func TestStoryInterruptedDead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		s.receiver.Set("/in", fake.Fault{Stall: true})
		ctx, cancel := context.WithCancel(t.Context())
		env := s.environment(1)
		env["MERGE_TOKEN"], env["TRIGGER_0"] = canary, s.env["TRIGGER_0"]
		var out strings.Builder
		begun := time.Now()
		code := cli.Run(ctx, []string{"run", "--root", s.root}, cli.System{
			Out: &out, Err: &out, Now: s.clock, Sleep: s.sleep, Transport: stopping{s.network(), cancel},
			Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		})
		if took := time.Since(begun); code != cli.Interrupted || took > 6*time.Second {
			t.Errorf("exit code %d after %s: %s", code, took, out.String())
		}
		s.receiver.Clear()
		s.command(s.network(), s.environment(2), "run")
		s.play(3, 0)
		s.happened("after the interruption")
	})
}

// TestStoryClaimsForgotten: of claims that were settled long ago the ledger keeps the last three of a project.
func TestStoryClaimsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "")
		for run := range 5 {
			s.publish("a")
			s.play(run, 0)
			s.wait(60 * 24 * time.Hour)
		}
		data, _ := s.repo.File("refs/pawl/ledger", "claims.json")
		var book struct{ Claims []ledger.Claim }
		s.must(nil, json.Unmarshal(data, &book))
		if len(book.Claims) != 6 {
			t.Errorf("%d claims: %s", len(book.Claims), data)
		}
	})
}

// TestStoryMergeTime: GitHub's answer to a merge comes after the time that it shows; a later run tells the same bytes.
func TestStoryMergeTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		late := roundTrip(func(req *http.Request) (*http.Response, error) {
			res, err := s.network().RoundTrip(req)
			if err == nil && strings.HasSuffix(req.URL.Path, "/merge") {
				res.Header.Set("Date", s.clock().Add(time.Second).UTC().Format(http.TimeFormat))
			}
			return res, err
		})
		s.command(late, s.environment(1), "run")
		s.configure("events.example/in", "events.example/in/2") // a receiver that knows nothing
		s.play(2, 0)
		before := len(s.receiver.Events())
		s.play(3, 0)
		if more := s.kindsSince(before); len(more) > 0 {
			t.Errorf("told again: %v", more)
		}
		s.events() // each in the same bytes
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
