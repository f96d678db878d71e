package dispatch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/dispatch"
)

func lookup(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestFill(t *testing.T) {
	t.Parallel()
	job := map[string]string{"CIRCLE_PROJECT_REPONAME": "central-ledger", "PACKAGE_VERSION": "19.13.0-infitx.27",
		"RELEASE_TAG": "minor-infitx", "CIRCLE_BUILD_URL": "https://circleci.example/gh/mojaloop/central-ledger/7"}
	with := func(name, value string) map[string]string {
		all := map[string]string{name: value}
		for k, v := range job {
			if k != name {
				all[k] = v
			}
		}
		return all
	}
	const built, build = "mojaloop/central-ledger:v19.13.0-infitx.27", "https://circleci.example/gh/mojaloop/central-ledger/7"
	tests := []struct {
		name  string
		given dispatch.Inputs
		env   map[string]string
		want  dispatch.Inputs
		err   error
	}{
		{"all from the job", dispatch.Inputs{}, job, dispatch.Inputs{Upstream: build, Image: built, Tag: "minor-infitx"}, nil},
		{"another organization", dispatch.Inputs{}, with("DOCKER_ORG", "infitx"), dispatch.Inputs{Upstream: build, Image: "infitx/central-ledger:v19.13.0-infitx.27", Tag: "minor-infitx"}, nil},
		{"an empty organization", dispatch.Inputs{}, with("DOCKER_ORG", ""), dispatch.Inputs{Upstream: build, Image: built, Tag: "minor-infitx"}, nil},
		{"flags win", dispatch.Inputs{Image: "ghcr.io/infitx-org/release-cd", Tag: "v1.52.0", Upstream: "u"}, job, dispatch.Inputs{Image: "ghcr.io/infitx-org/release-cd", Tag: "v1.52.0", Upstream: "u"}, nil},
		{"a chart takes no image of the job", dispatch.Inputs{Chart: "mojaloop"}, job, dispatch.Inputs{Upstream: build, Chart: "mojaloop", Tag: "minor-infitx"}, nil},
		{"image and chart", dispatch.Inputs{Chart: "c", Image: "i"}, nil, dispatch.Inputs{Chart: "c", Image: "i"}, nil},
		{"no version", dispatch.Inputs{}, with("PACKAGE_VERSION", ""), dispatch.Inputs{Upstream: build, Tag: "minor-infitx"}, dispatch.ErrNothing},
		{"no repository", dispatch.Inputs{}, with("CIRCLE_PROJECT_REPONAME", ""), dispatch.Inputs{Upstream: build, Tag: "minor-infitx"}, dispatch.ErrNothing},
	}
	for _, tt := range tests {
		got, err := tt.given.Fill(lookup(tt.env))
		if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
			t.Errorf("%s: error %v, want %v: %s", tt.name, err, tt.err, diff)
		}
	}
}

