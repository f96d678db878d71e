// Package catalog asks a forge which repositories there are: those of an owner, or those that a token is for, and what stands
// at their top. It is for people who make the list of a fleet; nothing that runs a profile asks it.
//
// It promises: a listing is read to its end or is an error; repositories that are made meanwhile shift no page; what is said of a
// name is not believed, for strangers choose names; and the token goes to the forge alone. What a repository is good for is
// decided by its caller.
package catalog

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/rest"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// MaxRepositories bounds a listing, which is an error when it is longer.
const MaxRepositories = 100_000

// MaxFile bounds a file that is read, in bytes.
const MaxFile = 1 << 20

// Config says which forge, and as whom.
type Config struct {
	HTTP *httpx.Client
	// Kind is github, gitea or gitlab; URL is the address of GitHub's API, else of the instance.
	Kind, URL string
	// Token is sent to the forge only; empty is anonymous.
	Token string
	// Clean removes secrets from texts.
	Clean func(text string) string
	// Now is the clock until the server tells its own.
	Now func() time.Time
}

// Client asks one forge. It is safe for concurrent use.
type Client struct {
	config Config
	speaks dialect
	*rest.Client
}

var _ forge.Catalog = (*Client)(nil)

// dialect is what differs between the forges.
type dialect interface {
	// list lists what the owner has, or what the token is for.
	list(ctx context.Context, q forge.Wanted) ([]listed, error)
	// top asks for the names at the top of a repository, file for a file there.
	top(ctx context.Context, repository string) ([]item, error)
	file(ctx context.Context, repository, name string) (content, error)
}

// listed is a repository as it comes; topics are nil where the forge does not say them, and was asked for one topic itself.
type listed struct {
	forge.Listed
	topics []string
}

// item is a file or a directory.
type item struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// content is a file.
type content struct {
	Type     string `json:"type"`
	Encoding string `json:"encoding"`
	Content  string `json:"content"`
}

// contents looks into repositories where the API is that of GitHub, or has its form.
type contents struct{ *Client }

func (c contents) top(ctx context.Context, repository string) (items []item, err error) {
	if err = c.Get(ctx, "repos/"+escape(repository)+"/contents/", &items); err == nil {
		err = rest.Lacks(items == nil, "names")
	}
	return items, err
}

func (c contents) file(ctx context.Context, repository, name string) (one content, err error) {
	err = c.Get(ctx, "repos/"+escape(repository)+"/contents/"+escape(name), &one)
	return one, err
}

// kinds are the forges.
var kinds = map[string]struct {
	name, api, scheme string
	dialect           func(c *Client) dialect
}{
	"github": {"GitHub", "", "Bearer", func(c *Client) dialect { return github{contents{c}} }},
	"gitea":  {"Gitea", "api/v1", "token", func(c *Client) dialect { return gitea{contents{c}} }},
	"gitlab": {"GitLab", "api/v4", "Bearer", func(c *Client) dialect { return gitlab{c} }},
}

// New returns a client that has not asked anything yet.
func New(c Config) (*Client, error) {
	kind, known := kinds[c.Kind]
	if !known {
		return nil, fmt.Errorf("configuring the forge: %q is none", c.Kind)
	}
	client := &Client{config: c}
	var err error
	client.Client, err = rest.New(rest.Config{
		HTTP: c.HTTP, URL: c.URL, API: kind.api, Name: kind.name, Token: c.Token, Scheme: kind.scheme, Clean: c.Clean, Now: c.Now,
		Advise: rest.Advice{Lacks: rest.LackedScope, Archived: func(*rest.Refusal) bool { return false }},
	})
	if err != nil {
		return nil, err
	}
	client.speaks = kind.dialect(client)
	return client, nil
}

