package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// tour is a reader who goes through one page: its files are in root, and what its commands ask for is there.
type tour struct {
	t      *testing.T
	root   string
	files  map[string][]byte
	pushed bool
	hosts  hosts
	repo   *github.Repo
	labs   []*gitlab.Project
}

func newTour(t *testing.T) *tour {
	t.Helper()
	registry := fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{
		"org/web": {"v1.0.0", "v1.1.0", "v2.0.0"}, "org/api": {"2.0.0-team.1", "2.0.0-team.2", "2.1.0-team.3", "2.1.0"},
	}})
	hub := github.New(github.Options{Identities: map[string]github.Identity{canary: {Login: "pawl-bot"}}})
	lab := gitlab.New(gitlab.Options{})
	tour := &tour{t: t, root: t.TempDir(), files: map[string][]byte{}, repo: hub.Create("org/profile", github.Settings{Topics: []string{"pawl"}})}
	hub.Organize("org")
	for name, file := range map[string]string{"org/web-profile": ".pawl.yaml", "org/web": "main.go", "org/old-profile": ".pawl.yaml"} { // what else it has
		other := hub.Create(name, github.Settings{Topics: []string{"pawl"}, Archived: name == "org/old-profile"})
		text := "deploy: {projects: '${PROJECTS}'}\nsecrets: {TOKEN_DEV: gitlab.example}\n"
		if _, err := other.Push("main", "alice", map[string][]byte{file: []byte(text)}, "start"); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"dev", "prod"} {
		tour.labs = append(tour.labs, lab.Create("org/"+name, gitlab.Settings{ID: int64(19 + i), Triggers: []string{"t-" + name}, Readers: []string{"r-" + name}}))
	}
	tour.hosts = hosts{"api.github.com": hub.RoundTripper(), "github.com": hub.RoundTripper(), "gitlab.example": lab.RoundTripper(), "": fake.Network{"index.docker.io": registry}}
	if _, err := tour.repo.Push("main", "alice", map[string][]byte{"README.md": []byte("a profile\n")}, "start"); err != nil {
		t.Fatal(err)
	}
	tour.repo.Workflow("docker-image.yaml", "image", "chart", "tag", "upstream")
	return tour
}

// The profile of pages that show none.
const (
	usualManifest = "# manifests/web.yaml\nsources: {s: {kind: dockerimage, spec: {image: org/web, versionfilter: ^1.0.0}}}\ntargets: {t: {kind: yaml, spec: {file: values.yaml, key: $.web}}}\n"
	usualValues   = "# values.yaml\nweb: v1.0.0\n"
)

