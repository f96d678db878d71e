package edit

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/folder"
)

// recorded is one update of a real profile.
type recorded struct {
	Seq     int
	Before  map[string]*string `json:"files_before"`
	After   map[string]*string `json:"files_after"`
	Updates []struct{ File, Key, Old, New string }
}

// readCorpus returns the recorded steps below PAWL_CORPUS, none when it is not set.
func readCorpus(tb testing.TB) []recorded {
	tb.Helper()
	dir := os.Getenv("PAWL_CORPUS")
	if dir == "" || dir == folder.None {
		return nil
	}
	file, err := os.Open(filepath.Join(dir, "steps.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var steps []recorded
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var s recorded
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			tb.Fatal(err)
		}
		steps = append(steps, s)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return steps
}

// Every recorded update finds the old value, writes the new one, and touches nothing else.
func TestCorpus(t *testing.T) {
	t.Parallel()
	folder.Of(t, "PAWL_CORPUS")
	steps := readCorpus(t)
	files, edits := map[string]string{}, 0
	for _, s := range steps {
		overwrite(files, s.Before)
		for _, u := range s.Updates {
			files[u.File] = replay(t, s.Seq, u.File, files[u.File], u.Key, u.Old, u.New)
			edits++
		}
		overwrite(files, s.After)
	}
	t.Logf("%d edits in %d steps", edits, len(steps))
}

func overwrite(files map[string]string, with map[string]*string) {
	for name, content := range with {
		if content == nil {
			delete(files, name)
			continue
		}
		files[name] = *content
	}
}

func replay(t *testing.T, seq int, name, content, key, before, after string) string {
	t.Helper()
	f, err := Parse(name, []byte(content))
	if err != nil {
		t.Fatalf("step %d: %v", seq, err)
	}
	scalars := findAll(t, f, key)
	var edits []Edit
	for _, s := range scalars {
		if s.Value != before {
			t.Errorf("step %d: %s: found %q, want %q", seq, key, s.Value, before)
		}
		edits = append(edits, Edit{s, after})
	}
	got, err := f.Apply(edits)
	if err != nil {
		t.Fatalf("step %d: %v", seq, err)
	}
	// The corpus holds plain scalars only: undoing the replacement on the changed lines must give the old text.
	if undone := undo(content, string(got), before, after); undone != content {
		t.Errorf("step %d: %s: other bytes changed:\n%s", seq, key, got)
	}
	again, err := Parse(name, got)
	if err != nil {
		t.Fatalf("step %d: %v", seq, err)
	}
	for _, s := range findAll(t, again, key) {
		if s.Value != after {
			t.Errorf("step %d: %s: reads %q, want %q", seq, key, s.Value, after)
		}
	}
	return string(got)
}

// undo puts the old value back on each line that differs.
func undo(before, after, oldValue, newValue string) string {
	was, is := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	if len(was) != len(is) {
		return after
	}
	for i := range is {
		if is[i] != was[i] {
			is[i] = strings.Replace(is[i], newValue, oldValue, 1)
		}
	}
	return strings.Join(is, "")
}

func findAll(t *testing.T, f *File, key string) []Scalar {
	t.Helper()
	p, err := ParsePath(key)
	if err != nil {
		t.Fatal(err)
	}
	scalars, err := f.Find(p)
	if err != nil {
		t.Fatal(err)
	}
	return scalars
}

// corpusFiles returns the first distinct contents of the corpus, at most limit.
func corpusFiles(tb testing.TB, limit int) []string {
	tb.Helper()
	seen := map[string]bool{}
	var out []string
	for _, s := range readCorpus(tb) {
		for _, side := range []map[string]*string{s.Before, s.After} {
			for _, name := range slices.Sorted(maps.Keys(side)) {
				if content := side[name]; content != nil && !seen[*content] && len(out) < limit {
					seen[*content] = true
					out = append(out, *content)
				}
			}
		}
	}
	return out
}
