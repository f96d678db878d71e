package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/page"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReportPage: the page of a run is that of its report, and is written as well when the run fails after its plan.
func TestReportPage(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	want, err := page.Run(s.run(0, "--page", file), page.Failure{})
	if err != nil {
		t.Fatal(err)
	}
	if got := readText(t, file); got != string(want) || !strings.Contains(got, `<h1 id="headline">1 update merged</h1>`) {
		t.Errorf("the page is another one: %.3000s", got)
	}

	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	s.github.Inject(github.Fault{Times: 1000, Status: 500, Match: func(c github.Call) bool { return c.Writing }})
	if code, _, errs := s.pawl(nil, "run", "--page", file); code != cli.Failure {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if got := readText(t, file); !strings.Contains(got, "1 update planned, and the run ended early") || !strings.Contains(got, "The run ended early:") || !strings.Contains(got, "500") {
		t.Errorf("the page does not say how the run ended: %.3000s", got)
	}
	s.github.Heal()

	// a directory stands where the page belongs: nothing is done
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	code, out, errs := s.pawl(nil, "run", "--page", filepath.Join(dir, "taken"))
	if code != cli.Usage || out != "" || !strings.Contains(errs, "taken is a directory") || !strings.Contains(errs, "hint: name a file") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}

	// the page cannot be written in the end: the run is done, and the failure is pawl's own
	code, out, errs = s.pawl(nil, "run", "--page", filepath.Join(dir, strings.Repeat("x", 300)))
	if code != cli.Failure || !strings.Contains(out, "merge: merged") || !strings.Contains(errs, "writing the page") || !strings.Contains(errs, "hint: name a file") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("something is left over: %v, %v", entries, err)
	}
}

// TestReportPageOfDeploy: a deployment has a page as well, which names every trigger.
func TestReportPageOfDeploy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		d.publish("a")
		d.projects[0].SetStatuses("success")
		file := filepath.Join(t.TempDir(), "page.html")
		d.do(0, "run", "--page", file)
		if got := readText(t, file); !strings.Contains(got, "env-0") || !strings.Contains(got, "env-1") || strings.Contains(got, "c4nary") {
			t.Errorf("%.3000s", got)
		}
		d.do(0, "deploy", "--commit", d.repo.Head("main"), "--page", file)
		if got := readText(t, file); !strings.Contains(got, `<p class="kind">Deployment`) || !strings.Contains(got, "env-1") {
			t.Errorf("%.3000s", got)
		}
	})
}

// TestReportGit: the history comes from a repository alone, a bare one as well, and joins what reports know. Commits that
// change no tracked value do not count.
func TestReportGit(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	_ = s.sleep(t.Context(), time.Hour)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	if _, err := s.repo.Push("main", "alice", map[string][]byte{"notes.md": []byte("x\n")}, "notes\n\nSee Pawl-Update: nothing"); err != nil {
		t.Fatal(err)
	}
	_, out, _ := s.pawl(nil, "run", "--output", "json")
	bare, reports := filepath.Join(t.TempDir(), "profile.git"), t.TempDir()
	if err := s.repo.Save(bare); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(reports, "run.json"), []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	commits := []string{s.repo.Log("main")[0].SHA[:8], s.repo.Log("main")[2].SHA[:8]}
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"--git", bare}, append([]string{"2 versions changed", "<code>v1.2.0</code>", `<h4 id="h-m1">a `, "2 of pawl"}, commits...)},
		{[]string{reports}, []string{"1 version merged", "<code>v1.2.0</code>", "org/a", commits[0]}},
		{[]string{reports, "--git", bare}, append([]string{"2 versions merged", "<code>v1.2.0</code>", "org/a", `<h4 id="h-m1">a `}, commits...)},
	} {
		code, out, errs := s.pawl(nil, append([]string{"history"}, c.args...)...)
		missing := slices.DeleteFunc(c.says, func(text string) bool { return strings.Contains(strings.ToLower(out), strings.ToLower(text)) })
		if code != 0 || errs != "" || len(missing) > 0 || strings.Contains(out, "notes") || strings.Contains(out, s.repo.Log("main")[1].SHA[:8]) {
			t.Errorf("%v: exit code %d, not said: %q, %s", c.args, code, missing, errs)
		}
	}
}
