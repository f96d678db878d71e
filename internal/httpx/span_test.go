package httpx_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pawl-cd/pawl/internal/fake/otlp"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/trace"
)

// record records a request below a first span and returns the spans as a collector decodes them, the first one left out.
func record(t *testing.T, over http.RoundTripper, method, address string, client func(*httpx.Client) *http.Client) []*tracepb.Span {
	t.Helper()
	n := byte(0)
	recorder := trace.New(trace.Parent{}, time.Now, func(into []byte) { n++; into[0] = n })
	ctx, root := recorder.Root(t.Context(), "root")
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := client(httpx.New(httpx.Config{Sleep: noSleep, Transport: over})).Do(req); err == nil {
		_ = res.Body.Close()
	}
	root.End()
	body, _, err := recorder.Encode(nil, func(text string) string { return text })
	if err != nil {
		t.Fatal(err)
	}
	data, err := otlp.Decode(body)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	spans := data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	for _, s := range spans[1:] {
		if s.GetName() != method || s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT || string(s.GetParentSpanId()) != string(spans[0].GetSpanId()) {
			t.Errorf("%v", s)
		}
	}
	if strings.Contains(string(body), "secret") {
		t.Errorf("a secret is in %s", body)
	}
	return spans[1:]
}

// about are the attributes of a span as texts.
func about(s *tracepb.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		if all[a.GetKey()] = a.GetValue().GetStringValue(); all[a.GetKey()] == "" {
			all[a.GetKey()] = fmt.Sprint(a.GetValue().GetIntValue())
		}
	}
	return all
}

// told is a span in a line: method, status, path, how often it was sent before, and what failed.
func told(s *tracepb.Span, address string) string {
	a := about(s)
	line := a["http.request.method"] + " " + a["http.response.status_code"] + " " + strings.TrimPrefix(a["url.full"], address)
	if n := a["http.request.resend_count"]; n != "" {
		line += " resent " + n
	}
	if word, failed := a["error.type"], s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR; failed || word != "" {
		line += fmt.Sprintf(" failed %s %v", word, failed)
	}
	return line
}

// TestSpans holds what a trace tells of requests: one span for each that was sent, without query and user information.
func TestSpans(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]string{
		"/a%20b?secret=q": {"GET 200 /a%20b"},
		"/busy":           {"GET 502 /busy failed 502 true", "GET 200 /busy resent 1"},
		"/down": {"GET 503 /down failed 503 true", "GET 503 /down resent 1 failed 503 true", "GET 503 /down resent 2 failed 503 true",
			"GET 503 /down resent 3 failed 503 true"},
		"/from":  {"GET 302 /from", "GET 200 /to resent 1"},
		"/far":   {"GET 302 /far", "GET 302 /from resent 1", "GET 200 /to resent 2"},
		"/gone":  {"GET 404 /gone failed 404 true"},
		"/large": {"GET  /large failed too_large true"},
		"/cut":   {"GET  /cut failed truncated true", "GET 200 /cut resent 1"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			sent := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				switch sent++; {
				case req.URL.Path == "/from":
					http.Redirect(w, req, "/to?secret=q", http.StatusFound)
				case req.URL.Path == "/far":
					http.Redirect(w, req, "/from?secret=q", http.StatusFound)
				case req.URL.Path == "/busy" && sent == 1:
					w.WriteHeader(http.StatusBadGateway)
				case req.URL.Path == "/down":
					w.WriteHeader(http.StatusServiceUnavailable)
				case req.URL.Path == "/gone":
					w.WriteHeader(http.StatusNotFound)
				case req.URL.Path == "/large":
					_, _ = fmt.Fprint(w, strings.Repeat("x", 100))
				case req.URL.Path == "/cut" && sent == 1:
					w.Header().Set("Content-Length", "10")
					_, _ = fmt.Fprint(w, "x")
				}
			}))
			defer server.Close()
			spans := record(t, nil, http.MethodGet, strings.Replace(server.URL, "http://", "http://me:secret@", 1)+path,
				func(c *httpx.Client) *http.Client { return httpx.NewClient(c.Transport("host").WithMaxBody(64)) })
			var have []string
			for _, s := range spans {
				have = append(have, told(s, server.URL))
				if a := about(s); a["server.address"] != "127.0.0.1" || !strings.HasSuffix(server.URL, ":"+a["server.port"]) {
					t.Errorf("%v", a)
				}
			}
			if !slices.Equal(have, want) {
				t.Errorf("want %q, have %q", want, have)
			}
		})
	}
}

// TestSpanOfNoAnswer names why there was none in a word, and the port that an address means.
func TestSpanOfNoAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	once := func(c *httpx.Client) *http.Client { return &http.Client{Transport: c.Transport("host")} }
	spans := record(t, nil, http.MethodPost, server.URL, once)
	if len(spans) != 1 || told(spans[0], server.URL) != "POST  "+" failed connection_refused true" || spans[0].GetStatus().GetMessage() == "" {
		t.Errorf("%v", spans)
	}
	for address, port := range map[string]string{"http://[::1]/": "80", "http://a.invalid/": "80", "https://a.invalid/": "443", "https://a.invalid:8443/": "8443"} {
		spans := record(t, nobody{}, http.MethodPost, address, once)
		if len(spans) != 1 || about(spans[0])["server.port"] != port || about(spans[0])["error.type"] != "connection" {
			t.Errorf("%s: %v", address, spans)
		}
	}
}

// nobody answers nothing.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is there")
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }
