package edit

import (
	"bytes"
	"errors"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// span is the part of the file that stands for a scalar's value.
type span struct {
	start, end int
	indent     int  // of a block scalar's content whose indentation is replaced too, in spaces
	empty      bool // nothing is there: the value goes in behind a space
}

var (
	errLost       = errors.New("its text could not be located in the file")
	errNoColon    = errors.New("it is empty and has no colon or dash of its own to write behind")
	errEmptyBlock = errors.New("it is a block scalar without a line of text")
	errOddBreak   = errors.New("its line holds a NEL, LS or PS character, which YAML readers treat differently")
)

// locate returns the span of a scalar that starts at the offset, where yaml.v3 places its anchor or tag if it has one.
func locate(data []byte, at int, n *yaml.Node) (span, error) {
	start := at
	at, behind := skipProperties(data, at, n)
	isPlain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 && !isBlock(n)
	switch {
	case isPlain && n.Value == "" && behind > start:
		return span{start: behind, end: behind, empty: true}, nil
	case isPlain && n.Value == "":
		return locateEmpty(data, behind)
	case at >= len(data):
		return span{}, errLost
	case n.Style&yaml.SingleQuotedStyle != 0:
		return locateQuoted(data, at, '\'')
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return locateQuoted(data, at, '"')
	case isBlock(n):
		return locateBlock(data, at, n.Value)
	}
	return locatePlain(data, at, n.Value)
}

// skipProperties passes over the node's own `&anchor` and `!tag`. It returns where the content starts and where the last property ends.
func skipProperties(data []byte, at int, n *yaml.Node) (content, behind int) {
	behind = at
	anchor, tag := n.Anchor != "", true
	for at < len(data) && (anchor && data[at] == '&' || tag && data[at] == '!') {
		if data[at] == '&' {
			anchor = false
			at = anchorEnd(data, at+1)
		} else {
			tag = false
			at = tagEnd(data, at+1)
		}
		tag = tag && n.Style&yaml.TaggedStyle != 0
		behind = at
		at = skipGap(data, at)
	}
	return at, behind
}

func anchorEnd(data []byte, at int) int {
	for at < len(data) && (data[at] == '_' || data[at] == '-' || data[at] >= '0' && data[at] <= '9' || data[at]|0x20 >= 'a' && data[at]|0x20 <= 'z') {
		at++
	}
	return at
}

func tagEnd(data []byte, at int) int {
	for at < len(data) && !isBlankAt(data, at) {
		at++
	}
	return at
}

// skipGap passes over blanks, line breaks and comments.
func skipGap(data []byte, at int) int {
	start := at
	for at < len(data) {
		size := breakSize(data, at)
		switch {
		case size > 0:
			at += size
		case data[at] == ' ' || data[at] == '\t':
			at++
		case data[at] == '#' && at > start:
			at = lineEnd(data, at)
		default:
			return at
		}
	}
	return at
}

func isBlankAt(data []byte, at int) bool {
	return data[at] == ' ' || data[at] == '\t' || breakSize(data, at) > 0
}

func lineEnd(data []byte, at int) int {
	for at < len(data) && breakSize(data, at) == 0 {
		at++
	}
	return at
}

// locateEmpty finds the colon or dash behind which an empty value is meant.
func locateEmpty(data []byte, at int) (span, error) {
	for at > 0 && strings.IndexByte(" \t\r\n", data[at-1]) >= 0 {
		at--
	}
	if at == 0 || data[at-1] != ':' && data[at-1] != '-' {
		return span{}, errNoColon
	}
	if data[at-1] == '-' && at >= 2 && strings.IndexByte(" \t\r\n", data[at-2]) < 0 {
		return span{}, errNoColon
	}
	return span{start: at, end: at, empty: true}, nil
}

func locateQuoted(data []byte, at int, quote byte) (span, error) {
	if data[at] != quote {
		return span{}, errLost
	}
	for end := at + 1; end < len(data); end++ {
		switch {
		case data[end] == '\\' && quote == '"':
			end++
		case data[end] == quote && quote == '\'' && end+1 < len(data) && data[end+1] == quote:
			end++
		case data[end] == quote:
			return span{start: at, end: end + 1}, nil
		}
	}
	return span{}, errLost
}

// locatePlain matches the decoded value against the text: they differ in white space only, and only when it has several lines.
func locatePlain(data []byte, at int, value string) (span, error) {
	if bytes.HasPrefix(data[at:], []byte(value)) {
		return span{start: at, end: at + len(value)}, nil
	}
	end := at
	for _, r := range value {
		if unicode.IsSpace(r) || strings.ContainsRune(breaks, r) {
			continue
		}
		for end < len(data) && isBlankAt(data, end) {
			end += max(breakSize(data, end), 1)
		}
		got, size := utf8.DecodeRune(data[min(end, len(data)):])
		if size == 0 || got != r {
			return span{}, errLost
		}
		end += size
	}
	return span{start: at, end: end}, nil
}

// locateBlock returns the content lines of a block scalar, from behind the first line's indentation to the end of the last line.
// Blank lines before the content belong to it, blank lines behind it do not.
func locateBlock(data []byte, at int, value string) (span, error) {
	if data[at] != '|' && data[at] != '>' {
		return span{}, errLost
	}
	body := lineEnd(data, at)
	body += breakSize(data, body)
	text := strings.TrimLeft(value, breaks)
	if text == "" {
		return span{}, errEmptyBlock
	}
	own := spaces([]byte(text), 0)
	isBlank := own == len(text) || strings.ContainsRune(breaks, rune(text[own]))
	first := firstLine(data, body, own, isBlank)
	indent := spaces(data, first) - own
	if first >= len(data) || indent < 1 {
		return span{}, errLost
	}
	s := span{start: first + indent, end: lastLine(data, first, indent)}
	if first > body {
		s.start, s.indent = body, indent
	}
	return s, nil
}

// firstLine returns where the first line of the content starts, which begins with that many spaces of its own
// and, when it is blank, has nothing else. Blank lines before it are shorter.
func firstLine(data []byte, at, own int, isBlank bool) int {
	for at < len(data) {
		blanks := spaces(data, at)
		size := breakSize(data, at+blanks)
		if size == 0 || isBlank && blanks > own {
			return at
		}
		at += blanks + size
	}
	return at
}

// lastLine returns the end of the last line with something at or behind the indentation.
func lastLine(data []byte, at, indent int) int {
	end := at
	for at < len(data) {
		blanks := spaces(data, at)
		stop := lineEnd(data, at)
		switch {
		case blanks >= indent && stop > at+indent:
			end = stop
		case blanks < stop-at:
			return end
		}
		if stop == len(data) {
			return end
		}
		at = stop + breakSize(data, stop)
	}
	return end
}

func spaces(data []byte, at int) int {
	count := 0
	for at+count < len(data) && data[at+count] == ' ' {
		count++
	}
	return count
}

// oddLines returns the lines that hold a character that is a line break in YAML 1.1 and none in 1.2, each once.
func oddLines(data []byte) []span {
	var lines []span
	if !bytes.Contains(data, []byte("\u0085")) && !bytes.Contains(data, []byte("\u2028")) && !bytes.Contains(data, []byte("\u2029")) {
		return nil
	}
	for at := 0; at < len(data); {
		found := bytes.IndexAny(data[at:], "\u0085\u2028\u2029")
		if found < 0 {
			break
		}
		found += at
		line := span{start: bytes.LastIndexAny(data[:found], "\r\n") + 1, end: len(data)}
		if length := bytes.IndexAny(data[found:], "\r\n"); length >= 0 {
			line.end = found + length
		}
		lines = append(lines, line)
		at = line.end
	}
	return lines
}

// touches reports whether the span has a part, or its place, in one of the ascending lines.
func (s span) touches(lines []span) bool {
	i := sort.Search(len(lines), func(i int) bool { return lines[i].end >= s.start })
	return i < len(lines) && lines[i].start <= s.end
}
