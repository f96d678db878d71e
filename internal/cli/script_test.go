package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // many small worlds are made and thrown away
	testscript.Main(m, map[string]func(){
		"pawl":         func() { os.Exit(cli.Run(context.Background(), os.Args[1:], cli.OS())) },
		"bench-server": benchServer,
	})
}

// TestScripts runs the command line as users do. Each script in testdata/script is one behaviour; its first line says
// which. The command `serve FILE` starts the sources that the file describes and points .pawl.yaml at them; afterwards
// `requests METHOD TEXT N` holds the number of requests.
func TestScripts(t *testing.T) {
	t.Parallel()
	binary := filepath.Dir(build(t, "../../cmd/pawl", "pawl")) // this test's own starts slowly
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("PATH", binary+string(os.PathListSeparator)+e.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":    serve,
			"requests": requests,
			"exitcode": exitCode,
			"leaks":    leaks,
			"login":    login,
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		UpdateScripts: os.Getenv("PAWL_UPDATE") == "1",
	})
}

// world is what exists at the sources of a script.
type world struct {
	Images   map[string][]string
	Missing  []string
	Charts   map[string][]string
	Releases map[string][]fake.Release
	Git      map[string][]string
	Auth     fake.Auth
	User     string
	Password string
	PageSize int
	Faults   []fault
}

type fault struct {
	Path, Method, Body, Redirect string
	Status, Times, Truncate      int
	Stall                        bool
	Header                       map[string]string
}

// recorded holds the servers of running scripts by their URL.
var recorded sync.Map

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve FILE")
	}
	var w world
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &w))
	handler := fake.WithFaults(w.handler())
	server := httptest.NewServer(handler)
	ts.Defer(server.CloseClientConnections)
	ts.Setenv("WORLD", server.URL)
	ts.Setenv("ADDRESS", strings.TrimPrefix(server.URL, "http://"))
	ts.Setenv("RECORD", server.URL)
	recorded.Store(server.URL, handler)
	for _, f := range w.Faults {
		header := http.Header{}
		for k, v := range f.Header {
			header.Set(k, v)
		}
		handler.Set(f.Path, fake.Fault{Method: f.Method, Times: f.Times, Status: f.Status, Body: f.Body, Stall: f.Stall,
			Truncate: f.Truncate, Redirect: f.Redirect, Header: header})
	}
	config := "version: 1\nmirrors:\n  docker.io: " + server.URL + "\n  ghcr.io: " + server.URL + "\n  https://charts.example: " + server.URL + "/charts\n  https://api.github.com: " + server.URL + "/api/v3\n  https://git.example: " + server.URL + "/git\n"
	own, err := os.ReadFile(ts.MkAbs("pawl-more.yaml"))
	if err == nil {
		config += string(own)
	}
	ts.Check(os.WriteFile(ts.MkAbs(".pawl.yaml"), []byte(config), 0o644))
}

func (w world) handler() http.Handler {
	mux := http.NewServeMux()
	registry := fake.NewRegistry(fake.RegistryOptions{Tags: w.Images, Missing: w.Missing, Auth: w.Auth, User: w.User, Password: w.Password, PageSize: w.PageSize})
	mux.Handle("/", registry)
	mux.Handle("/charts/", fake.NewHelm(w.Charts))
	mux.Handle("/api/v3/", fake.NewReleases(fake.ReleasesOptions{Releases: w.Releases, Prefix: "/api/v3", Remaining: 59}))
	for repository, tags := range w.Git {
		mux.HandleFunc("/git/"+repository+"/info/refs", func(rw http.ResponseWriter, _ *http.Request) { advertise(rw, tags) })
	}
	return mux
}

// advertise writes tags as git servers do.
func advertise(w http.ResponseWriter, tags []string) {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	line := func(text string) { fmt.Fprintf(w, "%04x%s", len(text)+4, text) }
	line("# service=git-upload-pack\n")
	fmt.Fprint(w, "0000")
	for _, tag := range tags {
		line(strings.Repeat("1", 40) + " refs/tags/" + tag + "\n")
	}
	fmt.Fprint(w, "0000")
}

func requests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: requests METHOD TEXT N")
	}
	handler, ok := recorded.Load(ts.Getenv("RECORD"))
	if !ok {
		ts.Fatalf("nothing is served")
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	if got := handler.(*fake.Faults).Count(args[0], args[1]); got != want {
		ts.Fatalf("%d requests %s with %q, want %d", got, args[0], args[1], want)
	}
}

// exitCode runs pawl and holds its exit code; stdout and stderr can be compared afterwards as after exec.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N pawl ARGS")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// leaks fails when the text, as it is or encoded, is in what pawl printed last, in a file below the work directory, or
// was sent to the sources in a header.
func leaks(ts *testscript.TestScript, neg bool, args []string) {
	if !neg || len(args) != 1 {
		ts.Fatalf("usage: ! leaks TEXT")
	}
	find := func(where, text string) {
		for _, form := range encodings(args[0]) {
			if strings.Contains(text, form) {
				ts.Fatalf("%s shows the secret as %q", where, form)
			}
		}
	}
	find("stdout", ts.ReadFile("stdout"))
	find("stderr", ts.ReadFile("stderr"))
	if handler, ok := recorded.Load(ts.Getenv("RECORD")); ok {
		for _, r := range handler.(*fake.Faults).Requests() {
			find("a request to "+r.Path, r.Authorization+" "+r.Path+"?"+r.Query)
		}
	}
}

// encodings are the forms in which a secret could be shown.
func encodings(secret string) []string {
	return []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret)}
}

// login writes a docker configuration with credentials for the served registry.
func login(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: login USER PASSWORD")
	}
	config := map[string]any{"auths": map[string]any{ts.Getenv("ADDRESS"): map[string]string{"username": args[0], "password": args[1]}}}
	data, err := json.Marshal(config)
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs("docker"), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs("docker/config.json"), data, 0o600))
	ts.Setenv("DOCKER_CONFIG", ts.MkAbs("docker"))
}

// TestInterrupt shows that a signal ends a run that waits for a source.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	handler := fake.WithFaults(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1.0.0"}}}))
	handler.Set("/v2/org", fake.Fault{Stall: true})
	server := httptest.NewServer(handler)
	t.Cleanup(server.CloseClientConnections)
	dir := t.TempDir()
	files := map[string]string{
		".pawl.yaml":         "mirrors: {docker.io: '" + server.URL + "'}\n",
		"manifests/app.yaml": "sources: {s: {kind: dockerimage, spec: {image: org/app, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n",
		"v.yaml":             "a: v0.9.0\n",
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs strings.Builder
	done := make(chan int)
	go func() {
		done <- cli.Run(ctx, []string{"plan", "--root", dir}, cli.System{Out: &out, Err: &errs, Env: os.LookupEnv, Now: time.Now})
	}()
	for handler.Count("GET", "/v2/org") == 0 {
		time.Sleep(time.Millisecond) // until the request has arrived; bounded by the test's own timeout
	}
	cancel()
	if code := <-done; code != cli.Interrupted || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit code %d, stderr %s", code, errs.String())
	}
}
