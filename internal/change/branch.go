package change

import (
	"fmt"
	"strconv"
	"strings"
)

// DefaultBranch is the branch of the pull request when the configuration names none.
const DefaultBranch = "pawl/update"

// ScratchPrefix begins the names of branches that exist for a moment only, while a commit is made: nobody else's may.
const ScratchPrefix = "pawl-scratch/"

// CheckBranch reports what makes a text unfit as the name of a branch, by the rules of
// https://git-scm.com/docs/git-check-ref-format with --branch.
func CheckBranch(name string) error {
	switch {
	case name == "" || name == "@" || name == "HEAD" || strings.HasPrefix(name, "-"):
		return fmt.Errorf("checking branch %q: not a name for a branch", name)
	case len(name) > 200:
		return fmt.Errorf("checking branch: the name is longer than 200 bytes")
	case strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, "."):
		return fmt.Errorf("checking branch %q: it must not hold \"..\" or \"@{\", nor end in a dot", name)
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return fmt.Errorf("checking branch %q: it must not hold %q", name, c)
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return fmt.Errorf("checking branch %q: a part is empty, begins with a dot or ends in .lock", name)
		}
	}
	return nil
}

// FreshBranch returns the first of branch-2, branch-3, ... that is not taken: where pawl goes on when a person pushed
// to its branch.
func FreshBranch(branch string, taken func(name string) bool) string {
	for n := 2; ; n++ {
		if name := fmt.Sprintf("%s-%d", branch, n); !taken(name) {
			return name
		}
	}
}

// OwnBranch reports whether a name is the configured branch or one that FreshBranch makes of it.
func OwnBranch(branch, name string) bool {
	if branch == "" || name == branch {
		return branch != ""
	}
	number, found := strings.CutPrefix(name, branch+"-")
	n, err := strconv.Atoi(number)
	return found && err == nil && n >= 2 && strconv.Itoa(n) == number
}
