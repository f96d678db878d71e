package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// padded are tags in the order of their text, which is that of registries which page by it.
func padded(n int) []string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("v1.%05d.0", i)
	}
	return tags
}

// TestProducts lists repositories of every length that may go wrong at each product, and counts the requests.
func TestProducts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		product fake.Product
		// lists is how many requests a repository of so many tags takes.
		lists map[int]int
	}{
		{fake.Distribution, map[int]int{0: 1, 999: 1, 1000: 2, 1001: 2, 2500: 3}},
		{fake.OldDistribution, map[int]int{999: 1, 1000: 3, 1300: 1}},
		{fake.DockerHub, map[int]int{5: 1, 1000: 2, 1300: 2}},
		{fake.Quay, map[int]int{0: 2, 99: 2, 100: 3, 101: 3, 250: 4}},
		{fake.OldQuay, map[int]int{49: 1, 50: 1, 51: 2, 1000: 20, 1001: 21}},
		{fake.ECR, map[int]int{999: 1, 1300: 2}},
		{fake.GHCR, map[int]int{5: 1, 1300: 2}},
		{fake.ACR, map[int]int{5: 1, 1300: 2}},
		{fake.Artifactory, map[int]int{999: 1, 1000: 2, 1300: 2, 3500: 4}},
		{fake.NexusGroup, map[int]int{999: 1, 1000: 2, 1001: 2, 2000: 3, 2001: 3, 3500: 4}},
		{fake.NexusConnector, map[int]int{1000: 2, 1300: 2, 3500: 4}},
		{fake.Zot, map[int]int{5: 1, 1300: 2}},
	}
	for _, tt := range tests {
		for n, lists := range tt.lists {
			t.Run(fmt.Sprintf("%s %d", tt.product, n), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, fake.RegistryOptions{Product: tt.product, Tags: map[string][]string{"docker/org/app": padded(n)}})
				got, err := w.client.List(t.Context(), image(t, "docker/org/app"))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(padded(n), append([]string{}, tagsOf(got)...)); diff != "" {
					t.Error(diff)
				}
				if n := w.Count("GET", "/tags/list"); n != lists {
					t.Errorf("%d pages were asked for, want %d", n, lists)
				}
			})
		}
	}
}

// TestPagesThatDoNotGoOn asks a registry that sends no Link and knows no `last`: its list is not taken for complete.
func TestPagesThatDoNotGoOn(t *testing.T) {
	t.Parallel()
	for _, tags := range []int{1000, 1001, 5000} {
		w := newWorld(t, fake.RegistryOptions{Product: fake.NexusGroup, IgnoreLast: true, Tags: map[string][]string{"org/app": numbered(tags)}})
		_, err := w.client.List(t.Context(), image(t, "org/app"))
		var failed *httpx.Error
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "gives the same tags again when asked for those after v1.999.0") ||
			!strings.Contains(failed.Advice(), "the first 1000 tags only") {
			t.Errorf("%d tags: error is %v", tags, err)
		}
	}
}

// TestPagesThatRepeatTheLastTag asks a registry whose pages begin with the tag that they were asked for by.
func TestPagesThatRepeatTheLastTag(t *testing.T) {
	t.Parallel()
	tags := padded(5)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := max(slices.Index(tags, r.URL.Query().Get("last")), 0)
		_, _ = fmt.Fprintf(w, `{"tags":["%s"]}`, strings.Join(tags[from:min(from+2, len(tags))], `","`))
	}))
	t.Cleanup(server.Close)
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{}), Mirrors: mirror(t, "docker.io", server.URL), Keychain: keys{}, PageSize: 2})
	got, err := client.List(t.Context(), image(t, "org/app"))
	if diff := cmp.Diff(tags, tagsOf(got)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestRefusalsOfLaterPages shows that a page in the middle which is refused is that refusal, and the list not begun again.
func TestRefusalsOfLaterPages(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 405, 413} {
		w := newWorld(t, fake.RegistryOptions{Product: fake.Quay, Tags: map[string][]string{"org/app": padded(250)}})
		later := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.RawQuery, "last=") {
				rw.WriteHeader(status)
				return
			}
			w.ServeHTTP(rw, r)
		})
		server := httptest.NewServer(later)
		t.Cleanup(server.Close)
		client := registry.New(registry.Config{HTTP: w.http, Mirrors: mirror(t, "docker.io", server.URL), Keychain: keys{}})
		_, err := client.List(t.Context(), image(t, "org/app"))
		var failed *httpx.Error
		if !errors.As(err, &failed) || failed.Status != status || strings.Contains(err.Error(), "loop") {
			t.Errorf("%d: error is %v", status, err)
		}
		if n := w.Count("GET", "/tags/list"); n != 2 {
			t.Errorf("%d: %d pages, want 2", status, n)
		}
	}
}

