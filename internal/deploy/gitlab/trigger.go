package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const (
	// connects is how often a connection is tried.
	connects = 3
	// unsaid is the wait when GitLab wants fewer requests and does not say for how long.
	unsaid = 10 * time.Second
)

// Trigger makes GitLab run a pipeline
// (https://docs.gitlab.com/ee/api/pipeline_triggers.html#trigger-a-pipeline-with-a-token), and says whether it did. It
// repeats what was certainly not accepted and may be when repeated: no connection, too many requests.
func (c *Client) Trigger(ctx context.Context, p deploy.Project, r deploy.Request) deploy.Answer {
	token := c.token(p.Secret)
	if token == "" {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: there is no trigger token", Hint: "set the variable that `secret` of the project names"}
	}
	api, id, err := c.connect(p, "", r.Until)
	if err != nil {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: url: " + err.Error(), Hint: "correct `url` of the project"}
	}
	if ctx.Err() != nil {
		return deploy.Answer{State: deploy.Refused, Detail: "not sent: stopped", Hint: "run again"}
	}
	options := &gl.RunPipelineTriggerOptions{Ref: &r.Ref, Token: &token, Variables: c.variables(r)}
	left := c.patience(r)
	for attempt := 1; ; attempt++ {
		var t trace
		start := c.config.Now()
		var made pipeline
		res, err := call(t.context(ctx), api, http.MethodPost, id, "trigger/pipeline", options, &made)
		left -= c.config.Now().Sub(start)
		wait, again := c.again(&t, res, err, attempt)
		if !again {
			wait = 0
		}
		if !again || wait > left || ctx.Err() != nil {
			return c.answer(p, r, attempted{made, res, err, t.sent(err), wait})
		}
		left -= wait
		if c.config.Sleep(ctx, wait) != nil {
			return c.answer(p, r, attempted{made, res, err, false, 0})
		}
	}
}

// patience is how long a trigger is repeated: no attempt begins after Request.Until.
func (c *Client) patience(r deploy.Request) time.Duration {
	if r.Until.IsZero() {
		return c.config.Patience
	}
	return min(c.config.Patience, r.Until.Sub(c.config.Now()))
}

// variables are what the pipeline is told, without secrets.
func (c *Client) variables(r deploy.Request) map[string]string {
	all := r.Variables()
	for name, value := range all {
		all[name] = c.config.HTTP.Clean(value)
	}
	return all
}

// again says whether an attempt is to be repeated, and after which wait.
func (c *Client) again(t *trace, res *gl.Response, err error, attempt int) (time.Duration, bool) {
	if res != nil {
		if res.StatusCode != http.StatusTooManyRequests && !tooManyPipelines(res.StatusCode, said(err)) {
			return 0, false
		}
		wait, said := httpx.RetryAfter(res.Header, c.config.Now())
		if !said {
			wait = unsaid
		}
		return max(wait, time.Second), true
	}
	var failed *httpx.Error
	switch {
	case err == nil || t.sent(err):
		return 0, false
	case errors.As(err, &failed) && failed.Status == http.StatusTooManyRequests:
		return max(failed.Wait, time.Second), true // kept back because of what GitLab said to another project's trigger
	case errors.Is(err, httpx.ErrUnknownHost), errors.Is(err, httpx.ErrTLS):
		return 0, false // it would say the same again
	}
	return time.Duration(attempt) * time.Second, attempt < connects
}

// attempted is the last attempt of a trigger.
type attempted struct {
	made pipeline
	res  *gl.Response
	err  error
	sent bool
	// wait is after which time it may be repeated, zero when that is of no use.
	wait time.Duration
}

// answer says what an attempt means.
func (c *Client) answer(p deploy.Project, r deploy.Request, a attempted) deploy.Answer {
	out := deploy.Answer{State: deploy.Unknown, Hint: unknownHint(p)}
	switch {
	case a.res == nil && !a.sent:
		out = deploy.Answer{State: deploy.Refused, Detail: "not sent: " + reason(a.err), Hint: advice(a.err)}
	case a.res == nil:
		out.Detail = "no answer: " + reason(a.err)
	case a.res.StatusCode/100 == 2 && a.err == nil && a.made.ID > 0:
		out = c.accepted(p, a.made)
		if a.made.YAMLErrors != "" {
			out.Detail, out.Hint = "the pipeline failed before any job: "+string(a.made.YAMLErrors), "correct the project's .gitlab-ci.yml"
		}
	case a.res.StatusCode/100 == 2:
		out.Detail = fmt.Sprintf("the answer %d is no pipeline", a.res.StatusCode)
	case unsettled(a.res.StatusCode):
		out.Detail = fmt.Sprintf("the answer is %d %s", a.res.StatusCode, http.StatusText(a.res.StatusCode))
	default:
		out = refused(p, r, a.res, said(a.err))
	}
	if out.State == deploy.Refused {
		out.Again = a.wait
	}
	out.Detail, out.Hint = c.clean(out.Detail), c.clean(out.Hint)
	return out
}

// accepted describes a pipeline that exists. What GitLab says of it is taken only in the form that it has.
func (c *Client) accepted(p deploy.Project, one pipeline) deploy.Answer {
	return deploy.Answer{State: deploy.Accepted, PipelineID: one.ID, URL: c.page(p, one.ID, string(one.WebURL)), Status: word(string(one.Status)), Created: one.CreatedAt.Time}
}

// unsettled reports whether a status leaves open if the trigger was applied: the server or a proxy in between gave up.
func unsettled(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return false
	case http.StatusRequestTimeout, 499: // nginx: the client closed the request
		return true
	}
	return status < 400 || status >= 500
}
