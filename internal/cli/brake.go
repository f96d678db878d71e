package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// brakeOptions are those of every command that pulls or lifts a brake.
type brakeOptions struct {
	*globals
	remoteProfile
	reason, until, version string
	breakGlass             string
	dryRun, yes, urgent    bool
	// dispatch sends the brake to the profile's workflow, which is the file of that name; noRun starts nothing afterwards.
	dispatch, noRun bool
	workflow        string
	// fleet is the file of a fleet, for all of whose profiles it is meant.
	fleet string
	// pausing says that no run has anything to do.
	pausing bool
}

// command makes one of the commands; do is what it does with its arguments.
func (o *brakeOptions) command(use, short, long, example string, args cobra.PositionalArgs) *cobra.Command {
	name, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.fleet != "" {
				if err := o.checked(name, args); err != nil {
					return err
				}
				return o.overFleet(cmd, o.fleet, args)
			}
			return o.run(cmd.Context(), name, args)
		}}
	f := cmd.Flags()
	o.flags(cmd, fromBase)
	f.StringVar(&o.fleet, "fleet", "", "do it for every profile of the `file` of a fleet")
	f.BoolVar(&o.dryRun, "dry-run", false, "write nothing: print what would be done")
	f.BoolVar(&o.dispatch, "dispatch", false, "have the profile's workflow do it, for those who may start it and not write the ledger")
	f.BoolVar(&o.noRun, "no-run", false, "do not start the profile's next run")
	f.StringVar(&o.workflow, "workflow", dispatch.DefaultWorkflow, "the `file` name of the profile's workflow")
	return cmd
}

// run does what the command of a name says, here or by the profile's workflow.
func (o *brakeOptions) run(ctx context.Context, name string, args []string) error {
	if kind, pulls := pulled[name]; pulls {
		if err := o.sayable(); err != nil {
			return err
		}
		if o.dispatch {
			return o.send(ctx, name, args)
		}
		return o.pull(ctx, kind, args)
	}
	if o.dispatch {
		return o.send(ctx, name, args)
	}
	return o.lift(ctx, name, args)
}

// pulled are the commands that pull a brake, and which.
var pulled = map[string]ledger.LeverKind{"quarantine": ledger.Quarantine, "rollback": ledger.Rollback, "hold": ledger.Hold, "pause": ledger.Pause}

// subjects are what a brake is about.
func (o *brakeOptions) subjects(p brakedProfile, kind ledger.LeverKind, args []string) ([]string, error) {
	switch kind {
	case ledger.Quarantine:
		return o.artifacts(p, args)
	case ledger.Pause:
		return []string{""}, nil
	default:
		return o.named(args, p.names())
	}
}

// reasoned adds the flags of a command that pulls a brake.
func (o *brakeOptions) reasoned(cmd *cobra.Command, version, says string) *cobra.Command {
	f := cmd.Flags()
	f.StringVar(&o.reason, "reason", "", "the `reason`, for those who meet the brake later; has to be given")
	f.StringVar(&o.until, "until", "", "`when` it ends: a last day (UTC) as 2026-12-31, or a time from now as 90m, 12h, 3d or 2w; never when absent")
	if version != "" {
		f.StringVar(&o.version, version, "", says)
	}
	return cmd
}

// several is what --yes of a command with names means.
const several = "several manifests are meant"

// pressing adds the flags of a command that moves values.
func (o *brakeOptions) pressing(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.BoolVar(&o.urgent, "urgent", false, "merge what it asks for outside of merge.windows too, and nothing else then")
	f.StringVar(&o.breakGlass, "break-glass", "", "the same in a freeze, which is the last resort: say `why`; the pull request shows it")
	return cmd
}

func (o *brakeOptions) affirmed(cmd *cobra.Command, although string) *cobra.Command {
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it although "+although)
	return cmd
}

func newQuarantine(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.pressing(o.affirmed(o.reasoned(o.command("quarantine ARTIFACT...", "Bar a version from every manifest, and have the next run leave it",
		`Quarantine bars versions at once: no run writes one any more, and an open pull request is not merged by itself. Where one
is the present value, the next run leaves it: to --use, else up to the newest version that may be written, else down to the
highest version that was merged here before. ARTIFACT is org/app:1.4.2 or org/app@sha256:... for an image, chart@1.2.3 for a
chart, owner/repository@v1.2.3 for a release, or a package URL.`,
		`  pawl quarantine org/api:1.4.2 --reason "broken in production"
  pawl quarantine org/api:1.4.2 --reason "broken" --until 3d --use 1.4.1 --repository acme/profile`,
		cobra.MinimumNArgs(1)), "use", "go to this `version`, if it may be written; hold keeps it there"), "no manifest follows it"))
}

