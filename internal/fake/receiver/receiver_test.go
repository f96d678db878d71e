package receiver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
)

// TestInMemory posts in every mode without a network, and what the receiver must refuse.
func TestInMemory(t *testing.T) {
	t.Parallel()
	r := receiver.New()
	r.Fault(func(e receiver.Event) bool { return e.Attributes["id"] == "6" }, fake.Fault{Status: 410, Times: 1})
	network := fake.Network{"events.example": r}
	for _, c := range []struct {
		kind, id, body string
		want           int
	}{
		{"application/json", "1%20%25", `{"a":1}`, 201},
		{"application/json", "", `{"raw":true}`, 201},
		{"application/cloudevents+json; charset=utf-8", "", `{"id":"2","data":{}}`, 201},
		{"application/cloudevents-batch+json", "", `[{"id":"3"},{"id":"4"}]`, 201},
		{"application/cloudevents-batch+json", "", `[]`, 201},
		{"application/json", "5", `{`, 400},
		{"application/json", "%zz", `{}`, 400},
		{"application/cloudevents+json", "", `{"id":5}`, 400},
		{"text/plain", "5", `{}`, 400},
		{"", "5", `{}`, 400},
		{"application/json", "6", `{}`, 410},
		{"application/json", "6", `{}`, 201},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://events.example/", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.kind)
		if c.id != "" {
			req.Header.Set("ce-id", c.id)
		}
		res, err := network.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.want {
			t.Errorf("%s %s: %d, want %d", c.kind, c.body, res.StatusCode, c.want)
		}
	}
	if diff := cmp.Diff([]string{"1 %", "", "2", "3", "4", "6"}, r.IDs()); diff != "" {
		t.Error(diff)
	}
}
