package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// expression is the one template that a manifest may hold: {{ requiredEnv "NAME" }} or {{ env "NAME" }}.
var expression = regexp.MustCompile("\\{\\{-?\\s*(requiredEnv|env)\\s+(?:\"([^\"]*)\"|`([^`]*)`)\\s*-?\\}\\}")

// expand replaces the expressions of a text that is not a credential; with a fault the text is empty.
func (t *translator) expand(text strictyaml.Text) string {
	if !strings.Contains(text.Value, "{{") {
		return text.Value
	}
	if strings.Contains(expression.ReplaceAllString(text.Value, ""), "{{") {
		t.errorf(text, `only {{ requiredEnv "NAME" }} and {{ env "NAME" }} are read`, "unknown expression in %q", text.Value)
		return ""
	}
	before := len(t.problems)
	expanded := expression.ReplaceAllStringFunc(text.Value, func(e string) string {
		name := variable(e)
		if slices.Contains(t.opt.Secrets, name) {
			t.errorf(text, "a secret may stand in token and username only", "the secret %s cannot stand here", name)
			return ""
		}
		if !t.readable(text, name, allowHint(name)) {
			return ""
		}
		value, _ := t.opt.Env(name)
		if value == "" {
			t.errorf(text, "set it, or write the value", "the environment variable %s is not set, or empty", name)
		}
		return value
	})
	if len(t.problems) > before {
		return ""
	}
	return expanded
}

// credential returns the variable that a token for the host or, without host, a user name stands for, empty for none. An
// unset one means anonymous.
func (t *translator) credential(text strictyaml.Text, host string) string {
	if !text.Set() || text.Value == "" {
		return ""
	}
	name := variable(text.Value)
	if name == "" || expression.FindString(text.Value) != strings.TrimSpace(text.Value) {
		t.errorf(text, `write '{{ requiredEnv "GITHUB_TOKEN" }}'`, "want the name of a variable, not the secret itself")
		return ""
	}
	hint := allowHint(name)
	if host != "" {
		hint = fmt.Sprintf("bind it to its host in .pawl.yaml: secrets: {%s: %s}", name, host)
	}
	if !t.readable(text, name, hint) {
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

func variable(e string) string {
	m := expression.FindStringSubmatch(e)
	if m == nil {
		return ""
	}
	return m[2] + m[3]
}
