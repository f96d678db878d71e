package httpx

import (
	"maps"
	"net/url"
	"slices"
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

// Page is an address that somebody else names as a page for people, empty when it is none, or holds more than that.
func (c *Client) Page(named string) string {
	u, err := url.Parse(named)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || c.Line(named) != named {
		return ""
	}
	return named
}

// Texts collects the texts of a JSON value in order: what servers say of a refusal is a text, a list, or a map of them.
func Texts(value any) []string {
	var found []string
	switch v := value.(type) {
	case string:
		found = []string{v}
	case []any:
		for _, one := range v {
			found = append(found, Texts(one)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			found = append(found, Texts(v[name])...)
		}
	}
	return found
}
