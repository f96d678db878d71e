// Package gitea starts a real Gitea on loopback for tests: nobody here wrote it, so it is kind to nobody. PAWL_GITEA names
// its binary, beside which lies the folder of what it reads at run time (.ci/gitea builds both); without it, tests that
// need it are skipped, or fail where CI is true.
package gitea

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Server is a running Gitea with its administrator.
type Server struct {
	// URL is its address.
	URL string
	// Admin is the token of a user who may do everything.
	Admin string

	dir, binary string
	running     bool
	names       atomic.Int64
}

// Start starts a server of its own for a test, and stops it at the test's end.
func Start(t testing.TB) *Server {
	t.Helper()
	binary := os.Getenv("PAWL_GITEA")
	if binary == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PAWL_GITEA is not set: .ci/gitea builds one")
		}
		t.Skip("PAWL_GITEA is not set: .ci/gitea builds one")
	}
	s := &Server{dir: t.TempDir(), binary: binary}
	if err := s.configure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := s.command(t.Context(), "migrate").CombinedOutput(); err != nil {
		t.Fatalf("gitea migrate: %v\n%s", err, out)
	}
	s.Admin = s.user(t, "admin", "all", "--admin")
	web := s.command(context.Background(), "web") // it ends with the test, after what else is cleaned up
	if err := web.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = web.Process.Signal(os.Interrupt)
		_ = web.Wait()
	})
	s.await(t)
	s.running = true
	if !s.known(t, s.Admin) {
		s.Admin = s.Token(t, "admin", "all")
	}
	return s
}

const configuration = `APP_NAME = pawl test
RUN_MODE = prod
RUN_USER = %[1]s
WORK_PATH = %[2]s
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[database]
DB_TYPE = sqlite3
PATH = %[2]s/gitea.db
SQLITE_JOURNAL_MODE = WAL
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2_v1
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[3]d
ROOT_URL = http://127.0.0.1:%[3]d/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = %[4]s
[service]
DISABLE_REGISTRATION = true
[mailer]
ENABLED = false
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[session]
PROVIDER = memory
[log]
MODE = file
LEVEL = error
ROOT_PATH = %[2]s/log
`

// configure writes the configuration of a server at a port that is free now.
func (s *Server) configure(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	s.URL = fmt.Sprintf("http://127.0.0.1:%d", port)
	me, err := user.Current()
	if err != nil {
		return err
	}
	static := filepath.Join(filepath.Dir(s.binary), strings.Replace(filepath.Base(s.binary), "gitea-", "static-", 1))
	return os.WriteFile(filepath.Join(s.dir, "app.ini"), fmt.Appendf(nil, configuration, me.Username, s.dir, port, static), 0o600)
}

func (s *Server) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.binary, append([]string{"--config", filepath.Join(s.dir, "app.ini")}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GITEA_") && !strings.HasPrefix(v, "HOME=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+s.dir)
	return cmd
}

func (s *Server) await(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.answers(t) {
			return
		}
	}
	t.Fatal("gitea is not ready within a minute")
}

func (s *Server) answers(t testing.TB) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/version", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// user adds a user by command and returns a token.
func (s *Server) user(t testing.TB, name, scopes string, flags ...string) string {
	t.Helper()
	args := append([]string{"admin", "user", "create", "--username", name, "--password", fmt.Sprintf("pw-%d-%s", time.Now().UnixNano(), name),
		"--email", name + "@example.com", "--must-change-password=false"}, flags...)
	if out, err := s.command(t.Context(), args...).CombinedOutput(); err != nil {
		t.Fatalf("adding the user %s: %v\n%s", name, err, out)
	}
	return s.Token(t, name, scopes)
}

// tokenForm is what a token looks like: warnings may come before it and after it.
var tokenForm = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// Token makes a token of a user.
func (s *Server) Token(t testing.TB, name, scopes string) string {
	t.Helper()
	for range 3 {
		out, err := s.command(t.Context(), "admin", "user", "generate-access-token", "--username", name, "--token-name", fmt.Sprint("t", s.names.Add(1)), "--scopes", scopes, "--raw").Output()
		token := tokenForm.FindString(string(out))
		if err != nil || token == "" {
			t.Fatalf("making a token of %s: %v\n%s", name, err, out)
		}
		if s.known(t, token) {
			return token
		}
	}
	t.Fatalf("gitea does not know the tokens of %s that it made", name)
	return ""
}

