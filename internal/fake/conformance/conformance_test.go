package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/conformance"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// described loads GitHub's descriptions once for all tests.
var described = sync.OnceValues(conformance.FromEnvironment)

func descriptions(t *testing.T) *conformance.Description {
	t.Helper()
	found, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if found == nil {
		t.Skip("set " + conformance.Variable + " to the node_modules of testdata/octokit")
	}
	return found
}

// exchange is one request with its answer, to be spoilt.
type exchange struct {
	method, path string
	body         any // nil: none
	kind         string
	status       int
	header       http.Header
	answer       any
}

func (e *exchange) request(t *testing.T) (*http.Request, []byte) {
	t.Helper()
	var body []byte
	if e.body != nil {
		body = marshal(t, e.body)
	}
	req, err := http.NewRequest(e.method, "https://api.github.com"+e.path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer token")
	if e.body != nil {
		req.Header.Set("Content-Type", e.kind)
	}
	return req, body
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	if text, raw := value.(string); raw {
		return []byte(text)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// send asks the fake and keeps its answer.
func (e *exchange) send(t *testing.T, fake *github.Server) {
	t.Helper()
	e.kind = "application/json"
	req, _ := e.request(t)
	res, err := fake.RoundTripper().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	e.status, e.header = res.StatusCode, res.Header
	if len(data) > 0 {
		if err := json.Unmarshal(data, &e.answer); err != nil {
			t.Fatal(err)
		}
	}
}

func (e *exchange) violations(t *testing.T) []string {
	t.Helper()
	checker := descriptions(t).Checker()
	req, body := e.request(t)
	var answer []byte
	if e.answer != nil {
		answer = marshal(t, e.answer)
	}
	checker.Exchange(req, body, e.status, e.header, answer)
	return checker.Violations()
}

// at walks into JSON: keys by name, the first element of every list.
func at(value any, path ...string) map[string]any {
	for {
		if list, ok := value.([]any); ok {
			value = list[0]
			continue
		}
		object := value.(map[string]any)
		if len(path) == 0 {
			return object
		}
		value, path = object[path[0]], path[1:]
	}
}

func world(t *testing.T) *github.Server {
	t.Helper()
	fake := github.New(github.Options{
		Now:        func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) },
		Identities: map[string]github.Identity{"token": {Login: "bot", Admin: true}},
	})
	repo := fake.Create("acme/profile", github.Settings{AutoMerge: true})
	for _, branch := range []string{"main", "up"} {
		if _, err := repo.Push(branch, "alice", map[string][]byte{branch: []byte("a: 1\n")}, branch); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := repo.Open("bot", github.NewPull{Title: "Up", Head: "up"}); err != nil {
		t.Fatal(err)
	}
	repo.SetCheck(repo.Head("up"), github.Check{Name: "ci", Conclusion: "success"})
	return fake
}

type object = map[string]any

const repo = "/repos/acme/profile"

func pullQuery(fields string) object {
	return object{"query": `query($n: Int!) { repository(owner: "acme", name: "profile") { pullRequest(number: $n) {` + fields + `} } }`, "variables": object{"n": 1}}
}

func TestWrongExchangesAreRefused(t *testing.T) {
	t.Parallel()
	const fields = "id number mergeable state headRefOid createdAt url author { __typename login }"
	get := func(path string) exchange { return exchange{method: http.MethodGet, path: repo + path} }
	post := func(path string, body object) exchange {
		return exchange{method: http.MethodPost, path: repo + path, body: body}
	}
	patch := func(body object) exchange {
		return exchange{method: http.MethodPatch, path: repo + "/pulls/1", body: body}
	}
	graph := func() exchange { return exchange{method: http.MethodPost, path: "/graphql", body: pullQuery(fields)} }
	blob := func() exchange { return post("/git/blobs", object{"content": "x"}) }
	pull := func() exchange { return get("/pulls/1") }
	inPull := func(e *exchange) object { return at(e.answer, "data", "repository", "pullRequest") }

	for _, test := range []struct {
		name  string
		good  exchange
		spoil func(e *exchange)
		want  string // part of the violation
	}{
		// Requests.
		{"unknown operation", pull(), func(e *exchange) { e.path = repo + "/pulls/1/nonsense" }, "no described operation"},
		{"method of no operation", pull(), func(e *exchange) { e.method = http.MethodDelete }, "no described operation"},
		{"number that is none", pull(), func(e *exchange) { e.path = repo + "/pulls/one" }, "pull_number"},
		{"property missing", blob(), func(e *exchange) { e.body = object{"encoding": "utf-8"} }, "content"},
		{"property of another type", blob(), func(e *exchange) { e.body = object{"content": 7} }, "content"},
		{"property misspelt", blob(), func(e *exchange) { e.body = object{"content": "x", "encodin": "utf-8"} }, `"encodin" is not described`},
		{"body missing", blob(), func(e *exchange) { e.body = nil }, "required"},
		{"body no JSON", blob(), func(e *exchange) { e.body = `{"content":` }, "decode"},
		{"content type", blob(), func(e *exchange) { e.kind = "text/plain" }, "Content-Type"},
		{"body where none is described", pull(), func(e *exchange) { e.body = object{"x": 1} }, "a body is not described"},
		{"query parameter unknown", get("/pulls?state=all"), func(e *exchange) { e.path += "&sate=open" }, `"sate" is not described`},
		{"query parameter out of its list", get("/pulls?state=all"), func(e *exchange) { e.path = repo + "/pulls?state=merged" }, "state"},
		{"query parameter no number", get("/pulls?per_page=5"), func(e *exchange) { e.path = repo + "/pulls?per_page=many" }, "per_page"},
		{"state out of its list", patch(object{"state": "open"}), func(e *exchange) { e.body = object{"state": "merged"} }, "state"},
		{"labels as numbers", post("/issues/1/labels", object{"labels": []string{"a"}}), func(e *exchange) { e.body = object{"labels": []int{1}} }, "request"},
		{"bare labels as numbers", post("/issues/1/labels", object{"labels": []string{"a"}}), func(e *exchange) { e.body = []int{1} }, "request"},
		{"tree mode out of its list", post("/git/trees", object{"tree": []object{{"path": "a", "mode": "100644", "type": "blob", "content": "x"}}}), func(e *exchange) {
			e.body = object{"tree": []object{{"path": "a", "mode": "644", "type": "blob", "content": "x"}}}
		}, "mode"},
		// Answers.
		{"status not described", pull(), func(e *exchange) { e.status = http.StatusTeapot }, "status is not supported"},
		{"created instead of ok", pull(), func(e *exchange) { e.status = http.StatusCreated }, "status is not supported"},
		{"answer without a property", pull(), func(e *exchange) { delete(at(e.answer), "merged") }, "merged"},
		{"nested property missing", pull(), func(e *exchange) { delete(at(e.answer, "head", "repo"), "full_name") }, "full_name"},
		{"number as text", pull(), func(e *exchange) { at(e.answer)["number"] = "1" }, "number"},
		{"null that may not be", pull(), func(e *exchange) { at(e.answer)["title"] = nil }, "title"},
		{"state out of its list in the answer", pull(), func(e *exchange) { at(e.answer)["state"] = "merged" }, "state"},
		{"time that is none", pull(), func(e *exchange) { at(e.answer)["created_at"] = "yesterday" }, "created_at"},
		{"object instead of a list", get("/pulls"), func(e *exchange) { e.answer = at(e.answer) }, "array"},
		{"item of a list", get("/pulls"), func(e *exchange) { delete(at(e.answer), "_links") }, "_links"},
		{"check conclusion out of its list", get("/commits/up/check-runs"), func(e *exchange) { at(e.answer, "check_runs")["conclusion"] = "ok" }, "conclusion"},
		{"error without a message", get("/branches/absent"), func(e *exchange) { at(e.answer)["message"] = 7 }, "message"},
		{"answer as text", pull(), func(e *exchange) { e.header.Set("Content-Type", "text/html") }, "Content-Type"},
		// GraphQL.
		{"field unknown", graph(), func(e *exchange) { e.body = pullQuery("mergable") }, "mergable"},
		{"variable missing", graph(), func(e *exchange) { delete(at(e.body), "variables") }, "must be defined"},
		{"variable of another type", graph(), func(e *exchange) { at(e.body)["variables"] = object{"n": "one"} }, "n"},
		{"variable undeclared", graph(), func(e *exchange) { at(e.body)["variables"] = object{"n": 1, "m": 1} }, "not declared"},
		{"syntax", graph(), func(e *exchange) { at(e.body)["query"] = "query {" }, "request"},
		{"mutation without its input", graph(), func(e *exchange) {
			e.body = object{"query": `mutation { enqueuePullRequest(input: {}) { clientMutationId } }`}
		}, "pullRequestId"},
		{"null for a field that has none", graph(), func(e *exchange) { inPull(e)["state"] = nil }, "null instead of"},
		{"enum value unknown", graph(), func(e *exchange) { inPull(e)["mergeable"] = "YES" }, "is no MergeableState"},
		{"field missing", graph(), func(e *exchange) { delete(inPull(e), "headRefOid") }, "headRefOid is missing"},
		{"field not asked for", graph(), func(e *exchange) { inPull(e)["title"] = "x" }, "title was not asked for"},
		{"id that is none", graph(), func(e *exchange) { inPull(e)["headRefOid"] = "main" }, "is no GitObjectID"},
		{"type that cannot be", graph(), func(e *exchange) { at(inPull(e)["author"])["__typename"] = "Commit" }, "Commit is no Actor"},
		{"errors as a status", graph(), func(e *exchange) { e.status = http.StatusUnprocessableEntity }, "answers 200"},
		{"neither data nor errors", graph(), func(e *exchange) { e.answer = object{} }, "neither data nor errors"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			descriptions(t)
			e := test.good
			e.send(t, world(t))
			if wrong := e.violations(t); len(wrong) > 0 {
				t.Fatalf("the unspoilt exchange is refused: %v", wrong)
			}
			test.spoil(&e)
			wrong := strings.Join(e.violations(t), "\n")
			if wrong == "" || !strings.Contains(wrong, test.want) {
				t.Errorf("violations %q, want one about %q", wrong, test.want)
			}
		})
	}
}

func TestExchangesAreCounted(t *testing.T) {
	t.Parallel()
	checker := descriptions(t).Checker()
	fake, before := world(t), len(checker.Counts())
	for _, e := range []exchange{
		{method: http.MethodGet, path: repo + "/git/ref/heads/main"},
		{method: http.MethodGet, path: "/api/v3" + repo + "/git/ref/heads%2Fmain"},
		{method: http.MethodPost, path: "/graphql", body: object{"query": "{ viewer { login } }"}},
	} {
		e.send(t, fake)
		req, body := e.request(t)
		checker.Exchange(req, body, e.status, e.header, marshal(t, e.answer))
	}
	if wrong := checker.Violations(); before != 0 || len(wrong) > 0 {
		t.Fatal(before, wrong)
	}
	if got := fmt.Sprint(checker.Counts()); got != "map[GET /repos/{owner}/{repo}/git/ref/{ref}:2 query viewer:1]" {
		t.Error(got)
	}
}
