package gitlab_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/deploy/gitlab"
	fake "github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// settle is after which time the test says that a pipeline will not come any more.
const settle = 50 * time.Second

// asked looks for the pipeline of a commit that was sent at a time.
func asked(commitURL string, since time.Time) deploy.Search {
	return deploy.Search{CommitURL: commitURL, Ref: "main", Since: since, Settled: since.Add(settle)}
}

// TestLookupSettlesEveryFault shows that a trigger of which nothing is known is settled rightly: fired again only when
// it was not accepted, each project ends with one pipeline.
func TestLookupSettlesEveryFault(t *testing.T) {
	t.Parallel()
	for name, fault := range fake.Faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.client = w.connect(httpx.Config{Transport: w.fake.RoundTripper()})
			since := w.time.now()
			w.gitlab.Inject(fault)
			got := w.trigger()
			if got.State == deploy.Unknown {
				found, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, since))
				if err != nil {
					t.Fatal(err)
				}
				if waited := w.time.now().Sub(since); !there && waited < settle {
					t.Errorf("said that there is none after %s", waited)
				}
				if got = found; !there {
					got = deploy.Answer{State: deploy.Refused}
				}
			}
			if (got.State == deploy.Accepted) != (w.gitlab.Count(commit) == 1) {
				t.Errorf("%d pipelines, answer %+v", w.gitlab.Count(commit), got)
			}
			if got.State == deploy.Refused {
				got = w.trigger()
			}
			if got.State != deploy.Accepted || got.PipelineID != w.gitlab.Pipelines()[0].ID || w.gitlab.Count(commit) != 1 {
				t.Errorf("%d pipelines in the end, answer %+v", w.gitlab.Count(commit), got)
			}
		})
	}
}

func TestLookupPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	since := w.time.now()
	ours := w.gitlab.Add("trigger", "main", map[string]string{"CD_COMMIT_URL": commit})
	w.gitlab.Add("push", "main", map[string]string{"CD_COMMIT_URL": commit})
	w.gitlab.Add("trigger", "other", map[string]string{"CD_COMMIT_URL": commit})
	for i := range 230 {
		w.gitlab.Add("trigger", "main", map[string]string{"CD_COMMIT_URL": fmt.Sprint(commit, i), "CD_MESSAGE": commit})
	}
	got, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, since))
	want := deploy.Answer{State: deploy.Accepted, PipelineID: ours.ID, Status: "created", Created: ours.Created.UTC(),
		URL: strings.Replace(w.gitlab.TriggerURL(), "/api/v4/projects/19/trigger/pipeline", "/Group/sub.x/na-me/-/pipelines/1", 1)}
	if diff := cmp.Diff(want, got); diff != "" || !there || err != nil {
		t.Errorf("%t, %v\n%s", there, err, diff)
	}
	var lists []string
	for _, r := range w.fake.Requests() {
		if r.Header.Get("Private-Token") != reader {
			t.Errorf("%s came without the read token", r)
		}
		if r.Operation == fake.List {
			lists = append(lists, r.Path+"?"+r.Query)
		}
	}
	golden := "/git/lab/api/v4/projects/Group%2Fsub%2Ex%2Fna-me/pipelines?order_by=id&page=N&per_page=100&ref=main&sort=desc&source=trigger&updated_after=2026-03-01T11%3A45%3A00Z&yaml_errors=false"
	if diff := cmp.Diff([]string{strings.Replace(golden, "N", "1", 1), strings.Replace(golden, "N", "2", 1), strings.Replace(golden, "N", "3", 1)}, lists); diff != "" {
		t.Error(diff)
	}
	if n := len(w.fake.Requests()); n != 3+231 {
		t.Errorf("%d requests", n)
	}
}

func TestLookupIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 501 {
		w.gitlab.Add("trigger", "main", nil)
	}
	_, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now()))
	if there || err == nil || !strings.Contains(w.advice(err), "pawl deploy --project dev --retry-unknown") {
		t.Errorf("%t, %v", there, err)
	}
}

func TestLookupDoesNotReadTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gitlab.Add("trigger", "main", nil)
	_, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now()))
	count := map[fake.Operation]int{}
	for _, r := range w.fake.Requests() {
		count[r.Operation]++
	}
	looks := 6 // after 0, 2, 6, 14, 30 and 50 seconds
	if diff := cmp.Diff(map[fake.Operation]int{fake.List: looks, fake.Variables: 1}, count); diff != "" || there || err != nil {
		t.Errorf("%t, %v\n%s", there, err, diff)
	}
	w.time.slept = nil
	if _, there, err = w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now().Add(-time.Hour))); there || err != nil || w.time.total() != 0 {
		t.Errorf("long ago: %t, %v after %s", there, err, w.time.total())
	}
}

