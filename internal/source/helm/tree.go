package helm

import (
	"errors"

	"gopkg.in/yaml.v3"
)

// maxMerged bounds the charts of an index that merges some into others, which only the library reads right, and in time
// that grows as the square of their number.
const maxMerged = 2000

// maxKeys bounds the keys of one version of a chart.
const maxKeys = 256

var errNoIndex = errors.New("the index is not the YAML of a Helm repository")

// decode reads any index with the YAML library, chart by chart: the library compares each key of a map with each other,
// which 80,000 charts take a minute for.
func decode(data []byte) (Index, error) {
	var (
		root     yaml.Node
		document struct {
			Entries yaml.Node `yaml:"entries"`
		}
	)
	if yaml.Unmarshal(data, &root) != nil || len(root.Content) > 0 && len(root.Content[0].Content) > 2*maxOthers ||
		root.Decode(&document) != nil {
		return Index{}, errNoIndex
	}
	entries := target(&document.Entries)
	switch {
	case entries.Kind == 0, entries.Kind == yaml.ScalarNode && entries.Tag == "!!null":
		return Index{}, errors.New("the index has no entries")
	case entries.Kind != yaml.MappingNode:
		return Index{}, errNoIndex
	}
	all, keys := charts{versions: map[string][]string{}}, map[string]bool{}
	for i := 0; i < len(entries.Content); i += 2 {
		key := entries.Content[i]
		if key.Tag == "!!merge" {
			return merged(entries)
		}
		if keys[key.Value] {
			return Index{}, errNoIndex
		}
		keys[key.Value] = true
		if target(key).Tag == "!!null" {
			continue // as the library does
		}
		if err := all.decode(entries.Content[i], entries.Content[i+1]); err != nil {
			return Index{}, err
		}
	}
	return Index{charts: all.versions}, nil
}

// decode reads one chart. The library refuses what blows up through aliases.
func (c *charts) decode(key, value *yaml.Node) error {
	var (
		name string
		list []entry
	)
	if key.Decode(&name) != nil || manyKeys(value) || value.Decode(&list) != nil {
		return errNoIndex
	}
	if err := c.begin(name); err != nil {
		return err
	}
	for _, e := range list {
		if err := c.add(name, e.Version); err != nil {
			return err
		}
	}
	return nil
}

// merged reads entries that hold a merge key.
func merged(entries *yaml.Node) (Index, error) {
	if len(entries.Content)/2 > maxMerged {
		return Index{}, errNoIndex
	}
	for _, list := range entries.Content {
		if manyKeys(list) {
			return Index{}, errNoIndex
		}
	}
	var lists map[string][]entry
	if err := entries.Decode(&lists); err != nil {
		return Index{}, errNoIndex
	}
	all := charts{versions: map[string][]string{}}
	for name, list := range lists {
		if err := all.begin(name); err != nil {
			return Index{}, err
		}
		for _, e := range list {
			if err := all.add(name, e.Version); err != nil {
				return Index{}, err
			}
		}
	}
	return Index{charts: all.versions}, nil
}

// manyKeys reports whether an item of a list has more keys than any version of a chart. The library compares each with
// each other.
func manyKeys(list *yaml.Node) bool {
	for _, item := range target(list).Content {
		if len(target(item).Content) > 2*maxKeys {
			return true
		}
	}
	return false
}

// target is what a node stands for.
func target(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}
