package strictyaml

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const quoteHint = `put quotes around the expression: '{{ requiredEnv "NAME" }}'`

// Text is a scalar with its place. A number or boolean is taken as its text, as YAML writers expect of "1.20".
type Text struct {
	Value        string
	Line, Column int
}

// Set reports whether the key was there with a value.
func (t Text) Set() bool { return t.Line > 0 }

func (t *Text) decode(d *Decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		hint := ""
		if n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode {
			hint = quoteHint // to YAML, {{ x }} is a map in a map
		}
		d.Errorf(n, hint, "want text, have %s", kindName(n))
		return
	}
	*t = Text{Value: n.Value, Line: n.Line, Column: n.Column}
}

// Flag is a boolean with its place.
type Flag struct {
	Value        bool
	Line, Column int
}

// Set reports whether the key was there with a value.
func (f Flag) Set() bool { return f.Line > 0 }

func (f *Flag) decode(d *Decoder, n *yaml.Node) {
	v, err := strconv.ParseBool(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || err != nil {
		d.Errorf(n, "", "want true or false, have %s", describe(n))
		return
	}
	*f = Flag{Value: v, Line: n.Line, Column: n.Column}
}

// Number is a whole number with its place.
type Number struct {
	Value        int
	Line, Column int
}

// Set reports whether the key was there with a value.
func (i Number) Set() bool { return i.Line > 0 }

func (i *Number) decode(d *Decoder, n *yaml.Node) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		d.Errorf(n, "", "want a whole number, have %s", describe(n))
		return
	}
	*i = Number{Value: v, Line: n.Line, Column: n.Column}
}

// Unsupported is the type of a key that other tools know and pawl does not: its presence is an error that names it.
// The struct tag `hint` says what to do instead.
type Unsupported struct{}

// Accepted is the type of a key of another tool that pawl has no use for: whatever it holds is left alone, and a warning
// names the key. The struct tag `hint` says why nothing is lost.
type Accepted struct{}

func (*Accepted) decode(*Decoder, *yaml.Node) {}

// Map is a mapping with free keys, in the order of the file.
type Map[T any] []Entry[T]

// Entry is one key of a Map and its value.
type Entry[T any] struct {
	Key   Text
	Value T
}

func (m *Map[T]) decode(d *Decoder, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.Errorf(n, "", "want a map, have %s", kindName(n))
		return
	}
	d.pairs(n, func(key Text, value *yaml.Node) {
		e := Entry[T]{Key: key}
		d.member(value, &e.Value)
		*m = append(*m, e)
	})
}

func (m Map[T]) schemaElem() any { var zero T; return zero }

// Either is implemented by a type that a file may write in several forms. Alternatives returns a zero value of each,
// for the schema; DecodeYAML chooses by the node's kind.
type Either interface {
	DecodeYAML(d *Decoder, n *yaml.Node)
	Alternatives() []any
}

// Position returns a Text that stands at the node, for messages about a map or list as a whole.
func Position(n *yaml.Node) Text { return Text{Line: n.Line, Column: n.Column} }

func isNull(n *yaml.Node) bool {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	default:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return "a single value"
	}
}

// describe names a node by its text when it is short enough to show.
func describe(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" && len(n.Value) <= 40 && !strings.ContainsAny(n.Value, "\r\n") {
		return Quote(n.Value)
	}
	return kindName(n)
}
