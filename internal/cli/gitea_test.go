package cli_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/gitea"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// giteaStage is a profile at a real Gitea, with a registry and a GitLab in memory.
type giteaStage struct {
	testing.TB
	server     *gitea.Server
	host       string
	token      string
	repository string
	root       string
	registry   *fake.Registry
	gitlab     *gitlab.Server
	project    *gitlab.Project
}

// giteas are the stages of one server: a repository for each.
func giteas(t *testing.T) func(t testing.TB, apps []string, more string) *giteaStage {
	t.Helper()
	server := gitea.Start(t)
	token := server.User(t, "bot")
	server.User(t, "alice")
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB, apps []string, more string) *giteaStage {
		t.Helper()
		s := &giteaStage{TB: t, server: server, host: at.Host, token: token, root: t.TempDir(), gitlab: gitlab.New(gitlab.Options{Now: time.Now})}
		s.project = s.gitlab.Create("group/env", gitlab.Settings{Triggers: []string{"trigger"}, Readers: []string{"reader"}})
		tags := map[string][]string{}
		files := map[string]string{"values.yaml": "apps:\n"}
		for _, app := range apps {
			tags["org/"+app] = []string{"v1.0.0"}
			files["values.yaml"] += "  " + app + ": v1.0.0\n"
			files["manifests/"+app+".yaml"] = fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: org/%s, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.%s}}}\n", app, app)
		}
		files[".gitea/workflows/docker-image.yaml"] = "on: {workflow_dispatch: {inputs: {image: {type: string}, tag: {type: string}}}}\njobs: {run: {runs-on: ubuntu-latest, steps: [{run: pawl run}]}}\n"
		s.registry = fake.NewRegistry(fake.RegistryOptions{Tags: tags})
		s.repository = server.Repository(t, "bot", nil)
		files[".pawl.yaml"] = fmt.Sprintf("forge: {kind: gitea, url: '%s', repository: %s, labels: [dependencies]}\n%sdeploy: {projects: [{name: env, url: '%s', secret: TRIGGER, api: READER}]}\n",
			server.URL, s.repository, more, s.project.TriggerPathURL())
		server.Commit(t, server.Admin, s.repository, "main", "the profile", files)
		for name, text := range files {
			file := filepath.Join(s.root, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
}

// unset is the token of a stage without any.
const unset = "no token at all"

// pawl runs a command over a way to Gitea, nil for the network itself.
func (s *giteaStage) pawl(over http.RoundTripper, args ...string) (code int, printed string) {
	s.Helper()
	return s.pawlUntil(s.Context(), over, args...)
}

func (s *giteaStage) pawlUntil(ctx context.Context, over http.RoundTripper, args ...string) (code int, printed string) {
	s.Helper()
	if over == nil {
		over = http.DefaultTransport
	}
	env := map[string]string{"MERGE_TOKEN": s.token, "TRIGGER": "trigger", "READER": "reader"}
	if s.token == unset {
		delete(env, "MERGE_TOKEN")
	}
	var out, errs strings.Builder
	code = cli.Run(ctx, append(args, "--root", s.root), cli.System{
		Out: &out, Err: &errs, Now: time.Now, Sleep: httpx.Sleep, Transport: hosts{s.host: over, "gitlab.example": s.gitlab.RoundTripper(), "": fake.Network{"index.docker.io": s.registry}},
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	printed = out.String() + errs.String()
	if strings.Contains(printed, s.token) {
		s.Errorf("the token is printed: %s", printed)
	}
	return code, printed
}

func (s *giteaStage) run(want int, args ...string) string {
	s.Helper()
	code, printed := s.pawl(nil, append([]string{"run"}, args...)...)
	if code != want {
		s.Fatalf("exit code %d, want %d: %s", code, want, printed)
	}
	return printed
}

// get reads a list of the API as the administrator.
func (s *giteaStage) list(path string) []map[string]any {
	s.Helper()
	return s.server.List(s, s.server.Admin, "repos/"+s.repository+path)
}

// file is a file of the base.
func (s *giteaStage) file(path string) string {
	s.Helper()
	return s.server.Raw(s, s.server.Admin, s.repository, "main", path)
}

// pulls are the states of all pull requests: open, merged or closed.
func (s *giteaStage) pulls() []string {
	s.Helper()
	var all []string
	for _, p := range s.list("/pulls?state=all&limit=50") {
		state := p["state"].(string)
		if p["merged"].(bool) {
			state = "merged"
		}
		all = append(all, state)
	}
	slices.Sort(all)
	return all
}

// commits counts those of the base, and fails for an empty one.
func (s *giteaStage) commits() int {
	s.Helper()
	all := s.list("/commits?sha=main&limit=50&files=true")
	for _, c := range all {
		if files, _ := c["files"].([]any); len(files) == 0 {
			s.Errorf("an empty commit: %v", c["commit"].(map[string]any)["message"])
		}
	}
	return len(all)
}

// pipelines counts those of the project.
func (s *giteaStage) pipelines() int { return len(s.project.Pipelines()) }

func (s *giteaStage) publish(app, version string) { s.registry.SetTags("org/"+app, "v1.0.0", version) }

// TestGiteaStory is the job at a real Gitea: a version appears, is proposed, merged, deployed, and a person's no stands.
func TestGiteaStory(t *testing.T) {
	stage := giteas(t)
	s := stage(t, []string{"a", "b"}, "merge: {require: none}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	began := time.Now()
	printed := s.run(0)
	t.Logf("one run: %v\n%s", time.Since(began), printed)
	if got := s.file("values.yaml"); got != "apps:\n  a: v1.1.0\n  b: v1.0.0\n" {
		t.Errorf("the base holds %q", got)
	}
	if fmt.Sprint(s.pulls()) != "[merged]" || s.commits() != 2 || s.pipelines() != 1 {
		t.Errorf("%v, %d commits, %d pipelines", s.pulls(), s.commits(), s.pipelines())
	}
	if url := s.project.Pipelines()[0].Variables["CD_COMMIT_URL"]; url != s.server.URL+"/"+s.repository+"/commit/"+s.list("/commits?sha=main")[0]["sha"].(string) {
		t.Errorf("the pipeline is told of %s", url)
	}
	s.run(0) // nothing to do
	if s.commits() != 2 || s.pipelines() != 1 || len(s.pulls()) != 1 {
		t.Errorf("a run without anything to do did something")
	}

	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0") // a person says no
	s.run(0, "--no-merge")
	s.server.Call(t, s.server.Admin, http.MethodPatch, "repos/"+s.repository+"/pulls/2", map[string]any{"state": "closed"})
	if s.run(0); s.file("values.yaml") != "apps:\n  a: v1.1.0\n  b: v1.0.0\n" || len(s.pulls()) != 2 {
		t.Errorf("a person's no is overruled: %v", s.pulls())
	}
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0", "v1.2.0") // and something newer appears
	if s.run(0); s.file("values.yaml") != "apps:\n  a: v1.1.0\n  b: v1.2.0\n" || s.pipelines() != 2 {
		t.Errorf("%s, %d pipelines", s.file("values.yaml"), s.pipelines())
	}

	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.3.0") // a person works on the branch
	s.run(0, "--no-merge")
	s.server.Commit(t, s.server.Admin, s.repository, "pawl/update", "a note", map[string]string{"notes.md": "wait"})
	time.Sleep(2 * time.Second)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.4.0")
	if s.run(0); s.file("values.yaml") != "apps:\n  a: v1.4.0\n  b: v1.2.0\n" {
		t.Errorf("the base holds %q", s.file("values.yaml"))
	}
	if got := s.server.Raw(t, s.server.Admin, s.repository, "pawl/update", "notes.md"); got != "wait" {
		t.Errorf("what a person pushed is lost: %q", got)
	}
	code, said := s.pawl(nil, "quarantine", "org/a:v1.4.0", "--reason", "it is broken") // somebody on call bars it
	if code != 0 || !strings.Contains(said, "started docker-image.yaml") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if s.run(0); s.file("values.yaml") != "apps:\n  a: v1.1.0\n  b: v1.2.0\n" {
		t.Errorf("the base holds %q", s.file("values.yaml"))
	}
	if code, said := s.pawl(nil, "status"); code != 0 || !strings.Contains(said, "it is broken") {
		t.Errorf("exit code %d: %s", code, said)
	}
	s.dispatch()
	for token, want := range map[string]string{"a-token-that-is-none": "#unauthorized", "": "#no-token"} {
		other := *s
		if other.token = token; token == "" {
			other.token = unset
		}
		if code, said := other.pawl(nil, "run"); code == 0 || !strings.Contains(said, want) {
			t.Errorf("with the token %q: exit code %d: %s", token, code, said)
		}
	}
	if n := len(s.list("/git/refs/pawl")); n != 1 {
		t.Errorf("%d refs below refs/pawl, want the ledger's alone", n)
	}
}

// TestGiteaDemo is the whole demonstration at a real Gitea, in an empty repository.
func TestGiteaDemo(t *testing.T) {
	server := gitea.Start(t)
	token := server.User(t, "bot")
	repository := server.Repository(t, "bot", nil)
	demo := func(token string, args ...string) (int, string) {
		var out, errs strings.Builder
		code := cli.Run(t.Context(), append([]string{"demo", "--keep", filepath.Join(t.TempDir(), "demo")}, args...), cli.System{Out: &out, Err: &errs, Now: time.Now, Sleep: httpx.Sleep,
			Env: func(name string) (string, bool) { return token, name == "MERGE_TOKEN" && token != "" }})
		if token != "" && strings.Contains(out.String()+errs.String(), token) {
			t.Error("the token is printed")
		}
		return code, out.String() + errs.String()
	}
	code, said := demo(token, "--forge", "gitea", server.URL+"/"+repository)
	t.Log(said)
	if code != cli.OK || !strings.Contains(said, "look at the pull requests at "+server.URL+"/"+repository) {
		t.Fatalf("exit code %d", code)
	}
	merged := 0
	for _, p := range server.List(t, server.Admin, "repos/"+repository+"/pulls?state=all") {
		if p["merged"].(bool) {
			merged++
		}
	}
	if merged != 3 {
		t.Errorf("%d pull requests were merged", merged)
	}
	for name, c := range map[string]struct {
		token string
		args  []string
		want  int
		says  string
	}{
		"it is not empty":   {token, []string{"--forge", "gitea", server.URL + "/" + repository}, cli.Failure, "is not empty"},
		"no token":          {"", []string{"--forge", "gitea", server.URL + "/" + repository}, cli.Usage, "set MERGE_TOKEN"},
		"no address":        {token, []string{"--forge", "gitea"}, cli.Usage, "is missing"},
		"no repository":     {token, []string{"--forge", "gitea", server.URL}, cli.Usage, "names no repository"},
		"another forge":     {token, []string{"--forge", "svn", server.URL}, cli.Usage, "want gitea"},
		"a token that none": {"nobodys-token", []string{"--forge", "gitea", server.URL + "/" + repository}, cli.Failure, "MERGE_TOKEN"},
	} {
		if code, said := demo(c.token, c.args...); code != c.want || !strings.Contains(said, c.says) {
			t.Errorf("%s: exit code %d: %s", name, code, said)
		}
	}
}

// dispatch tells the profile of an image, as the build does.
func (s *giteaStage) dispatch() {
	s.Helper()
	env := map[string]string{"GITHUB_API_URL": s.server.URL + "/api/v1", "DOWNSTREAM_IMAGE_PROFILE": s.repository + ":" + s.token}
	var out, errs strings.Builder
	code := cli.Run(s.Context(), []string{"dispatch", "--image", "org/a:v1.5.0", "--tag", "v1.5.0"}, cli.System{Out: &out, Err: &errs, Now: time.Now, Sleep: httpx.Sleep,
		Env:     func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() []string { return []string{"DOWNSTREAM_IMAGE_PROFILE=" + env["DOWNSTREAM_IMAGE_PROFILE"]} }})
	if code != 0 {
		s.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
	}
	runs := s.server.Call(s, s.server.Admin, http.MethodGet, "repos/"+s.repository+"/actions/runs", nil)
	if n, _ := runs["total_count"].(float64); n != 2 { // the brake started one, too
		s.Errorf("%v runs were started", n)
	}
}

// TestGiteaKilled kills a run at each of its requests to Gitea.
func TestGiteaKilled(t *testing.T) {
	stage := giteas(t)
	killedAnywhere(t, func(t *testing.T) killable { return stage(t, []string{"a"}, "merge: {require: none}\n") })
}

// TestGiteaRace lets many runs go at once at a Gitea.
func TestGiteaRace(t *testing.T) {
	stage := giteas(t)
	raced(t, func(t *testing.T, apps []string) killable { return stage(t, apps, "merge: {require: none}\n") })
}
