// Package conformance holds the promises that a forge's client keeps, as tests that every client passes against its forge,
// a real one where there is one. A promise that only some forges need is in the tests of that client.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// Branch is the pull request's branch, Ledger the ledger's ref; the base is main.
const (
	Branch = "pawl/update"
	Ledger = "refs/pawl/ledger"
)

// Files are what main holds in the beginning, by path, with the mode before a colon.
var Files = map[string]string{
	"a/values.yaml": "100644:tag: v1\n", "b.yaml": "100644:tag: v1", "run.sh": "100755:#!/bin/sh\n# v1\n",
	"crlf.yaml": "100644:tag: v1\r\nx: \xff\r\n", "empty": "100644:", "link": "120000:b.yaml",
}

// World is a forge with a repository that holds Files, in which our user may write and merge.
type World interface {
	// Client is the client of a new run; with another token where one is given.
	Client(token ...string) forge.Forge
	// Over is one that calls before each of its requests.
	Over(before func(r *http.Request)) forge.Forge
	// Push is a person's commit on a branch, which is made from main when it is not there; it returns the commit.
	Push(branch string, files map[string]string) string
	// Close, Label and Protect are a person's: to close a pull request, to give it a label, to require checks on main.
	Close(number int)
	Label(number int, label string)
	Protect(checks ...string)
	// Status sets the state of a check on a commit: pending, success or failure.
	Status(commit, name, state string)
	// Open counts the open pull requests of our user, Commits those on main with the paths that each changed.
	Open() int
	Commits() [][]string
	// Settle waits until the forge has digested what it was told.
	Settle()
}

// Promises run every test, each on a world of its own.
func Promises(t *testing.T, start func(t *testing.T) World) {
	t.Helper()
	for _, p := range []struct {
		name string
		test func(t *testing.T, w World)
	}{
		{"reading", reading},
		{"a proposal is the plan's bytes", proposal},
		{"one proposal", oneProposal},
		{"what a person pushed stays", pushed},
		{"what a person pushed at the same moment stays", pushedMeanwhile},
		{"what a person closed is seen", closed},
		{"what a person labelled is seen", labelled},
		{"a merge lands once", mergedOnce},
		{"what is merged goes on saying what was merged", mergedText},
		{"what a person closed while it was withdrawn is theirs", closedMeanwhile},
		{"a merge lands the head that was authorised", otherHead},
		{"a base that moved is seen", movedBase},
		{"checks count for the head", checks},
		{"all checks are read", manyChecks},
		{"nothing is left armed", unarmed},
		{"the ledger is compare-and-swap", ledgerSwap},
		{"histories", histories},
		{"a mark holds until its time, for its digest", marks},
		{"a refusal has a reason and a hint", refusals},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.test(t, start(t))
		})
	}
}

func must[T any](t *testing.T) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v (hint: %s)", err, fault.Hint(err))
		}
		return value
	}
}

// plan is a set that takes files from v1 to another version.
func plan(t *testing.T, f forge.Forge, version string, paths ...string) (forge.Profile, change.Set) {
	t.Helper()
	p := must[forge.Profile](t)(f.Open(t.Context()))
	files := must[forge.Reader](t)(f.Read(t.Context(), p.BaseSHA, paths))
	set := change.Set{Base: p.BaseSHA, Chain: "chain"}
	for _, path := range paths {
		before := must[[]byte](t)(files.ReadFile(path))
		after := strings.ReplaceAll(string(before), "v1", version)
		set.Files = append(set.Files, change.File{Path: path, Before: before, After: []byte(after)})
		set.Updates = append(set.Updates, change.Update{Manifest: path, File: path, Key: "$.tag", Old: "v1", New: version, Version: version})
	}
	return p, set
}

func text(set change.Set) forge.PullText {
	return forge.PullText{Message: change.CommitMessage(set), Title: change.Title(set), Body: "**why**\n", Labels: []string{"dependencies"}}
}

// propose proposes a version of a file by a client that has seen nothing.
func propose(t *testing.T, w World, version string, paths ...string) (forge.Forge, forge.Profile, change.Set, forge.Pull) {
	t.Helper()
	f := w.Client()
	p, set := plan(t, f, version, paths...)
	return f, p, set, must[forge.Pull](t)(f.Propose(t.Context(), set, text(set)))
}

