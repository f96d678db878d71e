package github_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/conformance"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const (
	token  = "canary-t0ken"
	file   = "profiles/values.yaml"
	before = "image:\n  tag: v1.0.0\n\n# kept\nother: 1\n"
	after  = "image:\n  tag: v1.1.0\n\n# kept\nother: 1\n"
)

// clock is the time of both sides; sleeping moves it.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	slept time.Duration
	each  func() // called after each sleep, without the lock
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.at, c.slept = c.at.Add(d), c.slept+d
	each := c.each
	c.mu.Unlock()
	if each != nil {
		each()
	}
	return ctx.Err()
}

// world is a GitHub in memory with one repository, and a client for it.
type world struct {
	*testing.T
	fake   *fake.Server
	repo   *fake.Repo
	time   *clock
	client *github.Client
}

func identities() map[string]fake.Identity {
	return map[string]fake.Identity{
		token:      {Login: "pawl-bot"},
		"app":      {Login: "pawl[bot]", App: true},
		"alice":    {Login: "alice"},
		"reader":   {Login: "reader", ReadOnly: true},
		"workflow": {Login: "github-actions[bot]", Actions: true},
	}
}

var described = sync.OnceValues(conformance.FromEnvironment)

func newWorld(t *testing.T, settings fake.Settings, adjust func(*fake.Options)) *world {
	t.Helper()
	w := &world{T: t, time: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	options := fake.Options{Now: w.time.now, Identities: identities()}
	w.conform(&options)
	if adjust != nil {
		adjust(&options)
	}
	w.fake = fake.New(options)
	w.repo = w.fake.Create("acme/profile", settings)
	w.push("main", "alice", map[string]string{file: before, "README.md": "hello\n"})
	w.client = w.connect(token)
	return w
}

// conform holds every exchange of the test against GitHub's own descriptions where they are installed.
func (w *world) conform(options *fake.Options) {
	w.Helper()
	all, err := described()
	w.must(err)
	if all == nil {
		return
	}
	checker := all.Checker()
	options.Check = checker.Exchange
	w.Cleanup(func() {
		if len(checker.Counts()) == 0 {
			w.Error("no exchange was checked")
		}
		for _, v := range checker.Violations() {
			w.Errorf("violation: %s", v)
		}
	})
}

func (w *world) connect(as string, adjust ...func(*github.Config)) *github.Client {
	w.Helper()
	return w.over(w.fake.RoundTripper(), as, adjust...)
}

func (w *world) over(transport http.RoundTripper, as string, adjust ...func(*github.Config)) *github.Client {
	w.Helper()
	c := github.Config{
		HTTP:       httpx.New(httpx.Config{Transport: transport, Sleep: w.time.sleep, Now: w.time.now}),
		Repository: "acme/profile", Token: as, Labels: []string{"dependencies"}, Now: w.time.now, Sleep: w.time.sleep,
	}
	for _, a := range adjust {
		a(&c)
	}
	client, err := github.New(c)
	w.must(err)
	return client
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) push(branch, who string, files map[string]string) string {
	w.Helper()
	contents := map[string][]byte{}
	for path, text := range files {
		contents[path] = []byte(text)
	}
	sha, err := w.repo.Push(branch, who, contents, "by "+who)
	w.must(err)
	return sha
}

func edits() []change.File {
	return []change.File{{Path: file, Before: []byte(before), After: []byte(after)}}
}

// propose publishes the edit and opens its pull request.
func (w *world) propose() (github.Head, forge.PullState) {
	w.Helper()
	head, err := w.client.Publish(context.Background(), w.repo.Head("main"), edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
	w.must(err)
	p, _, err := w.client.PutPull(context.Background(), head.Branch, github.Text{Title: "Bump a", Body: "why"})
	w.must(err)
	return head, p
}

// advice is what an error tells a person to do.
func advice(err error) string {
	var e interface{ Advice() string }
	if errors.As(err, &e) {
		return e.Advice()
	}
	return ""
}

// short is the operation of a call without the repository.
func short(c fake.Call) string { return strings.ReplaceAll(c.Operation, "/repos/{owner}/{repo}", "") }

// writes lists the writing calls since a number of calls.
func (w *world) writes(since int) []string {
	var all []string
	for _, c := range w.fake.Calls()[since:] {
		if c.Writing {
			all = append(all, short(c))
		}
	}
	return all
}
