package gitlab_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/dispatch/gitlab"
	"github.com/pawl-cd/pawl/internal/fake"
	fakelab "github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const token = "glptt-canary:t0ken/with+signs"

var request = dispatch.Request{Ref: "main", Inputs: dispatch.Inputs{Upstream: "https://circleci.example/7", Image: "mojaloop/central-ledger:v19.13.0-infitx.27", Tag: "minor-infitx"}}

// clock is a clock that sleeping moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func client(at *clock) *gitlab.Client {
	return gitlab.New(gitlab.Config{HTTP: httpx.New(httpx.Config{Sleep: at.sleep, Now: at.time, Timeout: time.Second}), Sleep: at.sleep})
}

func at() *clock { return &clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} }

// patterns are what a profile declares.
var patterns = map[string]string{"image": "^[A-Za-z0-9._:/@+-]*$", "chart": "", "tag": "^[a-z0-9.-]*$", "upstream": ""}

// TestAtGitLab dispatches at the fake GitLab, whose answers are GitLab's.
func TestAtGitLab(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings fakelab.Settings
		token    string
		ref      string
		inputs   dispatch.Inputs
		status   int
		advice   string
	}{
		"made":                {fakelab.Settings{Inputs: patterns}, token, "main", request.Inputs, 0, ""},
		"variables forbidden": {fakelab.Settings{Inputs: patterns, NoVariables: true}, token, "main", request.Inputs, 0, ""},
		"payload counts":      {fakelab.Settings{Inputs: patterns, NoVariables: true, PayloadCounts: true}, token, "main", request.Inputs, 400, "lower the minimum role to use pipeline variables"},
		"before inputs":       {fakelab.Settings{NoInputs: true}, token, "main", request.Inputs, 0, ""},
		"no header":           {fakelab.Settings{}, token, "main", request.Inputs, 422, "declare the input"},
		"undeclared":          {fakelab.Settings{Inputs: map[string]string{"image": ""}}, token, "main", request.Inputs, 422, "declare the input"},
		"not as declared":     {fakelab.Settings{Inputs: patterns}, token, "main", dispatch.Inputs{Tag: "v1$MERGE_TOKEN"}, 422, "takes no such value"},
		"no such branch":      {fakelab.Settings{Inputs: patterns}, token, "dev", request.Inputs, 400, "--ref"},
		"unknown token":       {fakelab.Settings{Inputs: patterns}, "glptt-other", "main", request.Inputs, 404, "Pipeline trigger tokens"},
		"no job":              {fakelab.Settings{Inputs: patterns, Refusal: "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline."}, token, "main", request.Inputs, 400, "let no job run on main: name the profile's base branch with --ref"},
		"a stranger":          {fakelab.Settings{Inputs: patterns, Unverified: true}, token, "main", request.Inputs, 400, "verifies their identity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.settings.Triggers = []string{token}
			lab := fakelab.New(fakelab.Options{})
			project := lab.Create("group/sub/profile", c.settings)
			server := httptest.NewServer(lab)
			t.Cleanup(server.Close)
			lab.SetAddress(server.URL + "/lab")
			target := dispatch.Target{Repository: "gitlab.example/group/sub/profile", Trigger: project.TriggerPathURL(), Variable: "DOWNSTREAM_IMAGE_LAB", Token: c.token}
			made, err := client(at()).Dispatch(t.Context(), target, dispatch.Request{Ref: c.ref, Inputs: c.inputs})
			judge(t, target, err, c.status, nil, c.advice)
			all := project.Pipelines()
			if c.status != 0 {
				if made != (gitlab.Pipeline{}) || len(all) > 0 && all[0].Status != "failed" {
					t.Errorf("%+v, %+v", made, all)
				}
				return
			}
			want := map[string]any{"upstream": "https://circleci.example/7", "image": "mojaloop/central-ledger:v19.13.0-infitx.27", "tag": "minor-infitx"}
			if c.settings.NoInputs {
				want = nil
			}
			if len(all) != 1 || made.ID != all[0].ID || !strings.HasSuffix(made.URL, fmt.Sprintf("/group/sub/profile/-/pipelines/%d", made.ID)) || all[0].Ref != "main" || len(all[0].Variables) != 1 || !cmp.Equal(want, all[0].Inputs) {
				t.Errorf("%+v, %+v", made, all)
			}
			if strings.Contains(all[0].Variables["TRIGGER_PAYLOAD"], "canary") {
				t.Errorf("the payload holds the token: %s", all[0].Variables)
			}
			for _, r := range lab.Requests() {
				if strings.Contains(r.Path+r.Query+fmt.Sprint(r.Header), "canary") || r.Method != "POST" {
					t.Errorf("the token stands outside of the body: %s, %s", r, r.Header)
				}
			}
		})
	}
}

