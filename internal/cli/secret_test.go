package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// encoded finds what may be base64, of either alphabet; escape one byte of a URL.
var (
	encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`)
	escape  = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// leak returns how a text holds the token: as it is, as JSON or a URL writes it, or in base64, also inside a longer
// encoded text. Empty means that it does not.
func leak(text string) string { return leakOf(canary, text) }

// leakOf is leak for any secret.
func leakOf(canary, text string) string {
	quoted, _ := json.Marshal(canary) // a string is always JSON
	unescaped := escape.ReplaceAllStringFunc(text, func(e string) string {
		plain, _ := url.PathUnescape(e) // it matches
		return plain
	})
	switch {
	case strings.Contains(text, canary), strings.Contains(text, strings.Trim(string(quoted), `"`)):
		return "as it is"
	case strings.Contains(unescaped, canary), strings.Contains(text, url.QueryEscape(canary)):
		return "as URLs write it"
	}
	for _, run := range encoded.FindAllString(text, -1) {
		run = strings.NewReplacer("-", "+", "_", "/").Replace(run)
		for skip := range min(4, len(run)) {
			plain, _ := base64.RawStdEncoding.DecodeString(run[skip:]) // up to the first fault
			if strings.Contains(string(plain), canary) {
				return "in base64"
			}
		}
	}
	return ""
}

// secret fails the test when a text holds the token.
func (s *stage) secret(what, text string) {
	s.Helper()
	if how := leak(text); how != "" {
		s.Errorf("%s holds the token %s: %s", what, how, text)
	}
}

// spellings are what an echo of the token may look like.
func spellings() string { return spellingsOf(canary) }

// spellingsOf is spellings for any secret.
func spellingsOf(canary string) string {
	b64 := base64.StdEncoding.EncodeToString
	return strings.Join([]string{canary, url.QueryEscape(canary), url.PathEscape(canary), b64([]byte(canary)), b64([]byte("x-access-token:" + canary)),
		b64([]byte("ab" + canary + "c")), base64.URLEncoding.EncodeToString([]byte("a" + canary))}, " ")
}

// TestLeak shows that the tests' own look for the token finds it.
func TestLeak(t *testing.T) {
	t.Parallel()
	for _, text := range strings.Split(spellings(), " ") {
		if leak("a "+text+" b") == "" || leak(text[:len(text)/2]) != "" {
			t.Errorf("%s is not found", text)
		}
	}
}

// wire sees everything that is sent.
type wire struct {
	*stage
	next http.RoundTripper
	mu   sync.Mutex
	// faulty, when set, may spoil the answer of GitHub to the call of that number.
	faulty func(call int, res *http.Response)
	calls  int
}

// toGitHub reports whether a request goes to GitHub: to its API, or to where it speaks git.
func toGitHub(r *http.Request) bool {
	return r.URL.Host == "api.github.com" || r.URL.Host == "github.com"
}

// RoundTrip looks at a request, and at the token that goes along.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(strings.NewReader(body))
	}
	header := r.Header.Clone()
	if toGitHub(r) {
		header.Del("Authorization")
	}
	w.secret("a request to "+r.URL.Host, r.Method+" "+r.URL.String()+" "+body+fmt.Sprint(header))
	res, err := w.next.RoundTrip(r)
	if err != nil || !toGitHub(r) {
		return res, err
	}
	w.mu.Lock()
	w.calls++
	call := w.calls
	w.mu.Unlock()
	if w.faulty != nil {
		w.faulty(call, res)
	}
	return res, nil
}

// audit runs the job and looks for the token in everything that comes of it.
func (s *stage) audit(faulty func(int, *http.Response), args ...string) (code, calls int, printed string) {
	s.Helper()
	dir := s.TempDir()
	var out, errs strings.Builder
	system := s.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary, "GITHUB_TOKEN": canary, "GITHUB_ACTIONS": "true",
		"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")})
	w := &wire{stage: s, next: system.Transport, faulty: faulty}
	system.Transport = w
	code = cli.Run(s.Context(), append([]string{"run", "-v", "--root", s.root, "--upstream", "https://ci.example/" + canary}, args...), system)
	s.secret("what was printed", out.String()+errs.String())
	for _, name := range []string{"output", "summary"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			s.Error(err)
		}
		s.secret("the "+name, string(data))
	}
	s.auditRepository()
	return code, w.calls, out.String() + errs.String()
}

// auditRepository reads all that the repository remembers.
func (s *stage) auditRepository() {
	s.Helper()
	seen := map[string]bool{}
	for ref := range s.repo.Refs() {
		for _, c := range s.repo.Log(ref) {
			if seen[c.SHA] {
				continue
			}
			seen[c.SHA] = true
			s.secret("a commit", c.Author+c.Committer+c.Message)
			for _, file := range c.Files {
				data, _ := s.repo.File(c.SHA, file)
				s.secret("the file "+file, string(data))
			}
		}
		s.secret("a ref", ref)
	}
	for _, p := range s.repo.Pulls() {
		s.secret("a pull request", fmt.Sprint(p))
	}
}

