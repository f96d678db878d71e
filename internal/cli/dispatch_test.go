package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// circle is the environment of a CircleCI job without targets.
func circle(more ...string) []string {
	return append([]string{"CIRCLE_PROJECT_REPONAME=central-ledger", "PACKAGE_VERSION=19.13.0-infitx.27", "RELEASE_TAG=minor-infitx",
		"CIRCLE_BUILD_URL=https://circleci.example/7"}, more...)
}

// ended is what a command leaves.
type ended struct {
	code      int
	out, errs string
}

// pawl runs a command line in an environment, in a directory without a profile.
func pawl(t *testing.T, environ []string, transport http.RoundTripper, args ...string) ended {
	t.Helper()
	var out, errs strings.Builder
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	code := cli.Run(t.Context(), args, cli.System{
		Out: &out, Err: &errs, Transport: transport, Environ: func() []string { return environ },
		Env: func(name string) (string, bool) {
			i := slices.IndexFunc(environ, func(e string) bool { return strings.HasPrefix(e, name+"=") })
			if i < 0 {
				return "", false
			}
			return environ[i][len(name)+1:], true
		},
		Now: func() time.Time { return at },
		Sleep: func(ctx context.Context, d time.Duration) error {
			at = at.Add(d)
			return ctx.Err()
		},
	})
	return ended{code, out.String(), errs.String()}
}

// hub is a GitHub with repositories org/a, org/b, org/c and org/d; org/c declares no input chart.
func hub(t *testing.T) *github.Server {
	t.Helper()
	server := github.New(github.Options{Identities: map[string]github.Identity{
		"tok:en": {Login: "ci"}, "weak": {Login: "weak", NoActions: true}}})
	for _, name := range []string{"org/a", "org/b", "org/c", "org/d"} {
		repo := server.Create(name, github.Settings{RunDetails: name == "org/b"})
		if _, err := repo.Push("main", "alice", map[string][]byte{"a": []byte("b")}, "start"); err != nil {
			t.Fatal(err)
		}
		repo.Workflow("docker-image.yaml", "image", "tag", "upstream", "chart")
	}
	server.Repo("org/c").Workflow("docker-image.yaml", "image", "tag", "upstream")
	return server
}

// paths are the calls that a server got.
func paths(server *github.Server) []string {
	var all []string
	for _, c := range server.Calls() {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(c.Path, "/repos/"), "/actions/workflows/docker-image.yaml/dispatches"))
	}
	return all
}

