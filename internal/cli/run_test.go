package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/conformance"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// canary is the token of the tests; each of its spellings is another text.
const canary = "c4nary/t0ken+with=all&sorts%of"

// stage is a registry and a GitHub in memory, with a profile of three images that is checked out in root.
type stage struct {
	*testing.T
	registry *fake.Registry
	network  fake.Network
	github   *github.Server
	repo     *github.Repo
	root     string

	mu  sync.Mutex
	now time.Time
	// bubble says that the clock is the one of a bubble of synctest, where time passes only while all wait.
	bubble bool
}

func profileFiles(more string) map[string]string {
	files := map[string]string{".pawl.yaml": "forge: {repository: acme/profile, labels: [dependencies]}\n" + more}
	values := "# versions\napps:\n"
	for _, app := range []string{"a", "b", "c"} {
		files["manifests/"+app+".yaml"] = fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: org/%s, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.%s}}}\n", app, app)
		values += fmt.Sprintf("  %s: v1.0.0 # %s\n", app, app)
	}
	files["values.yaml"] = values
	return files
}

var described = sync.OnceValues(conformance.FromEnvironment)

// unchecked is for stages that do again what others do, and for answers that GitHub never gave: nothing is held against
// its description.
func unchecked(o *github.Options) { o.Check = nil }

