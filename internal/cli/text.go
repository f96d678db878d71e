package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// printable keeps untrusted text from steering the terminal, where what is not a printable character is shown as \u0000,
// and the runner of a workflow.
func printable(s string) string {
	s = visible(s)
	if rest := strings.TrimLeft(s, " "); strings.HasPrefix(rest, "::") {
		s = s[:len(s)-len(rest)] + `\u003a` + rest[1:]
	}
	return string(disarm([]byte(s)))
}

// printableLines is printable for each line.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// disarm breaks what the runner of a workflow takes for a command wherever it stands in a line, ##[command]; inside JSON
// it stays the same text. The runner's other form, ::command::, counts at the start of a line only
// (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
func disarm(text []byte) []byte { return bytes.ReplaceAll(text, []byte("##["), []byte(`##\u005b`)) }

// disarmed is a writer of whole lines.
type disarmed struct{ io.Writer }

func (d disarmed) Write(line []byte) (int, error) {
	if _, err := d.Writer.Write(disarm(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// visible shows what is not a printable character as \u0000.
func visible(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// hidden reports what a terminal or a page does not show as itself, reordering marks included.
func hidden(r rune) bool { return !unicode.IsPrint(r) }

// cell makes untrusted text inert inside a cell of a Markdown table.
func cell(s string) string {
	var b strings.Builder
	for _, r := range visible(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|~@&$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "://", "&#58;//") // no autolink
}
