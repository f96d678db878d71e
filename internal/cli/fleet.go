package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/wire"
)

// noFleet is what to do where the file of a fleet cannot be read.
const noFleet = "name the file that lists the profiles with --fleet; pawl fleet discover prints a first one"

// maxFleetFile bounds the file of a fleet in bytes.
const maxFleetFile = 64 << 20

// fleetOptions are those of all commands over a fleet.
type fleetOptions struct {
	*globals
	file, shard string
}

func (o *fleetOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.file, "fleet", fleet.FileName, "the `file` that lists the profiles, or - for stdin")
	f.StringVar(&o.shard, "shard", "", "take only the profiles of shard `I/N`, I from 0; N such processes take all of them")
}

// load reads the fleet, and returns the profiles that are this process's.
func (o *fleetOptions) load() (fleet.Fleet, fleet.Shard, error) {
	shard, err := fleet.ParseShard(o.shard)
	if err != nil {
		return fleet.Fleet{}, shard, usage(fmt.Errorf("--shard: %w", err))
	}
	if o.config != "" {
		return fleet.Fleet{}, shard, usage(errors.New("--config: that of a profile of a fleet is the one of its base branch"))
	}
	data, err := o.read(o.file, maxFleetFile)
	if err != nil {
		return fleet.Fleet{}, shard, &exit{code: Usage, err: fmt.Errorf("reading the fleet: %w", err), hint: noFleet, topics: []topic{fleetTopic}}
	}
	all, problems := fleet.Parse(o.file, data)
	for _, p := range problems {
		o.reporter().problem(p)
	}
	if strictyaml.Failed(problems) {
		return fleet.Fleet{}, shard, &exit{code: Usage, topics: []topic{fleetTopic}}
	}
	all.Profiles = slices.DeleteFunc(all.Profiles, func(p fleet.Profile) bool { return !shard.Takes(p) })
	for _, p := range all.Profiles {
		o.door.Add(o.secretsOf(p)...)
	}
	return all, shard, nil
}

// secretsOf are the values that one profile knows and the others must not.
func (o *fleetOptions) secretsOf(p fleet.Profile) []string {
	token, _ := o.sys.Env(p.Token)
	return append(secretsOf(environ(o.sys, p), dispatch.DefaultPrefix), token)
}

func newFleet(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Run many profiles in one process, each with its own credentials",
		Long: `Fleet does for every profile of a file what pawl does for one, without a checkout. A profile sees only the
variables, the token and the docker configuration that its entry names. Profiles whose credentials for a source are the same share
its listing. One that fails, hangs or is hostile does not stop the others.`,
	}
	cmd.AddCommand(newFleetRun(g), newFleetList(g), newFleetStatus(g), newFleetDiscover(g))
	return cmd
}

type fleetRunOptions struct {
	fleetOptions
	output          string
	dryRun, noMerge bool
	fresh           bool
	page            string
	snapshot        string
}

