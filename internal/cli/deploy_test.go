package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/run"
)

// deployStage is a stage with a GitLab, on the clock of a bubble: what stalls there costs no time. Projects with an odd
// number have a token that may read their pipelines.
type deployStage struct {
	*stage
	gitlab   *gitlab.Server
	projects []*gitlab.Project
	env      map[string]string
	tags     int
}

func newDeployStage(t *testing.T, projects int, settings github.Settings, more string) *deployStage {
	t.Helper()
	d := &deployStage{env: map[string]string{"MERGE_TOKEN": canary}, tags: 1}
	d.gitlab = gitlab.New(gitlab.Options{Now: func() time.Time { return d.clock() }})
	config := noChecks + "deploy:\n  projects:\n"
	for i := range projects {
		trigger, reader := fmt.Sprintf("c4nary-trigger-%d", i), fmt.Sprintf("c4nary-reader-%d", i)
		p := d.gitlab.Create(fmt.Sprintf("group/env-%d", i), gitlab.Settings{Triggers: []string{trigger}, Readers: []string{reader}})
		d.projects = append(d.projects, p)
		d.env[fmt.Sprintf("TRIGGER_%d", i)] = trigger
		api := ""
		if i%2 == 1 {
			d.env[fmt.Sprintf("READER_%d", i)] = reader
			api = fmt.Sprintf(", api: READER_%d", i)
		}
		config += fmt.Sprintf("    - {name: env-%d, url: '%s', secret: TRIGGER_%d%s}\n", i, p.TriggerPathURL(), i, api)
	}
	var adjust []func(*github.Options)
	if strings.Contains(t.Name(), "/") { // one of many
		adjust = append(adjust, unchecked)
	}
	d.stage = newStage(t, settings, config+more, adjust...)
	return d
}

// publish makes the next version of an image.
func (d *deployStage) publish(app string) string {
	d.tags++
	tag := fmt.Sprintf("v1.%d.0", d.tags)
	d.registry.SetTags("org/"+app, "v1.0.0", tag)
	return tag
}

// wait lets time pass.
func (d *deployStage) wait(by time.Duration) { _ = d.sleep(d.Context(), by) }

// transport is the way to all hosts of the stage.
func (d *deployStage) transport() http.RoundTripper {
	return hosts{"api.github.com": d.stage.github.RoundTripper(), "github.com": d.stage.github.RoundTripper(), "gitlab.example": d.gitlab.RoundTripper(), "": fake.Network{"index.docker.io": d.registry}}
}

// hosts sends requests by their host, all others to the one without a name.
type hosts map[string]http.RoundTripper

func (h hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	if to, ok := h[req.URL.Host]; ok {
		return to.RoundTrip(req)
	}
	return h[""].RoundTrip(req)
}

// command runs pawl over a transport and returns its exit code, what it printed, and the report in it.
func (d *deployStage) command(over http.RoundTripper, env map[string]string, args ...string) (code int, report run.Report, printed string) {
	d.Helper()
	return d.commandAt(0, over, env, args...)
}

// commandAt is command with a clock that is wrong.
func (d *deployStage) commandAt(clock time.Duration, over http.RoundTripper, env map[string]string, args ...string) (code int, report run.Report, printed string) {
	d.Helper()
	var out, errs strings.Builder
	code = cli.Run(d.Context(), append(args, "--output", "json", "--root", d.root), cli.System{
		Out: &out, Err: &errs, Now: func() time.Time { return d.clock().Add(clock) }, Sleep: d.sleep, Transport: over,
		Env: func(name string) (string, bool) {
			if v, ok := env[name]; ok {
				return strings.TrimPrefix(v, "-"), v != "-"
			}
			v, ok := d.env[name]
			return v, ok
		},
	})
	printed = out.String() + errs.String()
	for _, secret := range d.env {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret)} {
			if strings.Contains(printed, form) {
				d.Errorf("a token is shown: %s", printed)
			}
		}
	}
	if out.Len() > 0 {
		if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
			d.Fatalf("%v: %s", err, printed)
		}
	}
	return code, report, printed
}

