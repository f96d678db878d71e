package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/wire"
)

// checkout is the session of a profile: of a checkout, or where a repository is named of the tip of its base branch.
func (p *remoteProfile) checkout(ctx context.Context, g *globals) (*session, error) {
	if p.repository == "" {
		return g.open()
	}
	if g.config != "" {
		return nil, usage(errors.New("--config: with --repository the configuration is that of the base branch"))
	}
	dirs := g.manifests
	if len(dirs) == 0 {
		dirs = manifest.UsualDirs()
	}
	s, f, err := p.readConfig(ctx, g, func(name string) bool {
		return name == config.FileName || slices.ContainsFunc(dirs, func(dir string) bool { return manifest.IsManifest(path.Clean(dir), name) })
	})
	if err != nil {
		return nil, err
	}
	if err := s.add(ctx, f, s.config.Values); err != nil {
		return nil, err
	}
	if err := s.loadManifests(); err != nil {
		return nil, err
	}
	var targets []string
	for _, m := range s.manifests {
		for _, t := range m.Targets {
			targets = append(targets, t.File)
		}
	}
	return s, s.add(ctx, f, targets)
}

// add makes more files of the commit readable that the session was read at.
func (s *session) add(ctx context.Context, f forge.Forge, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	more, err := f.Read(ctx, s.commit, paths)
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	s.files = added{s.files, more}
	return nil
}

// added are files with more of them.
type added struct {
	files
	more forge.Reader
}

// ReadFile reads one of the others, else one of the first.
func (a added) ReadFile(name string) ([]byte, error) {
	data, err := a.more.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return a.files.ReadFile(name)
	}
	return data, err
}

// readConfig is a session with the configuration on the tip of the base branch, in which the files that are wanted can be read,
// and the forge that it was read from.
func (p *remoteProfile) readConfig(ctx context.Context, g *globals, wanted func(path string) bool) (*session, forge.Forge, error) {
	s := &session{g: g, store: wire.NewStore()}
	at, err := p.find(s)
	if err != nil {
		return nil, nil, err
	}
	s.config, _ = config.Parse(config.FileName, nil)
	s.settle(at)
	for i := range 2 { // the configuration may name another base, and has to be the same there
		base := s.config.Forge.Base
		f, err := s.forge(s.wire().Client())
		if err != nil {
			return nil, nil, err
		}
		s.g.sys.tenant.count(f)
		found, err := f.Open(ctx)
		if err != nil {
			return nil, nil, &exit{code: Failure, err: err}
		}
		if i == 0 {
			s.first = found.BaseSHA
		}
		tree, err := forge.ReadTree(ctx, f, found.BaseSHA, wanted)
		if err != nil {
			return nil, nil, &exit{code: Failure, err: err}
		}
		s.files = tree
		if err := p.configure(s, at); err != nil {
			return nil, nil, err
		}
		if b := s.config.Forge.Base; b == base || b == found.Base {
			s.commit = found.BaseSHA
			return s, f, nil
		}
	}
	return nil, nil, &exit{code: Usage, topics: []topic{configurationTopic},
		err:  fmt.Errorf("%s on the default branch and on the branch %s name different branches as forge.base", config.FileName, s.config.Forge.Base),
		hint: "let it say the same on both"}
}

// configure reads the configuration of a session that was read at a place.
func (p *remoteProfile) configure(s *session, at config.Forge) error {
	data, err := s.files.ReadFile(config.FileName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &exit{code: Failure, err: err}
	}
	s.config, s.problems = config.Parse(config.FileName, data)
	says := s.config.Forge
	s.settle(at)
	s.learn(string(data))
	s.problems = append(s.problems, s.misplaced(s.config.Uses)...)
	if strictyaml.Failed(s.problems) {
		for _, one := range s.problems {
			s.g.reporter().problem(one)
		}
		return &exit{code: Usage, topics: []topic{configurationTopic}}
	}
	if t := s.g.sys.tenant; t != nil {
		if err := t.wire.Refused(s.config); err != nil {
			return &exit{code: Usage, err: err, topics: []topic{configurationTopic}}
		}
	}
	return p.moved(at, says)
}

// settle has the session's profile be at a place.
func (s *session) settle(at config.Forge) {
	s.config.Forge.Kind, s.config.Forge.URL, s.config.Forge.Repository = at.Kind, at.URL, at.Repository
}