func newUnquarantine(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.command("unquarantine ARTIFACT...", "Let quarantined versions be written again",
		"Unquarantine lifts what pawl quarantine said of the same artifacts.", `  pawl unquarantine org/api:1.4.2`,
		cobra.MinimumNArgs(1))
}

func newHold(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.affirmed(o.reasoned(o.command("hold NAME...", "Keep values where they are, at once and without a commit",
		`Hold keeps all values of a manifest at their version, or at --version, as policy.hold of the manifest does, which it comes
before. NAME is the manifest's path without extension, or a pattern such as 'ledger-*'.`,
		`  pawl hold api --reason "load test" --until 2026-12-31
  pawl hold api --reason "1.4 has a leak" --version 1.3.7`,
		cobra.MinimumNArgs(1)), "version", "go to this `version` and keep it"), several)
}

func newUnhold(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.affirmed(o.command("unhold NAME...", "Lift holds and rollbacks of manifests",
		"Unhold lifts what pawl hold and pawl rollback said of the manifests; their values follow the filter again.", `  pawl unhold api`,
		cobra.MinimumNArgs(1)), several)
}

func newRollback(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.pressing(o.affirmed(o.reasoned(o.command("rollback NAME...", "Have the next run bring values back, and keep them there",
		`Rollback brings all values of a manifest back to --to, else to the last different version that was merged here, and keeps
them there until pawl unhold or --until. Said again, it goes back from where it was said first. NAME is the manifest's path without extension, or a pattern.`,
		`  pawl rollback api --reason "errors since noon"
  pawl rollback api --reason "errors since noon" --to 1.4.1 --until 2d`,
		cobra.MinimumNArgs(1)), "to", "go back to this `version`"), several))
}

func newPause(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.reasoned(o.command("pause", "Merge nothing and fire nothing, for everybody, until pawl resume",
		"Pause does for every run what PAWL_PAUSE does for one: it plans and reports, merges nothing and fires nothing.",
		`  pawl pause --reason "incident 42" --until 4h`, cobra.NoArgs), "", "")
}

func newResume(g *globals) *cobra.Command {
	o := &brakeOptions{globals: g}
	return o.command("resume", "Lift pawl pause", "Resume lifts the pause of the ledger.", `  pawl resume`, cobra.NoArgs)
}

func leversOf(l ledger.Ledger, wanted func(ledger.Lever) bool) []ledger.Lever {
	return slices.DeleteFunc(slices.Clone(l.Levers), func(one ledger.Lever) bool { return !wanted(one) })
}

// sayable checks the words of a brake.
func (o *brakeOptions) sayable() error {
	if strings.TrimSpace(o.reason) == "" {
		return &exit{code: Usage, err: errors.New("--reason: say why, for those who meet the brake later"), hint: `add e.g. --reason "broken in production"`}
	}
	if len(o.breakGlass) > maxReason {
		return usage(fmt.Errorf("--break-glass: want at most %d bytes, have %d", maxReason, len(o.breakGlass)))
	}
	if len(o.reason) > maxReason {
		return usage(fmt.Errorf("--reason: want at most %d bytes, have %d", maxReason, len(o.reason)))
	}
	return nil
}

// checked says what is wrong with the words of a command, whatever the profile: for a fleet that is said once, and no profile is asked.
func (o *brakeOptions) checked(name string, args []string) error {
	if _, pulls := pulled[name]; pulls {
		if err := o.sayable(); err != nil {
			return err
		}
		if _, err := o.end(o.sys.Now()); err != nil {
			return err
		}
	}
	return named(name, args)
}

// named checks the names of artifacts.
func named(name string, args []string) error {
	for _, arg := range args {
		if _, err := source.ParseNamed(arg); err != nil && strings.HasSuffix(name, "quarantine") {
			return usage(fmt.Errorf("%s: %w", arg, err))
		}
	}
	return nil
}

// end is when the brake ends.
func (o *brakeOptions) end(now time.Time) (time.Time, error) {
	end, err := endOf(o.until, now)
	if err != nil {
		return end, &exit{code: Usage, err: err, hint: "write e.g. --until 2026-12-31, --until 12h or --until 3d"}
	}
	return end, nil
}

