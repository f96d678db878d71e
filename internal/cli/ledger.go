package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

func newLedger(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Show the ledger, or begin it anew after its loss",
		Long: `The ledger is what survives a run: what was written, what people rejected, which pipelines were fired. It stands
on a ref of its own in the profile's repository. Without it nothing is merged and nothing is fired.`,
	}
	cmd.AddCommand(newLedgerAccept(g), newLedgerShow(g))
	return cmd
}

type acceptOptions struct {
	*globals
	dryRun bool
}

func newLedgerAccept(g *globals) *cobra.Command {
	o := &acceptOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "accept",
		Short: "Accept that the ledger got lost, and write a first one",
		Long: `Accept writes a ledger where there is none although pawl merged something before, so that runs go on. It learns
what it can from pawl's pull requests: what was written and what people rejected. Everything that was merged until
now counts as deployed; fire what was not with pawl deploy --commit SHA. A ledger that is there stays as it is.`,
		Example: `  pawl ledger accept --dry-run
  pawl ledger accept`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "write nothing: print what would be learned")
	return cmd
}

func (o *acceptOptions) run(ctx context.Context) error {
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	s.warn()
	if err := s.writesNothing("pawl ledger accept"); err != nil && !o.dryRun {
		return err
	}
	if err := s.keyed(); err != nil {
		return err
	}
	if s.wire().ForgeToken() == "" && !o.dryRun {
		return &exit{code: Usage, err: errors.New("no token is set"), hint: "set MERGE_TOKEN (contents: write), or look first with --dry-run", topics: []topic{noTokenTopic}}
	}
	_, client := s.pipeline()
	f, err := s.forge(client)
	if err != nil {
		return err
	}
	lines, err := o.accept(ctx, s, f)
	if is[*change.RefError](err) {
		return &exit{code: Usage, err: err}
	}
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	return o.write(printableLines(strings.Join(lines, "\n") + "\n"))
}

// goOn seals a ledger anew that is there and older than what was merged under it.
func (o *acceptOptions) goOn(ctx context.Context, f forge.Forge, floor int) ([]string, error) {
	if o.dryRun {
		return []string{fmt.Sprintf("ledger: would be sealed anew as it is, above number %d", floor)}, nil
	}
	if err := f.Record(ctx, func(l ledger.Ledger) ledger.Ledger { return l.Above(floor) }); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("ledger: sealed anew as it is, above number %d", floor), "  hint: pull again what may have got lost: pawl status shows the brakes that are there"}, nil
}

// accept writes the ledger, and returns what to say.
func (o *acceptOptions) accept(ctx context.Context, s *session, f forge.Forge) ([]string, error) {
	profile, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	known, err := f.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if known.Sealed() && !known.Empty() {
		floor, err := run.SealFloor(ctx, f, profile.BaseSHA)
		if err != nil {
			return nil, err
		}
		if known.Counter() < floor {
			return o.goOn(ctx, f, floor)
		}
	}
	if !known.Empty() {
		return []string{"ledger: it is there, and stays as it is"}, nil
	}
	pulls, err := run.Everything(ctx, f)
	if err != nil {
		return nil, err
	}
	lost, err := run.Forgotten(ctx, f, profile.BaseSHA, known, pulls, o.sys.Now())
	if err != nil {
		return nil, err
	}
	if lost == nil {
		return []string{"ledger: nothing was merged here yet: the first run that proposes something writes it"}, nil
	}
	digests := map[string]string{}
	for _, m := range s.manifests {
		digests[m.Name] = m.Digest
	}
	next := run.Accept(pulls, digests, ledger.Acceptance{At: o.sys.Now(), Base: profile.BaseSHA, By: profile.Self.Login})
	word := "would be written"
	if !o.dryRun {
		word = "written"
		if err := f.Record(ctx, next); err != nil {
			return nil, err
		}
	}
	then := next(known)
	lines := []string{fmt.Sprintf("ledger: %s to %s, with %s, %s and %s", word, s.config.Ledger,
		count(len(then.Pulls), "pull request"), count(len(then.Values), "written value"), count(len(then.Vetoes), "rejected version"))}
	for _, p := range lost.Pending {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("counts as deployed: %s %s", p.Commit, p.Title)))
	}
	if len(lost.Pending) > 0 {
		lines = append(lines, "  hint: run pawl deploy --commit SHA for each of them that was not")
	}
	return lines, nil
}

func newLedgerShow(g *globals) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the ledger's files as JSON",
		Long: `Show reads the ledger from the forge and prints its files as one JSON object, for people and for pawl gates --ledger,
which wants no token. What became of pull requests since it was written is in it, as the next run would learn it.`,
		Example: `  pawl ledger show
  pawl ledger show --file ledger.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			defer s.close()
			f, err := s.forge(s.wire().Client())
			if err != nil {
				return err
			}
			known, err := run.Remember(cmd.Context(), f, s.manifests)
			if err != nil {
				return &exit{code: Failure, err: err}
			}
			snapshot, err := known.Encode()
			if err != nil {
				return &exit{code: Failure, err: err}
			}
			all := ledgerFiles{Schema: ledgerSchema, Files: map[string]string{}}
			for name, text := range snapshot {
				all.Files[name] = string(text)
			}
			if file == "" {
				return writeJSON(g.sys.Out, all)
			}
			var text strings.Builder
			if err := writeJSON(&text, all); err != nil {
				return &exit{code: Failure, err: err}
			}
			return g.save("the ledger", file, []byte(text.String()))
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "write it to this `file`")
	return cmd
}

// ledgerSchema is the version of what pawl ledger show prints.
const ledgerSchema = "pawl.ledger.files/1"

// ledgerFiles is a ledger as pawl ledger show prints it.
type ledgerFiles struct {
	Schema string            `json:"schema"`
	Files  map[string]string `json:"files"`
}
