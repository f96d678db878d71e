package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/wire"
	"github.com/pawl-cd/pawl/internal/worktree"
)

// session is a profile that was read, and the clients that its commands need.
type session struct {
	g *globals
	// files are the profile's: those of tree, unless it is not checked out.
	files  files
	tree   *worktree.Tree
	config config.Config
	// commit is where a profile was read that is not checked out, first the tip of its default branch then; store remembers its git
	// objects.
	commit, first string
	store         *wire.Store
	// asked are the sources that the pipeline asks.
	asked     *wire.Sources
	manifests []manifest.Manifest
	// projects are those to deploy, once they were resolved.
	projects []deploy.Project
	// problems are the warnings of the configuration.
	problems []strictyaml.Problem
}

// files are where a profile is read: a directory, or a commit.
type files interface {
	ReadFile(name string) ([]byte, error)
	FS() fs.FS
}

// open reads the configuration and the manifests. A bad configuration or the absence of any manifest ends the command;
// a bad manifest is found in the session.
func (g *globals) open() (*session, error) {
	tree, err := worktree.Open(g.root)
	if err != nil {
		return nil, &exit{code: Usage, err: err, hint: "name the profile's directory with --root", topics: []topic{noProfileTopic}}
	}
	s := &session{g: g, tree: tree, files: tree}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	return s, nil
}

func (s *session) close() error {
	if s.tree == nil {
		return nil
	}
	return s.tree.Close()
}

func (s *session) load() error {
	file, data, err := s.readConfig()
	if err != nil {
		return &exit{code: Usage, err: err, topics: []topic{configurationTopic}}
	}
	s.config, s.problems = config.Parse(file, data)
	s.learn(string(data))
	s.problems = append(s.problems, s.misplaced(s.config.Uses)...)
	if strictyaml.Failed(s.problems) {
		for _, p := range s.problems {
			s.g.reporter().problem(p)
		}
		return &exit{code: Usage, topics: []topic{configurationTopic}}
	}
	return s.loadManifests()
}

// loadManifests reads the manifests, and the values that they look up.
func (s *session) loadManifests() error {
	values, err := s.values()
	if err != nil {
		return err
	}
	s.manifests, err = manifest.Load(attentive{s.files.FS(), s.g.door}, s.g.manifests, manifest.Options{
		Values:     values,
		Repository: cmp.Or(s.config.Forge.Repository, s.env("GITHUB_REPOSITORY")),
		Env:        s.g.sys.Env,
		Readable:   append([]string{"GITHUB_ACTOR"}, s.config.Env...),
		Secrets:    s.secrets(),
		Bound:      s.wire().Bound,
		Policies:   s.config.Policies,
		Gates:      s.config.GateNames(),
	})
	if errors.Is(err, manifest.ErrNone) {
		return &exit{code: Usage, err: err, hint: "name the directory with --manifests, or the profile's directory with --root; pawl init writes the first manifests", topics: []topic{noManifestTopic}}
	}
	if err != nil {
		return &exit{code: Usage, err: err, topics: []topic{noManifestTopic}}
	}
	return nil
}

// values reads the files of values.
func (s *session) values() (manifest.Values, error) {
	if len(s.config.Values) == 0 {
		return nil, nil
	}
	all := manifest.Values{}
	var problems []strictyaml.Problem
	for _, name := range s.config.Values {
		data, err := s.files.ReadFile(name)
		if err != nil {
			return nil, &exit{code: Usage, err: fmt.Errorf("values: %w", err), hint: "name the files of values below the root", topics: []topic{configurationTopic}}
		}
		s.learn(string(data))
		problems = append(problems, all.Read(name, data)...)
	}
	for _, p := range problems {
		s.g.reporter().problem(p)
	}
	if strictyaml.Failed(problems) {
		return nil, &exit{code: Usage, topics: []topic{configurationTopic}}
	}
	return all, nil
}

