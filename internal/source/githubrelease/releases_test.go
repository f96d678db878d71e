package githubrelease_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/githubrelease"
)

const token = "ghp_hunter22s3cret"

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// start serves releases on loopback in place of https://api.github.com.
func start(t *testing.T, o fake.ReleasesOptions, variables map[string]string) (*fake.Faults, *httpx.Client, githubrelease.Config) {
	t.Helper()
	o.Prefix = "/api/v3"
	faults := fake.WithFaults(fake.NewReleases(o))
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	m, err := source.ParseMirrors(map[string]string{source.GitHubAPI: server.URL + "/api/v3"})
	if err != nil {
		t.Fatal(err)
	}
	client := httpx.New(httpx.Config{Timeout: time.Second})
	resolve := func(name, at string) string {
		if at != server.URL {
			return ""
		}
		return variables[name]
	}
	return faults, client, githubrelease.Config{HTTP: client, Mirrors: m, Token: resolve}
}

func query(t *testing.T, variable string) source.Query {
	t.Helper()
	q, err := source.ParseReleases("", "org", "app", variable)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func releases(n int) []fake.Release {
	all := make([]fake.Release, n)
	for i := range all {
		all[i] = fake.Release{ID: int64(i), Tag: fmt.Sprintf("v1.%d.0", i), Published: day.AddDate(0, 0, i)}
	}
	slices.Reverse(all)
	return all
}

func TestList(t *testing.T) {
	t.Parallel()
	list := []fake.Release{
		{ID: 9, Tag: "v3.0.0-rc.1", Prerelease: true, Published: day.AddDate(0, 0, 3)},
		{ID: 8, Tag: "v2.0.1", Published: day},
		{ID: 7, Tag: "v2.0.0", Published: day},
		{ID: 6, Tag: "v9.9.9", Draft: true, Published: day},
		{ID: 5, Tag: "v1.0.0", Published: day.AddDate(0, 0, -1)},
	}
	faults, client, config := start(t, fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": list}, Remaining: 41}, nil)
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	want := source.Listing{{Tag: "v1.0.0"}, {Tag: "v2.0.0"}, {Tag: "v2.0.1"}, {Tag: "v3.0.0-rc.1", Prerelease: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := client.Remaining()["api.github.com"]; n != 41 {
		t.Errorf("remaining is %d, want 41", n)
	}
	if r := faults.Requests(); len(r) != 1 || r[0].Authorization != "" {
		t.Errorf("requests are %+v, want one without token", r)
	}
}

// TestImmutable holds that only what GitHub says to be immutable has a time, which is that of its publication and not that of the
// tagged commit.
func TestImmutable(t *testing.T) {
	t.Parallel()
	list := []fake.Release{
		{ID: 4, Tag: "v4", Immutable: true, Published: day.AddDate(0, 0, 3), Committed: day},
		{ID: 3, Tag: "v3", Published: day.AddDate(0, 0, 2)},
		{ID: 2, Tag: "v2", Immutable: true, Prerelease: true, Published: day.AddDate(0, 0, 1)},
		{ID: 1, Tag: "v1", Immutable: true, Undated: true, Committed: day},
	}
	_, _, config := start(t, fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": list}}, nil)
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	want := source.Listing{{Tag: "v1"}, {Tag: "v2", Prerelease: true, Published: day.AddDate(0, 0, 1)}, {Tag: "v3"}, {Tag: "v4", Published: day.AddDate(0, 0, 3)}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	faults, _, config := start(t, fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": releases(250)}}, nil)
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	if err != nil || len(got) != 250 || got[0].Tag != "v1.0.0" || got[249].Tag != "v1.249.0" {
		t.Errorf("%d releases, %v", len(got), err)
	}
	if n := len(faults.Requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestOneListingWhateverTheToken(t *testing.T) {
	t.Parallel()
	faults, _, config := start(t, fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": releases(3)}, Token: token},
		map[string]string{"SECOND": token, "THIRD": "other"})
	queries := []source.Query{query(t, "UNSET"), query(t, ""), query(t, "SECOND"), query(t, "THIRD")}
	config.Queries = queries
	client := githubrelease.New(config)
	var wg sync.WaitGroup
	for _, q := range queries {
		wg.Go(func() {
			if got, err := client.List(t.Context(), q); err != nil || len(got) != 3 {
				t.Errorf("%q: %v, %v", q.Token, got, err)
			}
		})
	}
	wg.Wait()
	if r := faults.Requests(); len(r) != 1 || r[0].Authorization != "Bearer "+token {
		t.Errorf("requests are %+v, want one with the first token that has a value", r)
	}
}

func TestTokenStaysAtItsHost(t *testing.T) {
	t.Parallel()
	all := map[string][]fake.Release{"org/app": releases(3)}
	elsewhere := fake.WithFaults(fake.NewReleases(fake.ReleasesOptions{Releases: all, Prefix: "/api/v3"}))
	other := httptest.NewServer(elsewhere)
	t.Cleanup(other.Close)
	faults, _, config := start(t, fake.ReleasesOptions{Releases: all, Token: token}, map[string]string{"TOKEN": token})
	faults.Set("/", fake.Fault{Redirect: other.URL})
	if _, err := githubrelease.New(config).List(t.Context(), query(t, "TOKEN")); err != nil {
		t.Fatal(err)
	}
	if r := faults.Requests(); len(r) != 1 || r[0].Authorization == "" {
		t.Errorf("the API got %+v, want one request with the token", r)
	}
	if r := elsewhere.Requests(); len(r) != 1 || r[0].Authorization != "" {
		t.Errorf("the other host got %+v, want one request without token", r)
	}
	foreign, err := source.ParseReleases(other.URL+"/api/v3", "org", "app", "TOKEN")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := githubrelease.New(config).List(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	if r := elsewhere.Requests(); r[1].Authorization != "" {
		t.Error("a manifest's own url drew the token")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	link := func(to string) http.Header { return http.Header{"Link": {"<" + to + `>; rel="next"`}} }
	const path = "/api/v3/repos/org/app/releases"
	tests := []struct {
		name         string
		fault        fake.Fault
		variable     string
		status       int
		want, advice string
		sent         int
	}{
		{"401 without token", fake.Fault{Status: 401, Body: `{"message":"` + token + `"}`}, "", 401, "401", "wants a token", 1},
		{"401 with a token that is not set", fake.Fault{Status: 401, Body: "{}"}, "UNSET", 401, "401", "wants a token, and UNSET was not sent: it is not set, or not bound to", 1},
		{"401 with token", fake.Fault{Status: 401, Body: "{}"}, "TOKEN", 401, "401", "does not accept the token in TOKEN", 1},
		{"403 with token", fake.Fault{Status: 403, Body: "{}"}, "TOKEN", 403, "403", "does not allow", 1},
		{"404 without token", fake.Fault{Status: 404, Body: "{}"}, "", 404, "404", "needs a token", 1},
		{"404 with token", fake.Fault{Status: 404, Body: "{}"}, "TOKEN", 404, "404", "does not allow", 1},
		{"429", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, "", 429, "asks to wait 3600 s", "asks to wait", 1},
		{"no quota", fake.Fault{Status: 403, Header: http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"99999999999"}}}, "", 403, "asks to wait", "asks to wait", 1},
		{"HTML", fake.Fault{Body: "<html>"}, "", 200, "no list of releases", "API of a GitHub server", 1},
		{"truncated JSON", fake.Fault{Body: `[{"tag_name":"v1`}, "", 200, "no list of releases", "API of a GitHub server", 1},
		{"Link to another host", fake.Fault{Body: "[]", Header: link("https://evil.example" + path + "?page=2")}, "TOKEN", 200, "another host", "nothing was sent", 1},
		{"loop", fake.Fault{Body: "[]", Header: link(path + "?page=1")}, "", 200, "loop", "right host", 1},
		{"endless", fake.Fault{Body: "[]", Header: link(path + "?page=101")}, "", 200, "do not end", "right host", 1},
		{"stall", fake.Fault{Stall: true}, "", 0, "no answer within", "network", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults, _, config := start(t, fake.ReleasesOptions{}, map[string]string{"TOKEN": token})
			faults.Set("/", tt.fault)
			_, err := githubrelease.New(config).List(t.Context(), query(t, tt.variable))
			var failed *httpx.Error
			if !errors.As(err, &failed) || failed.Status != tt.status || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error is %v, want status %d and %q", err, tt.status, tt.want)
			}
			if !strings.Contains(failed.Advice(), tt.advice) {
				t.Errorf("advice is %q, want one with %q", failed.Advice(), tt.advice)
			}
			if text := err.Error() + failed.Advice(); strings.Contains(text, token) || strings.Contains(text, url.QueryEscape("per_page=")) {
				t.Errorf("the error tells too much: %s", text)
			}
			if n := len(faults.Requests()); n != tt.sent {
				t.Errorf("%d requests, want %d", n, tt.sent)
			}
		})
	}
}

// TestOrderIsThatOfPublication lists what the date of the tagged commit, GitHub's created_at, would put in another order:
// a back-port, releases of one commit, and a release of an old one.
func TestOrderIsThatOfPublication(t *testing.T) {
	t.Parallel()
	commit := func(days int) time.Time { return day.AddDate(0, 0, days-1000) }
	list := []fake.Release{
		{ID: 6, Tag: "0.80", Published: day.AddDate(0, 0, 9), Committed: commit(0)},
		{ID: 5, Tag: "0.75.1", Published: day.AddDate(0, 0, 8), Committed: commit(1)},
		{ID: 4, Tag: "0.79", Published: day.AddDate(0, 0, 7), Committed: commit(5)},
		{ID: 3, Tag: "0.78", Published: day.AddDate(0, 0, 6), Committed: commit(5)},
		{ID: 9, Tag: "0.78-same-second", Published: day.AddDate(0, 0, 6), Committed: commit(4)},
		{ID: 7, Tag: "1.0.0", Draft: true, Committed: commit(9)},
		{ID: 1, Tag: "0.77", Published: day.AddDate(0, 0, 5), Committed: commit(6)},
	}
	_, _, config := start(t, fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": list}}, nil)
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	want := source.Listing{{Tag: "0.77"}, {Tag: "0.78"}, {Tag: "0.78-same-second"}, {Tag: "0.79"}, {Tag: "0.75.1"}, {Tag: "0.80"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestServerWithoutPublication asks a server that knows created_at alone.
func TestServerWithoutPublication(t *testing.T) {
	t.Parallel()
	faults, _, config := start(t, fake.ReleasesOptions{}, nil)
	faults.Set("/", fake.Fault{Body: `[{"id":1,"tag_name":"v2","created_at":"2026-01-02T00:00:00Z"},{"id":2,"tag_name":"v1","created_at":"2026-01-01T00:00:00Z"}]`})
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	if diff := cmp.Diff(source.Listing{{Tag: "v1"}, {Tag: "v2"}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestNoticesInLinks answers with GitHub's notice of a deprecation, a Link to another host that is no page.
func TestNoticesInLinks(t *testing.T) {
	t.Parallel()
	notice := http.Header{"Link": {`<https://github.blog/changelog/2025-03-06-x/>; rel="deprecation"; type="text/html"`}, "Deprecation": {"true"}}
	faults, _, config := start(t, fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": releases(150)}, Header: notice}, nil)
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	if err != nil || len(got) != 150 || len(faults.Requests()) != 2 {
		t.Errorf("%d releases in %d requests, %v", len(got), len(faults.Requests()), err)
	}
}

func TestTagsAndNoReleases(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options fake.ReleasesOptions
		sent    int
		tagged  bool
	}{
		{"tags", fake.ReleasesOptions{Tags: map[string][]string{"org/app": {"v1.0.0", "v1.1.0"}}}, 2, true},
		{"nothing", fake.ReleasesOptions{Tags: map[string][]string{"org/app": {}}}, 2, false},
		{"releases", fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": releases(1)}}, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults, _, config := start(t, tt.options, nil)
			client := githubrelease.New(config)
			for range 3 {
				_, err := client.List(t.Context(), query(t, ""))
				var empty *source.EmptyError
				if errors.As(err, &empty) != tt.tagged || !tt.tagged && err != nil {
					t.Errorf("error is %v", err)
				}
				if tt.tagged && empty.Detail != "org/app has tags and no releases" {
					t.Errorf("it says %q", empty.Detail)
				}
			}
			if n := len(faults.Requests()); n != tt.sent {
				t.Errorf("%d requests, want %d", n, tt.sent)
			}
		})
	}
}

// TestTagsThatCannotBeAsked shows that the question why a list is empty costs nothing but its answer.
func TestTagsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	faults, _, config := start(t, fake.ReleasesOptions{Tags: map[string][]string{"org/app": {"v1"}}}, nil)
	faults.Set("/api/v3/repos/org/app/tags", fake.Fault{Status: 403, Body: "{}"})
	if got, err := githubrelease.New(config).List(t.Context(), query(t, "")); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestMirrorThatStillNamesTheAPI(t *testing.T) {
	t.Parallel()
	options := fake.ReleasesOptions{Releases: map[string][]fake.Release{"org/app": releases(150)}}
	options.Links = func(next string) string {
		u, _ := url.Parse(next)
		return "<https://api.github.com/repositories/1/releases?" + u.RawQuery + `>; rel="next"`
	}
	faults, _, config := start(t, options, nil)
	got, err := githubrelease.New(config).List(t.Context(), query(t, ""))
	if err != nil || len(got) != 150 || len(faults.Requests()) != 2 {
		t.Errorf("%d releases in %d requests, %v", len(got), len(faults.Requests()), err)
	}
}

// TestUnknownAPI tells a person whose network has no api.github.com where its name comes from.
func TestUnknownAPI(t *testing.T) {
	t.Parallel()
	client := githubrelease.New(githubrelease.Config{HTTP: httpx.New(httpx.Config{Transport: fake.Network{}})})
	_, err := client.List(t.Context(), query(t, ""))
	var failed *httpx.Error
	if !errors.As(err, &failed) || !strings.Contains(failed.Advice(), "asked at api.github.com, whatever GITHUB_API_URL says: name another server's API with `url`") {
		t.Errorf("error is %v, %+v", err, failed)
	}
}
