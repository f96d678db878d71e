package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// system is what a process on the stage has; tests change parts of it.
func (s *stage) system(out, errs io.Writer, env map[string]string) cli.System {
	return cli.System{
		Out: out, Err: errs, Now: s.clock, Sleep: s.sleep,
		Transport: router{s.github.RoundTripper(), s.network},
		Env:       func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
}

// runWhile runs the whole job; act is what people do when it waits for the first time.
func (s *stage) runWhile(act func(), args ...string) (code int, report run.Report) {
	s.Helper()
	var out, errs strings.Builder
	system := s.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary})
	system.Sleep = func(ctx context.Context, d time.Duration) error {
		if do := act; do != nil {
			act = nil
			do()
		}
		return s.sleep(ctx, d)
	}
	code = cli.Run(s.Context(), append([]string{"run", "--output", "json", "--root", s.root}, args...), system)
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		s.Fatalf("exit code %d: %v\n%s%s", code, err, out.String(), errs.String())
	}
	valid(s.T, out.String())
	if act != nil {
		s.Errorf("it never waited: %s", out.String())
	}
	return code, report
}

// must ends the test when a person's act failed.
func (s *stage) must(_ any, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// edit pushes a person's change of the values to a branch.
func (s *stage) edit(branch, old, new string) {
	s.Helper()
	data, _ := s.repo.File(branch, "values.yaml")
	if !strings.Contains(string(data), old) {
		s.Fatalf("%s holds no %q: %s", branch, old, data)
	}
	s.must(s.repo.Push(branch, "alice", map[string][]byte{"values.yaml": []byte(strings.Replace(string(data), old, new, 1))}, "an edit"))
}

// pull returns a pull request that has to be there.
func (s *stage) pull(number int) github.Pull {
	s.Helper()
	p, ok := s.repo.Pull(number)
	if !ok {
		s.Fatalf("there is no pull request #%d", number)
	}
	return p
}

// forged is a body with a metadata block of ours, as a pull request of a stage like this one shows it to everyone.
func forged(t *testing.T) string {
	t.Helper()
	twin := newStage(t, github.Settings{}, noChecks)
	twin.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	twin.run(0, "--no-merge")
	body := twin.pull(1).Body
	if m, ok := change.ParseMetadata(body); !ok || len(m.Updates) != 1 {
		t.Fatalf("no metadata in %q", body)
	}
	return body
}

// fromFork opens mallory's pull request with a body of ours, from a branch that is named like ours.
func (s *stage) fromFork(value string) {
	s.Helper()
	fork := s.repo.Fork("mallory")
	data, _ := fork.File("main", "values.yaml")
	s.must(fork.Push("pawl/update", "mallory", map[string][]byte{"values.yaml": []byte(strings.Replace(string(data), "a: v1.0.0", "a: "+value, 1))}, "a v1.0.0 -> v1.1.0"))
	s.must(s.repo.Open("mallory", github.NewPull{Title: "a v1.0.0 -> v1.1.0", Body: forged(s.T), Head: "mallory:pawl/update"}))
}

const onlyCI = "merge: {require: [ci], wait: 20m}\n"

// checks is a CI that starts these on each new head.
func checks(all ...github.Check) github.Settings {
	return github.Settings{CI: func(string) []github.Check { return all }}
}

func withAutoMerge(s github.Settings) github.Settings {
	s.AutoMerge = true
	return s
}

// verdict is how a run has to end: its exit code, outcome and code of the decision, what a is on the base, and how it was merged.
type verdict struct {
	exit    int
	outcome string
	code    change.Code
	value   string
	by      string
}

// scene is a case of authority: what people did before the run and do while it waits, and how it ends.
type scene struct {
	name            string
	settings        github.Settings
	config          string
	before, waiting func(*stage)
	want            verdict
	after           func(*stage, run.Report)
}

func (c scene) play(t *testing.T) {
	t.Parallel()
	s := newStage(t, c.settings, c.config)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if c.before != nil {
		c.before(s)
	}
	var act func()
	if c.waiting != nil {
		act = func() { c.waiting(s) }
	}
	exit, report := s.runWhile(act)
	got := verdict{exit: exit, value: s.value("a")}
	if m := report.Merge; m != nil {
		got.outcome, got.code, got.by = string(m.Outcome), m.Decision.Code, string(m.By)
	}
	if got != c.want {
		t.Errorf("it ended as %+v, want %+v: %+v", got, c.want, report.Merge)
	}
	if m := report.Merge; m != nil && m.Outcome == "refused" && (m.Detail == "" || m.Hint == "") {
		t.Errorf("it does not say why or what to do: %+v", m)
	}
	if c.after != nil {
		c.after(s, report)
	}
	s.sleep(t.Context(), 24*time.Hour)
	if s.github.Tick(); s.value("a") != c.want.value {
		t.Errorf("GitHub itself merged it later: %s", s.value("a"))
	}
}

// TestAuthority plays what people, forks and checks do around a run: it merges only its own pull request, when nobody
// objects.
func TestAuthority(t *testing.T) {
	t.Parallel()
	green, red := github.Check{Name: "ci", Conclusion: "success"}, github.Check{Name: "ci", Conclusion: "failure"}
	slow := github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute}
	protect := func(s *stage) { s.repo.Protect("main", github.Protection{Checks: []string{"ci"}}) }
	proposed := func(s *stage) { s.run(0, "--no-merge") }
	untouched := func(s *stage, number int) {
		if p := s.pull(number); p.State != "open" || len(p.Labels)+len(p.Comments) > 0 || p.AutoMerge {
			s.Errorf("somebody's pull request was touched: %+v", p)
		}
	}
	disarmed := func(s *stage, _ run.Report) {
		if p := s.pull(1); p.AutoMerge || p.Queued || p.Merged || p.State != "open" {
			s.Errorf("the pull request is still armed: %+v", p)
		}
	}
	armed := func(act func(*stage)) func(*stage) {
		return func(s *stage) {
			if !s.pull(1).AutoMerge {
				s.Error("auto-merge was not armed")
			}
			act(s)
		}
	}
	for _, c := range []scene{
		{name: "a fork with our metadata", config: noChecks, before: func(s *stage) { s.fromFork("v6.6.6") },
			want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"},
			after: func(s *stage, r run.Report) {
				if untouched(s, 1); r.Pull.Number != 2 || r.Pull.Done != "opened" {
					s.Errorf("our own: %+v", r.Pull)
				}
			}},
		{name: "a closed pull request of a fork is no veto", config: noChecks, want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"},
			before: func(s *stage) { s.fromFork("v1.1.0"); s.must(nil, s.repo.Close(1, "mallory")) }},
		{name: "another author on our branch's name", config: noChecks, want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"},
			before: func(s *stage) {
				s.must(s.repo.Push("pawl/update", "alice", map[string][]byte{"notes.md": []byte("mine\n")}, "mine"))
				s.must(s.repo.Open("alice", github.NewPull{Title: "a v1.0.0 -> v1.1.0", Body: forged(s.T), Head: "pawl/update"}))
			},
			after: func(s *stage, r run.Report) {
				if untouched(s, 1); r.Pull.Number != 2 || r.Pull.Branch == "pawl/update" {
					s.Errorf("our own: %+v", r.Pull)
				}
			}},
		{name: "a commit of a person while GitHub is to merge", settings: withAutoMerge(checks(slow)), before: protect,
			waiting: armed(func(s *stage) { s.edit("pawl/update", "a: v1.1.0", "a: v6.6.6") }),
			want:    verdict{3, "refused", change.ForeignCommit, "v1.0.0", ""}, after: disarmed},
		{name: "the review label while GitHub is to merge", settings: withAutoMerge(checks(slow)), before: protect,
			waiting: armed(func(s *stage) { s.must(nil, s.repo.Label(1, "pawl/review")) }),
			want:    verdict{0, "refused", change.UnderReview, "v1.0.0", ""}, after: disarmed},
		{name: "made a draft while GitHub is to merge", settings: withAutoMerge(checks(slow)), before: protect,
			waiting: armed(func(s *stage) { s.must(nil, s.repo.Draft(1, true)) }),
			want:    verdict{3, "refused", change.IsDraft, "v1.0.0", ""}, after: disarmed},
		{name: "red while GitHub is to merge", settings: withAutoMerge(checks(slow)), before: protect,
			waiting: armed(func(s *stage) { s.repo.SetCheck(s.repo.Head("pawl/update"), red) }),
			want:    verdict{3, "refused", change.CheckFailed, "v1.0.0", ""}, after: disarmed},
		{name: "a draft", config: noChecks, before: func(s *stage) { proposed(s); s.must(nil, s.repo.Draft(1, true)) },
			want: verdict{3, "refused", change.IsDraft, "v1.0.0", ""}},
		{name: "a check that never ends", settings: checks(github.Check{Name: "ci"}), config: onlyCI,
			want: verdict{3, "pending", change.CheckPending, "v1.0.0", ""}},
		{name: "green on an older head", settings: checks(github.Check{Name: "lint", Conclusion: "success"}), config: onlyCI,
			before: func(s *stage) {
				s.registry.SetTags("org/a", "v1.0.0", "v1.0.5")
				proposed(s)
				s.repo.SetCheck(s.repo.Head("pawl/update"), green)
				s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			},
			want: verdict{3, "pending", change.ChecksSilent, "v1.0.0", ""}},
		{name: "only an optional check is red", settings: checks(green, github.Check{Name: "lint", Conclusion: "failure"}), config: onlyCI,
			want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"}},
		{name: "what protection requires, merged by GitHub", settings: withAutoMerge(checks(slow)), before: protect,
			want: verdict{0, "merged", change.CheckPending, "v1.1.0", "auto"}},
		{name: "what protection requires, merged by pawl", settings: checks(slow), before: protect,
			want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"}},
		{name: "not what protection requires alone", settings: withAutoMerge(checks(slow, github.Check{Name: "lint", Conclusion: "failure"})), before: protect,
			config: "merge: {require: [ci, lint]}\n", want: verdict{3, "refused", change.CheckFailed, "v1.0.0", ""}},
		{name: "a merge queue", settings: checks(slow), want: verdict{0, "merged", change.Authorized, "v1.1.0", "queue"},
			before: func(s *stage) {
				s.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Queue: true, Build: time.Minute})
			}},
		{name: "held by its manifest", config: noChecks, want: verdict{value: "v1.0.0"},
			before: func(s *stage) {
				text := profileFiles("")["manifests/a.yaml"] + "policy: {hold: {reason: release week}}\n"
				s.local("manifests/a.yaml", text)
				s.must(s.repo.Push("main", "alice", map[string][]byte{"manifests/a.yaml": []byte(text)}, "hold a"))
			},
			after: func(s *stage, r run.Report) {
				if r.Pull != nil || r.Plan.Outcomes[0].Reason != "held" {
					s.Errorf("%+v: %+v", r.Pull, r.Plan.Outcomes[0])
				}
			}},
		{name: "another base while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) { s.edit("main", "# versions", "# all versions") },
			want:    verdict{0, "merged", change.Authorized, "v1.1.0", "direct"},
			after: func(s *stage, r run.Report) {
				data, _ := s.repo.File("main", "values.yaml")
				if r.Rounds != 1 || !strings.HasPrefix(string(data), "# all versions\napps:\n  a: v1.1.0 # a\n") || len(s.repo.Pulls()) != 1 {
					s.Errorf("%d rounds, %d pull requests, the base holds %q", r.Rounds, len(s.repo.Pulls()), data)
				}
			}},
		{name: "nothing left to do while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) { s.edit("main", "a: v1.0.0", "a: v1.1.0") },
			want:    verdict{0, "", "", "v1.1.0", ""},
			after: func(s *stage, r run.Report) {
				if p := s.pull(1); len(r.Withdrawn) != 1 || p.State != "closed" || p.Merged || s.repo.Head("pawl/update") != "" {
					s.Errorf("withdrawn %v, %+v", r.Withdrawn, p)
				}
			}},
		{name: "closed by a person while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) { s.must(nil, s.repo.Close(1, "alice")) },
			want:    verdict{3, "closed", change.CheckPending, "v1.0.0", ""}, after: vetoed},
		{name: "closed by another run while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) {
				body := s.pull(1).Body + "\n<!-- pawl:closed -->"
				s.must(nil, s.repo.Edit(1, nil, &body))
				s.must(nil, s.repo.Close(1, "pawl-bot"))
			},
			want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"}},
		{name: "its branch renamed while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) { s.must(nil, s.repo.RenameBranch("pawl/update", "mine", "alice")) },
			want:    verdict{3, "closed", change.CheckPending, "v1.0.0", ""}, after: vetoed},
		{name: "replaced and merged by a run that saw something else while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) {
				s.registry.SetTags("org/a", "v1.0.0")
				s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
				if s.run(0); s.value("a") != "v1.0.0" || s.value("b") != "v1.1.0" {
					s.Errorf("the other run: a %s, b %s", s.value("a"), s.value("b"))
				}
				s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			},
			want: verdict{0, "merged", change.Authorized, "v1.1.0", "direct"}},
		{name: "merged by a person with a commit of theirs while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) {
				s.edit("pawl/update", "a: v1.1.0", "a: v6.6.6")
				s.must(s.repo.Merge(1, "alice", "squash"))
			},
			want: verdict{0, "merged", change.CheckPending, "v6.6.6", "person"},
			after: func(s *stage, _ run.Report) {
				if again := s.run(0); again.Plan.Outcomes[0].Reason != "people-edit" || len(s.repo.Pulls()) != 1 {
					s.Errorf("%d pull requests, %+v", len(s.repo.Pulls()), again.Plan.Outcomes[0])
				}
			}},
		{name: "merged by a person while it waits", settings: checks(slow), config: onlyCI,
			waiting: func(s *stage) { s.must(s.repo.Merge(1, "alice", "squash")) },
			want:    verdict{0, "merged", change.CheckPending, "v1.1.0", "person"}},
	} {
		t.Run(c.name, c.play)
	}
}

// vetoed shows that what people closed does not come back.
func vetoed(s *stage, _ run.Report) {
	again := s.run(0)
	if again.Pull != nil || again.Plan.Outcomes[0].Reason != "vetoed" || len(s.repo.Pulls()) != 1 {
		s.Errorf("it came back: %+v, %+v", again.Pull, again.Plan.Outcomes[0])
	}
}

// TestAuthorityIsSaid shows that each form of the report names the refusal's code, why, and what to do.
func TestAuthorityIsSaid(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"table", "json", "markdown"} {
		s := newStage(t, github.Settings{}, "")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		code, out, errs := s.pawl(nil, "run", "--output", form)
		out = strings.NewReplacer("&#91;", "[", "&#93;", "]", "&#123;", "{", "&#125;", "}", "&#40;", "(", "&#41;", ")").Replace(out)
		for _, want := range []string{"refused", string(change.RequireIsBare), "no required check is named", "merge: {require: "} {
			if code != cli.Partial || !strings.Contains(out, want) {
				t.Errorf("%s: exit code %d, %q is missing: %s%s", form, code, want, out, errs)
			}
		}
	}
}
