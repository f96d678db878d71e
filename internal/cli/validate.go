package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

type validateOptions struct {
	*globals
	schema string
}

func newValidate(g *globals) *cobra.Command {
	o := &validateOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the manifests, their targets and the configuration",
		Long: `Validate reads the configuration, every manifest and every target file and prints each problem
with its place and a hint. It asks no registry. It exits 4 when there is an error, 0 with warnings only.`,
		Example: `  pawl validate
  pawl validate --schema > manifest.schema.json
  pawl validate --schema=config > pawl.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	cmd.Flags().StringVar(&o.schema, "schema", "", "print the JSON Schema of a `format` instead: manifest, config or fleet")
	cmd.Flags().Lookup("schema").NoOptDefVal = "manifest"
	return cmd
}

func (o *validateOptions) run() error {
	if o.schema != "" {
		return o.printSchema()
	}
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	var manifests []strictyaml.Problem
	for _, m := range s.manifests {
		manifests = append(manifests, m.Problems...)
		manifests = append(manifests, m.Lint()...)
	}
	targets := plan.Check(s.manifests, s.tree)
	topics := append(topicsOfProblems(topic(policy.ManifestInvalid), manifests), topicsOfProblems(topic(policy.TargetInvalid), targets)...)
	projects := s.projectProblems()
	topics = append(topics, topicsOfProblems(projectsTopic, projects)...)
	problems := slices.Concat(s.problems, projects, manifests, targets, s.trust(), s.unmatched())
	strictyaml.Sort(problems)
	return o.print(problems, len(s.manifests), topics)
}

// trust warns where ages rest on everybody who may push the ledger's ref.
func (s *session) trust() []strictyaml.Problem {
	aged := slices.ContainsFunc(s.manifests, func(m manifest.Manifest) bool {
		return m.Valid() && slices.ContainsFunc(m.Sources, func(src manifest.Source) bool { return src.Policy.Age > 0 })
	})
	if !aged || s.config.LedgerKey != "" || strings.HasPrefix(s.config.Ledger, "refs/heads/") {
		return nil
	}
	return []strictyaml.Problem{{File: config.FileName, Line: 1, Column: 1, Warning: true,
		Message: "policy.age is as good as everybody who may push " + s.config.Ledger + ", who can write earlier sightings",
		Hint:    "set ledger: {key: VARIABLE}, or ledger: refs/heads/pawl-ledger with a protected branch"}}
}

// unmatched warns of policies that are of no source: what they demand is asked of nobody.
func (s *session) unmatched() []strictyaml.Problem {
	var all []strictyaml.Problem
	for _, some := range s.config.Policies.Some {
		if !slices.ContainsFunc(s.manifests, func(m manifest.Manifest) bool { return slices.ContainsFunc(m.Sources, some.Matches) }) {
			p := some.Place
			p.Warning, p.Message, p.Hint = true, "no source matches "+strictyaml.Quote(some.Match), "write it as the manifests write their sources; * ends at a slash, /** does not"
			all = append(all, p)
		}
	}
	return all
}

// projectProblems are the faults of the projects to deploy that a run would find, as far as they stand in the
// configuration.
func (s *session) projectProblems() []strictyaml.Problem {
	list := s.configuredProjects()
	var all []strictyaml.Problem
	for i, faults := range deploy.Static(list) {
		for _, fault := range faults {
			p := s.config.Deploy.Projects[i].Place
			p.Message, p.Hint = fault.Error(), fault.Hint
			all = append(all, p)
		}
	}
	return all
}

func (o *validateOptions) printSchema() error {
	schemas := map[string]func() ([]byte, error){"manifest": manifest.Schema, "config": config.Schema, "fleet": fleet.Schema}
	schema, ok := schemas[o.schema]
	if !ok {
		return usage(fmt.Errorf("--schema: want manifest, config or fleet, have %q", o.schema))
	}
	text, err := schema()
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	return o.write(string(text))
}

func (o *validateOptions) print(problems []strictyaml.Problem, manifests int, topics []topic) error {
	var b strings.Builder
	errs, warnings := 0, 0
	for _, p := range problems {
		if p.Warning {
			warnings++
		} else {
			errs++
		}
	}
	if !o.verbose {
		problems = strictyaml.Grouped(problems)
	}
	for _, p := range problems {
		word := "error"
		if p.Warning {
			word = "warning"
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", printable(p.Place()), word, printable(p.Message))
		if p.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", printable(p.Hint))
		}
	}
	fmt.Fprintf(&b, "%s, %s, %s\n", count(manifests, "manifest"), count(errs, "error"), count(warnings, "warning"))
	if err := o.write(b.String()); err != nil {
		return err
	}
	if errs > 0 {
		return &exit{code: Usage, topics: topics}
	}
	return nil
}