// TestTooManyPipelines waits for the minute in which there were too many, and gives up in the end.
func TestTooManyPipelines(t *testing.T) {
	t.Parallel()
	for _, passes := range []bool{true, false} {
		clock, start := at(), at().now
		lab := fakelab.New(fakelab.Options{Now: func() time.Time {
			if passes {
				return clock.time()
			}
			return start
		}})
		project := lab.Create("group/profile", fakelab.Settings{Triggers: []string{token}, Inputs: patterns, PerMinute: 1})
		project.Add("push", "main", nil)
		target := dispatch.Target{Repository: "gitlab.example/1", Trigger: project.TriggerURL(), Variable: "V", Token: token}
		c := gitlab.New(gitlab.Config{HTTP: httpx.New(httpx.Config{Transport: lab.RoundTripper(), Sleep: clock.sleep, Now: clock.time}), Sleep: clock.sleep})
		_, err := c.Dispatch(t.Context(), target, request)
		if n := len(project.Pipelines()); passes && (err != nil || n != 2) {
			t.Errorf("%v, %d pipelines", err, n)
		}
		var refusal *dispatch.Refusal
		if !passes && (!errors.As(err, &refusal) || !refusal.Limited() || len(lab.Requests()) != 4) {
			t.Errorf("%v, %d requests", err, len(lab.Requests()))
		}
	}
}

// secrets are the forms in which the token could be shown.
func secrets() []string {
	return []string{token, base64.StdEncoding.EncodeToString([]byte(token)), url.QueryEscape(token), url.PathEscape(token)}
}

// TestFaults meets answers that are none, and failures that pass or do not.
func TestFaults(t *testing.T) {
	t.Parallel()
	echo := fmt.Sprintf(`{"message":{"base":["no: %s"]}}`, strings.Join(secrets(), " "))
	for _, tt := range []struct {
		name   string
		fault  fake.Fault
		sent   int
		status int
		is     error
		advice string
	}{
		{"500 once", fake.Fault{Status: 500, Times: 1}, 2, 0, nil, ""},
		{"429 once", fake.Fault{Status: 429, Times: 1, Body: "Retry later\n", Header: http.Header{"Retry-After": {"20"}, "Content-Type": {"text/plain"}}}, 2, 0, nil, ""},
		{"cut once", fake.Fault{Truncate: 1, Times: 1}, 2, 0, nil, ""},
		{"500 always", fake.Fault{Status: 500, Body: echo}, 4, 500, nil, "GitLab is failing"},
		{"a long wait", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, 1, 429, nil, "again in 1h0m0s"},
		{"400 that echoes", fake.Fault{Status: 400, Body: echo}, 1, 400, nil, "see what GitLab says"},
		{"401 of another kind", fake.Fault{Status: 401, Body: `{"error":"invalid_token"}`}, 1, 401, nil, "may not run pipelines"},
		{"403 as a page", fake.Fault{Status: 403, Body: "<html>no</html>"}, 1, 403, nil, "may not run pipelines"},
		{"404 that is long", fake.Fault{Status: 404, Body: `{"message":"` + strings.Repeat("ä", 5000) + `"}`}, 1, 404, nil, "revoked"},
		{"an endless refusal", fake.Fault{Status: 404, Body: strings.Repeat("x", 1<<20)}, 1, 404, nil, "revoked"},
		{"stall", fake.Fault{Stall: true}, 1, 0, httpx.ErrTimeout, "does not answer"},
		{"a page of success", fake.Fault{Status: 200, Body: "<html>sign in</html>"}, 1, 0, httpx.ErrMalformed, "a GitLab project's trigger"},
		{"no pipeline", fake.Fault{Status: 201, Body: `{"web_url":"https://gitlab.example/x"}`}, 1, 0, httpx.ErrMalformed, "a GitLab project's trigger"},
		{"an empty success", fake.Fault{Status: 202}, 1, 0, httpx.ErrMalformed, "a GitLab project's trigger"},
		{"a large success", fake.Fault{Status: 201, Body: "{" + strings.Repeat(" ", 1<<19) + "}"}, 1, 0, httpx.ErrTooLarge, "right host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults := fake.WithFaults(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"id":7,"web_url":"https://gitlab.example/p/-/pipelines/7"}`)
			}))
			faults.Set("/", tt.fault)
			server := httptest.NewServer(faults)
			t.Cleanup(server.CloseClientConnections)
			target := dispatch.Target{Repository: "gitlab.example/19", Trigger: server.URL + "/api/v4/projects/19/trigger/pipeline", Variable: "V", Token: token}
			made, err := client(at()).Dispatch(t.Context(), target, request)
			if n := len(faults.Requests()); n != tt.sent {
				t.Errorf("%d requests, want %d", n, tt.sent)
			}
			if err == nil && made != (gitlab.Pipeline{ID: 7, URL: "https://gitlab.example/p/-/pipelines/7"}) {
				t.Errorf("%+v", made)
			}
			judge(t, target, err, tt.status, tt.is, tt.advice)
		})
	}
}

