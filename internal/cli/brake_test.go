package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// brake runs a command that pulls or lifts a brake.
func (s *stage) brake(want int, args ...string) string {
	s.Helper()
	code, out, errs := s.pawl(nil, args...)
	if code != want {
		s.Fatalf("pawl %s: exit code %d, want %d: %s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

// pass lets time pass, in a bubble or not.
func (s *stage) pass(d time.Duration) { _ = s.sleep(s.Context(), d) }

// runBefore runs the whole job, and acts before the request to GitHub of a number, counted from 0.
func (s *stage) runBefore(number int, act func()) (reached bool) {
	s.Helper()
	var out, errs strings.Builder
	system := s.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary})
	var mu sync.Mutex
	calls := 0
	system.Transport = router{transport(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		if calls++; calls == number+1 {
			reached = true
			act()
		}
		mu.Unlock()
		return s.github.RoundTripper().RoundTrip(r)
	}), s.network}
	if code := cli.Run(s.Context(), []string{"run", "--root", s.root}, system); code != 0 && code != cli.Partial {
		s.Errorf("a brake before request %d: exit code %d: %s%s", number, code, out.String(), errs.String())
	}
	return reached
}

// transport is a function as one.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip calls it.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// lately is a stage in which pawl has brought a from v1.0.0 to v1.1.0.
func lately(t *testing.T, settings github.Settings, config string) *stage {
	t.Helper()
	s := newStage(t, settings, config)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if s.run(0); s.value("a") != "v1.1.0" {
		t.Fatalf("a is %s", s.value("a"))
	}
	s.pass(time.Minute)
	return s
}

