package cli_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	gocmp "github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// moment is one step of the real history: what people had changed, and what the tool of that time left behind.
type moment struct {
	Seq       int
	Time      time.Time
	Manifests map[string]*string
	Before    map[string]string `json:"files_before"`
	After     map[string]string `json:"files_after"`
}

// known is a tag that exists from one step on, or is absent between two.
type known struct {
	Kind, Source, Tag string
	Step              int
	From              int `json:"absent_from_step"`
	To                int `json:"absent_to_step"`
}

// records reads a file of the corpus, one JSON value a line.
func records[T any](t *testing.T, name string) []T {
	t.Helper()
	file, err := os.Open(filepath.Join(corpus(t), name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []T
	for d := json.NewDecoder(file); ; {
		var one T
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}

// offers is what every source has at a step, by kind and name.
func offers(tags, absent []known, step int) map[string]map[string][]string {
	all := map[string]map[string][]string{"dockerimage": {}, "helmchart": {}, "githubrelease": {}}
	for _, k := range tags {
		gone := slices.ContainsFunc(absent, func(a known) bool {
			return a.Kind == k.Kind && a.Source == k.Source && a.Tag == k.Tag && a.From <= step && step <= a.To
		})
		if list := all[k.Kind][k.Source]; k.Step <= step && !gone && !slices.Contains(list, k.Tag) {
			all[k.Kind][k.Source] = append(list, k.Tag)
		}
	}
	return all
}

// internet serves the offers at the hosts that have them.
func internet(offers map[string]map[string][]string) fake.Network {
	images := map[string]map[string][]string{"index.docker.io": {}, "ghcr.io": {}}
	for name, tags := range offers["dockerimage"] {
		host, rest, _ := strings.Cut(name, "/")
		if images[host] == nil {
			host, rest = "index.docker.io", name
		}
		images[host][rest] = append(tags, "latest", "v8", "sha-0a1b2c3")
	}
	charts := map[string]map[string][]string{}
	for name, versions := range offers["helmchart"] {
		repository, chart, _ := strings.Cut(strings.TrimPrefix(name, "https://"), "#")
		if charts[repository] == nil {
			charts[repository] = map[string][]string{}
		}
		charts[repository][chart] = versions
	}
	releases := map[string][]fake.Release{}
	for name, tags := range offers["githubrelease"] {
		for i, tag := range tags {
			releases[name] = append(releases[name], fake.Release{ID: int64(i + 1), Tag: tag, Prerelease: strings.Contains(tag, "-")})
		}
	}
	helm := http.NewServeMux()
	network := fake.Network{"api.github.com": fake.NewReleases(fake.ReleasesOptions{Releases: releases}), "mojaloop.github.io": helm, "pm4ml.github.io": helm}
	for repository, own := range charts {
		helm.Handle(strings.TrimSuffix(repository, "/")+"/", fake.NewHelm(own))
	}
	for host, tags := range images {
		network[host] = fake.NewRegistry(fake.RegistryOptions{Tags: tags})
	}
	return network
}

// everywhere is the internet with GitHub in it.
type everywhere struct {
	github  http.RoundTripper
	network fake.Network
}

// RoundTrip lets GitHub answer for itself, but for the releases of other repositories.
func (w everywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "github.com" || r.URL.Host == "api.github.com" && !strings.HasSuffix(r.URL.Path, "/releases") {
		return w.github.RoundTrip(r)
	}
	return w.network.RoundTrip(r)
}

// spot is a scalar that a manifest manages. A manifest with another text manages other spots.
type spot struct{ manifest, text, file, key string }

// word is what a person wrote to a spot in place of another value.
type word struct {
	seq             int
	value, replaced string
}

// merged is what one run put on the base.
type merged struct {
	seq           int
	sha           string
	pull          github.Pull
	says          []change.Update
	manifests     map[string]string
	before, after map[string]string
}

// history is a repository that lives through the real history again: people do what they did, pawl does the rest.
type history struct {
	*stage
	network fake.Network
	config  string
	// manifests and files are what the base holds; recorded is what the files were in the real history.
	manifests, files, recorded map[string]string
	// words are those of people that still hold; heard counts all of them, overheard those that the tool of that time
	// undid at once, undone are those that pawl did.
	words     map[spot]word
	heard     int
	overheard int
	undone    []string
	commits   []merged
	calls     int
	// failed counts what went wrong by manifest and reason.
	failed map[string]int
}

func newHistory(t *testing.T) *history {
	t.Helper()
	h := &history{stage: &stage{T: t, root: t.TempDir()}, manifests: map[string]string{}, files: map[string]string{}, recorded: map[string]string{},
		words: map[spot]word{}, failed: map[string]int{}}
	h.stage.github = github.New(github.Options{Now: h.clock, Identities: map[string]github.Identity{canary: {Login: "pawl-bot"}}, Before: h.watch})
	h.repo = h.stage.github.Create("acme/profile", github.Settings{})
	h.configure(historyConfig)
	return h
}

const historyConfig = "forge: {repository: acme/profile}\nmerge: {require: none}\n"

// configure is what the profile's configuration is from the first step on.
func (h *history) configure(text string) {
	h.config = text
	h.local(".pawl.yaml", text)
}

// watch sees each request before GitHub does: nobody opens a pull request while one is open.
func (h *history) watch(c github.Call) {
	if c.Writing && strings.HasSuffix(c.Path, "/pulls") {
		h.closed()
	}
}

func (h *history) closed() {
	for _, p := range h.repo.Pulls() {
		if p.State == "open" {
			h.Errorf("pull request #%d is open: %s", p.Number, p.Title)
		}
	}
}

// people pushes what people changed before a step.
func (h *history) people(m moment) {
	push := map[string][]byte{}
	if m.Seq == 0 {
		push[".pawl.yaml"] = []byte(h.config)
	}
	for path, text := range m.Manifests {
		if text == nil {
			push[path] = nil
			delete(h.manifests, path)
			if err := os.Remove(filepath.Join(h.root, path)); err != nil {
				h.Fatal(err)
			}
			continue
		}
		push[path], h.manifests[path] = []byte(*text), *text
		h.local(path, *text)
	}
	for path, text := range m.Before {
		now := replant(h.recorded[path], h.files[path], text)
		if h.recorded[path] = text; now != h.files[path] {
			push[path], h.files[path] = []byte(now), now
		}
	}
	if len(push) == 0 {
		return
	}
	if _, err := h.repo.Push("main", "alice", push, "what people did"); err != nil {
		h.Fatal(err)
	}
}

// replant makes the change from one recorded text to the next to the text that is there now: lines that people left
// alone stay as they are now. The tool of that time also reformatted; where the lines no longer correspond, the next
// recorded text is taken whole.
func replant(recorded, now, next string) string {
	from, here, to := strings.Split(recorded, "\n"), strings.Split(now, "\n"), strings.Split(next, "\n")
	if len(from) != len(here) {
		return next
	}
	common := make([][]int, len(from)+1) // the length of what the rests have in common
	for i := range common {
		common[i] = make([]int, len(to)+1)
	}
	for i := len(from) - 1; i >= 0; i-- {
		for k := len(to) - 1; k >= 0; k-- {
			if common[i][k] = max(common[i+1][k], common[i][k+1]); from[i] == to[k] {
				common[i][k] = common[i+1][k+1] + 1
			}
		}
	}
	for i, k := 0, 0; i < len(from) && k < len(to); {
		switch {
		case from[i] == to[k]:
			to[k] = here[i]
			i, k = i+1, k+1
		case common[i+1][k] >= common[i][k+1]:
			i++
		default:
			k++
		}
	}
	return strings.Join(to, "\n")
}

// values are the managed scalars on the base.
func (h *history) values() map[spot]string {
	all, scalars := map[spot]string{}, map[string]map[string]string{}
	for path, text := range h.manifests {
		for _, target := range targets(h.T, text) {
			if scalars[target.File] == nil {
				scalars[target.File] = flatten(h.T, h.files[target.File])
			}
			if value, there := scalars[target.File][steps(target.Key)]; there {
				all[spot{path, text, target.File, steps(target.Key)}] = value
			}
		}
	}
	return all
}

// target is a scalar that a manifest names.
type target struct{ File, Key string }

func targets(t *testing.T, manifest string) []target {
	t.Helper()
	var all []target
	for d := yaml.NewDecoder(strings.NewReader(manifest)); ; {
		var document struct {
			Targets map[string]struct{ Spec target }
		}
		if err := d.Decode(&document); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		for _, one := range document.Targets {
			all = append(all, one.Spec)
		}
	}
}

// flatten returns the scalars of a YAML text by their paths.
func flatten(t *testing.T, text string) map[string]string {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		for i, child := range n.Content {
			switch n.Kind {
			case yaml.DocumentNode:
				walk(child, path)
			case yaml.SequenceNode:
				walk(child, path+"/"+strconv.Itoa(i))
			case yaml.MappingNode:
				if i%2 == 1 {
					walk(child, path+"/"+n.Content[i-1].Value)
				}
			}
		}
		if n.Kind == yaml.ScalarNode {
			all[path] = n.Value
		}
	}
	walk(&root, "")
	return all
}

var keyStep = regexp.MustCompile(`\.([^.\[\]]+)|\['([^']*)'\]|\[(\d+)\]`)

// steps writes a JSONPath as flatten writes paths.
func steps(key string) string {
	return keyStep.ReplaceAllString(strings.TrimPrefix(key, "$"), "/$1$2$3")
}

// newer reports whether one value is a newer version than another.
func newer(a, b string) bool {
	v, err := semver.NewVersion(a)
	w, err2 := semver.NewVersion(b)
	return err == nil && err2 == nil && v.GreaterThan(w)
}

// listen notes which values people changed since the last run.
func (h *history) listen(m moment, left, now map[spot]string) {
	for at := range h.words {
		if _, managed := now[at]; !managed {
			delete(h.words, at) // the manifest is another one now
		}
	}
	for at, value := range now {
		old, managed := left[at]
		if !managed || old == value {
			continue
		}
		h.heard++
		if text, there := m.After[at.file]; there {
			if then := flatten(h.T, text)[at.key]; then != value && !newer(then, old) {
				h.overheard++
			}
		}
		w := word{m.Seq, value, old}
		if before, again := h.words[at]; again && newer(before.replaced, old) {
			w.replaced = before.replaced
		}
		h.words[at] = w
	}
}

// respected checks that what people wrote is there still, or something newer than what they replaced.
func (h *history) respected(seq int) {
	now := h.values()
	for at, w := range h.words {
		switch value := now[at]; {
		case value == w.value:
		case newer(value, w.replaced):
			delete(h.words, at)
		default:
			h.undone = append(h.undone, fmt.Sprintf("step %d: %s %s: %s was written in place of %s in step %d, and is %s", seq, at.manifest, at.key, w.value, w.replaced, w.seq, value))
			delete(h.words, at)
		}
	}
}

// live runs pawl once.
func (h *history) live(seq int) {
	var out, errs strings.Builder
	base := h.repo.Head("main")
	code := cli.Run(h.Context(), []string{"run", "--output", "json", "--root", h.root}, cli.System{
		Out: &out, Err: &errs, Now: h.clock, Sleep: h.sleep, Transport: everywhere{h.stage.github.RoundTripper(), h.network},
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"MERGE_TOKEN": canary, "GITHUB_TOKEN": canary, "GITHUB_ACTOR": "pawl-bot"}[name]
			return v, ok
		},
	})
	var report run.Report
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		h.Fatalf("step %d: exit code %d: %v\n%s%s", seq, code, err, out.String(), errs.String())
	}
	valid(h.T, out.String())
	h.calls += report.Calls
	h.ended(seq, code, report)
	h.closed()
	if head := h.repo.Head("main"); head != base {
		h.landed(seq, head, report)
	} else if len(report.Plan.Changes) > 0 {
		h.Errorf("step %d: %d changes and no commit", seq, len(report.Plan.Changes))
	}
}

