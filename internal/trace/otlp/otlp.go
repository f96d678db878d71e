// Package otlp sends a trace to a collector: OTLP over HTTP, in JSON. It promises: one request, repeated once when the
// failure may pass, within the time it is given; headers go to the collector's own address only, a redirect is never
// followed; no error holds a header, a query or a body. It has no span, so it is never part of a trace.
package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Exporter posts to one collector.
type Exporter struct {
	// URL is the whole address, Headers what every request carries.
	URL     *url.URL
	Headers map[string]string
	// Timeout bounds the sending, its repetition included.
	Timeout time.Duration
}

// Send posts an encoded trace. What a collector refuses of it is an error too.
func (e Exporter) Send(ctx context.Context, client *httpx.Client, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("its address cannot be used")
	}
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	sender := &http.Client{Transport: client.Transport(e.URL.Host).WithMaxBody(maxAnswer).Repeating(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := sender.Do(req)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %s", e.Timeout)
	case err != nil:
		return httpx.Clean(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return httpx.StatusError(res)
	}
	return refused(res)
}

// refused is what the answer of a collector that took the request says of spans that it did not take.
func refused(res *http.Response) error {
	var answer struct {
		Partial struct {
			Rejected json.RawMessage `json:"rejectedSpans"`
		} `json:"partialSuccess"`
	}
	data, err := io.ReadAll(res.Body)
	if err != nil || json.Unmarshal(data, &answer) != nil {
		return nil //nolint:nilerr // what is no JSON says nothing of spans
	}
	if n := string(bytes.Trim(answer.Partial.Rejected, `"`)); n != "" && n != "0" && n != "null" {
		return fmt.Errorf("it refused %.20s of the spans", n)
	}
	return nil
}