// TestQuarantine is the way from one command to a merged way back, and back again once it is lifted.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, artifact string
		more           []string
		before         func(s *stage)
		code           int
		want, then     string
	}{
		{"to what was merged before", "org/a:v1.1.0", nil, nil, 0, "v1.0.0", "v1.1.0"},
		{"as a package URL", "pkg:oci/a?repository_url=docker.io%2Forg%2Fa&tag=v1.1.0", nil, nil, 0, "v1.0.0", "v1.1.0"},
		{"to something newer", "org/a:v1.1.0", nil, func(s *stage) { s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0") }, 0, "v1.2.0", "v1.2.0"},
		{"to what was named", "org/a:v1.1.0", []string{"--use", "v1.0.5"}, func(s *stage) { s.registry.SetTags("org/a", "v1.0.0", "v1.0.5", "v1.1.0") }, 0, "v1.0.5", "v1.1.0"},
		{"a candidate only", "org/a:v1.2.0", nil, func(s *stage) { s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0") }, 0, "v1.1.0", "v1.2.0"},
		{"nowhere to go", "org/a:v1.1.0", nil, func(s *stage) { s.registry.SetTags("org/a", "v1.1.0") }, cli.Partial, "v1.1.0", "v1.1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := lately(t, github.Settings{}, noChecks)
			if c.before != nil {
				c.before(s)
			}
			said := s.brake(0, append([]string{"quarantine", c.artifact, "--reason", "broken in production"}, c.more...)...)
			if !strings.Contains(said, "broken in production (pawl-bot)") {
				t.Errorf("it said %s", said)
			}
			if report := s.run(c.code); s.value("a") != c.want {
				t.Errorf("a is %s, want %s: %+v", s.value("a"), c.want, report.Plan.Outcomes)
			}
			writes := s.github.Writes()
			if report := s.run(c.code); s.value("a") != c.want || s.github.Writes() != writes || len(report.Plan.Changes) > 0 {
				t.Errorf("a second run did something: a is %s, %d writes", s.value("a"), s.github.Writes()-writes)
			}
			s.brake(0, "unquarantine", c.artifact)
			if s.run(0); s.value("a") != c.then {
				t.Errorf("lifted, and a is %s, want %s", s.value("a"), c.then)
			}
		})
	}
}

// TestRollback goes back, stays there while newer versions come, and follows the filter again once it is lifted.
func TestRollback(t *testing.T) {
	t.Parallel()
	s := lately(t, github.Settings{}, noChecks)
	s.brake(0, "rollback", "a", "--reason", "errors since noon")
	if report := s.run(0); s.value("a") != "v1.0.0" || report.Plan.Changes[0].Reason != "rolled-back" {
		t.Fatalf("a is %s: %+v", s.value("a"), report.Plan)
	}
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	for range 2 {
		s.pass(time.Hour)
		if s.run(0); s.value("a") != "v1.0.0" {
			t.Fatalf("rolled back, and a is %s", s.value("a"))
		}
	}
	s.brake(0, "rollback", "a", "--reason", "said again, for longer", "--until", "30d")
	if s.run(0); s.value("a") != "v1.0.0" {
		t.Fatalf("rolled back twice, and a is %s", s.value("a"))
	}
	if said := s.brake(0, "unhold", "a"); !strings.Contains(said, "lifted rollback a") {
		t.Errorf("it said %s", said)
	}
	if s.run(0); s.value("a") != "v1.2.0" {
		t.Errorf("lifted, and a is %s", s.value("a"))
	}
	s.brake(0, "rollback", "a", "--reason", "again", "--to", "v1.1.0", "--until", "2h")
	if s.run(0); s.value("a") != "v1.1.0" {
		t.Errorf("to v1.1.0, and a is %s", s.value("a"))
	}
	s.pass(3 * time.Hour)
	if s.run(0); s.value("a") != "v1.2.0" {
		t.Errorf("it is over, and a is %s", s.value("a"))
	}
}

// TestBackOverManyMerges shows that a value finds its way back over many merges of other values in the same file.
func TestBackOverManyMerges(t *testing.T) {
	t.Parallel()
	for _, pull := range [][]string{{"rollback", "a", "--reason", "x"}, {"quarantine", "org/a:v1.1.0", "--reason", "x"}} {
		s := lately(t, github.Settings{}, noChecks)
		for i := range 30 {
			s.registry.SetTags("org/b", "v1.0.0", fmt.Sprintf("v1.0.%d", i+1))
			s.run(0)
		}
		s.brake(0, pull...)
		if s.run(0); s.value("a") != "v1.0.0" {
			t.Errorf("%s, and a is %s", pull[0], s.value("a"))
		}
	}
}

// TestBrakeIsRejected shows that closing a brake's pull request holds the value where it is.
func TestBrakeIsRejected(t *testing.T) {
	t.Parallel()
	s := lately(t, github.Settings{}, noChecks)
	s.brake(0, "quarantine", "org/a:v1.1.0", "--reason", "broken")
	report := s.run(0, "--no-merge")
	s.must(nil, s.repo.Close(report.Pull.Number, "alice"))
	if report := s.run(0); s.value("a") != "v1.1.0" || report.Plan.Outcomes[0].Reason != "vetoed" {
		t.Errorf("a is %s: %+v", s.value("a"), report.Plan.Outcomes)
	}
}

// TestHoldAndPause keep values where they are, at once and without a commit, until they are lifted or over.
func TestHoldAndPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		pull, lift []string
	}{
		{"hold", []string{"hold", "a", "--reason", "load test"}, []string{"unhold", "a"}},
		{"hold by a pattern", []string{"hold", "*", "--yes", "--reason", "load test"}, []string{"unhold", "*", "--yes"}},
		{"pause", []string{"pause", "--reason", "incident 42"}, []string{"resume"}},
		{"hold until", []string{"hold", "a", "--reason", "load test", "--until", "3h"}, nil},
		{"pause until", []string{"pause", "--reason", "incident 42", "--until", "2026-03-01"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := lately(t, github.Settings{}, noChecks)
			s.brake(0, c.pull...)
			s.registry.SetTags("org/a", "v1.1.0", "v1.2.0")
			writes := s.github.Writes()
			report := s.run(0)
			if s.value("a") != "v1.1.0" || s.github.Writes() != writes {
				t.Errorf("a is %s, %d writes: %+v", s.value("a"), s.github.Writes()-writes, report)
			}
			if strings.HasPrefix(c.name, "pause") != (strings.HasPrefix(report.Paused, "incident 42 (pawl-bot")) {
				t.Errorf("paused: %q", report.Paused)
			}
			if c.lift == nil {
				s.pass(24 * time.Hour)
			} else {
				s.brake(0, c.lift...)
			}
			if s.run(0); s.value("a") != "v1.2.0" {
				t.Errorf("lifted, and a is %s", s.value("a"))
			}
		})
	}
}

