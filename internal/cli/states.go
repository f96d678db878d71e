package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pawl-cd/pawl/internal/status"
)

// widest is how long the text of a value may be in the table of states.
const widest = 40

// states are the rows of the table, with its head.
func states(s status.Status) [][]string {
	rows := [][]string{{"VALUE", "NOW", "NEWEST", "STATE", "SINCE", "WHY"}}
	for _, v := range s.Values {
		name, state, newest := v.Manifest, v.State, v.Newest
		if v.Target != "" {
			name += "/" + v.Target
		}
		if v.Reason != "" && v.Reason != v.State {
			state += " (" + v.Reason + ")"
		}
		if v.State == "current" {
			newest = "same"
		}
		why := v.Why
		if v.State == "current" || v.State == status.Known {
			why = ""
		}
		rows = append(rows, []string{printable(name), shortened(printable(dash(v.Now)), widest), printable(dash(newest)), state,
			dash(minute(v.Since)), printable(why)})
	}
	return rows
}

// writeStates prints the rows below each other. Where a line does not fit, since when and why stand below it, and long values
// and names are cut in the middle.
func writeStates(w io.Writer, rows [][]string, on paper) {
	var below []string
	if on.width > 0 && total(rows) > on.width {
		rows, below = whysBelow(rows)
		for _, column := range []int{1, 2, 0} {
			narrow(rows, column, total(rows)-on.width)
		}
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	_ = tw.Flush() // a strings.Builder never fails
	for i, line := range strings.SplitAfter(b.String(), "\n") {
		fmt.Fprint(w, line)
		if i < len(below) {
			for _, part := range wrapped(strings.Fields(below[i]), max(0, on.width-4)) {
				fmt.Fprintf(w, "    %s\n", part)
			}
		}
	}
}

// whysBelow takes the last two columns, since when and why, out of the rows; the head's are left out.
func whysBelow(rows [][]string) (short [][]string, below []string) {
	for i, r := range rows {
		last := len(r) - 1
		text := r[last]
		if since := r[last-1]; since != "-" {
			text = strings.TrimSuffix("since "+since+": "+text, ": ")
		}
		if i == 0 {
			text = ""
		}
		short, below = append(short, r[:last-1]), append(below, text)
	}
	return short, below
}
