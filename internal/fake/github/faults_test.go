package github_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

func TestConnectionBreaksBeforeOrAfter(t *testing.T) {
	t.Parallel()
	for name, apply := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, github.Settings{}, nil)
			memory := gh.NewClient(&http.Client{Transport: w.fake.RoundTripper()}).WithAuthToken("bot-token")
			for i, client := range []*gh.Client{w.bot, memory} {
				branch := "refs/heads/new" + string(rune('0'+i))
				w.fake.Inject(github.Fault{Write: w.fake.Writes() + 1, Apply: apply})
				_, _, err := client.Git.CreateRef(context.Background(), "acme", "profile", ref(branch, w.repo.Head("main")))
				if err == nil {
					t.Fatal("no error")
				}
				if i == 1 && !errors.Is(err, github.ErrDropped) {
					t.Errorf("in memory: %v", err)
				}
				if applied := w.repo.Refs()[branch] != ""; applied != apply {
					t.Errorf("applied %v, want %v", applied, apply)
				}
			}
		})
	}
}

func TestStatusFaultsStrikeAsOftenAsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	w.fake.Inject(github.Fault{
		Match: func(c github.Call) bool { return c.Operation == "GET /user" }, Times: 2,
		Status: http.StatusServiceUnavailable, Message: "again", Header: http.Header{"retry-after": {"3"}},
	})
	for range 2 {
		_, response, err := w.bot.Users.Get(context.Background(), "")
		refused(t, err, http.StatusServiceUnavailable, "again")
		if response.Header.Get("Retry-After") != "3" {
			t.Error("no Retry-After")
		}
	}
	user, _, err := w.bot.Users.Get(context.Background(), "")
	must(t, err)
	if user.GetLogin() != "pawl-bot" {
		t.Errorf("user %v", user)
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, func(o *github.Options) { o.CallsPerHour, o.WritesPerMin = 4, 2 })
	ctx := context.Background()
	blob := func() error {
		_, _, err := w.bot.Git.CreateBlob(ctx, "acme", "profile", &gh.Blob{Content: gh.String("x")})
		return err
	}
	must(t, blob())
	must(t, blob())
	var secondary *gh.AbuseRateLimitError
	if err := blob(); !errors.As(err, &secondary) || secondary.GetRetryAfter() != time.Minute {
		t.Errorf("third write: %v", err)
	}
	limits, _, err := w.bot.RateLimit.Get(ctx)
	must(t, err)
	if limits.Core.Remaining != 4 || limits.GraphQL.Remaining != 4 {
		t.Errorf("limits %v, %v", limits.Core, limits.GraphQL)
	}
	w.time.at = w.time.at.Add(time.Minute)
	fresh := w.client(t, "bot-token") // go-github remembers the refusal by the real clock
	_, _, err = fresh.Git.CreateBlob(ctx, "acme", "profile", &gh.Blob{Content: gh.String("x")})
	must(t, err)
	var primary *gh.RateLimitError
	_, _, err = fresh.Git.CreateBlob(ctx, "acme", "profile", &gh.Blob{Content: gh.String("x")})
	if !errors.As(err, &primary) || primary.Rate.Remaining != 0 {
		t.Errorf("fifth write: %v", err)
	}
	_, _, err = w.client(t, "bot-token").Git.GetRef(ctx, "acme", "profile", "heads/main") // reading is counted apart
	must(t, err)
	for want := 4; want >= 0; want-- {
		res := w.send(t, http.MethodPost, "bot-token", "/graphql", `{"query":"{viewer{login}}"}`)
		limited := strings.Contains(res.body, `"type":"RATE_LIMIT"`) && !strings.Contains(res.body, `"data"`)
		if res.status != 200 || limited != (want == 0) || res.header.Get("X-Ratelimit-Resource") != "graphql" {
			t.Errorf("query with %d left: %d %v %s", want, res.status, res.header, res.body)
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{Private: true}, func(o *github.Options) {
		o.Identities["old-token"] = github.Identity{Login: "old", ExpiresAt: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)}
	})
	ctx := context.Background()
	_, _, err := w.anon.Repositories.Get(ctx, "acme", "profile")
	refused(t, err, http.StatusNotFound, "Not Found")
	_, _, err = w.client(t, "no-such-token").Users.Get(ctx, "")
	refused(t, err, http.StatusUnauthorized, "Bad credentials")
	_, _, err = w.client(t, "app-token").Users.Get(ctx, "")
	refused(t, err, http.StatusForbidden, "Resource not accessible by integration")
	_, _, err = w.client(t, "read-token").Git.CreateBlob(ctx, "acme", "profile", &gh.Blob{Content: gh.String("x")})
	refused(t, err, http.StatusForbidden, "Resource not accessible by personal access token")
	old := w.client(t, "old-token")
	seen := map[string]bool{}
	for range 3 {
		_, response, err := old.Users.Get(ctx, "")
		must(t, err)
		seen[response.Header.Get("github-authentication-token-expiration")] = true
	}
	if len(seen) != 3 || !seen["2026-03-05 00:00:00 UTC"] || !seen["2026-03-05 01:00:00 +0100"] || !seen["2026-03-04 17:00:00 -0700"] {
		t.Errorf("expirations %v", seen)
	}
	w.time.at = w.time.at.AddDate(0, 0, 4)
	_, _, err = old.Users.Get(ctx, "")
	refused(t, err, http.StatusUnauthorized, "Bad credentials")
	repo, _, err := w.bot.Repositories.Get(ctx, "acme", "profile")
	must(t, err)
	if !repo.GetAllowSquashMerge() || repo.GetAllowAutoMerge() || repo.GetDefaultBranch() != "main" {
		t.Errorf("repository %v", repo)
	}
}

