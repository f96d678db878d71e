package recorded_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/gitserver"
	"github.com/pawl-cd/pawl/internal/fake/recorded"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// load reads the recordings, or skips the test.
func load(t *testing.T) map[int]recorded.Exchange {
	t.Helper()
	dir, err := recorded.Find()
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" {
		t.Skip("no recordings: set " + recorded.Variable)
	}
	all, err := recorded.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rule answers the requests that fit; a rule with times is left when they are over.
type rule struct {
	method, path string // path: a part of it
	times        int
	status       int
	header       http.Header
	body         string
	used         int
}

// player answers with what was recorded, and with what the rest of an operation needs.
type player struct {
	*testing.T
	recorded.Exchange
	all   map[int]recorded.Exchange
	mu    sync.Mutex
	rules []*rule
	seen  []string // METHOD PATH BODY
	slept time.Duration
	// branches are those that the repository has beside main.
	branches []string
}

// on answers requests with JSON.
func (p *player) on(method, path string, status int, body string) *rule {
	r := &rule{method: method, path: path, status: status, body: body, header: http.Header{"Content-Type": {"application/json"}}}
	p.rules = append(p.rules, r)
	return r
}

// replay answers requests with the recorded exchange.
func (p *player) replay(method, path string) *rule { return p.with(p.Exchange, method, path) }

func (p *player) with(e recorded.Exchange, method, path string) *rule {
	r := p.on(method, path, e.Status, e.Text())
	r.header = e.Header()
	return r
}

// RoundTrip implements http.RoundTripper.
func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, req.Method+" "+req.URL.RequestURI()+" "+string(body))
	if service := path.Base(req.URL.Path); strings.HasPrefix(service, "git-") {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-" + service + "-result"}}, Request: req,
			Body: io.NopCloser(bytes.NewReader(p.git(req.URL.Path, body)))}, nil
	}
	for _, r := range p.rules {
		at := req.URL.Path
		if strings.Contains(r.path, "?") {
			at = req.URL.RequestURI()
		}
		fits := r.method == req.Method && (strings.Contains(at, r.path) || strings.HasPrefix(r.path, "#") && bytes.Contains(body, []byte(r.path[1:])))
		if !fits || r.times > 0 && r.used >= r.times {
			continue
		}
		r.used++
		res := &http.Response{StatusCode: r.status, Status: http.StatusText(r.status), Header: r.header.Clone(), Request: req,
			Body: io.NopCloser(strings.NewReader(r.body)), ContentLength: int64(len(r.body))}
		return res, nil
	}
	p.Errorf("%d: nothing is recorded for %s %s %.200s", p.N, req.Method, req.URL, body)
	return nil, fmt.Errorf("%s %s is not recorded", req.Method, req.URL.Path)
}

func (p *player) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Date(2026, 8, 20, 9, 0, 0, 0, time.UTC).Add(p.slept)
}

func (p *player) sleep(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slept += d
	return ctx.Err()
}

func (p *player) http() *httpx.Client {
	return httpx.New(httpx.Config{Transport: p, Sleep: p.sleep, Now: p.now})
}

// asked reports whether a request of that kind was sent, exactly so.
func (p *player) asked(text string) bool {
	for _, one := range p.seen {
		if strings.Contains(one, text) {
			return true
		}
	}
	return false
}

// repository is OWNER/NAME of the recorded path.
func (p *player) repository() string {
	parts := strings.Split(strings.Trim(p.Path, "/"), "/")
	if len(parts) > 2 && parts[0] == "repos" {
		return strings.NewReplacer("<", "", ">", "").Replace(parts[1] + "/" + parts[2])
	}
	return "owner-1/repo"
}

// viewer is the answer that opens a repository, as a user.
func (p *player) viewer(login string, id int) {
	p.on("POST", "#{viewer{", 200, fmt.Sprintf(`{"data":{"viewer":{"login":%q,"databaseId":%d},"repository":{"id":"R_1","nameWithOwner":%q,
"squashMergeAllowed":true,"mergeCommitAllowed":true,"rebaseMergeAllowed":true,"autoMergeAllowed":true,"defaultBranchRef":{"name":"main","target":{"oid":%q}},"ref":{"target":{"oid":%q}}}}}`,
		login, id, p.repository(), tip, tip))
}

