package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

// armedStage is a stage with projects, where the base wants a check that ends after five minutes and a run does not wait:
// it arms the auto-merge of pull request 1, and ends.
func armedStage(t *testing.T, more string) *deployStage {
	t.Helper()
	slow := withAutoMerge(checks(github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute}))
	d := newDeployStage(t, 2, slow, more)
	config, _ := os.ReadFile(filepath.Join(d.root, ".pawl.yaml"))
	text := strings.Replace(string(config), noChecks, "merge: {require: [ci], wait: 1s}\n", 1)
	d.local(".pawl.yaml", text)
	d.must(d.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(text)}, "checks"))
	d.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	d.publish("a")
	if d.do(cli.Partial, "run"); !d.pull(1).AutoMerge {
		t.Fatal("auto-merge was not armed")
	}
	return d
}

// later lets the checks end and GitHub do what it was told.
func (d *deployStage) later() {
	d.wait(time.Hour)
	d.stage.github.Tick()
}

// fired are all pipelines that were started.
func (d *deployStage) fired() int {
	n := 0
	for _, made := range d.gitlab.Counts() {
		n += made
	}
	return n
}

// TestForeignCommitDisarms lets a run arm the auto-merge and end, and somebody push to the branch: whatever run comes next
// takes it back, so that GitHub never merges the foreign commit in pawl's name.
func TestForeignCommitDisarms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(d *deployStage)
		env    map[string]string
		args   []string
		code   int
	}{
		"the next run":        {nil, nil, []string{"run"}, 3},
		"something newer":     {func(d *deployStage) { d.publish("b") }, nil, []string{"run"}, 3},
		"an empty plan":       {func(d *deployStage) { d.registry.SetTags("org/a", "v1.0.0") }, nil, []string{"run"}, 0},
		"a pause":             {nil, map[string]string{"PAWL_PAUSE": "release week"}, []string{"run"}, 0},
		"no merge":            {nil, nil, []string{"run", "--no-merge"}, 0},
		"a pause, empty plan": {func(d *deployStage) { d.registry.SetTags("org/a", "v1.0.0") }, map[string]string{"PAWL_PAUSE": "x"}, []string{"run"}, 0},
		"an edited body":      {func(d *deployStage) { text := "mine"; d.must(nil, d.repo.Edit(1, nil, &text)) }, nil, []string{"run"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := armedStage(t, "")
				d.edit("pawl/update", "c: v1.0.0", "c: v6.6.6")
				if c.before != nil {
					c.before(d)
				}
				code, report, printed := d.command(d.transport(), c.env, c.args...)
				if d.pull(1).AutoMerge || code != c.code || !slices.Contains(report.Disarmed, 1) {
					t.Errorf("armed %t, exit code %d: %s", d.pull(1).AutoMerge, code, printed)
				}
				if d.later(); d.pull(1).Merged || d.value("c") != "v1.0.0" {
					t.Errorf("the foreign commit was merged: %+v", d.pull(1))
				}
			})
		})
	}
}

// TestPauseDisarms shows that what is armed does not merge in a pause, and that --no-merge and a run of people's review take
// it back too, without anybody having pushed.
func TestPauseDisarms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"a pause":  {map[string]string{"PAWL_PAUSE": "release week"}, []string{"run"}},
		"no merge": {nil, []string{"run", "--no-merge"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := armedStage(t, "")
				head := d.repo.Head("pawl/update")
				if code, report, printed := d.command(d.transport(), c.env, c.args...); code != 0 || fmt.Sprint(report.Disarmed) != "[1]" {
					t.Fatalf("exit code %d: %s", code, printed)
				}
				if d.later(); d.pull(1).Merged || d.pull(1).AutoMerge || d.fired() != 0 || d.repo.Head("pawl/update") != head {
					t.Errorf("it is merged %t, armed %t, %d pipelines", d.pull(1).Merged, d.pull(1).AutoMerge, d.fired())
				}
				if d.do(0, "run"); !d.pull(1).Merged || d.fired() != 2 {
					t.Errorf("afterwards: merged %t, %d pipelines", d.pull(1).Merged, d.fired())
				}
			})
		})
	}
}

