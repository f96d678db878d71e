package edit

import (
	"fmt"
	"strings"
	"unicode"
)

// segment is one step of a key: what it looks for, and what it costs to look.
type segment struct {
	start, end int    // bytes of the key
	name       string // the one name it asks for; empty for wildcards, indexes and filters
	recursive  bool   // starts with `..`
	union      int    // members of a union such as [0,1] or ['a','b']
	scans      int    // wildcards, slices and recursions inside a filter, each a scan of the file
}

// split cuts a key into its segments; the grammar inside them is left to yaml-jsonpath.
func split(key string) ([]segment, error) {
	var segments []segment
	at := 0
	if strings.HasPrefix(key, "$") {
		at = 1
	}
	for at < len(key) {
		next, err := nextSegment(key, at)
		if err != nil {
			return nil, err
		}
		segments = append(segments, next)
		at = next.end
	}
	return segments, nil
}

func nextSegment(key string, start int) (segment, error) {
	s := segment{start: start}
	at := start
	switch {
	case strings.HasPrefix(key[at:], ".."):
		s.recursive = true
		at += 2
	case key[at] == '.':
		at++
	}
	if bracket := len(key[at:]) - len(strings.TrimLeftFunc(key[at:], unicode.IsSpace)); strings.HasPrefix(key[at+bracket:], "[") && (at == start || s.recursive) {
		return bracketSegment(key, s, at+bracket)
	}
	length := strings.IndexAny(key[at:], ".[~")
	if length < 0 {
		length = len(key) - at
	}
	s.end = at + length
	s.name = plainName(key[at:s.end])
	return s, refuseSelector(key, s.end, start)
}

// plainName undoes the escapes of a dotted name; wildcards have no name.
func plainName(raw string) string {
	if raw == "*" {
		return ""
	}
	return unescape(raw)
}

func bracketSegment(key string, s segment, open int) (segment, error) {
	end, ok := closeBracket(key, open)
	if !ok {
		return s, fmt.Errorf("column %d: expected a closing ] for this [", columnOf(key, open))
	}
	s.end = end
	inner := strings.TrimSpace(key[open+1 : end-1])
	commas, scans := inspect(inner)
	switch {
	case strings.HasPrefix(inner, "?"):
		s.scans = scans
	case strings.HasPrefix(inner, "'"), strings.HasPrefix(inner, `"`):
		s.union = commas + 1
		if commas == 0 && len(inner) >= 2 {
			s.name = unescape(inner[1 : len(inner)-1])
		}
	default:
		s.union = commas + 1
	}
	return s, refuseSelector(key, end, open)
}

// refuseSelector names yaml-jsonpath's key-name selector, which selects a key and no value.
func refuseSelector(key string, at, start int) error {
	if at < len(key) && key[at] == '~' {
		return fmt.Errorf("column %d: expected the path of a value, found yaml-jsonpath's key-name selector `~`, which is not supported", columnOf(key, at))
	}
	if at == start {
		return fmt.Errorf("column %d: expected a name or [, found %q", columnOf(key, at), key[at:])
	}
	return nil
}

// closeBracket returns the position behind the bracket that closes the one at open, quoted text left out.
func closeBracket(key string, open int) (int, bool) {
	depth := 0
	for at := open; at < len(key); {
		if end := skipQuoted(key, at); end > at {
			at = end
			continue
		}
		switch key[at] {
		case '[':
			depth++
		case ']':
			depth--
		}
		at++
		if depth == 0 {
			return at, true
		}
	}
	return 0, false
}

// skipQuoted returns the position behind a quoted text or a regular expression that starts at the given one, else that one.
// As in yaml-jsonpath, a backslash escapes in names and regular expressions, and not in the strings of a filter.
func skipQuoted(key string, at int) int {
	before := strings.TrimRightFunc(key[:at], unicode.IsSpace)
	quote := key[at]
	isRegexp := quote == '/' && strings.HasSuffix(before, "=~")
	if quote != '\'' && quote != '"' && !isRegexp {
		return at
	}
	hasEscapes := isRegexp || before == "" || strings.HasSuffix(before, "[") || strings.HasSuffix(before, ",")
	for end := at + 1; end < len(key); end++ {
		switch {
		case key[end] == '\\' && hasEscapes:
			end++
		case key[end] == quote:
			return end + 1
		}
	}
	return len(key)
}

// inspect counts the commas and the scans (`*`, `:`, `,` and `..`) outside of quoted text.
func inspect(inner string) (commas, scans int) {
	for at := 0; at < len(inner); {
		if end := skipQuoted(inner, at); end > at {
			at = end
			continue
		}
		switch {
		case inner[at] == ',':
			commas++
			scans++
		case inner[at] == '*', inner[at] == ':':
			scans++
		case strings.HasPrefix(inner[at:], ".."):
			scans++
			at++
		}
		at++
	}
	return commas, scans
}

// unescape drops backslashes as yaml-jsonpath does: the character behind one is meant literally.
func unescape(raw string) string {
	var out strings.Builder
	escaped := false
	for _, r := range raw {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		out.WriteRune(r)
	}
	return out.String()
}
