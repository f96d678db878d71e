package source

import (
	"fmt"
	"slices"
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

// Apply returns the text for a version. It fails when a regular expression matches nothing, when there is no semantic
// version to increment, and when a transformer leaves nothing, even if a later one would add something.
func (t Transform) Apply(version string) (string, error) {
	text := version
	for i, op := range t.ops {
		next, err := op.apply(text)
		if err != nil {
			return "", fmt.Errorf("transforming %q: %w", version, err)
		}
		if next == "" && op.kind != identity {
			return "", fmt.Errorf("transforming %q: transformer %d of %d leaves nothing of %q", version, i+1, len(t.ops), text)
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

// Increments reports whether semverinc takes part, so that Resemble only knows between which versions the value's own lies.
func (t Transform) Increments() bool {
	return slices.ContainsFunc(t.ops, func(o Op) bool { return o.kind == semverInc })
}

// Resemble returns the versions that the value may come from when it was written by somebody else: what the prefix and
// suffix transformers add may be there in part or not at all, or with other numbers; increments are taken back to the lowest
// and the highest version they may come from; the other transformers are taken as having changed nothing. The best guess
// comes first, 16 at most; Apply need not turn them into the value.
func (t Transform) Resemble(value string) []string {
	texts := []string{value}
	for i := len(t.ops) - 1; i >= 0; i-- {
		var before []string
		for _, text := range texts {
			before = append(before, t.ops[i].resemble(text)...)
		}
		texts = before[:min(len(before), maxUndone)]
	}
	return texts
}
