package scaffold

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// identities are the keys by which people tell the entries of a list apart, the best first.
var identities = []string{"name", "id", "key", "alias", "repository"}

// entry is the step of a key that leads to one entry of a list. It names the entry, so that it leads to the same one when
// others are put before it; without a name of its own the entry is counted, which add refuses.
func entry(list *yaml.Node, i int) string {
	for _, key := range identities {
		if n := child(list.Content[i], key); n != nil && n.Tag == "!!str" && own(list, key, n.Value) {
			return fmt.Sprintf("[?(@.%s==%s)]", key, literalText(n.Value))
		}
	}
	return fmt.Sprintf("[%d]", i)
}

// own reports whether exactly one entry of a list has the text at a key, and a key can say it.
func own(list *yaml.Node, key, name string) bool {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, "\\\n\r") || strings.ContainsAny(name, "'") && strings.ContainsAny(name, `"`) {
		return false
	}
	found := 0
	for _, c := range list.Content {
		for c.Kind == yaml.AliasNode {
			c = c.Alias
		}
		if v := child(c, key); v != nil && (v.Kind == yaml.AliasNode || v.Value == name) {
			found++ // an alias may stand for the same text
		}
	}
	return found == 1
}

// literalText writes a text as the string of a filter, in which nothing is escaped.
func literalText(name string) string {
	if strings.Contains(name, "'") {
		return `"` + name + `"`
	}
	return "'" + name + "'"
}

var counting = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[\d+\]`) })

// counts reports whether a key counts the entries of a list.
func counts(key string) bool { return counting().MatchString(key) }
