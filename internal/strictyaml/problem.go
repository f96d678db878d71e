// Package strictyaml decodes YAML into Go structs the way a person wants a configuration file read: every problem at
// once, each with its place, what was expected and what to do about it; an unknown key is an error with the word that
// was probably meant. The same struct tags give the JSON Schema of the format, so that the two cannot disagree.
//
// It knows no format of its own: manifests and the configuration file are described by their packages.
package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one fault of a file, at a place. Line and Column count from 1, columns in runes; 0 means the whole file.
type Problem struct {
	File         string
	Line, Column int
	Message      string
	// Hint says what to do, empty when the message says it already.
	Hint string
	// Warning marks what is accepted all the same.
	Warning bool
}

// Error returns "file:line:column: message".
func (p Problem) Error() string { return p.Place() + ": " + p.Message }

// Advice returns the hint.
func (p Problem) Advice() string { return p.Hint }

// Place returns "file:line:column", or the file alone when the whole file is meant.
func (p Problem) Place() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Quote returns a text in quotes, for a message. One that holds a URL may hold a secret and is not repeated.
func Quote(text string) string {
	if strings.Contains(text, "://") {
		return "a text with a URL"
	}
	return strconv.Quote(text)
}

// Sort orders problems by file, then place.
func Sort(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Grouped returns the problems with those that say the same of several files as one, at the first place, and so warnings that
// say the same of one file. The message tells how many there are.
func Grouped(problems []Problem) []Problem {
	type saying struct {
		message, hint string
		warning       bool
	}
	of := func(p Problem) saying { return saying{p.Message, p.Hint, p.Warning} }
	files, times := map[saying]map[string]bool{}, map[saying]int{}
	for _, p := range problems {
		if files[of(p)] == nil {
			files[of(p)] = map[string]bool{}
		}
		files[of(p)][p.File] = true
		times[of(p)]++
	}
	all, said := []Problem{}, map[saying]bool{}
	for _, p := range problems {
		s := of(p)
		if together := len(files[s]) > 1 || s.warning; together && said[s] {
			continue
		}
		said[s] = true
		switch n := len(files[s]); {
		case n > 1:
			p.Message += fmt.Sprintf(" (in %d files, this is the first)", n)
		case s.warning && times[s] > 1:
			p.Message += fmt.Sprintf(" (%d times, this is the first)", times[s])
		}
		all = append(all, p)
	}
	return all
}

// Failed reports whether any problem is more than a warning.
func Failed(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}
