package forge_test

import (
	"testing"

	"github.com/pawl-cd/pawl/internal/forge"
)

// TestCommitURL is next to the pull request at each forge, whatever the repository is called.
func TestCommitURL(t *testing.T) {
	t.Parallel()
	for pull, want := range map[string]string{
		"https://github.com/org/profile/pull/7":       "https://github.com/org/profile/commit/abc",
		"https://github.com/pull/pull/pull/7":         "https://github.com/pull/pull/commit/abc",
		"https://git.example/sub/org/profile/pulls/7": "https://git.example/sub/org/profile/commit/abc",
		"https://git.example/pulls/pulls/pulls/7":     "https://git.example/pulls/pulls/commit/abc",
		"https://git.example/org/profile":             "",
		"":                                            "",
	} {
		if got := forge.CommitURL(pull, "abc"); got != want {
			t.Errorf("%s: %s, want %s", pull, got, want)
		}
	}
}
