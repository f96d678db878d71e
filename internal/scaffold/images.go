package scaffold

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// use is one place in a values file that names an image's tag.
type use struct {
	file, key    string
	image, tag   string
	line, column int
	// prefix stands before the tag in the same scalar, `org/app:`, and pin behind it, `@sha256:...`.
	prefix, pin string
	// digest is the key of a digest beside the tag, empty for none.
	digest string
}

// images finds the tags of images in all values files that no manifest writes yet.
func (t *tree) images(e existing) []use {
	var all []use
	for _, file := range t.yamlFiles(".", e.dirs...) {
		f, data, err := t.parse(file)
		if err != nil {
			t.note(file, "%v", err)
			continue
		}
		if _, _, sealed := f.Sealed(); sealed {
			t.note(file, "SOPS guards the whole file, so it is left out: keep versions in a file of their own")
			continue
		}
		s := scan{tree: t, file: file, parsed: f, existing: e}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		for range 1000 {
			var n yaml.Node
			if decode(dec, &n) != nil {
				break
			}
			s.walk(n.Content[0], "$", "", 0)
		}
		all = append(all, s.found...)
	}
	return all
}

// scan looks through one file.
type scan struct {
	*tree
	file     string
	parsed   *edit.File
	existing existing
	found    []use
}

// walk visits every map and list; aliases stand for what is visited at their anchor.
func (s *scan) walk(n *yaml.Node, key, parent string, depth int) {
	if depth > 100 {
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.walk(c, key+entry(n, i), parent, depth+1)
		}
	case yaml.MappingNode:
		s.pair(n, key, parent)
		s.chart(n, parent)
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			below := key + edit.Step(name)
			if value := n.Content[i+1]; value.Kind == yaml.ScalarNode && isImage(name) {
				s.reference(value, below)
			} else {
				s.walk(value, below, name, depth+1)
			}
		}
	}
}

// isImage reports whether a key is called image, or ends so: simulatorImage, image_name is not.
func isImage(key string) bool { return strings.HasSuffix(strings.ToLower(key), "image") }

// text returns a scalar's text below a key, empty for none.
func text(n *yaml.Node, key string) string {
	if c := child(n, key); c != nil && c.Kind == yaml.ScalarNode && c.Tag != "!!null" {
		return c.Value
	}
	return ""
}

// pair takes a repository and its tag from a map such as {registry, repository, tag}, {name, version} below an image, or
// an entry of kustomize's images.
func (s *scan) pair(n *yaml.Node, key, parent string) {
	repository, tagKey := text(n, "repository"), "tag"
	switch {
	case text(n, "newTag") != "":
		repository, tagKey = text(n, "newName"), "newTag"
		if repository == "" {
			repository = text(n, "name")
		}
	case repository == "" && child(n, "tag") != nil:
		repository = text(n, "image")
		if repository == "" && isImage(parent) {
			repository = text(n, "name")
		}
	case isImage(parent) && child(n, "tag") == nil && child(n, "version") != nil:
		tagKey = "version"
		if repository == "" {
			repository = text(n, "name")
		}
	}
	tag := child(n, tagKey)
	if tag == nil || tag.Kind == yaml.ScalarNode && tag.Value == "" || repository == "" && !isImage(parent) {
		return
	}
	if tag.Kind == yaml.AliasNode {
		if a := tag.Alias; !s.existing.places[at{s.file, a.Line, a.Column}] {
			s.note(s.file+" "+key, "its tag is the alias *%s: write a manifest for the anchor's own place by hand", tag.Value)
		}
		return
	}
	if registry := text(n, "registry"); registry != "" && repository != "" {
		repository = strings.TrimSuffix(registry, "/") + "/" + repository
	}
	u := use{key: key + edit.Step(tagKey), image: repository, line: tag.Line, column: tag.Column}
	u.tag, u.pin = unpin(tag.Value)
	if text(n, "digest") != "" {
		u.digest = key + edit.Step("digest")
	}
	s.add(u)
}

