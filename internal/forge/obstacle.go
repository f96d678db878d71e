package forge

import "errors"

// ErrNoToken is for a no to a request that was sent without a token.
var ErrNoToken = errors.New("no token is set")

// Refusal is an error of a client that says no in the name of its forge.
type Refusal interface {
	error
	// Refusal returns the status of HTTP, 0 when there was no answer, and what stands in the way, as far as the forge's
	// words tell.
	Refusal() (status int, obstacle Obstacle)
}

// Obstacle is what stands in the way until a person changes something at the forge; the list is closed.
type Obstacle string

// The obstacles.
const (
	// ActionsMayNot: the repository lets no workflow open pull requests.
	ActionsMayNot Obstacle = "actions-not-permitted"
	// RefIsGuarded: a rule guards the name of a ref.
	RefIsGuarded Obstacle = "ref-guarded"
	// Unsigned: commits have to be signed.
	Unsigned Obstacle = "commits-unsigned"
	// Archived: the repository takes no changes at all.
	Archived Obstacle = "archived"
	// Unapproved: people have to approve the pull request.
	Unapproved Obstacle = "approval-required"
	// RuleBroken: another rule of the repository.
	RuleBroken Obstacle = "repository-rule"
)
