package config

import "testing"

// TestNestedGroups has a project in a group of a group, which GitLab has and the others have not.
func TestNestedGroups(t *testing.T) {
	t.Parallel()
	for kind, fits := range map[string]bool{"gitlab": true, "github": false, "gitea": false} {
		_, problems := Parse(".pawl.yaml", []byte("version: 1\nforge: {kind: "+kind+", repository: org/team/profile}\n"))
		if (len(problems) == 0) != fits {
			t.Errorf("%s: %v", kind, problems)
		}
	}
}