// ended checks the exit code against the outcomes.
func (h *history) ended(seq, code int, report run.Report) {
	want := cli.OK
	for _, o := range report.Plan.Outcomes {
		if o.Outcome == "failed" {
			want = cli.Partial
			h.failed[o.Manifest+" "+string(o.Reason)]++
		}
	}
	if code != want {
		h.Errorf("step %d: exit code %d, want %d: %+v", seq, code, want, report.Merge)
	}
}

// landed notes the merged commit.
func (h *history) landed(seq int, head string, report run.Report) {
	c := merged{seq: seq, sha: head, manifests: maps.Clone(h.manifests), before: map[string]string{}, after: map[string]string{}}
	for path, text := range h.files {
		data, _ := h.repo.File("main", path)
		if now := string(data); now != text {
			c.before[path], c.after[path], h.files[path] = text, now, now
		}
	}
	if report.Pull == nil || report.Merge == nil || report.Merge.SHA != head {
		h.Fatalf("step %d: the base moved to %s: %+v", seq, head, report.Merge)
	}
	c.pull, _ = h.repo.Pull(report.Pull.Number)
	c.says = report.Plan.Changes
	h.commits = append(h.commits, c)
}

// row is one changed scalar, and the manifest that manages it.
type row struct{ name, file, key, old, new string }

