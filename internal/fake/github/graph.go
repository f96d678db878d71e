package github

import (
	"fmt"
	"strconv"
	"strings"
)

// queryRoot is where queries start.
func (c *context) queryRoot() *node {
	return &node{"Query", map[string]resolver{
		"viewer":     plain(c.server.viewerNode(c.who.Login)),
		"repository": c.findRepository,
		"node":       c.findNode,
		"rateLimit": lazy(func() any {
			limit, used, reset := c.server.limitOf(c.who.Login, graphQL)
			return &node{"RateLimit", map[string]resolver{
				"limit": plain(limit), "used": plain(used), "remaining": plain(limit - used), "cost": plain(1), "resetAt": plain(stamp(reset)),
			}}
		}),
	}}
}

func (c *context) findRepository(args map[string]any) (any, *queryError) {
	name := fmt.Sprint(args["owner"]) + "/" + fmt.Sprint(args["name"])
	for _, known := range []map[string]*Repo{c.server.repos, c.server.renamed} {
		if r := known[strings.ToLower(name)]; r != nil {
			return r.node(), nil
		}
	}
	return nil, &queryError{"NOT_FOUND", fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", name)}
}

func (c *context) findNode(args map[string]any) (any, *queryError) {
	id := fmt.Sprint(args["id"])
	if p := c.server.pullByID(id); p != nil {
		return p.node(), nil
	}
	if kind, number, _, ok := parseNodeID(id); ok && kind == "R" {
		for _, r := range c.server.repos {
			if r.id == number {
				return r.node(), nil
			}
		}
	}
	return nil, unresolved(id)
}

func unresolved(id string) *queryError {
	return &queryError{"NOT_FOUND", fmt.Sprintf("Could not resolve to a node with the global id of '%s'", id)}
}

func (s *Server) pullByID(id string) *pull {
	kind, repo, key, ok := parseNodeID(id)
	number, err := strconv.Atoi(key)
	if !ok || kind != "PR" || err != nil {
		return nil
	}
	for _, r := range s.repos {
		if r.id == repo {
			return r.pulls[number]
		}
	}
	return nil
}

// viewerNode is who asks. Unlike elsewhere in the graph, the login of an App or of a workflow ends in [bot].
func (s *Server) viewerNode(login string) *node {
	n := s.actorNode(login)
	if n != nil {
		n.fields["login"] = plain(login)
	}
	return n
}

func (s *Server) actorNode(login string) *node {
	if login == "" {
		return nil
	}
	who := s.person(login)
	return &node{who.kind(), map[string]resolver{
		"login": plain(strings.TrimSuffix(login, "[bot]")), "id": plain(nodeID("U", 0, login)), "databaseId": plain(who.id),
		"url": plain(s.options.Web + "/" + escapePath(login)),
	}}
}

func (r *Repo) node() *node {
	return &node{"Repository", map[string]resolver{
		"id": plain(nodeID("R", r.id, "")), "databaseId": plain(r.id), "name": plain(r.name), "nameWithOwner": plain(r.FullName()),
		"url": plain(r.web("")), "isPrivate": plain(r.settings.Private), "isFork": plain(r.parent != nil),
		"autoMergeAllowed": plain(r.settings.AutoMerge), "deleteBranchOnMerge": plain(r.settings.DeleteBranchOnMerge),
		"squashMergeAllowed": plain(!r.settings.NoSquash), "mergeCommitAllowed": plain(!r.settings.NoMergeCommit),
		"rebaseMergeAllowed": plain(!r.settings.NoRebase), "owner": plain(r.server.actorNode(r.owner)),
		"defaultBranchRef": lazy(func() any { return r.refNode(headsPrefix + r.settings.DefaultBranch) }),
		"ref":              func(args map[string]any) (any, *queryError) { return r.findRef(fmt.Sprint(args["qualifiedName"])), nil },
		"object":           func(args map[string]any) (any, *queryError) { return r.findObject(args), nil },
		"pullRequest":      r.findPull,
		"pullRequests":     r.findPulls,
	}}
}

func (r *Repo) findRef(name string) *node {
	for _, ref := range []string{name, headsPrefix + name} {
		if found := r.refNode(ref); found != nil {
			return found
		}
	}
	return nil
}

func (r *Repo) refNode(ref string) *node {
	id := r.refs[ref]
	if id == "" {
		return nil
	}
	cut := strings.LastIndex(ref, "/") + 1
	if isBranch(ref) {
		cut = len(headsPrefix)
	}
	return &node{"Ref", map[string]resolver{
		"id": plain(nodeID("REF", r.id, ref)), "name": plain(ref[cut:]), "prefix": plain(ref[:cut]),
		"target": lazy(func() any { return r.commitNode(id) }),
	}}
}

func (r *Repo) findObject(args map[string]any) *node {
	name, _ := args["oid"].(string)
	if expression, given := args["expression"].(string); given {
		name = expression
	}
	at, path, inTree := strings.Cut(name, ":")
	found := r.resolve(at)
	if found == nil {
		return nil
	}
	if !inTree {
		return r.commitNode(found.id)
	}
	file, exists := r.store.find(found.tree, path)
	if !exists || file.kind() != "blob" {
		return nil
	}
	data := r.store.objects[file.id].data
	return &node{"Blob", map[string]resolver{
		"id": plain(nodeID("B", r.id, file.id)), "oid": plain(file.id), "byteSize": plain(len(data)), "text": plain(string(data)),
		"isTruncated": plain(false), "isBinary": plain(false),
	}}
}

func (r *Repo) commitNode(id string) *node {
	c := r.store.commits[id]
	if c == nil {
		return nil
	}
	signature := (*node)(nil)
	if r.store.signed[id] {
		signature = &node{"GpgSignature", map[string]resolver{"isValid": plain(true)}}
	}
	return &node{"Commit", map[string]resolver{
		"id": plain(nodeID("C", r.id, id)), "oid": plain(id), "message": plain(c.message), "messageHeadline": plain(headline(c.message)),
		"messageBody": plain(bodyOf(c.message)), "url": plain(r.web("/commit/" + id)), "commitUrl": plain(r.web("/commit/" + id)),
		"committedDate": plain(stamp(c.committer.when)), "authoredDate": plain(stamp(c.author.when)), "signature": plain(signature),
		"tree":              plain(&node{"Tree", map[string]resolver{"id": plain(nodeID("T", r.id, c.tree)), "oid": plain(c.tree)}}),
		"statusCheckRollup": lazy(func() any { return r.rollup(id) }),
		"parents":           plain(connection("CommitConnection", r.commitNodes(c.parents))),
	}}
}

func (r *Repo) commitNodes(ids []string) []*node {
	var nodes []*node
	for _, id := range ids {
		nodes = append(nodes, r.commitNode(id))
	}
	return nodes
}

// rollup is the state of checks and statuses together.
func (r *Repo) rollup(id string) *node {
	if len(r.checks[id]) == 0 {
		return nil
	}
	state := strings.ToUpper(r.combined(r.checks[id]))
	return &node{"StatusCheckRollup", map[string]resolver{"id": plain(nodeID("SCR", r.id, id)), "state": plain(state)}}
}

// connection is a list with its count; the lists served fit into one page.
func connection(kind string, nodes []*node) *node {
	return &node{kind, map[string]resolver{
		"totalCount": plain(len(nodes)), "nodes": plain(nodes),
		"pageInfo": plain(&node{"PageInfo", map[string]resolver{
			"hasNextPage": plain(false), "hasPreviousPage": plain(false), "endCursor": plain(nil), "startCursor": plain(nil),
		}}),
	}}
}
