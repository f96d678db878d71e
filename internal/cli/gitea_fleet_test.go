package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// TestGiteaFleet runs three profiles at a real Gitea as two shards: each merges and is deployed once, then all are quiet, each for
// one request; what a person pushes, or a brake, wakes its own profile only.
func TestGiteaFleet(t *testing.T) {
	t.Parallel()
	stage := giteas(t)
	var all []*giteaStage
	dir := t.TempDir()
	list := "version: 1\nprofiles:\n"
	for range 3 {
		s := stage(t, []string{"a", "b"}, noChecks)
		all = append(all, s)
		list += fmt.Sprintf("  - {repository: %s, token: TOKEN, env: [TRIGGER, READER], forge: {kind: gitea, url: '%s'}}\n", s.repository, s.server.URL)
	}
	first := all[0]
	file, snapshot := filepath.Join(dir, "fleet.yaml"), filepath.Join(dir, "snapshot")
	if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	requests := &counted{next: http.DefaultTransport}
	env := map[string]string{"TOKEN": first.token, "TRIGGER": "trigger", "READER": "reader"}
	pawl := func(args ...string) (int, string, string) {
		t.Helper()
		var out, errs strings.Builder
		code := cli.Run(t.Context(), append(args, "--fleet", file), cli.System{
			Out: &out, Err: &errs, Now: time.Now, Sleep: httpx.Sleep, Transport: hosts{first.host: requests, "gitlab.example": first.gitlab.RoundTripper(), "": fake.Network{"index.docker.io": first.registry}},
			Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		})
		if strings.Contains(out.String()+errs.String(), first.token) {
			t.Errorf("the token is printed: %s%s", &out, &errs)
		}
		return code, out.String(), errs.String()
	}
	run := func(want string, args ...string) fleet.Report {
		t.Helper()
		code, out, errs := pawl(append([]string{"fleet", "run", "--output", "json"}, args...)...)
		var report fleet.Report
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || want != "" && fmt.Sprint(report.Tally()) != want {
			t.Fatalf("exit code %d, want %s: %v: %s%s", code, want, err, out, errs)
		}
		validFleet(t, out)
		return report
	}

	first.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	merged := 0
	for i := range 2 {
		for _, one := range run("", "--shard", fmt.Sprintf("%d/2", i)).Profiles {
			if one.State != fleet.Merged || one.Fired != 1 {
				t.Errorf("%+v", one)
			}
			merged++
		}
	}
	if merged != 3 || first.pipelines() != 3 {
		t.Errorf("%d profiles, %d pipelines", merged, first.pipelines())
	}
	for _, s := range all {
		if got := s.file("values.yaml"); !strings.Contains(got, "a: v1.1.0") || s.commits() != 2 {
			t.Errorf("%s: %d commits, %s", s.repository, s.commits(), got)
		}
	}
	run("[{unchanged 3}]", "--snapshot", snapshot)
	requests.others.Store(0)
	if report := run("[{quiet 3}]", "--snapshot", snapshot); report.Calls != 3 || requests.others.Load() != 3 {
		t.Errorf("quiet for %d requests: %+v", requests.others.Load(), report)
	}
	all[1].server.Commit(t, first.server.Admin, all[1].repository, "main", "a word", map[string]string{"README.md": "a word\n"})
	if report := run("[{unchanged 1} {quiet 2}]", "--snapshot", snapshot); report.Profiles[0].Profile != first.host+"/"+all[1].repository {
		t.Errorf("another woke: %+v", report)
	}
	if code, out, errs := pawl("hold", "a", "--reason", "wait", "--no-run"); code != 0 {
		t.Errorf("hold: exit code %d: %s%s", code, out, errs)
	}
	if code, out, errs := pawl("fleet", "status"); code != 0 || strings.Count(out, "  hold a: wait (bot), since ") != 3 {
		t.Errorf("status: exit code %d: %s%s", code, out, errs)
	}
	first.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	run("[{unchanged 3}]", "--snapshot", snapshot)
	run("[{unchanged 3}]", "--snapshot", snapshot) // a hold is not quiet
	if first.pipelines() != 3 {
		t.Errorf("%d pipelines", first.pipelines())
	}
}
