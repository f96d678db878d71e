package github

import (
	"sort"
	"strings"
)

// listPulls knows the filters head, base and state, and the orders created and updated.
func listPulls(c *context) reply {
	state := c.query.Get("state")
	var found []*pull
	for _, p := range c.repo.pulls {
		if (state == "all" || state == p.state() || state == "" && p.open()) && c.wanted(p) {
			found = append(found, p)
		}
	}
	sort.Slice(found, c.pullOrder(found))
	return listed(c, found, (*pull).simpleJSON)
}

func (c *context) wanted(p *pull) bool {
	if base := c.query.Get("base"); base != "" && base != p.baseRef {
		return false
	}
	owner, branch, qualified := strings.Cut(c.query.Get("head"), ":")
	return !qualified || strings.EqualFold(owner, p.head.owner) && branch == p.headRef
}

func (c *context) pullOrder(found []*pull) func(i, j int) bool {
	newest := c.query.Get("sort") == "" && c.query.Get("direction") != "asc" || c.query.Get("direction") == "desc"
	return func(i, j int) bool {
		if newest {
			i, j = j, i
		}
		a, b := found[i], found[j]
		if c.query.Get("sort") == "updated" && !a.updated.Equal(b.updated) {
			return a.updated.Before(b.updated)
		}
		return a.number < b.number
	}
}

func listCommitPulls(c *context) reply {
	sha := c.vars["commit_sha"]
	var found []*pull
	for _, p := range c.repo.pulls {
		if p.mergeCommit == sha || p.headSHA == sha || contains(p.commits(), sha) {
			found = append(found, p)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].number < found[j].number })
	return listed(c, found, (*pull).simpleJSON)
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// commits are those of the pull request, newest first.
func (p *pull) commits() []string {
	return p.repo.store.relate(p.baseSHA, p.headSHA).ahead
}

// changes are what the head changed since it left the base.
func (p *pull) changes() ([]fileChange, error) {
	before := ""
	if base := p.repo.store.commits[p.repo.store.relate(p.baseSHA, p.headSHA).mergeBase]; base != nil {
		before = base.tree
	}
	return p.repo.store.diffTrees(before, p.repo.store.commits[p.headSHA].tree)
}

func listPullFiles(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	changes, err := p.changes()
	if err != nil {
		return broken(err)
	}
	return listed(c, changes, func(change fileChange) obj { return c.repo.fileJSON(p.headSHA, change) })
}

func listPullCommits(c *context) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	ids := p.commits()
	for i, j := 0, len(ids)-1; i < j; i, j = i+1, j-1 {
		ids[i], ids[j] = ids[j], ids[i]
	}
	return listed(c, ids, func(id string) obj { return c.repo.commitJSON(c.repo.store.commits[id]) })
}

func compare(c *context) reply {
	baseName, headName, found := strings.Cut(c.vars["basehead"], "...")
	base, head := c.repo.resolveAcross(baseName), c.repo.resolveAcross(headName)
	if !found || base == nil || head == nil {
		return notFound()
	}
	between := c.repo.store.relate(base.id, head.id)
	if between.mergeBase == "" {
		return fail(404, "No common ancestor between "+baseName+" and "+headName+".")
	}
	changes, err := c.repo.store.diffTrees(c.repo.store.commits[between.mergeBase].tree, head.tree)
	if err != nil {
		return broken(err)
	}
	commits := make([]obj, 0, len(between.ahead))
	for i := len(between.ahead) - 1; i >= 0; i-- {
		commits = append(commits, c.repo.commitJSON(c.repo.store.commits[between.ahead[i]]))
	}
	part, header := paged(c, commits, comparing, 250)
	basehead := escapePath(c.vars["basehead"])
	out := obj{
		"url": c.repo.api("/compare/" + basehead), "html_url": c.repo.web("/compare/" + basehead),
		"permalink_url": c.repo.web("/compare/" + base.id + "..." + head.id), "diff_url": c.repo.web("/compare/" + basehead + ".diff"),
		"patch_url": c.repo.web("/compare/" + basehead + ".patch"), "base_commit": c.repo.commitJSON(base),
		"merge_base_commit": c.repo.commitJSON(c.repo.store.commits[between.mergeBase]), "status": between.status(),
		"ahead_by": len(between.ahead), "behind_by": len(between.behind), "total_commits": len(commits), "commits": part,
	}
	if number(c.query.Get("page"), 1, 1<<20) == 1 {
		out["files"] = c.repo.filesJSON(head.id, changes)
	}
	return reply{status: 200, header: header, body: out}
}

// resolveAcross also reads "owner:branch" of a fork.
func (r *Repo) resolveAcross(name string) *commit {
	if repo, branch := r.findHead(name); repo != nil {
		return repo.resolve(branch)
	}
	return nil
}

func (r relation) status() string {
	switch {
	case len(r.ahead) > 0 && len(r.behind) > 0:
		return "diverged"
	case len(r.ahead) > 0:
		return "ahead"
	case len(r.behind) > 0:
		return "behind"
	}
	return "identical"
}
