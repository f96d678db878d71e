package trace

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The JSON of OTLP (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal, 64-bit numbers
// as texts, enumerations as numbers.
type (
	jsonRequest struct {
		ResourceSpans []jsonResourceSpans `json:"resourceSpans"`
	}
	jsonResourceSpans struct {
		Resource   jsonResource     `json:"resource"`
		ScopeSpans []jsonScopeSpans `json:"scopeSpans"`
	}
	jsonResource struct {
		Attributes []jsonAttribute `json:"attributes"`
	}
	jsonScopeSpans struct {
		Scope jsonScope  `json:"scope"`
		Spans []jsonSpan `json:"spans"`
	}
	jsonScope struct {
		Name string `json:"name"`
	}
	jsonSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		State      string          `json:"traceState,omitempty"`
		Parent     string          `json:"parentSpanId,omitempty"`
		Flags      uint32          `json:"flags"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Begin      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []jsonAttribute `json:"attributes,omitempty"`
		Status     *jsonStatus     `json:"status,omitempty"`
	}
	jsonAttribute struct {
		Key   string    `json:"key"`
		Value jsonValue `json:"value"`
	}
	jsonValue struct {
		String *string `json:"stringValue,omitempty"`
		Bool   *bool   `json:"boolValue,omitempty"`
		Int    string  `json:"intValue,omitempty"`
	}
	jsonStatus struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code"`
	}
)

// Flags of a span as OTLP has them: sampled, and whether its parent is known to be of another process.
const (
	flagSampled   = 0x01
	flagHasRemote = 0x100
	flagRemote    = 0x200
)

// statusError is OTLP's code for a span that failed.
const statusError = 2

// maxText bounds every text of a span, in bytes.
const maxText = 1024

// Encode returns the trace as an OTLP request in JSON, every text cleaned and those of spans then cut, and how many spans were
// dropped. Spans that have not ended end now.
func (r *Recorder) Encode(resource []Attribute, clean func(string) string) (body []byte, dropped int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := func(s string) string { return cut(clean(s)) }
	now, spans := r.now(), make([]jsonSpan, 0, len(r.spans))
	for i, s := range r.spans {
		out := jsonSpan{TraceID: hex.EncodeToString(r.parent.Trace[:]), SpanID: hex.EncodeToString(s.id[:]), State: clean(r.parent.State),
			Flags: flagSampled | flagHasRemote, Name: text(s.name), Kind: s.kind, Begin: nanos(s.begin), Attributes: encoded(s.attributes, text)}
		if s.parent != (SpanID{}) {
			out.Parent = hex.EncodeToString(s.parent[:])
		}
		if i == 0 && s.parent != (SpanID{}) {
			out.Flags |= flagRemote
		}
		end := s.end
		if end.IsZero() {
			end = now
		}
		if end.Before(s.begin) {
			end = s.begin
		}
		out.End = nanos(end)
		if s.failed {
			out.Status = &jsonStatus{Message: text(s.message), Code: statusError}
		}
		spans = append(spans, out)
	}
	all := jsonRequest{[]jsonResourceSpans{{
		Resource:   jsonResource{encoded(resource, clean)},
		ScopeSpans: []jsonScopeSpans{{Scope: jsonScope{"github.com/pawl-cd/pawl"}, Spans: spans}},
	}}}
	body, err = json.Marshal(all)
	return body, r.dropped, err
}

// cut is a text within the bound, with whole characters only.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func encoded(all []Attribute, clean func(string) string) []jsonAttribute {
	out := make([]jsonAttribute, 0, len(all))
	for _, a := range all {
		var v jsonValue
		switch value := a.Value.(type) {
		case string:
			text := clean(value)
			v.String = &text
		case bool:
			v.Bool = &value
		case int:
			v.Int = strconv.Itoa(value)
		}
		out = append(out, jsonAttribute{a.Key, v})
	}
	return out
}