func TestBodyOmitsWhatIsEmpty(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(dispatch.Request{Ref: "main", Inputs: dispatch.Inputs{Chart: `a "b"`, Tag: "main@8a213de"}})
	if want := `{"ref":"main","inputs":{"chart":"a \"b\"","tag":"main@8a213de"}}`; string(got) != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	environ := []string{
		"DOWNSTREAM_IMAGE_Z=org/b:one", "DOWNSTREAM_IMAGE_A=org/c:a:b=c:", "PATH=/bin", "MY_DOWNSTREAM_IMAGE_X=no", "DOWNSTREAM_IMAGE=no",
		"DOWNSTREAM_IMAGE_B=Org/B:two", "DOWNSTREAM_IMAGE_=org/a.b_c:pasted\n", "DOWNSTREAM_IMAGE_NOT",
	}
	got, err := dispatch.Targets(environ, dispatch.DefaultPrefix)
	want := []dispatch.Target{
		{Repository: "org/a.b_c", Variable: "DOWNSTREAM_IMAGE_", Token: "pasted"},
		{Repository: "Org/B", Variable: "DOWNSTREAM_IMAGE_B", Token: "two", Others: []string{"DOWNSTREAM_IMAGE_Z"}},
		{Repository: "org/c", Variable: "DOWNSTREAM_IMAGE_A", Token: "a:b=c:"},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(err) > 0 {
		t.Errorf("%v: %s", err, diff)
	}
	if got, err := dispatch.Targets(environ, "MINE_"); len(got) > 0 || len(err) > 0 {
		t.Errorf("another prefix: %v, %v", got, err)
	}
	if got, err := dispatch.Targets([]string{"X_A=gitlab/42:one", "X_B=https://gitlab/api/v4/projects/42/trigger/pipeline:two"}, "X_"); len(got) != 2 || len(err) > 0 {
		t.Errorf("a repository and a project of the same name: %v, %v", got, err)
	}
}

func TestMalformedTargets(t *testing.T) {
	t.Parallel()
	const secret = "ghp-canary"
	values := []string{"", " ", secret, "org:" + secret, "org/repo", "org/repo:", "org/repo: ", ":" + secret, "/repo:" + secret, "org/:" + secret,
		"org/../x:" + secret, "org/..:" + secret, "org/.:" + secret, "a/b/c:" + secret, "https://github.com/org/repo:" + secret, "org/re po:" + secret,
		"org/repo?x:" + secret, "org/repo:" + secret + " x", "org/repo:" + secret + "\nX-Evil: 1", "org/repo:" + secret + "é"}
	for i, value := range values {
		environ := []string{"DOWNSTREAM_IMAGE_B=" + value, "DOWNSTREAM_IMAGE_A=nothing", "DOWNSTREAM_IMAGE_OK=org/repo:t"}
		_, errs := dispatch.Targets(environ, dispatch.DefaultPrefix)
		if len(errs) != 2 || errs[0].Variable != "DOWNSTREAM_IMAGE_A" || errs[1].Variable != "DOWNSTREAM_IMAGE_B" {
			t.Errorf("%d: want both bad variables by name, have %v", i, errs)
			continue
		}
		text := errs[1].Error() + errs[1].Advice()
		if strings.Contains(text, "canary") || !strings.Contains(errs[1].Error(), "DOWNSTREAM_IMAGE_B") || !strings.Contains(text, "OWNER/REPOSITORY:TOKEN") {
			t.Errorf("%d: %s", i, text)
		}
	}
}

// TestTriggers reads the addresses of GitLab projects' triggers, with the token behind a colon.
func TestTriggers(t *testing.T) {
	t.Parallel()
	const number, path, sub = "https://gitlab.example/api/v4/projects/19/trigger/pipeline", "https://gitlab.example/api/v4/projects/group%2Fsub%2Fprofile/trigger/pipeline", "http://localhost:8080/lab/api/v4/projects/7/trigger/pipeline"
	got, err := dispatch.Targets([]string{"DOWNSTREAM_IMAGE_C=" + number + ":glptt-a:b/trigger/pipeline:c", "DOWNSTREAM_IMAGE_B=" + path + ":two\n", "DOWNSTREAM_IMAGE_A=" + sub + ":three",
		"DOWNSTREAM_IMAGE_D=" + path + ":four", "DOWNSTREAM_IMAGE_E=org/a:five"}, dispatch.DefaultPrefix)
	want := []dispatch.Target{
		{Repository: "gitlab.example/19", Trigger: number, Variable: "DOWNSTREAM_IMAGE_C", Token: "glptt-a:b/trigger/pipeline:c"},
		{Repository: "gitlab.example/group/sub/profile", Trigger: path, Variable: "DOWNSTREAM_IMAGE_B", Token: "two", Others: []string{"DOWNSTREAM_IMAGE_D"}},
		{Repository: "localhost:8080/lab/7", Trigger: sub, Variable: "DOWNSTREAM_IMAGE_A", Token: "three"},
		{Repository: "org/a", Variable: "DOWNSTREAM_IMAGE_E", Token: "five"},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(err) > 0 {
		t.Errorf("%v: %s", err, diff)
	}
	const secret = "glptt-canary"
	for _, value := range []string{number, number + ":", number + ": ", number + ":" + secret + " x", number + "/:" + secret, number + "?token=" + secret + ":" + secret, "https://u:" + secret + "@gitlab.example/api/v4/projects/19/trigger/pipeline:" + secret,
		"ftp" + strings.TrimPrefix(number, "https") + ":" + secret, "https://gitlab.example/group/profile:" + secret, "https://gitlab.example/api/v4/projects/a%2F..%2Fb/trigger/pipeline:" + secret,
		"https://gitlab.example/api/v4/projects//trigger/pipeline:" + secret, "x://" + secret, "https://gitlab.example/api/v4/projects/19/trigger/pipeline#:" + secret} {
		targets, errs := dispatch.Targets([]string{"DOWNSTREAM_IMAGE_A=" + value}, dispatch.DefaultPrefix)
		if len(errs) != 1 || len(targets) > 0 {
			t.Errorf("%s is read as %v, %v", value, targets, errs)
			continue
		}
		if text := errs[0].Error() + errs[0].Advice(); strings.Contains(text, "canary") || !strings.Contains(text, "/trigger/pipeline:TOKEN") {
			t.Errorf("%s: %s", value, text)
		}
	}
}

// TestSecrets finds the token of every value, also of those that name no target.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "", "org/a": "", "org/a:t:u": "t:u", "https://gitlab.example/api/v4/projects/19/trigger/pipeline:t:u": "t:u", "https://gitlab.example:8080/api/v4/projects/19/trigger/pipeline/:t": "t", "https://gitlab.example/org/a:t": "t"} {
		if got := strings.Join(dispatch.Secrets(value), " "); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

// TestPipelineAdvice tells GitLab's refusals apart.
func TestPipelineAdvice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status  int
		message string
		wait    time.Duration
		want    string
		limited bool
	}{
		{302, "", 0, "correct it in VARIABLE", false},
		{400, "Reference not found", 0, `no branch or tag "dev": name one with --ref`, false},
		{400, "Too many pipelines created in the last minute. Try again later.", 0, "GitLab wants fewer pipelines: run the job again later; a second dispatch does no harm", true},
		{400, "Identity verification is required in order to run CI jobs", 0, "verifies their identity", false},
		{422, "Given inputs not defined in the `spec` section of the included configuration file", 0, "declare the input below spec.inputs", false},
		{400, "unknown input arguments: chart", 0, "declare the input", false},
		{422, "`tag` input: provided value does not match required RegEx pattern", 0, "takes no such value", false},
		{422, "`x` input: required value has not been provided", 0, "give the input a default", false},
		{400, "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline.", 0, "let no job run", false},
		{400, "You do not have sufficient permission to run a pipeline on 'dev'.", 0, "may not run pipelines on dev", false},
		{400, "something new", 0, "see what GitLab says", false},
		{401, "", 0, "may not run pipelines", false},
		{403, "403 Forbidden", 0, "may not run pipelines", false},
		{404, "404 Not Found", 0, "Pipeline trigger tokens", false},
		{408, "", 0, "again later", false},
		{429, "", time.Hour, "again in 1h0m0s", true},
		{418, "", 0, "the address of a GitLab project's trigger", false},
		{502, "", 0, "GitLab is failing", false},
	} {
		r := &dispatch.Refusal{Target: dispatch.Target{Repository: "gitlab.example/19", Trigger: "https://gitlab.example/x", Variable: "VARIABLE", Token: "canary"}, Ref: "dev", Status: tt.status, Message: tt.message, Wait: tt.wait}
		if got := r.Advice(); !strings.Contains(got, tt.want) || r.Limited() != tt.limited || strings.Contains(got, "GitHub") {
			t.Errorf("%d %s: %q lacks %q, limited %v", tt.status, tt.message, got, tt.want, r.Limited())
		}
		if want := fmt.Sprintf("starting a pipeline of gitlab.example/19: gitlab answers %d", tt.status); !strings.HasPrefix(r.Error(), want) || !strings.Contains(r.Error(), tt.message) {
			t.Errorf("error %q", r.Error())
		}
	}
}