func newStage(t *testing.T, settings github.Settings, config string, adjust ...func(*github.Options)) *stage {
	t.Helper()
	s := &stage{T: t, root: t.TempDir(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.registry = fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/a": {"v1.0.0"}, "org/b": {"v1.0.0"}, "org/c": {"v1.0.0"}}})
	s.network = fake.Network{"index.docker.io": s.registry}
	options := github.Options{Now: s.clock, Identities: map[string]github.Identity{canary: {Login: "pawl-bot"}}}
	if all, err := described(); err != nil {
		t.Fatal(err)
	} else if all != nil {
		checker := all.Checker()
		options.Check = checker.Exchange
		t.Cleanup(func() {
			for _, v := range checker.Violations() {
				t.Errorf("violation: %s", v)
			}
		})
	}
	for _, change := range adjust {
		change(&options)
	}
	s.github = github.New(options)
	s.repo = s.github.Create("acme/profile", settings)
	files := map[string][]byte{}
	for name, text := range profileFiles(config) {
		files[name] = []byte(text)
		s.local(name, text)
	}
	if _, err := s.repo.Push("main", "alice", files, "the profile"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) local(name, text string) {
	s.Helper()
	file := filepath.Join(s.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) clock() time.Time {
	if s.bubble {
		return time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) sleep(ctx context.Context, d time.Duration) error {
	if s.bubble {
		return bubbleSleep(ctx, d)
	}
	s.mu.Lock()
	s.now = s.now.Add(d)
	s.mu.Unlock()
	return ctx.Err()
}

// pawl runs a command against the stage.
func (s *stage) pawl(env map[string]string, args ...string) (code int, stdout, stderr string) {
	s.Helper()
	var out, errs strings.Builder
	code = cli.Run(s.Context(), append(args, "--root", s.root), cli.System{
		Out: &out, Err: &errs, Now: s.clock, Sleep: s.sleep,
		Transport: router{s.github.RoundTripper(), s.network},
		Env: func(name string) (string, bool) {
			if name == "MERGE_TOKEN" && env[name] == "" {
				return canary, true
			}
			v, ok := env[name]
			if v == "-" {
				return "", false
			}
			return v, ok
		},
	})
	s.secret("what was printed", out.String()+errs.String())
	return code, out.String(), errs.String()
}

// router sends GitHub's requests to the fake and all others to the network in memory.
type router struct{ github, others http.RoundTripper }

func (r router) RoundTrip(req *http.Request) (*http.Response, error) {
	if toGitHub(req) {
		return r.github.RoundTrip(req)
	}
	return r.others.RoundTrip(req)
}

// run runs the whole job and returns its report.
func (s *stage) run(want int, args ...string) run.Report {
	s.Helper()
	code, out, errs := s.pawl(nil, append([]string{"run", "--output", "json"}, args...)...)
	var report run.Report
	if err := json.Unmarshal([]byte(out), &report); code != want || err != nil && want != cli.Failure && want != cli.Usage {
		s.Fatalf("exit code %d, want %d: %v\n%s%s", code, want, err, out, errs)
	}
	if out != "" {
		valid(s.T, out)
	}
	return report
}

func (s *stage) value(app string) string {
	s.Helper()
	data, ok := s.repo.File("main", "values.yaml")
	if !ok {
		s.Fatal("the base lost its values")
	}
	_, rest, _ := strings.Cut(string(data), "  "+app+": ")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

const noChecks = "merge: {require: none}\n"

// TestRunMerges is the happy path: from a new tag to a merged commit with exactly the changed value; a second run does
// nothing.
func TestRunMerges(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	report := s.run(0, "--image", "org/a:v1.1.0", "--upstream", "https://ci.example/7")
	if report.Merge == nil || report.Merge.Outcome != "merged" || report.Pull.Done != "opened" {
		t.Fatalf("report: %+v", report.Merge)
	}
	before := profileFiles(noChecks)["values.yaml"]
	if got, _ := s.repo.File("main", "values.yaml"); string(got) != strings.Replace(before, "a: v1.0.0", "a: v1.1.0", 1) {
		t.Errorf("the base holds %q", got)
	}
	log := s.repo.Log("main")
	if len(log) != 2 || !strings.HasPrefix(log[0].Message, "a v1.0.0 -> v1.1.0") || len(log[0].Parents) != 1 {
		t.Errorf("log: %+v", log)
	}
	if u := change.ParseTrailers(log[0].Message).Updates; len(u) != 1 || u[0].New != "v1.1.0" || u[0].File != "values.yaml" {
		t.Errorf("trailers: %+v", u)
	}
	pull := s.repo.Pulls()[0]
	if !pull.Merged || !strings.Contains(pull.Body, "ci.example/7") || fmt.Sprint(pull.Labels) != "[dependencies]" {
		t.Errorf("pull request: %+v", pull)
	}
	if report.Calls > 45 {
		t.Errorf("%d calls of the forge", report.Calls)
	}
	t.Logf("%d calls, %d of them writing", report.Calls, s.github.Writes())

	writes := s.github.Writes()
	if again := s.run(0); again.Pull != nil || len(again.Plan.Changes) > 0 || s.github.Writes() != writes {
		t.Errorf("a second run wrote %d times: %+v", s.github.Writes()-writes, again)
	}
}

// TestRunDry writes nothing, and needs no token.
func TestRunDry(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	for _, env := range []map[string]string{nil, {"MERGE_TOKEN": "-"}} {
		code, out, errs := s.pawl(env, "run", "--dry-run")
		const proposal = "would propose: a v1.0.0 -> v1.1.0\n  - a v1.0.0 -> v1.1.0 in values.yaml\n  Pawl-Chain: "
		if code != 0 || s.github.Writes() != 0 || !strings.Contains(out, proposal) || strings.Contains(out, `\u`) {
			t.Errorf("exit code %d, %d writing calls: %s%s", code, s.github.Writes(), out, errs)
		}
	}
	if code, _, errs := s.pawl(map[string]string{"MERGE_TOKEN": "-"}, "run"); code != cli.Usage || !strings.Contains(errs, "set MERGE_TOKEN") {
		t.Errorf("without a token: exit code %d, %s", code, errs)
	}
	if code, out, _ := s.pawl(map[string]string{"PAWL_PAUSE": "release week"}, "run"); code != 0 || s.github.Writes() != 0 || !strings.Contains(out, "would propose") || !strings.Contains(out, "paused: release week") {
		t.Errorf("a pause: exit code %d, %d writing calls: %s", code, s.github.Writes(), out)
	}
}

// TestRunAuthority lists what keeps a run from merging, and what it says.
func TestRunAuthority(t *testing.T) {
	t.Parallel()
	green := func(string) []github.Check { return []github.Check{{Name: "ci", Conclusion: "success"}} }
	red := func(string) []github.Check { return []github.Check{{Name: "ci", Conclusion: "failure"}} }
	slow := func(string) []github.Check {
		return []github.Check{{Name: "ci", Conclusion: "success", After: 5 * time.Minute}}
	}
	for _, c := range []struct {
		name     string
		settings github.Settings
		config   string
		env      map[string]string
		args     []string
		code     int
		merged   bool
		says     string
	}{
		{"no checks required, said so", github.Settings{}, noChecks, nil, nil, 0, true, "merge: merged"},
		{"nothing said", github.Settings{}, "", nil, nil, 3, false, "require"},
		{"green", github.Settings{CI: green}, "merge: {require: [ci]}\n", nil, nil, 0, true, "merge: merged"},
		{"green after a while", github.Settings{CI: slow}, "merge: {require: [ci]}\n", nil, nil, 0, true, "merge: merged"},
		{"too slow", github.Settings{CI: slow}, "merge: {require: [ci], wait: 1m}\n", nil, nil, 3, false, "merge: pending"},
		{"red", github.Settings{CI: red}, "merge: {require: [ci]}\n", nil, nil, 3, false, "merge: refused"},
		{"no check at all", github.Settings{}, "merge: {require: [ci]}\n", nil, nil, 3, false, "MERGE_TOKEN"},
		{"only another check", github.Settings{CI: green}, "merge: {require: [lint], wait: 2m}\n", nil, nil, 3, false, "required check"},
		{"off", github.Settings{}, "merge: off\n", nil, nil, 0, false, "merge: refused"},
		{"told not to", github.Settings{}, noChecks, nil, []string{"--no-merge"}, 0, false, "pull request #1: opened"},
		{"after a push", github.Settings{}, noChecks, map[string]string{"GITHUB_EVENT_NAME": "push"}, nil, 0, false, "review"},
		{"method not allowed", github.Settings{NoSquash: true}, noChecks, nil, nil, 3, false, "method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.settings, c.config)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			code, out, errs := s.pawl(c.env, append([]string{"run"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit code %d, want %d and %q: %s%s", code, c.code, c.says, out, errs)
			}
			if merged := s.value("a") == "v1.1.0"; merged != c.merged || len(s.repo.Pulls()) != 1 {
				t.Errorf("merged %t, %d pull requests: %s", merged, len(s.repo.Pulls()), out)
			}
		})
	}
}

// TestRunPeople shows that what people do is respected: a revert, a closed pull request, a label, a commit on the branch.
func TestRunPeople(t *testing.T) {
	t.Parallel()
	t.Run("a revert stays", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.run(0)
		if _, err := s.repo.Revert("main", "alice", s.repo.Head("main")); err != nil {
			t.Fatal(err)
		}
		if report := s.run(0); s.value("a") != "v1.0.0" || report.Plan.Outcomes[0].Reason != "people-edit" {
			t.Errorf("%s: %+v", s.value("a"), report.Plan.Outcomes[0])
		}
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		if s.run(0); s.value("a") != "v1.2.0" {
			t.Errorf("something newer is not proposed: %s", s.value("a"))
		}
	})
	t.Run("a closed pull request is a veto", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
		s.run(0, "--no-merge")
		if err := s.repo.Close(1, "alice"); err != nil {
			t.Fatal(err)
		}
		s.registry.SetTags("org/c", "v1.0.0", "v1.1.0")
		if s.run(0); s.value("a") != "v1.0.0" || s.value("b") != "v1.0.0" || s.value("c") != "v1.1.0" {
			t.Errorf("a %s, b %s, c %s", s.value("a"), s.value("b"), s.value("c"))
		}
	})
	t.Run("the label keeps it", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		if code, out, _ := s.pawl(map[string]string{"GITHUB_EVENT_NAME": "push"}, "run"); code != 0 {
			t.Fatal(out)
		}
		s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
		if report := s.run(0); s.value("a") != "v1.0.0" || report.Pull.Done != "updated" || report.Merge.Decision.Code != change.UnderReview {
			t.Errorf("%+v %+v", report.Pull, report.Merge)
		}
		if err := s.repo.Unlabel(1, "pawl/review"); err != nil {
			t.Fatal(err)
		}
		if s.run(0); s.value("a") != "v1.1.0" || s.value("b") != "v1.1.0" {
			t.Errorf("a %s, b %s", s.value("a"), s.value("b"))
		}
	})
	t.Run("a person's commit is left alone", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.run(0, "--no-merge")
		pushed, err := s.repo.Push("pawl/update", "alice", map[string][]byte{"notes.md": []byte("wait\n")}, "notes")
		if err != nil {
			t.Fatal(err)
		}
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		report := s.run(0)
		if s.repo.Head("pawl/update") != pushed || len(report.Pull.Foreign) != 1 {
			t.Errorf("the branch is at %s, report %+v", s.repo.Head("pawl/update"), report.Pull)
		}
		if _, there := s.repo.File("main", "notes.md"); there || s.value("a") != "v1.2.0" {
			t.Errorf("a is %s, the person's file on the base: %t", s.value("a"), there)
		}
		s.run(0)
		if first, _ := s.repo.Pull(1); first.State != "open" || len(first.Comments) != 1 || !strings.Contains(first.Comments[0], "#2") {
			t.Errorf("the person's pull request: %+v", first)
		}
	})
	t.Run("nothing left closes it", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.run(0, "--no-merge")
		s.registry.SetTags("org/a", "v1.0.0")
		if report := s.run(0); len(report.Withdrawn) != 1 || s.repo.Pulls()[0].State != "closed" {
			t.Errorf("%+v, %+v", report.Withdrawn, s.repo.Pulls())
		}
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		if s.run(0); s.value("a") != "v1.1.0" {
			t.Errorf("what pawl itself closed counts as rejected: %s", s.value("a"))
		}
	})
	t.Run("other manifests on the base", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.local("manifests/a.yaml", strings.Replace(profileFiles("")["manifests/a.yaml"], "^1.0.0", "^2.0.0", 1))
		if code, _, errs := s.pawl(nil, "run"); code != cli.Usage || !strings.Contains(errs, "manifests/a.yaml") || !strings.Contains(errs, "--from root") || s.github.Writes() != 0 {
			t.Errorf("exit code %d: %s", code, errs)
		}
		s.run(0, "--from", "root")
	})
	t.Run("more manifests on the base", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		for _, name := range []string{"manifests/d.yaml", "manifests/notes.md"} {
			if _, err := s.repo.Push("main", "alice", map[string][]byte{name: []byte("x\n")}, "more"); err != nil {
				t.Fatal(err)
			}
		}
		if code, _, errs := s.pawl(nil, "run"); code != cli.Usage || !strings.Contains(errs, "manifests/d.yaml: not as on the branch main") {
			t.Errorf("exit code %d: %s", code, errs)
		}
		if err := os.Remove(filepath.Join(s.root, ".pawl.yaml")); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := s.pawl(map[string]string{"GITHUB_REPOSITORY": "acme/profile"}, "run"); code != cli.Usage || !strings.Contains(errs, ".pawl.yaml and 1 more") {
			t.Errorf("without its configuration: exit code %d: %s", code, errs)
		}
	})
}

