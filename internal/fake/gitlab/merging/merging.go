// Package merging is a project at a GitLab as a profile needs it: a real git repository over HTTP, and the API of merge
// requests, pipelines and statuses beside it.
//
// It is no kinder than GitLab: a merge request notices a push late; whether it can be merged is computed by being looked at;
// a merge takes the head that was noticed, and only when it is the one that is named; texts are searched for commands
// and carried out; a title or a commit that says so makes a draft; a status by another system makes a pipeline of its own; a
// branch that is deleted closes its merge request; what one may not see does not exist.
package merging

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/githttp"
)

// Path is the project's.
const Path = "group/sub/profile"

// Settings are the project's; each may be changed between requests.
type Settings struct {
	// Method is merge, rebase_merge or ff; Squash never, always, default_on or default_off.
	Method, Squash string
	// MustSucceed demands a pipeline that succeeded; Archived and Trains say what they say.
	MustSucceed, OrSkipped, Archived, Trains bool
	// Lag is how many looks at a merge request show its old head after a push, Checking how many show that it is being
	// computed whether it can be merged.
	Lag, Checking int
	// Status is what keeps every merge request from being merged, in place of what is computed.
	Status string
	// Conflict first says that a head moved, and only then that it cannot be merged, as 19.x does.
	ConflictFirst bool
	// MergedRefused has changes of what is merged be refused; else its text is changed.
	MergedRefused bool
	// NoMerge are users who may not merge.
	NoMerge []string
	// Guarded are protected branches.
	Guarded []string
}

// User is somebody with a token.
type User struct {
	ID          int64
	Name, Token string
}

// Pipeline is one pipeline of a commit.
type Pipeline struct {
	ID                       int64
	SHA, Ref, Source, Status string
	Jobs                     []Job
}

// Job is a job of a pipeline, or a status that another system set.
type Job struct {
	ID           int64
	Name, Status string
	Author       *User
	External     bool
}

// Request is a merge request.
type Request struct {
	IID                       int
	Title, Body, Branch, Into string
	State, SHA, Base          string
	Author                    *User
	Labels                    []string
	Draft, Armed              bool
	Commit, Squashed, Error   string
	Merger, Closer            *User
	Created, Merged, Closed   time.Time
	Updated                   int
	FromOther                 bool
	Notes                     []Note

	lag, checking  int
	headOf, baseOf string
	// later merges it, once it is armed.
	later func()
}

// Note is a comment.
type Note struct {
	Author *User
	Body   string
}

// Server is a GitLab with one project.
type Server struct {
	*githttp.Server
	// Address is where it is.
	Address string
	// Fault may answer a request of the API in the server's place: before it is carried out, or after it when applied.
	Fault func(r *http.Request) (status int, body string, applied, strikes bool)

	t         testing.TB
	mu        sync.Mutex
	settings  Settings
	users     []*User
	requests  []*Request
	pipelines []*Pipeline
	last      int64
	clock     int
}

// Serve starts one until the test ends, with users by their names, whose tokens are their names and "-token".
func Serve(t testing.TB, users ...string) *Server {
	t.Helper()
	s := &Server{Server: githttp.Serve(t), t: t, last: 1000, settings: Settings{Method: "ff", Squash: "default_on", Lag: 2, Checking: 1}}
	for i, name := range users {
		s.users = append(s.users, &User{ID: int64(i + 11), Name: name, Token: name + "-token"})
	}
	for key, value := range map[string]string{"uploadpack.allowFilter": "true", "uploadpack.allowAnySHA1InWant": "true",
		"transfer.hideRefs": "refs/merge-requests", "receive.advertiseAtomic": "true"} {
		s.Git("config", key, value)
	}
	s.Address = strings.TrimSuffix(s.URL.String(), "/profile.git")
	s.Before = s.front
	return s
}

// Set changes the settings.
func (s *Server) Set(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

// Change changes a merge request as a person or the server does.
func (s *Server) Change(iid int, change func(*Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.requests[iid-1])
	s.touch(s.requests[iid-1])
}

// Requests are copies of all merge requests.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Request
	for _, one := range s.requests {
		all = append(all, *one)
	}
	return all
}

