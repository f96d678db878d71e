package gitlab_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/deploy/gitlab"
	fake "github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
)

func TestTrigger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, address := range []string{w.gitlab.TriggerURL(), w.gitlab.TriggerPathURL(), strings.ReplaceAll(w.gitlab.TriggerPathURL(), "sub.x", "sub%2Ex") + "/"} {
		w.project.URL = address
		got := w.trigger()
		base, _, _ := strings.Cut(address, "/api/v4")
		want := deploy.Answer{State: deploy.Accepted, PipelineID: int64(i + 1), Status: "created", Created: w.time.now(), URL: fmt.Sprintf("%s/Group/sub.x/na-me/-/pipelines/%d", base, i+1)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", address, diff)
		}
	}
	for i, r := range w.fake.Requests() {
		id := []string{"19", "Group%2Fsub%2Ex%2Fna-me", "Group%2Fsub%2Ex%2Fna-me"}[i]
		if r.Method != "POST" || r.Path != "/git/lab/api/v4/projects/"+id+"/trigger/pipeline" || r.Query != "" {
			t.Errorf("request %s", r)
		}
		if _, sent := r.Header["Private-Token"]; sent || r.Header.Get("User-Agent") != "pawl" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", r.Header)
		}
		golden := `{"ref":"main","token":"glptt-canary/0+t0ken=","variables":{"CD_COMMIT_URL":"https://github.com/acme/profile/commit/0123456789abcdef",` +
			`"CD_MESSAGE":"Bump \"a\" ` + "`b`" + ` $(c) 🚀 \u003cd\u003e (skip ci)","CD_UPDATE_PROFILE":"true"}}`
		if diff := cmp.Diff(golden, string(r.Body)); diff != "" {
			t.Error(diff)
		}
	}
	one := w.gitlab.Pipelines()[0]
	if one.Variables["CD_MESSAGE"] != "Bump \"a\" `b` $(c) 🚀 <d> (skip ci)" || one.Variables["CD_COMMIT_URL"] != commit || one.Ref != "main" || one.Source != "trigger" {
		t.Errorf("pipeline %+v", one)
	}
}

func TestEveryFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		state     deploy.State
		made      int
		sent      int
		detail    string
		hint      string
		noAPIHint string
	}{
		"401":                {state: deploy.Refused, sent: 1, detail: "GitLab answers 401 Unauthorized: 401 Unauthorized", hint: "TOKEN_DEV is not accepted"},
		"403":                {state: deploy.Refused, sent: 1, detail: "403 Forbidden", hint: "TOKEN_DEV may not run pipelines"},
		"404":                {state: deploy.Refused, sent: 1, detail: "404 Not Found", hint: "TOKEN_DEV is revoked or of another project"},
		"422":                {state: deploy.Refused, sent: 1, detail: "422 Unprocessable Entity: Reference not found", hint: "nothing ran"},
		"429":                {state: deploy.Accepted, made: 1, sent: 2},
		"too many pipelines": {state: deploy.Accepted, made: 1, sent: 2},
		"500 before":         {state: deploy.Unknown, sent: 1, detail: "500 Internal Server Error"},
		"500 after":          {state: deploy.Unknown, made: 1, sent: 1, detail: "500 Internal Server Error"},
		"502 before":         {state: deploy.Unknown, sent: 1, detail: "502 Bad Gateway"},
		"502 after":          {state: deploy.Unknown, made: 1, sent: 1, detail: "502 Bad Gateway"},
		"timeout before":     {state: deploy.Unknown, sent: 1, detail: "no answer within"},
		"timeout after":      {state: deploy.Unknown, made: 1, sent: 1, detail: "no answer within"},
		"timeout late":       {state: deploy.Unknown, sent: 1, detail: "no answer within"},
		"cut before":         {state: deploy.Unknown, sent: 1, detail: "EOF"},
		"cut after":          {state: deploy.Unknown, made: 1, sent: 1, detail: "EOF"},
		"refused":            {state: deploy.Unknown, sent: 1, detail: "EOF"}, // a listener can only break the connection
		"page before":        {state: deploy.Unknown, sent: 1, detail: "the answer 200 is no pipeline"},
		"page after":         {state: deploy.Unknown, made: 1, sent: 1, detail: "the answer 200 is no pipeline"},
		"truncated":          {state: deploy.Unknown, made: 1, sent: 1, detail: "the answer ends too early"},
	}
	for name, fault := range fake.Faults() {
		want, known := tests[name]
		if !known {
			t.Errorf("%s is not tried", name)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if fault.Stall {
				w.client = w.connect(httpx.Config{Timeout: time.Second})
			}
			w.gitlab.Inject(fault)
			got := w.trigger()
			if got.State != want.state || !strings.Contains(got.Detail, want.detail) || !strings.Contains(got.Hint, want.hint) {
				t.Errorf("answer %+v", got)
			}
			if made, sent := w.gitlab.Count(commit), len(w.fake.Requests()); made != want.made || sent != want.sent {
				t.Errorf("%d pipelines from %d requests, want %d from %d", made, sent, want.made, want.sent)
			}
			if got.State == deploy.Unknown && !strings.Contains(got.Hint, "READ_DEV") {
				t.Errorf("hint %q", got.Hint)
			}
			w.gitlab.Inject(fault)
			w.project.API, w.project.Name = "", "dev it"
			if got = w.trigger(); got.State == deploy.Unknown && !strings.Contains(got.Hint, "pawl deploy --project 'dev it' --retry-unknown") {
				t.Errorf("hint without a read token %q", got.Hint)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	body := func(status int, text string) *fake.Fault { return &fake.Fault{Status: status, Body: text} }
	base := func(text string) *fake.Fault { return body(400, `{"message":{"base":["`+text+`"]}}`) }
	tests := []struct {
		name         string
		fault        *fake.Fault
		adjust       func(*world)
		detail, hint string
	}{
		{"no such ref", nil, nil, "400 Bad Request: Reference not found", "no branch or tag other: correct `deploy.ref`"},
		{"filtered", base("Pipeline filtered out by workflow rules."), nil, "filtered out", `allow $CI_PIPELINE_SOURCE == "trigger"`},
		{"no job", base("Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline."), nil, "", `let no job run`},
		{"who are you", base("Identity verification is required in order to run CI jobs"), nil, "Identity verification", "verify their identity"},
		{"who are you, newer", body(422, `{"message":{"base":["Identity verification is required in order to run CI jobs"]}}`), nil, "Identity verification", "verify their identity"},
		{"variables", base("Insufficient permissions to set pipeline variables"), nil, "", "may not set variables"},
		{"protected", base("You do not have sufficient permission to run a pipeline on 'main'."), nil, "", "may not run pipelines on other"},
		{"no file", base("Missing CI config file"), nil, "", ".gitlab-ci.yml"},
		{"other", base("Something else"), nil, "Something else", "see what GitLab says"},
		{"revoked", nil, func(w *world) { w.project.Secret = "WRONG" }, "404 Not Found", "WRONG is revoked"},
		{"wrong project", nil, func(w *world) { w.project.URL = strings.Replace(w.project.URL, "na-me", "other", 1) }, "404 Not Found", "not at this `url`"},
		{"no token", nil, func(w *world) { w.project.Secret = "UNSET" }, "not sent", "`secret`"},
		{"no endpoint", nil, func(w *world) { w.project.URL = "https://me:" + url.QueryEscape(secret) + "@h.example/x" }, "not sent: url: it holds a user name", "`url`"},
		{"method", body(405, `{"error":"405 Not Allowed"}`), nil, "405 Method Not Allowed: 405 Not Allowed", "trigger endpoint"},
		{"proxy", body(407, "<html>"+secret+"</html>"), nil, "GitLab answers 407 Proxy Authentication Required", "trigger endpoint"},
		{"echo", body(400, `{"message":"`+secret+`","x":["`+url.QueryEscape(secret)+`",1,null],"y":"`+base64.StdEncoding.EncodeToString([]byte("a:"+secret))+`\n\u001b[31m"}`), nil, "***", "see what"},
		{"long", body(403, `{"message":"`+strings.Repeat("ż", 5000)+`"}`), nil, "żżż...", "TOKEN_DEV"},
		{"deep", body(403, strings.Repeat("[", 9000)+strings.Repeat("]", 9000)), nil, "403 Forbidden", "TOKEN_DEV"},
		{"too long a wait", &fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}, Body: "Retry later"}, nil, "429 Too Many Requests", "later"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tt.fault != nil {
				w.gitlab.Inject(*tt.fault)
			}
			if tt.adjust != nil {
				tt.adjust(w)
			}
			r := request()
			r.Ref = "other"
			got := w.client.Trigger(t.Context(), w.project, r)
			w.clean("answer", got.Detail+got.Hint)
			if got.State != deploy.Refused || !strings.Contains(got.Detail, tt.detail) || !strings.Contains(got.Hint, tt.hint) || got.Hint == "" || len(got.Detail) > 700 {
				t.Errorf("answer %+v", got)
			}
			if counts := w.fake.Counts(); len(counts) != 0 || w.time.total() != 0 {
				t.Errorf("pipelines %v after %s", counts, w.time.total())
			}
		})
	}
}

