package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/observe"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
)

// expiresSoon is when a token's end is worth a warning.
const expiresSoon = 14 * 24 * time.Hour

type runOptions struct {
	*globals
	inputs
	at remoteProfile
	shadowing
	output          string
	from            string
	dryRun, noMerge bool
	settle          time.Duration
	runID, page     string
	verdicts        string
	failOn          string
	// looking says that nothing will be fired, whatever comes.
	looking bool
	// event is the file of the incoming event, incoming what was read from it; the zero value when there is none.
	event, signature string
	// signed says that the bytes of the event bear a signature of events.key.
	signed   bool
	incoming event.Incoming
}

func newRun(g *globals) *cobra.Command {
	o := &runOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Plan on the base branch, open one pull request, merge it when it may, and deploy",
		Long: `Run plans on the tip of the base branch as the forge has it, keeps one pull request with exactly the
plan's bytes, merges it when every rule for a merge holds, and fires the pipelines of deploy.projects
that consume what was merged. It needs a token: MERGE_TOKEN, else GITHUB_TOKEN. --image, --chart, --tag and
--upstream say what an upstream build published; they are hints and come from the event in
GITHUB_EVENT_PATH too. --event takes a CDEvent from a source of events.accept instead: a published image is
such a hint, a quarantined one is barred (and left, with --signature), a deleted one is asked for, other types are ignored.
PAWL_PAUSE=reason plans and reports only, and turns off an auto-merge that an earlier run left. --shadow, or mode: shadow in
.pawl.yaml, writes nothing but a line in the ledger for each value whose decision changed: pawl history --shadow compares them with
what another bot did. --shadow-file FILE does that without a token.`,
		Example: `  pawl run --dry-run
  pawl run --event published.json
  pawl run --repository acme/profile
  pawl run --image org/app:v1.2.3 --upstream https://ci.example/build/7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.off = cmd.Flags().Changed("shadow") && !o.on
			return o.run(cmd.Context())
		},
	}
	addOutput(cmd, &o.output, "table", "json", "markdown")
	f := cmd.Flags()
	o.at.flags(cmd, fromBase)
	o.shadowing.flags(f)
	f.BoolVar(&o.dryRun, "dry-run", false, "write nothing: print the plan and the pull request it would open")
	f.BoolVar(&o.noMerge, "no-merge", false, "open or update the pull request and leave it")
	f.StringVar(&o.from, "from", "base", "`where` manifests and configuration count: base (they have to be the same there) or root (as they are here)")
	f.StringVar(&o.Image, "image", "", "the `image` that was published")
	f.StringVar(&o.Chart, "chart", "", "the `chart` that was published; every run looks at every chart anyway")
	f.StringVar(&o.Tag, "tag", "", "the `tag` that was published")
	f.StringVar(&o.Upstream, "upstream", "", "the `URL` of the build that published it")
	f.StringVar(&o.event, "event", "", "a `file` with the CDEvent that asks for this run, or - for stdin")
	f.StringVar(&o.signature, "signature", "", "the `signature` of the event's bytes under events.key: HMAC-SHA256 in hexadecimal")
	f.StringVar(&o.verdicts, "verdicts", "", "the `file` that pawl gates wrote; without it no version is judged, and those wait that a gate must let pass")
	f.StringVar(&o.runID, "run-id", "", "the `name` of this run (default: from GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT)")
	addRunPage(cmd, &o.page)
	f.StringVar(&o.failOn, "fail-on", "any", "`which` faults make exit code 3: any, or new, those that the last run with it did not report")
	f.DurationVar(&o.settle, "settle", 2*time.Minute, "wait this `time` for an announced tag to appear")
	return cmd
}

func (o *runOptions) run(ctx context.Context) error {
	if o.from != "base" && o.from != "root" {
		return usage(fmt.Errorf("--from: want base or root, have %q", o.from))
	}
	if o.from == "root" && o.at.repository != "" {
		return usage(errors.New("--from: root is what is checked out, and --repository is not"))
	}
	if o.failOn != "any" && o.failOn != "new" {
		return usage(fmt.Errorf("--fail-on: want any or new, have %q", o.failOn))
	}
	if err := writable(thePage, o.page); err != nil {
		return err
	}
	job := o.job()
	dispatched, err := job.inputs()
	if err != nil {
		return &exit{code: Usage, err: err, topics: []topic{eventFileTopic}}
	}
	if o.asleep(ctx) {
		return nil
	}
	s, err := o.at.checkout(ctx, o.globals)
	if err != nil {
		return err
	}
	defer s.close()
	s.warn()
	if o.dozing(ctx, s) {
		return nil
	}
	if !o.dryRun && !o.sys.tenant.awake(o.sys.Now()) {
		return &exit{code: Interrupted, err: errors.New("the forge lets the token do no more now")}
	}
	if err := o.receive(s); err != nil {
		return err
	}
	if o.asked(s) {
		return o.shadow(ctx, s, job, o.hints(dispatched))
	}
	p, client := s.pipeline()
	hints, cause := o.hints(dispatched), o.cause()
	runner, err := o.runner(s, p, client, job, hints)
	if err != nil {
		return err
	}
	story, err := s.story(runInfo{runID: o.runID, started: p.Now, dispatched: hints != (inputs{}) || cause.ID != "", incoming: cause, silent: o.dryRun || runner.Freeze != ""})
	if err != nil {
		return err
	}
	forge := runner.Forge
	watch(&runner, story.Observer)
	story.Started()
	report, err := runner.Run(ctx, s.manifests)
	missing := story.end(ctx, forge, &report, err)
	report.Plan.Requests, report.Plan.Remaining = client.Requests(), client.Remaining() // the last writes included
	if err == nil && missing == nil {
		o.settleDown(ctx, s, forge, report)
	}
	report.Calls, report.Incoming = forge.Calls(), o.received()
	if err := o.finish(job, report, err); err != nil {
		return err
	}
	return o.onlyNew(ctx, forge, report, cmp.Or(ended(report), missing))
}

// watch puts the observer between a runner and what it talks to.
func watch(r *run.Runner, o *observe.Observer) {
	r.Forge, r.Lister = o.Forge(r.Forge), o.Lister(r.Lister)
	if ask := r.Ask; ask != nil {
		r.Ask = func() plan.Lister { return o.Lister(ask()) }
	}
	if r.Deployment != nil {
		r.Deployment.Recorder, r.Deployment.Triggerer = r.Forge, o.Triggerer(r.Deployment.Triggerer)
	}
}

// runner wires the forge to the pipeline.
func (o *runOptions) runner(s *session, p plan.Planner, client *httpx.Client, job actions, hints inputs) (run.Runner, error) {
	forge, err := s.forge(client)
	if err != nil {
		return run.Runner{}, err
	}
	if s.wire().ForgeToken() == "" && !o.dryRun {
		return run.Runner{}, &exit{code: Usage, err: errors.New("no token is set"), hint: "set MERGE_TOKEN (contents and pull requests: write), or look first with --dry-run", topics: []topic{noTokenTopic}}
	}
	if err := s.keyed(); err != nil && !o.dryRun {
		return run.Runner{}, err
	}
	deployment, err := o.deployment(s, client, forge)
	if err != nil {
		return run.Runner{}, err
	}
	if p.Judge, err = s.recorded(o.verdicts); err != nil {
		return run.Runner{}, err
	}
	heard, err := o.hears(s, job)
	if err != nil {
		return run.Runner{}, err
	}
	p.Announced = o.announced(hints, o.settle)
	var own map[string][]byte
	if o.from == "base" {
		if own, err = s.own(); err != nil {
			return run.Runner{}, &exit{code: Usage, err: err}
		}
	}
	return run.Runner{
		Planner: p, Forge: forge, Deployment: deployment, Require: requirement(s.config.Merge), Freeze: job.env("PAWL_PAUSE"), Review: job.pushed(),
		Hear: heard, NoMerge: o.noMerge, NoArm: s.config.Merge.NoArm, Calendar: s.config.Merge.Calendar, Max: s.config.Merge.Max, Method: s.config.Merge.Method, MergeWait: s.config.Merge.Wait, DryRun: o.dryRun, Upstream: o.door.Text(hints.Upstream), Chain: o.cause().Chain, Source: s.wire().EventSource(), Branch: s.config.Forge.Branch,
		Words: s.config.Change.Words, Absent: s.config.Merge.Wait, Clock: o.sys.Now, Own: own, OwnDirs: s.dirs(), Ask: func() plan.Lister { return s.lister(s.sources(client)) },
	}, nil
}

// own are the manifests and the configuration of the root, by path.
func (s *session) own() (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, m := range s.manifests {
		if _, ok := all[m.File]; ok {
			continue
		}
		data, err := fs.ReadFile(s.files.FS(), m.File)
		if err != nil {
			return nil, fmt.Errorf("reading manifest: %w", err)
		}
		all[m.File] = data
	}
	for _, name := range s.config.Values {
		data, err := s.files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all[name] = data
	}
	if s.g.config == "" || s.tree == nil {
		data, err := s.files.ReadFile(config.FileName)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all[config.FileName] = data // nil when there is none, and then the base must have none
	}
	return all, nil
}

// dirs are the manifests directories that were read.
func (s *session) dirs() []string {
	var dirs []string
	for _, dir := range s.g.manifests {
		dirs = append(dirs, path.Clean(dir))
	}
	if len(dirs) == 0 && len(s.manifests) > 0 {
		dirs = []string{manifest.UsualDir(s.manifests[0].File)}
	}
	return dirs
}

// requirement turns the configuration's words into those of the change stage.
func requirement(m config.Merge) change.Requirement {
	switch {
	case m.Off:
		return change.Requirement{Mode: change.MergeOff}
	case m.None:
		return change.Requirement{Mode: change.RequireNone}
	case len(m.Require) > 0:
		return change.Requirement{Mode: change.RequireNamed, Names: m.Require}
	default:
		return change.Requirement{}
	}
}

// finish prints the report and tells GitHub Actions; err is what ended the run early.
func (o *runOptions) finish(job actions, report run.Report, err error) error {
	if soon := report.Expires.Sub(o.sys.Now()); !report.Expires.IsZero() && soon < expiresSoon {
		text := fmt.Sprintf("the token expires on %s", report.Expires.Format(time.DateOnly))
		o.reporter().say(slog.LevelWarn, text, "make a new one and replace the secret")
		job.annotate("warning", "pawl", text)
	}
	said := o.tell(job, report, err)
	if err == nil {
		return said
	}
	job.annotate("error", "pawl", err.Error())
	if is[*run.StaleError](err) && o.at.repository != "" {
		return &exit{code: Partial, err: err, hint: "somebody changed it during this run: run again"}
	}
	if is[*run.StaleError](err) || is[*change.RefError](err) {
		return &exit{code: Usage, err: err}
	}
	return &exit{code: Failure, err: errors.Join(err, said)}
}

// tell prints the report and hands it to the workflow, as soon as there is a plan in it; ended is what ended the run early.
func (o *runOptions) tell(job actions, report run.Report, ended error) error {
	if report.Plan.Schema == "" {
		return nil
	}
	var markdown strings.Builder
	writeRunMarkdown(&markdown, report)
	for _, out := range report.Plan.Outcomes {
		if out.Outcome == "failed" {
			job.annotate("error", out.Manifest, out.Detail+" "+out.Hint)
		}
	}
	if err := errors.Join(o.print(report, markdown.String()), o.sum(report, ended, markdown.String()), o.outputs(job, report), o.writeReport(o.page, report, ended)); err != nil {
		return &exit{code: Failure, err: err}
	}
	return nil
}

func (o *runOptions) print(report run.Report, markdown string) error {
	switch o.output {
	case "json":
		return writeJSON(o.sys.Out, report)
	case "markdown":
		_, err := io.WriteString(o.sys.Out, markdown)
		return err
	}
	if err := writeTable(o.sys.Out, report.Plan, o.verbose, o.paper()); err != nil {
		return err
	}
	for _, line := range runLines(report) {
		fmt.Fprintln(o.sys.Out, printable(line))
	}
	return nil
}

// outputs are what later steps of the workflow can use.
func (o *runOptions) outputs(job actions, report run.Report) error {
	merge, number, url, sha := "none", "", "", ""
	if p := report.Pull; p != nil {
		number, url = fmt.Sprint(p.Number), p.URL
	}
	if m := report.Merge; m != nil {
		merge, sha = string(m.Outcome), m.SHA
	}
	return errors.Join(job.output("changes", fmt.Sprint(len(report.Plan.Changes))), job.output("pull-request", number),
		job.output("pull-request-url", url), job.output("merge", merge), job.output("commit", sha))
}

// runLines say what became of the change.
func runLines(report run.Report) []string {
	lines := shadowLines(report.Shadow)
	if report.Paused != "" {
		lines = append(lines, "paused: "+report.Paused+": nothing is merged and nothing is fired")
	}
	if p := report.Preview; p != nil {
		lines = append(lines, proposal(*p)...)
		for _, t := range p.Triggers {
			lines = append(lines, fmt.Sprintf("would trigger: %s, ref %s, CD_MESSAGE %q", t.Project, t.Ref, t.Variables["CD_MESSAGE"]))
		}
	}
	for _, n := range report.Withdrawn {
		lines = append(lines, fmt.Sprintf("pull request #%d: closed, nothing is left to change", n))
	}
	if p := report.Pull; p != nil {
		lines = append(lines, fmt.Sprintf("pull request #%d: %s %s", p.Number, p.Done, p.URL))
		for _, b := range p.Foreign {
			lines = append(lines, fmt.Sprintf("left the branch %s alone: somebody else pushed to it, or nothing shows that it is pawl's", b))
		}
		for _, other := range p.Others {
			lines = append(lines, fmt.Sprintf("left the branch %s alone: pull request #%d of %s comes from it; this one goes on as %s", other.Branch, other.Number, other.Author, p.Branch))
		}
	}
	lines = append(lines, mergeLines(report)...)
	if m := report.Merge; m != nil {
		line := "merge: " + string(m.Outcome)
		if m.Outcome != forge.Merged && m.Decision.Code != "" {
			line += fmt.Sprintf(" (%s)", m.Decision.Code)
		}
		for _, part := range []string{m.SHA, m.Detail} {
			if part != "" {
				line += ": " + part
			}
		}
		lines = append(lines, line)
		if m.Hint != "" {
			lines = append(lines, "  hint: "+m.Hint)
		}
	}
	return append(append(lines, deployLines(newsOf(report.Deploy))...), eventLines(report)...)
}

// newsOf is a deployment without what earlier runs settled of earlier merges, which the report as JSON repeats.
func newsOf(d *run.Deploy) *run.Deploy {
	if d == nil {
		return nil
	}
	news := *d
	news.Triggers = slices.DeleteFunc(slices.Clone(d.Triggers), func(t run.Trigger) bool { return t.Settled && !t.Failed() })
	return &news
}

// mergeLines say which merges are left to a person: all of them when the ledger got lost, and those in pawl's name that are
// not what pawl planned; and what was disarmed.
func mergeLines(report run.Report) []string {
	var lines []string
	for _, n := range report.Disarmed {
		lines = append(lines, fmt.Sprintf("pull request #%d: GitHub does not merge it by itself any more", n))
	}
	if l := report.Lost; l != nil {
		lines = append(lines, l.Reason+": "+l.Detail)
		for _, p := range l.Pending {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("  it may not be deployed: %s %s %s", p.Commit, p.Title, p.URL)))
		}
		lines = append(lines, "  hint: "+l.Hint)
	}
	for _, u := range report.Unplanned {
		lines = append(lines, fmt.Sprintf("not deployed: %s of pull request #%d: %s", u.Commit, u.Pull, u.Detail), "  hint: "+u.Hint)
	}
	return lines
}

// topicsOfMerges are those of merges that are left to a person.
func topicsOfMerges(report run.Report) []topic {
	var topics []topic
	if report.Lost != nil {
		topics = append(topics, lostTopic)
	}
	if len(report.Unplanned) > 0 {
		topics = append(topics, unplannedTopic)
	}
	return topics
}

func writeRunMarkdown(w *strings.Builder, report run.Report) {
	_ = writeMarkdown(w, report.Plan) // a strings.Builder never fails
	for _, line := range runLines(report) {
		if line != "" {
			fmt.Fprintf(w, "\n%s\n", cell(line))
		}
	}
	writePullLink(w, report.Pull)
}

// ended turns the report into the end of the command.
func ended(report run.Report) error {
	topics := slices.Concat(topicsOfMerges(report), topicsOfPlan(report.Plan), topicsOfDeploy(report.Deploy))
	if m := report.Merge; m != nil && m.Outcome != forge.Merged && !wanted(m.Decision.Code) {
		topics = append(topics, topicOfMerge(*m))
	}
	if len(topics) > 0 {
		return &exit{code: Partial, topics: topics}
	}
	return nil
}

// wanted reports that people said that it should not be merged.
func wanted(code change.Code) bool {
	return code == change.UnderReview || code == change.MergeIsOff || code == change.Frozen ||
		code == change.OutsideWindow || code == change.InFreeze || code == change.TooMany
}