// TestSecrets looks for the token in everything that comes of runs, good ones and ones in which GitHub, or something
// between, shows the token in its answer.
func TestSecrets(t *testing.T) {
	t.Parallel()
	fresh := func(t *testing.T) *stage {
		s := newStage(t, withAutoMerge(checks(github.Check{Name: "ci", Conclusion: "success", After: time.Minute})), "", unchecked)
		s.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		return s
	}
	s := fresh(t)
	code, calls, printed := s.audit(nil)
	if code != 0 || !strings.Contains(printed, "api.github.com") {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	statuses := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusOK, http.StatusInternalServerError, http.StatusTemporaryRedirect}
	for i, status := range statuses {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			said := 0
			for at := 1; at <= calls; at += stride(5) {
				form := [][]string{{"-o", "json", "--log", "json"}, {"-o", "markdown"}, nil}[(at+i)%3]
				synctest.Test(t, func(t *testing.T) { // repeated requests wait
					s := fresh(t)
					s.bubble = true
					_, _, printed := s.audit(func(call int, res *http.Response) {
						if call == at || call > at && status == http.StatusInternalServerError {
							echo(res, status)
						}
					}, form...)
					if strings.Contains(printed, "your token is ***") {
						said++
					}
				})
			}
			if t.Logf("%d of %d runs show what GitHub said", said, calls); said == 0 && status != http.StatusTemporaryRedirect {
				t.Error("no run shows what GitHub said, so nothing was tested")
			}
		})
	}
}

// echo makes an answer one that shows the token in every spelling, as a REST or a GraphQL failure, in a header or as a
// place to go.
func echo(res *http.Response, status int) {
	text, _ := json.Marshal("your token is " + spellings()) // a string is always JSON
	body := fmt.Sprintf(`{"message":%s,"errors":[{"type":"FORBIDDEN","message":%s}],"documentation_url":%s}`, text, text, text)
	res.StatusCode, res.Status = status, strconv.Itoa(status)+" "+strings.ReplaceAll(spellings(), "\n", " ")
	res.Body, res.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	res.Header.Set("X-Echo", spellings())
	if status == http.StatusTemporaryRedirect {
		res.Header.Set("Location", "https://elsewhere.example/")
	}
}

// TestSecretsOfTheProcess runs the built binary against servers on this machine and looks, at each request, at what ps
// shows of it: its arguments never hold the token, and it starts no other process.
func TestSecretsOfTheProcess(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no /proc here")
		}
		t.Skip("there is no /proc here")
	}
	started := make(chan int, 1)
	var looks atomic.Int64
	s := newStage(t, github.Settings{}, noChecks, func(o *github.Options) {
		var once sync.Once
		pid := 0
		o.Check = nil // links say https://api.github.com
		o.Before = func(github.Call) {
			once.Do(func() { pid = <-started })
			look(t, pid)
			looks.Add(1)
		}
	})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	forge, registry := httptest.NewServer(s.github), httptest.NewServer(s.registry)
	t.Cleanup(forge.Close)
	t.Cleanup(registry.Close)
	config := profileFiles(noChecks)[".pawl.yaml"] + fmt.Sprintf("mirrors: {docker.io: %s}\n", registry.URL)
	s.local(".pawl.yaml", config)
	s.must(s.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(config)}, "mirror"))

	binary := build(t, "../../cmd/pawl", "pawl")
	cmd := exec.CommandContext(t.Context(), binary, "run", "--root", s.root, "-v")
	cmd.Env = []string{"HOME=" + t.TempDir(), "MERGE_TOKEN=" + canary, "GITHUB_API_URL=" + forge.URL}
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	s.must(nil, cmd.Start())
	started <- cmd.Process.Pid
	if err := cmd.Wait(); err != nil || s.value("a") != "v1.1.0" {
		t.Fatalf("%v, a is %s: %s", err, s.value("a"), printed.String())
	}
	s.secret("what was printed", printed.String())
	if looks.Load() < 20 {
		t.Errorf("the process was looked at %d times only", looks.Load())
	}
}

// look reads what ps shows of a process and its children.
func look(t *testing.T, pid int) {
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(arguments) == 0 || leak(string(arguments)) != "" {
		t.Errorf("arguments %q, %v", arguments, err)
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, thread := range threads {
		if children, err := os.ReadFile(thread); err == nil && len(children) > 0 {
			t.Errorf("it started the processes %s", children)
		}
	}
	if len(threads) == 0 {
		t.Error("its threads cannot be seen")
	}
}
