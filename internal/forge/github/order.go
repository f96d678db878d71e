package github

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

// By is who or what merged.
type By string

// The ways: pawl's own request, GitHub's auto-merge, its merge queue, or a person.
const (
	Direct By = "direct"
	Auto   By = "auto"
	Queue  By = "queue"
	Person By = "person"
)

// Question is what is known when permission to merge is asked for, read just now.
type Question struct {
	Pull change.PullRequest
	// BaseSHA is the tip of the base branch.
	BaseSHA  string
	Runs     []change.Check
	Enforced Enforcement
	// Waited is how long this head has been waited for.
	Waited time.Duration
}

// Answer is what change.Authorize and change.MayArm say to a question.
type Answer struct {
	Now, Later change.Decision
}

// Order says what to merge and how.
type Order struct {
	Number int
	// Head is the commit that was published, empty when it is not known: GitHub may show an older head for a moment.
	Head string
	// Method is squash, merge or rebase.
	Method  string
	Message change.Message
	// Wait is how long checks, auto-merge and queue are waited for.
	Wait time.Duration
	// Authority is asked before every way of merging, and again whenever anything may have changed.
	Authority func(ctx context.Context, q Question) (Answer, error)
	// Before is called before each request that may end in a merge, and before each wait; later says that GitHub may merge
	// after the order has ended. Its error ends the order. Nil is no call.
	Before func(ctx context.Context, later bool) error
}

// Result is the end of a merge.
type Result struct {
	Outcome Outcome `json:"outcome"`
	// SHA is the commit on the base; At is when it was merged or closed, by GitHub's clock.
	SHA string    `json:"sha,omitempty"`
	At  time.Time `json:"at,omitzero"`
	By  By        `json:"by,omitempty"`
	// Armed reports that GitHub was asked to merge by itself, by this order or an earlier one.
	Armed bool `json:"armed,omitempty"`
	// Decision is the authority's last word on merging now.
	Decision change.Decision `json:"decision,omitzero"`
	Detail   string          `json:"detail,omitempty"`
	Hint     string          `json:"hint,omitempty"`
	// Calls is how many requests it took.
	Calls int `json:"calls"`
}
