package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/past"
	"github.com/pawl-cd/pawl/internal/run"
)

// value is one that moved in commits that are hours apart, whose names are those of the moves.
func value(manifest, file string, moves ...past.Move) page.Value {
	for i := range moves {
		moves[i].At, moves[i].Author = hours(i+1), "alice"
	}
	return page.Value{Series: past.Series{Manifest: manifest, File: file, Key: "$.a", Now: moves[len(moves)-1].New, Moves: moves},
		Source: change.Source{Kind: "dockerimage", Name: "org/app"}}
}

// TestValues: what git says of a value is one history with what reports and our own commits say, each change once.
func TestValues(t *testing.T) {
	t.Parallel()
	alone := value("app", "v.yaml", past.Move{SHA: "a", New: "1"}, past.Move{SHA: "b", Old: "1", New: "2"}, past.Move{SHA: "c", Old: "2", New: "3"})
	ours := []page.Commit{commit("b", hours(2), []change.Update{move("1", "2")})}
	reports := []run.Report{at(1, 2, "b", move("1", "2")), at(3, 0, "", move("2", "3"))}
	for name, c := range map[string]struct {
		reports []run.Report
		commits []page.Commit
		values  []page.Value
		want    []string
	}{
		"alone":           {values: []page.Value{alone}, want: []string{"app v.yaml now 3: >1 a alice, 1>2 b alice, 2>3 c alice"}},
		"and our commits": {commits: ours, values: []page.Value{alone}, want: []string{"app v.yaml now 3: >1 a alice, 1>2 b alice, 2>3 c alice"}},
		"and reports":     {reports, ours, []page.Value{alone}, []string{"app v.yaml now 3: >1 a alice, 1>2 b alice, 2>3 c alice"}},
		"two files": {values: []page.Value{alone, value("app", "w.yaml", past.Move{SHA: "b", Old: "1", New: "2"})},
			want: []string{"app v.yaml now 3: >1 a alice, 1>2 b alice, 2>3 c alice", "app w.yaml now 2: 1>2 b alice"}},
		"two places": {values: []page.Value{alone, {Series: past.Series{Manifest: "app", File: "v.yaml", Key: "$.b", Now: "2", Moves: alone.Moves[1:2]}}},
			want: []string{"app v.yaml now 2: >1 a alice, 1>2 b alice, 2>3 c alice"}},
		"gone": {values: []page.Value{value("app", "v.yaml", past.Move{SHA: "a", New: "1"}, past.Move{SHA: "b", Old: "1"})},
			want: []string{"app v.yaml now : >1 a alice, 1> b alice"}},
	} {
		var got []string
		for _, l := range page.NewHistory(c.reports, c.commits, c.values).Lines {
			var moves []string
			for _, m := range l.Moves {
				moves = append(moves, fmt.Sprintf("%s>%s %s %s", m.Old, m.New, m.Commit, m.Author))
			}
			got = append(got, fmt.Sprintf("%s %s now %s: %s", l.Manifest, l.File, l.Now, strings.Join(moves, ", ")))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// years is a history of many values over years, as another tool leaves it.
func years(values, moves int) page.History {
	var all []page.Value
	for i := range values {
		v := page.Value{Series: past.Series{Manifest: fmt.Sprintf("%s-%d", []string{"web", "ledger-service", "a-service-with-a-long-name"}[i%3], i),
			File: []string{"clusters/production/values.yaml", "clusters/dev/values.yaml", "vars.yaml"}[i*i%3], Key: fmt.Sprintf("$.apps.a%d.image.tag", i)},
			Source: change.Source{Kind: "dockerimage", Name: fmt.Sprintf("ghcr.io/some-organization/app-%d", i)}}
		for k := range moves {
			m := past.Move{SHA: fmt.Sprintf("%040x", 977*k+i/3), Author: []string{"updates[bot]", "Zoë Ångström"}[k%2], At: hours(k*k/3 + 31*i),
				New: fmt.Sprintf("v%d.%d.0-snapshot.%d", 10+i, k/5, k)}
			if k > 0 {
				m.Old = v.Moves[k-1].New
			}
			v.Moves, v.Now = append(v.Moves, m), m.New
		}
		all = append(all, v)
	}
	h := page.NewHistory(nil, nil, all)
	h.Profile, h.Now = "acme/profile", h.End.Add(50*time.Hour)
	return h
}

// hostileValues are values of which every text is the given one, in two files.
func hostileValues(text string) []page.Value {
	var all []page.Value
	for i := range 2 {
		all = append(all, page.Value{Source: change.Source{Kind: text, Name: text}, Series: past.Series{
			Manifest: text, File: text[:len(text)-len(text)*i/2], Key: text, Now: text,
			Moves: []past.Move{{SHA: text, Author: text, At: hours(1), New: text}, {SHA: text, Author: text, At: hours(9000), Old: text, New: text + text},
				{SHA: text, Author: text, At: hours(9001), Old: text + text}}}})
	}
	return all
}

// TestManyValues: sixty values that moved for years make a page of less than a megabyte, which says what it leaves out.
func TestManyValues(t *testing.T) {
	t.Parallel()
	for moves, more := range map[int]bool{33: false, 150: true} {
		got := string(history(t, years(60, moves)))
		if len(got) >= 1<<20 || strings.Contains(got, "not shown") != more {
			t.Errorf("%d moves: %d bytes", moves, len(got))
		}
		t.Logf("60 values with %d moves: %d bytes", moves, len(got))
	}
}

// TestSpans: a change counts in every span that holds it, and its row belongs to the narrowest.
func TestSpans(t *testing.T) {
	t.Parallel()
	on := func(month time.Month, day int) past.Move {
		return past.Move{SHA: fmt.Sprint(month, day), Old: "1", New: month.String(), At: time.Date(2026, month, day, 12, 0, 0, 0, time.UTC)}
	}
	h := page.NewHistory(nil, nil, []page.Value{{Series: past.Series{Manifest: "app", File: "v.yaml", Key: "$.a", Now: "November",
		Moves: []past.Move{{SHA: "old", New: "1", At: time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)}, on(2, 1), on(10, 1), on(11, 1), on(11, 27)}}}})
	h.Now = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	got := string(history(t, h))
	for _, want := range []string{"<span>this month</span> <b>2</b>", "<span>this quarter</span> <b>3</b>", "<span>this year</span> <b>4</b>", "<span>all</span> <b>4</b>",
		`<h1 id="headline">4 versions changed</h1>`, "<dt>Commits</dt><dd>5 ", ">Jan 2026</text>", ">1 Nov</text>",
		`<span class="time time-month">2</span> <span class="time time-quarter">3</span> <span class="time time-year">4</span> <span class="time time-all">4</span>`} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	var rows []string
	for line := range strings.Lines(got) {
		if class, rest, ok := strings.Cut(strings.TrimPrefix(line, `<tr class="in-`), `"><th scope="row" class="moved">`); ok {
			_, rest, _ = strings.Cut(rest, "<ins>")
			name, _, _ := strings.Cut(rest, "</ins>")
			rows = append(rows, class+" "+name)
		}
	}
	if want := []string{"month November", "month November", "quarter October", "year February", "all 1"}; !slices.Equal(rows, want) {
		t.Errorf("%v", rows)
	}
	h.Now = time.Time{}
	if string(history(t, h)) == got {
		t.Error("the page's time makes no difference")
	}
	for _, text := range []string{"No change of 1 value among 7 commits", "Nothing"} {
		quiet := page.NewHistory(nil, nil, []page.Value{{Series: past.Series{Manifest: "app", File: "v.yaml", Key: "$.a", Now: "1"}}})
		quiet.Among = 7
		if text == "Nothing" {
			quiet = page.NewHistory(nil, nil, nil)
		}
		if got := string(history(t, quiet)); !strings.Contains(got, text) || strings.Contains(got, `name="span"`) {
			t.Errorf("%s: %s", text, got)
		}
	}
}
