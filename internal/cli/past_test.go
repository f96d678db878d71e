package cli_test

import (
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
)

// branch is a git repository that a test writes with git fast-import, commit by commit.
type branch struct {
	*testing.T
	dir   string
	text  strings.Builder
	marks int
}

func newBranch(t *testing.T) *branch {
	t.Helper()
	b := &branch{T: t, dir: t.TempDir()}
	b.git("", "init", "--quiet", "--initial-branch=main")
	return b
}

func (b *branch) git(in string, args ...string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "git", append([]string{"-C", b.dir}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// commit writes files, nil for one that goes, on top of a branch; from are the marks of other parents.
func (b *branch) commit(ref string, at time.Time, author string, files map[string]*string, from ...int) (mark int) {
	b.marks++
	data := func(text string) { fmt.Fprintf(&b.text, "data %d\n%s\n", len(text), text) }
	fmt.Fprintf(&b.text, "commit refs/heads/%s\nmark :%d\nauthor %s <a@b.example> %d +0000\ncommitter c <c@d.example> %d +0000\n",
		ref, b.marks, author, at.Unix(), at.Unix())
	data("what it says is nobody's business\n\nPawl-Updates: none -> of ours")
	for i, mark := range from {
		fmt.Fprintf(&b.text, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], mark)
	}
	for name, text := range files {
		if text == nil {
			fmt.Fprintf(&b.text, "D %s\n", name)
			continue
		}
		fmt.Fprintf(&b.text, "M 100644 inline %s\n", name)
		data(*text)
	}
	return b.marks
}

// done brings the commits into the repository and its files to the disk.
func (b *branch) done() {
	b.Helper()
	b.git(b.text.String(), "fast-import", "--quiet")
	b.git("", "checkout", "--quiet", "--force", "main")
}

// page is what pawl history says of the repository, and how long it took.
func (b *branch) page(args ...string) (string, time.Duration) {
	b.Helper()
	var out, errs strings.Builder
	began := time.Now()
	code := cli.Run(b.Context(), append([]string{"history", "--git", b.dir}, args...), cli.System{Out: &out, Err: &errs,
		Now: func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }, Env: func(string) (string, bool) { return "", false }})
	if code != cli.OK || errs.Len() > 0 {
		b.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String(), time.Since(began)
}

// What a page shows, read without what writes it.
var (
	shownLine = regexp.MustCompile(`<h4 id="[^"]*">([^<]*?) *(?:<|$)`)
	shownFile = regexp.MustCompile(`<p class="address muted"><code>(.*?)</code></p>`)
	shownMove = regexp.MustCompile(`<th scope="row" class="moved">(.*?)</th><td data-label="Changed"><time datetime="([^"]*)".*?<td data-label="By">(.*?)</td>`)
	markup    = regexp.MustCompile(`<[^>]*>`)
)

// moves are the changes on a page, the newest first: manifest, place, time, author, old and new.
func moves(page string) []string {
	var all []string
	manifest, file := "", ""
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if m := shownLine.FindStringSubmatch(line); m != nil {
			manifest, file = html.UnescapeString(m[1]), ""
		}
		if m := shownFile.FindStringSubmatch(line); m != nil {
			file = html.UnescapeString(m[1])
		}
		if m := shownMove.FindStringSubmatch(line); m != nil {
			all = append(all, strings.Join([]string{manifest, file, m[2], m[3], html.UnescapeString(markup.ReplaceAllString(m[1], ""))}, " | "))
		}
	}
	return all
}

// TestPast: history --git tells what tracked values were without a commit of pawl: through renames, gaps and merges.
func TestPast(t *testing.T) {
	t.Parallel()
	b := newBranch(t)
	hour := func(n int) time.Time { return time.Date(2026, 3, 2, n, 0, 0, 0, time.UTC) }
	manifest := "sources: {image: {kind: dockerimage, spec: {image: org/app}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.app}}}\n"
	many := "app: %s\nb: 1\nc: 2\nd: 3\ne: 4\n"
	at := func(version string) *string { text := fmt.Sprintf(many, version); return &text }
	broken, without := "<<<<<<< app: [\n", "b: 1\n"
	b.commit("main", hour(0), "Ann", map[string]*string{"manifests/app.yaml": &manifest, "old.yaml": at("1.0")})
	b.commit("main", hour(1), "Ann", map[string]*string{"old.yaml": at("1.1")})
	b.commit("main", hour(2), "Bob", map[string]*string{"old.yaml": nil, "values.yaml": at("1.2")})
	base := b.commit("main", hour(3), "Bob", map[string]*string{"README.md": at("9")})
	side := b.commit("side", hour(4), "Zoë &amp; script", map[string]*string{"values.yaml": at("1.3")}, base)
	other := b.commit("main", hour(5), "Ann", map[string]*string{"README.md": at("8")}, base)
	b.commit("main", hour(6), "Merger", map[string]*string{"values.yaml": at("1.3")}, other, side)
	b.commit("main", hour(7), "Ann", map[string]*string{"values.yaml": &broken})
	b.commit("main", hour(8), "Ann", map[string]*string{"values.yaml": at("1.4")})
	b.commit("main", hour(9), "Ann", map[string]*string{"values.yaml": &without})
	b.commit("main", hour(10), "Ann", map[string]*string{"values.yaml": at("2.0")})
	b.commit("main", hour(11), "Ann", map[string]*string{"values.yaml": nil})
	b.commit("main", hour(12), "Ann", map[string]*string{"values.yaml": at("2.1")})
	b.done()
	for _, setting := range []string{"log.showRoot=false", "log.follow=true", "log.diffMerges=combined", "diff.renames=copies", "core.quotePath=true", "log.showSignature=true"} {
		name, value, _ := strings.Cut(setting, "=")
		b.git("", "config", name, value)
	}
	got, _ := b.page()
	var want []string
	for _, m := range []string{"12:Ann:new: 2.1", "11:Ann:2.0 gone", "10:Ann:new: 2.0", "09:Ann:1.4 gone", "08:Ann:1.3 → 1.4", "06:Merger:1.2 → 1.3",
		"02:Bob:1.1 → 1.2", "01:Ann:1.0 → 1.1", "00:Ann:new: 1.0"} {
		parts := strings.SplitN(m, ":", 3)
		want = append(want, fmt.Sprintf("app | values.yaml $.app | 2026-03-02T%s:00:00Z | %s | %s", parts[0], parts[1], parts[2]))
	}
	if diff := gocmp.Diff(want, moves(got)); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"4 versions changed", "now <code>2.1</code>", "0 of pawl", "org/app"} {
		if !strings.Contains(got, text) {
			t.Errorf("the page does not say %s", text)
		}
	}
}

