package event

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The longest texts of an event, in bytes. What is longer is cut, a URI is left out.
const (
	maxName   = 500
	maxLine   = 500
	maxErrors = 2000
	maxURI    = 2000
)

// userInfo is what stands before the host of a URL.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>?#]*@`)

// clean returns a text without secrets and without the user-info of URLs.
func (t *Teller) clean(text string) string {
	if t.about.Redact != nil {
		text = t.about.Redact(text)
	}
	if strings.Contains(text, "://") {
		text = userInfo.ReplaceAllString(text, "$1")
	}
	return text
}

// name is a name, a path or a key, bounded.
func (t *Teller) name(text string) string { return cut(t.clean(text), maxName) }

// line is prose on one line, bounded.
func (t *Teller) line(text string) string {
	return cut(strings.Join(strings.Fields(t.clean(text)), " "), maxLine)
}

// errors are several errors as one text. Of each only the first line is told: what follows is often what a server
// answered.
func (t *Teller) errors(all []string) string {
	var lines []string
	for _, text := range all {
		first, _, _ := strings.Cut(strings.TrimSpace(t.clean(text)), "\n")
		if first = t.line(first); first != "" {
			lines = append(lines, first)
		}
	}
	return cut(strings.Join(lines, "; "), maxErrors)
}

// uri is an absolute URI without user-info, empty when the text is none.
func (t *Teller) uri(text string) string {
	u, err := url.Parse(strings.TrimSpace(t.clean(text)))
	if err != nil || u.Scheme == "" || u.Host == "" || len(text) > maxURI {
		return ""
	}
	u.User = nil
	return u.String()
}

// cut shortens a text to a number of bytes, the mark of the cut included, never inside a character.
func cut(text string, limit int) string {
	const mark = "..."
	if len(text) <= limit {
		return text
	}
	at := limit - len(mark)
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + mark
}
