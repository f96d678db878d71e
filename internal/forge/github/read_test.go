package github_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

func TestReadFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, base := context.Background(), w.repo.Head("main")
	entries, err := w.client.ReadTree(ctx, base)
	w.must(err)
	if len(entries) != 2 || !entries[file].Regular() || len(entries[file].SHA) != 40 {
		t.Errorf("tree %+v", entries)
	}
	w.push("main", "alice", map[string]string{file: "later\n"})
	files, err := w.client.ReadFiles(ctx, base, []string{file, "README.md", "absent.yaml"})
	w.must(err)
	if text, err := files.ReadFile(file); err != nil || string(text) != before {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := files.ReadFile("absent.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	since := len(w.fake.Calls())
	_, err = w.client.ReadFiles(ctx, base, []string{file})
	w.must(err)
	if again := w.fake.Calls()[since:]; len(again) != 0 {
		t.Errorf("read twice: %v", again)
	}
}

// TestTruncatedTree reads a repository that GitHub would not list in one answer.
func TestTruncatedTree(t *testing.T) {
	t.Parallel()
	listings := map[string]string{
		"/repos/acme/profile/git/trees/top?recursive=1": `{"sha":"top","truncated":true,"tree":[{"path":"a","type":"blob","mode":"100644","sha":"1"}]}`,
		"/repos/acme/profile/git/trees/top":             `{"sha":"top","tree":[{"path":"a","type":"blob","mode":"100644","sha":"1"},{"path":"d","type":"tree","mode":"040000","sha":"sub"}]}`,
		"/repos/acme/profile/git/trees/sub":             `{"sha":"sub","tree":[{"path":"b.sh","type":"blob","mode":"100755","sha":"2"},{"path":"l","type":"blob","mode":"120000","sha":"3"},{"path":"m","type":"commit","mode":"160000","sha":"4"}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		fmt.Fprint(out, listings[req.URL.RequestURI()])
	}))
	t.Cleanup(server.Close)
	client, err := github.New(github.Config{API: server.URL, Repository: "acme/profile"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.ReadTree(context.Background(), "top")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]github.Entry{"a": {Mode: "100644", SHA: "1"}, "d/b.sh": {Mode: "100755", SHA: "2"}, "d/l": {Mode: "120000", SHA: "3"}, "d/m": {Mode: "160000", SHA: "4"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"d/l", "d/m"} {
		if _, err := client.ReadFiles(context.Background(), "top", []string{path}); err == nil || !strings.Contains(err.Error(), "link or a submodule") {
			t.Errorf("reading %s: %v", path, err)
		}
		_, err := client.MakeCommit(context.Background(), "top", []change.File{{Path: path, Before: []byte("x"), After: []byte("y")}}, "m")
		if err == nil || !strings.Contains(err.Error(), "link or a submodule") {
			t.Errorf("committing %s: %v", path, err)
		}
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, base := context.Background(), w.repo.Head("main")
	hostile := "tag: \"é\u2028</x>&\r\n\ttab\" # 🚀\n\n"
	sha, err := w.client.MakeCommit(ctx, base, []change.File{
		{Path: file, Before: []byte(before), After: []byte(hostile)},
		{Path: "bin/raw", After: []byte{0xff, 0, 1}},
		{Path: "large", After: []byte(strings.Repeat("x", 2<<20))},
		{Path: "README.md", Before: []byte("hello\n")},
	}, "Bump\n")
	w.must(err)
	for path, want := range map[string]string{file: hostile, "bin/raw": "\xff\x00\x01", "large": strings.Repeat("x", 2<<20)} {
		if got, ok := w.repo.File(sha, path); !ok || string(got) != want {
			t.Errorf("%s holds %.80q", path, got)
		}
	}
	if _, kept := w.repo.File(sha, "README.md"); kept {
		t.Error("README.md is still there")
	}
	if log := w.repo.Log(sha); len(log) != 2 || log[0].Author != "pawl-bot" || log[0].Parents[0] != base {
		t.Errorf("log %+v", log)
	}
	if w.repo.Head("main") != base {
		t.Error("a branch moved")
	}
}

func TestCommitRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, base := context.Background(), w.repo.Head("main")
	for name, f := range map[string]change.File{
		"another content": {Path: file, Before: []byte("stale\n"), After: []byte("x")},
		"not expected":    {Path: file, After: []byte("x")},
		"not there":       {Path: "absent", Before: []byte("x"), After: []byte("y")},
	} {
		if _, err := w.client.MakeCommit(ctx, base, []change.File{f}, "m"); err == nil || !strings.Contains(err.Error(), "not what the plan was made from") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.client.MakeCommit(ctx, base, []change.File{{Path: file, Before: []byte(before), After: []byte(before)}}, "m")
	if !errors.Is(err, github.ErrNoChange) {
		t.Errorf("no change: %v", err)
	}
	if w.fake.Writes() != 0 {
		t.Errorf("%d writes", w.fake.Writes())
	}
}

func TestGetShowsTheDiff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	w.push("main", "alice", map[string]string{"README.md": "moved\n"})
	p, base, err := w.client.Get(context.Background(), 1)
	w.must(err)
	if diff := cmp.Diff(edits(), p.Files); diff != "" || base != w.repo.Head("main") {
		t.Errorf("base %s\n%s", base, diff)
	}
	if len(p.Commits) != 1 || p.Commits[0].SHA != p.HeadSHA || p.Commits[0].Author != p.Author || p.Author.ID == 0 || p.HeadRepo != "acme/profile" {
		t.Errorf("pull request %+v", p)
	}
	_, err = w.repo.Push("pawl/update", "mallory", map[string][]byte{"README.md": nil, "new": []byte("n\n")}, "mine")
	w.must(err)
	p, _, err = w.client.Get(context.Background(), 1)
	w.must(err)
	if !cmp.Equal(p.Irregular, []string{"README.md"}) || len(p.Files) != 2 || p.Files[0].Path != "new" || p.Files[0].Before != nil {
		t.Errorf("diff %+v %v", p.Files, p.Irregular)
	}
	if len(p.Commits) != 2 || p.Commits[1].Author.Login != "mallory" {
		t.Errorf("commits %+v", p.Commits)
	}
	if _, _, err = w.client.Get(context.Background(), 99); err == nil {
		t.Error("found pull request 99")
	}
}

func TestForkShowsItsOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	fork := w.repo.Fork("mallory")
	_, err := fork.Push("pawl/update", "mallory", map[string][]byte{file: []byte(after)}, "Bump a")
	w.must(err)
	number, err := w.repo.Open("mallory", fake.NewPull{Title: "Bump a", Body: "pasted", Head: "mallory:pawl/update"})
	w.must(err)
	p, _, err := w.client.Get(context.Background(), number)
	w.must(err)
	if p.HeadRepo != "mallory/profile" || p.BaseRepo != "acme/profile" || p.Author.Login != "mallory" {
		t.Errorf("pull request %+v", p)
	}
	_, err = fork.Push("pawl/update-2", "mallory", map[string][]byte{file: []byte(after)}, "Bump a")
	w.must(err)
	_, err = w.repo.Open("pawl-bot", fake.NewPull{Title: "Bump a", Head: "mallory:pawl/update-2"})
	w.must(err)
	ours, err := w.client.FindOpen(context.Background())
	w.must(err)
	if len(ours) != 0 {
		t.Errorf("taken for ours: %+v", ours)
	}
}

// TestAmendedCommitIsForeign has a person commit in our name: the author is ours, the committer is not.
func TestAmendedCommitIsForeign(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, func(o *fake.Options) { o.Identities["mallory"] = fake.Identity{Login: "mallory", Email: "m@example"} })
	head, _ := w.propose()
	ctx := context.Background()
	api := gh.NewClient(&http.Client{Transport: w.fake.RoundTripper()}).WithAuthToken("mallory")
	ours, _, err := api.Git.GetCommit(ctx, "acme", "profile", head.SHA)
	w.must(err)
	amended, _, err := api.Git.CreateCommit(ctx, "acme", "profile", &gh.Commit{
		Message: gh.String("amended"), Tree: ours.Tree, Parents: []*gh.Commit{{SHA: &head.SHA}}, Author: ours.Author,
		Committer: &gh.CommitAuthor{Name: gh.String("m"), Email: gh.String("m@example")},
	}, nil)
	w.must(err)
	w.must(w.connect("mallory").ForwardRef(ctx, "refs/heads/pawl/update", head.SHA, amended.GetSHA()))
	p, _, err := w.client.Get(ctx, 1)
	w.must(err)
	if len(p.Commits) != 2 || p.Commits[0].Author.Login != "pawl-bot" || p.Commits[1].Author.Login != "mallory" {
		t.Errorf("commits %+v", p.Commits)
	}
}