// TestPauseOfTheLedgerFiresNothing holds for pawl deploy as for runs.
func TestPauseOfTheLedgerFiresNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 1, github.Settings{}, "")
		d.publish("a")
		d.do(0, "run")
		d.edit("main", "b: v1.0.0", "b: v1.0.1")
		page, fired := d.head(), len(d.gitlab.Requests())
		d.brake(0, "pause", "--reason", "incident")
		code, report, printed := d.command(d.transport(), nil, "deploy", "--commit", d.repo.Head("main"))
		if code != 0 || report.Paused == "" || len(d.gitlab.Requests()) != fired {
			t.Errorf("exit code %d, %d requests: %s", code, len(d.gitlab.Requests())-fired, printed)
		}
		d.brake(0, "resume")
		d.do(0, "deploy", "--commit", d.repo.Head("main"))
		if n := d.counts(page)[0]; n != 1 {
			t.Errorf("after the pause %d pipelines", n)
		}
	})
}

// TestBrakeWhileARunWaits pulls a brake while a run waits for a check: what it proposed is not merged, and the same run goes on
// without it.
func TestBrakeWhileARunWaits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		pull []string
		want string
	}{
		{"quarantine", []string{"quarantine", "org/a:v1.2.0", "--reason", "broken"}, "v1.1.0"},
		{"hold", []string{"hold", "a", "--reason", "wait"}, "v1.1.0"},
		{"pause", []string{"pause", "--reason", "incident"}, "v1.1.0"},
		{"quarantine with another to go on with", []string{"quarantine", "org/a:v1.2.0", "--reason", "broken"}, "v1.1.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := lately(t, github.Settings{CI: func(string) []github.Check {
				return []github.Check{{Name: "ci", Conclusion: "success", After: 2 * time.Minute}}
			}},
				"merge: {require: [ci], wait: 10m, arm: false}\n")
			tags := []string{"v1.0.0", "v1.1.0", "v1.2.0"}
			if c.want == "v1.1.5" {
				tags = append(tags, "v1.1.5")
			}
			s.registry.SetTags("org/a", tags...)
			code, report := s.runWhile(func() {
				s.pass(30 * time.Second)
				s.brake(0, c.pull...)
			})
			if s.value("a") != c.want || code != 0 {
				t.Errorf("exit code %d, a is %s, want %s: %+v", code, s.value("a"), c.want, report.Merge)
			}
			if s.run(0); s.value("a") != c.want {
				t.Errorf("after one more run a is %s, want %s", s.value("a"), c.want)
			}
		})
	}
}

// TestBrakeDisarms takes back what the forge would merge by itself.
func TestBrakeDisarms(t *testing.T) {
	t.Parallel()
	s := newStage(t, withAutoMerge(checks(github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute})), "merge: {wait: 0s}\n")
	s.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if _, out, errs := s.pawl(nil, "run"); !s.pull(1).AutoMerge {
		t.Fatal("it is not armed: ", out, errs)
	}
	if said := s.brake(0, "quarantine", "org/a:v1.1.0", "--reason", "broken"); !strings.Contains(said, "pull request #1: GitHub does not merge it by itself any more") || s.pull(1).AutoMerge {
		t.Errorf("it is armed still: %s", said)
	}
}