// TestDispatchVisitsAll shows each exit code, that the order is the targets' and that a failure stops nothing.
func TestDispatchVisitsAll(t *testing.T) {
	t.Parallel()
	const a, b, c = "DOWNSTREAM_IMAGE_Z=org/a:tok:en", "DOWNSTREAM_IMAGE_Y=org/b:tok:en", "DOWNSTREAM_IMAGE_X=org/c:weak"
	tests := []struct {
		name    string
		environ []string
		args    []string
		code    int
		asked   []string
		out     string
		errs    []string
	}{
		{"all told", circle(b, a), nil, 0, []string{"org/a", "org/b"}, "dispatched  org/a\ndispatched  org/b  https://github.com/org/b/actions/runs/", nil},
		{"some failed", circle("DOWNSTREAM_IMAGE_0=org/0:tok:en", c, b, a), nil, 3, []string{"org/0", "org/a", "org/b", "org/c"}, "failed  org/0\ndispatched  org/a",
			[]string{"dispatching docker-image.yaml of org/0: github answers 404: Not Found", "DOWNSTREAM_IMAGE_0 needs", "403: Resource not accessible", "actions: write` on org/c", "error: 2 of 4 targets could not be told"}},
		{"all failed", circle(c), nil, 1, []string{"org/c"}, "failed  org/c", []string{"1 of 1 target could not be told"}},
		{"some failed softly", circle(a, c), []string{"--soft-fail"}, 0, []string{"org/a", "org/c"}, "dispatched  org/a\nfailed  org/c\n", []string{"error: dispatching", "warning: 1 of 2 targets", "--soft-fail"}},
		{"all failed softly", circle(c), []string{"--soft-fail"}, 0, []string{"org/c"}, "failed  org/c", []string{"warning: 1 of 1 target could not be told"}},
		{"input undeclared", circle("DOWNSTREAM_IMAGE_X=org/c:tok:en"), []string{"--chart", "c"}, 1, []string{"org/c"}, "failed", []string{`Unexpected inputs provided: ["chart"]`, "declare the input"}},
		{"no such branch", circle(a), []string{"--ref", "dev"}, 1, []string{"org/a"}, "failed", []string{"No ref found for: dev", "name one with --ref"}},
		{"token unknown", circle("DOWNSTREAM_IMAGE_X=org/a:nobody"), nil, 1, []string{"org/a"}, "failed", []string{"401: Bad credentials", "the token in DOWNSTREAM_IMAGE_X"}},
		{"nobody to tell", circle(), nil, 0, nil, "", []string{"info: no variable starts with DOWNSTREAM_IMAGE_"}},
		{"nobody to tell, and nothing", []string{"PATH=/bin"}, nil, 0, nil, "", []string{"info: no variable starts with DOWNSTREAM_IMAGE_"}},
		{"another prefix", append(circle(a), "MINE_1=org/b:tok:en"), []string{"--env-prefix", "MINE_"}, 0, []string{"org/b"}, "dispatched  org/b", nil},
		{"nothing to tell", []string{a}, nil, 4, nil, "", []string{"neither an image nor a chart is known", "give --image or --chart"}},
		{"malformed", circle(a, "DOWNSTREAM_IMAGE_B=tok:en", "DOWNSTREAM_IMAGE_A="), nil, 4, nil, "", []string{"target in DOWNSTREAM_IMAGE_A: it is empty", "target in DOWNSTREAM_IMAGE_B: before the first colon", "hint: set DOWNSTREAM_IMAGE_B to OWNER/REPOSITORY:TOKEN"}},
		{"malformed is not soft", circle("DOWNSTREAM_IMAGE_B=tok:en"), []string{"--soft-fail"}, 4, nil, "", []string{"DOWNSTREAM_IMAGE_B"}},
		{"twice the same", circle(a, "DOWNSTREAM_IMAGE_A=ORG/a:tok:en"), nil, 0, []string{"ORG/a"}, "dispatched  ORG/a", []string{"warning: several variables name ORG/a: DOWNSTREAM_IMAGE_A counts, DOWNSTREAM_IMAGE_Z does not"}},
		{"dry", circle(b, a), []string{"--dry-run"}, 0, nil, `would send {"ref":"main","inputs":{"upstream":"https://circleci.example/7","image":"mojaloop/central-ledger:v19.13.0-infitx.27","tag":"minor-infitx"}}` +
			"\ndry-run  org/a  POST https://api.github.com/repos/org/a/actions/workflows/docker-image.yaml/dispatches  DOWNSTREAM_IMAGE_Z\n", nil},
		{"no prefix", circle(a), []string{"--env-prefix", ""}, 4, nil, "", []string{"--env-prefix"}},
		{"no workflow", circle(a), []string{"--workflow", "a/b"}, 4, nil, "", []string{"naming the workflow"}},
		{"no API", circle(a, "GITHUB_API_URL=api.github.com"), nil, 4, nil, "", []string{"reading GITHUB_API_URL"}},
		{"an argument", circle(a), []string{"org/app:v1"}, 4, nil, "", []string{"takes no arguments"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := hub(t)
			got := pawl(t, tt.environ, server.RoundTripper(), append([]string{"dispatch"}, tt.args...)...)
			if got.code != tt.code || !strings.HasPrefix(got.out, tt.out) {
				t.Errorf("exit code %d, want %d; stdout %q, want %q...", got.code, tt.code, got.out, tt.out)
			}
			if diff := cmp.Diff(tt.asked, paths(server)); diff != "" {
				t.Errorf("asked: %s", diff)
			}
			for _, want := range tt.errs {
				if !strings.Contains(got.errs, want) {
					t.Errorf("stderr lacks %q: %s", want, got.errs)
				}
			}
			if len(tt.errs) == 0 && got.errs != "" {
				t.Errorf("stderr %s", got.errs)
			}
			if strings.Contains(got.out+got.errs, "tok:en") {
				t.Errorf("the token is shown: %+v", got)
			}
		})
	}
}

