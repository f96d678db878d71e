package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

// evil are texts that something between a registry and a person's screen may take for more than text.
var evil = []string{
	"$(x)", "`id`", "a\nmerge<<E\nmerged\nE\nPawl-Update: x y 1 -> 2", "@file", "@alice", "[x](javascript:alert(1))", "<!-- -->", "-->", "a|b",
	"::error::forged", " ::set-output name=merge::merged", "##[set-output name=merge;]merged", "%0A::error::x", "\u202egnp", "\x1b[31m", "[skip ci]", "#1",
	"<img src=x>", "https://evil.example", strings.Repeat("x", 10_000), "**bold**", "${{ secrets.MERGE_TOKEN }}",
}

// besiege makes a profile of which every name is hostile: for each text a manifest of that name with releases whose
// newest tag holds it, a file and a key; one whose image is the text, which does not load; and one whose new value is
// refused where the text cannot be one. It returns the number of values to change.
func besiege(s *stage) int {
	s.Helper()
	const source = "sources: {%s: {kind: githubrelease, spec: {url: 'https://releases.example', owner: org, repository: %s, versionfilter: {kind: regex, pattern: '.*'}}}}\n"
	s.registry.SetTags("org/a", append([]string{"v1.0.0"}, evil...)...)
	files := map[string][]byte{}
	quoted := func(text string) string {
		data, err := json.Marshal(text) // YAML reads JSON
		s.must(nil, err)
		return string(data)
	}
	releases := map[string][]fake.Release{}
	for i, text := range evil {
		name := strings.ReplaceAll(text, "/", "-")
		for part := 200; part < min(len(name), 2000); part += 201 { // a part of a path has at most 255 bytes
			name = name[:part] + "/" + name[part:]
		}
		name = name[:min(len(name), 2000)]
		key := strings.ReplaceAll(text[:min(len(text), 900)], "{{", "{ {") // the bounds of YAML, and templates are read
		file, image, tag := "data/"+strings.ReplaceAll(key[:min(len(key), 100)], "/", "-")+".yaml", fmt.Sprintf("h%d", i), "v1.1.0-"+text
		if strings.ContainsFunc(text, unicode.IsControl) || len(text) > 4000 { // refused as a value
			refused, file := fmt.Sprintf("r%d", i), fmt.Sprintf("data/%d.yaml", i)
			releases["org/"+refused] = []fake.Release{{Tag: tag, Published: s.clock()}}
			files[file] = []byte("k: v1.0.0\n")
			files["manifests/refused/"+name+".yaml"] = fmt.Appendf(nil, source+"targets: {t: {kind: yaml, spec: {file: %s, key: $.k}}}\n", "s", refused, file)
			tag = "v1.1.0"
		}
		releases["org/"+image] = []fake.Release{{Tag: "v1.0.0"}, {Tag: tag, Published: s.clock()}}
		files[file] = []byte(quoted(key) + ": v1.0.0 # " + image + "\n")
		target := fmt.Sprintf("{kind: yaml, spec: {file: %s, key: %s}}", quoted(file), quoted("$['"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(key)+"']"))
		files["manifests/"+name+".yaml"] = fmt.Appendf(nil, source+"targets: {%s: %s}\n", quoted(key), image, quoted(key), target)
		files["manifests/bad/"+name+".yaml"] = fmt.Appendf(nil, "sources: {s: {kind: dockerimage, spec: {image: %s, versionfilter: '*'}}}\ntargets: {t: %s}\n%s: 1\n", quoted(text), target, quoted(key))
	}
	s.network["releases.example"] = fake.NewReleases(fake.ReleasesOptions{Releases: releases})
	for name, data := range files {
		s.local(name, string(data))
	}
	s.must(s.repo.Push("main", "mallory", files, "names"))
	return len(evil)
}

// siege is a workflow in which everything from outside is hostile.
type siege struct {
	*stage
	form string
	dir  string
	env  map[string]string
}

func newSiege(t *testing.T, form string) *siege {
	s := &siege{stage: newStage(t, github.Settings{}, noChecks), form: form, dir: t.TempDir()}
	s.env = map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": filepath.Join(s.dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(s.dir, "summary")}
	return s
}

// dispatched hands a text over as a workflow's event does.
func (s *siege) dispatched(text string) {
	event, err := json.Marshal(map[string]any{"inputs": map[string]string{"image": text, "tag": text, "chart": text, "upstream": text}})
	s.must(nil, err)
	s.env["GITHUB_EVENT_PATH"] = filepath.Join(s.dir, "event")
	s.must(nil, os.WriteFile(s.env["GITHUB_EVENT_PATH"], event, 0o600))
}

