package manifest

import (
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// The types of this file are the manifest format: the loader and the JSON Schema are both made from them.

type document struct {
	Name    strictyaml.Text             `yaml:"name" doc:"What this manifest does, for people."`
	Sources strictyaml.Map[sourceBlock] `yaml:"sources" required:"true" doc:"Where versions come from, by id."`
	Targets strictyaml.Map[targetBlock] `yaml:"targets" required:"true" doc:"Which values follow a source, by id."`
	Policy  *PolicyBlock                `yaml:"policy" doc:"How pawl chooses among the versions."`

	Title         strictyaml.Unsupported `yaml:"title" hint:"write name"`
	Version       strictyaml.Unsupported `yaml:"version" hint:"remove it: it names a version of Updatecli"`
	PipelineID    strictyaml.Unsupported `yaml:"pipelineid" hint:"remove it: pawl keeps one pull request for all updates"`
	Conditions    strictyaml.Unsupported `yaml:"conditions" hint:"remove it: pawl checks that an image exists before it writes its tag"`
	SCMs          strictyaml.Unsupported `yaml:"scms" hint:"remove it: the repository is set under forge in .pawl.yaml"`
	Actions       strictyaml.Unsupported `yaml:"actions" hint:"remove it: pawl run opens the pull request itself"`
	PullRequests  strictyaml.Unsupported `yaml:"pullrequests" hint:"remove it: pawl run opens the pull request itself"`
	AutoDiscovery strictyaml.Unsupported `yaml:"autodiscovery" hint:"write a manifest for each image"`
	Labels        strictyaml.Unsupported `yaml:"labels" hint:"set forge.labels in .pawl.yaml"`
}

type sourceBlock struct {
	Name         strictyaml.Text  `yaml:"name" doc:"What this source is, for people."`
	Kind         strictyaml.Text  `yaml:"kind" required:"true" enum:"dockerimage,helmchart,githubrelease" doc:"What is asked for versions."`
	Spec         sourceSpec       `yaml:"spec" required:"true" doc:"Where to ask; what it holds depends on kind."`
	Transformers []transformBlock `yaml:"transformers" doc:"Turn the version into the text that is written, in order."`

	DependsOn strictyaml.Unsupported `yaml:"dependson" hint:"remove it: all sources are asked at once"`
	SCMID     strictyaml.Unsupported `yaml:"scmid" hint:"remove it: pawl works on the repository it runs in"`
}

// sourceSpec is kept as a node until the kind is known.
type sourceSpec struct{ node *yaml.Node }

// DecodeYAML keeps the node.
func (s *sourceSpec) DecodeYAML(_ *strictyaml.Decoder, n *yaml.Node) { s.node = n }

// Alternatives returns the spec of each kind.
func (s *sourceSpec) Alternatives() []any { return []any{imageSpec{}, chartSpec{}, releaseSpec{}} }

type imageSpec struct {
	Image         strictyaml.Text `yaml:"image" required:"true" doc:"The image without tag, e.g. ghcr.io/org/app; without a host it is Docker Hub's."`
	TagFilter     strictyaml.Text `yaml:"tagfilter" doc:"A regular expression; only tags that match it are considered."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`

	Tag           strictyaml.Unsupported `yaml:"tag" hint:"remove it: the tag is chosen by versionfilter"`
	Architecture  strictyaml.Unsupported `yaml:"architecture" hint:"remove it: the tag is checked as a whole"`
	Architectures strictyaml.Unsupported `yaml:"architectures" hint:"remove it: the tag is checked as a whole"`
	Username      strictyaml.Unsupported `yaml:"username" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Password      strictyaml.Unsupported `yaml:"password" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Token         strictyaml.Unsupported `yaml:"token" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
}

type chartSpec struct {
	URL           strictyaml.Text `yaml:"url" required:"true" doc:"The Helm repository: https://… with an index.yaml, or oci://host/path."`
	Name          strictyaml.Text `yaml:"name" required:"true" doc:"The chart's name."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`

	Version          strictyaml.Unsupported `yaml:"version" hint:"remove it: the version is chosen by versionfilter"`
	AppVersion       strictyaml.Unsupported `yaml:"appversion" hint:"remove it: pawl tracks chart versions"`
	File             strictyaml.Unsupported `yaml:"file" hint:"write a target of kind yaml"`
	Key              strictyaml.Unsupported `yaml:"key" hint:"write a target of kind yaml"`
	Value            strictyaml.Unsupported `yaml:"value" hint:"write a target of kind yaml"`
	VersionIncrement strictyaml.Unsupported `yaml:"versionincrement" hint:"use the transformer semverinc"`
	Username         strictyaml.Unsupported `yaml:"username" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Password         strictyaml.Unsupported `yaml:"password" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Token            strictyaml.Unsupported `yaml:"token" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
}

type releaseSpec struct {
	Owner         strictyaml.Text `yaml:"owner" required:"true" doc:"The GitHub user or organization."`
	Repository    strictyaml.Text `yaml:"repository" required:"true" doc:"The GitHub repository."`
	Token         strictyaml.Text `yaml:"token" doc:"Names the token's variable: '{{ requiredEnv \"GITHUB_TOKEN\" }}'."`
	Username      strictyaml.Text `yaml:"username" doc:"Accepted for Updatecli's sake; a token needs no user name."`
	URL           strictyaml.Text `yaml:"url" doc:"The API of a GitHub Enterprise Server; https://api.github.com when absent."`
	TypeFilter    *typeFilter     `yaml:"typefilter" doc:"Which releases count; full releases only when absent. Drafts never count."`
	VersionFilter *versionFilter  `yaml:"versionfilter" doc:"Which versions count: a semver range, or a map."`

	Tag strictyaml.Unsupported `yaml:"tag" hint:"remove it: the tag is chosen by versionfilter"`
	Key strictyaml.Unsupported `yaml:"key" hint:"remove it: pawl tracks the tag's name"`
}

type typeFilter struct {
	Release    strictyaml.Flag        `yaml:"release" doc:"Full releases count."`
	Prerelease strictyaml.Flag        `yaml:"prerelease" doc:"Prereleases count; alone it means prereleases only."`
	Draft      strictyaml.Unsupported `yaml:"draft" hint:"remove it: a draft is not published"`
	Latest     strictyaml.Unsupported `yaml:"latest" hint:"remove it: versionfilter chooses the version"`
}

// versionFilter is written as text, a semver range, or as a map.
type versionFilter struct {
	Kind, Pattern, Regex strictyaml.Text
	place                strictyaml.Text
}

type versionFilterBlock struct {
	Kind    strictyaml.Text `yaml:"kind" enum:"semver,like,regex,regex/semver,regex/numeric,regex/alphabetical,latest" doc:"How versions are compared; semver when absent."`
	Pattern strictyaml.Text `yaml:"pattern" doc:"The semver range, or the leading numbers of kind like as 16.x, or the regular expression of kind regex, or the exact tag of kind latest."`
	Regex   strictyaml.Text `yaml:"regex" doc:"For the kinds regex/...: the expression whose first group is compared."`

	Strict         strictyaml.Unsupported `yaml:"strict" hint:"remove it: versions are strict unless policy.loose is true"`
	ReplaceAll     strictyaml.Unsupported `yaml:"replaceall" hint:"use transformers"`
	Example        strictyaml.Unsupported `yaml:"example" hint:"remove it"`
	DefaultVersion strictyaml.Unsupported `yaml:"default" hint:"remove it"`
}

// DecodeYAML reads either form.
func (f *versionFilter) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	f.place = strictyaml.Position(n)
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &f.Pattern)
		return
	}
	var b versionFilterBlock
	d.Decode(n, &b)
	f.Kind, f.Pattern, f.Regex = b.Kind, b.Pattern, b.Regex
}

