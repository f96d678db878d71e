package dispatch

import "fmt"

// TooMany reports that a GitLab refused one more pipeline in the same minute, which it says with 400: by project, person and commit
// (https://docs.gitlab.com/administration/settings/rate_limit_on_pipelines_creation/).
func (r *Refusal) TooMany() bool {
	return r.Status == 400 && r.says("too many pipelines created in the last minute")
}

// pipelineAdvice is Advice for a project at a GitLab.
func (r *Refusal) pipelineAdvice() string {
	at, variable := r.Target.Repository, r.Target.Variable
	switch {
	case r.Status >= 300 && r.Status < 400:
		return fmt.Sprintf("the project has moved, or its address wants https: correct it in %s", variable)
	case r.Limited():
		return r.later("GitLab wants fewer pipelines")
	case r.Status == 408, r.Status >= 500:
		return r.later("GitLab is failing")
	case r.says("identity verification is required"):
		return fmt.Sprintf("the owner of the trigger token in %s verifies their identity at GitLab, or a verified person makes the token", variable)
	case r.Status == 400, r.Status == 422:
		return r.unstartable()
	case r.Status == 404:
		return fmt.Sprintf("check that %s exists, and that the trigger token in %s is one of that project and not revoked (GitLab answers the same; a personal token is none): a Maintainer makes one under Settings > CI/CD > Pipeline trigger tokens",
			at, variable)
	case r.Status == 401, r.Status == 403:
		return fmt.Sprintf("the owner of the trigger token in %s may not run pipelines on %s of %s, or CI/CD is off there", variable, r.Ref, at)
	default:
		return fmt.Sprintf("check the proxy, and that %s holds the address of a GitLab project's trigger", variable)
	}
}

// unstartable tells GitLab's reasons for no pipeline apart; only its texts do.
func (r *Refusal) unstartable() string {
	file := ".gitlab-ci.yml of " + r.Target.Repository
	switch {
	case r.says("reference not found"):
		return fmt.Sprintf("%s has no branch or tag %q: name one with --ref", r.Target.Repository, r.Ref)
	case r.says("not defined in the `spec`"), r.says("unknown input"):
		return fmt.Sprintf("declare the input below spec.inputs at the top of the %s, on %s: pawl init writes all that are sent", file, r.Ref)
	case r.says("regex pattern"):
		return fmt.Sprintf("the %s takes no such value: correct --image, --chart, --tag or --upstream", file)
	case r.says("required value has not been provided"):
		return fmt.Sprintf("give the input a default in the %s, or give it: --image, --chart, --tag, --upstream", file)
	case r.says("filtered out"), r.says("rules configuration"), r.says("no stages"), r.says("would have been empty"):
		return fmt.Sprintf("the rules in the %s let no job run on %s: name the profile's base branch with --ref, and allow $CI_PIPELINE_SOURCE == \"trigger\"", file, r.Ref)
	case r.says("set pipeline variables"):
		return fmt.Sprintf("pawl sends no variables, but this version of GitLab counts the payload that it adds as one: lower the minimum role to use pipeline variables of %s to that of the trigger token's owner (Settings > CI/CD > Variables), or update GitLab", r.Target.Repository)
	case r.says("permission"), r.says("protected"):
		return fmt.Sprintf("the owner of the trigger token in %s may not run pipelines on %s: let them merge or push to it", r.Target.Variable, r.Ref)
	default:
		return fmt.Sprintf("see what GitLab says, and the %s, on %s", file, r.Ref)
	}
}
