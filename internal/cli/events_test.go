package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/observe"
	"github.com/pawl-cd/pawl/internal/wire"
)

// mailbox is a profile whose ledger keeps events, and a receiver.
type mailbox struct {
	*testing.T
	receiver *receiver.Receiver
	github   *github.Server
	// root is the profile, sink the name of the receiver, configured how it stands in .pawl.yaml.
	root, sink, configured string
}

func newMailbox(t *testing.T, events int) *mailbox {
	t.Helper()
	m := &mailbox{T: t, receiver: receiver.New(), root: t.TempDir()}
	m.github = github.New(github.Options{Now: time.Now, Identities: map[string]github.Identity{"s3cret-forge": {Login: "pawl-bot"}}})
	repo := m.github.Create("acme/profile", github.Settings{})
	if _, err := repo.Push("main", "alice", map[string][]byte{"README.md": nil}, "first"); err != nil {
		t.Fatal(err)
	}
	m.configured = "{type: http, url: 'https://events.example/hook', token: TOKEN}"
	m.write("manifests/app.yaml", "sources: {s: {kind: dockerimage, spec: {image: org/app, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n")
	m.write("v.yaml", "a: v1.0.0\n")
	m.configure(m.configured)
	s := withEvents(t, m.root, "{sinks: ["+m.configured+"]}", map[string]string{"TOKEN": "s3cret-token", "MERGE_TOKEN": "s3cret-forge"})
	s.g.sys.Transport = m.network()
	m.sink = wire.SinkName(s.config.Events.Sinks[0])
	var waiting []ledger.Pending
	for n := range events {
		id := strconv.Itoa(n)
		waiting = append(waiting, observe.NewPending(m.sink, event.Message{ID: id, Source: "https://x.example", Type: "dev.cdevents.change.merged.0.3.0", Subject: "acme/profile#" + id + "\x1b[2J",
			Chain: "c" + id, Time: time.Unix(int64(n), 0), Body: []byte(`{"context":{"id":"` + id + `"}}`)}))
	}
	_, client := s.pipeline()
	forge, err := s.forge(client)
	if err == nil {
		err = forge.Record(t.Context(), func(l ledger.Ledger) ledger.Ledger {
			l, _ = l.Keep(nil, waiting)
			return l
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mailbox) network() http.RoundTripper {
	return hostsOf{"api.github.com": m.github.RoundTripper(), "github.com": m.github.RoundTripper(), "events.example": fake.Network{"events.example": m.receiver}}
}

// hostsOf sends requests to one server for each host.
type hostsOf map[string]http.RoundTripper

func (s hostsOf) RoundTrip(r *http.Request) (*http.Response, error) {
	return s[r.URL.Host].RoundTrip(r)
}

func anything(receiver.Event) bool { return true }

func (m *mailbox) write(name, text string) {
	m.Helper()
	file := filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.Fatal(err)
	}
}

func (m *mailbox) configure(sinks string) {
	m.Helper()
	m.write(".pawl.yaml", "forge: {repository: acme/profile}\nledger: refs/pawl/ledger\nevents: {source: 'https://x.example', sinks: ["+sinks+"]}\n")
}

func (m *mailbox) pawl(ctx context.Context, want int, args ...string) (stdout, stderr string) {
	m.Helper()
	return m.pawlOver(ctx, m.network(), want, args...)
}

func (m *mailbox) pawlOver(ctx context.Context, network http.RoundTripper, want int, args ...string) (stdout, stderr string) {
	m.Helper()
	var out, errs strings.Builder
	env := map[string]string{"TOKEN": "s3cret-token", "MERGE_TOKEN": "s3cret-forge"}
	code := Run(ctx, append(args, "--root", m.root), System{Out: &out, Err: &errs, Now: time.Now, Transport: network, Sleep: httpx.Sleep,
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if code != want || strings.Contains(out.String()+errs.String(), "s3cret") || strings.Contains(out.String(), "\x1b") {
		m.Fatalf("%v: exit code %d, want %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func (m *mailbox) list() (kept keptEvents) {
	m.Helper()
	out, _ := m.pawl(m.Context(), OK, "events", "list", "--output", "json")
	if err := json.Unmarshal([]byte(out), &kept); err != nil || kept.Schema != "pawl.events/1" || kept.Directory != "refs/pawl/ledger" {
		m.Fatalf("%v\n%s", err, out)
	}
	return kept
}

// TestEventsFlush shows that everything that waits is delivered, in more than one batch.
func TestEventsFlush(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, 40)
	if kept := m.list(); len(kept.Events) != 40 || kept.Events[7].ID != "7" || kept.Events[7].State != "waiting" || string(kept.Events[7].Event) == "" {
		t.Fatalf("list is %+v", kept)
	}
	out, _ := m.pawl(t.Context(), OK, "events", "list")
	if !strings.Contains(out, `waiting  `+m.sink+`  1970-01-01T00:00:07Z  dev.cdevents.change.merged.0.3.0  acme/profile#7\u001b[2J`) || !strings.HasSuffix(out, "40 waiting in refs/pawl/ledger\n") {
		t.Errorf("list prints\n%s", out)
	}
	out, errs := m.pawl(t.Context(), OK, "events", "flush")
	if out != m.sink+": 40 delivered, 0 refused, 0 waiting\n" || errs != "" || len(m.receiver.IDs()) != 40 {
		t.Errorf("%d came: %s%s", len(m.receiver.IDs()), out, errs)
	}
	if kept := m.list(); len(kept.Events) != 0 {
		t.Errorf("list is %+v", kept)
	}
	m.pawl(t.Context(), OK, "events", "flush")
}

// TestEventsRefused shows that a refused event ends with 3, is not sent again, and that its reason holds no secret.
func TestEventsRefused(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, 3)
	m.receiver.Fault(func(e receiver.Event) bool { return e.Attributes["id"] == "1" }, fake.Fault{Status: 400, Body: "not s3cret-token \x1b[2J"})
	out, errs := m.pawl(t.Context(), Partial, "events", "flush")
	if out != m.sink+": 2 delivered, 1 refused, 0 waiting\n" || !strings.Contains(errs, "400 Bad Request: not ***") || !strings.Contains(errs, "what it refused is not sent again") {
		t.Errorf("%s%s", out, errs)
	}
	if kept := m.list(); len(kept.Events) != 0 {
		t.Errorf("list is %+v", kept)
	}
	m.pawl(t.Context(), OK, "events", "flush") // it was said once
}

// TestEventsFlushLater shows that a receiver that takes nothing costs the drain time once, and that what waits stays.
func TestEventsFlushLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox(t, 2)
		m.receiver.Fault(anything, fake.Fault{Status: 503})
		began := time.Now()
		out, errs := m.pawl(t.Context(), Partial, "events", "flush")
		if took := time.Since(began); took == 0 || took > send.DefaultDrain {
			t.Errorf("it took %s", took)
		}
		if out != m.sink+": 0 delivered, 0 refused, 2 waiting\n" || !strings.Contains(errs, "503 Service Unavailable") || len(m.list().Events) != 2 {
			t.Errorf("%s%s", out, errs)
		}
	})
}

// TestEventsFlushForLong shows that a slow receiver gets everything, though one drain time is not enough.
func TestEventsFlushForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox(t, 60)
		slow := slowly{m.network()}
		began := time.Now()
		out, errs := m.pawlOver(t.Context(), slow, OK, "events", "flush")
		if took := time.Since(began); took <= send.DefaultDrain || out != m.sink+": 60 delivered, 0 refused, 0 waiting\n" {
			t.Errorf("it took %s: %s%s", took, out, errs)
		}
	})
}

