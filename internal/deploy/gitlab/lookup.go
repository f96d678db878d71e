package gitlab

import (
	"context"
	"errors"
	"fmt"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const searching = "looking up the pipeline"

// ErrUnsettled says that no pipeline is there, and that one may still come.
var ErrUnsettled = errors.New("no pipeline is there yet, and GitLab may still be making one")

// Lookup finds out with the project's read token what became of a trigger whose answer never came: the pipeline that
// was triggered on the ref and whose CD_COMMIT_URL is the one given, and true; or false when there certainly is none,
// which nobody can say before Search.Settled. The list is asked with growing pauses, for at most Config.Looking and Search.Within in all;
// when that is too short, the error is ErrUnsettled. Anything else is an error too, and nothing is known. Pipelines that
// failed before any job (yaml_errors) do not count: GitLab refused their triggers.
func (c *Client) Lookup(ctx context.Context, p deploy.Project, q deploy.Search) (deploy.Answer, bool, error) {
	token := c.token(p.API)
	if token == "" {
		return deploy.Answer{}, false, c.noReader(p, searching)
	}
	looking := c.config.Looking
	if q.Within > 0 {
		looking = min(looking, q.Within)
	}
	end, pause := c.config.Now().Add(looking), firstPause
	api, id, err := c.connect(p, token, end)
	if err != nil {
		return deploy.Answer{}, false, c.fail(p, searching, nil, err)
	}
	s := search{client: c, project: p, api: api, id: id, commitURL: q.CommitURL, seen: map[int64]bool{}, options: conditions(q.Ref, q.Since)}
	for {
		begun := c.config.Now()
		found, err := s.look(ctx)
		if err != nil {
			return deploy.Answer{}, false, err
		}
		if found != nil {
			return c.accepted(p, *found), true, nil
		}
		if !begun.Before(q.Settled) {
			return deploy.Answer{}, false, nil
		}
		now := c.config.Now()
		if !now.Before(end) {
			return deploy.Answer{}, false, &Error{Doing: fmt.Sprintf("%s of project %q", searching, p.Name), Message: ErrUnsettled.Error(), Err: ErrUnsettled,
				Hint: "run again: the next run looks for it again, and fires when there is certainly none"}
		}
		wait := max(min(pause, end.Sub(now), q.Settled.Sub(now)), time.Second)
		if err := c.config.Sleep(ctx, wait); err != nil {
			return deploy.Answer{}, false, &Error{Doing: searching, Message: "stopped", Err: err}
		}
		pause *= 2
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
	seen      map[int64]bool // pipelines that are another commit's
}

// look reads the list once, and the variables of what is new in it. One pipeline that may not be read is an error only
// when the one looked for is not among the others.
func (s *search) look(ctx context.Context) (*pipeline, error) {
	var unread error
	for page := 1; page <= maxPages; page++ {
		s.options.Page = page
		var list []*pipeline
		res, err := get(ctx, s.api, s.id, "pipelines", &s.options, &list)
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
func (s *search) ours(ctx context.Context, one *pipeline) (bool, *Error) {
	if s.seen[one.ID] {
		return false, nil
	}
	var variables []*struct{ Key, Value text }
	res, err := get(ctx, s.api, s.id, fmt.Sprintf("pipelines/%d/variables", one.ID), nil, &variables)
	if err != nil {
		return false, s.client.fail(s.project, "reading the variables of a pipeline", res, err)
	}
	for _, v := range variables {
		if v != nil && v.Key == deploy.CommitURLVariable && string(v.Value) == s.commitURL {
			return true, nil
		}
	}
	s.seen[one.ID] = true
	return false, nil
}
