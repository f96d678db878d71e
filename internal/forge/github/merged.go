package github

import (
	"context"
	"slices"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
)

// MergedCommit is a commit as GitHub shows it to people.
type MergedCommit struct {
	SHA, URL, Message string
	// At is when it was committed.
	At time.Time
	// Paths are the files that it changed against its first parent, old names included; More reports that GitHub did not
	// list all of them.
	Paths []string
	More  bool
}

// maxCommitFiles is how many files GitHub lists of one commit
// (https://docs.github.com/en/rest/commits/commits#get-a-commit).
const maxCommitFiles = 3000

// MergedCommit reads a commit by its SHA or any other name.
func (c *Client) MergedCommit(ctx context.Context, name string) (MergedCommit, error) {
	var found MergedCommit
	options := gh.ListOptions{PerPage: pageSize}
	for range maxPages * 2 {
		commit, res, err := c.api.Repositories.GetCommit(ctx, c.owner, c.name, name, &options)
		if err == nil {
			err = lacks(commit.GetSHA() == "" || commit.Commit == nil, "commit")
		}
		if err != nil {
			return MergedCommit{}, c.fail("reading commit "+name, readContents, err)
		}
		found.SHA, found.URL = commit.GetSHA(), commit.GetHTMLURL()
		found.Message, found.At = commit.GetCommit().GetMessage(), commit.GetCommit().GetCommitter().GetDate().UTC()
		for _, f := range commit.Files {
			found.Paths = append(found.Paths, f.GetFilename())
			if old := f.GetPreviousFilename(); old != "" {
				found.Paths = append(found.Paths, old)
			}
		}
		if options.Page = res.NextPage; options.Page == 0 {
			break
		}
	}
	found.More = options.Page != 0 || len(found.Paths) >= maxCommitFiles
	return found, nil
}

// MergedDiff returns the digest of what a merged pull request changed, as change.DiffDigest makes it, and whether all of
// its commits are by our user.
func (c *Client) MergedDiff(ctx context.Context, base, head string) (diff string, own bool, err error) {
	doing := "reading what was merged as " + head
	repository, err := c.repository(ctx)
	if err != nil {
		return "", false, c.fail(doing, readContents, err)
	}
	d, err := c.diff(ctx, base, head)
	if err != nil {
		return "", false, c.fail(doing, readContents, err)
	}
	foreign := slices.ContainsFunc(d.commits, func(one change.Commit) bool { return !repository.Self.Is(one.Author) })
	return change.DiffDigest(d.files, d.irregular), !foreign, nil
}

// maxHistory is how many pages of the base's history are looked through for a commit of ours.
const maxHistory = 3

// OwnCommits returns the commits up to one whose messages have trailers of ours, the newest first: those on the first page
// of the history that has one, among the last three hundred commits.
func (c *Client) OwnCommits(ctx context.Context, tip string) ([]MergedCommit, error) {
	options := &gh.CommitsListOptions{SHA: tip, ListOptions: gh.ListOptions{PerPage: pageSize}}
	var ours []MergedCommit
	for range maxHistory {
		commits, res, err := c.api.Repositories.ListCommits(ctx, c.owner, c.name, options)
		if err != nil {
			return nil, c.fail("reading the history of "+c.config.Repository, readContents, err)
		}
		for _, one := range commits {
			if one.GetSHA() == tip {
				c.rooted(tip, one.GetCommit().GetTree().GetSHA())
			}
			if text := one.GetCommit().GetMessage(); change.OwnMessage(text) {
				ours = append(ours, MergedCommit{SHA: one.GetSHA(), URL: one.GetHTMLURL(), Message: text, At: one.GetCommit().GetCommitter().GetDate().UTC()})
			}
		}
		if options.Page = res.NextPage; options.Page == 0 || len(ours) > 0 {
			break
		}
	}
	return ours, nil
}