// slowly takes four seconds for each request.
type slowly struct{ next http.RoundTripper }

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "events.example" {
		if err := httpx.Sleep(r.Context(), 4*time.Second); err != nil {
			return nil, err
		}
	}
	return s.next.RoundTrip(r)
}

// TestEventsFlushInterrupted shows that a signal ends the delivery at once, and that nothing is lost.
func TestEventsFlushInterrupted(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, 2)
	m.receiver.Fault(anything, fake.Fault{Stall: true})
	ctx, cancel := context.WithCancel(t.Context())
	before := m.receiver.Count("POST", "/")
	go func() {
		for m.receiver.Count("POST", "/") == before {
			time.Sleep(time.Millisecond) // until the request has arrived; bounded by the test's own timeout
		}
		cancel()
	}()
	began := time.Now()
	_, errs := m.pawl(ctx, Interrupted, "events", "flush")
	if took := time.Since(began); took > 5*time.Second || !strings.Contains(errs, "interrupted") {
		t.Errorf("it took %s: %s", took, errs)
	}
	if kept := m.list(); len(kept.Events) != 2 {
		t.Errorf("list is %+v", kept)
	}
}

// TestEventsOfAnotherSink shows that events of a sink that is configured no more are not forgotten in silence.
func TestEventsOfAnotherSink(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, 2)
	for _, sinks := range []string{"", "{type: file, path: events.jsonl}"} {
		m.configure(sinks)
		_, errs := m.pawl(t.Context(), Partial, "events", "flush")
		if want := "2 events waiting for " + m.sink + ", which is not in events.sinks"; !strings.Contains(errs, want) {
			t.Errorf("stderr is %s, want %q", errs, want)
		}
	}
	m.configure(m.configured)
	m.pawl(t.Context(), OK, "events", "flush")
}
