package repository_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fake/githttp"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const ours = "bot@example.com"

// open is a repository of a server, seen through a transport.
func open(s *githttp.Server, over http.RoundTripper) *repository.Repository {
	nap := func(context.Context, time.Duration) error { return nil }
	client := httpx.New(httpx.Config{Transport: over, Attempts: 1, Sleep: nap})
	return repository.New(repository.Config{Branch: "pawl/update", Ledger: "refs/pawl/ledger", Now: time.Now, Sleep: nap,
		Remote: remote.New(client, s.URL, func(next http.RoundTripper) http.RoundTripper { return next }),
		Known:  func(text string) string { return strings.ReplaceAll(text, "s3cret", "***") }})
}

// work takes a.yaml from v1 to a version.
func work(base, version string) repository.Work {
	return repository.Work{Base: base, By: git.Person{Name: "bot", Email: ours}, Message: "Update\n\nPawl-Chain: x\nPawl-Update: a.yaml $.tag v1 -> " + version + "\n",
		Files: []change.File{{Path: "a.yaml", Before: []byte("tag: v1\n"), After: []byte("tag: " + version + "\n")}},
		Mine: func(_ context.Context, _ string, commits []git.Commit) (bool, error) {
			return !slices.ContainsFunc(commits, func(c git.Commit) bool { return c.Author.Email != ours }), nil
		},
		Guarded: func(context.Context, string) (bool, error) { return false, nil }}
}

func begin(t *testing.T) (*githttp.Server, string) {
	t.Helper()
	s := githttp.Serve(t)
	s.Git("config", "uploadpack.allowFilter", "true")
	return s, s.Commit("refs/heads/main", map[string]string{"a.yaml": "tag: v1\n", "keep": "x"})
}

// TestPublish is what happens to the branch, whatever stands there.
func TestPublish(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before  func(s *githttp.Server, base string, r *repository.Repository) string // the branch's own tip that has to stay
		change  func(w *repository.Work)
		branch  string
		foreign []string
		same    bool
	}{
		"nothing":                {branch: "pawl/update"},
		"the same":               {before: published, branch: "pawl/update", same: true},
		"earlier work of ours":   {before: published, change: func(w *repository.Work) { *w = work(w.Base, "v3") }, branch: "pawl/update"},
		"somebody's commit":      {before: somebody, branch: "pawl/update-2", foreign: []string{"pawl/update"}},
		"somebody's on ours":     {before: both, branch: "pawl/update-2", foreign: []string{"pawl/update"}},
		"the base itself":        {before: empty, branch: "pawl/update-2", foreign: []string{"pawl/update"}},
		"somebody's pull":        {before: published, change: func(w *repository.Work) { w.Taken = func(b string) bool { return b == "pawl/update" } }, branch: "pawl/update-2"},
		"a name to try first":    {change: func(w *repository.Work) { w.First = []string{"pawl/update-7", ""} }, branch: "pawl/update-7"},
		"another name is taken":  {before: another, branch: "pawl/update"},
		"protected, not known":   {before: forgotten, change: guard, branch: "pawl/update-2", foreign: []string{"pawl/update"}},
		"protected, but pushed":  {before: published, change: func(w *repository.Work) { *w = work(w.Base, "v3"); guard(w) }, branch: "pawl/update"},
		"our commit, our words":  {before: forgotten, branch: "pawl/update"},
		"our commit, other text": {before: strange, branch: "pawl/update-2", foreign: []string{"pawl/update"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, base := begin(t)
			r := open(s, http.DefaultTransport)
			stays := ""
			if c.before != nil {
				stays = c.before(s, base, r)
			}
			w := work(base, "v2")
			if c.change != nil {
				c.change(&w)
			}
			head, err := r.Publish(t.Context(), w)
			if err != nil || head.Branch != c.branch || head.Changed == c.same || !slices.Equal(head.Foreign, c.foreign) {
				t.Fatalf("it is %+v, %v", head, err)
			}
			if s.Git("rev-parse", head.Branch) != head.SHA || s.Git("rev-parse", head.SHA+"^") != base || s.Git("diff", "--name-only", base, head.SHA) != "a.yaml" {
				t.Errorf("%s holds something else", head.Branch)
			}
			if stays != "" && s.Git("rev-parse", "pawl/update") != stays {
				t.Error("the branch was overwritten")
			}
			s.Git("fsck", "--strict")
		})
	}
}

func published(s *githttp.Server, base string, r *repository.Repository) string {
	if _, err := r.Publish(context.Background(), work(base, "v2")); err != nil {
		panic(err)
	}
	return ""
}

