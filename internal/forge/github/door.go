package github

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// door removes secrets from every text that is sent: titles, bodies, messages, comments. The bytes of files stay as they
// are; what is written into them is looked at before, where it comes from.
type door struct {
	client *Client
	next   http.RoundTripper
}

// bytesOf are the fields whose values are files, names of objects, or our own text.
var bytesOf = map[string]bool{"content": true, "contents": true, "sha": true, "oid": true, "query": true}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.GetBody == nil {
		return d.next.RoundTrip(req)
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	clean, changed := d.clean(data)
	if !changed {
		return d.next.RoundTrip(req)
	}
	out := req.Clone(req.Context())
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(clean)), nil }
	out.Body, _ = out.GetBody()
	out.ContentLength = int64(len(clean))
	return d.next.RoundTrip(out)
}

// clean returns the JSON without secrets, and whether there was one to remove.
func (d *door) clean(data []byte) ([]byte, bool) {
	if d.client.config.HTTP.Clean(string(data)) == string(data) {
		return data, false
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return data, false
	}
	clean, err := json.Marshal(d.walk(value))
	return clean, err == nil
}

func (d *door) walk(value any) any {
	switch v := value.(type) {
	case string:
		return d.client.config.HTTP.Clean(v)
	case []any:
		for i := range v {
			v[i] = d.walk(v[i])
		}
	case map[string]any:
		for name := range v {
			if !bytesOf[name] {
				v[name] = d.walk(v[name])
			}
		}
	}
	return value
}