// order is the merge of a proposal with these checks, or without any.
func order(p forge.Profile, set change.Set, pull forge.Pull, names ...string) forge.Order {
	need := change.Requirement{Mode: change.RequireNone}
	if len(names) > 0 {
		need = change.Requirement{Mode: change.RequireNamed, Names: names}
	}
	return forge.Order{Number: pull.Number, Head: pull.HeadSHA, Method: "squash", Message: change.CommitMessage(set), Wait: 3 * time.Second,
		Authority: func(_ context.Context, s forge.State) (forge.Answer, error) {
			rules := change.Rules{Self: p.Self, Repository: p.Repository, Branch: Branch, Base: p.Base, BaseSHA: s.BaseSHA, NoArm: true}
			checks := change.Checks{Runs: s.Checks, Require: need, Enforced: s.Enforced, Waited: s.Waited, Limit: time.Hour}
			return forge.Answer{Now: change.Authorize(set, s.Pull, checks, change.View{}, rules), Later: change.MayArm(set, s.Pull, checks, change.View{}, rules)}, nil
		}}
}

// Over is a transport that calls before each request.
func Over(next http.RoundTripper, before func(r *http.Request)) http.RoundTripper {
	return over(func(r *http.Request) (*http.Response, error) {
		before(r)
		return next.RoundTrip(r)
	})
}

type over func(r *http.Request) (*http.Response, error)

func (o over) RoundTrip(r *http.Request) (*http.Response, error) { return o(r) }

