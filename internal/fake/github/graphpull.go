package github

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

func (r *Repo) findPull(args map[string]any) (any, *queryError) {
	text := fmt.Sprint(args["number"])
	if number, err := strconv.Atoi(text); err == nil && r.pulls[number] != nil {
		return r.pulls[number].node(), nil
	}
	return nil, &queryError{"NOT_FOUND", "Could not resolve to a PullRequest with the number of " + text + "."}
}

// findPulls knows the arguments states, headRefName, baseRefName, first and last.
func (r *Repo) findPulls(args map[string]any) (any, *queryError) {
	var states []string
	if list, given := args["states"].([]any); given {
		for _, state := range list {
			states = append(states, fmt.Sprint(state))
		}
	}
	var found []*pull
	for _, p := range r.pulls {
		if (len(states) == 0 || slices.Contains(states, p.graphState())) && named(args["headRefName"], p.headRef) && named(args["baseRefName"], p.baseRef) {
			found = append(found, p)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].number < found[j].number })
	nodes := make([]*node, 0, len(found))
	for _, p := range found {
		nodes = append(nodes, p.node())
	}
	return connection("PullRequestConnection", window(args, nodes)), nil
}

func named(want any, have string) bool { return want == nil || want == have }

// window cuts a list to the arguments first or last.
func window(args map[string]any, nodes []*node) []*node {
	if first, given := count(args["first"]); given {
		return nodes[:min(first, len(nodes))]
	}
	if last, given := count(args["last"]); given {
		return nodes[len(nodes)-min(last, len(nodes)):]
	}
	return nodes
}

// count reads a whole number of 0 or more, as JSON or as GraphQL literal.
func count(value any) (int, bool) {
	switch v := value.(type) {
	case int64:
		return max(0, int(v)), true
	case float64:
		return max(0, int(v)), true
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return max(0, n), err == nil
	}
	return 0, false
}

func (p *pull) graphState() string {
	if !p.merged.IsZero() {
		return "MERGED"
	}
	return strings.ToUpper(p.state())
}

func (p *pull) node() *node {
	fields := map[string]resolver{
		"id": plain(p.nodeID()), "databaseId": plain(p.id), "number": plain(p.number), "title": plain(p.title), "body": plain(p.text()),
		"url": plain(p.repo.web("/pull/" + strconv.Itoa(p.number))), "state": plain(p.graphState()), "isDraft": plain(p.draft),
		"merged": plain(!p.merged.IsZero()), "closed": plain(!p.open()), "mergedAt": plain(stampOrNil(p.merged)), "closedAt": plain(stampOrNil(p.closed)),
		"createdAt": plain(stamp(p.created)), "updatedAt": plain(stamp(p.updated)), "isCrossRepository": plain(p.head != p.repo),
		"headRefOid": plain(p.headSHA), "headRefName": plain(p.headRef), "baseRefOid": plain(p.baseSHA), "baseRefName": plain(p.baseRef),
		"author": plain(p.repo.server.actorNode(p.by)), "mergedBy": plain(p.repo.server.actorNode(p.mergedBy)),
		"headRepositoryOwner": plain(p.repo.server.actorNode(p.head.owner)), "locked": plain(false),
	}
	p.addLinks(fields)
	p.addMergeFields(fields)
	return &node{"PullRequest", fields}
}

func (p *pull) addLinks(fields map[string]resolver) {
	fields["repository"] = lazy(func() any { return p.repo.node() })
	fields["baseRepository"] = fields["repository"]
	fields["headRepository"] = lazy(func() any { return p.head.node() })
	fields["headRef"] = lazy(func() any { return p.head.refNode(headsPrefix + p.headRef) })
	fields["baseRef"] = lazy(func() any { return p.repo.refNode(headsPrefix + p.baseRef) })
	fields["mergeCommit"] = lazy(func() any { return p.repo.commitNode(p.mergeCommit) })
	fields["commits"] = func(args map[string]any) (any, *queryError) {
		var nodes []*node
		for _, id := range p.commits() {
			one := p.repo.commitNode(id)
			nodes = append([]*node{{"PullRequestCommit", map[string]resolver{"id": plain(nodeID("PRC", p.repo.id, id)), "commit": plain(one)}}}, nodes...)
		}
		return counted("PullRequestCommitConnection", window(args, nodes), len(nodes)), nil
	}
	fields["timelineItems"] = p.timelineItems
	fields["labels"] = func(args map[string]any) (any, *queryError) {
		var nodes []*node
		for _, name := range p.labels {
			nodes = append(nodes, &node{"Label", map[string]resolver{"id": plain(nodeID("LA", p.repo.id, name)), "name": plain(name)}})
		}
		return counted("LabelConnection", window(args, nodes), len(nodes)), nil
	}
}

