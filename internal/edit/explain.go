package edit

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
)

// maxFollow bounds how many aliases and merge keys a hint looks behind.
const maxFollow = 16

// explainMissing says why a path selects nothing: what exists of it, and where the rest would be.
func (f *File) explainMissing(p Path) error {
	if len(f.docs) == 0 {
		return &Error{File: f.name, Line: 1, Column: 1, Message: fmt.Sprintf("expected a scalar at %s, found an empty file", p), Hint: "write the key into the file first"}
	}
	nodes, rest := f.deepest(p)
	for _, n := range nodes {
		if err := f.behindAlias(n, p, rest); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := f.behindMerge(n, p, rest); err != nil {
			return err
		}
	}
	return f.missing(nodes[0], p, rest)
}

// deepest returns what the longest prefix of the path selects, and the segments that follow it.
func (f *File) deepest(p Path) ([]*yaml.Node, []segment) {
	for i := len(p.segments) - 1; i > 0; i-- {
		prefix, err := ParsePath(p.text[:p.segments[i].start])
		if err != nil {
			continue
		}
		if nodes, err := f.eval(prefix); err == nil && len(nodes) > 0 {
			return nodes, p.segments[i:]
		}
	}
	return f.docs, p.segments
}

func (f *File) behindAlias(n *yaml.Node, p Path, rest []segment) error {
	if n.Kind != yaml.AliasNode {
		return nil
	}
	return f.at(n, fmt.Sprintf("expected %s without aliases, found the alias *%s at %s", p, n.Value, f.key(n)), f.useInstead(n.Alias, p.tail(rest)))
}

// behindMerge looks for the missing part in the maps that `<<` merges in.
func (f *File) behindMerge(m *yaml.Node, p Path, rest []segment) error {
	for _, source := range merged(m) {
		target := f.resolve(source, p.tail(rest), map[*yaml.Node]bool{})
		if target == nil {
			continue
		}
		return f.at(source, fmt.Sprintf("expected %s in %s itself, found it through the merge key << only", p, f.key(m)),
			fmt.Sprintf("use %s, or write the key in %s itself", f.key(target), f.key(m)))
	}
	return nil
}

// merged returns the maps and aliases that the merge keys of a map name.
func merged(m *yaml.Node) []*yaml.Node {
	if m.Kind != yaml.MappingNode {
		return nil
	}
	var sources []*yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		switch source := m.Content[i+1]; {
		case !isMerge(m.Content[i]):
		case source.Kind == yaml.SequenceNode:
			sources = append(sources, source.Content...)
		default:
			sources = append(sources, source)
		}
	}
	return sources
}

// tail returns the path of the given last segments, counted from wherever they start; nil when there are none.
func (p Path) tail(rest []segment) *Path {
	if len(rest) == 0 {
		return nil
	}
	text := p.text[rest[0].start:]
	if !strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "[") {
		text = "." + text
	}
	tail, err := ParsePath("$" + text)
	if err != nil {
		return nil
	}
	return &tail
}

// useInstead names the place that an alias stands for, and the scalar below it when there is one.
func (f *File) useInstead(n *yaml.Node, tail *Path) string {
	if target := f.resolve(n, tail, map[*yaml.Node]bool{}); target != nil {
		return "use " + f.key(target)
	}
	return fmt.Sprintf("the alias stands for %s, and the key is missing there too", f.key(n))
}

// resolve follows aliases and merge keys, each node once and a bounded number in all, to the node that the tail selects.
func (f *File) resolve(n *yaml.Node, tail *Path, seen map[*yaml.Node]bool) *yaml.Node {
	if n == nil || seen[n] || len(seen) >= maxFollow {
		return nil
	}
	seen[n] = true
	if n.Kind == yaml.AliasNode {
		return f.resolve(n.Alias, tail, seen)
	}
	if tail == nil {
		return n
	}
	if tail.visits(len(f.places), f.depth) > maxVisits {
		return nil
	}
	if nodes, err := tail.find(n); err == nil && len(nodes) > 0 {
		return f.resolve(nodes[0], nil, seen)
	}
	for _, source := range merged(n) {
		if target := f.resolve(source, tail, seen); target != nil {
			return target
		}
	}
	return nil
}

// missing describes the first step that does not exist below a node that does.
func (f *File) missing(n *yaml.Node, p Path, rest []segment) error {
	if len(rest) == 0 {
		return f.at(n, fmt.Sprintf("expected a scalar at %s, found none", p), "")
	}
	next := p.text[rest[0].start:rest[0].end]
	name := rest[0].name
	switch {
	case rest[0].recursive:
		return f.at(n, fmt.Sprintf("expected a scalar at %s, found nothing that matches %s below %s", p, next, f.key(n)), f.guess(name))
	case name == "":
		return f.at(n, fmt.Sprintf("expected a scalar at %s, found nothing that matches %s in %s, which is %s", p, next, f.key(n), describe(n)), "")
	case n.Kind != yaml.MappingNode:
		return f.at(n, fmt.Sprintf("expected a map with the key %q at %s for %s, found %s", name, f.key(n), p, describe(n)), "")
	}
	hint := keysHint(n)
	if close := closest(name, names(n)); close != "" {
		hint = fault.DidYouMean(close)
	}
	return f.at(n, fmt.Sprintf("expected the key %q in %s for %s, found none", name, f.key(n), p), hint)
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return fmt.Sprintf("a list of %d", len(n.Content))
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Value == "" && n.Style == 0:
		return "an empty value"
	}
	return fmt.Sprintf("the scalar %q", shorten(n.Value, 40))
}

func (f *File) guess(name string) string {
	if name == "" {
		return ""
	}
	var all []string
	for n := range f.places {
		all = append(all, names(n)...)
	}
	return fault.DidYouMean(closest(name, all))
}

func names(n *yaml.Node) []string {
	var out []string
	if n.Kind != yaml.MappingNode {
		return out
	}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind == yaml.ScalarNode && !isMerge(key) {
			out = append(out, key.Value)
		}
	}
	return out
}

// closest returns the name that differs in at most a third of the letters, the alphabetically first of equals, or "".
func closest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+1
	if len(name) > 100 {
		return ""
	}
	for _, candidate := range candidates {
		if gap := len(candidate) - len(name); candidate == name || max(gap, -gap) >= max(bestDistance, 1) {
			continue
		}
		distance := fault.Distance(name, candidate)
		if distance < bestDistance || distance == bestDistance && (best == "" || candidate < best) {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// pathsHint names the places of the first values in a map.
func (f *File) pathsHint(n *yaml.Node) string {
	const shown = 4
	var all []string
	for i := 0; i+1 < len(n.Content) && len(all) < shown; i += 2 {
		if key := n.Content[i]; key.Kind == yaml.ScalarNode && !isMerge(key) {
			all = append(all, shorten(f.key(n.Content[i+1]), 100))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "name one of its keys: " + strings.Join(all, ", ")
}

func keysHint(n *yaml.Node) string {
	const shown = 8
	all := names(n)
	if len(all) == 0 {
		return ""
	}
	listed := make([]string, 0, shown)
	for _, name := range all[:min(len(all), shown)] {
		listed = append(listed, shorten(name, 60))
	}
	text := "its keys are " + strings.Join(listed, ", ")
	if len(all) > shown {
		text += fmt.Sprintf(" and %d more", len(all)-shown)
	}
	return text
}
