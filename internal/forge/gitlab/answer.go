package gitlab

import "github.com/pawl-cd/pawl/internal/change"

// step is what a status means for what comes next.
type step int

// The steps: merge; look again soon; plan anew; wait for somebody; never.
const (
	ready step = iota
	lookAgain
	rebuild
	wait
	refuse
)

// meaning is what a status means, with what a person can do.
type meaning struct {
	step         step
	code         change.Code
	detail, hint string
}

const atPage = "look at what the merge request's page says about merging it, and run again"

// statuses are the values of detailed_merge_status (https://docs.gitlab.com/api/merge_requests/#merge-status).
var statuses = map[string]meaning{
	"mergeable":                      {step: ready},
	"can_be_merged":                  {step: ready},
	"preparing":                      {step: lookAgain, detail: "GitLab is still preparing it"},
	"checking":                       {step: lookAgain, detail: "GitLab is still computing whether it can be merged"},
	"unchecked":                      {step: lookAgain, detail: "GitLab is still computing whether it can be merged"},
	"cannot_be_merged_recheck":       {step: lookAgain, detail: "GitLab is still computing whether it can be merged"},
	"approvals_syncing":              {step: lookAgain, detail: "GitLab is still counting its approvals"},
	"not_open":                       {step: lookAgain, detail: "GitLab does not find it open"},
	"conflict":                       {step: rebuild, detail: "it conflicts with its base"},
	"need_rebase":                    {step: rebuild, detail: "its branch is behind its base"},
	"commits_status":                 {step: rebuild, detail: "GitLab finds no commit or no branch of it"},
	"ci_still_running":               {wait, change.CheckPending, "its pipeline is still running", ""},
	"ci_must_pass":                   {wait, change.CheckAbsent, "the project demands a pipeline that succeeded", "see why the head has none: rules of .gitlab-ci.yml, or a pipeline that failed"},
	"not_approved":                   {wait, change.ApprovalNeeded, "it is not approved", "a person has to approve it; pawl does not"},
	"requested_changes":              {wait, change.ApprovalNeeded, "changes were requested", "a person has to approve it; pawl does not"},
	"discussions_not_resolved":       {wait, change.RuleBroken, "not all of its discussions are resolved", "resolve them"},
	"status_checks_must_pass":        {wait, change.RuleBroken, "not all external status checks passed", atPage},
	"external_status_checks":         {wait, change.RuleBroken, "not all external status checks passed", atPage},
	"security_policy_pipeline_check": {wait, change.RuleBroken, "a security policy waits for a pipeline", atPage},
	"merge_request_blocked":          {wait, change.RuleBroken, "another merge request blocks it", atPage},
	"merge_time":                     {wait, change.RuleBroken, "it may not be merged before a time that somebody set", atPage},
	"draft_status":                   {refuse, change.IsDraft, "it is a draft", "mark it as ready"},
	"locked_paths":                   {refuse, change.RuleBroken, "somebody locked files that it changes", atPage},
	"locked_lfs_files":               {refuse, change.RuleBroken, "somebody locked files that it changes", atPage},
	"jira_association_missing":       {refuse, change.RuleBroken, "the project demands an issue of Jira in its title or description", "name one with `change: {title: TEXT}`"},
	"title_regex":                    {refuse, change.RuleBroken, "its title does not have the form that the project demands", "set `change: {title: TEXT}`"},
	"security_policy_violations":     {refuse, change.RuleBroken, "it violates a security policy", atPage},
	"policies_denied":                {refuse, change.RuleBroken, "it violates a security policy", atPage},
}

// meaningOf says what a status means; one that is not known is waited for, and shown as it is.
func meaningOf(status string) meaning {
	if m, known := statuses[status]; known {
		return m
	}
	return meaning{wait, change.RuleBroken, "GitLab says " + status, atPage}
}
