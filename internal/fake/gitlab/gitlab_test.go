package gitlab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/fake/gitlab"
)

const commit = "https://github.com/o/r/commit/1"

type world struct {
	*testing.T
	at      time.Time
	server  *gitlab.Server
	project *gitlab.Project
	other   *gitlab.Project
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.server = gitlab.New(gitlab.Options{Now: func() time.Time { return w.at }, Address: "https://gitlab.example/sub"})
	w.project = w.server.Create("group/name", gitlab.Settings{ID: 19, Triggers: []string{"t0ken"}, Readers: []string{"reader"}, Reporters: []string{"reporter"}})
	w.other = w.server.Create("group/other", gitlab.Settings{Triggers: []string{"other"}, Readers: []string{"stranger"}})
	return w
}

// do sends one request in memory; the token may be empty.
func (w *world) do(method, address, kind, token, body string) (*http.Response, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, address, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Private-Token", token)
	}
	res, err := w.server.RoundTripper().RoundTrip(req)
	if err != nil {
		w.Fatal(err)
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res, string(data)
}

func (w *world) get(path, token string) (*http.Response, string) {
	w.Helper()
	return w.do("GET", "https://gitlab.example/sub/api/v4/projects/"+path, "", token, "")
}

func TestTriggerBodies(t *testing.T) {
	t.Parallel()
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	for _, field := range [][2]string{{"token", "t0ken"}, {"ref", "main"}, {"variables[CD_COMMIT_URL]", commit}, {"variables[CD_MESSAGE]", "a & \"b\"\n=c 🚀"}} {
		if err := parts.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = parts.Close()
	values := url.Values{"token": {"t0ken"}, "ref": {"main"}, "variables[CD_COMMIT_URL]": {commit}, "variables[CD_MESSAGE]": {"a & \"b\"\n=c 🚀"}}
	data, _ := json.Marshal(map[string]any{"token": "t0ken", "ref": "main", "variables": map[string]string{"CD_COMMIT_URL": commit, "CD_MESSAGE": "a & \"b\"\n=c 🚀"}})
	w := newWorld(t)
	for i, c := range []struct{ url, kind, body string }{
		{w.project.TriggerURL(), "application/json", string(data)},
		{w.project.TriggerPathURL(), "application/json; charset=utf-8", string(data)},
		{w.project.TriggerURL(), "application/x-www-form-urlencoded", values.Encode()},
		{w.project.TriggerPathURL(), parts.FormDataContentType(), form.String()},
		{w.project.TriggerURL() + "?" + values.Encode(), "", ""},
		{strings.Replace(w.project.TriggerURL(), "trigger", "ref/main/trigger", 1), "application/json", strings.Replace(string(data), "main", "ignored", 1)},
	} {
		res, body := w.do("POST", c.url, c.kind, "", c.body)
		var made gl.Pipeline
		if err := json.Unmarshal([]byte(body), &made); err != nil || res.StatusCode != 201 || made.ID != i+1 || made.ProjectID != 19 || made.Status != "created" ||
			made.WebURL != fmt.Sprintf("https://gitlab.example/sub/group/name/-/pipelines/%d", i+1) || !made.CreatedAt.Equal(w.at) {
			t.Errorf("%s: %d %s, %v", c.kind, res.StatusCode, body, err)
		}
		one := w.project.Pipelines()[i]
		if strings.Contains(one.Variables["TRIGGER_PAYLOAD"], "t0ken") {
			t.Errorf("the token is in the payload: %s", one.Variables["TRIGGER_PAYLOAD"])
		}
		delete(one.Variables, "TRIGGER_PAYLOAD")
		if diff := cmp.Diff(map[string]string{"CD_COMMIT_URL": commit, "CD_MESSAGE": "a & \"b\"\n=c 🚀"}, one.Variables); diff != "" {
			t.Errorf("%s: %s", c.kind, diff)
		}
	}
	if n := w.project.Count(commit); n != 6 {
		t.Errorf("%d pipelines, want one for each trigger", n)
	}
}

func TestTriggerRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body, token string
		status            int
		want              string
	}{
		{"empty", `{}`, "", 400, `{"error":"ref is missing, token is missing"}`},
		{"no body", "", "", 400, `{"error":"Problem processing request: message body does not match declared format"}`},
		{"blank ref", `{"ref":" ","token":"t0ken"}`, "", 400, `{"error":"ref is empty"}`},
		{"kinds", `{"ref":1,"token":[]}`, "", 400, `{"error":"ref is invalid, token is invalid"}`},
		{"variables", `{"ref":"main","token":"t0ken","variables":"x"}`, "", 400, `{"error":"variables is invalid"}`},
		{"values", `{"ref":"main","token":"t0ken","variables":{"A":true}}`, "", 400, `{"message":"variables needs to be a map of key-valued strings"}`},
		{"wrong token", `{"ref":"main","token":"other"}`, "", 404, `{"message":"404 Not Found"}`},
		{"read token", `{"ref":"main","token":"reader"}`, "", 404, `{"message":"404 Not Found"}`},
		{"wrong ref", `{"ref":"other","token":"t0ken"}`, "", 400, `{"message":{"base":["Reference not found"]}}`},
		{"unknown person", `{"ref":"main","token":"t0ken"}`, "nobody", 401, `{"message":"401 Unauthorized"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			res, body := w.do("POST", w.project.TriggerURL(), "application/json", tt.token, tt.body)
			if res.StatusCode != tt.status || body != tt.want || len(w.project.Pipelines()) != 0 {
				t.Errorf("%d %s, %d pipelines", res.StatusCode, body, len(w.project.Pipelines()))
			}
		})
	}
	w := newWorld(t)
	const good = `{"ref":"main","token":"t0ken"}`
	for _, c := range []struct {
		method, url, kind string
		status            int
	}{
		{"POST", strings.Replace(w.project.TriggerURL(), "19", "77", 1), "application/json", 404},
		{"POST", strings.Replace(w.project.TriggerURL(), "/sub", "", 1), "application/json", 404},
		{"POST", strings.Replace(w.project.TriggerPathURL(), "%2F", "/", 1), "application/json", 404},
		{"GET", w.project.TriggerURL(), "application/json", 405}, {"POST", w.project.TriggerURL(), "text/plain", 415},
	} {
		if res, body := w.do(c.method, c.url, c.kind, "", good); res.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.url, res.StatusCode, body)
		}
	}
	w.project.Revoke("t0ken")
	if res, _ := w.do("POST", w.project.TriggerURL(), "application/json", "", good); res.StatusCode != 404 {
		t.Errorf("a revoked token: %d", res.StatusCode)
	}
}

func TestBrokenProjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refusing := w.server.Create("group/refusing", gitlab.Settings{Triggers: []string{"t"}, Refusal: "Pipeline filtered out by workflow rules."})
	broken := w.server.Create("group/broken", gitlab.Settings{Triggers: []string{"t"}, YAMLErrors: "no jobs"})
	body := `{"ref":"main","token":"t","variables":{"CD_COMMIT_URL":"` + commit + `"}}`
	if res, text := w.do("POST", refusing.TriggerURL(), "application/json", "", body); res.StatusCode != 400 || !strings.Contains(text, "filtered out") || len(refusing.Pipelines()) != 0 {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	res, text := w.do("POST", broken.TriggerURL(), "application/json", "", body)
	if all := broken.Pipelines(); res.StatusCode != 422 || len(all) != 1 || all[0].Status != "failed" || broken.Count(commit) != 0 {
		t.Errorf("%d %s: %+v", res.StatusCode, text, all)
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.project.Add("trigger", "main", map[string]string{"A": "1", "TRIGGER_PAYLOAD": "{}"})
	for _, c := range []struct {
		path, token string
		status      int
	}{
		{"19/pipelines", "reader", 200}, {"group%2Fname/pipelines", "reader", 200}, {"GROUP%2fName/pipelines", "reader", 200}, {"19/pipelines", "", 404},
		{"19/pipelines", "nobody", 401}, {"19/pipelines", "t0ken", 401}, {"19/pipelines", "stranger", 404}, {"77/pipelines", "reader", 404},
		{"19/pipelines/1", "reporter", 200}, {"19/pipelines/1/variables", "reporter", 403}, {"19/pipelines/1/variables", "reader", 200}, {"19/pipelines/2", "reader", 404},
		{"19/pipelines/2/variables", "reader", 404}, {"19/pipelines?updated_after=yesterday", "reader", 400}, {"19/pipelines?page=0", "reader", 400}, {"19/jobs", "reader", 404},
	} {
		if res, body := w.get(c.path, c.token); res.StatusCode != c.status {
			t.Errorf("%s as %q: %d %s", c.path, c.token, res.StatusCode, body)
		}
	}
	_, body := w.get("19/pipelines/1/variables", "reader")
	if want := `[{"key":"A","raw":false,"value":"1","variable_type":"env_var"},{"key":"TRIGGER_PAYLOAD","raw":false,"value":"{}","variable_type":"file"}]`; body != want {
		t.Errorf("variables %s", body)
	}
}

func TestStatusesMoveWithEachLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.project.SetStatuses("pending", "running", "manual")
	w.project.Add("trigger", "main", nil)
	w.at = w.at.Add(time.Minute)
	var got []string
	for range 3 {
		_, body := w.get("19/pipelines", "reader")
		var list []gl.PipelineInfo
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		_, body = w.get("19/pipelines/1", "reader")
		var one gl.Pipeline
		if err := json.Unmarshal([]byte(body), &one); err != nil {
			t.Fatal(err)
		}
		got = append(got, list[0].Status+">"+one.Status)
		if !one.UpdatedAt.Equal(w.at) || one.CreatedAt.Equal(w.at) {
			t.Errorf("times of %s", body)
		}
	}
	if diff := cmp.Diff([]string{"pending>running", "running>manual", "manual>manual"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 7 {
		w.project.Add([]string{"trigger", "push"}[i%2], []string{"main", "main", "dev"}[i%3], nil)
		w.at = w.at.Add(time.Minute)
	}
	for query, want := range map[string]string{
		"": "[7 6 5 4 3 2 1]", "source=trigger": "[7 5 3 1]", "ref=dev": "[6 3]", "source=push&ref=main": "[4 2]",
		"sort=asc&per_page=3": "[1 2 3]", "per_page=3&page=3": "[1]", "per_page=3&page=4": "[]", "updated_after=2026-03-01T12:04:00Z": "[7 6]",
		"created_before=2026-03-01T12:02:00Z": "[2 1]", "status=success": "[]", "yaml_errors=true": "[]", "yaml_errors=false&source=trigger": "[7 5 3 1]",
	} {
		_, body := w.get("19/pipelines?"+query, "reader")
		var list []gl.PipelineInfo
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		ids := []int{}
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		if fmt.Sprint(ids) != want {
			t.Errorf("%s: %v, want %s", query, ids, want)
		}
	}
	res, _ := w.get("19/pipelines?per_page=3&page=2", "reader")
	want := map[string]string{"X-Page": "2", "X-Per-Page": "3", "X-Total": "7", "X-Total-Pages": "3", "X-Prev-Page": "1", "X-Next-Page": "3",
		"Link": `<https://gitlab.example/sub/api/v4/projects/19/pipelines?id=19&order_by=id&page=1&per_page=3&sort=desc>; rel="prev", <https://gitlab.example/sub/api/v4/projects/19/pipelines?id=19&order_by=id&page=3&per_page=3&sort=desc>; rel="next", ` +
			`<https://gitlab.example/sub/api/v4/projects/19/pipelines?id=19&order_by=id&page=1&per_page=3&sort=desc>; rel="first", <https://gitlab.example/sub/api/v4/projects/19/pipelines?id=19&order_by=id&page=3&per_page=3&sort=desc>; rel="last"`}
	for name, value := range want {
		if res.Header.Get(name) != value {
			t.Errorf("%s: %s", name, res.Header.Get(name))
		}
	}
}