// do runs a command that has to end with a code.
func (d *deployStage) do(want int, args ...string) run.Report {
	d.Helper()
	code, report, printed := d.command(d.transport(), nil, args...)
	if code != want {
		d.Fatalf("%v: exit code %d, want %d: %s", args, code, want, printed)
	}
	return report
}

// head is the page of the newest commit.
func (d *deployStage) head() string {
	return "https://github.com/acme/profile/commit/" + d.repo.Head("main")
}

// counts are the pipelines of each project for a commit.
func (d *deployStage) counts(page string) []int {
	all := make([]int, len(d.projects))
	for i, p := range d.projects {
		all[i] = p.Count(page)
	}
	return all
}

// bubble runs a test on a clock of its own.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// TestDeploy is the whole job: from a new tag to one pipeline for each project, which is told exactly what GitLab's side
// expects; a second run fires and writes nothing.
func TestDeploy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 3, github.Settings{}, "")
		tag := d.publish("a")
		report := d.do(0, "run")
		want := map[string]string{"CD_UPDATE_PROFILE": "true", "CD_MESSAGE": "a v1.0.0 -> " + tag, "CD_COMMIT_URL": d.head()}
		for i, p := range d.projects {
			made := p.Pipelines()
			if len(made) != 1 || made[0].Ref != "main" {
				t.Fatalf("project %d: %+v", i, made)
			}
			delete(made[0].Variables, "TRIGGER_PAYLOAD") // GitLab's own: the whole request
			if diff := cmp.Diff(want, made[0].Variables); diff != "" {
				t.Errorf("project %d: %s", i, diff)
			}
			told := report.Deploy.Triggers[i]
			if told.State != "accepted" || !told.Fired || told.PipelineID != made[0].ID || !strings.Contains(told.URL, fmt.Sprint(made[0].ID)) {
				t.Errorf("the report says %+v", told)
			}
		}
		t.Logf("%d calls of GitHub, %d of GitLab", report.Calls, len(d.gitlab.Requests()))
		writes, calls := d.stage.github.Writes(), len(d.gitlab.Requests())
		d.do(0, "run")
		d.do(0, "deploy", "--commit", d.repo.Head("main"))
		if d.stage.github.Writes() != writes || len(d.gitlab.Requests()) != calls {
			t.Errorf("%d writes and %d requests more", d.stage.github.Writes()-writes, len(d.gitlab.Requests())-calls)
		}
	})
}

// TestDeployFault lets one of five projects fail in each way: the others fire, the summary says which did not and what to
// do, and the next runs fire only what certainly was not accepted.
func TestDeployFault(t *testing.T) {
	t.Parallel()
	for name, fault := range gitlab.Faults() {
		for _, bad := range []int{0, 1} { // without and with a token that reads
			t.Run(fmt.Sprintf("%s, project %d", name, bad), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					d := newDeployStage(t, 5, github.Settings{}, "")
					d.projects[bad].Inject(fault)
					d.publish("a")
					code, report, printed := d.command(d.transport(), nil, "run")
					failed := slices.DeleteFunc(report.Deploy.Triggers, func(t run.Trigger) bool { return !t.Failed() })
					if (code == cli.Partial) != (len(failed) > 0) || len(failed) > 1 || len(failed) == 1 && (failed[0].Project != fmt.Sprintf("env-%d", bad) || failed[0].Hint == "" || failed[0].Detail == "") {
						t.Fatalf("exit code %d, failed %+v: %s", code, failed, printed)
					}
					page := d.head()
					for i, n := range d.counts(page) {
						if i != bad && n != 1 || n > 1 {
							t.Errorf("%d pipelines of project %d", n, i)
						}
					}
					d.projects[bad].Heal()
					unknown := len(failed) > 0 && failed[0].State == "unknown"
					for range 3 {
						d.wait(11 * time.Minute)
						code, report, printed = d.command(d.transport(), nil, "run")
					}
					switch got := d.projects[bad].Count(page); {
					case bad%2 == 1 && (got != 1 || code != 0):
						t.Errorf("with a reading token: %d pipelines, exit code %d: %s", got, code, printed)
					case unknown && bad%2 == 0 && (got > 1 || code != cli.Partial || !strings.Contains(printed, "--retry-unknown")):
						t.Errorf("unknown: %d pipelines, exit code %d: %s", got, code, printed)
					case !unknown && (got != 1 || code != 0):
						t.Errorf("certain: %d pipelines, exit code %d: %s", got, code, printed)
					}
					if unknown && bad%2 == 0 {
						before := d.projects[bad].Count(page)
						d.do(0, "deploy", "--project", "env-0", "--retry-unknown")
						if d.do(0, "run"); d.projects[bad].Count(page) != before+1 {
							t.Errorf("a person retried: %d pipelines after %d", d.projects[bad].Count(page), before)
						}
					}
				})
			})
		}
	}
}

