package github_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/dispatch/github"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/conformance"
	fakehub "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const token = "canary:t0ken/with+signs"

var (
	target  = dispatch.Target{Repository: "infitx-org/profile-cd", Variable: "DOWNSTREAM_IMAGE_CD", Token: token}
	request = dispatch.Request{Ref: "main", Inputs: dispatch.Inputs{Upstream: "https://circleci.example/7", Image: "mojaloop/central-ledger:v19.13.0-infitx.27", Tag: "minor-infitx"}}
)

// clock is a clock that sleeping moves.
type clock struct {
	mu    sync.Mutex
	slept []time.Duration
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, d := range c.slept {
		at = at.Add(d)
	}
	return at
}

func client(t *testing.T, api string) *github.Client {
	t.Helper()
	at := &clock{}
	c, err := github.New(github.Config{API: api, Workflow: dispatch.DefaultWorkflow, HTTP: httpx.New(httpx.Config{Sleep: at.sleep, Now: at.now, Timeout: 5 * time.Second})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// captured is a request as a sender's peer sees it, its JSON as a value.
type captured struct {
	Method, URL, Accept, Authorization string
	Body                               any
}

// capture serves the handler and returns what it was asked.
func capture(t *testing.T, answer http.HandlerFunc) (*[]captured, string) {
	t.Helper()
	var mu sync.Mutex
	all := &[]captured{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		c := captured{Method: r.Method, URL: r.URL.String(), Accept: r.Header.Get("Accept"), Authorization: r.Header.Get("Authorization")}
		_ = json.Unmarshal(data, &c.Body)
		mu.Lock()
		*all = append(*all, c)
		mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return all, server.URL
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// TestRequest holds what is sent against what the senders in use send.
func TestRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, workflow, url, inputs string }{
		{"image", "", "docker-image.yaml", "/repos/infitx-org/profile-cd/actions/workflows/docker-image.yaml/dispatches",
			`{"upstream":"https://circleci.example/7","image":"mojaloop/central-ledger:v19.13.0-infitx.27","tag":"minor-infitx"}`},
		{"image without tag", "", "docker-image.yaml", "/repos/infitx-org/profile-cd/actions/workflows/docker-image.yaml/dispatches",
			`{"image":"ghcr.io/infitx-org/release-cd","tag":"v1.52.0"}`},
		{"chart", "", "docker-image.yaml", "/repos/infitx-org/profile-cd/actions/workflows/docker-image.yaml/dispatches", `{"chart":"mojaloop","tag":"main@8a213de"}`},
		{"enterprise server", "/api/v3", "docker-image.yaml", "/api/v3/repos/infitx-org/profile-cd/actions/workflows/docker-image.yaml/dispatches", `{"image":"org/app:v1"}`},
		{"final slash", "/api/v3/", "up date.yaml", "/api/v3/repos/infitx-org/profile-cd/actions/workflows/up%20date.yaml/dispatches", `{"image":"org/app:v1"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all, address := capture(t, noContent)
			c, err := github.New(github.Config{API: address + tt.path, Workflow: tt.workflow})
			if err != nil {
				t.Fatal(err)
			}
			var want captured
			r := dispatch.Request{Ref: "main"}
			if err := errors.Join(json.Unmarshal([]byte(`{"ref":"main","inputs":`+tt.inputs+`}`), &want.Body), json.Unmarshal([]byte(tt.inputs), &r.Inputs)); err != nil {
				t.Fatal(err)
			}
			want.Method, want.URL, want.Accept, want.Authorization = "POST", tt.url, "application/vnd.github+json", "Bearer "+token
			if run, err := c.Dispatch(t.Context(), target, r); err != nil || run != (github.Run{}) {
				t.Errorf("%+v, %v", run, err)
			}
			if diff := cmp.Diff([]captured{want}, *all); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDefaultAPI(t *testing.T) {
	t.Parallel()
	c := client(t, "")
	if got, want := c.URL(target), "https://api.github.com/repos/infitx-org/profile-cd/actions/workflows/docker-image.yaml/dispatches"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestAtGitHub dispatches at the fake GitHub, whose exchanges are held against GitHub's description.
func TestAtGitHub(t *testing.T) {
	t.Parallel()
	options := fakehub.Options{Identities: map[string]fakehub.Identity{token: {Login: "ci"}, "weak": {Login: "weak", NoActions: true}}}
	description, err := conformance.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if description != nil {
		checker := description.Checker()
		options.Check = checker.Exchange
		t.Cleanup(func() {
			for _, v := range checker.Violations() {
				t.Error(v)
			}
		})
	}
	hub := fakehub.New(options)
	for _, name := range []string{"infitx-org/profile-cd", "org/runs", "org/old", "org/empty"} {
		repo := hub.Create(name, fakehub.Settings{RunDetails: name == "org/runs"})
		if _, err := repo.Push("main", "alice", map[string][]byte{"a": []byte("b")}, "start"); err != nil {
			t.Fatal(err)
		}
	}
	hub.Repo("infitx-org/profile-cd").Workflow("docker-image.yaml", "image", "chart", "tag", "upstream")
	hub.Repo("org/runs").Workflow("docker-image.yaml", "image", "tag", "upstream")
	hub.Repo("org/old").Workflow("docker-image.yaml", "image", "tag")
	server := httptest.NewServer(hub)
	t.Cleanup(server.Close)
	c := client(t, server.URL+"/api/v3")
	for _, tt := range []struct {
		repository, token, ref string
		status                 int
		advice                 string
	}{
		{"infitx-org/profile-cd", token, "main", 0, ""},
		{"org/runs", token, "main", 0, ""},
		{"infitx-org/profile-cd", "unknown", "main", 401, "DOWNSTREAM_IMAGE_CD is wrong, expired or revoked"},
		{"infitx-org/profile-cd", "weak", "main", 403, "`actions: write` on infitx-org/profile-cd"},
		{"org/empty", token, "main", 404, ".github/workflows/docker-image.yaml"},
		{"org/absent", token, "main", 404, "check that org/absent exists"},
		{"org/old", token, "main", 422, "declare the input"},
		{"infitx-org/profile-cd", token, "dev", 422, "--ref"},
	} {
		r := request
		r.Ref = tt.ref
		run, err := c.Dispatch(t.Context(), dispatch.Target{Repository: tt.repository, Variable: target.Variable, Token: tt.token}, r)
		var refusal *dispatch.Refusal
		switch {
		case tt.status == 0 && err != nil:
			t.Errorf("%s: %v", tt.repository, err)
		case tt.status != 0 && (!errors.As(err, &refusal) || refusal.Status != tt.status || refusal.Message == "" || !strings.Contains(refusal.Advice(), tt.advice)):
			t.Errorf("%s with %s: %v, %+v", tt.repository, tt.token, err, refusal)
		}
		if named := run.URL != "" && run.ID != 0; named != (tt.repository == "org/runs") {
			t.Errorf("%s: run %+v", tt.repository, run)
		}
	}
	want := []fakehub.Dispatch{{Workflow: "docker-image.yaml", Ref: "main", By: "ci", Inputs: map[string]string{
		"upstream": "https://circleci.example/7", "image": "mojaloop/central-ledger:v19.13.0-infitx.27", "tag": "minor-infitx"}}}
	if diff := cmp.Diff(want, hub.Repo("infitx-org/profile-cd").Dispatches()); diff != "" {
		t.Error(diff)
	}
}

// secrets are the forms in which the token could be shown.
func secrets() []string {
	return []string{token, base64.StdEncoding.EncodeToString([]byte(token)), base64.URLEncoding.EncodeToString([]byte(token)), url.QueryEscape(token), url.PathEscape(token)}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	echo := fmt.Sprintf(`{"message":"no: %s"}`, strings.Join(secrets(), " "))
	tests := []struct {
		name   string
		fault  fake.Fault
		sent   int
		status int // of the refusal, 0 for success or none
		is     error
		advice string
	}{
		{"500 once", fake.Fault{Status: 500, Times: 1}, 2, 0, nil, ""},
		{"429 once", fake.Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {"20"}}}, 2, 0, nil, ""},
		{"secondary limit once", fake.Fault{Status: 403, Times: 1, Header: http.Header{"Retry-After": {"20"}}}, 2, 0, nil, ""},
		{"cut once", fake.Fault{Truncate: 1, Times: 1}, 2, 0, nil, ""},
		{"500 always", fake.Fault{Status: 500, Body: echo}, 4, 500, nil, "GitHub is failing"},
		{"429 always", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"25"}}}, 3, 429, nil, "again in 25s"},
		{"a long wait", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, 1, 429, nil, "again in 1h0m0s"},
		{"401 that echoes", fake.Fault{Status: 401, Body: echo}, 1, 401, nil, "revoked"},
		{"403 as a page", fake.Fault{Status: 403, Body: "<html>no</html>"}, 1, 403, nil, "actions: write"},
		{"404", fake.Fault{Status: 404, Body: echo}, 1, 404, nil, "default branch"},
		{"422 that is long", fake.Fault{Status: 422, Body: `{"message":"` + strings.Repeat("ä", 5000) + `"}`}, 1, 422, nil, "workflow_dispatch"},
		{"an endless refusal", fake.Fault{Status: 404, Body: strings.Repeat("x", 1<<20)}, 1, 404, nil, "default branch"},
		{"stall", fake.Fault{Stall: true}, 1, 0, httpx.ErrTimeout, "does not answer"},
		{"a page of success", fake.Fault{Status: 200, Body: "<html>sign in</html>"}, 1, 0, httpx.ErrMalformed, "GITHUB_API_URL"},
		{"a list of success", fake.Fault{Status: 200, Body: "[]"}, 1, 0, httpx.ErrMalformed, "GITHUB_API_URL"},
		{"a large success", fake.Fault{Status: 200, Body: "{" + strings.Repeat(" ", 1<<17) + "}"}, 1, 0, httpx.ErrTooLarge, "right host"},
		{"an empty success", fake.Fault{Status: 202}, 1, 0, nil, ""},
		{"a success of tomorrow", fake.Fault{Status: 201, Body: `{"more":1}`}, 1, 0, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults := fake.WithFaults(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
			faults.Set("/", tt.fault)
			server := httptest.NewServer(faults)
			t.Cleanup(server.CloseClientConnections)
			at := &clock{}
			c, err := github.New(github.Config{API: server.URL, Workflow: "w.yaml", HTTP: httpx.New(httpx.Config{Sleep: at.sleep, Now: at.now, Timeout: time.Second})})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Dispatch(t.Context(), target, request)
			if n := len(faults.Requests()); n != tt.sent {
				t.Errorf("%d requests, want %d", n, tt.sent)
			}
			judge(t, err, tt.status, tt.is, tt.advice)
		})
	}
}

// judge holds an error against what is wanted of it; the token is in none.
func judge(t *testing.T, err error, status int, is error, advice string) {
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
	text := fmt.Sprintf("%v %+v", err, adviser.Advice())
	for _, form := range secrets() {
		if strings.Contains(text, form) {
			t.Errorf("the error shows the token as %q", form)
		}
	}
	if len(err.Error()) > 1000 || !strings.Contains(err.Error(), target.Repository) {
		t.Errorf("error %.1200q is long or does not name its target", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = client(t, address).Dispatch(t.Context(), target, request)
	judge(t, err, 0, httpx.ErrRefused, "is up and its port is right")
}

// TestRedirects shows that only a redirect of the same request within the API's host is followed; the others are
// failures, and nobody else is told or gets the token.
func TestRedirects(t *testing.T) {
	t.Parallel()
	others, elsewhere := capture(t, noContent)
	tests := []struct {
		status   int
		location string
		ok       bool
		want     []string
	}{
		{307, "/repositories/7/dispatches", true, []string{"POST /", "POST /repositories/7/dispatches"}},
		{308, "/repositories/7/dispatches", true, []string{"POST /", "POST /repositories/7/dispatches"}},
		{301, "/repositories/7/dispatches", false, []string{"POST /"}},
		{302, "/login", false, []string{"POST /"}},
		{307, elsewhere + "/x", false, []string{"POST /"}},
		{302, elsewhere + "/x", false, []string{"POST /"}},
		{307, "http://[bad " + token, false, []string{"POST /"}},
	}
	for _, tt := range tests {
		all, address := capture(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/repos/") {
				w.Header().Set("Location", tt.location)
				w.WriteHeader(tt.status)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
		_, err := client(t, address).Dispatch(t.Context(), target, request)
		var got []string
		for _, c := range *all {
			got = append(got, c.Method+" "+strings.TrimSuffix(c.URL, "repos/infitx-org/profile-cd/actions/workflows/docker-image.yaml/dispatches"))
			if c.Authorization != "Bearer "+token || c.Body == nil {
				t.Errorf("%d to %s: %+v", tt.status, tt.location, c)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != tt.ok {
			t.Errorf("%d to %s: %v %s", tt.status, tt.location, err, diff)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
	if len(*others) > 0 {
		t.Errorf("somebody else was told: %+v", *others)
	}
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []github.Config{
		{Workflow: ""}, {Workflow: "../x"}, {Workflow: ".."}, {Workflow: `a\b`},
		{Workflow: "w", API: "api.github.com"}, {Workflow: "w", API: "ftp://x"}, {Workflow: "w", API: "https://"},
		{Workflow: "w", API: "https://me:canary@x"}, {Workflow: "w", API: "https://x?canary"}, {Workflow: "w", API: "https://x#canary"}, {Workflow: "w", API: "https://x\ncanary"},
	} {
		if _, err := github.New(c); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