// TestSourceIsChecked refuses a source that is none, as newer versions do.
func TestSourceIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if res, body := w.get("19/pipelines?source=nonsense", "reader"); res.StatusCode != 400 || body != `{"error":"source does not have a valid value"}` {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// TestFaults tries every fault in memory and on loopback.
func TestFaults(t *testing.T) {
	t.Parallel()
	made := map[string]int{"500 after": 1, "502 after": 1, "timeout after": 1, "cut after": 1, "page after": 1, "truncated": 1}
	for name, fault := range gitlab.Faults() {
		for _, loopback := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %t", name, loopback), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				client := &http.Client{Transport: w.server.RoundTripper()}
				if loopback {
					server := httptest.NewServer(w.server)
					t.Cleanup(server.Close)
					w.server.SetAddress(server.URL)
					client = &http.Client{}
					if fault.Stall {
						client.Timeout = time.Second
					}
				}
				w.project.Inject(fault)
				post := func() (int, error) {
					res, err := client.Post(w.project.TriggerURL(), "application/json", strings.NewReader(`{"ref":"main","token":"t0ken","variables":{"CD_COMMIT_URL":"`+commit+`"}}`))
					if err != nil {
						return 0, err
					}
					defer res.Body.Close()
					_, err = io.ReadAll(res.Body)
					return res.StatusCode, err
				}
				status, err := post()
				if status != fault.Status && (name != "truncated" || status != 201) || (err != nil) != (fault.Status == 0) {
					t.Errorf("%d, %v", status, err)
				}
				if !loopback {
					check(t, fault, err)
				}
				if n := w.project.Count(commit); n != made[name] {
					t.Errorf("%d pipelines", n)
				}
				w.at = w.at.Add(time.Hour)
				if n := w.project.Count(commit); fault.Late > 0 && n != 1 || fault.Late == 0 && n != made[name] {
					t.Errorf("%d pipelines an hour later", n)
				}
				if status, err = post(); status != 201 || err != nil {
					t.Errorf("the next one: %d, %v", status, err)
				}
				if all := w.server.Requests(); len(all) != 2 || all[0].Operation != gitlab.Trigger || all[0].Project != "group/name" || all[1].Status != 201 || len(all[0].Body) == 0 {
					t.Errorf("requests %v", all)
				}
			})
		}
	}
}

