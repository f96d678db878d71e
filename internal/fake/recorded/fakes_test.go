package recorded_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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

// scenes put the fakes into the situation of each recorded exchange and send the same request.
func scenes() map[int]func(*world) answered {
	branches := func(names ...string) func(*world) {
		return func(w *world) {
			for _, n := range names {
				w.push(n, "alice", n, "m")
			}
		}
	}
	protect := func(w *world, p github.Protection) { w.repo.Protect("main", p) }
	tags := func(w *world, names ...string) {
		for _, n := range names {
			w.post("/git/refs", fmt.Sprintf(`{"ref":"refs/tags/%s","sha":%q}`, n, w.repo.Head("main")))
		}
	}
	commit := func(w *world, tree string) answered {
		return w.ask("POST", "bot", at+"/git/commits", fmt.Sprintf(`{"message":"I'm a new commit\n\n","tree":%q,"parents":[%q]}`, tree, w.repo.Head("main")))
	}
	treeOf := func(w *world) string {
		var out struct{ Tree struct{ SHA string } }
		_ = json.Unmarshal(w.get("/git/commits/"+w.repo.Head("main")).body, &out)
		return out.Tree.SHA
	}
	compare := func(query string, commits int) func(*world) answered {
		return func(w *world) answered {
			base := w.repo.Head("main")
			for i := range commits {
				w.push("side", "alice", fmt.Sprint(i), "one\r\n\r\ntwo\n\n")
			}
			return w.get("/compare/" + base + "..." + w.repo.Head("side") + query)
		}
	}
	enqueue := func(w *world, queue bool) {
		w.open("pawl/update", 1, "b")
		protect(w, github.Protection{Checks: []string{"ci"}, Queue: queue, Ruleset: true})
	}
	rule := func(p github.Protection) func(*world) answered {
		return func(w *world) answered {
			w.open("pawl/update", 1, "b")
			protect(w, p)
			return w.merge(`{"merge_method":"merge"}`)
		}
	}
	renamed := func(method string) func(*world) answered {
		return func(w *world) answered {
			w.repo.Rename("new")
			return w.ask(method, "bot", at, `{"name":"x"}`)
		}
	}
	pulls := func(query string, arrange func(*world)) func(*world) answered {
		return func(w *world) answered { arrange(w); return w.get("/pulls" + query) }
	}
	three := func(w *world) {
		for i := range 3 {
			w.open(fmt.Sprint("b", i), 1, "body")
		}
	}
	check := func(w *world, c github.Check) string { sha := w.repo.Head("main"); w.repo.SetCheck(sha, c); return sha }
	return map[int]func(*world) answered{
		1: func(w *world) answered { return w.get("/git/ref/heads/main") },
		2: func(w *world) answered { return w.get("/git/ref/heads/none") },
		3: func(w *world) answered {
			tags(w, "v0.1", "v0.2", "v0.3", "v0.4")
			return w.get("/git/matching-refs/tags?per_page=1")
		},
		4: func(w *world) answered {
			branches("rails-3.0", "rails-3.x")(w)
			return w.get("/git/matching-refs/heads/rails")
		},
		5: func(w *world) answered {
			w.fake.Create("acme/empty", github.Settings{})
			return w.ask("GET", "app", "/repos/acme/empty/git/matching-refs/heads/20", "")
		},
		6: func(w *world) answered { return w.get("/git/matching-refs/heads/mergify") },
		7: func(w *world) answered {
			branches("x")(w)
			return w.ask("PATCH", "app", at+"/git/refs/heads/x", fmt.Sprintf(`{"sha":%q}`, w.repo.Head("x")))
		},
		77: func(w *world) answered {
			branches("x")(w)
			return w.ask("PATCH", "app", at+"/git/refs/heads/x", fmt.Sprintf(`{"sha":%q,"force":true}`, w.repo.Head("main")))
		},
		8: func(w *world) answered { branches("x")(w); return w.ask("DELETE", "bot", at+"/git/refs/heads/x", "") },
		9: func(w *world) answered { return w.get("/git/trees/" + w.repo.Head("main")) },
		10: func(w *world) answered {
			return w.post("/git/trees", fmt.Sprintf(`{"base_tree":%q,"tree":[{"path":"path/to/file","mode":"100644","type":"blob","content":"x"}]}`, w.repo.Head("main")))
		},
		11: func(w *world) answered { return w.get("/git/commits/" + w.repo.Head("main")) },
		12: func(w *world) answered {
			return w.ask("POST", "app", at+"/git/commits", fmt.Sprintf(`{"message":"m","tree":%q,"parents":[%q],"author":{"name":"A","email":"a@b"}}`, treeOf(w), w.repo.Head("main")))
		},
		78: func(w *world) answered { return commit(w, treeOf(w)) },
		79: func(w *world) answered { return commit(w, "fake") },
		15: func(w *world) answered {
			var out struct{ Tree []struct{ SHA, Type string } }
			_ = json.Unmarshal(w.get("/git/trees/main").body, &out)
			i := slices.IndexFunc(out.Tree, func(e struct{ SHA, Type string }) bool { return e.Type == "blob" })
			return w.get("/git/blobs/" + out.Tree[i].SHA)
		},
		16: compare("?page=1&per_page=2", 4), 17: compare("?page=2&per_page=2", 4), 18: compare("?page=1", 10),
		20: func(w *world) answered {
			protect(w, github.Protection{Checks: []string{"build (3.10)"}})
			return w.get("/branches/main")
		},
		21: func(w *world) answered { return w.get("/branches/main") },
		22: func(w *world) answered { return w.get("/branches/none") },
		54: func(w *world) answered {
			protect(w, github.Protection{Checks: []string{"ci"}})
			return w.get("/branches/main")
		},
		55: func(w *world) answered { protect(w, github.Protection{Reviews: 1}); return w.get("/branches/main") },
		23: func(w *world) answered {
			protect(w, github.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Signed: true})
			return w.get("/rules/branches/main")
		},
		24: func(w *world) answered {
			w.open("pawl/update", 1, "b")
			return w.merge(`{"commit_title":"t","commit_message":"m","merge_method":"squash"}`)
		},
		25: rule(github.Protection{Checks: []string{"continuous-integration/fake-ci"}}),
		26: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("POST", "bot", at+"/pulls", `{"title":"t","head":"x","base":"main"}`)
		},
		27: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("PATCH", "bot", at+"/pulls/1", `{"base":"non-existing"}`)
		},
		28: func(w *world) answered {
			branches("x")(w)
			return w.ask("POST", "bot", at+"/pulls", `{"title":"t","head":"x","base":"main","body":"## test"}`)
		},
		52: func(w *world) answered {
			branches("x")(w)
			return w.ask("POST", "bot", at+"/pulls", `{"title":"t","head":"x","base":"main","body":"ends\n"}`)
		},
		29: func(w *world) answered {
			w.repo.DeclareWorkflow("w.yml", github.Workflow{Required: []string{"x"}})
			return w.ask("POST", "bot", at+"/actions/workflows/w.yml/dispatches", `{"ref":"main","inputs":{}}`)
		},
		30: func(w *world) answered {
			w.repo.DeclareWorkflow("w.yml", github.Workflow{PushOnly: true})
			return w.ask("POST", "bot", at+"/actions/workflows/w.yml/dispatches", `{"ref":"main","inputs":{}}`)
		},
		31: func(w *world) answered {
			w.repo.Workflow("w.yml", "a")
			return w.ask("POST", "bot", at+"/actions/workflows/w.yml/dispatches", `{"ref":"main","inputs":{"a":"b"}}`)
		},
		32: func(w *world) answered {
			w.repo.Workflow("w.yml", "a")
			return w.ask("POST", "bot", at+"/actions/workflows/w.yml/dispatches", `{"ref":"main","inputs":{"a":"b"},"return_run_details":true}`)
		},
		33: renamed("GET"), 34: renamed("PATCH"),
		35: func(w *world) answered {
			return w.ask("POST", "bot", "/graphql", `{"query":"query Q($id: ID!) {node(id: $id) {__typename}}","variables":{"id":"D_abcdefgh"}}`)
		},
		36: func(w *world) answered {
			enqueue(w, false)
			return w.graph("bot", "enablePullRequestAutoMerge", map[string]any{"mergeMethod": "SQUASH"})
		},
		37: func(w *world) answered {
			enqueue(w, false)
			w.repo.Configure(func(s *github.Settings) { s.AutoMerge = false })
			return w.graph("bot", "enablePullRequestAutoMerge", map[string]any{"mergeMethod": "MERGE"})
		},
		38: func(w *world) answered {
			enqueue(w, false)
			return w.graph("poor", "enablePullRequestAutoMerge", map[string]any{})
		},
		81: func(w *world) answered {
			w.open("x", 1, "b")
			w.push("main", "alice", "a: 2\nc: 3\n", "m")
			return w.graph("bot", "mergePullRequest", map[string]any{})
		},
		47: pulls("?state=closed", func(w *world) {
			three(w)
			for i := range 3 {
				_, _ = w.repo.Merge(i+1, "alice", "squash")
			}
		}),
		48: pulls("", func(w *world) { w.open("x", 1, "") }), 49: pulls("?state=open&head=acme%3Ax&base=main&per_page=5", func(w *world) {
			branches("x")(w)
			w.ask("POST", "bot", at+"/pulls", `{"title":"t","head":"x","base":"main"}`)
		}),
		50: pulls("?per_page=1", three), 51: pulls("?per_page=1&page=3", three),
		53: func(w *world) answered {
			w.push("x", "a person", "a: 2\n", "one")
			w.push("x", "a person", "a: 3\n", "two\n")
			w.open("x", 0, "b")
			w.merge(`{"merge_method":"squash"}`)
			return w.get("/commits/" + w.repo.Head("main"))
		},
		56: func(w *world) answered {
			return w.get("/commits/" + check(w, github.Check{Name: "ci", Conclusion: "timed_out"}) + "/check-runs")
		},
		57: func(w *world) answered {
			return w.get("/commits/" + check(w, github.Check{Name: "ci", Conclusion: "action_required"}) + "/check-runs")
		},
		58: func(w *world) answered { return w.get("/commits/" + w.repo.Head("main") + "/status") },
		59: func(w *world) answered {
			check(w, github.Check{Name: "a", Status: true, Conclusion: "failure"})
			return w.get("/commits/" + check(w, github.Check{Name: "b", Status: true, Conclusion: "success"}) + "/status")
		},
		60: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("POST", "bot", at+"/issues/1/comments", `{"body":"ends\n"}`)
		},
		61: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("POST", "bot", at+"/issues/1/labels", `{"labels":["Foo","bAr","baZ"]}`)
		},
		62: func(w *world) answered {
			w.open("x", 1, "b")
			w.ask("POST", "bot", at+"/issues/1/labels", `{"labels":["Bug","Question","More"]}`)
			return w.ask("DELETE", "bot", at+"/issues/1/labels/Bug", "")
		},
		63: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("DELETE", "bot", at+"/issues/1/labels/none", "")
		},
		68: func(w *world) answered { return w.ask("GET", "unknown", "/user", "") },
		69: func(w *world) answered { return w.ask("POST", "reader", at+"/git/blobs", `{"content":"x"}`) },
		76: func(w *world) answered {
			branches("x")(w)
			return w.ask("PATCH", "bot", at+"/git/refs/heads/x", `{"sha":"fakeshalolfakeshalolfakeshalolfakeshalol","force":true}`)
		},
		80: func(w *world) answered { return w.get("/commits/refs/heads/not-there") },
		86: func(w *world) answered {
			for range 3 {
				w.ask("POST", "bot", "/graphql", `{"query":"{viewer{login}}"}`)
			}
			return w.ask("POST", "bot", "/graphql", `{"query":"{viewer{login}}"}`)
		},
		87: func(w *world) answered {
			branches("x")(w)
			var out struct {
				NodeID string `json:"node_id"`
			}
			_ = json.Unmarshal(w.get("").body, &out)
			return w.graph("bot", "updateRefs", map[string]any{"repositoryId": out.NodeID, "refUpdates": []any{map[string]any{
				"name": "refs/heads/x", "beforeOid": w.repo.Head("main"), "afterOid": w.repo.Head("main"), "force": true}}})
		},
		88: baseModified,
		89: func(w *world) answered { w.open("x", 1, "b"); return w.merge(`{"sha":"` + tip + `"}`) },
		90: func(w *world) answered {
			w.open("x", 1, "b")
			w.repo.Configure(func(s *github.Settings) { s.NoMergeCommit = true })
			return w.merge(`{"merge_method":"merge"}`)
		},
		91: func(w *world) answered { w.open("x", 1, "b"); _ = w.repo.Draft(1, true); return w.merge(`{}`) },
		92: rule(github.Protection{Reviews: 1, Ruleset: true}),
		93: func(w *world) answered {
			enqueue(w, true)
			w.repo.SetCheck(w.repo.Head("pawl/update"), github.Check{Name: "ci", Conclusion: "success"})
			return w.merge(`{"merge_method":"merge"}`)
		},
		94: func(w *world) answered {
			branches("x", "y")(w)
			return w.ask("PATCH", "bot", at+"/git/refs/heads/x", fmt.Sprintf(`{"sha":%q}`, w.repo.Head("y")))
		},
		96: func(w *world) answered {
			return w.ask("POST", "bot", at+"/git/refs", fmt.Sprintf(`{"ref":"refs/heads/main","sha":%q}`, w.repo.Head("main")))
		},
		97: func(w *world) answered {
			return w.ask("POST", "bot", at+"/pulls", `{"title":"t","head":"none","base":"main"}`)
		},
		98: func(w *world) answered {
			w.post("/git/refs", fmt.Sprintf(`{"ref":"refs/heads/x","sha":%q}`, w.repo.Head("main")))
			return w.ask("POST", "bot", at+"/pulls", `{"title":"t","head":"x","base":"main"}`)
		},
		19: func(w *world) answered { return w.releases("?per_page=10", 25) }, 41: func(w *world) answered { return w.releases("", 3) }, 42: func(w *world) answered { return w.releases("", 2) },
		99: func(w *world) answered { return w.gitlab("wrong") }, 101: func(w *world) answered { return w.gitlab("right") },
		43: func(w *world) answered { return w.registry("/v2/app/tags/list") }, 44: func(w *world) answered { return w.registry("/v2/none/tags/list") },
		45: func(w *world) answered { return w.registry("/v2/app/manifests/none") },
	}
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
func (w *world) over(h http.Handler, method, path, body string) answered {
	w.Helper()
	server := httptest.NewServer(h)
	w.Cleanup(server.Close)
	got := send(w.T, method, "", server.URL+path, body)
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
	return w.over(fake.NewReleases(fake.ReleasesOptions{Releases: map[string][]fake.Release{"acme/profile": all}, Remaining: 4000}), "GET", at+"/releases"+query, "")
}

func (w *world) gitlab(token string) answered {
	server := gitlab.New(gitlab.Options{Now: w.now})
	server.Create("group/project", gitlab.Settings{Triggers: []string{"right"}})
	return w.over(server, "POST", "/api/v4/projects/group%2Fproject/trigger/pipeline", fmt.Sprintf(`{"token":%q,"ref":"main"}`, token))
}

func (w *world) registry(path string) answered {
	return w.over(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"app": {"latest"}}}), "GET", path, "")
}