// levers are those that a brake pulls.
func (o *brakeOptions) levers(p brakedProfile, kind ledger.LeverKind, args []string) ([]ledger.Lever, error) {
	end, err := o.end(p.now)
	if err != nil {
		return nil, err
	}
	all, err := o.subjects(p, kind, args)
	if err != nil {
		return nil, err
	}
	var levers []ledger.Lever
	for _, subject := range all {
		levers = append(levers, ledger.Lever{Kind: kind, Subject: subject, Version: o.version, Reason: strings.Join(strings.Fields(o.reason), " "), By: p.self, Base: p.base,
			Urgent: o.urgent, BreakGlass: strings.Join(strings.Fields(o.breakGlass), " "), At: p.now.Truncate(time.Second), Until: end})
	}
	return levers, nil
}

// pull records a lever for each subject, and takes back what would merge by itself.
func (o *brakeOptions) pull(ctx context.Context, kind ledger.LeverKind, args []string) error {
	p, err := o.profile(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }() // it was only read
	levers, err := o.levers(p, kind, args)
	if err != nil {
		return err
	}
	o.pausing = kind == ledger.Pause
	var lines []string
	for _, l := range levers {
		lines = append(lines, o.did("pulled", "pull")+l.Line())
	}
	if kind == ledger.Quarantine {
		lines = append(lines, effects(p, levers)...)
	}
	if o.dryRun && len(levers) > 1 && !o.yes && kind != ledger.Quarantine {
		lines = append(lines, "  "+count(len(levers), "manifest")+" are meant: without --dry-run that needs --yes")
	}
	if kind == ledger.Quarantine && p.manifests == nil {
		lines = append(lines, "  hint: without a checkout nobody can tell whether a manifest follows it: read the name once more")
	}
	lines = append(lines, "  hint: "+lifters[kind])
	return o.record(ctx, p, func(l ledger.Ledger) ledger.Ledger { return l.Brake(levers...) }, lines)
}

// did says what was done, or would be.
func (o *brakeOptions) did(done, would string) string {
	if o.dryRun {
		return "would " + would + " "
	}
	return done + " "
}

// maxReason bounds a reason, in bytes.
const maxReason = 500

// lifters says how each lever ends.
var lifters = map[ledger.LeverKind]string{
	ledger.Quarantine: "pawl unquarantine lifts it", ledger.Rollback: "pawl unhold lifts it", ledger.Hold: "pawl unhold lifts it", ledger.Pause: "pawl resume lifts it",
}

// record writes the ledger and disarms open pull requests: they were made without the word.
func (o *brakeOptions) record(ctx context.Context, p brakedProfile, next ledger.Transition, lines []string) error {
	if o.dryRun {
		return o.write(printableLines("dry run, nothing is written:\n" + strings.Join(lines, "\n") + "\n"))
	}
	if err := p.forge.Record(ctx, next); err != nil {
		return &exit{code: Failure, err: err}
	}
	done, err := disarmOpen(ctx, p.forge)
	lines = append(lines, done...)
	if said := o.write(printableLines(strings.Join(lines, "\n") + "\n")); said != nil {
		return said
	}
	if err != nil {
		return &exit{code: Failure, err: fmt.Errorf("the ledger has it, but an open pull request may still be merged by the forge: %w", err), hint: "look at the open pull request of pawl; the next run takes it up"}
	}
	if o.pausing {
		return nil
	}
	return o.write(printableLines(o.start(ctx, p) + "\n"))
}

// disarmOpen takes back what would merge by itself, and says so.
func disarmOpen(ctx context.Context, f forge.Forge) ([]string, error) {
	pulls, _, err := f.Recent(ctx, 1)
	var lines []string
	for _, pull := range pulls {
		if !pull.Open() {
			continue
		}
		done, failed := f.Disarm(ctx, pull.Number)
		if done {
			lines = append(lines, fmt.Sprintf("pull request #%d: GitHub does not merge it by itself any more", pull.Number))
		}
		err = errors.Join(err, failed)
	}
	return lines, err
}

// endOf reads when a lever ends; the empty text is never.
func endOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		day = day.AddDate(0, 0, 1)
		if !day.After(now) {
			return time.Time{}, fmt.Errorf("--until: %s is over", text)
		}
		return day, nil
	}
	in, err := policy.ParseAge(text)
	if err != nil || in <= 0 {
		return time.Time{}, fmt.Errorf("--until: want a day as 2026-12-31, or a time from now as 90m, 12h, 3d or 2w, have %q", text)
	}
	return now.Add(in).Truncate(time.Second), nil
}