// check holds the in-memory errors against those that a network has.
func check(t *testing.T, fault gitlab.Fault, err error) {
	t.Helper()
	switch {
	case fault.Refuse && !errors.Is(err, syscall.ECONNREFUSED),
		fault.Stall && !errors.Is(err, os.ErrDeadlineExceeded),
		fault.Truncate > 0 && !errors.Is(err, io.ErrUnexpectedEOF):
		t.Errorf("error %v", err)
	}
}

func TestFaultsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.other.Inject(gitlab.ErrorBefore())
	w.project.Inject(gitlab.Fault{On: gitlab.Get, Status: 500})
	body := `{"ref":"main","token":"t0ken"}`
	if res, _ := w.do("POST", w.project.TriggerURL(), "application/json", "", body); res.StatusCode != 201 {
		t.Errorf("%d", res.StatusCode)
	}
	if res, _ := w.get("19/pipelines/1", "reader"); res.StatusCode != 500 {
		t.Errorf("%d", res.StatusCode)
	}
	w.project.Inject(gitlab.Fault{Status: 500, Times: 3})
	w.project.Heal()
	if res, _ := w.do("POST", w.project.TriggerURL(), "application/json", "", body); res.StatusCode != 201 {
		t.Errorf("%d after Heal", res.StatusCode)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var before sync.Map
	w.server = gitlab.New(gitlab.Options{Before: func(r gitlab.Request) { before.Store(r.Number, true) }})
	w.project = w.server.Create("group/name", gitlab.Settings{Triggers: []string{"t0ken"}, Readers: []string{"reader"}})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			w.do("POST", w.project.TriggerURL(), "application/json", "", `{"ref":"main","token":"t0ken","variables":{"CD_COMMIT_URL":"`+commit+`"}}`)
			w.project.Pipelines()
			w.server.Requests()
		})
	}
	wg.Wait()
	seen := 0
	before.Range(func(any, any) bool { seen++; return true })
	if diff := cmp.Diff(map[gitlab.Key]int{{Project: "group/name", CommitURL: commit}: 50}, w.server.Counts()); diff != "" || seen != 50 {
		t.Errorf("%d seen\n%s", seen, diff)
	}
}
