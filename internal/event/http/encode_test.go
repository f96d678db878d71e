package http_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
	eventhttp "github.com/pawl-cd/pawl/internal/event/http"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
)

// TestIndependentReceiver lets the CloudEvents SDK parse what is sent, in every mode, and compares each attribute with
// the message and with the body.
func TestIndependentReceiver(t *testing.T) {
	t.Parallel()
	batch := []event.Message{message("chain-1", 1), message("chain-1", 2), message("chain-2", 3)}
	for _, mode := range []eventhttp.Mode{"", eventhttp.Binary, eventhttp.Structured, eventhttp.Batch} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			got := make(chan []cloudevents.Event, len(batch))
			address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				events, err := parse(r, mode)
				if err != nil {
					t.Errorf("the SDK does not parse it: %v", err)
				}
				got <- events
				w.WriteHeader(http.StatusNoContent)
			}))
			for _, err := range sink(t, eventhttp.Config{URL: address, Mode: mode}).Deliver(t.Context(), batch) {
				if err != nil {
					t.Fatal(err)
				}
			}
			close(got)
			found := map[string]cloudevents.Event{}
			for events := range got {
				for _, e := range events {
					found[e.ID()] = e
				}
			}
			for _, m := range batch {
				compare(t, m, found[m.ID])
			}
		})
	}
}

func parse(r *http.Request, mode eventhttp.Mode) ([]cloudevents.Event, error) {
	if mode == eventhttp.Batch {
		return cehttp.NewEventsFromHTTPRequest(r)
	}
	e, err := cehttp.NewEventFromHTTPRequest(r)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("ce-id") != "" {
		err = decode(e)
	}
	return []cloudevents.Event{*e}, err
}

// decode undoes the percent-encoding of headers, which the SDK (v2.16) leaves to its users.
func decode(e *cloudevents.Event) error {
	source, err := url.PathUnescape(e.Source())
	if err != nil {
		return err
	}
	subject, err := url.PathUnescape(e.Subject())
	e.SetSource(source)
	e.SetSubject(subject)
	return err
}

// compare holds an event that the SDK parsed against the message, and against what the CDEvent says of itself.
func compare(t *testing.T, m event.Message, e cloudevents.Event) {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Errorf("%s is not valid: %v", m.ID, err)
	}
	got := map[string]any{
		"specversion": e.SpecVersion(), "source": e.Source(), "type": e.Type(), "subject": e.Subject(), "time": e.Time().UTC(),
		"datacontenttype": e.DataContentType(), "extensions": e.Extensions(),
	}
	want := map[string]any{
		"specversion": "1.0", "source": m.Source, "type": m.Type, "subject": m.Subject, "time": m.Time, "datacontenttype": "application/json",
		"extensions": map[string]any{"partitionkey": m.Chain, "chainid": m.Chain, "sequence": m.Sequence, "traceparent": m.TraceParent},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(string(m.Body), string(e.Data())); diff != "" {
		t.Error(diff)
	}
	var said struct {
		Context struct {
			ID, Source, Type string
			Timestamp        time.Time
		}
		Subject struct{ ID string }
	}
	if err := json.Unmarshal(e.Data(), &said); err != nil {
		t.Fatal(err)
	}
	if said.Context.ID != e.ID() || said.Context.Source != e.Source() || said.Context.Type != e.Type() ||
		!said.Context.Timestamp.Equal(e.Time()) || said.Subject.ID != e.Subject() {
		t.Errorf("attributes and body differ: %+v, %+v", e.Context, said)
	}
}

// TestWire shows the binary mode byte by byte, as a receiver that knows no CloudEvents gets it, with its signature.
func TestWire(t *testing.T) {
	t.Parallel()
	m := message("c", 7)
	r := receiver.New()
	s := sink(t, eventhttp.Config{URL: serve(t, r) + "/webhook?x=y", Token: token, Key: key})
	if err := s.Deliver(t.Context(), []event.Message{m})[0]; err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(m.Body)
	got := r.Events()[0]
	want := map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "c-007", "Ce-Type": m.Type,
		"Ce-Source":            "https://pawl.example/infitx-org/profile%2520cd?x=1",
		"Ce-Subject":           "pkg:oci/central-ledger@sha256%253A244fd47e07d1004f0aed9c?repository_url=ghcr.io%252Fmojaloop&tag=v1%20%22%C3%A9%22%20%E2%98%83",
		"Ce-Time":              "2026-01-02T03:04:05.6789Z",
		"Ce-Partitionkey":      "c",
		"Ce-Chainid":           "c",
		"Ce-Sequence":          "000007",
		"Ce-Traceparent":       m.TraceParent,
		"Authorization":        "Bearer " + token,
		"X-Pawl-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
		"User-Agent":           "pawl",
		"Accept-Encoding":      "gzip",
		"Content-Length":       got.Header.Get("Content-Length"),
	}
	have := map[string]string{}
	for name := range got.Header {
		have[name] = got.Header.Get(name)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if string(got.Raw) != string(m.Body) || got.Attributes["subject"] != m.Subject {
		t.Errorf("body %s, subject %q", got.Raw, got.Attributes["subject"])
	}
	if q := r.Requests()[0]; q.Path != "/webhook" || q.Query != "x=y" {
		t.Errorf("asked for %s?%s", q.Path, q.Query)
	}
}

// TestNothingEmpty shows that an attribute without a value is not sent: CloudEvents knows no empty ones.
func TestNothingEmpty(t *testing.T) {
	t.Parallel()
	for _, mode := range []eventhttp.Mode{eventhttp.Binary, eventhttp.Structured} {
		address := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			e, err := cehttp.NewEventFromHTTPRequest(r)
			if err != nil || len(e.Extensions()) != 0 || e.Subject() != "" {
				t.Errorf("%s: got %+v, %v", mode, e, err)
			}
		}))
		m := message("", 1)
		m.Subject, m.Sequence, m.TraceParent = "", "", ""
		if err := sink(t, eventhttp.Config{URL: address, Mode: mode}).Deliver(t.Context(), []event.Message{m})[0]; err != nil {
			t.Error(err)
		}
	}
}

// TestRaw posts to a receiver that reads nothing but a CDEvent as JSON and answers 201, as cdviz-collector's webhook.
func TestRaw(t *testing.T) {
	t.Parallel()
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct{ Context struct{ ID string } }
		data, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(data, &e) != nil || e.Context.ID != "a-001" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	if err := sink(t, eventhttp.Config{URL: address}).Deliver(t.Context(), []event.Message{message("a", 1)})[0]; err != nil {
		t.Error(err)
	}
}