// deploySeeds is how many seeds the long tests run.
func deploySeeds() int {
	n, err := strconv.Atoi(os.Getenv("PAWL_SEEDS"))
	if err != nil {
		return 5
	}
	return n
}

// mortal is the network of a process that dies at one request to a forge: before it is sent, or before its answer is
// read.
type mortal struct {
	next  http.RoundTripper
	after bool

	mu   sync.Mutex
	left int
}

var errDead = errors.New("the process is dead")

func (m *mortal) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == "index.docker.io" {
		return m.next.RoundTrip(req) // looking changes nothing
	}
	m.mu.Lock()
	m.left--
	left := m.left
	m.mu.Unlock()
	switch {
	case left > 0:
		return m.next.RoundTrip(req)
	case left == 0 && m.after:
		if res, err := m.next.RoundTrip(req); err == nil {
			_ = res.Body.Close()
		}
	}
	return nil, errDead
}

// TestDeploySeeds lets runs die and projects fail at random, and then runs exactly once more: with a token that reads, each
// project ends with one pipeline for the last commit and no commit has two; without, none has two and what is not known is
// named.
func TestDeploySeeds(t *testing.T) {
	t.Parallel()
	for seed := range deploySeeds() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(seed), 1))
				d := newDeployStage(t, 4, github.Settings{}, "")
				all := gitlab.Faults()
				names := slices.Sorted(func(yield func(string) bool) {
					for n := range all {
						if !yield(n) {
							return
						}
					}
				})
				for range 4 {
					d.publish(string(rune('a' + random.IntN(3))))
					for _, p := range d.projects {
						if random.IntN(2) == 0 {
							p.Inject(all[names[random.IntN(len(names))]])
						}
					}
					d.command(&mortal{next: d.transport(), left: 1 + random.IntN(60), after: random.IntN(2) == 0}, nil, "run")
					d.wait(time.Duration(random.IntN(900)) * time.Second)
				}
				for _, p := range d.projects {
					p.Heal()
				}
				d.wait(time.Duration(random.IntN(120)) * time.Second)
				_, report, _ := d.command(d.transport(), nil, "run") // exactly one more
				for key, n := range d.gitlab.Counts() {
					if n > 1 {
						t.Errorf("%d pipelines of %s for %s", n, key.Project, key.CommitURL)
					}
				}
				for i, n := range d.counts(d.head()) {
					named := slices.ContainsFunc(report.Deploy.Triggers, func(t run.Trigger) bool {
						return t.Project == fmt.Sprintf("env-%d", i) && t.State == "unknown" && strings.HasSuffix(d.head(), t.Commit)
					})
					if n != 1 && (i%2 == 1 || !named) {
						t.Errorf("project %d has %d pipelines for the last commit: %+v", i, n, report.Deploy.Triggers)
					}
				}
			})
		})
	}
}

