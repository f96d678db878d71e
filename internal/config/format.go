package config

import (
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// The types of this file are the format of `.pawl.yaml`: the reader and the JSON Schema are both made from them.

type fileFormat struct {
	Version    strictyaml.Text                 `yaml:"version" enum:"1" doc:"The format's version."`
	Mode       strictyaml.Text                 `yaml:"mode" enum:"run,shadow" doc:"What pawl run does: run, the default, or shadow: it plans and records what it would do, beside the bot that does it today; nothing else is written at the forge."`
	Mirrors    strictyaml.Map[strictyaml.Text] `yaml:"mirrors" doc:"Where to really ask, by registry host or by URL prefix."`
	Registries strictyaml.Map[registryBlock]   `yaml:"registries" doc:"Limits by host."`
	Env        []strictyaml.Text               `yaml:"env" doc:"Variables that manifests may read besides GITHUB_TOKEN and GITHUB_ACTOR."`
	Values     []strictyaml.Text               `yaml:"values" doc:"Files of values that manifests look up as {{ .a.b }}; a later one wins."`
	Secrets    strictyaml.Map[strictyaml.Text] `yaml:"secrets" doc:"The host that each further token variable may be sent to."`
	Policy     *manifest.PolicyBlock           `yaml:"policy" doc:"Defaults for every manifest's policy."`
	Policies   []policiesBlock                 `yaml:"policies" doc:"Policies of some sources, on top of policy; the last one that matches wins."`
	Gates      strictyaml.Map[gateBlock]       `yaml:"gates" doc:"Programs that judge versions, by name; policy.gates names those that must let a version pass. Only pawl gates starts them."`
	Forge      *forgeBlock                     `yaml:"forge" doc:"Where pull requests are opened."`
	Change     *changeBlock                    `yaml:"change" doc:"How a change is worded, and who is asked to look at it."`
	Merge      *mergeBlock                     `yaml:"merge" doc:"When a pull request may be merged."`
	Ledger     ledgerBlock                     `yaml:"ledger" doc:"The ref that holds what survives a run, and the key that it is sealed with."`
	Deploy     *deployBlock                    `yaml:"deploy" doc:"Which pipelines a merge fires."`
	Events     *eventsBlock                    `yaml:"events" doc:"What events are called and where they go."`
}

type registryBlock struct {
	Concurrency strictyaml.Number `yaml:"concurrency" doc:"Requests in flight; 16 when absent."`
	Timeout     strictyaml.Text   `yaml:"timeout" doc:"How long one source may take in all, such as 30s; 60s when absent."`
}

// policiesBlock is a policy block beside the pattern of its sources.
type policiesBlock struct {
	Match strictyaml.Text `yaml:"match" required:"true" doc:"The sources that are meant, as mojaloop/* or ghcr.io/acme/**; * matches up to the next slash, /** at the end whatever is below."`
	manifest.PolicyBlock
}

type gateBlock struct {
	Run     []strictyaml.Text   `yaml:"run" required:"true" doc:"The program and its arguments, which may hold {image}, {tag}, {digest}, {version}, {current} and {manifest}. No shell is used."`
	Deny    []strictyaml.Number `yaml:"deny" doc:"The exit codes with which it denies a version; 0 lets it pass, any other breaks the gate for this time."`
	Kinds   []strictyaml.Text   `yaml:"kinds" doc:"The kinds of sources whose versions it judges, as dockerimage; all when absent."`
	Timeout strictyaml.Text     `yaml:"timeout" doc:"How long it may take, as 10m; 5m when absent."`
	Env     []strictyaml.Text   `yaml:"env" doc:"Variables that it gets besides PATH, HOME, TMPDIR and DOCKER_CONFIG; none of the secrets."`
}

type forgeBlock struct {
	Kind       strictyaml.Text   `yaml:"kind" enum:"github,gitea,gitlab" doc:"The forge; gitea is Forgejo as well. That of the job when absent and the job's repository is the profile, else github."`
	URL        strictyaml.Text   `yaml:"url" doc:"The address of a gitea or a gitlab; that of the job when absent, else https://gitlab.com for a gitlab."`
	Repository strictyaml.Text   `yaml:"repository" doc:"owner/repository; $GITHUB_REPOSITORY when absent."`
	Base       strictyaml.Text   `yaml:"base" doc:"The branch to update; the default branch when absent."`
	Branch     strictyaml.Text   `yaml:"branch" doc:"The branch of the pull request; pawl/update when absent."`
	Labels     []strictyaml.Text `yaml:"labels" doc:"Labels of the pull request."`
}

type changeBlock struct {
	Title     strictyaml.Text   `yaml:"title" doc:"The pull request's title, with {summary}, {count} and {manifests}; {summary} when absent."`
	Commit    strictyaml.Text   `yaml:"commit" doc:"The commit's subject, and further lines before the list of updates; the title when absent. The trailers follow."`
	Labels    []strictyaml.Text `yaml:"labels" doc:"Labels of the pull request, besides those of forge.labels."`
	Reviewers []strictyaml.Text `yaml:"reviewers" doc:"Who is asked to review a pull request when it is opened; ORG/TEAM asks a team."`
	Assignees []strictyaml.Text `yaml:"assignees" doc:"Who is assigned to a pull request when it is opened."`
	Sign      strictyaml.Flag   `yaml:"sign" doc:"Whether GitHub makes the commit and signs it; false has pawl push one without a signature, as it does at other forges. True when absent."`
}

// mergeBlock is written as the word off, or as a map.
type mergeBlock struct {
	off   bool
	block mergeMap
}

type mergeMap struct {
	Method  strictyaml.Text   `yaml:"method" enum:"squash,merge,rebase" doc:"How to merge; squash when absent."`
	Wait    strictyaml.Text   `yaml:"wait" doc:"How long a run waits for the merge; 10m when absent."`
	Arm     strictyaml.Flag   `yaml:"arm" doc:"Whether GitHub may be told to merge by itself, by auto-merge or merge queue, where nothing that pawl asks may change before: no window, freeze or gate. True when absent."`
	Windows []windowBlock     `yaml:"windows" doc:"When pull requests may be merged; at any time when absent."`
	Freeze  []freezeBlock     `yaml:"freeze" doc:"Days on which nothing is merged."`
	Max     strictyaml.Number `yaml:"max" doc:"How many values one pull request may change: with more it gets the label pawl/review and people decide, as over the first one of a profile; any number when absent."`
	Require *requireBlock     `yaml:"require" doc:"The checks that must be green; none merges without any; the branch protection's when absent."`
}

// ledgerBlock is written as a ref, or as a map.
type ledgerBlock struct{ ledgerMap }

type ledgerMap struct {
	Ref strictyaml.Text `yaml:"ref" doc:"The ref; refs/pawl/ledger when absent."`
	Key strictyaml.Text `yaml:"key" doc:"The variable with a key: what was written to the ledger without it then only tightens."`
}

// DecodeYAML reads either form.
func (l *ledgerBlock) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &l.Ref)
		return
	}
	d.Decode(n, &l.ledgerMap)
}

