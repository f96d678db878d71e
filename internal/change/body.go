package change

import (
	"fmt"
	"strings"
)

// MaxBody is GitHub's limit for the body of a pull request; Body counts bytes, which are never fewer than characters.
const MaxBody = 65_536

// How many bytes the sections of a body may take, and one cell of a table.
const (
	maxTable   = 20_000
	maxNotes   = 5_000
	maxCell    = 300
	maxLine    = 600
	maxChecks  = 2_000
	maxComment = 200
)

// Body returns the Markdown that describes the set: a table of all updates, what the merge waits for, what triggered
// it, what is held or failed, and the metadata block. All text of manifests, registries and events is inert in it; what
// has no room is counted.
func Body(s Set, need Requirement) (string, error) {
	block, err := metadata(s, need)
	if err != nil {
		return "", err
	}
	parts := []string{table(s), need.sentence()}
	if s.Upstream != "" {
		parts = append(parts, triggered(s.Upstream))
	}
	parts = append(parts, notes("Brakes", s.Brakes)...)
	parts = append(parts, notes("Gates", s.Gates)...)
	parts = append(parts, notes("Held", s.Held)...)
	parts = append(parts, notes("Failed", s.Failed)...)
	return strings.Join(append(parts, block), "\n\n") + "\n", nil
}

// table has one row for each update.
func table(s Set) string {
	rows := make([]string, 0, len(s.Updates))
	for _, u := range s.sorted() {
		key := keyWord(u.Key)
		if u.Document > 0 {
			key = fmt.Sprintf("%d:%s", u.Document, key)
		}
		cells := []string{
			cell(word(u.Manifest)), cell(keyWord(u.File) + ":" + key),
			cell(word(u.Old)) + " -> " + cell(word(u.New)), cell(word(u.Reason)), sourceLink(u),
		}
		rows = append(rows, "| "+strings.Join(cells, " | ")+" |")
	}
	head := "| name | file:key | from -> to | why | links |\n|---|---|---|---|---|"
	rows, more := fitting(rows, maxTable)
	text := strings.Join(append([]string{head}, rows...), "\n")
	if more > 0 {
		text += fmt.Sprintf("\n\nand %s not shown", plural(more, "update"))
	}
	return text
}

// notes lists the targets that are left as they are.
func notes(title string, list []Note) []string {
	if len(list) == 0 {
		return nil
	}
	lines := make([]string, 0, len(list))
	for _, n := range list {
		line := fmt.Sprintf("- %s: %s", cell(word(n.Manifest)), cell(word(n.Reason)))
		for _, text := range []string{n.Detail, n.Hint} {
			if text = prose(text); text != "" {
				line += " - " + code(cut(text, maxLine))
			}
		}
		lines = append(lines, line)
	}
	lines, more := fitting(lines, maxNotes)
	if more > 0 {
		lines = append(lines, fmt.Sprintf("- and %d more", more))
	}
	return []string{"### " + title, strings.Join(lines, "\n")}
}

// triggered names what an event says; it is a link only when it is an https URL.
func triggered(upstream string) string {
	line := "Triggered by " + code(cut(encode(upstream, wordMarks+"?"), maxComment))
	if target := link("open", upstream); target != "" {
		line += " (" + target + ")"
	}
	return line
}

// sentence says what the merge waits for.
func (r Requirement) sentence() string {
	switch r.Mode {
	case RequireNamed:
		return "Merged when these checks are successful: " + r.list()
	case RequireProtection:
		return "Merged when the checks that branch protection requires are successful: " + r.list()
	case RequireNone:
		return "`merge.require: none`: merged without waiting for checks"
	case MergeOff:
		return "`merge: off`: pawl does not merge this pull request"
	default:
		return "Merged when the checks that branch protection requires are successful; where it requires none, pawl does not merge " +
			"this pull request. To change that, add to `.pawl.yaml`: `" + requireLine + "`"
	}
}

func (r Requirement) list() string {
	names := make([]string, 0, len(r.Names))
	for _, n := range r.Names {
		names = append(names, code(cut(prose(n), maxCell)))
	}
	names, more := fitting(names, maxChecks)
	if more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// fitting returns the first lines that fit into a number of bytes, and how many do not.
func fitting(lines []string, limit int) (fit []string, more int) {
	size := 0
	for i, line := range lines {
		if size += len(line) + 1; size > limit {
			return lines[:i], len(lines) - i
		}
	}
	return lines, 0
}

func cell(encoded string) string { return code(cut(encoded, maxCell)) }
