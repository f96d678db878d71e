package change

import (
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func days(t *testing.T, text string) []time.Weekday {
	t.Helper()
	all, err := ParseDays(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCalendar shows when a calendar is closed and when it opens, also over both changes of summer time, over midnight, and where
// windows and freezes meet.
func TestCalendar(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	day := func(text string) time.Time {
		at, err := time.ParseInLocation(time.DateOnly, text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	office := Window{Days: days(t, "mon-fri"), From: 8 * 60, To: 16 * 60, Zone: berlin}
	night := Window{Days: days(t, "fri"), From: 22 * 60, To: 4 * 60, Zone: berlin}
	early := Window{Days: days(t, ""), From: 2*60 + 30, To: 3*60 + 30, Zone: berlin}
	always := Window{Days: days(t, ""), From: 0, To: 24 * 60, Zone: time.UTC}
	turn := Freeze{From: day("2026-12-20"), To: day("2027-01-02"), Reason: "year end"}
	for _, c := range []struct {
		name     string
		calendar Calendar
		at       string
		code     Code
		opens    string
	}{
		{"none", Calendar{}, "2026-11-27T12:00:00Z", "", ""},
		{"inside", Calendar{Windows: []Window{office}}, "2026-11-27T12:00:00Z", "", ""},
		{"the first moment", Calendar{Windows: []Window{office}}, "2026-11-27T07:00:00Z", "", ""},
		{"the moment before", Calendar{Windows: []Window{office}}, "2026-11-27T06:59:59Z", OutsideWindow, "2026-11-27T07:00:00Z"},
		{"the last moment", Calendar{Windows: []Window{office}}, "2026-11-27T14:59:59Z", "", ""},
		{"the end, on a Friday", Calendar{Windows: []Window{office}}, "2026-11-27T15:00:00Z", OutsideWindow, "2026-11-30T07:00:00Z"},
		{"in summer", Calendar{Windows: []Window{office}}, "2026-07-01T06:00:00Z", "", ""},
		{"before the spring change, until after it", Calendar{Windows: []Window{office}}, "2026-03-27T15:00:00Z", OutsideWindow, "2026-03-30T06:00:00Z"},
		{"before the autumn change, until after it", Calendar{Windows: []Window{office}}, "2026-10-23T14:00:00Z", OutsideWindow, "2026-10-26T07:00:00Z"},
		{"over midnight, the same day", Calendar{Windows: []Window{night}}, "2026-11-27T21:30:00Z", "", ""},
		{"over midnight, the next day", Calendar{Windows: []Window{night}}, "2026-11-28T02:59:59Z", "", ""},
		{"over midnight, its end", Calendar{Windows: []Window{night}}, "2026-11-28T03:00:00Z", OutsideWindow, "2026-12-04T21:00:00Z"},
		{"over midnight, another day", Calendar{Windows: []Window{night}}, "2026-11-27T02:00:00Z", OutsideWindow, "2026-11-27T21:00:00Z"},
		{"in the hour that spring skips", Calendar{Windows: []Window{early}}, "2026-03-29T01:15:00Z", "", ""},
		{"in the hour that autumn repeats", Calendar{Windows: []Window{early}}, "2026-10-25T02:00:00Z", "", ""},
		{"the whole day", Calendar{Windows: []Window{always}}, "2026-11-27T23:59:59Z", "", ""},
		{"one of two windows", Calendar{Windows: []Window{office, night}}, "2026-11-27T22:00:00Z", "", ""},
		{"between two windows", Calendar{Windows: []Window{office, night}}, "2026-11-27T16:00:00Z", OutsideWindow, "2026-11-27T21:00:00Z"},
		{"in a freeze", Calendar{Freezes: []Freeze{turn}}, "2026-12-24T12:00:00Z", InFreeze, "2027-01-02T23:00:00Z"},
		{"its first moment, in its zone", Calendar{Freezes: []Freeze{turn}}, "2026-12-19T23:00:00Z", InFreeze, "2027-01-02T23:00:00Z"},
		{"the moment before it", Calendar{Freezes: []Freeze{turn}}, "2026-12-19T22:59:59Z", "", ""},
		{"the moment after it", Calendar{Freezes: []Freeze{turn}}, "2027-01-02T23:00:00Z", "", ""},
		{"a freeze, then a window", Calendar{Windows: []Window{office}, Freezes: []Freeze{turn}}, "2026-12-24T12:00:00Z", InFreeze, "2027-01-04T07:00:00Z"},
		{"outside of a window, before a freeze", Calendar{Windows: []Window{office}, Freezes: []Freeze{turn}}, "2026-12-18T20:00:00Z", OutsideWindow, "2027-01-04T07:00:00Z"},
		{"freezes without an end", Calendar{Freezes: []Freeze{{From: day("2026-01-01"), To: day("2036-01-01")}}}, "2026-12-24T12:00:00Z", InFreeze, ""},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		code, why, opens := c.calendar.Closed(at)
		said := ""
		if !opens.IsZero() {
			said = opens.UTC().Format(time.RFC3339)
		}
		if code != c.code || said != c.opens || (code == "") != (why == "") {
			t.Errorf("%s: %q %q opens %s, want %q opens %s", c.name, code, why, said, c.code, c.opens)
		}
	}
}

// TestParseDays reads days, and refuses what is none.
func TestParseDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 7, "mon-fri": 5, "sat,sun": 2, "fri-mon": 4, "Mon": 1, "mon, wed ,mon": 2, "sun-sat": 7} {
		if got := days(t, text); len(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for _, text := range []string{"monday", "mon-", "-", "mon;fri", "1-5"} {
		if got, err := ParseDays(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	for text, want := range map[string]int{"00:00": 0, "08:30": 510, "24:00": 1440, "23:59": 1439} {
		if got, err := ParseMinutes(text); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "8", "25:00", "24:01", "08:60", "8am"} {
		if got, err := ParseMinutes(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
