package gittag_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/gittag"
)

// git runs a git command in a directory.
func git(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.example")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// serve is git's own server over the repositories below a directory.
func serve(t *testing.T, root string) http.Handler {
	t.Helper()
	backend := filepath.Join(git(t, root, "", "--exec-path"), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("git has no server here: ", err)
	}
	return &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}}
}

// TestGitServer lists the tags of real repositories that git itself serves: light and annotated ones, many, and none.
func TestGitServer(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"few.git", "many.git", "none.git", "empty.git"} {
		dir := filepath.Join(root, name)
		git(t, root, "", "init", "-q", "--bare", "-b", "main", dir)
		if name == "empty.git" {
			continue
		}
		tree := git(t, dir, "", "hash-object", "-w", "-t", "tree", "--stdin")
		commit := git(t, dir, "", "commit-tree", "-m", "x", tree)
		git(t, dir, "", "update-ref", "refs/heads/main", commit)
		switch name {
		case "few.git":
			for _, tag := range []string{"v1.9.0", "v1.10.0", "release/v2", "v01.9.0"} {
				git(t, dir, "", "tag", tag, commit)
			}
			git(t, dir, "", "tag", "-a", "-m", "annotated", "v1.11.0", commit)
		case "many.git":
			var refs strings.Builder
			for i := range 10_000 {
				fmt.Fprintf(&refs, "create refs/tags/v1.%d.0 %s\n", i, commit)
			}
			git(t, dir, refs.String(), "update-ref", "--stdin")
		}
	}
	server := httptest.NewServer(serve(t, root))
	t.Cleanup(server.Close)
	client := gittag.New(gittag.Config{HTTP: httpx.New(httpx.Config{})})
	list := func(name string) (source.Listing, error) {
		q, err := source.ParseGit(server.URL+"/"+name, "")
		if err != nil {
			t.Fatal(err)
		}
		return client.List(t.Context(), q)
	}
	few, err := list("few.git")
	if diff := cmp.Diff([]string{"release/v2", "v01.9.0", "v1.9.0", "v1.10.0", "v1.11.0"}, tagsOf(few)); diff != "" || err != nil {
		t.Errorf("%s%v", diff, err)
	}
	many, err := list("many.git")
	if len(many) != 10_000 || err != nil || many[9_999].Tag != "v1.9999.0" {
		t.Errorf("%d tags, %v", len(many), err)
	}
	for _, name := range []string{"none.git", "empty.git"} {
		var empty *source.EmptyError
		if _, err := list(name); !errors.As(err, &empty) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := list("gone.git"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
}

func tagsOf(l source.Listing) []string {
	var all []string
	for _, r := range l {
		all = append(all, r.Tag)
	}
	return all
}

// TestTokens sends a token to the host that it is bound to, and to no other that a redirect names.
func TestTokens(t *testing.T) {
	t.Parallel()
	const body = "001e# service=git-upload-pack\n0000" + "003c1111111111111111111111111111111111111111 refs/tags/v1.0\n" + "0000"
	advertise := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		fmt.Fprint(w, body)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went along a redirect")
		}
		advertise(w)
	}))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("git:t0ken")):
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/moved"):
			http.Redirect(w, r, other.URL+r.URL.Path+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		default:
			advertise(w)
		}
	}))
	t.Cleanup(server.Close)
	client := gittag.New(gittag.Config{HTTP: httpx.New(httpx.Config{}), Token: func(name, place string) string {
		if name == "TOKEN" && place == server.URL {
			return "t0ken"
		}
		return ""
	}})
	for _, path := range []string{"/o/r", "/moved/r"} {
		got, err := client.List(t.Context(), query(t, server.URL+path, "TOKEN"))
		if err != nil || len(got) != 1 || got[0].Tag != "v1.0" {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	for token, hint := range map[string]string{"": "name a token's variable with `password`", "UNSET": "UNSET was not sent"} {
		_, err := client.List(t.Context(), query(t, server.URL+"/o/r", token))
		var advised interface{ Advice() string }
		if !errors.As(err, &advised) || !strings.Contains(advised.Advice(), hint) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func query(t *testing.T, url, token string) source.Query {
	t.Helper()
	q, err := source.ParseGit(url, token)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestOddAnswers reads no tags from what is no advertisement, or not all of one.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	const head, line = "001e# service=git-upload-pack\n0000", "003c1111111111111111111111111111111111111111 refs/tags/v1.0\n"
	const kind = "application/x-git-upload-pack-advertisement"
	for name, c := range map[string]struct{ kind, body, says string }{
		"a page":               {"text/html", "<html>", "no advertisement"},
		"a page of that type":  {kind, "<html>", "no advertisement"},
		"the dumb protocol":    {"text/plain", "1111111111111111111111111111111111111111\trefs/tags/v1.0\n", "no advertisement"},
		"cut in a packet":      {kind, head + line[:30], "ends in the middle"},
		"cut between packets":  {kind, head + line, "ends in the middle"},
		"a length that is odd": {kind, head + "0003", "no advertisement"},
		"no length":            {kind, head + "zzzz", "no advertisement"},
		"another service":      {kind, "001f# service=git-receive-pack\n0000", "no advertisement"},
		"an error":             {kind, head + "0019ERR access is denied\n", "access is denied"},
		"no id":                {kind, head + "0013x refs/tags/v1\n0000", "no advertisement"},
		"nothing":              {kind, "", "no advertisement"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				fmt.Fprint(w, c.body)
			}))
			t.Cleanup(server.Close)
			client := gittag.New(gittag.Config{HTTP: httpx.New(httpx.Config{})})
			if got, err := client.List(context.WithoutCancel(t.Context()), query(t, server.URL+"/o/r", "")); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
