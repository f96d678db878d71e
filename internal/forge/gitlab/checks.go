package gitlab

import (
	"context"
	"fmt"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
)

// PipelineCheck is the name of the check that stands for the head's pipelines: GitLab demands a pipeline, and no job.
const PipelineCheck = "gitlab/pipeline"

// pipeline is one of a merge request.
type pipeline struct {
	ID     int64  `json:"id"`
	SHA    string `json:"sha"`
	Ref    string `json:"ref"`
	Source string `json:"source"`
	Status string `json:"status"`
}

// job is a job, a bridge or a status that another system set.
type job struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	Author   *user  `json:"author"`
	Pipeline int64  `json:"pipeline_id"`
}

// checks are the pipelines of a merge request's head, and the jobs and statuses in them by name. Of pipelines that came
// about in the same way the newest counts. A pipeline that only holds statuses of other systems is none of GitLab's CI: its
// statuses count where they are named. A status that our own user set proves nothing.
func (c *Client) checks(ctx context.Context, p pull, base string) ([]change.Check, error) {
	me, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	pipelines, err := list[pipeline](ctx, c, c.path("/merge_requests/%d/pipelines", p.Number))
	if err != nil {
		return nil, err
	}
	var all []change.Check
	seen := map[string]bool{}
	for _, one := range pipelines {
		way := one.Source + " " + one.Ref
		if seen[way] {
			continue
		}
		counts, err := c.validates(ctx, one, p.SHA, base)
		if err != nil {
			return nil, err
		}
		if !counts {
			continue
		}
		seen[way] = true
		if one.Source != "external" {
			all = append(all, me.check(PipelineCheck, one.Status, p.SHA))
		}
		jobs, err := c.jobs(ctx, one, me)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			all = append(all, me.check(j.Name, j.Status, p.SHA))
		}
	}
	return all, nil
}

// validates reports whether a pipeline is the head's: it ran on it, or on its merge into the base as it is now.
func (c *Client) validates(ctx context.Context, one pipeline, head, base string) (bool, error) {
	if !strings.HasSuffix(one.Ref, "/merge") && !strings.HasSuffix(one.Ref, "/train") || !strings.HasPrefix(one.Ref, "refs/merge-requests/") {
		return one.SHA == head, nil
	}
	var commit struct {
		Parents []string `json:"parent_ids"`
	}
	if err := c.Get(ctx, c.path("/repository/commits/%s", one.SHA), &commit); err != nil {
		return false, err
	}
	return len(commit.Parents) == 2 && commit.Parents[1] == head && commit.Parents[0] == base, nil
}

// jobs are the newest jobs, bridges and statuses of a pipeline.
func (c *Client) jobs(ctx context.Context, one pipeline, me profile) ([]job, error) {
	var all []job
	known := map[int64]bool{}
	for _, path := range []string{
		fmt.Sprintf("/pipelines/%d/jobs", one.ID), fmt.Sprintf("/pipelines/%d/bridges", one.ID),
		fmt.Sprintf("/repository/commits/%s/statuses?pipeline_id=%d", one.SHA, one.ID),
	} {
		found, err := list[job](ctx, c, c.path("%s", path))
		if err != nil {
			return nil, err
		}
		for _, j := range found {
			status := strings.Contains(path, "/statuses")
			if known[j.ID] || status && (j.Pipeline != one.ID || me.Self.Is(j.Author.identity())) {
				continue
			}
			known[j.ID] = true
			all = append(all, j)
		}
	}
	return all, nil
}

// check is a pipeline or a job in the words of change. What waits for a person is pending; a pipeline that was skipped
// counts as the project says.
func (p profile) check(name, status, head string) change.Check {
	one := change.Check{Name: name, HeadSHA: head, Status: "completed", Conclusion: status}
	switch {
	case status == "skipped" && name == PipelineCheck && p.OrSkipped:
		one.Conclusion = "success"
	case status != "success" && status != "failed" && status != "canceled" && status != "canceling" && status != "skipped":
		one.Status, one.Conclusion = "pending", ""
	}
	return one
}

// enforced are the checks that the project itself demands.
func (p profile) enforced() []string {
	if p.MustSucceed {
		return []string{PipelineCheck}
	}
	return nil
}
