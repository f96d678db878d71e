package github

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// mutationRoot is where mutations start.
func (c *context) mutationRoot() *node {
	return &node{"Mutation", map[string]resolver{
		"enablePullRequestAutoMerge":  c.onPull("EnablePullRequestAutoMergePayload", c.enableAutoMerge),
		"disablePullRequestAutoMerge": c.onPull("DisablePullRequestAutoMergePayload", c.disableAutoMerge),
		"enqueuePullRequest":          c.onPull("EnqueuePullRequestPayload", c.enqueuePull),
		"mergePullRequest":            c.onPull("MergePullRequestPayload", c.mergeByGraph),
		"dequeuePullRequest":          c.dequeue,
		"createCommitOnBranch":        c.commitOnBranch,
		"updateRefs":                  c.updateRefs,
	}}
}

// pullMutation is the input of the mutations on a pull request.
type pullMutation struct {
	PullRequestID   string
	ExpectedHeadOid string
	MergeMethod     string
	CommitHeadline  string
	CommitBody      string
	Mutation        string `json:"clientMutationId"`
}

// bind reads the input object of a mutation.
func bind(args map[string]any, into any) *queryError {
	data, err := json.Marshal(args["input"])
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return &queryError{"", "Variable $input of the mutation was provided invalid value: " + err.Error()}
	}
	return nil
}

// onPull finds the pull request, checks the expected head and answers with the payload.
func (c *context) onPull(payload string, do func(*pull, pullMutation) *queryError) resolver {
	return func(args map[string]any) (any, *queryError) {
		var in pullMutation
		if failed := bind(args, &in); failed != nil {
			return nil, failed
		}
		p := c.server.pullByID(in.PullRequestID)
		switch {
		case p == nil:
			return nil, unresolved(in.PullRequestID)
		case c.who.ReadOnly:
			return nil, &queryError{"FORBIDDEN", "Resource not accessible by integration"}
		case p.repo.settings.Archived:
			return nil, unprocessableQuery(strings.TrimSuffix(archived, "."))
		case in.ExpectedHeadOid != "" && in.ExpectedHeadOid != p.headSHA:
			return nil, unprocessableQuery("Head branch was modified. Review and try the merge again.")
		}
		if failed := do(p, in); failed != nil {
			return nil, failed
		}
		return c.payload(payload, p, in.Mutation), nil
	}
}

func (c *context) payload(kind string, p *pull, mutation string) *node {
	return &node{kind, map[string]resolver{
		"clientMutationId": plain(textOrNil(mutation)), "actor": plain(c.server.actorNode(c.who.Login)),
		"pullRequest": lazy(func() any { return p.node() }), "mergeQueueEntry": lazy(func() any { return p.queueNode() }),
	}}
}

func (c *context) enableAutoMerge(p *pull, in pullMutation) *queryError {
	method := strings.ToLower(in.MergeMethod)
	if method == "" {
		method = "merge"
	}
	state := p.judge().state
	switch {
	case c.who.Unverified:
		return unprocessableQuery(c.who.Login + " does not have a verified email, which is required to enable auto-merging.")
	case !p.repo.settings.AutoMerge:
		return unprocessableQuery("Pull request Auto merge is not allowed for this repository")
	case !p.open():
		return unprocessableQuery("Pull request Pull request is closed")
	case !p.repo.protected(p.baseRef) && state != "clean" && state != "unstable":
		return unprocessableQuery("Pull request Protected branch rules not configured for this branch")
	case p.repo.protections[p.baseRef].Queue:
	case p.repo.methodRefused(method) != "":
		return unprocessableQuery("Merge method " + methodName(method) + " is not allowed on this repository")
	case state == "clean" || state == "unstable" || state == "dirty" || state == "draft":
		return unprocessableQuery("Pull request Pull request is in " + state + " status")
	}
	p.auto = &autoMerge{method, in.CommitHeadline, in.CommitBody, c.who.Login, c.server.now()}
	return nil
}

func methodName(method string) string {
	switch method {
	case "squash":
		return "squash merging"
	case "rebase":
		return "rebase merging"
	}
	return "merge commits"
}

func (c *context) disableAutoMerge(p *pull, _ pullMutation) *queryError {
	if p.auto == nil {
		return unprocessableQuery("Can't disable auto-merge for this pull request.")
	}
	p.auto = nil
	return nil
}

func (c *context) enqueuePull(p *pull, _ pullMutation) *queryError {
	state := p.judge().state
	switch {
	case !p.repo.protections[p.baseRef].Queue:
		return unprocessableQuery("Pull request Merge queue is not enabled for the base branch")
	case !p.queuedAt.IsZero():
		return unprocessableQuery("Pull request is already in the queue")
	case !p.open() || state == "dirty" || state == "draft" || state == "blocked":
		return unprocessableQuery("Pull request Pull request is not mergeable")
	}
	p.enqueue()
	return nil
}

