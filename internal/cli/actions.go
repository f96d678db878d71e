package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/redact"
)

// maxEvent bounds the event file; GitHub's payloads have at most 25 MB.
const maxEvent = 32 << 20

// inputs are what a workflow_dispatch, or a pipeline at a GitLab, was started with: hints, untrusted.
type inputs struct{ Image, Chart, Tag, Upstream string }

// actions is the side of a run that GitHub Actions sees
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands). Outside Actions every file is
// absent and nothing is written.
type actions struct {
	sys  System
	door *redact.Redactor
}

func (g *globals) job() actions { return actions{g.sys, g.door} }

func (a actions) env(name string) string {
	value, _ := a.sys.Env(name)
	return value
}

// inGitLab reports that this is a job of GitLab's.
func (a actions) inGitLab() bool { return a.env("GITLAB_CI") == "true" }

// pushed reports that the workflow, or the pipeline, was started by a push.
func (a actions) pushed() bool {
	return a.env("GITHUB_EVENT_NAME") == "push" || a.inGitLab() && a.env("CI_PIPELINE_SOURCE") == "push"
}

// inputs reads the inputs from the event file; there are none when it is absent. GitLab has no such file: there the job
// hands them on as variables, which pawl reads by itself, so that they pass through no shell.
func (a actions) inputs() (inputs, error) {
	if a.inGitLab() {
		return inputs{a.env("PAWL_IMAGE"), a.env("PAWL_CHART"), a.env("PAWL_TAG"), a.env("PAWL_UPSTREAM")}, nil
	}
	name := a.env("GITHUB_EVENT_PATH")
	if name == "" {
		return inputs{}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return inputs{}, fmt.Errorf("reading the event: %w", err)
	}
	defer f.Close()
	var event struct{ Inputs inputs }
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event); err != nil {
		return inputs{}, fmt.Errorf("reading the event: %s is no JSON object of an event", name)
	}
	return event.Inputs, nil
}

// or fills the fields that are empty from others.
func (i inputs) or(others inputs) inputs {
	fill := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	fill(&i.Image, others.Image)
	fill(&i.Chart, others.Chart)
	fill(&i.Tag, others.Tag)
	fill(&i.Upstream, others.Upstream)
	return i
}

// announced is the tag that was published, which is waited for.
func (g *globals) announced(published inputs, settle time.Duration) plan.Announcement {
	return plan.Announcement{Image: published.Image, Tag: published.Tag, Wait: settle, Pause: 5 * time.Second, Sleep: g.sys.Sleep}
}

// summary appends Markdown to the job's summary.
func (a actions) summary(markdown string) error { return a.add("GITHUB_STEP_SUMMARY", markdown) }

// output sets an output of the step; a value of several lines stands between marks that it does not hold.
func (a actions) output(name, value string) error {
	mark := "PAWL"
	for strings.Contains(value, mark) {
		mark += "_"
	}
	return a.add("GITHUB_OUTPUT", fmt.Sprintf("%s<<%s\n%s\n%s\n", name, mark, value, mark))
}

func (a actions) add(variable, text string) error {
	name := a.env(variable)
	if name == "" {
		return nil
	}
	if err := through(name, []byte(a.door.Text(text)), os.O_APPEND); err != nil {
		return fmt.Errorf("writing $%s: %w", variable, err)
	}
	return nil
}

// annotate shows a message at the run: level is error, warning or notice.
func (a actions) annotate(level, title, message string) {
	if a.env("GITHUB_ACTIONS") != "true" {
		return
	}
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	fmt.Fprintf(a.sys.Err, "::%s title=%s::%s\n", level, property.Replace(printable(title)), data.Replace(printableLines(message)))
}
