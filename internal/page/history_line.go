package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// compareFiles orders files by name; what has none comes last.
func compareFiles(a, b string) int {
	if (a == "") != (b == "") {
		return cmp.Compare(len(b), len(a))
	}
	return cmp.Compare(a, b)
}

// sum notes what the lines of a file have in common.
func (f *fileView) sum(index int, axes []span) {
	f.Anchor = fmt.Sprintf("f%d", index+1)
	best := len(axes) - 1
	for _, l := range f.Lines {
		if len(l.Moves) > 0 {
			f.Moved++
		}
		best = min(best, slices.IndexFunc(axes, func(s span) bool { return s.ID == l.In }))
	}
	f.In = axes[best].ID
}

// newLine is what the page shows of a line, and the lead times of its moves; most is how many moves it shows.
func newLine(axes []span, l Line, most int) (lineView, []time.Duration) {
	v := lineView{Manifest: l.Manifest, Now: l.Now, Failures: l.Failures, Place: onlyPlace(l)}
	v.More = max(0, len(l.Moves)-most)
	v.Source, v.Address = sourceName(l.Source)
	var leads []time.Duration
	for _, m := range l.Moves {
		switch {
		case m.Merged.IsZero():
			v.Pending++
		case m.Version():
			v.Merged++
			fallthrough
		default:
			v.Now = cmp.Or(l.Now, m.New)
		}
		v.Authored = v.Authored || m.Author != ""
		if lead, ok := m.Lead(); ok {
			leads = append(leads, lead)
		}
	}
	for _, f := range l.Failures {
		v.FailedRuns += len(f.Times)
	}
	v.Lead, v.In = median(leads), narrowest(axes, l.last())
	for _, s := range axes {
		if lane := s.lane(l, v.More); !lane.empty() {
			v.Lanes = append(v.Lanes, lane)
		}
	}
	for _, m := range slices.Backward(l.Moves[v.More:]) {
		v.Moves = append(v.Moves, newMove(axes, m))
	}
	return v, leads
}

func newMove(axes []span, m Move) moveView {
	v := moveView{Move: m, Took: "–", In: narrowest(axes, m.at())}
	v.Same, v.OldTail, v.NewTail = cut(m.Old, m.New)
	if lead, ok := m.Lead(); ok {
		v.Took = took(lead.Seconds())
	}
	return v
}

// last is when something happened last.
func (l Line) last() (last time.Time) {
	for _, m := range l.Moves {
		last = maxTime(last, m.at())
	}
	for _, f := range l.Failures {
		last = maxTime(last, f.Last())
	}
	return last
}

// onlyPlace is the place of all moves of a line, empty when they are not at one place.
func onlyPlace(l Line) string {
	place := ""
	for _, m := range l.Moves {
		if len(m.Places) != 1 || place != "" && m.Places[0] != place {
			return ""
		}
		place = m.Places[0]
	}
	return place
}