func TestTooManyRequestsIsBounded(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]struct {
		state deploy.State
		sent  int
	}{"0": {deploy.Refused, 61}, "25": {deploy.Refused, 3}, "": {deploy.Refused, 7}, "Sun, 01 Mar 2026 12:00:55 GMT": {deploy.Refused, 7}} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			fault := fake.TooMany(after)
			fault.Times = 100
			w.gitlab.Inject(fault)
			got := w.trigger()
			sent := len(w.fake.Requests())
			if w.time.total() > gitlab.DefaultPatience || got.State != want.state || sent != want.sent {
				t.Errorf("%s after %d requests and %s: %+v", got.State, sent, w.time.total(), got)
			}
		})
	}
}

// TestPipelineInEveryForm reads what instances of other versions, languages and time zones say of a pipeline.
func TestPipelineInEveryForm(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]fake.Settings{
		"coverage is a number": {Coverage: 30.0}, "coverage is a text": {Coverage: "30.0"}, "an old version": {Old: true}, "no coverage": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			settings.Triggers, settings.Readers, settings.Statuses = []string{secret}, []string{reader}, []string{"success"}
			w.gitlab = w.fake.Create("group/form", settings)
			w.project.URL = w.gitlab.TriggerURL()
			if got := w.trigger(); got.State != deploy.Accepted || got.PipelineID != 1 || !got.Created.Equal(w.time.now()) || got.Created.Location() != time.UTC {
				t.Errorf("trigger: %+v", got)
			}
			if got, err := w.client.Follow(t.Context(), w.project, 1, time.Minute); err != nil || got.Status != "success" || got.Finished.IsZero() {
				t.Errorf("follow: %+v, %v", got, err)
			}
			if got, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now())); err != nil || !there || got.PipelineID != 1 {
				t.Errorf("look-up: %+v, %t, %v", got, there, err)
			}
		})
	}
	for name, body := range map[string]string{
		"fields of other kinds": `{"id":7,"iid":"x","status":{"a":1},"web_url":5,"created_at":"yesterday","started_at":1,"detailed_status":"läuft","user":[],"coverage":{"x":1},"yaml_errors":false}`,
		"nothing but the id":    `{"id":7}`,
	} {
		w := newWorld(t)
		w.gitlab.Inject(fake.Fault{Status: 201, Body: body})
		if got := w.trigger(); got.State != deploy.Accepted || got.PipelineID != 7 || got.Status != "" || !got.Created.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTooManyPipelines waits for GitLab's own limit of pipelines in a minute, and says how long when that is too long.
func TestTooManyPipelines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gitlab = w.fake.Create("group/busy", fake.Settings{Triggers: []string{secret}, PerMinute: 2})
	w.project.URL = w.gitlab.TriggerURL()
	for range 2 {
		w.gitlab.Add("push", "main", nil)
	}
	if got := w.trigger(); got.State != deploy.Accepted || w.gitlab.Count(commit) != 1 || w.time.total() > time.Minute {
		t.Errorf("after %s: %+v", w.time.total(), got)
	}
	begun := w.time.now()
	w.gitlab.Inject(fake.Fault{Times: 99, Status: 400, Body: fake.TooManyPipelines().Body})
	r := request()
	r.Until = begun.Add(30 * time.Second)
	got := w.client.Trigger(t.Context(), w.project, r)
	if got.State != deploy.Refused || got.Again <= 0 || !strings.Contains(got.Hint, "pipeline creation limit") || w.time.now().After(r.Until) {
		t.Errorf("after %s: %+v", w.time.now().Sub(begun), got)
	}
}