// TestRefusalsOfTheFirstPage shows how often a registry is asked that refuses every number.
func TestRefusalsOfTheFirstPage(t *testing.T) {
	t.Parallel()
	for status, lists := range map[int]int{400: 3, 405: 3, 413: 3, 401: 1, 403: 1, 404: 1, 422: 1} {
		w := newWorld(t, fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1"}}})
		w.Set("/v2/org/app/tags/list", fake.Fault{Status: status})
		_, err := w.client.List(t.Context(), image(t, "org/app"))
		var failed *httpx.Error
		if !errors.As(err, &failed) || failed.Status != status {
			t.Errorf("%d: error is %v", status, err)
		}
		if n := w.Count("GET", "/tags/list"); n != lists {
			t.Errorf("%d: %d pages, want %d", status, n, lists)
		}
	}
}

// TestLinksStayAtTheHost follows only the query of a Link whose path, scheme or port is another.
func TestLinksStayAtTheHost(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]func(u url.URL) string{
		"another path":   func(u url.URL) string { u.Path = "/repository/proxy" + u.Path; return u.RequestURI() },
		"another scheme": func(u url.URL) string { u.Scheme = "https"; return u.String() },
		"another port":   func(u url.URL) string { u.Host = u.Hostname() + ":1"; return u.String() },
		"only a query":   func(u url.URL) string { return "?" + u.RawQuery },
		"traversal":      func(u url.URL) string { u.Path = "/v2/../../admin"; return u.RequestURI() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := fake.RegistryOptions{PageSize: 2, Tags: map[string][]string{"org/app": padded(5)}}
			var base string
			o.Links = func(path string) string {
				u, _ := url.Parse(base + path)
				return "<" + link(*u) + `>; rel="next"`
			}
			w := newWorld(t, o)
			base = w.server.URL
			got, err := w.client.List(t.Context(), image(t, "org/app"))
			if diff := cmp.Diff(padded(5), tagsOf(got)); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if all, lists := len(w.Requests()), w.Count("GET", "/v2/org/app/tags/list"); lists != 3 || all != 4 {
				t.Errorf("%d requests, %d of them lists: another path was asked", all, lists)
			}
		})
	}
}

