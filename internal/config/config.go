// Package config reads `.pawl.yaml`, the settings of a profile. It is strict: an unknown key is an error with its place,
// and nothing runs on a file that holds one. The file may be absent; then every default holds.
package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// FileName is the configuration's name in the root of a profile.
const FileName = ".pawl.yaml"

// DefaultBranch is the branch of the pull request where the file names none.
const DefaultBranch = "pawl/update"

// Config is a profile's settings, checked.
type Config struct {
	// Shadow has pawl run record what it would do, and nothing else written at the forge.
	Shadow bool
	// Mirrors says where hosts are really asked.
	Mirrors source.Mirrors
	// Concurrency is the number of requests in flight by logical host; DefaultConcurrency for those not named.
	Concurrency map[string]int
	// Timeouts are how long one source may take in all, by logical host; DefaultSourceTimeout for those not named.
	Timeouts map[string]time.Duration
	// Env are further variables that manifests may read.
	Env []string
	// Values are the paths of files of values, below the root.
	Values []string
	// Secrets binds further token variables to the host that they may be sent to.
	Secrets map[string]string
	// Policies are what holds for sources; of ages, platforms and gates a manifest may only want more.
	Policies manifest.Policies
	// Gates are the programs that judge versions, in the order of the file.
	Gates []gate.Gate
	// Change is how a change is worded and who is asked.
	Change Change
	Forge  Forge
	Merge  Merge
	// Ledger is the ref that holds what survives a run.
	Ledger string
	// LedgerKey names the variable with the key that the ledger is sealed with, empty for none.
	LedgerKey string
	Deploy    Deploy
	Events    Events
	// Uses are all places that the file sends a variable's value to.
	Uses []Use
}

// Change is how a change is worded, and who is asked to look at it.
type Change struct {
	Words                        change.Words
	Labels, Reviewers, Assignees []string
	// Unsigned keeps the forge from making, and so signing, the commit.
	Unsigned bool
}

// Use is one place that the value of a variable is sent to, or signs what is sent.
type Use struct {
	Variable string
	// To is a URL, or a host as secrets names it; Setting what says so, in words.
	To, Setting string
	// At is where it stands, for messages.
	At strictyaml.Problem
}

// DefaultSourceTimeout is how long one source may take in all; a source may be given no more than maxSourceTimeout.
const (
	DefaultSourceTimeout = 60 * time.Second
	maxSourceTimeout     = time.Hour
)

// DefaultConcurrency is the number of requests in flight at one host.
const DefaultConcurrency = 16

// Forge is where pull requests are opened. Empty fields are filled from the environment and the forge itself; URL is the
// address of the forge, for those that are not at one place.
type Forge struct {
	Kind, URL, Repository, Base, Branch string
	Labels                              []string
}

// Merge says when a pull request may be merged.
type Merge struct {
	// Off never merges.
	Off bool
	// Method is squash, merge or rebase.
	Method string
	// Wait is how long a run waits for the merge.
	Wait time.Duration
	// None merges without checks; else Require are the names of the required ones, empty for those that the
	// repository's branch protection requires.
	None    bool
	Require []string
	// NoArm keeps the forge from merging by itself.
	NoArm bool
	// Calendar says when; Max is how many values one pull request may change, 0 for any number.
	Calendar change.Calendar
	Max      int
}

// Deploy says which pipelines a merge fires.
type Deploy struct {
	// By is run or push: which of the two workflows fires.
	By string
	// Variable names the environment variable that holds Projects as JSON, empty when they are inline.
	Variable   string
	Projects   []Project
	Ref        string
	ExtraPaths []string
	// Wait follows the pipelines to their end when above zero.
	Wait time.Duration
	// Hold holds the values that the project of a failed pipeline consumes.
	Hold bool
}

// Project is one GitLab project to deploy; Secret and API name environment variables.
type Project struct {
	Name, URL, Secret, API string
	Paths                  []string
	// Place is where it stands, for messages.
	Place strictyaml.Problem
}

