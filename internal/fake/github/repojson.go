package github

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// nodeID is a global node id that tells its kind, repository and key.
func nodeID(kind string, repo int64, key string) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d:%s", repo, key))
}

// parseNodeID undoes nodeID.
func parseNodeID(id string) (kind string, repo int64, key string, ok bool) {
	kind, text, found := strings.Cut(id, "_")
	data, err := base64.RawURLEncoding.DecodeString(text)
	if !found || err != nil {
		return "", 0, "", false
	}
	number, key, found := strings.Cut(string(data), ":")
	repo, err = strconv.ParseInt(number, 10, 64)
	return kind, repo, key, found && err == nil
}

func (s *Server) userJSON(login string) obj {
	who := s.person(login)
	self := s.options.API + "/users/" + escapePath(login)
	out := obj{
		"login": login, "id": who.id, "node_id": nodeID("U", 0, login), "gravatar_id": "", "url": self,
		"avatar_url": s.options.Web + "/avatars/" + itoa(who.id), "html_url": s.options.Web + "/" + escapePath(login),
		"type": s.kindOf(who), "site_admin": false, "user_view_type": "public",
		"following_url": self + "/following{/other_user}", "gists_url": self + "/gists{/gist_id}",
		"starred_url": self + "/starred{/owner}{/repo}", "organizations_url": self + "/orgs", "events_url": self + "/events{/privacy}",
	}
	for _, name := range []string{"followers", "subscriptions", "repos", "received_events"} {
		out[name+"_url"] = self + "/" + name
	}
	return out
}

func getUser(c *context) reply {
	if c.who.Login == "" || c.who.App || c.who.Actions {
		return forbidden(c.who)
	}
	out := c.server.userJSON(c.who.Login)
	for _, name := range []string{"bio", "blog", "company", "email", "hireable", "location"} {
		out[name] = nil
	}
	out["name"] = c.who.displayName()
	for _, name := range []string{"followers", "following", "public_gists", "public_repos"} {
		out[name] = 0
	}
	out["created_at"], out["updated_at"] = "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
	return ok(out)
}

func getRepo(c *context) reply {
	out := c.repo.json()
	for name, value := range map[string]any{
		"network_count": 0, "subscribers_count": 0, "has_discussions": false, "template_repository": nil,
		"allow_auto_merge": c.repo.settings.AutoMerge, "delete_branch_on_merge": c.repo.settings.DeleteBranchOnMerge,
		"allow_squash_merge": !c.repo.settings.NoSquash, "allow_merge_commit": !c.repo.settings.NoMergeCommit,
		"allow_rebase_merge": !c.repo.settings.NoRebase, "allow_update_branch": false,
	} {
		out[name] = value
	}
	return ok(out)
}

// json is the repository as it is shown inside other answers, too.
func (r *Repo) json() obj {
	open := len(r.openPulls())
	out := obj{
		"id": r.id, "node_id": nodeID("R", r.id, ""), "name": r.name, "full_name": r.FullName(), "description": nil,
		"owner": r.server.userJSON(r.owner), "private": r.settings.Private, "fork": r.parent != nil, "visibility": r.visibility(),
		"url": r.api(""), "html_url": r.web(""), "default_branch": r.settings.DefaultBranch, "archived": r.settings.Archived, "disabled": r.settings.Disabled,
		"topics":    append([]string{}, r.settings.Topics...),
		"clone_url": r.web(".git"), "git_url": "git:" + strings.TrimPrefix(r.web(".git"), "https:"), "svn_url": r.web(""),
		"ssh_url": "git@github.com:" + r.FullName() + ".git", "mirror_url": nil, "homepage": nil, "language": nil, "license": nil,
		"has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false, "has_downloads": true,
		"forks": 0, "forks_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0, "size": len(r.store.order),
		"open_issues": open, "open_issues_count": open,
		"created_at": stamp(r.created), "updated_at": stamp(r.created), "pushed_at": stamp(r.created),
	}
	for name, path := range repoLinks() {
		out[name+"_url"] = r.api("/" + path)
	}
	return out
}

func (r *Repo) visibility() string {
	if r.settings.Private {
		return "private"
	}
	return "public"
}

// repoLinks are the addresses that GitHub lists with every repository.
func repoLinks() map[string]string {
	links := map[string]string{
		"archive": "{archive_format}{/ref}", "assignees": "assignees{/user}", "blobs": "git/blobs{/sha}",
		"branches": "branches{/branch}", "collaborators": "collaborators{/collaborator}", "comments": "comments{/number}",
		"commits": "commits{/sha}", "compare": "compare/{base}...{head}", "contents": "contents/{+path}",
		"git_commits": "git/commits{/sha}", "git_refs": "git/refs{/sha}", "git_tags": "git/tags{/sha}",
		"issue_comment": "issues/comments{/number}", "issue_events": "issues/events{/number}", "issues": "issues{/number}",
		"keys": "keys{/key_id}", "labels": "labels{/name}", "milestones": "milestones{/number}",
		"notifications": "notifications{?since,all,participating}", "pulls": "pulls{/number}", "releases": "releases{/id}",
		"statuses": "statuses/{sha}", "trees": "git/trees{/sha}",
	}
	for _, plain := range []string{
		"contributors", "deployments", "downloads", "events", "forks", "hooks", "languages", "merges", "stargazers",
		"subscribers", "subscription", "tags", "teams",
	} {
		links[plain] = plain
	}
	return links
}
