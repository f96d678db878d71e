package cli_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/gitea"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/forge"
)

// berth is a repository at a real Gitea.
type berth struct {
	t      *testing.T
	server *gitea.Server
	name   string
	// mirror is a bare repository with all refs of it.
	mirror string
}

func (b *berth) git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", b.mirror}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.Output()
	return string(out), err
}

func (b *berth) must(args ...string) string {
	out, err := b.git(args...)
	if err != nil {
		b.t.Errorf("git %v: %v", args, err)
	}
	return out
}

// fetch brings the mirror up to date.
func (b *berth) fetch() {
	b.must("fetch", "-q", "--prune", strings.Replace(b.server.URL, "://", "://x:"+b.server.Admin+"@", 1)+"/"+b.name+".git", "+refs/*:refs/*")
}

// Refs lists the refs as they are now, and has files and commits be those of now.
func (b *berth) Refs() map[string]string {
	b.fetch()
	all := map[string]string{}
	for line := range strings.Lines(b.must("for-each-ref", "--format=%(objectname) %(refname)")) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[name] = id
	}
	return all
}

// File is a file as the mirror has it.
func (b *berth) File(at, path string) ([]byte, bool) {
	out, err := b.git("show", at+":"+path)
	return []byte(out), err == nil
}

// Log lists the commits of a branch as the mirror has it, the newest first.
func (b *berth) Log(at string) (all []github.Commit) {
	for _, text := range strings.Split(b.must("log", "--format=%x00%H%x01%an%x01%B%x01", "--name-only", at), "\x00")[1:] {
		parts := strings.Split(text, "\x01")
		all = append(all, github.Commit{SHA: parts[0], Author: parts[1], Message: parts[2], Files: strings.Fields(parts[3])})
	}
	return all
}

// Pulls lists all pull requests by number.
func (b *berth) Pulls() (all []github.Pull) {
	for _, p := range b.server.List(b.t, b.server.Admin, "repos/"+b.name+"/pulls?state=all&limit=50") {
		head := p["head"].(map[string]any)
		one := github.Pull{Number: int(p["number"].(float64)), Title: p["title"].(string), Body: p["body"].(string), State: p["state"].(string),
			Merged: p["merged"].(bool), Head: head["ref"].(string), HeadSHA: head["sha"].(string)}
		switch sha := forge.LandedAs(one.Body); {
		case one.Merged:
			one.MergeCommit = p["merge_commit_sha"].(string)
		case one.State == "closed" && sha != "": // the server died before it could note it, with who had asked for the merge
			one.Merged, one.MergeCommit = true, sha
			text, _, _ := strings.Cut(one.Body, "\n<!-- pawl:merged ")
			one.Body = text + "\n"
		}
		for _, l := range p["labels"].([]any) {
			one.Labels = append(one.Labels, l.(map[string]any)["name"].(string))
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b github.Pull) int { return a.Number - b.Number })
	return all
}

// newLake makes a world of n profiles at a real Gitea, behind a proxy whose clock can jump.
func newLake(t *testing.T, n int, server *gitea.Server) *ocean {
	t.Helper()
	w := newShore(t, n)
	w.page = server.URL
	w.bot = fmt.Sprintf("bot%d", time.Now().UnixNano())
	w.token = server.User(t, w.bot)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0),                          // who is killed waits for no answer
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) }, // the host is Gitea's own, so that its links are
		ModifyResponse: func(res *http.Response) error {
			res.Header.Set("Date", w.now().UTC().Format(http.TimeFormat))
			return nil
		},
	}
	w.listen("hub.example")(w.serve(proxy, func(r *http.Request) int {
		return slices.IndexFunc(w.entries, func(p fleet.Profile) bool {
			return strings.Contains(r.URL.Path+"/", "/"+p.Repository+"/") || strings.Contains(r.URL.Path, "/"+p.Repository+".git/")
		})
	}))
	w.addresses["gitea.example"] = server.URL
	for i := range n {
		name := server.Repository(t, w.bot, nil)
		w.entries = append(w.entries, fleet.Profile{Repository: name, Kind: "gitea", URL: w.addresses["hub.example"]})
		b := &berth{t: t, server: server, name: name, mirror: t.TempDir()}
		b.must("init", "-q", "--bare")
		w.repos = append(w.repos, b)
		server.Commit(t, server.Admin, name, "main", "the profile", w.launch(i, ""))
	}
	return w
}
