package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
)

// execute runs pawl in this process with an environment of its own.
func execute(t testing.TB, env map[string]string, terminal bool, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = cli.Run(t.Context(), args, cli.System{
		Out: &out, Err: &errs, Terminal: terminal, Now: func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) },
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	return code, out.String(), errs.String()
}

// TestOwnProfile plans this repository's 60 manifests and counts what the sources were asked.
func TestOwnProfile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		auth   fake.Auth
		limit  int
		tokens int
	}{{"anonymous", fake.NoAuth, 45, 0}, {"bearer", fake.BearerAuth, 80, 33}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root, w := ownProfile(t)
			mux := http.NewServeMux()
			mux.Handle("/", fake.NewRegistry(fake.RegistryOptions{Tags: w.Images, Auth: c.auth}))
			mux.Handle("/charts/", fake.NewHelm(w.Charts))
			mux.Handle("/api/v3/", fake.NewReleases(fake.ReleasesOptions{Releases: w.Releases, Prefix: "/api/v3"}))
			asked := fake.WithFaults(mux)
			server := httptest.NewServer(asked)
			t.Cleanup(server.Close)
			code, out, errs := execute(t, nil, false, "plan", "--root", root, "--config", mirrored(t, server.URL), "--output", "json")
			var plan planOutput
			if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 {
				t.Fatalf("exit code %d, %v: %s", code, err, errs)
			}
			if len(plan.Outcomes) != 60 || plan.count("current") != 60 {
				t.Errorf("%d of %d outcomes are current", plan.count("current"), len(plan.Outcomes))
			}
			for _, want := range []struct {
				method, path string
				n            int
			}{{"GET", "/tags/list", 33}, {"GET", "/index.yaml", 4}, {"GET", "/releases", 3}, {"GET", "/manifests/", 0}, {"HEAD", "/manifests/", 0}} {
				if got := asked.Count(want.method, want.path); got != want.n {
					t.Errorf("%d requests %s %s, want %d", got, want.method, want.path, want.n)
				}
			}
			all := len(asked.Requests())
			if all > c.limit || all != total(plan.Requests) {
				t.Errorf("%d requests, want at most %d; the plan says %v", all, c.limit, plan.Requests)
			}
		})
	}
}

// TestProgress shows that only a terminal sees how many sources have answered.
func TestProgress(t *testing.T) {
	t.Parallel()
	root, w := ownProfile(t)
	mux := http.NewServeMux()
	mux.Handle("/", fake.NewRegistry(fake.RegistryOptions{Tags: w.Images}))
	mux.Handle("/charts/", fake.NewHelm(w.Charts))
	mux.Handle("/api/v3/", fake.NewReleases(fake.ReleasesOptions{Releases: w.Releases, Prefix: "/api/v3"}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	config := mirrored(t, server.URL)
	for _, terminal := range []bool{true, false} {
		code, out, errs := execute(t, map[string]string{"GITHUB_TOKEN": "x", "GITHUB_ACTOR": "y"}, terminal, "plan", "--root", root, "--config", config)
		if code != 0 || strings.Contains(errs, "sources answered") != terminal || strings.Contains(out, "answered") {
			t.Errorf("terminal %t: exit code %d, stderr %q", terminal, code, errs)
		}
	}
}

// TestUnknownHost needs no network: names below .invalid never exist (RFC 6761).
func TestUnknownHost(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		".pawl.yaml":         "mirrors: {docker.io: 'http://registry.invalid'}\n",
		"manifests/app.yaml": "sources: {s: {kind: dockerimage, spec: {image: org/app, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n",
		"v.yaml":             "a: v1.0.0\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, out, _ := execute(t, nil, false, "apply", "--root", root)
	if code != cli.Partial || !strings.Contains(out, "app/t: failed (source-failed)") || !strings.Contains(out, "unknown host") || !strings.Contains(out, "hint: ") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if data, err := os.ReadFile(filepath.Join(root, "v.yaml")); string(data) != "a: v1.0.0\n" {
		t.Errorf("the file holds %q, %v", data, err)
	}
}
