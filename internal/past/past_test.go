package past_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/past"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// at is the address of a key.
func at(t *testing.T, key string) edit.Address {
	t.Helper()
	p, err := edit.ParsePath(key)
	if err != nil {
		t.Fatal(err)
	}
	return edit.InYAML{Document: -1, Key: p}
}

// branch are commits, the newest first, of which each did one thing to a file; contents are named by what they hold.
func branch(files ...past.File) []past.Commit {
	var all []past.Commit
	for i, f := range files {
		all = append([]past.Commit{{SHA: string(rune('a' + i)), Author: "alice", At: start.Add(time.Duration(i) * time.Hour), Files: []past.File{f}}}, all...)
	}
	return all
}

// told are the series of a key as texts: where, then each move with its commit.
func told(t *testing.T, key string, commits []past.Commit) []string {
	t.Helper()
	p := past.New([]past.Key{{Manifest: "app", File: "v.yaml", Address: at(t, key)}}, commits)
	for i, content := range p.Contents() {
		p.Read(i, []byte(content))
	}
	var all []string
	for _, s := range p.Series() {
		text := []string{s.Key, "now " + s.Now}
		for _, m := range s.Moves {
			text = append(text, m.SHA+" "+m.Old+">"+m.New)
		}
		all = append(all, strings.Join(text, ", "))
	}
	return all
}

