package httpx

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
)

// WithoutSecrets returns a RoundTripper that removes secrets from every text of the JSON that is sent: titles, bodies,
// messages, comments. The values of the fields named in except stay as they are: files, names of objects, own texts.
func WithoutSecrets(next http.RoundTripper, clean func(text string) string, except ...string) http.RoundTripper {
	return &door{next, clean, except}
}

type door struct {
	next   http.RoundTripper
	clean  func(text string) string
	except []string
}

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
	cleaned, changed := d.cleaned(data)
	if !changed {
		return d.next.RoundTrip(req)
	}
	out := req.Clone(req.Context())
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(cleaned)), nil }
	out.Body, _ = out.GetBody()
	out.ContentLength = int64(len(cleaned))
	return d.next.RoundTrip(out)
}

// cleaned returns the JSON without secrets, and whether there was one to remove; what is no JSON stays.
func (d *door) cleaned(data []byte) ([]byte, bool) {
	if !json.Valid(data) || d.clean(string(data)) == string(data) {
		return data, false
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return data, false
	}
	out, err := json.Marshal(d.walk(value))
	return out, err == nil
}

func (d *door) walk(value any) any {
	switch v := value.(type) {
	case string:
		return d.clean(v)
	case []any:
		for i := range v {
			v[i] = d.walk(v[i])
		}
	case map[string]any:
		for name := range v {
			if !slices.Contains(d.except, name) {
				v[name] = d.walk(v[name])
			}
		}
	}
	return value
}
