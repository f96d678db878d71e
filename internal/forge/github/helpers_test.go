package github_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/conformance"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
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
		if len(checker.Counts()) == 0 && slices.ContainsFunc(w.fake.Calls(), func(c fake.Call) bool { return !strings.HasPrefix(c.Operation, "git-") }) {
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
		Repository: "acme/profile", Token: as, Labels: []string{"dependencies"}, Ledger: ledgerRef, Now: w.time.now, Sleep: w.time.sleep,
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

const ledgerRef = "refs/pawl/ledger"

// propose publishes the edit and opens its pull request.
func (w *world) propose() (forge.Pull, forge.PullState) {
	w.Helper()
	pull, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
	w.must(err)
	shown, _ := w.repo.Pull(pull.Number)
	return pull, forge.PullState{Number: pull.Number, Branch: pull.Branch, HeadSHA: pull.HeadSHA, Title: shown.Title, Body: shown.Body, Labels: shown.Labels}
}

// publish proposes files on a base.
func (w *world) publish(c *github.Client, base string, files []change.File, message string) (forge.Pull, error) {
	w.Helper()
	subject, body, _ := strings.Cut(strings.TrimSpace(message), "\n\n")
	return c.Propose(context.Background(), change.Set{Base: base, Files: files},
		forge.PullText{Message: change.Message{Subject: subject, Body: body}, Title: "Bump a", Body: "why"})
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

// through changes requests and answers on their way; nil leaves them.
type through struct {
	next    http.RoundTripper
	request func(req *http.Request, body []byte) []byte
	answer  func(req *http.Request, res *http.Response, body []byte) []byte
}

func (t through) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.request != nil && req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = t.request(req, body)
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	res, err := t.next.RoundTrip(req)
	if err != nil || t.answer == nil {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	body = t.answer(req, res, body)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// git is the repository as somebody's git sees it.
func (w *world) git(as string) *remote.Remote {
	w.Helper()
	place, err := url.Parse("https://github.com/acme/profile.git")
	w.must(err)
	return remote.New(httpx.New(httpx.Config{Transport: w.fake.RoundTripper()}), place, func(next http.RoundTripper) http.RoundTripper {
		return httpx.Authorize(next, place, "Basic "+base64.StdEncoding.EncodeToString([]byte("x:"+as)))
	})
}

// next pushes a commit with the tree of another onto that, or beside it, in any names.
func (w *world) next(as, branch, of, onto string, author, committer git.Person) string {
	w.Helper()
	r := w.git(as)
	objects, err := r.Fetch(context.Background(), remote.Want{IDs: []string{of}, Depth: 1})
	w.must(err)
	c, err := objects.Commit(of)
	w.must(err)
	made := git.Objects{}
	id := made.Add(git.Commit{Tree: c.Tree, Parents: []string{onto}, Author: author, Committer: committer, Message: "next"}.Object())
	w.must(r.Push(context.Background(), made, remote.Update{Ref: "refs/heads/" + branch, Old: w.repo.Head(branch), New: id}))
	return id
}
