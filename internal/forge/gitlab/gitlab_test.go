package gitlab_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/careless"
	"github.com/pawl-cd/pawl/internal/fake/gitlab/merging"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/conformance"
	"github.com/pawl-cd/pawl/internal/forge/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// world is a project of the fake GitLab.
type world struct {
	*merging.Server
	t *testing.T
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := world{merging.Serve(t, "bot", "alice", "ci"), t}
	w.Server.Server.Commit("refs/heads/main", conformance.Files)
	return w
}

// Client is the client of a new run.
func (w world) Client(token ...string) forge.Forge {
	return w.connect(append(token, "bot-token")[0], nil)
}

// Over is one that calls before each of its requests.
func (w world) Over(before func(r *http.Request)) forge.Forge {
	return w.connect("bot-token", func(c *gitlab.Config) {
		c.HTTP = httpx.New(httpx.Config{Timeout: 30 * time.Second, Transport: conformance.Over(http.DefaultTransport, before)})
	})
}

func (w world) connect(token string, change func(*gitlab.Config)) *gitlab.Client {
	w.t.Helper()
	config := gitlab.Config{HTTP: httpx.New(httpx.Config{Timeout: 30 * time.Second}), URL: w.Address, Repository: merging.Path, Token: token,
		Branch: conformance.Branch, Ledger: conformance.Ledger, Poll: 20 * time.Millisecond}
	if change != nil {
		change(&config)
	}
	c, err := gitlab.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// Push is a person's.
func (w world) Push(branch string, files map[string]string) string {
	if _, err := w.Look(branch); err != nil {
		w.Git("branch", branch, "main")
	}
	return w.Server.Server.Commit("refs/heads/"+branch, files)
}

// Close is alice's.
func (w world) Close(number int) {
	w.Change(number, func(r *merging.Request) { r.State, r.Closer, r.Closed = "closed", w.User("alice"), time.Now() })
}

// Label is alice's.
func (w world) Label(number int, label string) {
	w.Change(number, func(r *merging.Request) { r.Labels = append(r.Labels, label) })
}

// Protect demands pipelines that succeed, for GitLab knows no required jobs.
func (w world) Protect(...string) { w.Set(func(s *merging.Settings) { s.MustSucceed = true }) }

// Status is another system's.
func (w world) Status(commit, name, state string) {
	if state == "failure" {
		state = "failed"
	}
	w.Server.Status("ci", commit, name, state)
}

// Open counts the open merge requests.
func (w world) Open() int {
	n := 0
	for _, r := range w.Requests() {
		if r.State == "opened" {
			n++
		}
	}
	return n
}

// Commits are those on main.
func (w world) Commits() [][]string {
	var all [][]string
	for _, id := range strings.Fields(w.Git("log", "--first-parent", "--format=%H", "main")) {
		all = append(all, strings.Fields(w.Git("diff-tree", "--root", "-r", "--no-commit-id", "--name-only", "-m", "--first-parent", id)))
	}
	return all
}

// Settle has nothing to wait for: what comes late comes after looks.
func (world) Settle() {}

func TestPromises(t *testing.T) {
	t.Parallel()
	conformance.Promises(t, func(t *testing.T) conformance.World { return newWorld(t) })
}

// TestCareless has clients that do one thing carelessly each.
func TestCareless(t *testing.T) {
	careless.Clients(t, [][5]string{
		{"a push without old values", "../../git/remote/remote.go", `line(&request, "%s %s %s%s\n", old, now, u.Ref, capabilities)`,
			`if refs, err := r.Refs(ctx, u.Ref); err == nil && refs.IDs[u.Ref] != "" { old = refs.IDs[u.Ref] }; line(&request, "%s %s %s%s\n", old, now, u.Ref, capabilities)`,
			"TestPromises/the_ledger_is_compare-and-swap"},
		{"any head", "merge.go", `"sha": grant.Head(), `, ``, "TestPromises/a_merge_lands_the_head_that_was_authorised"},
		{"the server's own merging", "merge.go", "	case !granted:\n", "	case !granted:\n" + `		_, _ = m.Call(ctx, http.MethodPut, m.path("/merge_requests/%d/merge", m.order.Number), map[string]any{"sha": p.SHA, "auto_merge": true, "merge_when_pipeline_succeeds": true}, nil)
`, "TestPromises/nothing_is_left_armed"},
		{"pipelines of other commits", "checks.go", `return one.SHA == head, nil`, `return true, nil`, "TestPromises/checks_count_for_the_head"},
		{"one page", "client.go", `page = res.Header.Get("X-Next-Page"); page == ""`, `page = res.Header.Get("X-None"); page == ""`, "TestPromises/all_checks_are_read"},
		{"whoever closed it", "pull.go", `	return self.Is(p.ClosedBy.identity())`, `	return true`, "TestPromises/what_a_person_closed_is_seen"},
		{"text of what is merged", "pull.go", `	return p, cmp.Or(c.update(ctx, p.Number, before, nil), forge.ErrMoved)`, `	return out, nil`, "TestPromises/what_is_merged_goes_on_saying_what_was_merged"},
		{"labels that are not read", "merge.go", `Labels: p.Labels,`, ``, "TestPromises/what_a_person_labelled_is_seen"},
		{"commits believed", "people.go", `by = change.Identity{Login: p.Name + " <" + p.Email + ">"}`, ``, "TestPromises/what_a_person_pushed_stays"},
	})
}