// holds compares files of a commit with Files, changed.
func holds(t *testing.T, f forge.Forge, commit string, changed map[string]string) {
	t.Helper()
	want := map[string][]byte{}
	var paths []string
	for path, text := range Files {
		mode, data, _ := strings.Cut(text, ":")
		if mode == "120000" {
			continue
		}
		if now, ok := changed[path]; ok {
			data = now
		}
		want[path], paths = []byte(data), append(paths, path)
	}
	files := must[forge.Reader](t)(f.Read(t.Context(), commit, paths))
	for path, data := range want {
		if diff := cmp.Diff(string(data), string(must[[]byte](t)(files.ReadFile(path)))); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if differ := must[[]string](t)(f.Differs(t.Context(), commit, want, func(path string) bool { return path != "link" })); len(differ) > 0 {
		t.Errorf("these differ: %v", differ)
	}
}

func reading(t *testing.T, w World) {
	f := w.Client()
	p := must[forge.Profile](t)(f.Open(t.Context()))
	if p.Base != "main" || p.Repository == "" || !p.Self.Is(p.Self) {
		t.Errorf("the profile is %+v", p)
	}
	holds(t, f, p.BaseSHA, nil)
	files := must[forge.Reader](t)(f.Read(t.Context(), p.BaseSHA, []string{"link", "b.yaml"}))
	if _, err := files.ReadFile("link"); err == nil || !strings.Contains(err.Error(), "link: is a symbolic link") {
		t.Errorf("a link: %v", err)
	}
	if data, err := files.ReadFile("b.yaml"); err != nil || len(data) == 0 {
		t.Errorf("a file beside it: %q, %v", data, err)
	}
	modes := must[map[string]fs.FileMode](t)(f.List(t.Context(), p.BaseSHA))
	if !modes["b.yaml"].IsRegular() || modes["link"].Type() != fs.ModeSymlink || modes["none"] != 0 || !modes["a/values.yaml"].IsRegular() {
		t.Errorf("the files are %v", modes)
	}
	if f.Time().IsZero() || time.Since(f.Time()).Abs() > time.Hour {
		t.Errorf("the forge's time is %v", f.Time())
	}
	want := map[string][]byte{"b.yaml": []byte("tag: v1\n"), "none": []byte("x"), "empty": nil}
	differ := must[[]string](t)(f.Differs(t.Context(), p.BaseSHA, want, func(path string) bool { return strings.HasPrefix(path, "a/") }))
	if diff := cmp.Diff([]string{"a/values.yaml", "b.yaml", "empty", "none"}, differ); diff != "" {
		t.Error(diff)
	}
}

func marks(t *testing.T, w World) {
	f := w.Client()
	p := must[forge.Profile](t)(f.Open(t.Context()))
	now := time.Now().Truncate(time.Second)
	marker := func() (forge.Marker, forge.Refs) {
		m := w.Client().(forge.Marker)
		return m, must[forge.Refs](t)(m.Look(t.Context()))
	}
	m, seen := marker()
	if seen.Base != p.BaseSHA || seen.Default != p.BaseSHA || seen.Ledger != "" || seen.Open || len(seen.Branches)+len(seen.Marks) > 0 || m.Marked(seen, "one", now) {
		t.Errorf("a repository without marks: %+v", seen)
	}
	for _, digest := range []string{"one", "another", "another"} {
		if err := m.Mark(t.Context(), seen, digest, now.Add(time.Hour)); err != nil {
			t.Fatalf("%v (hint: %s)", err, fault.Hint(err))
		}
		m, seen = marker()
		if !m.Marked(seen, digest, now) || m.Marked(seen, digest+"x", now) || m.Marked(seen, digest, now.Add(time.Hour)) || m.Marked(seen, digest, now.Add(-48*time.Hour)) || len(seen.Marks) != 1 {
			t.Errorf("marked with %s: %+v", digest, seen)
		}
	}
	for name, at := range seen.Marks { // whoever may push can move a mark, and knows no other's digest
		if moved := (forge.Refs{Marks: map[string]string{name[:strings.LastIndexByte(name, '/')+1] + strconv.FormatInt(now.Add(2*time.Hour).Unix(), 10): at}}); m.Marked(moved, "another", now) {
			t.Errorf("a mark holds for longer when it is moved from %s", name)
		}
	}
	old := seen
	if err := m.Mark(t.Context(), seen, "later", now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if m, seen = marker(); len(seen.Marks) != 1 || !m.Marked(seen, "later", now) || m.Marked(seen, "another", now) {
		t.Errorf("marked for later: %+v", seen)
	}
	if err := m.Mark(t.Context(), old, "late", now.Add(time.Hour)); !errors.Is(err, forge.ErrMoved) {
		t.Errorf("over a mark that is gone: %v", err)
	}
	_, _, _, pull := propose(t, w, "v2", "b.yaml")
	if _, seen = marker(); seen.Branches["refs/heads/"+Branch] != pull.HeadSHA || seen.Open {
		t.Errorf("with a proposal: %+v", seen)
	}
	w.Push("feature/x", map[string]string{"b.yaml": "tag: v3"})
	before := seen
	if _, seen = marker(); !maps.Equal(before.Branches, seen.Branches) || before.Base != seen.Base {
		t.Errorf("a branch of somebody: %+v", seen)
	}
	base := w.Push("main", map[string]string{"b.yaml": "tag: v4"})
	if _, seen = marker(); seen.Base != base || seen.Default != base {
		t.Errorf("the base moved: %+v", seen)
	}
}

func proposal(t *testing.T, w World) {
	f, _, set, pull := propose(t, w, "v2", "a/values.yaml", "run.sh", "crlf.yaml", "b.yaml")
	if pull.Done != "opened" || pull.Branch != Branch {
		t.Errorf("the pull request is %+v", pull)
	}
	changed := map[string]string{"a/values.yaml": "tag: v2\n", "run.sh": "#!/bin/sh\n# v2\n", "crlf.yaml": "tag: v2\r\nx: \xff\r\n", "b.yaml": "tag: v2"}
	holds(t, w.Client(), pull.HeadSHA, changed)
	again := must[forge.Pull](t)(w.Client().Propose(t.Context(), set, text(set)))
	if again.Done != "unchanged" || again.HeadSHA != pull.HeadSHA || again.Number != pull.Number {
		t.Errorf("proposed again it is %+v", again)
	}
	p, next := plan(t, f, "v3", "b.yaml")
	replaced := must[forge.Pull](t)(w.Client().Propose(t.Context(), next, text(next)))
	if replaced.Done != "updated" || replaced.Number != pull.Number || replaced.HeadSHA == pull.HeadSHA {
		t.Errorf("replaced it is %+v", replaced)
	}
	holds(t, w.Client(), replaced.HeadSHA, map[string]string{"b.yaml": "tag: v3"})
	found := must[[]forge.PullState](t)(w.Client().Numbered(t.Context(), pull.Number, 9999))
	if len(found) != 1 || !found[0].Open() || found[0].HeadSHA != replaced.HeadSHA || found[0].Branch != Branch || !slices.Contains(found[0].Labels, "dependencies") {
		t.Errorf("by its number it is %+v", found)
	}
	stale := next
	stale.Files = []change.File{{Path: "b.yaml", Before: []byte("tag: v0"), After: []byte("tag: v4")}}
	if _, err := w.Client().Propose(t.Context(), stale, text(stale)); err == nil {
		t.Error("a file that is not what the plan was made from is proposed")
	}
	if m := must[forge.Merge](t)(w.Client().Merge(t.Context(), order(p, next, replaced))); m.Outcome != forge.Merged || m.By != forge.Direct {
		t.Errorf("the merge is %+v", m)
	}
}

func oneProposal(t *testing.T, w World) {
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			f := w.Client()
			_, set := plan(t, f, fmt.Sprintf("v2.%d", i), "b.yaml")
			if _, err := f.Propose(t.Context(), set, text(set)); err != nil && !errors.Is(err, forge.ErrMoved) {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	group.Wait()
	w.Settle()
	_, _, _, pull := propose(t, w, "v3", "b.yaml")
	w.Settle()
	if n := w.Open(); n != 1 {
		t.Errorf("%d pull requests are open", n)
	}
	holds(t, w.Client(), pull.HeadSHA, map[string]string{"b.yaml": "tag: v3"})
	if closed := must[[]forge.PullState](t)(w.Client().Withdraw(t.Context())); len(closed) != 1 || !closed[0].Withdrawn {
		t.Errorf("withdrawn were %+v", closed)
	}
	_, _, _, pull = propose(t, w, "v4", "b.yaml") // at once, from the same branch
	w.Settle()
	if found := must[[]forge.PullState](t)(w.Client().Numbered(t.Context(), pull.Number)); len(found) != 1 || !found[0].Open() {
		t.Errorf("proposed right after a withdrawal it is %+v", found)
	}
}

func pushed(t *testing.T, w World) {
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	head := w.Push(Branch, map[string]string{"notes.md": "wait"})
	w.Settle()
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull))); m.Outcome != forge.Refused || m.Decision.Code != change.ForeignCommit {
		t.Errorf("the merge is %+v", m)
	}
	_, _, _, next := propose(t, w, "v3", "b.yaml")
	if next.Branch != Branch+"-2" || !slices.Contains(next.Foreign, Branch) {
		t.Errorf("the next one is %+v", next)
	}
	files := must[forge.Reader](t)(w.Client().Read(t.Context(), head, []string{"notes.md"}))
	if data := must[[]byte](t)(files.ReadFile("notes.md")); string(data) != "wait" {
		t.Errorf("what the person pushed is %q", data)
	}
	if closed := must[[]forge.PullState](t)(w.Client().Withdraw(t.Context())); len(closed) != 1 || closed[0].Number != next.Number {
		t.Errorf("withdrawn were %+v", closed)
	}
}

