package gitea

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
)

// event is one line of a pull request's timeline.
type event struct {
	Type string `json:"type"`
	User *user  `json:"user"`
}

// timeline is what happened to a pull request, the oldest first.
func (c *Client) timeline(ctx context.Context, number int) ([]event, error) {
	return list[event](ctx, c, c.path("/issues/%d/timeline", number))
}

// closer is who closed a pull request last.
func (c *Client) closer(ctx context.Context, number int) (change.Identity, error) {
	events, err := c.timeline(ctx, number)
	if err != nil {
		return change.Identity{}, err
	}
	for _, e := range slices.Backward(events) {
		if e.Type == "close" {
			return e.User.identity(), nil
		}
	}
	return change.Identity{}, nil
}

// pusher is somebody else than us who pushed to the branch of a pull request; nobody when there is none. It is the only
// thing at the server that proves who did: the author of a commit is whoever the commit names.
func (c *Client) pusher(ctx context.Context, number int, self change.Identity) (change.Identity, error) {
	events, err := c.timeline(ctx, number)
	if err != nil {
		return change.Identity{}, err
	}
	for _, e := range events {
		if e.Type == "pull_push" && !self.Is(e.User.identity()) {
			return stranger(e.User), nil
		}
	}
	return change.Identity{}, nil
}

// stranger is a user that is not us, though the server may not know who.
func stranger(u *user) change.Identity {
	if u == nil || u.Login == "" {
		return change.Identity{Login: "somebody"}
	}
	return u.identity()
}

// authors are who the commits are by: us where author and committer carry our address, else whoever is named.
func authors(commits []git.Commit, me profile) []change.Commit {
	var all []change.Commit
	for _, one := range commits {
		by := me.Self
		for _, p := range []git.Person{one.Author, one.Committer} {
			if !strings.EqualFold(p.Email, me.email) || me.email == "" {
				by = change.Identity{Login: p.Name + " <" + p.Email + ">"}
			}
		}
		all = append(all, change.Commit{SHA: one.ID, Author: by})
	}
	return all
}

// mine reports whether everything on a branch was made by us, and pushed by us as far as its open pull request shows.
func (c *Client) mine(ctx context.Context, branch string, commits []git.Commit) (bool, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(authors(commits, me), func(a change.Commit) bool { return !me.Self.Is(a.Author) }) {
		return false, nil
	}
	open, err := c.openPulls(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range open {
		if p.Head.Label != branch {
			continue
		}
		if who, err := c.pusher(ctx, p.Number, me.Self); err != nil || who != (change.Identity{}) {
			return false, err
		}
	}
	return true, nil
}

// commentOnce comments on a pull request, unless we already said the same there.
func (c *Client) commentOnce(ctx context.Context, number int, body string) error {
	me, err := c.profile(ctx)
	if err != nil {
		return err
	}
	var comments []struct {
		User *user  `json:"user"`
		Body string `json:"body"`
	}
	if err := c.Get(ctx, c.path("/issues/%d/comments", number), &comments); err != nil {
		return err
	}
	for _, one := range comments {
		if me.Self.Is(one.User.identity()) && forge.SameText(one.Body, body) {
			return nil
		}
	}
	_, err = c.Once(ctx, http.MethodPost, c.path("/issues/%d/comments", number), map[string]any{"body": body}, nil)
	return err
}

// ask asks people to look at a pull request; that they cannot be asked holds nothing up.
func (c *Client) ask(ctx context.Context, number int) {
	var people, teams []string
	for _, name := range c.config.Reviewers {
		if _, team, ok := strings.Cut(name, "/"); ok {
			teams = append(teams, team)
		} else {
			people = append(people, name)
		}
	}
	if len(people)+len(teams) > 0 {
		_, err := c.Call(ctx, http.MethodPost, c.path("/pulls/%d/requested_reviewers", number), map[string]any{"reviewers": people, "team_reviewers": teams}, nil)
		c.warn(fmt.Sprintf("asking for reviews of pull request %d", number), err)
	}
	if len(c.config.Assignees) > 0 {
		c.warn(fmt.Sprintf("assigning pull request %d", number), c.patch(ctx, number, map[string]any{"assignees": c.config.Assignees}, nil))
	}
}

func (c *Client) warn(doing string, err error) {
	if err != nil && c.config.Warn != nil {
		c.config.Warn(c.Fail(doing, err))
	}
}
