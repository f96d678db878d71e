// Package scaffold proposes the files with which pawl starts to work on a repository: the configuration, a manifest for
// each image that none tracks yet, and the workflows. It finds out what it can from the files that are there (git's own,
// Updatecli's manifests, the workflows of the chain that pawl replaces, values with image tags) and says what it could
// not. It writes nothing: it reads an fs.FS, bounded and without following links, and returns values.
package scaffold

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/edit"
)

// Guide is the page that says how to write a manifest.
const Guide = "https://github.com/pawl-cd/pawl/blob/main/docs/getting-started.md"

// File is one file to write.
type File struct {
	Path string
	Data []byte
	// About says what it is for, for people.
	About string
}

// Note is something for people: what was found and where, or what was not found out and what to do.
type Note struct{ Text, Detail string }

// Proposal is what `pawl init` would write, and what it learned.
type Proposal struct {
	Files []File
	// Found says what was found and where; Missing what was not found out, with what to do.
	Found, Missing []Note
	// Manifests are the directories to name with --manifests, none when pawl finds them by itself.
	Manifests []string
	// Empty reports that there is no manifest and none to propose.
	Empty bool
}

// Options are what a proposal depends on besides the repository.
type Options struct {
	// Workflows holds docker-image.yaml and gitlab.yaml under .github/workflows, as this repository uses them.
	Workflows fs.FS
	// Version is the version of pawl that the workflows install.
	Version string
}

// Propose looks at the repository and returns what to write. Its error means that the embedded workflows are not those
// that it knows how to adapt.
func Propose(fsys fs.FS, opt Options) (Proposal, error) {
	t := &tree{fsys: fsys, parsed: map[string]*edit.File{}}
	s := survey{}
	s.repository, s.base = t.remote()
	s.baseFrom = ".git"
	s.chain = t.chain()
	if s.base == "" {
		s.base, s.baseFrom = s.chain.base, s.chain.updater
	}
	s.existing = t.manifests()
	s.drafts = t.drafts(s.existing)

	p := Proposal{Manifests: s.existing.flags(), Empty: s.existing.count+len(s.drafts) == 0}
	p.Files = append(p.Files, s.settings())
	for _, d := range s.drafts {
		p.Files = append(p.Files, d.file())
	}
	if !p.Empty {
		files, err := s.workflows(opt)
		if err != nil {
			return Proposal{}, err
		}
		p.Files = append(p.Files, files...)
	}
	p.Found, p.Missing = s.found(), append(s.missing(), t.notes...)
	return p, nil
}

// survey is what is known of a repository.
type survey struct {
	// repository is owner/name at GitHub, base its branch to update; empty when unknown.
	repository, base string
	// baseFrom is where the base was found.
	baseFrom string
	chain    chain
	existing existing
	drafts   []draft
}

func (s survey) found() []Note {
	var all []Note
	add := func(detail, format string, args ...any) {
		all = append(all, Note{fmt.Sprintf(format, args...), detail})
	}
	if s.repository != "" {
		add(".git", "repository %s", s.repository)
	}
	if s.base != "" {
		add(s.baseFrom, "base branch %s", s.base)
	}
	if s.existing.count > 0 {
		add(strings.Join(s.existing.dirs, ", "), "%s", count(s.existing.count, "manifest"))
	}
	if s.chain.updater != "" {
		add(s.chain.updater, "the workflow that opens pull requests now")
	}
	if s.chain.trigger != "" {
		add(s.chain.trigger, "the workflow that triggers GitLab now")
	}
	switch {
	case s.chain.variable != "":
		add(s.chain.trigger, "projects in the %s %s", map[string]string{"vars": "variable", "secrets": "secret"}[s.chain.context], s.chain.variable)
	case len(s.chain.projects) > 0:
		add(s.chain.trigger, "%s", count(len(s.chain.projects), "GitLab project"))
	}
	return all
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// missing says what could not be found out; the same stands as a comment where it would have been written.
func (s survey) missing() []Note {
	var all []Note
	add := func(text, detail string) { all = append(all, Note{text, detail}) }
	if s.repository == "" {
		add("forge.repository", "git knows no remote at GitHub: GITHUB_REPOSITORY, which Actions sets, names it, or write it in .pawl.yaml")
	}
	if s.base == "" {
		add("the base branch", "the forge's default branch is used; the workflows start on main")
	}
	if s.chain.merge.require() == "" {
		add("merge.require", s.chain.whyRequire())
	}
	if !s.chain.deploys() {
		add("deploy.projects", s.chain.whyProjects())
	} else if len(s.chain.secrets) == 0 {
		add("the trigger tokens", "no file names the secrets of the projects: write one line for each into the env of both workflows")
	}
	if s.existing.count+len(s.drafts) == 0 {
		add("images", "no manifest and no image tag was found: write a manifest as "+Guide+" shows, then run pawl init again for the workflows")
	}
	return append(all, s.chain.notes...)
}

// branch is the one that workflows start on.
func (s survey) branch() string {
	if s.base == "" {
		return "main"
	}
	return s.base
}

// targets are the files of all manifests, found and proposed.
func (s survey) targets() []string {
	files := slices.Clone(s.existing.targets)
	for _, d := range s.drafts {
		for _, p := range d.places {
			files = append(files, p.file)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// extra are the files that the old chain deployed and no manifest writes.
func (s survey) extra() []string {
	targets := s.targets()
	return slices.DeleteFunc(slices.Clone(s.chain.paths), func(p string) bool {
		return slices.Contains(targets, path.Clean(p)) || strings.HasPrefix(p, ".github/")
	})
}