// TestRunTells shows that what happened is told even when something fails afterwards, and that failing to tell it is
// pawl's own failure.
func TestRunTells(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	merged := false
	s.github.Inject(github.Fault{Times: 1000, Status: 500, Match: func(c github.Call) bool {
		was := merged
		merged = merged || strings.HasSuffix(c.Path, "/merge")
		return c.Writing && was
	}})
	output := filepath.Join(t.TempDir(), "output")
	code, out, errs := s.pawl(map[string]string{"GITHUB_OUTPUT": output}, "run")
	told, err := os.ReadFile(output)
	if code != cli.Failure || !strings.Contains(out, "merge: merged") || err != nil || !strings.Contains(string(told), s.repo.Head("main")) {
		t.Errorf("exit code %d, outputs %q: %s%s", code, told, out, errs)
	}
	if !strings.Contains(errs, "ledger") || !strings.Contains(errs, "500") {
		t.Errorf("what failed is not said: %s", errs)
	}
	s.github.Heal()
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
	if code, out, errs := s.pawl(map[string]string{"GITHUB_STEP_SUMMARY": t.TempDir()}, "run"); code != cli.Failure || s.value("b") != "v1.1.0" {
		t.Errorf("a summary that cannot be written: exit code %d: %s%s", code, out, errs)
	}
	if code, _, _ := s.pawl(nil, "run", "-o", "bogus"); code != cli.Usage {
		t.Errorf("an unknown form: exit code %d", code)
	}
	for _, says := range []string{"1 update merged: pull request &#35;3.", "Everything is current."} { // the summary begins with it
		if strings.HasPrefix(says, "1") {
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		}
		summary := filepath.Join(t.TempDir(), "summary")
		code, out, errs := s.pawl(map[string]string{"GITHUB_STEP_SUMMARY": summary}, "run")
		if told, err := os.ReadFile(summary); code != cli.OK || err != nil || !strings.HasPrefix(string(told), says+"\n\n") {
			t.Errorf("exit code %d, summary %q, want %q: %s%s", code, told, says, out, errs)
		}
	}
}