// walk lives through a page in order and returns what is not as the page says.
func walk(t *testing.T, name, text string) []string {
	t.Helper()
	tour := newTour(t)
	_, blocks := split(text)
	if !strings.Contains(text, "\n# manifests/") && !strings.Contains(text, "\n# updatecli.d/") { // a page about something else
		blocks = append([]block{{language: "yaml", body: usualManifest}, {language: "yaml", body: usualValues}}, blocks...)
	}
	if strings.HasPrefix(name, "docs/from-") { // their readers have a repository already
		if err := os.Mkdir(filepath.Join(tour.root, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var problems []string
	for _, b := range blocks {
		var err error
		switch b.language {
		case "yaml":
			err = tour.write(b.body)
		case "sh":
			err = tour.script(b.body)
		case "console":
			err = tour.console(b.body)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", b.line, err))
		}
	}
	if end := ends[name]; end != nil && len(problems) == 0 {
		problems = end(tour)
	}
	return problems
}

// ends say what a page's commands have brought about.
var ends = map[string]func(*tour) []string{
	"docs/getting-started.md": func(tour *tour) []string {
		local, err := os.ReadFile(filepath.Join(tour.root, "values-override.yaml"))
		merged, _ := tour.repo.File("main", "values-override.yaml")
		const want = "{tag: v1.1.0}   # deployed everywhere"
		if err != nil || !bytes.Contains(local, []byte(want)) || !bytes.Contains(merged, []byte(want)) {
			return []string{fmt.Sprintf("afterwards the file holds %q here and %q at GitHub, %v", local, merged, err)}
		}
		return nil
	},
	"docs/gitlab.md": func(tour *tour) []string {
		var problems []string
		for i, lab := range tour.labs {
			if made := lab.Pipelines(); len(made) != 1 || made[0].Variables["CD_UPDATE_PROFILE"] != "true" {
				problems = append(problems, fmt.Sprintf("project %d got %+v", i, made))
			}
		}
		return problems
	},
	"docs/circleci.md": func(tour *tour) []string {
		want := []github.Dispatch{{Workflow: "docker-image.yaml", Ref: "main", By: "pawl-bot",
			Inputs: map[string]string{"image": "org/web:v1.1.0", "upstream": "https://ci.example/build/7"}}}
		if diff := cmp.Diff(want, tour.repo.Dispatches()); diff != "" {
			return []string{"what was dispatched: " + diff}
		}
		return nil
	},
}

// write makes a file of the page; the last of several with one name counts.
func (r *tour) write(body string) error {
	m := fileName.FindStringSubmatch(body)
	if m == nil {
		return nil // said by inspect
	}
	file := filepath.Join(r.root, m[1])
	if there, err := os.ReadFile(file); err == nil && r.files[m[1]] == nil { // a command wrote it
		if _, shown, _ := strings.Cut(body, "\n"); shown != string(there) {
			return fmt.Errorf("%s holds something else than the page shows: %s", m[1], there)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	r.files[m[1]], r.pushed = []byte(body), false
	return os.WriteFile(file, []byte(body), 0o644)
}

func (r *tour) script(body string) error {
	for line := range strings.SplitSeq(strings.ReplaceAll(body, "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out, code, err := r.runLine(line)
		if err == nil && code != 0 {
			err = fmt.Errorf("%s: exit code %d\n%s", line, code, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// console compares what commands print with what the page shows after each line with a dollar sign.
func (r *tour) console(body string) error {
	if !strings.HasPrefix(body, "$ ") {
		return fmt.Errorf("a console block begins with no command: %s", body)
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(body, "$ "), "\n$ ") {
		line, shown, _ := strings.Cut(strings.TrimSuffix(part, "\n")+"\n", "\n")
		out, _, err := r.runLine(line)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(shown, out); diff != "" {
			return fmt.Errorf("%s prints something else than the page shows: %s", line, diff)
		}
	}
	return nil
}

// outside are programs that need other hosts or an installation; a shell reads their lines and does not run them.
var outside = []string{"curl", "docker", "gh", "git", "tar", "sha256sum"}

// runLine runs one command of a page and returns all that it prints. What go tests is tested by what runs this test.
func (r *tour) runLine(line string) (printed string, code int, err error) {
	words := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, "go run ./cmd/pawl "):
		return r.pawl("../..", words[3:])
	case words[0] == "pawl":
		return r.pawl(r.root, words[1:])
	case words[0] == "go":
		return "", 0, checkGo(words)
	case slices.Contains(outside, words[0]):
		out, err := exec.CommandContext(r.t.Context(), "bash", "-n", "-c", line).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %s", line, out)
		}
		return "", 0, err
	default:
		return "", 0, fmt.Errorf("no test knows how to run %q", line)
	}
}

func (r *tour) pawl(root string, words []string) (printed string, code int, err error) {
	var transport http.RoundTripper = r.hosts
	switch words[0] {
	case "demo": // it has servers of its own
		transport = nil
		words = append(words, "--keep", r.t.TempDir())
	case "run", "deploy":
		if err := r.push(); err != nil {
			return "", 0, err
		}
		if words[0] == "deploy" && !slices.Contains(words, "--commit") {
			words = append(words, "--commit", r.repo.Head("main"))
		}
	}
	if at := slices.Index(words, fleet.FileName); at > 0 || words[0] == "fleet" { // it is where the reader is
		if err := r.push(); err != nil {
			return "", 0, err
		}
		if at < 0 {
			words, at = append(words, "--fleet", ""), len(words)+1
		}
		words[at] = filepath.Join(root, fleet.FileName)
	}
	if words[0] != "demo" {
		words = append(words, "--root", root)
	}
	env := map[string]string{"GITHUB_REPOSITORY": "org/profile", "MERGE_TOKEN": canary, "PROFILE_TOKEN": canary, "ORG_TOKEN": canary, "GITHUB_TOKEN": canary, "GITHUB_ACTOR": "me",
		"TOKEN_DEV": "t-dev", "TOKEN_PROD": "t-prod", "READ_DEV": "r-dev", "PROJECTS": "[]"}
	var all strings.Builder
	code = cli.Run(r.t.Context(), words, cli.System{
		Out: &all, Err: &all, Now: time.Now, Transport: transport,
		Env:     func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() []string { return []string{"DOWNSTREAM_IMAGE_PROFILE=org/profile:" + canary} },
		Sleep:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	return all.String(), code, nil
}

// push makes the base branch hold the page's files as they are written there.
func (r *tour) push() error {
	if r.pushed {
		return nil
	}
	r.pushed = true
	_, err := r.repo.Push("main", "alice", r.files, "as it is")
	return err
}

// checkGo looks for the folders and tests that a command of go names, without running it.
func checkGo(words []string) error {
	if !slices.Contains([]string{"test", "vet", "install", "build", "run"}, words[1]) {
		return fmt.Errorf("no test knows go %s", words[1])
	}
	for i, word := range words {
		dir, local := strings.CutPrefix(word, "./")
		if module, version, ok := strings.Cut(word, "@"); ok {
			if dir, local = strings.CutPrefix(module, "github.com/pawl-cd/pawl/"); !local || version == "" {
				return fmt.Errorf("%s is not of this module", word)
			}
		}
		if local && dir != "..." {
			if _, err := os.Stat(filepath.Join("../..", strings.TrimSuffix(dir, "/..."))); err != nil {
				return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
			}
		}
		if word == "-fuzz" && !declares(words[len(words)-1], words[i+1]) {
			return fmt.Errorf("there is no %s in %s", words[i+1], words[len(words)-1])
		}
	}
	return nil
}

// declares reports whether a test function stands in a folder of this repository.
func declares(dir, function string) bool {
	files, _ := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	wanted := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(function) + `\(`)
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && wanted.Match(text)
	})
}