// TestArmFalseLeavesNothing shows that with `merge: {arm: false}` nothing is ever left to GitHub, and that what was armed
// before the setting came is taken back; pawl waits and merges itself.
func TestArmFalseLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := armedStage(t, "")
		config, _ := os.ReadFile(filepath.Join(d.root, ".pawl.yaml"))
		text := strings.Replace(string(config), "wait: 1s", "wait: 1s, arm: false", 1)
		d.local(".pawl.yaml", text)
		d.must(d.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(text)}, "arm: false"))
		for range 2 {
			if d.do(cli.Partial, "run"); d.pull(1).AutoMerge {
				t.Fatal("it is armed")
			}
		}
		if d.later(); d.pull(1).Merged {
			t.Fatal("GitHub merged it")
		}
		if d.do(0, "run"); !d.pull(1).Merged || d.fired() != 2 {
			t.Errorf("merged %t, %d pipelines", d.pull(1).Merged, d.fired())
		}
	})
}

// TestForeignMergeIsNotDeployed lets GitHub merge, because pawl armed it, what somebody pushed afterwards, before any run
// looks: nothing deploys it until a person says so or a later merge brings it.
func TestForeignMergeIsNotDeployed(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"by a person's word", "by a later merge"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := armedStage(t, "")
				d.must(d.repo.Push("pawl/update", "mallory", map[string][]byte{"profiles.yaml": []byte("mine\n")}, "mine"))
				if d.later(); !d.pull(1).Merged {
					t.Fatalf("GitHub did not merge it: %+v", d.pull(1))
				}
				sha := d.repo.Head("main")
				event := filepath.Join(t.TempDir(), "event.json")
				d.must(nil, os.WriteFile(event, fmt.Appendf(nil, `{"ref":"refs/heads/main","after":%q,"repository":{"default_branch":"main"},"head_commit":{"id":%[1]q,"message":"m","url":%q,"timestamp":"2026-03-01T12:00:00Z"},"commits":[{"modified":["values.yaml"]}]}`, sha, d.head()), 0o600))
				pushed := map[string]string{"GITHUB_EVENT_PATH": event, "GITHUB_EVENT_NAME": "push"}
				for _, env := range []map[string]string{pushed, nil, nil, pushed} {
					command := "run"
					if env != nil {
						command = "deploy"
					}
					code, report, printed := d.command(d.transport(), env, command)
					if code != cli.Partial || len(report.Unplanned) != 1 || report.Unplanned[0].Commit != sha || !strings.Contains(printed, "merge-unplanned") || d.fired() != 0 {
						t.Fatalf("%s: exit code %d, %d pipelines: %s", command, code, d.fired(), printed)
					}
				}
				if how == "by a later merge" {
					d.publish("b")
					d.do(cli.Partial, "run")
					d.later()
				} else {
					d.do(0, "deploy", "--commit", sha)
				}
				if report := d.do(0, "run"); d.fired() != 2 || report.Unplanned != nil {
					t.Errorf("%d pipelines: %+v", d.fired(), report.Unplanned)
				}
				if report := d.do(0, "run"); d.fired() != 2 || report.Unplanned != nil {
					t.Errorf("again: %d pipelines: %+v", d.fired(), report.Unplanned)
				}
			})
		})
	}
}

// TestPersonsMergeIsDeployed shows that a person's own merge deploys, with commits of theirs in it, and with a body that
// somebody emptied.
func TestPersonsMergeIsDeployed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"kept", "emptied"} {
		for _, pushed := range []bool{false, true} {
			t.Run(fmt.Sprintf("body %s, pushed %t", body, pushed), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					d := newDeployStage(t, 2, github.Settings{}, "")
					d.publish("a")
					d.do(0, "run", "--no-merge")
					if pushed {
						d.edit("pawl/update", "c: v1.0.0", "c: v6.6.6")
					}
					if body == "emptied" {
						d.must(nil, d.repo.Edit(1, nil, new(string)))
					}
					d.must(d.repo.Merge(1, "alice", "squash"))
					if d.do(0, "run"); d.fired() != 2 || d.counts(d.head())[0] != 1 {
						t.Errorf("%d pipelines", d.fired())
					}
				})
			})
		}
	}
}

