package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

// writeOutcomes says outcomes one by one; to a person who watches, those with the same cause together.
func writeOutcomes(w io.Writer, all []plan.Outcome, together bool, on paper) {
	for _, group := range grouped(all, together) {
		if len(group) == 1 {
			writeOutcome(w, group[0])
		} else {
			writeGroup(w, group, on)
		}
	}
}

// grouped puts the outcomes with the same cause together, where the first of them stands.
func grouped(all []plan.Outcome, together bool) [][]plan.Outcome {
	var groups [][]plan.Outcome
	for _, o := range all {
		at := slices.IndexFunc(groups, func(g []plan.Outcome) bool { return together && alike(g[0], o) })
		if at < 0 {
			groups = append(groups, []plan.Outcome{o})
		} else {
			groups[at] = append(groups[at], o)
		}
	}
	return groups
}

// alike reports whether two outcomes say the same; of a failure that is its cause, whatever was asked.
func alike(a, b plan.Outcome) bool {
	return a.Place == "" && b.Place == "" && a.Outcome == b.Outcome && a.Reason == b.Reason && a.Hint == b.Hint && cause(a) == cause(b)
}

// cause is what a failure comes down to; what is no failure is all there is to say.
func cause(o plan.Outcome) string {
	if at := strings.LastIndex(o.Detail, ": "); o.Outcome == policy.Failed && at >= 0 {
		return o.Detail[at+2:]
	}
	return o.Detail
}

// writeGroup says once what several outcomes have in common, and whose they are.
func writeGroup(w io.Writer, group []plan.Outcome, on paper) {
	first, names := group[0], []string{}
	for _, o := range group {
		if name := printable(o.Manifest) + ","; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	names[len(names)-1] = strings.TrimSuffix(names[len(names)-1], ",")
	fmt.Fprintf(w, "%d values: %s (%s): %s\n", len(group), first.Outcome, first.Reason, printable(cause(first)))
	for _, line := range wrapped(names, max(0, on.width-2)) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if slices.ContainsFunc(group, func(o plan.Outcome) bool { return o.Detail != first.Detail }) {
		fmt.Fprintf(w, "  the first, all with -v: %s\n", printable(first.Detail))
	}
	if first.Hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", printable(first.Hint))
	}
}

// wrapped puts words into lines of at most so many characters, one word at least in each; without a width into one line.
func wrapped(words []string, width int) []string {
	var lines []string
	for _, word := range words {
		last := len(lines) - 1
		if last < 0 || width > 0 && utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, word)
		} else {
			lines[last] += " " + word
		}
	}
	return lines
}
