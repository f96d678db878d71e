package gitlab

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// pull is a merge request as the server shows it. SHA is the head that the server has noticed, which may be an older one
// than the branch's for a moment; Status is what keeps it from being merged.
type pull struct {
	Number    int       `json:"iid"`
	URL       string    `json:"web_url"`
	Title     string    `json:"title"`
	Body      string    `json:"description"`
	State     string    `json:"state"`
	Author    *user     `json:"author"`
	Draft     bool      `json:"draft"`
	Labels    []string  `json:"labels"`
	SHA       string    `json:"sha"`
	Branch    string    `json:"source_branch"`
	Target    string    `json:"target_branch"`
	From      int64     `json:"source_project_id"`
	Into      int64     `json:"target_project_id"`
	Status    string    `json:"detailed_merge_status"`
	Error     string    `json:"merge_error"`
	Armed     bool      `json:"merge_when_pipeline_succeeds"`
	Commit    string    `json:"merge_commit_sha"`
	Squashed  string    `json:"squash_commit_sha"`
	MergeUser *user     `json:"merge_user"`
	MergedBy  *user     `json:"merged_by"` // of servers before 14.7
	ClosedBy  *user     `json:"closed_by"`
	Created   time.Time `json:"created_at"`
	ClosedAt  time.Time `json:"closed_at"`
	MergedAt  time.Time `json:"merged_at"`
	Refs      *struct {
		Base string `json:"base_sha"`
	} `json:"diff_refs"`
	User struct {
		CanMerge *bool `json:"can_merge"`
	} `json:"user"`
}

func (p pull) merged() bool { return p.State == "merged" }

// open reports whether nothing is decided yet; a merge request that is being merged is locked.
func (p pull) open() bool { return p.State == "opened" || p.State == "locked" }

// landed is the commit on the base: a fast-forward has none of its own.
func (p pull) landed() string { return cmp.Or(p.Commit, p.Squashed, p.SHA) }

func (p pull) merger() change.Identity {
	if p.MergeUser != nil {
		return p.MergeUser.identity()
	}
	return p.MergedBy.identity()
}

// withdrawn reports whether we closed it: GitLab says who did; where it does not, our mark does.
func (p pull) withdrawn(self change.Identity) bool {
	if p.ClosedBy == nil {
		return forge.IsWithdrawn(p.Body)
	}
	return self.Is(p.ClosedBy.identity())
}

// from reports whether it comes from a branch with a name of ours in this very project into the base.
func (c *Client) from(p pull, me profile) bool {
	return p.From == me.ID && p.Into == me.ID && change.OwnBranch(c.config.Branch, p.Branch) && p.Target == me.Base
}

// ours reports whether our user opened it, from a branch of ours.
func (c *Client) ours(p pull, me profile) bool {
	return c.from(p, me) && me.Self.Is(p.Author.identity())
}

// complete is an error when the server left out what every merge request has.
func (p pull) complete() error {
	known := slices.Contains([]string{"opened", "closed", "merged", "locked"}, p.State)
	return rest.Lacks(p.Number == 0 || !known || p.SHA == "" || p.Author == nil, "merge request")
}

// state is a merge request in the words of the port.
func (p pull) state(self change.Identity) forge.PullState {
	s := forge.PullState{Number: p.Number, URL: p.URL, Branch: p.Branch, HeadSHA: p.SHA, Title: p.Title, Author: p.Author.identity().Login,
		Body: p.Body, Labels: p.Labels, Created: p.Created.UTC(), Merged: p.merged()}
	if p.Refs != nil {
		s.BaseSHA = p.Refs.Base
	}
	s.Says, _ = change.ParseMetadata(s.Body) // it may say nothing
	switch {
	case p.merged():
		s.At, s.SHA, s.ByPawl = p.MergedAt.UTC(), p.landed(), self.Is(p.merger())
	case !p.open():
		s.At, s.Withdrawn = p.ClosedAt.UTC(), p.withdrawn(self)
	}
	return s
}

// pull reads one. Only this shows what keeps it from being merged: a list may be hours old.
func (c *Client) pull(ctx context.Context, number int) (pull, error) {
	var p pull
	err := c.Get(ctx, c.path("/merge_requests/%d", number), &p)
	if err == nil {
		err = p.complete()
	}
	return p, err
}

// openPulls lists our open merge requests, the oldest first; open ones of somebody else from a branch with a name of ours
// are remembered: the branch is theirs.
func (c *Client) openPulls(ctx context.Context) ([]pull, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[pull](ctx, c, c.path("/merge_requests?state=opened&target_branch=%s", url.QueryEscape(me.Base)))
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
			theirs[p.Branch] = forge.OtherPull{Number: p.Number, URL: p.URL, Branch: p.Branch, Author: p.Author.Login}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.theirs = theirs
	slices.SortFunc(ours, func(a, b pull) int { return a.Number - b.Number })
	return ours, nil
}

// Recent is a page of our merge requests from the configured branch, those that changed last first.
func (c *Client) Recent(ctx context.Context, page int) ([]forge.PullState, bool, error) {
	const doing = "looking for earlier merge requests"
	me, err := c.profile(ctx)
	if err != nil {
		return nil, false, c.Fail(doing, err)
	}
	var all []pull
	res, err := c.Call(ctx, http.MethodGet, c.path("/merge_requests?state=all&order_by=updated_at&sort=desc&author_id=%d&per_page=50&page=%d", me.Self.ID, page), nil, &all)
	if err != nil {
		return nil, false, c.Fail(doing, err)
	}
	var ours []forge.PullState
	for _, p := range all {
		if err := p.complete(); err != nil {
			return nil, false, c.Fail(doing, err)
		}
		if c.ours(p, me) {
			ours = append(ours, p.state(me.Self))
		}
	}
	slices.SortStableFunc(ours, func(a, b forge.PullState) int { return b.Number - a.Number })
	return ours, res.Header.Get("X-Next-Page") != "" && page < maxPages, nil
}

