package gitlab

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// parameters are what a trigger says; a field is absent, a text, or something else, which is wrong.
type parameters map[string]any

// trigger is POST /projects/:id/trigger/pipeline. The order of its checks is GitLab's: first the shape of the
// parameters, then whether the token is one of the project, which a stranger cannot tell from an absent project.
func (c *call) trigger() reply {
	sent, bad := c.parameters()
	if bad != nil {
		return *bad
	}
	if c.ref != "" {
		sent["ref"] = c.ref
	}
	if bad := sent.complete(); bad != nil {
		return *bad
	}
	variables, bad := sent.variables()
	if bad != nil {
		return *bad
	}
	if _, isMap := sent["inputs"].(map[string]any); !isMap && sent["inputs"] != nil {
		return fault("inputs is invalid")
	}
	if c.req.Header.Get("X-Gitlab-Event") == "Pipeline Hook" { // a pipeline must not start itself by a webhook
		return refuse(http.StatusForbidden, "403 Forbidden")
	}
	if token := c.token(); token != "" {
		if bad := c.reader(false); bad != nil && bad.status == http.StatusUnauthorized {
			return *bad
		}
	}
	if c.project == nil || !slices.Contains(c.project.settings.Triggers, sent["token"].(string)) {
		return refuse(http.StatusNotFound, "404 Not Found")
	}
	return c.project.trigger(sent, variables)
}

// trigger makes the pipeline, unless the project's own state speaks against it.
func (p *Project) trigger(sent parameters, variables map[string]string) reply {
	ref := sent["ref"].(string)
	base := func(text string) obj { return obj{"base": []string{text}} }
	if !slices.Contains(p.settings.Refs, strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")) {
		return refuse(http.StatusBadRequest, base("Reference not found"))
	}
	if p.settings.Refusal != "" {
		return refuse(http.StatusBadRequest, base(p.settings.Refusal))
	}
	if p.settings.Unverified {
		return refuse(http.StatusBadRequest, base("Identity verification is required in order to run CI jobs"))
	}
	if n := p.settings.PerMinute; n > 0 && p.madeSince(p.server.now().Add(-time.Minute)) >= n {
		return refuse(http.StatusBadRequest, base("Too many pipelines created in the last minute. Try again later."))
	}
	if p.settings.NoVariables && (len(variables) > 0 || p.settings.PayloadCounts) {
		return refuse(http.StatusBadRequest, base("Insufficient permissions to set pipeline variables"))
	}
	delete(sent, "token")
	inputs, wrong := p.inputs(sent)
	all, err := json.Marshal(sent)
	if err != nil {
		return refuse(http.StatusInternalServerError, "500 Internal Server Error")
	}
	variables[payload] = string(all)
	one := p.add("trigger", ref, variables)
	one.Inputs = inputs
	if wrong != "" { // as any fault of the configuration: the pipeline is there, and fails before any job
		one.YAMLErrors, one.Status, one.left = wrong, "failed", nil
	}
	if one.YAMLErrors != "" {
		return refuse(http.StatusUnprocessableEntity, base(one.YAMLErrors))
	}
	return answer(http.StatusCreated, p.whole(one))
}

// inputs are those of a trigger, held against what the project declares.
func (p *Project) inputs(sent parameters) (inputs map[string]any, wrong string) {
	inputs, _ = sent["inputs"].(map[string]any)
	if p.settings.NoInputs || len(inputs) == 0 {
		return nil, ""
	}
	if p.settings.Inputs == nil {
		return inputs, "Given inputs not defined in the `spec` section of the included configuration file"
	}
	var faults, unknown []string
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		pattern, declared := p.settings.Inputs[name]
		text, isText := inputs[name].(string)
		switch {
		case !declared:
			unknown = append(unknown, name)
		case !isText:
			faults = append(faults, "`"+name+"` input: provided value is not a string")
		case !regexp.MustCompile(pattern).MatchString(text):
			faults = append(faults, "`"+name+"` input: provided value does not match required RegEx pattern")
		}
	}
	if len(unknown) > 0 {
		faults = append([]string{"unknown input arguments: " + strings.Join(unknown, ", ")}, faults...)
	}
	return inputs, strings.Join(faults[:min(len(faults), 3)], ", ")
}

// madeSince counts the pipelines since a time.
func (p *Project) madeSince(at time.Time) int {
	n := 0
	for _, one := range p.pipelines {
		if one.Created.After(at) {
			n++
		}
	}
	return n
}

// complete says which required parameters are missing or empty.
func (s parameters) complete() *reply {
	var wrong []string
	for _, name := range []string{"ref", "token"} {
		value, there := s[name]
		text, isText := value.(string)
		switch {
		case !there || value == nil:
			wrong = append(wrong, name+" is missing")
		case !isText:
			wrong = append(wrong, name+" is invalid")
		case name == "ref" && strings.TrimSpace(text) == "":
			wrong = append(wrong, name+" is empty")
		}
	}
	if wrong == nil {
		return nil
	}
	out := fault(strings.Join(wrong, ", "))
	return &out
}

// variables returns the pipeline's variables, which must be texts by name.
func (s parameters) variables() (map[string]string, *reply) {
	out := map[string]string{}
	if s["variables"] == nil {
		return out, nil
	}
	all, isMap := s["variables"].(map[string]any)
	if !isMap {
		bad := fault("variables is invalid")
		return nil, &bad
	}
	for name, value := range all {
		text, isText := value.(string)
		if !isText {
			bad := refuse(http.StatusBadRequest, "variables needs to be a map of key-valued strings")
			return nil, &bad
		}
		out[name] = text
	}
	return out, nil
}

// parameters reads the query and the body: JSON as libraries send it, forms as curl does with --form and --data.
func (c *call) parameters() (parameters, *reply) {
	out := parameters{}
	out.form(c.req.URL.Query())
	kind, options, err := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	if err != nil && len(c.body) > 0 {
		kind = "none"
	}
	failed := false
	switch kind {
	case "":
	case "application/json":
		var sent map[string]any
		failed = json.Unmarshal(c.body, &sent) != nil
		for name, value := range sent {
			out[name] = value
		}
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(c.body))
		failed = err != nil
		out.form(values)
	case "multipart/form-data":
		form, err := multipart.NewReader(strings.NewReader(string(c.body)), options["boundary"]).ReadForm(maxBody)
		if failed = err != nil; !failed {
			out.form(form.Value)
		}
	default:
		bad := answer(http.StatusUnsupportedMediaType, obj{"error": fmt.Sprintf("The provided content-type '%s' is not supported.", kind)})
		return nil, &bad
	}
	if failed {
		bad := fault("Problem processing request: message body does not match declared format")
		return nil, &bad
	}
	return out, nil
}

// form adds fields, among them those that are written variables[NAME] and inputs[NAME].
func (s parameters) form(values url.Values) {
	for name, all := range values {
		group, key, inside := strings.Cut(name, "[")
		key, closed := strings.CutSuffix(key, "]")
		if !inside || !closed || group != "variables" && group != "inputs" {
			s[name] = all[len(all)-1]
			continue
		}
		if _, there := s[group].(map[string]any); !there {
			s[group] = map[string]any{}
		}
		s[group].(map[string]any)[key] = all[len(all)-1]
	}
}
