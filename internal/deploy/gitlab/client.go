// Package gitlab is the deploy stage's client of GitLab: it triggers pipelines with a project's trigger token, looks
// up what became of a trigger whose answer never came, and follows a pipeline to its end.
//
// It promises: a trigger is sent once, and again only when it is certain that GitLab did not accept it; what is not
// known is said to be unknown; a token goes to its project's own host only, along no redirect, and into no text; every
// wait, page and poll is bounded. Who may trigger what, and when again, is decided by its caller and the ledger.
package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/httpx"
)

const (
	// DefaultPatience is how long one trigger is repeated.
	DefaultPatience = time.Minute
	// DefaultLooking is how long one pipeline is looked for.
	DefaultLooking = time.Minute
	// DefaultPoll is how often a pipeline is looked at.
	DefaultPoll = 10 * time.Second

	// firstPause is the wait before a pipeline is looked for again; each further one is twice as long.
	firstPause = 2 * time.Second

	pageSize = 100
	// maxPages bounds a listing, and so how many pipelines are looked at for one trigger.
	maxPages = 5
	// maxBody bounds an answer, in bytes.
	maxBody = 8 << 20
	// skew is how far the clocks of GitLab and of this machine may differ.
	skew = 15 * time.Minute
)

// Config says how requests are made; every zero field has the default above or the one described.
type Config struct {
	HTTP *httpx.Client
	// Token returns the value of an environment variable, empty when it has none.
	Token func(variable string) string
	// Now and Sleep are the clock; the defaults are the real one.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Patience, Looking and Poll replace their defaults.
	Patience, Looking, Poll time.Duration
}

// Client talks to the GitLab of each project that it is given. It is safe for concurrent use and keeps no state.
type Client struct {
	config Config
}

// New returns a client that has not asked anything yet.
func New(c Config) *Client {
	if c.HTTP == nil {
		c.HTTP = httpx.New(httpx.Config{})
	}
	if c.Token == nil {
		c.Token = func(string) string { return "" }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = httpx.Sleep
	}
	if c.Patience <= 0 {
		c.Patience = DefaultPatience
	}
	if c.Looking <= 0 {
		c.Looking = DefaultLooking
	}
	if c.Poll <= 0 {
		c.Poll = DefaultPoll
	}
	return &Client{config: c}
}

// token returns the value of a variable without the line end that a secret is often stored with.
func (c *Client) token(variable string) string {
	if variable == "" {
		return ""
	}
	token := strings.TrimSpace(c.config.Token(variable))
	c.config.HTTP.Learn(token)
	return token
}

// library is frozen, and stays: it is known here only.
type library = gl.Client //nolint:staticcheck // deprecated upstream

// connect returns the library's client for a project's GitLab, and the project's number or path there. The token may
// be empty: a trigger carries its own, and is not sent after a time that is not zero.
func (c *Client) connect(p deploy.Project, token string, until time.Time) (*library, string, error) {
	base, id, err := p.Endpoint()
	if err != nil {
		return nil, "", err
	}
	place, err := url.Parse(base)
	if err != nil {
		return nil, "", err
	}
	way := c.config.HTTP.Transport(place.Host).WithMaxBody(maxBody)
	if !until.IsZero() {
		way = way.Until(until)
	}
	transport := &authorized{next: way, place: place, token: token}
	options := []gl.ClientOptionFunc{gl.WithBaseURL(base + "/api/v4/"), gl.WithoutRetries(), gl.WithCustomLimiter(unlimited{}),
		gl.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: stay})}
	api, err := gl.NewClient("", options...) //nolint:staticcheck // deprecated upstream
	if err != nil {
		return nil, "", err
	}
	api.UserAgent = ""
	return api, id, nil
}

// stay follows no redirect: 307 and 308 would carry the body, and with it the token, anywhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// authorized adds the token to requests for its own place, and takes away the empty one that the library sends.
type authorized struct {
	next  http.RoundTripper
	place *url.URL
	token string
}

// RoundTrip implements http.RoundTripper.
func (p *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Del("Private-Token")
	if p.token != "" && httpx.SamePlace(req.URL, p.place) {
		req.Header.Set("Private-Token", p.token)
	}
	return p.next.RoundTrip(req)
}

// unlimited replaces the library's limiter, which waits by a clock of its own.
type unlimited struct{}

// Wait implements gl.RateLimiter.
func (unlimited) Wait(context.Context) error { return nil }