// pushedMeanwhile has a person push to a branch of which the run knows, from before, that its head was pawl's.
func pushedMeanwhile(t *testing.T, w World) {
	f, _, _, pull := propose(t, w, "v2", "b.yaml")
	_, set := plan(t, f, "v3", "b.yaml")
	say := text(set)
	say.Heads = []string{pull.HeadSHA}
	head := w.Push(Branch, map[string]string{"notes.md": "wait"})
	w.Settle()
	next, err := f.Propose(t.Context(), set, say)
	if err != nil && !errors.Is(err, forge.ErrMoved) {
		t.Fatal(err)
	}
	if err == nil && next.Branch == Branch {
		t.Errorf("it goes on where a person pushed: %+v", next)
	}
	if n, found, err := f.Behind(t.Context(), head, pull.HeadSHA); err != nil || !found || n != 1 {
		t.Errorf("the person's commit: %d %t %v", n, found, err)
	}
}

func closed(t *testing.T, w World) {
	_, p, set, pull := propose(t, w, "v2", "b.yaml")
	w.Close(pull.Number)
	w.Settle()
	recent, _, err := w.Client().Recent(t.Context(), 1)
	if err != nil || len(recent) != 1 || !recent[0].Settled() || recent[0].Merged {
		t.Errorf("%+v %v", recent, err)
	}
	m := must[forge.Merge](t)(w.Client().Merge(t.Context(), order(p, set, pull)))
	if m.Outcome != forge.Closed || m.Closed.IsZero() {
		t.Errorf("the merge is %+v", m)
	}
}

