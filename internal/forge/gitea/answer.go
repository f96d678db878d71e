package gitea

import (
	"net/http"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// step is what an answer to the request to merge means for what comes next.
type step int

// The steps: look again soon; the base moved or the head does not fit it, so plan anew; wait for somebody; never.
const (
	lookAgain step = iota
	rebuild
	wait
	refuse
	failed
	scheduled
)

// meaning is what an answer means, with what a person can do.
type meaning struct {
	step   step
	code   change.Code
	detail string
	hint   string
}

// answers are the texts of the server, which it writes in English whatever is asked for; the first that is said counts.
// They are hints only: what became of the pull request is read afterwards.
func answers() []struct {
	status int
	says   string
	meaning
} {
	type row = struct {
		status int
		says   string
		meaning
	}
	const person = "a person has to approve it; the bot cannot approve its own"
	return []row{
		{409, "head out of date", meaning{lookAgain, "", "its head was moved", ""}},
		{409, "cannot lock ref", meaning{rebuild, "", "its base was moved at the same moment", ""}},
		{409, "push out of date", meaning{rebuild, "", "its base was moved at the same moment", ""}},
		{409, "pushrejected", meaning{rebuild, "", "its base was moved at the same moment", ""}},
		{409, "already scheduled", meaning{scheduled, "", "it is scheduled to merge by itself", ""}},
		{409, "", meaning{rebuild, "", "it conflicts with its base", ""}},
		{405, "already merged", meaning{lookAgain, "", "it is merged already", ""}},
		{405, "user not allowed", meaning{failed, change.RuleBroken, "the token's user may not merge it",
			"give the token's user write access, and add it to the merge whitelist of the branch"}},
		{405, "work in progress", meaning{refuse, change.IsDraft, "it is a draft", "mark it as ready for review"}},
		{405, "try again later", meaning{lookAgain, "", "the server is still computing whether it can be merged", ""}},
		{405, "not all required status checks", meaning{wait, change.RuleBroken, "not all checks that the branch requires are successful",
			"name the checks of the branch's protection in merge.require, so that pawl waits for them as well"}},
		{405, "does not have enough approvals", meaning{wait, change.ApprovalNeeded, "it does not have enough approvals", person}},
		{405, "there are requested changes", meaning{wait, change.ApprovalNeeded, "changes were requested", person}},
		{405, "official review requests", meaning{wait, change.ApprovalNeeded, "a review was requested", person}},
		{405, "behind the base branch", meaning{rebuild, "", "its branch is behind its base", ""}},
		{405, "changed protected files", meaning{refuse, change.RuleBroken, "it changes files that the branch protects", "merge it yourself, or take the files out of the protection"}},
		{405, "wont sign", meaning{failed, change.Unsigned, "the base requires signed commits, and the server cannot sign",
			"give the instance a signing key, or do not require signed commits"}},
		{405, "not allowed an allowed merge style", meaning{failed, "", "the repository does not allow the way of merging", "set `merge: {method: METHOD}` to one that it allows"}},
		{423, "", meaning{refuse, change.RepoArchived, "the repository is archived", rest.Archived}},
		{404, "", meaning{lookAgain, "", "the server does not find it open", ""}},
		{500, "", meaning{lookAgain, "", "the server failed", ""}},
	}
}

// meaningOf says what a refusal means. One without a known text shows what the server says, and waits.
func meaningOf(a *rest.Refusal) (meaning, bool) {
	text := strings.ToLower(a.Message)
	for _, one := range answers() {
		if (a.Status == one.status || one.status == http.StatusInternalServerError && a.Status > one.status) && strings.Contains(text, one.says) {
			return one.meaning, true
		}
	}
	if a.Status == http.StatusMethodNotAllowed {
		return meaning{wait, change.RuleBroken, "the server does not merge it: " + a.Message, "look at what the pull request's page says about merging it, and run again"}, true
	}
	return meaning{}, false
}
