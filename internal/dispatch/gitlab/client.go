// Package gitlab starts pipelines of projects at a GitLab by their trigger tokens, for the dispatch stage.
//
// It promises: the token of a target goes to its project's trigger alone, in the body and along no redirect; what is said goes as
// inputs, which the project declares, and never as variables, which would override its own; a request is repeated while the
// failure may pass (429, 5xx, too many pipelines in a minute, a broken connection), within a budget, and one pipeline too many does
// no harm; an answer that is no pipeline is no success; answers are bounded; and no text holds a token.
package gitlab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const (
	// maxBody bounds an answer in bytes; a pipeline has some thousand.
	maxBody = 256 << 10
	// attempts is how often a pipeline is asked for that was one too many in its minute, and pause the wait between.
	attempts = 4
	pause    = 20 * time.Second
)

// Config says how.
type Config struct {
	HTTP *httpx.Client
	// Sleep is the clock; the default is the real one.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Client starts a pipeline in any number of projects, at any GitLab. It is safe for concurrent use.
type Client struct {
	config Config
}

// Pipeline is the one that was made.
type Pipeline struct {
	ID  int64  `json:"id"`
	URL string `json:"web_url,omitempty"`
}

// New returns a client that has not sent anything yet.
func New(c Config) *Client {
	if c.HTTP == nil {
		c.HTTP = httpx.New(httpx.Config{})
	}
	if c.Sleep == nil {
		c.Sleep = httpx.Sleep
	}
	return &Client{config: c}
}

// body is what a trigger takes (https://docs.gitlab.com/api/pipeline_triggers/#trigger-a-pipeline-with-a-token).
type body struct {
	Token string `json:"token"`
	dispatch.Request
}

// Dispatch starts a pipeline of one target. The error is a *dispatch.Refusal when an answer came, else an *httpx.Error or the
// context's.
func (c *Client) Dispatch(ctx context.Context, t dispatch.Target, r dispatch.Request) (Pipeline, error) {
	for attempt := 1; ; attempt++ {
		made, err := c.once(ctx, t, r)
		var refusal *dispatch.Refusal
		if !errors.As(err, &refusal) || !refusal.TooMany() || attempt == attempts {
			return made, err
		}
		if stopped := c.config.Sleep(ctx, pause); stopped != nil {
			return made, err
		}
	}
}

// once is one attempt.
func (c *Client) once(ctx context.Context, t dispatch.Target, r dispatch.Request) (Pipeline, error) {
	res, err := c.post(ctx, t, r)
	if err != nil {
		return Pipeline{}, c.failure(t, r, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return Pipeline{}, doing(t, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return Pipeline{}, &dispatch.Refusal{Target: t, Ref: r.Ref, Status: res.StatusCode, Message: c.message(data)}
	}
	var made Pipeline
	if json.Unmarshal(data, &made) != nil || made.ID <= 0 {
		return Pipeline{}, doing(t, httpx.Malformed(res, fmt.Sprintf("%d with an answer that is no pipeline", res.StatusCode),
			"check the proxy, and that "+t.Variable+" holds the address of a GitLab project's trigger"))
	}
	made.URL = c.config.HTTP.Page(made.URL)
	return made, nil
}

// post sends the request. Its requests are counted and held back by target: each has a token, and so limits, of its own.
func (c *Client) post(ctx context.Context, t dispatch.Target, r dispatch.Request) (*http.Response, error) {
	c.config.HTTP.Learn(t.Token)
	data, err := json.Marshal(body{t.Token, r})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Trigger, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: c.config.HTTP.Transport(t.Repository).WithMaxBody(maxBody).Repeating(), CheckRedirect: stay}
	return client.Do(req)
}

// stay follows no redirect: 307 and 308 would carry the body, and with it the token, anywhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// message is what GitLab says in an answer, which has several forms, without secrets and cut; empty when it is not GitLab's.
func (c *Client) message(data []byte) string {
	var answer struct{ Message, Error any }
	if json.Unmarshal(data, &answer) != nil {
		return ""
	}
	return c.config.HTTP.Line(strings.Join(append(httpx.Texts(answer.Message), httpx.Texts(answer.Error)...), ", "))
}

// failure describes why no answer came, or why none of several was good.
func (c *Client) failure(t dispatch.Target, r dispatch.Request, err error) error {
	var failed *httpx.Error
	if !errors.As(httpx.Clean(err), &failed) {
		return doing(t, err)
	}
	failed.Reason = c.config.HTTP.Clean(failed.Reason)
	if failed.Status != 0 {
		return &dispatch.Refusal{Target: t, Ref: r.Ref, Status: failed.Status, Wait: failed.Wait}
	}
	return doing(t, failed)
}

func doing(t dispatch.Target, err error) error {
	return fmt.Errorf("starting a pipeline of %s: %w", t, err)
}
