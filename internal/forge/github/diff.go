package github

import (
	"context"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
)

// webFlow is the user that GitHub commits as when it signs what was made through it.
const webFlow = "web-flow"

// Comparison is what GitHub says of what a head has that a base has not.
type Comparison struct {
	// MergeBase is the newest commit that both have; Commits are the head's own, the oldest first. One that GitHub does not
	// list is nobody's.
	MergeBase string
	Commits   []change.Commit
}

// diff is that, with the files, which are git's.
type diff struct {
	Comparison
	files     []change.File
	irregular []string
}

func (d diff) into(p change.PullRequest) change.PullRequest {
	p.Commits, p.Files, p.Irregular = d.Commits, d.files, d.irregular
	return p
}

// by reports whether somebody stands for all commits.
func (d Comparison) by(self change.Identity) bool {
	for _, one := range d.Commits {
		if !self.Is(one.Author) {
			return false
		}
	}
	return true
}

// diff compares two commits as a pull request does: who stands for its commits is GitHub's to say, the files are git's.
func (c *Client) diff(ctx context.Context, base, head string) (diff, error) {
	var d diff
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		d.Comparison, err = c.Compare(inner, base, head)
		return err
	})
	group.Go(func() error {
		_, err := c.git.Entries(inner, head)
		return err
	})
	err := group.Wait()
	if err == nil {
		d.files, d.irregular, err = c.git.Changes(ctx, d.MergeBase, head)
	}
	return d, err
}

// Compare reads who stands for the commits that a head has and a base has not.
func (c *Client) Compare(ctx context.Context, base, head string) (Comparison, error) {
	var d Comparison
	options := &gh.ListOptions{PerPage: pageSize}
	total := 0
	for range maxPages {
		page, res, err := c.api.Repositories.CompareCommits(ctx, c.owner, c.repo, base, head, options)
		if err == nil {
			err = lacks(page.GetMergeBaseCommit().GetSHA() == "", "comparison")
		}
		if err != nil {
			return Comparison{}, err
		}
		total = page.GetTotalCommits()
		d.MergeBase = page.GetMergeBaseCommit().GetSHA()
		for _, one := range page.Commits {
			d.Commits = append(d.Commits, change.Commit{SHA: one.GetSHA(), Author: responsible(one)})
		}
		if options.Page = res.NextPage; options.Page == 0 {
			break
		}
	}
	if len(d.Commits) < total { // what GitHub does not list may be anybody's
		d.Commits = append(d.Commits, change.Commit{})
	}
	return d, nil
}

// responsible is who stands for a commit: the author, unless another person committed it, as an amended commit or a
// rebased one shows. Nobody known is nobody.
func responsible(c *gh.RepositoryCommit) change.Identity {
	author, committer := c.GetAuthor(), c.GetCommitter()
	if committer.GetID() == author.GetID() || committer.GetLogin() == webFlow {
		return change.Identity{ID: author.GetID(), Login: author.GetLogin()}
	}
	return change.Identity{ID: committer.GetID(), Login: committer.GetLogin()}
}
