package dispatch

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Refusal is an answer that says no.
type Refusal struct {
	Target Target
	// Workflow is empty for a pipeline at a GitLab.
	Workflow, Ref string
	// Forge is who refuses a workflow; github when empty.
	Forge string
	// Status is the answer's, Message what the forge says with it, without secrets.
	Status  int
	Message string
	// Wait is how long it asks to be left alone, when that is beyond what was waited.
	Wait time.Duration
}

// Error returns what was tried and the answer.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("dispatching %s of %s: %s answers %d", r.Workflow, r.Target.Repository, cmp.Or(r.Forge, "github"), r.Status)
	if r.Target.Trigger != "" {
		text = fmt.Sprintf("starting a pipeline of %s: gitlab answers %d", r.Target.Repository, r.Status)
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}

// Advice returns what the answer usually means and what a person can do about it.
func (r *Refusal) Advice() string {
	if r.Target.Trigger != "" {
		return r.pipelineAdvice()
	}
	switch {
	case r.Status >= 300 && r.Status < 400:
		return fmt.Sprintf("the repository was renamed or moved, or GITHUB_API_URL, where it is set, is not the API: name its new place in %s", r.Target.Variable)
	case r.Status == 401:
		return fmt.Sprintf("the token in %s is wrong, expired or revoked: make a new one and set the variable again", r.Target.Variable)
	case r.Limited():
		return r.later("GitHub wants fewer requests")
	case r.Status == 403:
		return r.forbidden()
	case r.Status == 404:
		return fmt.Sprintf("check that %s exists and its default branch holds .github/workflows/%s; a token without access gets the same answer, the one in %s needs `actions: write` there",
			r.Target.Repository, r.Workflow, r.Target.Variable)
	case r.Status == 422:
		return r.unprocessable()
	case r.Status == 408, r.Status >= 500:
		return r.later("GitHub is failing")
	default:
		return "check the proxy, and that GITHUB_API_URL, where it is set, is the address of GitHub's API"
	}
}

// Limited reports that the forge wants fewer requests.
func (r *Refusal) Limited() bool {
	if r.Target.Trigger != "" {
		return r.Status == 429 || r.TooMany()
	}
	return r.Status == 429 || r.Status == 403 && (r.Wait > 0 || r.says("rate limit"))
}

// later is the advice for what passes; a second dispatch does no harm, since a run takes up everything that is new.
func (r *Refusal) later(why string) string {
	when := "run the job again later"
	if r.Wait > 0 {
		when = fmt.Sprintf("run the job again in %s", r.Wait.Round(time.Second))
	}
	return why + ": " + when + "; a second dispatch does no harm"
}

func (r *Refusal) forbidden() string {
	if r.says("SAML") || r.says("SSO") {
		return fmt.Sprintf("authorize the token in %s for the organization's single sign-on", r.Target.Variable)
	}
	return fmt.Sprintf("the token in %s needs the permission `actions: write` on %s (a classic token the scope `repo`)", r.Target.Variable, r.Target.Repository)
}

// unprocessable tells GitHub's reasons apart; only its text does.
func (r *Refusal) unprocessable() string {
	file := fmt.Sprintf(".github/workflows/%s of %s", r.Workflow, r.Target.Repository)
	switch {
	case r.says("No ref found"):
		return fmt.Sprintf("%s has no branch or tag %q: name one with --ref", r.Target.Repository, r.Ref)
	case r.says("Unexpected inputs"):
		return fmt.Sprintf("declare the input below on.workflow_dispatch.inputs in %s, on %s", file, r.Ref)
	case r.says("Required input"):
		return fmt.Sprintf("make the input optional in %s, or give it: --image, --chart, --tag, --upstream", file)
	case r.says("workflow_dispatch' trigger"):
		return fmt.Sprintf("add `workflow_dispatch:` below `on:` in %s, on %s", file, r.Ref)
	case r.says("disabled"):
		return fmt.Sprintf("enable %s in the repository's Actions", file)
	default:
		return fmt.Sprintf("check `on.workflow_dispatch` and its inputs in %s, on %s", file, r.Ref)
	}
}

func (r *Refusal) says(text string) bool {
	return strings.Contains(strings.ToLower(r.Message), strings.ToLower(text))
}
