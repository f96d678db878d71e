package github

import "strconv"

// json is the whole pull request. Rendering it counts as one read of its mergeability.
func (p *pull) json() obj {
	out := p.simpleJSON()
	now := p.read()
	additions, deletions, files := p.size()
	for name, value := range map[string]any{
		"additions": additions, "deletions": deletions, "changed_files": files, "commits": len(p.commits()),
		"comments": len(p.repo.commentsOn(p.number)), "review_comments": 0, "maintainer_can_modify": false,
		"merged": !p.merged.IsZero(), "merged_by": p.repo.server.userOrNil(p.mergedBy),
		"mergeable": now.mergeable(), "rebaseable": now.mergeable(), "mergeable_state": now.state,
	} {
		out[name] = value
	}
	return out
}

// text is the body, empty when none was given.
func (p *pull) text() string {
	if p.body == nil {
		return ""
	}
	return *p.body
}

// bodyJSON is null for a body that was not given, and empty for an empty one.
func (p *pull) bodyJSON() any {
	if p.body == nil {
		return nil
	}
	return *p.body
}

// madeJSON is the pull request at the moment in which it is made: nothing is computed yet.
func (p *pull) madeJSON() obj {
	out := p.json()
	for _, name := range []string{"merge_commit_sha", "mergeable", "rebaseable"} {
		out[name] = nil
	}
	out["mergeable_state"] = "unknown"
	return out
}

// shownCommit is the commit of the merge, and of the merge that GitHub tries while the pull request is open.
func (p *pull) shownCommit() string {
	if !p.open() {
		return p.mergeCommit
	}
	now := p.judge()
	if now.tree == "" {
		return ""
	}
	tried := webFlow(p.updated)
	sha, err := p.repo.store.putCommit(commit{tree: now.tree, parents: []string{p.baseSHA, p.headSHA}, author: tried, committer: tried,
		message: "Merge " + p.headSHA + " into " + p.baseSHA})
	if err != nil {
		return ""
	}
	return sha
}

func (p *pull) size() (additions, deletions, files int) {
	changes, err := p.changes()
	if err != nil {
		return 0, 0, 0
	}
	for _, change := range changes {
		additions, deletions = additions+change.additions, deletions+change.deletion
	}
	return additions, deletions, len(changes)
}

func (s *Server) userOrNil(login string) any {
	if login == "" {
		return nil
	}
	return s.userJSON(login)
}

// simpleJSON is the pull request as lists show it.
func (p *pull) simpleJSON() obj {
	r, number := p.repo, strconv.Itoa(p.number)
	self, issue := r.api("/pulls/"+number), r.api("/issues/"+number)
	html := r.web("/pull/" + number)
	return obj{
		"id": p.id, "node_id": p.nodeID(), "number": p.number, "state": p.state(), "locked": false, "draft": p.draft,
		"title": p.title, "body": p.bodyJSON(), "user": r.server.userJSON(p.by), "labels": p.labelsJSON(),
		"url": self, "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "issue_url": issue,
		"commits_url": self + "/commits", "review_comments_url": self + "/comments", "review_comment_url": r.api("/pulls/comments{/number}"),
		"comments_url": issue + "/comments", "statuses_url": r.api("/statuses/" + p.headSHA),
		"created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stampOrNil(p.closed), "merged_at": stampOrNil(p.merged),
		"merge_commit_sha": textOrNil(p.shownCommit()), "assignee": nil, "assignees": r.usersJSON(p.assignees), "milestone": nil, "active_lock_reason": nil,
		"requested_reviewers": r.usersJSON(p.reviewers), "requested_teams": []obj{}, "author_association": p.association(), "auto_merge": p.autoJSON(),
		"head": p.sideJSON(p.head, p.headRef, p.headSHA), "base": p.sideJSON(r, p.baseRef, p.baseSHA),
		"_links": obj{
			"self": link(self), "html": link(html), "issue": link(issue), "comments": link(issue + "/comments"),
			"review_comments": link(self + "/comments"), "review_comment": link(r.api("/pulls/comments{/number}")),
			"commits": link(self + "/commits"), "statuses": link(r.api("/statuses/" + p.headSHA)),
		},
	}
}

func link(href string) obj { return obj{"href": href} }

func (p *pull) nodeID() string { return nodeID("PR", p.repo.id, strconv.Itoa(p.number)) }

func (p *pull) sideJSON(r *Repo, branch, sha string) obj {
	return obj{
		"label": r.owner + ":" + branch, "ref": branch, "sha": sha, "user": r.server.userJSON(r.owner), "repo": r.json(),
	}
}

func (p *pull) association() string {
	switch {
	case p.by == p.repo.owner:
		return "OWNER"
	case p.head != p.repo:
		return "NONE"
	}
	return "COLLABORATOR"
}

func (p *pull) autoJSON() any {
	if p.auto == nil {
		return nil
	}
	return obj{
		"enabled_by": p.repo.server.userJSON(p.auto.by), "merge_method": p.auto.method,
		"commit_title": p.auto.title, "commit_message": p.auto.message,
	}
}
