package manifest

import (
	"iter"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// The types of this file are the manifest format: the loader and the JSON Schema are both made from them.

type document struct {
	Name    strictyaml.Text             `yaml:"name" doc:"What this manifest does, for people."`
	Sources strictyaml.Map[sourceBlock] `yaml:"sources" required:"true" doc:"Where versions come from, by id."`
	Targets strictyaml.Map[targetBlock] `yaml:"targets" required:"true" doc:"Which values follow a source, by id."`
	Policy  *PolicyBlock                `yaml:"policy" doc:"How pawl chooses among the versions."`

	Conditions    strictyaml.Map[conditionBlock] `yaml:"conditions" doc:"What must hold before targets are written, by id: images that must exist."`
	SCMs          scmList                        `yaml:"scms" doc:"Accepted, and changes nothing: pawl writes to the repository that it runs in; a target of another one is refused."`
	Version       strictyaml.Accepted            `yaml:"version" hint:"it names a version of Updatecli"`
	PipelineID    strictyaml.Accepted            `yaml:"pipelineid" hint:"pawl keeps one pull request for all updates"`
	Actions       strictyaml.Accepted            `yaml:"actions" hint:"pawl run opens the pull request itself; its labels are forge.labels in .pawl.yaml"`
	PullRequests  strictyaml.Accepted            `yaml:"pullrequests" hint:"pawl run opens the pull request itself; its labels are forge.labels in .pawl.yaml"`
	Labels        strictyaml.Accepted            `yaml:"labels" hint:"they choose among Updatecli's manifests; those of the pull request are forge.labels in .pawl.yaml"`
	ID            strictyaml.Accepted            `yaml:"id" hint:"manifests of Updatecli name each other by it; those of pawl are named by their files"`
	DependsOn     strictyaml.Unsupported         `yaml:"dependson" hint:"pawl reads all manifests at once; none waits for another, and one that fails stays as it is"`
	Title         strictyaml.Unsupported         `yaml:"title" hint:"write name"`
	AutoDiscovery strictyaml.Unsupported         `yaml:"autodiscovery" hint:"write a manifest for each image; pawl init finds them"`
}

// scmList are repositories by id. pawl writes to the one that it runs in, so they only say which targets are for another.
type scmList []strictyaml.Entry[scmRepository]

type scmRepository struct{ kind, owner, repository, url strictyaml.Text }

// DecodeYAML reads which repository each is, whatever else it holds.
func (l *scmList) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	d.Warnf(n, "pawl writes to the repository that it runs in, which forge in .pawl.yaml names", "\"scms\" changes nothing here")
	for id, scm := range pairs(n) {
		e := strictyaml.Entry[scmRepository]{Key: text(id)}
		for key, spec := range pairs(scm) {
			if key.Value == "kind" {
				e.Value.kind = text(spec)
			}
			if key.Value != "spec" {
				continue
			}
			for key, value := range pairs(spec) {
				switch key.Value {
				case "owner":
					e.Value.owner = text(value)
				case "repository":
					e.Value.repository = text(value)
				case "url":
					e.Value.url = text(value)
				}
			}
		}
		*l = append(*l, e)
	}
}

// Alternatives returns the one form, which may hold anything.
func (l *scmList) Alternatives() []any { return []any{strictyaml.Accepted{}} }

// pairs are the keys and values of a node that is a map.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

func text(n *yaml.Node) strictyaml.Text {
	return strictyaml.Text{Value: n.Value, Line: n.Line, Column: n.Column}
}

// scmID is the repository that a target is for.
type scmID struct{ strictyaml.Text }

// DecodeYAML reads the id.
func (s *scmID) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	d.Warnf(n, "pawl writes to the repository that it runs in, which forge in .pawl.yaml names", "\"scmid\" changes nothing here")
	d.Decode(n, &s.Text)
}

// Alternatives returns the one form.
func (s *scmID) Alternatives() []any { return []any{strictyaml.Text{}} }

