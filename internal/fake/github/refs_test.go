package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

func ref(name, sha string) *gh.Reference {
	return &gh.Reference{Ref: &name, Object: &gh.GitObject{SHA: &sha}}
}

func TestRefsAreComparedAndSwapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx, git := context.Background(), w.bot.Git
	first := w.repo.Head("main")
	second := w.push(t, "main", "alice", "values.yaml", "a: 2\n", "second")
	side, err := w.repo.PushOnto(first, "side", "alice", map[string][]byte{"x": []byte("x")}, "side")
	must(t, err)

	_, _, err = git.CreateRef(ctx, "acme", "profile", ref("refs/pawl/ledger", first))
	must(t, err)
	_, _, err = git.CreateRef(ctx, "acme", "profile", ref("refs/pawl/ledger", first))
	refused(t, err, http.StatusUnprocessableEntity, "Reference already exists")
	_, _, err = git.UpdateRef(ctx, "acme", "profile", ref("refs/pawl/ledger", second), false)
	must(t, err)
	_, _, err = git.UpdateRef(ctx, "acme", "profile", ref("refs/pawl/ledger", side), false)
	refused(t, err, http.StatusUnprocessableEntity, "Update is not a fast forward")
	got, _, err := git.UpdateRef(ctx, "acme", "profile", ref("refs/pawl/ledger", side), true)
	must(t, err)
	if got.GetObject().GetSHA() != side || got.GetObject().GetType() != "commit" {
		t.Errorf("forced to %+v", got.GetObject())
	}
	got, _, err = git.GetRef(ctx, "acme", "profile", "pawl/ledger")
	must(t, err)
	if got.GetRef() != "refs/pawl/ledger" || got.GetObject().GetSHA() != side {
		t.Errorf("read %+v", got)
	}
	_, err = git.DeleteRef(ctx, "acme", "profile", "refs/pawl/ledger")
	must(t, err)
	_, err = git.DeleteRef(ctx, "acme", "profile", "refs/pawl/ledger")
	refused(t, err, http.StatusUnprocessableEntity, "Reference does not exist")
	_, _, err = git.UpdateRef(ctx, "acme", "profile", ref("refs/pawl/ledger", side), true)
	refused(t, err, http.StatusUnprocessableEntity, "Reference does not exist")
	_, _, err = git.GetRef(ctx, "acme", "profile", "pawl/ledger")
	refused(t, err, http.StatusNotFound, "Not Found")
}

func TestRefsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	head := w.repo.Head("main")
	for _, test := range []struct{ name, sha, want string }{
		{"main", head, "not a valid ref name"},
		{"refs/main", head, "not a valid ref name"},
		{"refs/heads/a..b", head, "not a valid ref name"},
		{"refs/heads/a.lock", head, "not a valid ref name"},
		{"refs/heads/main/below", head, "Reference update failed"},
		{"refs/pull/9/head", head, "Reference update failed"},
		{"refs/heads/new", strings.Repeat("0", 40), "Object does not exist"},
	} {
		_, _, err := w.bot.Git.CreateRef(context.Background(), "acme", "profile", &gh.Reference{Ref: &test.name, Object: &gh.GitObject{SHA: &test.sha}})
		if strings.HasPrefix(test.name, "refs/") {
			refused(t, err, http.StatusUnprocessableEntity, test.want)
		}
	}
}

func TestObjectsAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	sha := w.push(t, "main", "alice", "dir/deep/file.yaml", "k: v\n", "deep")
	w.push(t, "main", "alice", "later.yaml", "k: v\n", "later")

	commit, _, err := w.anon.Git.GetCommit(ctx, "acme", "profile", sha)
	must(t, err)
	if commit.GetMessage() != "deep" || commit.GetAuthor().GetName() != "alice" || commit.GetVerification().GetVerified() {
		t.Errorf("commit %+v", commit)
	}
	tree, _, err := w.anon.Git.GetTree(ctx, "acme", "profile", commit.GetTree().GetSHA(), true)
	must(t, err)
	var paths []string
	for _, entry := range tree.Entries {
		paths = append(paths, entry.GetMode()+" "+entry.GetType()+" "+entry.GetPath())
	}
	want := []string{"040000 tree dir", "040000 tree dir/deep", "100644 blob dir/deep/file.yaml", "100644 blob values.yaml"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
	at := &gh.RepositoryContentGetOptions{Ref: sha}
	file, _, _, err := w.anon.Repositories.GetContents(ctx, "acme", "profile", "dir/deep/file.yaml", at)
	must(t, err)
	if text, err := file.GetContent(); err != nil || text != "k: v\n" {
		t.Errorf("content %q, %v", text, err)
	}
	_, list, _, err := w.anon.Repositories.GetContents(ctx, "acme", "profile", "", at)
	must(t, err)
	if len(list) != 2 || list[0].GetType() != "dir" || list[1].GetPath() != "values.yaml" {
		t.Errorf("root %v", list)
	}
	raw, _, err := w.anon.Git.GetBlob(ctx, "acme", "profile", file.GetSHA())
	must(t, err)
	if raw.GetContent() != "azogdgo=\n" || raw.GetSize() != 5 {
		t.Errorf("blob %+v", raw)
	}
	_, _, _, err = w.anon.Repositories.GetContents(ctx, "acme", "profile", "later.yaml", at)
	refused(t, err, http.StatusNotFound, "Not Found")
}

func TestTreesAreBuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	w.push(t, "main", "alice", "dir/a", "a", "a")
	parent := w.push(t, "main", "alice", "dir/b", "b", "b")
	blob, _, err := w.bot.Git.CreateBlob(ctx, "acme", "profile", &gh.Blob{Content: gh.String("AAEC"), Encoding: gh.String("base64")})
	must(t, err)
	file := func(path string, sha *string) *gh.TreeEntry {
		return &gh.TreeEntry{Path: &path, Mode: gh.String("100644"), Type: gh.String("blob"), SHA: sha}
	}
	made, _, err := w.bot.Git.CreateTree(ctx, "acme", "profile", parent, []*gh.TreeEntry{file("dir/a", blob.SHA), file("values.yaml", nil)})
	must(t, err)
	read, _, err := w.bot.Git.GetTree(ctx, "acme", "profile", made.GetSHA(), true)
	must(t, err)
	if len(read.Entries) != 3 || read.Entries[1].GetSHA() != blob.GetSHA() {
		t.Errorf("tree %v", read.Entries)
	}
	_, _, err = w.bot.Git.CreateTree(ctx, "acme", "profile", parent, []*gh.TreeEntry{file("../x", blob.SHA)})
	refused(t, err, http.StatusUnprocessableEntity, "malformed path component")
	_, _, err = w.bot.Git.CreateTree(ctx, "acme", "profile", parent, []*gh.TreeEntry{file("x", gh.String(strings.Repeat("1", 40)))})
	refused(t, err, http.StatusUnprocessableEntity, "is not a valid blob")
}

func TestProtectedBranchRefusesPushes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	next, err := w.repo.PushOnto(w.repo.Head("main"), "side", "alice", map[string][]byte{"x": []byte("x")}, "side")
	must(t, err)
	root, err := w.repo.PushOnto("", "other", "alice", map[string][]byte{"x": []byte("x")}, "root")
	must(t, err)
	w.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
	_, _, err = w.bot.Git.UpdateRef(ctx, "acme", "profile", ref("refs/heads/main", next), false)
	refused(t, err, http.StatusUnprocessableEntity, `Required status check "ci" is expected.`)
	_, _, err = w.bot.Git.UpdateRef(ctx, "acme", "profile", ref("refs/heads/main", root), true)
	refused(t, err, http.StatusUnprocessableEntity, "Cannot force-push to this branch")
	_, err = w.bot.Git.DeleteRef(ctx, "acme", "profile", "refs/heads/main")
	refused(t, err, http.StatusUnprocessableEntity, "Cannot delete this branch")
	w.repo.SetCheck(next, github.Check{Name: "ci", Conclusion: "success"})
	_, _, err = w.bot.Git.UpdateRef(ctx, "acme", "profile", ref("refs/heads/main", next), false)
	must(t, err)
}
