package gitlab

import (
	"fmt"
	"net/http"
	"strings"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
)

// refused explains an answer that means that no pipeline runs.
func refused(p deploy.Project, r deploy.Request, res *gl.Response, said string) deploy.Answer {
	detail := fmt.Sprintf("GitLab answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	if said != "" {
		detail += ": " + said
	}
	if to := target(res.Response); to != "" {
		detail += ", a redirect to " + to + " that is not followed with the token"
	}
	return deploy.Answer{State: deploy.Refused, Detail: detail, Hint: refusedHint(p, r, res.StatusCode, said)}
}

func refusedHint(p deploy.Project, r deploy.Request, status int, said string) string {
	secret := "the trigger token in " + p.Secret
	switch {
	case status/100 == 3:
		return "correct `url` of the project: it has moved, or the address wants https"
	case unverified(said):
		return "GitLab wants to know who the owner of " + secret + " is before any job of theirs runs: they verify their identity at GitLab, or a verified owner creates the trigger token"
	case tooManyPipelines(status, said):
		return "run again later: GitLab makes only so many pipelines a minute in the project, and that lasts longer than is waited here; an administrator can raise the pipeline creation limit"
	case status == http.StatusBadRequest:
		return badRequestHint(r, said)
	case status == http.StatusUnauthorized:
		return secret + " is not accepted: create a new one under Settings > CI/CD > Pipeline trigger tokens of the project"
	case status == http.StatusForbidden:
		return "the owner of " + secret + " may not run pipelines in the project, or CI/CD is off there"
	case status == http.StatusNotFound:
		return "the project is not at this `url`, or " + secret + " is revoked or of another project (GitLab answers the same): create a new one under Settings > CI/CD > Pipeline trigger tokens of the project"
	case status == http.StatusUnprocessableEntity:
		return "GitLab could not start the pipeline, and nothing ran: correct the project's .gitlab-ci.yml or `deploy.ref`, then run again"
	case status == http.StatusTooManyRequests:
		return "run again later: GitLab wants fewer requests for longer than is waited here"
	}
	return "check that `url` of the project is GitLab's trigger endpoint"
}

// tooManyPipelines reports that GitLab refused one more pipeline in the same minute, which it says with 400: by project,
// user and commit (https://docs.gitlab.com/administration/settings/rate_limit_on_pipelines_creation/).
func tooManyPipelines(status int, said string) bool {
	return status == http.StatusBadRequest && strings.Contains(strings.ToLower(said), "too many pipelines created in the last minute")
}

// unverified reports that gitlab.com wants to know the person before any job runs.
func unverified(said string) bool {
	return strings.Contains(strings.ToLower(said), "identity verification is required")
}

// badRequestHint tells GitLab's reasons apart by their texts; there is nothing else to tell them by.
func badRequestHint(r deploy.Request, said string) string {
	has := func(texts ...string) bool {
		for _, text := range texts {
			if strings.Contains(strings.ToLower(said), text) {
				return true
			}
		}
		return false
	}
	switch {
	case has("reference not found"):
		return fmt.Sprintf("the project has no branch or tag %s: correct `deploy.ref`", r.Ref)
	case has("filtered out", "rules configuration", "no stages", "would have been empty"):
		return "the rules in the project's .gitlab-ci.yml let no job run: allow $CI_PIPELINE_SOURCE == \"trigger\""
	case has("variables"):
		return "the owner of the trigger token may not set variables: lower the role for pipeline variables under Settings > CI/CD > Variables of the project"
	case has("permission", "protected"):
		return fmt.Sprintf("the owner of the trigger token may not run pipelines on %s: let them merge or push to it", r.Ref)
	case has("missing ci config", "ci config", "yaml"):
		return "correct the project's .gitlab-ci.yml"
	}
	return "see what GitLab says, and the project's .gitlab-ci.yml"
}

// unknownHint says how a trigger without an answer is settled.
func unknownHint(p deploy.Project) string {
	if p.API != "" {
		return "run again: the pipeline is looked up with the token in " + p.API
	}
	return fmt.Sprintf("look for the pipeline of this commit in the project: when there is none, run pawl deploy --project %s --retry-unknown; with `api`, the name of a variable with a read token, it is looked up by itself", quoted(p.Name))
}

// quoted puts a name that a shell would split into quotes.
func quoted(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./", r)
	}) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
