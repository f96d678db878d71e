package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// theSnapshot is what messages call the file.
const theSnapshot = "the snapshot"

type fleetListOptions struct {
	fleetOptions
	snapshot string
}

func newFleetList(g *globals) *cobra.Command {
	o := &fleetListOptions{fleetOptions: fleetOptions{globals: g}}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Read what the profiles of a fleet track, and list their sources once, into a snapshot for the shards",
		Long: `List writes a snapshot: what each profile says at the tip of its base branch, and what its sources list for everybody. Shards read it
with pawl fleet run --snapshot from a volume or an artifact, and need not list these sources again for a quarter of an hour. What only
a profile's own credentials list is not in it. A snapshot that is there already spares what has not changed.`,
		Example: `  pawl fleet list --snapshot fleet.snapshot
  pawl fleet run --snapshot fleet.snapshot --shard 0/3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.snapshot, "snapshot", "fleet.snapshot", "the `file` to write")
	return cmd
}

func (o *fleetListOptions) run(ctx context.Context) error {
	if err := writable(theSnapshot, o.snapshot); err != nil {
		return err
	}
	all, shard, err := o.load()
	if err != nil {
		return err
	}
	t := o.tenants(all, shard)
	if err := t.recall(o.snapshot, true); err != nil {
		return err
	}
	failed := make([]error, len(all.Profiles))
	t.each(ctx, func(ctx context.Context, i int, turn *fleet.Turn) fate {
		if failed[i] = unbegun(ctx); failed[i] != nil {
			return settled
		}
		ctx, cancel := context.WithTimeout(ctx, all.Each)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- t.gather(ctx, all.Profiles[i], turn) }()
		err, ok := within(ctx, done)
		if !ok {
			err = fmt.Errorf("did not end within %s, or before the fleet's end", all.Each)
		}
		failed[i] = err
		if err != nil && ctx.Err() == nil && turn.Stopped() {
			return stopped
		}
		return settled
	})
	bad := 0
	for i, err := range failed {
		if err != nil {
			bad++
			o.reporter().say(slog.LevelError, all.Profiles[i].Name()+": "+err.Error(), fault.Hint(err))
		}
	}
	if err := t.keep(o.snapshot); err != nil {
		return err
	}
	public, asked := len(t.listings.Public()), 0
	for _, f := range t.learned {
		asked += len(f.Queries)
	}
	if err := o.write(fmt.Sprintf("%s, %s listed for everybody, tracked %s\n", count(len(t.learned), "profile"), count(public, "source"), count(asked, "time"))); err != nil {
		return err
	}
	if bad > 0 {
		return &exit{code: Partial, topics: []topic{fleetTopic}}
	}
	return nil
}

// gather learns what a profile says, and lists its sources.
func (t *tenants) gather(ctx context.Context, p fleet.Profile, turn *fleet.Turn) (err error) {
	if value, set := t.sys.Env(p.Token); p.Token != "" && (!set || value == "") {
		return fault.New("set it to the token of the profile's forge", "%s: the variable %s is not set", p.Place.Place(), p.Token)
	}
	own := &tenant{facts: t.facts[p.Name()], turn: turn}
	var out, errs strings.Builder
	g := newGlobals(t.system(p, task{tenant: own}, &out, t.overheard(p, &errs)))
	g.root, g.manifests, g.log, g.timeout, g.verbose = ".", t.manifests, "json", t.timeout, t.verbose
	defer g.caught(&err)
	o := &runOptions{globals: g, at: remoteProfile{repository: p.Address(), forge: p.Kind}}
	facts, s, err := o.facts(ctx)
	if err != nil {
		g.close(OK)
		if message, hint := firstError(errs.String()); message != "" {
			return fault.New(advice(p, message, hint), "%s", message)
		}
		return fault.With(err, advice(p, err.Error(), fault.Hint(err)))
	}
	defer s.close()
	sources := s.sources(s.wire().Client())
	for _, q := range facts.Queries {
		if _, failed := sources.ListingDigest(ctx, q); failed != nil && ctx.Err() != nil {
			return failed // what cannot be listed is told by the run that needs it
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.learned[p.Name()] = facts
	return nil
}

// facts are those of a profile at the tip of its base branch, read where they are not known.
func (o *runOptions) facts(ctx context.Context) (*fleet.Facts, *session, error) {
	if s, seen, ok := o.known(ctx); ok && seen.Base == o.sys.tenant.facts.Commit && seen.Default == o.sys.tenant.facts.Default {
		return o.sys.tenant.facts, s, nil
	}
	s, err := o.at.checkout(ctx, o.globals)
	if err != nil {
		return nil, nil, err
	}
	facts, err := s.facts()
	return &facts, s, err
}

// recall reads a snapshot that may be there, of a run that lists by itself the facts only; a broken one is no more than none.
func (t *tenants) recall(file string, factsOnly bool) error {
	data, err := t.read(file, fleet.MaxSnapshot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s fleet.Snapshot
	if err == nil {
		s, err = fleet.DecodeSnapshot(data, t.sys.Now())
	}
	if err != nil {
		t.reporter().say(slog.LevelWarn, err.Error(), fault.Hint(err))
		return nil
	}
	t.facts = s.Facts
	if !factsOnly {
		t.listings.Load(s.Listings)
		t.listed = s.At
	}
	return nil
}

// keep writes what was learned, beside what was known of other profiles.
func (t *tenants) keep(file string) error {
	facts := maps.Clone(t.facts)
	maps.Copy(facts, t.learned)
	at := t.listed
	if at.IsZero() {
		at = t.began
	}
	data, err := fleet.Snapshot{At: at, Facts: facts, Listings: t.listings.Public()}.Encode()
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	return t.save(theSnapshot, file, data)
}
