package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/run"
)

type deployOptions struct {
	*globals
	output, runID, page string
	commit              forge.Commit
	project             []string
	retryUnknown        bool
	wait                time.Duration
}

func newDeploy(g *globals) *cobra.Command {
	o := &deployOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Fire the pipelines of the projects that consume a merged commit",
		Long: `Deploy fires one pipeline for each project of deploy.projects that consumes a file that the commit changed.
The commit is --commit, else that of the push event in GITHUB_EVENT_PATH, or of the push of a GitLab job,
else the HEAD of the root's git repository; its message, page and changed paths come from the same place, or from the forge. Each trigger is
claimed in the ledger first, so that no run fires the same project twice for one commit, and triggers that
earlier runs were refused are fired again. One whose answer never came stays unknown until it is found with
the project's api token, or until --retry-unknown says that it may fire twice. PAWL_PAUSE=reason fires nothing.`,
		Example: `  pawl deploy
  pawl deploy --commit 2f1c8b9 --project dev
  pawl deploy --project dev --retry-unknown`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "table", "json", "markdown")
	f := cmd.Flags()
	f.StringVar(&o.commit.SHA, "commit", "", "the `SHA` of the merged commit")
	f.StringVar(&o.commit.Message, "message", "", "the commit's `message`")
	f.StringVar(&o.commit.URL, "url", "", "the `URL` of the commit's page")
	f.StringArrayVar(&o.commit.Changed, "changed", nil, "a `path` that the commit changed; may be repeated")
	f.StringArrayVar(&o.project, "project", nil, "the `name` of a project to deploy, else all; may be repeated")
	f.BoolVar(&o.retryUnknown, "retry-unknown", false, "fire also what is unknown: it may fire twice")
	f.DurationVar(&o.wait, "wait", 0, "follow the pipelines to their end for at most this `time` (default deploy.wait)")
	addRunPage(cmd, &o.page)
	f.StringVar(&o.runID, "run-id", "", "the `name` of this run (default: from GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT)")
	return cmd
}

func (o *deployOptions) run(ctx context.Context) error {
	if o.retryUnknown && len(o.project) == 0 {
		return usage(errors.New("--retry-unknown: name the project with --project"))
	}
	if err := writable(thePage, o.page); err != nil {
		return err
	}
	event, err := o.job().push()
	if err != nil {
		return &exit{code: Usage, err: err, topics: []topic{eventFileTopic}}
	}
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	s.warn()
	if err := s.writesNothing("pawl deploy"); err != nil {
		return err
	}
	if err := o.choose(s); err != nil {
		return err
	}
	if s.wire().ForgeToken() == "" {
		return &exit{code: Usage, err: errors.New("no token is set"), hint: "set MERGE_TOKEN or GITHUB_TOKEN (contents: write): the ledger keeps what was fired", topics: []topic{noTokenTopic}}
	}
	if reason := s.env("PAWL_PAUSE"); reason != "" {
		return o.paused(reason)
	}
	_, client := s.pipeline()
	f, err := s.forge(client)
	if err != nil {
		return err
	}
	commits, err := o.commits(ctx, s, event, f)
	if err != nil {
		return err
	}
	deployment := s.deployment(client, f, o.processID(o.runID))
	story, err := s.story(runInfo{runID: o.runID, started: o.sys.Now()})
	if err != nil {
		return err
	}
	deployment.Recorder, deployment.Triggerer = story.Forge(f), story.Triggerer(deployment.Triggerer)
	deployment.Retry = o.retryUnknown
	if o.wait > 0 {
		deployment.Wait = o.wait
	}
	return o.deploy(ctx, deployment, f, story, commits)
}

// paused tells that nothing is fired, and why.
func (o *deployOptions) paused(reason string) error {
	report := run.Report{Schema: run.ReportSchema, Paused: reason, Started: o.sys.Now()}
	lines := runLines(report)
	text := strings.Join(append(lines, "  hint: run pawl deploy again when the pause is over"), "\n") + "\n"
	said := errors.Join(o.job().summary("\n"+cell(lines[0])+"\n"), o.writeReport(o.page, report, nil))
	if o.output == "json" {
		said = errors.Join(said, writeJSON(o.sys.Out, report))
	} else {
		said = errors.Join(said, o.write(printableLines(text)))
	}
	if said != nil {
		return &exit{code: Failure, err: said}
	}
	return nil
}

