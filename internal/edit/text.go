package edit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Document is a target file whose values were found: YAML, or any other text.
type Document interface {
	// Apply returns the bytes of the file with the new values; on an error, an *Error, there are none.
	Apply(edits []Edit) ([]byte, error)
	// Sealed and Encrypted tell what only its tool may write.
	Sealed() (line, column int, sealed bool)
	Encrypted(s Scalar) bool
	// Name is the name that a value has, and Beside are the values next to it by their names; a text without structure has neither.
	Name(s Scalar) string
	Beside(s Scalar, names ...string) []Sibling
}

// Text is a text file of any kind; it knows its bytes.
type Text struct {
	name  string
	data  []byte
	lines []int // offset of each line
}

// ParseText takes a file of at most 8 MiB of UTF-8; the name is for messages. Its error is an *Error.
func ParseText(name string, data []byte) (*Text, error) {
	if err := (&File{name: name, data: data}).checkBytes(); err != nil {
		return nil, err
	}
	return &Text{name: name, data: data, lines: lineOffsets(data, 0)}, nil
}

// Pattern finds one value in a text; its zero value finds nothing.
type Pattern struct {
	re *regexp.Regexp
	// group is what is replaced; 0 means the whole match between what before and after stand for.
	group         int
	before, after edge
}

// edge is what stays at one end of a match: a group of the expression, or a text; neither is nothing.
type edge struct {
	group int
	text  string
}

// ParsePattern parses a regular expression of Go with one group, which is the value.
func ParsePattern(expression string) (Pattern, error) {
	re, err := compilePattern(expression)
	if err != nil {
		return Pattern{}, err
	}
	if re.NumSubexp() != 1 {
		return Pattern{}, fmt.Errorf("expected a regular expression with one group, found %d", re.NumSubexp())
	}
	return Pattern{re: re, group: 1}, nil
}

func compilePattern(expression string) (*regexp.Regexp, error) {
	if len(expression) > maxPathLength {
		return nil, fmt.Errorf("expected at most %d bytes, found %d", maxPathLength, len(expression))
	}
	re, err := regexp.Compile(expression)
	if err == nil && re.MatchString("") {
		err = errors.New("expected an expression that finds something, found one that finds nothing as well")
	}
	return re, err
}

// reference is all that may stand beside a value in a replacement: a group of the expression.
var reference = regexp.MustCompile(`^\$(?:([1-9])|\{([1-9])\})$`)

// ParseReplacement parses a regular expression and what stands before and after the value in the text that replaces its match,
// as Updatecli writes it: a group such as ${1}, or a text that the match has there too.
func ParseReplacement(expression, before, after string) (Pattern, error) {
	re, err := compilePattern(expression)
	if err != nil {
		return Pattern{}, err
	}
	p := Pattern{re: re}
	for at, text := range map[*edge]string{&p.before: before, &p.after: after} {
		if m := reference.FindStringSubmatch(text); m != nil {
			if at.group = int((m[1] + m[2])[0] - '0'); at.group > re.NumSubexp() {
				return Pattern{}, fmt.Errorf("expected one of %d groups, found %s", re.NumSubexp(), text)
			}
			continue
		}
		if strings.Contains(text, "$") {
			return Pattern{}, fmt.Errorf("expected a group or a text beside the value, found %q", shorten(text, 80))
		}
		at.text = text
	}
	return p, nil
}

// String returns the expression between slashes, as a key for people; empty without one.
func (p Pattern) String() string {
	if p.re == nil {
		return ""
	}
	return "/" + p.re.String() + "/"
}

// Zero reports that there is no expression.
func (p Pattern) Zero() bool { return p.re == nil }

// span returns the bytes of the value in a match; false when the match keeps something else beside it than it should.
func (p Pattern) span(data []byte, m []int) (from, to int, ok bool) {
	if p.group > 0 {
		return m[2*p.group], m[2*p.group+1], m[2*p.group] >= 0
	}
	from, to = m[0], m[1]
	if g := p.before.group; g > 0 {
		if m[2*g] != m[0] {
			return 0, 0, false
		}
		from = m[2*g+1]
	} else if from += len(p.before.text); from > m[1] || string(data[m[0]:from]) != p.before.text {
		return 0, 0, false
	}
	if g := p.after.group; g > 0 {
		if m[2*g+1] != m[1] {
			return 0, 0, false
		}
		to = m[2*g]
	} else if to -= len(p.after.text); to < from || string(data[to:m[1]]) != p.after.text {
		return 0, 0, false
	}
	return from, to, from <= to
}

// written is what may be written into a text, and stand in the place of a value: it cannot leave its line or quotes.
var written = regexp.MustCompile(`^[A-Za-z0-9._+@:/-]+$`)