// client is a client of GitHub.
func (p *player) client(adjust ...func(*github.Config)) *github.Client {
	c := github.Config{HTTP: p.http(), Repository: p.repository(), Token: "t0ken", Now: p.now, Sleep: p.sleep}
	for _, a := range adjust {
		a(&c)
	}
	client, err := github.New(c)
	p.must(err)
	return client
}

func (p *player) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatalf("%d: %v", p.N, err)
	}
}

// want fails unless the condition holds.
func (p *player) want(good bool, format string, args ...any) {
	p.Helper()
	if !good {
		p.Errorf("%d (%s): %s\n%s", p.N, p.Note, fmt.Sprintf(format, args...), strings.Join(p.seen, "\n"))
	}
}

// into decodes the recorded body.
func (p *player) into(v any) {
	p.Helper()
	p.must(json.Unmarshal(p.Body, v))
}

func advice(err error) string {
	for ; err != nil; err = unwrap(err) {
		if a, ok := err.(interface{ Advice() string }); ok {
			return a.Advice()
		}
	}
	return ""
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// state is the answer about one pull request of ours.
func (p *player) state(base, head string) {
	p.on("POST", "#pullRequest(number", 200, fmt.Sprintf(`{"data":{"repository":{"id":"R_1","nameWithOwner":%[1]q,"squashMergeAllowed":true,
"mergeCommitAllowed":true,"rebaseMergeAllowed":true,"autoMergeAllowed":true,"pullRequest":{"id":"PR_1","number":1,"state":"OPEN","body":"","isDraft":false,
"mergeable":"MERGEABLE","mergeStateStatus":"CLEAN","headRefOid":%[3]q,"headRefName":"pawl/update","baseRefName":"main","baseRef":{"target":{"oid":%[2]q}},
"headRepository":{"nameWithOwner":%[1]q},"baseRepository":{"nameWithOwner":%[1]q},"author":{"__typename":"User","login":"user-1","databaseId":1},
"mergedBy":null,"labels":{"nodes":[]},"autoMergeRequest":null,"isInMergeQueue":false,"isMergeQueueEnabled":false,"mergeCommit":null,"mergedAt":null,"closedAt":null}}}}`,
		p.repository(), base, head))
}

// fileName is of the one file that the base holds, empty, and that an edit fills.
const fileName = "values.yaml"

// The repository of an operation, as git has it: tip is the base, head has the edit.
var (
	objects = git.Objects{}
	tip     = made("", "")
	head    = made("a: 1\n", tip)
)

// made is a commit whose file holds a text.
func made(text, parent string) string {
	by := git.Person{Name: "user-1", Email: "user-1@example.com"}
	c := git.Commit{Tree: objects.Add(git.Tree{fileName: {Mode: "100644", ID: objects.Add(git.Blob([]byte(text)))}}.Object()), Author: by, Committer: by, Message: "m"}
	if parent != "" {
		c.Parents = []string{parent}
	}
	return objects.Add(c.Object())
}

// git answers by git's own protocol: main is at tip, and so is every branch that is named.
func (p *player) git(path string, body []byte) []byte {
	refs := map[string]string{"refs/heads/main": tip}
	for _, name := range p.branches {
		refs["refs/heads/"+name] = tip
	}
	if !strings.HasSuffix(path, "/git-upload-pack") {
		push, err := gitserver.ParsePush(body)
		p.must(err)
		return push.Report("", nil, "")
	}
	return gitserver.Repository{Refs: refs, Head: "refs/heads/main", Object: func(id string) (git.Object, bool) {
		one, found := objects[id]
		return one, found
	}}.UploadPack(body)
}

func edits() []change.File {
	return []change.File{{Path: fileName, Before: []byte{}, After: []byte("a: 1\n")}}
}
