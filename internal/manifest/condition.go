package manifest

import (
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// maxArchitectures bounds what one condition may ask an image for.
const maxArchitectures = 32

// conditions translates the conditions of a document, whose sources the manifest holds.
func (t *translator) conditions(d document, m Manifest) []Condition {
	var all []Condition
	for _, e := range d.Conditions {
		all = append(all, t.condition(e.Key, e.Value, d, m))
	}
	return all
}

func (t *translator) condition(id strictyaml.Text, b conditionBlock, d document, m Manifest) Condition {
	c := Condition{ID: id.Value, Transform: t.transform(b.Transformers)}
	var spec existsSpec
	if b.Kind.Value != "dockerimage" || b.Spec.node == nil || !t.decode(b.Spec.node, &spec) || !t.filled(spec.Image, "image", "e.g. ghcr.io/org/app") {
		return c
	}
	var err error
	c.Name = t.expand(spec.Image)
	if c.Query, err = source.ParseImage(c.Name); err != nil && c.Name != "" {
		t.fail(spec.Image, err)
	}
	for _, a := range append(textList{spec.Architecture}, spec.Architectures...) {
		if a.Value != "" {
			c.Architectures = append(c.Architectures, strings.ToLower(t.expand(a)))
		}
	}
	if len(c.Architectures) > maxArchitectures {
		t.errorf(id, "name those that you deploy on", "the condition %q asks for more than %d architectures", id.Value, maxArchitectures)
	}
	switch {
	case sourceText.MatchString(spec.Tag.Value):
		if c.SourceID, c.Transform = t.written("tag", spec.Tag, d.Sources); c.SourceID != "" {
			c.Transform = m.Source(c.SourceID).Transform.Then(c.Transform)
		}
	case spec.Tag.Value != "":
		c.Tag = t.expand(spec.Tag)
	case b.DisableSourceInput.Value:
		t.errorf(id, "write spec.tag, or remove disablesourceinput", "the condition %q does not say which tag it asks for", id.Value)
	default:
		if c.SourceID = t.followed("condition", id, b.SourceID, d.Sources); c.SourceID != "" {
			c.Transform = m.Source(c.SourceID).Transform.Then(c.Transform)
		}
	}
	return c
}

// conditionsOf are the conditions that a target depends on: all of them, or those that it names.
func (t *translator) conditionsOf(b targetBlock, all []Condition) []Condition {
	if len(b.ConditionIDs) == 0 {
		if b.DisableConditions.Value {
			return nil
		}
		return all
	}
	var own []Condition
	for _, id := range b.ConditionIDs {
		at := slices.IndexFunc(all, func(c Condition) bool { return c.ID == id.Value })
		if at < 0 {
			t.errorf(id, "name one of conditions", "there is no condition %q", id.Value)
			continue
		}
		own = append(own, all[at])
	}
	return own
}
