package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// A manifest may hold expressions of Updatecli's templates. People leave them unquoted, which to YAML is a map in a map; so
// each gives way to characters that mean nothing before YAML is read and comes back afterwards, in the one scalar that it
// stands in. It has as many characters as before, so that every place stays right.
const (
	hole   = '\ue000' // begins the stand-in of an expression
	filler = '\ue001' // fills it up
	digits = '\ue010' // the first of ten digits
)

var (
	template = regexp.MustCompile(`\{\{[^{}\n]*\}\}`)
	standIn  = regexp.MustCompile(`\x{e000}([\x{e010}-\x{e019}]+)\x{e001}*`)

	// Comments hide nothing from a template: people put what decides behind a #, for other readers of the YAML.
	control = regexp.MustCompile(`(?m)(?:^[ \t]*|#[^\n]*?)(\{\{-?[ \t]*(?:(?:if|else|end|range|with|define|template|block|include|break|continue)\b|/\*|\$)[^\n]*)`)
)

// cover replaces the expressions of a file by their stand-ins and returns them. What stands in for nothing is left to YAML: an
// expression too short for its number, and everything in a file that holds such characters itself.
func cover(data []byte) (covered []byte, expressions []string) {
	if bytes.ContainsRune(data, hole) || !utf8.Valid(data) {
		return data, nil
	}
	covered = template.ReplaceAllFunc(data, func(e []byte) []byte {
		number, length := strconv.Itoa(len(expressions)), utf8.RuneCount(e)
		if length < len(number)+1 {
			return e
		}
		expressions = append(expressions, string(e))
		var b strings.Builder
		b.WriteRune(hole)
		for _, d := range number {
			b.WriteRune(digits + d - '0')
		}
		b.WriteString(strings.Repeat(string(filler), length-len(number)-1))
		return []byte(b.String())
	})
	return covered, expressions
}

// uncover puts the expressions back into a text; within double quotes they were written with escapes, within single ones with
// doubled quotes.
func uncover(text string, style yaml.Style, expressions []string) string {
	if !strings.ContainsRune(text, hole) {
		return text
	}
	return standIn.ReplaceAllStringFunc(text, func(s string) string {
		number := 0
		for _, r := range s[utf8.RuneLen(hole):] {
			if r == filler {
				break
			}
			if number = number*10 + int(r-digits); number >= len(expressions) {
				return s
			}
		}
		e := expressions[number]
		switch {
		case style&yaml.DoubleQuotedStyle != 0:
			if plain, err := strconv.Unquote(`"` + e + `"`); err == nil {
				return plain
			}
		case style&yaml.SingleQuotedStyle != 0:
			return strings.ReplaceAll(e, "''", "'")
		}
		return e
	})
}

// uncoverAll puts the expressions back into the scalars of a document.
func uncoverAll(n *yaml.Node, expressions []string) {
	if n.Kind == yaml.ScalarNode {
		n.Value = uncover(n.Value, n.Style, expressions)
	}
	for _, child := range n.Content {
		uncoverAll(child, expressions)
	}
}

// documents splits a file into its documents, expressions included.
func documents(file string, data []byte) ([]*yaml.Node, []strictyaml.Problem) {
	if len(data) <= strictyaml.MaxSize {
		if m := control.FindSubmatchIndex(data); m != nil {
			line := data[bytes.LastIndexByte(data[:m[2]], '\n')+1 : m[2]]
			return nil, []strictyaml.Problem{{File: file, Line: 1 + bytes.Count(data[:m[2]], []byte("\n")), Column: 1 + utf8.RuneCount(line),
				Message: "a template may look values up and nothing else: " + strictyaml.Quote(string(data[m[2]:m[3]])),
				Hint:    "write out what the template makes of it; a manifest that has to decide stays with Updatecli"}}
		}
	}
	covered, expressions := cover(data)
	docs, problems := strictyaml.Documents(file, covered)
	for _, d := range docs {
		uncoverAll(d, expressions)
	}
	for i := range problems {
		problems[i].Message = uncover(problems[i].Message, 0, expressions)
		problems[i].Hint = uncover(problems[i].Hint, 0, expressions)
	}
	return docs, problems
}

// Values are what files of values hold: strings, further Values, and what no scalar can be made of.
type Values map[string]any

// naught is the text of a number or truth value that templates take for nothing where a default follows: 0 and false.
type naught string

// maxValues bounds the nodes of a file of values, aliases followed.
const maxValues = 100_000

// Read adds what a file says; what was there before gives way to it.
func (v Values) Read(file string, data []byte) []strictyaml.Problem {
	docs, problems := strictyaml.Documents(file, data)
	r := valuesReader{file: file}
	for _, d := range docs {
		if d.Kind != yaml.MappingNode {
			return append(problems, r.problem(d, "want a map of values", "write name: value"))
		}
		r.read(v, d)
	}
	if r.nodes > maxValues {
		r.problems = append(r.problems, strictyaml.Problem{File: file, Message: fmt.Sprintf("the file expands to more than %d values", maxValues), Hint: "write the values out instead of nesting aliases"})
	}
	return append(problems, r.problems...)
}

// valuesReader reads one file of values.
type valuesReader struct {
	file     string
	nodes    int
	problems []strictyaml.Problem
}

func (r *valuesReader) problem(n *yaml.Node, message, hint string) strictyaml.Problem {
	at := strictyaml.Position(n)
	return strictyaml.Problem{File: r.file, Line: at.Line, Column: at.Column, Message: message, Hint: hint}
}

func (r *valuesReader) read(v Values, n *yaml.Node) {
	for key, value := range pairs(n) {
		for value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if r.nodes++; r.nodes > maxValues {
			return
		}
		switch {
		case key.ShortTag() == "!!merge":
			r.problems = append(r.problems, r.problem(key, "a merge key (<<) has no place in a file of values", "write out the values that it brings in"))
		case value.Kind == yaml.ScalarNode:
			v[key.Value] = scalar(value)
		case value.Kind == yaml.MappingNode:
			inner, ok := v[key.Value].(Values)
			if !ok {
				inner = Values{}
				v[key.Value] = inner
			}
			r.read(inner, value)
		default:
			v[key.Value] = value.Content
		}
	}
}

// scalar is the value of a scalar as it is written; null is nothing at all.
func scalar(n *yaml.Node) any {
	number, truth := 1.0, true
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!int", "!!float":
		_ = n.Decode(&number) // one that is too large is not 0
	case "!!bool":
		_ = n.Decode(&truth)
	}
	if number == 0 || !truth {
		return naught(n.Value)
	}
	return n.Value
}

// at returns what stands at a path such as .a.b, nil for nothing.
func (v Values) at(path string) any {
	names := strings.Split(strings.TrimPrefix(path, "."), ".")
	for _, name := range names[:len(names)-1] {
		v, _ = v[name].(Values) // nil holds nothing
	}
	return v[names[len(names)-1]]
}

// Look returns the text at a path such as .a.b, and whether it is there as text.
func (v Values) Look(path string) (string, bool) {
	switch value := v.at(path).(type) {
	case string:
		return value, true
	case naught:
		return string(value), true
	}
	return "", false
}

// Empty reports whether a default stands in for what is at a path: nothing, an empty text, list or map, 0 and false.
func (v Values) Empty(path string) bool {
	switch value := v.at(path).(type) {
	case nil, naught:
		return true
	case string:
		return value == ""
	case Values:
		return len(value) == 0
	case []*yaml.Node:
		return len(value) == 0
	}
	return false
}
