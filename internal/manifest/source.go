package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

type sourceBlock struct {
	Name         strictyaml.Text  `yaml:"name" doc:"What this source is, for people."`
	Kind         strictyaml.Text  `yaml:"kind" required:"true" enum:"dockerimage,helmchart,githubrelease,gittag" others:"aws/ami,bazelmod,bazelregistry,cargopackage,dockerdigest,dockerfile,file,gitbranch,gitcommit,gitea/branch,gitea/release,gitea/tag,giteabranch,gitearelease,giteatag,githubtag,gitlab/branch,gitlab/release,gitlab/tag,gitlabbranch,gitlabrelease,gitlabtag,golang,golang/gomod,golang/module,hcl,http,jenkins,json,maven,npm,pypi,shell,stash/branch,stash/tag,systemd,temurin,temurin/release,terraform/file,terraform/lock,terraform/provider,terraform/registry,toml,toolversions,xml,yaml" hint:"pawl follows images, charts, GitHub releases and tags of git repositories; what follows another source stays with the tool that knows it" doc:"What is asked for versions."`
	Spec         sourceSpec       `yaml:"spec" required:"true" doc:"Where to ask; what it holds depends on kind."`
	Transformers []transformBlock `yaml:"transformers" doc:"Turn the version into the text that is written, in order."`

	DependsOn  strictyaml.Unsupported `yaml:"dependson" hint:"pawl asks all sources at once; nothing waits for another, and what follows one that fails stays as it is"`
	DependedOn strictyaml.Unsupported `yaml:"depends_on" hint:"pawl asks all sources at once; nothing waits for another, and what follows one that fails stays as it is"`
	SCMID      strictyaml.Accepted    `yaml:"scmid" hint:"images, charts and releases are asked where they are published"`
}

// sourceKind is how the sources of a kind are written: their spec, which is in the JSON Schema too, and what reads it.
type sourceKind struct {
	kind source.Kind
	spec any
	read func(t *translator, spec *yaml.Node, s *Source)
}

// sourceKinds are the kinds that the enum of sourceBlock.Kind names.
func sourceKinds() []sourceKind {
	return []sourceKind{
		{source.Image, imageSpec{}, (*translator).image},
		{source.HelmChart, chartSpec{}, (*translator).chart},
		{source.GitHubRelease, releaseSpec{}, (*translator).release},
		{source.GitTag, gitSpec{}, (*translator).git},
	}
}

// sourceSpec is kept as a node until the kind is known.
type sourceSpec struct{ node *yaml.Node }

// DecodeYAML keeps the node.
func (s *sourceSpec) DecodeYAML(_ *strictyaml.Decoder, n *yaml.Node) { s.node = n }

// Alternatives returns the spec of each kind.
func (s *sourceSpec) Alternatives() []any {
	var all []any
	for _, k := range sourceKinds() {
		all = append(all, k.spec)
	}
	return all
}

type imageSpec struct {
	Image         strictyaml.Text `yaml:"image" required:"true" doc:"The image without tag, e.g. ghcr.io/org/app; without a host it is Docker Hub's."`
	TagFilter     strictyaml.Text `yaml:"tagfilter" doc:"A regular expression; only tags that match it are considered."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`

	Tag           strictyaml.Unsupported `yaml:"tag" hint:"the tag is chosen by versionfilter; one alone is written versionfilter: 1.2.3"`
	Architecture  strictyaml.Unsupported `yaml:"architecture" hint:"a tag counts whatever architectures its image has; policy.exclude passes over one that lacks yours"`
	Architectures strictyaml.Unsupported `yaml:"architectures" hint:"a tag counts whatever architectures its image has; policy.exclude passes over one that lacks yours"`
	Username      strictyaml.Unsupported `yaml:"username" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Password      strictyaml.Unsupported `yaml:"password" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Token         strictyaml.Unsupported `yaml:"token" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
}

type chartSpec struct {
	URL           strictyaml.Text `yaml:"url" required:"true" doc:"The Helm repository: https://… with an index.yaml, or oci://host/path."`
	Name          strictyaml.Text `yaml:"name" required:"true" doc:"The chart's name."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`

	Version          strictyaml.Unsupported `yaml:"version" hint:"the version is chosen by versionfilter; one alone is written versionfilter: 1.2.3"`
	AppVersion       strictyaml.Unsupported `yaml:"appversion" hint:"pawl writes the version of the chart; the application's own is followed at its image or its releases"`
	File             strictyaml.Unsupported `yaml:"file" hint:"write a target of kind yaml"`
	Key              strictyaml.Unsupported `yaml:"key" hint:"write a target of kind yaml"`
	Value            strictyaml.Unsupported `yaml:"value" hint:"write a target of kind yaml"`
	VersionIncrement strictyaml.Unsupported `yaml:"versionincrement" hint:"pawl writes the value that follows the source and nothing beside it; the version of a chart of your own is raised where it is released"`
	Username         strictyaml.Unsupported `yaml:"username" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Password         strictyaml.Unsupported `yaml:"password" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Token            strictyaml.Unsupported `yaml:"token" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
}

