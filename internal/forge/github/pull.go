package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git/remote"
)

// Text is what a pull request says.
type Text struct {
	Title, Body string
	// Labels are worn besides those of the configuration.
	Labels []string
	// Base is the commit that the branch was made on before: a pull request is opened while the base is there. Empty is any.
	Base string
	// New reports that the branch was made a moment ago and cannot have a pull request yet.
	New bool
}

// FindOpen returns our open pull requests into the base, the newest first: made by our user, from a branch of ours in
// this very repository. Titles and bodies prove nothing and are not looked at. Only branches that exist can have one.
func (c *Client) FindOpen(ctx context.Context) ([]forge.PullState, error) {
	const doing = "looking for the open pull request"
	tips, err := c.git.Tips(ctx)
	if err != nil {
		return nil, c.fail(doing, readContents, err)
	}
	var all []forge.PullState
	for _, branch := range slices.Sorted(maps.Keys(tips.Branches)) {
		if !change.OwnBranch(c.config.Branch, branch) {
			continue
		}
		found, _, err := c.from(ctx, branch, "open", 1)
		if err != nil {
			return nil, c.fail(doing, readPulls, err)
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b forge.PullState) int { return b.Number - a.Number })
	return all, nil
}

// Recent returns a page of our pull requests from the configured branch, open or not, those that changed last first, and
// whether there are more pages. Pull requests of others cost nothing, however many there are.
func (c *Client) Recent(ctx context.Context, page int) (pulls []forge.PullState, more bool, err error) {
	pulls, more, err = c.from(ctx, c.config.Branch, "all", page)
	return pulls, more && page < maxPages, c.fail("looking for earlier pull requests", readPulls, err)
}