// TestChallengesOfRepositories asks registries of which not /v2/ but a repository says what it wants.
func TestChallengesOfRepositories(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options fake.RegistryOptions
		// requests are those of one listing and one digest, in order.
		requests string
	}{
		{"zot, Basic", fake.RegistryOptions{Product: fake.Zot, Auth: fake.BasicAuth}, "ping tags tags+Basic manifest manifest+Basic"},
		{"zot, Bearer", fake.RegistryOptions{Product: fake.Zot, Auth: fake.BearerAuth}, "ping tags token+Basic tags+Bearer manifest manifest+Bearer"},
		{"zot, public", fake.RegistryOptions{Product: fake.Zot, Auth: fake.BasicAuth, Public: []string{"org/app"}}, "ping tags manifest"},
		{"ACR", fake.RegistryOptions{Product: fake.ACR, Auth: fake.BearerAuth}, "ping token+Basic tags+Bearer token+Basic tags+Bearer manifest+Bearer"},
		{"ghcr.io", fake.RegistryOptions{Product: fake.GHCR, Auth: fake.BearerAuth}, "ping token+Basic tags+Bearer manifest+Bearer"},
		{"ECR", fake.RegistryOptions{Product: fake.ECR, Auth: fake.BasicAuth}, "ping tags+Basic manifest+Basic"},
		{"Docker Hub", fake.RegistryOptions{Product: fake.DockerHub, Auth: fake.BearerAuth}, "ping token+Basic tags+Bearer manifest+Bearer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Tags, tt.options.User, tt.options.Password = map[string][]string{"org/app": {"v1.0.0"}}, "me", password
			w := newWorld(t, tt.options, "me", password)
			listAndHead(t, w, image(t, "org/app"))
			if diff := cmp.Diff(tt.requests, asked(w.Requests())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// asked writes requests in short: what was asked for, and with what.
func asked(requests []fake.Request) string {
	var all []string
	for _, r := range requests {
		what := "ping"
		switch {
		case strings.HasSuffix(r.Path, "/token"):
			what = "token"
		case strings.Contains(r.Path, "/tags/"):
			what = "tags"
		case strings.Contains(r.Path, "/manifests/"):
			what = "manifest"
		}
		if scheme, _, _ := strings.Cut(r.Authorization, " "); scheme != "" {
			what += "+" + scheme
		}
		all = append(all, what)
	}
	return strings.Join(all, " ")
}

// TestScopeOfTheChallenge shows that the token is asked for in the words of the challenge and nothing beyond.
func TestScopeOfTheChallenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.RegistryOptions{Product: fake.ACR, Auth: fake.BearerAuth, User: "me", Password: password, Tags: map[string][]string{"org/app": {"v1.0.0"}}}, "me", password)
	if _, err := w.client.List(t.Context(), image(t, "org/app")); err != nil {
		t.Fatal(err)
	}
	var scopes []string
	for _, r := range w.Requests() {
		if query, err := url.ParseQuery(r.Query); err == nil && strings.HasSuffix(r.Path, "/token") {
			scopes = append(scopes, strings.Join(query["scope"], " "))
		}
	}
	if diff := cmp.Diff([]string{"repository:org/app:pull", "repository:org/app:metadata_read"}, scopes); diff != "" {
		t.Error(diff)
	}
}

// TestChallengeOfAnotherHost sends the request on to a host that asks for credentials itself: it gets none, and its
// words on where to get a token are not followed.
func TestChallengeOfAnotherHost(t *testing.T) {
	t.Parallel()
	thief := fake.WithFaults(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x",scope="repository:org/app:pull"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	other := httptest.NewServer(thief)
	t.Cleanup(other.Close)
	w := newWorld(t, fake.RegistryOptions{Product: fake.Zot, Auth: fake.BasicAuth, User: "me", Password: password}, "me", password)
	w.Set("/v2/org/app/tags/list", fake.Fault{Redirect: other.URL})
	if _, err := w.client.List(t.Context(), image(t, "org/app")); err == nil {
		t.Error("no error")
	}
	if r := thief.Requests(); len(r) != 1 || r[0].Authorization != "" {
		t.Errorf("the other host got %+v", r)
	}
}

// TestHEADRefused asks for a digest where HEAD of a manifest is not let through.
func TestHEADRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 404, 405, 406, 501} {
		for _, silent := range []bool{false, true} {
			w := newWorld(t, fake.RegistryOptions{RefuseHEAD: status, NoDigest: silent, Tags: map[string][]string{"org/app": {"v1.0.0"}}})
			digest, err := w.client.Digest(t.Context(), image(t, "org/app"), "v1.0.0")
			if err != nil || digest != fake.Digest("org/app", "v1.0.0") {
				t.Errorf("%d: digest is %q, %v", status, digest, err)
			}
			if _, err := w.client.Digest(t.Context(), image(t, "org/app"), "v2.0.0"); !errors.Is(err, source.ErrNotFound) {
				t.Errorf("%d: a tag that is not there: %v", status, err)
			}
			if h, g := w.Count("HEAD", "/manifests/"), w.Count("GET", "/manifests/"); h != 2 || g != 2 {
				t.Errorf("%d: %d HEADs and %d GETs, want two each", status, h, g)
			}
		}
	}
	w := newWorld(t, fake.RegistryOptions{RefuseHEAD: 405, Tags: map[string][]string{"org/app": {"v1.0.0"}}})
	w.Set("/v2/org/app/manifests/", fake.Fault{Method: "GET", Body: strings.Repeat("x", 17<<20)})
	if _, err := w.client.Digest(t.Context(), image(t, "org/app"), "v1.0.0"); !errors.Is(err, httpx.ErrTooLarge) {
		t.Errorf("an endless manifest: %v", err)
	}
}