// conditionBlock is an image that must exist before targets are written.
type conditionBlock struct {
	Name               strictyaml.Text  `yaml:"name" doc:"What this condition is, for people."`
	Kind               strictyaml.Text  `yaml:"kind" required:"true" enum:"dockerimage" others:"aws/ami,bazelmod,bazelregistry,cargopackage,csv,dockerdigest,dockerfile,file,gitbranch,gitcommit,gitea/branch,gitea/release,gitea/tag,giteabranch,gitearelease,giteatag,githubrelease,gitlab/branch,gitlab/release,gitlab/tag,gitlabbranch,gitlabrelease,gitlabtag,gittag,golang,golang/gomod,golang/module,hcl,helmchart,http,jenkins,json,maven,npm,pypi,shell,stash/branch,stash/tag,systemd,temurin,temurin/release,terraform/file,terraform/lock,terraform/provider,terraform/registry,toml,toolversions,xml,yaml" hint:"a condition decides whether its targets are written, and pawl asks only whether an image exists; a manifest that asks for more stays with Updatecli" doc:"What is asked: whether an image exists."`
	SourceID           strictyaml.Text  `yaml:"sourceid" doc:"The source whose version is the image's tag; not needed when there is one."`
	DisableSourceInput strictyaml.Flag  `yaml:"disablesourceinput" doc:"Whether spec.tag alone says the tag."`
	Spec               conditionSpec    `yaml:"spec" required:"true" doc:"The image."`
	Transformers       []transformBlock `yaml:"transformers" doc:"Applied to the source's text, in order."`

	SCMID      strictyaml.Accepted    `yaml:"scmid" hint:"images, charts and releases are asked where they are published"`
	FailWhen   off                    `yaml:"failwhen" doc:"Only false: an image must be there." hint:"a condition of pawl asks whether an image is there, never that it is not"`
	DependsOn  strictyaml.Unsupported `yaml:"dependson" hint:"pawl asks all conditions of a target; none waits for another"`
	DependedOn strictyaml.Unsupported `yaml:"depends_on" hint:"pawl asks all conditions of a target; none waits for another"`
}

// conditionSpec is kept as a node until the kind is known.
type conditionSpec struct{ node *yaml.Node }

// DecodeYAML keeps the node.
func (s *conditionSpec) DecodeYAML(_ *strictyaml.Decoder, n *yaml.Node) { s.node = n }

// Alternatives returns the spec of each kind.
func (s *conditionSpec) Alternatives() []any { return []any{existsSpec{}} }

type existsSpec struct {
	Image         strictyaml.Text `yaml:"image" required:"true" doc:"The image without tag."`
	Tag           strictyaml.Text `yaml:"tag" doc:"The tag; the source's text when absent."`
	Architecture  strictyaml.Text `yaml:"architecture" doc:"What the image must be built for, as arm64 or linux/arm64."`
	Architectures textList        `yaml:"architectures" doc:"All that the image must be built for."`

	Username strictyaml.Unsupported `yaml:"username" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Password strictyaml.Unsupported `yaml:"password" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
	Token    strictyaml.Unsupported `yaml:"token" hint:"remove it and run docker login: registry credentials come from the docker configuration"`
}

// versionFilter is written as text, a semver range, or as a map.
type versionFilter struct {
	Kind, Pattern, Regex strictyaml.Text
	Strict               strictyaml.Flag
	place                strictyaml.Text
}