// Numbered returns pull requests by their numbers, with who merged them; those that do not exist, or that are open and not
// ours, are left out. The caller says that they were made by us: who that is may have changed since.
func (c *Client) Numbered(ctx context.Context, numbers ...int) ([]forge.PullState, error) {
	repository, err := c.repository(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*forge.PullState, len(numbers))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, number := range numbers {
		group.Go(func() error {
			p, _, err := c.api.PullRequests.Get(inner, c.owner, c.repo, number)
			if saidNo(err, http.StatusNotFound) {
				return nil
			}
			if err == nil {
				err = lacks(p.GetNumber() != number, "pull request")
			}
			if err != nil {
				return c.fail(fmt.Sprintf("reading pull request %d", number), readPulls, err)
			}
			if one := pull(p, repository.Self); c.isOurs(p, repository) || !one.At.IsZero() {
				found[i] = &one
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []forge.PullState
	for _, p := range found {
		if p != nil {
			all = append(all, *p)
		}
	}
	return all, nil
}

// from lists a page of our pull requests from one branch of the repository into the base, the newest first. An open one of
// somebody else is remembered: the branch is theirs.
func (c *Client) from(ctx context.Context, branch, state string, page int) (found []forge.PullState, more bool, err error) {
	repository, err := c.repository(ctx)
	if err != nil {
		return nil, false, err
	}
	owner, _, _ := strings.Cut(repository.Name, "/") // as it is called now
	listed, res, err := c.api.PullRequests.List(ctx, c.owner, c.repo, &gh.PullRequestListOptions{
		State: state, Head: owner + ":" + branch, Sort: "updated", Direction: "desc", ListOptions: gh.ListOptions{Page: page, PerPage: pageSize},
	})
	if err == nil {
		err = lacks(listed == nil || slices.Contains(listed, nil), "list of pull requests")
	}
	if err != nil {
		return nil, false, err
	}
	theirs := forge.PullState{}
	for _, p := range listed {
		one, here := pull(p, repository.Self), strings.EqualFold(p.GetHead().GetRepo().GetFullName(), repository.Name) && p.GetHead().GetRef() == branch
		switch {
		case c.isOurs(p, repository) && here && p.GetBase().GetRef() == repository.Base:
			found = append(found, one)
		case here && one.At.IsZero():
			theirs = one
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if page == 1 {
		delete(c.theirs, branch)
	}
	if theirs.Number > 0 {
		c.theirs[branch] = theirs
	}
	for _, p := range found {
		c.git.Know(p.HeadSHA)
		if p.Merged {
			c.merged[p.HeadSHA] = true
		}
	}
	slices.SortStableFunc(found, func(a, b forge.PullState) int { return b.Number - a.Number })
	return found, res.NextPage != 0, nil
}

// theirPull returns the open pull request of somebody else from a branch with a name of ours.
func (c *Client) theirPull(branch string) (forge.PullState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, found := c.theirs[branch]
	return p, found
}

func (c *Client) isOurs(p *gh.PullRequest, repository Repository) bool {
	author := change.Identity{ID: p.GetUser().GetID(), Login: p.GetUser().GetLogin()}
	return repository.Self.Is(author) && strings.EqualFold(p.GetHead().GetRepo().GetFullName(), repository.Name) &&
		change.OwnBranch(c.config.Branch, p.GetHead().GetRef())
}

// mergeQueue is the login of GitHub's merge queue, as far as all its spellings agree.
const mergeQueue = "github-merge-queue"

func pull(p *gh.PullRequest, self change.Identity) forge.PullState {
	found := forge.PullState{Number: p.GetNumber(), Branch: p.GetHead().GetRef(), HeadSHA: p.GetHead().GetSHA(), BaseSHA: p.GetBase().GetSHA(), Title: p.GetTitle(),
		Author: p.GetUser().GetLogin(), Body: p.GetBody(), URL: p.GetHTMLURL(), Created: p.GetCreatedAt().UTC(), At: p.GetClosedAt().UTC(),
		Merged: !p.GetMergedAt().IsZero(), SHA: p.GetMergeCommitSHA()}
	found.Says, _ = change.ParseMetadata(found.Body) // it may say nothing
	if found.Merged {
		found.At = p.GetMergedAt().UTC()
	}
	found.Withdrawn = !found.Merged && !found.At.IsZero() && forge.IsWithdrawn(found.Body)
	by := p.GetAutoMerge().GetEnabledBy()
	found.Armed = by != nil && self.Is(change.Identity{ID: by.GetID(), Login: by.GetLogin()})
	if by := p.MergedBy; found.Merged && by != nil {
		found.ByPawl = self.Is(change.Identity{ID: by.GetID(), Login: by.GetLogin()}) || strings.HasPrefix(by.GetLogin(), mergeQueue)
	}
	for _, l := range p.Labels {
		found.Labels = append(found.Labels, l.GetName())
	}
	return found
}

// PutPull opens the pull request of a branch, or brings the open one up to date, writing only what differs. made
// reports whether it is new.
func (c *Client) PutPull(ctx context.Context, branch string, text Text) (p forge.PullState, made bool, err error) {
	found := false
	if !text.New {
		if p, found, err = c.openOf(ctx, branch); err != nil {
			return forge.PullState{}, false, err
		}
		if !found && text.Base != "" { // it may have been merged a moment ago
			if err := c.stillBase(ctx, text.Base); err != nil {
				return forge.PullState{}, false, c.fail("opening a pull request of "+branch, readContents, err)
			}
		}
	}
	if !found {
		if p, made, err = c.create(ctx, branch, text); err != nil {
			return forge.PullState{}, false, err
		}
	}
	if p, err = c.update(ctx, p, text); err != nil {
		return p, made, err
	}
	return p, made, c.label(ctx, &p, slices.Concat(c.config.Labels, text.Labels))
}

func (c *Client) openOf(ctx context.Context, branch string) (forge.PullState, bool, error) {
	pulls, _, err := c.from(ctx, branch, "open", 1)
	if err != nil || len(pulls) == 0 {
		return forge.PullState{}, false, c.fail("looking for the open pull request", readPulls, err)
	}
	return pulls[0], true, nil
}

// create opens a pull request. Where GitHub has one already, made a moment ago or by a request whose answer got lost,
// that one is taken.
func (c *Client) create(ctx context.Context, branch string, text Text) (forge.PullState, bool, error) {
	repository, err := c.repository(ctx)
	if err != nil {
		return forge.PullState{}, false, err
	}
	p, _, cause := c.api.PullRequests.Create(ctx, c.owner, c.repo, &gh.NewPullRequest{
		Title: &text.Title, Body: &text.Body, Head: &branch, Base: &repository.Base,
	})
	if cause == nil {
		cause = lacks(p.GetNumber() == 0, "pull request")
	}
	if cause == nil {
		return pull(p, repository.Self), true, nil
	}
	if refusal(cause) == nil || saidNo(cause, http.StatusUnprocessableEntity) {
		if found, exists, err := c.openOf(ctx, branch); err == nil && exists {
			return found, false, nil
		}
	}
	if said := refusal(cause); said != nil && (has(said, "head invalid") || has(said, "no commits between") || has(said, "already exists")) {
		cause = forge.ErrMoved // another run merged or closed the pull request, or deleted the branch
	}
	return forge.PullState{}, false, c.fail("opening a pull request of "+branch, writePulls, cause)
}

func (c *Client) update(ctx context.Context, p forge.PullState, text Text) (forge.PullState, error) {
	if forge.SameLine(p.Title, text.Title) && forge.SameText(p.Body, text.Body) {
		return p, nil
	}
	now, _, err := c.api.PullRequests.Edit(ctx, c.owner, c.repo, p.Number, &gh.PullRequest{Title: &text.Title, Body: &text.Body})
	if err == nil && now.GetState() == "closed" {
		return p, c.fail(fmt.Sprintf("updating pull request %d", p.Number), writePulls, c.putBack(ctx, p))
	}
	p.Title, p.Body = text.Title, text.Body
	return p, c.fail(fmt.Sprintf("updating pull request %d", p.Number), writePulls, err)
}

// errSettled is a forge.ErrMoved: another run or a person merged or closed a pull request meanwhile.
var errSettled = fmt.Errorf("it was merged or closed meanwhile: %w", forge.ErrMoved)

// putBack has a pull request that was merged or closed meanwhile say what it said then: errSettled.
func (c *Client) putBack(ctx context.Context, p forge.PullState) error {
	_, _, err := c.api.PullRequests.Edit(ctx, c.owner, c.repo, p.Number, &gh.PullRequest{Title: &p.Title, Body: &p.Body})
	return cmp.Or(err, errSettled)
}

const closerQuery = `query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){pullRequest(number:$number){
timelineItems(last:1,itemTypes:[CLOSED_EVENT]){nodes{... on ClosedEvent{createdAt actor` + actorFields + `}}}}}}`

// closedByUs reports whether a pull request that was closed at a time was not closed by somebody else: closing a closed one is no error,
// and a person's no stands. GitHub may show events late; an earlier one says nothing.
func (c *Client) closedByUs(ctx context.Context, number int, at time.Time) (bool, error) {
	repository, err := c.repository(ctx)
	if err != nil {
		return false, err
	}
	var out struct {
		Repository struct {
			PullRequest struct {
				TimelineItems struct {
					Nodes []struct {
						CreatedAt time.Time
						Actor     *actor
					}
				}
			}
		}
	}
	if _, err := c.query(ctx, closerQuery, map[string]any{"owner": c.owner, "name": c.repo, "number": number}, &out); err != nil {
		return false, err
	}
	for _, one := range out.Repository.PullRequest.TimelineItems.Nodes {
		if one.CreatedAt.Equal(at) && !repository.Self.Is(one.Actor.identity()) {
			return false, nil
		}
	}
	return true, nil
}

func (c *Client) label(ctx context.Context, p *forge.PullState, wanted []string) error {
	missing := forge.MissingLabels(p.Labels, wanted)
	if len(missing) == 0 {
		return nil
	}
	_, _, err := c.api.Issues.AddLabelsToIssue(ctx, c.owner, c.repo, p.Number, missing)
	if err == nil {
		p.Labels = append(p.Labels, missing...)
	}
	return c.fail(fmt.Sprintf("labelling pull request %d", p.Number), writePulls, err)
}

// AskReviewers asks people, and teams as ORG/TEAM, to review a pull request.
func (c *Client) AskReviewers(ctx context.Context, number int, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var request gh.ReviewersRequest
	for _, name := range names {
		if _, team, ok := strings.Cut(name, "/"); ok {
			request.TeamReviewers = append(request.TeamReviewers, team)
		} else {
			request.Reviewers = append(request.Reviewers, name)
		}
	}
	_, _, err := c.api.PullRequests.RequestReviewers(ctx, c.owner, c.repo, number, request)
	err = c.fail(fmt.Sprintf("asking for reviews of pull request %d", number), writePulls, err)
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity {
		refused.Hint = "correct change.reviewers in .pawl.yaml: each has to be a collaborator, and not pawl's own user; for a team the token has to see the organization"
	}
	return err
}

// Assign assigns people to a pull request; GitHub passes over those who may not be assigned.
func (c *Client) Assign(ctx context.Context, number int, names []string) error {
	if len(names) == 0 {
		return nil
	}
	issue, _, err := c.api.Issues.AddAssignees(ctx, c.owner, c.repo, number, names)
	doing := fmt.Sprintf("assigning pull request %d", number)
	if err != nil {
		return c.fail(doing, writePulls, err)
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(issue.Assignees, func(u *gh.User) bool { return strings.EqualFold(u.GetLogin(), name) })
	})
	if len(missing) > 0 {
		return &Error{Doing: doing, Status: http.StatusCreated, Message: "left out " + strings.Join(missing, ", "), Hint: "correct change.assignees in .pawl.yaml: who is assigned needs write access"}
	}
	return nil
}

// Close closes a pull request of ours and deletes its branch, and returns how GitHub shows it then. It is ErrForeign, and
// nothing happens, when somebody else pushed to that; forge.ErrMoved when the branch moved since the pull request was read.
func (c *Client) Close(ctx context.Context, p forge.PullState) (forge.PullState, error) {
	doing := fmt.Sprintf("closing pull request %d", p.Number)
	if err := c.stillOurs(ctx, p); err != nil {
		return p, c.fail(doing, readContents, err)
	}
	body := forge.Withdrawn(p.Body)
	closed, _, err := c.api.PullRequests.Edit(ctx, c.owner, c.repo, p.Number, &gh.PullRequest{State: gh.String("closed"), Body: &body})
	ours := err == nil && !closed.GetMerged()
	if ours {
		ours, err = c.closedByUs(ctx, p.Number, closed.GetClosedAt().Time)
	}
	if err == nil && !ours {
		err = c.putBack(ctx, p)
	}
	if err != nil {
		return p, c.fail(doing, writePulls, err)
	}
	p.Withdrawn, p.At = true, closed.GetClosedAt().UTC()
	err = c.git.Push(ctx, nil, remote.Update{Ref: "refs/heads/" + p.Branch, Old: p.HeadSHA})
	if err != nil {
		err = c.refRefused("deleting "+p.Branch, "refs/heads/"+p.Branch, err)
	}
	return p, err
}

// stillOurs reports with an error that a pull request's branch moved, or holds commits of somebody else.
func (c *Client) stillOurs(ctx context.Context, p forge.PullState) error {
	repository, err := c.repository(ctx)
	if err != nil {
		return err
	}
	tips, err := c.git.Tips(ctx)
	switch tip := tips.Branches[p.Branch]; {
	case err != nil || tip == "":
		return err
	case tip != p.HeadSHA:
		return forge.ErrMoved
	}
	d, err := c.Compare(ctx, repository.BaseSHA, p.HeadSHA)
	if err == nil && !d.by(repository.Self) {
		return ErrForeign
	}
	return err
}

// CommentOnce comments on a pull request, unless we already said the same there. wrote reports whether it did.
func (c *Client) CommentOnce(ctx context.Context, number int, body string) (wrote bool, err error) {
	doing := fmt.Sprintf("commenting on pull request %d", number)
	said, err := c.said(ctx, number, body)
	if err != nil || said {
		return false, c.fail(doing, readPulls, err)
	}
	_, _, err = c.api.Issues.CreateComment(ctx, c.owner, c.repo, number, &gh.IssueComment{Body: &body})
	return err == nil, c.fail(doing, writePulls, err)
}

func (c *Client) said(ctx context.Context, number int, body string) (bool, error) {
	repository, err := c.repository(ctx)
	if err != nil {
		return false, err
	}
	options := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: pageSize}}
	for range maxPages {
		page, res, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, number, options)
		if err == nil {
			err = lacks(page == nil, "list of comments")
		}
		if err != nil {
			return false, err
		}
		for _, one := range page {
			by := change.Identity{ID: one.GetUser().GetID(), Login: one.GetUser().GetLogin()}
			if repository.Self.Is(by) && forge.SameText(one.GetBody(), body) {
				return true, nil
			}
		}
		if res.NextPage == 0 {
			break
		}
		options.Page = res.NextPage
	}
	return false, nil
}
