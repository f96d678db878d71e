package scaffold

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// settings writes .pawl.yaml: what was found out, and as comments what was not.
func (s survey) settings() File {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if len(s.existing.env) > 0 {
		fmt.Fprintf(&b, "env: %s\n", flow(s.existing.env))
	}
	if len(s.existing.values) > 0 {
		fmt.Fprintf(&b, "values: %s\n", flow(s.existing.values))
	}
	if len(s.existing.secrets) > 0 {
		var all []string
		for _, name := range sorted(s.existing.secrets) {
			all = append(all, name+": "+quote(s.existing.secrets[name]))
		}
		fmt.Fprintf(&b, "secrets: {%s}\n", strings.Join(all, ", "))
	}
	b.WriteString(s.forge())
	b.WriteString(s.merge())
	b.WriteString(s.deploy())
	return File{Path: ".pawl.yaml", Data: []byte(b.String()), About: "the configuration"}
}

func (s survey) forge() string {
	var parts []string
	if kind := s.at.kind(); kind != "" {
		parts = append(parts, "kind: "+kind)
		if s.at.url != "" {
			parts = append(parts, "url: "+quote(s.at.url))
		}
	}
	if s.at.repository != "" {
		parts = append(parts, "repository: "+quote(s.at.repository))
	}
	if s.base != "" {
		parts = append(parts, "base: "+quote(s.base))
	}
	if len(s.chain.labels) > 0 {
		parts = append(parts, "labels: "+flow(s.chain.labels))
	}
	text := ""
	if s.at.repository == "" {
		text = "# forge.repository: OWNER/NAME; git knows no remote at " + s.at.name() + "\n"
	}
	if len(parts) > 0 {
		text += "forge: {" + strings.Join(parts, ", ") + "}\n"
	}
	return text
}

func (s survey) merge() string {
	m := s.chain.merge
	method := ""
	if m.found && m.method != "squash" {
		method = "method: " + m.method
	}
	if m.require() != "" {
		return "merge: {" + strings.TrimPrefix(method+", require: none}", ", ") + " # as the old workflow, which waited for no check\n"
	}
	checks := "[ci]"
	if len(s.chain.checks) > 0 {
		checks = flow(s.chain.checks)
	}
	without := "those that the branch's protection requires"
	if s.at.lab {
		without = "the pipeline, where the project demands that it succeeds"
	}
	text := "# merge.require: " + checks + ", the checks to wait for, or none; without it " + without + "\n"
	if method != "" {
		text += "merge: {" + method + "}\n"
	}
	return text
}

func (s survey) deploy() string {
	c := s.chain
	if !c.deploys() {
		return "# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"
	}
	var b strings.Builder
	b.WriteString("deploy:\n")
	if c.variable != "" {
		fmt.Fprintf(&b, "  projects: ${%s}\n", c.variable)
	} else {
		b.WriteString("  projects:\n")
	}
	for _, p := range c.projects {
		if c.variable != "" {
			break
		}
		fmt.Fprintf(&b, "    - {name: %s, url: %s, secret: %s", quote(p.Name), quote(p.URL), p.Secret)
		if p.API != "" {
			fmt.Fprintf(&b, ", api: %s", p.API)
		}
		if len(p.Paths) > 0 {
			fmt.Fprintf(&b, ", paths: %s", flow(p.Paths))
		}
		b.WriteString("}\n")
	}
	if c.ref != "main" {
		fmt.Fprintf(&b, "  ref: %s\n", quote(c.ref))
	}
	if extra := s.extra(); len(extra) > 0 {
		fmt.Fprintf(&b, "  extraPaths: %s\n", flow(extra))
	}
	return b.String()
}

// flow writes a list on one line.
func flow(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
