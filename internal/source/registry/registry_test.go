package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

const password = "hunter22-s3cret"

// keys is a keychain with one credential per host.
type keys map[string]authn.AuthConfig

func (k keys) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if c, ok := k[r.RegistryStr()]; ok {
		return authn.FromConfig(c), nil
	}
	return authn.Anonymous, nil
}

// world is a registry on loopback that answers for docker.io, and a client of it.
type world struct {
	*fake.Faults
	server *httptest.Server
	http   *httpx.Client
	client *registry.Client
	waits  *waits
}

type waits struct {
	mu    sync.Mutex
	slept []time.Duration
}

func (w *waits) Sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slept = append(w.slept, d)
	return ctx.Err()
}

func (w *waits) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, d := range w.slept {
		now = now.Add(d)
	}
	return now
}

func newWorld(t *testing.T, o fake.RegistryOptions, credentials ...string) *world {
	t.Helper()
	w := &world{Faults: fake.WithFaults(fake.NewRegistry(o)), waits: &waits{}}
	w.server = httptest.NewServer(w.Faults)
	t.Cleanup(w.server.Close)
	host := strings.TrimPrefix(w.server.URL, "http://")
	chain := keys{"index.docker.io": {Username: "elsewhere", Password: "never-sent"}}
	if len(credentials) == 2 {
		chain[host] = authn.AuthConfig{Username: credentials[0], Password: credentials[1]}
	}
	w.http = httpx.New(httpx.Config{Timeout: 2 * time.Second, Sleep: w.waits.Sleep, Now: w.waits.Now})
	w.client = registry.New(registry.Config{HTTP: w.http, Mirrors: mirror(t, "docker.io", w.server.URL), Keychain: chain})
	return w
}

func mirror(t *testing.T, from, to string) source.Mirrors {
	t.Helper()
	m, err := source.ParseMirrors(map[string]string{from: to})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func image(t *testing.T, text string) source.Query {
	t.Helper()
	q, err := source.ParseImage(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func numbered(n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("v1.%d.0", i)
	}
	return tags
}

func tagsOf(l source.Listing) []string {
	var tags []string
	for _, r := range l {
		tags = append(tags, r.Tag)
	}
	return tags
}

func TestList(t *testing.T) {
	t.Parallel()
	tags := numbered(257)
	slices.Reverse(tags[100:])
	tests := []struct {
		name    string
		options fake.RegistryOptions
		pages   int
	}{
		{"one page", fake.RegistryOptions{}, 1},
		{"pages", fake.RegistryOptions{PageSize: 100}, 3},
		{"odd pages", fake.RegistryOptions{PageSize: 10, OddPages: true}, 0},
		{"refuses large pages", fake.RegistryOptions{PageSize: 100, Strict: true}, 4},
		{"link without rel", fake.RegistryOptions{PageSize: 100, Links: func(p string) string { return "<" + p + ">" }}, 3},
		{"several links", fake.RegistryOptions{PageSize: 100, Links: func(p string) string {
			return `</first>; rel="first", <` + p + `>; title="a,b"; REL=next, </last>; rel="last"`
		}}, 3},
		{"basic", fake.RegistryOptions{PageSize: 100, Auth: fake.BasicAuth, User: "me", Password: password}, 3},
		{"bearer", fake.RegistryOptions{PageSize: 100, Auth: fake.BearerAuth, User: "me", Password: password}, 3},
		{"bearer for everyone", fake.RegistryOptions{PageSize: 100, Auth: fake.BearerAuth}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Tags = map[string][]string{"org/app": tags}
			w := newWorld(t, tt.options, "me", password)
			got, err := w.client.List(t.Context(), image(t, "org/app"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tags, tagsOf(got)); diff != "" {
				t.Error(diff)
			}
			if n := w.Count("GET", "/tags/list"); tt.pages != 0 && n != tt.pages {
				t.Errorf("%d pages were asked for, want %d", n, tt.pages)
			}
			if n := w.Count("GET", "/manifests/"); n != 0 {
				t.Errorf("%d manifests were fetched", n)
			}
			if n := w.http.Requests()["docker.io"]; n != len(w.Requests()) {
				t.Errorf("%d requests counted for docker.io, %d arrived", n, len(w.Requests()))
			}
		})
	}
}

func TestChartsInRegistries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.RegistryOptions{Tags: map[string][]string{"proxy/charts/deep/nginx": {"1.0.0", "1.1.0_build.7"}}})
	client := registry.New(registry.Config{HTTP: w.http, Mirrors: mirror(t, "ghcr.io", w.server.URL+"/proxy/"), Keychain: keys{}})
	q, err := source.ParseChart("oci://ghcr.io/charts/deep", "nginx")
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1.0.0", "1.1.0+build.7"}, tagsOf(got)); diff != "" {
		t.Error(diff)
	}
	digest, err := client.Digest(t.Context(), q, "1.1.0+build.7")
	if want := fake.Digest("proxy/charts/deep/nginx", "1.1.0_build.7"); err != nil || digest != want {
		t.Errorf("digest is %q, %v; want %q", digest, err, want)
	}
}

