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
