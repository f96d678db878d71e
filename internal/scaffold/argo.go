package scaffold

import (
	"path"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/source"
)

// updater is the prefix of Argo CD Image Updater's annotations
// (https://argocd-image-updater.readthedocs.io/en/stable/configuration/images/).
const updater = "argocd-image-updater.argoproj.io/"

// argoPolicy is what Argo CD Image Updater is told of one image of an Application.
type argoPolicy struct {
	// dir is the Application's path in the repository, or one of its files of values; image its canonical name.
	dir, image string
	filter     filter
	// why says what pawl has no words for, empty for nothing.
	why string
}

// covers reports whether a use is a value of the Application.
func (p argoPolicy) covers(u use) bool {
	if u.origin.kind != source.Image || p.dir != "." && u.file != p.dir && !strings.HasPrefix(u.file, p.dir+"/") {
		return false
	}
	q, err := u.origin.query()
	return err == nil && q.String() == p.image
}

// argoPolicies reads the annotations of Applications, and the ImageUpdater resources that name them.
func argoPolicies(files []*file) []argoPolicy {
	var all []argoPolicy
	apps := map[string][]string{}
	for _, doc := range documents(files, "Application", "ApplicationSet") {
		meta, spec := field(doc, "metadata"), field(doc, "spec")
		if text(doc, "kind") == "ApplicationSet" {
			meta, spec = field(field(spec, "template"), "metadata"), field(field(spec, "template"), "spec")
		}
		dirs := applicationPaths(spec)
		apps[text(meta, "name")] = append(apps[text(meta, "name")], dirs...)
		notes := field(meta, "annotations")
		for item := range strings.SplitSeq(text(notes, updater+"image-list"), ",") {
			alias, image := imageListItem(item)
			setting := func(name string) string { return text(notes, updater+alias+"."+name) }
			all = append(all, argoPolicyFor(dirs, image, setting)...)
		}
	}
	for _, doc := range documents(files, "ImageUpdater") {
		all = append(all, imageUpdater(doc, apps)...)
	}
	return all
}

// documents are those of the kinds in all files.
func documents(files []*file, kinds ...string) []*yaml.Node {
	var all []*yaml.Node
	for _, f := range files {
		for _, doc := range f.docs {
			for _, kind := range kinds {
				if text(doc, "kind") == kind {
					all = append(all, doc)
				}
			}
		}
	}
	return all
}

// applicationPaths are the directories of an Application's sources, and their files of values.
func applicationPaths(spec *yaml.Node) []string {
	var dirs []string
	for _, s := range append(entries(spec, "sources"), field(spec, "source")) {
		if p := text(s, "path"); p != "" && !templated(p) {
			dirs = append(dirs, path.Clean(p))
			for _, file := range entries(s, "helm", "valueFiles") {
				dirs = append(dirs, path.Join(p, file.Value))
			}
		}
	}
	return dirs
}

// imageListItem reads [ALIAS=]IMAGE[:CONSTRAINT].
func imageListItem(item string) (alias, image string) {
	alias, image, ok := strings.Cut(strings.TrimSpace(item), "=")
	if !ok {
		return "", alias
	}
	return alias, image
}

// argoPolicyFor says the settings of one image in pawl's words, for each directory.
func argoPolicyFor(dirs []string, reference string, setting func(string) string) []argoPolicy {
	name, constraint := reference, ""
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		name, constraint = reference[:i], reference[i+1:]
	}
	q, err := source.ParseImage(name)
	if err != nil {
		return nil
	}
	f, why := argoFilter(constraint, setting)
	var all []argoPolicy
	for _, dir := range dirs {
		all = append(all, argoPolicy{dir: dir, image: q.String(), filter: f, why: why})
	}
	return all
}

func argoFilter(constraint string, setting func(string) string) (filter, string) {
	allow, isRegex := strings.CutPrefix(setting("allow-tags"), "regexp:")
	if allow == "any" {
		allow = ""
	}
	if setting("ignore-tags") != "" || allow != "" && !isRegex {
		return filter{}, "ignore-tags or allow-tags of Argo CD Image Updater"
	}
	if _, err := regexp.Compile(allow); err != nil {
		return filter{}, "allow-tags of Argo CD Image Updater"
	}
	switch strategy := setting("update-strategy"); strategy {
	case "", "semver":
		if constraint == "" {
			constraint = "*"
		}
		return filter{pattern: constraint, tags: allow}, ""
	case "name", "alphabetical":
		return filter{kind: "regex/alphabetical", regex: "^(.*)$", tags: allow}, ""
	default:
		return filter{}, "update-strategy " + strategy + " of Argo CD Image Updater"
	}
}

// imageUpdater reads the resource that Argo CD Image Updater has had since its version 1.
func imageUpdater(doc *yaml.Node, apps map[string][]string) []argoPolicy {
	words := map[string]string{"update-strategy": "updateStrategy", "allow-tags": "allowTags"}
	var all []argoPolicy
	for _, ref := range entries(doc, "spec", "applicationRefs") {
		var dirs []string
		for _, name := range sorted(apps) {
			if ok, err := path.Match(text(ref, "namePattern"), name); ok && err == nil {
				dirs = append(dirs, apps[name]...)
			}
		}
		for _, image := range entries(ref, "images") {
			all = append(all, argoPolicyFor(dirs, text(image, "imageName"), func(name string) string {
				if name == "ignore-tags" {
					if len(entries(image, "commonUpdateSettings", "ignoreTags")) > 0 {
						return "set"
					}
					return ""
				}
				for _, from := range []*yaml.Node{image, ref, field(doc, "spec")} {
					if value := text(from, "commonUpdateSettings", words[name]); value != "" {
						return value
					}
				}
				return ""
			})...)
		}
	}
	return all
}
