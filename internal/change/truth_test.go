package change_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/folder"
)

// step is what the corpus says of one real commit.
type step struct {
	Seq     int
	Updates []struct{ Manifest, File, Key, Old, New, Kind, Source, Tag string }
}

func corpus(t *testing.T) []step {
	t.Helper()
	dir := folder.Of(t, "PAWL_CORPUS")
	f, err := os.Open(filepath.Join(dir, "steps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []step
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var s step
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// This reader of titles and bodies shares nothing with the code that writes them.
var (
	wholeTitle  = regexp.MustCompile(`^\S+ \S+ -> \S+(, \S+ \S+ -> \S+)*$`)
	countTitle  = regexp.MustCompile(`^(\d+) updates: ([^,\s]+(?:, [^,\s]+)*)(?: \+(\d+))?$`)
	tableRow    = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`:]+):([^`]+)` \\| `([^`]+)` -> `([^`]+)` \\|")
	hiddenBlock = regexp.MustCompile(`(?s)<!-- pawl:(\{.*\}) -->`)
)

// titleAgrees compares a title with the moves "name old -> new" of a commit, in any order.
func titleAgrees(title string, moves []string) bool {
	if wholeTitle.MatchString(title) && !strings.Contains(title, "...") {
		told := strings.Split(title, ", ")
		slices.Sort(told)
		return slices.Equal(told, moves)
	}
	m := countTitle.FindStringSubmatch(title)
	if m == nil {
		return false
	}
	count, _ := strconv.Atoi(m[1])
	more, _ := strconv.Atoi(m[3])
	names, shown := strings.Split(m[2], ", "), 0
	for _, move := range moves {
		if slices.Contains(names, strings.Fields(move)[0]) {
			shown++
		}
	}
	return count == len(moves) && shown >= len(names) && shown+more == count
}

func TestTextsTellTheTruth(t *testing.T) {
	t.Parallel()
	told, without, wrong := 0, 0, 0
	for _, s := range corpus(t) {
		if len(s.Updates) == 0 {
			continue
		}
		told++
		var set change.Set
		var moves, rows []string
		for _, u := range s.Updates {
			name := strings.TrimSuffix(u.Manifest[strings.IndexByte(u.Manifest, '/')+1:], ".yaml")
			set.Updates = append(set.Updates, change.Update{Manifest: name, File: u.File, Key: u.Key, Old: u.Old, New: u.New,
				Version: u.Tag, Source: change.Source{Kind: u.Kind, Name: u.Source}, Reason: "newest-match"})
			moves = append(moves, name+" "+u.Old+" -> "+u.New)
			rows = append(rows, strings.Join([]string{name, u.File, u.Key, u.Old, u.New}, " "))
		}
		slices.Sort(moves)
		moves = slices.Compact(moves)
		slices.Sort(rows)
		title := change.Title(set)
		if title == "" {
			without++
		}
		if !titleAgrees(title, moves) || !bodyAgrees(t, set, rows) {
			wrong++
			t.Errorf("step %d: title %q of %q", s.Seq, title, moves)
		}
	}
	t.Logf("%d steps, %d without content, %d disagreements", told, without, wrong)
	if told == 0 || without > 0 {
		t.Errorf("%d steps, %d titles without content", told, without)
	}
}

// bodyAgrees compares the table and the hidden block with the rows of a commit.
func bodyAgrees(t *testing.T, set change.Set, rows []string) bool {
	t.Helper()
	body, err := change.Body(set, change.Requirement{})
	if err != nil {
		t.Fatal(err)
	}
	var table, hidden []string
	for _, m := range tableRow.FindAllStringSubmatch(body, -1) {
		table = append(table, strings.Join(m[1:], " "))
	}
	var block struct {
		Updates []struct{ Manifest, File, Key, Old, New string }
	}
	if err := json.Unmarshal([]byte(hiddenBlock.FindStringSubmatch(body)[1]), &block); err != nil {
		t.Fatal(err)
	}
	for _, u := range block.Updates {
		hidden = append(hidden, strings.Join([]string{u.Manifest, u.File, u.Key, u.Old, u.New}, " "))
	}
	slices.Sort(table)
	slices.Sort(hidden)
	return slices.Equal(table, rows) && slices.Equal(hidden, rows)
}

// The reader itself must see a lie.
func TestTruthReaderSeesLies(t *testing.T) {
	t.Parallel()
	moves := []string{"a 1 -> 2", "b 1 -> 2", "c 1 -> 2", "d 1 -> 2", "d 2 -> 3"}
	for title, want := range map[string]bool{
		"5 updates: a, b, c +2": true, "5 updates: a, b, c +1": false, "4 updates: a, b, c +1": false, "5 updates: a, b, x +3": false,
		"5 updates": false, "": false, "a 1 -> 2": false,
	} {
		if titleAgrees(title, moves) != want {
			t.Errorf("%q: want %v", title, want)
		}
	}
	if !titleAgrees("b 1 -> 2, a 1 -> 2", moves[:2]) || titleAgrees("a 1 -> 3, b 1 -> 2", moves[:2]) {
		t.Error("whole titles are not compared")
	}
}
