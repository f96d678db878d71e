package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
)

// state is a pull request as one GraphQL answer shows it, with what the repository allows.
type state struct {
	settings
	PullRequest *struct {
		ID, State, Mergeable, MergeStateStatus string
		Body                                   string
		Number                                 int
		IsDraft                                bool
		HeadRefOid, HeadRefName, BaseRefName   string
		BaseRef                                *target
		HeadRepository, BaseRepository         *struct{ NameWithOwner string }
		Author, MergedBy                       *actor
		Labels                                 struct{ Nodes []struct{ Name string } }
		AutoMergeRequest                       *struct{ EnabledBy *actor }
		IsInMergeQueue, IsMergeQueueEnabled    bool
		MergeCommit                            *struct{ Oid string }
		MergedAt, ClosedAt                     time.Time
	}
}

const stateQuery = `query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){` + settingsFields + `
pullRequest(number:$number){id number state body isDraft mergeable mergeStateStatus headRefOid headRefName baseRefName
baseRef{target{oid}} headRepository{nameWithOwner} baseRepository{nameWithOwner} author` + actorFields + ` mergedBy` + actorFields + `
labels(first:100){nodes{name}} autoMergeRequest{enabledBy` + actorFields + `} isInMergeQueue isMergeQueueEnabled mergeCommit{oid} mergedAt closedAt}}}`

func (c *Client) state(ctx context.Context, number int) (state, error) {
	var out struct{ Repository state }
	variables := map[string]any{"owner": c.owner, "name": c.repo, "number": number}
	if _, err := c.query(ctx, stateQuery, variables, &out); err != nil {
		return state{}, err
	}
	if out.Repository.PullRequest == nil {
		return state{}, &answered{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no pull request %d", number)}
	}
	s := out.Repository
	known := s.is("open") || s.is("closed") || s.is("merged")
	return s, lacks(!known || s.PullRequest.HeadRefOid == "" || s.PullRequest.ID == "", "pull request")
}

// open, merged and the like are GitHub's words for it.
func (s state) is(word string) bool { return strings.EqualFold(s.PullRequest.State, word) }

func (s state) baseSHA() string { return s.PullRequest.BaseRef.oid() }

// pull is the pull request without its commits and files.
func (s state) pull() change.PullRequest {
	p := s.PullRequest
	out := change.PullRequest{Number: p.Number, Author: p.Author.identity(), HeadBranch: p.HeadRefName, HeadSHA: p.HeadRefOid,
		BaseBranch: p.BaseRefName, State: "closed", Merged: s.is("merged"), Draft: p.IsDraft}
	if s.is("open") {
		out.State = "open"
	}
	if p.HeadRepository != nil {
		out.HeadRepo = p.HeadRepository.NameWithOwner
	}
	if p.BaseRepository != nil {
		out.BaseRepo = p.BaseRepository.NameWithOwner
	}
	for _, l := range p.Labels.Nodes {
		out.Labels = append(out.Labels, l.Name)
	}
	return out
}

// Get returns a pull request with its commits and its diff, and the tip of its base.
func (c *Client) Get(ctx context.Context, number int) (p change.PullRequest, baseSHA string, err error) {
	doing := fmt.Sprintf("reading pull request %d", number)
	s, err := c.state(ctx, number)
	if err != nil {
		return change.PullRequest{}, "", c.fail(doing, readPulls, err)
	}
	d, err := c.diff(ctx, s.baseSHA(), s.PullRequest.HeadRefOid)
	if err != nil {
		return change.PullRequest{}, "", c.fail(doing, readContents, err)
	}
	return d.into(s.pull()), s.baseSHA(), nil
}
