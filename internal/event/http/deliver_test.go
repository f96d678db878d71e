package http_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawl-cd/pawl/internal/event"
	eventhttp "github.com/pawl-cd/pawl/internal/event/http"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// echo is an answer that repeats what it should not.
const echo = "no: Bearer " + token + " signed with " + key + "\r\n\x1b[31m" + "and so on"

// TestFaults sends two chains to a receiver that misbehaves, first for every event, then for one chain only, and lets it
// heal: nothing is lost, nothing comes out of order, what was refused for good is explained, and no secret is told.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		fault fake.Fault
		dead  string // the reason, when it is a refusal for good
	}{
		"refuses":           {fake.Fault{Status: 503, Body: echo}, ""},
		"stalls":            {fake.Fault{Stall: true}, ""},
		"429":               {fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}, Body: echo}, ""},
		"408":               {fake.Fault{Status: 408}, ""},
		"425":               {fake.Fault{Status: 425}, ""},
		"500":               {fake.Fault{Status: 500, Body: echo}, ""},
		"redirects":         {fake.Fault{Redirect: "http://127.0.0.1:1"}, ""},
		"dies in the reply": {fake.Fault{Truncate: 5}, ""},
		"drips":             {fake.Fault{Drip: true}, ""},
		"400":               {fake.Fault{Status: 400, Body: echo}, "answers 400 Bad Request: no: Bearer *** signed with *** [31mand so on"},
		"401":               {fake.Fault{Status: 401}, "answers 401 Unauthorized"},
		"410":               {fake.Fault{Status: 410, Body: strings.Repeat("long ", 1000)}, "answers 410 Gone: long long"},
		"415":               {fake.Fault{Status: 415}, "answers 415 Unsupported Media Type"},
	}
	for name, c := range faults {
		for _, mode := range []eventhttp.Mode{eventhttp.Binary, eventhttp.Structured, eventhttp.Batch} {
			for _, only := range []string{"", "a"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, mode, only), func(t *testing.T) {
					t.Parallel()
					checkFault(t, c.fault, c.dead, mode, only)
				})
			}
		}
	}
}

func checkFault(t *testing.T, fault fake.Fault, dead string, mode eventhttp.Mode, only string) {
	r := receiver.New()
	s := &refusing{reasons: map[string]string{}}
	s.Sink = sink(t, eventhttp.Config{URL: serve(t, r), Mode: mode, Token: token, Key: key, Client: client(200 * time.Millisecond)})
	r.Fault(func(e receiver.Event) bool { return only == "" || of(only)(e) }, fault)
	var all []event.Message
	for n := 1; n <= 4; n++ {
		all = append(all, message("a", n), message("b", n))
	}

	o := box(s, newClock())
	add(t, o, all...)
	first := o.Close(t.Context())[0]
	if first.Err == nil {
		t.Errorf("the first summary tells no failure: %+v", first)
	} else {
		noCanary(t, "the error", first.Err.Error())
	}
	r.Heal()
	again := box(s, newClock())
	add(t, again, o.left()...)
	second := again.Close(t.Context())[0]

	refused := 0
	if dead != "" {
		refused = len(ids(all, only))
		checkRefused(t, s.reasons, dead, ids(all, only))
	} else if first.Waiting == 0 || second.Err != nil {
		t.Errorf("summaries are %+v and %+v", first, second)
	}
	if first.Dead+second.Dead != refused || second.Waiting != 0 || first.Delivered+second.Delivered != len(all)-refused {
		t.Errorf("summaries are %+v and %+v", first, second)
	}
	checkReceived(t, r, all, dead != "", only)
}

// ids are the events of a chain, of all chains when it is empty.
func ids(messages []event.Message, chain string) []string {
	var all []string
	for _, m := range messages {
		if chain == "" || m.Chain == chain {
			all = append(all, m.ID)
		}
	}
	return all
}

func checkRefused(t *testing.T, reasons map[string]string, reason string, want []string) {
	t.Helper()
	for id, got := range reasons {
		noCanary(t, "a reason", got)
		if !strings.Contains(got, reason) || len(got) > 300 {
			t.Errorf("%s is refused because %q, want %q", id, got, reason)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(maps.Keys(reasons))); diff != "" {
		t.Error(diff)
	}
}

// checkReceived holds what arrived: everything but what was refused, each chain in its order.
func checkReceived(t *testing.T, r *receiver.Receiver, all []event.Message, refused bool, only string) {
	t.Helper()
	got := r.IDs()
	for _, chain := range []string{"a", "b"} {
		want := ids(all, chain)
		if refused && (only == "" || only == chain) {
			want = nil
		}
		have := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return id[:1] != chain })
		if diff := cmp.Diff(want, have, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("chain %s: %s", chain, diff)
		}
	}
}

// TestHalfWay lets the receiver die after it took an event and before it said so: the event comes again, and 409 from a
// receiver that remembers it counts as taken.
func TestHalfWay(t *testing.T) {
	t.Parallel()
	r := receiver.New()
	r.Set("/", fake.Fault{Truncate: 5, Times: 1})
	r.Set("/", fake.Fault{Status: 409, Times: 1})
	o := box(sink(t, eventhttp.Config{URL: serve(t, r)}), newClock())
	add(t, o, message("a", 1), message("a", 2))
	if s := o.Close(t.Context()); s[0].Delivered != 2 || s.Undelivered() != 0 {
		t.Errorf("summary is %+v", s)
	}
	if diff := cmp.Diff([]string{"a-001", "a-002"}, r.IDs()); diff != "" || len(r.Requests()) != 3 {
		t.Errorf("%d requests, %s", len(r.Requests()), diff)
	}
}