// projectsHint names the projects that there are.
func (s *session) projectsHint() string {
	var names []string
	for _, p := range s.projects {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "list the GitLab projects in deploy.projects of .pawl.yaml"
	}
	return "name one of: " + strings.Join(names, ", ")
}

// choose resolves the projects and keeps those that are asked for.
func (o *deployOptions) choose(s *session) error {
	if err := s.resolveProjects(); err != nil {
		return err
	}
	for _, name := range o.project {
		if !slices.ContainsFunc(s.projects, func(p deploy.Project) bool { return p.Name == name }) {
			return &exit{code: Usage, err: fmt.Errorf("--project: there is no project %q", name), hint: s.projectsHint(), topics: []topic{projectsTopic}}
		}
	}
	if len(o.project) > 0 {
		s.projects = slices.DeleteFunc(s.projects, func(p deploy.Project) bool { return !slices.Contains(o.project, p.Name) })
	}
	if len(s.projects) == 0 {
		return &exit{code: Usage, err: errors.New("there is no project to deploy"), hint: "list the GitLab projects in deploy.projects of .pawl.yaml", topics: []topic{projectsTopic}}
	}
	return nil
}

// commits returns the commit to deploy, none when only what is unknown is to be fired again or nothing was pushed to the
// base branch.
func (o *deployOptions) commits(ctx context.Context, s *session, event push, f forge.Forge) ([]forge.Commit, error) {
	c := o.commit
	c.URL = ""
	if c.SHA == "" && o.retryUnknown {
		return nil, nil
	}
	if c.SHA == "" && event.there() {
		base := event.base(s.config.Forge.Base)
		if event.Ref != "refs/heads/"+base || event.gone() {
			return nil, nil
		}
		c = event.fill(c)
	}
	if c = o.pushedAtGitLab(ctx, c); c.SHA == "" {
		sha, err := gitHead(ctx, o.root)
		if err != nil {
			return nil, &exit{code: Usage, err: err, hint: "name the commit with --commit", topics: []topic{noCommitTopic}}
		}
		c.SHA = sha
	}
	if event.After == c.SHA {
		c = event.fill(c)
	}
	if c.Message == "" || c.URL == "" || len(c.Changed) == 0 && !c.All || c.At.IsZero() {
		found, err := f.Commit(ctx, c.SHA)
		if errors.Is(err, forge.ErrNotFound) {
			return nil, &exit{code: Usage, err: err, hint: "name the commit by all of its 40 characters, or a branch or a tag", topics: []topic{noCommitTopic}}
		}
		if err != nil {
			return nil, &exit{code: Failure, err: err}
		}
		c = completed(c, found)
	}
	if o.commit.URL != "" && o.commit.URL != c.URL {
		return nil, &exit{code: Usage, err: fmt.Errorf("--url: the page of the commit %s is %s", c.SHA, c.URL), hint: "leave --url out", topics: []topic{notOnBaseTopic}}
	}
	return []forge.Commit{c}, onBase(ctx, f, c.SHA)
}

// completed is a commit whose empty fields are as the forge knows them.
func completed(c, found forge.Commit) forge.Commit {
	c.SHA, c.At = found.SHA, found.At
	c.Message, c.URL = cmp.Or(c.Message, found.Message), cmp.Or(c.URL, found.URL)
	if len(c.Changed) == 0 && !c.All {
		c.Changed, c.All = found.Changed, found.All
	}
	return c
}

// onBase is the error for a commit that is not in the history of the base branch: what is deployed is what was merged.
func onBase(ctx context.Context, f forge.Forge, sha string) error {
	base, err := f.Open(ctx)
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	tip := base.BaseSHA
	for range 5 { // it may be merged while it is asked for
		_, on, err := f.Behind(ctx, tip, sha)
		if err != nil {
			return &exit{code: Failure, err: err}
		}
		now := tip
		if !on {
			if now, err = f.Tip(ctx); err != nil {
				return &exit{code: Failure, err: err}
			}
		}
		if on || now == tip {
			return offBase(on, sha, base.Base)
		}
		tip = now
	}
	return &exit{code: Failure, err: fmt.Errorf("looking for the commit %s on the branch %s: %w", sha, base.Base, forge.ErrMoved)}
}

