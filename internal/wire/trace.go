package wire

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/trace"
	"github.com/pawl-cd/pawl/internal/trace/otlp"
)

// traceTime is the longest that the end of a run waits for a collector.
const traceTime = 2 * time.Second

// The variables of OpenTelemetry, the general ones; the ones for traces have TRACES_ after the prefix.
const (
	otlpPrefix     = "OTEL_EXPORTER_OTLP_"
	otlpEndpoint   = "ENDPOINT"
	otlpHeaders    = "HEADERS"
	otlpTimeout    = "TIMEOUT"
	otlpProtocol   = "PROTOCOL"
	otlpOwnHint    = "pawl sends OTLP over HTTP as JSON: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json, and the port for HTTP, usually 4318, in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	otlpHeaderHint = "write NAME=value, more of them with commas between, what is special in a value percent-encoded"
)

// Tracing is a trace that the environment asks for, and where it goes.
type Tracing struct {
	*trace.Recorder
	wire     Wire
	exporter otlp.Exporter
	resource []trace.Attribute
	hint     string
}

// Tracing returns the trace that the environment asks for, nil when it asks for none. Random makes the ids.
func (w Wire) Tracing(version string, random func(into []byte)) *Tracing {
	general, own := w.env(otlpPrefix+otlpEndpoint), w.env(otlpPrefix+"TRACES_"+otlpEndpoint)
	if general == "" && own == "" || strings.EqualFold(strings.TrimSpace(w.env("OTEL_SDK_DISABLED")), "true") {
		return nil
	}
	t := &Tracing{wire: w}
	t.exporter.Headers = t.headers()
	switch name := strings.TrimSpace(w.env("OTEL_TRACES_EXPORTER")); name {
	case "", "otlp":
	case "none":
		return nil
	default:
		w.Say(slog.LevelWarn, fmt.Sprintf("OTEL_TRACES_EXPORTER: want otlp or none, have %q: no trace is sent", name), "set OTEL_TRACES_EXPORTER=otlp")
		return nil
	}
	if !t.protocol() || !t.address(general, own) {
		return nil
	}
	t.exporter.Timeout = t.timeout()
	t.resource = t.attributes(version)
	parent := trace.ReadParent(w.env("TRACEPARENT"), w.env("TRACESTATE"))
	if parent.Trace == (trace.ID{}) {
		random(parent.Trace[:])
	}
	sampled, ok := trace.Sampler(w.env("OTEL_TRACES_SAMPLER"), w.env("OTEL_TRACES_SAMPLER_ARG"))
	if !ok {
		w.Say(slog.LevelWarn, fmt.Sprintf("OTEL_TRACES_SAMPLER=%s with OTEL_TRACES_SAMPLER_ARG=%s is not known: every trace counts whose parent does",
			w.env("OTEL_TRACES_SAMPLER"), w.env("OTEL_TRACES_SAMPLER_ARG")), "use always_on, always_off, traceidratio with a number from 0 to 1, or one of them after parentbased_")
	}
	if !sampled(parent) {
		return nil
	}
	t.Recorder = trace.New(parent, w.Now, random)
	return t
}

// Send hands the trace to the collector, within two seconds; what goes wrong is a warning.
func (t *Tracing) Send() {
	body, dropped, err := t.Encode(t.resource, t.wire.Redactor.Text)
	if dropped > 0 {
		t.wire.Say(slog.LevelWarn, fmt.Sprintf("the trace holds the first %d spans, %d more were left out", trace.MaxSpans, dropped), "")
	}
	if err == nil {
		client := httpx.New(httpx.Config{Timeout: t.exporter.Timeout, Attempts: 2, Budget: t.exporter.Timeout / 2, UserAgent: t.wire.UserAgent,
			Redactor: t.wire.Redactor, Log: t.wire.Log, Transport: t.wire.Transport, Now: t.wire.Now, Sleep: t.wire.Sleep})
		err = t.exporter.Send(context.Background(), client, body) // also after an interrupt
	}
	if err != nil {
		t.wire.Say(slog.LevelWarn, fmt.Sprintf("the trace was not taken by %s: %v", t.exporter.URL.Host, err), t.hint)
	}
}

// either is the value of a variable for traces, else of the general one, and the name of the one that is set.
func (t *Tracing) either(name string) (variable, value string) {
	for _, variable := range []string{otlpPrefix + "TRACES_" + name, otlpPrefix + name} {
		if value := strings.TrimSpace(t.wire.env(variable)); value != "" {
			return variable, value
		}
	}
	return "", ""
}

// protocol reports whether the protocol that is asked for lets JSON be sent. A receiver of http/protobuf tells the two apart by
// the content type, at the same address; one of grpc has another port.
func (t *Tracing) protocol() bool {
	t.hint = "check OTEL_EXPORTER_OTLP_ENDPOINT, and that the collector takes OTLP over HTTP as JSON; the run is not touched by it"
	variable, name := t.either(otlpProtocol)
	switch name {
	case "", "http/json":
		return true
	case "http/protobuf":
		t.wire.Say(slog.LevelWarn, variable+" asks for http/protobuf: the trace is sent as JSON", otlpOwnHint)
		return true
	default:
		t.wire.Say(slog.LevelWarn, fmt.Sprintf("%s: want http/json, have %q: no trace is sent", variable, name), otlpOwnHint)
		return false
	}
}

