package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
)

// declaredInputs are the inputs that the .gitlab-ci.yml of `pawl init` declares, with their patterns, and the variables that hand them on.
func declaredInputs(t *testing.T) (patterns, variables map[string]string) {
	t.Helper()
	f, err := os.Open("../scaffold/testdata/gitlab-ci.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var head struct {
		Spec struct {
			Inputs map[string]struct{ Regex string }
		}
	}
	var jobs struct {
		Pawl struct{ Variables map[string]string }
	}
	dec := yaml.NewDecoder(f)
	if err := dec.Decode(&head); err != nil {
		t.Fatal(err)
	}
	if err := dec.Decode(&jobs); err != nil {
		t.Fatal(err)
	}
	patterns = map[string]string{}
	for name, input := range head.Spec.Inputs {
		patterns[name] = input.Regex
	}
	return patterns, jobs.Pawl.Variables
}

// TestDispatchAtGitLab tells projects at a GitLab beside repositories at GitHub, each with its own token, and says what became of each.
func TestDispatchAtGitLab(t *testing.T) {
	t.Parallel()
	const secret = "glptt-canary"
	patterns, _ := declaredInputs(t)
	for _, tt := range []struct {
		name     string
		settings gitlab.Settings
		environ  []string
		args     []string
		code     int
		out      string
		errs     []string
		made     int
	}{
		{"told", gitlab.Settings{Inputs: patterns, NoVariables: true}, nil, nil, 0, "dispatched  gitlab.example/group/sub/profile  https://gitlab.example/group/sub/profile/-/pipelines/1\n", nil, 1},
		{"both", gitlab.Settings{Inputs: patterns}, []string{"DOWNSTREAM_IMAGE_HUB=org/a:tok:en"}, nil, 0, "/-/pipelines/1\ndispatched  org/a\n", nil, 1},
		{"one failed", gitlab.Settings{}, []string{"DOWNSTREAM_IMAGE_HUB=org/a:tok:en"}, nil, 3, "failed  gitlab.example/group/sub/profile\ndispatched  org/a\n",
			[]string{"starting a pipeline of gitlab.example/group/sub/profile: gitlab answers 422: Given inputs not defined", "declare the input below spec.inputs", "error: 1 of 2 targets"}, 1},
		{"failed", gitlab.Settings{Inputs: patterns}, nil, []string{"--image", "org/app:v1 $(id)"}, 1, "failed", []string{"does not match required RegEx pattern", "correct --image"}, 1},
		{"no such branch", gitlab.Settings{Inputs: patterns}, nil, []string{"--ref", "dev"}, 1, "failed", []string{"Reference not found", `"dev": name one with --ref`}, 0},
		{"another token", gitlab.Settings{Inputs: patterns, Triggers: []string{"other"}}, nil, []string{"--soft-fail"}, 0, "failed", []string{"404: 404 Not Found", "Pipeline trigger tokens", "--soft-fail"}, 0},
		{"dry", gitlab.Settings{Inputs: patterns}, nil, []string{"--dry-run"}, 0, `would send {"ref":"main","inputs":{"upstream":"https://circleci.example/7","image":"mojaloop/central-ledger:v19.13.0-infitx.27","tag":"minor-infitx"}}` +
			"\ndry-run  gitlab.example/group/sub/profile  POST https://gitlab.example/api/v4/projects/group%2Fsub%2Fprofile/trigger/pipeline  DOWNSTREAM_IMAGE_LAB\n", nil, 0},
		{"malformed", gitlab.Settings{}, []string{"DOWNSTREAM_IMAGE_X=https://gitlab.example/group/profile:" + secret}, nil, 4, "", []string{"target in DOWNSTREAM_IMAGE_X: it holds a URL", "/trigger/pipeline:TOKEN"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lab := gitlab.New(gitlab.Options{})
			if tt.settings.Triggers == nil {
				tt.settings.Triggers = []string{secret}
			}
			project := lab.Create("group/sub/profile", tt.settings)
			environ := circle(append(tt.environ, "GITHUB_ACTIONS=true", "DOWNSTREAM_IMAGE_LAB="+project.TriggerPathURL()+":"+secret)...)
			got := pawl(t, environ, hosts{"gitlab.example": lab.RoundTripper(), "api.github.com": hub(t).RoundTripper(), "": fake.Network{}}, append([]string{"dispatch", "-v"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.out, tt.out) {
				t.Errorf("exit code %d, want %d; stdout %q, want %q", got.code, tt.code, got.out, tt.out)
			}
			for _, want := range tt.errs {
				if !strings.Contains(got.errs, want) {
					t.Errorf("stderr lacks %q: %s", want, got.errs)
				}
			}
			if strings.Contains(got.out+got.errs, "canary") || strings.Contains(got.out+got.errs, "tok:en") {
				t.Errorf("a token is shown: %+v", got)
			}
			if n := len(project.Pipelines()); n != tt.made {
				t.Errorf("%d pipelines, want %d", n, tt.made)
			}
			for _, r := range lab.Requests() {
				if strings.Contains(r.Path+r.Query+fmt.Sprint(r.Header), "canary") || strings.Contains(string(r.Body), "tok:en") {
					t.Errorf("a token stands where it must not: %s %s %s", r, r.Header, r.Body)
				}
			}
		})
	}
}

// TestDispatchAtGitLabJSON is the contract for a pipeline that was started.
func TestDispatchAtGitLabJSON(t *testing.T) {
	t.Parallel()
	patterns, _ := declaredInputs(t)
	lab := gitlab.New(gitlab.Options{})
	lab.Create("group/profile", gitlab.Settings{ID: 19, Triggers: []string{"t"}, Inputs: patterns})
	const url = "https://gitlab.example/api/v4/projects/19/trigger/pipeline"
	got := pawl(t, circle("DOWNSTREAM_IMAGE_A="+url+":t"), lab.RoundTripper(), "dispatch", "--output", "json")
	var have struct{ Targets []map[string]any }
	want := []map[string]any{{"repository": "gitlab.example/19", "variable": "DOWNSTREAM_IMAGE_A", "url": url, "outcome": "dispatched",
		"pipeline": map[string]any{"id": 1., "web_url": "https://gitlab.example/group/profile/-/pipelines/1"}}}
	if err := json.Unmarshal([]byte(got.out), &have); err != nil || got.code != 0 {
		t.Fatalf("exit code %d, %v: %s", got.code, err, got.out)
	}
	if diff := cmp.Diff(want, have.Targets); diff != "" {
		t.Error(diff)
	}
}

// TestDispatchReachesTheRun is the whole way: what a build says starts a pipeline with inputs, GitLab pastes them into the jobs that
// `pawl init` writes, and the run reads them from its environment.
func TestDispatchReachesTheRun(t *testing.T) {
	t.Parallel()
	patterns, variables := declaredInputs(t)
	s := newGitLabStage(t, "merge: {require: none}\n")
	profile := s.lab.Create("group/profile", gitlab.Settings{Triggers: []string{"tell"}, Inputs: patterns, NoVariables: true})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	told := pawl(t, []string{"DOWNSTREAM_IMAGE_P=" + profile.TriggerURL() + ":tell"}, s.lab.RoundTripper(), "dispatch", "--image", "org/a", "--tag", "v1.1.0", "--upstream", "https://ci.example/build/7?x=1&y=2")
	all := profile.Pipelines()
	if told.code != 0 || len(all) != 1 {
		t.Fatalf("%+v, %d pipelines", told, len(all))
	}
	s.job = map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": all[0].Source}
	for name, value := range variables {
		for input := range patterns {
			said, _ := all[0].Inputs[input].(string)
			value = strings.ReplaceAll(value, "$[[ inputs."+input+" ]]", said)
		}
		s.job[name] = value
	}
	s.run(0)
	if r := s.server.Requests()[0]; s.values() != "a: v1.1.0 b: v1.0.0" || !strings.Contains(r.Body, "https://ci.example/build/7?x=1&y=2") {
		t.Errorf("%s, %s", s.values(), r.Body)
	}
}