func TestOnePingAndOneTokenEach(t *testing.T) {
	t.Parallel()
	for _, auth := range []fake.Auth{fake.NoAuth, fake.BasicAuth, fake.BearerAuth} {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			o := fake.RegistryOptions{Auth: auth, User: "me", Password: password, Tags: map[string][]string{}}
			for i := range 30 {
				o.Tags[fmt.Sprintf("org/app%d", i)] = []string{"v1.0.0"}
			}
			w := newWorld(t, o, "me", password)
			var wg sync.WaitGroup
			for repository := range o.Tags {
				wg.Go(func() { listAndHead(t, w, image(t, repository)) })
			}
			wg.Wait()
			tokens := 0
			if auth == fake.BearerAuth {
				tokens = 30
			}
			for what, n := range map[string]int{"/token": tokens, "/tags/list": 30, "/manifests/": 0} {
				if got := w.Count("GET", what); got != n {
					t.Errorf("%d times GET %s, want %d", got, what, n)
				}
			}
			if heads, all := w.Count("HEAD", "/manifests/"), len(w.Requests()); heads != 30 || all != 61+tokens {
				t.Errorf("%d HEADs and %d requests, want 30 and %d: more than one ping", heads, all, 61+tokens)
			}
		})
	}
}

func listAndHead(t *testing.T, w *world, q source.Query) {
	if _, err := w.client.List(t.Context(), q); err != nil {
		t.Error(err)
	}
	digest, err := w.client.Digest(t.Context(), q, "v1.0.0")
	if err != nil || digest != fake.Digest(q.Path, "v1.0.0") {
		t.Errorf("digest of %s is %q, %v", q, digest, err)
	}
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	server := fake.NewRegistry(fake.RegistryOptions{Auth: fake.BearerAuth, Tags: map[string][]string{"org/app": {"v1.0.0"}}})
	faults := fake.WithFaults(server)
	listener := httptest.NewServer(faults)
	t.Cleanup(listener.Close)
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{}), Mirrors: mirror(t, "docker.io", listener.URL), Keychain: keys{}})
	q := image(t, "org/app")
	if _, err := client.List(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	server.Expire()
	if _, err := client.Digest(t.Context(), q, "v1.0.0"); err != nil {
		t.Errorf("after the token has expired: %v", err)
	}
	if n := faults.Count("GET", "/token"); n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
}

