package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pawl-cd/pawl/internal/fault"
)

// seeHelp is the hint that is always right.
func seeHelp(cmd *cobra.Command) string { return "see " + cmd.CommandPath() + " --help" }

// usageOfFlag is the end with a flag that cannot be read.
func usageOfFlag(cmd *cobra.Command, err error) error {
	hint := seeHelp(cmd)
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := fault.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = fmt.Sprintf("did you mean --%s? %s", near, hint)
		}
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok && invalid.GetFlag().Value.Type() == "duration" {
		hint = "write e.g. 5s or 2m"
	}
	return &exit{code: Usage, err: err, hint: hint}
}

// tellArguments lets a command and those below it say which arguments they want, in place of cobra's words. One that has only
// commands below it wants one of them, and is helped where it is given none.
func tellArguments(cmd *cobra.Command) {
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args, cmd.RunE = cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageOfArguments(cmd, args)
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		tellArguments(c)
	}
}

// usageOfArguments is the end with other arguments than the command takes.
func usageOfArguments(cmd *cobra.Command, args []string) error {
	path, hint := cmd.CommandPath(), seeHelp(cmd)
	_, want, takes := strings.Cut(cmd.Use, " ")
	if cmd.HasAvailableSubCommands() {
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		if near := fault.Nearest(args[0], names); near != "" {
			hint = fmt.Sprintf("did you mean %s? %s", near, hint)
		}
		return &exit{code: Usage, err: fmt.Errorf("unknown command %q for %q", args[0], path), hint: hint}
	}
	if !takes {
		return &exit{code: Usage, err: fmt.Errorf("%s takes no arguments, have %q", path, args[0]), hint: hint}
	}
	example, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	hint = fmt.Sprintf("write e.g. %s; %s", example, hint)
	return &exit{code: Usage, err: fmt.Errorf("%s wants %s, have %s", path, want, count(len(args), "argument")), hint: hint}
}