// TestRetryAfter shows that the receiver is left alone for as long as it asks, and nothing is sent meanwhile.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	r := receiver.New()
	r.Set("/", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}, Times: 1})
	clock := newClock()
	web := httpx.New(httpx.Config{Now: clock.Now, Sleep: func(ctx context.Context, d time.Duration) error {
		clock.After(d)
		return ctx.Err()
	}})
	o := box(sink(t, eventhttp.Config{URL: serve(t, r), Client: web, Now: clock.Now}), clock)
	start := clock.Now()
	add(t, o, message("a", 1), message("a", 2))
	s := o.Close(t.Context())
	if waited := clock.Now().Sub(start); s[0].Delivered != 2 || waited < 7*time.Second || len(r.Requests()) != 3 {
		t.Errorf("waited %s, %d requests, summary %+v", waited, len(r.Requests()), s)
	}
}

// TestPoisonInBatch shows that one event that a receiver refuses does not take the rest of its batch along.
func TestPoisonInBatch(t *testing.T) {
	t.Parallel()
	r := receiver.New()
	r.Fault(func(e receiver.Event) bool { return e.Attributes["id"] == "a-002" }, fake.Fault{Status: 400, Body: "bad"})
	o := box(sink(t, eventhttp.Config{URL: serve(t, r), Mode: eventhttp.Batch}), newClock())
	broken := message("a", 4)
	broken.Body = []byte("{")
	add(t, o, message("a", 1), message("a", 2), message("a", 3), broken, message("a", 5))
	if s := o.Close(t.Context()); s[0].Delivered != 3 || s[0].Dead != 2 || s[0].Waiting != 0 {
		t.Errorf("summary is %+v", s)
	}
	if diff := cmp.Diff([]string{"a-001", "a-003", "a-005"}, r.IDs()); diff != "" {
		t.Error(diff)
	}
}

// TestOneBatchOneRequest shows what batch mode is for.
func TestOneBatchOneRequest(t *testing.T) {
	t.Parallel()
	r := receiver.New()
	var batch []event.Message
	for n := range send.BatchSize {
		batch = append(batch, message("a", n))
	}
	errs := sink(t, eventhttp.Config{URL: serve(t, r), Mode: eventhttp.Batch}).Deliver(t.Context(), batch)
	if err := errors.Join(errs...); err != nil || len(r.Requests()) != 1 || len(r.IDs()) != len(batch) {
		t.Errorf("%d requests for %d events, %v", len(r.Requests()), len(r.IDs()), err)
	}
}

// TestUnreachable covers receivers that are not there at all.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://127.0.0.1:1/hook", "https://events.invalid/hook"} {
		s := sink(t, eventhttp.Config{URL: address + "/" + token, Token: token, Key: key, Client: httpx.New(httpx.Config{
			Transport: unreachable{}})})
		err := s.Deliver(t.Context(), []event.Message{message("a", 1)})[0]
		var advice interface{ Advice() string }
		if !errors.As(err, &advice) || advice.Advice() == "" || strings.Contains(err.Error(), "hook") {
			t.Errorf("error is %v", err)
		}
		noCanary(t, "the error", err.Error())
	}
}

// unreachable fails with a text that tells what it should not.
type unreachable struct{}

func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("dialing failed for %s", r.Header.Get("Authorization"))
}

// TestTokenStays shows that a redirect is not followed: its target sees neither token nor event.
func TestTokenStays(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		other := receiver.New()
		target := serve(t, other)
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target+"/"+url.PathEscape(token), status)
		}))
		err := sink(t, eventhttp.Config{URL: address, Token: token, Key: key}).Deliver(t.Context(), []event.Message{message("a", 1)})[0]
		var rejected *event.Rejected
		if err == nil || errors.As(err, &rejected) || len(other.Requests()) != 0 {
			t.Errorf("%d: error %v, %d requests at the target", status, err, len(other.Requests()))
			continue
		}
		noCanary(t, "the error", err.Error())
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := receiver.New()
	r.Set("/", fake.Fault{Status: 400, Body: echo})
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := sink(t, eventhttp.Config{URL: serve(t, r) + "/?k=" + url.QueryEscape(token), Token: token, Key: key, Client: httpx.New(httpx.Config{Log: logger})})
	s.Deliver(t.Context(), []event.Message{message("a", 1)})
	if !strings.Contains(log.String(), "status=400") {
		t.Errorf("log is %q", log.String())
	}
	noCanary(t, "the log", log.String())
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []eventhttp.Config{
		{URL: ""}, {URL: "events.example/hook"}, {URL: "ftp://events.example"}, {URL: "http://"}, {URL: "http://events.example", Mode: "both"},
		{URL: "https://me:" + url.QueryEscape(token) + "@events.example"}, {URL: "https://events.example/%zz" + token},
	} {
		c.Client = client(time.Second)
		_, err := eventhttp.New(c)
		if err == nil {
			t.Errorf("%+v is taken", c)
			continue
		}
		noCanary(t, "the error", err.Error())
	}
}

// BenchmarkDeliver sends to a receiver that takes 5 ms for each request, in each mode and for one chain and eight.
func BenchmarkDeliver(b *testing.B) {
	for _, mode := range []eventhttp.Mode{eventhttp.Binary, eventhttp.Batch} {
		for _, chains := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", mode, chains), func(b *testing.B) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					<-time.After(5 * time.Millisecond)
				}))
				defer server.Close()
				s, err := eventhttp.New(eventhttp.Config{URL: server.URL, Mode: mode, Client: httpx.New(httpx.Config{})})
				if err != nil {
					b.Fatal(err)
				}
				var batch []event.Message
				for n := range send.BatchSize {
					batch = append(batch, message(fmt.Sprint(n%chains), n))
				}
				for b.Loop() {
					if err := errors.Join(s.Deliver(b.Context(), batch)...); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(batch)*b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}
