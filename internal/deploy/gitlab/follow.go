package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pawl-cd/pawl/internal/deploy"
)

const following = "following the pipeline"

// Follow looks at an accepted pipeline with the project's read token until it has ended (success, failed, canceled,
// skipped), waits for a person (manual), or the time is over; the answer's Status tells which. A GitLab that is away
// for a while is asked again until the time is over; the error comes with what was known last.
func (c *Client) Follow(ctx context.Context, p deploy.Project, id int64, wait time.Duration) (deploy.Answer, error) {
	last := c.accepted(p, pipeline{ID: id})
	token := c.token(p.API)
	if token == "" {
		return last, c.noReader(p, following)
	}
	api, project, err := c.connect(p, token, time.Time{})
	if err != nil {
		return last, c.fail(p, following, nil, err)
	}
	for {
		var one pipeline
		res, err := get(ctx, api, project, fmt.Sprintf("pipelines/%d", id), nil, &one)
		var failed *Error
		if err != nil || one.ID != id {
			failed = c.fail(p, following, res, err)
		} else {
			last = c.seen(p, one)
		}
		if failed != nil && (wait <= 0 || !passing(ctx, failed)) {
			return last, failed
		}
		if failed == nil && (wait <= 0 || ended(last.Status)) {
			return last, nil
		}
		pause := min(wait, c.config.Poll)
		if err := c.config.Sleep(ctx, pause); err != nil {
			return last, &Error{Doing: following, Message: "stopped", Err: err}
		}
		wait -= pause
	}
}

// seen describes a pipeline at one look.
func (c *Client) seen(p deploy.Project, one pipeline) deploy.Answer {
	a := c.accepted(p, one)
	a.Started, a.Finished = one.StartedAt.Time, one.FinishedAt.Time
	switch a.Status {
	case "manual":
		a.Detail, a.Hint = "the pipeline waits for a person", "start its manual job at "+a.URL
	case "failed", "canceled", "skipped":
		a.Detail, a.Hint = "the pipeline ended as "+a.Status, "see "+a.URL
	}
	if a.URL == "" {
		a.Hint = ""
	}
	return a
}

func ended(status string) bool {
	switch status {
	case "success", "failed", "canceled", "skipped", "manual":
		return true
	}
	return false
}

// passing reports whether a failure may be gone at the next look.
func passing(ctx context.Context, failed *Error) bool {
	if ctx.Err() != nil || errors.Is(failed, context.Canceled) {
		return false
	}
	return failed.Status == 0 && failed.Err != nil || failed.Status == http.StatusTooManyRequests || failed.Status >= 500
}