// TestWhatIsNotThere asks each product for a repository that it does not have: the advice fits what it answers.
func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		product fake.Product
		auth    fake.Auth
		status  int
		advice  string
	}{
		{fake.Distribution, fake.NoAuth, 404, "check the name"},
		{fake.DockerHub, fake.BearerAuth, 401, "org/nothing is private or does not exist"},
		{fake.Quay, fake.BearerAuth, 401, "org/nothing is private or does not exist"},
		{fake.GHCR, fake.BearerAuth, 403, "org/nothing is private or does not exist"},
		{fake.Zot, fake.NoAuth, 404, "check the name"},
	}
	for _, tt := range tests {
		w := newWorld(t, fake.RegistryOptions{Product: tt.product, Auth: tt.auth, Tags: map[string][]string{"org/app": {"v1.0.0"}}})
		_, err := w.client.List(t.Context(), image(t, "org/nothing"))
		var failed *httpx.Error
		if !errors.As(err, &failed) || failed.Status != tt.status || !strings.Contains(failed.Advice(), tt.advice) {
			t.Errorf("%s: error is %v", tt.product, err)
		}
		if n := len(w.Requests()); n > 3 {
			t.Errorf("%s: %d requests", tt.product, n)
		}
	}
}

// TestPrivateWithoutCredentials shows that the advice to log in is given where nobody has, and no other.
func TestPrivateWithoutCredentials(t *testing.T) {
	t.Parallel()
	o := fake.RegistryOptions{Product: fake.Zot, Auth: fake.BasicAuth, User: "me", Password: password, Tags: map[string][]string{"org/app": {"v1.0.0"}}}
	tests := []struct {
		name, advice string
		credentials  []string
		fault        *fake.Fault
	}{
		{"none", "set credentials with `docker login", nil, nil},
		{"wrong ones", "are not accepted", []string{"me", "wrong"}, nil},
		{"not asked for, 403", "asks for no credentials, so none were sent", []string{"me", password}, &fake.Fault{Status: 403}},
		{"not asked for, 401", "asks for no credentials, so none were sent", []string{"me", password}, &fake.Fault{Status: 401}},
	}
	for _, tt := range tests {
		w := newWorld(t, o, tt.credentials...)
		if tt.fault != nil {
			w.Set("/v2/org/app/", *tt.fault)
		}
		_, err := w.client.List(t.Context(), image(t, "org/app"))
		var failed *httpx.Error
		if !errors.As(err, &failed) || !strings.Contains(failed.Advice(), tt.advice) {
			t.Errorf("%s: error is %v, advice %q", tt.name, err, failed.Advice())
		}
	}
}

// TestIdentityToken exchanges the identity token of `az acr login` by OAuth2.
func TestIdentityToken(t *testing.T) {
	t.Parallel()
	server := fake.WithFaults(fake.NewRegistry(fake.RegistryOptions{
		Product: fake.ACR, Auth: fake.BearerAuth, User: "me", Password: "other", Identity: password, Tags: map[string][]string{"org/app": {"v1.0.0"}},
	}))
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	chain := keys{strings.TrimPrefix(listener.URL, "http://"): authn.AuthConfig{Username: "<token>", IdentityToken: password}}
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{}), Mirrors: mirror(t, "docker.io", listener.URL), Keychain: chain})
	if got, err := client.List(t.Context(), image(t, "org/app")); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if n := server.Count("POST", "/oauth2/token"); n != 2 {
		t.Errorf("%d exchanges, want 2", n)
	}
}
