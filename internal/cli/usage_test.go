package cli_test

import (
	"bytes"
	"slices"
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

// TestCompleteOutput has a shell complete the forms of a command's output.
func TestCompleteOutput(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"plan", "table\njson\ndiff\nmarkdown\n:4\n"}, {"fleet run", "table\njson\n:4\n"}} {
		var out, errs bytes.Buffer
		args := slices.Concat([]string{"__complete"}, strings.Fields(c[0]), []string{"--output", ""})
		if code := cli.Run(t.Context(), args, cli.System{Out: &out, Err: &errs, Env: func(string) (string, bool) { return "", false }, Now: time.Now}); code != 0 || out.String() != c[1] {
			t.Errorf("%s: exit code %d: %q, want %q", c[0], code, out.String(), c[1])
		}
	}
}
