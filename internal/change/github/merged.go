package github

import (
	"context"
	"time"

	gh "github.com/google/go-github/v60/github"
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
