package github_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/httpx"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]github.Config{
		"no repository":  {},
		"one part":       {Repository: "profile"},
		"three parts":    {Repository: "a/b/c"},
		"no URL":         {Repository: "a/b", API: "api.github.com"},
		"with a user":    {Repository: "a/b", API: "https://user:" + token + "@ghe.example"},
		"another scheme": {Repository: "a/b", GraphQL: "file:///graphql"},
		"no branch":      {Repository: "a/b", Branch: "a..b"},
	} {
		if _, err := github.New(c); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEndpoints finds where each kind of GitHub is asked.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ api, graphql, want string }{
		{"", "", "https://api.github.com/graphql"},
		{"https://ghe.example/api/v3", "", "https://ghe.example/api/graphql"},
		{"https://ghe.example/api/v3/", "https://other.example/graphql", "https://other.example/graphql"},
	} {
		var asked string
		transport := roundTrip(func(req *http.Request) *http.Response {
			if !strings.Contains(req.URL.Path, "/git-") {
				asked = req.URL.String()
			}
			return answer(req, 200, `{"data":null,"errors":[{"type":"NOT_FOUND","message":"no"}]}`)
		})
		client, err := github.New(github.Config{HTTP: httpx.New(httpx.Config{Transport: transport}), API: test.api, GraphQL: test.graphql, Repository: "a/b", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.OpenRepository(context.Background()); err == nil || asked != test.want {
			t.Errorf("%q asked %s, %v", test.api, asked, err)
		}
	}
}

type roundTrip func(*http.Request) *http.Response

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req), nil }

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// TestTokenStaysAtItsHost follows a redirect to another host, which must not see the token.
func TestTokenStaysAtItsHost(t *testing.T) {
	t.Parallel()
	var seen, asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		var all bytes.Buffer
		_ = req.Header.Write(&all)
		if strings.Contains(all.String(), token) {
			seen.Add(1)
		}
		fmt.Fprint(out, `{"sha":"x","tree":[]}`)
	}))
	t.Cleanup(other.Close)
	var sent atomic.Int32
	home := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") == "Bearer "+token {
			sent.Add(1)
		}
		http.Redirect(out, req, other.URL+req.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(home.Close)
	client, err := github.New(github.Config{API: home.URL, Repository: "a/b", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.Read(context.Background(), strings.Repeat("1", 40), nil)
	_, _ = client.OpenRepository(context.Background())
	_ = client.Record(context.Background(), claims("c"))
	if asked.Load() < 2 || sent.Load() < 2 || seen.Load() != 0 {
		t.Errorf("sent %d times, and of %d requests the other host saw it in %d", sent.Load(), asked.Load(), seen.Load())
	}
}

// TestGraphQLErrorsAreErrors answers 200 with errors, and with nothing.
func TestGraphQLErrorsAreErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status       int
		body         string
		text, advice string
	}{
		{200, `{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","message":"Could not resolve"}]}`, "Could not resolve", "does not exist"},
		{200, `{"errors":[{"type":"FORBIDDEN","message":"Resource not accessible"},{"message":"second"}]}`, "Resource not accessible; second", "contents: read"},
		{200, `{"errors":[{"message":"Something went wrong with ` + token + `"}]}`, "Something went wrong with ***", ""},
		{200, `{}`, "no data", ""},
		{200, `<html>`, "no JSON", ""},
		{401, `{"message":"Bad credentials"}`, "Bad credentials", "MERGE_TOKEN"},
	} {
		transport := roundTrip(func(req *http.Request) *http.Response { return answer(req, test.status, test.body) })
		client, err := github.New(github.Config{HTTP: httpx.New(httpx.Config{Transport: transport}), Repository: "a/b", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.OpenRepository(context.Background())
		if err == nil || !strings.Contains(err.Error(), test.text) || !strings.Contains(advice(err), test.advice) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v, advice %q", test.body, err, advice(err))
		}
	}
}

// TestRefusalsNameThePermission has every step refused, and looks for the advice and for the token.
func TestRefusalsNameThePermission(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, test := range []struct {
		operation, advice string
		do                func(w *world) error
	}{
		{"git-receive-pack", "contents: write", func(w *world) error { return w.client.Record(ctx, claims("c")) }},
		{"git-upload-pack fetch", "contents: read", func(w *world) error {
			_, err := w.client.Read(ctx, w.repo.Head("main"), []string{file})
			return err
		}},
		{"git-upload-pack ls-refs", "contents: read", func(w *world) error {
			_, err := w.client.Tip(ctx)
			return err
		}},
		{"POST /pulls", "pull-requests: write", func(w *world) error {
			w.push("pawl/update", "pawl-bot", map[string]string{file: after})
			_, _, err := w.client.PutPull(ctx, "pawl/update", github.Text{Title: "t"})
			return err
		}},
		{"GET /pulls", "pull-requests: read", func(w *world) error {
			_, _, err := w.client.Recent(ctx, 1)
			return err
		}},
		{"GET /commits/{ref}/check-runs", "checks: read", func(w *world) error {
			_, err := w.client.Checks(ctx, w.repo.Head("main"))
			return err
		}},
	} {
		for _, status := range []int{401, 403, 404} {
			w := newWorld(t, fake.Settings{}, nil)
			once(test.operation, fake.Fault{Status: status, Message: "refused for " + token + base64.StdEncoding.EncodeToString([]byte(token)), Times: 9})(w, "")
			err := test.do(w)
			want := test.advice
			if status == http.StatusUnauthorized {
				want = "renew MERGE_TOKEN"
			}
			var known *github.Error
			if !errors.As(err, &known) || known.Status != status || !strings.Contains(advice(err), want) {
				t.Errorf("%s %d: %v, advice %q", test.operation, status, err, advice(err))
			}
			if text := fmt.Sprintf("%+v %s", err, advice(err)); strings.Contains(text, token) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(token))) {
				t.Errorf("%s %d: the token is in %s", test.operation, status, text)
			}
		}
	}
}