// TestBrakesWithoutACheckout shows that a brake needs nothing but the repository's name and a token.
func TestBrakesWithoutACheckout(t *testing.T) {
	t.Parallel()
	s := lately(t, github.Settings{}, noChecks)
	profile := s.root
	s.root = t.TempDir() // nothing is there
	for _, args := range [][]string{
		{"quarantine", "org/a:v1.1.0", "--reason", "broken"}, {"hold", "a", "--reason", "wait"}, {"unhold", "a"}, {"pause", "--reason", "x"}, {"resume"},
	} {
		s.brake(0, append(args, "--repository", "acme/profile")...)
	}
	s.root = profile
	if s.run(0); s.value("a") != "v1.0.0" {
		t.Errorf("a is %s", s.value("a"))
	}
}

// TestBrakesRefuse shows what a brake is refused for, before anything is written; a dry run writes nothing either.
func TestBrakesRefuse(t *testing.T) {
	t.Parallel()
	s := lately(t, github.Settings{}, noChecks)
	writes := s.github.Writes()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"quarantine", "org/a:v1.1.0"}, cli.Usage, "--reason"},
		{[]string{"quarantine", "org/a:v1.1.0", "--reason", "  "}, cli.Usage, "--reason"},
		{[]string{"quarantine", "org/a", "--reason", "x"}, cli.Usage, "want org/app:1.4.2"},
		{[]string{"quarantine", "v1.1.0", "--reason", "x"}, cli.Usage, "want org/app:1.4.2"},
		{[]string{"quarantine", "org/aa:v1.1.0", "--reason", "x"}, cli.Usage, `did you mean "org/a:v1.1.0"?`},
		{[]string{"quarantine", "other/thing:v1.1.0", "--reason", "x"}, cli.Usage, "no manifest follows other/thing:v1.1.0"},
		{[]string{"quarantine", "org/a:v1.1.0", "--reason", "x", "--until", "soon"}, cli.Usage, "want a day as 2026-12-31"},
		{[]string{"quarantine", "org/a:v1.1.0", "--reason", "x", "--until", "2020-01-01"}, cli.Usage, "is over"},
		{[]string{"quarantine", "org/a:v1.1.0", "--reason", "x", "--until", "-3h"}, cli.Usage, "want a day"},
		{[]string{"quarantine", "org/a:v1.1.0", "--reason", strings.Repeat("x", 501)}, cli.Usage, "at most 500"},
		{[]string{"hold", "nobody", "--reason", "x"}, cli.Usage, `no manifest is named "nobody"`},
		{[]string{"hold", "*", "--reason", "x"}, cli.Usage, "add --yes"},
		{[]string{"hold", "--reason", "x"}, cli.Usage, "wants NAME..."},
		{[]string{"unhold", "a"}, 0, "nothing was done"},
		{[]string{"hold", "bb", "--reason", "x"}, cli.Usage, `did you mean "b"?`},
		{[]string{"resume"}, 0, "nothing was done"},
		{[]string{"unquarantine", "org/a:v1.1.0"}, 0, "nothing was done"},
		{[]string{"quarantine", "org/a:v1.1.0", "--reason", "x", "--dry-run"}, 0, "would pull quarantine pkg:oci/a"},
		{[]string{"hold", "*", "--reason", "x", "--dry-run"}, 0, "would pull hold b"},
		{[]string{"pause", "--reason", "x", "--repository", "acme"}, cli.Usage, "OWNER/NAME"},
	} {
		if said := s.brake(c.code, c.args...); !strings.Contains(said, c.says) {
			t.Errorf("pawl %s: %s", strings.Join(c.args, " "), said)
		}
	}
	if s.github.Writes() != writes {
		t.Errorf("%d writes", s.github.Writes()-writes)
	}
}