// TestSeries: values are followed through renames, gaps and files that cannot be read.
func TestSeries(t *testing.T) {
	t.Parallel()
	add := func(text string) past.File { return past.File{To: "v.yaml", New: text} }
	edited := func(old, text string) past.File {
		return past.File{From: "v.yaml", To: "v.yaml", Old: old, New: text}
	}
	const list = "$.l[*].tag"
	for name, c := range map[string]struct {
		key     string
		commits []past.Commit
		want    []string
	}{
		"no commit":             {"$.a", nil, nil},
		"never there":           {"$.z", branch(add("a: 1"), edited("a: 1", "a: 2")), nil},
		"moves":                 {"$.a", branch(add("a: 1"), edited("a: 1", "a: 2"), edited("a: 2", "a: 3")), []string{"$.a, now 3, a >1, b 1>2, c 2>3"}},
		"another key":           {"$.a", branch(add("a: 1"), edited("a: 1", "{a: 1, b: 2}")), []string{"$.a, now 1, a >1"}},
		"a part of the history": {"$.a", branch(edited("a: 1", "a: 2")), []string{"$.a, now 2, a 1>2"}},
		"gone and back": {"$.a", branch(add("a: 1"), edited("a: 1", "b: 1"), edited("b: 1", "a: 1"), edited("a: 1", "a: 2")),
			[]string{"$.a, now 2, a >1, b 1>, c >1, d 1>2"}},
		"the file gone and back": {"$.a", branch(add("a: 1"), past.File{From: "v.yaml", Old: "a: 1"}, add("a: 2")), []string{"$.a, now 2, a >1, b 1>, c >2"}},
		"gone":                   {"$.a", branch(add("a: 1"), past.File{From: "v.yaml", Old: "a: 1"}), []string{"$.a, now , a >1, b 1>"}},
		"a map for a while":      {"$.a", branch(add("a: 1"), edited("a: 1", "a: {b: 1}"), edited("a: {b: 1}", "a: 2")), []string{"$.a, now 2, a >1, b 1>, c >2"}},
		"a file that cannot be read": {"$.a", branch(add("a: 1"), edited("a: 1", "<<<<<<< a: [\na: 1"), edited("<<<<<<< a: [\na: 1", "a: 2")),
			[]string{"$.a, now 2, a >1, c 1>2"}},
		"renamed": {"$.a", branch(past.File{To: "old.yaml", New: "a: 1"}, past.File{From: "old.yaml", To: "old.yaml", Old: "a: 1", New: "a: 2"},
			past.File{From: "old.yaml", To: "v.yaml", Old: "a: 2", New: "a: 3"}, edited("a: 3", "a: 4")), []string{"$.a, now 4, a >1, b 1>2, c 2>3, d 3>4"}},
		"renamed away and written anew": {"$.a", branch(add("a: 1"), past.File{From: "v.yaml", To: "w.yaml", Old: "a: 1", New: "a: 1"}, add("a: 2")),
			[]string{"$.a, now 2, a >1, b 1>, c >2"}},
		"an item that moves": {"$.l[?(@.name=='x')].tag", branch(add("l: [{name: x, tag: 1}]"), edited("l: [{name: x, tag: 1}]", "l: [{name: y, tag: 9}, {name: x, tag: 2}]")),
			[]string{"$.l[1].tag, now 2, a >1, b 1>2"}},
		"many values of one key": {list, branch(add("l: [{tag: 1}]"), edited("l: [{tag: 1}]", "l: [{tag: 1}, {tag: 2}]"), edited("l: [{tag: 1}, {tag: 2}]", "l: [{tag: 3}, {tag: 2}]")),
			[]string{"$.l[0].tag, now 3, a >1, c 1>3", "$.l[1].tag, now 2, b >2"}},
		"encrypted": {"$.a", branch(add("a: ENC[AES256_GCM,data:x,type:str]\nsops: {mac: x, version: 3.8.0}")), nil},
	} {
		if diff := cmp.Diff(c.want, told(t, c.key, c.commits)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestUnread: what was never read says nothing.
func TestUnread(t *testing.T) {
	t.Parallel()
	p := past.New([]past.Key{{Manifest: "app", File: "v.yaml", Address: at(t, "$.a")}}, branch(past.File{To: "v.yaml", New: "a: 1"}))
	if got := p.Series(); len(got) != 0 || len(p.Contents()) != 1 {
		t.Errorf("%v, %v", got, p.Contents())
	}
}

// TestParseLog reads what git prints: merges, renames, links, names with spaces and line breaks.
func TestParseLog(t *testing.T) {
	t.Parallel()
	zero, one, two := strings.Repeat("0", 40), strings.Repeat("1", 40), strings.Repeat("2", 40)
	text := "\x01a\x00b c\x002026-03-02T08:00:00Z\x00\x01: Ann\x00\n" +
		":100644 100644 " + one + " " + two + " M\x00a b.yaml\x00:100644 100644 " + one + " " + two + " R090\x00:old\nname\x00new\x00" +
		"\x01b\x00\x002026-03-02T07:00:00Z\x00\x00\n:000000 100644 " + zero + " " + one + " A\x00n\x00:100644 000000 " + one + " " + zero + " D\x00d\x00" +
		":100644 120000 " + one + " " + two + " T\x00l\x00\x01c\x00\x002026-03-02T07:00:00Z\x00Ann\x00"
	got, err := past.ParseLog([]byte(text))
	want := []past.Commit{
		{SHA: "a", Parent: "b", At: start, Author: "\x01: Ann", Files: []past.File{{"a b.yaml", "a b.yaml", one, two}, {":old\nname", "new", one, two}}},
		{SHA: "b", At: start.Add(-time.Hour), Files: []past.File{{"", "n", "", one}, {"d", "", one, ""}, {"l", "l", one, ""}}},
		{SHA: "c", At: start.Add(-time.Hour), Author: "Ann"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, bad := range []string{"x\x00", "\x01a\x00b\x00yesterday\x00Ann\x00", ":1\x00a\x00", "\x01a\x00\x002026-03-02T07:00:00Z\x00Ann\x00:1 2 3 R\x00a\x00"} {
		if _, err := past.ParseLog([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	renames, err := past.ParseRenames([]byte("a\x00:100644 100644 " + one + " " + two + " R090\x00x\x00y\x00"))
	if diff := cmp.Diff([]past.File{{"x", "y", one, two}}, renames); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// FuzzParseLog: nothing that git might print makes it panic.
func FuzzParseLog(f *testing.F) {
	f.Add("\x01a\x00b\x002026-03-02T08:00:00Z\x00Ann\x00\n:100644 100644 1 2 R\x00a\x00b\x00")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = past.ParseLog([]byte(text))
		_, _ = past.ParseRenames([]byte(text))
	})
}
