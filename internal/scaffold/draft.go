package scaffold

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/policy"
)

// draft is a manifest to write: one image, one filter, every place that follows it.
type draft struct {
	path, title, image string
	filter             filter
	places             []use
}

// filter says which versions count, as far as the tag in the file shows.
type filter struct {
	pattern, channel, regex string
	// label is that of the prereleases that the pattern admits.
	label string
}

// version is a tag with three numeric parts; the rest is a prerelease or the variant of an image.
var version = mustPattern(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?$`)

var (
	// counted is a prerelease channel, a label and a number: infitx.4, rc.1.
	counted = mustPattern(`^([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z][A-Za-z0-9-]*)*)(?:\.(?:0|[1-9]\d*))+$`)
	// variant is the suffix of images that are built on another system, not of a prerelease.
	variant = mustPattern(`^(?:alpine|slim|debian|ubuntu|bookworm|bullseye|trixie|jammy|noble|ubi|distroless|fpm|amd64|arm64)(?:[0-9.-]|$)[A-Za-z0-9.-]*$`)
)

// leading are the labels of prereleases that a release without a label follows; any other is the channel of a fork.
var leading = []string{"rc", "cr", "alpha", "beta", "pre", "preview", "dev", "snapshot", "m", "milestone"}

// filterFor derives the filter from a tag: the same major version, of 0 the same minor one; for a counted prerelease of a
// fork its channel alone, for one that leads to a release the prereleases and the release, for a variant that variant
// alone. Its end is open downwards, so that a person can go back.
func filterFor(tag string) (filter, error) {
	f, err := derive(tag)
	if err == nil && !f.admits(tag) {
		err = fmt.Errorf("the tag %s is no version that can be compared", tag)
	}
	return f, err
}

func derive(tag string) (filter, error) {
	m := version.FindStringSubmatch(tag)
	if m == nil {
		return filter{}, fmt.Errorf("the tag %s is no version with three numbers, so it has no successor", tag)
	}
	label := counted.FindStringSubmatch(m[4])
	switch {
	case m[4] == "":
		return filter{pattern: span(m[1], m[2], "")}, nil
	case variant.MatchString(m[4]):
		return filter{pattern: span(m[1], m[2], ""), regex: `^v?(\d+\.\d+\.\d+)-` + regexp.QuoteMeta(m[4]) + `$`}, nil
	case label != nil && slices.Contains(leading, strings.ToLower(label[1])):
		return filter{pattern: span(m[1], m[2], label[1]), label: label[1]}, nil
	case label != nil:
		return filter{pattern: span(m[1], m[2], label[1]), channel: label[1], label: label[1]}, nil
	}
	return filter{}, fmt.Errorf("the tag %s is a prerelease of no channel NAME.N", tag)
}

// span is the range of one major version, or of one minor version of 0, with the prereleases of the label if there is
// one. A tilde is not written before 0.0.0, where it means any version.
func span(major, minor, label string) string {
	switch {
	case major != "0" && label == "":
		return "^" + major + ".0.0"
	case major != "0":
		return "^" + major + ".0.0-" + label + ".0"
	case label == "":
		return "~0." + minor
	}
	next, _ := strconv.ParseUint(minor, 10, 63) // digits; what is too long admits nothing
	return fmt.Sprintf(">=0.%s.0-%s.0 <0.%d.0-0", minor, label, next+1)
}

// drafts are the manifests for the images that none tracks.
func (t *tree) drafts(e existing) []draft {
	type group struct {
		image  string
		filter filter
	}
	groups := map[group][]use{}
	var order []group
	uses := t.images(e)
	slices.SortStableFunc(uses, byPlace)
	for _, u := range uses {
		f, err := filterFor(u.tag)
		if err != nil {
			t.note(u.file+" "+u.key, "%v: write its manifest by hand", err)
			continue
		}
		g := group{u.image, f}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], u)
	}
	var all []draft
	for _, g := range order {
		all = append(all, draft{image: g.image, filter: g.filter, places: groups[g]})
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
	for _, u := range uses[1:] {
		if u.tag != uses[0].tag {
			t.note(uses[0].image, "%s has %s and %s has %s: they will get the same version", uses[0].file, uses[0].tag, u.file, u.tag)
			return
		}
	}
}

var unsafe = mustPattern(`[^a-z0-9._-]+`)

// name gives each draft a path that no file has: the last part of the image, with the part before it where two images
// end alike, with what the filter says where one image has several, with a number where all that is taken. The titles
// differ as the paths do.
func (t *tree) name(all []draft, dir string) {
	images := map[string]map[string]bool{}
	counts := map[string]int{}
	for _, d := range all {
		last := path.Base(d.image)
		if images[last] == nil {
			images[last] = map[string]bool{}
		}
		images[last][d.image] = true
		counts[d.image]++
	}
	taken := map[string]bool{}
	for i, d := range all {
		name, title := path.Base(d.image), "Track "+d.image
		if len(images[name]) > 1 {
			name = path.Base(path.Dir(d.image)) + "-" + name
		}
		if counts[d.image] > 1 {
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

// admits reports whether a tag passes the filter as pawl reads it.
func (f filter) admits(tag string) bool {
	kind := ""
	if f.regex != "" {
		kind = "regex/semver"
	}
	parsed, err := policy.ParseFilter(kind, f.pattern, f.regex)
	return err == nil && parsed.Admits(tag, policy.Policy{Channel: f.channel})
}

// short tells filters of one image apart.
func (f filter) short() string {
	digits, _, _ := strings.Cut(strings.TrimLeft(f.pattern, "^~>="), ".0")
	text := "v" + digits
	if f.label != "" {
		text += "-" + f.label
	}
	if f.regex != "" {
		text += "-" + strings.Trim(f.regex[strings.LastIndexByte(f.regex, ')')+1:], "$-")
	}
	return text
}

// file writes the manifest.
func (d draft) file() File {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nsources:\n  image:\n    kind: dockerimage\n    spec:\n      image: %s\n      versionfilter:\n", quote(d.title), quote(d.image))
	if d.filter.regex != "" {
		fmt.Fprintf(&b, "        kind: regex/semver\n        regex: %s\n        pattern: %s\n", quote(d.filter.regex), quote(d.filter.pattern))
	} else {
		fmt.Fprintf(&b, "        kind: semver\n        pattern: %s\n", quote(d.filter.pattern))
	}
	b.WriteString("targets:\n")
	for i, u := range d.places {
		id, digest := "yaml", "digest"
		if i > 0 {
			id, digest = id+strconv.Itoa(i+1), digest+strconv.Itoa(i+1)
		}
		fmt.Fprintf(&b, "  %s:\n    kind: yaml\n    spec:\n      file: %s\n      key: %s\n", id, quote(u.file), quote(u.key))
		if u.prefix != "" {
			fmt.Fprintf(&b, "    transformers:\n      - addprefix: %s\n", quote(u.prefix))
		}
		if u.digest != "" {
			fmt.Fprintf(&b, "  %s:\n    kind: yaml\n    writes: digest\n    spec:\n      file: %s\n      key: %s\n", digest, quote(u.file), quote(u.digest))
		}
	}
	if d.filter.channel != "" {
		fmt.Fprintf(&b, "policy:\n  channel: %s\n", quote(d.filter.channel))
	}
	return File{Path: d.path, Data: []byte(b.String()), About: d.image + " " + d.filter.String()}
}

// String says in one line what the filter admits.
func (f filter) String() string {
	switch {
	case f.channel != "":
		return f.pattern + " in channel " + f.channel
	case f.regex != "":
		return f.pattern + " of " + f.regex
	}
	return f.pattern
}

var plain = mustPattern(`^[A-Za-z$][A-Za-z0-9_./-]*( [A-Za-z0-9_][A-Za-z0-9_./-]*)*$`)

// words are the texts that YAML 1.1 or 1.2 reads as something else.
var words = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

// quote writes a text as one YAML scalar, also inside a flow list.
func quote(s string) string {
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e }) >= 0 {
		return strconv.QuoteToASCII(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