type versionFilterBlock struct {
	Kind    strictyaml.Text `yaml:"kind" enum:"semver,like,regex,regex/semver,regex/numeric,regex/alphabetical,latest" others:"time,regex/time,lex,regex/lex,pep440,regex/pep440" hint:"pawl has no such order; regex/numeric and regex/alphabetical compare a part of the tag, which is right for times whose year stands first" doc:"How versions are compared; semver when absent."`
	Pattern strictyaml.Text `yaml:"pattern" doc:"The semver range, or the leading numbers of kind like as 16.x, or the regular expression of kind regex, or the exact tag of kind latest."`
	Regex   strictyaml.Text `yaml:"regex" doc:"For the kinds regex/...: the expression whose first group is compared."`

	Strict         strictyaml.Flag        `yaml:"strict" doc:"Whether a version needs three numeric parts; policy.loose: true says that it does not."`
	ReplaceAll     strictyaml.Unsupported `yaml:"replaceall" hint:"pawl compares what the tag itself holds; kind: like reads the numbers of tags such as tool-8_14_0 as they are"`
	Example        strictyaml.Unsupported `yaml:"example" hint:"remove it: it is for people, and a comment says it as well"`
	DefaultVersion strictyaml.Unsupported `yaml:"default" hint:"pawl has no version to fall back on: where nothing satisfies the filter, the value stays"`
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
	f.Kind, f.Pattern, f.Regex, f.Strict = b.Kind, b.Pattern, b.Regex, b.Strict
}

// Alternatives returns both forms.
func (f *versionFilter) Alternatives() []any { return []any{strictyaml.Text{}, versionFilterBlock{}} }

// off is a setting that may only say that something is not wanted, which is so anyway.
type off struct{}

// Alternatives returns the one word.
func (o *off) Alternatives() []any { return []any{false} }

// DecodeYAML refuses another word; what to do instead is the hint of the field.
func (o *off) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	var on strictyaml.Flag
	if d.Decode(n, &on); on.Value {
		d.Refuse(n, "%s: true is not supported by pawl")
	}
}

// transformBlock is one step, or several that apply in the order of the fields.
type transformBlock struct {
	AddPrefix    strictyaml.Text `yaml:"addprefix" doc:"Adds a prefix."`
	AddSuffix    strictyaml.Text `yaml:"addsuffix" doc:"Adds a suffix."`
	TrimPrefix   strictyaml.Text `yaml:"trimprefix" doc:"Removes a prefix."`
	TrimSuffix   strictyaml.Text `yaml:"trimsuffix" doc:"Removes a suffix."`
	Replacers    []replaceBlock  `yaml:"replacers" doc:"Replaces several texts."`
	Replacer     *replaceBlock   `yaml:"replacer" doc:"Replaces one text by another."`
	Find         strictyaml.Text `yaml:"find" doc:"Keeps what a regular expression matches."`
	FindSubMatch *findSubMatch   `yaml:"findsubmatch" doc:"Keeps one group of a regular expression."`
	SemVerInc    strictyaml.Text `yaml:"semverinc" doc:"Increments: major, minor, patch, or several with commas."`

	JSONMatch strictyaml.Unsupported `yaml:"jsonmatch" hint:"a version is no JSON; find and findsubmatch keep a part of a text"`
	Quote     off                    `yaml:"quote" doc:"Only false: the quoting in the file is kept." hint:"remove it: the quoting in the file is kept, and added where YAML needs it"`
	Unquote   off                    `yaml:"unquote" doc:"Only false: the quoting in the file is kept." hint:"remove it: values are written as YAML needs them"`
}

type replaceBlock struct {
	From strictyaml.Text `yaml:"from" required:"true" doc:"The text to replace."`
	To   strictyaml.Text `yaml:"to" doc:"What stands there instead; nothing when absent."`
}

// findSubMatch is written as text, the expression, or as a map.
type findSubMatch struct {
	Pattern strictyaml.Text
	Index   strictyaml.Number
	Capture strictyaml.Text
}

type findSubMatchBlock struct {
	Pattern        strictyaml.Text   `yaml:"pattern" required:"true" doc:"The regular expression."`
	CaptureIndex   strictyaml.Number `yaml:"captureindex" doc:"The group to keep; 0 is the whole match."`
	CapturePattern strictyaml.Text   `yaml:"capturepattern" doc:"What is kept, with \\1 for the first group and so on; wins over captureindex."`
}

