package cli_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/event/contract"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/manifest"
)

// block is a fenced block of a page, at the line of its fence.
type block struct {
	language, body string
	line           int
}

var (
	fence    = regexp.MustCompile("^ *```+ *(.*)$")
	fileName = regexp.MustCompile(`^# (\S+\.ya?ml)\n`)
	link     = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	inline   = regexp.MustCompile("``[^`]+``|`[^`]+`")
	heading  = regexp.MustCompile(`^#{1,6} +(.+)$`)
)

// split parts a page into its prose, with empty lines where blocks stand, and its blocks.
func split(text string) (prose []string, blocks []block) {
	var open *block
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			open = &block{language: m[1], line: i + 1}
		case m != nil:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.body += line + "\n"
		}
		if m != nil || open != nil {
			line = ""
		}
		prose = append(prose, line)
	}
	if open != nil {
		blocks = append(blocks, block{language: "that is never closed", line: open.line})
	}
	return prose, blocks
}

// pages are the documentation by path from the repository's root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d pages, %v", len(names), err)
	}
	all := map[string]string{}
	for _, name := range append(names, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(filepath.ToSlash(name), "../../")] = string(text)
	}
	return all
}

// TestDocs tries everything that the documentation shows: commands are run on the files of their page, files are read by
// what reads them, links lead somewhere, and no page is out of reach.
func TestDocs(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for _, problem := range reach(all) {
		t.Error(problem)
	}
	for name, text := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, problem := range inspect(name, text, all) {
				t.Error(problem)
			}
			for _, problem := range walk(t, name, text) {
				t.Error(problem)
			}
		})
	}
}

// inspect returns what is wrong with a page without running anything.
func inspect(name, text string, all map[string]string) []string {
	prose, blocks := split(text)
	var problems []string
	for i, line := range prose {
		for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(line, ""), -1) {
			if err := follow(name, text, m[1], all); err != nil {
				problems = append(problems, fmt.Sprintf("line %d: %v", i+1, err))
			}
		}
	}
	for _, b := range blocks {
		if err := check(b); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", b.line, err))
		}
	}
	return problems
}

// home is where the files of this repository are on the web.
const home = "https://github.com/pawl-cd/pawl/blob/main/"

// follow tries a link of a page; those to other places are not asked for.
func follow(name, text, target string, all map[string]string) error {
	to, anchor, _ := strings.Cut(target, "#")
	switch {
	case strings.HasPrefix(to, home):
		to = strings.TrimPrefix(to, home)
	case strings.Contains(to, "://"):
		return nil
	case to == "":
		to = name
	default:
		to = path.Join(path.Dir(name), to)
	}
	if to != name {
		if _, err := os.Stat(filepath.Join("../..", to)); err != nil {
			return fmt.Errorf("the link %s leads nowhere: there is no %s", target, to)
		}
		text = all[to]
	}
	if path.Ext(to) == ".svg" {
		return checkPicture(to)
	}
	if anchor != "" && !slices.Contains(anchors(text), anchor) {
		return fmt.Errorf("the link %s leads nowhere: %s has no such heading", target, to)
	}
	return nil
}

// checkPicture wants a picture that is well-formed and loads nothing.
func checkPicture(name string) error {
	data, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		return err
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && slices.Contains([]string{"script", "image", "foreignObject"}, e.Name.Local) {
			return fmt.Errorf("%s: holds a %s", name, e.Name.Local)
		}
	}
}