type releaseSpec struct {
	Owner         strictyaml.Text `yaml:"owner" required:"true" doc:"The GitHub user or organization."`
	Repository    strictyaml.Text `yaml:"repository" required:"true" doc:"The GitHub repository."`
	Token         strictyaml.Text `yaml:"token" doc:"Names the token's variable: '{{ requiredEnv \"GITHUB_TOKEN\" }}'."`
	Username      strictyaml.Text `yaml:"username" doc:"Whatever it says changes nothing: a token needs no user name."`
	URL           strictyaml.Text `yaml:"url" doc:"The API of a GitHub Enterprise Server; https://api.github.com when absent."`
	TypeFilter    *typeFilter     `yaml:"typefilter" doc:"Which releases count; full releases only when absent. Drafts never count."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`

	Key strictyaml.Text `yaml:"key" enum:"tagname" others:"title,hash,body,url" hint:"pawl writes the name of the release's tag, which is what key: tagname asks for; its title and its commit are not written" doc:"What of a release is written: the name of its tag."`

	Tag strictyaml.Unsupported `yaml:"tag" hint:"the tag is chosen by versionfilter; one alone is written versionfilter: 1.2.3"`
}

type gitSpec struct {
	URL           strictyaml.Text `yaml:"url" required:"true" doc:"The repository, as git clones it over https."`
	Password      strictyaml.Text `yaml:"password" doc:"Names the token's variable: '{{ requiredEnv \"GIT_TOKEN\" }}'."`
	Username      strictyaml.Text `yaml:"username" doc:"Whatever it says changes nothing: a token needs no user name."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`
	Key           strictyaml.Text `yaml:"key" enum:"name" others:"hash" hint:"pawl writes the name of the tag, which is what key: name asks for; its commit is not written" doc:"What of a tag is written: its name."`

	LSRemote     strictyaml.Accepted    `yaml:"lsremote" hint:"pawl always asks the server and clones nothing"`
	Depth        strictyaml.Accepted    `yaml:"depth" hint:"pawl always asks the server and clones nothing"`
	Path         strictyaml.Unsupported `yaml:"path" hint:"pawl asks the server that a url names; a clone on disk has none of its own"`
	Tag          strictyaml.Unsupported `yaml:"tag" hint:"the tag is chosen by versionfilter; one alone is written versionfilter: 1.2.3"`
	Message      strictyaml.Unsupported `yaml:"message" hint:"pawl makes no tags"`
	SourceBranch strictyaml.Unsupported `yaml:"sourcebranch" hint:"a tag counts whatever branch it is on; versionfilter chooses by its name"`
}

type typeFilter struct {
	Release    strictyaml.Flag `yaml:"release" doc:"Full releases count."`
	Prerelease strictyaml.Flag `yaml:"prerelease" doc:"Prereleases count; alone it means prereleases only."`
	Draft      off             `yaml:"draft" doc:"Only false: drafts never count." hint:"drafts never count, as draft: false says; no tag stands for one before it is published"`
	Latest     off             `yaml:"latest" doc:"Only false: versionfilter chooses." hint:"pawl does not know which release GitHub marks as the latest; versionfilter chooses among all that are published, which may be another one"`
}

func (t *translator) source(id string, b sourceBlock) Source {
	s := Source{ID: id, Transform: t.transform(b.Transformers)}
	if b.Spec.node == nil {
		return s
	}
	for _, k := range sourceKinds() {
		if string(k.kind) == b.Kind.Value {
			k.read(t, b.Spec.node, &s)
		}
	}
	return s
}