// forgotten is published by a run of which this one knows nothing, with another version.
func forgotten(s *githttp.Server, base string, _ *repository.Repository) string {
	if _, err := open(s, http.DefaultTransport).Publish(context.Background(), work(base, "v1.5")); err != nil {
		panic(err)
	}
	return ""
}

// strange has a commit by our user that is no update.
func strange(s *githttp.Server, base string, _ *repository.Repository) string {
	w := work(base, "v1.5")
	w.Message = "Release 1.5\n"
	head, err := open(s, http.DefaultTransport).Publish(context.Background(), w)
	if err != nil {
		panic(err)
	}
	return head.SHA
}

func somebody(s *githttp.Server, base string, _ *repository.Repository) string {
	s.Git("branch", "pawl/update", base)
	return s.Commit("refs/heads/pawl/update", map[string]string{"a.yaml": "tag: v2\n"})
}

func both(s *githttp.Server, base string, r *repository.Repository) string {
	published(s, base, r)
	return s.Commit("refs/heads/pawl/update", map[string]string{"note": "x"})
}

func empty(s *githttp.Server, base string, _ *repository.Repository) string {
	s.Git("branch", "pawl/update", base)
	return base
}

func another(s *githttp.Server, base string, _ *repository.Repository) string {
	s.Git("branch", "pawl/update-2", base)
	return ""
}

func guard(w *repository.Work) {
	w.Guarded = func(context.Context, string) (bool, error) { return true, nil }
}

// TestPublishRefused has bases and files that are not what the plan was made from, and a set that changes nothing.
func TestPublishRefused(t *testing.T) {
	t.Parallel()
	s, base := begin(t)
	link := s.Commit("refs/heads/main", map[string]string{"link": "120000:keep"})
	for name, c := range map[string]struct {
		change func(w *repository.Work)
		want   error
	}{
		"another base":      {func(w *repository.Work) { w.Base = base }, forge.ErrMoved},
		"another content":   {func(w *repository.Work) { w.Files[0].Before = []byte("tag: v0\n") }, nil},
		"a file that lacks": {func(w *repository.Work) { w.Files[0].Path = "none" }, nil},
		"a file too many":   {func(w *repository.Work) { w.Files[0].Before = nil }, nil},
		"a link": {func(w *repository.Work) {
			w.Files[0] = change.File{Path: "link", Before: []byte("keep"), After: []byte("x")}
		}, nil},
		"no change": {func(w *repository.Work) { w.Files[0].After = w.Files[0].Before }, repository.ErrNoChange},
		"outside":   {func(w *repository.Work) { w.Files[0] = change.File{Path: "../x", After: []byte("x")} }, nil},
	} {
		w := work(link, "v2")
		c.change(&w)
		if _, err := open(s, http.DefaultTransport).Publish(t.Context(), w); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := s.Git("for-each-ref", "refs/heads/pawl"); left != "" {
		t.Errorf("a branch was made: %s", left)
	}
}

// losing loses the answers to pushes, after they were carried out or before they arrive.
type losing struct {
	carry bool
	times int64
	n     atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/git-receive-pack") || l.n.Add(1) > l.times {
		return http.DefaultTransport.RoundTrip(r)
	}
	if l.carry {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	return nil, io.ErrUnexpectedEOF
}

// TestLostAnswers pushes where the answer gets lost: what was carried out is found, what was not is sent again.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		carry bool
		times int64
	}{{true, 1}, {false, 1}, {false, 3}, {true, 100}} {
		s, base := begin(t)
		over := &losing{carry: c.carry, times: c.times}
		r := open(s, over)
		head, err := r.Publish(t.Context(), work(base, "v2"))
		if err != nil || s.Git("rev-parse", "pawl/update") != head.SHA {
			t.Errorf("carried out %t, lost %d: %+v, %v", c.carry, c.times, head, err)
		}
		if err := r.Record(t.Context(), add("1"), git.Person{Name: "bot", Email: ours}); err != nil {
			t.Errorf("carried out %t, lost %d: the ledger: %v", c.carry, c.times, err)
		}
	}
	s, base := begin(t)
	if _, err := open(s, &losing{times: 100}).Publish(t.Context(), work(base, "v2")); err == nil {
		t.Error("what never arrives is no error")
	}
}

func add(name string) ledger.Transition {
	return func(l ledger.Ledger) ledger.Ledger {
		return l.Written(ledger.Value{Place: ledger.Place{File: name, Key: "$"}, Value: "s3cret", Version: "v1"})
	}
}

