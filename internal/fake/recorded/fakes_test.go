package recorded_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
)

// world is a fake GitHub with one repository, over loopback; kind changes each of its answers on the way.
type world struct {
	*testing.T
	fake *github.Server
	repo *github.Repo
	url  string
	kind kindness
	mu   sync.Mutex
	at   time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func newWorld(t *testing.T, kind kindness, adjust ...func(*github.Options)) *world {
	t.Helper()
	w := &world{T: t, kind: kind, at: time.Date(2026, 8, 20, 8, 28, 40, 0, time.UTC)}
	options := github.Options{Now: w.now, Identities: map[string]github.Identity{
		"bot": {Login: "pawl-bot", ExpiresAt: w.at.AddDate(0, 1, 0)}, "app": {Login: "pawl[bot]", App: true, ExpiresAt: w.at.AddDate(0, 1, 0)},
		"ci": {Login: "github-actions[bot]", Actions: true}, "poor": {Login: "seate", Unverified: true}, "reader": {Login: "reader", App: true, ReadOnly: true},
	}}
	for _, change := range adjust {
		change(&options)
	}
	w.fake = github.New(options)
	w.repo = w.fake.Create("acme/profile", github.Settings{AutoMerge: true})
	server := httptest.NewServer(w.fake)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.push("main", "alice", "a: 0\n", "start\n")
	w.push("main", "alice", "a: 1\n", "more\n")
	return w
}

func (w *world) push(branch, who, text, message string) string {
	w.Helper()
	sha, err := w.repo.Push(branch, who, map[string][]byte{"values.yaml": []byte(text), "dir/other.yaml": []byte("x\n")}, message)
	if err != nil {
		w.Fatal(err)
	}
	return sha
}

// open makes a branch with some commits and opens its pull request.
func (w *world) open(branch string, commits int, body string) int {
	w.Helper()
	for i := range commits {
		w.push(branch, "pawl-bot", fmt.Sprintf("a: 1\nb: %s %d\n", branch, i), fmt.Sprintf("commit %d\n\nwhy\n", i))
	}
	var made struct{ Number int }
	sent, _ := json.Marshal(map[string]any{"title": "bump", "head": branch, "base": "main", "body": body})
	got := w.ask("POST", "bot", "/repos/acme/profile/pulls", string(sent))
	if json.Unmarshal(got.body, &made) != nil || made.Number == 0 {
		w.Fatalf("no pull request: %s", got.body)
	}
	return made.Number
}

// ask sends a request as the identity of a token; redirects are not followed.
func (w *world) ask(method, token, path, body string) answered {
	w.Helper()
	got := send(w.T, method, token, w.url+path, body)
	if w.kind != nil {
		got = w.kind(path, body, got)
	}
	return got
}

func send(t *testing.T, method, token, address, body string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, data}
}

const at = "/repos/acme/profile"

func (w *world) get(path string) answered { w.Helper(); return w.ask("GET", "app", at+path, "") }
func (w *world) post(path, body string) answered {
	w.Helper()
	return w.ask("POST", "app", at+path, body)
}

// graph sends a mutation on the first pull request.
func (w *world) graph(token, mutation string, input map[string]any) answered {
	w.Helper()
	if _, given := input["pullRequestId"]; !given && mutation != "updateRefs" {
		var out struct {
			NodeID string `json:"node_id"`
		}
		_ = json.Unmarshal(w.get("/pulls/1").body, &out)
		input["pullRequestId"] = out.NodeID
	}
	kind := strings.ToUpper(mutation[:1]) + mutation[1:] + "Input"
	fields := "clientMutationId"
	if mutation == "enablePullRequestAutoMerge" {
		fields += " actor{login}"
	}
	text, _ := json.Marshal(map[string]any{"query": fmt.Sprintf("mutation($input:%s!){%s(input:$input){%s}}", kind, mutation, fields), "variables": map[string]any{"input": input}})
	return w.ask("POST", token, "/graphql", string(text))
}

func (w *world) merge(body string) answered {
	w.Helper()
	return w.ask("PUT", "bot", at+"/pulls/1/merge", body)
}

// scene puts the fakes into the situation of a recorded exchange and sends the same request.
type scene = func(*world) answered

// scenes are those of every exchange whose operation the fakes know, by number.
func scenes() map[int]scene {
	all := map[int]scene{}
	for _, part := range []map[int]scene{refScenes(), objectScenes(), branchScenes(), mergeScenes(), pullScenes(), listScenes(),
		issueScenes(), checkScenes(), graphScenes(), dispatchScenes(), otherScenes()} {
		maps.Copy(all, part)
	}
	return all
}

// baseModified merges right after the base moved, before GitHub has looked again.
func baseModified(w *world) answered {
	w = newWorld(w.T, w.kind, func(o *github.Options) { o.MergeableReads = 1 })
	w.open("x", 1, "b")
	w.get("/pulls/1")
	if _, err := w.repo.Push("main", "alice", map[string][]byte{"README.md": []byte("x")}, "m"); err != nil {
		w.Fatal(err)
	}
	return w.merge(`{}`)
}

// over serves another fake's answer.
func (w *world) over(h http.Handler, method, token, path, body string) answered {
	w.Helper()
	server := httptest.NewServer(h)
	w.Cleanup(server.Close)
	got := send(w.T, method, token, server.URL+path, body)
	if w.kind != nil {
		got = w.kind(path, body, got)
	}
	return got
}

// releases are some whose commits are older than those of releases before them.
func (w *world) releases(query string, count int) answered {
	var all []fake.Release
	for i := range count {
		day := w.at.AddDate(0, 0, -i)
		all = append(all, fake.Release{ID: int64(100 - i), Tag: fmt.Sprintf("0.%d", 80-i), Published: day, Draft: query == "" && count == 2})
	}
	return w.over(fake.NewReleases(fake.ReleasesOptions{Releases: map[string][]fake.Release{"acme/profile": all}, Remaining: 4000}), "GET", "", at+"/releases"+query, "")
}

// gitLab is a GitLab with one project, after some triggers.
func (w *world) gitLab(triggers int) *gitlab.Server {
	server := gitlab.New(gitlab.Options{Now: w.now})
	server.Create("group/project", gitlab.Settings{Triggers: []string{"right"}, Readers: []string{"reader"}})
	for range triggers {
		w.over(server, "POST", "", triggerPath, `{"token":"right","ref":"main"}`)
	}
	return server
}

const triggerPath = "/api/v4/projects/group%2Fproject/trigger/pipeline"

func (w *world) gitlab(token string) answered {
	return w.over(w.gitLab(0), "POST", "", triggerPath, fmt.Sprintf(`{"token":%q,"ref":"main"}`, token))
}

// pipelines reads the pipelines of the project.
func (w *world) pipelines(token, path string, triggers int) answered {
	server, address := w.gitLab(triggers), "/api/v4/projects/group%2Fproject/pipelines"+path
	for range 4 * triggers { // each look is a step towards the end
		w.over(server, "GET", token, address, "")
	}
	return w.over(server, "GET", token, address, "")
}

func (w *world) registry(path string) answered {
	return w.over(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"app": {"latest"}}}), "GET", "", path, "")
}
