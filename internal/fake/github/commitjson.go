package github

import "strings"

// resolve finds a commit by its id (also shortened to 7 or more digits), branch, tag or full ref.
func (r *Repo) resolve(name string) *commit {
	for _, ref := range []string{name, headsPrefix + name, "refs/tags/" + name, "refs/" + name} {
		if id := r.refs[ref]; id != "" {
			return r.store.commits[id]
		}
	}
	if name == "HEAD" {
		return r.store.commits[r.refs[headsPrefix+r.settings.DefaultBranch]]
	}
	if found := r.store.commits[name]; found != nil || len(name) < 7 || len(name) >= 40 {
		return found
	}
	for id, c := range r.store.commits {
		if strings.HasPrefix(id, name) {
			return c
		}
	}
	return nil
}

func (p person) json() obj {
	return obj{"name": p.name, "email": p.email, "date": stamp(p.when)}
}

func (r *Repo) verification(id string) obj {
	if !r.store.signed[id] {
		return obj{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil}
	}
	return obj{
		"verified": true, "reason": "valid", "signature": "-----BEGIN PGP SIGNATURE-----", "payload": "tree",
		"verified_at": stamp(r.store.commits[id].committer.when),
	}
}

func (r *Repo) treeLink(id string) obj { return obj{"sha": id, "url": r.api("/git/trees/" + id)} }

func (r *Repo) parentLinks(c *commit, below string) []obj {
	links := make([]obj, 0, len(c.parents))
	for _, id := range c.parents {
		links = append(links, obj{"sha": id, "url": r.api(below + id), "html_url": r.web("/commit/" + id)})
	}
	return links
}

// shown is a commit message as every answer of REST has it since 2013: without the white space at its end, which is
// in the commit all the same.
func shown(message string) string { return strings.TrimRight(message, " \t\r\n\v\f") }

// gitCommitJSON is the commit as the git API shows it.
func (r *Repo) gitCommitJSON(c *commit) obj {
	return obj{
		"sha": c.id, "node_id": nodeID("C", r.id, c.id), "url": r.api("/git/commits/" + c.id),
		"html_url": r.web("/commit/" + c.id), "author": c.author.json(), "committer": c.committer.json(),
		"tree": r.treeLink(c.tree), "message": shown(c.message), "parents": r.parentLinks(c, "/git/commits/"),
		"verification": r.verification(c.id),
	}
}

// commitJSON is the commit as the repository API shows it, without its files.
func (r *Repo) commitJSON(c *commit) obj {
	return obj{
		"sha": c.id, "node_id": nodeID("C", r.id, c.id), "url": r.api("/commits/" + c.id), "html_url": r.web("/commit/" + c.id),
		"comments_url": r.api("/commits/" + c.id + "/comments"), "parents": r.parentLinks(c, "/commits/"),
		"author": r.server.userOf(c.author), "committer": r.server.userOf(c.committer),
		"commit": obj{
			"author": c.author.json(), "committer": c.committer.json(), "message": shown(c.message), "comment_count": 0,
			"tree": r.treeLink(c.tree), "url": r.api("/git/commits/" + c.id), "verification": r.verification(c.id),
		},
	}
}

// userOf is the account that an e-mail address belongs to, or null.
func (s *Server) userOf(p person) any {
	if p.email == webFlow(p.when).email {
		return s.userJSON("web-flow")
	}
	for login, identity := range s.users {
		if identity.signature(p.when).email == p.email {
			return s.userJSON(login)
		}
	}
	return nil
}

func getCommit(c *context) reply {
	found := c.repo.resolve(c.vars["ref"])
	if found == nil {
		return unprocessable("No commit found for SHA: " + c.vars["ref"])
	}
	changes, err := c.repo.changesOf(found)
	if err != nil {
		return broken(err)
	}
	out := c.repo.commitJSON(found)
	additions, deletions := 0, 0
	for _, change := range changes {
		additions, deletions = additions+change.additions, deletions+change.deletion
	}
	out["stats"] = obj{"additions": additions, "deletions": deletions, "total": additions + deletions}
	out["files"] = c.repo.filesJSON(found.id, changes)
	return ok(out)
}

func (r *Repo) changesOf(c *commit) ([]fileChange, error) {
	before := ""
	if len(c.parents) > 0 {
		before = r.store.commits[c.parents[0]].tree
	}
	return r.store.diffTrees(before, c.tree)
}

func (r *Repo) filesJSON(head string, changes []fileChange) []obj {
	list := make([]obj, 0, len(changes))
	for _, change := range changes {
		list = append(list, r.fileJSON(head, change))
	}
	return list
}

func (r *Repo) fileJSON(head string, change fileChange) obj {
	id := change.after
	if id == "" {
		id = change.before
	}
	return obj{
		"sha": id, "filename": change.path, "status": change.status, "patch": change.patch,
		"additions": change.additions, "deletions": change.deletion, "changes": change.additions + change.deletion,
		"blob_url": r.web("/blob/" + head + "/" + escapePath(change.path)), "raw_url": r.web("/raw/" + head + "/" + escapePath(change.path)),
		"contents_url": r.api("/contents/" + escapePath(change.path) + "?ref=" + head),
	}
}

// history lists the first commits reachable from one, by generation.
func (r *Repo) history(from *commit, touching string) []*commit {
	var all []*commit
	seen := map[string]bool{from.id: true}
	frontier := []string{from.id}
	for len(frontier) > 0 {
		var id string
		id, frontier = r.store.newest(frontier)
		current := r.store.commits[id]
		if touching == "" || r.touches(current, touching) {
			all = append(all, current)
		}
		for _, parent := range current.parents {
			if !seen[parent] {
				seen[parent], frontier = true, append(frontier, parent)
			}
		}
	}
	return all
}

func (r *Repo) touches(c *commit, path string) bool {
	now, exists := r.store.find(c.tree, path)
	if len(c.parents) == 0 {
		return exists
	}
	before, _ := r.store.find(r.store.commits[c.parents[0]].tree, path)
	return before.id != now.id
}

func listCommits(c *context) reply {
	name := c.query.Get("sha")
	if name == "" {
		name = "HEAD"
	}
	from := c.repo.resolve(name)
	if from == nil {
		return notFound()
	}
	return listed(c, c.repo.history(from, c.query.Get("path")), c.repo.commitJSON)
}
