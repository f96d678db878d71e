// Package github starts workflows at GitHub, or a server with its API, for the dispatch stage.
//
// It promises: the token of a target goes to the API's own host only, also when that redirects; a request is repeated
// while the failure may pass (429, 5xx, a broken connection), within a budget; an answer that is no answer of the API is
// no success; answers are bounded; and no text holds a token. Which targets, and with what, is decided by its caller.
package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const (
	// DefaultAPI is where GitHub itself answers.
	DefaultAPI = "https://api.github.com"
	// maxBody bounds an answer in bytes; GitHub's has some hundred.
	maxBody = 64 << 10
	// maxRedirects is how many redirects within the API's host one request may take.
	maxRedirects = 5
)

// Config says where and how.
type Config struct {
	HTTP *httpx.Client
	// API is the base of the API (GITHUB_API_URL), a path included; empty is GitHub's own.
	API string
	// Workflow is the name of the workflow's file.
	Workflow string
	// Forge is what refusals call the forge, such as gitea; github when empty.
	Forge string
}

// Client starts one workflow in any number of repositories. It is safe for concurrent use.
type Client struct {
	config Config
	api    *url.URL
}

// Run is the workflow run that GitHub names in newer answers; the zero value is none.
type Run struct {
	ID  int64  `json:"workflow_run_id"`
	URL string `json:"html_url"`
}

// New returns a client that has not sent anything yet.
func New(c Config) (*Client, error) {
	if c.API == "" {
		c.API = DefaultAPI
	}
	u, err := url.Parse(strings.TrimRight(c.API, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("reading GITHUB_API_URL: it is no http(s) URL without credentials and query")
	}
	if c.Workflow == "" || c.Workflow == "." || c.Workflow == ".." || strings.ContainsAny(c.Workflow, `/\`) {
		return nil, fmt.Errorf("naming the workflow: want the name of its file, have %q", c.Workflow)
	}
	if c.HTTP == nil {
		c.HTTP = httpx.New(httpx.Config{})
	}
	return &Client{config: c, api: u}, nil
}

// URL is where a target's dispatch is sent.
func (c *Client) URL(t dispatch.Target) string {
	owner, name, _ := strings.Cut(t.Repository, "/")
	return c.api.JoinPath("repos", owner, name, "actions/workflows", url.PathEscape(c.config.Workflow), "dispatches").String()
}

// Dispatch starts the workflow of one target. The error is a *dispatch.Refusal when an answer came, else an
// *httpx.Error or the context's.
func (c *Client) Dispatch(ctx context.Context, t dispatch.Target, r dispatch.Request) (Run, error) {
	res, err := c.post(ctx, t, r)
	if err != nil {
		return Run{}, c.failure(t, r, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return Run{}, fmt.Errorf("reading the answer of %s: %w", t, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return Run{}, c.refusal(t, r, res.StatusCode, c.message(body))
	}
	run, ok := accepted(body)
	if !ok {
		return Run{}, c.doing(t, httpx.Malformed(res, fmt.Sprintf("%d with an answer that is not the API's", res.StatusCode), "check the proxy, and that GITHUB_API_URL, where it is set, is the address of GitHub's API"))
	}
	return run, nil
}

// post sends the request. Its requests are counted and held back by target: each has a token, and so limits, of its own.
func (c *Client) post(ctx context.Context, t dispatch.Target, r dispatch.Request) (*http.Response, error) {
	c.config.HTTP.Learn(t.Token)
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL(t), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Content-Type", "application/json")
	transport := c.config.HTTP.Transport(c.api.Host + "/" + t.Repository).WithMaxBody(maxBody).Repeating()
	client := &http.Client{Transport: httpx.Authorize(transport, c.api, "Bearer "+t.Token), CheckRedirect: within}
	return client.Do(req)
}

// within follows a redirect that sends the same request to the same place (a renamed repository, 307 and 308). Another
// one is an answer: following it would tell somebody else, or turn the request into a GET that always succeeds.
func within(req *http.Request, via []*http.Request) error {
	if req.Method != via[0].Method || !httpx.SamePlace(req.URL, via[0].URL) || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// accepted reads the body of a success: nothing, or an object that may name the run.
func accepted(body []byte) (Run, bool) {
	var run Run
	if len(bytes.TrimSpace(body)) == 0 {
		return run, true
	}
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || json.Unmarshal(body, &run) != nil {
		return Run{}, false
	}
	return run, true
}

// message is GitHub's text in an answer, without secrets and cut; empty when it is not GitHub's.
func (c *Client) message(body []byte) string {
	var answer struct{ Message string }
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return c.config.HTTP.Line(answer.Message)
}

// failure describes why no answer came, or why none of several was good.
func (c *Client) failure(t dispatch.Target, r dispatch.Request, err error) error {
	var failed *httpx.Error
	if !errors.As(httpx.Clean(err), &failed) {
		return c.doing(t, err)
	}
	failed.Reason = c.config.HTTP.Clean(failed.Reason) // a Location that cannot be read is quoted
	if failed.Status != 0 {
		refusal := c.refusal(t, r, failed.Status, "")
		refusal.Wait = failed.Wait
		return refusal
	}
	return c.doing(t, failed)
}

func (c *Client) doing(t dispatch.Target, err error) error {
	return fmt.Errorf("dispatching %s of %s: %w", c.config.Workflow, t, err)
}

func (c *Client) refusal(t dispatch.Target, r dispatch.Request, status int, message string) *dispatch.Refusal {
	return &dispatch.Refusal{Target: t, Workflow: c.config.Workflow, Forge: c.config.Forge, Ref: r.Ref, Status: status, Message: message}
}
