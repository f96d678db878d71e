package manifest

import (
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// transform compiles a list of transformers.
func (t *translator) transform(blocks []transformBlock) source.Transform {
	var ops []source.Op
	for _, b := range blocks {
		for _, s := range t.steps(b) {
			if s.err != nil {
				t.errorf(s.at, "", "%v", s.err)
			}
			ops = append(ops, s.op)
		}
	}
	return source.NewTransform(ops...)
}

// step is one transformer of a block and where it stands.
type step struct {
	at  strictyaml.Text
	op  source.Op
	err error
}

// steps are the transformers that a block sets, in the order in which Updatecli applies those of one item.
func (t *translator) steps(b transformBlock) []step {
	var all []step
	add := func(at strictyaml.Text, build func(text string) (source.Op, error)) {
		if at.Set() {
			op, err := build(t.expand(at))
			all = append(all, step{at, op, err})
		}
	}
	add(b.AddPrefix, always(source.AddPrefix))
	add(b.AddSuffix, always(source.AddSuffix))
	add(b.TrimPrefix, always(source.TrimPrefix))
	add(b.TrimSuffix, always(source.TrimSuffix))
	if len(b.Replacers) > 0 {
		add(b.Replacers[0].From, func(string) (source.Op, error) { return t.replace(b.Replacers) })
	}
	if r := b.Replacer; r != nil {
		add(r.From, func(string) (source.Op, error) { return t.replace([]replaceBlock{*r}) })
	}
	add(b.Find, source.Find)
	if f := b.FindSubMatch; f != nil {
		add(f.Pattern, func(text string) (source.Op, error) {
			if capture := t.expand(f.Capture); capture != "" {
				return source.FindCapture(text, capture)
			}
			return source.FindSubmatch(text, f.Index.Value)
		})
	}
	add(b.SemVerInc, source.SemverInc)
	return all
}

func always(f func(string) source.Op) func(string) (source.Op, error) {
	return func(text string) (source.Op, error) { return f(text), nil }
}

func (t *translator) replace(blocks []replaceBlock) (source.Op, error) {
	var all []source.Replacement
	for _, r := range blocks {
		all = append(all, source.Replacement{From: t.expand(r.From), To: t.expand(r.To)})
	}
	return source.Replace(all...)
}
