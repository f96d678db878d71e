package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/status"
)

// overFleet gives a command to every profile of a fleet, with the same arguments and flags, and prints what each says below its
// name. It ends as all of them ended, else with Partial.
func (g *globals) overFleet(cmd *cobra.Command, file string, args []string) error {
	for _, name := range []string{"repository", "forge"} {
		if cmd.Flags().Changed(name) {
			return usage(fmt.Errorf("--%s: the profiles are those of --fleet", name))
		}
	}
	o := &fleetOptions{globals: g, file: file}
	all, shard, err := o.load()
	if err != nil {
		return err
	}
	words := slices.Concat(strings.Fields(cmd.CommandPath())[1:], args)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "fleet" && cmd.InheritedFlags().Lookup(f.Name) == nil {
			words = append(words, "--"+f.Name+"="+f.Value.String())
		}
	})
	endings := make([]ending, len(all.Profiles))
	t := o.tenants(all, shard)
	t.each(cmd.Context(), func(ctx context.Context, i int, turn *fleet.Turn) fate {
		endings[i] = t.do(ctx, all.Profiles[i], task{words, &tenant{turn: turn}})
		return endings[i].fate(turn)
	})
	var b strings.Builder
	codes := map[int]int{}
	for i, e := range endings {
		codes[e.code]++
		fmt.Fprintf(&b, "%s:\n", printable(all.Profiles[i].Name()))
		said := strings.TrimRight(e.out, "\n")
		if e.message != "" {
			said = strings.TrimLeft(said+"\nerror: "+e.message, "\n")
		}
		if e.hint != "" {
			said += "\nhint: " + e.hint
		}
		b.WriteString("  " + strings.ReplaceAll(printableLines(said), "\n", "\n  ") + "\n")
	}
	failed := len(endings) - codes[OK]
	fmt.Fprintf(&b, "%s: %d done, %d not\n", count(len(endings), "profile"), codes[OK], failed)
	if err := g.write(b.String()); err != nil {
		return err
	}
	switch {
	case failed == 0:
		return nil
	case len(codes) == 1 && len(endings) > 0 && endings[0].code != Interrupted:
		return &exit{code: endings[0].code, topics: []topic{fleetTopic}}
	default:
		return &exit{code: Partial, topics: []topic{fleetTopic}}
	}
}

type fleetStatusOptions struct {
	fleetOptions
	output string
}

func newFleetStatus(g *globals) *cobra.Command {
	o := &fleetStatusOptions{fleetOptions: fleetOptions{globals: g}}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how every profile of a fleet stands, by its ledger",
		Long: `Status shows a line for each profile of the file: whether it is paused, which brakes are pulled, the open pull request, and what its
projects deployed last; first those that a person has to look at. It asks the forges only, no source, and writes nothing.`,
		Example: `  pawl fleet status
  pawl fleet status --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.flags(cmd)
	addOutput(cmd, &o.output, "text", "json")
	return cmd
}

func (o *fleetStatusOptions) run(ctx context.Context) error {
	all, shard, err := o.load()
	if err != nil {
		return err
	}
	s := fleet.Status{Schema: fleet.StatusSchema, At: o.sys.Now().UTC().Truncate(time.Second), Shard: shard.String(), Profiles: make([]fleet.Standing, len(all.Profiles))}
	t := o.tenants(all, shard)
	t.each(ctx, func(ctx context.Context, i int, turn *fleet.Turn) fate {
		p := all.Profiles[i]
		e := t.do(ctx, p, task{[]string{"status", "--output", "json"}, &tenant{turn: turn}})
		one := fleet.Standing{Profile: p.Name(), Forge: p.Kind, Detail: e.message, Hint: e.hint}
		var read status.Status
		if err := json.Unmarshal([]byte(e.out), &read); err == nil && e.code == OK {
			one.Status = &read
		}
		s.Profiles[i] = one
		return e.fate(turn)
	})
	s.Sort()
	if o.output == "json" {
		err = writeJSON(o.sys.Out, s)
	} else {
		err = o.write(fleetStatusText(s))
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(s.Profiles, func(one fleet.Standing) bool { return one.Status == nil }) {
		return &exit{code: Partial, topics: []topic{fleetTopic}}
	}
	return nil
}

// fleetStatusText is a block for each profile that has something to say, and a line that counts the others.
func fleetStatusText(s fleet.Status) string {
	var b strings.Builder
	quiet := 0
	for _, one := range s.Profiles {
		lines := standingLines(one)
		if len(lines) == 0 {
			quiet++
			continue
		}
		fmt.Fprintf(&b, "%s:\n  %s\n", printable(one.Profile), strings.Join(lines, "\n  "))
	}
	b.WriteString(count(len(s.Profiles), "profile"))
	if quiet > 0 {
		fmt.Fprintf(&b, ", nothing to say of %d", quiet)
	}
	b.WriteString("\n")
	return b.String()
}

// standingLines are what a person may want to know of a profile.
func standingLines(one fleet.Standing) []string {
	if one.Status == nil {
		lines := []string{"error: " + printable(one.Detail)}
		if one.Hint != "" {
			lines = append(lines, "hint: "+printable(one.Hint))
		}
		return lines
	}
	var lines []string
	if one.Status.Lost != "" {
		lines = append(lines, "the ledger is lost: "+printable(one.Status.Lost))
	}
	for _, brake := range one.Status.Brakes {
		line := brake.Kind
		if ledger.LeverKind(brake.Kind) == ledger.Pause {
			line = "paused"
		}
		lines = append(lines, printable(strings.TrimSpace(line+" "+brake.Subject)+": "+because(brake))+", since "+minute(brake.At))
	}
	if p := one.Status.Pull; p != nil {
		lines = append(lines, fmt.Sprintf("pull request #%d: %s %s, open since %s", p.Number, printable(p.Title), printable(p.URL), minute(p.Since)))
	}
	for _, p := range one.Status.Projects {
		if fleet.Troubled(p) {
			lines = append(lines, fmt.Sprintf("project %s: %s %s %s", printable(p.Name), printable(p.Commit[:min(len(p.Commit), 12)]), p.State, printable(p.URL)))
		}
	}
	return lines
}