// TestNoIsNotLost has a person close a pull request of which nothing but the ledger tells what it held: a body that was
// edited, emptied or too small for all its updates, and a repository in which 150 others changed since.
func TestNoIsNotLost(t *testing.T) {
	t.Parallel()
	const many = 200
	for name, c := range map[string]struct {
		updates int
		after   func(s *stage)
	}{
		"an emptied body":     {1, func(s *stage) { s.must(nil, s.repo.Edit(1, nil, new(string))) }},
		"an edited body":      {1, func(s *stage) { text := "not today"; s.must(nil, s.repo.Edit(1, nil, &text)) }},
		"two hundred updates": {many, func(*stage) {}},
		"a busy repository": {1, func(s *stage) {
			for i := range 150 {
				branch := fmt.Sprint("feature-", i)
				s.must(s.repo.PushOnto(s.repo.Head("main"), branch, "alice", map[string][]byte{"x": []byte(branch)}, branch))
				s.must(s.repo.Open("alice", github.NewPull{Title: branch, Head: branch}))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, noChecks, unchecked)
			s.manyApps(c.updates)
			s.run(0, "--no-merge")
			s.must(nil, s.repo.Close(1, "alice"))
			c.after(s)
			before := len(s.github.Calls())
			report := s.run(0)
			if len(report.Plan.Changes) != 0 || report.Pull != nil || len(s.repo.Log("main")) != 2 {
				t.Errorf("%d changes: %+v", len(report.Plan.Changes), report.Pull)
			}
			vetoed := 0
			for _, out := range report.Plan.Outcomes {
				if out.Reason == "vetoed" {
					vetoed++
				}
			}
			if calls := len(s.github.Calls()) - before; vetoed != c.updates || calls > 30 {
				t.Errorf("%d vetoes, %d calls", vetoed, calls)
			}
		})
	}
}

// manyApps gives the profile so many images with a newer version.
func (s *stage) manyApps(n int) {
	s.Helper()
	files, values := map[string][]byte{}, "apps:\n"
	for _, app := range []string{"a", "b", "c"} {
		values += "  " + app + ": v1.0.0 # \n"
	}
	for i := range n {
		app := fmt.Sprintf("an-application-with-a-long-name-%03d", i)
		s.registry.SetTags("org/"+app, "v1.0.0", "v1.1.0")
		values += "  " + app + ": v1.0.0 # \n"
		files["manifests/"+app+".yaml"] = fmt.Appendf(nil, "sources: {image: {kind: dockerimage, spec: {image: org/%s, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.%[1]s}}}\n", app)
	}
	files["values.yaml"] = []byte(values)
	for name, data := range files {
		s.local(name, string(data))
	}
	s.must(s.repo.Push("main", "alice", files, "many applications"))
}

// TestLedgerLost deletes the ledger of a profile in which one or two versions were merged: nothing is merged and nothing
// fired, what may be pending is named, until a person accepts the loss. A first adoption is none.
func TestLedgerLost(t *testing.T) {
	t.Parallel()
	for _, merges := range []int{1, 2} {
		t.Run(fmt.Sprint(merges), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDeployStage(t, 2, github.Settings{}, "")
				for range merges {
					d.publish("a")
					d.do(0, "run")
					d.wait(time.Minute)
				}
				d.publish("b")
				d.do(0, "run", "--no-merge")
				d.must(nil, d.repo.Close(merges+1, "alice"))
				base, fired := d.repo.Head("main"), d.fired()
				d.repo.DeleteRef("refs/pawl/ledger")
				d.publish("c")
				writes := d.stage.github.Writes()
				for _, args := range [][]string{{"run"}, {"run", "--no-merge"}, {"run", "--dry-run"}, {"deploy", "--commit", base}, {"deploy", "--project", "env-0", "--retry-unknown"}} {
					code, report, printed := d.command(d.transport(), nil, args...)
					if code != cli.Partial || report.Lost == nil || len(report.Lost.Pending) != merges || report.Lost.Pending[0].Commit != base || !strings.Contains(printed, "#ledger-lost") {
						t.Errorf("%v: exit code %d: %s", args, code, printed)
					}
				}
				if d.repo.Head("main") != base || d.fired() != fired || d.stage.github.Writes() != writes {
					t.Errorf("the base moved, or %d pipelines, or %d writing calls", d.fired()-fired, d.stage.github.Writes()-writes)
				}
				d.accept(merges)
				if d.do(0, "run"); d.value("c") == "v1.0.0" || d.value("b") != "v1.0.0" || d.fired() != fired+2 {
					t.Errorf("afterwards: c %s, b %s, %d pipelines", d.value("c"), d.value("b"), d.fired()-fired)
				}
			})
		})
	}
}

