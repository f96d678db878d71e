package past_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/past"
)

// moves reads "3 1.0>1.1": at an hour, one text in place of another.
func moves(t *testing.T, text string) (all []past.Move) {
	t.Helper()
	for part := range strings.SplitSeq(text, ", ") {
		var hour int
		var what string
		if _, err := fmt.Sscan(part, &hour, &what); err != nil {
			t.Fatal(err)
		}
		old, now, _ := strings.Cut(what, ">")
		all = append(all, past.Move{SHA: fmt.Sprint("c", hour), Author: "bot", At: start.Add(time.Duration(hour) * time.Hour), Old: old, New: now})
	}
	return all
}

// decisions reads "2 1.0>1.1": at an hour, the text that stood there and the wanted one; "2 1.0!1.1" holds that one back, and
// "2 1.0?" failed.
func decisions(t *testing.T, text string) (all []ledger.Decision) {
	t.Helper()
	for part := range strings.SplitSeq(text, ", ") {
		var hour int
		var what string
		if _, err := fmt.Sscan(part, &hour, &what); err != nil {
			t.Fatal(err)
		}
		d := ledger.Decision{At: start.Add(time.Duration(hour) * time.Hour), Manifest: "app", Place: ledger.Place{File: "v.yaml", Key: "$.app"}, Reason: "newest-match"}
		switch {
		case strings.Contains(what, ">"):
			d.Now, d.Want, _ = strings.Cut(what, ">")
		case strings.Contains(what, "!"):
			d.Outcome, d.Reason = "held", "too-young"
			d.Now, d.Held, _ = strings.Cut(what, "!")
		default:
			d.Outcome, d.Reason, d.Now = "failed", "source-failed", strings.TrimSuffix(what, "?")
		}
		all = append(all, d)
	}
	return all
}

