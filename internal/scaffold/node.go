package scaffold

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// trail is the way from the root of a document to a node: the containers above it, the nearest first.
type trail struct {
	up *trail
	// node is the map or list, name the key below it, slot the place in it.
	node *yaml.Node
	name string
	slot int
}

// names are the keys on the way, lists left out, the outermost first.
func (t *trail) names() []string {
	if t == nil {
		return nil
	}
	if t.node.Kind == yaml.SequenceNode {
		return t.up.names()
	}
	return append(t.up.names(), t.name)
}

// at reports whether the way is exactly that of the keys.
func (t *trail) at(path string) bool { return strings.Join(t.names(), ".") == path }

// parent is the nearest key on the way.
func (t *trail) parent() string {
	for ; t != nil; t = t.up {
		if t.node.Kind == yaml.MappingNode {
			return t.name
		}
	}
	return ""
}

// real is the node that an alias stands for.
func real(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// field returns the value of a key of a map, with aliases and merged maps followed; nil for none.
func field(n *yaml.Node, key string) *yaml.Node {
	budget := maxMerged
	return fieldWithin(n, key, &budget)
}

// maxMerged bounds how many maps are looked through for one key: merged maps may merge others, in any number.
const maxMerged = 100

func fieldWithin(n *yaml.Node, key string, budget *int) *yaml.Node {
	n = real(n)
	if *budget--; n == nil || n.Kind != yaml.MappingNode || *budget < 0 {
		return nil
	}
	if c := child(n, key); c != nil {
		return real(c)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := []*yaml.Node{n.Content[i+1]}
		if merged[0].Kind == yaml.SequenceNode {
			merged = merged[0].Content
		}
		for _, m := range merged {
			if c := fieldWithin(m, key, budget); c != nil {
				return c
			}
		}
	}
	return nil
}

// text returns the scalar's text that keys lead to, empty for none.
func text(n *yaml.Node, keys ...string) string {
	for _, key := range keys {
		n = field(n, key)
	}
	if n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.Value
	}
	return ""
}

// entries are the items of the list that keys lead to.
func entries(n *yaml.Node, keys ...string) []*yaml.Node {
	for _, key := range keys {
		n = field(n, key)
	}
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}
