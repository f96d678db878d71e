package gitlab_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/deploy/gitlab"
	fake "github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const (
	secret = "glptt-canary/0+t0ken="
	reader = "glpat-canary/1+r3ader="
	commit = "https://github.com/acme/profile/commit/0123456789abcdef"
)

// clock is the time of both sides; sleeping moves it.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	slept []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.slept = c.at.Add(d), append(c.slept, d)
	return ctx.Err()
}

func (c *clock) total() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum time.Duration
	for _, d := range c.slept {
		sum += d
	}
	return sum
}

// world is a GitLab on loopback below a sub-path with one project, and a client for it whose every word is kept.
type world struct {
	*testing.T
	time    *clock
	fake    *fake.Server
	gitlab  *fake.Project
	project deploy.Project
	client  *gitlab.Client
	log     *bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, time: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, log: &bytes.Buffer{}}
	w.fake = fake.New(fake.Options{Now: w.time.now})
	server := httptest.NewServer(w.fake)
	t.Cleanup(server.Close)
	w.fake.SetAddress(server.URL + "/git/lab")
	w.gitlab = w.fake.Create("Group/sub.x/na-me", fake.Settings{ID: 19, Triggers: []string{secret}, Readers: []string{reader}, Reporters: []string{"reporter"}})
	w.project = deploy.Project{Name: "dev", URL: w.gitlab.TriggerPathURL(), Secret: "TOKEN_DEV", API: "READ_DEV"}
	w.client = w.connect(httpx.Config{})
	t.Cleanup(func() { w.clean("log", w.log.String()) })
	return w
}

// connect returns a client that waits by the world's clock.
func (w *world) connect(c httpx.Config) *gitlab.Client {
	c.Now, c.Sleep, c.Log = w.time.now, w.time.sleep, slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tokens := map[string]string{"TOKEN_DEV": secret + "\n", "READ_DEV": reader, "REPORTER": "reporter", "WRONG": "glptt-wrong"}
	return gitlab.New(gitlab.Config{HTTP: httpx.New(c), Token: func(name string) string { return tokens[name] }, Now: w.time.now, Sleep: w.time.sleep})
}

func request() deploy.Request {
	return deploy.Request{Ref: "main", Message: "Bump \"a\" `b` $(c) 🚀 <d> [skip ci]\n\nbody", CommitURL: commit}
}

func (w *world) trigger() deploy.Answer {
	w.Helper()
	a := w.client.Trigger(w.Context(), w.project, request())
	w.clean("answer", a.Detail+a.Hint+a.URL+a.Status)
	return a
}

// clean fails when a text holds one of the tokens in any spelling.
func (w *world) clean(what, text string) {
	w.Helper()
	for _, token := range []string{secret, reader} {
		for _, form := range []string{token, url.QueryEscape(token), url.PathEscape(token), base64.StdEncoding.EncodeToString([]byte(token)),
			base64.URLEncoding.EncodeToString([]byte(token)), base64.StdEncoding.EncodeToString([]byte("x:" + token))} {
			if strings.Contains(text, form) {
				w.Errorf("a token is in the %s: %s", what, text)
			}
		}
	}
	if strings.ContainsAny(text, "\r\x00") || what == "answer" && strings.Contains(text, "\n") {
		w.Errorf("the %s is not one line: %q", what, text)
	}
}

// advice is what an error tells a person to do.
func (w *world) advice(err error) string {
	w.Helper()
	e, ok := err.(interface{ Advice() string })
	if !ok || e.Advice() == "" {
		w.Errorf("no advice for %v", err)
		return ""
	}
	w.clean("error", err.Error()+e.Advice())
	return e.Advice()
}
