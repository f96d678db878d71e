package internal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestReleaseScans runs the release's scan over folders and tools: it refuses what one of them refuses, and what it cannot scan.
func TestReleaseScans(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../packaging/release/scan.sh")
	if err != nil {
		t.Fatal(err)
	}
	whole := []string{"pawl_1.2.3_linux_amd64.tar.gz.sbom.json", "pawl_1.2.3_linux_arm64.tar.gz.sbom.json", "pawl_linux_amd64_v1/pawl", "image.tar"}
	for name, c := range map[string]struct {
		files  []string
		refuse string
		want   string
	}{
		"nothing found":     {whole, "none", ""},
		"in an archive":     {whole, "arm64.tar.gz.sbom.json", "a scan refuses the release"},
		"in the image":      {whole, "docker-archive", "a scan refuses the release"},
		"in the source":     {whole, "./...", "a scan refuses the release"},
		"in the program":    {whole, "-mode binary", "a scan refuses the release"},
		"no bill":           {whole[2:], "none", "holds no bill of materials"},
		"no program":        {append(whole[:2:2], whole[3]), "none", "holds no program"},
		"no image":          {whole[:3], "none", "holds no image.tar"},
		"a tool is missing": {whole, "missing", "No such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dist, tools := t.TempDir(), t.TempDir()
			for _, file := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dist, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dist, file), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, tool := range []string{"grype", "govulncheck"} {
				text := "#!/bin/sh\necho \"$*\" >> '" + dist + "/asked'\ncase \"$*\" in *'" + c.refuse + "'*) exit 2 ;; esac\n"
				if c.refuse == "missing" && tool == "grype" {
					continue
				}
				if err := os.WriteFile(filepath.Join(tools, tool), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command("bash", script, dist, tools).CombinedOutput()
			if (err == nil) != (c.want == "") || !strings.Contains(string(out), c.want) {
				t.Errorf("%v: %s", err, out)
			}
			if asked, _ := os.ReadFile(filepath.Join(dist, "asked")); c.want == "" && strings.Count(string(asked), "\n") != 5 {
				t.Errorf("it asked %s", asked)
			}
		})
	}
}

// TestReleaseCheck says which versions can be released.
func TestReleaseCheck(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../packaging/release/check.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "x"}, {"tag", "v1.2.3"}} {
		command := exec.Command("git", args...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte("# Changelog\n\n## 1.2.4 - 2026-12-01\n\n## 1.2.3\n\n## 11.2.5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"1.2.4": "", "1.2.3": "the tag v1.2.3 is there already", "1.2.5": "no heading", "1.2": "want a version", "1.2.40": "no heading", "v1.2.4": "want a version", "": "want a version", "1.2.4; rm -rf x": "want a version"} {
		command := exec.Command("bash", script, version)
		command.Dir = dir
		if out, err := command.CombinedOutput(); (err == nil) != (want == "") || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v: %s", version, err, out)
		}
	}
}

// TestTagComesLast shows that nothing of the release is written before the scans passed, and that its tag is the last thing.
func TestTagComesLast(t *testing.T) {
	t.Parallel()
	var w struct {
		Jobs map[string]struct {
			Needs       string
			Permissions map[string]string
			Steps       []struct {
				Run  string
				With map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, ".github/workflows/release.yaml")), &w); err != nil {
		t.Fatal(err)
	}
	scan, release := w.Jobs["scan"], w.Jobs["release"]
	if release.Needs != "scan" {
		t.Errorf("the release does not wait for the scan: %q", release.Needs)
	}
	for permission, value := range scan.Permissions {
		if value != "read" {
			t.Errorf("the scan may write %s", permission)
		}
	}
	if last := scan.Steps[len(scan.Steps)-1].Run; !strings.Contains(last, "packaging/release/scan.sh dist .tools") {
		t.Errorf("the scan ends with %s", last)
	}
	if last := release.Steps[len(release.Steps)-1].Run; !strings.Contains(last, "--draft=false") || !strings.Contains(readText(t, ".goreleaser.yaml"), "draft: true") {
		t.Errorf("the release ends with %s", last)
	}
	for _, s := range append(scan.Steps, release.Steps...) {
		if strings.Contains(s.Run, "git push") {
			t.Errorf("a step pushes: %s", s.Run)
		}
	}
}