// Find returns the one value that the pattern finds. Its error is an *Error.
func (t *Text) Find(p Pattern) (Scalar, error) {
	if p.Zero() {
		return Scalar{}, t.at(0, "expected a pattern, found none", "write matchpattern")
	}
	found := p.re.FindAllSubmatchIndex(t.data, 2)
	switch len(found) {
	case 0:
		return Scalar{}, t.at(0, fmt.Sprintf("expected a match of %s, found none", p), "correct matchpattern; it is a regular expression of Go, in which . and $ stop at the end of a line only with (?m) and never without")
	case 2:
		return Scalar{}, t.at(found[1][0], fmt.Sprintf("expected one match of %s, found this second one", p), "put more of the line into matchpattern")
	}
	from, to, ok := p.span(t.data, found[0])
	if !ok {
		return Scalar{}, t.at(found[0][0], fmt.Sprintf("expected a match of %s that keeps what stands beside the value, found %q", p, shorten(string(t.data[found[0][0]:found[0][1]]), 80)),
			"put the value, and nothing else, into the one group of matchpattern, and leave replacepattern out")
	}
	value := string(t.data[from:to])
	if value != "" && !written.MatchString(value) {
		return Scalar{}, t.at(from, fmt.Sprintf("expected a version, found %q", shorten(value, 80)), `let matchpattern find the version alone, as in FROM org/web:([\w.-]+)`)
	}
	line, column := t.position(from)
	return Scalar{Key: p.String(), Value: value, Line: line, Column: column, pattern: p, from: from, to: to}, nil
}

// Apply returns the bytes of the text with the new values.
func (t *Text) Apply(edits []Edit) ([]byte, error) {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int { return a.Scalar.from - b.Scalar.from })
	var out []byte
	end := 0
	var done []Edit
	for _, e := range edits {
		s := e.Scalar
		switch {
		case s.pattern.Zero() || s.to > len(t.data) || string(t.data[s.from:s.to]) != s.Value:
			return nil, t.at(0, fmt.Sprintf("expected a value of this file, found %q of another", s.Key), "")
		case !written.MatchString(e.Value):
			return nil, t.at(s.from, fmt.Sprintf("expected letters, digits and ._+@:/- to write, found %q", shorten(e.Value, 80)), "correct the transformers, or follow the source with a target of kind yaml")
		case len(done) > 0 && done[len(done)-1].Scalar.from == s.from && done[len(done)-1].Value == e.Value:
			continue
		case s.from < end || len(done) > 0 && done[len(done)-1].Scalar.from == s.from:
			return nil, t.at(s.from, fmt.Sprintf("expected one value here, found %q and %q", shorten(done[len(done)-1].Value, 80), shorten(e.Value, 80)), "let one target only write it")
		}
		out = append(append(out, t.data[end:s.from]...), e.Value...)
		end, done = s.to, append(done, e)
	}
	out = append(out, t.data[end:]...)
	return out, t.verify(out, done)
}

// verify finds every value again in what was written: a pattern that no longer finds it would lose it in the next run.
func (t *Text) verify(data []byte, edits []Edit) error {
	after := &Text{name: t.name, data: data, lines: lineOffsets(data, 0)}
	for _, e := range edits {
		if s, err := after.Find(e.Scalar.pattern); err != nil || s.Value != e.Value {
			return t.at(e.Scalar.from, fmt.Sprintf("%s does not find %q once it is written", e.Scalar.Key, shorten(e.Value, 80)), "let matchpattern find every version that may be written")
		}
	}
	return nil
}

// sopsMAC is SOPS' checksum in files that are no YAML: dotenv, INI and JSON.
var sopsMAC = regexp.MustCompile(`(?m)^\s*"?(?:sops_)?mac"?\s*[=:]\s*"?ENC\[`)

// Sealed reports whether SOPS' checksum covers the file.
func (t *Text) Sealed() (line, column int, sealed bool) {
	m := sopsMAC.FindIndex(t.data)
	if m == nil || bytes.Contains(t.data, []byte("mac_only_encrypted=true")) || bytes.Contains(t.data, []byte(`"mac_only_encrypted": true`)) {
		return 0, 0, false
	}
	line, column = t.position(m[0])
	return line, column, true
}

// Encrypted reports whether the value is one that only its tool may write.
func (t *Text) Encrypted(s Scalar) bool {
	before := t.data[:s.from]
	return bytes.HasSuffix(before, []byte("ENC[")) || bytes.Contains(before[bytes.LastIndexByte(before, '\n')+1:], []byte("ENC[")) || bytes.HasPrefix(t.data, []byte("$ANSIBLE_VAULT"))
}

// Name is empty: a text has no names.
func (t *Text) Name(Scalar) string { return "" }

// Beside is empty: a text has no structure.
func (t *Text) Beside(Scalar, ...string) []Sibling { return nil }

func (t *Text) position(at int) (line, column int) {
	line = sort.SearchInts(t.lines, at+1)
	return line, utf8.RuneCount(t.data[t.lines[line-1]:at]) + 1
}

func (t *Text) at(offset int, message, hint string) error {
	line, column := t.position(offset)
	return &Error{File: t.name, Line: line, Column: column, Message: message, Hint: hint}
}