// readConfig returns the configuration's name for messages and its content, nil when the file may be and is absent.
func (s *session) readConfig() (string, []byte, error) {
	if s.g.config == "" {
		data, err := s.files.ReadFile(config.FileName)
		if errors.Is(err, fs.ErrNotExist) {
			return config.FileName, nil, nil
		}
		return config.FileName, data, err
	}
	data, err := os.ReadFile(s.g.config)
	if err != nil {
		return s.g.config, nil, fmt.Errorf("reading configuration: %w", err)
	}
	return s.g.config, data, nil
}

// secrets are the variables that hold a token.
func (s *session) secrets() []string {
	names := []string{"GITHUB_TOKEN", "MERGE_TOKEN"}
	for name := range s.config.Secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// wire is what makes the clients.
func (s *session) wire() wire.Wire {
	return wire.Wire{
		Config: s.config, Env: s.g.sys.Env, Root: s.g.root, Store: s.store, Tenant: s.g.sys.tenant.wired(), Timeout: s.g.timeout, UserAgent: "pawl/" + buildVersion(), Redactor: s.g.door, Log: s.g.logger(),
		Transport: s.g.sys.Transport, Now: s.g.sys.Now, Sleep: s.g.sys.Sleep, Say: s.g.reporter().say, Caught: s.g.caught,
	}
}

// sources are the clients of all kinds of source.
func (s *session) sources(client *httpx.Client) *wire.Sources {
	return s.wire().Sources(client, s.queries())
}

// forge returns the configured forge.
func (s *session) forge(client *httpx.Client) (forge.Forge, error) {
	f, err := s.wire().Forge(client)
	if err != nil {
		return nil, &exit{code: Usage, err: err, topics: []topic{noRepositoryTopic}}
	}
	return f, nil
}

func (s *session) env(name string) string {
	value, _ := s.g.sys.Env(name)
	return value
}

// pipeline wires the real clients.
func (s *session) pipeline() (plan.Planner, *httpx.Client) {
	client := s.wire().Client()
	sources := s.sources(client)
	s.asked = sources
	return plan.Planner{Lister: s.lister(sources), Digester: sources, Platformer: sources, Files: s.files, Now: s.g.sys.Now()}, client
}

// lister shows a person at a terminal how far the sources are.
func (s *session) lister(sources *wire.Sources) plan.Lister {
	if s.g.sys.Terminal && s.g.log == "text" {
		return &progress{Lister: sources, out: s.g.screen}
	}
	return sources
}

// logger is where clients say what they do, nil without --verbose.
func (g *globals) logger() *slog.Logger {
	if !g.verbose {
		return nil
	}
	opt := &slog.HandlerOptions{Level: slog.LevelDebug}
	if g.log == "json" {
		return slog.New(slog.NewJSONHandler(disarmed{g.sys.Err}, opt))
	}
	return slog.New(slog.NewTextHandler(disarmed{g.sys.Err}, opt))
}

// warn says the warnings of what was loaded, and the faults of the manifests that cannot be used; what several of them have in
// common is said once, unless every one is asked for.
func (s *session) warn() {
	s.warnOfConfig()
	var all []strictyaml.Problem
	for _, m := range s.manifests {
		all = append(all, m.Problems...)
	}
	if !s.g.verbose {
		all = strictyaml.Grouped(all)
	}
	for _, p := range all {
		s.g.reporter().problem(p)
	}
}

// warnOfConfig says those of the configuration alone.
func (s *session) warnOfConfig() {
	for _, p := range s.problems {
		s.g.reporter().problem(p)
	}
}

// queries are those of the manifests, in their order.
func (s *session) queries() []source.Query {
	var all []source.Query
	for _, m := range s.manifests {
		for _, src := range m.Sources {
			all = append(all, src.Query)
		}
	}
	return all
}

// keyed refuses to go on where the ledger has a key that is not set: what is written without it would be believed by nobody.
func (s *session) keyed() error {
	if name := s.config.LedgerKey; name != "" && s.env(name) == "" {
		return &exit{code: Usage, err: fmt.Errorf("ledger.key: the variable %s is not set", name), topics: []topic{configurationTopic},
			hint: "set it to the key that the profile's ledger is sealed with; brakes may be pulled without it, not lifted"}
	}
	return nil
}
