package cli

import (
	"context"
	"fmt"
	"log/slog"
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
	values  []page.Value
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
	if past.values, err = o.values(ctx); err != nil {
		return past, err
	}
	past.profile = page.Repository(askGit(ctx, o.git, "config", "--get", "remote.origin.url"))
	if len(past.commits) == 0 {
		past.among, _ = strconv.Atoi(askGit(ctx, o.git, "rev-list", "--count", "--first-parent", "HEAD", "--"))
	}
	if askGit(ctx, o.git, "rev-parse", "--is-shallow-repository") == "true" {
		o.reporter().say(slog.LevelWarn, "the clone in "+o.git+" is shallow: older commits are missing from the history",
			"run git fetch --unshallow; a step actions/checkout takes the whole history with fetch-depth: 0, a job of GitLab's with GIT_DEPTH: 0")
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
	data, err := gitOutput(ctx, dir, "", "log", "-z", "--first-parent", fmt.Sprintf("--max-count=%d", maxCommits), "--no-color",
		"--no-decorate", "--grep=^Pawl-Update: ", "--format=%H%n%cI%n%B", "HEAD", "--")
	if err != nil {
		return nil, err
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
