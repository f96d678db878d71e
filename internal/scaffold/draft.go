package scaffold

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// draft is a manifest to write: one source, one filter, every place of an environment that follows it.
type draft struct {
	path, title string
	group
	places []use
}

// group is what the places of one manifest have in common.
type group struct {
	origin      origin
	filter      filter
	environment string
	bare        bool
}

// drafts are the manifests for the versions that none tracks.
func (t *tree) drafts(e existing) []draft {
	groups := map[group][]use{}
	var order []group
	for _, u := range t.uses(e) {
		g := group{u.origin, *u.filter, t.environment(u.file), u.bare}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], u)
	}
	var all []draft
	for _, g := range order {
		all = append(all, draft{group: g, places: groups[g]})
		t.noteMixed(groups[g])
	}
	t.name(all, e.drafts)
	slices.SortFunc(all, func(a, b draft) int { return strings.Compare(a.path, b.path) })
	if t.more > 0 {
		t.notes = append(t.notes, Note{"and more", fmt.Sprintf("%d further values were not understood", t.more)})
	}
	return all
}

// noteMixed says that places with different tags will get the same one.
func (t *tree) noteMixed(uses []use) {
	if uses[0].filter.kind == "like" {
		return
	}
	for _, u := range uses[1:] {
		if u.tag != uses[0].tag {
			t.mixed = append(t.mixed, Note{uses[0].origin.String(), fmt.Sprintf("%s has %s and %s has %s: they will get the same version", uses[0].file, uses[0].tag, u.file, u.tag)})
			return
		}
	}
}

var unsafe = mustPattern(`[^a-z0-9._-]+`)

// name gives each draft a path that no file has: the last part of its source, with the part before it where two end
// alike, with the environment, with what the filter says where one source has several, with a number where all that is
// taken. The titles differ as the paths do.
func (t *tree) name(all []draft, dir string) {
	origins := map[string]map[origin]bool{}
	counts := map[group]int{}
	for _, d := range all {
		if origins[d.origin.short()] == nil {
			origins[d.origin.short()] = map[origin]bool{}
		}
		origins[d.origin.short()][d.origin] = true
		counts[group{origin: d.origin, environment: d.environment}]++
	}
	taken := map[string]bool{}
	for i, d := range all {
		name, title := d.origin.short(), d.origin.title()
		if len(origins[name]) > 1 {
			name = d.origin.longer()
		}
		if d.environment != "" {
			name += "-" + d.environment
			title += " in " + d.environment
		}
		if counts[group{origin: d.origin, environment: d.environment}] > 1 {
			name += "-" + d.filter.short()
			title += " " + d.filter.short()
		}
		all[i].title = title
		name = strings.Trim(unsafe.ReplaceAllString(strings.ToLower(name), "-"), "._-")
		file := path.Join(dir, name+".yaml")
		for n := 2; taken[file] || t.there(file); n++ {
			file = path.Join(dir, name+"-"+strconv.Itoa(n)+".yaml")
			all[i].title = title + " " + strconv.Itoa(n)
		}
		taken[file] = true
		all[i].path = file
	}
}

// there reports whether a manifest of the name exists, in either spelling.
func (t *tree) there(file string) bool {
	_, err := fs.Lstat(t.fsys, file)
	_, other := fs.Lstat(t.fsys, strings.TrimSuffix(file, ".yaml")+".yml")
	return err == nil || other == nil
}

// file writes the manifest.
func (d draft) file() File {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nsources:\n  %s:\n    kind: %s\n    spec:\n", quote(d.title), d.id(), d.origin.kind)
	spec := d.origin.spec()
	if d.filter.tags != "" {
		spec = append(spec, "tagfilter: "+quote(d.filter.tags))
	}
	fmt.Fprintf(&b, "      %s\n      versionfilter:\n        %s\n", strings.Join(spec, "\n      "), strings.Join(d.filter.lines(), "\n        "))
	b.WriteString("targets:\n")
	for i, u := range d.places {
		n := ""
		if i > 0 {
			n = strconv.Itoa(i + 1)
		}
		b.WriteString(u.target("yaml"+n, u.key, ""))
		if u.digestKey != "" {
			b.WriteString(u.target("digest"+n, u.digestKey, "    writes: digest\n"))
		}
	}
	if d.filter.channel != "" {
		fmt.Fprintf(&b, "policy:\n  channel: %s\n", quote(d.filter.channel))
	}
	if d.filter.digest {
		b.WriteString("policy:\n  digest: follow\n")
	}
	return File{Path: d.path, Data: []byte(b.String()), About: d.origin.String() + " " + d.filter.String(), Tracks: d.origin.kind}
}

// id is what the source is called in the manifest.
func (d draft) id() string {
	return map[bool]string{true: "image", false: "version"}[d.origin.image != ""]
}

// target writes one target.
func (u use) target(id, key, more string) string {
	text := fmt.Sprintf("  %s:\n    kind: yaml\n%s    spec:\n      file: %s\n      key: %s\n", id, more, quote(u.file), quote(key))
	switch {
	case more != "":
	case u.prefix != "":
		text += fmt.Sprintf("    transformers:\n      - addprefix: %s\n", quote(u.prefix))
	case u.bare:
		text += "    transformers:\n      - trimprefix: v\n"
	}
	return text
}
