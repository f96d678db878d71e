package scaffold

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/deploy"
)

// additions are what was found and what the configuration does not say; a choice that it made is not questioned.
func (s survey) additions(c config.Config) []string {
	var all []string
	add := func(missing bool, format string, args ...any) {
		if missing {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	env := slices.DeleteFunc(slices.Clone(s.existing.env), func(name string) bool { return slices.Contains(c.Env, name) })
	add(len(env) > 0, "env: %s", flow(env))
	add(len(s.existing.values) > 0 && len(c.Values) == 0, "values: %s", flow(s.existing.values))
	for _, name := range sorted(s.existing.secrets) {
		add(c.Secrets[name] == "", "secrets: {%s: %s}", name, quote(s.existing.secrets[name]))
	}
	add(s.at.repository != "" && c.Forge.Repository == "", "forge: {repository: %s}", quote(s.at.repository))
	add(s.at.kind() != "" && c.Forge.Kind == "", "forge: {kind: %s}", s.at.kind())
	add(s.at.url != "" && c.Forge.URL == "", "forge: {url: %s}", quote(s.at.url))
	add(s.base != "" && c.Forge.Base == "", "forge: {base: %s}", quote(s.base))
	add(len(s.chain.labels) > 0 && len(c.Forge.Labels) == 0, "forge: {labels: %s}", flow(s.chain.labels))
	add(s.chain.merge.require() != "" && !decided(c), "merge: {require: none}, as the old workflow, which waited for no check")
	deploys := c.Deploy.Variable != "" || len(c.Deploy.Projects) > 0
	add(s.chain.variable != "" && !deploys, "deploy: {projects: '${%s}'}", s.chain.variable)
	add(s.chain.variable == "" && s.chain.deploys() && !deploys, "deploy.projects: the %s of %s", count(len(s.chain.projects), "project"), s.chain.trigger)
	extra := slices.DeleteFunc(s.extra(), func(p string) bool { return slices.Contains(c.Deploy.ExtraPaths, p) })
	add(len(extra) > 0 && s.chain.deploys(), "deploy: {extraPaths: %s}", flow(extra))
	return all
}

// decided reports whether a configuration says what a merge waits for.
func decided(c config.Config) bool { return c.Merge.Off || c.Merge.None || len(c.Merge.Require) > 0 }

// settle takes the answers of the configuration in force instead of those that other files gave.
func (s *survey) settle(c config.Config) {
	if c.Forge.Repository != "" {
		s.at.repository, s.repositoryFrom = c.Forge.Repository, config.FileName
	}
	if branch.MatchString(c.Forge.Base) {
		s.base, s.baseFrom = c.Forge.Base, config.FileName
	}
	s.own = c.Forge.Branch
	if c.Forge.Kind != "" {
		s.at.lab = c.Forge.Kind == "gitlab"
		s.chain.at.lab = s.at.lab
	}
	s.merges, s.sinks = decided(c), c.Events.Sinks
	s.ledgerKey, s.guarded = c.LedgerKey, c.SecretVariables()
	for _, name := range c.Env {
		if !slices.Contains(s.existing.env, name) {
			s.existing.env = append(s.existing.env, name)
		}
	}
	slices.Sort(s.existing.env)
	s.existing.secrets = maps.Clone(s.existing.secrets)
	for name, host := range c.Secrets {
		if !slices.Contains(ours, name) {
			s.existing.secrets[name] = host
		}
	}
	s.chain.settle(c.Deploy)
}

func (c *chain) settle(d config.Deploy) {
	c.paths = append(slices.Clone(c.paths), d.ExtraPaths...)
	slices.Sort(c.paths)
	c.paths = slices.Compact(c.paths)
	switch {
	case d.Variable != "":
		if c.variable != d.Variable {
			c.context = "vars"
		}
		c.variable, c.projectsFile = d.Variable, config.FileName
	case len(d.Projects) > 0:
		c.variable, c.context, c.projects, c.projectsFile = "", "", nil, config.FileName
		for _, p := range d.Projects {
			c.projects = append(c.projects, deploy.Project{Name: p.Name, URL: p.URL, Secret: p.Secret, API: p.API, Paths: p.Paths})
		}
	}
}

// sinkTokens are the variables with the tokens of receivers.
func (s survey) sinkTokens() []string {
	var all []string
	for _, sink := range s.sinks {
		for _, name := range []string{sink.Token, sink.HMAC, sink.User, sink.Password} {
			if name != "" && name != s.chain.variable && !slices.Contains(ours, name) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sinkVariables are their lines, with the secrets that workflows give them already.
func (s survey) sinkVariables() []string {
	var lines []string
	for _, name := range s.sinkTokens() {
		lines = append(lines, given(name, "secrets", cmp.Or(s.chain.secrets[name], name)))
	}
	return lines
}
