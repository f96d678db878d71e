package scaffold

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// isImage reports whether a key is called image, or ends so: simulatorImage, image_name is not.
func isImage(key string) bool {
	lower := strings.ToLower(key)
	return strings.HasSuffix(lower, "image") || lower == "imagename" || lower == "imageref"
}

// isImageVariable reports whether a map is an environment variable whose name says that it holds an image.
func isImageVariable(n *yaml.Node, key string) bool {
	return key == "value" && strings.HasSuffix(strings.ToLower(text(n, "name")), "image") && len(n.Content) == 4
}

// withTag is an image with a tag in one text, and the digest that pins it.
var withTag = mustPattern(`^([^\s:@]+(?::\d+/[^\s:@]+)?):([\w][\w.-]{0,127})(@sha(?:256|512):[0-9a-f]+)?$`)

// byDigest is an image that a digest alone names.
var byDigest = mustPattern(`^[^\s:@]+(?::\d+/[^\s:@]+)?@sha(?:256|512):[0-9a-f]+$`)

// reference takes an image from a text such as ghcr.io/org/app:v1.2.3.
func (s *scan) reference(n *yaml.Node, at *trail) {
	value := real(n).Value
	m := withTag.FindStringSubmatch(value)
	switch {
	case byDigest.MatchString(value):
		s.leave(onlyDigest, s.path+" "+dotted(at))
	case m == nil && templated(value):
		s.leave(isTemplate, s.path+" "+dotted(at))
	case m == nil:
	case at.up.parentIs("services") && s.builds(m[1]):
		s.leave(isBuilt, s.path+" "+dotted(at))
	case !hasHost(m[1]) && s.elsewhere(at) != "":
		s.unknownRegistry(m[1], at)
	default:
		s.add(use{origin: imageOrigin(m[1]), tag: m[2], prefix: m[1] + ":", pinned: m[3] != ""}, n, at)
	}
}

// builds reports whether a service of the compose file builds an image; others of its services may use it too.
func (s *scan) builds(image string) bool {
	services := field(s.doc, "services")
	if services == nil {
		return false
	}
	for _, service := range services.Content {
		if built, _, _ := cutTag(text(service, "image")); field(service, "build") != nil && built == image {
			return true
		}
	}
	return false
}

// parentIs reports whether the map above is below the key.
func (t *trail) parentIs(key string) bool { return t != nil && t.up != nil && t.up.name == key }

// hasHost reports whether an image begins with the host of its registry.
func hasHost(image string) bool {
	host, _, path := strings.Cut(image, "/")
	return path && (strings.ContainsAny(host, ".:") || host == "localhost")
}

// pair takes a repository and its tag from a map such as {registry, repository, tag}, {name, version} below an image, or
// an entry of kustomize's images.
func (s *scan) pair(n *yaml.Node, at *trail) {
	repository, key := pairOf(n, at.parent())
	tag := child(n, key)
	if tag == nil || real(tag).Kind != yaml.ScalarNode || real(tag).Value == "" || real(tag).Tag == "!!null" {
		return
	}
	below := &trail{up: at, node: n, name: key}
	where := s.path + " " + dotted(below)
	registry := text(n, "registry")
	switch {
	case strings.Contains(repository, "://"), s.spokenFor(tag):
		return
	case repository == "" && !isImage(at.parent()):
		return
	case repository == "":
		if !s.existing.places[position{s.path, real(tag).Line, real(tag).Column}] {
			s.note(where, "which image the tag %s belongs to is not said", real(tag).Value)
		}
		return
	case registry != "":
		repository = strings.TrimSuffix(registry, "/") + "/" + repository
	case !hasHost(repository) && key != "newTag" && s.elsewhere(at) != "":
		s.unknownRegistry(repository, below)
		return
	}
	version, digest, pinned := strings.Cut(real(tag).Value, "@")
	u := use{origin: imageOrigin(repository), tag: version, pinned: pinned && strings.HasPrefix(digest, "sha")}
	u.digestKey = s.digestBeside(n, at)
	s.add(u, tag, below)
}

// pairOf finds out what a map calls its image and its tag.
func pairOf(n *yaml.Node, parent string) (repository, key string) {
	repository, key = text(n, "repository"), "tag"
	switch {
	case text(n, "newTag") != "":
		repository, key = text(n, "newName"), "newTag"
		if repository == "" {
			repository = text(n, "name")
		}
	case repository == "" && child(n, "tag") != nil:
		repository = text(n, "image")
		if repository == "" && isImage(parent) {
			repository = text(n, "name")
		}
	case isImage(parent) && child(n, "tag") == nil && child(n, "version") != nil:
		key = "version"
		if repository == "" {
			repository = text(n, "name")
		}
	}
	return repository, key
}

// digestBeside is the key of the digest in the map of a tag, empty for none.
func (s *scan) digestBeside(n *yaml.Node, at *trail) string {
	digest := child(n, "digest")
	if digest == nil || digest.Kind != yaml.ScalarNode || !strings.HasPrefix(digest.Value, "sha256:") {
		return ""
	}
	key, _ := s.keyTo(&trail{up: at, node: n, name: "digest"}, digest) // none: the tag is held then, and says why
	return key
}

// registryName is a key that names the registry of other images.
var registryName = mustPattern(`(?i)^(?:(?:global|default|system|docker|image|container)_?)*registry(?:host|url)?$`)

// elsewhere is the key of a registry that is set above a place and holds for images without one; empty for none.
func (s *scan) elsewhere(at *trail) string {
	for t := at; t != nil; t = t.up {
		global, common := field(t.node, "global"), field(t.node, "image")
		if text(common, "repository") != "" {
			common = nil // it is an image of its own
		}
		for _, place := range []struct {
			node *yaml.Node
			name string
		}{{t.node, ""}, {global, "global."}, {field(global, "image"), "global.image."}, {common, "image."}} {
			if key := registryIn(place.node); key != "" {
				return place.name + key
			}
		}
	}
	return ""
}

func registryIn(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := real(n.Content[i+1]); v.Kind == yaml.ScalarNode && v.Value != "" && v.Tag != "!!null" && registryName.MatchString(n.Content[i].Value) {
			return n.Content[i].Value
		}
	}
	return ""
}

func (s *scan) unknownRegistry(image string, at *trail) {
	s.note(s.path+" "+dotted(at), "the registry of %s is set by %s, and whether it holds here no file says: write its manifest by hand", image, s.elsewhere(at))
}
