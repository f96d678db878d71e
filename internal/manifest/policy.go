package manifest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

var channelName = regexp.MustCompile(`^[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*(\.[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*)*$`)

var platformName = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$`)

// Policies are what the configuration says of sources.
type Policies struct {
	// All is what holds for each of them.
	All policy.Policy
	// Some hold on top of it for the sources that they match, a later one on top of an earlier one.
	Some []SomePolicy
}

// SomePolicy is what holds for the sources that a pattern matches.
type SomePolicy struct {
	// Match is a pattern of path.Match over the source's name; at its end /** matches whatever is below.
	Match string
	Block *PolicyBlock
	// Place is where it stands, for messages.
	Place strictyaml.Problem
}

// Of is what the configuration says of a source.
func (p Policies) Of(s Source) policy.Policy {
	all := p.All
	for _, some := range p.Some {
		if some.Matches(s) {
			all, _ = TranslatePolicy("", some.Block, all) // its faults are the configuration's
		}
	}
	return all
}

// Matches reports whether the pattern means a source: by the name that the manifest writes, or by the whole one, for Docker Hub
// with and without its host.
func (p SomePolicy) Matches(s Source) bool {
	whole := s.Query.String()
	hub := strings.TrimPrefix(whole, "docker.io/")
	return slices.ContainsFunc([]string{s.Name, whole, hub, strings.TrimPrefix(hub, "library/")}, func(name string) bool {
		if below, ok := strings.CutSuffix(p.Match, "/**"); ok {
			for above := name; ; {
				at := strings.LastIndexByte(above, '/')
				if at < 0 {
					return false
				}
				above = above[:at]
				if matches, err := path.Match(below, above); matches && err == nil {
					return true
				}
			}
		}
		matches, err := path.Match(p.Match, name)
		return matches && err == nil
	})
}

// policies reads the policy block for each source: the block says more than the configuration does of that source.
func (t *translator) policies(b *PolicyBlock, m *Manifest) {
	_, faults := TranslatePolicy(t.file, b, t.opt.Policies.All)
	t.problems = append(t.problems, faults...)
	if b != nil {
		for _, name := range b.Gates {
			if !slices.Contains(t.opt.Gates, name.Value) {
				t.errorf(name, UnknownGate(name.Value, t.opt.Gates), "there is no gate %s", strictyaml.Quote(name.Value))
			}
		}
	}
	for i := range m.Sources {
		floor := t.opt.Policies.Of(m.Sources[i])
		own, _ := TranslatePolicy(t.file, b, floor)
		m.Sources[i].Policy = own.AtLeast(floor)
	}
}

// UnknownGate is the hint for a gate that nobody declares.
func UnknownGate(name string, known []string) string {
	if near := fault.Nearest(name, known); near != "" {
		return fault.DidYouMean(near)
	}
	return "declare it under gates in .pawl.yaml"
}

// TranslatePolicy reads a policy block on top of another policy and returns what is wrong with it.
func TranslatePolicy(file string, b *PolicyBlock, defaults policy.Policy) (policy.Policy, []strictyaml.Problem) {
	if b == nil {
		return defaults, nil
	}
	t := &translator{file: file}
	p := defaults
	if b.Channel.Set() {
		p.Channel = b.Channel.Value
		if !channelName.MatchString(p.Channel) {
			t.errorf(b.Channel, "write the label before the number, e.g. infitx for 1.2.3-infitx.4", "%q is not the name of a channel", p.Channel)
		}
	}
	if b.Exclude != nil {
		p.Exclude = nil
	}
	for _, text := range b.Exclude {
		e, err := policy.ParseExclusion(text.Value)
		if err != nil {
			t.fail(text, err)
		}
		p.Exclude = append(p.Exclude, e)
	}
	if b.Downgrade.Set() {
		p.Downgrade = policy.Downgrade(b.Downgrade.Value)
	}
	if b.Digest.Set() {
		p.Digest = policy.DigestRule(b.Digest.Value)
	}
	if b.Withdrawn.Set() {
		p.Withdrawn = policy.WithdrawnRule(b.Withdrawn.Value)
	}
	if b.Rebuilds.Set() {
		p.Rebuilds = policy.Rebuilds(b.Rebuilds.Value)
	}
	if b.Loose.Set() {
		p.Loose = b.Loose.Value
	}
	if b.Age.Set() {
		age, err := policy.ParseAge(b.Age.Value)
		if err != nil {
			t.errorf(b.Age, "write e.g. 12h, 3d or 2w", "age: %v", err)
		}
		p.Age = age
	}
	if b.Platforms != nil {
		p.Platforms = nil
	}
	for _, text := range b.Platforms {
		if !platformName.MatchString(text.Value) {
			t.errorf(text, "write e.g. linux/amd64 or linux/arm/v7", "%s is not a platform", strictyaml.Quote(text.Value))
		}
		p.Platforms = append(p.Platforms, text.Value)
	}
	if b.Gates != nil {
		p.Gates = nil
	}
	for _, text := range b.Gates {
		p.Gates = append(p.Gates, text.Value)
	}
	if b.Hold != nil {
		p.Hold = t.hold(b.Hold)
	}
	return p, t.problems
}

func (t *translator) hold(b *holdBlock) *policy.Hold {
	h := &policy.Hold{Version: b.Version.Value, Reason: b.Reason.Value}
	if b.Until.Value == "" {
		return h
	}
	until, err := time.Parse(time.DateOnly, b.Until.Value)
	if err != nil {
		t.errorf(b.Until, "write a day, e.g. 2026-12-31", "until: want a day, have %q", b.Until.Value)
	}
	h.Until = until
	return h
}

// Lint returns warnings about filters that do what they say and perhaps not what was meant.
func (m Manifest) Lint() []strictyaml.Problem {
	var all []strictyaml.Problem
	for _, s := range m.Sources {
		if !m.Valid() {
			break
		}
		for _, w := range s.Filter.Lint(s.Policy) {
			p := s.Place
			p.Warning, p.Message, p.Hint = true, w.Message, w.Hint
			all = append(all, p)
		}
		if !m.follows(s.ID) {
			p := s.Place
			p.Warning, p.Message, p.Hint = true, fmt.Sprintf("no target follows the source %q", s.ID), "remove it, or name it in a target's sourceid"
			all = append(all, p)
		}
	}
	return all
}

func (m Manifest) follows(id string) bool {
	for _, t := range m.Targets {
		if t.SourceID == id {
			return true
		}
	}
	return false
}
