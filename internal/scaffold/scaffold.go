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

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/source"
)

// File is one file to write.
type File struct {
	Path string
	Data []byte
	// About says what it is for, for people; Now what a workflow in its place does, empty for none; Tracks the kind of
	// source of a manifest.
	About, Now string
	Tracks     source.Kind
}

// Note is something for people: what was found and where, or what was not found out and what to do.
type Note struct{ Text, Detail string }

// Proposal is what `pawl init` would write, and what it learned.
type Proposal struct {
	Files []File
	// Found says what was found and where; Missing what was not found out, with what to do; Left counts what is left out,
	// by reason; Remarks are what to know about what is written.
	Found, Missing, Left, Remarks []Note
	// Manifests are the directories to name with --manifests, none when pawl finds them by itself.
	Manifests []string
	// Empty reports that there is no manifest and none to propose.
	Empty bool
	// Additions are settings that were found and that the configuration in force lacks.
	Additions []string
	// Next says what remains to be done elsewhere.
	Next []string
}

// Options are what a proposal depends on besides the repository.
type Options struct {
	// Version is the version of pawl that the workflows install, Commit the one that it was built from, empty when unknown.
	Version, Commit string
	// Gates has the workflow ask programs before the run, also where the configuration names none yet.
	Gates bool
	// Config is the configuration in force, nil for none. What it says is not asked of other files, and it is not proposed.
	Config *config.Config
}

// Propose looks at the repository and returns what to write. Its error is a fault of an embedded template.
func Propose(fsys fs.FS, opt Options) (Proposal, error) {
	t := &tree{fsys: fsys, parsed: map[string]*edit.File{}, locks: map[string]bool{}}
	s := survey{}
	s.at, s.base = t.remote()
	s.gitElsewhere = t.regular(".git")
	s.repositoryFrom, s.baseFrom = ".git", ".git"
	s.chain, s.pipeline = t.chain(s.at), t.pipeline()
	if s.base == "" {
		s.base, s.baseFrom = s.chain.base, s.chain.updater
	}
	s.existing = t.manifests()
	s.drafts = t.drafts(s.existing)

	p := Proposal{Manifests: s.existing.flags(), Empty: s.existing.count+len(s.drafts) == 0}
	if opt.Config != nil {
		p.Additions = s.additions(*opt.Config)
		s.settle(*opt.Config)
	} else {
		p.Files = append(p.Files, s.settings())
	}
	for _, d := range s.drafts {
		p.Files = append(p.Files, d.file())
	}
	if !p.Empty {
		s.consumed = s.consumes(t)
		write := s.workflows
		if s.at.lab {
			write, p.Next = s.pipelines, s.toCreate()
		}
		files, err := write(opt)
		if err != nil {
			return Proposal{}, err
		}
		p.Files = append(p.Files, files...)
	}
	if update := s.chain.updatePath(); update != s.at.image() && update != "" && !p.Empty && !s.at.lab {
		p.Next = append(p.Next, "upstream builds: pawl dispatch --workflow "+path.Base(update)+"; docker-image.yaml is not the workflow that updates here")
	}
	p.Found, p.Missing = s.found(), slices.Concat(s.missing(), s.gateNote(opt), t.notes)
	p.Left, p.Remarks = t.leftOut(), t.remarks()
	return p, nil
}

// remarks say what follows from what is written.
func (t *tree) remarks() []Note {
	all := t.mixed
	for _, lock := range sorted(t.locks) {
		all = append(all, Note{lock, "it must follow when a dependency changes: helm dependency update " + path.Dir(lock)})
	}
	return all
}

// survey is what is known of a repository.
type survey struct {
	// at is the forge, base the branch to update, empty when unknown.
	at   forge
	base string
	// own is the branch of pawl's pull request in the configuration in force.
	own string
	// repositoryFrom and baseFrom are where they were found.
	repositoryFrom, baseFrom string
	// gitElsewhere reports that .git is a file, as in a linked worktree or a submodule.
	gitElsewhere bool
	// pipeline is what GitLab would run.
	pipeline pipeline
	// merges reports that the configuration in force says when to merge.
	merges bool
	// sinks are the receivers of events in the configuration in force, ledgerKey its variable with the ledger's key, and guarded
	// all its variables with secrets.
	sinks     []config.Sink
	ledgerKey string
	guarded   []string
	// consumed are the paths whose change deploys, a directory with everything below it as dir/**.
	consumed []string
	chain    chain
	existing existing
	drafts   []draft
}