// TestLedger has twenty writers, keeps files of others, leaves out secrets, and refuses a ref that holds something else.
func TestLedger(t *testing.T) {
	t.Parallel()
	s, base := begin(t)
	who := git.Person{Name: "bot", Email: ours}
	if err := open(s, http.DefaultTransport).Record(t.Context(), func(l ledger.Ledger) ledger.Ledger { return l }, who); err != nil || s.Git("for-each-ref", "refs/pawl") != "" {
		t.Errorf("nothing was written: %v", err)
	}
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := open(s, http.DefaultTransport).Record(t.Context(), add(fmt.Sprint(i)), who); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
	l, err := open(s, http.DefaultTransport).Ledger(t.Context())
	if err != nil || len(l.Values) != 20 || l.Values[0].Value != "***" {
		t.Errorf("the ledger holds %d values, %v", len(l.Values), err)
	}
	s.Commit("refs/pawl/ledger", map[string]string{"README.md": "by hand"})
	if err := open(s, http.DefaultTransport).Record(t.Context(), add("more"), who); err != nil || s.Git("show", "refs/pawl/ledger:README.md") != "by hand" {
		t.Errorf("a file of somebody else: %v", err)
	}
	s.Git("fsck", "--strict")
	s.Git("update-ref", "refs/pawl/ledger", base)
	var wrong *change.RefError
	if _, err := open(s, http.DefaultTransport).Ledger(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("a ref that holds the profile: %v", err)
	}
}

// TestHistories holds what is told of histories with merges against git's own word.
func TestHistories(t *testing.T) {
	t.Parallel()
	s, base := begin(t)
	s.Git("branch", "side", base)
	side := s.Commit("refs/heads/side", map[string]string{"side": "x"})
	main := s.Commit("refs/heads/main", map[string]string{"a.yaml": "tag: v2\n"})
	tree := s.Git("merge-tree", "--write-tree", main, side)
	merge := s.Git("commit-tree", "-p", main, "-p", side, "-m", "merge", tree)
	s.Git("update-ref", "refs/heads/main", merge)
	r := open(s, http.DefaultTransport)
	for _, c := range [][2]string{{merge, base}, {merge, side}, {merge, main}, {base, merge}, {side, main}, {merge, merge}} {
		n, found, err := r.Behind(t.Context(), c[0], c[1])
		want := s.Git("rev-list", "--count", c[1]+".."+c[0])
		inside := s.Git("merge-base", "--all", c[0], c[1]) == c[1]
		if err != nil || found != inside || found && fmt.Sprint(n) != want {
			t.Errorf("%s behind %s: %d %t %v, want %s %t", c[1], c[0], n, found, err, want, inside)
		}
	}
	d, err := r.Diff(t.Context(), main, side)
	if err != nil || d.MergeBase != base || len(d.Commits) != 1 || len(d.Files) != 1 || d.Files[0].Path != "side" || d.Files[0].Before != nil {
		t.Errorf("the diff is %+v, %v", d, err)
	}
	c, changed, err := r.Commit(t.Context(), "main")
	if err != nil || c.ID != merge || !slices.Equal(changed, []string{"side"}) {
		t.Errorf("the commit is %+v %v %v", c, changed, err)
	}
	if _, changed, err := r.Commit(t.Context(), base); err != nil || !slices.Equal(changed, []string{"a.yaml", "keep"}) {
		t.Errorf("the first commit changed %v, %v", changed, err)
	}
}

// TestReasons are words of servers and hooks.
func TestReasons(t *testing.T) {
	t.Parallel()
	got := map[string]repository.Reason{}
	want := map[string]repository.Reason{
		"pre-receive hook declined": repository.HookRefused, "GH006: Protected branch update failed": repository.Protected,
		"GH013: Commits must have verified signatures": repository.Unsigned, "cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create": repository.NameTaken,
		"failed to update ref": repository.Unclear, "atomic transaction failed": repository.Unclear, "remote: User permission denied for writing.\npre-receive hook declined": repository.NotAllowed,
		"You are not allowed to push code to protected branches on this project.": repository.NotAllowed, "This repository was archived so it is read-only.": repository.Archived,
		"pack exceeds maximum allowed size": repository.TooLarge, "deny updating a hidden ref": repository.Protected,
	}
	for text := range want {
		got[text] = repository.ReasonOf(fmt.Errorf("pushing: %w", &remote.RefusedError{Message: text}))
	}
	for status, reason := range map[int]repository.Reason{401: repository.BadToken, 403: repository.NotAllowed, 404: repository.NotFound, 413: repository.TooLarge, 500: repository.Unclear} {
		name := fmt.Sprint(status)
		want[name], got[name] = reason, repository.ReasonOf(&remote.RefusedError{Status: status})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
