package change

// What the forge itself says against a merge that Authorize grants.
const (
	ApprovalNeeded Code = "approval-required"
	Unsigned       Code = "commits-unsigned"
	RepoArchived   Code = "archived"
	RuleBroken     Code = "repository-rule"
)

// ForgeCodes lists those codes.
func ForgeCodes() []Code { return []Code{ApprovalNeeded, Unsigned, RepoArchived, RuleBroken} }
