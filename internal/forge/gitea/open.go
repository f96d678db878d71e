package gitea

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// profile is what a run has to know before it begins.
type profile struct {
	forge.Profile
	// email is our user's, which our commits carry; id is the repository's.
	email    string
	id       int64
	pageSize int
	empty    bool            // the server has not noticed yet that there is a commit
	pulls    bool            // there may be pull requests
	allows   map[string]bool // the ways of merging
}

// maxPage is the longest page that is asked for; servers may allow less.
const maxPage = 50

type user struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Email string `json:"email"`
}

func (u *user) identity() change.Identity {
	if u == nil {
		return change.Identity{}
	}
	return change.Identity{ID: u.ID, Login: u.Login}
}

// Open reads the tip of the base branch and who we are.
func (c *Client) Open(ctx context.Context) (forge.Profile, error) {
	doing := "opening " + c.config.Repository
	p, err := c.open(ctx)
	if err != nil {
		return forge.Profile{}, c.Fail(doing, err)
	}
	if p.BaseSHA == "" {
		return forge.Profile{}, &rest.Error{Forge: "gitea", Doing: doing, Status: http.StatusNotFound, Message: "there is no branch " + p.Base,
			Hint: "name the branch that is updated: `forge: {base: NAME}`"}
	}
	return p.Profile, nil
}

func (c *Client) open(ctx context.Context) (profile, error) {
	p := profile{allows: map[string]bool{}}
	var tips repository.Tips
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return c.readRepository(inner, &p) })
	group.Go(func() (err error) {
		tips, err = c.git.Tips(inner)
		return err
	})
	var self user
	if c.config.Token != "" {
		group.Go(func() error { return c.Get(inner, "user", &self) })
	}
	group.Go(func() error {
		var settings struct {
			Max int `json:"max_response_items"`
		}
		err := c.Get(inner, "settings/api", &settings)
		p.pageSize = maxPage
		if settings.Max > 0 {
			p.pageSize = min(maxPage, settings.Max)
		}
		return err
	})
	if err := group.Wait(); err != nil {
		return profile{}, err
	}
	if c.config.Token != "" && self.Login == "" {
		return profile{}, rest.Lacks(true, "user")
	}
	if err := c.noticed(ctx, &p, tips.BaseSHA); err != nil {
		return profile{}, err
	}
	p.Self, p.email = self.identity(), cmp.Or(self.Email, self.Login+"@noreply."+c.Base.Hostname())
	p.Base, p.BaseSHA = tips.Base, tips.BaseSHA
	if err := c.distinct(p, tips.Default); err != nil {
		return profile{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = p
	return p, nil
}

func (c *Client) readRepository(ctx context.Context, p *profile) error {
	var r struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
		Squash   bool   `json:"allow_squash_merge"`
		Merge    bool   `json:"allow_merge_commits"`
		Rebase   bool   `json:"allow_rebase"`
		Empty    bool   `json:"empty"`
		Pulls    bool   `json:"has_pull_requests"`
	}
	if err := c.Get(ctx, c.path(""), &r); err != nil {
		return err
	}
	p.id, p.Repository, p.empty, p.pulls = r.ID, r.FullName, r.Empty, r.Pulls
	p.allows["squash"], p.allows["merge"], p.allows["rebase"] = r.Squash, r.Merge, r.Rebase
	return rest.Lacks(r.ID == 0 || r.FullName == "", "repository")
}

// noticed waits while the server calls a repository empty that has a base: a push is answered before it is digested, and
// an empty repository has no pull requests, not even none.
func (c *Client) noticed(ctx context.Context, p *profile, base string) error {
	for range 50 {
		if !p.empty || base == "" {
			break
		}
		if err := c.config.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		if err := c.readRepository(ctx, p); err != nil {
			return err
		}
	}
	if !p.pulls {
		return &rest.Error{Forge: "gitea", Doing: "opening " + p.Repository, Message: "the repository has its pull requests turned off", Hint: "turn them on in its settings"}
	}
	return nil
}

// distinct refuses a pull request's branch and a ledger that are the branch that is updated, or the repository's default
// one.
func (c *Client) distinct(p profile, defaultBranch string) error {
	for _, base := range []string{p.Base, defaultBranch} {
		if err := (change.Refs{Base: base, Branch: c.config.Branch, Ledger: c.config.Ledger}).Check(); err != nil {
			return err
		}
	}
	return nil
}

// profile returns what Open found, opening the repository when nobody has.
func (c *Client) profile(ctx context.Context) (profile, error) {
	c.mu.Lock()
	p := c.opened
	c.mu.Unlock()
	if p.id != 0 {
		return p, nil
	}
	return c.open(ctx)
}

// branch is a branch as the server describes it, with what it demands of a merge.
type branch struct {
	Name         string   `json:"name"`
	Protected    bool     `json:"protected"`
	EnableStatus bool     `json:"enable_status_check"`
	Contexts     []string `json:"status_check_contexts"`
}

// branch reads one that git shows. The server learns of a push after it has answered it; one that it does not know in ten
// seconds is gone again, and forge.ErrMoved says to look anew.
func (c *Client) branch(ctx context.Context, name string) (branch, error) {
	for range 50 {
		var b branch
		err := c.Get(ctx, c.path("/branches/%s", segments(name)), &b)
		switch {
		case err == nil:
			return b, rest.Lacks(b.Name != name, "branch")
		case !rest.SaidNo(err, http.StatusNotFound):
			return branch{}, err
		}
		if err := c.config.Sleep(ctx, 200*time.Millisecond); err != nil {
			return branch{}, err
		}
	}
	return branch{}, forge.ErrMoved
}

// segments escapes a name with slashes for a path.
func segments(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