// DecodeYAML reads either form.
func (f *findSubMatch) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &f.Pattern)
		return
	}
	var b findSubMatchBlock
	d.Decode(n, &b)
	f.Pattern, f.Index, f.Capture = b.Pattern, b.CaptureIndex, b.CapturePattern
}

// Alternatives returns both forms.
func (f *findSubMatch) Alternatives() []any { return []any{strictyaml.Text{}, findSubMatchBlock{}} }

type targetBlock struct {
	Name         strictyaml.Text  `yaml:"name" doc:"What this target is, for people."`
	Kind         strictyaml.Text  `yaml:"kind" required:"true" enum:"yaml,file" others:"aws/ami,bazelmod,bazelregistry,csv,dockerfile,gitbranch,gitcommit,gitea/branch,gitea/release,gitea/tag,githubrelease,gitlab/branch,gitlab/release,gitlab/tag,gittag,golang/gomod,hcl,helmchart,http,json,shell,systemd,temurin,terraform/file,terraform/lock,terraform/provider,toml,toolversions,xml" hint:"pawl writes values in YAML files, and with kind: file the match of a regular expression in any other text" doc:"The kind of file: YAML, or any text."`
	Writes       strictyaml.Text  `yaml:"writes" enum:"tag,digest" doc:"What of an image is written: its tag, which is meant when absent, or the tag's digest."`
	SourceID     strictyaml.Text  `yaml:"sourceid" doc:"The source that is followed; not needed when there is one."`
	Spec         targetSpec       `yaml:"spec" required:"true" doc:"The value in the file."`
	Transformers []transformBlock `yaml:"transformers" doc:"Applied after the source's own."`

	ConditionIDs       textList        `yaml:"conditionids" doc:"The conditions that are asked; all of them when absent."`
	DisableConditions  strictyaml.Flag `yaml:"disableconditions" doc:"Whether no condition is asked but those of conditionids."`
	DisableSourceInput strictyaml.Flag `yaml:"disablesourceinput" doc:"Whether spec.value alone says what is written."`
	SCMID              scmID           `yaml:"scmid" doc:"Which of scms the target is for; one for another repository is refused."`

	ActionID        strictyaml.Accepted    `yaml:"actionid" hint:"pawl run opens the pull request itself"`
	DependsOn       strictyaml.Unsupported `yaml:"dependson" hint:"pawl writes all targets together; none waits for another, and one that fails stays as it is"`
	DependedOn      strictyaml.Unsupported `yaml:"depends_on" hint:"pawl writes all targets together; none waits for another, and one that fails stays as it is"`
	DependsOnChange off                    `yaml:"dependsonchange" doc:"Only false: no target waits for another." hint:"pawl writes all targets together; none waits for another, and one that fails stays as it is"`
}

// targetSpec is kept as a node until the kind is known.
type targetSpec struct{ node *yaml.Node }

// DecodeYAML keeps the node.
func (s *targetSpec) DecodeYAML(_ *strictyaml.Decoder, n *yaml.Node) { s.node = n }

// Alternatives returns the spec of each kind.
func (s *targetSpec) Alternatives() []any { return []any{yamlSpec{}, fileSpec{}} }

type fileSpec struct {
	File           strictyaml.Text   `yaml:"file" group:"file" doc:"The text file, below the root."`
	Files          []strictyaml.Text `yaml:"files" group:"file" doc:"Several files, each of which has the value."`
	MatchPattern   strictyaml.Text   `yaml:"matchpattern" required:"true" doc:"A regular expression of Go that finds one place of the file; its one group is the value."`
	ReplacePattern strictyaml.Text   `yaml:"replacepattern" doc:"As Updatecli writes it: '{{ source \"id\" }}' with the text beside it that stays, or a group such as ${1}."`
	SearchPattern  off               `yaml:"searchpattern" doc:"Only false: files are named." hint:"name the files; pawl looks for none by pattern"`

	Line         strictyaml.Unsupported `yaml:"line" hint:"let matchpattern find the value on that line, with what stands before it"`
	Content      strictyaml.Unsupported `yaml:"content" hint:"pawl writes the value that follows its source, and no text of the manifest's own"`
	ForceCreate  strictyaml.Unsupported `yaml:"forcecreate" hint:"pawl makes no files; write the file with its first version"`
	Template     strictyaml.Unsupported `yaml:"template" hint:"pawl makes no files of templates; a file that is there is kept up to date"`
	TemplateData strictyaml.Unsupported `yaml:"templatedata" hint:"pawl makes no files of templates; a file that is there is kept up to date"`
}

