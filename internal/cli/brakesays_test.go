package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestBrakesSayTheirEffect shows what people are told who are in a hurry: whether anything stands at what they bar, what is pulled when they
// lift something else, and what they meant.
func TestBrakesSayTheirEffect(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	for _, c := range []struct {
		code int
		args string
		want string
	}{
		{0, "quarantine org/a:v1.1.0 --reason x --dry-run", "the next run leaves it in a\n"},
		{0, "quarantine org/a:1.1.0 --reason x --dry-run", "note: no value that pawl wrote stands at it: a is at v1.1.0; is it spelled as the registry does?"},
		{0, "quarantine org/a:v1.1.00 --reason x --dry-run", "note: no value that pawl wrote stands at it: a is at v1.1.0"},
		{0, "hold * --reason x --dry-run", "3 manifests are meant: without --dry-run that needs --yes"},
		{4, "hold a/yaml --reason x", "did you mean \"a\"? What follows it names one of its targets"},
		{4, "hold a.yaml --reason x", "did you mean \"a\"?"},
		{4, "hold a", "hint: add e.g. --reason"},
		{4, "hold a --reason x --until yesterday", "hint: write e.g. --until 2026-12-31"},
		{0, "hold a --reason x", "pulled hold a: x (pawl-bot)"},
		{4, "unhold az", "no manifest is named \"az\""},
		{0, "unhold b", "nothing of the kind is pulled: nothing was done\n  pulled is: hold a: x (pawl-bot)\n"},
		{0, "unquarantine org/a:v1.1.0", "  pulled is: hold a: x (pawl-bot)\n"},
		{0, "unhold a b", "lifted hold a: x (pawl-bot)\n  nothing of the kind is pulled of b\n"},
		{0, "quarantine org/a:v1.1.0 chart@1.2.3 org/b@sha256:" + strings.Repeat("a", 64) + " --yes --reason x", "pulled quarantine"},
		{4, "unquarantine org/a:v1.1.00", "nothing bars org/a:v1.1.00\npawl: hint: did you mean \"org/a:v1.1.0\"?"},
		{4, "unquarantine org/aa:v1.1.0", "did you mean \"org/a:v1.1.0\"?"},
		{4, "unquarantine org/a:21.33.44", "hint: barred of it: org/a:v1.1.0"},
		{4, "unquarantine charts@1.2.3", "did you mean \"chart@1.2.3\"?"},
		{4, "unquarantine org/b:v1.0.0", "hint: barred of it: org/b@sha256:aaa"},
		{4, "unquarantine org/a:v1.1.0 another/thing:v9.9.9", "nothing bars another/thing:v9.9.9, and no manifest follows it"},
		{0, "unquarantine org/a:v1.1.0 org/c:v1.0.0", "lifted quarantine pkg:oci/a?repository_url=docker.io%2Forg%2Fa&tag=v1.1.0: x (pawl-bot)\n  nothing of the kind is pulled of org/c:v1.0.0\n"},
		{0, "unquarantine org/a:v1.1.0", "nothing of the kind is pulled: nothing was done\n"},
		{4, "unhold aaaa", "no manifest is named \"aaaa\""},
		{0, "pause --reason x", "pulled pause: x (pawl-bot)\n  hint: pawl resume lifts it\n"},
	} {
		said := s.brake(c.code, strings.Fields(c.args)...)
		if !strings.Contains(said, c.want) || c.args == "pause --reason x" && strings.Contains(said, "the next run") {
			t.Errorf("pawl %s says %q, want %q", c.args, said, c.want)
		}
	}
}
