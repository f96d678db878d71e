package gitlab

import (
	"context"
	"fmt"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const searching = "looking up the pipeline"

// Lookup finds out with the project's read token what became of a trigger whose answer never came: the pipeline that
// was triggered on the ref and whose CD_COMMIT_URL is the one given, and true; or false when there certainly is none.
// Since is when the trigger was claimed or sent. As GitLab may still be making a pipeline long after its client has
// left, false is only said Config.Settle after that, and waited for. Anything else is an error, and nothing is known.
// Pipelines that failed before any job (yaml_errors) do not count: GitLab refused their triggers.
func (c *Client) Lookup(ctx context.Context, p deploy.Project, commitURL, ref string, since time.Time) (deploy.Answer, bool, error) {
	token := c.token(p.API)
	if token == "" {
		return deploy.Answer{}, false, c.noReader(p, searching)
	}
	api, id, err := c.connect(p, token)
	if err != nil {
		return deploy.Answer{}, false, c.fail(p, searching, nil, err)
	}
	s := search{client: c, project: p, api: api, id: id, commitURL: commitURL, seen: map[int]bool{}, options: conditions(ref, since)}
	left := min(since.Add(c.config.Settle).Sub(c.config.Now()), c.config.Settle)
	for {
		found, err := s.look(ctx)
		if err != nil {
			return deploy.Answer{}, false, err
		}
		if found != nil {
			a := c.accepted(p, int64(found.ID), found.WebURL, found.Status)
			a.Created = moment(found.CreatedAt)
			return a, true, nil
		}
		if left <= 0 {
			return deploy.Answer{}, false, nil
		}
		wait := min(left, c.config.Poll)
		if err := c.config.Sleep(ctx, wait); err != nil {
			return deploy.Answer{}, false, &Error{Doing: searching, Message: "stopped", Err: err}
		}
		left -= wait
	}
}

// conditions narrow the list (https://docs.gitlab.com/ee/api/pipelines.html#list-project-pipelines), the newest first.
func conditions(ref string, since time.Time) gl.ListProjectPipelinesOptions {
	options := gl.ListProjectPipelinesOptions{
		ListOptions: gl.ListOptions{PerPage: pageSize}, Source: gl.Ptr("trigger"), Ref: &ref, YamlErrors: gl.Ptr(false),
		OrderBy: gl.Ptr("id"), Sort: gl.Ptr("desc"),
	}
	if !since.IsZero() {
		options.UpdatedAfter = gl.Ptr(since.Add(-skew).UTC())
	}
	return options
}

// search is one lookup.
type search struct {
	client    *Client
	project   deploy.Project
	api       *library
	id        string
	commitURL string
	options   gl.ListProjectPipelinesOptions
	seen      map[int]bool // pipelines that are another commit's
}

// look reads the list once, and the variables of what is new in it. One pipeline that may not be read is an error only
// when the one looked for is not among the others.
func (s *search) look(ctx context.Context) (*gl.PipelineInfo, error) {
	var unread error
	for page := 1; page <= maxPages; page++ {
		s.options.Page = page
		list, res, err := s.api.Pipelines.ListProjectPipelines(s.id, &s.options, gl.WithContext(ctx))
		if err != nil {
			return nil, s.client.fail(s.project, searching, res, err)
		}
		for _, one := range list {
			if one == nil {
				return nil, s.client.fail(s.project, searching, res, nil)
			}
			ours, err := s.ours(ctx, one)
			if ours {
				return one, nil
			}
			if err != nil && (ctx.Err() != nil || err.Status == 0) {
				return nil, err
			}
			if err != nil && unread == nil {
				unread = err
			}
		}
		if len(list) == 0 || len(list) < pageSize && res.NextPage == 0 {
			return nil, unread
		}
	}
	return nil, &Error{Doing: fmt.Sprintf("%s of project %q", searching, s.project.Name), Message: "there are too many pipelines to look at", Err: httpx.ErrTooLarge,
		Hint: "look for the pipeline of this commit in the project; when there is none, run pawl deploy --project " + quoted(s.project.Name) + " --retry-unknown"}
}

// ours reports whether a pipeline was triggered for the commit.
func (s *search) ours(ctx context.Context, one *gl.PipelineInfo) (bool, *Error) {
	if s.seen[one.ID] {
		return false, nil
	}
	variables, res, err := s.api.Pipelines.GetPipelineVariables(s.id, one.ID, gl.WithContext(ctx))
	if err != nil {
		return false, s.client.fail(s.project, "reading the variables of a pipeline", res, err)
	}
	for _, v := range variables {
		if v != nil && v.Key == deploy.CommitURLVariable && v.Value == s.commitURL {
			return true, nil
		}
	}
	s.seen[one.ID] = true
	return false, nil
}