func (r row) compare(o row) int {
	return cmp.Or(cmp.Compare(r.file, o.file), cmp.Compare(r.key, o.key), cmp.Compare(r.name, o.name), cmp.Compare(r.old, o.old), cmp.Compare(r.new, o.new))
}

// rows are what a commit really changed; an error says that it changed more than scalars.
func (c merged) rows(t *testing.T) ([]row, error) {
	owners := map[target][]string{}
	for path, text := range c.manifests {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "updatecli.d/"), ".yaml")
		for _, at := range targets(t, text) {
			owners[target{at.File, steps(at.Key)}] = append(owners[target{at.File, steps(at.Key)}], name)
		}
	}
	var rows []row
	for path, text := range c.after {
		lines, old := 0, flatten(t, c.before[path])
		for key, value := range flatten(t, text) {
			if value == old[key] {
				continue
			}
			lines++
			for _, name := range owners[target{path, key}] {
				rows = append(rows, row{name, path, key, old[key], value})
			}
			if len(owners[target{path, key}]) == 0 {
				return nil, fmt.Errorf("%s:%s is nobody's", path, key)
			}
		}
		if n := differentLines(c.before[path], text); n != lines {
			return nil, fmt.Errorf("%s: %d lines differ, and %d values", path, n, lines)
		}
	}
	slices.SortFunc(rows, row.compare)
	return rows, nil
}