// address reads the collector's address: the one for traces as it is, the general one with the path of traces.
func (t *Tracing) address(general, own string) bool {
	variable, text := otlpPrefix+"TRACES_"+otlpEndpoint, own
	if own == "" {
		variable, text = otlpPrefix+otlpEndpoint, general
	}
	u, err := url.Parse(strings.TrimSpace(text))
	problem := ""
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		problem = "it is no http or https URL"
	case u.User != nil:
		problem = "it holds credentials, which belong into OTEL_EXPORTER_OTLP_HEADERS"
	}
	if problem != "" {
		t.wire.Say(slog.LevelWarn, variable+": "+problem+": no trace is sent", "write the collector's address, such as http://localhost:4318")
		return false
	}
	if own == "" {
		u = u.JoinPath("v1", "traces")
	}
	t.exporter.URL = u
	return true
}

// timeout is what the environment gives a request, at most two seconds.
func (t *Tracing) timeout() time.Duration {
	variable, text := t.either(otlpTimeout)
	if text == "" {
		return traceTime
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.wire.Say(slog.LevelWarn, fmt.Sprintf("%s: want milliseconds, have %q: it is %s", variable, text, traceTime), "")
		return traceTime
	}
	return min(time.Duration(min(n, int(traceTime/time.Millisecond)))*time.Millisecond, traceTime)
}

// headers are those for the collector.
func (t *Tracing) headers() map[string]string {
	variable, text := t.either(otlpHeaders)
	all, bad := pairs(text)
	headers := map[string]string{}
	for _, p := range all {
		if !token(p[0]) || strings.ContainsFunc(p[1], control) {
			bad++
			continue
		}
		headers[p[0]] = p[1]
	}
	if bad > 0 {
		t.wire.Say(slog.LevelWarn, fmt.Sprintf("%s: %d of its entries are no headers: they are left out", variable, bad), otlpHeaderHint)
	}
	return headers
}

// SecretsOfTracing are what only a collector may see of a variable's value: the values of headers, those of other signals too,
// and those in an address's query. Each is one as it stands there and as it is meant, whether the rest can be read or not.
func SecretsOfTracing(variable, value string) (secrets []string) {
	variable, found := strings.CutPrefix(variable, otlpPrefix)
	add := func(text string) {
		plain, _ := url.PathUnescape(text) // what is no escape is a secret as it is
		for _, one := range []string{text, plain} {
			_, credentials, _ := strings.Cut(strings.TrimSpace(one), " ") // after Bearer or Basic
			secrets = append(secrets, one, credentials)
		}
	}
	switch {
	case found && strings.HasSuffix(variable, otlpHeaders):
		each(value, ",", add)
	case found && strings.HasSuffix(variable, otlpEndpoint):
		_, query, _ := strings.Cut(value, "?")
		query, _, _ = strings.Cut(query, "#")
		each(query, "&", add)
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
}

// each does it with what follows the = of every part of a list, or with all of a part without one.
func each(list, separator string, do func(string)) {
	for part := range strings.SplitSeq(list, separator) {
		_, value, found := strings.Cut(part, "=")
		if !found {
			value = part
		}
		do(strings.TrimSpace(value))
	}
}

// attributes describe this program, and what the environment says of it.
func (t *Tracing) attributes(version string) []trace.Attribute {
	all, bad := pairs(t.wire.env("OTEL_RESOURCE_ATTRIBUTES"))
	if bad > 0 {
		all = nil
		t.wire.Say(slog.LevelWarn, "OTEL_RESOURCE_ATTRIBUTES is left out: it is no list of name=value with commas between", "percent-encode what is special in a value")
	}
	values := map[string]string{"service.name": "pawl", "service.version": version}
	names := []string{"service.name", "service.version"}
	for _, p := range all {
		if _, ok := values[p[0]]; !ok {
			names = append(names, p[0])
		}
		values[p[0]] = p[1]
	}
	if name := strings.TrimSpace(t.wire.env("OTEL_SERVICE_NAME")); name != "" {
		values["service.name"] = name
	}
	slices.Sort(names)
	var out []trace.Attribute
	for _, name := range names {
		out = append(out, trace.Attribute{Key: t.wire.Redactor.Text(name), Value: values[name]})
	}
	return out
}

// pairs reads a list of name=value with commas between, names and values percent-encoded; bad counts what is none.
func pairs(text string) (all [][2]string, bad int) {
	for entry := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		name, value, ok := strings.Cut(entry, "=")
		key, keyErr := url.PathUnescape(strings.TrimSpace(name))
		plain, valueErr := url.PathUnescape(strings.TrimSpace(value))
		if !ok || key == "" || keyErr != nil || valueErr != nil {
			bad++
			continue
		}
		all = append(all, [2]string{key, plain})
	}
	return all, bad
}

// token reports whether a name can be that of a header.
func token(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
