package forge

import (
	"context"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
)

// Outcome is how a merge ended.
type Outcome string

// The outcomes. Rebuild means that the pull request does not fit its base any more: plan again and publish anew.
const (
	Merged  Outcome = "merged"
	Pending Outcome = "pending"
	Refused Outcome = "refused"
	Rebuild Outcome = "rebuild"
	Closed  Outcome = "closed"
	Failed  Outcome = "failed"
)

// Way is who or what merged.
type Way string

// The ways: pawl's own request, the forge's auto-merge, its merge queue, or a person.
const (
	Direct   Way = "direct"
	Auto     Way = "auto"
	Queue    Way = "queue"
	ByPerson Way = "person"
)

// State is a pull request and its checks as they are now, when permission to merge is asked for.
type State struct {
	Pull   change.PullRequest
	Checks []change.Check
	// BaseSHA is the tip of the base branch.
	BaseSHA string
	// Enforced are the checks that the repository itself requires; Waited is how long the head has been waited for.
	Enforced []string
	Waited   time.Duration
	// Silent is what a person can do about a check that does not report, empty where the forge knows nothing better than the rules.
	Silent string
}

// Answer is what change.Authorize says of merging now and change.MayArm of letting the forge merge later.
type Answer struct{ Now, Later change.Decision }

// Order says what to merge and how.
type Order struct {
	Number int
	// Head is the commit that was published, empty when it is not known: a forge may show an older head for a moment.
	Head string
	// Method is squash, merge or rebase.
	Method  string
	Message change.Message
	// Wait is how long checks, auto-merge and queue are waited for.
	Wait time.Duration
	// Authority is asked before every way of merging, and again whenever anything may have changed.
	Authority func(ctx context.Context, s State) (Answer, error)
	// Before is called before each request that may end in a merge, and before each wait; later says that the forge may merge
	// after the run has ended. Its error ends the order. Nil is no call.
	Before func(ctx context.Context, later bool) error
}

// Merge is what became of a pull request.
type Merge struct {
	Outcome Outcome `json:"outcome"`
	// SHA is the commit on the base.
	SHA string `json:"sha,omitempty"`
	// At is when it was merged, by the forge's clock, and By how.
	At time.Time `json:"at,omitzero"`
	By Way       `json:"by,omitempty"`
	// Armed reports that the forge was asked to merge by itself, and Closed is when a person closed the pull request.
	Armed  bool      `json:"-"`
	Closed time.Time `json:"-"`
	// Decision is the authority's last word on merging now.
	Decision change.Decision `json:"decision,omitzero"`
	Detail   string          `json:"detail,omitempty"`
	Hint     string          `json:"hint,omitempty"`
}
