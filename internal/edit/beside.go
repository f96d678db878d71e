package edit

import "gopkg.in/yaml.v3"

// Sibling is a text beside a scalar, in the same map.
type Sibling struct {
	// Name is its key in the map.
	Name string
	// Scalar is its place; of an alias the place is the alias's and the value that of its anchor.
	Scalar
}

// Name returns the key of a scalar in its map, empty for an entry of a list.
func (f *File) Name(s Scalar) string {
	p := f.places[s.node]
	if p.parent == nil || p.parent.Kind != yaml.MappingNode {
		return ""
	}
	return p.parent.Content[p.slot-1].Value
}

// Beside returns the texts of the given names in the map that the scalar stands in, the scalar itself left out. Nulls
// have an empty value.
func (f *File) Beside(s Scalar, names ...string) []Sibling {
	m := f.places[s.node].parent
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	var all []Sibling
	for _, name := range names {
		for _, slot := range f.slots(m, name) {
			n := m.Content[slot+1]
			of := n
			if n.Kind == yaml.AliasNode {
				of = n.Alias
			}
			if n == s.node || of.Kind != yaml.ScalarNode {
				continue
			}
			sibling := Sibling{Name: name, Scalar: f.scalar(n)}
			sibling.Value = value(of)
			if of.Tag == "!!null" {
				sibling.Value = ""
			}
			all = append(all, sibling)
		}
	}
	return all
}

// few is how many keys of a map are looked through one by one.
const few = 32

// slots returns where a map has a key, in order. The keys of a large map are sorted out once: a wildcard asks for each.
func (f *File) slots(m *yaml.Node, name string) []int {
	if len(m.Content) > 2*few {
		known, ok := f.keys.Load(m)
		if !ok {
			known, _ = f.keys.LoadOrStore(m, byName(m))
		}
		return known.(map[string][]int)[name]
	}
	var all []int
	for i := 0; i+1 < len(m.Content); i += 2 {
		if key := m.Content[i]; key.Kind == yaml.ScalarNode && key.Value == name {
			all = append(all, i)
		}
	}
	return all
}

func byName(m *yaml.Node) map[string][]int {
	all := make(map[string][]int, len(m.Content)/2)
	for i := 0; i+1 < len(m.Content); i += 2 {
		if key := m.Content[i]; key.Kind == yaml.ScalarNode {
			all[key.Value] = append(all[key.Value], i)
		}
	}
	return all
}