// TestDeployRace lets `pawl run` and a `pawl deploy` that the same merge started fire at the same time.
func TestDeployRace(t *testing.T) {
	t.Parallel()
	for seed := range deploySeeds() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDeployStage(t, 3, github.Settings{}, "")
				d.publish("a")
				d.command(&mortal{next: d.transport(), left: 100}, nil, "run", "--no-merge")
				if _, err := d.repo.Merge(1, "alice", "squash"); err != nil {
					t.Fatal(err)
				}
				var group sync.WaitGroup
				for i := range 4 {
					args := []string{"run"}
					if i%2 == 0 {
						args = []string{"deploy", "--commit", d.repo.Head("main")}
					}
					late := time.Duration((seed*7+i*3)%11) * time.Millisecond
					group.Go(func() {
						time.Sleep(late)
						if code, _, printed := d.command(jitter{d.transport(), uint64(seed*10 + i)}, nil, args...); code != 0 {
							t.Errorf("%v: exit code %d: %s", args, code, printed)
						}
					})
				}
				group.Wait()
				if got := d.counts(d.head()); !slices.Equal(got, []int{1, 1, 1}) {
					t.Errorf("pipelines %v", got)
				}
			})
		})
	}
}

// jitter makes each request to GitHub take its own time.
type jitter struct {
	next http.RoundTripper
	seed uint64
}

func (j jitter) RoundTrip(req *http.Request) (*http.Response, error) {
	if !toGitHub(req) {
		return j.next.RoundTrip(req)
	}
	n := rand.New(rand.NewPCG(j.seed, uint64(len(req.URL.Path)*31+int(req.Method[0])))).IntN(10)
	time.Sleep(time.Duration(n) * time.Millisecond)
	return j.next.RoundTrip(req)
}

// TestDeployLater completes what a run did not get to: a merge that came too late, by a person, or before a run died.
func TestDeployLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		d.publish("a")
		d.do(0, "run", "--no-merge")
		if _, err := d.repo.Merge(1, "alice", "squash"); err != nil {
			t.Fatal(err)
		}
		if got := d.counts(d.head()); !slices.Equal(got, []int{0, 0}) {
			t.Fatalf("pipelines before any run: %v", got)
		}
		d.wait(time.Minute)
		d.do(0, "run")
		if got := d.counts(d.head()); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("pipelines %v", got)
		}
	})
}

// TestDeployPaths fires only the projects that consume what was changed, and says so of the others.
func TestDeployPaths(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 1, github.Settings{}, "    - {name: other, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: TRIGGER_0, paths: [other.yaml]}\n")
		d.publish("a")
		report := d.do(0, "run")
		states := map[string]string{}
		for _, trigger := range report.Deploy.Triggers {
			states[trigger.Project] = trigger.State
		}
		if diff := cmp.Diff(map[string]string{"env-0": "accepted", "other": "untouched"}, states); diff != "" || len(d.projects[0].Pipelines()) != 1 {
			t.Errorf("%s; %d pipelines", diff, len(d.projects[0].Pipelines()))
		}
		d.do(0, "deploy", "--commit", d.repo.Head("main"), "--changed", "other.yaml", "--project", "other")
		if n := len(d.projects[0].Pipelines()); n != 2 {
			t.Errorf("%d pipelines after a change of the other file", n)
		}
	})
}

// TestDeployBurst merges ten times inside a minute: the last commit has its pipeline, and none has two.
func TestDeployBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		for i := range 10 {
			d.publish(string(rune('a' + i%3)))
			if i%3 == 2 {
				d.do(0, "run")
			} else {
				d.do(0, "run", "--no-merge")
				if _, err := d.repo.Merge(d.repo.Pulls()[len(d.repo.Pulls())-1].Number, "alice", "squash"); err != nil {
					t.Fatal(err)
				}
			}
			d.wait(6 * time.Second)
		}
		d.do(0, "run")
		if got := d.counts(d.head()); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("pipelines of the last commit: %v", got)
		}
		if n := len(d.projects[0].Pipelines()); n > 8 {
			t.Errorf("%d pipelines for ten merges", n)
		}
	})
}

