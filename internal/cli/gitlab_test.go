package cli_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fake/gitlab/merging"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// gitLabStage is a profile at a GitLab, and the project that it deploys to.
type gitLabStage struct {
	*testing.T
	server   *merging.Server
	root     string
	registry *fake.Registry
	// job is what a job of GitLab's has in its environment besides.
	job     map[string]string
	lab     *gitlab.Server
	project *gitlab.Project
}

func newGitLabStage(t *testing.T, more string, apps ...string) *gitLabStage {
	t.Helper()
	if apps == nil {
		apps = []string{"a", "b"}
	}
	s := &gitLabStage{T: t, server: merging.Serve(t, "bot", "alice"), root: t.TempDir(), lab: gitlab.New(gitlab.Options{Now: time.Now})}
	s.project = s.lab.Create("group/env", gitlab.Settings{Triggers: []string{"trigger"}, Readers: []string{"reader"}})
	tags := map[string][]string{}
	files := map[string]string{"values.yaml": "apps:\n"}
	for _, app := range apps {
		tags["org/"+app] = []string{"v1.0.0"}
		files["values.yaml"] += "  " + app + ": v1.0.0\n"
		files["manifests/"+app+".yaml"] = fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: org/%s, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.%[1]s}}}\n", app)
	}
	s.registry = fake.NewRegistry(fake.RegistryOptions{Tags: tags})
	files[".pawl.yaml"] = fmt.Sprintf("forge: {kind: gitlab, url: '%s', repository: %s, labels: [dependencies]}\n%sdeploy: {projects: [{name: env, url: '%s', secret: TRIGGER, api: READER}]}\n",
		s.server.Address, merging.Path, more, s.project.TriggerPathURL())
	s.server.Commit("refs/heads/main", files)
	for name, text := range files {
		file := filepath.Join(s.root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// run is the whole job.
func (s *gitLabStage) run(want int, args ...string) string {
	s.Helper()
	return s.pawl(want, append([]string{"run", "--root", s.root}, args...)...)
}

// pawl is a command.
func (s *gitLabStage) pawl(want int, args ...string) string {
	s.Helper()
	code, printed := s.command(s.Context(), http.DefaultTransport, args)
	if code != want {
		s.Fatalf("%s: exit code %d, want %d: %s", args, code, want, printed)
	}
	return printed
}

// pawlUntil is a command in the checkout, until the context ends, over a way to GitLab.
func (s *gitLabStage) pawlUntil(ctx context.Context, over http.RoundTripper, args ...string) (code int, printed string) {
	s.Helper()
	if over == nil {
		over = http.DefaultTransport
	}
	return s.command(ctx, over, append(args, "--root", s.root))
}

func (s *gitLabStage) command(ctx context.Context, over http.RoundTripper, args []string) (code int, printed string) {
	s.Helper()
	env := map[string]string{"MERGE_TOKEN": "bot-token", "TRIGGER": "trigger", "READER": "reader"}
	maps.Copy(env, s.job)
	var out strings.Builder
	code = cli.Run(ctx, args, cli.System{
		Out: &out, Err: &out, Now: time.Now, Sleep: httpx.Sleep,
		Transport: hosts{strings.TrimPrefix(s.server.Address, "http://"): over, "gitlab.example": s.lab.RoundTripper(), "": fake.Network{"index.docker.io": s.registry}},
		Env:       func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	if strings.Contains(out.String(), "bot-token") {
		s.Errorf("%s: the token is printed: %s", args, out.String())
	}
	return code, out.String()
}

func (s *gitLabStage) publish(app, version string) { s.registry.SetTags("org/"+app, "v1.0.0", version) }

// file is a file of the base.
func (s *gitLabStage) file(path string) string { return s.server.Git("show", "main:"+path) + "\n" }

// pulls are the states of all merge requests.
func (s *gitLabStage) pulls() []string {
	all := strings.Fields(strings.ReplaceAll(s.states(), "opened", "open"))
	slices.Sort(all)
	return all
}

// commits counts those of the base, and fails for an empty one.
func (s *gitLabStage) commits() int {
	all := strings.Fields(s.server.Git("log", "--first-parent", "--format=%H", "main"))
	for _, c := range all {
		if s.server.Git("diff-tree", "--root", "-m", "--first-parent", "--name-only", "-r", "--no-commit-id", c) == "" {
			s.Errorf("an empty commit: %s", c)
		}
	}
	return len(all)
}

func (s *gitLabStage) pipelines() int { return len(s.project.Pipelines()) }

// values are those of a and b on the base.
func (s *gitLabStage) values() string {
	return strings.Join(strings.Fields(s.server.Git("show", "main:values.yaml"))[1:], " ")
}

// states are those of all merge requests.
func (s *gitLabStage) states() string {
	var all []string
	for _, r := range s.server.Requests() {
		all = append(all, r.State)
	}
	return strings.Join(all, " ")
}

// TestGitLabStory is the job at a GitLab: a version appears, is proposed, merged, deployed, and a person's no stands.
func TestGitLabStory(t *testing.T) {
	t.Parallel()
	s := newGitLabStage(t, "merge: {require: none}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	if s.values() != "a: v1.1.0 b: v1.0.0" || s.states() != "merged" || len(s.project.Pipelines()) != 1 {
		t.Fatalf("%s, %s, %d pipelines", s.values(), s.states(), len(s.project.Pipelines()))
	}
	if told, want := s.project.Pipelines()[0].Variables["CD_COMMIT_URL"], s.server.Address+"/"+merging.Path+"/-/commit/"+s.server.Git("rev-parse", "main"); told != want {
		t.Errorf("the pipeline is told of %s, want %s", told, want)
	}
	if r := s.server.Requests()[0]; r.Author.Name != "bot" || r.Merger.Name != "bot" || fmt.Sprint(r.Labels) != "[dependencies]" || r.Armed {
		t.Errorf("the merge request is %+v", r)
	}
	s.run(0) // nothing to do
	if s.states() != "merged" || len(s.project.Pipelines()) != 1 {
		t.Errorf("a run without anything to do did something: %s", s.states())
	}

	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0") // a person says no
	s.run(0, "--no-merge")
	s.server.Change(2, func(r *merging.Request) { r.State, r.Closer, r.Closed = "closed", s.server.User("alice"), time.Now() })
	if s.run(0); s.values() != "a: v1.1.0 b: v1.0.0" || s.states() != "merged closed" {
		t.Errorf("a person's no is overruled: %s, %s", s.values(), s.states())
	}
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0", "v1.2.0") // and something newer appears
	if s.run(0); s.values() != "a: v1.1.0 b: v1.2.0" || s.states() != "merged closed merged" || len(s.project.Pipelines()) != 2 {
		t.Errorf("%s, %s, %d pipelines", s.values(), s.states(), len(s.project.Pipelines()))
	}
}

// TestGitLabPipelines merges only what a pipeline of that very commit has validated, where the project demands one.
func TestGitLabPipelines(t *testing.T) {
	t.Parallel()
	s := newGitLabStage(t, "merge: {wait: 3s}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if said := s.run(3); !strings.Contains(said, "require") || s.states() != "opened" {
		t.Errorf("without any demand it is %s: %s", s.states(), said)
	}
	s.server.Set(func(x *merging.Settings) { x.MustSucceed = true })
	of := func(status string) {
		s.server.Run(s.server.Requests()[0].SHA, "refs/merge-requests/1/head", "merge_request_event", status)
	}
	for _, status := range []string{"running", "failed"} {
		of(status)
		if said := s.run(3); s.states() != "opened" || !strings.Contains(said, "gitlab/pipeline") || strings.Contains(said, "GITHUB_TOKEN") {
			t.Errorf("a pipeline that is %s: %s: %s", status, s.states(), said)
		}
	}
	of("success")
	if s.run(0); s.values() != "a: v1.1.0 b: v1.0.0" || s.states() != "merged" || len(s.project.Pipelines()) != 1 {
		t.Errorf("%s, %s, %d pipelines", s.values(), s.states(), len(s.project.Pipelines()))
	}
}

// TestGitLabBrakes pulls and lifts brakes of a profile at a GitLab, in a checkout and without one. No workflow of GitHub's is asked
// for, and none is named.
func TestGitLabBrakes(t *testing.T) {
	t.Parallel()
	s := newGitLabStage(t, "merge: {require: none}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	there := []string{"--forge", "gitlab", "--repository", s.server.Address + "/" + merging.Path}
	said := s.pawl(0, "hold", "a", "--reason", "wait", "--root", s.root)
	if strings.Contains(said, "github") || strings.Contains(said, "404") || !strings.Contains(said, "start it with pawl run") {
		t.Errorf("the brake says %s", said)
	}
	if said := s.pawl(cli.Usage, "hold", "a", "--reason", "wait", "--dispatch", "--root", s.root); !strings.Contains(said, "has no workflow") || !strings.Contains(said, "without --dispatch") {
		t.Errorf("what cannot be sent says %s", said)
	}
	if s.run(0); s.values() != "a: v1.0.0 b: v1.0.0" {
		t.Errorf("the brake does not hold: %s", s.values())
	}
	if said := s.pawl(0, append([]string{"status"}, there...)...); !strings.Contains(said, "hold") || !strings.Contains(said, "wait") {
		t.Errorf("status says %s", said)
	}
	s.pawl(0, append([]string{"unhold", "a"}, there...)...)
	if s.run(0); s.values() != "a: v1.1.0 b: v1.0.0" {
		t.Errorf("a lifted brake holds: %s", s.values())
	}
}

// TestGitLabEvents tells of the profile by its own address, not by one at GitHub.
func TestGitLabEvents(t *testing.T) {
	t.Parallel()
	s := newGitLabStage(t, "merge: {require: none}\nevents: {sinks: [{type: file, path: events.jsonl}]}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	told, err := os.ReadFile(filepath.Join(s.root, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(told), "github.com/group") || strings.Contains(string(told), `"source":"https://github.com"`) || !strings.Contains(string(told), s.server.Address+"/"+merging.Path) {
		t.Errorf("the events are %s", told)
	}
}

// TestGitLabInputs takes the hints of a dispatch from the job's variables as they are: an announced tag is waited for, and the build
// is named; what a person pushed is left to people.
func TestGitLabInputs(t *testing.T) {
	t.Parallel()
	s := newGitLabStage(t, "merge: {require: none}\n")
	s.job = map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "trigger", "PAWL_IMAGE": "org/a", "PAWL_TAG": "v1.1.0", "PAWL_UPSTREAM": "https://ci.example/build/7"}
	if said := s.run(0, "--settle", "1ms"); !strings.Contains(said, "v1.1.0") || s.values() != "a: v1.0.0 b: v1.0.0" {
		t.Errorf("the tag is not listed yet: %s: %s", s.values(), said)
	}
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	if r := s.server.Requests()[0]; s.values() != "a: v1.1.0 b: v1.0.0" || !strings.Contains(r.Body, "https://ci.example/build/7") {
		t.Errorf("%s, %s", s.values(), r.Body)
	}
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
	s.job = map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}
	if s.run(0); s.states() != "merged opened" || !strings.Contains(fmt.Sprint(s.server.Requests()[1].Labels), "pawl/review") {
		t.Errorf("%s, %v", s.states(), s.server.Requests()[1].Labels)
	}
}

// TestGitLabInit writes the jobs once, keeps what a person made of them, and never touches a person's own file, also with --force.
func TestGitLabInit(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{".git/config": "[remote \"origin\"]\n\turl = git@gitlab.example:group/sub/profile.git\n", ".git/HEAD": "ref: refs/heads/main\n", "values.yaml": "image: org/a:v1.0.0\n"} {
		writeFile(t, filepath.Join(root, name), text)
	}
	file := filepath.Join(root, ".gitlab-ci.yml")
	run := func(want string, more ...string) {
		t.Helper()
		code, out, errs := execute(t, nil, false, append([]string{"init", "--root", root}, more...)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want %q: %s%s", code, want, out, errs)
		}
	}
	run("write    .gitlab-ci.yml: the jobs that update and check")
	made := readFile(t, file)
	run("same     .gitlab-ci.yml")
	run("next     GitLab, Settings > CI/CD > Variables: MERGE_TOKEN, protected")
	writeFile(t, file, strings.Replace(made, "45 minutes", "2 hours", 1))
	run("keep     .gitlab-ci.yml: it runs pawl, and differs from the new one")
	run("replace  .gitlab-ci.yml", "--force")
	if readFile(t, file) != made {
		t.Error("it is not the one that init makes")
	}
	writeFile(t, file, made+"lint: {script: make}\n")
	run("it runs pawl beside other jobs", "--force")
	const own = "lint: {script: make}\n"
	if readFile(t, file) != made+own {
		t.Error("a person's job is gone")
	}
	writeFile(t, file, own)
	run("write    .gitlab/pawl.gitlab-ci.yml", "--force")
	run("same     .gitlab/pawl.gitlab-ci.yml")
	if readFile(t, file) != own {
		t.Error("a person's file is gone")
	}
}

// TestGitLabDeploy fires for all that a push brought, which may be several commits, whatever the last of them changed; a clone that is not
// deep enough for that, or a new branch, concerns every project.
func TestGitLabDeploy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change map[string]string
		depth  string
		newly  bool
		fired  int
	}{
		"an earlier commit":       {map[string]string{"values.yaml": "apps:\n  a: v1.1.0\n  b: v1.0.0\n"}, "20", false, 1},
		"nothing that it deploys": {map[string]string{"OTHER.md": "x"}, "20", false, 0},
		"not deep enough":         {map[string]string{"OTHER.md": "x"}, "1", false, 1},
		"a new branch":            {map[string]string{"OTHER.md": "x"}, "20", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGitLabStage(t, "merge: {require: none}\n")
			before := s.server.Git("rev-parse", "main")
			s.server.Commit("refs/heads/main", c.change)
			s.server.Commit("refs/heads/main", map[string]string{"README.md": "the last commit"})
			if out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", "--depth", c.depth, "--branch", "main", "file://"+s.server.Dir, s.root+"/clone").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if c.newly {
				before = strings.Repeat("0", 40)
			}
			s.job = map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_SHA": s.server.Git("rev-parse", "main"), "CI_COMMIT_BEFORE_SHA": before}
			for range 2 { // once for each commit
				s.pawl(0, "deploy", "--root", s.root+"/clone")
			}
			all := s.project.Pipelines()
			if len(all) != c.fired || c.fired > 0 && !strings.HasSuffix(all[0].Variables["CD_COMMIT_URL"], s.job["CI_COMMIT_SHA"]) {
				t.Errorf("%d pipelines, want %d: %+v", len(all), c.fired, all)
			}
		})
	}
}