func labelled(t *testing.T, w World) {
	_, p, set, pull := propose(t, w, "v2", "b.yaml")
	w.Label(pull.Number, change.ReviewLabel)
	m := must[forge.Merge](t)(w.Client().Merge(t.Context(), order(p, set, pull)))
	if m.Outcome != forge.Refused || m.Decision.Code != change.UnderReview || w.Open() != 1 {
		t.Errorf("the merge is %+v", m)
	}
}

func mergedOnce(t *testing.T, w World) {
	_, p, set, pull := propose(t, w, "v2", "b.yaml")
	before := len(w.Commits())
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			o := order(p, set, pull)
			o.Wait = time.Minute
			m, err := w.Client().Merge(t.Context(), o)
			if err != nil || m.Outcome != forge.Merged || m.SHA == "" || m.At.IsZero() {
				t.Errorf("run %d: %+v %v", i, m, err)
			}
		})
	}
	group.Wait()
	w.Settle()
	if commits := w.Commits(); len(commits) != before+1 || !slices.Equal(commits[0], []string{"b.yaml"}) {
		t.Errorf("the base holds %v", commits)
	}
	found := must[[]forge.PullState](t)(w.Client().Numbered(t.Context(), pull.Number))
	if len(found) != 1 || !found[0].Merged || !found[0].ByPawl || found[0].HeadSHA != pull.HeadSHA {
		t.Fatalf("it is %+v", found)
	}
	diff, own, err := w.Client().MergedDiff(t.Context(), found[0])
	if err != nil || !own || diff != set.Holds().Diff {
		t.Errorf("what was merged: %s %t %v", diff, own, err)
	}
}

// mergedText has another run merge a pull request right before its text is changed, or it is closed.
func mergedText(t *testing.T, w World) {
	for version, act := range map[string]func(f forge.Forge, set change.Set) error{
		"v2": func(f forge.Forge, set change.Set) error {
			say := text(set)
			say.Title, say.Body = say.Title+" and more", "**more**\n"
			_, err := f.Propose(t.Context(), set, say)
			return err
		},
		"v3": func(f forge.Forge, _ change.Set) error {
			gone, err := f.Withdraw(t.Context())
			if len(gone) != 0 {
				t.Errorf("it is told that %+v are withdrawn", gone)
			}
			return err
		},
	} {
		path := map[string]string{"v2": "b.yaml", "v3": "a/values.yaml"}[version]
		_, p, set, pull := propose(t, w, version, path)
		var once sync.Once
		f := w.Over(func(r *http.Request) {
			if slices.Contains([]string{http.MethodPatch, http.MethodPut}, r.Method) && strings.HasSuffix(r.URL.Path, "/"+strconv.Itoa(pull.Number)) {
				once.Do(func() {
					o := order(p, set, pull)
					o.Wait = time.Minute
					if m := must[forge.Merge](t)(w.Client().Merge(t.Context(), o)); m.Outcome != forge.Merged {
						t.Errorf("the merge is %+v", m)
					}
				})
			}
		})
		if err := act(f, set); !errors.Is(err, forge.ErrMoved) {
			t.Errorf("%s: %v", version, err)
		}
		found := must[[]forge.PullState](t)(w.Client().Numbered(t.Context(), pull.Number))
		if len(found) != 1 || !found[0].Merged || found[0].Title != change.Title(set) || !forge.SameText(found[0].Body, text(set).Body) {
			t.Errorf("%s: it is %+v", version, found)
		}
		w.Settle()
	}
}

// closedMeanwhile has a person close a pull request right before it is withdrawn: that is a no, and stands.
func closedMeanwhile(t *testing.T, w World) {
	_, _, _, pull := propose(t, w, "v2", "b.yaml")
	var once sync.Once
	f := w.Over(func(r *http.Request) {
		if slices.Contains([]string{http.MethodPatch, http.MethodPut}, r.Method) && strings.HasSuffix(r.URL.Path, "/"+strconv.Itoa(pull.Number)) {
			once.Do(func() { w.Close(pull.Number) })
		}
	})
	gone, err := f.Withdraw(t.Context())
	if err != nil && !errors.Is(err, forge.ErrMoved) || len(gone) != 0 {
		t.Errorf("it is told that %+v are withdrawn: %v", gone, err)
	}
	recent, _, err := w.Client().Recent(t.Context(), 1)
	if err != nil || len(recent) != 1 || !recent[0].Settled() || recent[0].Merged || recent[0].Withdrawn {
		t.Errorf("%+v %v", recent, err)
	}
}

