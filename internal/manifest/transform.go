package manifest

import (
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// transform compiles a list of transformers into one.
func (t *translator) transform(blocks []transformBlock) source.Transform {
	var all source.Transform
	for _, b := range blocks {
		steps := b.steps()
		switch {
		case len(steps) > 1:
			t.errorf(steps[1].at, "write each transformer as an item of its own, in order", "two transformers in one item of the list")
		case len(steps) == 1:
			next, err := steps[0].make(t)
			if err != nil {
				t.errorf(steps[0].at, "", "%s: %v", steps[0].name, err)
			}
			all = all.Then(next)
		}
	}
	return all
}

// step is one transformer of a block: where it stands and how it is compiled.
type step struct {
	name string
	at   strictyaml.Text
	make func(t *translator) (source.Transform, error)
}

// steps are the transformers that a block sets; there should be one.
func (b transformBlock) steps() []step {
	var all []step
	plain := func(name string, text strictyaml.Text, f func(string) source.Transform) {
		b.add(&all, name, text, func(t *translator) (source.Transform, error) { return f(t.expand(text)), nil })
	}
	plain("trimprefix", b.TrimPrefix, source.TrimPrefix)
	plain("addprefix", b.AddPrefix, source.AddPrefix)
	plain("trimsuffix", b.TrimSuffix, source.TrimSuffix)
	plain("addsuffix", b.AddSuffix, source.AddSuffix)
	b.add(&all, "find", b.Find, func(t *translator) (source.Transform, error) { return source.Find(t.expand(b.Find)) })
	b.add(&all, "semverinc", b.SemVerInc, func(t *translator) (source.Transform, error) { return source.Increment(t.expand(b.SemVerInc)) })
	if f := b.FindSubMatch; f != nil {
		b.add(&all, "findsubmatch", f.Pattern, func(t *translator) (source.Transform, error) {
			return source.FindSubmatch(t.expand(f.Pattern), f.Index.Value)
		})
	}
	if r := b.Replacer; r != nil {
		b.add(&all, "replacer", r.From, replacers([]replaceBlock{*r}))
	}
	if len(b.Replacers) > 0 {
		b.add(&all, "replacers", b.Replacers[0].From, replacers(b.Replacers))
	}
	return all
}

func (transformBlock) add(all *[]step, name string, at strictyaml.Text, build func(*translator) (source.Transform, error)) {
	if at.Set() {
		*all = append(*all, step{name, at, build})
	}
}

func replacers(blocks []replaceBlock) func(*translator) (source.Transform, error) {
	return func(t *translator) (source.Transform, error) {
		var pairs []string
		for _, r := range blocks {
			pairs = append(pairs, t.expand(r.From), t.expand(r.To))
		}
		return source.Replace(pairs...)
	}
}
