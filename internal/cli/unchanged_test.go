package cli_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// again is a way of merging in which a pull request stays open over several runs.
type again struct {
	name     string
	settings github.Settings
	protect  github.Protection
	config   string
	args     []string
	// exit is the code of each run, merged tells that the first one merges.
	exit   int
	merged bool
}

func waysToStay() []again {
	day := 24 * time.Hour
	slow := checks(github.Check{Name: "ci", Conclusion: "success", After: day})
	green := checks(github.Check{Name: "ci", Conclusion: "success"})
	ci := github.Protection{Checks: []string{"ci"}}
	const short = "merge: {require: [ci], wait: 1m}\n"
	return []again{
		{name: "direct", settings: slow, config: short, exit: 3},
		{name: "a check that fails", settings: checks(github.Check{Name: "ci", Conclusion: "failure"}), config: short, exit: 3},
		{name: "auto", settings: withAutoMerge(slow), protect: ci, config: short, exit: 3},
		{name: "auto without naming the check", settings: withAutoMerge(slow), protect: ci, config: "merge: {wait: 1m}\n", exit: 3},
		{name: "queue", settings: withAutoMerge(green), config: short, exit: 3,
			protect: github.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Build: day}},
		{name: "auto into a queue", settings: withAutoMerge(slow), config: short, exit: 3,
			protect: github.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Build: day}},
		{name: "off", config: "merge: off\n"},
		{name: "nothing said", exit: 3},
		{name: "none", config: noChecks, merged: true},
		{name: "told not to merge", config: noChecks, args: []string{"--no-merge"}},
		{name: "words of its own", settings: slow, exit: 3, config: short + "change: {title: 'chore(deps): {summary} ', commit: \"build: {manifests}\\n\\nRefs: none  \\n\\n\", labels: [Bot], reviewers: [alice, ghost], assignees: [alice]}\n"},
		{name: "review", config: noChecks, args: []string{"--event", "push"}},
	}
}

// TestRunAgainPushesNothing runs four times over an unchanged plan in every way of merging: one push in all, the same
// head, and no writing call in the runs after the first.
func TestRunAgainPushesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range waysToStay() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.settings, c.config)
			s.repo.Protect("main", c.protect)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			env := map[string]string{}
			args := c.args
			if len(args) == 2 {
				env["GITHUB_EVENT_NAME"], args = args[1], nil
			}
			head := ""
			for run := range 4 {
				since := len(s.github.Calls())
				if code, out, errs := s.pawl(env, append([]string{"run"}, args...)...); code != c.exit {
					t.Fatalf("run %d: exit code %d, want %d: %s%s", run+1, code, c.exit, out, errs)
				}
				var reads, writes []string
				for _, call := range s.github.Calls()[since:] {
					short := strings.ReplaceAll(call.Operation, "/repos/{owner}/{repo}", "")
					if call.Writing {
						writes = append(writes, short)
					} else {
						reads = append(reads, short)
					}
				}
				t.Logf("run %d: %d reads, %d writes: %s", run+1, len(reads), len(writes), strings.Join(writes, ", "))
				p := s.pull(1)
				if run == 0 {
					head = p.HeadSHA
				}
				if p.HeadSHA != head || p.Merged != c.merged || len(s.repo.Pulls()) != 1 || (run > 0 && len(writes) > 0) {
					t.Errorf("run %d: head %s, want %s; merged %t; %d pull requests; it writes %q", run+1, p.HeadSHA, head, p.Merged, len(s.repo.Pulls()), writes)
				}
				s.sleep(t.Context(), 10*time.Minute)
			}
		})
	}
}

// TestRunSlowChecks has checks that turn green only after each run has ended: what the first run pushed is merged by the
// second one, or by GitHub in between, and nothing was pushed again.
func TestRunSlowChecks(t *testing.T) {
	t.Parallel()
	slow := checks(github.Check{Name: "ci", Conclusion: "success", After: 30 * time.Minute})
	for name, c := range map[string]struct {
		settings github.Settings
		protect  github.Protection
	}{
		"direct": {slow, github.Protection{}},
		"auto":   {withAutoMerge(slow), github.Protection{Checks: []string{"ci"}}},
		"queue":  {withAutoMerge(slow), github.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.settings, "merge: {require: [ci], wait: 5m}\n")
			s.repo.Protect("main", c.protect)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.run(3)
			head := s.pull(1).HeadSHA
			s.sleep(t.Context(), 26*time.Minute)
			s.run(0)
			if p := s.pull(1); p.HeadSHA != head || !p.Merged || s.value("a") != "v1.1.0" || len(s.repo.Pulls()) != 1 {
				t.Errorf("the second run ends with %+v, a is %s", p, s.value("a"))
			}
		})
	}
}

// lateDate answers with a Date that is behind the times that the bodies hold: those come from two clocks of GitHub.
type lateDate struct {
	*stage
	next http.RoundTripper
}

func (l lateDate) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(req)
	if err == nil {
		res.Header.Set("Date", l.clock().Add(-3*time.Second).Format(http.TimeFormat))
	}
	return res, err
}

// TestRunAgainTwoClocks merges with an answer whose Date is before the time that GitHub shows of the merge: the next run
// does not take that for another merge.
func TestRunAgainTwoClocks(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	for run := range 2 {
		var out strings.Builder
		system := s.system(&out, &out, map[string]string{"MERGE_TOKEN": canary})
		system.Transport = lateDate{s, system.Transport}
		before := s.github.Writes()
		if code := cli.Run(t.Context(), []string{"run", "--root", s.root}, system); code != 0 || s.value("a") != "v1.1.0" {
			t.Fatalf("exit code %d: %s", code, out.String())
		}
		if run == 1 && s.github.Writes() != before {
			t.Errorf("the second run writes %d times", s.github.Writes()-before)
		}
		s.sleep(t.Context(), time.Minute)
	}
}