// TestPastBelow: the profile may stand below the repository's root, and a value that nobody changed is told of as such.
func TestPastBelow(t *testing.T) {
	t.Parallel()
	b := newBranch(t)
	manifest := "sources: {image: {kind: dockerimage, spec: {image: org/app}}}\ntargets: {yaml: {kind: yaml, spec: {files: [a.yaml, b.yaml], key: $.app}}}\n"
	one, two, start := "app: 1.0\n", "app: 2.0\n", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	b.commit("main", start, "Ann", map[string]*string{"sub/manifests/app.yaml": &manifest, "sub/a.yaml": &one, "sub/b.yaml": &one, "a.yaml": &one})
	b.commit("main", start.Add(time.Hour), "Ann", map[string]*string{"sub/a.yaml": &two, "a.yaml": &one})
	b.done()
	got, _ := b.page("--root", filepath.Join(b.dir, "sub"))
	want := []string{
		"app | a.yaml $.app | 2026-03-02T01:00:00Z | Ann | 1.0 → 2.0", "app | a.yaml $.app | 2026-03-02T00:00:00Z | Ann | new: 1.0",
		"app | b.yaml $.app | 2026-03-02T00:00:00Z | Ann | new: 1.0",
	}
	if diff := gocmp.Diff(want, moves(got)); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "sub", "manifests", "app.yaml"), []byte(strings.ReplaceAll(manifest, "$.app", "$.other")), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.page("--root", filepath.Join(b.dir, "sub")); !strings.Contains(got, "No commit of pawl among 2 commits") {
		t.Error("a value that was never there is told of")
	}
}

// TestPastOfTheCorpus: the real updates, as commits of another tool, are shown one by one, in time and in less than a megabyte.
func TestPastOfTheCorpus(t *testing.T) {
	t.Parallel()
	b := newBranch(t)
	tracked := map[string][]string{} // which manifests are left at the end, by the place that they track
	last := map[string]string{}
	for _, m := range records[moment](t, "steps.jsonl") {
		for path, text := range m.Manifests {
			if last[path] = ""; text != nil {
				last[path] = *text
			}
		}
		b.write(m.Time.Add(-time.Second), "people", m.Manifests, m.Before)
		b.write(m.Time, "tool", nil, m.After)
	}
	b.done()
	for path, text := range last {
		for _, at := range targets(t, text) {
			place := at.File + " " + steps(at.Key)
			tracked[place] = append(tracked[place], strings.TrimSuffix(filepath.Base(path), ".yaml"))
		}
	}
	page, took := b.page()
	var got []string
	for _, m := range moves(page) {
		parts := strings.Split(m, " | ")
		if file, key, _ := strings.Cut(parts[1], " "); parts[3] == "tool" {
			got = append(got, strings.Join([]string{parts[0], file, steps(key), parts[2], parts[4]}, " | "))
		}
	}
	want := updated(t, tracked)
	if diff := gocmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" || len(want) < 800 {
		t.Errorf("%d changes: %s", len(want), diff)
	}
	if len(page) >= 1<<20 || took > 20*time.Second { // 2 seconds where nothing else runs
		t.Errorf("%d bytes in %s", len(page), took)
	}
	t.Logf("%d commits: %s, %d bytes, %d changes", b.marks, took, len(page), len(moves(page)))
}

// updated are the updates that the corpus tells of, as far as something tracks their places still.
func updated(t *testing.T, tracked map[string][]string) []string {
	t.Helper()
	var all []string
	type update struct{ File, Key, Old, New string }
	for _, m := range records[struct {
		Time    time.Time
		Updates []update
	}](t, "steps.jsonl") {
		for _, u := range m.Updates {
			for _, manifest := range tracked[u.File+" "+steps(u.Key)] {
				all = append(all, strings.Join([]string{manifest, u.File, steps(u.Key), m.Time.Format(time.RFC3339), u.Old + " → " + u.New}, " | "))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// write commits files when there are any.
func (b *branch) write(at time.Time, author string, push map[string]*string, more map[string]string) {
	all := map[string]*string{}
	for name, text := range push {
		all[name] = text
	}
	for name, text := range more {
		all[name] = &text
	}
	if len(all) > 0 {
		b.commit("main", at, author, all)
	}
}
