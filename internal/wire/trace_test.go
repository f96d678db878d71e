package wire_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/otlp"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/redact"
	"github.com/pawl-cd/pawl/internal/trace"
	"github.com/pawl-cd/pawl/internal/wire"
)

// tracing makes a trace in an environment, sends it, and returns what was said.
func tracing(env map[string]string) (said string, on bool) {
	red := redact.New()
	for name, value := range env {
		red.Add(wire.SecretsOfTracing(name, value)...)
	}
	n := byte(0)
	w := wire.Wire{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Redactor: red, UserAgent: "pawl/test", Now: time.Now,
		Sleep: httpx.Sleep, Say: func(_ slog.Level, message, hint string) { said += red.Text(message+" ("+hint+")") + "\n" }}
	t := w.Tracing("1.2.3", func(into []byte) { n++; into[0] = n })
	if t == nil {
		return said, false
	}
	ctx, root := t.Root(context.Background(), "root")
	_, span := trace.Start(ctx, "the s3cret-header-value of it", trace.Client)
	span.Set("n", 7)
	span.Set("yes", true)
	span.Fail("failed")
	span.End()
	root.End()
	t.Send()
	return said, true
}

// TestTracingVariables goes through the variables, against a collector on loopback.
func TestTracingVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		sent bool
		says string
		want string
	}{
		"general":           {sent: true, want: `"stringValue":"pawl"`},
		"service":           {env: map[string]string{"OTEL_SERVICE_NAME": "mine"}, sent: true, want: `"stringValue":"mine"`},
		"resource":          {env: map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=a%20b,team=x%2Cy"}, sent: true, want: `"stringValue":"x,y"`},
		"resource is wrong": {env: map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name"}, sent: true, says: "OTEL_RESOURCE_ATTRIBUTES", want: `"stringValue":"pawl"`},
		"version":           {sent: true, want: `"stringValue":"1.2.3"`},
		"traces endpoint":   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL/v1/traces"}, sent: true},
		"slash":             {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL/"}, sent: true},
		"no URL":            {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, says: "no http or https URL"},
		"credentials":       {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:passw0rd-1@h"}, says: "holds credentials"},
		"disabled":          {env: map[string]string{"OTEL_SDK_DISABLED": "True"}},
		"none":              {env: map[string]string{"OTEL_TRACES_EXPORTER": "none"}},
		"console":           {env: map[string]string{"OTEL_TRACES_EXPORTER": "console"}, says: `have "console"`},
		"json":              {env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, sent: true},
		"protobuf":          {env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, sent: true, says: "sent as JSON"},
		"grpc":              {env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, says: "OTEL_EXPORTER_OTLP_PROTOCOL: want http/json"},
		"timeout":           {env: map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, sent: true, says: "want milliseconds"},
		"always off":        {env: map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}},
		"always on":         {env: map[string]string{"OTEL_TRACES_SAMPLER": "always_on", "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, sent: true, want: `"traceId":"0af7651916cd43dd8448eb211c80319c"`},
		"parent is off":     {env: map[string]string{"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}},
		"parent is on":      {env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off", "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "TRACESTATE": "a=b"}, sent: true, want: `"traceState":"a=b","parentSpanId":"b7ad6b7169203331"`},
		"no parent":         {env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}},
		"malformed parent":  {env: map[string]string{"TRACEPARENT": "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, sent: true, want: `"traceId":"01000000000000000000000000000000"`},
		"unknown sampler":   {env: map[string]string{"OTEL_TRACES_SAMPLER": "jaeger_remote"}, sent: true, says: "OTEL_TRACES_SAMPLER=jaeger_remote"},
		"ratio 0":           {env: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}},
		"ratio 1":           {env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, sent: true},
		"ratio is wrong":    {env: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, sent: true, says: "OTEL_TRACES_SAMPLER_ARG=2"},
		"headers":           {env: map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "x-one=1, x-key = s3cret-header-value"}, sent: true},
		"header is wrong":   {env: map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "x-key=s3cret-header-value,x y=2,x-z=a%0d%0ab"}, sent: true, says: "2 of its entries"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector := &otlp.Collector{}
			server := httptest.NewServer(collector)
			defer server.Close()
			env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL"}
			maps.Copy(env, c.env)
			for name, value := range env {
				env[name] = strings.ReplaceAll(value, "URL", server.URL)
			}
			said, on := tracing(env)
			spans, raw, headers, faults := collector.Received()
			if on != c.sent || (len(spans) == 1) != c.sent || len(faults) > 0 {
				t.Fatalf("on is %v, received %d, %v: %s", on, len(spans), faults, said)
			}
			if c.says == "" && said != "" || !strings.Contains(said, c.says) || strings.Contains(said, "passw0rd") {
				t.Errorf("says %q, want %q", said, c.says)
			}
			if !c.sent {
				return
			}
			if !strings.Contains(raw[0], c.want) {
				t.Errorf("sent %s, want %s", raw[0], c.want)
			}
			if env["OTEL_EXPORTER_OTLP_HEADERS"] != "" && (headers[0].Get("X-Key") != "s3cret-header-value" || strings.Contains(raw[0], "s3cret")) {
				t.Errorf("headers %v of %s", headers[0], raw[0])
			}
		})
	}
}

// TestTracingFailures sends to collectors that do not take the trace: a warning, within two seconds, and no header elsewhere.
func TestTracingFailures(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"hangs": {func(_ http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			<-req.Context().Done()
		}, "no answer within 2s"},
		"500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "500"},
		"415": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(415) }, "415"},
		"redirects": {func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, other.URL, http.StatusTemporaryRedirect)
		}, "307"},
		"partly": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"partialSuccess":{"rejectedSpans":"3"}}`)
		}, "it refused 3 of the spans"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `ok`) }, ""},
		"away":    {nil, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			at := gone.URL
			if c.answer != nil {
				server := httptest.NewServer(c.answer)
				defer server.Close()
				at = server.URL
			}
			begin := time.Now()
			said, _ := tracing(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": at, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret-header-value"})
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("took %s", took)
			}
			if !strings.Contains(said, c.says) || (said == "") != (c.says == "") || strings.Contains(said, "s3cret") {
				t.Errorf("says %q, want %q", said, c.says)
			}
		})
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// TestParents holds TRACEPARENT against W3C's rules.
func TestParents(t *testing.T) {
	t.Parallel()
	good := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for text, want := range map[string]bool{good: true, "cc" + good[2:] + "-more": true, "": false, good + "-more": false, "ff" + good[2:]: false, strings.ToUpper(good): false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false, "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false, good[:54]: false} {
		p := trace.ReadParent(text, "a=b")
		if (hex.EncodeToString(p.Span[:]) == "b7ad6b7169203331") != want || (p.State == "a=b") != want {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

// TestTracingBound says how many spans were left out.
func TestTracingBound(t *testing.T) {
	t.Parallel()
	collector := &otlp.Collector{}
	server := httptest.NewServer(collector)
	defer server.Close()
	said := ""
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL}
	w := wire.Wire{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Now: time.Now, Sleep: httpx.Sleep,
		Say: func(_ slog.Level, message, _ string) { said += message + "\n" }}
	n := 0
	tracing := w.Tracing("1", func(into []byte) { n++; into[0], into[1], into[2] = byte(n), byte(n>>8), 1 })
	ctx, root := tracing.Root(t.Context(), "root")
	for range trace.MaxSpans + 4 {
		_, span := trace.Start(ctx, "request", trace.Client)
		span.End()
	}
	root.End()
	tracing.Send()
	spans, _, _, faults := collector.Received()
	if len(spans) != 1 || len(spans[0].GetScopeSpans()[0].GetSpans()) != trace.MaxSpans || len(faults) > 0 || said != "the trace holds the first 10000 spans, 5 more were left out\n" {
		t.Errorf("%d received, %v: %s", len(spans), faults, said)
	}
}

// leftOut is all that may be said of lists: how much of them is left out, never what.
var leftOut = regexp.MustCompile(`^(OTEL_EXPORTER_OTLP_HEADERS: \d+ of its entries are no headers: they are left out\n)?(OTEL_RESOURCE_ATTRIBUTES is left out: [a-z= ]+\n)?$`)

// FuzzTracing reads whatever the variables hold: no value of a header is said, and what is sent are headers of one line.
func FuzzTracing(f *testing.F) {
	f.Add("authorization=Bearer%20abc,x-key = v%2Cw", "service.name=x,team=a%20b")
	f.Add("c3cret-valu3-1", "c3cret-valu3-1")
	f.Add("x=a%0d%0ab,=,%zz=%zz,x y=1", ",=,a=%zz")
	f.Fuzz(func(t *testing.T, headers, resource string) {
		for _, part := range strings.Split(headers, ",") {
			if secrets := wire.SecretsOfTracing("OTEL_EXPORTER_OTLP_HEADERS", part); !strings.Contains(part, "=") && strings.TrimSpace(part) != "" && len(secrets) == 0 {
				t.Errorf("%q has no secret", part)
			}
		}
		env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example", "OTEL_EXPORTER_OTLP_HEADERS": headers, "OTEL_RESOURCE_ATTRIBUTES": resource}
		known := redact.New()
		for name, value := range env {
			known.Add(wire.SecretsOfTracing(name, value)...)
		}
		sent, said := 0, ""
		w := wire.Wire{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Redactor: known, Now: time.Now, Sleep: httpx.Sleep,
			Say: func(_ slog.Level, message, _ string) { said += message + "\n" }, Transport: sender(func(req *http.Request) (*http.Response, error) {
				sent++
				body, err := io.ReadAll(req.Body)
				if err != nil {
					return nil, err
				}
				if _, err := otlp.Decode(body); err != nil {
					t.Errorf("%v: %s", err, body)
				}
				for name, values := range req.Header {
					if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
						t.Errorf("%q: %q", name, values)
					}
				}
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
			})}
		tracing := w.Tracing("1", func(into []byte) { into[0] = 1 })
		_, root := tracing.Root(t.Context(), "root")
		root.End()
		tracing.Send()
		if sent != 1 || !leftOut.MatchString(said) {
			t.Errorf("sent %d times: %s", sent, said)
		}
	})
}

// sender sends a request.
type sender func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (s sender) RoundTrip(req *http.Request) (*http.Response, error) { return s(req) }
