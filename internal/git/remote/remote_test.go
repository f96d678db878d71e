package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake/githttp"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// server is git's own server with a remote of it.
type server struct{ *githttp.Server }

func serve(t *testing.T, initial ...string) server {
	t.Helper()
	return server{githttp.Serve(t, initial...)}
}

func (s server) remote() *remote.Remote {
	client := httpx.New(httpx.Config{Timeout: 5 * time.Second, Attempts: 2, Sleep: func(context.Context, time.Duration) error { return nil }})
	return remote.New(client, s.URL, func(next http.RoundTripper) http.RoundTripper { return next })
}

var start = map[string]string{"a.yaml": "tag: v1\n", "charts/x/values.yaml": "image: 1\n", "run.sh": "100755:#!/bin/sh\n", "link": "120000:a.yaml", "z": ""}

func TestRead(t *testing.T) {
	for _, filter := range []string{"true", "false"} {
		t.Run("filter "+filter, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.Git("config", "uploadpack.allowFilter", filter)
			s.Commit("refs/heads/main", start)
			head := s.Commit("refs/heads/main", map[string]string{"a.yaml": "tag: v2\n"})
			s.Git("update-ref", "refs/pawl/ledger", head+"^")
			r, ctx := s.remote(), t.Context()

			refs, err := r.Refs(ctx, "refs/heads/", "refs/pawl/")
			want := remote.Refs{Default: "main", IDs: map[string]string{"HEAD": head, "refs/heads/main": head, "refs/pawl/ledger": s.Git("rev-parse", head+"^")}}
			if diff := cmp.Diff(want, refs); err != nil || diff != "" {
				t.Fatalf("refs: %v\n%s", err, diff)
			}
			for range 2 { // the second time without trying the filter again
				objects, err := r.Fetch(ctx, remote.Want{IDs: []string{head}, Depth: 1, Filter: "blob:none"})
				if err != nil {
					t.Fatal(err)
				}
				if _, blobs := objects[s.Git("rev-parse", head+":a.yaml")]; blobs != (filter == "false") {
					t.Errorf("a blob came: %v", blobs)
				}
				commit, err := objects.Commit(head)
				if err != nil || commit.Message != "hello" || commit.Author.Email != "c@example.com" || commit.Author.At.Unix() != 1700000001 {
					t.Fatalf("commit: %v %+v", err, commit)
				}
				files, err := objects.Files(commit.Tree)
				if err != nil {
					t.Fatal(err)
				}
				var listed []string
				for line := range strings.Lines(s.Git("ls-tree", "-r", head) + "\n") {
					var mode, kind, id, path string
					if _, err := fmt.Sscan(line, &mode, &kind, &id, &path); err != nil {
						t.Fatal(err)
					}
					listed = append(listed, path)
					if files[path] != (git.Entry{Mode: mode, ID: id}) {
						t.Errorf("%s: %v, want %s %s", path, files[path], mode, id)
					}
				}
				if len(files) != len(listed) {
					t.Errorf("%d files, want %d", len(files), len(listed))
				}
				blob := files["charts/x/values.yaml"].ID
				single, err := r.Fetch(ctx, remote.Want{IDs: []string{blob, files["z"].ID}})
				if err != nil || len(single) != 2 || string(single[blob].Data) != "image: 1\n" {
					t.Fatalf("blobs: %v %v", err, single)
				}
			}
			if limit := int64(map[string]int{"true": 5, "false": 6}[filter]); s.Requests() != limit {
				t.Errorf("%d requests, want %d", s.Requests(), limit)
			}
		})
	}
}

// TestBetween reads histories by what they have more than others.
func TestBetween(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Git("config", "uploadpack.allowFilter", "true")
	first := s.Commit("refs/heads/main", start)
	var tip string
	for i := range 5 {
		tip = s.Commit("refs/heads/main", map[string]string{"a.yaml": fmt.Sprint(i)})
	}
	s.Git("branch", "side", first)
	side := s.Commit("refs/heads/side", map[string]string{"b": "x"})
	r := s.remote()
	for _, c := range []struct {
		want, have string
		n          int
	}{{tip, first, 5}, {first, tip, 0}, {tip, tip, 0}, {side, tip, 1}, {tip, side, 5}} {
		found, err := r.Fetch(t.Context(), remote.Want{IDs: []string{c.want}, Have: []string{c.have}, Filter: "tree:0"})
		if err != nil || len(found) != c.n {
			t.Errorf("%s without %s: %d objects, want %d (%v)", c.want, c.have, len(found), c.n, err)
		}
	}
	unknown := strings.Repeat("12345678", 5)
	if _, err := r.Fetch(t.Context(), remote.Want{IDs: []string{unknown}, Have: []string{tip}}); !refused(err, "not our ref") {
		t.Errorf("an unknown commit: %v", err)
	}
	if _, err := r.Fetch(t.Context(), remote.Want{IDs: []string{"main\nwant x"}}); !errors.Is(err, git.ErrMissing) {
		t.Errorf("a name that is none: %v", err)
	}
}

