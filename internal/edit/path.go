package edit

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vmware-labs/yaml-jsonpath/pkg/yamlpath"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
)

// maxPathLength bounds a key, in bytes; real ones stay below 200.
const maxPathLength = 1024

// maxVisits bounds how many nodes the evaluation of one key may touch.
const maxVisits = 10_000_000

// Path is a parsed yaml-jsonpath key such as `$.image.tag`; its zero value matches nothing.
type Path struct {
	text     string
	compiled *yamlpath.Path
	segments []segment
}

// ParsePath parses a key in the syntax of yaml-jsonpath (https://github.com/vmware-labs/yaml-jsonpath); `image.tag` means `$.image.tag`.
// A name that holds dots may be written as Updatecli does, `$.'image.tag'` or `image\.tag`. Its error names the column of the
// key at which something else was expected.
func ParsePath(key string) (Path, error) {
	key = bracketed(key)
	if err := checkKey(key); err != nil {
		return Path{}, fmt.Errorf("parsing key %q: %w", shorten(key, 80), err)
	}
	segments, err := split(key)
	if err != nil {
		return Path{}, fmt.Errorf("parsing key %q: %w", shorten(key, 80), err)
	}
	compiled, err := compile(key)
	if err != nil {
		return Path{}, fmt.Errorf("parsing key %q: %w", shorten(key, 80), located(key, err))
	}
	return Path{text: key, compiled: compiled, segments: segments}, nil
}

// bracketed writes the names that stand between dots in quotes, or whose dots are escaped, in brackets: what is between
// brackets and parentheses already stays as it is.
func bracketed(key string) string {
	if !strings.Contains(key, `\.`) && !strings.Contains(key, `.'`) && !strings.HasPrefix(key, `'`) {
		return key
	}
	var b strings.Builder
	for rest := key; rest != ""; {
		if rest[0] == '[' || rest[0] == '(' {
			b.WriteString(rest) // filters may hold anything: names after them are left to brackets
			break
		}
		dot := strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "..")
		name, after, special := name(strings.TrimPrefix(rest, "."))
		switch {
		case special && (dot || rest == key):
			b.WriteString(quotedStep(name))
			rest = after
		default:
			length := 1 + strings.IndexAny(rest[1:], ".[(")
			if length == 0 {
				length = len(rest)
			}
			b.WriteString(rest[:length])
			rest = rest[length:]
		}
	}
	if b.String()[0] == '[' {
		return "$" + b.String()
	}
	return b.String()
}

// name returns the first name of a key that is quoted or has an escaped dot, and what follows it.
func name(text string) (name, rest string, special bool) {
	if quoted, ok := strings.CutPrefix(text, "'"); ok {
		name, rest, special = strings.Cut(quoted, "'")
		return name, rest, special && name != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '.':
			special = true
			b.WriteByte('.')
			i++
		case c == '.' || c == '[' || c == '(':
			return b.String(), text[i:], special
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", special
}

// String returns the key as it was written.
func (p Path) String() string { return p.text }

func checkKey(key string) error {
	switch {
	case strings.TrimSpace(key) == "":
		return errors.New("column 1: expected a path such as $.image.tag, found nothing")
	case len(key) > maxPathLength:
		return fmt.Errorf("column %d: expected at most %d bytes, found %d", maxPathLength+1, maxPathLength, len(key))
	case !utf8.ValidString(key):
		return errors.New("column 1: expected UTF-8 text")
	}
	return nil
}

// compile guards the call because yaml-jsonpath panics on some keys that it should refuse.
func compile(key string) (path *yamlpath.Path, err error) {
	defer fault.Guard(&err, func(cause any) error { return fmt.Errorf("expected a yaml-jsonpath expression: %v", cause) })
	return yamlpath.NewPath(key)
}

var positioned = regexp.MustCompile(`(?s)^(.*?) (?:at|before) position ([0-9]+)(.*)$`)

// located rewrites the byte position in a message of yaml-jsonpath as a column.
func located(key string, err error) error {
	found := positioned.FindStringSubmatch(err.Error())
	if found == nil {
		return fmt.Errorf("column 1: %w", err)
	}
	position, convErr := strconv.Atoi(found[2])
	if convErr != nil {
		return fmt.Errorf("column 1: %w", err)
	}
	message := strings.Replace(found[1], "child name missing", "expected a name, found none", 1)
	return fmt.Errorf("column %d: %s%s", columnOf(key, position), message, found[3])
}

func columnOf(key string, offset int) int {
	return utf8.RuneCountInString(key[:min(offset, len(key))]) + 1
}

// find evaluates the path below root, which is not a document node; aliases and merge keys are not followed.
// The guard is there because yaml-jsonpath panics on some expressions.
func (p Path) find(root *yaml.Node) (nodes []*yaml.Node, err error) {
	if p.compiled == nil {
		return nil, errors.New("evaluating an empty path")
	}
	defer fault.Guard(&err, func(cause any) error { return fmt.Errorf("evaluating %s: %v", p.text, cause) })
	return p.compiled.Find(root)
}

// visits is an upper estimate of how many nodes the path touches in a tree of so many nodes and levels.
func (p Path) visits(nodes, depth int) float64 {
	total, recursions := float64(max(nodes, 1)), 0
	for _, s := range p.segments {
		total *= float64(max(s.union, 1))
		for range s.scans {
			total *= float64(max(nodes, 1))
		}
		if s.recursive {
			recursions++
		}
	}
	for range max(recursions-1, 0) {
		total *= float64(max(depth, 1))
	}
	return total
}

// shorten cuts a text for a message.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "..."
}