func TestSchemeAsWritten(t *testing.T) {
	t.Parallel()
	faults := fake.WithFaults(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/app": numbered(3)}, PageSize: 2}))
	server := httptest.NewTLSServer(faults)
	t.Cleanup(server.Close)
	client := httpx.New(httpx.Config{Transport: server.Client().Transport})
	asked := registry.New(registry.Config{HTTP: client, Mirrors: mirror(t, "docker.io", server.URL), Keychain: keys{}})
	got, err := asked.List(t.Context(), image(t, "org/app"))
	if err != nil || len(got) != 3 {
		t.Fatalf("listing over TLS on loopback: %v, %v", got, err)
	}
	if n := client.Requests()["docker.io"]; n != 3 {
		t.Errorf("%d requests, want 3: one ping and two pages, no race of schemes", n)
	}
	plain := registry.New(registry.Config{HTTP: client, Mirrors: mirror(t, "docker.io", strings.Replace(server.URL, "https", "http", 1)), Keychain: keys{}})
	if _, err := plain.List(t.Context(), image(t, "org/app")); err == nil {
		t.Error("a mirror written with http:// was asked over https")
	}
}

func TestLoopbackWithoutMirror(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1.0.0"}}})
	client := registry.New(registry.Config{HTTP: w.http, Keychain: keys{}})
	got, err := client.List(t.Context(), image(t, strings.TrimPrefix(w.server.URL, "http://")+"/org/app"))
	if err != nil || len(got) != 1 {
		t.Errorf("listing is %v, %v", got, err)
	}
}

func TestEmptyAndShrunkLists(t *testing.T) {
	t.Parallel()
	server := fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/app": {}}})
	faults := fake.WithFaults(server)
	listener := httptest.NewServer(faults)
	t.Cleanup(listener.Close)
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{}), Mirrors: mirror(t, "docker.io", listener.URL), Keychain: keys{}})
	if got, err := client.List(t.Context(), image(t, "org/app")); err != nil || len(got) != 0 {
		t.Errorf("an empty list is %v, %v", got, err)
	}
	server.SetTags("org/app", "v1.0.0", "not a tag", "../v2", "", "v1.1.0\n")
	got, err := client.List(t.Context(), image(t, "org/app"))
	if diff := cmp.Diff([]string{"v1.0.0"}, tagsOf(got)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	faults.Set("/v2/org/app/tags/list", fake.Fault{Body: `{"name":"org/app","tags":null}`})
	if got, err := client.List(t.Context(), image(t, "org/app")); err != nil || len(got) != 0 {
		t.Errorf("a list without tags is %v, %v", got, err)
	}
}

func TestListedTagThatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1.0.0", "v1.1.0"}}, Missing: []string{"org/app:v1.1.0"}})
	for _, tag := range []string{"v1.1.0", "v9", "a/../b"} {
		if _, err := w.client.Digest(t.Context(), image(t, "org/app"), tag); !errors.Is(err, source.ErrNotFound) {
			t.Errorf("%s: error is %v, want %v", tag, err, source.ErrNotFound)
		}
	}
	w.Set("/v2/org/app/manifests/v1.0.0", fake.Fault{Status: 403, Times: 2})
	if _, err := w.client.Digest(t.Context(), image(t, "org/app"), "v1.0.0"); err == nil || errors.Is(err, source.ErrNotFound) {
		t.Errorf("403 is %v", err)
	}
	w.Set("/v2/org/app/manifests/v1.0.0", fake.Fault{Header: http.Header{"X-Other": {"x"}}, Body: "x"})
	if digest, err := w.client.Digest(t.Context(), image(t, "org/app"), "v1.0.0"); digest != "" || err != nil {
		t.Errorf("a registry that tells no digest: %q, %v", digest, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	list := "/v2/org/app/tags/list"
	tests := []struct {
		name      string
		options   fake.RegistryOptions
		path      string
		fault     fake.Fault
		anonymous bool
		status    int
		want      string
		advice    string
		lists     int
	}{
		{name: "401 without credentials", options: fake.RegistryOptions{Auth: fake.BearerAuth, User: "me", Password: password}, anonymous: true, status: 401, advice: "docker login", lists: 0},
		{name: "401 basic without credentials", options: fake.RegistryOptions{Auth: fake.BasicAuth, User: "me", Password: password}, anonymous: true, status: 401, advice: "docker login", lists: 1},
		{name: "401 with wrong credentials", options: fake.RegistryOptions{Auth: fake.BearerAuth, User: "me", Password: "other"}, status: 401, advice: "not accepted", lists: 0},
		{name: "401 basic with wrong credentials", options: fake.RegistryOptions{Auth: fake.BasicAuth, User: "me", Password: "other"}, status: 401, advice: "not accepted", lists: 1},
		{name: "403", options: fake.RegistryOptions{Auth: fake.BasicAuth, User: "me", Password: password}, path: list, fault: fake.Fault{Status: 403, Body: password}, status: 403, advice: "do not allow", lists: 1},
		{name: "403 without credentials", path: list, fault: fake.Fault{Status: 403}, anonymous: true, status: 403, advice: "docker login", lists: 1},
		{name: "404", path: list, fault: fake.Fault{Status: 404, Body: password}, status: 404, advice: "check the name", lists: 1},
		{name: "429 beyond the budget", path: list, fault: fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, status: 429, advice: "asks to wait 3600 s", lists: 1},
		{name: "500 always", path: list, fault: fake.Fault{Status: 500, Body: password}, status: 500, advice: "later", lists: 4},
		{name: "ping 404", path: "/v2/", fault: fake.Fault{Status: 404, Times: 1}, status: 404, advice: "check the name", lists: 0},
		{name: "ping 500", path: "/v2/", fault: fake.Fault{Status: 500}, status: 500, advice: "later", lists: 0},
		{name: "stall", path: list, fault: fake.Fault{Stall: true}, want: "no answer within", advice: "network", lists: 1},
		{name: "truncated JSON", path: list, fault: fake.Fault{Body: `{"name":"org/app","tags":["v1.0.0","v1.`}, want: "no list of tags", advice: "login page", lists: 1},
		{name: "truncated body", path: list, fault: fake.Fault{Truncate: 10}, want: "ends too early", advice: "later", lists: 4},
		{name: "HTML", path: list, fault: fake.Fault{Body: "<html>" + password}, want: "no list of tags", advice: "login page", lists: 1},
		{name: "loop", path: list, fault: fake.Fault{Header: http.Header{"Link": {"<" + list + "?n=1000>"}}, Body: `{"tags":["v1"]}`}, want: "loop", advice: "right host", lists: 1},
		{name: "Link to another host", path: list, fault: fake.Fault{Header: http.Header{"Link": {"<https://evil.example/v2/>"}}, Body: `{"tags":["v1"]}`}, want: "leads to another host, https://evil.example", advice: "nothing was sent", lists: 1},
		{name: "no realm", path: "/v2/", fault: fake.Fault{Status: 401, Header: http.Header{"Www-Authenticate": {`Bearer service="x"`}}, Times: 1}, want: "no token", advice: "token server", lists: 0},
		{name: "realm in a private network", path: "/v2/", fault: fake.Fault{Status: 401, Header: http.Header{"Www-Authenticate": {`Bearer realm="http://169.254.169.254/token"`}}, Times: 1}, want: "no token", advice: "token server", lists: 0},
		{name: "token server talks nonsense", options: fake.RegistryOptions{Auth: fake.BearerAuth}, path: "/token", fault: fake.Fault{Body: `{"refresh_token":"` + password + `"}`}, want: "no token", advice: "token server", lists: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Tags = map[string][]string{"org/app": {"v1.0.0"}}
			credentials := []string{"me", password}
			if tt.anonymous {
				credentials = nil
			}
			w := newWorld(t, tt.options, credentials...)
			if tt.path != "" {
				w.Set(tt.path, tt.fault)
			}
			got, err := w.client.List(t.Context(), image(t, "org/app"))
			if err == nil {
				t.Fatalf("no error, listing %v", got)
			}
			var failed *httpx.Error
			if !errors.As(err, &failed) || tt.status != 0 && failed.Status != tt.status {
				t.Fatalf("error is %v, want status %d", err, tt.status)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "listing tags of docker.io/org/app: ") {
				t.Errorf("error is %q, want one with %q", err, tt.want)
			}
			if !strings.Contains(failed.Advice(), tt.advice) {
				t.Errorf("advice is %q, want one with %q", failed.Advice(), tt.advice)
			}
			if text := err.Error() + failed.Advice(); strings.Contains(text, password) || strings.Contains(text, "scope=") {
				t.Errorf("the error tells too much: %s", text)
			}
			if n := w.Count("GET", "/tags/list"); n != tt.lists {
				t.Errorf("%d lists were asked for, want %d", n, tt.lists)
			}
			for _, r := range w.Requests() {
				if strings.Contains(r.Authorization, "ZWxzZXdoZXJl") {
					t.Error("the mirror got docker.io's credentials")
				}
			}
		})
	}
}

func TestWaitsAsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1.0.0"}}})
	w.Set("/v2/org/app/tags/list", fake.Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {"17"}}})
	if _, err := w.client.List(t.Context(), image(t, "org/app")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{17 * time.Second}, w.waits.slept); diff != "" {
		t.Error(diff)
	}
}

func TestEndlessPages(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		n := pages.Add(1)
		w.Header().Set("Link", fmt.Sprintf("<http://%s%s?last=%d>; rel=next", r.Host, r.URL.Path, n))
		_, _ = fmt.Fprintf(w, `{"tags":["v1.0.%d"]}`, n)
	}))
	t.Cleanup(server.Close)
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{}), Mirrors: mirror(t, "docker.io", server.URL), Keychain: keys{}})
	_, err := client.List(t.Context(), image(t, "org/app"))
	if err == nil || !strings.Contains(err.Error(), "do not end") {
		t.Errorf("error is %v", err)
	}
	if n := pages.Load(); n != 1000 {
		t.Errorf("%d pages were asked for, want 1000", n)
	}
}

func TestRedirectCarriesNoToken(t *testing.T) {
	t.Parallel()
	tags := map[string][]string{"org/app": numbered(5)}
	elsewhere := fake.WithFaults(fake.NewRegistry(fake.RegistryOptions{Tags: tags, PageSize: 3}))
	other := httptest.NewServer(elsewhere)
	t.Cleanup(other.Close)
	for _, auth := range []fake.Auth{fake.BasicAuth, fake.BearerAuth} {
		w := newWorld(t, fake.RegistryOptions{Tags: tags, Auth: auth, User: "me", Password: password}, "me", password)
		w.Set("/v2/org/app/tags/list", fake.Fault{Redirect: other.URL})
		got, err := w.client.List(t.Context(), image(t, "org/app"))
		if err != nil || len(got) != 5 {
			t.Errorf("%s: listing is %v, %v", auth, got, err)
		}
	}
	if n := len(elsewhere.Requests()); n != 4 {
		t.Errorf("%d requests at the other host, want 4", n)
	}
	for _, r := range elsewhere.Requests() {
		if r.Authorization != "" {
			t.Errorf("the other host got %q", r.Authorization)
		}
	}
}

func TestUnreachableHostIsAskedOnce(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	transport := httpx.New(httpx.Config{})
	client := registry.New(registry.Config{HTTP: transport, Mirrors: mirror(t, "docker.io", server.URL), Keychain: keys{}})
	for i := range 10 {
		_, err := client.List(t.Context(), image(t, fmt.Sprintf("org/app%d", i)))
		if !errors.Is(err, httpx.ErrRefused) {
			t.Fatalf("error is %v, want %v", err, httpx.ErrRefused)
		}
	}
	if n := transport.Requests()["docker.io"]; n != 2 {
		t.Errorf("%d attempts to connect, want 2", n)
	}
}

// brokenKeys is a credential helper that fails.
type brokenKeys struct{}

func (brokenKeys) Resolve(authn.Resource) (authn.Authenticator, error) {
	return nil, errors.New("helper failed")
}

func TestBrokenKeychain(t *testing.T) {
	t.Parallel()
	private := fake.NewRegistry(fake.RegistryOptions{Auth: fake.BasicAuth, Tags: map[string][]string{"org/app": {"v1.0.0"}}})
	public := fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1.0.0"}}})
	network := fake.Network{"private.example": private, "public.example": public}
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{Transport: network}), Keychain: brokenKeys{}})
	if all, err := client.List(t.Context(), image(t, "public.example/org/app")); err != nil || len(all) != 1 {
		t.Errorf("a registry that asks for no credentials: %v, %v", all, err)
	}
	_, err := client.List(t.Context(), image(t, "private.example/org/app"))
	var advice interface{ Advice() string }
	if !errors.As(err, &advice) || !strings.Contains(advice.Advice(), "docker config") {
		t.Errorf("error is %v", err)
	}
}