// TestLookupCostsAMinute shows that a pipeline is not looked for longer than a minute: what is open then stays open.
func TestLookupCostsAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gitlab.Inject(fake.TimeoutLate(90 * time.Second))
	w.client = w.connect(httpx.Config{Timeout: time.Second})
	since := w.time.now()
	if got := w.trigger(); got.State != deploy.Unknown {
		t.Fatalf("answer %+v", got)
	}
	q := asked(commit, since)
	q.Settled = since.Add(2 * time.Minute)
	_, there, err := w.client.Lookup(t.Context(), w.project, q)
	if there || !errors.Is(err, gitlab.ErrUnsettled) || !strings.Contains(w.advice(err), "run again") {
		t.Errorf("%t, %v", there, err)
	}
	lists := len(w.fake.Requests()) - 1
	if total := w.time.total(); total > time.Minute || total < 50*time.Second || lists > 8 {
		t.Errorf("it cost %s and %d requests", total, lists)
	}
	if got, there, err := w.client.Lookup(t.Context(), w.project, q); !there || err != nil || got.PipelineID != 1 {
		t.Errorf("the next run: %+v, %t, %v", got, there, err)
	}
	for _, slow := range []fake.Fault{{On: fake.List, Times: 99, Status: 500}, {On: fake.List, Times: 99, Status: 429, Header: http.Header{"Retry-After": {"25"}}}} {
		w.time.slept = nil
		w.gitlab.Inject(slow)
		if _, there, err := w.client.Lookup(t.Context(), w.project, q); there || err == nil || w.time.total() > time.Minute {
			t.Errorf("a GitLab that is down cost %s: %t, %v", w.time.total(), there, err)
		}
		w.gitlab.Heal()
	}
}

func TestLookupFindsNoBrokenPipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gitlab = w.fake.Create("group/broken", fake.Settings{Triggers: []string{secret}, Readers: []string{reader}, YAMLErrors: "jobs config should contain at least one visible job"})
	w.project.URL = w.gitlab.TriggerPathURL()
	if got := w.trigger(); got.State != deploy.Refused || !strings.Contains(got.Detail, "visible job") {
		t.Errorf("answer %+v", got)
	}
	if _, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now())); there || err != nil || len(w.gitlab.Pipelines()) != 1 {
		t.Errorf("%t, %v", there, err)
	}
}

func TestReadFailures(t *testing.T) {
	t.Parallel()
	list := func(status int, body string) fake.Fault {
		return fake.Fault{On: fake.List, Times: 10, Status: status, Body: body}
	}
	tests := []struct {
		name          string
		fault         fake.Fault
		api           string
		message, hint string
	}{
		{"no token", fake.Fault{}, "UNSET", "there is no read token", "read_api"},
		{"not named", fake.Fault{}, "", "there is no read token", "`api`"},
		{"unknown token", fake.Fault{}, "WRONG", "401 Unauthorized", "WRONG is unknown"},
		{"role", fake.Fault{}, "REPORTER", `reading the variables of a pipeline of project "dev": GitLab answers 403`, "Maintainer"},
		{"hidden", list(404, `{"message":"404 Project Not Found"}`), "READ_DEV", "404 Not Found", "cannot see"},
		{"page", list(200, "<html>"+reader), "READ_DEV", "cannot be read", "`url`"},
		{"nulls", list(200, "[null]"), "READ_DEV", "cannot be read", "`url`"},
		{"object", list(200, "{}"), "READ_DEV", "cannot be read", "`url`"},
		{"error", list(500, ""), "READ_DEV", "500 Internal Server Error", "later"},
		{"limit", fake.Fault{On: fake.List, Times: 10, Status: 429, Header: http.Header{"Retry-After": {"9999"}}}, "READ_DEV", "asks to wait", "wait"},
		{"echo", list(400, `{"error":"`+reader+`"}`), "READ_DEV", "***", "later"},
		{"cut", fake.Fault{On: fake.List, Times: 10}, "READ_DEV", "EOF", "again"},
		{"variables", fake.Fault{On: fake.Variables, Times: 10, Status: 200, Body: "7"}, "READ_DEV", "cannot be read", "`url`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.gitlab.Add("trigger", "main", nil)
			w.project.API = tt.api
			if tt.fault.On != "" {
				w.gitlab.Inject(tt.fault)
			}
			_, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now()))
			if there || err == nil || !strings.Contains(err.Error(), tt.message) || !strings.Contains(w.advice(err), tt.hint) {
				t.Errorf("%t, %v", there, err)
			}
		})
	}
}

