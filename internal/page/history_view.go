package page

import (
	"fmt"
	"slices"
	"time"
)

// The most that a history page shows of one manifest, and of the runs.
const (
	maxMoves = 200
	maxRuns  = 500
)

type historyView struct {
	Title, Headline string
	History         History
	Stats           []stat
	Lines           []lineView
	Runs            []runLine
	MoreRuns        int
	Sections        []section
	// Span are the days from the first to the last, Reported says that there are reports: commits tell merges alone.
	Span     string
	Reported bool
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
	Marks            []mark
	Moves            []moveView
	More             int
}

// mark is one sign on the lane of a manifest.
type mark struct{ Class, X string }

type moveView struct {
	Move
	Same, OldTail, NewTail string
	Took                   string
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
	v := historyView{History: h, Span: days(h.Begin, h.End), Reported: len(h.Runs) > 0}
	moves, merged, failing := 0, 0, 0
	var leads []time.Duration
	for i, l := range h.Lines {
		line, own := newLine(h, l)
		line.Anchor = fmt.Sprintf("m%d", i+1)
		moves, merged, leads = moves+len(l.Moves), merged+line.Merged, append(leads, own...)
		if len(l.Failures) > 0 {
			failing++
		}
		v.Lines = append(v.Lines, line)
	}
	v.Headline = count(merged, "version") + " merged"
	switch {
	case h.Begin.IsZero() && h.Among > 0:
		v.Headline = "No commit of pawl among " + count(h.Among, "commit")
	case h.Begin.IsZero():
		v.Headline = "Nothing has happened yet"
	}
	v.Title = titled("History: "+v.Headline, h.Profile)
	v.Stats = []stat{{"Versions merged", thousands(merged), ""}}
	if v.Reported {
		v.Stats = append(v.Stats, stat{"Not merged", thousands(moves - merged), ""},
			stat{"Median lead time", median(leads), fmt.Sprintf("of %s", count(len(leads), "version"))},
			stat{"Manifests that failed", thousands(failing), ""},
			stat{"Runs", thousands(len(h.Runs)), ""})
	}
	if h.Commits > 0 {
		v.Stats = append(v.Stats, stat{"Commits", thousands(h.Commits), ""})
	}
	v.runs()
	for _, s := range []struct {
		there    bool
		id, name string
	}{
		{len(v.Lines) > 0, "overview", "Overview"}, {failing > 0, "failures", "Failures"},
		{moves > 0, "versions", "Versions"}, {len(v.Runs) > 0, "runs", "Runs"},
	} {
		if s.there {
			v.Sections = append(v.Sections, section{s.id, s.name})
		}
	}
	return v
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

func newLine(h History, l Line) (lineView, []time.Duration) {
	v := lineView{Manifest: l.Manifest, Failures: l.Failures, More: max(0, len(l.Moves)-maxMoves)}
	v.Source, v.Address = sourceName(l.Source)
	var leads []time.Duration
	whole := h.End.Sub(h.Begin).Seconds()
	at := func(t time.Time) string {
		return fmt.Sprintf("%.2f%%", 3+94*fraction(t.Sub(h.Begin).Seconds(), whole))
	}
	for i, m := range l.Moves {
		class := "merged"
		if m.Merged.IsZero() {
			class = "pending"
			v.Pending++
		} else {
			v.Merged++
			v.Now = m.New
		}
		if i >= v.More {
			v.Marks = append(v.Marks, mark{class, at(m.at())})
		}
		if lead, ok := m.Lead(); ok {
			leads = append(leads, lead)
		}
	}
	for _, f := range l.Failures {
		v.FailedRuns += len(f.Times)
		for _, t := range f.Times[max(0, len(f.Times)-maxMoves):] {
			v.Marks = append(v.Marks, mark{"failed", at(t)})
		}
	}
	v.Lead = median(leads)
	newest := slices.Clone(l.Moves)
	slices.Reverse(newest)
	for _, m := range newest[:len(newest)-v.More] {
		mv := moveView{Move: m, Took: "–"}
		mv.Same, mv.OldTail, mv.NewTail = cut(m.Old, m.New)
		if lead, ok := m.Lead(); ok {
			mv.Took = took(lead.Seconds())
		}
		v.Moves = append(v.Moves, mv)
	}
	return v, leads
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
