package edit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

// change is an edit that makes a difference: where it goes and what it writes there.
type change struct {
	span
	scalar Scalar
	value  string
	text   string // as YAML
}

// Apply returns the bytes of the file with the new values; on an error, an *Error, there are none.
// The scalars must come from this file's Find. Edits that change nothing leave the file as it is.
func (f *File) Apply(edits []Edit) ([]byte, error) {
	edits, err := f.distinct(edits)
	if err != nil {
		return nil, err
	}
	changes, err := f.plan(edits)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return slices.Clone(f.data), nil
	}
	data := f.splice(changes)
	if err := f.verify(data, changes); err != nil {
		return nil, f.blame(changes, err)
	}
	return data, nil
}

// distinct drops repeated edits and those that change nothing, and orders the rest by position.
func (f *File) distinct(edits []Edit) ([]Edit, error) {
	values := make(map[*yaml.Node]string, len(edits))
	var out []Edit
	for _, e := range edits {
		n := e.Scalar.node
		if _, ok := f.places[n]; !ok || n.Kind != yaml.ScalarNode {
			return nil, &Error{File: f.name, Line: max(e.Scalar.Line, 1), Column: max(e.Scalar.Column, 1), Message: fmt.Sprintf("expected a scalar of this file, found %q of another", e.Scalar.Key)}
		}
		if err := checkValue(e.Value); err != nil {
			return nil, f.refuse(n, err, "give it a version")
		}
		earlier, ok := values[n]
		if ok && earlier != e.Value {
			return nil, f.at(n, fmt.Sprintf("expected one value for %s, found %q and %q", f.key(n), shorten(earlier, 80), shorten(e.Value, 80)), "let one target only write this key")
		}
		values[n] = e.Value
		if !ok && e.Value != value(n) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Scalar.node.Line, b.Scalar.node.Line), cmp.Compare(a.Scalar.node.Column, b.Scalar.node.Column))
	})
	return out, nil
}

func (f *File) refuse(n *yaml.Node, err error, hint string) error {
	refusal := f.at(n, fmt.Sprintf("changing %s: %v", f.key(n), err), hint)
	refusal.Err = err
	return refusal
}

// plan finds the bytes of each scalar and writes its new text.
func (f *File) plan(edits []Edit) ([]change, error) {
	at := &cursor{file: f, odd: oddLines(f.data)}
	changes := make([]change, 0, len(edits))
	for _, e := range edits {
		c, err := f.change(at, e)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

func (f *File) change(at *cursor, e Edit) (change, error) {
	n := e.Scalar.node
	if err := checkTag(n, e.Value); err != nil {
		return change{}, f.refuse(n, err, "remove the tag, or quote the value and tag it !!str")
	}
	parent := f.places[n].parent
	text, err := render(n, parent != nil && parent.Style&yaml.FlowStyle != 0, e.Value)
	if err != nil {
		return change{}, f.refuse(n, err, "write the scalar on one line")
	}
	offset, ok := at.seek(n.Line, n.Column)
	if !ok {
		return change{}, f.refuse(n, errLost, "write the scalar on one line, in quotes")
	}
	place, err := locate(f.data, offset, n)
	if err == nil && place.touches(at.odd) {
		err = errOddBreak
	}
	if err != nil {
		return change{}, f.refuse(n, err, adviceFor(err))
	}
	return change{span: place, scalar: e.Scalar, value: e.Value, text: text}, nil
}

func adviceFor(err error) string {
	switch {
	case errors.Is(err, errNoColon), errors.Is(err, errEmptyBlock):
		return "write a first value there by hand"
	case errors.Is(err, errOddBreak):
		return "replace the character by a plain line break or an escape"
	}
	return "write the scalar on one line, in quotes"
}

// splice copies the file and puts the new texts in place of the spans.
func (f *File) splice(changes []change) []byte {
	size := len(f.data)
	for _, c := range changes {
		size += len(c.text) + c.indent + 1
	}
	out, from := make([]byte, 0, size), 0
	for _, c := range changes {
		out = append(out, f.data[from:c.start]...)
		if c.empty {
			out = append(out, ' ')
		}
		out = append(out, strings.Repeat(" ", c.indent)...)
		out = append(out, c.text...)
		from = c.end
	}
	return append(out, f.data[from:]...)
}

// blame names the edit that spoils the file: the last of the shortest run of edits that does.
func (f *File) blame(changes []change, all error) error {
	cause := all
	guilty := sort.Search(len(changes)-1, func(i int) bool {
		err := f.verify(f.splice(changes[:i+1]), changes[:i+1])
		if err != nil {
			cause = err
		}
		return err != nil
	})
	n := changes[guilty].scalar.node
	return f.refuse(n, fmt.Errorf("the new text would not read back as intended: %w", cause), "write the scalar on one line, in quotes, and run again")
}
