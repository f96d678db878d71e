package github

import (
	"net/http"
	"slices"
	"strings"
)

// Organize makes an organization of an owner, who is a person otherwise.
func (s *Server) Organize(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organizations = append(s.organizations, strings.ToLower(owner))
	s.person(owner)
}

func (s *Server) organized(owner string) bool {
	return slices.Contains(s.organizations, strings.ToLower(owner))
}

// kindOf is the type of an owner.
func (s *Server) kindOf(who Identity) string {
	if s.organized(who.Login) {
		return "Organization"
	}
	return who.kind()
}

// repositories are those that fit, in the order that is asked for: by default the newest first where a listing can be sorted.
func (c *context) repositories(fits func(*Repo) bool) []*Repo {
	all := c.server.sorted(fits)
	if sort := c.query.Get("sort"); sort == "created" || sort == "" && strings.HasPrefix(c.req.URL.Path, "/orgs/") {
		slices.SortStableFunc(all, func(a, b *Repo) int { return int(b.id - a.id) })
		if c.query.Get("direction") == "asc" {
			slices.Reverse(all)
		}
	}
	return all
}

func owner(r *Repo, name string) bool { return strings.EqualFold(r.owner, name) }

// listOrganization lists what an organization has and the asker may see.
func listOrganization(c *context) reply {
	if !c.server.organized(c.vars["org"]) {
		return notFound()
	}
	return listed(c, c.repositories(func(r *Repo) bool { return owner(r, c.vars["org"]) && c.who.sees(r) }), (*Repo).minimal)
}

// listUser lists what everybody may see of what a person has; the organization's answer is the same.
func listUser(c *context) reply {
	if !slices.ContainsFunc(c.server.logins(), func(known string) bool { return strings.EqualFold(known, c.vars["username"]) }) {
		return notFound()
	}
	return listed(c, c.repositories(func(r *Repo) bool { return owner(r, c.vars["username"]) && !r.settings.Private }), (*Repo).minimal)
}

func (s *Server) logins() []string {
	var all []string
	for login := range s.users {
		all = append(all, login)
	}
	return all
}

// listMine lists all in which a person has a role.
func listMine(c *context) reply {
	if c.who.Login == "" || c.who.App || c.who.Actions {
		return forbidden(c.who)
	}
	return listed(c, c.repositories(c.who.has), (*Repo).json)
}

// listInstallation lists what an App's installation may access.
func listInstallation(c *context) reply {
	switch {
	case c.who.Login == "":
		return forbidden(c.who)
	case !c.who.App && !c.who.Actions:
		return fail(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	all := c.repositories(c.who.has)
	part := listed(c, all, (*Repo).json)
	part.body = obj{"total_count": len(all), "repository_selection": "selected", "repositories": part.body}
	return part
}

// minimal is a repository as the listings of others show it.
func (r *Repo) minimal() obj {
	out := r.json()
	out["permissions"] = obj{"admin": false, "maintain": false, "push": false, "triage": false, "pull": true}
	return out
}