// Events says what events are called and where they go.
type Events struct {
	Source   string
	Required bool
	// Outbox is where earlier versions kept events.
	Outbox string
	Accept []string
	// Key names the variable with the key of signatures over incoming events.
	Key   string
	Sinks []Sink
}

// Sink is one receiver of events; Token, HMAC, User and Password name environment variables.
type Sink struct {
	Type, Path, URL, Mode, Token, HMAC, Topic, Partition string
	Brokers                                              []string
	// TLS is how brokers are talked to, CA a file of certificates, SASL the mechanism of a login; empty for none.
	TLS                      bool
	CA, SASL, User, Password string
}

// Parse reads the configuration; the problems hold every fault, warnings included. Nil data stands for an absent file.
func Parse(file string, data []byte) (Config, []strictyaml.Problem) {
	docs, problems := strictyaml.Documents(file, data)
	if len(docs) > 1 {
		problems = append(problems, strictyaml.Problem{File: file, Line: docs[1].Line, Column: 1, Message: "want one document, have several"})
	}
	if len(problems) > 0 {
		return Config{}, problems
	}
	c := &checker{file: file}
	var f fileFormat
	if len(docs) == 1 {
		c.problems = strictyaml.Decode(file, docs[0], &f)
	}
	config := c.config(f)
	strictyaml.Sort(c.problems)
	return config, c.problems
}

// checker turns the file's text into values and collects what is wrong with them.
type checker struct {
	file     string
	uses     []Use
	problems []strictyaml.Problem
}

// warnf notes what a person should know; the configuration is used.
func (c *checker) warnf(t strictyaml.Text, hint, format string, args ...any) {
	c.problems = append(c.problems, strictyaml.Problem{File: c.file, Line: t.Line, Column: t.Column, Message: fmt.Sprintf(format, args...), Hint: hint, Warning: true})
}