// Alternatives returns both forms.
func (f *versionFilter) Alternatives() []any { return []any{strictyaml.Text{}, versionFilterBlock{}} }

// transformBlock is one step; exactly one key is set.
type transformBlock struct {
	TrimPrefix   strictyaml.Text `yaml:"trimprefix" doc:"Removes a prefix."`
	AddPrefix    strictyaml.Text `yaml:"addprefix" doc:"Adds a prefix."`
	TrimSuffix   strictyaml.Text `yaml:"trimsuffix" doc:"Removes a suffix."`
	AddSuffix    strictyaml.Text `yaml:"addsuffix" doc:"Adds a suffix."`
	Replacer     *replaceBlock   `yaml:"replacer" doc:"Replaces one text by another."`
	Replacers    []replaceBlock  `yaml:"replacers" doc:"Replaces several texts."`
	Find         strictyaml.Text `yaml:"find" doc:"Keeps what a regular expression matches."`
	FindSubMatch *findSubMatch   `yaml:"findsubmatch" doc:"Keeps one group of a regular expression."`
	SemVerInc    strictyaml.Text `yaml:"semverinc" doc:"Increments: major, minor, patch, or several with commas."`

	JSONMatch strictyaml.Unsupported `yaml:"jsonmatch" hint:"use find or findsubmatch"`
	Quote     strictyaml.Unsupported `yaml:"quote" hint:"remove it: the quoting in the file is kept, and added where YAML needs it"`
	Unquote   strictyaml.Unsupported `yaml:"unquote" hint:"remove it: values are written as YAML needs them"`
}

type replaceBlock struct {
	From strictyaml.Text `yaml:"from" required:"true" doc:"The text to replace."`
	To   strictyaml.Text `yaml:"to" doc:"What stands there instead; nothing when absent."`
}

// findSubMatch is written as text, the expression, or as a map.
type findSubMatch struct {
	Pattern strictyaml.Text
	Index   strictyaml.Number
}

type findSubMatchBlock struct {
	Pattern        strictyaml.Text        `yaml:"pattern" required:"true" doc:"The regular expression."`
	CaptureIndex   strictyaml.Number      `yaml:"captureindex" doc:"The group to keep; 0 is the whole match."`
	CapturePattern strictyaml.Unsupported `yaml:"capturepattern" hint:"use captureindex"`
}

