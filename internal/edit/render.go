package edit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxValueLength bounds a new value, in bytes.
const maxValueLength = 4096

// checkValue refuses what no version is and what YAML cannot hold on one line.
func checkValue(value string) error {
	switch {
	case value == "":
		return errors.New("expected a value, found an empty text")
	case len(value) > maxValueLength:
		return fmt.Errorf("expected a value of at most %d bytes, found %d", maxValueLength, len(value))
	case !utf8.ValidString(value):
		return errors.New("expected a value in UTF-8, found other bytes")
	case strings.ContainsAny(value, breaks):
		return errors.New("expected a value on one line, found a line break")
	}
	for _, r := range value {
		if unicode.IsControl(r) || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF' {
			return fmt.Errorf("expected a value of printable characters, found %U", r)
		}
	}
	return nil
}

// render writes a value in the style of the scalar it replaces; a plain one is quoted when it would not stay the same text.
// A colon in a flow map or list is quoted too: readers differ about it.
func render(n *yaml.Node, isFlow bool, value string) (string, error) {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'", nil
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return doubleQuote(value), nil
	case isBlock(n):
		if strings.HasPrefix(value, " ") {
			return "", errors.New("expected a value without a leading space for a block scalar")
		}
		return value, nil
	case isTyped(n) || isPlainText(value) && !isAmbiguous(value) && !(isFlow && strings.Contains(value, ":")):
		return value, nil
	}
	return doubleQuote(value), nil
}

func doubleQuote(value string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&out, `\U%08X`, r)
		default:
			fmt.Fprintf(&out, `\u%04X`, r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// isPlainText reports whether a value can be plain everywhere, in flow maps too; in doubt it says no.
func isPlainText(value string) bool {
	previous := ' '
	for i, r := range value {
		isWord := r == '_' || r == '/' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)
		switch {
		case isWord:
		case i > 0 && strings.ContainsRune("+-=~^()$;@", r):
		case r == ':' && i > 0 && i < len(value)-1 && previous != ' ':
		case r == ' ' && previous != ' ' && previous != ':' && i < len(value)-1:
		default:
			return false
		}
		previous = r
	}
	return !strings.HasPrefix(value, "...")
}

// The shapes that a YAML 1.1 or 1.2 reader may take for something else than text (https://yaml.org/type/, YAML 1.2.2 section 10),
// and those that lenient readers do.
var (
	numberShape    = regexp.MustCompile(`(?i)^[-+]?(0b[01_]*|0o?[0-7_]*|0x[0-9a-f_]*\.?[0-9a-f_]*(p[-+]?[0-9_]*)?|([0-9_,]+\.?[0-9_]*|\.[0-9_]+)(e[-+]?[0-9_]*)?)$`)
	sexagesimal    = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?$`)
	timestampShape = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?$`)
	wordShape      = regexp.MustCompile(`(?i)^(~|null|nil|y|n|yes|no|true|false|on|off|<<|=|[-+]?\.?(inf|infinity|nan))$`)
)

func isAmbiguous(value string) bool {
	return numberShape.MatchString(value) || sexagesimal.MatchString(value) || timestampShape.MatchString(value) || wordShape.MatchString(value)
}

// The values that fit an explicit tag in every reader.
var (
	intShape   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	floatShape = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?([eE][-+][0-9]+)?$`)
	boolShape  = regexp.MustCompile(`^(true|false)$`)
	dateShape  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// isTyped reports whether an explicit tag makes the value something else than text.
func isTyped(n *yaml.Node) bool {
	return n.Style&yaml.TaggedStyle != 0 && strings.HasPrefix(n.Tag, "!!") && n.Tag != "!!str"
}

// checkTag refuses a value that does not fit the scalar's explicit tag.
func checkTag(n *yaml.Node, value string) error {
	if !isTyped(n) {
		return nil
	}
	isFit := false
	switch n.Tag {
	case "!!int":
		isFit = intShape.MatchString(value)
	case "!!float":
		isFit = floatShape.MatchString(value)
	case "!!bool":
		isFit = boolShape.MatchString(value)
	case "!!timestamp":
		isFit = dateShape.MatchString(value)
	case "!!binary":
		_, err := base64.StdEncoding.DecodeString(value)
		isFit = err == nil
	}
	if !isFit {
		return fmt.Errorf("expected a value that fits the tag %s, found %q", n.Tag, shorten(value, 80))
	}
	return nil
}
