// Package rest is the half of a forge that is its API, for clients that ask it by hand: requests with the token that belongs to the
// instance and to nobody else, answers decoded or refused, and failures in words that a person can act on. What is asked, and
// what an answer means, is each forge's own.
package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// Config says where the API is, and as whom it is asked.
type Config struct {
	HTTP *httpx.Client
	// URL is the address of the instance; API is the path of its API below it, as api/v1.
	URL, API string
	// Name is the forge's name in messages.
	Name string
	// Token is sent to the instance only, empty is anonymous: to the API after Scheme, to git as the password of User.
	Token, Scheme, User string
	// Clean removes secrets from what others are told.
	Clean func(text string) string
	// Now is the clock until the instance tells its own.
	Now func() time.Time
	// Advise is what differs in what a person is told about a refusal.
	Advise Advice
}

// Client asks one instance. It is safe for concurrent use.
type Client struct {
	config Config
	// Base is the address of the instance.
	Base   *url.URL
	once   *http.Client // for requests that do harm when they are sent twice
	again  *http.Client // for all others, which are repeated
	clock  *httpx.Clock
	calls  atomic.Int64
	writes atomic.Int64
}

// New returns a client that has not asked anything yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(strings.TrimRight(c.URL, "/"), "/"+c.API))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, errors.New("configuring the forge: the address of the instance is no http(s) URL without credentials")
	}
	c.HTTP.Learn(c.Token)
	client := &Client{config: c, Base: base, clock: httpx.NewClock(c.Now)}
	value := ""
	if c.Token != "" {
		value = c.Scheme + " " + c.Token
	}
	transport := c.HTTP.Transport(base.Host)
	client.once = &http.Client{Transport: client.layers(transport, value), CheckRedirect: stay}
	client.again = &http.Client{Transport: client.layers(transport.Repeating(), value), CheckRedirect: stay}
	return client, nil
}

// Remote is a repository of the instance by git's own protocol.
func (c *Client) Remote(repository string) *remote.Remote {
	value := ""
	if c.config.Token != "" {
		encoded := base64.StdEncoding.EncodeToString([]byte(c.config.User + ":" + c.config.Token))
		c.config.HTTP.Learn(encoded)
		value = "Basic " + encoded
	}
	return remote.New(c.config.HTTP, c.Base.JoinPath(repository+".git"), func(next http.RoundTripper) http.RoundTripper {
		return c.layers(next, value)
	})
}

// stay follows no redirect: one that is followed would turn a request that writes into one that reads.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// layers counts requests, keeps secrets out of texts, reads the clock, and adds the token for the instance alone.
func (c *Client) layers(next http.RoundTripper, value string) http.RoundTripper {
	return counted{c, httpx.WithoutSecrets(httpx.Authorize(c.clock.Listen(next), c.Base, value), c.config.Clean)}
}

// counted counts each call once, however often it is repeated.
type counted struct {
	client *Client
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.client.calls.Add(1)
	if req.Method != http.MethodGet && !strings.HasSuffix(req.URL.Path, "/git-upload-pack") {
		c.client.writes.Add(1)
	}
	return c.next.RoundTrip(req)
}

// Calls returns how many calls were made so far; one that had to be repeated counts once.
func (c *Client) Calls() int { return int(c.calls.Load()) }

// Writes returns how many of them asked the server to change something.
func (c *Client) Writes() int { return int(c.writes.Load()) }

// Time is the time at the server, as of its last answer; zero when it has said none.
func (c *Client) Time() time.Time { return c.clock.Time() }

// Now is the server's time where it is known.
func (c *Client) Now() time.Time {
	if t := c.clock.Time(); !t.IsZero() {
		return t
	}
	return c.config.Now()
}

// Call sends a request, again where its failure may pass, and decodes the answer; one that is no success is a *Refusal.
// Nearly all requests may be sent twice: they read, or say how something shall be.
func (c *Client) Call(ctx context.Context, method, path string, body, into any) (*http.Response, error) {
	return c.send(ctx, c.again, method, path, body, into)
}

// Once is Call for a request that does harm when it is sent twice: nothing is repeated.
func (c *Client) Once(ctx context.Context, method, path string, body, into any) (*http.Response, error) {
	return c.send(ctx, c.once, method, path, body, into)
}

// Get reads.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	_, err := c.Call(ctx, http.MethodGet, path, nil, into)
	return err
}

func (c *Client) send(ctx context.Context, by *http.Client, method, path string, body, into any) (*http.Response, error) {
	var data io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		data = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base.JoinPath(c.config.API).String()+"/"+path, data)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := by.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // the body is in memory
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, refusal(res, text)
	}
	if into == nil {
		return res, nil
	}
	if json.Unmarshal(text, into) != nil {
		return nil, &odd{"JSON of the kind that " + c.config.Name + " sends"}
	}
	return res, nil
}
