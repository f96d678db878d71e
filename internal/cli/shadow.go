package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

// shadowing are the flags of a run beside another bot.
type shadowing struct {
	on bool
	// off says that a person wrote --shadow=false.
	off bool
	// file is where decisions go instead of the ledger.
	file string
}

func (s *shadowing) flags(f *pflag.FlagSet) {
	f.BoolVar(&s.on, "shadow", false, "record in the ledger what this run would change, and do nothing else: for use beside another bot")
	f.StringVar(&s.file, "shadow-file", "", "a shadow run on the root as it is, which records in this `file` and asks no forge")
}

// theShadowFile is what messages call the file.
const theShadowFile = "the shadow's record"

// asked reports whether a run is a shadow, by its flags or by the configuration, which no flag overrules.
func (s *shadowing) asked(session *session) bool {
	if session.config.Shadow && s.off {
		session.g.reporter().say(slog.LevelWarn, config.FileName+" says mode: shadow, which --shadow=false does not change: this is a shadow run", "take mode: shadow out of the file to switch")
	}
	return s.on || s.file != "" || session.config.Shadow
}

// writesNothing refuses a command that would write at the forge of a profile in which pawl is a shadow.
func (s *session) writesNothing(command string) error {
	if !s.config.Shadow {
		return nil
	}
	return &exit{code: Usage, err: fmt.Errorf("%s says mode: shadow, so that %s does nothing here", config.FileName, command), topics: []topic{shadowTopic},
		hint: "take mode: shadow out of the file to switch to pawl; --dry-run, where there is one, looks"}
}

// shadow plans, records what is new, and reports.
func (o *runOptions) shadow(ctx context.Context, s *session, job actions, hints inputs) error {
	if o.incoming.Ignored == "" && len(o.said()) > 0 {
		o.reporter().say(slog.LevelWarn, "a shadow run keeps no brakes: what the event bars is not remembered", "")
	}
	report, err := o.shadowed(ctx, s, job, hints)
	if e, ok := errors.AsType[*exit](err); ok && report.Schema == "" {
		return e
	}
	report.Incoming = o.received()
	if err := o.finish(job, report, err); err != nil {
		return err
	}
	return ended(report)
}

// shadowed is the run itself; without a report, its error is how the command ends.
func (o *runOptions) shadowed(ctx context.Context, s *session, job actions, hints inputs) (run.Report, error) {
	if o.shadowing.file != "" {
		return o.shadowInFile(ctx, s, hints)
	}
	if s.wire().ForgeToken() == "" && !o.dryRun {
		return run.Report{}, &exit{code: Usage, err: errors.New("no token is set"), topics: []topic{noTokenTopic},
			hint: "set MERGE_TOKEN (contents: write, for the ledger), or record in a file with --shadow-file FILE"}
	}
	if err := s.keyed(); err != nil && !o.dryRun {
		return run.Report{}, err
	}
	looker := *o
	looker.dryRun, looker.looking = true, true
	p, client := s.pipeline()
	runner, err := looker.runner(s, p, client, job, hints)
	if err != nil {
		return run.Report{}, err
	}
	runner.DryRun = o.dryRun
	report, err := runner.Shadow(ctx, s.manifests)
	report.Shadow.To = s.config.Ledger
	report.Calls = runner.Forge.Calls()
	report.Plan.Requests, report.Plan.Remaining = client.Requests(), client.Remaining()
	return report, err
}

// shadowInFile plans on the root as pawl plan does, and records in a file.
func (o *runOptions) shadowInFile(ctx context.Context, s *session, hints inputs) (run.Report, error) {
	known, err := readShadow(o.shadowing.file)
	if err != nil {
		return run.Report{}, err
	}
	p, client := s.pipeline()
	if p.Judge, err = s.recorded(o.verdicts); err != nil {
		return run.Report{}, err
	}
	p.Survey, p.Announced = true, o.announced(hints, o.settle)
	report := run.Report{Schema: run.ReportSchema, DryRun: true, Started: o.sys.Now(), Shadow: &run.Shadow{To: o.shadowing.file}}
	report.Plan, err = p.Plan(ctx, s.manifests)
	report.Duration = o.sys.Now().Sub(report.Started).Seconds()
	if err != nil {
		return report, err
	}
	report.Plan.Requests, report.Plan.Remaining = client.Requests(), client.Remaining()
	next, values, changed := run.Decide(known, report.Plan, p.Now)
	report.Shadow.Values, report.Shadow.Changed = values, changed
	if next == nil || o.dryRun {
		return report, nil
	}
	if err := o.writeShadow(o.shadowing.file, next); err != nil {
		return report, err
	}
	report.Shadow.Recorded = true
	return report, nil
}

// readShadow reads what shadow runs recorded in a file; one that is not there yet is an empty record.
func readShadow(name string) (ledger.Ledger, error) {
	fail := func(err error) error {
		return &exit{code: Usage, err: fmt.Errorf("reading %s: %w", name, err), topics: []topic{shadowTopic},
			hint: "name a file that pawl run --shadow-file wrote, or a new one"}
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Ledger{}, writable(theShadowFile, name)
	}
	if err != nil {
		return ledger.Ledger{}, fail(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ledger.Ledger{}, fail(errors.Join(err, errors.New("it is no regular file")))
	}
	data, err := io.ReadAll(io.LimitReader(f, 2*ledger.MaxShadowBytes+1))
	if err != nil {
		return ledger.Ledger{}, fail(err)
	}
	if len(data) > 2*ledger.MaxShadowBytes {
		return ledger.Ledger{}, fail(fmt.Errorf("it has more than %d bytes", 2*ledger.MaxShadowBytes))
	}
	known, err := ledger.Decode(ledger.Snapshot{ledger.ShadowFile: data})
	if err != nil {
		return ledger.Ledger{}, fail(err)
	}
	return known, nil
}

// writeShadow replaces the file as a whole, so that a killed run leaves the old one; next is applied to what is there now.
func (o *runOptions) writeShadow(name string, next ledger.Transition) error {
	known, err := readShadow(name)
	if err != nil {
		return err
	}
	s, err := next(known).Encode()
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	return o.save(theShadowFile, name, s[ledger.ShadowFile])
}

// shadowLines say that a run was a shadow, and what it recorded.
func shadowLines(s *run.Shadow) []string {
	if s == nil {
		return nil
	}
	line := "shadow run: nothing is proposed, merged or deployed"
	switch {
	case s.Changed == 0:
		line += fmt.Sprintf("; the decisions on %s are those of the last run", count(s.Values, "value"))
	case s.Recorded:
		line += fmt.Sprintf("; %s of %d recorded in %s", count(s.Changed, "new decision"), s.Values, s.To)
	default:
		line += fmt.Sprintf("; %s of %d not recorded", count(s.Changed, "new decision"), s.Values)
	}
	return []string{line}
}
