package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
)

type planOptions struct {
	*globals
	at       remoteProfile
	output   string
	verdicts string
	page     string
	detailed bool
}

func newPlan(g *globals) *cobra.Command {
	o := &planOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would change, and why",
		Long: `Plan asks every source which versions exist and shows which values would change and why.
It writes nothing and needs no token for public sources. With --repository it needs no checkout: it reads
the tip of the base branch.`,
		Example: `  pawl plan
  pawl plan --repository acme/profile
  pawl plan --output diff | git apply
  pawl plan --detailed-exitcode
  pawl plan --page plan.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "table", "json", "diff", "markdown")
	addVerdicts(cmd, &o.verdicts)
	addPage(cmd, &o.page)
	o.at.flags(cmd, fromBase)
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 2 when there are changes")
	return cmd
}

func (o *planOptions) run(ctx context.Context) error {
	if err := writable(thePage, o.page); err != nil {
		return err
	}
	started := o.sys.Now()
	s, plan, err := o.plan(ctx, o.at, o.verdicts)
	if err != nil {
		return err
	}
	defer s.close()
	if err := o.render(o.output, plan); err != nil {
		return &exit{code: Failure, err: err}
	}
	report := run.Report{Schema: run.ReportSchema, DryRun: true, Started: started, Duration: o.sys.Now().Sub(started).Seconds(), Plan: plan}
	if err := o.writeReport(o.page, report, nil); err != nil {
		return err
	}
	if o.output == "table" && len(plan.Changes) > 0 && s.tree != nil {
		o.reporter().next("pawl apply writes them here, pawl run opens a pull request")
	}
	switch {
	case plan.Failed():
		return &exit{code: Partial, topics: topicsOfPlan(plan)}
	case o.detailed && len(plan.Changes) > 0:
		return &exit{code: Changes}
	}
	return nil
}

// addVerdicts adds the flag of a command that only looks.
func addVerdicts(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "verdicts", "", "the `file` that pawl gates wrote; without it gates are left out")
}

// plan opens the profile and plans it, with the verdicts of a file where one is named; the caller closes the session.
func (g *globals) plan(ctx context.Context, at remoteProfile, verdicts string) (*session, plan.Plan, error) {
	s, err := at.checkout(ctx, g)
	if err != nil {
		return nil, plan.Plan{}, err
	}
	s.warn()
	p, client := s.pipeline()
	if verdicts != "" {
		if p.Judge, err = s.recorded(verdicts); err != nil {
			s.close()
			return nil, plan.Plan{}, err
		}
	}
	plan, err := p.Plan(ctx, s.manifests)
	if err != nil {
		s.close()
		return nil, plan, &exit{code: Interrupted, err: err}
	}
	plan.Requests, plan.Remaining = client.Requests(), client.Remaining()
	return s, plan, nil
}

type applyOptions struct {
	*globals
	output   string
	verdicts string
}

func newApply(g *globals) *cobra.Command {
	o := &applyOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Plan, then write the files in the working tree",
		Long: `Apply plans and writes the changed files in the working tree, each as a whole or not at all.
Only the bytes of the changed values differ. It makes no commit and no pull request.`,
		Example: `  pawl apply && git diff`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "table", "json", "diff", "markdown")
	addVerdicts(cmd, &o.verdicts)
	return cmd
}

func (o *applyOptions) run(ctx context.Context) error {
	s, made, err := o.plan(ctx, remoteProfile{}, o.verdicts)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.tree.Sweep(s.targets()); err != nil {
		o.reporter().say(slog.LevelWarn, "removing what a killed run left: "+err.Error(), "")
	}
	written, errs := plan.Apply(made.Files, s.tree)
	if err := o.render(o.output, made); err != nil {
		return &exit{code: Failure, err: err}
	}
	if o.output == "table" && len(written) > 0 {
		fmt.Fprintf(o.sys.Out, "wrote %s\n", count(len(written), "file"))
	}
	if len(errs) > 0 {
		for _, err := range errs[1:] {
			o.reporter().say(slog.LevelError, err.Error(), fault.Hint(err))
		}
		return &exit{code: Failure, err: fmt.Errorf("writing: %w", errs[0]), topics: []topic{writeTopic}}
	}
	if made.Failed() {
		return &exit{code: Partial, topics: topicsOfPlan(made)}
	}
	return nil
}