// TestTriggerIsNotSentLate sends nothing after the time that it may be sent in, also when the host wants to be left alone.
func TestTriggerIsNotSentLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := request()
	r.Until = w.time.now().Add(-time.Second)
	if got := w.client.Trigger(t.Context(), w.project, r); got.State != deploy.Refused || len(w.fake.Requests()) != 0 || !strings.Contains(got.Detail, "not sent") {
		t.Errorf("%d requests: %+v", len(w.fake.Requests()), got)
	}
	w.gitlab.Inject(fake.TooMany("25")) // keeps everybody back
	r.Until = w.time.now().Add(24 * time.Second)
	for range 2 {
		if got := w.client.Trigger(t.Context(), w.project, r); got.State != deploy.Refused || got.Again <= 0 {
			t.Errorf("%+v", got)
		}
	}
	if len(w.fake.Requests()) != 1 || w.time.total() > 24*time.Second {
		t.Errorf("%d requests, %s", len(w.fake.Requests()), w.time.total())
	}
}

func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fake.Fault{
		"no content": {Status: 204}, "empty": {Status: 201}, "null": {Status: 201, Body: "null"}, "list": {Status: 201, Body: "[]"}, "no id": {Status: 201, Body: `{"status":"created"}`},
		"zero": {Status: 201, Body: `{"id":0}`}, "negative": {Status: 201, Body: `{"id":-1}`}, "text": {Status: 201, Body: `{"id":"7"}`}, "half": {Status: 201, Body: `{"id":7,"sta`},
		"request timeout": {Status: 408}, "client closed": {Status: 499}, "see other": {Status: 303, Header: http.Header{"Location": {"/x"}}}, "not modified": {Status: 304},
		"unavailable": {Status: 503, Header: http.Header{"Retry-After": {"1"}}}, "endless": {Status: 201, Body: `{"id":7,"name":"` + strings.Repeat("x", 9<<20) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.gitlab.Inject(f)
			if got := w.trigger(); got.State != deploy.Unknown || got.Detail == "" || len(w.fake.Requests()) != 1 {
				t.Errorf("%d requests, answer %+v", len(w.fake.Requests()), got)
			}
		})
	}
}

func TestAnswersAreNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := strings.Replace(w.gitlab.TriggerURL(), "/api/v4/projects/19/trigger/pipeline", "/Group/sub.x/na-me/-/pipelines/7", 1)
	for _, address := range []string{"javascript:alert(1)", "https://me:x@h.example/", "https://h.example/" + secret, "not a url", "", "https://h.example/\u202e"} {
		body, _ := json.Marshal(map[string]any{"id": 7, "web_url": address, "status": "<b>\n" + secret})
		w.gitlab.Inject(fake.Fault{Status: 201, Body: string(body)})
		if got := w.trigger(); got.State != deploy.Accepted || got.URL != own || got.Status != "" {
			t.Errorf("%q: %+v", address, got)
		}
	}
	w.gitlab.Inject(fake.Fault{Status: 201, Body: `{"id":7,"status":"failed","yaml_errors":"jobs: ` + secret + `"}`})
	if got := w.trigger(); got.State != deploy.Accepted || !strings.Contains(got.Detail, "failed before any job: jobs: ***") {
		t.Errorf("%+v", got)
	}
}

func TestRedirectCarriesNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var got []string
			other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = append(got, r.Header.Get("Private-Token")+string(body))
			}))
			defer other.Close()
			to := http.Header{"Location": {other.URL + "/moved?token=" + url.QueryEscape(secret)}}
			w.gitlab.Inject(fake.Fault{Status: status, Header: to})
			a := w.trigger()
			if a.State != deploy.Refused || !strings.Contains(a.Detail, "a redirect to "+other.URL+"/moved that is not followed") || !strings.Contains(a.Hint, "`url`") {
				t.Errorf("answer %+v", a)
			}
			w.gitlab.Inject(fake.Fault{On: fake.List, Status: status, Header: to})
			_, _, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now()))
			if err == nil || !strings.Contains(w.advice(err), "`url`") {
				t.Errorf("lookup: %v", err)
			}
			w.gitlab.Inject(fake.Fault{On: fake.Get, Status: status, Header: to})
			if _, err = w.client.Follow(t.Context(), w.project, 1, time.Minute); err == nil || !strings.Contains(w.advice(err), "`url`") {
				t.Errorf("follow: %v", err)
			}
			if len(got) != 0 {
				t.Errorf("the other host got %q", got)
			}
		})
	}
}

// TestNoConnection shows that what never got a connection is refused, and tried again where that may help.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	_ = listener.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	const path = "/api/v4/projects/1/trigger/pipeline"
	tests := []struct {
		name, url, detail string
		requests          int
	}{
		{"closed port", "http://" + closed + path, "connection refused", 3},
		{"no such host", "http://gitlab.invalid" + path, "unknown host", 1},
		{"silent host", "http://gitlab.silent" + path, "not sent", 3},
		{"no trust", secure.URL + path, "certificate", 1},
		{"no TLS", strings.Replace(newWorld(t).gitlab.TriggerURL(), "http:", "https:", 1), "speaks HTTP where HTTPS was expected", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			transport := httpx.NewTransport()
			transport.Proxy = nil
			transport.DialContext = dial
			client := httpx.New(httpx.Config{Transport: transport, Now: w.time.now, Sleep: w.time.sleep})
			w.client = gitlab.New(gitlab.Config{HTTP: client, Token: func(string) string { return secret }, Now: w.time.now, Sleep: w.time.sleep})
			w.project.URL = tt.url
			got := w.trigger()
			if got.State != deploy.Refused || !strings.Contains(got.Detail, tt.detail) || got.Hint == "" {
				t.Errorf("answer %+v", got)
			}
			for _, n := range client.Requests() {
				if n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
			}
		})
	}
}

// dial answers for the resolver and for a network that swallows packets.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	switch host {
	case "gitlab.invalid":
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	case "gitlab.silent":
		return nil, &net.OpError{Op: "dial", Net: network, Err: context.DeadlineExceeded}
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	for name, fault := range fake.Faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.client = w.connect(httpx.Config{Transport: w.fake.RoundTripper(), Timeout: time.Hour})
			fault.Times = 5
			w.gitlab.Inject(fault)
			got := w.trigger()
			made, sent := w.gitlab.Count(commit), len(w.fake.Requests())
			switch {
			case got.State == deploy.Unknown && sent != 1,
				got.State == deploy.Refused && made != 0,
				got.State == deploy.Accepted && made != 1,
				(name == "refused") != (got.State == deploy.Refused && sent == 3):
				t.Errorf("%d pipelines from %d requests: %+v", made, sent, got)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := w.client.Trigger(ctx, w.project, request()); got.State != deploy.Refused || len(w.fake.Requests()) != 0 {
		t.Errorf("answer %+v", got)
	}
	w.gitlab.Inject(fake.TimeoutAfter())
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	w.client = w.connect(httpx.Config{Timeout: time.Minute})
	if got := w.client.Trigger(ctx, w.project, request()); got.State != deploy.Unknown {
		t.Errorf("answer %+v", got)
	}
}
