package manifest

import (
	"fmt"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// translator turns one document into values and collects what is wrong with it.
type translator struct {
	file     string
	opt      Options
	problems []strictyaml.Problem
}

func (t *translator) errorf(at strictyaml.Text, hint, format string, args ...any) {
	t.problems = append(t.problems, t.problem(at, hint, fmt.Sprintf(format, args...)))
}

func (t *translator) warnf(at strictyaml.Text, hint, format string, args ...any) {
	p := t.problem(at, hint, fmt.Sprintf(format, args...))
	p.Warning = true
	t.problems = append(t.problems, p)
}

// fail reports an error of another package at a place, with that error's own advice.
func (t *translator) fail(at strictyaml.Text, err error) {
	t.errorf(at, fault.Hint(err), "%v", err)
}

func (t *translator) problem(at strictyaml.Text, hint, message string) strictyaml.Problem {
	return strictyaml.Problem{File: t.file, Line: at.Line, Column: at.Column, Message: message, Hint: hint}
}

// translate reads one document; its problems are in the manifest.
func translate(name, file string, n *yaml.Node, opt Options) Manifest {
	t := &translator{file: file, opt: opt}
	var d document
	t.problems = strictyaml.Decode(file, n, &d)
	m := Manifest{Name: name, File: file, Line: n.Line, Title: d.Name.Value}
	for _, e := range d.Sources {
		m.Sources = append(m.Sources, t.source(e.Key.Value, e.Value))
	}
	conditions := t.conditions(d, m)
	for _, e := range d.Targets {
		targets := t.targets(e.Key, e.Value, d)
		for i := range targets {
			targets[i].Conditions = t.conditionsOf(e.Value, conditions)
		}
		if targets[0].Digest && targets[0].SourceID != "" {
			t.digestOf(m.Source(targets[0].SourceID), e.Value.Writes)
		}
		m.Targets = append(m.Targets, targets...)
	}
	t.policies(d.Policy, &m)
	m.Problems = t.problems
	strictyaml.Sort(m.Problems)
	return m
}

// filled reports whether a text is there, and says that one without content is not.
func (t *translator) filled(text strictyaml.Text, name, example string) bool {
	if text.Set() && strings.TrimSpace(text.Value) == "" {
		t.errorf(text, "write "+example, "%s is empty", name)
		return false
	}
	return text.Set()
}

// decode reads a spec and reports whether it is free of errors.
func (t *translator) decode(n *yaml.Node, spec any) bool {
	problems := strictyaml.Decode(t.file, n, spec)
	t.problems = append(t.problems, problems...)
	return !strictyaml.Failed(problems)
}

// everything are the patterns that take every version, of the kinds that Updatecli has such a pattern for.
var everything = map[string]string{"": "*", "semver": "*", "regex": ".*"}

// filter compiles the version filter of a spec; clean says that the spec itself was. Without one every release counts.
func (t *translator) filter(spec *yaml.Node, clean bool, f *versionFilter, s *Source) {
	if !clean {
		return
	}
	if f == nil {
		f = &versionFilter{place: strictyaml.Position(spec)}
	}
	if f.Kind.Value == "" && f.Pattern.Value == "" && f.Regex.Value == "" {
		t.warnf(f.place, "say which versions count, e.g. versionfilter: ^1.0.0", "without a versionfilter every release counts, also the first of the next major version, as with versionfilter: '*'")
	}
	if f.Pattern.Value == "" {
		f.Pattern.Value = everything[f.Kind.Value]
	}
	if f.Strict.Set() && !f.Strict.Value {
		t.warnf(strictyaml.Text{Line: f.Strict.Line, Column: f.Strict.Column}, "set policy: {loose: true} when tags such as 1.2 or 20260101 are to count", "\"strict: false\" changes nothing here")
	}
	at := f.place
	for _, text := range []strictyaml.Text{f.Kind, f.Regex, f.Pattern} {
		if text.Set() {
			at = text
		}
	}
	s.Place = t.problem(at, "", "")
	filter, err := policy.ParseFilter(f.Kind.Value, t.expand(f.Pattern), t.expand(f.Regex))
	if err != nil {
		t.fail(at, err)
		return
	}
	s.Filter = filter
}

// digestOf reports a source whose versions have no digest.
func (t *translator) digestOf(s Source, at strictyaml.Text) {
	if s.Query.Kind != "" && !s.Query.OCI() {
		t.errorf(at, "remove it: images, and charts at oci://, have a digest", "writes: digest: a %s has no digest", s.Query.Kind)
	}
}

// sourceID finds the source that a target follows.
func (t *translator) sourceID(target, id strictyaml.Text, sources strictyaml.Map[sourceBlock]) string {
	return t.followed("target", target, id, sources)
}

// followed finds the source that a target or condition follows.
func (t *translator) followed(what string, by, id strictyaml.Text, sources strictyaml.Map[sourceBlock]) string {
	var ids []string
	for _, s := range sources {
		if s.Key.Value == id.Value {
			return id.Value
		}
		ids = append(ids, s.Key.Value)
	}
	switch {
	case len(ids) == 0: // reported as a missing key already
	case id.Set():
		t.errorf(id, "write one of: "+strings.Join(ids, ", "), "there is no source %q", id.Value)
	case len(ids) == 1:
		return ids[0]
	default:
		t.errorf(by, "add sourceid: one of "+strings.Join(ids, ", "), "the %s %q does not say which source it follows", what, by.Value)
	}
	return ""
}

// path checks that a file lies below the root by its name; links are the file system's business.
func (t *translator) path(text strictyaml.Text) string {
	file := t.expand(text)
	clean := path.Clean(file)
	switch {
	case file == "" && text.Value != "": // what is wrong with its expression is said already
	case file == "":
		t.errorf(text, "write a path below the root", "file is empty")
	case strings.Contains(file, "://"):
		t.errorf(text, "write a path below the root", "want a file, have a URL: %q", file)
	case strings.ContainsAny(file, "\\\x00"):
		t.errorf(text, "write the path with forward slashes", "not a path: %q", file)
	case path.IsAbs(clean), clean == "..", strings.HasPrefix(clean, "../"):
		t.errorf(text, "write a path below the root", "the path %q leaves the root", file)
	case clean == ".git", strings.HasPrefix(clean, ".git/"):
		t.errorf(text, "name a file of the profile", "the path %q is git's own", file)
	}
	return clean
}
