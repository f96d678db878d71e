package github

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Dispatch is a workflow run that was asked for.
type Dispatch struct {
	Workflow, Ref, By string
	Inputs            map[string]string
}

// Workflow declares a workflow file with the inputs of its workflow_dispatch.
func (r *Repo) Workflow(file string, inputs ...string) {
	r.DeclareWorkflow(file, Workflow{Inputs: inputs})
}

// Workflow is what a workflow file says of its workflow_dispatch.
type Workflow struct {
	Inputs   []string // declared
	Required []string // declared as `required: true`
	PushOnly bool     // there is no workflow_dispatch
	Disabled bool     // a person disabled it
}

// DeclareWorkflow declares a workflow file.
func (r *Repo) DeclareWorkflow(file string, w Workflow) {
	r.lock()
	defer r.unlock()
	if r.workflows == nil {
		r.workflows = map[string]Workflow{}
	}
	r.workflows[file] = w
}

// Dispatches lists the accepted dispatches, in order.
func (r *Repo) Dispatches() []Dispatch {
	r.lock()
	defer r.unlock()
	return slices.Clone(r.dispatches)
}

// dispatchWorkflow starts a workflow. GitHub answers 204, and 200 with the run when it is asked for the run's details;
// Settings.RunDetails is API version 2026-03-10, which always does
// (https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event).
func dispatchWorkflow(c *context) reply {
	var in struct {
		Ref     string
		Inputs  map[string]any
		Details bool `json:"return_run_details"`
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	file := c.vars["workflow_id"]
	declared, known := c.repo.workflows[file]
	switch {
	case c.who.NoActions:
		return forbidden(c.who)
	case !known:
		return notFound()
	case in.Ref == "" || c.repo.resolve(in.Ref) == nil:
		return unprocessable("No ref found for: " + in.Ref)
	}
	if wrong := declared.refuse(in.Inputs); wrong != "" {
		return unprocessable(wrong)
	}
	inputs := map[string]string{}
	for name, value := range in.Inputs {
		inputs[name] = fmt.Sprint(value)
	}
	c.repo.dispatches = append(c.repo.dispatches, Dispatch{file, in.Ref, c.who.Login, inputs})
	if in.Details || c.repo.settings.RunDetails {
		return ok(c.repo.startedRun(c.server.id()))
	}
	return noContent()
}

// refuse returns GitHub's text when the workflow does not take the inputs.
func (w Workflow) refuse(inputs map[string]any) string {
	var unexpected, missing []string
	for name := range inputs {
		if !slices.Contains(w.Inputs, name) && !slices.Contains(w.Required, name) {
			unexpected = append(unexpected, name)
		}
	}
	for _, name := range w.Required {
		if _, given := inputs[name]; !given {
			missing = append(missing, name)
		}
	}
	sort.Strings(unexpected)
	switch {
	case w.PushOnly:
		return "Workflow does not have 'workflow_dispatch' trigger"
	case w.Disabled:
		return "Cannot trigger a 'workflow_dispatch' on a disabled workflow"
	case len(unexpected) > 0:
		return fmt.Sprintf("Unexpected inputs provided: [\"%s\"]", strings.Join(unexpected, `", "`))
	case len(missing) > 0:
		return fmt.Sprintf("Required input '%s' not provided", missing[0])
	}
	return ""
}

// startedRun is the answer that names a run.
func (r *Repo) startedRun(id int64) obj {
	run := "/actions/runs/" + itoa(id)
	return obj{"workflow_run_id": id, "run_url": r.api(run), "html_url": r.web(run)}
}
