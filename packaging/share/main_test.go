package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/cli"
)

// generate writes everything, and returns the folder.
func generate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := run([]string{dir, "1767225600"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// commands are all that a user can call.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && !c.IsAdditionalHelpTopicCommand() {
			all = append(all, commands(c)...)
		}
	}
	return all
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestMan shows that every command has a page that names each of its flags that help shows, and that the archives' Homebrew cask has it.
func TestMan(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(generate(t), "man")
	root := cli.Command()
	root.InitDefaultCompletionCmd()
	var pages []string
	for _, cmd := range commands(root) {
		page := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		pages = append(pages, page)
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Fatal(err)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(string(text), "--"+f.Name) && !strings.Contains(string(text), strings.ReplaceAll("--"+f.Name, "-", `\-`)) {
				t.Errorf("%s does not name --%s", page, f.Name)
			}
		})
		if !strings.Contains(string(text), "Jan 2026") {
			t.Errorf("%s is not of the date that was given", page)
		}
	}
	slices.Sort(pages)
	if diff := cmp.Diff(pages, names(t, dir)); len(pages) < 9 || diff != "" {
		t.Errorf("%d pages: %s", len(pages), diff)
	}
	text, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Casks []struct{ Manpages []string } `yaml:"homebrew_casks"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Casks) != 1 {
		t.Fatalf("%d casks, %v", len(file.Casks), err)
	}
	for i := range pages {
		pages[i] = "man/" + pages[i]
	}
	if diff := cmp.Diff(pages, file.Casks[0].Manpages); diff != "" {
		t.Errorf("the cask in .goreleaser.yaml does not name the pages that there are: %s", diff)
	}
}

// TestReadable lets the programs that read the files check them.
func TestReadable(t *testing.T) {
	t.Parallel()
	dir := generate(t)
	checks := map[string][]string{"_pawl": {"zsh", "-n"}, "pawl.bash": {"bash", "-n"}, "pawl.fish": {"fish", "--no-execute"}, "pawl.ps1": nil}
	for _, name := range names(t, filepath.Join(dir, "completions")) {
		check, known := checks[name]
		if !known {
			t.Errorf("%s is not named in this test", name)
		}
		delete(checks, name)
		accepted(t, check, filepath.Join(dir, "completions", name))
	}
	if len(checks) > 0 {
		t.Errorf("not written: %v", checks)
	}
	for _, name := range names(t, filepath.Join(dir, "man")) {
		accepted(t, []string{"mandoc", "-T", "lint", "-W", "error"}, filepath.Join(dir, "man", name))
	}
}

// accepted runs a check where its program is installed, and in CI always. It has to refuse a spoilt file too.
func accepted(t *testing.T, check []string, file string) {
	t.Helper()
	if len(check) == 0 {
		return
	}
	if _, err := exec.LookPath(check[0]); err != nil && os.Getenv("CI") == "" {
		t.Logf("%s is not checked: %v", filepath.Base(file), err)
		return
	}
	if out, err := exec.CommandContext(t.Context(), check[0], append(check[1:], file)...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", filepath.Base(file), err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(spoilt, append(bytes.Clone(text), "\nif ( {\n.nosuchmacro\n.RE 99\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), check[0], append(check[1:], spoilt)...).Run(); err == nil {
		t.Errorf("%s accepts a spoilt file", check[0])
	}
}

// TestSame shows that the same date gives the same bytes, and that it must be given.
func TestSame(t *testing.T) {
	t.Parallel()
	one, two := generate(t), generate(t)
	for _, dir := range []string{"man", "completions"} {
		for _, name := range names(t, filepath.Join(one, dir)) {
			a, errA := os.ReadFile(filepath.Join(one, dir, name))
			b, errB := os.ReadFile(filepath.Join(two, dir, name))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s differs: %v, %v", name, errA, errB)
			}
		}
	}
	for _, args := range [][]string{{t.TempDir()}, {t.TempDir(), ""}, {t.TempDir(), "today"}} {
		if err := run(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
