// Package otlp is a collector as a handler: what it receives is decoded by OpenTelemetry's own types, strictly.
package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Collector takes traces at /v1/traces. It is safe for concurrent use.
type Collector struct {
	mu      sync.Mutex
	spans   []*tracepb.ResourceSpans
	raw     []string
	headers []http.Header
	faults  []error
}

// ServeHTTP answers as a collector does: 415 for what is not JSON, 400 for what it cannot decode.
func (c *Collector) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	c.raw, c.headers = append(c.raw, string(body)), append(c.headers, req.Header.Clone())
	switch {
	case err != nil, req.Method != http.MethodPost, req.URL.Path != "/v1/traces", req.URL.RawQuery != "":
		c.refuse(w, http.StatusNotFound, fmt.Errorf("%s %s is not where traces are posted", req.Method, req.URL))
		return
	case req.Header.Get("Content-Type") != "application/json":
		c.refuse(w, http.StatusUnsupportedMediaType, fmt.Errorf("content type %q", req.Header.Get("Content-Type")))
		return
	}
	data, err := Decode(body)
	if err != nil {
		c.refuse(w, http.StatusBadRequest, err)
		return
	}
	c.spans = append(c.spans, data.GetResourceSpans()...)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"partialSuccess":{}}`)
}

func (c *Collector) refuse(w http.ResponseWriter, status int, err error) {
	c.faults = append(c.faults, err)
	http.Error(w, err.Error(), status)
}

// Received returns what was taken, the bodies and headers as they came, and why something was refused.
func (c *Collector) Received() (spans []*tracepb.ResourceSpans, raw []string, headers []http.Header, faults []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans, c.raw, c.headers, c.faults
}

// Decode decodes OTLP's JSON with the types of OpenTelemetry. It differs from protobuf's own JSON in one thing only: ids are
// in hexadecimal. A field that is not OTLP's is an error.
func Decode(body []byte) (*tracepb.TracesData, error) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, err
	}
	if err := ids(value); err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var data tracepb.TracesData
	return &data, protojson.Unmarshal(text, &data)
}

// ids turns hexadecimal ids, of the right length, into base64.
func ids(value any) error {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			if err := ids(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, e := range v {
			size := map[string]int{"traceId": 16, "spanId": 8, "parentSpanId": 8}[name]
			if size == 0 {
				if err := ids(e); err != nil {
					return err
				}
				continue
			}
			id, err := hex.DecodeString(fmt.Sprint(e))
			if err != nil || len(id) != size {
				return fmt.Errorf("%s is no id: %v", name, e)
			}
			v[name] = base64.StdEncoding.EncodeToString(id)
		}
	}
	return nil
}