func TestPrintingATargetShowsNoToken(t *testing.T) {
	t.Parallel()
	target := dispatch.Target{Repository: "org/a", Variable: "V", Token: "canary"}
	refusal := &dispatch.Refusal{Target: target, Status: 500}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format+format+format, target, &target, refusal) + fmt.Sprintf(format, []dispatch.Target{target}); strings.Contains(text, "canary") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status  int
		message string
		wait    time.Duration
		want    string
	}{
		{302, "", 0, "renamed or moved"},
		{401, "Bad credentials", 0, "the token in VARIABLE is wrong, expired or revoked"},
		{403, "Resource not accessible by personal access token", 0, "needs the permission `actions: write` on org/a"},
		{403, "Resource protected by organization SAML enforcement.", 0, "single sign-on"},
		{403, "You have exceeded a secondary rate limit.", 0, "fewer requests"},
		{403, "", time.Hour, "again in 1h0m0s"},
		{404, "Not Found", 0, "org/a exists and its default branch holds .github/workflows/w.yaml"},
		{408, "", 0, "again later"},
		{422, "No ref found for: dev", 0, `no branch or tag "dev": name one with --ref`},
		{422, `Unexpected inputs provided: ["chart"]`, 0, "declare the input"},
		{422, "Required input 'x' not provided", 0, "make the input optional"},
		{422, "Workflow does not have 'workflow_dispatch' trigger", 0, "add `workflow_dispatch:`"},
		{422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow", 0, "enable"},
		{422, "something new", 0, "check `on.workflow_dispatch`"},
		{429, "", 0, "fewer requests"},
		{503, "", 0, "a second dispatch does no harm"},
		{418, "", 0, "GITHUB_API_URL"},
	}
	for _, tt := range tests {
		r := &dispatch.Refusal{Target: dispatch.Target{Repository: "org/a", Variable: "VARIABLE", Token: "canary"}, Workflow: "w.yaml", Ref: "dev", Status: tt.status, Message: tt.message, Wait: tt.wait}
		if got := r.Advice(); !strings.Contains(got, tt.want) {
			t.Errorf("%d %s: %q lacks %q", tt.status, tt.message, got, tt.want)
		}
		if want := fmt.Sprintf("dispatching w.yaml of org/a: github answers %d", tt.status); !strings.HasPrefix(r.Error(), want) || !strings.Contains(r.Error(), tt.message) {
			t.Errorf("error %q", r.Error())
		}
		r.Forge = "gitea"
		if want := fmt.Sprintf("dispatching w.yaml of org/a: gitea answers %d", tt.status); !strings.HasPrefix(r.Error(), want) {
			t.Errorf("at another forge: error %q", r.Error())
		}
	}
}

// A job's variables become targets and the body that each is sent.
func Example() {
	targets, _ := dispatch.Targets([]string{"DOWNSTREAM_IMAGE_CD=infitx-org/profile-cd:ghp:token"}, dispatch.DefaultPrefix)
	inputs, _ := dispatch.Inputs{}.Fill(lookup(map[string]string{"CIRCLE_PROJECT_REPONAME": "central-ledger", "PACKAGE_VERSION": "19.13.0"}))
	body, _ := json.Marshal(dispatch.Request{Ref: dispatch.DefaultRef, Inputs: inputs})
	fmt.Printf("%v %s\n", targets, body)
	// Output: [infitx-org/profile-cd] {"ref":"main","inputs":{"image":"mojaloop/central-ledger:v19.13.0"}}
}