// said are the changes of a comparison as texts.
func said(c past.Comparison) string {
	var all []string
	for _, one := range c.Changes {
		text := fmt.Sprintf("%s %s>%s", one.Verdict, one.Old, one.New)
		switch {
		case one.Verdict == past.Agreed:
			text += fmt.Sprintf(" %+d", int(one.Ahead/3600))
		case one.Verdict == past.Alone && one.Passed:
			text += one.Pawl + " passed"
		case one.Pawl == "":
			text += " " + one.Reason
		default:
			text += " " + one.Pawl
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ made, decided, want string }{
		"earlier":                           {"5 1>2", "0 1>1, 3 1>2", "agreed 1>2 +2"},
		"from the first run on":             {"5 1>2", "0 1>2", "agreed 1>2 +5"},
		"between two runs":                  {"5 1>2", "0 1>1, 6 2>2", "agreed 1>2 -1"},
		"through a failure":                 {"5 1>2", "0 1>1, 1 1>2, 2 1?, 4 1>2", "agreed 1>2 +4"},
		"a failure":                         {"5 1>2", "0 1>1, 1 1?", "missed 1>2 source-failed"},
		"before the first run":              {"5 1>2, 7 2>3", "6 2>3", "agreed 2>3 +1"},
		"one after the other":               {"5 1>2, 6 2>3", "0 1>2, 1 1>3", "agreed 1>2 +5, agreed 2>3 +5"},
		"passed over by the bot":            {"5 1>3", "0 1>2, 1 1>3", "alone 1>2 passed, agreed 1>3 +4"},
		"passed over by pawl":               {"5 1>2, 6 2>3", "0 1>1, 7 3>3", "missed 1>2 1, agreed 2>3 -1"},
		"another text":                      {"5 1>2", "0 1>1, 4 1>3", "differed 1>2 3"},
		"another text, then":                {"5 1>2, 8 2>3", "0 1>1, 4 1>3, 6 2>3", "differed 1>2 3, agreed 2>3 +4"},
		"it puts it back":                   {"5 2>1", "0 2>2, 6 1>2", "differed 2>1 2"},
		"held back":                         {"5 1>2", "0 1>1, 4 1!2, 6 2>2", "differed 1>2 too-young"},
		"held something else back":          {"5 1>3", "0 1>1, 4 1!2, 6 3>3", "agreed 1>3 -1"},
		"taken back by a person":            {"5 1>2, 7 2>1, 9 1>2", "0 1>2", "agreed 1>2 +5, differed 2>1 2, agreed 1>2 +2"},
		"a source that flaps":               {"5 3>2, 8 2>3", "0 3>3, 4 3!2, 6 2>2, 7 2>3", "differed 3>2 too-young, agreed 2>3 +1"},
		"a source that both follow":         {"5 3>2, 8 2>3", "0 3>3, 4 3>2, 7 2>3", "agreed 3>2 +1, agreed 2>3 +1"},
		"alone":                             {"1 0>1", "2 1>2", "alone 1> 2"},
		"a value that goes and comes again": {"5 1>, 6 >2, 8 2>3", "0 1>1, 7 2>3", "agreed 2>3 +1"},
	} {
		series := []past.Series{{Manifest: "app", File: "v.yaml", Key: "$.app", Moves: moves(t, c.made)}}
		got := past.Compare(series, decisions(t, c.decided), start.Add(100*time.Hour))
		if said(got) != c.want {
			t.Errorf("%s: %s, want %s", name, said(got), c.want)
		}
		if got.Made != got.Agreed+got.Differed+got.Missed || got.Made+got.Alone != len(got.Changes) {
			t.Errorf("%s: the sums are wrong: %+v", name, got)
		}
	}
}

// TestCompareFindsTheValue: decisions go to the value of their place, or to the only one of their manifest.
func TestCompareFindsTheValue(t *testing.T) {
	t.Parallel()
	made := moves(t, "5 1>2")
	series := []past.Series{
		{Manifest: "app", File: "renamed.yaml", Key: "$.app", Moves: made},
		{Manifest: "two", File: "v.yaml", Key: "$.a", Moves: made}, {Manifest: "two", File: "v.yaml", Key: "$.b", Moves: made}, {Manifest: "other", File: "v.yaml", Key: "$.a", Moves: made},
	}
	all := decisions(t, "0 1>2, 0 1>3, 0 1>4")
	all[1].Manifest, all[1].Key = "two", "$.b"
	all[2].Manifest, all[2].Key = "two", "$.gone"
	c := past.Compare(series, all, start.Add(9*time.Hour))
	var got []string
	for _, one := range c.Changes {
		got = append(got, fmt.Sprint(one.Verdict, " ", one.Manifest, " ", one.Key))
	}
	if diff := cmp.Diff([]string{"agreed app $.app", "differed two $.b"}, got); diff != "" || c.Values != 2 || c.Ahead != 5*3600 {
		t.Errorf("%d values, %v seconds ahead (-want +got):\n%s", c.Values, c.Ahead, diff)
	}
	if empty := past.Compare(series, nil, start); empty.Made != 0 || empty.Changes == nil || !empty.From.IsZero() {
		t.Errorf("nothing against nothing is %+v", empty)
	}
}

// TestWatched: what was decided on is compared although no manifest tracks it any more, and nothing twice.
func TestWatched(t *testing.T) {
	t.Parallel()
	key := func(manifest, file, path string) past.Key {
		return past.Key{Manifest: manifest, File: file, Address: at(t, path)}
	}
	tracked := []past.Key{key("app", "v.yaml", "$.app"), key("list", "v.yaml", "$.l[?(@.n=='x')].tag"), key("moved", "new.yaml", "$.app"), key("other", "v.yaml", "$.new")}
	var all []ledger.Decision
	for _, place := range []string{"app v.yaml $.app", "list v.yaml $.l[0].tag", "list v.yaml $.l[1].tag", "moved old.yaml $.app", "other v.yaml $.old", "gone old.yaml $.x", "gone old.yaml $.x", "odd v.yaml $.[", "odd v.yaml $.l[*]"} {
		var d ledger.Decision
		fmt.Sscan(place, &d.Manifest, &d.File, &d.Key)
		all = append(all, d)
	}
	var got []string
	for _, k := range past.Watched(tracked, all, func(file string) bool { return file == "v.yaml" || file == "new.yaml" })[len(tracked):] {
		_, yaml := k.Address.(edit.InYAML)
		got = append(got, fmt.Sprint(k.Manifest, " ", k.File, " ", k.Address, " ", yaml))
	}
	if diff := cmp.Diff([]string{"other v.yaml $.old true", "gone old.yaml $.x true"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
