package scaffold

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/source"
)

// hint is what a comment for Renovate says of the version in the line below it
// (https://docs.renovatebot.com/modules/manager/regex/).
type hint struct{ datasource, name, registry, versioning, extract string }

var hintLine = mustPattern(`^\s*(?:-\s+)?#\s*renovate:\s*(.+)$`)

// hintsOf reads the hints of a text by the line that each is about: the next one that is no comment.
func hintsOf(text string) map[int]hint {
	if !strings.Contains(text, "renovate:") {
		return nil
	}
	all := map[int]hint{}
	var pending *hint
	line := 0
	for l := range strings.Lines(text) {
		line++
		trimmed := strings.TrimSpace(l)
		switch m := hintLine.FindStringSubmatch(strings.TrimRight(l, "\r\n")); {
		case m != nil:
			h := parseHint(m[1])
			pending = &h
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case pending != nil:
			all[line], pending = *pending, nil
		}
	}
	return all
}

// parseHint reads KEY=VALUE after KEY=VALUE.
func parseHint(text string) hint {
	values := map[string]string{}
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		values[key] = strings.Trim(value, `"'`)
	}
	h := hint{datasource: values["datasource"], registry: values["registryUrl"], versioning: values["versioning"], extract: values["extractVersion"]}
	for _, key := range []string{"packageName", "lookupName", "depName"} {
		if h.name == "" {
			h.name = values[key]
		}
	}
	return h
}

// hintOf is the hint for a scalar: above it, or behind it.
func (s *scan) hintOf(n *yaml.Node) (hint, bool) {
	if h, ok := s.hints[n.Line]; ok {
		return h, true
	}
	if m := hintLine.FindStringSubmatch(n.LineComment); m != nil {
		return parseHint(m[1]), true
	}
	return hint{}, false
}

// spokenFor reports whether a comment says what a scalar follows.
func (s *scan) spokenFor(n *yaml.Node) bool {
	n = real(n)
	_, hinted := s.hintOf(n)
	_, _, _, marked := markerOf(n)
	return marked || hinted && plainVersion.MatchString(n.Value)
}

// plainVersion is a version that stands alone, with a digest or without.
var plainVersion = mustPattern(`^[A-Za-z0-9][A-Za-z0-9._+-]*(?:@sha256:[0-9a-f]+)?$`)

// hinted takes a scalar that a hint is about, and reports whether one is.
func (s *scan) hinted(key, n *yaml.Node, at *trail) bool {
	h, ok := s.hintOf(n)
	if !ok || n.Kind != yaml.ScalarNode || key.Line != n.Line || !plainVersion.MatchString(n.Value) {
		return false
	}
	where := s.path + " " + dotted(at)
	version, _, pinned := strings.Cut(n.Value, "@")
	u := use{tag: version, pinned: pinned}
	if h.name == "" || h.versioning != "" && !plainVersioning(h.versioning) || !h.origin(&u) {
		s.leave(isHint, where+" "+h.datasource)
		return true
	}
	s.add(u, n, at)
	return true
}

// plainVersioning reports whether pawl reads versions as that scheme of Renovate does.
func plainVersioning(scheme string) bool {
	switch scheme {
	case "semver", "semver-coerced", "docker", "helm", "loose", "npm":
		return true
	}
	return false
}

// origin sets what the hint says that a use follows; false when pawl does not ask that.
func (h hint) origin(u *use) bool {
	switch {
	case h.datasource == "docker" && h.extract == "":
		u.origin = imageOrigin(h.image())
	case h.datasource == "helm" && h.registry != "" && h.extract == "" && !u.pinned:
		u.origin = chartOrigin(h.registry, h.name)
	case h.datasource == "github-releases" && h.registry == "" && !u.pinned:
		owner, name, ok := strings.Cut(h.name, "/")
		u.origin = origin{kind: source.GitHubRelease, owner: owner, name: name}
		u.bare = !strings.HasPrefix(u.tag, "v")
		return ok && (h.extract == "" || u.bare && strings.HasPrefix(h.extract, "^v(?<version>"))
	default:
		return false
	}
	return true
}

// image is the image of a hint, with the host of its registry.
func (h hint) image() string {
	host := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(h.registry, "https://"), "index."), "/")
	if host == "" || host == "docker.io" || hasHost(h.name) {
		return h.name
	}
	return host + "/" + h.name
}
