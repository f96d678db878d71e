package github

import (
	"context"
	"maps"
	"slices"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
)

// maxFiles is how many changed files are read; a diff beyond that is nobody's update of versions.
const maxFiles = 1000

// webFlow is the user that GitHub commits as when it signs what was made through it.
const webFlow = "web-flow"

// diff is what a head has that the base has not.
type diff struct {
	mergeBase string
	commits   []change.Commit
	// messages are those of the commits.
	messages  []string
	files     []change.File
	irregular []string
}

func (d diff) into(p change.PullRequest) change.PullRequest {
	p.Commits, p.Files, p.Irregular = d.commits, d.files, d.irregular
	return p
}

// diff compares two commits as a pull request does. The files come from the trees, which show modes, links and renames
// as they are and end at no three hundredth file, unlike GitHub's lists of changed files.
func (c *Client) diff(ctx context.Context, base, head string) (diff, error) {
	var d diff
	var after tree
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return c.compare(inner, base, head, &d) })
	group.Go(func() (err error) {
		after, err = c.tree(inner, head)
		return err
	})
	if err := group.Wait(); err != nil {
		return diff{}, err
	}
	before, err := c.tree(ctx, d.mergeBase)
	if err != nil {
		return diff{}, err
	}
	return d, c.fill(ctx, &d, before, after)
}

// compare reads the merge base and all commits, oldest first.
func (c *Client) compare(ctx context.Context, base, head string, into *diff) error {
	options := &gh.ListOptions{PerPage: pageSize}
	total := 0
	for range maxPages {
		page, res, err := c.api.Repositories.CompareCommits(ctx, c.owner, c.name, base, head, options)
		if err == nil {
			err = lacks(page.GetMergeBaseCommit().GetSHA() == "", "comparison")
		}
		if err != nil {
			return err
		}
		total = page.GetTotalCommits()
		into.mergeBase = page.GetMergeBaseCommit().GetSHA()
		for _, one := range page.Commits {
			into.commits = append(into.commits, change.Commit{SHA: one.GetSHA(), Author: responsible(one)})
			into.messages = append(into.messages, one.GetCommit().GetMessage())
		}
		if options.Page = res.NextPage; options.Page == 0 {
			break
		}
	}
	if len(into.commits) < total { // what GitHub does not list may be anybody's
		into.commits, into.messages = append(into.commits, change.Commit{}), append(into.messages, "")
	}
	return nil
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

// fill adds the files that differ; reading what is not known yet.
func (c *Client) fill(ctx context.Context, d *diff, before, after tree) error {
	paths := differing(before, after)
	var shas []string
	for i, p := range paths {
		old, now := before[p], after[p]
		switch {
		case i >= maxFiles, now.SHA == "", !now.Regular(), old.SHA != "" && old.Mode != now.Mode:
			d.irregular = append(d.irregular, p)
			continue
		case old.SHA != "":
			shas = append(shas, old.SHA)
		}
		shas = append(shas, now.SHA)
		d.files = append(d.files, change.File{Path: p})
	}
	blobs, err := c.readBlobs(ctx, shas)
	if err != nil {
		return err
	}
	for i, f := range d.files {
		if old := before[f.Path]; old.SHA != "" {
			d.files[i].Before = blobs[old.SHA]
		}
		d.files[i].After = blobs[after[f.Path].SHA]
	}
	return nil
}

// differing returns the paths of which the trees disagree, in order.
func differing(before, after tree) []string {
	paths := map[string]bool{}
	for p, e := range after {
		if before[p] != e {
			paths[p] = true
		}
	}
	for p := range before {
		if _, kept := after[p]; !kept {
			paths[p] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}