func differentLines(before, after string) int {
	a, b, n := strings.Split(before, "\n"), strings.Split(after, "\n"), 0
	if len(a) != len(b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// These read the texts of a commit and its pull request and share nothing with what writes them.
var (
	bodyRow     = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`:]+):([^`]+)` \\| `([^`]+)` -> `([^`]+)` \\|")
	messageLine = regexp.MustCompile(`(?m)^- (\S+) (\S+) -> (\S+) in (\S+)$`)
	trailerLine = regexp.MustCompile(`(?m)^Pawl-Update: (\S+) (\S+) (\S+) -> (\S+)$`)
	someUpdates = regexp.MustCompile(`^(\d+) updates: ([^ ,]+(?:, [^ ,]+){0,2}?)(?: \+(\d+))?$`)
	ofPull      = regexp.MustCompile(` \(#\d+\)$`)
)

// told reads one line for each match; parts are the places of name, file, key, old and new among its groups, 0 for none.
func told(t *testing.T, from *regexp.Regexp, text string, parts [5]int) []row {
	t.Helper()
	var rows []row
	for _, m := range from.FindAllStringSubmatch(text, -1) {
		var part [5]string
		for i, group := range parts {
			if group == 0 {
				continue
			}
			plain, err := url.PathUnescape(m[group])
			if err != nil {
				t.Fatal(err)
			}
			part[i] = plain
		}
		rows = append(rows, row{part[0], part[1], steps(part[2]), part[3], part[4]})
	}
	slices.SortFunc(rows, row.compare)
	return rows
}

// blank returns the rows without what a text does not tell.
func blank(rows []row, hide func(*row)) []row {
	rows = slices.Clone(rows)
	for i := range rows {
		hide(&rows[i])
	}
	slices.SortFunc(rows, row.compare)
	return rows
}

// honest compares everything that is said about a commit with what it did, and returns what is not so.
func (c merged) honest(t *testing.T, rows []row, message string) []string {
	t.Helper()
	var lies []string
	for name, same := range map[string]bool{
		"table":   slices.Equal(told(t, bodyRow, c.pull.Body, [5]int{1, 2, 3, 4, 5}), rows),
		"lines":   slices.Equal(told(t, messageLine, message, [5]int{1, 4, 0, 2, 3}), blank(rows, func(r *row) { r.key = "" })),
		"trailer": slices.Equal(told(t, trailerLine, message, [5]int{0, 1, 2, 3, 4}), blank(rows, func(r *row) { r.name = "" })),
		"title":   titleTells(c.pull.Title, rows),
		"subject": titleTells(ofPull.ReplaceAllString(strings.SplitN(message, "\n", 2)[0], ""), rows),
	} {
		if !same {
			lies = append(lies, name)
		}
	}
	slices.Sort(lies)
	return lies
}

// titleTells reports whether a title names the moves of a commit, each once; or, where they are more than three or too
// long for a title of GitHub, whether it names some and counts the others.
func titleTells(title string, rows []row) bool {
	var moves []string
	for _, r := range rows {
		moves = append(moves, r.name+" "+r.old+" -> "+r.new)
	}
	slices.Sort(moves)
	moves = slices.Compact(moves)
	m := someUpdates.FindStringSubmatch(title)
	if m == nil {
		said := strings.Split(title, ", ")
		slices.Sort(said)
		return slices.Equal(said, moves)
	}
	named := map[string]int{}
	for _, name := range strings.Split(m[2], ", ") {
		named[name] = 0
	}
	shown := 0
	for _, move := range moves {
		name, _, _ := strings.Cut(move, " ")
		if _, ok := named[name]; ok {
			named[name]++
			shown++
		}
	}
	more, _ := strconv.Atoi(m[3])
	needed := len(moves) > 3 || len(strings.Join(moves, ", ")) > 256
	return needed && !slices.Contains(slices.Collect(maps.Values(named)), 0) && m[1] == strconv.Itoa(len(moves)) && shown+more == len(moves)
}

// TestHistory lets pawl live through the real history in one repository, with all that people did meanwhile: what they
// write stays until something newer than what they replaced, every text is true, and every run ends with nothing open.
func TestHistory(t *testing.T) {
	t.Parallel()
	tags, absent := records[known](t, "tags.jsonl"), records[known](t, "availability.jsonl")
	moments := records[moment](t, "steps.jsonl")
	h := newHistory(t)
	for _, m := range moments {
		if m.Time.After(h.now) {
			h.now = m.Time
		}
		left := h.values()
		h.people(m)
		h.listen(m, left, h.values())
		h.network = internet(offers(tags, absent, m.Seq))
		h.live(m.Seq)
		h.respected(m.Seq)
		maps.Copy(h.recorded, m.After)
	}
	h.judge()
	t.Logf("%d runs, %d commits, %d calls of the forge; people changed %d managed values, %d of them in vain at that time and %d now",
		len(moments), len(h.commits), h.calls, h.heard, h.overheard, len(h.undone))
	if len(moments) != 709 || h.heard != 20 || h.overheard == 0 {
		t.Errorf("%d runs, %d edits by people, %d of them in vain at that time", len(moments), h.heard, h.overheard)
	}
	for _, edit := range h.undone {
		t.Errorf("undone: %s", edit)
	}
	// For three steps a person's range was none at all: 4.3.1-snapshot.*
	if diff := gocmp.Diff(map[string]int{"helm-finance-portal manifest-invalid": 3}, h.failed); diff != "" {
		t.Errorf("failures: %s", diff)
	}
}

// judge compares the log of the base with the runs, and what is said of each commit with its difference.
func (h *history) judge() {
	log := map[string]github.Commit{}
	for _, c := range h.repo.Log("main") {
		if c.Author == "pawl-bot" {
			log[c.SHA] = c
		}
	}
	if len(log) != len(h.commits) || len(log) == 0 {
		h.Errorf("%d commits of ours, and %d runs that changed something", len(log), len(h.commits))
	}
	for _, c := range h.commits {
		rows, err := c.rows(h.T)
		if err != nil || len(rows) == 0 || !slices.Equal(log[c.sha].Files, slices.Sorted(maps.Keys(c.after))) {
			h.Errorf("step %d: %v: files %v, values %v", c.seq, err, log[c.sha].Files, rows)
		} else if lies := c.honest(h.T, rows, log[c.sha].Message); len(lies) > 0 {
			h.Errorf("step %d: %v not true of %v:\n%s\n%s", c.seq, lies, rows, c.pull.Title, log[c.sha].Message)
		}
	}
}
