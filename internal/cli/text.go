package cli

import (
	"fmt"
	"strings"
	"unicode"
)

// printable keeps untrusted text from steering the terminal: what is not a printable character is shown as \u0000.
func printable(s string) string {
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
	for _, r := range printable(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|~@&$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "://", "&#58;//") // no autolink
}
