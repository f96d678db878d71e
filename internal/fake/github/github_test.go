package github_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// world is a fake with one repository, served over loopback, and clients for it.
type world struct {
	fake *github.Server
	repo *github.Repo
	time *clock
	url  string
	bot  *gh.Client
	ci   *gh.Client // the workflow's own token
	boss *gh.Client // an administrator
	anon *gh.Client
}

func identities() map[string]github.Identity {
	return map[string]github.Identity{
		"bot-token":  {Login: "pawl-bot"},
		"ci-token":   {Login: "github-actions[bot]", Actions: true},
		"app-token":  {Login: "pawl[bot]", App: true},
		"boss-token": {Login: "boss", Admin: true},
		"read-token": {Login: "reader", ReadOnly: true},
	}
}

func newWorld(t *testing.T, settings github.Settings, adjust func(*github.Options)) *world {
	t.Helper()
	w := &world{time: &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	options := github.Options{Now: w.time.now, Identities: identities()}
	if check := conform(t); check != nil {
		options.Check = check
	}
	if adjust != nil {
		adjust(&options)
	}
	w.fake = github.New(options)
	w.repo = w.fake.Create("acme/profile", settings)
	w.push(t, "main", "alice", "values.yaml", base, "start")
	server := httptest.NewServer(w.fake)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.bot, w.ci, w.boss, w.anon = w.client(t, "bot-token"), w.client(t, "ci-token"), w.client(t, "boss-token"), w.client(t, "")
	return w
}

const base = "a: 1\n\nx: 0\n\nb: 2\n"

func (w *world) client(t *testing.T, token string) *gh.Client {
	t.Helper()
	client := gh.NewClient(nil)
	if token != "" {
		client = client.WithAuthToken(token)
	}
	address, err := url.Parse(w.url + "/api/v3/")
	if err != nil {
		t.Fatal(err)
	}
	client.BaseURL = address
	return client
}

func (w *world) push(t *testing.T, branch, who, file, text, message string) string {
	t.Helper()
	sha, err := w.repo.Push(branch, who, map[string][]byte{file: []byte(text)}, message)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

// propose commits over the API and opens a pull request.
func (w *world) propose(t *testing.T, client *gh.Client, branch, text string) *gh.PullRequest {
	t.Helper()
	ctx := context.Background()
	head, _, err := client.Git.GetRef(ctx, "acme", "profile", "heads/main")
	must(t, err)
	parent := head.GetObject().GetSHA()
	tree, _, err := client.Git.CreateTree(ctx, "acme", "profile", parent, []*gh.TreeEntry{
		{Path: gh.String("values.yaml"), Mode: gh.String("100644"), Type: gh.String("blob"), Content: &text},
	})
	must(t, err)
	commit, _, err := client.Git.CreateCommit(ctx, "acme", "profile", &gh.Commit{
		Message: gh.String("bump " + branch), Tree: tree, Parents: []*gh.Commit{{SHA: &parent}},
	}, nil)
	must(t, err)
	_, _, err = client.Git.CreateRef(ctx, "acme", "profile", &gh.Reference{
		Ref: gh.String("refs/heads/" + branch), Object: &gh.GitObject{SHA: commit.SHA},
	})
	must(t, err)
	pull, _, err := client.PullRequests.Create(ctx, "acme", "profile", &gh.NewPullRequest{
		Title: gh.String("Bump " + branch), Head: &branch, Base: gh.String("main"), Body: gh.String("why"),
	})
	must(t, err)
	return pull
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that a call failed with that status and text.
func refused(t *testing.T, err error, status int, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("succeeded, want %d %q", status, text)
	}
	response := &gh.ErrorResponse{}
	if !asResponse(err, &response) || response.Response.StatusCode != status || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %v, want %d %q", err, status, text)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = dir
	command.Env = append(command.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestProposedChangeIsMergedAndCloned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, github.Settings{DeleteBranchOnMerge: true}, func(o *github.Options) { o.Dir = dir })
	pull := w.propose(t, w.bot, "pawl/update", strings.Replace(base, "a: 1", "a: 2", 1))
	ctx := context.Background()
	result, _, err := w.bot.PullRequests.Merge(ctx, "acme", "profile", pull.GetNumber(), "body\n\nKey: value", &gh.PullRequestOptions{
		MergeMethod: "squash", CommitTitle: "Bump a", SHA: pull.GetHead().GetSHA(),
	})
	must(t, err)
	if !result.GetMerged() || result.GetSHA() != w.repo.Head("main") {
		t.Fatalf("merged %v at %s, main is %s", result.GetMerged(), result.GetSHA(), w.repo.Head("main"))
	}
	if w.repo.Head("pawl/update") != "" {
		t.Error("the head branch was not deleted")
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, ".", "clone", "-q", w.repo.Dir(), clone)
	git(t, clone, "fsck", "--strict")
	if got := git(t, clone, "show", "HEAD:values.yaml"); got != "a: 2\n\nx: 0\n\nb: 2\n" {
		t.Errorf("cloned file is %q", got)
	}
	if got := git(t, clone, "log", "-1", "--format=%an|%cn|%B"); got != "pawl-bot|GitHub|Bump a\n\nbody\n\nKey: value\n" {
		t.Errorf("cloned commit is %q", got)
	}
	if got := strings.TrimSpace(git(t, clone, "rev-list", "--count", "HEAD")); got != "2" {
		t.Errorf("cloned %s commits", got)
	}
	saved := filepath.Join(t.TempDir(), "saved.git")
	must(t, w.repo.Save(saved))
	git(t, saved, "fsck", "--strict")
}

func TestEveryCallIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	w.propose(t, w.bot, "up", "a: 2\n")
	calls := w.fake.Calls()
	last := calls[len(calls)-1]
	want := github.Call{
		Number: 5, Write: 4, Method: http.MethodPost, Path: "/api/v3/repos/acme/profile/pulls", Writing: true,
		Operation: "POST /repos/{owner}/{repo}/pulls", Identity: "pawl-bot", Status: http.StatusCreated,
	}
	if last != want {
		t.Errorf("last call %+v, want %+v", last, want)
	}
	if w.fake.Writes() != 4 || calls[0].Writing {
		t.Errorf("%d writes, first call %+v", w.fake.Writes(), calls[0])
	}
}
