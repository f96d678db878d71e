package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/status"
)

type statusOptions struct {
	brakeOptions
	output, from, verdicts, page string
}

func newStatus(g *globals) *cobra.Command {
	o := &statusOptions{brakeOptions: brakeOptions{globals: g}}
	cmd := &cobra.Command{
		Use:   "status [NAME...]",
		Short: "Show where every value stands, since when, why and by whom",
		Long: `Status plans on the base branch as a run would, with the ledger, and shows a line for each value: what it is now, the newest
version that its filter lets through, and what holds it. Below stand the brakes that are pulled, the open pull request, and what each
project deployed last. It writes nothing but the page that is asked for. With --repository it needs no checkout, and shows what the
ledger knows. NAME is a manifest's path without extension, or a pattern: only their values and what concerns them are shown then.`,
		Example: `  pawl status
  pawl status api 'ledger-*'
  pawl status --page status.html
  pawl status --repository acme/profile
  pawl status --output json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.fleet != "" {
				return o.overFleet(cmd, o.fleet, args)
			}
			return o.run(cmd.Context(), args)
		},
	}
	addOutput(cmd, &o.output, "text", "json")
	f := cmd.Flags()
	o.flags(cmd, "")
	f.StringVar(&o.fleet, "fleet", "", "show every profile of the `file` of a fleet; pawl fleet status shows them in short")
	f.StringVar(&o.from, "from", "base", "`where` manifests and configuration count, as for pawl run: base or root")
	f.StringVar(&o.verdicts, "verdicts", "", "the `file` that pawl gates wrote; without it no version is judged")
	addPage(cmd, &o.page)
	return cmd
}

func (o *statusOptions) run(ctx context.Context, args []string) error {
	if o.from != "base" && o.from != "root" {
		return usage(fmt.Errorf("--from: want base or root, have %q", o.from))
	}
	if err := writable(thePage, o.page); err != nil {
		return err
	}
	s, manifests, err := o.look(ctx)
	if err != nil {
		return err
	}
	if s, err = o.only(s, manifests, args); err != nil {
		return err
	}
	if err := o.savePage(o.page, func() ([]byte, error) { return page.Status(s) }); err != nil {
		return err
	}
	if o.output == "json" {
		return writeJSON(o.sys.Out, s)
	}
	return o.write(statusText(s, o.paper()))
}

// only leaves in a status what is of the manifests that are named; all of it where none is.
func (o *statusOptions) only(s status.Status, manifests []manifest.Manifest, args []string) (status.Status, error) {
	if len(args) == 0 {
		return s, nil
	}
	known := brakedProfile{manifests: manifests}.names()
	for _, v := range s.Values {
		known = append(known, v.Manifest)
	}
	slices.Sort(known)
	names, err := o.named(args, slices.Compact(known))
	if err != nil {
		return s, err
	}
	meant := slices.DeleteFunc(slices.Clone(manifests), func(m manifest.Manifest) bool { return !slices.Contains(names, m.Name) })
	return s.Only(names, func(b status.Brake) bool { return concerns(b, names, manifests != nil, meant) }), nil
}

// concerns reports whether a brake is about manifests of these names; a quarantine may be where nobody knows what they follow.
func concerns(b status.Brake, names []string, known bool, meant []manifest.Manifest) bool {
	switch ledger.LeverKind(b.Kind) {
	case ledger.Hold, ledger.Rollback:
		return slices.Contains(names, b.Subject)
	case ledger.Quarantine, ledger.Withdrawn:
		artifact, err := source.ParseArtifact(b.Subject)
		return !known || err != nil || followed(artifact, meant)
	default:
		return true
	}
}

// look reads the profile, and its manifests where it is checked out.
func (o *statusOptions) look(ctx context.Context) (status.Status, []manifest.Manifest, error) {
	o.dryRun = true
	if o.repository != "" {
		p, err := o.profile(ctx)
		if err != nil {
			return status.Status{}, nil, err
		}
		pulls, _, err := p.forge.Recent(ctx, 1)
		if err != nil {
			return status.Status{}, nil, &exit{code: Failure, err: err}
		}
		return status.Of(p.found, p.ledger, pulls, nil, p.now), nil, nil
	}
	s, err := o.open()
	if err != nil {
		return status.Status{}, nil, err
	}
	defer s.close()
	s.warn()
	looker := &runOptions{globals: o.globals, from: o.from, dryRun: true, looking: true, verdicts: o.verdicts}
	p, client := s.pipeline()
	runner, err := looker.runner(s, p, client, o.job(), inputs{})
	if err != nil {
		return status.Status{}, nil, err
	}
	sight, err := runner.Look(ctx, s.manifests)
	if err != nil {
		return status.Status{}, nil, ofRun(err)
	}
	now := runner.Forge.Time()
	if now.IsZero() {
		now = o.sys.Now()
	}
	all := status.Of(sight.Profile, sight.Ledger, sight.Pulls, sight.Plan.Values, now)
	if sight.Lost != nil {
		all.Lost = sight.Lost.Detail
	}
	return all, s.manifests, nil
}

// ofRun is the end that an error of a run means.
func ofRun(err error) error {
	if is[*run.StaleError](err) {
		return &exit{code: Usage, err: err}
	}
	return &exit{code: Failure, err: err}
}

// statusText is a table for people.
func statusText(s status.Status, on paper) string {
	var b strings.Builder
	if s.Lost != "" {
		b.WriteString("the ledger is lost: " + printable(s.Lost) + "\n\n")
	}
	if p := s.Paused; p != nil {
		b.WriteString("paused: " + printable(because(*p)) + "\n\n")
	}
	writeStates(&b, states(s), on)
	if len(s.Brakes) > 0 {
		b.WriteString("\nbrakes:\n")
	}
	for _, one := range s.Brakes {
		b.WriteString("  " + printable(strings.TrimSpace(one.Kind+" "+one.Subject)+": "+because(one)) + ", since " + minute(one.At) + "\n")
	}
	if p := s.Pull; p != nil {
		fmt.Fprintf(&b, "\npull request #%d: %s %s, open since %s\n", p.Number, printable(p.Title), printable(p.URL), minute(p.Since))
	}
	if len(s.Projects) > 0 {
		b.WriteString("\nprojects:\n")
	}
	for _, p := range s.Projects {
		fmt.Fprintf(&b, "  %s: %s %s %s %s\n", printable(p.Name), printable(p.Commit[:min(len(p.Commit), 12)]), p.State, minute(p.At), printable(p.URL))
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// because says a brake's reason, with who gave it and until when.
func because(b status.Brake) string {
	return ledger.Lever{Reason: b.Reason, By: b.By, Until: b.Until}.Why()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ledger.Minute(t)
}