func newFleetRun(g *globals) *cobra.Command {
	o := &fleetRunOptions{fleetOptions: fleetOptions{globals: g}}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run every profile of a fleet: plan, pull request, merge, pipelines",
		Long: `Run does pawl run for every profile of the file, several at once, and says how each ended, the worst first. It exits with 3
when one of them failed, was late or was refused, or when something of it did; with 4 when the file cannot be used. --shard splits the
profiles among processes that know nothing of each other: two that take the same one race, and nothing happens twice.`,
		Example: `  pawl fleet run --dry-run
  pawl fleet run --fleet fleet.yaml --shard 0/3
  pawl fleet run --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.flags(cmd)
	addOutput(cmd, &o.output, "table", "json")
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "write nothing: say what each profile would change")
	f.BoolVar(&o.noMerge, "no-merge", false, "open or update the pull requests and leave them")
	f.StringVar(&o.snapshot, "snapshot", "", "a `file` that knows what profiles say; a shard takes from it what sources list too, and without --shard it is written at the end")
	addPage(cmd, &o.page)
	f.BoolVar(&o.fresh, "fresh", false, "look at every profile in full, also at those that are quiet")
	return cmd
}

func (o *fleetRunOptions) run(ctx context.Context) error {
	if err := errors.Join(writable(theSnapshot, o.snapshot), writable(thePage, o.page)); err != nil {
		return err
	}
	all, shard, err := o.load()
	if err != nil {
		return err
	}
	args := []string{"run", "--output", "json"}
	if o.dryRun {
		args = append(args, "--dry-run")
	}
	if o.noMerge {
		args = append(args, "--no-merge")
	}
	report := fleet.Report{Schema: fleet.ReportSchema, Started: o.sys.Now(), DryRun: o.dryRun, Shard: shard.String(), Profiles: make([]fleet.Result, len(all.Profiles))}
	t := o.tenants(all, shard)
	if o.snapshot != "" {
		if err := t.recall(o.snapshot, shard.Count == 0); err != nil {
			return err
		}
	}
	t.each(ctx, func(ctx context.Context, i int, turn *fleet.Turn) fate {
		begun, p := o.sys.Now(), all.Profiles[i]
		of := task{again(args, o.runName(""), t.tries[i]), &tenant{facts: t.facts[p.Name()], fresh: o.fresh || turn.IsAwake(), turn: turn}}
		e := t.do(ctx, p, of)
		result := e.result(p)
		if !e.late {
			t.learn(p, of.tenant, &result)
		}
		result.Seconds = o.sys.Now().Sub(begun).Seconds()
		if !e.late && of.tenant.held {
			report.Profiles[i].Took(result)
			return held
		}
		report.Profiles[i] = result.After(report.Profiles[i])
		return e.fate(turn)
	})
	report.Listings, report.Uses = t.listings.Count()
	for _, one := range report.Profiles {
		report.Calls += one.Calls
	}
	report.Seconds = o.sys.Now().Sub(report.Started).Seconds()
	report.Sort()
	if err := o.print(report); err != nil {
		return &exit{code: Failure, err: err}
	}
	if err := o.savePage(o.page, func() ([]byte, error) { return page.Fleet(report) }); err != nil {
		return err
	}
	if o.snapshot != "" && shard.Count == 0 && !o.dryRun {
		if err := t.keep(o.snapshot); err != nil {
			return err
		}
	}
	if report.Bad() {
		return &exit{code: Partial, topics: []topic{fleetTopic}}
	}
	return nil
}

// again are the arguments of the try of a run with this number, from 1. Each try is a run of its own, or receivers would take what it tells for
// what they know.
func again(args []string, name string, try int) []string {
	switch {
	case name == local:
		return args
	case try > 1:
		name = fmt.Sprintf("%s.%d", name, try)
	}
	return append(slices.Clone(args), "--run-id", name)
}

func (o *fleetRunOptions) print(r fleet.Report) error {
	if o.output == "json" {
		return writeJSON(o.sys.Out, r)
	}
	if len(r.Profiles) == 0 {
		return o.write(fleetTally(r) + "\n")
	}
	rows, hints := fleetRows(r.Profiles)
	widths := widthsOf(rows)
	for i, r := range rows {
		line := fmt.Sprintf("%-*s  %-*s  %s", widths[0], r[0], widths[1], r[1], r[2])
		if line = strings.TrimRight(line, " "); hints[i] != "" {
			line += "\n  hint: " + hints[i]
		}
		if _, err := fmt.Fprintln(o.sys.Out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(o.sys.Out, "\n%s\n", fleetTally(r))
	return err
}

// fleetRows are the rows of a fleet's table with their heading, and the hint of each.
func fleetRows(profiles []fleet.Result) (rows [][]string, hints []string) {
	rows, hints = [][]string{{"PROFILE", "STATE", "WHAT"}}, []string{""}
	for _, one := range profiles {
		what := one.Summary
		if one.Pull != "" && one.State != fleet.Unchanged {
			what = strings.TrimPrefix(what+" "+one.Pull, " ")
		}
		if one.Detail != "" {
			what = one.Detail
		}
		rows, hints = append(rows, []string{printable(one.Profile), string(one.State), printable(what)}), append(hints, printable(one.Hint))
	}
	return rows, hints
}

// fleetTally is the line below the table.
func fleetTally(r fleet.Report) string {
	var parts []string
	for _, t := range r.Tally() {
		parts = append(parts, fmt.Sprintf("%d %s", t.Count, t.State))
	}
	switch {
	case len(r.Profiles) > 0:
		return fmt.Sprintf("%s: %s; %s listed for %s", count(len(r.Profiles), "profile"), strings.Join(parts, ", "), count(r.Listings, "source"), count(r.Uses, "use"))
	case r.Shard != "":
		return "0 profiles: none falls to shard " + r.Shard
	default:
		return "0 profiles"
	}
}

// tenants run commands for the profiles of a fleet.
type tenants struct {
	*fleetOptions
	fleet    fleet.Fleet
	listings *fleet.Listings
	// facts are what is known of the profiles by their names, before and after.
	facts, learned map[string]*fleet.Facts
	mu             sync.Mutex
	// began is when the process began to list, listed when a snapshot did that was read.
	began, listed time.Time
	network       http.RoundTripper
	pace          *fleet.Pace
	// tries counts how often each profile began.
	tries []int
}

func (o *fleetOptions) tenants(all fleet.Fleet, shard fleet.Shard) *tenants {
	return &tenants{fleetOptions: o, fleet: all, listings: fleet.NewListings(), facts: map[string]*fleet.Facts{}, learned: map[string]*fleet.Facts{}, began: o.sys.Now(), network: wire.SharedNetwork(o.sys.Transport, o.sys.Now), pace: fleet.NewPace(shard.Count), tries: make([]int, len(all.Profiles))}
}

// learn keeps what a run told of its profile.
func (t *tenants) learn(p fleet.Profile, one *tenant, result *fleet.Result) {
	if one.quiet {
		result.State = fleet.Quiet
	}
	result.Calls += one.calls()
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.facts != nil {
		t.learned[p.Name()] = one.facts
	}
}

// ending is how a command of one profile ended.
type ending struct {
	code int
	out  string
	// late says that its time was over; message and hint are the first error that was said.
	late          bool
	message, hint string
}

// grace is how long a command whose time is over may take to end.
const grace = 10 * time.Second

// goesOn is what to do about an interruption.
const goesOn = "run again: what is not done is done then, and nothing twice"

// do runs a command for a profile, which sees nothing but what its entry names. What does not end in its time is left behind.
func (t *tenants) do(ctx context.Context, p fleet.Profile, of task) ending {
	if value, set := t.sys.Env(p.Token); p.Token != "" && (!set || value == "") {
		return ending{code: Usage, message: fmt.Sprintf("%s: the variable %s is not set", p.Place.Place(), p.Token), hint: "set it to the token of the profile's forge"}
	}
	if err := unbegun(ctx); err != nil {
		return ending{code: Interrupted, late: true, message: err.Error(), hint: fault.Hint(err)}
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, t.fleet.Each)
	defer cancel()
	args := append(slices.Clone(of.args), "--log", "json", "--timeout", t.timeout.String(), "--forge", p.Kind, "--repository", p.Address())
	for _, dir := range t.manifests {
		args = append(args, "--manifests", dir)
	}
	if t.verbose {
		args = append(args, "--verbose")
	}
	done := make(chan ending, 1)
	go func() {
		var out, errs strings.Builder
		code := Run(ctx, args, t.system(p, of, &out, t.overheard(p, &errs)))
		e := ending{code: code, out: out.String(), late: code != OK && ctx.Err() != nil}
		e.message, e.hint = firstError(errs.String())
		e.hint = advice(p, e.message, e.hint)
		done <- e
	}()
	e := ending{code: Interrupted, late: true}
	if ended, ok := within(ctx, done); ok {
		e = ended
	}
	switch {
	case e.late && errors.Is(whole.Err(), context.Canceled):
		e.message, e.hint = "the fleet was interrupted before it ended", goesOn
	case e.late && (e.message == "" || !of.tenant.turn.Stopped()):
		e.message, e.hint = fmt.Sprintf("did not end within %s, or before the fleet's end", t.fleet.Each), "see what it waits for with pawl run -v --forge "+p.Kind+" --repository "+p.Address()+"; limits: {profile: ...} gives more time"
	}
	return e
}

// unbegun is why nothing begins any more, nil while it does.
func unbegun(ctx context.Context) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return fault.New(goesOn, "the fleet was interrupted before it began")
	case fault.Hint(cause) != "":
		return cause
	case cause != nil:
		return errors.New("the fleet's time was over before it began")
	default:
		return nil
	}
}

// within waits for what ends when the context does, and for its grace; false when it is left behind.
func within[T any](ctx context.Context, done <-chan T) (value T, ok bool) {
	select {
	case value = <-done:
		return value, true
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case value = <-done:
		return value, true
	case <-timer.C:
		return value, false
	}
}

// firstError is the first error of a log in JSON lines.
func firstError(log string) (message, hint string) {
	lines := json.NewDecoder(strings.NewReader(log))
	for {
		var line struct{ Level, Msg, Hint string }
		if err := lines.Decode(&line); err != nil {
			return "", ""
		}
		if line.Level == slog.LevelError.String() {
			return line.Msg, line.Hint
		}
	}
}

// unset finds the variable that an error misses.
var unset = regexp.MustCompile(`variable ([A-Za-z_][A-Za-z0-9_]*) is not set`)

// unseen tells the operator, who may have set such a variable, why the profile does not see it.
const unseen = "; a profile of a fleet sees only what env of its entry names"

// advice is a hint for the operator, who calls by another name what the profile knows as MERGE_TOKEN.
func advice(p fleet.Profile, message, hint string) string {
	if found := unset.FindStringSubmatch(message); hint != "" && found != nil && !slices.Contains(p.Env, found[1]) {
		hint = strings.TrimSuffix(hint, unseen) + unseen
	}
	name := cmp.Or(p.Token, "the variable that token of its entry names")
	return strings.NewReplacer("MERGE_TOKEN (or GITHUB_TOKEN)", name, "MERGE_TOKEN or GITHUB_TOKEN", name, "MERGE_TOKEN", name).Replace(hint)
}

// result tells how a run of a profile ended.
func (e ending) result(p fleet.Profile) fleet.Result {
	r := fleet.Result{Profile: p.Name(), Forge: p.Kind, Exit: e.code, Detail: e.message, Hint: e.hint}
	var report run.Report
	if err := json.Unmarshal([]byte(e.out), &report); err == nil {
		e.tell(report, &r)
		r.Hint = advice(p, r.Detail, r.Hint)
	} else if !errors.Is(err, io.EOF) && e.out != "" && r.Detail == "" {
		r.Detail = err.Error()
	}
	switch {
	case e.late:
		r.State = fleet.Late
	case e.code == Usage:
		r.State = fleet.Refused
	case e.code == Partial:
		r.State = fleet.Partial
	case e.code != OK:
		r.State = fleet.Failed
	}
	return r
}

// tell says what a report holds.
func (e ending) tell(report run.Report, r *fleet.Result) {
	r.Changes, r.Calls, r.Summary = len(report.Plan.Changes), report.Calls, summaryOf(report.Plan.Changes)
	for _, o := range report.Plan.Outcomes {
		if o.Outcome == "failed" {
			r.Failures++
			r.Detail, r.Hint = cmp.Or(r.Detail, o.Manifest+": "+o.Detail), cmp.Or(r.Hint, o.Hint)
		}
	}
	if report.Deploy != nil {
		for _, t := range report.Deploy.Triggers {
			if t.Started() {
				r.Fired++
			}
			if t.Failed() {
				r.Detail, r.Hint = cmp.Or(r.Detail, "pipeline of "+t.Project+": "+cmp.Or(t.Detail, t.Status, t.State)), cmp.Or(r.Hint, t.Hint)
			}
		}
	}
	if report.Pull != nil {
		r.Pull = report.Pull.URL
	}
	r.State = fleet.Unchanged
	switch m := report.Merge; {
	case report.Paused != "":
		r.State, r.Summary = fleet.Paused, report.Paused
	case r.Changes > 0 && report.DryRun:
		r.State = fleet.Planned
	case m != nil && m.Outcome == forge.Merged:
		r.State, r.Commit = fleet.Merged, m.SHA
	case report.Pull != nil:
		r.State = fleet.Pending
		if m != nil {
			r.Detail, r.Hint = cmp.Or(r.Detail, m.Detail), cmp.Or(r.Hint, m.Hint)
		}
	}
}

// summaryOf says in words what changes.
func summaryOf(changes []change.Update) string {
	if len(changes) == 0 {
		return ""
	}
	first := fmt.Sprintf("%s %s -> %s", changes[0].Manifest, changes[0].Old, changes[0].New)
	if len(changes) > 1 {
		first += fmt.Sprintf(" and %d more", len(changes)-1)
	}
	return first
}
