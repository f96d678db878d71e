package httpx

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine bounds what is repeated of somebody else's words, in bytes.
const MaxLine = 600

// Line makes a text that holds somebody else's words fit to stand in a message: one line, bounded, printable, and without
// secrets, which are removed before it is cut.
func (c *Client) Line(text string) string {
	text = c.Clean(strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }), " ")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) <= MaxLine {
		return text
	}
	end := MaxLine
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
