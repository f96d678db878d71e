package scaffold

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// facts are what some files say about others.
type facts struct {
	helmRepositories, helmfileRepositories repositories
	// flux are Flux's image policies; argo what Argo CD Image Updater is told to follow.
	flux fluxPolicies
	argo []argoPolicy
}

// facts reads what the documents of all files say about others.
func (t *tree) facts(files []*file) *facts {
	f := &facts{flux: fluxPolicies{images: map[string]string{}}}
	for _, file := range files {
		for _, doc := range file.docs {
			f.read(doc)
		}
	}
	f.argo = argoPolicies(files)
	return f
}

func (f *facts) read(doc *yaml.Node) {
	switch text(doc, "kind") {
	case "HelmRepository":
		f.helmRepositories.add(text(doc, "metadata", "name"), text(doc, "metadata", "namespace"), text(doc, "spec", "url"))
	case "ImageRepository":
		f.flux.images[named(doc)] = text(doc, "spec", "image")
	case "ImagePolicy":
		f.flux.add(doc)
	case "List":
		for _, item := range entries(doc, "items") {
			f.read(item)
		}
	}
	for _, r := range entries(doc, "repositories") {
		if text(r, "name") != "" && text(r, "url") != "" {
			f.helmfileRepositories.add(text(r, "name"), "", helmfileURL(r))
		}
	}
}

// named is the namespace and name of a resource.
func named(doc *yaml.Node) string {
	return text(doc, "metadata", "namespace") + ":" + text(doc, "metadata", "name")
}

// repositories are places of charts by name.
type repositories struct{ all []repositoryEntry }

type repositoryEntry struct{ name, namespace, url string }

func (r *repositories) add(name, namespace, url string) {
	r.all = append(r.all, repositoryEntry{name, namespace, strings.TrimRight(url, "/")})
}

// find returns the URL of a repository, or why it is not known.
func (r *repositories) find(name, namespace string) (url, why string) {
	urls := map[string]bool{}
	for _, entry := range r.all {
		if entry.name == name && (entry.namespace == namespace || entry.namespace == "" || namespace == "") {
			urls[entry.url] = true
		}
	}
	switch all := sorted(urls); {
	case len(all) == 0:
		return "", "is not in this repository"
	case len(all) > 1:
		return "", "has several URLs in this repository"
	case templated(all[0]) || all[0] == "":
		return "", "has no URL that is written out"
	default:
		return all[0], ""
	}
}

// policy gives a use the filter that another tool has for it; false when pawl has no words for that.
func (f *facts) policy(t *tree, u *use, where string) bool {
	for _, p := range f.argo {
		if u.filter != nil || !p.covers(*u) {
			continue
		}
		if p.why != "" {
			t.leave(foreignPolicy, where+" "+p.why)
			return false
		}
		own := p.filter
		u.filter = &own
	}
	return true
}