// TestOneUnreadablePipeline shows that a pipeline that may not be read does not hide the one that may.
func TestOneUnreadablePipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gitlab.Add("trigger", "main", map[string]string{"CD_COMMIT_URL": commit})
	w.gitlab.Add("trigger", "main", nil)
	w.gitlab.Inject(fake.Fault{On: fake.Variables, Status: 403})
	got, there, err := w.client.Lookup(t.Context(), w.project, asked(commit, w.time.now()))
	if !there || err != nil || got.PipelineID != 1 {
		t.Errorf("%+v, %t, %v", got, there, err)
	}
	w.gitlab.Inject(fake.Fault{On: fake.Variables, Status: 403})
	if _, there, err = w.client.Lookup(t.Context(), w.project, asked(commit+"x", w.time.now())); there || err == nil {
		t.Errorf("%t, %v", there, err)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		statuses         []string
		wait             time.Duration
		status, detail   string
		looks            int
		fault            *fake.Fault
		failed, withHint bool
	}{
		{name: "success", statuses: []string{"created", "pending", "running", "success"}, wait: time.Hour, status: "success", looks: 3},
		{name: "failed", statuses: []string{"created", "failed"}, wait: time.Hour, status: "failed", detail: "ended as failed", looks: 1, withHint: true},
		{name: "canceled", statuses: []string{"created", "canceling", "canceled"}, wait: time.Hour, status: "canceled", detail: "canceled", looks: 2, withHint: true},
		{name: "skipped", statuses: []string{"skipped"}, wait: time.Hour, status: "skipped", detail: "skipped", looks: 1, withHint: true},
		{name: "manual", statuses: []string{"created", "running", "manual", "success"}, wait: time.Hour, status: "manual", detail: "waits for a person", looks: 2, withHint: true},
		{name: "time is over", statuses: []string{"created", "running"}, wait: 25 * time.Second, status: "running", looks: 4},
		{name: "one look", statuses: []string{"created", "running"}, wait: 0, status: "running", looks: 1},
		{name: "away for a while", statuses: []string{"created", "success"}, wait: time.Hour, status: "success", looks: 9, fault: &fake.Fault{On: fake.Get, Times: 8, Status: 502}},
		{name: "away for good", statuses: []string{"created"}, wait: 25 * time.Second, looks: 16, failed: true, fault: &fake.Fault{On: fake.Get, Times: 1000, Status: 502}},
		{name: "gone", statuses: []string{"created"}, wait: time.Hour, looks: 1, failed: true, fault: &fake.Fault{On: fake.Get, Status: 404}},
		{name: "another", statuses: []string{"created"}, wait: 0, looks: 1, failed: true, fault: &fake.Fault{On: fake.Get, Status: 200, Body: `{"id":9}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.gitlab.SetStatuses(tt.statuses...)
			a := w.trigger()
			if tt.fault != nil {
				w.gitlab.Inject(*tt.fault)
			}
			got, err := w.client.Follow(t.Context(), w.project, a.PipelineID, tt.wait)
			if (err != nil) != tt.failed || got.State != deploy.Accepted || got.PipelineID != a.PipelineID || got.URL != a.URL || got.Status != tt.status ||
				!strings.Contains(got.Detail, tt.detail) || (got.Hint != "") != tt.withHint {
				t.Errorf("%+v, %v", got, err)
			}
			if err != nil {
				w.advice(err)
			}
			if looks := len(w.fake.Requests()) - 1; looks != tt.looks {
				t.Errorf("%d looks, want %d", looks, tt.looks)
			}
		})
	}
}

func TestReadingStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trigger()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.client.Follow(ctx, w.project, 1, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("follow: %v", err)
	}
	if _, there, err := w.client.Lookup(ctx, w.project, asked(commit, w.time.now())); there || !errors.Is(err, context.Canceled) {
		t.Errorf("lookup: %t, %v", there, err)
	}
}

// TestNoOtherLimit shows that GitLab's word about its limits does not make the library wait by a clock of its own.
func TestNoOtherLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gitlab.Add("trigger", "main", map[string]string{"CD_COMMIT_URL": commit})
	w.gitlab.Inject(fake.Fault{On: fake.List, Status: 200, Header: http.Header{"Ratelimit-Limit": {"6"}}, Body: `[{"id":1}]`})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, there, err := w.client.Lookup(ctx, w.project, asked(commit, w.time.now())); !there || err != nil {
		t.Errorf("%t, %v", there, err)
	}
}