func TestPersonsActBetweenTwoRequests(t *testing.T) {
	t.Parallel()
	var once sync.Once
	var w *world
	w = newWorld(t, github.Settings{}, func(o *github.Options) {
		o.Before = func(call github.Call) {
			if call.Operation == "PATCH /repos/{owner}/{repo}/git/refs/{ref}" {
				once.Do(func() { _, _ = w.repo.Push("main", "alice", map[string][]byte{"x": []byte("x")}, "faster") })
			}
		}
	})
	next, err := w.repo.PushOnto(w.repo.Head("main"), "side", "bob", map[string][]byte{"y": []byte("y")}, "slower")
	must(t, err)
	_, _, err = w.bot.Git.UpdateRef(context.Background(), "acme", "profile", ref("refs/heads/main", next), false)
	refused(t, err, http.StatusUnprocessableEntity, "Update is not a fast forward")
}

func TestWorkflowsAreDispatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	w.repo.Workflow("docker-image.yaml", "image", "tag")
	ctx := context.Background()
	send := func(file, branch string, inputs map[string]any) (*gh.Response, error) {
		return w.bot.Actions.CreateWorkflowDispatchEventByFileName(ctx, "acme", "profile", file, gh.CreateWorkflowDispatchEventRequest{Ref: branch, Inputs: inputs})
	}
	response, err := send("docker-image.yaml", "main", map[string]any{"image": "a/b:v1"})
	must(t, err)
	if response.StatusCode != http.StatusNoContent || w.repo.Dispatches()[0].Inputs["image"] != "a/b:v1" {
		t.Errorf("%d, %v", response.StatusCode, w.repo.Dispatches())
	}
	_, err = send("absent.yaml", "main", nil)
	refused(t, err, http.StatusNotFound, "Not Found")
	_, err = send("docker-image.yaml", "absent", nil)
	refused(t, err, http.StatusUnprocessableEntity, "No ref found for: absent")
	_, err = send("docker-image.yaml", "main", map[string]any{"chart": "x"})
	refused(t, err, http.StatusUnprocessableEntity, `Unexpected inputs provided: ["chart"]`)
}