// anchors are those that GitHub gives to headings.
func anchors(text string) []string {
	prose, _ := split(text)
	var all []string
	for _, line := range prose {
		if m := heading.FindStringSubmatch(line); m != nil {
			name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
			all = append(all, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return all
}

// reach returns the pages that neither the README nor the index names.
func reach(all map[string]string) []string {
	named := map[string]bool{"README.md": true, "CONTRIBUTING.md": true}
	for _, from := range []string{"README.md", "docs/README.md"} {
		for _, m := range link.FindAllStringSubmatch(all[from], -1) {
			to, _, _ := strings.Cut(m[1], "#")
			named[path.Join(path.Dir(from), to)] = true
		}
	}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !named[name] {
			problems = append(problems, "no index leads to "+name)
		}
	}
	return problems
}

// check reads a block by what it is.
func check(b block) error {
	switch b.language {
	case "sh", "console":
		return nil // walk runs it
	case "json":
		return checkJSON(b.body)
	case "yaml":
		return checkYAML(b.body)
	default:
		return fmt.Errorf("no test knows a block %q", b.language)
	}
}

// checkJSON wants JSON; a list is one of projects, and what has a version of CDEvents is an event.
func checkJSON(body string) error {
	if strings.HasPrefix(body, "[") {
		_, err := deploy.Parse([]byte(body))
		return err
	}
	if strings.Contains(body, `"specversion"`) {
		return contract.Validate([]byte(body))
	}
	if !json.Valid([]byte(body)) {
		return errors.New("no JSON")
	}
	return nil
}

// checkYAML reads a file by the name on its first line.
func checkYAML(body string) error {
	m := fileName.FindStringSubmatch(body)
	if m == nil {
		return errors.New("the first line of a YAML block names no file: # values.yaml")
	}
	switch name := m[1]; {
	case name == config.FileName:
		if _, problems := config.Parse(name, []byte(body)); len(problems) > 0 {
			return problems[0]
		}
		return nil
	case name == fleet.FileName:
		if _, problems := fleet.Parse(name, []byte(body)); len(problems) > 0 {
			return problems[0]
		}
		return nil
	case strings.HasPrefix(name, "manifests/"):
		return checkManifest(name, body)
	case name == ".circleci/config.yml":
		return checkCircle(body)
	default: // workflows are read by the test of the workflows too
		var any map[string]yaml.Node
		return yaml.Unmarshal([]byte(body), &any)
	}
}

func checkManifest(name, body string) error {
	all, err := manifest.Load(fstest.MapFS{name: {Data: []byte(body)}}, []string{"manifests"}, manifest.Options{
		Env: func(string) (string, bool) { return "set", true }, Readable: []string{"GITHUB_ACTOR", "REGION"}, Secrets: []string{"GITHUB_TOKEN"},
		Bound: func(string, string) bool { return true },
	})
	if err != nil {
		return err
	}
	for _, m := range all {
		if problems := slices.Concat(m.Problems, m.Lint()); len(problems) > 0 {
			return problems[0]
		}
	}
	return nil
}

// checkCircle wants every step of the orb to have parameters that the orb knows.
func checkCircle(body string) error {
	var orb struct {
		Commands map[string]struct{ Parameters map[string]yaml.Node }
	}
	text, err := os.ReadFile("../../packaging/circleci/orb.yml")
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, &orb); err != nil {
		return err
	}
	var file struct {
		Version   string
		Orbs      map[string]string
		Jobs      map[string]struct{ Steps []yaml.Node }
		Workflows map[string]struct{ Jobs []yaml.Node }
	}
	if err := yaml.Unmarshal([]byte(body), &file); err != nil {
		return err
	}
	calls := 0
	for _, job := range file.Jobs {
		for _, step := range job.Steps {
			var call map[string]yaml.Node
			if step.Decode(&call) != nil {
				continue
			}
			for name, with := range call {
				command, ours := strings.CutPrefix(name, "pawl/")
				var given map[string]any
				if !ours || with.Decode(&given) != nil {
					continue
				}
				calls++
				for parameter := range given {
					if _, ok := orb.Commands[command].Parameters[parameter]; !ok {
						return fmt.Errorf("pawl/%s has no parameter %q", command, parameter)
					}
				}
			}
		}
	}
	if file.Version != "2.1" || file.Orbs["pawl"] == "" || calls == 0 || len(file.Workflows) == 0 {
		return fmt.Errorf("version %q, orb %q, %d steps of it, %d workflows", file.Version, file.Orbs["pawl"], calls, len(file.Workflows))
	}
	return nil
}

// TestSpoiltDocs shows that each check can fail.
func TestSpoiltDocs(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for _, c := range []struct{ page, old, spoilt, want string }{
		{"README.md", "```sh\n", "```\n", `no test knows a block ""`},
		{"README.md", "```sh\n", "```shell\n", `no test knows a block "shell"`},
		{"README.md", "pawl init --dry-run", "pawl init --dri-run", "exit code 4"},
		{"README.md", "go test ./...", "go test ./internal/absent", "no such file"},
		{"README.md", "merge: {", "mergee: {", `unknown key "mergee"`},
		{"README.md", "(docs/getting-started.md)", "(docs/started.md)", "leads nowhere"},
		{"docs/getting-started.md", "# manifests/web.yaml\n", "", "names no file"},
		{"docs/getting-started.md", "versionfilter", "versionfiltr", `unknown key "versionfiltr"`},
		{"docs/getting-started.md", "v1.0.0  v1.1.0", "v1.0.0  v1.2.0", "prints something else"},
		{"docs/getting-started.md", "pawl explain web", "pawl explain wbe", "prints something else"},
		{"docs/getting-started.md", "```sh\npawl apply", "```sh\nppawl apply", "no test knows how to run"},
		{"docs/getting-started.md", "pawl run --dry-run", "pawl run --try-run", "exit code 4"},
		{"docs/security.md", "(operating.md#tokens)", "(operating.md#token)", "has no such heading"},
		{"docs/gitlab.md", `"secret":`, `"secrets":`, `the field "secrets" is not known`},
		{"docs/circleci.md", "version: 1.0.0", "release: 1.0.0", `no parameter "release"`},
		{"docs/configuration.md", "wait: 10m", "wait: soon", "want a duration"},
		{"CONTRIBUTING.md", "-fuzz FuzzApply", "-fuzz FuzzNothing", "there is no FuzzNothing"},
	} {
		spoilt := strings.Replace(all[c.page], c.old, c.spoilt, 1)
		if spoilt == all[c.page] {
			t.Errorf("%s does not hold %q", c.page, c.old)
			continue
		}
		problems := strings.Join(inspect(c.page, spoilt, all), "\n")
		if !strings.Contains(problems, c.want) {
			problems += strings.Join(walk(t, c.page, spoilt), "\n")
		}
		if !strings.Contains(problems, c.want) {
			t.Errorf("%s with %q instead of %q: %q, want %q", c.page, c.spoilt, c.old, problems, c.want)
		}
	}
	lost := maps.Clone(all)
	lost["docs/lost.md"] = "# Lost\n"
	if problems := reach(lost); !slices.Equal(problems, []string{"no index leads to docs/lost.md"}) {
		t.Errorf("a page that nothing leads to: %v", problems)
	}
}
