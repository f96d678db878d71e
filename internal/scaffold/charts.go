package scaffold

import (
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// chart takes the version of a chart: of Flux's HelmRelease and OCIRepository, a Chart.yaml's dependencies, Argo CD's
// sources, Helmfile's releases, kustomize's helmCharts, Fleet and whatever names repository, chart and version.
func (s *scan) chart(n *yaml.Node, at *trail) {
	kind := text(s.doc, "kind")
	switch {
	case kind == "OCIRepository" && at.at("spec.ref"):
		s.ociRepository(n, at)
	case kind == "HelmRelease" && at.at("spec.chart.spec"):
		s.helmRelease(n, at)
	case text(n, "repoURL") != "" && text(n, "chart") != "":
		s.addChart(withScheme(text(n, "repoURL")), text(n, "chart"), n, "targetRevision", at)
	case at.parent() == "dependencies" && isChartFile(s.path) && text(n, "name") != "":
		s.dependency(n, at)
	case at.parent() == "helmCharts" && text(n, "name") != "" && text(n, "repo") != "":
		s.addChart(text(n, "repo"), text(n, "name"), n, "version", at)
	case text(n, "chart") != "" && text(n, "repo") != "":
		s.addChart(text(n, "repo"), text(n, "chart"), n, "version", at)
	case strings.HasPrefix(text(n, "chart"), "oci://"):
		url, name := splitLast(text(n, "chart"))
		s.addChart(url, name, n, "version", at)
	case at.parent() == "releases" && strings.Contains(text(n, "chart"), "/"):
		s.helmfileRelease(n, at)
	}
}

// exactVersion is a version of a chart, not a range.
var exactVersion = mustPattern(`^v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$`)

// addChart keeps the version of a chart, when it is one.
func (s *scan) addChart(url, name string, n *yaml.Node, key string, at *trail) {
	version, below := child(n, key), &trail{up: at, node: n, name: key}
	where := s.path + " " + dotted(below)
	if version == nil || real(version).Kind != yaml.ScalarNode || real(version).Value == "" || s.spokenFor(version) {
		return
	}
	switch v := real(version).Value; {
	case templated(v) || templated(url) || templated(name):
		s.leave(isTemplate, where)
	case !exactVersion.MatchString(v):
		s.leave(isRange, where+" "+v)
	default:
		s.add(use{origin: chartOrigin(url, name), tag: v}, version, below)
	}
}

// withScheme adds the scheme that Argo CD leaves out of registries.
func withScheme(url string) string {
	if strings.Contains(url, "://") {
		return url
	}
	return "oci://" + url
}

func splitLast(url string) (before, last string) {
	url = strings.TrimRight(url, "/")
	i := strings.LastIndexByte(url, '/')
	return url[:i], url[i+1:]
}

func isChartFile(file string) bool {
	base := path.Base(file)
	return base == "Chart.yaml" || base == "requirements.yaml"
}

// ociRepository takes the tag of Flux's OCIRepository, which is that of an artifact in a registry.
func (s *scan) ociRepository(n *yaml.Node, at *trail) {
	tag, below := child(n, "tag"), &trail{up: at, node: n, name: "tag"}
	url := text(s.doc, "spec", "url")
	switch {
	case text(n, "semver") != "":
		s.leave(isRange, s.path+" $.spec.ref.semver "+text(n, "semver"))
	case tag == nil && text(n, "digest") != "":
		s.leave(onlyDigest, s.path+" $.spec.ref.digest")
	case tag == nil || text(n, "tag") == "" || s.spokenFor(tag):
	case !strings.HasPrefix(url, "oci://") || templated(url):
		s.leave(isTemplate, s.path+" $.spec.url")
	default:
		u := use{origin: imageOrigin(strings.TrimPrefix(url, "oci://")), tag: text(n, "tag"), digestKey: s.digestBeside(n, at)}
		s.add(u, tag, below)
	}
}

// helmRelease takes the chart of Flux's HelmRelease, whose repository stands in another document.
func (s *scan) helmRelease(n *yaml.Node, at *trail) {
	if child(n, "version") == nil {
		return
	}
	where := s.path + " $.spec.chart.spec.version"
	kind, name := text(n, "sourceRef", "kind"), text(n, "sourceRef", "name")
	switch v := text(n, "version"); {
	case v == "" || s.spokenFor(child(n, "version")):
		return
	case !exactVersion.MatchString(v) && !templated(v):
		s.leave(isRange, where+" "+v)
		return
	case name == "":
		s.note(where, "which repository its chart is from is said in another file")
		return
	case kind != "HelmRepository":
		s.leave(ofGit, where)
		return
	}
	namespace := text(n, "sourceRef", "namespace")
	if namespace == "" {
		namespace = text(s.doc, "metadata", "namespace")
	}
	url, why := s.facts.helmRepositories.find(name, namespace)
	if why != "" {
		s.note(where, "the HelmRepository %s %s: write its manifest by hand", name, why)
		return
	}
	s.addChart(url, text(n, "chart"), n, "version", at)
}

// dependency takes a dependency of a chart.
func (s *scan) dependency(n *yaml.Node, at *trail) {
	url := text(n, "repository")
	switch {
	case strings.HasPrefix(url, "https://"), strings.HasPrefix(url, "http://"), strings.HasPrefix(url, "oci://"):
		s.addChart(url, text(n, "name"), n, "version", at)
		s.lock(path.Join(path.Dir(s.path), "Chart.lock"))
	case templated(url):
		s.leave(isTemplate, s.path+" "+dotted(at))
	default:
		s.leave(ofGit, s.path+" "+dotted(at)+" "+text(n, "name"))
	}
}

// lock remembers a file that must follow the dependencies of a chart.
func (s *scan) lock(file string) {
	if s.regular(file) {
		s.locks[file] = true
	}
}

// helmfileRelease takes a release of Helmfile; its chart is REPOSITORY/NAME.
func (s *scan) helmfileRelease(n *yaml.Node, at *trail) {
	if child(n, "version") == nil {
		return
	}
	alias, name, _ := strings.Cut(text(n, "chart"), "/")
	where := s.path + " " + dotted(at)
	if alias == "." || alias == ".." || alias == "" {
		return
	}
	if templated(text(n, "chart")) {
		s.leave(isTemplate, where)
		return
	}
	url := ""
	for _, r := range entries(s.doc, "repositories") {
		if text(r, "name") == alias {
			url = helmfileURL(r)
		}
	}
	if url == "" {
		var why string
		if url, why = s.facts.helmfileRepositories.find(alias, ""); why != "" {
			s.note(where, "the repository %s %s: write its manifest by hand", alias, why)
			return
		}
	}
	s.addChart(url, name, n, "version", at)
}

// helmfileURL is the URL of a repository of Helmfile.
func helmfileURL(r *yaml.Node) string {
	url := text(r, "url")
	if text(r, "oci") == "true" && !strings.Contains(url, "://") {
		return "oci://" + url
	}
	return url
}
