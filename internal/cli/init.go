package cli

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/scaffold"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/worktree"
)

type initOptions struct {
	*globals
	dryRun, force, gates bool
}

func newInit(g *globals) *cobra.Command {
	o := &initOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write the configuration, the manifests and the workflows or jobs for a repository",
		Long: `Init looks at the repository in the root and writes what pawl needs there: .pawl.yaml, a manifest
for each version of an image or a chart in a YAML file that no manifest tracks yet, and the
workflows, at a GitLab the jobs of .gitlab-ci.yml or, beside somebody's, of a file to include.
It reads the git remote, Updatecli's manifests, the workflows that run Updatecli or
trigger GitLab, and what stands in YAML files: images in values, Kubernetes, kustomize and
compose; charts of Flux, Argo CD, Helmfile, kustomize and Chart.yaml; the policies of Flux's image
automation and Argo CD Image Updater, and comments for Renovate. What it leaves out it counts,
what it could not find out it says; -v lists all. It asks no registry and nobody else, and follows
no symbolic link. A .pawl.yaml that is valid answers first and is never replaced, as are manifests
and values; --force replaces workflows that update or trigger, and a .pawl.yaml that cannot be
read. Manifests with errors that are there already end it with exit code 3. Where .pawl.yaml names
gates, or with --gates, the workflow asks them in a step without tokens before the run.`,
		Example: `  pawl init --dry-run
  pawl init
  pawl init --force`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "write nothing: print what would be written, as a patch")
	cmd.Flags().BoolVar(&o.gates, "gates", false, "have the workflow ask gates before the run, also where .pawl.yaml names none yet")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace workflows that exist and differ, and a .pawl.yaml with errors")
	return cmd
}

func (o *initOptions) run() error {
	if len(o.manifests) > 0 {
		return usage(errors.New("--manifests: init finds the directories of manifests by itself"))
	}
	if o.config != "" {
		return usage(errors.New("--config: init writes .pawl.yaml in the root, or reads the one that is there"))
	}
	tree, err := worktree.Open(o.root)
	if err != nil {
		return &exit{code: Usage, err: err, hint: "name the repository's directory with --root"}
	}
	defer tree.Close()
	if err := belowTop(o.root); err != nil {
		return err
	}
	settings, err := o.settings(tree)
	if err != nil {
		return err
	}
	if err := o.inRepository(tree, settings); err != nil {
		return err
	}
	p, err := scaffold.Propose(tree.FS(), scaffold.Options{Version: buildVersion(), Commit: buildCommit(), Gates: o.gates, Config: settings})
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	if p.Empty {
		p.Files = nil
	}
	files, err := o.compare(tree, p.Files)
	if err != nil {
		return err
	}
	if !o.dryRun {
		files, err = save(tree, files)
	}
	if err := errors.Join(err, o.write(o.report(p, files, settings != nil))); err != nil || o.dryRun {
		return err
	}
	return o.conclude(p)
}