// Run adds a pipeline with jobs, as name and status.
func (s *Server) Run(sha, ref, source, status string, jobs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Pipeline{ID: s.id(), SHA: sha, Ref: ref, Source: source, Status: status}
	for i := 0; i+1 < len(jobs); i += 2 {
		p.Jobs = append(p.Jobs, Job{ID: s.id(), Name: jobs[i], Status: jobs[i+1], Author: s.users[0]})
	}
	s.pipelines = append(s.pipelines, p)
}

// User finds one by name.
func (s *Server) User(name string) *User {
	at := slices.IndexFunc(s.users, func(u *User) bool { return u.Name == name })
	return s.users[at]
}

// Status sets the state of a check on a commit as another system does; the first makes a pipeline of its own.
func (s *Server) Status(by, commit, name, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.pipelines, func(p *Pipeline) bool { return p.SHA == commit && p.Source == "external" })
	if at < 0 {
		ref := ""
		for _, one := range s.requests {
			if s.rev(one.Branch) == commit {
				ref = one.Branch
			}
		}
		s.pipelines, at = append(s.pipelines, &Pipeline{ID: s.id(), SHA: commit, Ref: ref, Source: "external"}), len(s.pipelines)
	}
	p := s.pipelines[at]
	p.Jobs = slices.DeleteFunc(p.Jobs, func(j Job) bool { return j.Name == name })
	p.Jobs = append(p.Jobs, Job{ID: s.id(), Name: name, Status: state, Author: s.User(by), External: true})
	p.Status = "success"
	for _, j := range p.Jobs {
		if j.Status == "failed" || j.Status == "pending" && p.Status != "failed" {
			p.Status = j.Status
		}
	}
	for _, r := range s.requests {
		if r.Armed && r.later != nil && p.Status == "success" && r.SHA == commit {
			r.later()
		}
	}
}

func (s *Server) id() int64 {
	s.last += 7
	return s.last
}

func (s *Server) touch(r *Request) {
	s.clock++
	r.Updated = s.clock
}

// git runs git in the repository; unlike Git it may fail.
func (s *Server) git(args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), "git", append([]string{"-C", s.Dir, "-c", "user.name=GitLab", "-c", "user.email=noreply@gitlab.example"}, args...)...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// rev is the tip of a branch, empty when there is none.
func (s *Server) rev(branch string) string {
	out, err := s.git("rev-parse", "-q", "--verify", "refs/heads/"+branch)
	if err != nil {
		return ""
	}
	return out
}

// front takes the requests of the API, and lets git's pass for those who may.
func (s *Server) front(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if rest, isGit := strings.CutPrefix(r.URL.Path, "/"+Path+".git"); isGit {
		_, token, _ := r.BasicAuth()
		if s.who(token) == nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitLab"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		s.mu.Lock()
		archived := s.settings.Archived
		s.mu.Unlock()
		if archived && strings.HasSuffix(rest, "/git-receive-pack") {
			http.Error(w, "You can't push code to an archived project.", http.StatusForbidden)
			return true
		}
		r.URL.Path = "/profile.git" + rest
		return false
	}
	s.api(w, r)
	return true
}

func (s *Server) who(token string) *User {
	at := slices.IndexFunc(s.users, func(u *User) bool { return u.Token == token && token != "" })
	if at < 0 {
		return nil
	}
	return s.users[at]
}

// refresh lets merge requests notice what happened to their branches.
func (s *Server) refresh(r *Request, look bool) {
	if r.State != "opened" {
		return
	}
	tip, base := s.rev(r.Branch), s.rev(r.Into)
	switch {
	case tip == "":
		r.State, r.Closer, r.Closed = "closed", r.Author, time.Now()
		s.touch(r)
		return
	case tip != r.headOf:
		r.headOf, r.lag, r.checking, r.Armed = tip, s.settings.Lag, s.settings.Checking, false
	case base != r.baseOf:
		r.checking = s.settings.Checking
	}
	r.baseOf = base
	if r.SHA != tip {
		if r.lag > 0 {
			if look {
				r.lag--
			}
			return
		}
		r.SHA = tip
		if subject, err := s.git("log", "-1", "--format=%s", tip); err == nil && drafts.MatchString(subject) {
			r.Draft = true
		}
		s.touch(r)
	}
	if merged, err := s.git("merge-base", "--is-ancestor", r.SHA, base); err == nil && merged == "" && r.SHA != r.Base {
		r.State, r.Merged = "merged", time.Now()
	}
}

var drafts = regexp.MustCompile(`(?i)^\s*(\[draft\]|\(draft\)|draft:|fixup!|squash!)`)