func refused(err error, text string) bool {
	var no *remote.RefusedError
	return errors.As(err, &no) && strings.Contains(no.Texts(), text)
}

// TestWrite pushes what git itself then finds whole.
func TestWrite(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Git("config", "uploadpack.allowFilter", "true")
	s.Git("config", "receive.fsckObjects", "true")
	head := s.Commit("refs/heads/main", start)
	r, ctx := s.remote(), t.Context()
	objects, err := r.Fetch(ctx, remote.Want{IDs: []string{head}, Depth: 1, Filter: "blob:none"})
	if err != nil {
		t.Fatal(err)
	}
	base, err := objects.Commit(head)
	if err != nil {
		t.Fatal(err)
	}
	made, commit := change(t, objects, base, map[string]string{"charts/x/values.yaml": "image: 2\n", "new/deep/file": "x", "a.yaml": ""})
	first := change1(t, "state.json")
	ledger := first.Add(git.Commit{Tree: treeOf(t, first), Author: who, Committer: who, Message: "Ledger\n"}.Object())
	for id, o := range first {
		made[id] = o
	}
	updates := []remote.Update{{Ref: "refs/heads/pawl/update", New: commit}, {Ref: "refs/pawl/ledger", New: ledger}}
	if err := r.Push(ctx, made, updates...); err != nil {
		t.Fatal(err)
	}
	s.Git("fsck", "--strict")
	want := "A\tnew/deep/file\nD\ta.yaml\nM\tcharts/x/values.yaml"
	got := strings.Split(s.Git("diff", "--name-status", head, "pawl/update"), "\n")
	if diff := cmp.Diff(sorted(want), sorted(strings.Join(got, "\n"))); diff != "" {
		t.Error(diff)
	}
	if text := s.Git("show", "pawl/update:charts/x/values.yaml"); text != "image: 2" {
		t.Errorf("the file holds %q", text)
	}

	// Each of these is refused, and nothing moves.
	for name, u := range map[string][]remote.Update{
		"creates what exists":  {{Ref: "refs/heads/pawl/update", New: head}},
		"another old value":    {{Ref: "refs/heads/pawl/update", Old: head, New: head}},
		"deletes another":      {{Ref: "refs/heads/pawl/update", Old: head}},
		"one of two is stale":  {{Ref: "refs/heads/main", Old: head, New: commit}, {Ref: "refs/pawl/ledger", Old: head, New: commit}},
		"a branch in the way":  {{Ref: "refs/heads/pawl", New: head}},
		"a name that is none":  {{Ref: "refs/heads/a..b", New: head}},
		"an object that lacks": {{Ref: "refs/heads/x", New: strings.Repeat("12345678", 5)}},
	} {
		if err := r.Push(ctx, nil, u...); !refused(err, "") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now := s.Git("rev-parse", "main", "pawl/update", "refs/pawl/ledger"); now != head+"\n"+commit+"\n"+ledger {
		t.Errorf("something moved: %s", now)
	}
	if err := r.Push(ctx, nil, remote.Update{Ref: "refs/heads/pawl/update", Old: commit}); err != nil {
		t.Error(err)
	}
	if left := s.Git("for-each-ref", "refs/heads/pawl"); left != "" {
		t.Errorf("the branch is still there: %s", left)
	}
}

var who = git.Person{Name: "pawl <bot>\n", Email: "bot@example.com", At: time.Unix(1700000002, 0)}

// change makes a commit on another with files changed; an empty text removes one.
func change(t *testing.T, objects git.Objects, base git.Commit, texts map[string]string) (git.Objects, string) {
	t.Helper()
	blobs := git.Objects{}
	entries := map[string]git.Entry{}
	for path, text := range texts {
		entries[path] = git.Entry{}
		if text != "" {
			entries[path] = git.Entry{Mode: "100644", ID: blobs.Add(git.Blob([]byte(text)))}
		}
	}
	root, made, err := objects.Edit(base.Tree, entries)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(made, blobs)
	return made, made.Add(git.Commit{Tree: root, Parents: []string{base.ID}, Author: who, Committer: who, Message: "Update\n\nPawl: x\n"}.Object())
}

func change1(t *testing.T, name string) git.Objects {
	t.Helper()
	file := git.Blob([]byte("{}"))
	_, made, err := git.Objects{}.Edit("", map[string]git.Entry{name: {Mode: "100644", ID: file.ID()}})
	if err != nil {
		t.Fatal(err)
	}
	made.Add(file)
	return made
}

func treeOf(t *testing.T, objects git.Objects) string {
	t.Helper()
	for id, o := range objects {
		if o.Kind == git.KindTree {
			return id
		}
	}
	t.Fatal("no tree")
	return ""
}

func sorted(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		all[strings.TrimSpace(line)] = true
	}
	return all
}

