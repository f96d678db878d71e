package github

import (
	"net/http"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
)

// barrier is how an obstacle is told from GitHub's words, and what a person can do.
type barrier struct {
	obstacle forge.Obstacle
	says     []string
	// code is that of a merge; one that waits may pass without a change of the rules.
	code  change.Code
	waits bool
	hint  string
}

const bypass = "or let the token's user bypass the rule (Settings > Rules > Rulesets)"

// barriers are GitHub's texts, of which no list exists; the first that fits counts.
func barriers() []barrier {
	return []barrier{
		{forge.ActionsMayNot, []string{"actions is not permitted to create"}, change.RuleBroken, false,
			"allow it (Settings > Actions > General > Allow GitHub Actions to create and approve pull requests), " +
				"or set MERGE_TOKEN to a token of its own"},
		{forge.Archived, []string{"archived so is read-only", "archived so it is read-only", "repository is archived"}, change.RepoArchived, false,
			"the repository takes no changes: unarchive it, or stop the runs"},
		{forge.Unsigned, []string{"verified signature", "must be signed"}, change.Unsigned, false,
			"GitHub signs what pawl commits, but not with `change: {sign: false}`, and no executable files, which it cannot commit: " +
				"remove the setting, make them plain files (mode 100644), " + bypass},
		{forge.Unapproved, []string{"approving review", "code owner review", "review is required", "changes have been requested",
			"changes were requested", "conversation must be resolved", "conversations must be resolved"},
			change.ApprovalNeeded, true, "let a person with write access approve it, " + bypass},
		{forge.RuleBroken, []string{"required status check", "code scanning", "deployment", "waiting on"}, change.RuleBroken, true,
			"the repository itself waits for this: name its checks in merge.require, so that pawl waits as well"},
		{forge.RuleBroken, []string{"create or update workflow"}, change.RuleBroken, false,
			"to change a workflow the token needs `workflows: write` (a classic one the scope `workflow`), which GITHUB_TOKEN cannot have: " +
				"set MERGE_TOKEN to one that has"},
		{forge.RefIsGuarded, []string{"being restricted", "protected ref", "cannot force-push", "cannot delete this branch",
			"locked branch", "branch name must"}, change.RuleBroken, false, "leave the name out of the rule, " + bypass},
		{forge.RuleBroken, []string{"rule violations found", "protected branch", "changes must be made through a pull request",
			"must not contain merge commits", "commit message must", "author email must"},
			change.RuleBroken, false, "do what the rule wants, " + bypass},
	}
}

// barrierOf finds what stands in the way, by the answer; no answer says nothing.
func barrierOf(said *answered) (barrier, bool) {
	if said == nil || said.Status >= http.StatusInternalServerError || said.Status == http.StatusNotFound ||
		saysAny(said, "merge queue", "validation failed") { // the latter goes on with names of branches
		return barrier{}, false
	}
	for _, b := range barriers() {
		if saysAny(said, b.says...) {
			return b, true
		}
	}
	return barrier{}, false
}

// rule is what a refusal says without the words that begin each of its kind.
func (c *Client) rule(said *answered) string {
	text := c.line(said.Message)
	const prefix = "Repository rule violations found "
	return strings.TrimPrefix(text, prefix)
}

// refHint is what to do about a rule that guards the name of a ref.
func (c *Client) refHint(ref string, b barrier) string {
	branch, ok := strings.CutPrefix(ref, "refs/heads/")
	if ok && b.obstacle == forge.RefIsGuarded && change.OwnBranch(c.config.Branch, branch) {
		return "a rule guards the branch " + branch + ": choose another name with `forge: {branch: NAME}`, " + b.hint
	}
	return b.hint
}