// Numbered are merge requests by their numbers; those that do not exist any more are left out.
func (c *Client) Numbered(ctx context.Context, numbers ...int) ([]forge.PullState, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	tips, err := c.git.Tips(ctx)
	if err != nil {
		return nil, c.Fail("reading the branches", err)
	}
	var found []forge.PullState
	for _, number := range numbers {
		p, err := c.pull(ctx, number)
		if rest.SaidNo(err, http.StatusNotFound) {
			continue
		}
		if err != nil {
			return nil, c.Fail(fmt.Sprintf("reading merge request %d", number), err)
		}
		if tip := tips.Branches[p.Branch]; p.open() && tip != "" {
			p.SHA = tip // the server notices a push late
		}
		if c.ours(p, me) || !p.open() {
			found = append(found, p.state(me.Self))
		}
	}
	return found, nil
}

// put opens the merge request of a branch, or brings the open one up to date, writing only what differs.
func (c *Client) put(ctx context.Context, branch string, text forge.PullText) (p pull, made bool, err error) {
	labels := slices.Concat(c.config.Labels, text.Labels)
	p, found, err := c.openOf(ctx, branch)
	if err == nil && !found {
		p, made, err = c.create(ctx, branch, text, labels)
	}
	if err != nil {
		return pull{}, false, err
	}
	fields := map[string]any{}
	if !forge.SameLine(p.Title, text.Title) || !forge.SameText(p.Body, text.Body) {
		fields["title"], fields["description"] = text.Title, text.Body
	}
	if missing := forge.MissingLabels(p.Labels, labels); len(missing) > 0 {
		fields["add_labels"] = missing
	}
	if len(fields) > 0 {
		p, err = c.revise(ctx, p, fields, pull.open)
	}
	return p, made, err
}

// revise changes fields of a merge request that was open, after which it is as it should be. Where another run or a person merged or
// closed it meanwhile, it says again what it said then: it is forge.ErrMoved.
func (c *Client) revise(ctx context.Context, p pull, fields map[string]any, right func(pull) bool) (pull, error) {
	var out pull
	err := c.update(ctx, p.Number, fields, &out)
	if rest.SaidNo(err, http.StatusMethodNotAllowed) {
		if now, failed := c.pull(ctx, p.Number); failed == nil && !now.open() {
			return p, forge.ErrMoved
		}
	}
	if err != nil || right(out) {
		return out, err
	}
	before := map[string]any{"title": p.Title, "description": p.Body}
	if added, there := fields["add_labels"]; there {
		before["remove_labels"] = added
	}
	return p, cmp.Or(c.update(ctx, p.Number, before, nil), forge.ErrMoved)
}

// openOf returns our open merge request of a branch; the server keeps it to one.
func (c *Client) openOf(ctx context.Context, branch string) (pull, bool, error) {
	all, err := c.openPulls(ctx)
	at := slices.IndexFunc(all, func(p pull) bool { return p.Branch == branch })
	if err != nil || at < 0 {
		return pull{}, false, err
	}
	return all[at], true, nil
}

// createAttempts bounds how often the opening of a merge request is repeated whose answer got lost, or that failed at
// the server, while there is none.
const createAttempts = 3

func (c *Client) create(ctx context.Context, branch string, text forge.PullText, labels []string) (pull, bool, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return pull{}, false, err
	}
	fields := map[string]any{"source_branch": branch, "target_branch": me.Base, "title": text.Title, "description": text.Body,
		"labels": forge.MissingLabels(nil, labels), "remove_source_branch": false}
	for attempt := 1; ; attempt++ {
		var p pull
		_, cause := c.Once(ctx, http.MethodPost, c.path("/merge_requests"), fields, &p)
		if cause == nil {
			cause = p.complete()
		}
		first, found, err := c.openOf(ctx, branch)
		_, taken := c.theirPull(branch)
		switch {
		case err != nil:
			return pull{}, false, err
		case found:
			return first, cause == nil && first.Number == p.Number, nil
		case rest.SaidNo(cause, http.StatusConflict) && !taken || cause == nil:
			return pull{}, false, forge.ErrMoved // another run merged or closed it
		case attempt == createAttempts || rest.Said(cause) != nil && rest.Said(cause).Status < http.StatusInternalServerError:
			return pull{}, false, cause
		}
		if err := c.config.Sleep(ctx, time.Duration(attempt)*time.Second); err != nil {
			return pull{}, false, err
		}
	}
}

// update changes fields of a merge request.
func (c *Client) update(ctx context.Context, number int, fields map[string]any, into *pull) error {
	var out pull
	if _, err := c.Call(ctx, http.MethodPut, c.path("/merge_requests/%d", number), fields, &out); err != nil {
		return err
	}
	if into != nil {
		*into = out
	}
	return out.complete()
}

// close closes a merge request of ours with our mark. Its branch stays: deleting it would close the merge request by
// itself, later.
func (c *Client) close(ctx context.Context, p pull) (pull, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return pull{}, err
	}
	return c.revise(ctx, p, map[string]any{"state_event": "close", "description": forge.Withdrawn(p.Body)}, func(now pull) bool {
		return !now.open() && !now.merged() && now.withdrawn(me.Self) // closing a closed one is no error, and a person's no stands
	})
}
