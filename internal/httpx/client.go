// Package httpx is the one HTTP layer of every package that talks to the outside. It promises: an attempt never lasts
// longer than its timeout, its body included; bodies are bounded; requests that may be repeated are repeated within a
// budget of waiting, as the host asks (Retry-After); a host that says "too many requests" is left alone by everyone;
// no more requests are in flight to a host than allowed; every request is counted; and no error or log line holds a
// query, a header, user information or a body. Credentials are the callers' business, Authorize keeps them at their
// host. Proxies and private authorities come from the environment as everywhere in Go (HTTPS_PROXY, SSL_CERT_FILE).
package httpx

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/redact"
)

// The defaults of Config.
const (
	DefaultTimeout     = 20 * time.Second
	DefaultAttempts    = 4
	DefaultBudget      = 60 * time.Second
	DefaultConcurrency = 16
	DefaultMaxBody     = 64 << 20
)

// Config says how requests are made; every zero field has the default above or the one described.
type Config struct {
	// Timeout bounds one attempt, the reading of its body included.
	Timeout time.Duration
	// Attempts bounds how often one request is sent.
	Attempts int
	// Budget bounds how long one request waits in total between its attempts.
	Budget time.Duration
	// Concurrency is how many requests may be in flight for a label.
	Concurrency func(label string) int
	// MaxBody bounds a body in bytes, after decompression.
	MaxBody int64
	// UserAgent is sent where the caller sets none; the default is "pawl".
	UserAgent string
	// Sleep waits, or returns the context's error earlier; Now is the clock that dates are compared with.
	Sleep func(ctx context.Context, d time.Duration) error
	Now   func() time.Time
	// Transport sends the requests; the default is NewTransport.
	Transport http.RoundTripper
	// Redactor removes secrets from texts and learns those that requests carry; nil is one that knows no other.
	Redactor *redact.Redactor
	// Log receives one debug line for each attempt; nil is silence.
	Log *slog.Logger
}

// Client holds what all requests of a run share: connections, limits and counters. It is safe for concurrent use.
type Client struct {
	config Config

	mu    sync.Mutex
	hosts map[string]*host
}

// New returns a client without any state yet.
func New(c Config) *Client {
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.Attempts = cmp.Or(c.Attempts, DefaultAttempts)
	c.Budget = cmp.Or(c.Budget, DefaultBudget)
	c.MaxBody = cmp.Or(c.MaxBody, DefaultMaxBody)
	c.UserAgent = cmp.Or(c.UserAgent, "pawl")
	if c.Sleep == nil {
		c.Sleep = Sleep
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Transport == nil {
		c.Transport = NewTransport()
	}
	if c.Redactor == nil {
		c.Redactor = redact.New()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{config: c, hosts: map[string]*host{}}
}

// NewTransport returns a transport of its own that takes proxies from the environment and keeps enough idle
// connections for every request in flight to find one.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// Clean returns a text without secrets: what somebody else wrote, before any of it is cut off, kept or sent on.
func (c *Client) Clean(text string) string { return c.config.Redactor.Text(text) }

// Known is Clean without the tokens that servers handed out, for what decides about later runs.
func (c *Client) Known(text string) string { return c.config.Redactor.Known(text) }

// Learn makes secrets known to Clean.
func (c *Client) Learn(secrets ...string) { c.config.Redactor.Add(secrets...) }

// Requests returns how many requests were sent for each label, repeated ones included.
func (c *Client) Requests() map[string]int {
	return collect(c, func(h *host) (int, bool) { return h.requests, h.requests > 0 })
}

// Remaining returns the lowest quota that was reported for each label, where its host reports one.
func (c *Client) Remaining() map[string]int {
	return collect(c, func(h *host) (int, bool) { return h.remaining, h.quota })
}

func collect(c *Client, value func(*host) (int, bool)) map[string]int {
	c.mu.Lock()
	hosts := maps.Clone(c.hosts)
	c.mu.Unlock()
	found := map[string]int{}
	for label, h := range hosts {
		h.mu.Lock()
		if n, ok := value(h); ok {
			found[label] = n
		}
		h.mu.Unlock()
	}
	return found
}

// host returns the state that all requests of a label share.
func (c *Client) host(label string) *host {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.hosts[label]
	if !ok {
		h = &host{slots: make(chan struct{}, c.concurrency(label))}
		c.hosts[label] = h
	}
	return h
}

func (c *Client) concurrency(label string) int {
	if c.config.Concurrency != nil {
		if n := c.config.Concurrency(label); n > 0 {
			return n
		}
	}
	return DefaultConcurrency
}

// Sleep waits for the time to pass, or returns the context's error earlier.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