// TestSecondaryRateLimitIsWaitedFor lets GitHub refuse writes until a minute has gone by.
func TestSecondaryRateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, func(o *fake.Options) { o.WritesPerMin = 2 })
	head, p := w.propose()
	if got := w.repo.Head("pawl/update"); got != head.HeadSHA || p.Number != 1 {
		t.Errorf("published %+v, proposed %+v", head, p)
	}
	if w.time.slept < time.Minute || w.time.slept > 5*time.Minute {
		t.Errorf("slept %v", w.time.slept)
	}
}

func TestRateLimitBeyondTheBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, func(o *fake.Options) { o.CallsPerHour = 3 })
	ctx := context.Background()
	var err error
	for range 4 {
		_, err = w.connect(token).Checks(ctx, w.repo.Head("main"))
	}
	if err == nil || !strings.Contains(advice(err), "later") && !strings.Contains(advice(err), "again") {
		t.Errorf("got %v, advice %q", err, advice(err))
	}
	for _, name := range []string{"a", "b", "c", "d"} { // writing is counted apart
		w.push(name, "alice", map[string]string{"x": name})
		_, _, err = w.connect(token).PutPull(ctx, name, github.Text{Title: name, New: true})
	}
	if err == nil || !strings.Contains(advice(err), "asks to wait 3600 s") || w.time.slept > 10*time.Minute {
		t.Errorf("got %v, advice %q after %v", err, advice(err), w.time.slept)
	}
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := w.client.OpenRepository(ctx)
	w.must(err)
	cancel()
	if _, err := w.client.OpenRepository(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestLastRequestOfTheHour is told that nothing remains; whether the next one may pass is GitHub's to say.
func TestLastRequestOfTheHour(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	transport := roundTrip(func(req *http.Request) *http.Response {
		if req.URL.Host == "api.github.com" {
			asked.Add(1)
		}
		res := answer(req, 200, `{"sha":"x","tree":[]}`)
		res.Header.Set("X-Ratelimit-Remaining", "0")
		res.Header.Set("X-Ratelimit-Reset", fmt.Sprint(time.Now().Add(time.Hour).Unix()))
		return res
	})
	client, err := github.New(github.Config{HTTP: httpx.New(httpx.Config{Transport: transport}), Repository: "a/b", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := client.OpenRepository(context.Background()); err == nil { // the answer is none
			t.Error("opened")
		}
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func over(transport http.RoundTripper) *httpx.Client {
	return httpx.New(httpx.Config{Transport: transport})
}

func mustNew(t *testing.T, c github.Config) *github.Client {
	t.Helper()
	client, err := github.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