func (c *checker) errorf(t strictyaml.Text, hint, format string, args ...any) {
	c.problems = append(c.problems, strictyaml.Problem{File: c.file, Line: t.Line, Column: t.Column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) config(f fileFormat) Config {
	config := Config{
		Shadow:      f.Mode.Value == "shadow",
		Mirrors:     c.mirrors(f.Mirrors),
		Concurrency: c.concurrency(f.Registries),
		Timeouts:    c.timeouts(f.Registries),
		Secrets:     map[string]string{},
		Forge:       c.forge(f.Forge),
		Change:      c.change(f.Change),
		Merge:       c.merge(f.Merge),
		Ledger:      orElse(f.Ledger.Ref, "refs/pawl/ledger"),
		LedgerKey:   c.variable(f.Ledger.Key),
		Deploy:      c.deploy(f.Deploy),
		Events:      c.events(f.Events),
	}
	for _, name := range f.Env {
		config.Env = append(config.Env, c.variable(name))
	}
	for _, v := range f.Values {
		config.Values = append(config.Values, c.below(v))
	}
	others := c.uses
	c.uses = nil
	for _, s := range f.Secrets {
		config.Secrets[c.variable(s.Key)] = c.host(s.Value)
		c.use(s.Key, s.Value.Value, "secrets")
	}
	config.Uses = slices.Concat(c.uses, others) // what binds a variable comes before what uses it
	c.refs(f, config)
	config.Gates = c.gates(f.Gates)
	config.Policies = c.policies(f, config.Gates)
	c.gateSecrets(f.Gates, config)
	return config
}

// refs checks that base, branch and ledger are three refs. Where the base is not written a run asks the forge for it.
func (c *checker) refs(f fileFormat, config Config) {
	err := change.Refs{Base: config.Forge.Base, Branch: config.Forge.Branch, Ledger: config.Ledger}.Check()
	wrong, ok := errors.AsType[*change.RefError](err)
	if !ok {
		return
	}
	at := f.Ledger.Ref
	if f.Forge != nil && wrong.Key == "forge.base" {
		at = f.Forge.Base
	}
	if f.Forge != nil && wrong.Key == "forge.branch" {
		if at = f.Forge.Branch; !at.Set() {
			at = f.Forge.Base
		}
	}
	if !at.Set() && f.Forge != nil { // the default ledger can only be the other one's fault
		at = f.Forge.Branch
	}
	c.errorf(at, wrong.Hint, "%s", wrong.Error())
}

// mirrors are parsed one by one, so that each fault has its place.
func (c *checker) mirrors(m strictyaml.Map[strictyaml.Text]) source.Mirrors {
	all := make(map[string]string, len(m))
	for _, e := range m {
		if _, err := source.ParseMirrors(map[string]string{e.Key.Value: e.Value.Value}); err != nil {
			c.errorf(e.Key, "write host: https://mirror.example/path", "%v", err)
			continue
		}
		all[e.Key.Value] = e.Value.Value
	}
	parsed, err := source.ParseMirrors(all)
	if err != nil {
		c.errorf(m[0].Key, "", "%v", err)
	}
	return parsed
}

func (c *checker) concurrency(m strictyaml.Map[registryBlock]) map[string]int {
	all := make(map[string]int, len(m))
	for _, e := range m {
		n := e.Value.Concurrency
		if n.Set() && (n.Value < 1 || n.Value > 256) {
			c.errorf(strictyaml.Text{Line: n.Line, Column: n.Column}, "", "want a concurrency from 1 to 256, have %d", n.Value)
		}
		if n.Set() {
			all[e.Key.Value] = n.Value
		}
	}
	return all
}

func (c *checker) timeouts(m strictyaml.Map[registryBlock]) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, e := range m {
		t := e.Value.Timeout
		if !t.Set() {
			continue
		}
		d, err := time.ParseDuration(t.Value)
		if err != nil || d <= 0 || d > maxSourceTimeout {
			c.errorf(t, "write e.g. 30s or 3m", "want a time above zero and up to %s, have %s", maxSourceTimeout, strictyaml.Quote(t.Value))
			continue
		}
		all[e.Key.Value] = d
	}
	return all
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variable checks the name of an environment variable.
func (c *checker) variable(t strictyaml.Text) string {
	if t.Set() && !variableName.MatchString(t.Value) {
		c.errorf(t, "write the variable's name; its value stays in the environment", "want the name of an environment variable")
		return ""
	}
	return t.Value
}

// use notes where the value of a variable goes.
func (c *checker) use(variable strictyaml.Text, to, setting string) {
	if variable.Value != "" {
		c.uses = append(c.uses, Use{variable.Value, to, setting, strictyaml.Problem{File: c.file, Line: variable.Line, Column: variable.Column}})
	}
}

// host checks a host with its port, which may have a scheme before it.
func (c *checker) host(t strictyaml.Text) string {
	bare := strings.TrimPrefix(strings.TrimPrefix(t.Value, "https://"), "http://")
	if bare == "" || strings.ContainsAny(bare, "/@?# \t") {
		c.errorf(t, "write e.g. git.example or http://git.example:8080", "want the host that the token may be sent to")
	}
	return t.Value
}

func (c *checker) duration(t strictyaml.Text, fallback time.Duration) time.Duration {
	if !t.Set() {
		return fallback
	}
	d, err := time.ParseDuration(t.Value)
	if err != nil || d < 0 {
		c.errorf(t, "write e.g. 90s or 10m", "want a duration, have %s", strictyaml.Quote(t.Value))
	}
	return d
}

func orElse(t strictyaml.Text, fallback string) string {
	if t.Value == "" {
		return fallback
	}
	return t.Value
}

func texts(list []strictyaml.Text) []string {
	var all []string
	for _, t := range list {
		all = append(all, t.Value)
	}
	return all
}
