package scaffold

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/edit"
)

// keyTo returns a key that leads to exactly one scalar of the file, and names it: entries of lists by what they are
// called, documents of several by what they are. why says why there is none.
//
// A version alone is looked for in its own resource, which it names, so that it stays the only one when another document
// is put beside; a whole reference says itself whose it is.
func (s *scan) keyTo(at *trail, place *yaml.Node) (key, why string) {
	key, why = pathTo(at)
	if why != "" {
		return "", why
	}
	switch {
	case len(s.docs) > 1:
		key = s.guarded(key, "kind", "metadata.name", "metadata.namespace")
	case (!withTag.MatchString(place.Value) || strings.HasPrefix(place.Value, "sha256:")) && text(s.doc, "metadata", "name") != "":
		key = s.guarded(key, "kind", "metadata.name")
	}
	p, err := edit.ParsePath(key)
	if err != nil {
		return "", err.Error()
	}
	all, err := s.values.Find(p)
	switch {
	case err != nil:
		return "", err.Error()
	case len(all) > 1:
		return "", "no key leads to this place alone: several documents of the file are called alike"
	case all[0].Line != place.Line || all[0].Column != place.Column:
		return "", "the key leads to another place"
	case s.values.Encrypted(all[0]):
		return "", "it is encrypted"
	}
	return key, ""
}

// guarded narrows a key to the document that the scan is in, as far as that has what it is called by.
func (s *scan) guarded(key string, by ...string) string {
	var all []string
	for _, path := range by {
		if n := valueAt(s.doc, path); n != nil && n.Kind == yaml.ScalarNode && sayable(n.Value) {
			all = append(all, "@."+path+"=="+quoted(n))
		}
	}
	if len(all) == 0 {
		return key
	}
	return "$[?(" + strings.Join(all, " && ") + ")]" + strings.TrimPrefix(key, "$")
}

// sayable reports whether a text can stand between the quotes of a filter, in which nothing is escaped.
func sayable(text string) bool {
	return text != "" && len(text) <= 200 && !strings.ContainsAny(text, "\\\n\r") && !(strings.Contains(text, "'") && strings.Contains(text, `"`))
}

// pathTo writes the way to a node as a key.
func pathTo(t *trail) (key, why string) {
	if t == nil {
		return "$", ""
	}
	if key, why = pathTo(t.up); why != "" {
		return "", why
	}
	if t.node.Kind == yaml.MappingNode {
		return key + edit.Step(t.name), ""
	}
	condition := entryName(t.node, t.slot)
	if condition == "" {
		return "", "its entry of the list has no name of its own that a key could say: give it one, or write its manifest by hand"
	}
	return key + "[?(" + condition + ")]", ""
}

// callers are the keys that entries of lists are called by, the usual first. What an update changes is none of them.
var callers = []string{"name", "metadata.name", "id", "key", "alias", "chart", "repository", "repo", "registry", "releaseName", "image.repository", "url", "repoURL", "major", "type", "kind", "path", "namespace", "component", "app"}

// condition is what one entry of a list has.
type condition struct{ path, value, text string }

// entryName is a condition that only this entry of the list meets, empty for none.
func entryName(list *yaml.Node, slot int) string {
	item := real(list.Content[slot])
	var all []condition
	for _, path := range callers {
		if v := valueAt(item, path); v != nil && v.Kind == yaml.ScalarNode && sayable(v.Value) {
			all = append(all, condition{path, v.Value, "@." + path + "==" + quoted(v)})
		}
	}
	for _, c := range all {
		if alone(list, c) {
			return c.text
		}
	}
	for i, c := range all {
		for _, other := range all[i+1:] {
			if alone(list, c, other) {
				return c.text + " && " + other.text
			}
		}
	}
	return imageName(list, slot)
}

// alone reports whether one entry of the list alone meets all conditions.
func alone(list *yaml.Node, all ...condition) bool {
	n := 0
	for _, item := range list.Content {
		if !slices.ContainsFunc(all, func(c condition) bool {
			v := valueAt(real(item), c.path)
			return v == nil || v.Value != c.value && v.Kind != yaml.AliasNode // an alias may stand for the same text
		}) {
			n++
		}
	}
	return n == 1
}

// imageName names an entry by the image in its one text, without the tag; empty when that does not tell it from others.
func imageName(list *yaml.Node, slot int) string {
	item := real(list.Content[slot])
	if item.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, m := item.Content[i].Value, withTag.FindStringSubmatch(item.Content[i+1].Value)
		if m == nil || !isImage(key) || edit.Step(key)[0] != '.' || !sayable(m[1]) {
			continue
		}
		n := 0
		for _, other := range list.Content {
			if v := valueAt(real(other), key); v != nil && strings.HasPrefix(v.Value, m[1]+":") {
				n++
			}
		}
		if n == 1 {
			return "@." + key + "=~/^" + strings.ReplaceAll(regexp.QuoteMeta(m[1]), "/", `\/`) + ":/"
		}
	}
	return ""
}

// valueAt returns the scalar at a dotted path of a map's own keys.
func valueAt(n *yaml.Node, path string) *yaml.Node {
	for key := range strings.SplitSeq(path, ".") {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		n = child(n, key)
	}
	if n == nil || n.Kind != yaml.ScalarNode && n.Kind != yaml.AliasNode || n.Tag == "!!null" {
		return nil
	}
	return n
}

func quoted(n *yaml.Node) string {
	if n.Tag == "!!int" && decimalText.MatchString(n.Value) {
		return n.Value
	}
	if strings.Contains(n.Value, "'") {
		return `"` + n.Value + `"`
	}
	return "'" + n.Value + "'"
}

var decimalText = mustPattern(`^[1-9][0-9]{0,8}$`)
