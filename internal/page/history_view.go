package page

import (
	"fmt"
	"slices"
	"time"
)

// The most that a history page shows of one manifest, of all, and of the runs.
const (
	maxMoves = 200
	maxRows  = 2000
	maxRuns  = 500
)

type historyView struct {
	Title, Headline string
	History         History
	Stats           []stat
	Files           []fileView
	Runs            []runLine
	MoreRuns        int
	Sections        []section
	// Span are the days from the first to the last, Reported says that there are reports: commits tell merges alone.
	Span     string
	Reported bool
	// Spans are the spans of time that can be chosen, none where all is in the first of them; Axes are all of them.
	Spans, Axes []span
	// Done is the word for what happened to a version: commits of other tools, and people, do not merge only.
	Done string
}

// fileView are the lines whose values stand in one file; it has no name where nothing tells one.
type fileView struct {
	Anchor, Name, In string
	Lines            []lineView
	// Moved counts the lines that have moves.
	Moved int
}

type stat struct{ Name, Value, Note string }

type lineView struct {
	Anchor, Manifest string
	Source, Address  string
	Now              string
	Merged, Pending  int
	Lead             string
	Failures         []Trouble
	FailedRuns       int
	Lanes            []laneView
	Moves            []moveView
	More             int
	// In is the narrowest span in which something happened. Place is where all the values stand when it is one place, and
	// Authored says that authors are known.
	In, Place string
	Authored  bool
}

// mark is one sign on the lane of a manifest.
type mark struct{ Class, X string }

type moveView struct {
	Move
	Same, OldTail, NewTail string
	Took, In               string
}

type runLine struct {
	Started  time.Time
	Took     string
	Headline string
	Tone     string
	Word     string
	Pull     int
	URL      string
}

func newHistoryView(h History) historyView {
	v := historyView{History: h, Span: days(h.Begin, h.End), Reported: len(h.Runs) > 0, Done: "merged", Axes: spans(h)}
	if h.Values > 0 && !v.Reported {
		v.Done = "changed"
	}
	sums := v.lines()
	v.Headline = v.says(sums)
	v.Title = titled("History: "+v.Headline, h.Profile)
	v.Stats = v.stats(sums)
	v.choose(sums)
	v.runs()
	for _, s := range []struct {
		there    bool
		id, name string
	}{
		{len(v.Files) > 0, "overview", "Overview"}, {sums.failing > 0, "failures", "Failures"},
		{sums.moves > 0, "versions", "Versions"}, {len(v.Runs) > 0, "runs", "Runs"},
	} {
		if s.there {
			v.Sections = append(v.Sections, section{s.id, s.name})
		}
	}
	return v
}

// sums count what a history holds: moves of any kind, versions that were merged or are not yet, lines with failures, and
// the commits and spans of what was merged.
type sums struct {
	moves, merged, pending, failing int
	leads                           []time.Duration
	commits                         map[string]bool
	in                              map[string]int
}

// lines makes the lines, file by file.
func (v *historyView) lines() sums {
	s := sums{commits: map[string]bool{}, in: map[string]int{}}
	files, most := map[string]int{}, rows(v.History.Lines)
	for i, l := range v.History.Lines {
		line, leads := newLine(v.Axes, l, most)
		line.Anchor = fmt.Sprintf("m%d", i+1)
		s.leads = append(s.leads, leads...)
		s.add(v.Axes, l, line)
		at, known := files[l.File]
		if !known {
			at = len(v.Files)
			files[l.File] = at
			v.Files = append(v.Files, fileView{Name: l.File})
		}
		v.Files[at].Lines = append(v.Files[at].Lines, line)
	}
	slices.SortStableFunc(v.Files, func(a, b fileView) int { return compareFiles(a.Name, b.Name) })
	for i := range v.Files {
		v.Files[i].sum(i, v.Axes)
	}
	return s
}

// add counts a line.
func (s *sums) add(axes []span, l Line, line lineView) {
	s.moves, s.merged, s.pending = s.moves+len(l.Moves), s.merged+line.Merged, s.pending+line.Pending
	if len(l.Failures) > 0 {
		s.failing++
	}
	for _, m := range l.Moves {
		if m.Commit != "" {
			s.commits[m.Commit] = true
		}
		if m.Version() {
			s.in[narrowest(axes, m.at())]++
		}
	}
}

// rows is how many moves of each line are shown so that a page stays one that a browser likes to open.
func rows(lines []Line) int {
	for most := maxMoves; ; most = most * 9 / 10 {
		sum := 0
		for _, l := range lines {
			sum += min(most, len(l.Moves))
		}
		if sum <= maxRows || most < 10 {
			return most
		}
	}
}

// says is the headline.
func (v *historyView) says(s sums) string {
	h := v.History
	switch {
	case h.Begin.IsZero() && h.Values > 0:
		return "No change of " + count(h.Values, "value") + " among " + count(h.Among, "commit")
	case h.Begin.IsZero() && h.Among > 0:
		return "No commit of pawl among " + count(h.Among, "commit")
	case h.Begin.IsZero():
		return "Nothing has happened yet"
	}
	return count(s.merged, "version") + " " + v.Done
}

// stats are the numbers below the headline.
func (v *historyView) stats(s sums) []stat {
	h := v.History
	all := []stat{{"Versions " + v.Done, thousands(s.merged), ""}}
	if v.Reported {
		all = append(all, stat{"Not merged", thousands(s.pending), ""},
			stat{"Median lead time", median(s.leads), fmt.Sprintf("of %s", count(len(s.leads), "version"))},
			stat{"Manifests that failed", thousands(s.failing), ""},
			stat{"Runs", thousands(len(h.Runs)), ""})
	}
	switch {
	case h.Values > 0:
		all = append(all, stat{"Values", thousands(h.Values), ""},
			stat{"Commits", thousands(len(s.commits)), thousands(h.Commits) + " of pawl"})
	case h.Commits > 0:
		all = append(all, stat{"Commits", thousands(h.Commits), ""})
	}
	return all
}

// choose offers the spans, each with the changes in it.
func (v *historyView) choose(s sums) {
	held := 0
	for i := range v.Axes {
		held += s.in[v.Axes[i].ID]
		v.Axes[i].Count = held
	}
	if v.Axes[0].Count < held {
		v.Spans = v.Axes
	}
}

func (v *historyView) runs() {
	for i, r := range v.History.Runs {
		if i == maxRuns {
			v.MoreRuns = len(v.History.Runs) - maxRuns
			return
		}
		line := runLine{Started: r.Started, Took: took(runTook(r))}
		line.Headline, line.Tone = headline(r, Failure{})
		line.Word = map[string]string{"good": "well", "wait": "something left", "bad": "failed"}[line.Tone]
		if r.Pull != nil {
			line.Pull, line.URL = r.Pull.Number, r.Pull.URL
		}
		v.Runs = append(v.Runs, line)
	}
}

func fraction(part, whole float64) float64 {
	if whole <= 0 {
		return 1
	}
	return max(0, min(1, part/whole))
}

// median is the middle one of durations in words.
func median(all []time.Duration) string {
	if len(all) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(all))
	middle := sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		middle = (middle + sorted[len(sorted)/2-1]) / 2
	}
	return took(middle.Seconds())
}

// days is a span of time as its first and last day, which may be one.
func days(begin, end time.Time) string {
	const form = "2 Jan 2006"
	from, to := begin.UTC().Format(form), end.UTC().Format(form)
	switch {
	case begin.IsZero():
		return ""
	case from == to:
		return from
	default:
		return from + " to " + to
	}
}