// timelineItems shows the last event of those that closed it, which is all that is kept.
func (p *pull) timelineItems(args map[string]any) (any, *queryError) {
	kinds, _ := args["itemTypes"].([]any)
	var nodes []*node
	if len(kinds) == 1 && fmt.Sprint(kinds[0]) == "CLOSED_EVENT" {
		if !p.closed.IsZero() {
			nodes = append(nodes, &node{"ClosedEvent", map[string]resolver{"id": plain(nodeID("CE", p.repo.id, strconv.Itoa(p.number))), "actor": plain(p.repo.server.actorNode(p.closedBy)), "createdAt": plain(stamp(p.closed))}})
		}
		return connection("PullRequestTimelineItemsConnection", window(args, nodes)), nil
	}
	return nil, &queryError{"NOT_FOUND", "this GitHub knows CLOSED_EVENT alone"}
}

// counted is a connection that shows a part of a longer list.
func counted(kind string, nodes []*node, total int) *node {
	out := connection(kind, nodes)
	out.fields["totalCount"] = plain(total)
	return out
}

// addMergeFields adds what a client needs to merge. The verdict is read once for all of them.
func (p *pull) addMergeFields(fields map[string]resolver) {
	var now *verdict
	read := func() verdict {
		if now == nil {
			v := p.read()
			now = &v
		}
		return *now
	}
	fields["mergeable"] = lazy(func() any {
		switch v := read(); {
		case v.unknown:
			return "UNKNOWN"
		case v.tree == "":
			return "CONFLICTING"
		}
		return "MERGEABLE"
	})
	fields["mergeStateStatus"] = lazy(func() any { return strings.ToUpper(read().state) })
	fields["autoMergeRequest"] = lazy(func() any { return p.autoNode() })
	fields["isInMergeQueue"] = plain(!p.queuedAt.IsZero())
	fields["isMergeQueueEnabled"] = plain(p.repo.protections[p.baseRef].Queue)
	fields["mergeQueueEntry"] = lazy(func() any { return p.queueNode() })
	fields["canBeRebased"] = lazy(func() any { return p.open() && read().tree != "" })
	fields["viewerCanEnableAutoMerge"] = lazy(func() any { return p.repo.settings.AutoMerge && p.open() && !p.ready() })
}

func (p *pull) autoNode() *node {
	if p.auto == nil {
		return nil
	}
	return &node{"AutoMergeRequest", map[string]resolver{
		"enabledAt": plain(stamp(p.auto.at)), "enabledBy": plain(p.repo.server.actorNode(p.auto.by)),
		"mergeMethod": plain(strings.ToUpper(p.auto.method)), "commitHeadline": plain(textOrNil(p.auto.title)),
		"commitBody": plain(textOrNil(p.auto.message)), "authorEmail": plain(nil), "pullRequest": lazy(func() any { return p.node() }),
	}}
}

func (p *pull) queueNode() *node {
	at := slices.Index(p.repo.queue, p)
	if at < 0 {
		return nil
	}
	return &node{"MergeQueueEntry", map[string]resolver{
		"id": plain(nodeID("MQE", p.repo.id, strconv.Itoa(p.number))), "position": plain(at + 1), "state": plain("AWAITING_CHECKS"),
		"enqueuedAt": plain(stamp(p.queuedAt)), "pullRequest": lazy(func() any { return p.node() }),
	}}
}