// TestRefusals are servers that say no, each in its way.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config []string
		hook   string
		update func(head, other string) remote.Update
		says   string
	}{
		"hook":        {hook: "#!/bin/sh\necho 'GL-HOOK-ERR: not on Fridays' >&2\nexit 1\n", update: create, says: "not on Fridays"},
		"update hook": {hook: "update", update: create, says: "hook declined"},
		"hidden ref":  {config: []string{"transfer.hideRefs", "refs/heads/pawl"}, update: create, says: "deny updating a hidden ref"},
		"no fast-forward": {config: []string{"receive.denyNonFastForwards", "true"},
			update: func(head, other string) remote.Update {
				return remote.Update{Ref: "refs/heads/main", Old: head, New: other}
			}, says: "non-fast-forward"},
		"no deletion": {config: []string{"receive.denyDeletes", "true"},
			update: func(head, _ string) remote.Update { return remote.Update{Ref: "refs/heads/main", Old: head} }, says: "deletion prohibited"},
		"no receive-pack": {config: []string{"http.receivepack", "false"}, update: create, says: ""},
		"quota":           {config: []string{"receive.maxInputSize", "10"}, update: create, says: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			head := s.Commit("refs/heads/main", start)
			other := s.Commit("refs/heads/other", map[string]string{"other": "x"})
			for i := 0; i+1 < len(c.config); i += 2 {
				s.Git("config", c.config[i], c.config[i+1])
			}
			if c.hook != "" {
				file, text := "pre-receive", c.hook
				if c.hook == "update" {
					file, text = "update", "#!/bin/sh\nexit 1\n"
				}
				if err := os.WriteFile(filepath.Join(s.Dir, "hooks", file), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			objects := change1(t, strings.Repeat("name", 30))
			id := objects.Add(git.Commit{Tree: treeOf(t, objects), Author: who, Committer: who, Message: "x"}.Object())
			u := c.update(head, other)
			if u.New == "" && u.Old == "" {
				u.New = id
			}
			before := s.Git("for-each-ref")
			err := s.remote().Push(t.Context(), objects, u)
			if !refused(err, c.says) {
				t.Errorf("the push: %v", err)
			}
			if now := s.Git("for-each-ref"); now != before {
				t.Errorf("refs moved from %s to %s", before, now)
			}
		})
	}
}

func create(string, string) remote.Update { return remote.Update{Ref: "refs/heads/pawl/update"} }

// TestRace has twenty writers at one ref: one wins.
func TestRace(t *testing.T) {
	t.Parallel()
	s := serve(t)
	head := s.Commit("refs/heads/main", start)
	s.Git("update-ref", "refs/pawl/ledger", head)
	r := s.remote()
	var wins atomic.Int64
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			objects := change1(t, fmt.Sprint("n", i))
			id := objects.Add(git.Commit{Tree: treeOf(t, objects), Parents: []string{head}, Author: who, Committer: who, Message: "x"}.Object())
			if err := r.Push(t.Context(), objects, remote.Update{Ref: "refs/pawl/ledger", Old: head, New: id}); err == nil {
				wins.Add(1)
			} else if !refused(err, "") {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d writers won", wins.Load())
	}
}