// chart counts the version of a chart: a dependency in a Chart.yaml, the spec of Flux's HelmRelease, a source of Argo CD,
// a release of Helmfile, or one of kustomize's helmCharts.
func (s *scan) chart(n *yaml.Node, parent string) {
	key := "version"
	switch {
	case text(n, "chart") != "" && text(n, "targetRevision") != "":
		key = "targetRevision"
	case text(n, "chart") != "":
	case parent == "dependencies" && path.Base(s.file) == "Chart.yaml" && text(n, "name") != "":
	case parent == "helmCharts" && text(n, "name") != "":
	default:
		return
	}
	if text(n, key) == "" {
		return
	}
	if version := child(n, key); !s.existing.places[at{s.file, version.Line, version.Column}] {
		s.charts[s.file]++
	}
}

// unpin takes the digest off a tag.
func unpin(value string) (tag, pin string) {
	tag, _ = policy.SplitDigest(value)
	return tag, value[len(tag):]
}

// withTag is an image with a tag in one text; a digest pins what it names.
var withTag = mustPattern(`^([^\s:@]+(?::\d+/[^\s:@]+)?):([\w][\w.-]{0,127})(@\S+)?$`)

// reference takes an image from a text such as ghcr.io/org/app:v1.2.3.
func (s *scan) reference(n *yaml.Node, key string) {
	m := withTag.FindStringSubmatch(n.Value)
	switch _, pin := unpin(n.Value); {
	case m == nil:
	case pin != m[3]:
		if !s.existing.places[at{s.file, n.Line, n.Column}] {
			s.note(s.file+" "+key, "%q is no digest", m[3])
		}
	default:
		s.add(use{key: key, image: m[1], tag: m[2], prefix: m[1] + ":", pin: m[3], line: n.Line, column: n.Column})
	}
}

// add keeps a place that no manifest writes, when a manifest for it can be written.
func (s *scan) add(u use) {
	u.file = s.file
	if s.existing.places[at{u.file, u.line, u.column}] {
		return
	}
	where := u.file + " " + u.key
	if u.image == "" {
		s.note(where, "which image the tag %s belongs to is not said: write its manifest by hand", u.tag)
		return
	}
	if _, err := name.NewRepository(u.image); err != nil || strings.ContainsAny(u.image, "{}$") {
		s.note(where, "%q is no image", u.image)
		return
	}
	q, err := source.ParseImage(u.image)
	if err != nil {
		s.note(where, "%v", err)
		return
	}
	u.image = strings.TrimPrefix(strings.TrimPrefix(q.String(), "docker.io/"), "library/")
	if by := s.existing.tracked[q.String()]; by != "" {
		s.note(where, "%s is tracked by %s, which does not write this place: add a target there", u.image, by)
		return
	}
	if counts(u.key) {
		s.note(where, "its entry of the list has no name of its own that a key could say: give it one, or write its manifest by hand")
		return
	}
	if why := s.unique(u); why != "" {
		s.note(where, "%s", why)
		return
	}
	s.found = append(s.found, u)
}

// unique says why a key does not lead to exactly this scalar, empty when it does.
func (s *scan) unique(u use) string {
	p, err := edit.ParsePath(u.key)
	if err != nil {
		return err.Error()
	}
	all, err := s.parsed.Find(p)
	switch {
	case err != nil:
		return err.Error()
	case len(all) > 1 && all[0].Document == all[len(all)-1].Document:
		return "the key leads to several places of the file: write its manifest by hand"
	case len(all) > 1:
		return "the key leads to several documents of the file: write its manifest by hand"
	case all[0].Value != u.prefix+u.tag+u.pin || all[0].Line != u.line:
		return "the key leads to another place"
	}
	return ""
}

// byPlace orders uses.
func byPlace(a, b use) int {
	return slices.Compare([]string{a.file, fmt.Sprintf("%09d", a.line), a.key}, []string{b.file, fmt.Sprintf("%09d", b.line), b.key})
}
