package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/dispatch/github"
	"github.com/pawl-cd/pawl/internal/dispatch/gitlab"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/httpx"
)

type dispatchOptions struct {
	*globals
	inputs                        dispatch.Inputs
	prefix, workflow, ref, output string
	softFail, dryRun              bool
}

func newDispatch(g *globals) *cobra.Command {
	o := &dispatchOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "dispatch",
		Short: "Tell each downstream repository that an image or chart was published",
		Long: `Dispatch starts a workflow in every repository that a variable of the environment names: the value of each
variable that starts with DOWNSTREAM_IMAGE_ is OWNER/REPOSITORY:TOKEN. The token needs the permission
actions: write there. For a profile at a GitLab it is the address of the project's trigger and its trigger token,
https://HOST/api/v4/projects/ID/trigger/pipeline:TOKEN, and a pipeline is started, with inputs. In a CircleCI job
the image is ${DOCKER_ORG:-mojaloop}/$CIRCLE_PROJECT_REPONAME:v$PACKAGE_VERSION,
the tag $RELEASE_TAG and the upstream $CIRCLE_BUILD_URL, unless flags say otherwise. It needs no profile.
GITHUB_API_URL names another server than GitHub's.

It exits 0 when all were told or there is none, 3 when some were not, 1 when none was, 4 when a variable is malformed
or neither an image nor a chart is known: then nothing was sent. --soft-fail exits 0 instead of 3 and 1.`,
		Example: `  pawl dispatch
  pawl dispatch --chart mojaloop --tag 17.1.0-infitx.5
  pawl dispatch --image ghcr.io/org/app --tag v1.2.3 --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "text", "json")
	f := cmd.Flags()
	f.StringVar(&o.prefix, "env-prefix", dispatch.DefaultPrefix, "how the `names` of the variables start")
	f.StringVar(&o.workflow, "workflow", dispatch.DefaultWorkflow, "the `file` name of the workflow to start; a GitLab has none")
	f.StringVar(&o.ref, "ref", dispatch.DefaultRef, "the `branch` or tag to start it on, or the pipeline")
	f.StringVar(&o.inputs.Image, "image", "", "the `image` that was published")
	f.StringVar(&o.inputs.Chart, "chart", "", "the `chart` that was published")
	f.StringVar(&o.inputs.Tag, "tag", "", "the `tag` that was published")
	f.StringVar(&o.inputs.Upstream, "upstream", "", "the `URL` of the build that published it")
	f.BoolVar(&o.softFail, "soft-fail", false, "exit 0 also when repositories could not be told; say so all the same")
	f.BoolVar(&o.dryRun, "dry-run", false, "send nothing: print what would be sent, without tokens")
	return cmd
}

// dispatchSchema names the contract of the JSON form.
const dispatchSchema = "pawl.dispatch/1"

// dispatchReport is what became of each target, in the order in which they were visited.
type dispatchReport struct {
	Schema  string           `json:"schema"`
	Request dispatch.Request `json:"request"`
	Targets []dispatched     `json:"targets"`
}

// dispatched is one target: its outcome is dispatched, failed or dry-run.
type dispatched struct {
	Repository string `json:"repository"`
	Variable   string `json:"variable"`
	URL        string `json:"url"`
	Outcome    string `json:"outcome"`
	// Run is what started at GitHub, Pipeline at a GitLab.
	Run      *github.Run      `json:"run,omitempty"`
	Pipeline *gitlab.Pipeline `json:"pipeline,omitempty"`
	Error    string           `json:"error,omitempty"`
	Hint     string           `json:"hint,omitempty"`
	err      error
}

func (o *dispatchOptions) run(ctx context.Context) error {
	targets, err := o.targets()
	if err != nil {
		return err
	}
	report := dispatchReport{Schema: dispatchSchema, Request: dispatch.Request{Ref: o.ref, Inputs: o.inputs}, Targets: []dispatched{}}
	if len(targets) == 0 {
		o.reporter().say(slog.LevelInfo, fmt.Sprintf("no variable starts with %s: there is nobody to tell", o.prefix), "")
		return o.print(report)
	}
	if report.Request.Inputs, err = o.inputs.Fill(o.job().env); err != nil {
		return &exit{code: Usage, err: err, hint: "give --image or --chart, or set CIRCLE_PROJECT_REPONAME and PACKAGE_VERSION", topics: []topic{publishedTopic}}
	}
	senders, err := o.senders(targets)
	if err != nil {
		return &exit{code: Usage, err: err, hint: "run pawl dispatch --help"}
	}
	in := &report.Request.Inputs
	for _, text := range []*string{&in.Image, &in.Chart, &in.Tag, &in.Upstream} {
		*text = o.door.Text(*text)
	}
	for _, t := range targets {
		if ctx.Err() != nil {
			break // Run says so
		}
		report.Targets = append(report.Targets, o.tell(ctx, senders, t, report.Request))
	}
	if err := o.print(report); err != nil {
		return err
	}
	return o.ended(report)
}

// targets reads who is to be told; everything wrong with the environment is said before anything is sent.
func (o *dispatchOptions) targets() ([]dispatch.Target, error) {
	if o.prefix == "" || o.ref == "" {
		return nil, usage(errors.New("--env-prefix and --ref: want a text, have nothing"))
	}
	o.door.Add(secretsOf(o.sys.Environ(), o.prefix)...)
	targets, wrong := dispatch.Targets(o.sys.Environ(), o.prefix)
	for _, err := range wrong {
		o.reporter().say(slog.LevelError, err.Error(), err.Advice())
	}
	if len(wrong) > 0 {
		return nil, &exit{code: Usage, topics: []topic{targetsTopic}}
	}
	for _, t := range targets {
		if len(t.Others) > 0 {
			text := fmt.Sprintf("several variables name %s: %s counts, %s does not", t, t.Variable, strings.Join(t.Others, ", "))
			o.reporter().say(slog.LevelWarn, text, "unset all but one")
		}
	}
	return targets, nil
}

// senders are the clients of the forges that targets may be at.
type senders struct {
	hub *github.Client
	lab *gitlab.Client
}

func (o *dispatchOptions) senders(targets []dispatch.Target) (senders, error) {
	for _, t := range targets {
		o.door.Add(t.Token)
	}
	client := httpx.New(httpx.Config{
		Timeout: o.timeout, UserAgent: "pawl/" + buildVersion(), Redactor: o.door, Log: o.logger(),
		Transport: o.sys.Transport, Sleep: o.sys.Sleep, Now: o.sys.Now,
	})
	hub, err := github.New(github.Config{API: o.job().env("GITHUB_API_URL"), Workflow: o.workflow, HTTP: client})
	return senders{hub, gitlab.New(gitlab.Config{HTTP: client, Sleep: o.sys.Sleep})}, err
}

// url is where a target's request goes.
func (s senders) url(t dispatch.Target) string {
	if t.Trigger != "" {
		return t.Trigger
	}
	return s.hub.URL(t)
}

// send starts what a target starts, and notes what that is where its forge says so.
func (s senders) send(ctx context.Context, t dispatch.Target, r dispatch.Request, d *dispatched) error {
	if t.Trigger != "" {
		made, err := s.lab.Dispatch(ctx, t, r)
		if err == nil {
			d.Pipeline = &made
		}
		return err
	}
	run, err := s.hub.Dispatch(ctx, t, r)
	if err == nil && run != (github.Run{}) {
		d.Run = &run
	}
	return err
}

// tell tells one target, and says at once why it could not.
func (o *dispatchOptions) tell(ctx context.Context, to senders, t dispatch.Target, r dispatch.Request) dispatched {
	d := dispatched{Repository: t.Repository, Variable: t.Variable, URL: to.url(t), Outcome: "dry-run"}
	if o.dryRun {
		return d
	}
	if err := to.send(ctx, t, r, &d); err != nil {
		d.Outcome, d.Error, d.Hint, d.err = "failed", err.Error(), fault.Hint(err), err
		o.reporter().say(slog.LevelError, d.Error, d.Hint)
		o.job().annotate("error", t.Repository, d.Error+" "+d.Hint)
		return d
	}
	d.Outcome = "dispatched"
	return d
}

func (o *dispatchOptions) print(report dispatchReport) error {
	if o.output == "json" {
		if err := writeJSON(o.sys.Out, report); err != nil {
			return &exit{code: Failure, err: fmt.Errorf("writing the output: %w", err)}
		}
		return nil
	}
	var b strings.Builder
	if o.dryRun {
		body, err := json.Marshal(report.Request)
		if err != nil {
			return &exit{code: Failure, err: err}
		}
		fmt.Fprintf(&b, "would send %s\n", printable(string(body)))
	}
	for _, t := range report.Targets {
		b.WriteString(printable(strings.Join(t.line(), "  ")) + "\n")
	}
	return o.write(b.String())
}

// line are the words about a target: its outcome, its name, and where to look.
func (d dispatched) line() []string {
	words := []string{d.Outcome, d.Repository}
	switch {
	case d.Outcome == "dry-run":
		words = append(words, "POST "+d.URL, d.Variable)
	case d.Run != nil && d.Run.URL != "":
		words = append(words, d.Run.URL)
	case d.Pipeline != nil && d.Pipeline.URL != "":
		words = append(words, d.Pipeline.URL)
	}
	return words
}

// ended turns the report into the end of the command; each failure is said already.
func (o *dispatchOptions) ended(report dispatchReport) error {
	failed := 0
	var topics []topic
	for _, t := range report.Targets {
		if t.Outcome == "failed" {
			failed++
			topics = append(topics, cmp.Or(topicOf(t.err), failureTopic))
		}
	}
	if failed == 0 {
		return nil
	}
	err := fmt.Errorf("%d of %s could not be told", failed, count(len(report.Targets), "target"))
	switch {
	case o.softFail:
		o.reporter().say(slog.LevelWarn, err.Error(), "this ends with 0 because of --soft-fail")
		return nil
	case failed == len(report.Targets):
		return &exit{code: Failure, err: err, topics: topics}
	default:
		return &exit{code: Partial, err: err, topics: topics}
	}
}
