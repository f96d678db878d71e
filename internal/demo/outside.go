package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// Outside is an empty repository at a Gitea of the user's, which the demonstration fills.
type Outside struct {
	// URL is the address of the instance, Repository OWNER/NAME, Token of a user who may write to it.
	URL, Repository, Token string
}

// ParseOutside reads the address of a repository, as a browser shows it.
func ParseOutside(address, token string) (Outside, error) {
	u, err := url.Parse(strings.TrimSuffix(strings.TrimRight(address, "/"), ".git"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return Outside{}, fmt.Errorf("%q is no http(s) address without credentials", address)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 {
		return Outside{}, fmt.Errorf("%q names no repository", address)
	}
	o := Outside{Repository: strings.Join(parts[len(parts)-2:], "/"), Token: token}
	u.Path = "/" + strings.Join(parts[:len(parts)-2], "/")
	o.URL = strings.TrimRight(u.String(), "/")
	return o, nil
}

// outer is a repository at a real Gitea.
type outer struct {
	at     Outside
	remote *remote.Remote
	client *http.Client
	base   *url.URL
	calls  atomic.Int64
	writes atomic.Int64
	mu     sync.Mutex
	files  map[string][]byte // of the base, as it was read last
	asked  *Dispatch
}

func newOuter(at Outside, now func() time.Time) (*outer, error) {
	base, err := url.Parse(at.URL)
	if err != nil {
		return nil, err
	}
	h := &outer{at: at, base: base}
	client := httpx.New(httpx.Config{Now: now})
	h.client = &http.Client{Transport: httpx.Authorize(client.Transport(base.Host), base, "token "+at.Token)}
	h.remote = remote.New(client, base.JoinPath(at.Repository+".git"), func(next http.RoundTripper) http.RoundTripper {
		return httpx.Authorize(next, base, "token "+at.Token)
	})
	return h, nil
}

// RoundTrip counts what pawl asks the forge.
func (h *outer) RoundTrip(r *http.Request) (*http.Response, error) {
	h.calls.Add(1)
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
		h.writes.Add(1)
	}
	if strings.HasSuffix(r.URL.Path, "/dispatches") {
		if err := h.note(r); err != nil {
			return nil, err
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// note remembers what a build says.
func (h *outer) note(r *http.Request) error {
	body, err := r.GetBody()
	if err != nil {
		return err
	}
	said := Dispatch{Workflow: Workflow}
	if err := json.NewDecoder(body).Decode(&said); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = &said
	return nil
}

const workflow = `# Written by pawl demo: no runner has to run it.
on: {workflow_dispatch: {inputs: {image: {type: string}, chart: {type: string}, tag: {type: string}, upstream: {type: string}, brake: {type: string}}}}
jobs: {run: {runs-on: ubuntu-latest, steps: [{run: pawl run}]}}
`

func (h *outer) begin(files map[string][]byte) error {
	ctx := context.Background()
	refs, err := h.remote.Refs(ctx, "refs/")
	if err != nil {
		return fmt.Errorf("looking at %s: %w", h.at.Repository, err)
	}
	if len(refs.IDs) > 0 {
		return fmt.Errorf("%s is not empty: name a repository without any commit", h.at.Repository)
	}
	files[".gitea/workflows/"+Workflow] = []byte(workflow)
	objects, changes := git.Objects{}, map[string]git.Entry{}
	for path, data := range files {
		changes[path] = git.Entry{Mode: "100644", ID: objects.Add(git.Blob(data))}
	}
	root, trees, err := objects.Edit("", changes)
	if err != nil {
		return err
	}
	for id, tree := range trees {
		objects[id] = tree
	}
	alice := git.Person{Name: "alice", Email: "alice@example.com", At: time.Now()}
	id := objects.Add(git.Commit{Tree: root, Author: alice, Committer: alice, Message: "The profile as it is deployed\n"}.Object())
	if err := h.remote.Push(ctx, objects, remote.Update{Ref: "refs/heads/main", New: id}); err != nil {
		return fmt.Errorf("filling %s: %w", h.at.Repository, err)
	}
	return nil
}

// read reads all files of a commit.
func (h *outer) read(commit string) (map[string][]byte, git.Commit, error) {
	objects, err := h.remote.Fetch(context.Background(), remote.Want{IDs: []string{commit}, Depth: 1})
	if err != nil {
		return nil, git.Commit{}, err
	}
	c, err := objects.Commit(commit)
	if err != nil {
		return nil, c, err
	}
	entries, err := objects.Files(c.Tree)
	files := map[string][]byte{}
	for path, e := range entries {
		files[path] = objects[e.ID].Data
	}
	return files, c, err
}

// look reads the base.
func (h *outer) look() error {
	refs, err := h.remote.Refs(context.Background(), "refs/heads/main")
	if err != nil {
		return err
	}
	files, _, err := h.read(refs.IDs["refs/heads/main"])
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files = files
	return err
}

func (h *outer) file(path string) ([]byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	data, found := h.files[path]
	return data, found
}

func (h *outer) diff(sha string) (string, error) {
	after, c, err := h.read(sha)
	if err != nil || len(c.Parents) == 0 {
		return "", errors.Join(err, fmt.Errorf("reading commit %s: there is none with a parent", sha))
	}
	before, _, err := h.read(c.Parents[0])
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if string(before[name]) != string(after[name]) {
			text.WriteString(udiff.Unified("a/"+name, "b/"+name, string(before[name]), string(after[name])))
		}
	}
	return text.String(), nil
}

func (h *outer) pull(number int) (title, body string, err error) {
	var p struct{ Title, Body string }
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, h.base.JoinPath("api/v1/repos", h.at.Repository, "pulls", fmt.Sprint(number)).String(), http.NoBody)
	if err != nil {
		return "", "", err
	}
	res, err := h.client.Do(req)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = res.Body.Close() }() // the body is in memory
	data, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("reading pull request #%d: %s", number, res.Status)
	}
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	return p.Title, p.Body, err
}

func (h *outer) dispatched() *Dispatch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

func (h *outer) save(string) error { return nil } // it stays where it is

func (h *outer) counts() (calls, writes int) { return int(h.calls.Load()), int(h.writes.Load()) }

func (h *outer) config() string {
	return fmt.Sprintf("forge: {kind: gitea, url: %s, repository: %s}\nmerge: {require: none}", quoted(h.at.URL), quoted(h.at.Repository))
}

func (h *outer) environment() map[string]string {
	return map[string]string{"MERGE_TOKEN": h.at.Token, "GITHUB_TOKEN": mergeToken, "GITHUB_ACTOR": "pawl-bot"}
}

func (h *outer) api() string        { return h.at.URL + "/api/v1" }
func (h *outer) token() string      { return h.at.Token }
func (h *outer) repository() string { return h.at.Repository }
