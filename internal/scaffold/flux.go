package scaffold

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// fluxPolicies are the ImagePolicies and ImageRepositories of Flux
// (https://fluxcd.io/flux/components/image/imagepolicies/).
type fluxPolicies struct {
	// images are those of the ImageRepositories by namespace:name.
	images map[string]string
	all    []fluxPolicy
}

type fluxPolicy struct {
	namespace, name string
	// repository is the namespace:name of its ImageRepository.
	repository string
	filter     filter
	// why says what pawl has no words for, empty for nothing.
	why string
}

func (f *fluxPolicies) add(doc *yaml.Node) {
	p := fluxPolicy{namespace: text(doc, "metadata", "namespace"), name: text(doc, "metadata", "name")}
	namespace := text(doc, "spec", "imageRepositoryRef", "namespace")
	if namespace == "" {
		namespace = p.namespace
	}
	p.repository = namespace + ":" + text(doc, "spec", "imageRepositoryRef", "name")
	p.filter, p.why = fluxFilter(field(doc, "spec"))
	f.all = append(f.all, p)
}

// fluxFilter says a policy in pawl's words.
func fluxFilter(spec *yaml.Node) (filter, string) {
	pattern, extract := text(spec, "filterTags", "pattern"), text(spec, "filterTags", "extract")
	f := filter{tags: pattern}
	policy, kind := field(spec, "policy"), ""
	switch {
	case text(policy, "semver", "range") != "":
		f.pattern = text(policy, "semver", "range")
	case field(policy, "numerical") != nil:
		kind = "numerical"
		f.kind, f.regex = "regex/numeric", "^(.*)$"
	case field(policy, "alphabetical") != nil:
		kind = "alphabetical"
		f.kind, f.regex = "regex/alphabetical", "^(.*)$"
	default:
		return filter{}, "its ImagePolicy has no order"
	}
	if strings.EqualFold(text(policy, kind, "order"), "desc") {
		return filter{}, "its ImagePolicy takes the lowest"
	}
	if reflection := text(spec, "digestReflectionPolicy"); reflection != "" && reflection != "Never" {
		return filter{}, "its ImagePolicy writes digests"
	}
	if extract == "" {
		return f, ""
	}
	regex, ok := firstGroup(pattern, extract)
	if !ok {
		return filter{}, "its ImagePolicy extracts " + extract
	}
	f.tags, f.regex = "", regex
	if f.kind == "" {
		f.kind = "regex/semver"
	}
	return f, ""
}

var extracted = mustPattern(`^\$(?:\{(\w+)\}|(\w+))$`)

// firstGroup rewrites an expression so that the group which the template names is its first.
func firstGroup(pattern, template string) (string, bool) {
	m := extracted.FindStringSubmatch(template)
	re, err := regexp.Compile(pattern)
	if m == nil || err != nil {
		return "", false
	}
	name := m[1] + m[2]
	want, err := strconv.Atoi(name)
	if err != nil {
		want = re.SubexpIndex(name)
	}
	if want < 1 || want > re.NumSubexp() {
		return "", false
	}
	return withoutGroups(pattern, want), true
}

var groupName = mustPattern(`^\(\?P?<\w+>`)

// withoutGroups makes the groups before a number ones that capture nothing.
func withoutGroups(pattern string, before int) string {
	var b strings.Builder
	group, class := 0, false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			b.WriteString(pattern[i : i+2])
			i++
			continue
		case class:
			class = c != ']' || pattern[i-1] == '[' || strings.HasSuffix(pattern[:i], "[^")
		case c == '[':
			class = true
		case c == '(':
			opening := groupName.FindString(pattern[i:])
			if opening == "" && strings.HasPrefix(pattern[i:], "(?") {
				break
			}
			if group++; group < before {
				b.WriteString("(?:")
				i += max(len(opening), 1) - 1
				continue
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// find returns the policy of a name and the image that it is for.
func (f *fluxPolicies) find(namespace, name string) (p fluxPolicy, image string, ok bool) {
	for _, p := range f.all {
		if p.name != name || p.namespace != namespace && p.namespace != "" {
			continue
		}
		_, repository, _ := strings.Cut(p.repository, ":")
		for _, at := range []string{p.repository, ":" + repository, namespace + ":" + repository} {
			if image := f.images[at]; image != "" {
				return p, image, true
			}
		}
	}
	return fluxPolicy{}, "", false
}

// markerText is what Flux's image automation looks for in comments.
const markerText = `$imagepolicy`

// markerOf reads the marker in the comment of a scalar.
func markerOf(n *yaml.Node) (namespace, name, part string, ok bool) {
	_, marker, found := strings.Cut(n.LineComment, "{")
	if !found || !strings.Contains(marker, markerText) {
		return "", "", "", false
	}
	var m map[string]string
	marker, _, _ = strings.Cut(marker, "}")
	if json.Unmarshal([]byte("{"+marker+"}"), &m) != nil {
		return "", "", "", false
	}
	parts := strings.SplitN(m[markerText], ":", 3)
	if len(parts) < 2 {
		return "", "", "", false
	}
	return parts[0], parts[1], strings.Join(parts[2:], ""), true
}

// marked takes a scalar that Flux's image automation writes, and reports whether it is one.
func (s *scan) marked(n *yaml.Node, at *trail) bool {
	namespace, name, part, ok := markerOf(n)
	if !ok || n.Kind != yaml.ScalarNode {
		return false
	}
	where := s.path + " " + dotted(at)
	p, image, found := s.facts.flux.find(namespace, name)
	switch {
	case part == "name":
	case !found:
		s.leave(foreignPolicy, where+": its ImagePolicy "+name+" is not in this repository")
	case p.why != "" || part == "digest":
		s.leave(foreignPolicy, where+": "+p.why)
	case part == "tag":
		s.add(use{origin: imageOrigin(image), tag: n.Value, filter: &p.filter}, n, at)
	default:
		prefix, tag, tagged := cutTag(n.Value)
		if !tagged || prefix != image {
			s.leave(foreignPolicy, where+": it holds another image than its ImagePolicy")
			break
		}
		s.add(use{origin: imageOrigin(image), tag: tag, prefix: prefix + ":", filter: &p.filter}, n, at)
	}
	return true
}

// cutTag takes an image and its tag apart.
func cutTag(reference string) (image, tag string, ok bool) {
	m := withTag.FindStringSubmatch(reference)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}
