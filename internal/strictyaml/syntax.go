package strictyaml

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// What is tried to find the place of one mistake: bytes that are parsed, and lines before the one where the parser stops.
// Some texts of a few kB take 50 ms to parse.
const (
	maxSearch = 2 << 20
	maxTries  = 16
)

// Syntax describes an error of yaml.v3 in a text: the line that does not go with those before it, why, and what to do.
// yaml.v3 itself names the line where the enclosing block begins, often far above.
func Syntax(data []byte, err error) Problem {
	message, line := yamlLine.ReplaceAllString(err.Error(), ""), 1
	if m := yamlLine.FindStringSubmatch(err.Error()); m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	at, found := faultyLine(data, line)
	if !found {
		return Problem{Line: line, Column: 1, Message: message, Hint: "look at indentation, quotes and brackets, on this line and after it"}
	}
	lines := strings.Split(string(data), "\n")
	text := strings.TrimRight(lines[at], "\r")
	p := Problem{Line: at + 1, Column: 1 + utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " \t")), Message: message}
	p.Message, p.Hint = explain(text, message)
	return p
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// faultyLine returns the index of the line after the most lines from the start that are YAML by themselves; false when
// finding it takes too long. The parser is given one line at a time, and stops soon after a line that does not fit; of
// what stays open it names the line itself, or the one before. So only lines near these two are tried.
func faultyLine(data []byte, named int) (int, bool) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	end := make([]int, len(lines)+1)
	for i, l := range lines {
		end[i+1] = end[i] + len(l)
	}
	reader := &lineReader{data: data, end: end}
	if parse(reader) == nil {
		return 0, false
	}
	stop, budget := min(reader.line, len(lines)-1), maxSearch
	for n := stop; n > 0; n-- {
		if near := n > stop-maxTries || n >= named-2 && n <= named+1 || n == 1; !near {
			continue
		}
		if budget -= end[n]; budget < 0 {
			return 0, false
		}
		if parse(bytes.NewReader(data[:end[n]])) == nil {
			return n, n > 1 || stop <= maxTries || named <= 3
		}
	}
	return 0, true
}

// parse reads all documents.
func parse(r io.Reader) error {
	dec := yaml.NewDecoder(r)
	for {
		if _, err := nextDocument(dec); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// lineReader hands out one line at a time; line counts those begun.
type lineReader struct {
	data []byte
	end  []int
	at   int
	line int
}

// Read returns bytes of one line.
func (r *lineReader) Read(p []byte) (int, error) {
	if r.at == len(r.data) {
		return 0, io.EOF
	}
	if r.at == r.end[r.line] {
		r.line++
	}
	n := copy(p, r.data[r.at:r.end[r.line]])
	r.at += n
	return n, nil
}

// sayings are what yaml.v3 says, what it means, and what to do.
var sayings = []struct{ says, message, hint string }{
	{"did not find expected key", "this line does not fit the block above it", "indent it like its neighbours, or correct the line above when that one is off"},
	{"did not find expected '-' indicator", "this line does not fit the list above it", "begin it with - like its neighbours, or indent it as part of the item above"},
	{"mapping values are not allowed", "there is a colon where no key can be", "indent the line like its neighbours; put quotes around a value that holds a colon"},
	{"could not find expected ':'", "there is no colon after a key", "look at this line and the one before: write key: value"},
	{"did not find expected ',' or", "a bracket is not closed", "close the bracket that is opened here, and put commas between what is in it"},
	{"found unexpected end of stream", "a quote is not closed", "close the quote that is opened here"},
	{"found unexpected document indicator", "a quote is not closed", "close the quote that is opened here"},
}

// explain says what is wrong with a line and what to do.
func explain(line, message string) (string, string) {
	_, value, _ := strings.Cut(line, ": ")
	value, _, _ = strings.Cut(value, " #")
	value = strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "a tab stands where indentation belongs", "a tab cannot indent YAML: use spaces"
	case strings.HasPrefix(value, "{{"):
		return message, quoteHint
	case strings.IndexAny(value, ">*") == 0 && (strings.Contains(message, "comment or line break") || strings.Contains(message, "alphabetic or numeric")):
		return value[:1] + " has a meaning of its own in YAML", "put quotes around the range: '" + value + "'"
	case strings.IndexAny(value, "@%`") == 0 && strings.Contains(message, "cannot start any token"):
		return value[:1] + " has a meaning of its own in YAML", "put quotes around the value"
	case strings.IndexAny(value, `"'`) == 0 && value[len(value)-1] != value[0] && strings.Contains(message, "did not find expected key"):
		return "there is text after the closing quote", "put the quotes around the whole value"
	}
	for _, s := range sayings {
		if strings.Contains(message, s.says) {
			return s.message, s.hint
		}
	}
	return message, "look at indentation, quotes and brackets, here and on the line before"
}
