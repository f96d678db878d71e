package registry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// answers are what real registries have answered, by the end of the address that was asked; the first that fits is given.
// What nobody wrote down is an open /v2/ and an empty list.
type answers struct {
	known []answer

	mu    sync.Mutex
	asked []string
	waits []time.Duration
}

type answer struct {
	asked  string
	status int
	header map[string]string
	body   string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Host+r.URL.RequestURI())
	found := answer{status: 200, body: `{"name":"org/app","tags":["last"]}`}
	for i, k := range a.known {
		if strings.HasSuffix(r.URL.Host+r.URL.RequestURI(), k.asked) {
			if found = k; k.status == 429 {
				a.known = append(a.known[:i:i], a.known[i+1:]...)
			}
			break
		}
	}
	res := &http.Response{StatusCode: found.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(found.body)), Request: r}
	for k, v := range found.header {
		res.Header.Set(k, v)
	}
	return res, nil
}

func (a *answers) sleep(_ context.Context, d time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits = append(a.waits, d)
	return nil
}

// TestRecordedLists reads answers of real registries as they were recorded or reported.
func TestRecordedLists(t *testing.T) {
	t.Parallel()
	jsonType := map[string]string{"Content-Type": "application/json; charset=utf-8"}
	link := func(l string) map[string]string { return map[string]string{"Link": "<" + l + `>; rel="next"`} }
	tests := []struct {
		name, image string
		known       []answer
		tags        []string
		// last is the last request; status and advice are those of the error.
		last   string
		status int
		advice string
	}{
		{"distribution", "r.example/hello-world-v1", []answer{{"n=1000", 200, jsonType, `{"name":"hello-world-v1","tags":["latest"]}`}}, []string{"latest"}, "", 0, ""},
		{"distribution, unknown", "r.example/hello-world-v99", []answer{{"n=1000", 404, jsonType, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"hello-world-v99"}}]}`}}, nil, "", 404, "check the name"},
		{"Docker Hub, unknown", "org/app", []answer{
			{"/v2/", 401, map[string]string{"Www-Authenticate": `Bearer realm="https://auth.docker.io/token",service="registry.docker.io"`}, ""},
			{"service=registry.docker.io", 200, jsonType, `{"token":"t"}`},
			{"n=1000", 401, map[string]string{"Www-Authenticate": `Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:org/app:pull",error="insufficient_scope"`}, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`},
		}, nil, "tags/list?n=1000", 401, "docker login docker.io"},
		{"Docker Hub, too many", "org/app", []answer{{"n=1000", 429, map[string]string{"Retry-After": "60", "Content-Type": "text/plain"}, "Too Many Requests (HAP429).\n"}}, []string{"last"}, "n=1000", 0, ""},
		{"Quay", "quay.io/org/app", []answer{{"n=1000", 200, link("/v2/org/app/tags/list?n=100&last=23.0.4-0"), `{"tags":["1.0"]}`}}, []string{"1.0", "last"}, "/v2/org/app/tags/list?n=100&last=23.0.4-0", 0, ""},
		{"Quay of 2021", "quay.io/org/app", []answer{{"n=1000", 200, link("/v2/org/app/tags/list?next_page=gAAAAABg1i7jwRsgyD_X_wcM%3D&n=50"), `{"tags":["1.0"]}`}}, []string{"1.0", "last"}, "?next_page=gAAAAABg1i7jwRsgyD_X_wcM%3D&n=50", 0, ""},
		{"Quay of one day", "quay.io/org/app", []answer{{"n=1000", 413, jsonType, `{"errors":[{"code":"TOO_MANY_TAGS_REQUESTED","detail":{},"message":"Too many tags requested; requested limit 1000 is too high, max is 100"}]}`}}, []string{"last"}, "?n=100", 0, ""},
		{"ECR", "1.dkr.ecr.eu-central-1.amazonaws.com/org/app", []answer{{"n=1000", 200, map[string]string{"Content-Type": "text/plain; charset=utf-8", "Link": `<https://1.dkr.ecr.eu-central-1.amazonaws.com/v2/org/app/tags/list?last=LONGSTRING>; rel="next"`}, `{"tags":["18","161"]}`}}, []string{"18", "161", "last"}, "?last=LONGSTRING", 0, ""},
		{"ECR, too many", "1.dkr.ecr.eu-central-1.amazonaws.com/org/app", []answer{{"n=1000", 405, jsonType, `{"errors":[{"code":"UNSUPPORTED"}]}`}}, []string{"last"}, "?n=100", 0, ""},
		{"ECR, private", "1.dkr.ecr.eu-central-1.amazonaws.com/org/app", []answer{{"", 401, map[string]string{"Www-Authenticate": `Basic realm="https://1.dkr.ecr.eu-central-1.amazonaws.com/",service="ecr.amazonaws.com"`, "Content-Type": "text/plain; charset=utf-8"}, "Not Authorized\n"}}, nil, "n=1000", 401, "docker login 1.dkr.ecr"},
		{"Artifactory by path", "artifactory.example/docker/renovate/renovate", []answer{{"n=1000", 200, link("/v2/renovate/renovate/tags/list?last=10000&n=10000"), `{"name":"renovate/renovate","tags":["1"]}`}}, []string{"1", "last"}, "/v2/docker/renovate/renovate/tags/list?last=10000&n=10000", 0, ""},
		{"Nexus connector", "nexus.example:5002/renovate/renovate", []answer{{"n=1000", 200, link("http://nexus.example:5002/repository/docker-proxy-docker-hub/v2/renovate/renovate/tags/list?n=10000&last=32.209.0-slim"), `{"tags":["1"]}`}}, []string{"1", "last"}, "nexus.example:5002/v2/renovate/renovate/tags/list?n=10000&last=32.209.0-slim", 0, ""},
		{"ghcr.io, token refused", "ghcr.io/org/app", []answer{
			{"/v2/", 401, map[string]string{"Www-Authenticate": `Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"`}, ""},
			{"/token?scope=repository%3Aorg%2Fapp%3Apull&service=ghcr.io", 403, jsonType, `{"errors":[{"code":"DENIED","message":"denied"}]}`},
		}, nil, "service=ghcr.io", 403, "docker login ghcr.io"},
		{"ghcr.io, only digests", "ghcr.io/org/app", []answer{{"n=1000", 200, jsonType, `{"name":"org/app","tags":null}`}}, nil, "n=1000", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := &answers{known: tt.known}
			client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{Transport: a, Sleep: a.sleep, Now: a.now}), Keychain: keys{}})
			got, err := client.List(t.Context(), image(t, tt.image))
			var failed *httpx.Error
			switch {
			case tt.status == 0 && err != nil, tt.status != 0 && (!errors.As(err, &failed) || failed.Status != tt.status || !strings.Contains(failed.Advice(), tt.advice)):
				t.Errorf("error is %v", err)
			case err == nil:
				if diff := cmp.Diff(tt.tags, tagsOf(got)); diff != "" {
					t.Error(diff)
				}
			}
			if last := a.asked[len(a.asked)-1]; !strings.HasSuffix(last, tt.last) {
				t.Errorf("the last request is %s, want one that ends with %s", last, tt.last)
			}
		})
	}
}

