package fake_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake"
)

// ask sends a GET and returns the answer with its body.
func ask(t *testing.T, rt http.RoundTripper, address, authorization string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestRegistryTokens(t *testing.T) {
	t.Parallel()
	registry := fake.NewRegistry(fake.RegistryOptions{Auth: fake.BearerAuth, Tags: map[string][]string{"a": {"1"}, "b": {"1"}}})
	network := fake.Network{"registry.example": registry}
	res, _ := ask(t, network, "http://registry.example/v2/", "")
	if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != 401 || got != `Bearer realm="http://registry.example/token",service="fake"` {
		t.Fatalf("challenge is %d %s", res.StatusCode, got)
	}
	_, body := ask(t, network, "http://registry.example/token?service=fake&scope=repository:a:pull", "")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(body), &token); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"/v2/a/tags/list": 200, "/v2/b/tags/list": 401, "/v2/a/manifests/1": 200, "/v2/a/manifests/2": 404} {
		if res, _ := ask(t, network, "http://registry.example"+address, "Bearer "+token.Token); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", address, res.StatusCode, want)
		}
	}
	if res, _ := ask(t, network, "http://registry.example/token?service=other&scope=x", ""); res.StatusCode != 400 {
		t.Errorf("another service's token is given: %d", res.StatusCode)
	}
}

func TestRegistryPages(t *testing.T) {
	t.Parallel()
	tags := []string{"e", "d", "c", "b", "a", "z", "y"}
	for _, odd := range []bool{false, true} {
		network := fake.Network{"h": fake.NewRegistry(fake.RegistryOptions{PageSize: 3, OddPages: odd, Tags: map[string][]string{"a/b": tags}})}
		var got []string
		for next := "/v2/a/b/tags/list?n=100"; next != ""; {
			res, body := ask(t, network, "http://h"+next, "")
			var page struct{ Tags []string }
			if err := json.Unmarshal([]byte(body), &page); err != nil {
				t.Fatal(err)
			}
			if len(page.Tags) == 0 || len(page.Tags) > 3 {
				t.Fatalf("a page of %d tags", len(page.Tags))
			}
			got = append(got, page.Tags...)
			next, _, _ = strings.Cut(strings.TrimPrefix(res.Header.Get("Link"), "<"), ">")
		}
		if diff := cmp.Diff(tags, got); diff != "" {
			t.Errorf("odd %v: %s", odd, diff)
		}
	}
}

func TestFaultsAreUsedUpInOrder(t *testing.T) {
	t.Parallel()
	faults := fake.WithFaults(fake.NewHelm(map[string][]string{"redis": {"1.0.0"}}))
	faults.Set("/x/", fake.Fault{Status: 500, Times: 2})
	faults.Set("/x/", fake.Fault{Status: 503, Times: 1})
	faults.Set("/x/", fake.Fault{Method: http.MethodHead, Status: 400})
	network := fake.Network{"h": faults}
	for i, want := range []int{500, 500, 503, 200} {
		if res, _ := ask(t, network, "http://h/x/index.yaml", ""); res.StatusCode != want {
			t.Errorf("answer %d is %d, want %d", i, res.StatusCode, want)
		}
	}
	if n := faults.Count("GET", "/index.yaml"); n != 4 || faults.Peak() != 1 {
		t.Errorf("%d requests, %d at a time", n, faults.Peak())
	}
}

func TestTruncatePromisesTheWhole(t *testing.T) {
	t.Parallel()
	faults := fake.WithFaults(fake.NewHelm(map[string][]string{"redis": {"1.0.0"}}))
	faults.Set("/", fake.Fault{Truncate: 20})
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/index.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil || len(body) != 20 || res.ContentLength <= 20 {
		t.Errorf("%d of %d bytes, %v", len(body), res.ContentLength, err)
	}
}

func TestNetworkWithoutTheHost(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://nowhere.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := (fake.Network{}).RoundTrip(req); err == nil {
		_ = res.Body.Close()
		t.Error("a host that is not there answers")
	}
}
