package github

import (
	"fmt"
	"net/http"
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
	r.lock()
	defer r.unlock()
	if r.workflows == nil {
		r.workflows = map[string][]string{}
	}
	r.workflows[file] = inputs
}

// Dispatches lists the accepted dispatches, in order.
func (r *Repo) Dispatches() []Dispatch {
	r.lock()
	defer r.unlock()
	return slices.Clone(r.dispatches)
}

func dispatchWorkflow(c *context) reply {
	var in struct {
		Ref    string
		Inputs map[string]any
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	declared, known := c.repo.workflows[c.vars["workflow_id"]]
	switch {
	case !known:
		return notFound()
	case in.Ref == "" || c.repo.resolve(in.Ref) == nil:
		return unprocessable("No ref found for: " + in.Ref)
	}
	inputs, unexpected := map[string]string{}, []string{}
	for name, value := range in.Inputs {
		if !slices.Contains(declared, name) {
			unexpected = append(unexpected, name)
		}
		inputs[name] = fmt.Sprint(value)
	}
	if sort.Strings(unexpected); len(unexpected) > 0 {
		return unprocessable(fmt.Sprintf("Unexpected inputs provided: [\"%s\"]", strings.Join(unexpected, `", "`)))
	}
	c.repo.dispatches = append(c.repo.dispatches, Dispatch{c.vars["workflow_id"], in.Ref, c.who.Login, inputs})
	return reply{status: http.StatusNoContent}
}