// TestRecordedWait waits as Docker Hub asks.
func TestRecordedWait(t *testing.T) {
	t.Parallel()
	a := &answers{known: []answer{{"n=1000", 429, map[string]string{"Retry-After": "60"}, "Too Many Requests (HAP429).\n"}}}
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{Transport: a, Sleep: a.sleep, Now: a.now}), Keychain: keys{}})
	ctx := httpx.WithAllowance(t.Context(), httpx.NewAllowance(time.Minute))
	if _, err := client.List(ctx, image(t, "org/app")); err != nil || len(a.waits) != 1 || a.waits[0] != time.Minute {
		t.Errorf("%v after waits of %v", err, a.waits)
	}
}

func (a *answers) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, d := range a.waits {
		now = now.Add(d)
	}
	return now
}

// TestRecordedManifests reads a manifest list's digest, and a tag that is not there.
func TestRecordedManifests(t *testing.T) {
	t.Parallel()
	const digest = "sha256:5da58ade77003fb3c96769e906ded52221e4e5806991bd2f9808e8cc108b1650"
	a := &answers{known: []answer{
		{"manifests/17.04", 200, map[string]string{"Content-Type": "application/vnd.docker.distribution.manifest.list.v2+json", "Docker-Content-Digest": digest, "Etag": `"` + digest + `"`}, ""},
		{"manifests/non_existent", 404, nil, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"non_existent"}}]}`},
	}}
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{Transport: a}), Keychain: keys{}})
	if got, err := client.Digest(t.Context(), image(t, "r.example/my-ubuntu"), "17.04"); got != digest || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := client.Digest(t.Context(), image(t, "r.example/my-ubuntu"), "non_existent"); !errors.Is(err, source.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
}

// TestRecordedChallenge answers ACR's challenge of 2023 in its own words.
func TestRecordedChallenge(t *testing.T) {
	t.Parallel()
	a := &answers{known: []answer{
		{"myregistry.azurecr.io/v2/", 401, map[string]string{"Www-Authenticate": `Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`}, ""},
		{"metadata_read&service=myregistry.azurecr.io", 200, nil, `{"access_token":"enough"}`},
		{"pull&service=myregistry.azurecr.io", 200, nil, `{"access_token":"little"}`},
		{"n=1000", 401, map[string]string{"Www-Authenticate": `Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io",scope="repository:org/app:metadata_read"`}, ""},
	}}
	chain := keys{"myregistry.azurecr.io": authn.AuthConfig{Username: "me", Password: password}}
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{Transport: a}), Keychain: chain})
	if _, err := client.List(t.Context(), image(t, "myregistry.azurecr.io/org/app")); err == nil {
		t.Error("the answer stays 401, and there is no error")
	}
	want := []string{"pull", "metadata_read"}
	var scopes []string
	for _, line := range a.asked {
		if _, rest, ok := strings.Cut(line, "scope=repository%3Aorg%2Fapp%3A"); ok {
			scope, _, _ := strings.Cut(rest, "&")
			scopes = append(scopes, scope)
		}
	}
	if diff := cmp.Diff(want, scopes); diff != "" {
		t.Error(diff)
	}
}