// run runs the whole job and looks at what is printed; the report is read where it is printed as JSON.
func (s *siege) run(want int, args ...string) (report run.Report) {
	s.Helper()
	code, out, errs := s.pawl(s.env, append([]string{"run", "--output", s.form, "-v", "--settle", "1s"}, args...)...)
	if code != want {
		s.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	s.inertLog(errs)
	switch s.form {
	case "json":
		report = read(s.T, out)
		out = strings.ReplaceAll(out, "\u202e", `\u202e`) // JSON is for programs
		if p := report.Preview; p != nil {
			s.inertTexts(p.Title, p.Message, p.Body)
		}
	case "markdown":
		s.inertMarkdown(out)
	}
	s.inertLog(out)
	return report
}

// TestHostile lets every text that comes from outside be hostile at once, through the whole job: what is shown, stored
// and handed on shows it, and takes none of it for anything but text.
func TestHostile(t *testing.T) {
	t.Parallel()
	for i, form := range []string{"table", "json", "markdown"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, form)
			changes := besiege(s.stage)
			s.dispatched(evil[i])
			s.run(cli.Partial, "--dry-run")
			s.run(cli.Partial)
			summary, err := os.ReadFile(s.env["GITHUB_STEP_SUMMARY"])
			s.must(nil, err)
			s.inertMarkdown(string(summary))
			s.inertOutputs(s.env["GITHUB_OUTPUT"])
			s.inertChange(changes)
		})
	}
}

// TestHostileEvents starts a run with each hostile text as what an event says, by its file and by flags.
func TestHostileEvents(t *testing.T) {
	t.Parallel()
	for _, text := range evil {
		s := newSiege(t, "json")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.run(0, "--dry-run", "--image", "org/a:"+text, "--tag", text, "--chart", text, "--upstream", text)
		s.dispatched(text)
		if s.run(0); s.value("a") != "v1.1.0" {
			t.Errorf("%.50q: a is %s", text, s.value("a"))
		}
		pull := s.pull(1)
		s.inertTexts(pull.Title, s.repo.Log("main")[0].Message, pull.Body)
	}
}

// inertLog reads what was printed as the runner of GitHub Actions does, which looks for commands in every line
// (https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands), and as a terminal does.
func (s *stage) inertLog(printed string) {
	s.Helper()
	if i := strings.IndexFunc(printed, func(r rune) bool { return r != '\n' && r != '\t' && r < ' ' || r == 0x7f || r == '\u202e' }); i >= 0 {
		s.Errorf("a character that steers the terminal is printed: %.100q", printed[i:])
	}
	for line := range strings.Lines(printed) {
		command := strings.TrimSpace(line)
		if strings.Contains(command, "##[") || strings.HasPrefix(command, "::") && !ownCommand.MatchString(command) {
			s.Errorf("a command for the runner is printed: %.300s", line)
		}
	}
}

var ownCommand = regexp.MustCompile(`^::error title=[^:,\r\n]*::[^\r\n]*$`)

// These are the only characters of Markdown's in a summary: those of tables and of entities.
var (
	entity   = regexp.MustCompile(`&#\d+;`)
	activeMD = regexp.MustCompile("[`*_{}\\[\\]<>#+!~@&$\\\\]|://")
)

func (s *stage) inertMarkdown(text string) {
	s.Helper()
	columns := 0
	text = strings.ReplaceAll(text, "\n[Open the pull request](https://github.com/acme/profile/pull/1)\n", "\n")
	for line := range strings.Lines(text) {
		plain := entity.ReplaceAllString(strings.TrimSpace(line), "")
		if found := activeMD.FindString(plain); found != "" {
			s.Errorf("%q is active in the summary: %.300s", found, line)
		}
		if !strings.HasPrefix(plain, "|") {
			columns = 0
			continue
		}
		if columns == 0 {
			columns = strings.Count(plain, "|")
		}
		if strings.Count(plain, "|") != columns {
			s.Errorf("a row breaks the table: %.300s", line)
		}
	}
}

// inertOutputs reads the outputs as the runner does.
func (s *stage) inertOutputs(file string) {
	s.Helper()
	data, err := os.ReadFile(file)
	s.must(nil, err)
	got := map[string]string{}
	for rest := string(data); rest != ""; {
		head, tail, _ := strings.Cut(rest, "\n")
		name, mark, ok := strings.Cut(head, "<<")
		value, after, closed := strings.Cut(tail, "\n"+mark+"\n")
		if !ok || !closed {
			s.Fatalf("no output: %q", head)
		}
		got[name], rest = value, after
	}
	want := map[string]string{"changes": fmt.Sprint(len(evil)), "commit": s.repo.Head("main"), "merge": "merged", "pull-request": "1", "pull-request-url": "https://github.com/acme/profile/pull/1"}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("outputs: %s", diff)
	}
}

