package edit

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// verifier walks the trees before and after side by side; aliases stay unresolved.
type verifier struct {
	before   *File
	intended map[*yaml.Node]string     // node before -> decoded value after
	anchors  map[*yaml.Node]*yaml.Node // anchored node before -> after
}

// verify parses the new bytes and compares: the trees may differ at the changed scalars only, and there as intended.
func (f *File) verify(data []byte, changes []change) error {
	after := &File{name: f.name, data: data, bom: f.bom}
	if err := after.checkBytes(); err != nil {
		return err
	}
	if err := after.decode(); err != nil {
		return err
	}
	if len(after.docs) != len(f.docs) {
		return fmt.Errorf("expected %d documents, found %d", len(f.docs), len(after.docs))
	}
	v := &verifier{before: f, intended: make(map[*yaml.Node]string, len(changes)), anchors: map[*yaml.Node]*yaml.Node{}}
	for _, c := range changes {
		v.intended[c.scalar.node] = c.value + c.scalar.node.Value[len(value(c.scalar.node)):]
	}
	for i := range f.docs {
		if err := v.compare(f.docs[i], after.docs[i]); err != nil {
			return err
		}
	}
	return sameComments(f.docs, after.docs)
}

func (v *verifier) compare(a, b *yaml.Node) error {
	if a.Anchor != "" {
		v.anchors[a] = b
	}
	if a.Kind != b.Kind || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return fmt.Errorf("%s would become %s", v.before.key(a), describe(b))
	}
	if a.Kind == yaml.AliasNode && v.anchors[a.Alias] != b.Alias {
		return fmt.Errorf("the alias at %s would stand for something else", v.before.key(a))
	}
	if err := v.compareScalar(a, b); err != nil {
		return err
	}
	for i := range a.Content {
		if err := v.compare(a.Content[i], b.Content[i]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) compareScalar(a, b *yaml.Node) error {
	want, changed := v.intended[a]
	switch {
	case !changed && (a.Value != b.Value || a.Tag != b.Tag || a.Style != b.Style):
		return fmt.Errorf("%s would change to %s", v.before.key(a), describe(b))
	case changed && b.Value != want:
		return fmt.Errorf("%s would read %q", v.before.key(a), shorten(b.Value, 80))
	case changed && (b.Tag != tagAfter(a) || (a.Style^b.Style)&yaml.TaggedStyle != 0):
		return fmt.Errorf("%s would be read as %s", v.before.key(a), b.Tag)
	}
	return nil
}

// tagAfter is the tag of a changed scalar: an explicit one stays, everything else becomes text.
func tagAfter(n *yaml.Node) string {
	if n.Style&yaml.TaggedStyle != 0 {
		return n.Tag
	}
	return "!!str"
}

// sameComments compares all comment lines of the file; yaml.v3 may hang one on another node when a scalar gets shorter.
func sameComments(before, after []*yaml.Node) error {
	a, b := commentLines(nil, before), commentLines(nil, after)
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		return fmt.Errorf("expected the same %d comment lines, found %d", len(a), len(b))
	}
	return nil
}

func commentLines(lines []string, nodes []*yaml.Node) []string {
	for _, n := range nodes {
		for _, comment := range []string{n.HeadComment, n.LineComment, n.FootComment} {
			if comment != "" {
				lines = append(lines, strings.Split(comment, "\n")...)
			}
		}
		lines = commentLines(lines, n.Content)
	}
	return lines
}
