package scaffold

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/edit"
)

// use is one place in a file that names a version.
type use struct {
	file, key string
	origin    origin
	// tag is the version that stands there, without what is around it.
	tag string
	// prefix stands before the tag in the same scalar: `org/app:`.
	prefix string
	// bare means that the version is written without the v that its source has.
	bare bool
	// digestKey is the place of its digest beside it, empty for none.
	digestKey string
	// pinned means that its digest stands in the same scalar.
	pinned       bool
	line, column int
	// filter is somebody's policy for it, nil for none.
	filter *filter
}

// file is a YAML file that is looked through.
type file struct {
	path   string
	text   string
	values *edit.File
	docs   []*yaml.Node
}

// scan looks through one document of a file.
type scan struct {
	*tree
	*file
	existing existing
	facts    *facts
	doc      *yaml.Node
	// hints are what comments say of the scalar in a line; anchors the ways to scalars with an anchor.
	hints   map[int]hint
	anchors map[*yaml.Node]*trail
	found   []use
}

// uses finds the versions in all files that no manifest writes yet.
func (t *tree) uses(e existing) []use {
	files := t.load(e)
	known := t.facts(files)
	var all []use
	for _, f := range files {
		s := scan{tree: t, file: f, existing: e, facts: known, hints: hintsOf(f.text), anchors: map[*yaml.Node]*trail{}}
		for _, doc := range f.docs {
			s.doc = doc
			s.walk(doc, nil, 0)
		}
		all = append(all, s.agreed()...)
	}
	slices.SortStableFunc(all, byPlace)
	return all
}

// load reads the files that hold what runs.
func (t *tree) load(e existing) []*file {
	var all []*file
	for _, name := range t.valueFiles(e.dirs...) {
		if f := t.open(name); f != nil {
			all = append(all, f)
		}
	}
	return all
}

// open reads a file, nil when it is left out.
func (t *tree) open(name string) *file {
	data, err := t.read(name)
	if err != nil {
		t.note(name, "%v", err)
		return nil
	}
	text := string(data)
	if isGeneratedText(text) {
		t.leave(isGenerated, name)
		return nil
	}
	parsed, err := t.parse(name)
	switch {
	case strings.Contains(text, "{{") && (err != nil || t.inChartTemplates(name)):
		t.leave(isTemplate, name)
		return nil
	case err != nil:
		t.note(name, "%v", err)
		return nil
	}
	if _, _, sealed := parsed.Sealed(); sealed {
		t.leave(isEncrypted, name)
		return nil
	}
	f := &file{path: name, text: text, values: parsed}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for range 1000 {
		var n yaml.Node
		if decode(dec, &n) != nil {
			break
		}
		f.docs = append(f.docs, n.Content[0])
	}
	return f
}

// walk visits every map and list; aliases stand for what is visited at their anchor.
func (s *scan) walk(n *yaml.Node, at *trail, depth int) {
	if depth > 100 {
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.walk(c, &trail{up: at, node: n, slot: i}, depth+1)
		}
	case yaml.MappingNode:
		s.pair(n, at)
		s.chart(n, at)
		for i := 0; i+1 < len(n.Content); i += 2 {
			below := &trail{up: at, node: n, name: n.Content[i].Value, slot: i + 1}
			value := n.Content[i+1]
			if value.Kind == yaml.ScalarNode && value.Anchor != "" {
				s.anchors[value] = below
			}
			switch scalar := real(value); {
			case scalar.Kind == yaml.ScalarNode && s.left(n.Content[i], value, below):
			case scalar.Kind == yaml.ScalarNode && (isImage(below.name) || isImageVariable(n, below.name)):
				s.reference(value, below)
			default:
				s.walk(value, below, depth+1)
			}
		}
	}
}

// left takes a scalar that another tool follows by a comment, and reports whether one does.
func (s *scan) left(key, value *yaml.Node, at *trail) bool {
	return s.marked(value, at) || s.hinted(key, value, at)
}

// add keeps a place when a manifest for it can be written. The place of an alias is that of its anchor.
func (s *scan) add(u use, n *yaml.Node, at *trail) {
	if n.Kind == yaml.AliasNode {
		if n, at = n.Alias, s.anchors[n.Alias]; at == nil {
			return
		}
	}
	u.file, u.line, u.column = s.path, n.Line, n.Column
	if s.existing.places[position{u.file, u.line, u.column}] {
		return
	}
	where := u.file + " " + dotted(at)
	if templated(u.origin.image + u.origin.url + u.origin.name + u.tag) {
		s.leave(isTemplate, where)
		return
	}
	query, err := u.origin.query()
	if err != nil {
		s.note(where, "%v", err)
		return
	}
	if u.origin.image != "" {
		u.origin.image = strings.TrimPrefix(strings.TrimPrefix(query.String(), "docker.io/"), "library/")
	}
	if u.origin.image != "" && !strings.Contains(u.origin.image, "/") && !isOfficial(u.origin.image) {
		s.note(where, "%s names no registry, and Docker Hub has no official image of that name", u.origin.image)
		return
	}
	by := s.existing.tracked[query.String()]
	if s.existing.broken[by] {
		s.leave(inBroken, where)
		return
	}
	if by != "" {
		s.note(where, "%s is tracked by %s, which does not write this place: add a target there", u.origin, by)
		return
	}
	if !s.follow(&u, where) {
		return
	}
	var why string
	if u.key, why = s.keyTo(at, n); why != "" {
		s.note(where, "%s", why)
		return
	}
	s.found = append(s.found, u)
}

// follow chooses the filter of a use and reports whether there is one.
func (s *scan) follow(u *use, where string) bool {
	if !s.facts.policy(s.tree, u, where) {
		return false
	}
	if u.filter != nil {
		return true
	}
	f, why := filterOf(*u)
	if why != hasFilter {
		s.leave(why, where+" "+u.tag)
		return false
	}
	u.filter = &f
	return true
}

// dotted is the way to a place as people name it.
func dotted(at *trail) string { return strings.Join(append([]string{"$"}, at.names()...), ".") }

// agreed are the uses of the file, each place once. A place that several sources would write, as an anchor that is the
// tag of two images, is left to people.
func (s *scan) agreed() []use {
	byPosition := map[position][]use{}
	for _, u := range s.found {
		at := position{u.file, u.line, u.column}
		byPosition[at] = append(byPosition[at], u)
	}
	var all []use
	for _, same := range byPosition {
		if i := slices.IndexFunc(same, func(u use) bool { return u.origin != same[0].origin }); i > 0 {
			s.note(s.path+" "+same[0].key, "it is the version of %s and of %s: write its manifest by hand", same[0].origin, same[i].origin)
			continue
		}
		all = append(all, same[0])
	}
	return all
}

// byPlace orders uses.
func byPlace(a, b use) int {
	return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column), strings.Compare(a.key, b.key))
}
