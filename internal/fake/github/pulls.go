package github

import (
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// pull is one pull request. While it is open its head is wherever its branch is.
type pull struct {
	repo               *Repo // of the base
	head               *Repo
	number             int
	id                 int64
	headRef, baseRef   string
	headSHA, baseSHA   string // as last followed
	title, by          string
	body               *string // nil: none was given
	draft              bool
	created, updated   time.Time
	closed, merged     time.Time
	closedBy, mergedBy string
	mergeCommit        string
	labels             []string
	reviewers          []string
	assignees          []string
	auto               *autoMerge
	queuedAt           time.Time // zero: not in the merge queue
	known              verdict
}

// autoMerge is an armed auto-merge.
type autoMerge struct {
	method, title, message, by string
	at                         time.Time
}

func (p *pull) open() bool { return p.closed.IsZero() }

func (p *pull) state() string {
	if p.open() {
		return "open"
	}
	return "closed"
}

// openPulls lists the open pull requests by number.
func (r *Repo) openPulls() []*pull {
	open := make([]*pull, 0, len(r.live))
	for _, p := range r.live {
		open = append(open, p)
	}
	sort.Slice(open, func(i, j int) bool { return open[i].number < open[j].number })
	return open
}

// followHeads lets open pull requests follow a branch that was moved, created or deleted.
func (s *Server) followHeads(moved *Repo, branch string, who Identity) {
	for _, r := range s.sorted(func(r *Repo) bool { return r.store == moved.store }) {
		for _, p := range r.openPulls() {
			if p.head == moved && p.headRef == branch {
				p.followHead(who)
			}
			if p.open() && r == moved && p.baseRef == branch {
				p.followBase(who)
			}
		}
	}
}

func (p *pull) followHead(who Identity) {
	now := p.repo.server.now()
	head := p.head.refs[headsPrefix+p.headRef]
	base := p.repo.refs[headsPrefix+p.baseRef]
	if head == "" || base == "" || p.repo.store.contains(base, head) {
		p.close(who.Login, now)
		return
	}
	p.headSHA, p.updated = head, now
	p.leaveQueue()
	p.repo.refs[p.hiddenRef()] = head
	if p.head != p.repo {
		p.repo.startChecks(head, who)
	}
}

// followBase also notices that the head has reached the base by another way: GitHub shows that as merged.
func (p *pull) followBase(who Identity) {
	base := p.repo.refs[headsPrefix+p.baseRef]
	if base == "" {
		p.close(who.Login, p.repo.server.now())
		return
	}
	if p.repo.store.contains(base, p.headSHA) {
		p.markMerged(p.headSHA, who.Login)
		return
	}
	p.baseSHA = base
}

func (p *pull) hiddenRef() string { return "refs/pull/" + strconv.Itoa(p.number) + "/head" }

func (p *pull) close(by string, now time.Time) {
	p.closed, p.updated, p.closedBy, p.auto = now, now, by, nil
	delete(p.repo.live, p.number)
	p.leaveQueue()
}

func (p *pull) markMerged(commit, by string) {
	now := p.repo.server.now()
	p.close(by, now)
	p.merged, p.mergedBy, p.mergeCommit = now, by, commit
}

// findHead reads "owner:branch" or "branch".
func (r *Repo) findHead(text string) (*Repo, string) {
	owner, branch, qualified := strings.Cut(text, ":")
	if !qualified {
		return r, text
	}
	if strings.EqualFold(owner, r.owner) {
		return r, branch
	}
	found := r.server.sorted(func(other *Repo) bool { return other.store == r.store && strings.EqualFold(other.owner, owner) })
	if len(found) == 0 {
		return nil, branch
	}
	return found[0], branch
}

type pullInput struct {
	Title, Head, Base string
	Body              *string
	Draft             bool
}

func createPull(c *context) reply {
	var in pullInput
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	if c.who.Actions && c.repo.settings.NoActionsPulls {
		return fail(http.StatusForbidden, "GitHub Actions is not permitted to create or approve pull requests.")
	}
	made, refused := c.repo.openPull(in, c.who)
	if refused != nil {
		return *refused
	}
	return created(made.madeJSON())
}

// openPull opens a pull request under GitHub's conditions.
func (r *Repo) openPull(in pullInput, who Identity) (*pull, *reply) {
	refuse := func(problems ...obj) (*pull, *reply) {
		refused := invalid(problems...)
		return nil, &refused
	}
	head, branch := r.findHead(in.Head)
	base := r.refs[headsPrefix+in.Base]
	switch {
	case in.Title == "":
		return refuse(obj{"resource": "PullRequest", "field": "title", "code": "missing_field"})
	case base == "":
		return refuse(field("PullRequest", "base", "invalid"))
	case head == nil || head.refs[headsPrefix+branch] == "":
		return refuse(field("PullRequest", "head", "invalid"))
	}
	for _, p := range r.openPulls() {
		if p.head == head && p.headRef == branch && p.baseRef == in.Base {
			return refuse(custom("A pull request already exists for " + head.owner + ":" + branch + "."))
		}
	}
	sha := head.refs[headsPrefix+branch]
	if r.store.contains(base, sha) {
		return refuse(custom("No commits between " + in.Base + " and " + in.Head))
	}
	return r.addPull(in, head, branch, who), nil
}

func (r *Repo) addPull(in pullInput, head *Repo, branch string, who Identity) *pull {
	r.last++
	now := r.server.now()
	p := &pull{
		repo: r, head: head, number: r.last, id: r.server.id(), headRef: branch, baseRef: in.Base,
		headSHA: head.refs[headsPrefix+branch], baseSHA: r.refs[headsPrefix+in.Base],
		title: in.Title, body: in.Body, by: who.Login, draft: in.Draft, created: now, updated: now,
	}
	r.pulls[p.number], r.live[p.number] = p, p
	r.refs[p.hiddenRef()] = p.headSHA
	r.dirty = true
	r.startChecks(p.headSHA, who)
	return p
}

// pull finds the pull request of the address.
func (c *context) pull() *pull {
	number, err := strconv.Atoi(c.vars["pull_number"] + c.vars["issue_number"])
	if err != nil {
		return nil
	}
	return c.repo.pulls[number]
}

func getPull(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	return ok(p.json())
}

func updatePull(c *context) reply {
	var in struct{ Title, Body, State, Base *string }
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	p := c.pull()
	switch {
	case p == nil:
		return notFound()
	case in.Title != nil && *in.Title == "":
		return invalid(field("PullRequest", "title", "missing_field"))
	case in.Base != nil && c.repo.refs[headsPrefix+*in.Base] == "":
		wrong := field("PullRequest", "base", "invalid")
		wrong["message"] = "Proposed base branch '" + *in.Base + "' was not found"
		return invalid(wrong)
	}
	if in.State != nil {
		if refused := p.setState(*in.State, c.who); refused != nil {
			return *refused
		}
	}
	p.edit(in.Title, in.Body, in.Base)
	return ok(p.json())
}

func (p *pull) edit(title, body, base *string) {
	p.updated = p.repo.server.now()
	if title != nil {
		p.title = *title
	}
	if body != nil {
		p.body = body
	}
	if base != nil {
		p.baseRef, p.baseSHA = *base, p.repo.refs[headsPrefix+*base]
	}
}

func (p *pull) setState(state string, who Identity) *reply {
	switch {
	case state == p.state():
		return nil
	case state == "closed":
		p.close(who.Login, p.repo.server.now())
		return nil
	case state != "open":
		refused := invalid(field("PullRequest", "state", "invalid"))
		return &refused
	}
	return p.reopen()
}

func (p *pull) reopen() *reply {
	head, base := p.head.refs[headsPrefix+p.headRef], p.repo.refs[headsPrefix+p.baseRef]
	if !p.merged.IsZero() || head == "" || base == "" || p.repo.store.contains(base, head) {
		refused := invalid(custom("state cannot be changed. The " + p.headRef + " branch has been deleted or merged."))
		return &refused
	}
	for _, other := range p.repo.openPulls() {
		if other.head == p.head && other.headRef == p.headRef && other.baseRef == p.baseRef {
			refused := invalid(custom("state cannot be changed. There is already an open pull request from " + p.headRef + "."))
			return &refused
		}
	}
	p.closed, p.closedBy, p.headSHA, p.baseSHA = time.Time{}, "", head, base
	p.repo.live[p.number] = p
	return nil
}

func isMerged(c *context) reply {
	p := c.pull()
	if p == nil || p.merged.IsZero() {
		return notFound()
	}
	return noContent()
}
