package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// expression is what a manifest may hold of a template: {{ requiredEnv "NAME" }}, {{ env "NAME" }} and {{ .a.b }}, where the
// name may be looked up too, {{ requiredEnv .a.b }}, and a default may follow, {{ env "NAME" | default "text" }}.
var expression = regexp.MustCompile("\\{\\{-?\\s*" +
	"(?:(requiredEnv|env)\\s+)?(?:\"([^\"]*)\"|`([^`]*)`|(\\.\\w+(?:\\.\\w+)*))" +
	"(?:\\s*\\|\\s*default\\s+(?:\"([^\"]*)\"|`([^`]*)`))?" +
	"\\s*-?\\}\\}")

// sourceText is the text of a source, which only what a target writes and the tag of a condition may hold.
var sourceText = regexp.MustCompile("\\{\\{-?\\s*source\\s+(?:\"([^\"]*)\"|`([^`]*)`)\\s*-?\\}\\}")

const expressionHint = `{{ requiredEnv "NAME" }}, {{ env "NAME" | default "text" }} and {{ .a.b }} are read`

// lookup is one expression, taken apart.
type lookup struct {
	env       bool
	name      string // of a variable
	path      string // in the values
	otherwise string
	defaulted bool
}

// parse takes an expression apart; false when it is none that is read.
func parse(e string) (lookup, bool) {
	m := expression.FindStringSubmatchIndex(e)
	group := func(i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return e[m[2*i]:m[2*i+1]]
	}
	if m == nil || m[2] < 0 && m[8] < 0 { // a text alone
		return lookup{}, false
	}
	return lookup{env: m[2] >= 0, name: group(2) + group(3), path: group(4), otherwise: group(5) + group(6), defaulted: m[10] >= 0 || m[12] >= 0}, true
}

// expand replaces the expressions of a text that is not a credential; with a fault the text is empty.
func (t *translator) expand(text strictyaml.Text) string {
	if !strings.Contains(text.Value, "{{") {
		return text.Value
	}
	readable := func(e string) bool { _, ok := parse(e); return ok }
	rest := expression.ReplaceAllStringFunc(text.Value, func(e string) string {
		if readable(e) {
			return ""
		}
		return e
	})
	if strings.Contains(rest, "{{") {
		t.errorf(text, expressionHint, "unknown expression in %q", text.Value)
		return ""
	}
	before := len(t.problems)
	expanded := expression.ReplaceAllStringFunc(text.Value, func(e string) string {
		l, _ := parse(e)
		return t.value(text, l)
	})
	if len(t.problems) > before {
		return ""
	}
	return expanded
}

// value is what an expression stands for.
func (t *translator) value(text strictyaml.Text, l lookup) string {
	if !l.env {
		if l.defaulted && t.opt.Values.Empty(l.path) {
			return l.otherwise
		}
		value, ok := t.opt.Values.Look(l.path)
		if !ok {
			t.unknown(text, l.path)
		}
		return value
	}
	name := t.variable(text, l)
	if name == "" {
		return ""
	}
	if slices.Contains(t.opt.Secrets, name) {
		t.errorf(text, "a secret may stand in token and username only", "the secret %s cannot stand here", name)
		return ""
	}
	if !t.readable(text, name, allowHint(name)) {
		return ""
	}
	value, _ := t.opt.Env(name)
	switch {
	case value == "" && l.defaulted:
		return l.otherwise
	case value == "":
		t.errorf(text, "set it, or write the value", "the environment variable %s is not set, or empty", name)
	}
	return value
}

// variable is the name of the variable that an expression reads, which may stand in the values; empty with a fault.
func (t *translator) variable(text strictyaml.Text, l lookup) string {
	if l.path == "" {
		return l.name
	}
	name, ok := t.opt.Values.Look(l.path)
	if !ok {
		t.unknown(text, l.path)
	}
	return name
}

// unknown reports what no file of values says as one text.
func (t *translator) unknown(text strictyaml.Text, path string) {
	if !t.opt.Values.Empty(path) {
		t.errorf(text, "name one of the texts in it", "%s is a map or a list, and no single text", path)
		return
	}
	hint := "add it to one of the files of values in .pawl.yaml"
	if t.opt.Values == nil {
		hint = "name the files that say it in .pawl.yaml: values: [updatecli/values.yaml]"
	}
	t.errorf(text, hint, "no file of values says %s", path)
}

// credential returns the variable that a token for the host stands for, empty for none. An unset one means anonymous.
func (t *translator) credential(text strictyaml.Text, host string) string {
	if !text.Set() || text.Value == "" {
		return ""
	}
	l, ok := parse(text.Value)
	if !ok || !l.env || l.defaulted || expression.FindString(text.Value) != strings.TrimSpace(text.Value) {
		t.errorf(text, `write '{{ requiredEnv "GITHUB_TOKEN" }}'`, "want the name of a variable, not the secret itself")
		return ""
	}
	name := t.variable(text, l)
	if name == "" {
		return ""
	}
	if !t.readable(text, name, fmt.Sprintf("bind it to its host in .pawl.yaml: secrets: {%s: %s}", name, host)) {
		return ""
	}
	if value, _ := t.opt.Env(name); value == "" {
		t.warnf(text, "set "+name, "the environment variable %s is not set, or empty: asking anonymously", name)
	}
	return name
}

func allowHint(name string) string { return fmt.Sprintf("allow it in .pawl.yaml: env: [%s]", name) }

func (t *translator) readable(text strictyaml.Text, name, hint string) bool {
	if slices.Contains(t.opt.Readable, name) || slices.Contains(t.opt.Secrets, name) {
		return true
	}
	t.errorf(text, hint, "the environment variable %q may not be read by a manifest", name)
	return false
}