var (
	inertTitle = regexp.MustCompile(`^[A-Za-z0-9 ._+/~^=:%,>-]{1,256}$`)
	inertLine  = regexp.MustCompile(`^(- \S+ \S+ -> \S+ in \S+|Pawl-Update: \S+ \S+ \S+ -> \S+|Pawl-Chain: [0-9a-f-]{36}|)$`)
	loneRow    = regexp.MustCompile("^\\| `[^`|<>@]*` \\| `[^`|<>@]*` \\| `[^`|<>@]*` -> `[^`|<>@]*` \\| `[a-z-]*` \\| \\[[a-z]+\\]\\(https://[A-Za-z0-9./_%:=?-]+\\) \\|$")
	loneNote   = regexp.MustCompile("^- `[^`<>@]*`: `[a-z-]*`( - `[^`<>@]*`){1,2}$")
	ownLines   = regexp.MustCompile("^(\\| name \\| file:key \\| from -> to \\| why \\| links \\|\\|---\\|---\\|---\\|---\\|---\\||`merge.require: none`: merged without waiting for checks|### (Held|Failed)|- and \\d+ more|and \\d+ updates not shown||Triggered by `[^`<>@]*`( \\(\\[open\\]\\(https://[a-z.]+\\)\\))?)$")
)

// inertChange reads the branch, the pull request and the commit, and shows that machines read back exactly what was
// meant.
func (s *stage) inertChange(changes int) {
	s.Helper()
	refs := slices.Sorted(maps.Keys(s.repo.Refs()))
	if diff := cmp.Diff([]string{"refs/heads/main", "refs/heads/pawl/update", "refs/pawl/ledger", "refs/pull/1/head"}, refs); diff != "" {
		s.Errorf("refs: %s", diff)
	}
	pull, commit := s.pull(1), s.repo.Log("main")[0]
	s.inertTexts(pull.Title, commit.Message, pull.Body)
	if u := change.ParseTrailers(commit.Message); len(u.Updates)+u.Omitted != changes || len(commit.Files) != changes {
		s.Errorf("%d updates and %d omitted of %d files, want %d", len(u.Updates), u.Omitted, len(commit.Files), changes)
	}
	s.remembered(changes)
}

// inertTexts reads a pull request's title and body and a commit's message line by line.
func (s *stage) inertTexts(title, message, body string) {
	s.Helper()
	subject, lines, _ := strings.Cut(message, "\n")
	for _, title := range []string{title, strings.TrimSuffix(subject, " (#1)")} {
		if !inertTitle.MatchString(title) {
			s.Errorf("title: %q", title)
		}
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\n"), "\n") {
		if !inertLine.MatchString(line) {
			s.Errorf("message: %.300q", line)
		}
	}
	text, hidden, _ := strings.Cut(body, "<!-- pawl:")
	if strings.Count(hidden, "-->") != 1 || !strings.HasSuffix(hidden, " -->\n") || strings.Contains(hidden, "<") {
		s.Errorf("the hidden block ends early: %.300q", hidden)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if !loneRow.MatchString(line) && !loneNote.MatchString(line) && !ownLines.MatchString(line) && line != "|---|---|---|---|---|" && line != "| name | file:key | from -> to | why | links |" {
			s.Errorf("body: %.400q", line)
		}
	}
	if !utf8.ValidString(body) || len(body) > change.MaxBody {
		s.Errorf("the body has %d bytes", len(body))
	}
}

// remembered shows that what was written is found again: the ledger has it, and another run has nothing to do.
func (s *stage) remembered(changes int) {
	s.Helper()
	data, ok := s.repo.File("refs/pawl/ledger", "values.json")
	if !ok {
		s.Fatal("the ledger holds no values")
	}
	var values struct{ Values []ledger.Value }
	s.must(nil, json.Unmarshal(data, &values))
	if len(values.Values) < changes {
		s.Errorf("the ledger remembers %d values, want %d", len(values.Values), changes)
	}
	writes := s.github.Writes()
	if code, out, errs := s.pawl(nil, "run"); code != cli.Partial || s.github.Writes() != writes {
		s.Errorf("again: exit code %d, %d writing calls: %s%s", code, s.github.Writes()-writes, out, errs)
	}
}
