package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/page"
)

// repository is what git tells of a profile.
type repository struct {
	commits []page.Commit
	// among is how many commits there are when none of them counts, profile what the remote is called.
	among   int
	profile string
}

// repository asks git about the profile's repository.
func (o *historyOptions) repository(ctx context.Context) (repository, error) {
	var past repository
	var err error
	if past.commits, err = gitCommits(ctx, o.git); err != nil {
		hint := "name the directory of a git repository that has commits"
		if strings.Contains(err.Error(), "dubious ownership") {
			hint = "the repository belongs to another user; if you trust it, run git config --global --add safe.directory " + shellWord(absolute(o.git))
		}
		return past, &exit{code: Usage, err: err, hint: hint}
	}
	past.profile = page.Repository(askGit(ctx, o.git, "config", "--get", "remote.origin.url"))
	if len(past.commits) == 0 {
		past.among, _ = strconv.Atoi(askGit(ctx, o.git, "rev-list", "--count", "--first-parent", "HEAD", "--"))
	}
	if askGit(ctx, o.git, "rev-parse", "--is-shallow-repository") == "true" {
		o.reporter().say(slog.LevelWarn, "the clone in "+o.git+" is shallow: older commits are missing from the history",
			"run git fetch --unshallow; a step actions/checkout takes the whole history with fetch-depth: 0")
	}
	return past, nil
}

func absolute(name string) string {
	if whole, err := filepath.Abs(name); err == nil {
		return whole
	}
	return name
}

// askGit returns git's answer, empty when it has none.
func askGit(ctx context.Context, dir string, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// gitCommits asks git for the commits on the first line of HEAD whose messages name updates, the newest of them.
func gitCommits(ctx context.Context, dir string) ([]page.Commit, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var errs strings.Builder
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8", "log", "-z", "--first-parent",
		fmt.Sprintf("--max-count=%d", maxCommits), "--no-color", "--no-decorate", "--grep=^Pawl-Update: ", "--format=%H%n%cI%n%B", "HEAD", "--")
	cmd.Stderr, cmd.Env = &errs, append(os.Environ(), "LC_ALL=C") // what it says is looked at
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("asking git: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(out, maxLog+1))
	if len(data) > maxLog {
		cancel()
		return nil, errors.Join(fmt.Errorf("asking git: the messages have more than %d bytes", maxLog), ignoreExit(cmd.Wait()))
	}
	if err = errors.Join(err, cmd.Wait()); err != nil {
		first, _, _ := strings.Cut(errs.String(), "\n")
		return nil, fmt.Errorf("asking git: %s (%w)", first, err)
	}
	var commits []page.Commit
	for record := range strings.SplitSeq(string(data), "\x00") {
		fields := strings.SplitN(record, "\n", 3)
		if len(fields) != 3 {
			continue
		}
		at, err := time.Parse(time.RFC3339, fields[1])
		if err != nil {
			return nil, fmt.Errorf("asking git: the time of %s: %w", fields[0], err)
		}
		commits = append(commits, page.Commit{SHA: fields[0], At: at, Message: fields[2]})
	}
	slices.Reverse(commits) // the oldest first: commits of one second keep their order
	return commits, nil
}

// ignoreExit leaves out that a process which was stopped did not end well.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
