package page

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// span is a part of the time that a history page shows, from its beginning to the page's time.
type span struct {
	ID, Word string
	Count    int
	Ticks    []tick
	from, to time.Time
}

// tick is a date on the axis.
type tick struct{ X, Word string }

// laneView is what happened to one line in a span.
type laneView struct {
	ID string
	// Dots is a path that has a dot for each change, a thousand wide.
	Dots  string
	Marks []mark
	// Count are the versions that were merged in the span.
	Count int
}

// spans are the spans of a history, each a part of the next; the last one is all.
func spans(h History) []span {
	now := h.Now.UTC()
	if now.Before(h.End) {
		now = h.End.UTC()
	}
	year, month, _ := now.Date()
	first := func(m time.Month) time.Time { return time.Date(year, m, 1, 0, 0, 0, 0, time.UTC) }
	all := []span{
		{ID: "month", Word: "this month", from: first(month)},
		{ID: "quarter", Word: "this quarter", from: first((month-1)/3*3 + 1)},
		{ID: "year", Word: "this year", from: first(1)},
		{ID: "all", Word: "all", from: h.Begin.UTC()},
	}
	for i := range all {
		all[i].to = now
		if all[i].ID == "all" {
			all[i].to = h.End.UTC()
		}
		all[i].Ticks = all[i].ticks()
	}
	return all
}

// narrowest is the span with the least time that holds a moment.
func narrowest(all []span, t time.Time) string {
	at := slices.IndexFunc(all[:len(all)-1], func(s span) bool { return !t.Before(s.from) })
	if at < 0 {
		at = len(all) - 1
	}
	return all[at].ID
}

// holds reports whether a moment is in the span.
func (s span) holds(t time.Time) bool { return s.ID == "all" || !t.Before(s.from) }

// share is where a moment stands in the span, from 0 to 1, with room at both ends.
func (s span) share(t time.Time) float64 {
	return 0.03 + 0.94*fraction(t.Sub(s.from).Seconds(), s.to.Sub(s.from).Seconds())
}

func (s span) x(t time.Time) string { return fmt.Sprintf("%.2f%%", 100*s.share(t)) }

// ticks are at most five dates at the beginning of days, weeks, months or years.
func (s span) ticks() []tick {
	const most = 5
	day := time.Date(s.from.Year(), s.from.Month(), s.from.Day(), 0, 0, 0, 0, time.UTC)
	if days := s.to.Sub(day).Hours() / 24; days <= 45 {
		return s.dates(day, func(t time.Time) time.Time { return t.AddDate(0, 0, max(1, int(days/most+0.999))) }, "2 Jan")
	}
	months := (s.to.Year()-s.from.Year())*12 + int(s.to.Month()-s.from.Month())
	for _, step := range []int{1, 2, 3, 6, 12, 24, 60, 120} {
		if months/step < most {
			part := time.Month(min(step, 12))
			first := time.Date(s.from.Year(), (s.from.Month()-1)/part*part+1, 1, 0, 0, 0, 0, time.UTC)
			return s.dates(first, func(t time.Time) time.Time { return t.AddDate(0, step, 0) }, "Jan 2006")
		}
	}
	return nil
}

// dates are those in the span, from the first on.
func (s span) dates(first time.Time, next func(time.Time) time.Time, form string) []tick {
	var all []tick
	for t := first; !t.After(s.to) && len(all) < 10; t = next(t) {
		if !t.Before(s.from) {
			all = append(all, tick{s.x(t), t.Format(form)})
		}
	}
	return all
}

// lane draws what happened to a line in the span; older is how many of its moves are left out.
func (s span) lane(l Line, older int) laneView {
	v := laneView{ID: s.ID}
	var dots strings.Builder
	last := -1
	for _, m := range l.Moves[older:] {
		switch at := int(1000 * s.share(m.at())); {
		case !s.holds(m.at()):
		case m.Merged.IsZero():
			v.Marks = append(v.Marks, mark{"pending", s.x(m.at())})
		case at != last:
			fmt.Fprintf(&dots, "M%d 8h0", at)
			last = at
		}
	}
	for _, f := range l.Failures {
		for _, t := range f.Times[max(0, len(f.Times)-maxMoves):] {
			if s.holds(t) {
				v.Marks = append(v.Marks, mark{"failed", s.x(t)})
			}
		}
	}
	for _, m := range l.Moves {
		if m.Version() && !m.Merged.IsZero() && s.holds(m.Merged) {
			v.Count++
		}
	}
	v.Dots = dots.String()
	return v
}

// empty says that nothing is drawn.
func (v laneView) empty() bool { return v.Dots == "" && len(v.Marks) == 0 }
