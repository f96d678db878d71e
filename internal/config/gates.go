package config

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// gateTime is how long a gate may take that does not say it, maxGateTime the longest that one may say.
const (
	gateTime    = 5 * time.Minute
	maxGateTime = 10 * time.Minute
)

// policies reads what holds for all sources and for some.
func (c *checker) policies(f fileFormat, gates []gate.Gate) manifest.Policies {
	var all manifest.Policies
	var faults []strictyaml.Problem
	all.All, faults = manifest.TranslatePolicy(c.file, f.Policy, policy.Policy{})
	c.problems = append(c.problems, faults...)
	if f.Policy != nil {
		c.gatesNamed(f.Policy, gates)
	}
	for i := range f.Policies {
		b := &f.Policies[i]
		if _, err := path.Match(b.Match.Value, ""); err != nil || b.Match.Set() && strings.TrimSpace(b.Match.Value) == "" {
			c.errorf(b.Match, "write e.g. mojaloop/* or ghcr.io/acme/**", "%s is no pattern", strictyaml.Quote(b.Match.Value))
		}
		_, faults := manifest.TranslatePolicy(c.file, &b.PolicyBlock, policy.Policy{})
		c.problems = append(c.problems, faults...)
		c.gatesNamed(&b.PolicyBlock, gates)
		all.Some = append(all.Some, manifest.SomePolicy{Match: b.Match.Value, Block: &b.PolicyBlock, Place: strictyaml.Problem{File: c.file, Line: b.Match.Line, Column: b.Match.Column}})
	}
	return all
}

func (c *checker) gatesNamed(b *manifest.PolicyBlock, gates []gate.Gate) {
	for _, name := range b.Gates {
		if !slices.ContainsFunc(gates, func(g gate.Gate) bool { return g.Name == name.Value }) {
			c.errorf(name, manifest.UnknownGate(name.Value, gateNames(gates)), "there is no gate %s", strictyaml.Quote(name.Value))
		}
	}
}

func gateNames(gates []gate.Gate) []string {
	var all []string
	for _, g := range gates {
		all = append(all, g.Name)
	}
	return all
}

// GateNames are the names of the gates.
func (c Config) GateNames() []string { return gateNames(c.Gates) }

// gates reads the programs.
func (c *checker) gates(m strictyaml.Map[gateBlock]) []gate.Gate {
	var all []gate.Gate
	for _, e := range m {
		g := gate.Gate{Name: e.Key.Value, Run: texts(e.Value.Run), Kinds: texts(e.Value.Kinds), Timeout: c.gateTimeout(e.Value.Timeout)}
		if strings.Trim(g.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" || g.Name == "" {
			c.errorf(e.Key, "use letters, digits, dots, hyphens and underscores", "%s is not the name of a gate", strictyaml.Quote(g.Name))
		}
		if len(g.Run) == 0 || g.Run[0] == "" {
			c.errorf(e.Key, "write e.g. run: [grype, 'registry:{image}@{digest}']", "the gate %s names no program", g.Name)
		}
		for i, argument := range e.Value.Run {
			if err := gate.Check(argument.Value, i == 0); err != nil {
				c.errorf(argument, fault.Hint(err), "%v", err)
			}
		}
		if len(g.Run) > 0 && strings.Contains(g.Run[0], "/") && !path.IsAbs(g.Run[0]) {
			c.below(e.Value.Run[0])
		}
		for _, n := range e.Value.Deny {
			if n.Set() && (n.Value < 1 || n.Value > 255) {
				c.errorf(strictyaml.Text{Line: n.Line, Column: n.Column}, "0 lets a version pass", "want an exit code from 1 to 255, have %d", n.Value)
			}
			g.Deny = append(g.Deny, n.Value)
		}
		for _, kind := range e.Value.Kinds {
			if names := source.Names(); !slices.Contains(names, kind.Value) {
				hint := "write one of " + strings.Join(names, ", ")
				if near := fault.Nearest(kind.Value, names); near != "" {
					hint = fault.DidYouMean(near)
				}
				c.errorf(kind, hint, "there is no kind of source %s", strictyaml.Quote(kind.Value))
			}
		}
		for _, name := range e.Value.Env {
			g.Env = append(g.Env, c.variable(name))
		}
		all = append(all, g)
	}
	return all
}

func (c *checker) gateTimeout(t strictyaml.Text) time.Duration {
	d := c.duration(t, gateTime)
	if t.Set() && (d <= 0 || d > maxGateTime) {
		c.errorf(t, "write e.g. 90s or 10m", "want a time above zero and up to %s, have %s", maxGateTime, strictyaml.Quote(t.Value))
	}
	return d
}

// gateSecrets refuses a gate that would be given a secret: programs have been compromised before.
func (c *checker) gateSecrets(m strictyaml.Map[gateBlock], config Config) {
	secret := config.SecretVariables()
	for _, e := range m {
		for _, name := range e.Value.Env {
			if slices.Contains(secret, name.Value) {
				c.errorf(name, "judge without it: what a gate is given, its program and all that it loads can read", "the gate %s would get %s, which holds a secret", e.Key.Value, name.Value)
			}
		}
	}
}

// SecretVariables are the variables that hold what only pawl may know: the forge's tokens, those of secrets, and those that the
// file sends somewhere or signs with.
func (c Config) SecretVariables() []string {
	all := []string{"MERGE_TOKEN", "GITHUB_TOKEN"}
	for name := range c.Secrets {
		all = append(all, name)
	}
	for _, use := range c.Uses {
		all = append(all, use.Variable)
	}
	for _, name := range []string{c.Events.Key, c.LedgerKey} {
		if name != "" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Variables are those that the file names, whatever for, sorted.
func (c Config) Variables() []string {
	all := append(slices.Clone(c.Env), c.Deploy.Variable, c.Events.Key, c.LedgerKey)
	for name := range c.Secrets {
		all = append(all, name)
	}
	for _, use := range c.Uses {
		all = append(all, use.Variable)
	}
	for _, s := range c.Events.Sinks {
		all = append(all, s.User)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}