// Alternatives returns both forms.
func (l *ledgerBlock) Alternatives() []any { return []any{strictyaml.Text{}, ledgerMap{}} }

type windowBlock struct {
	Days strictyaml.Text `yaml:"days" doc:"The days on which it begins, as mon-fri or sat,sun; all when absent."`
	From strictyaml.Text `yaml:"from" required:"true" doc:"When it begins, as 08:00."`
	To   strictyaml.Text `yaml:"to" required:"true" doc:"When it ends, as 16:00 or 24:00; on the next day when that is before from."`
	Zone strictyaml.Text `yaml:"zone" doc:"The time zone, as Europe/Berlin; UTC when absent."`
}

type freezeBlock struct {
	From   strictyaml.Text `yaml:"from" required:"true" doc:"The first day, as 2026-12-20."`
	To     strictyaml.Text `yaml:"to" required:"true" doc:"The last day."`
	Reason strictyaml.Text `yaml:"reason" doc:"Why, for people."`
	Zone   strictyaml.Text `yaml:"zone" doc:"The time zone of the days; UTC when absent."`
}

// DecodeYAML reads either form.
func (m *mergeBlock) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		d.Decode(n, &m.block)
		return
	}
	if m.off = n.Value == "off"; !m.off {
		d.Errorf(n, "write merge: off, or a map with method, wait and require", "merge: want off or a map, have %s", strictyaml.Quote(n.Value))
	}
}

// Alternatives returns both forms.
func (m *mergeBlock) Alternatives() []any { return []any{"off", false, mergeMap{}} }

// requireBlock is written as the word none, or as a list of check names.
type requireBlock struct {
	none  bool
	names []strictyaml.Text
}

// DecodeYAML reads either form.
func (r *requireBlock) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		d.Decode(n, &r.names)
		return
	}
	if r.none = n.Value == "none"; !r.none {
		d.Errorf(n, "write require: none, or require: [name of a check]", "require: want none or a list, have %s", strictyaml.Quote(n.Value))
	}
}

// Alternatives returns both forms.
func (r *requireBlock) Alternatives() []any { return []any{"none", []strictyaml.Text{}} }

