package change

import (
	"fmt"
	"strconv"
	"strings"
)

const heads = "refs/heads/"

// Refs are the refs of a profile's repository that have to be different ones: the branch that is updated, the one of the
// pull request with those that FreshBranch makes of it, and the ledger.
type Refs struct {
	// Base and Branch are names of branches, Ledger is a whole name of a ref. What is empty is not looked at.
	Base, Branch, Ledger string
}

// RefError says which of the refs cannot be used.
type RefError struct {
	// Key is the key of the configuration: forge.base, forge.branch or ledger.
	Key string
	// Message is what is wrong, Hint what to write.
	Message, Hint string
}

// Error returns what is wrong with which key.
func (e *RefError) Error() string { return e.Key + ": " + e.Message }

// Advice returns what to write.
func (e *RefError) Advice() string { return e.Hint }

// Check returns the first fault as a *RefError: a name that is none, or two refs that are one, in whatever spelling. Names
// that differ in case only count as the same: a clone on many systems cannot hold both.
func (r Refs) Check() error {
	for _, c := range []struct{ key, name, hint string }{
		{"forge.base", r.Base, "write the name of the branch alone, as in `base: main`"},
		{"forge.branch", r.Branch, "write the name of a branch that is pawl's alone, as in `branch: " + DefaultBranch + "`"},
	} {
		if c.name == "" {
			continue
		}
		if strings.HasPrefix(c.name, "refs/") || strings.HasPrefix(c.name, "heads/") {
			return &RefError{c.key, shown(c.name) + " is no name of a branch", c.hint}
		}
		if err := CheckBranch(c.name); err != nil && strings.Contains(c.name, "://") {
			return &RefError{c.key, shown(c.name) + " is no name of a branch", c.hint}
		} else if err != nil {
			return &RefError{c.key, err.Error(), c.hint}
		}
		if scratch(c.name) {
			return &RefError{c.key, shown(c.name) + " is below " + ScratchPrefix + ", where pawl makes and deletes branches of its own", "choose a name that is not below " + ScratchPrefix}
		}
	}
	if err := r.checkLedger(); err != nil {
		return err
	}
	if r.Base != "" && r.ours(r.Base) {
		return &RefError{"forge.branch", fmt.Sprintf("%q is the branch that is updated, or a name that pawl takes beside its own", r.Base),
			"give the pull requests a branch of their own, as in `forge: {branch: pawl/changes}`"}
	}
	return nil
}

// checkLedger asks whether the ledger has a ref of its own.
func (r Refs) checkLedger() error {
	const hint = "write refs/pawl/ledger or refs/heads/pawl-ledger"
	if r.Ledger == "" {
		return nil
	}
	rest, full := strings.CutPrefix(r.Ledger, "refs/")
	if !full || !strings.Contains(rest, "/") || CheckBranch(rest) != nil {
		return &RefError{"ledger", shown(r.Ledger) + " is no full name of a ref", hint}
	}
	name, branch := strings.CutPrefix(r.Ledger, heads)
	switch {
	case !branch && !strings.HasPrefix(strings.ToLower(r.Ledger), heads):
		return nil
	case !branch:
		return &RefError{"ledger", shown(r.Ledger) + " is no full name of a ref", hint}
	case scratch(name):
		return &RefError{"ledger", shown(r.Ledger) + " is below " + ScratchPrefix + ", where pawl makes and deletes branches of its own", hint}
	case r.Base != "" && strings.EqualFold(name, r.Base):
		return &RefError{"ledger", fmt.Sprintf("%q is the branch that is updated", name), hint}
	case r.ours(name):
		return &RefError{"ledger", fmt.Sprintf("%q is the branch of the pull request, or a name that pawl takes beside it", name), hint}
	}
	return nil
}

// shown quotes a name, unless it may hold the password of a URL.
func shown(name string) string {
	if strings.Contains(name, "://") {
		return "a text with a URL"
	}
	return strconv.Quote(name)
}

// scratch reports whether a branch's name is of those that exist for a moment only.
func scratch(name string) bool { return strings.HasPrefix(strings.ToLower(name), ScratchPrefix) }

// ours reports whether a name is the pull request's branch, or one that is made of it.
func (r Refs) ours(name string) bool {
	return OwnBranch(strings.ToLower(r.Branch), strings.ToLower(name))
}
