package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

type explainOptions struct {
	*globals
	at       remoteProfile
	output   string
	verdicts string
}

func newExplain(g *globals) *cobra.Command {
	o := &explainOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "explain NAME",
		Short: "Show every version of one manifest and why it is taken or not",
		Long: `Explain asks the sources of one manifest and shows every version that they list, each with
the rule that accepted or rejected it. NAME is the manifest's path without extension.`,
		Example: `  pawl explain central-ledger
  pawl explain central-ledger --repository acme/profile`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	addOutput(cmd, &o.output, "table", "json")
	addVerdicts(cmd, &o.verdicts)
	o.at.flags(cmd, fromBase)
	return cmd
}

func (o *explainOptions) run(ctx context.Context, name string) error {
	s, err := o.at.checkout(ctx, o.globals)
	if err != nil {
		return err
	}
	defer s.close()
	i := slices.IndexFunc(s.manifests, func(m manifest.Manifest) bool { return m.Name == name })
	if i < 0 {
		return &exit{code: Usage, err: fmt.Errorf("no manifest is named %q", name), hint: nearest(name, s.manifests), topics: []topic{noManifestTopic}}
	}
	m := s.manifests[i]
	for _, p := range m.Problems {
		o.reporter().problem(p)
	}
	if !m.Valid() {
		return &exit{code: Partial, topics: []topic{topic(policy.ManifestInvalid)}}
	}
	p, _ := s.pipeline()
	if o.verdicts != "" {
		if p.Judge, err = s.recorded(o.verdicts); err != nil {
			return err
		}
	}
	all, err := p.Explain(ctx, m, s.manifests...)
	if err != nil {
		return &exit{code: Interrupted, err: err}
	}
	if err := o.print(all); err != nil {
		return &exit{code: Failure, err: err}
	}
	var topics []topic
	for _, e := range all {
		if e.Decision.Outcome == policy.Failed {
			topics = append(topics, topicOfOutcome(e.Decision.Reason, e.Err))
		}
	}
	if len(topics) > 0 {
		return &exit{code: Partial, topics: topics}
	}
	return nil
}

func nearest(name string, all []manifest.Manifest) string {
	if len(all) == 0 {
		return ""
	}
	best := slices.MinFunc(all, func(a, b manifest.Manifest) int {
		return fault.Distance(name, a.Name) - fault.Distance(name, b.Name)
	})
	return fault.DidYouMean(best.Name) + " pawl plan -v lists every name"
}

func (o *explainOptions) print(all []plan.Explanation) error {
	if o.output == "json" {
		return writeJSON(o.sys.Out, struct {
			Schema string             `json:"schema"`
			Values []plan.Explanation `json:"values"`
		}{plan.ExplainSchema, all})
	}
	for _, e := range all {
		if err := writeExplanation(o.sys.Out, e); err != nil {
			return err
		}
	}
	return nil
}

func writeExplanation(w io.Writer, e plan.Explanation) error {
	fmt.Fprintf(w, "%s/%s\n", printable(e.Manifest), printable(e.Target))
	value := fmt.Sprintf("%q", e.Current)
	if e.Decision.Reason == policy.TargetInvalid {
		value = "none found"
	}
	fmt.Fprintf(w, "  source   %s\n  filter   %s\n  value    %s in %s:%s\n", printable(e.Source), printable(e.Filter), printable(value), printable(e.File), printable(e.Key))
	fmt.Fprintf(w, "  outcome  %s (%s): %s\n", e.Decision.Outcome, e.Decision.Reason, printable(e.Decision.Detail))
	if e.Decision.Hint != "" {
		fmt.Fprintf(w, "  hint     %s\n", printable(e.Decision.Hint))
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, v := range e.Verdicts {
		mark := " "
		if v.Chosen {
			mark = "*"
		}
		fmt.Fprintf(tw, "%s %s\t%s\n", mark, printable(v.Tag), printable(v.Rule))
	}
	return tw.Flush()
}