// known waits until the server knows a token that another process made: for a moment it may not.
func (s *Server) known(t testing.TB, token string) bool {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); s.running && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, _ := s.Try(t, token, http.MethodGet, "user", nil); status != http.StatusUnauthorized {
			return true
		}
	}
	return !s.running
}

// Scopes are those that pawl's token needs.
const Scopes = "write:repository,write:issue,read:user"

// User adds a user and returns a token with the scopes that pawl's needs.
func (s *Server) User(t testing.TB, name string) string { return s.user(t, name, Scopes) }

// Call sends a request of the API as somebody, and fails the test when the answer is no success. It returns the answer.
func (s *Server) Call(t testing.TB, token, method, path string, body any) map[string]any {
	t.Helper()
	status, out := s.Try(t, token, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// Try is Call without looking at the status.
func (s *Server) Try(t testing.TB, token, method, path string, body any) (int, map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, s.URL+"/api/v1/"+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out) // lists and nothing are not looked at
	return res.StatusCode, out
}

// List reads a list of the API.
func (s *Server) List(t testing.TB, token, path string) []map[string]any {
	t.Helper()
	var out []map[string]any
	if err := json.Unmarshal([]byte(s.Text(t, token, path)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Raw is the content of a file on a branch.
func (s *Server) Raw(t testing.TB, token, repository, branch, path string) string {
	t.Helper()
	return s.Text(t, token, "repos/"+repository+"/raw/"+path+"?ref="+branch)
}

// Text is an answer of the API as it comes.
func (s *Server) Text(t testing.TB, token, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+"/api/v1/"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %s %v", path, res.StatusCode, text, err)
	}
	return string(text)
}

// Repository makes a repository of the administrator with files on main, in which the user writes. It returns its name.
func (s *Server) Repository(t testing.TB, writer string, files map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("profile%d", s.names.Add(1))
	s.Call(t, s.Admin, http.MethodPost, "user/repos", map[string]any{"name": name, "default_branch": "main"})
	full := "admin/" + name
	if writer != "" {
		s.Call(t, s.Admin, http.MethodPut, "repos/"+full+"/collaborators/"+writer, map[string]any{"permission": "write"})
	}
	if len(files) > 0 {
		s.Commit(t, s.Admin, full, "main", "Begin", files)
	}
	return full
}

// Commit commits files to a branch through git, as a person would, and returns the commit. A missing branch is made from
// main, the first commit of a repository is its root. A mode may stand before a text, as 100755: or, for a link, 120000:.
func (s *Server) Commit(t testing.TB, token, repository, branch, message string, files map[string]string) string {
	t.Helper()
	return s.CommitAs(t, token, s.Call(t, token, http.MethodGet, "user", nil)["login"].(string), repository, branch, message, files)
}

// CommitAs is Commit with an author who is somebody else than who pushes.
func (s *Server) CommitAs(t testing.TB, token, name, repository, branch, message string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=" + name, "-c", "user.email=" + name + "@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", branch)
	git("remote", "add", "origin", strings.Replace(s.URL, "://", "://x:"+token+"@", 1)+"/"+repository+".git")
	for _, from := range []string{branch, "main"} {
		if git("ls-remote", "origin", "refs/heads/"+from) != "" {
			git("fetch", "-q", "origin", from)
			git("reset", "-q", "--hard", "FETCH_HEAD")
			break
		}
	}
	for path, text := range files {
		if err := write(filepath.Join(dir, path), text); err != nil {
			t.Fatal(err)
		}
	}
	git("add", "-A")
	git("commit", "-q", "--allow-empty", "-m", message)
	git("push", "-q", "origin", "HEAD:refs/heads/"+branch)
	s.settled(t, repository)
	return git("rev-parse", "HEAD")
}

// settled waits until the server has noted that there is something in a repository, which it does after the first push, in a queue:
// until then its API shows an empty one.
func (s *Server) settled(t testing.TB, repository string) {
	t.Helper()
	for range 600 {
		if s.Call(t, s.Admin, http.MethodGet, "repos/"+repository, nil)["empty"] == false {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s is empty, a minute after it was pushed to", repository)
}

// write writes a file, which has the mode that stands before its text.
func write(file, text string) error {
	mode, rest, found := strings.Cut(text, ":")
	if !found || len(mode) != 6 || !strings.HasPrefix(mode, "1") {
		mode, rest = "100644", text
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	switch mode {
	case "120000":
		return os.Symlink(rest, file)
	case "100755":
		return os.WriteFile(file, []byte(rest), 0o755)
	}
	return os.WriteFile(file, []byte(rest), 0o644)
}