// TestDeployFromPush is the two-workflow layout: the push event says which commit.
func TestDeployFromPush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "  by: push\n")
		d.publish("a")
		if report := d.do(0, "run"); report.Deploy != nil || len(d.gitlab.Requests()) != 0 {
			t.Fatalf("the run fired: %+v", report.Deploy)
		}
		event := func(ref, after, message string) map[string]string {
			file := filepath.Join(t.TempDir(), "event.json")
			data, _ := json.Marshal(map[string]any{
				"ref": ref, "after": after, "repository": map[string]any{"default_branch": "main"},
				"head_commit": map[string]any{"id": after, "message": message, "url": d.head(), "timestamp": "2026-03-01T12:00:00Z"},
				"commits":     []any{map[string]any{"modified": []string{"values.yaml"}}},
			})
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": file}
		}
		for _, env := range []map[string]string{
			event("refs/heads/feature", d.repo.Head("main"), "x"),
			event("refs/heads/main", strings.Repeat("0", 40), "x"),
		} {
			if code, _, printed := d.command(d.transport(), env, "deploy"); code != 0 || len(d.gitlab.Requests()) != 0 {
				t.Errorf("exit code %d: %s", code, printed)
			}
		}
		hostile := "update \"it\" `id` $(id) 🚀 [skip ci] [CI SKIP]\x1b[31m\nsecond line"
		if code, _, printed := d.command(d.transport(), event("refs/heads/main", d.repo.Head("main"), hostile), "deploy"); code != 0 {
			t.Fatalf("exit code %d: %s", code, printed)
		}
		said := d.projects[0].Pipelines()[0].Variables["CD_MESSAGE"]
		if got := d.counts(d.head()); !slices.Equal(got, []int{1, 1}) || !strings.HasPrefix(said, "update \"it\" `id` $(id) 🚀") ||
			strings.Contains(strings.ToLower(said), "[skip ci]") || strings.Contains(strings.ToLower(said), "[ci skip]") || strings.ContainsAny(said, "\n\x1b") {
			t.Errorf("pipelines %v, message %q", got, said)
		}
	})
}

// TestDeployRefused names every fault of the configuration before anything is written.
func TestDeployRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		d.publish("a")
		for _, c := range []struct {
			env  map[string]string
			args []string
			says string
		}{
			{map[string]string{"TRIGGER_0": "-"}, []string{"run"}, "TRIGGER_0"},
			{map[string]string{"READER_1": "-"}, []string{"deploy"}, "READER_1"},
			{nil, []string{"deploy", "--project", "nobody"}, "nobody"},
			{nil, []string{"deploy", "--retry-unknown"}, "--project"},
			{map[string]string{"MERGE_TOKEN": "-"}, []string{"deploy", "--commit", "abc"}, "MERGE_TOKEN"},
		} {
			code, _, printed := d.command(d.transport(), c.env, c.args...)
			if code != cli.Usage || !strings.Contains(printed, c.says) || !strings.Contains(printed, "hint") || d.stage.github.Writes() != 0 {
				t.Errorf("%v: exit code %d: %s", c.args, code, printed)
			}
		}
		if code, report, printed := d.command(d.transport(), map[string]string{"TRIGGER_0": "-"}, "run", "--dry-run"); code != 0 || len(report.Preview.Triggers) != 2 || len(d.gitlab.Requests()) != 0 {
			t.Errorf("a dry run: exit code %d: %s", code, printed)
		}
	})
}

// TestDeployFollows waits for the pipelines' ends where a token may read them.
func TestDeployFollows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "  wait: 10m\n")
		d.projects[1].SetStatuses("created", "running", "failed")
		d.publish("a")
		if report := d.do(cli.Partial, "run"); report.Deploy.Triggers[1].Status != "failed" || report.Deploy.Triggers[0].Status == "failed" {
			t.Errorf("%+v", report.Deploy.Triggers)
		}
	})
}
