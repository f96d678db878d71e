package source

import (
	"fmt"
	"strings"
)

// maxUndone bounds how many texts Undo returns.
const maxUndone = 16

// Transform turns a version into the text that is written, by Updatecli's transformers in their order. It is immutable;
// the zero value changes nothing.
type Transform struct{ ops []Op }

// NewTransform returns the transformers in the order in which they apply.
func NewTransform(ops ...Op) Transform { return Transform{}.Then(Transform{ops: ops}) }

// Then returns a transform that applies t first and next after it.
func (t Transform) Then(next Transform) Transform {
	ops := make([]Op, 0, len(t.ops)+len(next.ops))
	return Transform{ops: append(append(ops, t.ops...), next.ops...)}
}

// Identity reports whether the transform changes nothing because it holds no transformer.
func (t Transform) Identity() bool { return len(t.ops) == 0 }

// Apply returns the text for a version. It fails when a regular expression matches nothing or when there is no semantic
// version to increment; an empty text is not an error.
func (t Transform) Apply(version string) (string, error) {
	text := version
	for _, op := range t.ops {
		next, err := op.apply(text)
		if err != nil {
			return "", fmt.Errorf("transforming %q: %w", version, err)
		}
		text = next
	}
	return text, nil
}

// Undo returns the versions that Apply turns into the value, the best guess first and 16 at most. It returns nil when
// there are none, or when a transformer other than the prefix and suffix ones takes part.
func (t Transform) Undo(value string) []string {
	texts := []string{value}
	for i := len(t.ops) - 1; i >= 0; i-- {
		var before []string
		for _, text := range texts {
			before = append(before, t.ops[i].undo(text)...)
		}
		texts = before[:min(len(before), maxUndone)]
	}
	if len(texts) == 0 {
		return nil
	}
	return texts
}

// Prefix returns the text that everything which Apply returns begins with, as far as the prefix and suffix transformers
// alone tell, and whether they are all there is.
func (t Transform) Prefix() (prefix string, literal bool) {
	literal = true
	for _, op := range t.ops {
		switch op.kind {
		case addPrefix:
			prefix = op.text + prefix
		case trimPrefix:
			rest, ok := strings.CutPrefix(prefix, op.text)
			if !ok && strings.HasPrefix(op.text, prefix) {
				rest = "" // it reaches into the version
			}
			prefix = rest
		case semverInc:
			prefix = ""
		case replace, find:
			prefix, literal = "", false
		}
	}
	return prefix, literal
}
