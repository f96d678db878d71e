package manifest

import (
	"fmt"
	"regexp"
	"time"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

var channelName = regexp.MustCompile(`^[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*(\.[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*)*$`)

// TranslatePolicy reads a policy block on top of defaults and returns what is wrong with it.
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
		p.Age = max(p.Age, age)
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
		for _, w := range s.Filter.Lint(m.Policy) {
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
