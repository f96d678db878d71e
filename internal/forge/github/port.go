package github

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
)

// What a run asks of a forge, in the order in which it does: Client is a forge.Forge.
var _ forge.Forge = (*Client)(nil)

// Open reads the tip of the base branch and who we are.
func (c *Client) Open(ctx context.Context) (forge.Profile, error) {
	r, err := c.OpenRepository(ctx)
	if err == nil {
		err = c.distinct(r)
	}
	return forge.Profile{Repository: r.Name, Base: r.Base, BaseSHA: r.BaseSHA, Self: r.Self, Expires: r.Expires}, err
}

// distinct refuses a pull request's branch and a ledger that are the branch that is updated, or the repository's default
// one: the configuration may leave it to the forge which that is.
func (c *Client) distinct(r Repository) error {
	for _, base := range []string{r.Base, r.Default} {
		if err := (change.Refs{Base: base, Branch: c.config.Branch, Ledger: c.config.Ledger}).Check(); err != nil {
			return err
		}
	}
	return nil
}

// Propose publishes the branch and brings the pull request up to date. People are asked to look at one that was just opened,
// once: who was taken off stays off, and that they cannot be asked holds nothing up.
func (c *Client) Propose(ctx context.Context, set change.Set, text forge.PullText) (forge.Pull, error) {
	c.git.Know(text.Heads...)
	head, err := c.publish(ctx, set, c.clean(text.Message.String()), text.Branch)
	if err != nil {
		return forge.Pull{}, err
	}
	said := Text{Title: c.clean(text.Title), Body: c.clean(text.Body), Labels: text.Labels, New: head.Made}
	if !head.Changed {
		said.Base = set.Base
	}
	pull, made, err := c.PutPull(ctx, head.Branch, said)
	if err != nil {
		return forge.Pull{}, err
	}
	if err := c.explain(ctx, head.Foreign, pull.Number); err != nil {
		return forge.Pull{}, err
	}
	done := "unchanged"
	switch {
	case made:
		done = "opened"
		c.ask(ctx, pull.Number)
	case head.Changed:
		done = "updated"
	}
	out := forge.Pull{Number: pull.Number, URL: pull.URL, Branch: head.Branch, HeadSHA: head.SHA, Created: pull.Created, Done: done, Foreign: head.Foreign, Others: head.others}
	return out, nil
}

// clean removes secrets from what others are told.
func (c *Client) clean(text string) string {
	if c.config.Clean == nil {
		return text
	}
	return c.config.Clean(text)
}

// ask asks people to look at a pull request.
func (c *Client) ask(ctx context.Context, number int) {
	for _, err := range []error{c.AskReviewers(ctx, number, c.config.Reviewers), c.Assign(ctx, number, c.config.Assignees)} {
		if err != nil && c.config.Warn != nil {
			c.config.Warn(err)
		}
	}
}

// explain tells the people who pushed to branches of ours where the updates go on.
func (c *Client) explain(ctx context.Context, foreign []string, number int) error {
	if len(foreign) == 0 {
		return nil
	}
	open, err := c.FindOpen(ctx)
	if err != nil {
		return err
	}
	for _, p := range open {
		if !slices.Contains(foreign, p.Branch) {
			continue
		}
		text := fmt.Sprintf("Somebody pushed to this branch, so pawl leaves it alone. The updates go on in #%d.", number)
		if _, err := c.CommentOnce(ctx, p.Number, text); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw closes our open pull requests, but for those that somebody pushed to.
func (c *Client) Withdraw(ctx context.Context) ([]forge.PullState, error) {
	open, err := c.FindOpen(ctx)
	if err != nil {
		return nil, err
	}
	var closed []forge.PullState
	for _, p := range open {
		number := p.Number
		p, err := c.Close(ctx, p)
		if errors.Is(err, errSettled) { // the run has to look anew
			return closed, err
		}
		if errors.Is(err, forge.ErrMoved) || errors.Is(err, ErrForeign) {
			if _, err := c.Disarm(ctx, number); err != nil {
				return closed, err
			}
			continue
		}
		if err != nil {
			return closed, err
		}
		closed = append(closed, p)
	}
	return closed, nil
}
