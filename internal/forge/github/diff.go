package github

import (
	"context"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
)

// webFlow is the user that GitHub commits as when it signs what was made through it.
const webFlow = "web-flow"

// diff is what a head has that the base has not.
type diff struct {
	mergeBase string
	commits   []change.Commit
	files     []change.File
	irregular []string
}

func (d diff) into(p change.PullRequest) change.PullRequest {
	p.Commits, p.Files, p.Irregular = d.commits, d.files, d.irregular
	return p
}

// by reports whether somebody stands for all commits.
func (d diff) by(self change.Identity) bool {
	for _, one := range d.commits {
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
		d, err = c.compare(inner, base, head)
		return err
	})
	group.Go(func() error {
		_, err := c.git.Entries(inner, head)
		return err
	})
	err := group.Wait()
	if err == nil {
		d.files, d.irregular, err = c.git.Changes(ctx, d.mergeBase, head)
	}
	return d, err
}

// compare reads the merge base and all commits, oldest first.
func (c *Client) compare(ctx context.Context, base, head string) (diff, error) {
	var d diff
	options := &gh.ListOptions{PerPage: pageSize}
	total := 0
	for range maxPages {
		page, res, err := c.api.Repositories.CompareCommits(ctx, c.owner, c.name, base, head, options)
		if err == nil {
			err = lacks(page.GetMergeBaseCommit().GetSHA() == "", "comparison")
		}
		if err != nil {
			return diff{}, err
		}
		total = page.GetTotalCommits()
		d.mergeBase = page.GetMergeBaseCommit().GetSHA()
		for _, one := range page.Commits {
			d.commits = append(d.commits, change.Commit{SHA: one.GetSHA(), Author: responsible(one)})
		}
		if options.Page = res.NextPage; options.Page == 0 {
			break
		}
	}
	if len(d.commits) < total { // what GitHub does not list may be anybody's
		d.commits = append(d.commits, change.Commit{})
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