func TestDispatchJSON(t *testing.T) {
	t.Parallel()
	got := pawl(t, circle("DOWNSTREAM_IMAGE_A=org/a:tok:en", "DOWNSTREAM_IMAGE_B=org/b:tok:en", "DOWNSTREAM_IMAGE_C=org/c:weak"), hub(t).RoundTripper(),
		"dispatch", "--output", "json", "--chart", "mojaloop", "--upstream", "https://ci.example/<8>")
	const base = "https://api.github.com/repos/org/"
	const tail = "/actions/workflows/docker-image.yaml/dispatches"
	type object = map[string]any
	want := object{
		"schema":  "pawl.dispatch/1",
		"request": object{"ref": "main", "inputs": object{"chart": "mojaloop", "tag": "minor-infitx", "upstream": "https://ci.example/<8>"}},
		"targets": []any{
			object{"repository": "org/a", "variable": "DOWNSTREAM_IMAGE_A", "url": base + "a" + tail, "outcome": "dispatched"},
			object{"repository": "org/b", "variable": "DOWNSTREAM_IMAGE_B", "url": base + "b" + tail, "outcome": "dispatched",
				"run": object{"workflow_run_id": 1., "html_url": "https://github.com/org/b/actions/runs/1"}},
			object{"repository": "org/c", "variable": "DOWNSTREAM_IMAGE_C", "url": base + "c" + tail, "outcome": "failed",
				"error": "dispatching docker-image.yaml of org/c: github answers 403: Resource not accessible by personal access token",
				"hint":  "the token in DOWNSTREAM_IMAGE_C needs the permission `actions: write` on org/c (a classic token the scope `repo`)"},
		},
	}
	var have object
	if err := json.Unmarshal([]byte(got.out), &have); err != nil || got.code != 3 {
		t.Fatalf("exit code %d, %v: %s", got.code, err, got.out)
	}
	have["targets"].([]any)[1].(object)["run"] = object{"workflow_run_id": 1., "html_url": "https://github.com/org/b/actions/runs/1"}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if got := pawl(t, circle(), nil, "dispatch", "-o", "json"); got.code != 0 || !strings.Contains(got.out, `"targets": []`) {
		t.Errorf("nobody to tell: %+v", got)
	}
}

// TestDispatchAnswers meets every answer on loopback: each is explained, and the targets after it are told.
func TestDispatchAnswers(t *testing.T) {
	t.Parallel()
	const secret = "canary+t0ken/=:x"
	forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret), url.PathEscape(secret)}
	body := `{"message":"no ` + strings.Join(forms, " ") + `"}`
	for _, tt := range []struct {
		name  string
		fault fake.Fault
		code  int
		says  string
		asked int
	}{
		{"400", fake.Fault{Status: 400, Body: body}, 3, "GITHUB_API_URL", 1},
		{"401", fake.Fault{Status: 401, Body: body}, 3, "expired or revoked", 1},
		{"403", fake.Fault{Status: 403, Body: body}, 3, "actions: write", 1},
		{"404", fake.Fault{Status: 404, Body: body}, 3, "check that org/b exists", 1},
		{"422", fake.Fault{Status: 422, Body: body}, 3, "on.workflow_dispatch", 1},
		{"429", fake.Fault{Status: 429, Body: body, Header: http.Header{"Retry-After": {"3600"}}}, 3, "again in 1h0m0s", 1},
		{"500", fake.Fault{Status: 500, Body: body}, 3, "GitHub is failing", 4},
		{"500 once", fake.Fault{Status: 500, Body: body, Times: 1}, 0, "", 2},
		{"page", fake.Fault{Status: 200, Body: "<html>"}, 3, "not the API's", 1},
		{"redirect", fake.Fault{Redirect: "http://other.invalid"}, 3, "renamed or moved", 1},
		{"stall", fake.Fault{Stall: true}, 3, "no answer within 1s", 1},
	} {
		for _, form := range [][]string{nil, {"-v"}, {"-v", "--log", "json"}} {
			t.Run(tt.name+strings.Join(form, ""), func(t *testing.T) {
				t.Parallel()
				faults := fake.WithFaults(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
				faults.Set("/base/repos/org/b/", tt.fault)
				server := httptest.NewServer(faults)
				t.Cleanup(server.CloseClientConnections)
				environ := circle("GITHUB_API_URL="+server.URL+"/base", "GITHUB_ACTIONS=true", "DOWNSTREAM_IMAGE_1=org/c:"+secret, "DOWNSTREAM_IMAGE_2=org/b:"+secret, "DOWNSTREAM_IMAGE_3=org/a:"+secret)
				got := pawl(t, environ, nil, append([]string{"dispatch", "--timeout", "1s"}, form...)...)
				if got.code != tt.code || !strings.Contains(got.errs, tt.says) {
					t.Errorf("exit code %d, want %d and %q: %s", got.code, tt.code, tt.says, got.errs)
				}
				for name, want := range map[string]int{"org/a": 1, "org/b": tt.asked, "org/c": 1} {
					if n := faults.Count("POST", name); n != want {
						t.Errorf("%d requests to %s, want %d", n, name, want)
					}
				}
				for _, r := range faults.Requests() {
					if r.Authorization != "Bearer "+secret {
						t.Errorf("%s came with %q", r.Path, r.Authorization)
					}
				}
				for _, spelt := range forms {
					if strings.Contains(got.out+got.errs, spelt) {
						t.Errorf("the token is shown as %q: %+v", spelt, got)
					}
				}
				if failed := tt.code != 0; failed != strings.Contains(got.errs, "::error title=org/b::") {
					t.Errorf("annotations: %s", got.errs)
				}
			})
		}
	}
}

