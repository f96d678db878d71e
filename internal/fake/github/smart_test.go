package github_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/githttp"
	"github.com/pawl-cd/pawl/internal/fake/github"
	object "github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// gitWorld is a GitHub on loopback, and git itself.
type gitWorld struct {
	*testing.T
	server *github.Server
	repo   *github.Repo
	web    *httptest.Server
}

func newGitWorld(t *testing.T) *gitWorld {
	t.Helper()
	githttp.Need(t)
	s := github.New(github.Options{Identities: map[string]github.Identity{"token": {Login: "bot"}, "reader": {Login: "reader", ReadOnly: true}}})
	w := &gitWorld{T: t, server: s, repo: s.Create("acme/profile", github.Settings{}), web: httptest.NewServer(s)}
	t.Cleanup(w.web.Close)
	for _, text := range []string{"one", "two", "three"} {
		if _, err := w.repo.Push("main", "alice", map[string][]byte{"values.yaml": []byte(text), "deep/er/file": []byte(text)}, text); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// address is that of the repository, with a token as the password.
func (w *gitWorld) address(token string) string {
	if token != "" {
		token = "x-access-token:" + token + "@"
	}
	return strings.Replace(w.web.URL, "http://", "http://"+token, 1) + "/acme/profile.git"
}

// git runs git and returns what it says, and whether it succeeded.
func (w *gitWorld) git(dir string, args ...string) (string, bool) {
	w.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// does is git that has to succeed.
func (w *gitWorld) does(dir string, args ...string) string {
	w.Helper()
	out, ok := w.git(dir, args...)
	if !ok {
		w.Fatalf("git %s: %s", args, out)
	}
	return out
}

// clone is a checkout of the repository.
func (w *gitWorld) clone(args ...string) string {
	w.Helper()
	dir := filepath.Join(w.TempDir(), "clone")
	w.does("", append(append([]string{"clone", "-q"}, args...), w.address("token"), dir)...)
	return dir
}

// commit makes a commit in a checkout.
func (w *gitWorld) commit(dir, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(dir, "values.yaml"), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	w.does(dir, "commit", "-q", "-am", text)
}

// TestGitReads holds what the server sends against git itself.
func TestGitReads(t *testing.T) {
	w := newGitWorld(t)
	for _, c := range []struct {
		args    []string
		commits string
	}{{nil, "3"}, {[]string{"--depth", "1"}, "1"}, {[]string{"--depth", "2"}, "2"}, {[]string{"--filter", "blob:none"}, "3"}, {[]string{"--filter", "tree:0"}, "3"}} {
		dir := w.clone(c.args...)
		if n := strings.TrimSpace(w.does(dir, "rev-list", "--count", "HEAD")); n != c.commits {
			t.Errorf("%v: %s commits", c.args, n)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "deep/er/file")); err != nil || string(data) != "three" {
			t.Errorf("%v: the file holds %q, %v", c.args, data, err)
		}
		if out, ok := w.git(dir, "fsck", "--strict"); !ok {
			t.Errorf("%v: fsck: %s", c.args, out)
		}
		if _, err := w.repo.Push("main", "alice", map[string][]byte{"more": []byte(strings.Join(c.args, " "))}, "more"); err != nil {
			t.Fatal(err)
		}
		w.does(dir, "pull", "-q", "--ff-only") // negotiates with what it has
		if data, _ := os.ReadFile(filepath.Join(dir, "more")); string(data) != strings.Join(c.args, " ") {
			t.Errorf("%v: pulled was %q", c.args, data)
		}
		if _, err := w.repo.PushOnto(w.repo.Log("main")[1].SHA, "main", "alice", nil, "back"); err != nil {
			t.Fatal(err)
		}
		if err := w.repo.SetBranch("main", w.repo.Log("main")[1].SHA); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGitWrites holds what the server takes, and how it refuses, against git itself.
func TestGitWrites(t *testing.T) {
	w := newGitWorld(t)
	dir, other := w.clone(), w.clone()
	base := w.repo.Head("main")
	w.commit(dir, "four")
	w.does(dir, "push", "-q", "origin", "HEAD:refs/heads/work")
	if got, _ := w.repo.File("work", "values.yaml"); string(got) != "four" {
		t.Errorf("the branch holds %q", got)
	}
	w.commit(other, "five")
	if out, ok := w.git(other, "push", "--force-with-lease=refs/heads/work:"+base, "origin", "HEAD:refs/heads/work"); ok {
		t.Errorf("a push from an old value succeeds: %s", out)
	}
	w.repo.Guard("refs/heads/main", github.NameRule{Update: true})
	out, ok := w.git(other, "push", "--atomic", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/beside")
	if ok || w.repo.Head("beside") != "" || !strings.Contains(out, "remote: error: GH013: Repository rule violations found for refs/heads/main") ||
		!strings.Contains(out, "push declined due to repository rule violations") {
		t.Errorf("an atomic push of which one ref is guarded: %s, beside is at %q", out, w.repo.Head("beside"))
	}
	if out, ok := w.git(other, "push", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/beside"); ok || w.repo.Head("beside") == "" {
		t.Errorf("the same without atomic: %s", out)
	}
	w.does(other, "push", "-q", "origin", ":refs/heads/beside")
	if w.repo.Head("beside") != "" {
		t.Error("the branch is still there")
	}
	w.does(other, "push", "-q", "origin", "HEAD:refs/pawl/ledger")
	if w.repo.Refs()["refs/pawl/ledger"] == "" {
		t.Error("a ref that is no branch is not made")
	}
	w.repo.Protect("kept", github.Protection{Reviews: 1})
	if out, ok := w.git(other, "push", "origin", "HEAD:refs/heads/kept"); ok || !strings.Contains(out, "GH006") || !strings.Contains(out, "protected branch hook declined") {
		t.Errorf("a protected branch: %s", out)
	}
	for _, ref := range []string{"refs/heads/work/below", "refs/pull/7/head"} {
		if out, ok := w.git(other, "push", "origin", "HEAD:"+ref); ok {
			t.Errorf("%s is made: %s", ref, out)
		}
	}
}

// TestGitDoors shows who is let in.
func TestGitDoors(t *testing.T) {
	w := newGitWorld(t)
	dir := w.clone()
	w.commit(dir, "four")
	w.does("", "ls-remote", w.address("")) // a public repository
	for _, c := range []struct {
		address, says string
		args          []string
	}{
		{w.address("wrong"), "Authentication failed", []string{"push"}},
		{strings.Replace(w.address("token"), "profile", "none", 1), "not found", []string{"ls-remote"}},
		{w.address(""), "could not read Username", []string{"push"}},
		{w.address("reader"), "403", []string{"push"}},
	} {
		args := append(slices.Clone(c.args), c.address)
		if c.args[0] == "push" {
			args = append(args, "HEAD:refs/heads/x")
		}
		if out, ok := w.git(dir, args...); ok || !strings.Contains(out, c.says) {
			t.Errorf("%s: %s", args, out)
		}
	}
	w.repo.Rename("renamed")
	w.does("", "ls-remote", w.address("token")) // git follows
	w.repo.Configure(func(s *github.Settings) { s.Archived, s.Private = true, true })
	if out, ok := w.git(dir, "push", strings.Replace(w.address("token"), "profile", "renamed", 1), "HEAD:refs/heads/x"); ok || !strings.Contains(out, "403") {
		t.Errorf("an archived repository: %s", out)
	}
	if out, ok := w.git(dir, "ls-remote", strings.Replace(w.address(""), "profile", "renamed", 1)); ok {
		t.Errorf("a private repository is shown: %s", out)
	}
}

// TestPushClosesAPull shows that a branch that equals its base closes its pull request, as GitHub does.
func TestPushClosesAPull(t *testing.T) {
	w := newGitWorld(t)
	place, err := url.Parse(w.address(""))
	if err != nil {
		t.Fatal(err)
	}
	r := remote.New(httpx.New(httpx.Config{}), place, func(next http.RoundTripper) http.RoundTripper {
		return httpx.Authorize(next, place, "Basic eC1hY2Nlc3MtdG9rZW46dG9rZW4=")
	})
	ctx := context.Background()
	base := w.repo.Head("main")
	objects := object.Objects{}
	tree := objects.Add(object.Tree{"values.yaml": {Mode: "100644", ID: objects.Add(object.Blob([]byte("new")))}}.Object())
	head := objects.Add(object.Commit{Tree: tree, Parents: []string{base}, Message: "new"}.Object())
	if err := r.Push(ctx, objects, remote.Update{Ref: "refs/heads/work", New: head}); err != nil {
		t.Fatal(err)
	}
	pull, err := w.open("work")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Push(ctx, nil, remote.Update{Ref: "refs/heads/work", Old: head, New: base}); err != nil {
		t.Fatal(err)
	}
	if p, _ := w.repo.Pull(pull); p.State != "closed" {
		t.Errorf("the pull request is %s", p.State)
	}
	refs, err := r.Refs(ctx, "refs/pull/")
	if err != nil || refs.IDs["refs/pull/1/head"] != head || refs.Default != "main" {
		t.Errorf("the refs are %+v, %v", refs, err)
	}
	if err := r.Push(ctx, nil, remote.Update{Ref: "refs/heads/gone", New: strings.Repeat("1", 40)}); err == nil {
		t.Error("a ref to what nobody has is made")
	}
}

// open opens a pull request.
func (w *gitWorld) open(branch string) (int, error) {
	req, err := http.NewRequest(http.MethodPost, w.web.URL+"/repos/acme/profile/pulls", strings.NewReader(`{"title":"x","head":"`+branch+`","base":"main"}`))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer token")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return 1, res.Body.Close()
}