// TestLedgerBegunMeanwhile lets the very first run begin the ledger and merge after another run read that there is none and
// before that reads the pull requests: nothing is lost.
func TestLedgerBegunMeanwhile(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run"}, {"deploy"}} {
		t.Run(args[0], func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDeployStage(t, 2, github.Settings{}, "")
				d.publish("a")
				first := &meanwhile{next: d.transport(), read: make(chan struct{}), do: func() { d.do(0, "run") }}
				if args[0] == "deploy" {
					args = append(args, "--commit", d.repo.Head("main"))
				}
				code, report, printed := d.command(first, nil, args...)
				if code != cli.OK || report.Lost != nil || d.value("a") == "v1.0.0" {
					t.Errorf("exit code %d, a %s: %s", code, d.value("a"), printed)
				}
			})
		})
	}
}

// meanwhile lets the first list of pull requests wait until the ledger was read and something else was done.
type meanwhile struct {
	next  http.RoundTripper
	do    func()
	read  chan struct{}
	first sync.Once
	once  sync.Once
}

func (m *meanwhile) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/pulls") {
		m.once.Do(func() {
			<-m.read
			m.do()
		})
	}
	asked := ""
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body)
			asked = string(text)
		}
	}
	res, err := m.next.RoundTrip(r)
	if strings.Contains(asked, "ref-prefix refs/pawl/ledger") {
		m.first.Do(func() { close(m.read) })
	}
	return res, err
}

// accept accepts the loss of the ledger, first only to see.
func (d *deployStage) accept(merges int) {
	d.Helper()
	for _, args := range [][]string{{"--dry-run"}, nil, nil} {
		writes := d.stage.github.Writes()
		code, out, errs := d.stage.pawl(nil, append([]string{"ledger", "accept"}, args...)...)
		there := d.repo.Head("refs/pawl/ledger") != ""
		if code != 0 || there == (args != nil) || args != nil && d.stage.github.Writes() != writes {
			d.Errorf("%v: exit code %d, a ledger %t: %s%s", args, code, there, out, errs)
		}
		if args != nil && (strings.Count(out, "counts as deployed") != merges || !strings.Contains(out, "1 rejected version")) {
			d.Errorf("%v: %s", args, out)
		}
	}
	var pulls struct{ Pulls []ledger.Pull }
	data, _ := d.repo.File("refs/pawl/ledger", "pulls.json")
	if err := json.Unmarshal(data, &pulls); err != nil || len(pulls.Pulls) != merges+1 {
		d.Errorf("%v: %s", err, data)
	}
}

// TestLedgerLostByTrailers has commits of pawl in the history, and no pull request of the user that runs it.
func TestLedgerLostByTrailers(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.must(s.repo.Push("main", "other-bot", map[string][]byte{"notes.md": []byte("x\n")}, "a v0.9.0 -> v1.0.0\n\nPawl-Chain: 1\nPawl-Update: values.yaml $.apps.a v0.9.0 -> v1.0.0\n"))
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if report := s.run(cli.Partial); report.Lost == nil || s.value("a") != "v1.0.0" || s.github.Writes() != 0 {
		t.Errorf("%+v", report.Lost)
	}
	if code, out, errs := s.pawl(nil, "ledger", "accept"); code != 0 {
		t.Fatal(out, errs)
	}
	if s.run(0); s.value("a") != "v1.1.0" {
		t.Errorf("a is %s", s.value("a"))
	}
}

