// Package wire makes the clients of a process from the configuration and the environment: sources, forge, projects, sinks. It
// knows every client and no command; what a client is told of secrets, places and limits is decided here.
package wire

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/redact"
	"github.com/pawl-cd/pawl/internal/source"
)

// Wire is what clients are made from.
type Wire struct {
	Config config.Config
	// Env looks up an environment variable.
	Env func(name string) (string, bool)
	// Root is the profile's directory.
	Root string
	// Store is where git's objects are remembered by all clients of the profile's forge, nil for each its own.
	Store *Store
	// Tenant is what the profile has where others share the process, nil where it is alone.
	Tenant *Tenant
	// Timeout is for one request.
	Timeout   time.Duration
	UserAgent string
	// Redactor learns what is secret, and removes it from what others are told.
	Redactor *redact.Redactor
	// Log gets each request, nil for none.
	Log *slog.Logger
	// Transport sends every request; nil is the network.
	Transport http.RoundTripper
	Now       func() time.Time
	Sleep     func(ctx context.Context, d time.Duration) error
	// Say tells people what went wrong beside the run.
	Say func(level slog.Level, message, hint string)
	// Caught is deferred where a stranger's text is read: it makes an error of a panic.
	Caught func(err *error)
}

// Store remembers the git objects of a profile's repository.
type Store = repository.Store

// NewStore returns a store that knows nothing yet.
func NewStore() *Store { return repository.NewStore() }

// Client is the one HTTP client of a process.
func (w Wire) Client() *httpx.Client { return w.client(0) }

// client waits for the budget before it repeats no more, zero for the usual one.
func (w Wire) client(budget time.Duration) *httpx.Client {
	return httpx.New(httpx.Config{
		Timeout: w.Timeout, Concurrency: w.concurrency, UserAgent: w.UserAgent, Redactor: w.Redactor, Log: w.Log, Transport: w.Transport,
		Now: w.Now, Sleep: w.Sleep, Budget: budget,
	})
}

func (w Wire) env(name string) string {
	value, _ := w.Env(name)
	return value
}

// Bound reports whether the token in the variable may be sent to the place of a URL: GitHub's own tokens to GitHub, or to
// the API that GITHUB_API_URL names, those of another forge to that; the others to the host that the configuration names, which is asked by https unless
// it is written with another scheme or is this machine.
func (w Wire) Bound(variable, base string) bool {
	place := placeOf(base)
	if bound := w.Config.Secrets[variable]; bound != "" && place != "" {
		return place == placeOf(bound) || place == "https://"+strings.ToLower(bound) || loopback(place) && place == "http://"+strings.ToLower(bound)
	}
	if variable != "GITHUB_TOKEN" && variable != "MERGE_TOKEN" {
		return false
	}
	api := placeOf(w.env("GITHUB_API_URL"))
	switch {
	case place == "":
		return false
	case variable == "GITHUB_TOKEN" && w.inGitea():
		return place == api
	case variable == "MERGE_TOKEN" && (w.ForgeKind() == kindGitea || w.ForgeKind() == kindGitLab):
		return place == placeOf(w.forgeURL())
	}
	return place == source.GitHubAPI || place == api && !w.inGitea()
}

// placeOf is the scheme and host of a URL, empty for what is none.
func placeOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// loopback reports whether a place is this machine.
func loopback(place string) bool {
	u, err := url.Parse(place)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// token returns the value of the variable when it may be sent to the place.
func (w Wire) token(variable, place string) string {
	if !w.Bound(variable, place) {
		return ""
	}
	return w.env(variable)
}

// sourceTimeout is how long a source of a host may take in all; a longer --timeout gives more.
func (w Wire) sourceTimeout(host string) time.Duration {
	if d, ok := w.Config.Timeouts[host]; ok {
		return d
	}
	return max(config.DefaultSourceTimeout, w.Timeout)
}

// TenantConcurrency is how many requests a host gets at once from one profile of a process with others, by whatever names the
// profile calls the host: the others do not wait for all that it wants to ask.
const TenantConcurrency = config.DefaultConcurrency / 2

func (w Wire) concurrency(host string) int {
	n, ok := w.Config.Concurrency[host]
	if !ok {
		n = config.DefaultConcurrency
	}
	if w.Tenant != nil {
		return min(n, TenantConcurrency)
	}
	return n
}
