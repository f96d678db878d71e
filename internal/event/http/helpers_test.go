package http_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	eventhttp "github.com/pawl-cd/pawl/internal/event/http"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// The canaries must never appear anywhere but in a request to their own host.
const (
	token = "canary-T0ken/with+odd=chars"
	key   = "canary-K3y&more%20"
)

// canaryForms are the ways in which a canary could leak.
func canaryForms() []string {
	var forms []string
	for _, c := range []string{token, key} {
		forms = append(forms, c, url.QueryEscape(c), url.PathEscape(c),
			base64.StdEncoding.EncodeToString([]byte(c)), base64.URLEncoding.EncodeToString([]byte(c)))
	}
	return forms
}

func noCanary(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range canaryForms() {
		if strings.Contains(text, form) {
			t.Errorf("%s holds a canary: %s", where, text)
		}
	}
}

// refusing is a sink that remembers why events were refused.
type refusing struct {
	send.Sink
	mu      sync.Mutex
	reasons map[string]string
}

func (s *refusing) Deliver(ctx context.Context, batch []event.Message) []error {
	errs := s.Sink.Deliver(ctx, batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, err := range errs {
		if e, ok := errors.AsType[*event.Rejected](err); ok {
			s.reasons[batch[i].ID] = e.Reason
		}
	}
	return errs
}

// message is the nth event of a chain; its subject and body hold what is difficult to encode.
func message(chain string, n int) event.Message {
	id := fmt.Sprintf("%s-%03d", cmp.Or(chain, "none"), n)
	m := event.Message{
		ID: id, Source: "https://pawl.example/infitx-org/profile%20cd?x=1", Type: "dev.cdeventsx.pawl-version.found.0.1.0",
		Subject:     `pkg:oci/central-ledger@sha256%3A244fd47e07d1004f0aed9c?repository_url=ghcr.io%2Fmojaloop&tag=v1 "é" ☃`,
		Time:        time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC),
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Chain:       chain, Sequence: fmt.Sprintf("%06d", n),
	}
	m.Body = body(m)
	return m
}

// body is a CDEvent whose context agrees with the message.
func body(m event.Message) []byte {
	data, err := json.Marshal(map[string]any{
		"context": map[string]any{
			"specversion": "0.5.1", "id": m.ID, "source": m.Source, "type": m.Type, "timestamp": m.Time, "chainId": m.Chain,
		},
		"subject": map[string]any{"id": m.Subject, "content": map[string]any{"html": "<a>&"}},
	})
	if err != nil {
		panic(err)
	}
	return data
}

// serve answers on loopback until the test is over.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// client waits for nothing but answers.
func client(timeout time.Duration) *httpx.Client {
	return httpx.New(httpx.Config{Timeout: timeout, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
}

func sink(t *testing.T, c eventhttp.Config) *eventhttp.Sink {
	t.Helper()
	if c.Client == nil {
		c.Client = client(5 * time.Second)
	}
	s, err := eventhttp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const drain = 10 * time.Second

// clock moves on by what is waited for, without waiting.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After fires at once, except for the drain time, which bounds what really takes time.
func (c *clock) After(d time.Duration) <-chan time.Time {
	if d == drain {
		return time.After(d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return fired
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// sending is a sender with one sink, which remembers what was added and what the sink settled.
type sending struct {
	*send.Sender
	mu      sync.Mutex
	added   []event.Message
	settled map[string]bool
}

func (s *sending) settle(_ string, m event.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[m.ID] = true
}

// left are the events that the sink has not settled.
func (s *sending) left() []event.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.added), func(m event.Message) bool { return s.settled[m.ID] })
}

func box(s send.Sink, c *clock) *sending {
	b := &sending{settled: map[string]bool{}}
	b.Sender = send.New(send.Config{Sinks: map[string]send.Sink{"web": s}, Settled: b.settle, Drain: drain, Now: c.Now, After: c.After})
	return b
}

func add(t *testing.T, s *sending, messages ...event.Message) {
	t.Helper()
	for _, m := range messages {
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	s.added = append(s.added, messages...)
}

// of reports whether an event is of a chain.
func of(chain string) func(receiver.Event) bool {
	return func(e receiver.Event) bool { return e.Attributes["chainid"] == chain }
}
