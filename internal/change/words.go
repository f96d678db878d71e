package change

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Words are how a team words its changes; zero templates leave pawl's own words.
type Words struct {
	// Title is the pull request's; Commit the commit's, whose first line is the subject. The list of updates and the trailers
	// follow in the commit whatever it says.
	Title, Commit Template
}

// Template is a text with placeholders; its zero value has none and says nothing.
type Template struct{ text string }

// placeholders are all that a template may hold, and what each stands for.
var placeholders = []string{"summary", "count", "manifests"}

// hole is what stands in braces in a template, or a brace that is doubled.
var hole = regexp.MustCompile(`\{\{|\}\}|\{([^{}]*)\}|[{}]`)

// maxTemplate bounds a template in bytes.
const maxTemplate = 2000

// ParseTemplate reads a template: {summary}, {count} and {manifests} stand for what the change does, {{ and }} for a brace. With
// lines it may have several, of which none may look like a trailer of pawl's.
func ParseTemplate(text string, lines bool) (Template, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return Template{}, errors.New("want a text, have nothing")
	case len(text) > maxTemplate:
		return Template{}, fmt.Errorf("want at most %d bytes, have %d", maxTemplate, len(text))
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) || !lines && strings.Contains(text, "\n"):
		return Template{}, errors.New("want one line without control characters")
	case regexp.MustCompile(`(?im)^\s*pawl-[a-z]+:`).MatchString(text):
		return Template{}, errors.New("want no line that looks like a trailer of pawl's")
	}
	for _, m := range hole.FindAllStringSubmatch(text, -1) {
		switch {
		case m[0] == "{{" || m[0] == "}}" || slices.Contains(placeholders, m[1]):
		case len(m[0]) == 1:
			return Template{}, fmt.Errorf("want {%s}, have a single %s", strings.Join(placeholders, "}, {"), m[0])
		default:
			return Template{}, fmt.Errorf("want {%s}, have %q", strings.Join(placeholders, "}, {"), m[0])
		}
	}
	return Template{text: strings.TrimSpace(text)}, nil
}

// set reports whether there is a template.
func (t Template) set() bool { return t.text != "" }

// render puts what a set does into the template; summary is at most so long that the first line fits into limit bytes.
func (t Template) render(s Set, limit int) string {
	summary := summaryOf(s)
	first, _, _ := strings.Cut(t.fill(s, ""), "\n")
	if n := strings.Count(strings.SplitN(t.text, "\n", 2)[0], "{summary}"); n > 0 {
		summary = cut(summary, max((limit-len(first))/n, 20))
	}
	text := t.fill(s, summary)
	first, rest, more := strings.Cut(text, "\n")
	if first = cut(first, limit); more {
		return first + "\n" + rest
	}
	return first
}

func (t Template) fill(s Set, summary string) string {
	return hole.ReplaceAllStringFunc(t.text, func(found string) string {
		switch found {
		case "{{", "}}":
			return found[:1]
		case "{summary}":
			return summary
		case "{count}":
			return strconv.Itoa(len(s.moves()))
		default:
			return s.names()
		}
	})
}

// names are the first manifests that change something.
func (s Set) names() string {
	var names []string
	for _, m := range s.moves() {
		if !slices.Contains(names, m.name) {
			names = append(names, m.name)
		}
	}
	if more := len(names) - named; more > 0 {
		names = append(names[:named], fmt.Sprintf("+%d", more))
	}
	for i := range names {
		names[i] = cut(names[i], 70)
	}
	return strings.Join(names, ", ")
}