type deployBlock struct {
	By         strictyaml.Text   `yaml:"by" enum:"run,push" doc:"Which workflow fires: run (pawl run) or push (pawl deploy)."`
	Projects   *projectsBlock    `yaml:"projects" doc:"${NAME} of a variable with a JSON list, or the list itself."`
	Ref        strictyaml.Text   `yaml:"ref" doc:"The ref that pipelines run on; main when absent."`
	ExtraPaths []strictyaml.Text `yaml:"extraPaths" doc:"Files beside the targets that deploy when they change."`
	Wait       strictyaml.Text   `yaml:"wait" doc:"How long to follow the pipelines; 0s does not."`
	OnFailure  strictyaml.Text   `yaml:"onFailure" enum:"none,hold" doc:"When a pipeline that is followed fails: hold holds all values that its project consumes until pawl unhold; none, the default, does nothing."`
}

// projectsBlock is written as ${NAME}, or as a list.
type projectsBlock struct {
	variable strictyaml.Text
	list     []projectBlock
}

type projectBlock struct {
	Name   strictyaml.Text   `yaml:"name" required:"true" doc:"What the project is called in reports."`
	URL    strictyaml.Text   `yaml:"url" required:"true" doc:"The whole URL of the trigger endpoint."`
	Secret strictyaml.Text   `yaml:"secret" required:"true" doc:"The variable with the trigger token."`
	API    strictyaml.Text   `yaml:"api" doc:"The variable with a token that may read pipelines."`
	Paths  []strictyaml.Text `yaml:"paths" doc:"The files that the project consumes."`
}

// DecodeYAML reads either form.
func (p *projectsBlock) DecodeYAML(d *strictyaml.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &p.variable)
		return
	}
	d.Decode(n, &p.list)
}

// Alternatives returns both forms.
func (p *projectsBlock) Alternatives() []any { return []any{strictyaml.Text{}, []projectBlock{}} }

type eventsBlock struct {
	Source   strictyaml.Text   `yaml:"source" doc:"The URI that names this profile in events."`
	Required strictyaml.Flag   `yaml:"required" doc:"An event that could not be delivered fails the run."`
	Outbox   strictyaml.Text   `yaml:"outbox" doc:"Not used any more: the ledger keeps what a receiver has not taken."`
	Accept   []strictyaml.Text `yaml:"accept" doc:"Sources of incoming events that are trusted."`
	Key      strictyaml.Text   `yaml:"key" doc:"The variable with the key of signatures over incoming events (HMAC-SHA256): a quarantine that bears one moves values."`
	Sinks    []sinkBlock       `yaml:"sinks" doc:"Where events go."`
}

type sinkBlock struct {
	Type      strictyaml.Text   `yaml:"type" required:"true" enum:"file,http,kafka" doc:"The kind of receiver."`
	Path      strictyaml.Text   `yaml:"path" doc:"file: where to append."`
	URL       strictyaml.Text   `yaml:"url" doc:"http: the receiver."`
	Mode      strictyaml.Text   `yaml:"mode" enum:"binary,structured,batch" doc:"http: the CloudEvents mode; binary when absent."`
	Token     strictyaml.Text   `yaml:"token" doc:"http: the variable with a bearer token."`
	HMAC      strictyaml.Text   `yaml:"hmac" doc:"http: the variable with the key of a signature over the body."`
	Brokers   []strictyaml.Text `yaml:"brokers" doc:"kafka: host:port of the first brokers."`
	Topic     strictyaml.Text   `yaml:"topic" doc:"kafka: the topic."`
	Partition strictyaml.Text   `yaml:"partition" enum:"chain,type,subject" doc:"kafka: what decides the partition; chain when absent."`
	TLS       strictyaml.Flag   `yaml:"tls" doc:"kafka: talk TLS to the brokers, whose certificates the system's roots have signed, or those of ca."`
	CA        strictyaml.Text   `yaml:"ca" doc:"kafka: a file of PEM certificates to trust instead of the system's; it turns tls on."`
	SASL      strictyaml.Text   `yaml:"sasl" enum:"plain,scram-sha-256,scram-sha-512" doc:"kafka: how to log in; plain needs tls."`
	User      strictyaml.Text   `yaml:"user" doc:"kafka: the variable with the name to log in with."`
	Password  strictyaml.Text   `yaml:"password" doc:"kafka: the variable with the password."`
}

// Schema returns the JSON Schema of the configuration file.
func Schema() ([]byte, error) {
	return strictyaml.Schema(fileFormat{}, "https://pawl-cd.github.io/schema/config.json", "pawl configuration")
}