// dequeue names its input `id`, unlike the others.
func (c *context) dequeue(args map[string]any) (any, *queryError) {
	var in struct {
		ID       string
		Mutation string `json:"clientMutationId"`
	}
	if failed := bind(args, &in); failed != nil {
		return nil, failed
	}
	p := c.server.pullByID(in.ID)
	if p == nil {
		return nil, unresolved(in.ID)
	}
	entry := p.queueNode()
	p.leaveQueue()
	out := c.payload("DequeuePullRequestPayload", p, in.Mutation)
	out.fields["mergeQueueEntry"] = plain(entry)
	return out, nil
}

func (c *context) mergeByGraph(p *pull, in pullMutation) *queryError {
	method := strings.ToLower(in.MergeMethod)
	if method == "" {
		method = "merge"
	}
	how := landing{method, in.CommitHeadline, in.CommitBody, c.who}
	refused := p.refusal("", how)
	if refused == nil {
		_, refused = p.land(how)
	}
	if refused != nil {
		return unprocessableQuery(refused.err().Error())
	}
	return nil
}

// branchCommit is the input of createCommitOnBranch.
type branchCommit struct {
	Branch struct {
		ID, BranchName          string
		RepositoryNameWithOwner string
	}
	ExpectedHeadOid string
	Message         struct{ Headline, Body string }
	FileChanges     struct {
		Additions []struct{ Path, Contents string }
		Deletions []struct{ Path string }
	}
	Mutation string `json:"clientMutationId"`
}

// target finds the repository and the full ref.
func (in branchCommit) target(s *Server) (*Repo, string) {
	if kind, repo, ref, ok := parseNodeID(in.Branch.ID); ok && kind == "REF" {
		for _, r := range s.repos {
			if r.id == repo {
				return r, ref
			}
		}
	}
	return s.repos[strings.ToLower(in.Branch.RepositoryNameWithOwner)], headsPrefix + strings.TrimPrefix(in.Branch.BranchName, headsPrefix)
}

func (c *context) commitOnBranch(args map[string]any) (any, *queryError) {
	var in branchCommit
	if failed := bind(args, &in); failed != nil {
		return nil, failed
	}
	r, ref := in.target(c.server)
	switch {
	case r == nil:
		return nil, &queryError{"NOT_FOUND", fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", in.Branch.RepositoryNameWithOwner)}
	case r.refs[ref] == "":
		return nil, &queryError{"NOT_FOUND", "No branch found: " + strings.TrimPrefix(ref, headsPrefix)}
	case r.refs[ref] != in.ExpectedHeadOid:
		return nil, &queryError{"STALE_DATA", fmt.Sprintf("Expected branch to point to \"%s\" but it did not. Pull and try again.", in.ExpectedHeadOid)}
	}
	sha, failed := c.commitChanges(r, ref, in)
	if failed != nil {
		return nil, failed
	}
	return &node{"CreateCommitOnBranchPayload", map[string]resolver{
		"clientMutationId": plain(textOrNil(in.Mutation)), "commit": plain(r.commitNode(sha)), "ref": plain(r.refNode(ref)),
	}}, nil
}

func (c *context) commitChanges(r *Repo, ref string, in branchCommit) (string, *queryError) {
	var changes []entry
	parent := r.store.commits[in.ExpectedHeadOid]
	for _, addition := range in.FileChanges.Additions {
		data, err := base64.StdEncoding.DecodeString(addition.Contents)
		if err != nil {
			return "", unprocessableQuery("contents of " + addition.Path + " are not valid Base64")
		}
		changes = append(changes, entry{modeFile, addition.Path, r.store.put("blob", data)}) // whatever mode was there
	}
	for _, deletion := range in.FileChanges.Deletions {
		if _, exists := r.store.find(parent.tree, deletion.Path); !exists {
			return "", unprocessableQuery("A path was requested for deletion which does not exist as of commit oid `" + in.ExpectedHeadOid + "`: " + deletion.Path)
		}
		changes = append(changes, entry{name: deletion.Path})
	}
	tree, err := r.store.overlay(parent.tree, changes)
	if err != nil {
		return "", unprocessableQuery(err.Error())
	}
	now := c.server.now()
	made := commit{tree: tree, parents: []string{parent.id}, author: c.who.signature(now), committer: webFlow(now)}
	made.message = message(landing{}, in.Message.Headline, in.Message.Body)
	sha, err := r.store.putCommit(made)
	if err != nil {
		return "", unprocessableQuery(err.Error())
	}
	r.store.signed[sha] = true
	if refused := r.guard(ref, sha, c.who); refused != "" {
		return "", unprocessableQuery(refused)
	}
	r.setRef(ref, sha, c.who)
	return sha, nil
}
