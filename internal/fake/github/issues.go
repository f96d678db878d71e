package github

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// label is a label of the repository; one that is added for the first time is created.
type label struct {
	id   int64
	name string
}

func (r *Repo) label(name string) *label {
	key := strings.ToLower(name)
	if r.labels[key] == nil {
		r.labels[key] = &label{id: r.server.id(), name: name}
	}
	return r.labels[key]
}

func (r *Repo) labelJSON(name string) obj {
	l := r.label(name)
	return obj{
		"id": l.id, "node_id": nodeID("LA", r.id, l.name), "url": r.api("/labels/" + escapePath(l.name)), "name": l.name,
		"description": "", "color": "ededed", "default": false,
	}
}

func (p *pull) labelsJSON() []obj {
	out := make([]obj, 0, len(p.labels))
	for _, name := range p.labels {
		out = append(out, p.repo.labelJSON(name))
	}
	return out
}

func (p *pull) addLabels(names []string) {
	p.updated = p.repo.server.now()
	for _, name := range names {
		if known := p.repo.label(name).name; !slices.Contains(p.labels, known) {
			p.labels = append(p.labels, known)
		}
	}
}

func (p *pull) removeLabel(name string) bool {
	i := slices.IndexFunc(p.labels, func(have string) bool { return strings.EqualFold(have, name) })
	if i < 0 {
		return false
	}
	p.labels = slices.Delete(p.labels, i, i+1)
	return true
}

// labelNames reads {"labels": [...]}, the bare array, and both with objects instead of strings.
func (c *context) labelNames() ([]string, *reply) {
	var wrapped struct{ Labels []json.RawMessage }
	items := &wrapped.Labels
	if strings.HasPrefix(strings.TrimSpace(string(c.body)), "[") {
		if wrong := c.decode(items); wrong != nil {
			return nil, wrong
		}
	} else if wrong := c.decode(&wrapped); wrong != nil {
		return nil, wrong
	}
	names := make([]string, 0, len(*items))
	for _, item := range *items {
		name := labelName(item)
		if name == "" || len(name) > 50 {
			wrong := invalid(field("Label", "name", "invalid"))
			return nil, &wrong
		}
		names = append(names, name)
	}
	return names, nil
}

func labelName(item json.RawMessage) string {
	var name string
	if json.Unmarshal(item, &name) == nil {
		return name
	}
	var object struct{ Name string }
	if json.Unmarshal(item, &object) != nil {
		return ""
	}
	return object.Name
}

func listLabels(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	return listed(c, p.labels, c.repo.labelJSON)
}

func addLabels(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	names, wrong := c.labelNames()
	if wrong != nil {
		return *wrong
	}
	p.addLabels(names)
	return ok(p.labelsJSON())
}

func setLabels(c *context) reply {
	if p := c.pull(); p != nil {
		p.labels = nil
	}
	return addLabels(c)
}

func removeLabel(c *context) reply {
	p := c.pull()
	switch {
	case p == nil:
		return notFound()
	case !p.removeLabel(c.vars["name"]):
		return fail(http.StatusNotFound, "Label does not exist")
	}
	return ok(p.labelsJSON())
}

// comment is a comment on an issue or pull request.
type comment struct {
	id               int64
	number           int
	by, body         string
	created, updated time.Time
}

func (r *Repo) commentsOn(number int) []*comment {
	var found []*comment
	for _, one := range r.comments {
		if one.number == number {
			found = append(found, one)
		}
	}
	return found
}

func (r *Repo) addComment(number int, by, body string) *comment {
	now := r.server.now()
	made := &comment{id: r.server.id(), number: number, by: by, body: body, created: now, updated: now}
	r.comments = append(r.comments, made)
	return made
}

func (r *Repo) commentJSON(one *comment) obj {
	id, number := itoa(one.id), strconv.Itoa(one.number)
	return obj{
		"id": one.id, "node_id": nodeID("IC", r.id, id), "url": r.api("/issues/comments/" + id),
		"html_url": r.web("/pull/" + number + "#issuecomment-" + id), "issue_url": r.api("/issues/" + number),
		"user": r.server.userJSON(one.by), "body": one.body, "author_association": "COLLABORATOR",
		"created_at": stamp(one.created), "updated_at": stamp(one.updated),
	}
}

func listComments(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	return listed(c, c.repo.commentsOn(p.number), c.repo.commentJSON)
}

func (c *context) commentBody() (string, *reply) {
	var in struct{ Body string }
	if wrong := c.decode(&in); wrong != nil {
		return "", wrong
	}
	if in.Body == "" || len(in.Body) > 65536 {
		wrong := invalid(obj{"resource": "IssueComment", "field": "data", "code": "unprocessable", "message": "Body can not be blank or longer than 65536 characters"})
		return "", &wrong
	}
	return in.Body, nil
}

func createComment(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	body, wrong := c.commentBody()
	if wrong != nil {
		return *wrong
	}
	return created(c.repo.commentJSON(c.repo.addComment(p.number, c.who.Login, body)))
}

func updateComment(c *context) reply {
	body, wrong := c.commentBody()
	if wrong != nil {
		return *wrong
	}
	for _, one := range c.repo.comments {
		if itoa(one.id) == c.vars["comment_id"] {
			one.body, one.updated = body, c.server.now()
			return ok(c.repo.commentJSON(one))
		}
	}
	return notFound()
}