// judge holds an error against what is wanted of it; the token is in none.
func judge(t *testing.T, target dispatch.Target, err error, status int, is error, advice string) {
	t.Helper()
	if status == 0 && is == nil {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var refusal *dispatch.Refusal
	if errors.As(err, &refusal); status != 0 && (refusal == nil || refusal.Status != status) || is != nil && !errors.Is(err, is) {
		t.Fatalf("error %v, want status %d, %v", err, status, is)
	}
	var adviser interface{ Advice() string }
	if !errors.As(err, &adviser) || !strings.Contains(adviser.Advice(), advice) {
		t.Errorf("advice of %v lacks %q", err, advice)
	}
	for _, form := range secrets() {
		if strings.Contains(err.Error()+adviser.Advice(), form) {
			t.Errorf("the error shows the token as %q: %v", form, err)
		}
	}
	if len(err.Error()) > 1000 || !strings.Contains(err.Error(), target.Repository) {
		t.Errorf("error %.1200q is long or does not name its target", err)
	}
}

// TestRedirects follows none: the body with the token goes to the trigger alone.
func TestRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		var mu sync.Mutex
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			w.Header().Set("Location", "/elsewhere?token="+token)
			w.WriteHeader(status)
		}))
		target := dispatch.Target{Repository: "gitlab.example/19", Trigger: server.URL + "/api/v4/projects/19/trigger/pipeline", Variable: "V", Token: token}
		_, err := client(at()).Dispatch(t.Context(), target, request)
		judge(t, target, err, status, nil, "correct it in V")
		if asked != 1 {
			t.Errorf("%d: %d requests", status, asked)
		}
		server.Close()
	}
}

// TestPage names a pipeline's page only where it is an address and no more.
func TestPage(t *testing.T) {
	t.Parallel()
	for _, named := range []string{"javascript:alert(1)", "https://u:p@gitlab.example/x", "/x", "https://gitlab.example/x\n::error::x", "https://gitlab.example/" + token} {
		data, err := json.Marshal(map[string]any{"id": 1, "web_url": named})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(data)
		}))
		made, err := client(at()).Dispatch(t.Context(), dispatch.Target{Repository: "g/1", Trigger: server.URL, Token: token}, request)
		if err != nil || made != (gitlab.Pipeline{ID: 1}) {
			t.Errorf("%q: %+v, %v", named, made, err)
		}
		server.Close()
	}
}
