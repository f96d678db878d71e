package gitea

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// pull is a pull request as the server shows it.
type pull struct {
	Number    int       `json:"number"`
	URL       string    `json:"html_url"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	State     string    `json:"state"`
	User      *user     `json:"user"`
	Draft     bool      `json:"draft"`
	Merged    bool      `json:"merged"`
	Mergeable bool      `json:"mergeable"`
	Labels    []label   `json:"labels"`
	Head      end       `json:"head"`
	Base      end       `json:"base"`
	MergeBase string    `json:"merge_base"`
	Commit    string    `json:"merge_commit_sha"`
	MergedBy  *user     `json:"merged_by"`
	Created   time.Time `json:"created_at"`
	ClosedAt  time.Time `json:"closed_at"`
	MergedAt  time.Time `json:"merged_at"`
}

// end is one side of a pull request. Its Ref becomes another name when the branch is gone, its Label stays.
type end struct {
	Label        string `json:"label"`
	Ref          string `json:"ref"`
	SHA          string `json:"sha"`
	RepositoryID int64  `json:"repo_id"`
	Repository   *struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

func (e end) fullName() string {
	if e.Repository == nil {
		return ""
	}
	return e.Repository.FullName
}

type label struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func (p pull) open() bool { return p.State == "open" && !p.Merged }

func (p pull) labels() []string {
	var names []string
	for _, l := range p.Labels {
		names = append(names, l.Name)
	}
	return names
}

// from reports whether it comes from a branch with a name of ours in this very repository into the base.
func (c *Client) from(p pull, me profile) bool {
	return p.Head.RepositoryID == me.id && change.OwnBranch(c.config.Branch, p.Head.Label) && p.Base.Ref == me.Base
}

// ours reports whether our user opened it, from a branch of ours.
func (c *Client) ours(p pull, me profile) bool { return c.from(p, me) && me.Self.Is(p.User.identity()) }

// complete is an error when the server left out what every pull request has.
func (p pull) complete() error {
	return rest.Lacks(p.Number == 0 || p.State != "open" && p.State != "closed" || p.Head.SHA == "" || p.User == nil, "pull request")
}

// state is a pull request in the words of the port.
func (p pull) state(self change.Identity) forge.PullState {
	s := forge.PullState{Number: p.Number, URL: p.URL, Branch: p.Head.Label, HeadSHA: p.Head.SHA, BaseSHA: p.MergeBase, Title: p.Title,
		Author: p.User.identity().Login, Body: p.Body, Labels: p.labels(), Created: p.Created.UTC(), Merged: p.Merged}
	s.Says, _ = change.ParseMetadata(s.Body) // it may say nothing
	switch {
	case p.Merged:
		s.At, s.SHA, s.ByPawl = p.MergedAt.UTC(), p.Commit, self.Is(p.MergedBy.identity())
	case !p.open():
		s.At, s.Withdrawn = p.ClosedAt.UTC(), forge.IsWithdrawn(p.Body)
	}
	return s
}

// pull reads one.
func (c *Client) pull(ctx context.Context, number int) (pull, error) {
	var p pull
	err := c.Get(ctx, c.path("/pulls/%d", number), &p)
	if err == nil {
		err = p.complete()
	}
	return p, err
}

// openPulls lists our open pull requests, the oldest first: made by our user, from a branch of ours. Open ones of somebody
// else from such a branch are remembered: the branch is theirs. All are listed, for the server answers a filter by base with 404
// while it has not yet noticed the branch.
func (c *Client) openPulls(ctx context.Context) ([]pull, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[pull](ctx, c, c.path("/pulls?state=open&sort=recentupdate"))
	if err != nil {
		return nil, err
	}
	var ours []pull
	theirs := map[string]forge.OtherPull{}
	for _, p := range all {
		switch {
		case p.complete() != nil:
			return nil, p.complete()
		case c.ours(p, me):
			ours = append(ours, p)
		case c.from(p, me):
			theirs[p.Head.Label] = forge.OtherPull{Number: p.Number, URL: p.URL, Branch: p.Head.Label, Author: p.User.Login}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.theirs = theirs
	for _, p := range ours {
		c.git.Know(p.Head.SHA)
	}
	slices.SortFunc(ours, func(a, b pull) int { return a.Number - b.Number })
	return ours, nil
}

// Recent is a page of our pull requests from the configured branch, those that changed last first.
func (c *Client) Recent(ctx context.Context, page int) ([]forge.PullState, bool, error) {
	const doing = "looking for earlier pull requests"
	me, err := c.profile(ctx)
	if err != nil {
		return nil, false, c.Fail(doing, err)
	}
	var all []pull
	path := c.path("/pulls?state=all&sort=recentupdate&poster=%s&limit=%d&page=%d", url.QueryEscape(me.Self.Login), me.pageSize, page)
	if err := c.Get(ctx, path, &all); err != nil {
		return nil, false, c.Fail(doing, err)
	}
	var ours []forge.PullState
	for _, p := range all {
		if err := p.complete(); err != nil {
			return nil, false, c.Fail(doing, err)
		}
		if !c.ours(p, me) {
			continue
		}
		s, err := c.settled(ctx, p, me)
		if err != nil {
			return nil, false, c.Fail(doing, err)
		}
		c.git.Know(p.Head.SHA)
		ours = append(ours, s)
	}
	slices.SortStableFunc(ours, func(a, b forge.PullState) int { return b.Number - a.Number })
	return ours, len(all) == me.pageSize && page < maxPages, nil
}

// settled is the state of a pull request. One that is closed without our mark and without a person's doing was closed by
// the server, late, in our name: that is nobody's no. One whose commit is on the base is merged, whatever the server says.
func (c *Client) settled(ctx context.Context, p pull, me profile) (forge.PullState, error) {
	s := p.state(me.Self)
	if p.Merged {
		return s, nil
	}
	if p.open() {
		return c.unnoted(ctx, p, me)
	}
	if s.Withdrawn {
		as, err := c.marked(ctx, p)
		return mergedAs(s, as), err
	}
	closer, err := c.closer(ctx, p.Number)
	s.Withdrawn = err == nil && me.Self.Is(closer)
	return s, err
}

// Numbered are pull requests by their numbers; those that do not exist any more are left out.
func (c *Client) Numbered(ctx context.Context, numbers ...int) ([]forge.PullState, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	var found []forge.PullState
	for _, number := range numbers {
		p, err := c.pull(ctx, number)
		if rest.SaidNo(err, http.StatusNotFound) {
			continue
		}
		var s forge.PullState
		if err == nil {
			s, err = c.settled(ctx, p, me)
		}
		if err != nil {
			return nil, c.Fail(fmt.Sprintf("reading pull request %d", number), err)
		}
		if c.ours(p, me) || !p.open() {
			found = append(found, s)
		}
	}
	return found, nil
}

// put opens the pull request of a branch, or brings the open one up to date, writing only what differs. The server may
// open several for one branch when runs race: the oldest stays.
func (c *Client) put(ctx context.Context, branch string, text forge.PullText) (p pull, made bool, err error) {
	p, found, err := c.openOf(ctx, branch)
	if err == nil && !found {
		if p, made, err = c.create(ctx, branch, text); err != nil {
			return pull{}, false, err
		}
	}
	if err == nil {
		err = c.update(ctx, &p, text)
	}
	if err == nil {
		err = c.label(ctx, &p, slices.Concat(c.config.Labels, text.Labels))
	}
	return p, made, err
}

// openOf returns our open pull request of a branch, and closes those beside it.
func (c *Client) openOf(ctx context.Context, branch string) (pull, bool, error) {
	all, err := c.openPulls(ctx)
	if err != nil {
		return pull{}, false, err
	}
	all = slices.DeleteFunc(all, func(p pull) bool { return p.Head.Label != branch })
	if len(all) == 0 {
		return pull{}, false, nil
	}
	for _, other := range all[1:] {
		if _, err := c.close(ctx, other); err != nil {
			return pull{}, false, err
		}
	}
	return all[0], true, nil
}

func (c *Client) create(ctx context.Context, branch string, text forge.PullText) (pull, bool, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return pull{}, false, err
	}
	for attempt := 1; ; attempt++ {
		var p pull
		_, cause := c.Once(ctx, http.MethodPost, c.path("/pulls"), map[string]any{"title": text.Title, "body": text.Body, "head": branch, "base": me.Base}, &p)
		if cause == nil {
			cause = p.complete()
		}
		first, found, err := c.openOf(ctx, branch)
		switch {
		case err != nil:
			return pull{}, false, err
		case found:
			return first, cause == nil && first.Number == p.Number, nil
		case rest.SaidNo(cause, http.StatusNotFound) || rest.SaidNo(cause, http.StatusConflict) || cause == nil:
			return pull{}, false, forge.ErrMoved // another run merged or closed it, or the branch is gone
		case attempt == createAttempts || rest.Said(cause) != nil && rest.Said(cause).Status < http.StatusInternalServerError:
			return pull{}, false, cause
		}
		if err := c.config.Sleep(ctx, time.Duration(attempt)*time.Second); err != nil {
			return pull{}, false, err
		}
	}
}

// createAttempts bounds how often the opening of a pull request is repeated whose answer got lost, or that failed at the
// server, while there is none.
const createAttempts = 3

func (c *Client) update(ctx context.Context, p *pull, text forge.PullText) error {
	if forge.SameLine(p.Title, text.Title) && forge.SameText(p.Body, text.Body) {
		return nil
	}
	var out pull
	err := c.patch(ctx, p.Number, map[string]any{"title": text.Title, "body": text.Body}, &out)
	if err == nil && out.Number != 0 && !out.open() {
		return c.putBack(ctx, *p)
	}
	p.Title, p.Body = text.Title, text.Body
	return err
}

// putBack has a pull request, which another run or a person merged or closed meanwhile, say what it said then: forge.ErrMoved.
func (c *Client) putBack(ctx context.Context, p pull) error {
	return cmp.Or(c.patch(ctx, p.Number, map[string]any{"title": p.Title, "body": p.Body}, nil), forge.ErrMoved)
}

func (c *Client) patch(ctx context.Context, number int, fields map[string]any, into *pull) error {
	var out pull
	_, err := c.Call(ctx, http.MethodPatch, c.path("/pulls/%d", number), fields, &out)
	if into != nil {
		*into = out
	}
	if rest.SaidNo(err, http.StatusConflict) || rest.SaidNo(err, http.StatusPreconditionFailed) { // somebody else changed, merged or closed it
		return forge.ErrMoved
	}
	return err
}

// label adds the labels that are missing, making those that the repository does not know.
func (c *Client) label(ctx context.Context, p *pull, wanted []string) error {
	missing := forge.MissingLabels(p.labels(), wanted)
	if len(missing) == 0 {
		return nil
	}
	known, err := list[label](ctx, c, c.path("/labels"))
	if err != nil {
		return err
	}
	var ids []int64
	for _, name := range missing {
		at := slices.IndexFunc(known, func(l label) bool { return strings.EqualFold(l.Name, name) })
		if at < 0 {
			var made label
			if _, err := c.Once(ctx, http.MethodPost, c.path("/labels"), map[string]any{"name": name, "color": "#6f42c1"}, &made); err != nil {
				return err
			}
			known, at = append(known, made), len(known)
		}
		ids = append(ids, known[at].ID)
		p.Labels = append(p.Labels, known[at])
	}
	_, err = c.Call(ctx, http.MethodPost, c.path("/issues/%d/labels", p.Number), map[string]any{"labels": ids}, nil)
	return err
}

// close closes a pull request of ours with our mark. Its branch stays: the server closes pull requests late, by the name
// of a branch that was deleted, and would close the next one.
func (c *Client) close(ctx context.Context, p pull) (pull, error) {
	body := forge.Withdrawn(p.Body)
	var closed pull
	err := c.patch(ctx, p.Number, map[string]any{"state": "closed", "body": body}, &closed)
	if errors.Is(err, forge.ErrMoved) { // the server writes the text first, and then says that it is merged
		err = c.putBack(ctx, p)
	}
	if err != nil {
		return pull{}, err
	}
	me, err := c.profile(ctx)
	if err != nil {
		return pull{}, err
	}
	by, err := c.closer(ctx, p.Number)
	if err == nil && by != (change.Identity{}) && !me.Self.Is(by) { // closing a closed one is no error, and a person's no stands
		err = c.putBack(ctx, p)
	}
	if err != nil {
		return pull{}, err
	}
	return closed, closed.complete()
}
