package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl"
	"github.com/pawl-cd/pawl/internal/demo"
)

// What the demonstration is about: an image that a build announces, one that its registry loses, and a chart that nobody
// announces.
const (
	demoImage = "mojaloop/central-ledger"
	lostImage = "mojaloop/quoting-service"
	demoChart = "mojaloop-payment-manager"
)

type demoOptions struct {
	*globals
	output, keep, forge string
	// fleet is how many profiles there are, 0 for the demonstration of one.
	fleet int
	// many says that a fleet is asked for.
	many bool
}

func newDemo(g *globals) *cobra.Command {
	o := &demoOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "demo [URL]",
		Short: "Show the whole job on this machine, on parts that live inside pawl",
		Long: `Demo runs the real commands against a registry, a Helm repository, GitHub with a git repository, GitLab and an
event receiver that live inside pawl and listen on 127.0.0.1 only: a build publishes a tag and says so, pawl
merges it and starts the pipelines, does nothing when nothing is new, goes on when a source is broken, and goes
back when somebody quarantines the version.
It uses no file, token or credentials of yours, and waits for nothing: its clock jumps. What it
made stays in a folder, which it names.

With --forge gitea and the address of an empty repository the profile lives there instead, at a real Gitea or
Forgejo of yours: the token in MERGE_TOKEN fills it, and the pull requests, merges and brakes are to be looked at
there. Then the clock is the real one, and nothing else leaves this machine.

With --fleet N there are N profiles, and pawl fleet runs them in one process: a release that all follow reaches
each of them once, although one more is hostile and another fails; when nothing is new, each costs one request;
one command pauses all. It counts what its servers were told, and fails when that is not what it has to be.`,
		Example: `  pawl demo
  pawl demo --fleet 3
  pawl demo --keep pawl-demo --output json
  pawl demo --forge gitea https://git.example.com/me/pawl-demo`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.many = cmd.Flags().Changed("fleet")
			return o.run(cmd.Context(), args)
		},
	}
	addOutput(cmd, &o.output, "text", "json")
	cmd.Flags().StringVar(&o.forge, "forge", "", "where the profile lives: gitea, with the `URL` of an empty repository as the argument (default inside pawl)")
	cmd.Flags().IntVar(&o.fleet, "fleet", 0, fmt.Sprintf("show a fleet of `N` profiles, from 1 to %d, and two that do not behave", demo.MaxFleet))
	cmd.Flags().StringVar(&o.keep, "keep", "", "the `directory` to leave everything in, empty or not there yet (default a new one among the temporary files)")
	return cmd
}

// demonstration is the one with one profile, under way.
type demonstration struct {
	*demo.Stage
	playing
}

// scene is a demonstration that was opened.
type scene interface {
	// story plays it, and end says what it left.
	story(ctx context.Context) error
	end()
	base() *playing
}

func (o *demoOptions) run(ctx context.Context, args []string) error {
	begin := o.sys.Now()
	if err := o.alone(args); err != nil {
		return err
	}
	outside, err := o.outside(args)
	if err != nil {
		return err
	}
	dir, err := o.folder()
	if err != nil {
		return err
	}
	d, err := o.open(dir, outside)
	if err != nil {
		hint := "the demonstration listens on 127.0.0.1 and writes to " + dir
		if outside != nil {
			hint += "; the repository has to be empty, and MERGE_TOKEN a token with write:repository, write:issue and read:user"
		}
		return &exit{code: Failure, err: err, hint: hint}
	}
	s := d.base()
	defer s.world.Close()
	if err := d.story(ctx); err != nil {
		hint := "what was made so far is in " + dir
		if ctx.Err() != nil {
			return &exit{code: Interrupted, err: errInterrupted, hint: hint}
		}
		return &exit{code: Failure, err: err, hint: hint}
	}
	s.report.Duration, s.report.Skipped = o.sys.Now().Sub(begin).Seconds(), s.world.Skipped().Seconds()
	if o.output == "json" {
		err = writeJSON(o.sys.Out, s.report)
	} else {
		d.end()
		err = s.tell.out.err
	}
	if err != nil {
		return &exit{code: Failure, err: fmt.Errorf("writing the output: %w", err)}
	}
	return nil
}

// open makes the demonstration that is asked for.
func (o *demoOptions) open(dir string, outside *demo.Outside) (scene, error) {
	s := playing{globals: o.globals, dir: dir, tell: o.teller(), report: demoReport{Schema: demoSchema, Folder: dir}}
	if o.fleet > 0 {
		world, err := demo.OpenFleet(dir, o.fleet)
		s.world, s.tell.width = world, fleetWidth
		return &fleetDemonstration{Fleet: world, playing: s}, err
	}
	stage, err := demo.Open(dir, pawl.Profile, outside)
	s.world = stage
	return &demonstration{Stage: stage, playing: s}, err
}

