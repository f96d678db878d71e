package gitlab

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// profile is what a run has to know before it begins.
type profile struct {
	forge.Profile
	project
	// email is our user's, which our commits carry.
	email string
}

// project is the repository as GitLab describes it.
type project struct {
	ID          int64  `json:"id"`
	Path        string `json:"path_with_namespace"`
	MergeMethod string `json:"merge_method"`
	Squash      string `json:"squash_option"`
	// MustSucceed has GitLab demand a pipeline that succeeded, OrSkipped be content with one that was skipped.
	MustSucceed bool   `json:"only_allow_merge_if_pipeline_succeeds"`
	OrSkipped   bool   `json:"allow_merge_on_skipped_pipeline"`
	Trains      bool   `json:"merge_trains_enabled"`
	Archived    bool   `json:"archived"`
	Merging     string `json:"merge_requests_access_level"`
}

// allows reports whether the project merges by a method of ours.
func (p project) allows(method string) bool {
	switch method {
	case "squash":
		return p.Squash != "never"
	case "rebase":
		return p.Squash != "always" && p.MergeMethod == "ff"
	default:
		return p.Squash != "always" && p.MergeMethod != "ff"
	}
}

type user struct {
	ID          int64  `json:"id"`
	Login       string `json:"username"`
	Email       string `json:"email"`
	CommitEmail string `json:"commit_email"`
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
		return forge.Profile{}, &rest.Error{Forge: "gitlab", Doing: doing, Status: http.StatusNotFound, Message: "there is no branch " + p.Base,
			Hint: "name the branch that is updated: `forge: {base: NAME}`"}
	}
	return p.Profile, nil
}

func (c *Client) open(ctx context.Context) (profile, error) {
	var p profile
	var tips repository.Tips
	var self user
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return c.Get(inner, c.path(""), &p.project) })
	group.Go(func() (err error) {
		tips, err = c.git.Tips(inner)
		return err
	})
	if c.config.Token != "" {
		group.Go(func() error { return c.Get(inner, "user", &self) })
	}
	if err := group.Wait(); err != nil {
		return profile{}, err
	}
	if err := rest.Lacks(p.ID == 0 || p.Path == "" || c.config.Token != "" && self.Login == "", "project or user"); err != nil {
		return profile{}, err
	}
	switch {
	case p.Archived:
		return profile{}, &rest.Error{Forge: "gitlab", Doing: "opening " + p.Path, Message: "the project is archived", Hint: rest.Archived, Obstacle: forge.Archived}
	case p.Merging == "disabled":
		return profile{}, &rest.Error{Forge: "gitlab", Doing: "opening " + p.Path, Message: "the project has its merge requests turned off", Hint: "turn them on in its settings"}
	}
	p.Self, p.email = self.identity(), cmp.Or(self.CommitEmail, self.Email, self.Login+"@noreply."+c.Base.Hostname())
	p.Repository, p.Base, p.BaseSHA = p.Path, tips.Base, tips.BaseSHA
	for _, base := range []string{p.Base, tips.Default} {
		if err := (change.Refs{Base: base, Branch: c.config.Branch, Ledger: c.config.Ledger}).Check(); err != nil {
			return profile{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = p
	return p, nil
}

// profile returns what Open found, opening the project when nobody has.
func (c *Client) profile(ctx context.Context) (profile, error) {
	c.mu.Lock()
	p := c.opened
	c.mu.Unlock()
	if p.ID != 0 {
		return p, nil
	}
	return c.open(ctx)
}

// protected reports whether a rule of the project guards a branch.
func (c *Client) protected(ctx context.Context, name string) (bool, error) {
	var b struct {
		Name      string `json:"name"`
		Protected bool   `json:"protected"`
	}
	err := c.Get(ctx, c.path("/repository/branches/%s", url.PathEscape(name)), &b)
	if err == nil {
		err = rest.Lacks(b.Name != name, "branch")
	}
	return b.Protected, err
}
