package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/demo"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// demoSchema names the contract of the JSON form.
const demoSchema = "pawl.demo/1"

// demoReport is what the demonstration did.
type demoReport struct {
	Schema string `json:"schema"`
	Folder string `json:"folder"`
	// Duration is the time that it took in seconds; Skipped is how far the clock jumped besides.
	Duration float64    `json:"duration"`
	Skipped  float64    `json:"skipped"`
	Steps    []demoStep `json:"steps"`
}

// demoStep is one command and what came of it. The counts are the servers' own.
type demoStep struct {
	Step    string   `json:"step"`
	Command []string `json:"command"`
	Exit    int      `json:"exit"`
	// Report is the run's report in the folder; what follows sums it up.
	Report      string        `json:"report,omitempty"`
	Changes     int           `json:"changes"`
	Failed      []string      `json:"failed,omitempty"`
	PullRequest string        `json:"pullRequest,omitempty"`
	Merge       string        `json:"merge,omitempty"`
	Commit      string        `json:"commit,omitempty"`
	Triggers    []run.Trigger `json:"triggers,omitempty"`
	// ForgeCalls are requests to the forge, ForgeWrites those of them that change something.
	ForgeCalls  int `json:"forgeCalls"`
	ForgeWrites int `json:"forgeWrites"`
	Pipelines   int `json:"pipelines"`
	Events      int `json:"events"`
	// Profiles are those of a fleet by how they ended, Listings how often the registry listed an image for them, and Held what was
	// found to be so.
	Profiles map[string]int `json:"profiles,omitempty"`
	Listings int            `json:"listings,omitempty"`
	Held     []string       `json:"held,omitempty"`
	// Skipped is how far the clock jumped, in seconds.
	Skipped float64 `json:"skipped,omitempty"`
}

// playing is what every demonstration under way has.
type playing struct {
	world interface {
		Now() time.Time
		Sleep(ctx context.Context, d time.Duration) error
		Skipped() time.Duration
		Transport() http.RoundTripper
		Close() error
	}
	globals *globals
	tell    teller
	dir     string
	report  demoReport
}

func (d *playing) base() *playing { return d }

// dispatch is the job that built the image: it tells the profile's repository.
func (d *demonstration) dispatch(ctx context.Context, tag string) error {
	step, before := d.step("dispatch", "", "dispatch"), d.Counts()
	out, errs, err := d.pawl(ctx, &step, OK, d.Job(demoImage, tag))
	if err != nil {
		return err
	}
	started := d.Dispatched()
	if started == nil {
		return fmt.Errorf("pawl dispatch: %s was not told", d.Forge())
	}
	d.tell.text(out + errs)
	d.tell.line("%s starts %s on %s: image=%s upstream=%s", d.Forge(), started.Workflow, started.Ref, started.Inputs["image"], started.Inputs["upstream"])
	d.done(step, before)
	return nil
}

// quarantine is what somebody on call does.
func (d *demonstration) quarantine(ctx context.Context, tag string) error {
	env, err := d.Start(len(d.report.Steps), "5-quarantine", nil)
	if err != nil {
		return err
	}
	step, before := d.step("quarantine", "", "quarantine", demoImage+":"+tag, "--reason", "broken in production", "--root", filepath.Join(d.dir, "checkout")), d.Counts()
	out, errs, err := d.pawl(ctx, &step, OK, env)
	if err != nil {
		return err
	}
	d.tell.text(out + errs)
	d.done(step, before)
	return nil
}

// demoRun is one run of the workflow: what started it, nil for the schedule, what its files are called, how it has to end,
// and whether it merges something. The report and the page of the first one are at the top of the folder as well.
type demoRun struct {
	name, file    string
	started       *demo.Dispatch
	exit          int
	merges, first bool
}

// workflow checks out the profile and runs pawl on it.
func (d *demonstration) workflow(ctx context.Context, r demoRun) error {
	env, err := d.Start(len(d.report.Steps), r.file, r.started)
	if err != nil {
		return err
	}
	data, page := filepath.Join("reports", r.file+".json"), filepath.Join("reports", r.file+".html")
	if err := d.Write(data, nil); err != nil { // as a shell does before the command
		return err
	}
	step, before := d.step(r.name, data, "run", "--root", filepath.Join(d.dir, "checkout"), "--output", "json", "--page", filepath.Join(d.dir, page)), d.Counts()
	out, errs, err := d.pawl(ctx, &step, r.exit, env)
	if err != nil {
		return err
	}
	var report run.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		return fmt.Errorf("reading the report of pawl run: %w", err)
	}
	step.Report = data
	if err := errors.Join(d.Write(data, []byte(out)), d.Save()); err != nil {
		return err
	}
	if r.first {
		step.Report = "report.json"
		if err := errors.Join(d.copy(data, "report.json"), d.copy(page, "report.html")); err != nil {
			return err
		}
	}
	step.sum(report)
	if err := d.show(report); err != nil {
		return err
	}
	d.tell.text(errs)
	d.done(step, before)
	if !r.merges {
		return nil
	}
	return errors.Join(d.keepPull(report), d.showCommit(report))
}