// TestServers are answers that are not what they should be; each is an error that names it, and none takes long.
func TestServers(t *testing.T) {
	t.Parallel()
	text := func(status int, kind, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	const result = "application/x-git-upload-pack-result"
	for name, c := range map[string]struct {
		before func(http.ResponseWriter, *http.Request) bool
		says   string
	}{
		"a login page":       {text(200, "text/html", "<html>sign in</html>"), "text/html"},
		"nothing":            {text(200, result, ""), "protocol 2"},
		"a ref without name": {text(200, result, "002e"+strings.Repeat("1", 40)+" \n0000"), "protocol 2"},
		"no hexadecimal":     {text(200, result, "zzzz"), "protocol 2"},
		"a short packet":     {text(200, result, "0003"), "protocol 2"},
		"a packet too long":  {text(200, result, "fff5"), "protocol 2"},
		"an error inside":    {text(200, result, "001aERR access denied to x"), "access denied"},
		"not allowed":        {text(403, "text/plain", "This repo is archived"), "Forbidden (403)"},
		"renamed": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/other.git/x", http.StatusMovedPermanently)
			return true
		}, "/other.git"},
		"more than is read": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", result)
			w.Header().Set("Content-Length", "1000000000")
			return true
		}, "larger"},
		"64 digits in a list": {text(200, result, "0051"+strings.Repeat("1", 64)+" refs/heads/x"), "SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.Commit("refs/heads/main", start)
			s.Before = c.before
			if _, err := s.remote().Refs(t.Context(), "refs/heads/"); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestSHA256 refuses a repository of the other kind of names by its name.
func TestSHA256(t *testing.T) {
	t.Parallel()
	s := serve(t, "--object-format=sha256")
	s.Commit("refs/heads/main", start)
	if _, err := s.remote().Refs(t.Context(), "refs/heads/"); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("the error is %v", err)
	}
}

// TestCut cuts the answer to a fetch at every hundredth byte: each is an error, never fewer objects.
func TestCut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	head := s.Commit("refs/heads/main", start)
	whole := recordedFetch(t, s, head)
	for n := 0; n < len(whole); n += 1 + len(whole)/100 {
		s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = w.Write(whole[:n])
			return true
		}
		if found, err := s.remote().Fetch(t.Context(), remote.Want{IDs: []string{head}, Depth: 1}); err == nil {
			t.Errorf("cut at %d of %d: %d objects", n, len(whole), len(found))
		}
	}
}

// recordedFetch is the answer of git's own server.
func recordedFetch(t *testing.T, s server, head string) []byte {
	t.Helper()
	body := "0012command=fetch\n0001000eofs-delta\n0032want " + head + "\n000ddeepen 1\n0009done\n0000"
	req, err := http.NewRequest(http.MethodPost, s.URL.String()+"/git-upload-pack", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(res.Body); err != nil || !bytes.Contains(out.Bytes(), []byte("PACK")) {
		t.Fatalf("%v %q", err, out.String())
	}
	return out.Bytes()
}

// TestPacks reads packs with differences that git itself makes, and compares every object with what git says.
func TestPacks(t *testing.T) {
	t.Parallel()
	s := serve(t)
	random := rand.New(rand.NewPCG(1, 2))
	text := strings.Builder{}
	for range 2000 {
		fmt.Fprintf(&text, "key%d: %d\n", random.IntN(1e6), random.IntN(1e6))
	}
	lines := strings.Split(text.String(), "\n")
	var head string
	for i := range 60 {
		lines[random.IntN(len(lines))] = fmt.Sprint("changed: ", i)
		head = s.Commit("refs/heads/main", map[string]string{"big.yaml": strings.Join(lines, "\n"), fmt.Sprintf("d%d/f", i%7): fmt.Sprint(i)})
	}
	s.Git("repack", "-adfq", "--depth=50", "--window=50")
	objects, err := s.remote().Fetch(t.Context(), remote.Want{IDs: []string{head}})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(s.Git("cat-file", "--batch-check", "--batch-all-objects"), "\n")
	if len(all) != len(objects) {
		t.Errorf("%d objects, want %d", len(objects), len(all))
	}
	for _, one := range all {
		var id, kind string
		var size int
		if _, err := fmt.Sscan(one, &id, &kind, &size); err != nil {
			t.Fatal(err)
		}
		if o := objects[id]; o.ID() != id || o.Kind.String() != kind || len(o.Data) != size {
			t.Errorf("%s: %v of %d bytes", one, o.Kind, len(o.Data))
		}
	}
}
