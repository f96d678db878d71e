package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/demo"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// fleetDemonstration is the one with many profiles, under way. What it says was measured at its servers, and it fails where that
// is not what it has to be.
type fleetDemonstration struct {
	*demo.Fleet
	playing
}

// story is the demonstration from its first step to its last.
func (d *fleetDemonstration) story(ctx context.Context) error {
	d.introduce()
	for _, step := range []func(context.Context) error{d.first, d.release, d.nextDay, d.quiet, d.pause, d.paused, d.standing} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *fleetDemonstration) introduce() {
	n := len(d.Profiles)
	d.tell.title("pawl demo: a release reaches %s in one process", count(n, "profile"))
	d.tell.prose("A profile is a git repository whose YAML files say which versions are deployed. Each of these has a token of its own, follows %s and "+
		"two other images, and deploys by a pipeline of its own project. GitHub, GitLab, the registry and a receiver of events live inside pawl, on this machine alone.", demo.Followed)
	d.tell.prose("Each run prints its report as JSON in a folder, which is called DIR here; what stands here is its table, the worst first, shortened and without links.")
}

func (d *fleetDemonstration) first(ctx context.Context) error {
	d.tell.heading("1. The first run looks at every profile")
	return d.run(ctx, fleetStep{name: "first", file: "1-first", exit: OK, behaved: fleet.Unchanged, holds: []holding{
		d.listedOnce(), d.marked(), d.nothingTwice()}})
}

func (d *fleetDemonstration) release(ctx context.Context) error {
	before, version := d.Counts(), d.Publish()
	if err := d.Join(); err != nil {
		return err
	}
	d.tell.heading("2. %s:%s is published, which all follow", demo.Followed, version)
	d.tell.prose("Two more have joined the fleet: the .pawl.yaml of %s names a program, and GitHub refuses the token of %s.", demo.Hostile, demo.Failing)
	if err := d.run(ctx, fleetStep{name: "release", file: "2-release", exit: Partial, behaved: fleet.Merged, holds: []holding{
		d.listedOnce(),
		d.forEach("each merged it once, and started one pipeline, for that merge", func(was, is demo.ProfileCounts) error {
			return errors.Join(same("merge", is.Merges-was.Merges, 1), same("pipeline", is.Pipelines-was.Pipelines, 1), same("pipeline for the merge", is.Fired, 1), sameText(is.Version, version))
		}),
		{fmt.Sprintf("nothing was done for %s and %s, and no program started", demo.Hostile, demo.Failing), func(_, now demo.FleetCounts) error {
			if now.Started {
				return fmt.Errorf("the program of %s was started", demo.Hostile)
			}
			for _, name := range []string{demo.Hostile, demo.Failing} {
				if now.Profiles[name] != (demo.ProfileCounts{Calls: now.Profiles[name].Calls, Version: before.Profiles[name].Version}) {
					return fmt.Errorf("%s: something was done: %+v", name, now.Profiles[name])
				}
			}
			return nil
		}},
	}}); err != nil {
		return err
	}
	one := d.Profiles[0]
	patch, err := d.Diff(one)
	if err != nil {
		return err
	}
	d.tell.prose("What the merge changed at %s:", one)
	d.tell.diff(patch)
	_, err = d.Save(one)
	return err
}

func (d *fleetDemonstration) nextDay(ctx context.Context) error {
	victim, err := d.Steal()
	if err != nil {
		return err
	}
	if err := d.Sleep(ctx, fleet.LongestQuiet+time.Hour); err != nil {
		return err
	}
	d.tell.heading("3. A day later nothing is new")
	d.tell.prose("For a day the ends of pipelines were waited for, to tell them. %s has taken out its program, and now wants events sent to its own server with the token of %s.", demo.Hostile, victim)
	return d.run(ctx, fleetStep{name: "next-day", file: "3-next-day", exit: Partial, behaved: fleet.Unchanged, holds: []holding{
		d.listedOnce(), d.marked(), d.nothingTwice(), {fmt.Sprintf("the server of %s got no request", demo.Hostile), func(_, now demo.FleetCounts) error {
			return same("request", now.Trapped, 0)
		}}}})
}

func (d *fleetDemonstration) quiet(ctx context.Context) error {
	d.tell.heading("4. Still nothing is new, and the marks tell")
	return d.run(ctx, fleetStep{name: "quiet", file: "4-quiet", exit: Partial, behaved: fleet.Quiet, holds: []holding{
		d.listedOnce(), d.nothingWritten(), d.forEach("each cost one request at GitHub", func(was, is demo.ProfileCounts) error {
			return same("request", is.Calls-was.Calls, 1)
		})}})
}