// DecodeYAML reads either form.
func (f *findSubMatch) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &f.Pattern)
		return
	}
	var b findSubMatchBlock
	d.Decode(n, &b)
	f.Pattern, f.Index = b.Pattern, b.CaptureIndex
}

// Alternatives returns both forms.
func (f *findSubMatch) Alternatives() []any { return []any{strictyaml.Text{}, findSubMatchBlock{}} }

type targetBlock struct {
	Name         strictyaml.Text  `yaml:"name" doc:"What this target is, for people."`
	Kind         strictyaml.Text  `yaml:"kind" required:"true" enum:"yaml" doc:"The kind of file."`
	Writes       strictyaml.Text  `yaml:"writes" enum:"tag,digest" doc:"What of an image is written: its tag, which is meant when absent, or the tag's digest."`
	SourceID     strictyaml.Text  `yaml:"sourceid" doc:"The source that is followed; not needed when there is one."`
	Spec         *yamlSpec        `yaml:"spec" required:"true" doc:"The value in the file."`
	Transformers []transformBlock `yaml:"transformers" doc:"Applied after the source's own."`

	DisableSourceInput strictyaml.Unsupported `yaml:"disablesourceinput" hint:"remove it: a target always follows its source"`
	DependsOn          strictyaml.Unsupported `yaml:"dependson" hint:"remove it: all targets are written together"`
	ConditionIDs       strictyaml.Unsupported `yaml:"conditionids" hint:"remove it"`
	SCMID              strictyaml.Unsupported `yaml:"scmid" hint:"remove it: pawl works on the repository it runs in"`
	ActionID           strictyaml.Unsupported `yaml:"actionid" hint:"remove it: pawl run opens the pull request itself"`
}

type yamlSpec struct {
	File   strictyaml.Text `yaml:"file" required:"true" doc:"The YAML file, below the root."`
	Key    strictyaml.Text `yaml:"key" required:"true" doc:"The value's place as a JSONPath, e.g. $.image.tag."`
	Engine strictyaml.Text `yaml:"engine" enum:"yamlpath" doc:"How key is read; yamlpath is the only way."`

	Files         strictyaml.Unsupported `yaml:"files" hint:"write one target for each file"`
	Keys          strictyaml.Unsupported `yaml:"keys" hint:"write one target for each key"`
	Value         strictyaml.Unsupported `yaml:"value" hint:"remove it: the value comes from the source"`
	KeyOnly       strictyaml.Unsupported `yaml:"keyonly" hint:"remove it: pawl writes values"`
	SearchPattern strictyaml.Unsupported `yaml:"searchpattern" hint:"write one target for each file"`
	Comment       strictyaml.Unsupported `yaml:"comment" hint:"remove it: comments in the file are kept as they are"`
	DocumentIndex strictyaml.Unsupported `yaml:"documentindex" hint:"remove it: the key is looked up in every document of the file"`
}

// PolicyBlock is the `policy:` block of a manifest and, as defaults, of the configuration.
type PolicyBlock struct {
	Channel   strictyaml.Text `yaml:"channel" doc:"Only prereleases with this label and a number compete, e.g. infitx for 1.2.3-infitx.4, rc for 1.2.3-rc4."`
	Exclude   textList        `yaml:"exclude" doc:"Versions or ranges that never compete."`
	Downgrade strictyaml.Text `yaml:"downgrade" enum:"hold,follow" doc:"When only lower versions are left: hold keeps the value, follow goes down."`
	Digest    strictyaml.Text `yaml:"digest" enum:"hold,follow" doc:"When the registry gives a pinned version another digest: hold keeps the value, follow writes the new one."`
	Rebuilds  strictyaml.Text `yaml:"rebuilds" enum:"hold,follow" doc:"When a version is there again with higher build metadata, +k3s2 after +k3s1: hold keeps the value and names it, follow takes it."`
	Hold      *holdBlock      `yaml:"hold" doc:"Keeps a version for a while."`
	Loose     strictyaml.Flag `yaml:"loose" doc:"Also takes tags without three numeric parts as versions, e.g. 1.2 or 20260101."`
}

type holdBlock struct {
	Version strictyaml.Text `yaml:"version" doc:"The version to keep; the one in the file when absent."`
	Reason  strictyaml.Text `yaml:"reason" doc:"Why, for people."`
	Until   strictyaml.Text `yaml:"until" doc:"The last day of the hold (UTC), as 2026-12-31; no end when absent."`
}

// textList is written as one text or a list of them.
type textList []strictyaml.Text

// DecodeYAML reads either form.
func (l *textList) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		*l = make(textList, 1)
		d.Decode(n, &(*l)[0])
		return
	}
	d.Decode(n, (*[]strictyaml.Text)(l))
}

// Alternatives returns both forms.
func (l *textList) Alternatives() []any { return []any{strictyaml.Text{}, []strictyaml.Text{}} }

// Schema returns the JSON Schema of the format.
func Schema() ([]byte, error) {
	return strictyaml.Schema(document{}, "https://pawl-cd.github.io/schema/manifest.json", "pawl manifest")
}
