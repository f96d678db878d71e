package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

func TestChecksOverManyPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	sha := w.repo.Head("main")
	for i := range 130 {
		w.repo.SetCheck(sha, fake.Check{Name: fmt.Sprint("run ", i), Conclusion: "success"})
		w.repo.SetCheck(sha, fake.Check{Name: fmt.Sprint("status ", i), Conclusion: "failure", Status: true})
	}
	w.repo.SetCheck(sha, fake.Check{Name: "waiting", Status: true})
	w.repo.SetCheck(sha, fake.Check{Name: "running"})
	found, err := w.client.Checks(context.Background(), sha)
	w.must(err)
	by := map[string]change.Check{}
	for _, c := range found {
		by[c.Name] = c
	}
	for _, want := range []change.Check{
		{Name: "run 0", HeadSHA: sha, Status: "completed", Conclusion: "success"},
		{Name: "run 129", HeadSHA: sha, Status: "completed", Conclusion: "success"},
		{Name: "status 0", HeadSHA: sha, Status: "completed", Conclusion: "failure"},
		{Name: "waiting", HeadSHA: sha, Status: "pending"},
		{Name: "running", HeadSHA: sha, Status: "in_progress"},
	} {
		if diff := cmp.Diff(want, by[want.Name]); diff != "" {
			t.Error(diff)
		}
	}
	if len(found) != 262 {
		t.Errorf("found %d", len(found))
	}
}

func TestEnforced(t *testing.T) {
	t.Parallel()
	forbidden := fake.Fault{Times: 2, Status: 403, Message: "Resource not accessible by integration"}
	for _, test := range []struct {
		name       string
		protection fake.Protection
		arrange    func(*world, string)
		want       github.Enforcement
	}{
		{name: "nothing"},
		{name: "classic", protection: fake.Protection{Checks: []string{"z", "a"}}, want: github.Enforcement{Checks: []string{"a", "z"}}},
		{name: "ruleset with queue", protection: fake.Protection{Checks: []string{"ci"}, Ruleset: true, Queue: true},
			want: github.Enforcement{Checks: []string{"ci"}, Queue: true}},
		{name: "not told", protection: fake.Protection{Checks: []string{"ci"}}, arrange: once("GET /branches/{branch}", forbidden),
			want: github.Enforcement{Unknown: "the token may not read the branch protection (403)"}},
		{name: "nothing told", arrange: func(w *world, _ string) {
			once("GET /branches/{branch}", fake.Fault{Status: 404, Message: "Not Found"})(w, "")
			once("GET /rules/branches/{branch}", forbidden)(w, "")
		}, want: github.Enforcement{Unknown: "the token may not read the branch protection (404); the token may not read the rulesets (403)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Settings{}, nil)
			w.repo.Protect("main", test.protection)
			if test.arrange != nil {
				test.arrange(w, "")
			}
			got, err := w.client.Enforced(context.Background(), "main")
			w.must(err)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRulesOfTheFuture reads rules of a kind that no version of the library knows.
func TestRulesOfTheFuture(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		if !strings.Contains(req.URL.Path, "/rules/") {
			fmt.Fprint(out, `{"name":"main"}`)
			return
		}
		fmt.Fprint(out, `[{"type":"telepathy","parameters":{"minds":[1]}},{"type":"deletion"},
{"type":"required_status_checks","parameters":{"required_status_checks":[{"context":"ci"}]}}]`)
	}))
	t.Cleanup(server.Close)
	client, err := github.New(github.Config{API: server.URL, Repository: "acme/profile"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Enforced(context.Background(), "main")
	if diff := cmp.Diff(github.Enforcement{Checks: []string{"ci"}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestNullForCheckRuns is answered with null, or with nothing, where check runs and statuses should be: an error with a
// hint, no panic, and no check that counts as absent.
func TestNullForCheckRuns(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/check-runs", "/status"} {
		for _, body := range []string{"null", "", "{}", `{"total_count":1,"check_runs":null,"statuses":null}`, "[]"} {
			for _, status := range []int{200, 204} {
				w := newWorld(t, fake.Settings{}, nil)
				over := through{next: w.fake.RoundTripper(), answer: func(req *http.Request, res *http.Response, real []byte) []byte {
					if !strings.HasSuffix(req.URL.Path, path) {
						return real
					}
					res.StatusCode = status
					return []byte(body)
				}}
				found, err := w.over(over, token).Checks(context.Background(), w.repo.Head("main"))
				if err == nil || advice(err) == "" {
					t.Errorf("%s, %d %q: %+v, %v, hint %q", path, status, body, found, err, advice(err))
				}
			}
		}
	}
}