func (d *fleetDemonstration) pause(ctx context.Context) error {
	d.tell.heading("5. An incident: one command pauses them all")
	before := d.Counts()
	step := d.step("pause", "", "pause", "--reason", "incident-42", "--fleet", d.file())
	out, _, err := d.pawl(ctx, &step, Partial, d.Environment())
	if err != nil {
		return err
	}
	d.blocks(out)
	return d.done(step, before, d.forEach("each was written to once", func(was, is demo.ProfileCounts) error {
		return same("write", is.Writes-was.Writes, 1)
	}))
}

func (d *fleetDemonstration) paused(ctx context.Context) error {
	d.tell.heading("6. %s:%s is published meanwhile, and nothing moves", demo.Followed, d.Publish())
	return d.run(ctx, fleetStep{name: "paused", file: "6-paused", exit: Partial, behaved: fleet.Paused, holds: []holding{d.nothingWritten(), d.nothingTwice()}})
}

// standing asks how all profiles stand.
func (d *fleetDemonstration) standing(ctx context.Context) error {
	d.tell.heading("7. How the fleet stands")
	before, data := d.Counts(), filepath.Join("reports", "7-status.json")
	step := d.step("status", data, "fleet", "status", "--fleet", d.file(), "--output", "json")
	out, _, err := d.pawl(ctx, &step, Partial, d.Environment())
	if err != nil {
		return err
	}
	if err := d.Write(data, []byte(out)); err != nil {
		return err
	}
	var all fleet.Status
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return fmt.Errorf("reading the output of pawl fleet status: %w", err)
	}
	step.Report, step.Profiles = data, map[string]int{}
	var text strings.Builder
	for _, one := range all.Profiles {
		what := "read"
		switch {
		case one.Status == nil:
			what = "unreadable"
		case one.Status.Paused != nil && one.Status.Paused.Kind == string(ledger.Pause):
			what = "paused"
		}
		step.Profiles[what]++
		fmt.Fprintf(&text, "%s:\n", one.Profile)
		for _, line := range standingLines(one) {
			line, _, _ = strings.Cut(line, ", since ") // which is another time each time
			fmt.Fprintf(&text, "  %s\n", line)
		}
	}
	d.blocks(text.String() + count(len(all.Profiles), "profile") + "\n")
	n := len(d.Profiles)
	return d.done(step, before, d.nothingWritten(), holding{fmt.Sprintf("%s are paused, and one cannot be read", count(n+1, "profile")), func(_, _ demo.FleetCounts) error {
		return errors.Join(same("paused profile", step.Profiles["paused"], n+1), same("unreadable profile", step.Profiles["unreadable"], 1))
	}})
}

func (d *fleetDemonstration) file() string { return filepath.Join(d.dir, fleet.FileName) }

// fleetStep is one run of the fleet: what its files are called, how it has to end, in which state those that behave, and what
// has to hold then.
type fleetStep struct {
	name, file string
	exit       int
	behaved    fleet.State
	holds      []holding
}

// holding is something that has to be so after a step, by what the servers counted before and after it.
type holding struct {
	says  string
	check func(before, now demo.FleetCounts) error
}

// run runs the fleet as its operator does.
func (d *fleetDemonstration) run(ctx context.Context, r fleetStep) error {
	before := d.Counts()
	data, page := filepath.Join("reports", r.file+".json"), filepath.Join("reports", r.file+".html")
	if err := d.Write(data, nil); err != nil { // as a shell does before the command
		return err
	}
	step := d.step(r.name, data, "fleet", "run", "--fleet", d.file(), "--snapshot", filepath.Join(d.dir, "fleet.snapshot"), "--output", "json", "--page", filepath.Join(d.dir, page))
	out, _, err := d.pawl(ctx, &step, r.exit, d.Environment())
	if err != nil {
		return err
	}
	if err := d.Write(data, []byte(out)); err != nil {
		return err
	}
	var report fleet.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		return fmt.Errorf("reading the report of pawl fleet run: %w", err)
	}
	step.Report, step.Profiles = data, map[string]int{}
	for _, t := range report.Tally() {
		step.Profiles[string(t.State)] = t.Count
	}
	for _, one := range report.Profiles {
		step.Changes += one.Changes
		if one.State.Bad() {
			step.Failed = append(step.Failed, one.Profile)
		}
	}
	d.table(report)
	return d.done(step, before, slices.Concat([]holding{d.ended(report, r)}, r.holds, []holding{d.counted(report)})...)
}

// ended holds what came of each profile.
func (d *fleetDemonstration) ended(report fleet.Report, r fleetStep) holding {
	says, want := fmt.Sprintf("each of the %d profiles is %s", len(d.Profiles), r.behaved), map[string]fleet.State{}
	if len(d.Profiles) == 1 {
		says = fmt.Sprintf("the profile is %s", r.behaved)
	}
	for _, name := range d.Profiles {
		want[name] = r.behaved
	}
	if r.exit == Partial {
		says += fmt.Sprintf(", %s is refused, %s failed", demo.Hostile, demo.Failing)
		want[demo.Hostile], want[demo.Failing] = fleet.Refused, fleet.Failed
	}
	return holding{says, func(_, _ demo.FleetCounts) error {
		for _, one := range report.Profiles {
			if want[one.Profile] != one.State {
				return fmt.Errorf("%s: want it %s, have it %s: %s", one.Profile, want[one.Profile], one.State, one.Detail)
			}
		}
		return same("profile", len(report.Profiles), len(want))
	}}
}

