// Package githttp serves a bare repository by git's own HTTP server, for tests of what speaks git's protocol.
package githttp

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Server is git's own server over a bare repository.
type Server struct {
	// Dir is the repository, URL its address.
	Dir string
	URL *url.URL
	// Before may answer a request in the server's place.
	Before func(w http.ResponseWriter, r *http.Request) bool

	t    testing.TB
	asks atomic.Int64
}

// Serve makes a bare repository, with more arguments for git init, and serves it until the test ends.
func Serve(t testing.TB, initial ...string) *Server {
	t.Helper()
	Need(t)
	s := &Server{t: t, Dir: filepath.Join(t.TempDir(), "profile.git")}
	s.run("", append(append([]string{"init", "-q", "--bare", "-b", "main"}, initial...), s.Dir)...)
	s.Git("config", "http.receivepack", "true")
	handler := &cgi.Handler{Path: gitPath(t), Args: []string{"http-backend"}, Stderr: io.Discard,
		Env:        []string{"GIT_PROJECT_ROOT=" + filepath.Dir(s.Dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + t.TempDir()},
		InheritEnv: []string{"PATH"}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asks.Add(1)
		if s.Before != nil && s.Before(w, r) {
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	s.URL, _ = url.Parse(web.URL + "/profile.git")
	return s
}

// Need skips a test that wants git itself where there is none; in CI it fails.
func Need(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
}

func gitPath(t testing.TB) string {
	path, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Requests counts those that came so far.
func (s *Server) Requests() int64 { return s.asks.Load() }

// Git runs git in the repository and returns what it says.
func (s *Server) Git(args ...string) string {
	return s.run("", append([]string{"-C", s.Dir}, args...)...)
}

func (s *Server) run(in string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", args...)
	cmd.Stdin = strings.NewReader(in)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com",
		"GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000001 +0100", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Commit makes a commit on a ref by git's own means; a mode and a colon may stand before a file's text.
func (s *Server) Commit(ref string, files map[string]string) string {
	var tree strings.Builder
	fmt.Fprintf(&tree, "commit %s\ncommitter C <c@example.com> 1700000001 +0100\ndata 5\nhello\n", ref)
	if parent, err := exec.CommandContext(s.t.Context(), "git", "-C", s.Dir, "rev-parse", "-q", "--verify", ref).Output(); err == nil {
		fmt.Fprintf(&tree, "from %s\n", strings.TrimSpace(string(parent)))
	}
	for path, text := range files {
		mode := "100644"
		if m, rest, found := strings.Cut(text, ":"); found && len(m) == 6 {
			mode, text = m, rest
		}
		fmt.Fprintf(&tree, "M %s inline %s\ndata %d\n%s\n", mode, path, len(text), text)
	}
	s.run(tree.String(), "-C", s.Dir, "fast-import", "--quiet")
	return s.Git("rev-parse", ref)
}