// status is what keeps a merge request from being merged.
func (s *Server) status(r *Request, look bool) string {
	switch {
	case r.State != "opened":
		return "not_open"
	case s.settings.Status != "":
		return s.settings.Status
	case r.checking > 0:
		if look {
			r.checking--
		}
		return "checking"
	case r.Draft:
		return "draft_status"
	}
	if s.settings.MustSucceed {
		var head *Pipeline
		for _, p := range s.pipelines {
			merged, _ := s.git("rev-parse", "-q", "--verify", p.SHA+"^2") // of a pipeline of merged results
			if p.SHA == r.SHA || merged == r.SHA {
				head = p
			}
		}
		switch {
		case head == nil || head.Status == "failed" || head.Status == "canceled" || head.Status == "skipped" && !s.settings.OrSkipped:
			return "ci_must_pass"
		case head.Status != "success" && head.Status != "skipped":
			return "ci_still_running"
		}
	}
	base := s.rev(r.Into)
	if _, err := s.git("merge-tree", "--write-tree", base, r.SHA); err != nil {
		return "conflict"
	}
	if _, err := s.git("merge-base", "--is-ancestor", base, r.SHA); err != nil && s.settings.Method == "ff" {
		return "need_rebase"
	}
	return "mergeable"
}

// commands carries out what a text tells GitLab to do, and returns the rest.
func (s *Server) commands(r *Request, by *User, text string) string {
	var rest []string
	for line := range strings.Lines(text) {
		command, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch command {
		case "/close":
			r.State, r.Closer, r.Closed = "closed", by, time.Now()
		case "/label":
			r.Labels = append(r.Labels, strings.Trim(what, "~\""))
		case "/draft":
			r.Draft = true
		case "/merge":
			r.Armed = true
		default:
			rest = append(rest, line)
		}
	}
	return strings.Join(rest, "")
}

// merge is PUT merge: the noticed head, squashed or not, lands on the base.
func (s *Server) merge(r *Request, by *User, in body) (int, any) {
	s.refresh(r, false)
	sha, _ := in["sha"].(string)
	moved := sha != "" && sha != r.SHA
	auto := in["auto_merge"] == true || in["merge_when_pipeline_succeeds"] == true
	switch status := s.status(r, false); {
	case slices.Contains(s.settings.NoMerge, by.Name):
		return 401, body{"message": "401 Unauthorized"}
	case moved && s.settings.ConflictFirst:
		return 409, body{"message": "SHA does not match HEAD of source branch: " + r.SHA}
	case auto && !moved && status == "ci_still_running":
		r.Armed = true
		r.later = func() { s.merge(r, by, body{"sha": r.SHA, "squash": in["squash"]}) }
		return 200, s.show(r, false)
	case status != "mergeable":
		return 405, body{"message": "405 Method Not Allowed"}
	case moved:
		return 409, body{"message": "SHA does not match HEAD of source branch: " + r.SHA}
	}
	base := s.rev(r.Into)
	squash, _ := in["squash"].(bool)
	squash = squash && s.settings.Squash != "never" || s.settings.Squash == "always"
	landed := r.SHA
	if squash {
		tree, err := s.git("merge-tree", "--write-tree", base, r.SHA)
		if err != nil {
			return 422, body{"message": "Branch cannot be merged"}
		}
		r.Squashed, _ = s.git("commit-tree", tree, "-p", base, "-m", fmt.Sprint(in["squash_commit_message"]))
		landed = r.Squashed
	}
	if s.settings.Method != "ff" {
		tree, _ := s.git("merge-tree", "--write-tree", base, landed)
		r.Commit, _ = s.git("commit-tree", tree, "-p", base, "-p", landed, "-m", fmt.Sprint(in["merge_commit_message"]))
		landed = r.Commit
	}
	if _, err := s.git("update-ref", "refs/heads/"+r.Into, landed, base); err != nil {
		r.Error = "An error occurred while merging"
		return 422, body{"message": "Branch cannot be merged"}
	}
	r.State, r.Merger, r.Merged, r.Base = "merged", by, time.Now(), base
	s.touch(r)
	return 200, s.show(r, false)
}

func number(text string) int { n, _ := strconv.Atoi(text); return n }

// Look is the tip of a branch.
func (s *Server) Look(branch string) (string, error) {
	return s.git("rev-parse", "-q", "--verify", "refs/heads/"+branch)
}
