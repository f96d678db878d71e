package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/cli"
)

// TestGroups shows that a word that is no command is an error below every command that has others, and that without one it helps.
func TestGroups(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (int, string) {
		var out strings.Builder
		code := cli.Run(t.Context(), args, cli.System{Out: &out, Err: &out, Now: time.Now, Env: func(string) (string, bool) { return "", false }})
		return code, out.String()
	}
	groups := 0
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		if cmd.HasSubCommands() && cmd.Name() != "completion" {
			groups++
			if code, out := run(append(path, "explode")...); code != cli.Usage || !strings.Contains(out, `unknown command "explode" for "`+cmd.CommandPath()+`"`) {
				t.Errorf("%s explode: exit code %d: %s", cmd.CommandPath(), code, out)
			}
			if code, out := run(path...); code != cli.OK || !strings.Contains(out, "Available Commands:") {
				t.Errorf("%s: exit code %d: %s", cmd.CommandPath(), code, out)
			}
		}
		for _, c := range cmd.Commands() {
			walk(c, append(path[:len(path):len(path)], c.Name()))
		}
	}
	walk(cli.Command(), nil)
	if groups < 4 {
		t.Errorf("%d groups: this test sees too few", groups)
	}
}