// TestPersonsPullIsLeft has a person's own pull request come from a branch with pawl's name, with commits of theirs or of
// pawl's: another branch is taken, said once, and theirs is not touched.
func TestPersonsPullIsLeft(t *testing.T) {
	t.Parallel()
	for _, commits := range []string{"theirs", "pawl's"} {
		t.Run(commits, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, noChecks)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			number := 1
			if commits == "theirs" {
				s.must(s.repo.Push("pawl/update", "alice", map[string][]byte{"notes.md": []byte("mine\n")}, "mine"))
			} else {
				s.run(0, "--no-merge")
				s.must(nil, s.repo.Close(1, "pawl-bot"))
				body := s.pull(1).Body + "\n<!-- pawl:closed -->"
				s.must(nil, s.repo.Edit(1, nil, &body))
				number = 2
			}
			s.must(s.repo.Open("alice", github.NewPull{Title: "mine", Head: "pawl/update"}))
			s.registry.SetTags("org/a", "v1.0.0", "v1.2.0")
			head := s.repo.Head("pawl/update")
			code, out, errs := s.pawl(nil, "run")
			if code != 0 || s.value("a") != "v1.2.0" || strings.Count(out, fmt.Sprintf("pull request #%d of alice", number)) != 1 || strings.Contains(out+errs, "faster") {
				t.Errorf("exit code %d, a is %s: %s%s", code, s.value("a"), out, errs)
			}
			if p := s.pull(number); s.repo.Head("pawl/update") != head || p.State != "open" || len(p.Comments)+len(p.Labels) != 0 || p.Title != "mine" {
				t.Errorf("theirs was touched: %+v", p)
			}
			if s.repo.Head("pawl/update-2") == "" {
				t.Errorf("refs: %v", s.repo.Refs())
			}
		})
	}
}

// TestBranchOfOthersIsNotMoved names a branch that exists and is not pawl's as the pull request's: it is never moved.
func TestBranchOfOthersIsNotMoved(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(s *stage) string{
		"at an older commit of the base": func(s *stage) string { return s.repo.Log("main")[1].SHA },
		"at the base":                    func(s *stage) string { return s.repo.Head("main") },
		"with commits of others": func(s *stage) string {
			s.must(s.repo.PushOnto(s.repo.Head("main"), "x", "alice", map[string][]byte{"notes.md": []byte("x\n")}, "notes"))
			return s.repo.Head("x")
		},
		"with commits of the same user": func(s *stage) string {
			s.must(s.repo.PushOnto(s.repo.Head("main"), "x", "pawl-bot", map[string][]byte{"notes.md": []byte("x\n")}, "a release"))
			return s.repo.Head("x")
		},
		"protected, with what looks like pawl's": func(s *stage) string {
			s.must(s.repo.PushOnto(s.repo.Head("main"), "x", "pawl-bot", map[string][]byte{"notes.md": []byte("x\n")}, "a v1 -> v2\n\nPawl-Chain: 1\n"))
			s.repo.Protect("release", github.Protection{Checks: []string{"ci"}})
			return s.repo.Head("x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, noChecks)
			text := strings.Replace(profileFiles(noChecks)[".pawl.yaml"], "labels:", "branch: release, labels:", 1)
			s.local(".pawl.yaml", text)
			s.must(s.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(text)}, "another branch"))
			s.must(nil, s.repo.SetBranch("release", arrange(s)))
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			at := s.repo.Head("release")
			for range 2 {
				report := s.run(0)
				if s.repo.Head("release") != at || s.value("a") != "v1.1.0" || report.Pull != nil && (report.Pull.Branch != "release-2" || len(report.Pull.Foreign) != 1) {
					t.Errorf("release is at %s, a is %s: %+v", s.repo.Head("release"), s.value("a"), report.Pull)
				}
			}
		})
	}
}

// TestQueueWithoutRequirement merges through the merge queue when nothing is required.
func TestQueueWithoutRequirement(t *testing.T) {
	t.Parallel()
	for _, arm := range []bool{true, false} {
		s := newStage(t, github.Settings{}, fmt.Sprintf("merge: {require: none, arm: %t}\n", arm))
		s.repo.Protect("main", github.Protection{Queue: true, Build: time.Minute})
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		var report run.Report
		if arm {
			report = s.run(0)
		} else {
			report = s.run(cli.Partial)
		}
		if merged := s.value("a") == "v1.1.0"; merged != arm || arm && report.Merge.By != "queue" || !arm && s.pull(1).Queued {
			t.Errorf("arm %t: %+v", arm, report.Merge)
		}
	}
}
