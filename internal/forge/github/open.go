package github

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
)

// Repository is what a run has to know before it begins.
type Repository struct {
	// ID is the node id, Name OWNER/NAME as GitHub spells it.
	ID, Name string
	// Base is the branch that is updated, BaseSHA its tip; Default is the repository's default branch.
	Base, BaseSHA, Default string
	// Methods are the ways of merging that are allowed: squash, merge, rebase.
	Methods []string
	// AutoMerge reports whether pull requests may be told to merge by themselves.
	AutoMerge bool
	// Self is who the token stands for; unknown for an anonymous client.
	Self change.Identity
	// Expires is when the token does, zero when GitHub does not say.
	Expires time.Time
}

type target struct {
	Target struct{ Oid string }
}

func (t *target) oid() string {
	if t == nil {
		return ""
	}
	return t.Target.Oid
}

// settings are a repository's as GraphQL shows them.
type settings struct {
	ID, NameWithOwner                                          string
	SquashMergeAllowed, MergeCommitAllowed, RebaseMergeAllowed bool
	AutoMergeAllowed                                           bool
}

func (s settings) methods() []string {
	var methods []string
	for _, m := range []struct {
		name    string
		allowed bool
	}{{"squash", s.SquashMergeAllowed}, {"merge", s.MergeCommitAllowed}, {"rebase", s.RebaseMergeAllowed}} {
		if m.allowed {
			methods = append(methods, m.name)
		}
	}
	return methods
}

const settingsFields = `id nameWithOwner squashMergeAllowed mergeCommitAllowed rebaseMergeAllowed autoMergeAllowed`

// OpenRepository reads the repository, the tip of its base and the token's identity in one call. The identity is the GraphQL
// viewer, which is also there for the installation tokens of a GitHub App, whom `GET /user` refuses.
func (c *Client) OpenRepository(ctx context.Context) (Repository, error) {
	open := c.openAsViewer
	if c.config.Token == "" {
		open = c.openAnonymously
	}
	var found Repository
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found, err = open(inner)
		return err
	})
	if c.name() == c.config.Repository { // else git does not know it by that name before GitHub has said the new one
		group.Go(func() error {
			_ = c.git.Begin(inner) // what is wrong with the repository, the API says better; else the ledger is listed when it is read
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Repository{}, c.fail("opening "+c.config.Repository, readContents, err)
	}
	if found.BaseSHA == "" {
		return Repository{}, &Error{Doing: "opening " + c.config.Repository, Status: http.StatusNotFound,
			Message: "there is no branch " + found.Base, Hint: "name the branch that is updated: `forge: {base: NAME}`"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = found
	return found, nil
}

func (c *Client) openAsViewer(ctx context.Context) (Repository, error) {
	var out struct {
		Viewer     actor
		Repository struct {
			settings
			DefaultBranchRef *struct {
				Name string
				target
			}
			Ref *target
		}
	}
	variables := map[string]any{"owner": c.owner, "name": c.repo}
	declare, named := "", ""
	if c.config.Base != "" {
		variables["base"] = "refs/heads/" + c.config.Base
		declare, named = ",$base:String!", "ref(qualifiedName:$base){target{oid}}"
	}
	header, err := c.query(ctx, `query($owner:String!,$name:String!`+declare+`){viewer{login databaseId}
repository(owner:$owner,name:$name){`+settingsFields+` defaultBranchRef{name target{oid}} `+named+`}}`, variables, &out)
	if err != nil {
		return Repository{}, err
	}
	r := out.Repository
	if err := lacks(r.ID == "" || r.NameWithOwner == "" || out.Viewer.identity() == (change.Identity{}), "repository and viewer"); err != nil {
		return Repository{}, err
	}
	found := Repository{ID: r.ID, Name: r.NameWithOwner, Methods: r.methods(), AutoMerge: r.AutoMergeAllowed,
		Self: out.Viewer.identity(), Expires: expiry(header), Base: c.config.Base, BaseSHA: r.Ref.oid()}
	if r.DefaultBranchRef != nil {
		found.Default = r.DefaultBranchRef.Name
	}
	if found.Base == "" && r.DefaultBranchRef != nil {
		found.Base, found.BaseSHA = r.DefaultBranchRef.Name, r.DefaultBranchRef.oid()
	}
	return found, nil
}

func (c *Client) openAnonymously(ctx context.Context) (Repository, error) {
	r, _, err := c.api.Repositories.Get(ctx, c.owner, c.repo)
	if err == nil {
		err = lacks(r.GetFullName() == "" || r.GetDefaultBranch() == "", "repository")
	}
	if err != nil {
		return Repository{}, err
	}
	found := Repository{ID: r.GetNodeID(), Name: r.GetFullName(), Base: c.config.Base, Default: r.GetDefaultBranch()}
	if found.Base == "" {
		found.Base = r.GetDefaultBranch()
	}
	tips, err := c.git.Tips(ctx)
	found.BaseSHA = tips.BaseSHA
	return found, err
}

// expiry reads when the token expires; GitHub writes it in two ways.
func expiry(header http.Header) time.Time {
	text := header.Get("Github-Authentication-Token-Expiration")
	for _, layout := range []string{"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// repository returns what OpenRepository found, opening it when nobody has.
func (c *Client) repository(ctx context.Context) (Repository, error) {
	c.mu.Lock()
	found := c.opened
	c.mu.Unlock()
	if found.ID != "" {
		return found, nil
	}
	return c.OpenRepository(ctx)
}