// List returns the repositories that are wanted, by name, each once.
func (c *Client) List(ctx context.Context, q forge.Wanted) ([]forge.Listed, error) {
	all, err := c.speaks.list(ctx, q)
	if err != nil {
		return nil, c.fail("listing repositories", q.Owner, err)
	}
	var out []forge.Listed
	for _, one := range all {
		about := one.topics == nil || slices.ContainsFunc(one.topics, func(t string) bool { return strings.EqualFold(t, q.Topic) })
		if q.Topic == "" || about {
			out = append(out, one.Listed)
		}
	}
	slices.SortFunc(out, func(a, b forge.Listed) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(out, func(a, b forge.Listed) bool { return a.Name == b.Name }), nil
}

// Top returns the names at the top of the default branch, those of directories with a slash behind them; none where there is no
// branch, or none that the token may see.
func (c *Client) Top(ctx context.Context, repository string) ([]string, error) {
	items, err := c.speaks.top(ctx, repository)
	if rest.SaidNo(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, c.fail("looking into "+repository, repository, err)
	}
	names := make([]string, len(items))
	for i, one := range items {
		if names[i] = one.Name; one.Type == "dir" || one.Type == "tree" {
			names[i] += "/"
		}
	}
	return names, nil
}

// File returns a file at the top of the default branch.
func (c *Client) File(ctx context.Context, repository, name string) ([]byte, error) {
	doing := "reading " + name + " of " + repository
	one, err := c.speaks.file(ctx, repository, name)
	if err != nil {
		return nil, c.fail(doing, repository, err)
	}
	if one.Type != "" && one.Type != "file" || one.Encoding != "base64" {
		return nil, fmt.Errorf("%s: it is no file that can be read", doing)
	}
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(one.Content, "\n", ""))
	if err != nil || len(data) > MaxFile {
		return nil, fmt.Errorf("%s: it cannot be read, or is longer than %d bytes", doing, MaxFile)
	}
	return data, nil
}

// fail describes the failure of a step that is about an owner or a repository.
func (c *Client) fail(doing, about string, err error) error {
	err = c.Fail(doing, err)
	var e *rest.Error
	if !errors.As(err, &e) {
		return err
	}
	said, low := rest.Said(e.Err), (*httpx.Error)(nil)
	if about == "" {
		about = "the user of the token"
	}
	switch anonymous := c.config.Token == ""; {
	case said == nil && errors.As(e.Err, &low):
	case said == nil && e.Hint != "": // an answer that is none
		e.Hint = "something else than the forge's API may be answering: check the proxy and --url, and run again"
	case said == nil:
		e.Hint = fault.Hint(e.Err)
	case said.Moved != "":
		e.Hint = about + " has another name now"
	case rest.LackedScope(said) != "":
		e.Hint = "the token needs the scope " + rest.LackedScope(said)
	case said.Status == http.StatusUnauthorized && anonymous:
		e.Hint = "no token is named and the host wants one: name its variable with --token"
	case said.Status == http.StatusUnauthorized:
		e.Hint = "the token is unknown or expired: renew it"
	case said.Status == http.StatusForbidden:
		e.Hint = "the token may not do that: see what it is allowed to read"
	case said.Status == http.StatusNotFound && anonymous:
		e.Hint = about + " does not exist, or is private: name the variable with a token with --token"
	case said.Status == http.StatusNotFound:
		e.Hint = about + " does not exist, or the token cannot see it"
	}
	return err
}

// untold is an error about a listing that does not say topics, where the forge was not asked for one.
func untold(all []listed) error {
	return rest.Lacks(slices.ContainsFunc(all, func(one listed) bool { return one.topics == nil }), "topics of repositories")
}

// errEndless is a listing that is longer than any that can be meant.
func errEndless() error {
	return fault.New("name an owner, or a group that has fewer", "there are more than %d repositories", MaxRepositories)
}

// below reports whether a repository is the owner's, in a group below it as well.
func below(name, owner string) bool {
	return len(name) > len(owner) && strings.EqualFold(name[:len(owner)], owner) && name[len(owner)] == '/'
}

// query writes the parameters of a request, in their order.
func query(path string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		path += separator + pairs[i] + "=" + url.QueryEscape(pairs[i+1])
	}
	return path
}

// escape makes a path of a repository's.
func escape(repository string) string {
	parts := strings.Split(repository, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}
