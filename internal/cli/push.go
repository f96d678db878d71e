package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
)

// push is the part of GitHub's push event that says what was pushed
// (https://docs.github.com/en/webhooks/webhook-events-and-payloads#push).
type push struct {
	Ref, After string
	Forced     bool
	Repository struct {
		DefaultBranch string `json:"default_branch"`
	}
	HeadCommit struct {
		ID, Message, URL string
		Timestamp        time.Time
	} `json:"head_commit"`
	Commits []struct{ Added, Modified, Removed []string }
}

// push reads the push event; its zero value stands for another event or none.
func (a actions) push() (push, error) {
	name := a.env("GITHUB_EVENT_PATH")
	if name == "" || !a.pushed() {
		return push{}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return push{}, fmt.Errorf("reading the event: %w", err)
	}
	defer f.Close()
	var event push
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event); err != nil {
		return push{}, fmt.Errorf("reading the event: %s is no JSON object of a push event", name)
	}
	return event, nil
}

// mostPaths is how many bytes of changed paths are read.
const mostPaths = 8 << 20

// objectID is what git calls an object.
var objectID = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// pushedAtGitLab is the commit of a push at a GitLab, which writes no event, with what the push changed as the checkout tells: it may
// have brought several commits. Where that cannot be told, as on a new branch or in a clone that is not deep enough, all is changed.
func (o *deployOptions) pushedAtGitLab(ctx context.Context, c forge.Commit) forge.Commit {
	job := o.job()
	before, after := job.env("CI_COMMIT_BEFORE_SHA"), job.env("CI_COMMIT_SHA")
	if c.SHA != "" || !job.inGitLab() || !job.pushed() || !objectID.MatchString(after) {
		return c
	}
	if c.SHA = after; len(c.Changed) > 0 {
		return c
	}
	var err error
	if c.Changed, err = gitChanged(ctx, o.root, before, after); err != nil {
		c.All = true
		o.reporter().say(slog.LevelInfo, "what the push changed is not known here, so every project is concerned: "+err.Error(), "")
	}
	return c
}

// gitChanged are the paths that differ between two commits.
func gitChanged(ctx context.Context, root, before, after string) ([]string, error) {
	if !objectID.MatchString(before) || strings.Trim(before, "0") == "" {
		return nil, errors.New("the branch is new")
	}
	g, err := startGit(ctx, root, "", "diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--name-only", before, after, "--")
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(g.out, mostPaths+1))
	if err == nil && len(data) > mostPaths {
		err = errors.New("it changed too many files")
	}
	if err := g.end(err); err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == 0 }), nil
}

func (p push) there() bool { return p.Ref != "" }

// gone reports that the ref was deleted.
func (p push) gone() bool { return strings.Trim(p.After, "0") == "" }

// base is the branch that is deployed: the configured one, else the repository's default.
func (p push) base(configured string) string {
	if configured == "" {
		return p.Repository.DefaultBranch
	}
	return configured
}

// fill puts what the event says of its head into the fields of a commit that are empty. A forced push does not say what
// it changed.
func (p push) fill(c forge.Commit) forge.Commit {
	c.SHA, c.At = p.After, p.HeadCommit.Timestamp.UTC()
	if c.Message == "" {
		c.Message = p.HeadCommit.Message
	}
	if c.URL == "" {
		c.URL = p.HeadCommit.URL
	}
	if len(c.Changed) == 0 && !p.Forced {
		for _, one := range p.Commits {
			c.Changed = slices.Concat(c.Changed, one.Added, one.Modified, one.Removed)
		}
		slices.Sort(c.Changed)
		c.Changed = slices.Compact(c.Changed)
	}
	return c
}