// TestGitLabSays ends the log of a job with one sentence on what happened; elsewhere there is none.
func TestGitLabSays(t *testing.T) {
	t.Parallel()
	s := newGitLabStage(t, "merge: {require: none}\n")
	s.job = map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "schedule"}
	ends := func(said, want string) {
		t.Helper()
		if lines := strings.Split(strings.TrimSpace(said), "\n"); lines[len(lines)-1] != "pawl: info: "+want {
			t.Errorf("it ends with %q, want %q", lines[len(lines)-1], want)
		}
	}
	ends(s.run(0), "Everything is current.")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	ends(s.run(0), "1 update merged: pull request #1, 1 pipeline started.")
	ends(s.pawl(0, "deploy", "--root", s.root, "--commit", s.server.Git("rev-parse", "main")), "No pipeline started.")
	s.job = nil
	if said := s.run(0); strings.Contains(said, "Everything is current.") {
		t.Errorf("outside of a job it says %s", said)
	}
}

// methods are how a GitLab merges.
var methods = []string{"ff", "merge", "rebase_merge"}

// TestGitLabKilled kills a run at each of its requests to GitLab.
func TestGitLabKilled(t *testing.T) {
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			killedAnywhere(t, func(t *testing.T) killable {
				s := newGitLabStage(t, "merge: {require: none}\n", "a")
				s.server.Set(func(all *merging.Settings) { all.Method = method })
				return s
			})
		})
	}
}

// TestGitLabRace lets many runs go at once at a GitLab.
func TestGitLabRace(t *testing.T) {
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			raced(t, func(t *testing.T, apps []string) killable {
				s := newGitLabStage(t, "merge: {require: none}\n", apps...)
				s.server.Set(func(all *merging.Settings) { all.Method = method })
				return s
			})
		})
	}
}
