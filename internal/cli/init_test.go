package cli_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fake"
)

// The workflows of the chain that pawl replaces, as profiles have them.
const oldUpdateWorkflow = `name: Update image tags
on:
  workflow_dispatch:
    inputs: {image: {}, chart: {}, tag: {}, upstream: {}}
  push: {branches: [main], paths: [updatecli.d/*]}
  schedule: [{cron: '0 0 * * *'}]
jobs:
  updatecli:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: updatecli/updatecli-action@v2
      - run: updatecli apply --config updatecli.d
      - id: pull
        uses: peter-evans/create-pull-request@v7
      - run: gh pr merge --squash --auto "${{ steps.pull.outputs.pull-request-number }}"
        env: {GH_TOKEN: "${{ secrets.MERGE_TOKEN }}"}
`

const oldTriggerWorkflow = `name: Trigger GitLab
on:
  push:
    branches: [main]
    paths: [mojaloop-values-override.yaml, mojaloop-vars.yaml, cluster-config.yaml]
jobs:
  gitlab:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        project: ${{ fromJson(vars.PROJECTS) }}
    steps:
      - env: {GITLAB_TOKEN: "${{ secrets[matrix.project.secret] }}"}
        run: |
          curl -X POST -F token=$GITLAB_TOKEN -F ref=main -F "variables[CD_UPDATE_PROFILE]=true" ${{ matrix.project.url }}
`

// TestMigration moves the real profile, as it stood before the last update of its history, from Updatecli to pawl: one
// command writes three files, no manifest and no value changes, and the plan is the same before and after: the update
// that the old chain made.
func TestMigration(t *testing.T) {
	t.Parallel()
	dir := corpus(t)
	files, updates, last := lastStep(t, dir)
	files[".github/workflows/docker-image.yaml"], files[".github/workflows/gitlab.yaml"] = oldUpdateWorkflow, oldTriggerWorkflow
	root := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(root, name), text)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"remote", "add", "origin", "git@github.com:infitx-org/profile-cd.git"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	url := serveHistory(t, dir, last)
	before := planWith(t, root, corpusMirrors(url), "")
	want := migrationPlan{}
	for _, u := range updates {
		want.Changes = append(want.Changes, plannedChange(u))
	}
	if diff := cmp.Diff(want.Changes, before.Changes); diff != "" {
		t.Errorf("the plan before is not what the old chain did: %s", diff)
	}

	code, out, errs := execute(t, nil, false, "init", "--root", root, "--force")
	if code != 0 || !strings.Contains(out, "checked  56 manifests, 0 errors") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	after := planWith(t, root, corpusMirrors(url), readFile(t, filepath.Join(root, ".pawl.yaml")))
	if diff := cmp.Diff(before, after); diff != "" || len(after.Outcomes) != 56 {
		t.Errorf("%d outcomes; the plan is another one: %s", len(after.Outcomes), diff)
	}
	wantChanged := []string{".github/workflows/docker-image.yaml", ".github/workflows/gitlab.yaml", ".pawl.yaml"}
	if diff := cmp.Diff(wantChanged, touched(t, root, files)); diff != "" {
		t.Errorf("files touched: %s", diff)
	}
	settings := readFile(t, filepath.Join(root, ".pawl.yaml"))
	if guide := readFile(t, "../../docs/migrating.md"); !strings.Contains(guide, "# pawl-profile.yaml\n"+settings+"```\n") || strings.Count(settings, "\n") > 12 {
		t.Errorf("the guide shows another configuration than %s", settings)
	}
}

