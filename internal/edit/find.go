package edit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Scalar is one scalar of a file, as it is now.
type Scalar struct {
	Document int    // counted from 0
	Key      string // concrete path, such as `$.images[0].tag`
	Value    string // decoded text; of a block scalar without its trailing line breaks
	Line     int    // counted from 1; of the anchor or tag when there is one
	Column   int    // counted from 1 in characters

	node *yaml.Node
	// pattern, from and to are those of a value in a text: what found it, and its bytes.
	pattern  Pattern
	from, to int
}

// Edit is a scalar and the text that replaces its value.
type Edit struct {
	Scalar Scalar
	Value  string
}

// Find returns every scalar that the path resolves to, in any document, ordered by position. Aliases and merge keys are not followed.
// No scalar, a map, a list or an alias there, and a duplicate key on the way are errors of type *Error.
func (f *File) Find(p Path) ([]Scalar, error) { return f.FindIn(-1, p) }

// FindIn is Find in the document with an index from 0 alone; -1 means all of them.
func (f *File) FindIn(document int, p Path) ([]Scalar, error) {
	if document >= len(f.docs) {
		return nil, &Error{File: f.name, Line: 1, Column: 1, Message: fmt.Sprintf("expected a document with the index %d, found %d documents", document, len(f.docs)), Hint: "documents are counted from 0"}
	}
	nodes, err := f.eval(p)
	if err != nil {
		return nil, err
	}
	if document >= 0 {
		nodes = slices.DeleteFunc(nodes, func(n *yaml.Node) bool { return f.places[n].document != document })
	}
	if len(nodes) == 0 {
		return nil, f.explainMissing(p)
	}
	scalars := make([]Scalar, 0, len(nodes))
	for _, n := range nodes {
		if err := f.checkNode(n); err != nil {
			return nil, err
		}
		scalars = append(scalars, f.scalar(n))
	}
	slices.SortStableFunc(scalars, func(a, b Scalar) int {
		return cmp.Or(cmp.Compare(a.Document, b.Document), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return scalars, nil
}

// eval returns the distinct nodes of all documents that the path selects.
func (f *File) eval(p Path) ([]*yaml.Node, error) {
	if p.visits(len(f.places), f.depth) > maxVisits {
		return nil, &Error{File: f.name, Line: 1, Column: 1, Message: fmt.Sprintf("expected a key that is cheap to resolve, found %s, which may visit more than %d nodes of this file", shorten(p.text, 80), maxVisits),
			Hint: "name more of the path instead of `..`, unions and scans in filters"}
	}
	var found []*yaml.Node
	seen := map[*yaml.Node]bool{}
	for _, root := range f.docs {
		nodes, err := p.find(root)
		if err != nil {
			return nil, &Error{File: f.name, Line: 1, Column: 1, Message: err.Error(), Hint: "correct the key", Err: err}
		}
		for _, n := range nodes {
			if !seen[n] {
				seen[n] = true
				found = append(found, n)
			}
		}
	}
	return found, nil
}

func (f *File) scalar(n *yaml.Node) Scalar {
	return Scalar{Document: f.places[n].document, Key: f.key(n), Value: value(n), Line: n.Line, Column: n.Column, node: n}
}

// value is the decoded text of a scalar, of a block scalar without its trailing line breaks.
func value(n *yaml.Node) string {
	if isBlock(n) {
		return strings.TrimRight(n.Value, breaks)
	}
	return n.Value
}

func isBlock(n *yaml.Node) bool { return n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 }

// checkNode says why a selected node cannot be edited: what it is, or how it is reached.
func (f *File) checkNode(n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return f.at(n, fmt.Sprintf("expected a scalar at %s, found the alias *%s", f.key(n), n.Value), f.useInstead(n.Alias, nil))
	case yaml.MappingNode:
		return f.at(n, fmt.Sprintf("expected a scalar at %s, found a map", f.key(n)), f.pathsHint(n))
	case yaml.SequenceNode:
		return f.at(n, fmt.Sprintf("expected a scalar at %s, found a list", f.key(n)), "name one item, such as "+f.key(n)+"[0]")
	}
	return f.checkWay(n)
}

// checkWay looks at every step from the node up to the root.
func (f *File) checkWay(n *yaml.Node) error {
	for p := f.places[n]; p.parent != nil; n, p = p.parent, f.places[p.parent] {
		if p.parent.Kind != yaml.MappingNode {
			continue
		}
		if p.slot%2 == 0 {
			return f.at(n, fmt.Sprintf("expected the path of a value, found a key of the map %s", f.key(p.parent)), "name the value")
		}
		if err := f.checkName(p.parent, p.slot); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) checkName(m *yaml.Node, slot int) error {
	key := m.Content[slot-1]
	switch {
	case key.Kind == yaml.AliasNode:
		return f.at(key, fmt.Sprintf("expected a plain key in %s, found the alias *%s as a key", f.key(m), key.Value), "write the key's name instead of the alias")
	case key.Kind != yaml.ScalarNode:
		return f.at(key, fmt.Sprintf("expected a plain key in %s, found a map or list as a key", f.key(m)), "use a name as the key")
	case isMerge(key):
		return f.at(key, fmt.Sprintf("expected a path without merge keys, found << in %s", f.key(m)), "write the value in the map itself, or give the merged map a place of its own")
	}
	for _, i := range f.slots(m, key.Value) {
		if i != slot-1 {
			later := m.Content[max(i, slot-1)]
			first := m.Content[min(i, slot-1)]
			return f.at(later, fmt.Sprintf("expected the key %q once in %s, found it at line %d too", key.Value, f.key(m), first.Line), "remove one of the two")
		}
	}
	return nil
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Tag == "")
}

// key returns the concrete path of a node.
func (f *File) key(n *yaml.Node) string {
	var steps []string
	for p := f.places[n]; p.parent != nil; p = f.places[p.parent] {
		steps = append(steps, step(p))
	}
	slices.Reverse(steps)
	return "$" + strings.Join(steps, "")
}

func step(p place) string {
	switch {
	case p.parent.Kind == yaml.SequenceNode:
		return fmt.Sprintf("[%d]", p.slot)
	case p.slot%2 == 0:
		return Step(p.parent.Content[p.slot].Value) + "~"
	}
	return Step(p.parent.Content[p.slot-1].Value)
}

// Step returns the part of a key that selects a name: with a dot when the name is simple, else quoted in brackets.
func Step(name string) string {
	digits := 0
	for _, c := range []byte(name) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '-':
		default:
			return quotedStep(name)
		}
	}
	if digits == len(name) {
		return quotedStep(name)
	}
	return "." + name
}

func quotedStep(name string) string {
	return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
}
