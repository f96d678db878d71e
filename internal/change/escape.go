package change

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Untrusted text comes out in one of three alphabets. What is outside is percent-encoded byte by byte, as in URLs, so
// that the text can be read back. None of the alphabets holds a space, a control or invisible character, a character
// that Markdown, HTML, a shell or git gives a meaning, or what a mention (@), an issue (#1, GH-1) or a directive such
// as [skip ci] needs.
const (
	marks      = "._+-/~^="
	wordMarks  = marks + ":"
	keyMarks   = marks + "$['\"]*,"
	proseMarks = wordMarks + " '\",;()?"
)

// empty stands for an empty text; no encoded text holds a quotation mark at its start and end with nothing between.
const empty = `""`

// word encodes a name or a value.
func word(text string) string { return token(text, wordMarks) }

// keyWord encodes a path of a file or a key.
func keyWord(text string) string { return token(text, keyMarks) }

func token(text, allowed string) string {
	if text == "" {
		return empty
	}
	if text == empty {
		return "%22%22"
	}
	return encode(text, allowed)
}

// unword undoes word and keyWord.
func unword(text string) (string, error) {
	if text == empty {
		return "", nil
	}
	return url.PathUnescape(text)
}

// prose encodes a sentence: runs of white space become one space.
func prose(text string) string { return encode(strings.Join(strings.Fields(text), " "), proseMarks) }

func encode(text, allowed string) string {
	refers := referring.MatchString(text)
	var out strings.Builder
	for i := range len(text) {
		if alphanumeric(text[i]) || strings.IndexByte(allowed, text[i]) >= 0 && !active(text, i, refers) {
			out.WriteByte(text[i])
		} else {
			fmt.Fprintf(&out, "%%%02X", text[i])
		}
	}
	return out.String()
}

// active reports whether a character that is harmless alone has a meaning where it stands: an option's or divider's
// hyphen at the start, the hyphen of GH-1, a comment's --, the colon of a URL that names an issue or of an emoji,
// the bracket of a directive, $' and the dot of www. refers tells that the text names an issue or the like.
func active(text string, i int, refers bool) bool {
	const longestEmoji = 64
	next, before := byte(0), text[max(0, i-longestEmoji):i]
	if i+1 < len(text) {
		next = text[i+1]
	}
	switch text[i] {
	case '-':
		return i == 0 || next == '-' || next == '>' || hasSuffixFold(before, "gh")
	case ':':
		return next == '/' && refers || emoji.MatchString(before)
	case '[':
		return next != '\'' && next != '"' && next != '*' && (next < '0' || next > '9')
	case '$':
		return next == '\'' || next == '"'
	case '.':
		return hasSuffixFold(before, "www")
	default:
		return false
	}
}

// emoji is what stands before the second colon of :tada:.
var emoji = regexp.MustCompile(`:[A-Za-z0-9_+-]+$`)

func hasSuffixFold(text, suffix string) bool {
	return len(text) >= len(suffix) && strings.EqualFold(text[len(text)-len(suffix):], suffix)
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// cut shortens an encoded text to at most limit bytes, the mark of the cut included, never inside an escape.
func cut(text string, limit int) string {
	const mark = "..."
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	if i := strings.LastIndexByte(text[:end], '%'); i >= 0 && i > end-3 {
		end = i
	}
	return text[:end] + mark
}

// code makes a Markdown code span of an encoded text.
func code(encoded string) string { return "`" + encoded + "`" }

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
