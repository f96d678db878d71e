package github

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// collaborator finds a person who may be asked for a review: the owner, and whoever is known to the server. GitHub knows more
// people than collaborators; those whom nobody enrolled are none.
func (r *Repo) collaborator(login string) (string, bool) {
	for known := range r.server.users {
		if strings.EqualFold(known, login) {
			return known, true
		}
	}
	return "", false
}

func requestReviewers(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	var in struct {
		Reviewers     []string `json:"reviewers"`
		TeamReviewers []string `json:"team_reviewers"`
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	var asked []string
	for _, login := range in.Reviewers {
		name, known := c.repo.collaborator(login)
		switch {
		case known && name == p.by:
			return unprocessable("Review cannot be requested from pull request author.")
		case !known:
			return unprocessable("Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the " + c.repo.owner + "/" + c.repo.name + " repository.")
		}
		asked = append(asked, name)
	}
	if len(in.TeamReviewers) > 0 { // this server has no teams
		return fail(http.StatusUnprocessableEntity, "Could not resolve to a node with the global id of '"+in.TeamReviewers[0]+"'.")
	}
	for _, name := range asked {
		if !slices.Contains(p.reviewers, name) {
			p.reviewers = append(p.reviewers, name)
		}
	}
	return created(p.simpleJSON())
}

// addAssignees passes over those who may not be assigned, as GitHub does.
func addAssignees(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	var in struct {
		Assignees []string `json:"assignees"`
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	for _, login := range in.Assignees {
		if name, known := c.repo.collaborator(login); known && !slices.Contains(p.assignees, name) {
			p.assignees = append(p.assignees, name)
		}
	}
	return created(p.issueJSON())
}

func (r *Repo) usersJSON(logins []string) []obj {
	out := make([]obj, 0, len(logins))
	for _, login := range logins {
		out = append(out, r.server.userJSON(login))
	}
	return out
}

// issueJSON is the pull request as an issue.
func (p *pull) issueJSON() obj {
	r, number := p.repo, strconv.Itoa(p.number)
	self, assignees := r.api("/issues/"+number), r.usersJSON(p.assignees)
	var first any
	if len(assignees) > 0 {
		first = assignees[0]
	}
	return obj{
		"id": p.id, "node_id": p.nodeID(), "number": p.number, "state": p.state(), "locked": false, "title": p.title, "body": p.bodyJSON(),
		"user": r.server.userJSON(p.by), "labels": p.labelsJSON(), "assignee": first, "assignees": assignees, "milestone": nil, "comments": 0,
		"url": self, "repository_url": r.api(""), "labels_url": self + "/labels{/name}", "comments_url": self + "/comments", "events_url": self + "/events",
		"html_url": r.web("/pull/" + number), "created_at": stamp(p.created), "updated_at": stamp(p.updated), "closed_at": stampOrNil(p.closed),
		"author_association": p.association(),
	}
}

// Asked returns who was asked to review a pull request, and who is assigned to it.
func (r *Repo) Asked(number int) (reviewers, assignees []string) {
	r.lock()
	defer r.unlock()
	for _, p := range r.pulls {
		if p.number == number {
			return slices.Clone(p.reviewers), slices.Clone(p.assignees)
		}
	}
	return nil, nil
}
