package change

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Calendar says when pull requests may be merged: inside of a window, where there are any, and outside of every freeze.
type Calendar struct {
	Windows []Window
	Freezes []Freeze
}

// Window is a time of the day on some days of the week. One that ends before it begins ends on the next day.
type Window struct {
	// Days are the days on which it begins; From and To are minutes of the day, To up to 24 * 60.
	Days     []time.Weekday
	From, To int
	Zone     *time.Location
}

// Freeze is a span of days, both included.
type Freeze struct {
	// From and To are midnights of the zone.
	From, To time.Time
	Reason   string
}

// Set reports whether the calendar closes anything at all.
func (c Calendar) Set() bool { return len(c.Windows)+len(c.Freezes) > 0 }

// Closed says why nothing is merged at a time, and when it opens again, which is zero when it never does within a year. An empty
// code is open.
func (c Calendar) Closed(at time.Time) (code Code, why string, opens time.Time) {
	if f, frozen := c.frozen(at); frozen {
		why = "the configuration freezes merges until the end of " + f.To.Format(time.DateOnly)
		if f.Reason != "" {
			why += ": " + f.Reason
		}
		return InFreeze, why, c.opening(at)
	}
	if len(c.Windows) == 0 || slices.ContainsFunc(c.Windows, func(w Window) bool { return w.holds(at) }) {
		return "", "", time.Time{}
	}
	return OutsideWindow, "it is outside of every window of merge.windows", c.opening(at)
}

// opening is the first time from which merges are possible.
func (c Calendar) opening(at time.Time) time.Time {
	end := at.AddDate(1, 0, 0)
	for at.Before(end) {
		if f, frozen := c.frozen(at); frozen {
			at = f.end()
			continue
		}
		if len(c.Windows) == 0 || slices.ContainsFunc(c.Windows, func(w Window) bool { return w.holds(at) }) {
			return at
		}
		next := end
		for _, w := range c.Windows {
			if n := w.next(at); n.Before(next) {
				next = n
			}
		}
		at = next
	}
	return time.Time{}
}

func (c Calendar) frozen(at time.Time) (Freeze, bool) {
	i := slices.IndexFunc(c.Freezes, func(f Freeze) bool { return !at.Before(f.From) && at.Before(f.end()) })
	if i < 0 {
		return Freeze{}, false
	}
	return c.Freezes[i], true
}

// end is the first moment after the freeze.
func (f Freeze) end() time.Time {
	y, m, d := f.To.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, f.To.Location())
}

// holds reports whether a time is in the window, by what clocks on a wall of the zone show: an hour that is skipped or repeated
// needs no rule of its own.
func (w Window) holds(at time.Time) bool {
	at = at.In(w.Zone)
	minute := at.Hour()*60 + at.Minute()
	if w.From < w.To {
		return w.begins(at.Weekday()) && w.From <= minute && minute < w.To
	}
	before := (at.Weekday() + 6) % 7
	return w.begins(at.Weekday()) && minute >= w.From || w.begins(before) && minute < w.To
}

func (w Window) begins(day time.Weekday) bool { return slices.Contains(w.Days, day) }

// next is the first beginning after a time.
func (w Window) next(at time.Time) time.Time {
	y, m, d := at.In(w.Zone).Date()
	for days := range 9 {
		from := time.Date(y, m, d+days, 0, w.From, 0, 0, w.Zone)
		if from.After(at) && w.begins(from.Weekday()) {
			return from
		}
	}
	return at.AddDate(1, 0, 0)
}

// weekdays are the words of days, in the order of a week.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseDays reads days of the week, as mon-fri, sat,sun or fri-mon; the empty text is all.
func ParseDays(text string) ([]time.Weekday, error) {
	var days []time.Weekday
	if text == "" {
		text = "sun-sat"
	}
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		first, last, several := strings.Cut(strings.TrimSpace(part), "-")
		if !several {
			last = first
		}
		from, to := slices.Index(weekdays, strings.TrimSpace(first)), slices.Index(weekdays, strings.TrimSpace(last))
		if from < 0 || to < 0 {
			return nil, fmt.Errorf("want days as mon-fri or sat,sun, have %q", text)
		}
		for d := from; ; d = (d + 1) % len(weekdays) {
			days = append(days, time.Weekday(d))
			if d == to {
				break
			}
		}
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

// ParseMinutes reads a time of the day, as 08:00, in minutes; 24:00 is the end of the day.
func ParseMinutes(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		return 0, errors.New("want a time of the day as 08:00")
	}
	return at.Hour()*60 + at.Minute(), nil
}