type yamlSpec struct {
	File          strictyaml.Text   `yaml:"file" group:"file" doc:"The YAML file, below the root."`
	Files         []strictyaml.Text `yaml:"files" group:"file" doc:"Several files, each of which has the value."`
	Key           strictyaml.Text   `yaml:"key" group:"key" doc:"The value's place as a JSONPath, e.g. $.image.tag."`
	Keys          []strictyaml.Text `yaml:"keys" group:"key" doc:"Several places, all of which get the value."`
	DocumentIndex strictyaml.Number `yaml:"documentindex" doc:"The document of the file, counted from 0; all that have the key when absent."`
	Value         strictyaml.Text   `yaml:"value" doc:"What is written: one '{{ source \"id\" }}' with text around it; the source's text when absent."`
	Engine        strictyaml.Text   `yaml:"engine" enum:"yamlpath,default,go-yaml,goyaml" others:"dasel,dasel/v1,dasel/v2" hint:"keys are read as engine: yamlpath does" doc:"How key is read: as a JSONPath whatever it says; of the others only keys that mean the same are accepted."`
	SearchPattern off               `yaml:"searchpattern" doc:"Only false: files are named." hint:"name the files; pawl looks for none by pattern"`

	KeyOnly off                    `yaml:"keyonly" doc:"Only false: a value is written." hint:"a target of pawl writes a value; keyonly only asks whether the key is there"`
	Comment strictyaml.Unsupported `yaml:"comment" hint:"pawl writes no comments; those in the file stay as they are"`
}

// PolicyBlock is the `policy:` block of a manifest and, as defaults, of the configuration.
type PolicyBlock struct {
	Channel   strictyaml.Text `yaml:"channel" doc:"Only prereleases with this label and a number compete, e.g. infitx for 1.2.3-infitx.4, rc for 1.2.3-rc4."`
	Exclude   textList        `yaml:"exclude" doc:"Versions or ranges that never compete."`
	Downgrade strictyaml.Text `yaml:"downgrade" enum:"hold,follow" doc:"When only lower versions are left: hold keeps the value, follow goes down."`
	Digest    strictyaml.Text `yaml:"digest" enum:"hold,follow" doc:"When the registry gives a pinned version another digest: hold keeps the value, follow writes the new one."`
	Withdrawn strictyaml.Text `yaml:"withdrawn" enum:"hold,replace" doc:"When an event says that the version was deleted, and the source has it no more: hold keeps the value, replace leaves it as a quarantine does."`
	Rebuilds  strictyaml.Text `yaml:"rebuilds" enum:"hold,follow" doc:"When a version is there again with higher build metadata, +k3s2 after +k3s1: hold keeps the value and names it, follow takes it."`
	Age       strictyaml.Text `yaml:"age" doc:"How long pawl must have known a version before a run takes it, as 12h, 3d or 2w, counted from when a run first saw it, of an immutable release from when GitHub published it; at once when absent. The larger one of manifest and configuration counts."`
	Platforms textList        `yaml:"platforms" doc:"What an image must be built for before it is taken, as linux/amd64. What the configuration wants counts too."`
	Gates     textList        `yaml:"gates" doc:"The gates of the configuration that must let a version pass before it is taken. What the configuration wants counts too."`
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
