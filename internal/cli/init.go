package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/pipeline"
	"github.com/pawl-cd/pawl/internal/scaffold"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/worktree"
)

type initOptions struct {
	*globals
	dryRun, force bool
}

func newInit(g *globals) *cobra.Command {
	o := &initOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write the configuration, the manifests and the workflows for a repository",
		Long: `Init looks at the repository in the root and writes what pawl needs there: .pawl.yaml, a manifest
for each image with a version in a YAML file that no manifest tracks yet, and the workflows.
It reads the git remote, Updatecli's manifests, the workflows that run Updatecli or trigger
GitLab, and the image tags in YAML files, and asks nothing. What it could not find out it says,
and leaves as a comment. It asks no registry, follows no symbolic link and replaces no file
without --force; manifests and values it never replaces.`,
		Example: `  pawl init --dry-run
  pawl init
  pawl init --force`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "write nothing: print what would be written, as a patch")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace .pawl.yaml and workflows that exist and differ")
	return cmd
}

func (o *initOptions) run() error {
	if len(o.manifests) > 0 {
		return usage(errors.New("--manifests: init finds the directories of manifests by itself"))
	}
	tree, err := worktree.Open(o.root)
	if err != nil {
		return &exit{code: Usage, err: err, hint: "name the repository's directory with --root"}
	}
	defer tree.Close()
	p, err := scaffold.Propose(tree.FS(), scaffold.Options{Workflows: pawl.Workflows, Version: buildVersion()})
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	files, err := o.compare(tree, p.Files)
	if err != nil {
		return err
	}
	if err := o.write(o.report(p, files)); err != nil || o.dryRun {
		return err
	}
	if err := save(tree, files); err != nil {
		return err
	}
	return o.conclude(p)
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
			return nil, &exit{code: Failure, err: fmt.Errorf("nothing was written: %w", err), hint: "move it away, then run pawl init again"}
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

// report says what was found, what becomes of each file, and what was not found out.
func (o *initOptions) report(p scaffold.Proposal, files []placed) string {
	var b strings.Builder
	line := func(word, text, detail string) {
		fmt.Fprintf(&b, "%-8s %s", word, printable(text))
		if detail != "" {
			fmt.Fprintf(&b, ": %s", printable(detail))
		}
		b.WriteByte('\n')
	}
	for _, n := range p.Found {
		line("found", n.Text, n.Detail)
	}
	for _, f := range files {
		about := f.About
		if f.verb == "keep" {
			about = "it exists and differs; --force replaces it, --dry-run --force shows how"
		}
		line(f.verb, f.Path, about)
		if lost := lostSettings(f); len(lost) > 0 {
			line("lost", strings.Join(lost, ", "), "the "+config.FileName+" that is replaced says it, and nothing else here does")
		}
	}
	known := keptSettings(files)
	for _, n := range p.Missing {
		if !known[n.Text] {
			line("unknown", n.Text, n.Detail)
		}
	}
	if o.dryRun {
		for _, f := range files {
			b.WriteString(patch(f))
		}
	}
	return b.String()
}

// keptSettings are what a configuration that stays says of what the repository does not tell, by the text of the note.
func keptSettings(files []placed) map[string]bool {
	for _, f := range files {
		if f.Path != config.FileName || f.verb != "keep" {
			continue
		}
		c, _ := config.Parse(f.Path, f.before) // pawl validate says what is wrong with it
		return map[string]bool{
			"forge.repository": c.Forge.Repository != "", "the base branch": c.Forge.Base != "",
			"merge.require": c.Merge.Off || c.Merge.None || len(c.Merge.Require) > 0, "deploy.projects": c.Deploy.Variable != "" || len(c.Deploy.Projects) > 0,
		}
	}
	return nil
}

// lostSettings are the keys of a configuration that what replaces it does not have.
func lostSettings(f placed) []string {
	if f.Path != config.FileName || f.verb != "replace" {
		return nil
	}
	var lost []string
	before, after := topLevel(f.before), topLevel(f.Data)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		kept, ok := after[name]
		if !ok {
			lost = append(lost, name)
			continue
		}
		for _, key := range before[name] {
			if !slices.Contains(kept, key) {
				lost = append(lost, name+"."+key)
			}
		}
	}
	return lost
}

// topLevel returns the keys of a configuration with the keys below each.
func topLevel(data []byte) map[string][]string {
	docs, _ := strictyaml.Documents(config.FileName, data)
	all := map[string][]string{}
	for _, doc := range docs {
		for i, name := range keysOf(doc) {
			all[name] = keysOf(doc.Content[2*i+1])
		}
	}
	return all
}

// keysOf returns the keys of a map, none of what is no map.
func keysOf(n *yaml.Node) []string {
	var keys []string
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
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

// save writes the files; one that cannot be written ends it.
func save(tree *worktree.Tree, files []placed) error {
	written := 0
	for _, f := range files {
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
			return &exit{code: Failure, err: fmt.Errorf("writing, after %s: %w", count(written, "file"), err), hint: "make the place writable and run pawl init again: it goes on with what is missing"}
		}
		written++
	}
	return nil
}

// conclude holds the result, with the configuration of --config if there is one, against pawl validate, and says what
// comes next.
func (o *initOptions) conclude(p scaffold.Proposal) error {
	if p.Empty {
		return o.write("next     write manifests/NAME.yaml, then pawl init\n")
	}
	flags := ""
	for _, dir := range p.Manifests {
		flags += " --manifests " + dir
	}
	g := *o.globals
	g.manifests = p.Manifests
	s, err := g.open()
	if err != nil {
		return err
	}
	defer s.close()
	errs, warnings := 0, 0
	for _, p := range s.check() {
		if p.Warning {
			warnings++
			continue
		}
		errs++
		o.reporter().problem(p)
	}
	return o.write(fmt.Sprintf("checked  %s, %s, %s: pawl validate%s\nnext     pawl plan%s, then commit\n",
		count(len(s.manifests), "manifest"), count(errs, "error"), count(warnings, "warning"), printable(flags), printable(flags)))
}

// check returns what pawl validate would say.
func (s *session) check() []strictyaml.Problem {
	problems := slices.Clone(s.problems)
	for _, m := range s.manifests {
		problems = append(problems, m.Problems...)
		problems = append(problems, m.Lint()...)
	}
	problems = append(problems, pipeline.Check(s.manifests, s.tree)...)
	strictyaml.Sort(problems)
	return problems
}
