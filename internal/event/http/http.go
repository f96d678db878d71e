// Package http is the sink that posts events to one URL in the HTTP binding of CloudEvents 1.0
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md). It promises: an event
// is acknowledged only by an answer of 2xx, or 409 from a receiver that has it already; a chain's events are sent one
// after the other, and none behind one that failed; the token goes to its own scheme, host and port only and a redirect
// is never followed; no error holds the token, the key, the URL's path or query. When to try again is the sender's
// business, connections are package httpx's.
package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// maxChains is how many chains of one batch are sent at the same time.
const maxChains = 8

// Mode is how an event is put into a request.
type Mode string

// The modes of the HTTP binding.
const (
	// Binary sends the plain CDEvent as body and the attributes as ce-* headers; it is the default.
	Binary Mode = "binary"
	// Structured sends one event as application/cloudevents+json.
	Structured Mode = "structured"
	// Batch sends a whole batch as application/cloudevents-batch+json.
	Batch Mode = "batch"
)

// Config is one receiver.
type Config struct {
	// URL is the address that is posted to, http or https, without user information.
	URL string
	// Mode is Binary when empty.
	Mode Mode
	// Token is sent as "Authorization: Bearer", when there is one.
	Token string
	// Key signs the body, when there is one: X-Pawl-Signature-256 is then "sha256=" and the HMAC-SHA256 in hexadecimal.
	Key string
	// Client makes the requests.
	Client *httpx.Client
	// Now is the clock that a date in Retry-After is compared with; the default is time.Now.
	Now func() time.Time
}

// Sink posts to one receiver.
type Sink struct {
	config Config
	url    *url.URL
	client *http.Client
}

// New returns the sink, or an error for a URL or mode that cannot be used.
func New(c Config) (*Sink, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("reading the address of an event sink: it is no http or https URL")
	case u.User != nil:
		return nil, fmt.Errorf("reading the address of the event sink at %s: it holds credentials; name a variable as token instead", u.Host)
	}
	switch c.Mode {
	case "":
		c.Mode = Binary
	case Binary, Structured, Batch:
	default:
		return nil, fmt.Errorf("reading the event sink at %s: unknown mode %q", u.Host, c.Mode)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	authorization := ""
	if c.Token != "" {
		authorization = "Bearer " + c.Token
	}
	c.Client.Learn(c.Token, c.Key)
	client := httpx.NewClient(httpx.Authorize(c.Client.Transport(u.Host), u, authorization))
	// A redirected POST becomes a GET and its 200 would acknowledge what was never read.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Sink{config: c, url: u, client: client}, nil
}

// Close does nothing; the connections are the client's.
func (s *Sink) Close() error { return nil }

// Deliver posts the events and returns what became of each.
func (s *Sink) Deliver(ctx context.Context, batch []event.Message) []error {
	if s.config.Mode == Batch {
		return s.deliverBatch(ctx, batch)
	}
	return s.deliverEach(ctx, batch)
}

// deliverEach sends the chains beside each other, the events of a chain in turn. Once the receiver asks to be left
// alone, nothing more is sent.
func (s *Sink) deliverEach(ctx context.Context, batch []event.Message) []error {
	results := make([]error, len(batch))
	var alone atomic.Pointer[Error]
	var chains errgroup.Group
	chains.SetLimit(maxChains)
	for _, chain := range byChain(batch) {
		chains.Go(func() error {
			var failed error
			for _, i := range chain {
				if e := alone.Load(); failed == nil && e != nil {
					failed = e
				}
				if failed != nil {
					results[i] = failed
					continue
				}
				results[i] = s.one(ctx, batch[i])
				failed = passing(results[i], &alone)
			}
			return nil
		})
	}
	_ = chains.Wait() // the errors are in the results
	return results
}

// passing returns a failure that holds back what comes after it: not a refusal, which is settled.
func passing(err error, alone *atomic.Pointer[Error]) error {
	var rejected *event.Rejected
	if err == nil || errors.As(err, &rejected) {
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e.wait > 0 {
		alone.Store(e)
	}
	return err
}

// byChain returns the positions of each chain's events, in order.
func byChain(batch []event.Message) [][]int {
	at := map[string]int{}
	var chains [][]int
	for i, m := range batch {
		n, ok := at[m.Chain]
		if !ok {
			n = len(chains)
			at[m.Chain] = n
			chains = append(chains, nil)
		}
		chains[n] = append(chains[n], i)
	}
	return chains
}

// deliverBatch sends all events in one request. One that the receiver refuses is sent again event by event, to find
// those that it refuses.
func (s *Sink) deliverBatch(ctx context.Context, batch []event.Message) []error {
	results := make([]error, len(batch))
	var good []int
	for i, m := range batch {
		if results[i] = valid(m); results[i] == nil {
			good = append(good, i)
		}
	}
	if len(good) == 0 {
		return results
	}
	events := pick(batch, good)
	err := s.post(ctx, encodeBatch(events))
	var rejected *event.Rejected
	if errors.As(err, &rejected) && len(good) > 1 {
		for n, err := range s.deliverEach(ctx, events) {
			results[good[n]] = err
		}
		return results
	}
	for _, i := range good {
		results[i] = err
	}
	return results
}

func pick(batch []event.Message, which []int) []event.Message {
	picked := make([]event.Message, 0, len(which))
	for _, i := range which {
		picked = append(picked, batch[i])
	}
	return picked
}

// one sends a single event in the sink's mode.
func (s *Sink) one(ctx context.Context, m event.Message) error {
	if err := valid(m); err != nil {
		return err
	}
	switch s.config.Mode {
	case Structured:
		return s.post(ctx, encodeStructured(m))
	case Batch:
		return s.post(ctx, encodeBatch([]event.Message{m}))
	default:
		return s.post(ctx, encodeBinary(m))
	}
}