// otherHead has a person push between the permission and the merge.
func otherHead(t *testing.T, w World) {
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	before := len(w.Commits())
	o := order(p, set, pull)
	once := sync.Once{}
	o.Before = func(_ context.Context, later bool) error {
		once.Do(func() { w.Push(Branch, map[string]string{"notes.md": "wait"}) })
		return nil
	}
	m, err := f.Merge(t.Context(), o)
	if err == nil && m.Outcome == forge.Merged {
		t.Errorf("the merge is %+v", m)
	}
	w.Settle()
	if commits := w.Commits(); len(commits) != before {
		t.Errorf("the base holds %v", commits)
	}
}

func movedBase(t *testing.T, w World) {
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	w.Push("main", map[string]string{"other": "x"})
	w.Settle()
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull))); m.Outcome != forge.Rebuild {
		t.Errorf("the merge is %+v", m)
	}
	if _, err := w.Client().Propose(t.Context(), set, text(set)); err != nil && !errors.Is(err, forge.ErrMoved) {
		t.Errorf("proposed on the old base: %v", err)
	}
}

func checks(t *testing.T, w World) {
	_, _, _, earlier := propose(t, w, "v0", "b.yaml")
	w.Status(earlier.HeadSHA, "ci", "success") // of the head that was
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	if pull.Number != earlier.Number {
		t.Errorf("%+v is not the one that was open", pull)
	}
	w.Status(p.BaseSHA, "ci", "success") // another commit's
	for _, name := range []string{"", "lint"} {
		if name != "" {
			w.Status(pull.HeadSHA, name, "success")
		}
		if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "ci"))); m.Outcome != forge.Pending {
			t.Fatalf("without the check the merge is %+v", m)
		}
	}
	w.Status(pull.HeadSHA, "ci", "failure")
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "ci"))); m.Outcome != forge.Refused || m.Decision.Code != change.CheckFailed {
		t.Errorf("with a check that failed the merge is %+v", m)
	}
	w.Status(pull.HeadSHA, "ci", "success")
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "ci"))); m.Outcome != forge.Merged {
		t.Errorf("with the check the merge is %+v", m)
	}
}

// manyChecks has more checks than the forge shows at once, and one of the last is pending.
func manyChecks(t *testing.T, w World) {
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	w.Status(pull.HeadSHA, "first", "pending")
	w.Status(pull.HeadSHA, "wanted", "success")
	for i := range 120 {
		w.Status(pull.HeadSHA, fmt.Sprintf("other %d", i), "success")
	}
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "wanted", "first"))); m.Outcome != forge.Pending || m.Decision.Code != change.CheckPending {
		t.Errorf("the merge is %+v", m)
	}
	w.Status(pull.HeadSHA, "first", "success")
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "wanted", "first"))); m.Outcome != forge.Merged {
		t.Errorf("the merge is %+v", m)
	}
}

// unarmed ends a run while a required check is pending: what turns green afterwards merges nothing.
func unarmed(t *testing.T, w World) {
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	w.Protect("ci")
	w.Status(pull.HeadSHA, "ci", "pending")
	before := len(w.Commits())
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "ci"))); m.Outcome != forge.Pending || m.Armed {
		t.Errorf("the merge is %+v", m)
	}
	w.Status(pull.HeadSHA, "ci", "success")
	w.Settle()
	if commits := w.Commits(); len(commits) != before || w.Open() != 1 {
		t.Errorf("it was merged after the run: %v", commits)
	}
	if m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull, "ci"))); m.Outcome != forge.Merged {
		t.Errorf("the next run's merge is %+v", m)
	}
}

