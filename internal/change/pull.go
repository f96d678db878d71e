package change

import (
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// ReviewLabel on a pull request leaves the merge to a person.
const ReviewLabel = "pawl/review"

// Identity is a user of the forge: the numeric id decides where both sides have one, else the login, which is compared
// without case.
type Identity struct {
	ID    int64
	Login string
}

// Is reports whether two identities are known and the same.
func (i Identity) Is(j Identity) bool {
	if i.ID != 0 && j.ID != 0 {
		return i.ID == j.ID
	}
	return i.Login != "" && strings.EqualFold(i.Login, j.Login)
}

// PullRequest is a pull request as the forge describes it.
type PullRequest struct {
	Number int
	Author Identity
	// HeadRepo and BaseRepo are OWNER/NAME; HeadRepo is empty when the fork is gone.
	HeadRepo, BaseRepo              string
	HeadBranch, HeadSHA, BaseBranch string
	// State is open or closed.
	State  string
	Merged bool
	Draft  bool
	Labels []string
	// Commits are all commits of the branch that the base does not have, with the user that the forge knows as author.
	Commits []Commit
	// Files is the diff that the forge shows: each file at the merge base and at HeadSHA. Irregular are the paths whose
	// change is another than of bytes: renamed, removed, new mode, a link or a submodule.
	Files     []File
	Irregular []string
}

// Commit is one commit of a pull request.
type Commit struct {
	SHA    string
	Author Identity
}

// Check is a check run or a commit status; a status is "completed" with its state as conclusion, or "pending".
type Check struct {
	Name, HeadSHA, Status, Conclusion string
}

// Mode says where the required checks come from.
type Mode string

// The modes of a requirement. The zero Mode, nothing required, never merges.
const (
	RequireUnset      Mode = ""
	RequireNamed      Mode = "named"
	RequireProtection Mode = "protection"
	RequireNone       Mode = "none"
	MergeOff          Mode = "off"
)

// Known returns the mode when it is one of those above, else none: what a pull request says is untrusted.
func (m Mode) Known() Mode {
	switch m {
	case RequireNamed, RequireProtection, RequireNone, MergeOff:
		return m
	default:
		return RequireUnset
	}
}

// requireLine is what to add to the configuration when nothing is required.
const requireLine = "merge: {require: [NAME]}"

// Requirement is which checks must be successful before a merge.
type Requirement struct {
	Mode  Mode
	Names []string
}

// Resolve returns what to require: where the configuration says nothing, the checks that the repository enforces.
func (r Requirement) Resolve(enforced []string) Requirement {
	if r.Mode == RequireUnset && len(enforced) > 0 {
		return Requirement{Mode: RequireProtection, Names: enforced}
	}
	return r
}

// Checks is everything that is known of the checks of a pull request.
type Checks struct {
	Runs []Check
	// Require is the resolved requirement, Enforced the names of the checks that the repository itself enforces.
	Require  Requirement
	Enforced []string
	// Waited is how long the head has been waited for, Limit how long a check may be absent.
	Waited, Limit time.Duration
	// Silent is what a person can do about a check that does not report; empty where the token of a workflow may be the reason.
	Silent string
}

// View is what the ledger and the manifests say at the time of the merge.
type View struct {
	Ledger ledger.Ledger
	// Manifests is the digest of each manifest's text now, by identity; Order compares versions.
	Manifests map[string]string
	Order     ledger.Order
}

// Rules is what the configuration and the run say.
type Rules struct {
	// Self is pawl's own identity, Repository OWNER/NAME; Branch and Base are the names of the branches.
	Self                     Identity
	Repository, Branch, Base string
	// BaseSHA is the tip of the base branch, read just now.
	BaseSHA string
	// Freeze is the reason why nothing is merged now.
	Freeze string
	// NoArm keeps the forge from merging by itself: no auto-merge and no merge queue.
	NoArm bool
	// Calendar says when merges are possible, held against Now; Max is how many values one pull request may change, 0 for any number.
	Calendar Calendar
	Now      time.Time
	Max      int
	// TagMoved says which image's tag got another digest since the plan was made, empty for none.
	TagMoved string
	// BrakesMoved reports that somebody pulled or lifted a brake since the plan was made.
	BrakesMoved bool
}