// counted holds the report's counts against those of the servers, and each request's token against the repository that it is about.
func (d *fleetDemonstration) counted(report fleet.Report) holding {
	return holding{"the report counts what the servers do, and each request had its own profile's token", func(before, now demo.FleetCounts) error {
		if err := same("request with the token of another profile", now.Strayed, 0); err != nil {
			return err
		}
		for _, one := range report.Profiles {
			was, is := before.Profiles[one.Profile], now.Profiles[one.Profile]
			if one.Profile == demo.Failing { // whose requests are not taken
				is.Calls, was.Calls = one.Calls, 0
			}
			if err := errors.Join(same("request", one.Calls, is.Calls-was.Calls), same("pipeline", one.Fired, is.Pipelines-was.Pipelines)); err != nil {
				return fmt.Errorf("%s: %w", one.Profile, err)
			}
		}
		return nil
	}}
}

// listedOnce holds that the registry was asked once for each image, for all profiles.
func (d *fleetDemonstration) listedOnce() holding {
	images := d.Images()
	return holding{fmt.Sprintf("%s listed once each, for all", count(len(images), "image")), func(before, now demo.FleetCounts) error {
		for image, n := range now.Listings {
			if n != before.Listings[image] && !slices.Contains(images, image) {
				return fmt.Errorf("%s: nobody follows it, and it was listed", image)
			}
		}
		for _, image := range images {
			if err := same("listing", now.Listings[image]-before.Listings[image], 1); err != nil {
				return fmt.Errorf("%s: %w", image, err)
			}
		}
		return nil
	}}
}

// marked holds that each profile that behaves was marked as quiet, and nothing else was written.
func (d *fleetDemonstration) marked() holding {
	return d.forEach("each has a new mark that it is quiet, and nothing else was written", func(was, is demo.ProfileCounts) error {
		if is.Mark == "" || is.Mark == was.Mark {
			return errors.New("it has no new mark")
		}
		return same("write", is.Writes-was.Writes, 1)
	})
}

// nothingWritten holds that no repository was written to.
func (d *fleetDemonstration) nothingWritten() holding {
	return holding{"nothing was written to GitHub", func(before, now demo.FleetCounts) error { return same("write", now.Writes-before.Writes, 0) }}
}

// nothingTwice holds that nothing was merged and no pipeline started.
func (d *fleetDemonstration) nothingTwice() holding {
	return holding{"nothing was merged, and no pipeline started", func(before, now demo.FleetCounts) error {
		for name, is := range now.Profiles {
			was := before.Profiles[name]
			if err := errors.Join(same("merge", is.Merges-was.Merges, 0), same("pipeline", is.Pipelines-was.Pipelines, 0), sameText(is.Version, was.Version)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}}
}

// forEach holds something of every profile that behaves.
func (d *fleetDemonstration) forEach(says string, check func(was, is demo.ProfileCounts) error) holding {
	return holding{says, func(before, now demo.FleetCounts) error {
		for _, name := range d.Profiles {
			if err := check(before.Profiles[name], now.Profiles[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}}
}

func same(what string, have, want int) error {
	if have != want {
		return fmt.Errorf("want %s, have %d", count(want, what), have)
	}
	return nil
}

func sameText(have, want string) error {
	if have != want {
		return fmt.Errorf("want %s, have %s", want, have)
	}
	return nil
}

// done ends a step with what the servers counted meanwhile, and with what has to hold.
func (d *fleetDemonstration) done(step demoStep, before demo.FleetCounts, holds ...holding) error {
	now := d.Counts()
	step.ForgeCalls, step.ForgeWrites = now.Calls-before.Calls, now.Writes-before.Writes
	step.Pipelines, step.Events = now.Pipelines-before.Pipelines, now.Events-before.Events
	for image, n := range now.Listings {
		step.Listings += n - before.Listings[image]
	}
	d.tell.prose("exit code %d; GitHub took %s, %d of them writing; the registry was asked for %s; GitLab started %s; the receiver took %s", step.Exit, count(step.ForgeCalls, "request"), step.ForgeWrites,
		count(step.Listings, "list")+" of tags", count(step.Pipelines, "pipeline"), count(step.Events, "event"))
	for _, h := range holds {
		if err := h.check(before, now); err != nil {
			return fmt.Errorf("step %s: it does not hold that %s: %w", step.Step, h.says, err)
		}
		step.Held = append(step.Held, h.says)
		d.tell.hanging("holds: ", h.says)
	}
	d.report.Steps = append(d.report.Steps, step)
	return nil
}
