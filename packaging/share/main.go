// Command share writes what a release holds besides the program: man pages and completions for each shell, into the
// folders man and completions of the one that it is given. The man pages have the date that it is given, in seconds since
// 1970.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/pawl-cd/pawl/internal/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "share: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: share FOLDER SECONDS")
	}
	seconds, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return fmt.Errorf("reading the date: %w", err)
	}
	root := cli.Command()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	return errors.Join(writeMan(root, filepath.Join(args[0], "man"), time.Unix(seconds, 0).UTC()), writeCompletions(root, filepath.Join(args[0], "completions")))
}

// writeMan writes a page for each command.
func writeMan(root *cobra.Command, dir string, date time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "pawl", Manual: "pawl"}, dir)
}

// writeCompletions writes one file for each shell, with the names that the shells look for.
func writeCompletions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, generate := range map[string]func(*bytes.Buffer) error{
		"pawl.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_pawl":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"pawl.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		"pawl.ps1":  func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) },
	} {
		var text bytes.Buffer
		if err := generate(&text); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