// alone refuses what a fleet cannot be, or cannot go with.
func (o *demoOptions) alone(args []string) error {
	switch {
	case !o.many:
		return nil
	case o.fleet < 1 || o.fleet > demo.MaxFleet:
		return &exit{code: Usage, err: fmt.Errorf("--fleet: want a number of profiles from 1 to %d, have %d", demo.MaxFleet, o.fleet), hint: "write e.g. pawl demo --fleet 3"}
	case o.forge != "" || len(args) > 0:
		return &exit{code: Usage, err: errors.New("--fleet: its profiles live inside pawl, not at a forge of yours"), hint: "leave out --forge and the address, or --fleet"}
	}
	return nil
}

// outside is the repository that the user names; nil for one inside pawl.
func (o *demoOptions) outside(args []string) (*demo.Outside, error) {
	const example = "write e.g. pawl demo --forge gitea https://git.example.com/me/pawl-demo"
	switch {
	case o.forge == "" && len(args) == 0:
		return nil, nil
	case o.forge != "gitea":
		return nil, &exit{code: Usage, err: fmt.Errorf("--forge: want gitea, have %q", o.forge), hint: example}
	case len(args) == 0:
		return nil, &exit{code: Usage, err: errors.New("the address of an empty repository is missing"), hint: example}
	}
	token, _ := o.sys.Env("MERGE_TOKEN")
	if token == "" {
		return nil, &exit{code: Usage, err: errors.New("no token is set"), hint: "set MERGE_TOKEN to a token of a user who may write to the repository", topics: []topic{noTokenTopic}}
	}
	at, err := demo.ParseOutside(args[0], token)
	if err != nil {
		return nil, &exit{code: Usage, err: err, hint: example}
	}
	return &at, nil
}

// folder is where everything is left: a new or empty one.
func (o *demoOptions) folder() (string, error) {
	if o.keep == "" {
		dir, err := os.MkdirTemp("", "pawl-demo-")
		if err == nil {
			dir, err = filepath.Abs(dir) // the folder of temporary files may be a relative one
		}
		if err != nil {
			return "", &exit{code: Failure, err: fmt.Errorf("making a folder: %w", err), hint: "name one with --keep"}
		}
		return dir, nil
	}
	dir, err := filepath.Abs(o.keep)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", &exit{code: Usage, err: fmt.Errorf("--keep: %w", err), hint: "name a directory that can be made"}
	}
	found, err := os.ReadDir(dir)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%s is not empty", o.keep)
	}
	if err != nil {
		return "", &exit{code: Usage, err: fmt.Errorf("--keep: %w", err), hint: "name a directory that is not there yet"}
	}
	return dir, nil
}

// story is the demonstration from its first step to its last.
func (d *demonstration) story(ctx context.Context) error {
	d.introduce()
	tag, err := d.Publish(demoImage)
	if err != nil {
		return err
	}
	d.tell.heading("1. A build publishes %s:%s and tells the profile", demoImage, tag)
	if err := d.dispatch(ctx, tag); err != nil {
		return err
	}

	d.tell.heading("2. The workflow runs pawl: plan, pull request, check, merge, pipelines")
	if err := d.workflow(ctx, demoRun{name: "merge", file: "2-merge", started: d.Dispatched(), merges: true, first: true}); err != nil {
		return err
	}

	d.tell.heading("3. The schedule runs pawl again: nothing is new, so nothing is done")
	if err := d.workflow(ctx, demoRun{name: "nothing-new", file: "3-nothing"}); err != nil {
		return err
	}

	version, err := d.PublishChart(demoChart)
	if err != nil {
		return err
	}
	d.Remove(lostImage)
	d.tell.heading("4. The registry loses %s, and nobody announces the chart %s %s: one fails, the rest goes on", lostImage, demoChart, version)
	if err := d.workflow(ctx, demoRun{name: "failure", file: "4-failure", exit: Partial, merges: true}); err != nil {
		return err
	}

	d.tell.heading("5. %s:%s is broken in production: one command bars it", demoImage, tag)
	if err := d.quarantine(ctx, tag); err != nil {
		return err
	}

	d.tell.heading("6. The next run goes back to what was merged before, and starts the pipelines")
	return d.workflow(ctx, demoRun{name: "rollback", file: "6-rollback", exit: Partial, merges: true})
}

func (d *demonstration) introduce() {
	where := "on this machine alone"
	if d.Forge() != "GitHub" {
		where = "with a repository at a " + d.Forge() + " of yours"
	}
	d.tell.title("pawl demo: from a published tag to the pipelines that deploy it, %s", where)
	d.tell.line("A profile is a git repository whose YAML files say which versions are deployed. This one has %s:", count(d.Manifests, "manifest"))
	d.tell.line("each says which image, chart or release one value follows. These servers live inside pawl:")
	for _, p := range d.Places {
		d.tell.line("  %-9s %-23s %s", p.Name, p.URL, p.What)
	}
	d.tell.line("DIR is %s. Each run prints its report as JSON there;", d.dir)
	d.tell.line("what stands here is the table that it prints without --output json.")
}