// copy makes a copy of a file of the folder.
func (d *demonstration) copy(from, to string) error {
	data, err := os.ReadFile(filepath.Join(d.dir, from))
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	return d.Write(to, data)
}

// keepPull writes the text of the pull request as a file.
func (d *demonstration) keepPull(report run.Report) error {
	if report.Pull == nil {
		return errors.New("pawl run opened no pull request")
	}
	text, err := d.Pull(report.Pull.Number)
	if err != nil {
		return err
	}
	return d.Write(fmt.Sprintf("pull-%d.md", report.Pull.Number), []byte(text))
}

// sum takes what the JSON form says of a report.
func (s *demoStep) sum(report run.Report) {
	s.Changes = len(report.Plan.Changes)
	for _, o := range report.Plan.Outcomes {
		if o.Outcome == policy.Failed {
			s.Failed = append(s.Failed, o.Manifest)
		}
	}
	if report.Pull != nil {
		s.PullRequest = report.Pull.URL
	}
	if report.Merge != nil {
		s.Merge, s.Commit = string(report.Merge.Outcome), report.Merge.SHA
	}
	if report.Deploy != nil {
		s.Triggers = report.Deploy.Triggers
	}
}

// step begins one, whose output goes to a file of the folder when one is named.
func (d *playing) step(name, output string, args ...string) demoStep {
	shown := slices.Clone(args)
	for i, arg := range shown {
		if strings.Contains(arg, " ") && !strings.HasPrefix(arg, d.dir) {
			shown[i] = strconv.Quote(arg)
		}
	}
	line := "$ pawl " + strings.ReplaceAll(strings.Join(shown, " "), d.dir, "DIR")
	if output != "" {
		line += " > " + filepath.Join("DIR", output)
	}
	d.tell.command(line)
	return demoStep{Step: name, Command: append([]string{"pawl"}, args...)}
}

// done ends a step with what the servers counted meanwhile.
func (d *demonstration) done(step demoStep, before demo.Counts) {
	now := d.Counts()
	step.ForgeCalls, step.ForgeWrites = now.ForgeCalls-before.ForgeCalls, now.ForgeWrites-before.ForgeWrites
	step.Pipelines, step.Events = now.Pipelines-before.Pipelines, now.Events-before.Events
	step.Skipped = (now.Skipped - before.Skipped).Seconds()
	d.report.Steps = append(d.report.Steps, step)
	line := fmt.Sprintf("exit code %d; %s got %s, %d of them writing; GitLab started %s", step.Exit, d.Forge(), count(step.ForgeCalls, "request"), step.ForgeWrites, count(step.Pipelines, "pipeline"))
	if now.Events > 0 {
		line += fmt.Sprintf("; the receiver took %s", count(step.Events, "event"))
	}
	if step.Skipped > 0 {
		line += fmt.Sprintf("; %.0f s of waiting for the check and the pipelines skipped", step.Skipped)
	}
	d.tell.line("%s", line)
}

// pawl runs a command of this program as its user does, in an environment that holds nothing but the stage's. It returns
// what goes to stdout and to stderr.
func (d *playing) pawl(ctx context.Context, step *demoStep, want int, env map[string]string) (said, warned string, err error) {
	var out, errs strings.Builder
	step.Exit = Run(ctx, step.Command[1:], System{
		Out: &out, Err: &errs, Now: d.world.Now, Sleep: d.world.Sleep, Transport: d.transport(),
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() []string {
			var all []string
			for name, value := range env {
				all = append(all, name+"="+value)
			}
			return all
		},
	})
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	if step.Exit != want {
		return "", "", fmt.Errorf("%s ended with exit code %d, want %d: %s", strings.Join(step.Command, " "), step.Exit, want, strings.TrimSpace(errs.String()))
	}
	return out.String(), errs.String(), nil
}