func offBase(on bool, sha, base string) error {
	if on {
		return nil
	}
	return &exit{code: Usage, err: fmt.Errorf("the commit %s is not on the branch %s", sha, base), topics: []topic{notOnBaseTopic},
		hint: "merge it first, or name with --commit the commit of " + base + " that it was merged as"}
}

// gitHead asks git for the commit that is checked out.
func gitHead(ctx context.Context, root string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "--verify", "HEAD").Output()
	if err != nil {
		return "", errors.New("no commit is named, there is no push event, and git knows of none here")
	}
	return strings.TrimSpace(string(out)), nil
}

// deploy fires and tells.
func (o *deployOptions) deploy(ctx context.Context, d *run.Deployment, f forge.Forge, story *story, commits []forge.Commit) error {
	story.Started()
	report, err := run.Push{
		Forge: story.Forge(f), Deployment: d, Commits: commits, Named: o.commit.SHA != "" || o.retryUnknown, Clock: o.sys.Now,
		Warn: func(err error) {
			o.reporter().say(slog.LevelWarn, "nobody looks at the pull requests of the commits: "+err.Error(), fault.Hint(err))
		},
	}.Run(ctx)
	missing := story.end(ctx, f, &report, err)
	if report.Paused != "" {
		return cmp.Or(o.paused(report.Paused), missing)
	}
	report.Duration, report.Calls = o.sys.Now().Sub(report.Started).Seconds(), f.Calls()
	if said := o.tell(report, len(commits) == 0, err); err == nil {
		err = said
	}
	if is[*change.RefError](err) {
		return &exit{code: Usage, err: err}
	}
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	if topics := slices.Concat(topicsOfDeploy(report.Deploy), topicsOfMerges(report)); len(topics) > 0 {
		return &exit{code: Partial, topics: topics}
	}
	return missing
}

// tell prints the report and hands it to the workflow; ended is what ended the deployment early.
func (o *deployOptions) tell(report run.Report, nothing bool, ended error) error {
	if report.Deploy == nil && report.Lost == nil && report.Unplanned == nil {
		return nil
	}
	lines := slices.Concat(mergeLines(report), deployLines(report.Deploy), eventLines(report))
	if len(lines) == 0 && nothing {
		lines = []string{"deploy: nothing was pushed to the base branch and nothing is left over"}
	}
	var markdown, text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&markdown, "\n%s\n", cell(line))
		fmt.Fprintln(&text, printable(line))
	}
	job := o.job()
	if report.Deploy != nil {
		for _, t := range report.Deploy.Triggers {
			if t.Failed() {
				job.annotate("error", t.Project, t.Detail+" "+t.Hint)
			}
		}
	}
	var said error
	switch o.output {
	case "json":
		said = writeJSON(o.sys.Out, report)
	case "markdown":
		said = o.write(markdown.String())
	default:
		said = o.write(text.String())
	}
	return errors.Join(said, o.sum(report, ended, strings.TrimPrefix(markdown.String(), "\n")), o.writeReport(o.page, report, ended))
}

// deployLines say what became of each trigger.
func deployLines(d *run.Deploy) []string {
	if d == nil {
		return nil
	}
	var lines []string
	for _, t := range d.Triggers {
		line := fmt.Sprintf("deploy %s: %s", t.Project, t.State)
		if t.Commit != d.Commit {
			line = fmt.Sprintf("deploy %s of %s: %s", t.Project, t.Commit[:min(8, len(t.Commit))], t.State)
		}
		if t.PipelineID != 0 {
			line += fmt.Sprintf(", pipeline %d", t.PipelineID)
			for _, part := range []string{t.Status, t.URL} {
				if part != "" {
					line += " " + part
				}
			}
		}
		if t.Detail != "" {
			line += ": " + t.Detail
		}
		lines = append(lines, strings.TrimSpace(line))
		if t.Hint != "" {
			lines = append(lines, "  hint: "+t.Hint)
		}
	}
	if len(d.Held) > 0 {
		lines = append(lines, "held, because a pipeline that they go to failed: "+strings.Join(d.Held, ", "), "  hint: going back is a person's decision: pawl rollback NAME; pawl unhold NAME lets it go on")
	}
	return lines
}
