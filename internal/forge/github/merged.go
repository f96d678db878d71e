package github

import (
	"context"
	"fmt"
	"slices"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
)

// maxCommitFiles is how many files GitHub lists of one commit
// (https://docs.github.com/en/rest/commits/commits#get-a-commit).
const maxCommitFiles = 3000

// Commit reads a commit by its SHA or any other name.
func (c *Client) Commit(ctx context.Context, name string) (forge.Commit, error) {
	var found forge.Commit
	if name == "" {
		return found, fmt.Errorf("reading a commit: %w: it has no name", forge.ErrNotFound)
	}
	options := gh.ListOptions{PerPage: pageSize}
	for range maxPages * 2 {
		commit, res, err := c.api.Repositories.GetCommit(ctx, c.owner, c.name, name, &options)
		if err == nil {
			err = lacks(commit.GetSHA() == "" || commit.Commit == nil, "commit")
		}
		if err != nil {
			return forge.Commit{}, c.fail("reading commit "+name, readContents, err)
		}
		found.SHA, found.URL = commit.GetSHA(), commit.GetHTMLURL()
		found.Message, found.At = commit.GetCommit().GetMessage(), commit.GetCommit().GetCommitter().GetDate().UTC()
		for _, f := range commit.Files {
			found.Changed = append(found.Changed, f.GetFilename())
			if old := f.GetPreviousFilename(); old != "" {
				found.Changed = append(found.Changed, old)
			}
		}
		if options.Page = res.NextPage; options.Page == 0 {
			break
		}
	}
	found.All = options.Page != 0 || len(found.Changed) >= maxCommitFiles
	return found, nil
}

// MergedDiff returns the digest of what a merged pull request changed, as change.DiffDigest makes it, and whether all of
// its commits are by our user.
func (c *Client) MergedDiff(ctx context.Context, p forge.PullState) (diff string, own bool, err error) {
	doing := "reading what was merged as " + p.HeadSHA
	repository, err := c.repository(ctx)
	if err != nil {
		return "", false, c.fail(doing, readContents, err)
	}
	d, err := c.diff(ctx, p.BaseSHA, p.HeadSHA)
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
func (c *Client) OwnCommits(ctx context.Context, tip string) ([]forge.Commit, error) {
	options := &gh.CommitsListOptions{SHA: tip, ListOptions: gh.ListOptions{PerPage: pageSize}}
	var ours []forge.Commit
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
				ours = append(ours, forge.Commit{SHA: one.GetSHA(), URL: one.GetHTMLURL(), Message: text, At: one.GetCommit().GetCommitter().GetDate().UTC()})
			}
		}
		if options.Page = res.NextPage; options.Page == 0 || len(ours) > 0 {
			break
		}
	}
	return ours, nil
}
