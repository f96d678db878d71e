package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
)

// authors are who the commits are by: us where author and committer carry our address, else whoever is named. GitLab
// says nothing of who pushed, so this proves only what is foreign; what is ours is proved by the head and its bytes.
func authors(commits []git.Commit, me profile) []change.Commit {
	var all []change.Commit
	for _, one := range commits {
		by := me.Self
		for _, p := range []git.Person{one.Author, one.Committer} {
			if me.email == "" || !strings.EqualFold(p.Email, me.email) {
				by = change.Identity{Login: p.Name + " <" + p.Email + ">"}
			}
		}
		all = append(all, change.Commit{SHA: one.ID, Author: by})
	}
	return all
}

// mine reports whether everything on a branch was made by us.
func (c *Client) mine(ctx context.Context, _ string, commits []git.Commit) (bool, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return false, err
	}
	for _, one := range authors(commits, me) {
		if !me.Self.Is(one.Author) {
			return false, nil
		}
	}
	return true, nil
}

// commentOnce comments on a merge request, unless we already said the same there.
func (c *Client) commentOnce(ctx context.Context, number int, body string) error {
	me, err := c.profile(ctx)
	if err != nil {
		return err
	}
	notes, err := list[struct {
		Author *user  `json:"author"`
		Body   string `json:"body"`
	}](ctx, c, c.path("/merge_requests/%d/notes", number))
	if err != nil {
		return err
	}
	body = safeText(body)
	for _, one := range notes {
		if me.Self.Is(one.Author.identity()) && forge.SameText(one.Body, body) {
			return nil
		}
	}
	_, err = c.Once(ctx, http.MethodPost, c.path("/merge_requests/%d/notes", number), map[string]any{"body": body}, nil)
	return err
}

// ask asks people to look at a merge request; that they cannot be asked holds nothing up.
func (c *Client) ask(ctx context.Context, number int) {
	for field, names := range map[string][]string{"reviewer_ids": c.config.Reviewers, "assignee_ids": c.config.Assignees} {
		var ids []int64
		for _, name := range names {
			var found []user
			err := c.Get(ctx, "users?username="+url.QueryEscape(name), &found)
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("there is no user %s", name)
			}
			if err != nil {
				c.warn(fmt.Sprintf("asking %s to look at merge request %d", name, number), err)
				continue
			}
			ids = append(ids, found[0].ID)
		}
		if len(ids) > 0 {
			c.warn(fmt.Sprintf("asking people to look at merge request %d", number), c.update(ctx, number, map[string]any{field: ids}, nil))
		}
	}
}

func (c *Client) warn(doing string, err error) {
	if err != nil && c.config.Warn != nil {
		c.config.Warn(c.Fail(doing, err))
	}
}
