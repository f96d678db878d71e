package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a project list.
type Problem struct {
	// Project is the project's name in quotes, or its place in the list when it has none ("#2"), or empty for the list.
	Project string
	Text    string
	// Hint is the advice.
	Hint string
	// index is the project's place in the list.
	index int
}

// Error returns the project and its fault.
func (p Problem) Error() string {
	if p.Project == "" {
		return "projects: " + p.Text
	}
	return fmt.Sprintf("project %s: %s", p.Project, p.Text)
}

// Problems are all the faults of a list, in its order.
type Problems []Problem

// Error returns one line with every fault.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.Error()
	}
	return "reading the projects to deploy: " + strings.Join(texts, "; ")
}

// Advice returns the distinct hints.
func (p Problems) Advice() string {
	var hints []string
	for _, one := range p {
		if one.Hint != "" && !slices.Contains(hints, one.Hint) {
			hints = append(hints, one.Hint)
		}
	}
	return strings.Join(hints, "; ")
}

// orNil is the error for the problems, nil when there are none.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// problems collects the faults of one project.
type problems struct {
	project string
	index   int
	all     Problems
}

func (p *problems) add(hint, format string, args ...any) {
	p.all = append(p.all, Problem{Project: p.project, Text: fmt.Sprintf(format, args...), Hint: hint, index: p.index})
}

// label names the project at an index.
func label(index int, name string) string {
	if checkName(name) != "" {
		return fmt.Sprintf("#%d", index+1)
	}
	return fmt.Sprintf("%q", name)
}