// TestBrakedLedgerIsRefusedByOlderVersions shows that every file of it says the later format, also with nothing else in it, and
// after the brake is lifted.
func TestBrakedLedgerIsRefusedByOlderVersions(t *testing.T) {
	t.Parallel()
	l := ledger.Ledger{}.Brake(ledger.Lever{Kind: ledger.Pause, Reason: "x"})
	for range 2 {
		files, err := l.Encode()
		if err != nil || len(files["values.json"]) == 0 {
			t.Fatalf("%v: %v", files, err)
		}
		for name, text := range files {
			var head struct{ Schema string }
			if err := json.Unmarshal(text, &head); err != nil || head.Schema != ledger.BrakeSchema {
				t.Errorf("%s: %s", name, text)
			}
		}
		if l, err = ledger.Decode(files); err != nil {
			t.Fatal(err)
		}
		l = l.Lift(ledger.Pause, "")
	}
}

// TestBrakesMeetArming pulls a brake before each request of a run that has the forge merge by itself: when the run has ended, and
// nothing follows it, the forge does not merge what is quarantined.
func TestBrakesMeetArming(t *testing.T) {
	t.Parallel()
	for n := 0; n < 80; n += stride(5) {
		slow := withAutoMerge(github.Settings{CI: func(string) []github.Check {
			return []github.Check{{Name: "ci", Conclusion: "success", After: 5 * time.Minute}}
		}})
		s := newStage(t, slow, "merge: {wait: 0s}\n")
		s.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		if !s.runBefore(n, func() { s.brake(0, "quarantine", "org/a:v1.1.0", "--reason", "broken") }) {
			if n < 20 {
				t.Errorf("a run has %d requests", n)
			}
			break
		}
		s.pass(10 * time.Minute)
		s.github.Tick()
		if s.value("a") != "v1.0.0" {
			t.Errorf("pulled before request %d, and GitHub merged %s", n, s.value("a"))
		}
	}
}

// TestBrakesMeetRuns pulls brakes before every request of a run, and lets one run follow: the bad version is out.
func TestBrakesMeetRuns(t *testing.T) {
	t.Parallel()
	for n := 0; n < 60; n += stride(7) {
		s := lately(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		if !s.runBefore(n, func() {
			s.brake(0, "quarantine", "org/a:v1.2.0", "--reason", fmt.Sprint("at request ", n))
		}) {
			break
		}
		s.pass(time.Minute)
		if s.pawl(nil, "run"); s.value("a") != "v1.1.0" {
			t.Errorf("pulled before request %d, and after one more run a is %s", n, s.value("a"))
		}
	}
}

// TestTagMovesWhileARunWaits has somebody push a tag again while a run waits for a check: the bytes that were planned are not merged as
// if they were the others. The same run plans anew.
func TestTagMovesWhileARunWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, want, reason string }{
		"taken as it is now":  {"merge: {require: [ci], wait: 10m, arm: false}\n", "v1.2.0", "newest-match"},
		"its age begins anew": {"merge: {require: [ci], wait: 10m, arm: false}\npolicy: {age: 1h}\n", "v1.1.0", "too-young"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{CI: func(string) []github.Check {
				return []github.Check{{Name: "ci", Conclusion: "success", After: 2 * time.Minute}}
			}}, c.config)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
			if s.pawl(nil, "run", "--no-merge"); c.reason == "too-young" {
				s.pass(time.Hour)
			}
			s.edit("main", "a: v1.0.0", "a: v1.1.0")
			s.pass(time.Minute)
			digests := s.registry.Looks("org/a:v1.2.0")
			code, report := s.runWhile(func() { s.registry.Retag("org/a", "v1.2.0") })
			if s.value("a") != c.want || code != 0 || report.Rounds == 0 {
				t.Errorf("exit code %d after %d rounds, a is %s, want %s: %+v", code, report.Rounds, s.value("a"), c.want, report.Merge)
			}
			if again := s.registry.Looks("org/a:v1.2.0") - digests; again < 2 {
				t.Errorf("its digest was asked for %d times", again)
			}
			s.says(s.after(report), c.want+" ", c.reason)
		})
	}
}
