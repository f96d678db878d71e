package cli_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

var (
	fenced   = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	fileName = regexp.MustCompile(`^# (\S+\.yaml)\n`)
)

// TestReadme lives through the README: its YAML blocks become the files that their first line names, its commands are
// run in order against sources that know the images, and what it shows of their output is compared.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{
		"org/web": {"v1.0.0", "v1.1.0", "v2.0.0"}, "org/api": {"2.0.0-team.1", "2.0.0-team.2", "2.1.0-team.3", "2.1.0"},
	}}))
	t.Cleanup(server.Close)
	root := t.TempDir()
	forge := github.New(github.Options{Identities: map[string]github.Identity{canary: {Login: "pawl-bot"}}})
	repo := forge.Create("org/profile", github.Settings{})
	repo.Workflow("docker-image.yaml", "image", "chart", "tag", "upstream")
	outputs := map[string]string{}
	ran, shown := 0, 0
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		switch language, body := block[1], block[2]; language {
		case "yaml":
			writeBlock(t, root, body)
		case "sh":
			for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
				ran++
				runLine(t, root, server.URL, line, forge, repo, outputs)
			}
		case "console":
			shown++
			if diff := cmp.Diff(body, outputs["pawl plan"]); diff != "" {
				t.Errorf("pawl plan prints something else than the README shows: %s", diff)
			}
		default:
			t.Errorf("a block of %s is not tried by any test", language)
		}
	}
	if ran < 6 || shown != 1 {
		t.Errorf("%d commands and %d outputs found", ran, shown)
	}
	told := []github.Dispatch{{Workflow: "docker-image.yaml", Ref: "main", By: "pawl-bot",
		Inputs: map[string]string{"image": "org/web:v1.1.0", "upstream": "https://ci.example/build/7"}}}
	if diff := cmp.Diff(told, repo.Dispatches()); diff != "" {
		t.Errorf("pawl dispatch as the README shows it: %s", diff)
	}
	web, err := os.ReadFile(filepath.Join(root, "values-override.yaml"))
	merged, _ := repo.File("main", "values-override.yaml")
	for _, text := range [][]byte{web, merged} {
		if !strings.Contains(string(text), "{tag: v1.1.0}   # deployed everywhere") {
			t.Errorf("after the README's commands a file holds %q, %v", text, err)
		}
	}
}

func writeBlock(t *testing.T, root, body string) {
	t.Helper()
	name := fileName.FindStringSubmatch(body)
	if name == nil {
		t.Fatalf("a YAML block does not name its file: %s", body)
	}
	file := filepath.Join(root, name[1])
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(name[1], "pawl-") {
		if _, problems := config.Parse(name[1], []byte(body)); len(problems) > 0 {
			t.Errorf("the README's configuration: %v", problems)
		}
	}
}

// runLine runs one command of the README. The commands for a clone are run on this repository; `go test` is what runs
// this test.
func runLine(t *testing.T, root, mirror, line string, forge *github.Server, repo *github.Repo, outputs map[string]string) {
	t.Helper()
	words := strings.Fields(line)
	switch {
	case line == "go test ./...":
		return
	case strings.HasPrefix(line, "go run ./cmd/pawl "):
		words, root = words[3:], "../.."
	case words[0] == "pawl":
		words = words[1:]
	default:
		t.Fatalf("no test knows how to run %q", line)
	}
	settings := filepath.Join(t.TempDir(), "pawl.yaml")
	if err := os.WriteFile(settings, []byte("mirrors: {docker.io: '"+mirror+"'}\nmerge: {require: none}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if words[0] == "run" {
		push(t, root, repo)
	}
	var out, errs strings.Builder
	env := map[string]string{"GITHUB_REPOSITORY": "org/profile", "GITHUB_TOKEN": canary, "GITHUB_ACTOR": "me"}
	code := cli.Run(t.Context(), append(words, "--root", root, "--config", settings), cli.System{
		Out: &out, Err: &errs, Now: time.Now, Transport: router{forge.RoundTripper(), http.DefaultTransport},
		Env:     func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() []string { return []string{"DOWNSTREAM_IMAGE_PROFILE=org/profile:" + canary} },
		Sleep:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if code != 0 {
		t.Errorf("%s: exit code %d\n%s%s", line, code, out.String(), errs.String())
	}
	outputs[line] = out.String()
}

// push makes the base branch hold what stood in the root before anything was applied.
func push(t *testing.T, root string, repo *github.Repo) {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"manifests/web.yaml", "values-override.yaml"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = bytes.Replace(data, []byte("v1.1.0"), []byte("v1.0.0"), 1)
	}
	if _, err := repo.Push("main", "alice", files, "as it is"); err != nil {
		t.Fatal(err)
	}
}

// TestContributing checks that every package and benchmark that CONTRIBUTING.md names is there.
func TestContributing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[2]), "\n") {
			commands++
			words := strings.Fields(line)
			if words[0] != "go" {
				t.Errorf("no test knows %q", line)
			}
			for i, word := range words {
				if dir, ok := strings.CutPrefix(word, "./"); ok && dir != "..." {
					if _, err := os.Stat(filepath.Join("../..", strings.TrimSuffix(dir, "/..."))); err != nil {
						t.Errorf("%s: %v", line, err)
					}
				}
				if word == "-fuzz" && !declares(t, words[len(words)-1], words[i+1]) {
					t.Errorf("%s: there is no %s", line, words[i+1])
				}
			}
		}
	}
	if commands < 4 {
		t.Errorf("%d commands found", commands)
	}
}

// declares reports whether a test function stands in a folder of this repository.
func declares(t *testing.T, dir, function string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+function+"(") {
			return true
		}
	}
	return false
}
