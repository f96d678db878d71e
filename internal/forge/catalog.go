package forge

import "context"

// Catalog says which repositories a forge has, and what stands at their top, for people who make the list of a fleet.
type Catalog interface {
	// List returns the repositories that are wanted, by name, each once. It is read to its end, or is an error.
	List(ctx context.Context, w Wanted) ([]Listed, error)
	// Top returns the names at the top of the default branch, those of directories with a slash behind them; none where there is no
	// branch, or none that the token may see.
	Top(ctx context.Context, repository string) ([]string, error)
	// File returns a file at the top of the default branch.
	File(ctx context.Context, repository, name string) ([]byte, error)
}

// Wanted says which repositories a listing is of.
type Wanted struct {
	// Owner is a person, an organization or a group with all that is below it; empty means those that the token is for.
	Owner string
	// Topic is what they have to be about, empty for all.
	Topic string
}

// Listed is one repository of a listing.
type Listed struct {
	// Name is its whole path, as in acme/shop. It is as the forge says it, and may be anything.
	Name   string
	Frozen Frozen
}

// Frozen says why a repository takes no changes, empty when it does.
type Frozen string

// The ways to be frozen.
const (
	FrozenArchived Frozen = "archived"
	FrozenDisabled Frozen = "disabled"
	FrozenMirror   Frozen = "mirror"
	FrozenDeleted  Frozen = "deleted"
)