// belowTop refuses a directory below the top of a git repository: every forge reads workflows at the top only.
func belowTop(root string) error {
	start, err := filepath.Abs(root)
	if err == nil {
		start, err = filepath.EvalSymlinks(start)
	}
	if err != nil {
		return &exit{code: Usage, err: fmt.Errorf("looking for the top of the repository: %w", err), hint: "name the repository's directory with --root"}
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil && dir != start {
			return &exit{code: Usage, err: errors.New("the root lies below the top of its git repository, and workflows are read at the top only"),
				hint: "run pawl init at the top, or with --root " + dir}
		} else if err == nil || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// inRepository refuses to write where nothing says that a repository is meant: no git, no settings, no manifest.
func (o *initOptions) inRepository(tree *worktree.Tree, settings *config.Config) error {
	if o.dryRun || o.force || settings != nil {
		return nil
	}
	for _, name := range []string{".git", "manifests", ".updatecli", "updatecli.d", "updatecli"} {
		there, err := tree.Exists(name)
		if there || err != nil { // what cannot be looked at is there, and the business of what follows
			return nil //nolint:nilerr // see above
		}
	}
	return &exit{code: Usage, err: errors.New("nothing was written: this is no git repository"),
		hint: "run pawl init at the top of one, or git init first; --dry-run shows what would be written"}
}

// settings reads the .pawl.yaml that is there, nil for none. One with errors ends it before anything is written, unless
// it is to be replaced.
func (o *initOptions) settings(tree *worktree.Tree) (*config.Config, error) {
	there, err := tree.Exists(config.FileName)
	if err == nil && !there {
		return nil, nil
	}
	var data []byte
	if err == nil {
		data, err = tree.ReadFile(config.FileName)
	}
	if err != nil {
		return nil, unwritten(err)
	}
	o.door.Add(passwordsIn(string(data))...)
	c, problems := config.Parse(config.FileName, data)
	switch {
	case !strictyaml.Failed(problems):
		return &c, nil
	case o.force:
		return nil, nil
	}
	for _, p := range problems {
		o.reporter().problem(p)
	}
	return nil, &exit{code: Usage, err: errors.New("nothing was written: .pawl.yaml has errors"), hint: "correct it, or let --force replace it", topics: []topic{configurationTopic}}
}

func unwritten(err error) error {
	return &exit{code: Failure, err: fmt.Errorf("nothing was written: %w", err), hint: "move it away, then run pawl init again"}
}

// placed is a file, and what stands in its place; before is nil for nothing.
type placed struct {
	scaffold.File
	before []byte
	// verb says what becomes of it: write, replace, keep or same.
	verb string
}

// compare looks at every place before anything is written.
func (o *initOptions) compare(tree *worktree.Tree, files []scaffold.File) ([]placed, error) {
	all := make([]placed, len(files))
	for i, f := range files {
		all[i] = placed{File: f, verb: "write"}
		there, err := tree.Exists(f.Path)
		if err == nil && there {
			all[i].before, err = tree.ReadFile(f.Path)
		}
		if err != nil {
			return nil, unwritten(err)
		}
		switch {
		case !there:
		case string(all[i].before) == string(f.Data):
			all[i].verb = "same"
		case o.force:
			all[i].verb = "replace"
		default:
			all[i].verb = "keep"
		}
	}
	return all, nil
}

// The most lines of one sort that are said without --verbose, so that all of it fits a screen.
const (
	mostFiles   = 10
	mostUnknown = 8
	mostRemarks = 4
	mostErrors  = 5
)

// report says what was found, what becomes of each file, or became of it, what is left out, and what was not found out.
func (o *initOptions) report(p scaffold.Proposal, files []placed, settled bool) string {
	var b strings.Builder
	lines := func(word string, notes []scaffold.Note, most int) {
		for i, n := range notes {
			if i == most && len(notes) > most+1 && !o.verbose {
				b.WriteString(said(word, fmt.Sprintf("%d more: -v lists them", len(notes)-most), ""))
				break
			}
			b.WriteString(said(word, n.Text, n.Detail))
		}
	}
	lines("found", p.Found, len(p.Found))
	if settled {
		b.WriteString(said("keep", config.FileName, "it is valid, so its answers hold and it stays as it is"))
	}
	for _, text := range p.Additions {
		b.WriteString(said("suggest", config.FileName, text))
	}
	b.WriteString(o.files(files))
	lines("left out", p.Left, len(p.Left))
	lines("note", p.Remarks, mostRemarks)
	lines("unknown", p.Missing, mostUnknown)
	if o.dryRun {
		for _, f := range files {
			b.WriteString(patch(f))
		}
	}
	return b.String()
}

func said(word, text, detail string) string {
	if detail != "" {
		text += ": " + detail
	}
	return fmt.Sprintf("%-8s %s\n", word, printable(text))
}

// files says what becomes of each file; many manifests are counted.
func (o *initOptions) files(files []placed) string {
	counts := map[source.Kind]int{}
	manifests := 0
	dir := ""
	for _, f := range files {
		if f.Tracks != "" && f.verb == "write" {
			counts[f.Tracks]++
			manifests++
			dir = path.Dir(f.Path)
		}
	}
	many := manifests > mostFiles && !o.verbose
	text, counted := "", false
	for _, f := range files {
		switch {
		case !many || f.Tracks == "" || f.verb != "write":
			text += said(f.verb, f.Path, f.about())
		case !counted:
			counted = true
			var kinds []string
			for kind, n := range counts {
				if d, ok := source.Describe(kind); ok && n > 0 {
					kinds = append(kinds, count(n, d.Label))
				}
			}
			slices.Sort(kinds)
			text += said("write", fmt.Sprintf("%d manifests in %s", manifests, dir), strings.Join(kinds, ", ")+"; -v lists them")
		}
	}
	return text
}

// about says what a file is for, and what stands in its way or is gone.
func (f placed) about() string {
	switch {
	case f.verb == "keep" && f.Now != "":
		return "it " + f.Now + ", and differs from the new one; --force replaces it, --dry-run --force shows how"
	case f.verb == "keep":
		return "it exists and differs; --force replaces it, --dry-run --force shows how"
	case f.verb == "replace" && f.Now != "":
		return f.About + ", instead of one that " + f.Now
	case f.verb == "replace":
		return f.About + ", instead of one with errors"
	}
	return f.About
}

// patch shows a file that would be written, in the form that git apply accepts.
func patch(f placed) string {
	a, b := gitPath("a/"+f.Path), gitPath("b/"+f.Path)
	head := fmt.Sprintf("diff --git %s %s\n", a, b)
	switch f.verb {
	case "write":
		return printableLines(head + "new file mode 100644\n" + udiff.Unified("/dev/null", b, "", string(f.Data)))
	case "replace":
		return printableLines(head + udiff.Unified(a, b, string(f.before), string(f.Data)))
	}
	return ""
}

// save writes the files; one that cannot be written ends it. It returns those that were dealt with.
func save(tree *worktree.Tree, files []placed) ([]placed, error) {
	written := 0
	for i, f := range files {
		var err error
		switch f.verb {
		case "write":
			err = tree.CreateFile(f.Path, f.Data)
		case "replace":
			err = tree.ReplaceFile(f.Path, f.before, f.Data)
		default:
			continue
		}
		if err != nil {
			return files[:i], &exit{code: Failure, err: fmt.Errorf("writing, after %s: %w", count(written, "file"), err), hint: "make the place writable and run pawl init again: it goes on with what is missing"}
		}
		written++
	}
	return files, nil
}

// conclude holds the result against pawl validate, and says what comes next.
func (o *initOptions) conclude(p scaffold.Proposal) error {
	if p.Empty {
		return o.write("next     write a manifest, see https://github.com/pawl-cd/pawl/blob/main/docs/getting-started.md, then pawl init again for the settings and workflows\n")
	}
	flags := ""
	for _, dir := range p.Manifests {
		flags += " --manifests " + dir
	}
	g := *o.globals
	g.manifests = p.Manifests
	s, err := g.open()
	if err != nil {
		return &exit{code: Failure, err: fmt.Errorf("checking what was written: %w", err), hint: "pawl validate" + flags + " says the same again"}
	}
	defer s.close()
	errs, warnings := 0, 0
	problems := s.check()
	for _, p := range problems {
		if p.Warning {
			warnings++
		} else {
			errs++
		}
	}
	if !o.verbose {
		problems = slices.DeleteFunc(strictyaml.Grouped(problems), func(p strictyaml.Problem) bool { return p.Warning })
		problems = problems[:min(len(problems), mostErrors)]
	}
	for _, p := range problems {
		if !p.Warning {
			o.reporter().problem(p)
		}
	}
	text := fmt.Sprintf("checked  %s, %s, %s: pawl validate%s\n", count(len(s.manifests), "manifest"), count(errs, "error"), count(warnings, "warning"), printable(flags))
	next := "pawl plan" + flags + ", then commit"
	if errs > 0 {
		next = "correct the errors above; pawl plan" + flags + " goes on without these manifests"
	}
	text += said("next", next, "")
	for _, next := range p.Next {
		text += said("next", next, "")
	}
	if err := o.write(text); err != nil || errs == 0 {
		return err
	}
	return &exit{code: Partial, err: fmt.Errorf("%s in manifests", count(errs, "error")), hint: "pawl validate" + flags + " shows all of them", topics: []topic{topic(policy.ManifestInvalid)}}
}

// check returns what pawl validate would say.
func (s *session) check() []strictyaml.Problem {
	problems := slices.Clone(s.problems)
	for _, m := range s.manifests {
		problems = append(problems, m.Problems...)
		problems = append(problems, m.Lint()...)
	}
	problems = append(problems, plan.Check(s.manifests, s.tree)...)
	strictyaml.Sort(problems)
	return problems
}
