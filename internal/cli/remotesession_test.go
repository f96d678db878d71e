package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// elsewhere makes the stage's directory an empty one: what a command knows of the profile, it has from the forge.
func elsewhere(s *stage) { s.root = s.TempDir() }

// TestWithoutCheckout plans, explains and runs a profile that is only at its forge, and gets what a checkout gets.
func TestWithoutCheckout(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	var checkedOut, remote [2]string
	look := func(into *[2]string, more ...string) {
		for i, args := range [][]string{{"plan", "--output", "diff"}, {"explain", "a", "--output", "json"}} {
			code, out, errs := s.pawl(nil, append(args, more...)...)
			if code != 0 {
				t.Fatalf("%v: exit code %d: %s", args, code, errs)
			}
			into[i] = out
		}
	}
	look(&checkedOut)
	elsewhere(s)
	look(&remote, "--repository", "acme/profile")
	if checkedOut != remote || !strings.Contains(remote[0], "+  a: v1.1.0 # a") {
		t.Errorf("with a checkout: %s\nwithout: %s", checkedOut, remote)
	}
	if s.github.Writes() != 0 {
		t.Errorf("looking wrote %d times", s.github.Writes())
	}
	if report := s.run(0, "--repository", "acme/profile"); report.Merge == nil || report.Merge.Outcome != "merged" || s.value("a") != "v1.1.0" {
		t.Fatalf("report: %+v", report.Merge)
	}
	writes := s.github.Writes()
	if again := s.run(0, "--repository", "acme/profile"); again.Pull != nil || s.github.Writes() != writes {
		t.Errorf("a second run wrote %d times: %+v", s.github.Writes()-writes, again)
	}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"root is what is checked out", []string{"run", "--from", "root", "--repository", "acme/profile"}},
		{"--config: with --repository the configuration", []string{"plan", "--config", "x.yaml", "--repository", "acme/profile"}},
		{"no manifest is named", []string{"explain", "z", "--repository", "acme/profile"}},
		{"the directory elsewhere does not exist", []string{"plan", "--manifests", "elsewhere", "--repository", "acme/profile"}},
	} {
		if code, _, errs := s.pawl(nil, c.args...); code != 4 || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit code %d: %s", c.args, code, errs)
		}
	}
}

// TestWithoutCheckoutBase shows that the branch counts that the configuration names, and that it has to say so there too.
func TestWithoutCheckoutBase(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	elsewhere(s)
	says := func(base string) map[string][]byte {
		return map[string][]byte{".pawl.yaml": []byte("forge: {repository: acme/profile, base: " + base + "}\n" + noChecks)}
	}
	if _, err := s.repo.Push("main", "alice", says("stable"), "another base"); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.pawl(nil, "plan", "--repository", "acme/profile"); code != 1 || !strings.Contains(errs, "stable") {
		t.Errorf("without the branch: exit code %d: %s", code, errs)
	}
	tip := s.repo.Log("main")[0].SHA
	if err := s.repo.SetBranch("stable", tip); err != nil {
		t.Fatal(err)
	}
	if report := s.run(0, "--repository", "acme/profile"); report.Merge == nil || report.Merge.Outcome != "merged" || s.value("a") != "v1.0.0" {
		t.Errorf("report: %+v, main has a %s", report.Merge, s.value("a"))
	}
	if _, err := s.repo.Push("stable", "alice", says("main"), "back"); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.pawl(nil, "plan", "--repository", "acme/profile"); code != 4 || !strings.Contains(errs, "different branches as forge.base") {
		t.Errorf("two that name each other: exit code %d: %s", code, errs)
	}
}

// TestLinkedTarget shows that a link where a file should be stops its own targets only, with a checkout and without.
func TestLinkedTarget(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	manifest := "sources: {image: {kind: dockerimage, spec: {image: org/b, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: linked.yaml, key: $.apps.b}}}\n"
	s.local("manifests/b.yaml", manifest)
	if err := os.Symlink("values.yaml", filepath.Join(s.root, "linked.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.repo.Push("main", "alice", map[string][]byte{"manifests/b.yaml": []byte(manifest), "linked.yaml": []byte("values.yaml")}, "a link"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.repo.Chmod("main", "alice", map[string]string{"linked.yaml": "120000"}); err != nil {
		t.Fatal(err)
	}
	for _, where := range [][]string{nil, {"--repository", "acme/profile"}} {
		code, out, errs := s.pawl(nil, append([]string{"run", "--dry-run", "--output", "json"}, where...)...)
		var report run.Report
		if err := json.Unmarshal([]byte(out), &report); code != 3 || err != nil {
			t.Fatalf("%v: exit code %d, %v: %s", where, code, err, errs)
		}
		if len(report.Plan.Changes) != 1 || report.Plan.Changes[0].Manifest != "a" || !strings.Contains(out, "is a symbolic link") {
			t.Errorf("%v: %s", where, out)
		}
	}
}