func (t *translator) image(n *yaml.Node, s *Source) {
	var spec imageSpec
	t.filter(n, t.decode(n, &spec), spec.VersionFilter, s)
	if spec.TagFilter.Value != "" {
		re, err := regexp.Compile(t.expand(spec.TagFilter))
		if err != nil {
			t.errorf(spec.TagFilter, "see https://pkg.go.dev/regexp/syntax", "tagfilter: %v", err)
		} else {
			s.Filter = s.Filter.WithTags(re)
		}
	}
	if !t.filled(spec.Image, "image", "e.g. ghcr.io/org/app") {
		return
	}
	var err error
	s.Name = t.expand(spec.Image)
	if s.Query, err = source.ParseImage(s.Name); err != nil && s.Name != "" {
		t.fail(spec.Image, err)
	}
}

func (t *translator) chart(n *yaml.Node, s *Source) {
	var spec chartSpec
	t.filter(n, t.decode(n, &spec), spec.VersionFilter, s)
	place, chart := t.filled(spec.URL, "url", "https://host/path of a Helm repository, or oci://host/path"), t.filled(spec.Name, "name", "the chart's name in its repository")
	if !place || !chart {
		return
	}
	var err error
	url, name := strings.TrimSuffix(t.expand(spec.URL), "/index.yaml"), t.expand(spec.Name)
	s.Name = url + "#" + name
	if s.Query, err = source.ParseChart(url, name); err != nil && url != "" {
		t.errorf(spec.URL, "write https://host/path of a Helm repository, or oci://host/path", "%v", err)
	}
}

func (t *translator) release(n *yaml.Node, s *Source) {
	var spec releaseSpec
	t.filter(n, t.decode(n, &spec), spec.VersionFilter, s)
	if f := spec.TypeFilter; f != nil {
		s.Types = ReleaseTypes{Release: f.Release.Value, Prerelease: f.Prerelease.Value}
	}
	url, owner, repository := t.expand(spec.URL), t.expand(spec.Owner), t.expand(spec.Repository)
	q, err := source.ParseReleases(url, owner, repository, "")
	q.Token = t.credential(spec.Token, q.Host)
	named, known := t.filled(spec.Owner, "owner", "the GitHub user or organization"), t.filled(spec.Repository, "repository", "the repository's name")
	if !named || !known {
		return
	}
	s.Name = owner + "/" + repository
	at := spec.Repository
	if spec.URL.Set() {
		at = spec.URL
	}
	if err != nil && owner != "" && repository != "" {
		t.errorf(at, "write owner, repository, and for an Enterprise Server url: https://host/api/v3", "%v", err)
	}
	if token, _ := t.opt.Env(q.Token); token != "" && !t.opt.Bound(q.Token, q.Base) {
		if !spec.URL.Set() {
			at = spec.Token
		}
		t.warnf(at, fmt.Sprintf("if %s is to see the token, bind it in .pawl.yaml: secrets: {%s: %s}", q.Host, q.Token, q.Host),
			"the token %s is not bound to %s: asking anonymously", q.Token, q.Host)
	}
	s.Query = q
}

func (t *translator) git(n *yaml.Node, s *Source) {
	var spec gitSpec
	t.filter(n, t.decode(n, &spec), spec.VersionFilter, s)
	if !t.filled(spec.URL, "url", "https://host/owner/repository, as git clones it") {
		return
	}
	s.Name = t.expand(spec.URL)
	q, err := source.ParseGit(s.Name, "")
	if err != nil && s.Name != "" {
		t.errorf(spec.URL, "write https://host/owner/repository, as git clones it", "%v", err)
	}
	q.Token = t.credential(spec.Password, q.Host)
	if token, _ := t.opt.Env(q.Token); token != "" && err == nil && !t.opt.Bound(q.Token, q.Base) {
		t.warnf(spec.Password, fmt.Sprintf("if %s is to see the token, bind it in .pawl.yaml: secrets: {%s: %s}", q.Host, q.Token, q.Host),
			"the token %s is not bound to %s: asking anonymously", q.Token, q.Host)
	}
	s.Query = q
}