// TestInitOwnProfile runs init on this repository's profile, with a new tag for each counted build: no manifest is
// added, and the plan stays the same.
func TestInitOwnProfile(t *testing.T) {
	t.Parallel()
	source, world := ownProfile(t)
	release(world)
	root := t.TempDir()
	files := map[string]string{}
	for _, dir := range []string{"manifests", "profiles"} {
		if err := fs.WalkDir(os.DirFS(source), dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files[name] = readFile(t, filepath.Join(source, name))
				writeFile(t, filepath.Join(root, name), files[name])
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", fake.NewRegistry(fake.RegistryOptions{Tags: world.Images}))
	mux.Handle("/charts/", fake.NewHelm(world.Charts))
	mux.Handle("/api/v3/", fake.NewReleases(fake.ReleasesOptions{Releases: world.Releases, Prefix: "/api/v3"}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mirrors := readFile(t, mirrored(t, server.URL))
	before := planWith(t, root, mirrors, "")
	code, out, errs := execute(t, nil, false, "init", "--root", root)
	if code != 0 || !strings.Contains(out, "checked  60 manifests, 0 errors") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	after := planWith(t, root, mirrors, readFile(t, filepath.Join(root, ".pawl.yaml")))
	if diff := cmp.Diff(before, after); diff != "" || len(after.Changes) < 10 || len(after.Outcomes) != 60 {
		t.Errorf("%d changes, %d outcomes: %s", len(after.Changes), len(after.Outcomes), diff)
	}
	if diff := cmp.Diff([]string{".github/workflows/docker-image.yaml", ".pawl.yaml"}, touched(t, root, files)); diff != "" {
		t.Errorf("files touched: %s", diff)
	}
}

var (
	guideBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	guideFile  = regexp.MustCompile(`^# (\S+)\n`)
)

// TestMigrationGuide lives through docs/migrating.md: its YAML blocks are the profile, its commands are run in order,
// and what it shows of the plan and of the configuration is what comes out.
func TestMigrationGuide(t *testing.T) {
	t.Parallel()
	root, outputs := t.TempDir(), map[string]string{}
	server := httptest.NewServer(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/web": {"v1.0.0", "v1.1.0", "v2.0.0"}}}))
	t.Cleanup(server.Close)
	mirrors := filepath.Join(t.TempDir(), "pawl.yaml")
	writeFile(t, mirrors, "mirrors: {docker.io: '"+server.URL+"'}\n")
	commands, shown := 0, 0
	for _, block := range guideBlock.FindAllStringSubmatch(readFile(t, "../../docs/migrating.md"), -1) {
		language, body := block[1], block[2]
		switch language {
		case "yaml":
			name := guideFile.FindStringSubmatch(body)
			if name == nil {
				t.Fatalf("a block does not name its file: %s", body)
			}
			file := filepath.Join(root, name[1])
			if strings.HasPrefix(name[1], "pawl-") {
				if _, problems := config.Parse(name[1], []byte(body)); len(problems) > 0 {
					t.Errorf("%s: %v", name[1], problems)
				}
				continue
			}
			if name[1] != ".pawl.yaml" {
				writeFile(t, file, body)
				continue
			}
			shown++
			if diff := cmp.Diff(strings.TrimPrefix(body, name[0]), readFile(t, file)); diff != "" {
				t.Errorf("the configuration is another one: %s", diff)
			}
		case "sh":
			for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
				commands++
				args := slices.Concat(strings.Fields(line)[1:], []string{"--root", root})
				if args[0] != "init" {
					args = append(args, "--config", mirrors)
				}
				var out, errs strings.Builder
				if code := cli.Run(t.Context(), args, cli.System{
					Out: &out, Err: &errs, Now: time.Now, Env: func(string) (string, bool) { return "", false },
					Environ: func() []string { return []string{"DOWNSTREAM_IMAGE_PROFILE=org/profile:" + canary} },
				}); code != 0 {
					t.Errorf("%s: exit code %d: %s%s", line, code, out.String(), errs.String())
				}
				outputs[line] = out.String() + errs.String()
			}
		case "console":
			shown++
			if diff := cmp.Diff(strings.TrimPrefix(body, "$ pawl plan\n"), outputs["pawl plan"]); diff != "" {
				t.Errorf("the plan is another one: %s", diff)
			}
		}
	}
	if commands != 7 || shown != 2 {
		t.Errorf("%d commands and %d outputs found", commands, shown)
	}
	if !strings.Contains(outputs["pawl init --force"], "replace  .github/workflows/gitlab.yaml") {
		t.Errorf("outputs: %v", outputs)
	}
}

// migrationPlan is what two plans are compared by.
type migrationPlan struct {
	Changes  []plannedChange
	Outcomes []struct{ Manifest, Target, Outcome, Reason string }
}

type plannedChange struct{ File, Key, Old, New string }

// planWith plans with the mirrors and the settings of a profile in one file.
func planWith(t *testing.T, root, mirrors, settings string) migrationPlan {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pawl.yaml")
	writeFile(t, file, settings+mirrors)
	code, out, errs := execute(t, nil, false, "plan", "--root", root, "--config", file, "--output", "json")
	var plan migrationPlan
	if err := json.Unmarshal([]byte(out), &plan); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	return plan
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// touched lists the files that are not as they were, git's own left out.
func touched(t *testing.T, root string, before map[string]string) []string {
	t.Helper()
	var all []string
	seen := map[string]bool{}
	if err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if name == ".git" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		seen[name] = true
		if text, ok := before[name]; !ok || text != readFile(t, filepath.Join(root, name)) {
			all = append(all, name)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name := range before {
		if !seen[name] {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

type update struct{ File, Key, Old, New string }

// lastStep returns the profile as it stood before the last update of the history, and what the old chain updated.
func lastStep(t *testing.T, dir string) (files map[string]string, updates []update, seq int) {
	t.Helper()
	files = map[string]string{}
	var after map[string]*string
	merge := func(from map[string]*string) {
		for name, text := range from {
			delete(files, name)
			if text != nil {
				files[name] = *text
			}
		}
	}
	eachLine(t, filepath.Join(dir, "steps.jsonl"), func(line []byte) {
		var step struct {
			Seq       int
			Manifests map[string]*string
			Before    map[string]*string `json:"files_before"`
			After     map[string]*string `json:"files_after"`
			Updates   []update
		}
		if err := json.Unmarshal(line, &step); err != nil {
			t.Fatal(err)
		}
		merge(after)
		merge(step.Manifests)
		merge(step.Before)
		after, updates, seq = step.After, step.Updates, step.Seq
	})
	return files, updates, seq
}

func eachLine(t *testing.T, name string, do func(line []byte)) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		do(lines.Bytes())
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
}

// serveHistory serves what existed at a step: each chart repository below its host and path.
func serveHistory(t *testing.T, dir string, step int) string {
	t.Helper()
	type row struct {
		Kind, Source, Tag string
		Step              int
		From              int `json:"absent_from_step"`
		To                int `json:"absent_to_step"`
	}
	absent := map[[3]string]bool{}
	eachLine(t, filepath.Join(dir, "availability.jsonl"), func(line []byte) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.From <= step && step <= r.To {
			absent[[3]string{r.Kind, r.Source, r.Tag}] = true
		}
	})
	images, charts, releases := map[string][]string{}, map[string]map[string][]string{}, map[string][]fake.Release{}
	eachLine(t, filepath.Join(dir, "tags.jsonl"), func(line []byte) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Step > step || absent[[3]string{r.Kind, r.Source, r.Tag}] {
			return
		}
		switch r.Kind {
		case "dockerimage":
			name := r.Source
			if host, rest, ok := strings.Cut(name, "/"); ok && strings.Contains(host, ".") {
				name = rest
			}
			images[name] = append(images[name], r.Tag)
		case "helmchart":
			base, chart, _ := strings.Cut(strings.TrimPrefix(r.Source, "https://"), "#")
			if charts[base] == nil {
				charts[base] = map[string][]string{}
			}
			charts[base][chart] = append(charts[base][chart], r.Tag)
		default:
			releases[r.Source] = append(releases[r.Source], fake.Release{Tag: r.Tag, Prerelease: strings.Contains(r.Tag, "-")})
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/", fake.NewRegistry(fake.RegistryOptions{Tags: images}))
	mux.Handle("/api/v3/", fake.NewReleases(fake.ReleasesOptions{Releases: releases, Prefix: "/api/v3"}))
	for _, base := range slices.Sorted(maps.Keys(charts)) {
		mux.Handle(path.Join("/helm", base)+"/", fake.NewHelm(charts[base]))
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// corpusMirrors points the real sources at a server.
func corpusMirrors(url string) string {
	return strings.ReplaceAll("mirrors:\n  docker.io: URL\n  ghcr.io: URL\n  https://mojaloop.github.io: URL/helm/mojaloop.github.io\n"+
		"  https://pm4ml.github.io: URL/helm/pm4ml.github.io\n  https://api.github.com: URL/api/v3\n", "URL", url)
}