// ledgerSwap has twenty writers that add one each.
func ledgerSwap(t *testing.T, w World) {
	const writers = 20
	if l := must[ledger.Ledger](t)(w.Client().Ledger(t.Context())); !l.Empty() {
		t.Errorf("the ledger holds %+v", l)
	}
	add := func(i int) ledger.Transition {
		return func(l ledger.Ledger) ledger.Ledger {
			return l.Written(ledger.Value{Place: ledger.Place{File: fmt.Sprint(len(l.Values)), Key: "$"}, Value: fmt.Sprint(i), Version: "v1"})
		}
	}
	took, pushes := make([]time.Duration, writers), make([]int, writers)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			f, began := w.Client(), time.Now()
			if err := f.Record(t.Context(), add(i)); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
			took[i], pushes[i] = time.Since(began), f.Writes()
		})
	}
	group.Wait()
	l := must[ledger.Ledger](t)(w.Client().Ledger(t.Context()))
	if len(l.Values) != writers {
		t.Errorf("the ledger holds %d values, want %d", len(l.Values), writers)
	}
	slices.Sort(took)
	slices.Sort(pushes)
	t.Logf("%d writers: median %v, longest %v; pushes of each: median %d, most %d", writers, took[writers/2], took[writers-1], pushes[writers/2], pushes[writers-1])
	f := w.Client()
	for range 2 { // the second one knows what is there, and writes nothing
		before := f.Writes()
		err := f.Record(t.Context(), func(l ledger.Ledger) ledger.Ledger { return l })
		if err != nil || f.Writes() != before {
			t.Errorf("nothing new was written %d times: %v", f.Writes()-before, err)
		}
	}
}

func histories(t *testing.T, w World) {
	f, p, set, pull := propose(t, w, "v2", "b.yaml")
	m := must[forge.Merge](t)(f.Merge(t.Context(), order(p, set, pull)))
	tip := w.Push("main", map[string]string{"more": "x"})
	w.Settle()
	if now := must[string](t)(w.Client().Tip(t.Context())); now != tip {
		t.Errorf("the tip is %s, want %s", now, tip)
	}
	for _, c := range []struct {
		tip, commit string
		n           int
		found       bool
	}{{tip, p.BaseSHA, 2, true}, {tip, m.SHA, 1, true}, {tip, tip, 0, true}, {p.BaseSHA, tip, 0, false}, {tip, pull.HeadSHA, 0, false},
		{tip, strings.Repeat("12345678", 5), 0, false}, {tip, "main", 0, false}, {tip, "", 0, false}} {
		n, found, err := w.Client().Behind(t.Context(), c.tip, c.commit)
		if err != nil || found != c.found || found && n != c.n {
			t.Errorf("%s behind %s: %d %t %v, want %d %t", c.commit, c.tip, n, found, err, c.n, c.found)
		}
	}
	own := must[[]forge.Commit](t)(w.Client().OwnCommits(t.Context(), tip))
	if len(own) != 1 || own[0].SHA != m.SHA || !change.OwnMessage(own[0].Message) || own[0].URL == "" {
		t.Errorf("our commits are %+v", own)
	}
	c := must[forge.Commit](t)(w.Client().Commit(t.Context(), m.SHA))
	if c.SHA != m.SHA || !slices.Equal(c.Changed, []string{"b.yaml"}) || c.All || c.At.IsZero() {
		t.Errorf("the commit is %+v", c)
	}
	if c := must[forge.Commit](t)(w.Client().Commit(t.Context(), "main")); c.SHA != tip {
		t.Errorf("main is %+v", c)
	}
	for _, name := range []string{strings.Repeat("12345678", 5), "nowhere", "a..b", ""} {
		if _, err := w.Client().Commit(t.Context(), name); !errors.Is(err, forge.ErrNotFound) {
			t.Errorf("the commit %q: %v", name, err)
		}
	}
}

func refusals(t *testing.T, w World) {
	f := w.Client("unknown-token")
	_, err := f.Open(t.Context())
	if err == nil || fault.Hint(err) == "" || strings.Contains(err.Error(), "unknown-token") {
		t.Errorf("a token that is none: %v (hint: %s)", err, fault.Hint(err))
	}
	if err := f.Record(t.Context(), func(l ledger.Ledger) ledger.Ledger { return l.Written(ledger.Value{Version: "v1"}) }); err == nil || fault.Hint(err) == "" {
		t.Errorf("writing with it: %v (hint: %s)", err, fault.Hint(err))
	}
}