func (s survey) found() []Note {
	var all []Note
	add := func(detail, format string, args ...any) {
		all = append(all, Note{fmt.Sprintf(format, args...), detail})
	}
	if s.at.repository != "" {
		add(s.repositoryFrom, "repository %s", s.at.repository)
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
	if s.chain.projectsFile == config.FileName {
		return all
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
	if s.at.repository == "" {
		why := "git knows no remote at " + s.at.name()
		if s.gitElsewhere {
			why = ".git is a file, and the remotes stand elsewhere"
		}
		sets := "GITHUB_REPOSITORY, which Actions sets,"
		if s.at.lab {
			sets = "CI_PROJECT_PATH, which GitLab sets,"
		}
		add("forge.repository", why+": "+sets+" names it, or write it in .pawl.yaml")
	}
	if s.base == "" {
		start := "; the workflows start on main"
		if s.at.lab {
			start = ", also by the jobs"
		}
		add("the base branch", "the forge's default branch is used"+start)
	}
	if s.chain.merge.require() == "" && !s.merges {
		add("merge.require", s.chain.whyRequire())
	}
	if !s.chain.deploys() {
		add("deploy.projects", s.chain.whyProjects())
	} else if len(s.chain.secrets) == 0 && s.chain.variable != "" {
		where := "write one line for each into the env of both workflows"
		if s.at.lab {
			where = "create each as a protected variable of the project"
		}
		add("the trigger tokens", "no file names the secrets of the projects: "+where)
	}
	if s.existing.count+len(s.drafts) == 0 {
		add("images", "no manifest and no image tag was found")
	}
	all = append(all, s.chain.notes...)
	return append(all, s.workflowNotes()...)
}

// workflowNotes says which workflow is missing in the end, and which is too many.
func (s survey) workflowNotes() []Note {
	var all []Note
	update, push := s.chain.updatePath(), s.chain.deployPath()
	empty := s.existing.count+len(s.drafts) == 0
	if s.at.lab {
		return s.pipelineNotes(empty)
	}
	switch {
	case empty && len(s.chain.updaters)+len(s.chain.running) == 0:
		all = append(all, Note{"the workflow that updates", "there is none yet, and none is written before there is a manifest"})
	case !empty && update == "":
		all = append(all, Note{"the workflow that updates", "the names docker-image.yaml and pawl.yaml are taken by workflows that do something else: write one of another name, see " + pages + "github-actions.md"})
	}
	if !empty && s.chain.deploys() && push == "" {
		all = append(all, Note{"the workflow that deploys", "the names gitlab.yaml and pawl-deploy.yaml are taken by workflows that do something else: write one of another name, see " + pages + "gitlab.md"})
	}
	for _, file := range s.chain.updaters {
		if !empty && update != "" && file != update && file != push {
			all = append(all, Note{file, "it opens pull requests as well: delete it when pawl does"})
		}
	}
	if file := s.chain.trigger; !empty && file != "" && push != "" && file != push && file != update && s.chain.deploys() {
		all = append(all, Note{file, "it triggers GitLab as well: delete it when pawl does"})
	}
	return all
}

// pages is where the documentation is.
const pages = "https://github.com/pawl-cd/pawl/blob/main/docs/"

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

// consumes are the paths that projects consume: the targets, the extra paths, and those that projects name themselves.
func (s survey) consumes(t *tree) []string {
	all := append(s.targets(), s.extra()...)
	for _, p := range s.chain.projects {
		for _, name := range p.Paths {
			if !slices.Contains(all, path.Clean(name)) {
				all = append(all, name)
			}
		}
	}
	var paths []string
	for _, name := range all {
		info, err := fs.Stat(t.fsys, path.Clean(name))
		if err != nil || !info.IsDir() {
			paths = append(paths, name)
		}
		if err == nil && info.IsDir() || err != nil && !strings.ContainsAny(name, "*?[") && path.Ext(name) == "" { // it may become one
			paths = append(paths, path.Join(name, "**"))
		}
	}
	return paths
}

// extra are the files that the old chain deployed and no manifest writes.
func (s survey) extra() []string {
	targets := s.targets()
	return slices.DeleteFunc(slices.Clone(s.chain.paths), func(p string) bool {
		return slices.Contains(targets, path.Clean(p)) || strings.HasPrefix(p, path.Dir(s.at.dir)+"/")
	})
}