// TestDispatchRefused shows that every target is tried when nobody answers.
func TestDispatchRefused(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	got := pawl(t, circle("GITHUB_API_URL="+api, "DOWNSTREAM_IMAGE_1=org/a:t1", "DOWNSTREAM_IMAGE_2=org/b:t2"), nil, "dispatch")
	for _, want := range []string{"of org/a: POST", "of org/b: POST", "connection refused", "is up and its port is right", "2 of 2 targets"} {
		if !strings.Contains(got.errs, want) {
			t.Errorf("stderr lacks %q: %s", want, got.errs)
		}
	}
	if got.code != 1 {
		t.Errorf("exit code %d, want 1", got.code)
	}
}

// TestDispatchEndsWithASignal shows that an interrupted dispatch tells nobody else.
func TestDispatchEndsWithASignal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := github.New(github.Options{Before: func(github.Call) { cancel() }})
	var out, errs strings.Builder
	code := cli.Run(ctx, []string{"dispatch", "--image", "org/app:v1"}, cli.System{
		Out: &out, Err: &errs, Transport: server.RoundTripper(), Env: func(string) (string, bool) { return "", false },
		Environ: func() []string { return []string{"DOWNSTREAM_IMAGE_1=org/a:t1", "DOWNSTREAM_IMAGE_2=org/b:t2"} },
	})
	if diff := cmp.Diff([]string{"org/a"}, paths(server)); diff != "" || code != cli.Interrupted || strings.Contains(errs.String(), "org/b") {
		t.Errorf("exit code %d, %s: %s", code, errs.String(), diff)
	}
}

// TestDispatchShowsNoTokenToOtherProcesses looks at the process as `ps` does while its request is being answered.
func TestDispatchShowsNoTokenToOtherProcesses(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no /proc here")
		}
		t.Skip("there is no /proc here")
	}
	const secret = "canary-t0ken"
	arrived, looked := make(chan string), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- r.Header.Get("Authorization")
		<-looked
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	cmd := exec.CommandContext(t.Context(), "pawl", "dispatch", "-v")
	cmd.Env = circle("GITHUB_API_URL="+server.URL, "PATH="+os.Getenv("PATH"), "DOWNSTREAM_IMAGE_CD=org/a:"+secret)
	cmd.Dir = t.TempDir()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	authorization := ""
	select {
	case authorization = <-arrived:
	case <-time.After(30 * time.Second):
		t.Fatal("no request came")
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "cmdline"))
	close(looked)
	if err != nil || !strings.Contains(string(line), "dispatch") || strings.Contains(string(line), secret) {
		t.Errorf("the command line is %q, %v", line, err)
	}
	if err := cmd.Wait(); err != nil || authorization != "Bearer "+secret || strings.Contains(out.String(), secret) {
		t.Errorf("%v, sent %q, printed %s", err, authorization, out.String())
	}
	if !strings.Contains(out.String(), "dispatched  org/a") {
		t.Errorf("printed %s", out.String())
	}
}
