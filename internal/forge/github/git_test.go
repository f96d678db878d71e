package github_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// claims returns a transition that claims one commit for a run.
func claims(commit string) ledger.Transition {
	return func(l ledger.Ledger) ledger.Ledger {
		next, _, _ := l.Claim(ledger.Claim{Commit: commit, Run: "run-" + commit, At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, "dev")
		return next
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, base := context.Background(), w.repo.Head("main")
	w.push("main", "alice", map[string]string{file: "later\n"})
	files, err := w.client.Read(ctx, base, []string{file, "README.md", "absent.yaml"})
	w.must(err)
	if text, err := files.ReadFile(file); err != nil || string(text) != before {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := files.ReadFile("absent.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	since := len(w.fake.Calls())
	_, err = w.client.Read(ctx, base, []string{file})
	w.must(err)
	if again := w.fake.Calls()[since:]; len(again) != 0 {
		t.Errorf("read twice: %v", again)
	}
}

// TestCommit proposes files of every kind, and looks for their very bytes and modes in the one commit that is made. What GitHub
// can commit, it signs.
func TestCommit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	hostile := "tag: \"é\u2028</x>&\r\n\ttab\" # 🚀\n\n"
	for _, mode := range []string{"100644", "100755"} {
		w := newWorld(t, fake.Settings{}, nil)
		_, err := w.repo.Chmod("main", "alice", map[string]string{file: mode})
		w.must(err)
		base := w.repo.Head("main")
		since := len(w.fake.Calls())
		head, err := w.publish(w.client, base, []change.File{
			{Path: file, Before: []byte(before), After: []byte(hostile)},
			{Path: "bin/raw", After: []byte{0xff, 0, 1}},
			{Path: "large", After: []byte(strings.Repeat("x", 2<<20))},
			{Path: "README.md", Before: []byte("hello\n")},
		}, "Bump\n\nwhy\n")
		w.must(err)
		for path, want := range map[string]string{file: hostile, "bin/raw": "\xff\x00\x01", "large": strings.Repeat("x", 2<<20)} {
			if got, ok := w.repo.File(head.HeadSHA, path); !ok || string(got) != want {
				t.Errorf("%s holds %.80q", path, got)
			}
		}
		if _, kept := w.repo.File(head.HeadSHA, "README.md"); kept {
			t.Error("README.md is still there")
		}
		if log := w.repo.Log(head.HeadSHA); len(log) != 3 || log[0].Author != "pawl-bot" || log[0].Parents[0] != base || !forge.SameText(log[0].Message, "Bump\n\nwhy\n") {
			t.Errorf("log %+v", log)
		}
		if w.repo.Head("main") != base || w.repo.Head("pawl-scratch/pawl/update") != "" {
			t.Errorf("the refs are %v", w.repo.Refs())
		}
		signs := slices.ContainsFunc(w.writes(since), func(s string) bool { return strings.Contains(s, "createCommitOnBranch") })
		if signs != (mode == "100644") || w.repo.Log(head.HeadSHA)[0].Verified != signs {
			t.Errorf("%s: signed %t, by %v", mode, signs, w.writes(since))
		}
		p, _, err := w.client.Get(ctx, head.Number)
		w.must(err)
		if len(p.Irregular) != 1 || len(p.Files) != 3 { // README.md is gone
			t.Errorf("%s: the diff is %v, irregular %v", mode, len(p.Files), p.Irregular)
		}
	}
}

// TestScratch has the scratch branch taken by what a killed run, another run or a person left there, and its answers lost.
func TestScratch(t *testing.T) {
	t.Parallel()
	lost := func(w *world) {
		w.fake.Inject(fake.Fault{Apply: true, Match: func(c fake.Call) bool { return strings.Contains(c.Operation, "createCommitOnBranch") }})
	}
	for name, arrange := range map[string]func(w *world){
		"nothing":                     func(*world) {},
		"a run that died at the base": func(w *world) { w.must(w.repo.SetBranch(scratch, w.repo.Head("main"))) },
		"a run with another commit":   func(w *world) { w.push(scratch, "pawl-bot", map[string]string{"x": "y"}) },
		"a run that died at an older base": func(w *world) {
			w.must(w.repo.SetBranch(scratch, w.repo.Head("main")))
			w.push("main", "alice", map[string]string{"README.md": "moved\n"})
		},
		"an answer that got lost": lost,
		"a request that got lost": func(w *world) {
			w.fake.Inject(fake.Fault{Match: func(c fake.Call) bool { return strings.Contains(c.Operation, "createCommitOnBranch") }})
		},
		"GitHub's own doubt": func(w *world) {
			once("mutation updateRefs createCommitOnBranch", fake.Fault{Status: 200, Message: `{"data":{"updateRefs":null,"createCommitOnBranch":null},"errors":[{"path":["updateRefs"],"message":"Something went wrong while executing your query."}]}`})(w, "")
		},
		"a lost answer twice": func(w *world) { lost(w); lost(w) },
		"GitHub's doubt for good, which costs the signature": func(w *world) {
			once("mutation updateRefs createCommitOnBranch", fake.Fault{Times: 99, Status: 200, Message: `{"data":{"updateRefs":null,"createCommitOnBranch":null},"errors":[{"path":["updateRefs"],"message":"Something went wrong while executing your query."}]}`})(w, "")
		},
	} {
		w := newWorld(t, fake.Settings{}, nil)
		arrange(w)
		head, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n\nwhy\n")
		if text, _ := w.repo.File("pawl/update", file); err != nil || string(text) != after || w.repo.Head("pawl/update") != head.HeadSHA {
			t.Errorf("%s: %v, the branch holds %q", name, err, text)
		}
		if log := w.repo.Log("pawl/update"); len(log) != len(w.repo.Log("main"))+1 || w.repo.Head(scratch) != "" {
			t.Errorf("%s: %d commits, scratch is at %q", name, len(log), w.repo.Head(scratch))
		}
	}
}

// TestScratchForbidden has rules that keep pawl from the scratch branch: it pushes its commit itself, and leaves nothing behind.
func TestScratchForbidden(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]fake.NameRule{"creating": {Create: true}, "moving": {Update: true}} {
		w := newWorld(t, fake.Settings{}, nil)
		if rule.Update { // the one of a run that died
			w.push("pawl-scratch/pawl/update", "pawl-bot", map[string]string{"x": "y"})
		}
		w.repo.Guard("refs/heads/pawl-scratch/", rule)
		head, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n\nwhy\n")
		if text, _ := w.repo.File("pawl/update", file); err != nil || string(text) != after || w.repo.Head("pawl/update") != head.HeadSHA {
			t.Errorf("%s: %v, the branch holds %q", name, err, text)
		}
		if at := w.repo.Head("pawl-scratch/pawl/update"); at != "" {
			t.Errorf("%s: scratch is left at %s", name, at)
		}
	}
}

// TestScratchBetrayed lets GitHub answer with a commit that holds something else: it is not taken.
func TestScratchBetrayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	other := w.push("other", "alice", map[string]string{file: "evil\n"})
	once("mutation updateRefs createCommitOnBranch", fake.Fault{Times: 99, Status: 200, Message: fmt.Sprintf(
		`{"data":{"updateRefs":{},"createCommitOnBranch":{"commit":{"oid":%q,"tree":{"oid":%q}}}}}`, other, strings.Repeat("1", 40))})(w, "")
	if head, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n"); err == nil || w.repo.Head("pawl/update") != "" {
		t.Errorf("published %+v, %v", head, err)
	}
}

// TestScratchRacers lets eight runs propose the same, and eight different things, at once: each ends with a commit that it
// planned, or with word that somebody was faster; no commit is mixed up, and no scratch branch is left.
func TestScratchRacers(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		differ, kept := i%2 == 0, i > 1
		w := newWorld(t, fake.Settings{}, nil)
		if kept { // a rule forbids to delete it
			w.repo.Guard("refs/heads/pawl-scratch/", fake.NameRule{Delete: true, Force: true})
		}
		base := w.repo.Head("main")
		var racers sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for i := range 8 {
			racers.Go(func() {
				files := edits()
				if differ {
					files[0].After = fmt.Appendf(nil, "%s# %d\n", after, i)
				}
				for range 40 {
					head, err := w.publish(w.connect(token), base, files, "Bump a\n\nwhy\n\nPawl-Chain: x\n")
					if errors.Is(err, forge.ErrMoved) {
						continue
					}
					mu.Lock()
					defer mu.Unlock()
					if text, _ := w.repo.File(head.HeadSHA, file); err != nil || string(text) != string(files[0].After) {
						t.Errorf("racer %d: %v, its commit holds %q", i, err, text)
					}
					done++
					return
				}
			})
		}
		racers.Wait()
		if done != 8 || len(w.repo.Log("pawl/update")) != 2 {
			t.Errorf("%d of 8 are done, %d commits", done, len(w.repo.Log("pawl/update")))
		}
		open := 0
		for _, p := range w.repo.Pulls() {
			if p.State == "open" {
				open++
			}
		}
		if open != 1 || w.repo.Head("pawl-scratch/pawl/update") != "" && !kept {
			t.Errorf("%d open pull requests, scratch is at %q", open, w.repo.Head("pawl-scratch/pawl/update"))
		}
	}
}

func TestCommitRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	for name, f := range map[string]change.File{
		"another content": {Path: file, Before: []byte("stale\n"), After: []byte("x")},
		"not expected":    {Path: file, After: []byte("x")},
		"not there":       {Path: "absent", Before: []byte("x"), After: []byte("y")},
	} {
		if _, err := w.publish(w.client, w.repo.Head("main"), []change.File{f}, "m"); err == nil || !strings.Contains(err.Error(), "not what the plan was made from") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.fake.Writes() != 0 {
		t.Errorf("%d writes", w.fake.Writes())
	}
}

func TestGetShowsTheDiff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	w.push("main", "alice", map[string]string{"README.md": "moved\n"})
	p, base, err := w.client.Get(context.Background(), 1)
	w.must(err)
	if diff := cmp.Diff(edits(), p.Files); diff != "" || base != w.repo.Head("main") {
		t.Errorf("base %s\n%s", base, diff)
	}
	if len(p.Commits) != 1 || p.Commits[0].SHA != p.HeadSHA || p.Commits[0].Author != p.Author || p.Author.ID == 0 || p.HeadRepo != "acme/profile" {
		t.Errorf("pull request %+v", p)
	}
	_, err = w.repo.Push("pawl/update", "mallory", map[string][]byte{"README.md": nil, "new": []byte("n\n")}, "mine")
	w.must(err)
	p, _, err = w.client.Get(context.Background(), 1)
	w.must(err)
	if !cmp.Equal(p.Irregular, []string{"README.md"}) || len(p.Files) != 2 || p.Files[0].Path != "new" || p.Files[0].Before != nil {
		t.Errorf("diff %+v %v", p.Files, p.Irregular)
	}
	if len(p.Commits) != 2 || p.Commits[1].Author.Login != "mallory" {
		t.Errorf("commits %+v", p.Commits)
	}
	if _, _, err = w.client.Get(context.Background(), 99); err == nil {
		t.Error("found pull request 99")
	}
}

func TestForkShowsItsOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	fork := w.repo.Fork("mallory")
	_, err := fork.Push("pawl/update", "mallory", map[string][]byte{file: []byte(after)}, "Bump a")
	w.must(err)
	number, err := w.repo.Open("mallory", fake.NewPull{Title: "Bump a", Body: "pasted", Head: "mallory:pawl/update"})
	w.must(err)
	p, _, err := w.client.Get(context.Background(), number)
	w.must(err)
	if p.HeadRepo != "mallory/profile" || p.BaseRepo != "acme/profile" || p.Author.Login != "mallory" {
		t.Errorf("pull request %+v", p)
	}
	_, err = fork.Push("pawl/update-2", "mallory", map[string][]byte{file: []byte(after)}, "Bump a")
	w.must(err)
	_, err = w.repo.Open("pawl-bot", fake.NewPull{Title: "Bump a", Head: "mallory:pawl/update-2"})
	w.must(err)
	ours, err := w.client.FindOpen(context.Background())
	w.must(err)
	if len(ours) != 0 {
		t.Errorf("taken for ours: %+v", ours)
	}
}

// TestAmendedCommitIsForeign has a person commit in our name: the author is ours, the committer is not.
func TestAmendedCommitIsForeign(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, func(o *fake.Options) { o.Identities["mallory"] = fake.Identity{Login: "mallory", Email: "m@example"} })
	w.propose()
	ctx := context.Background()
	me, err := w.client.Open(ctx)
	w.must(err)
	head := w.repo.Head("pawl/update")
	w.next("mallory", "pawl/update", head, head, git.Person{Name: "pawl-bot", Email: fmt.Sprintf("%d+pawl-bot@users.noreply.github.com", me.Self.ID)}, git.Person{Name: "m", Email: "m@example"})
	p, _, err := w.client.Get(ctx, 1)
	w.must(err)
	if len(p.Commits) != 2 || p.Commits[0].Author.Login != "pawl-bot" || p.Commits[1].Author.Login != "mallory" {
		t.Errorf("commits %+v", p.Commits)
	}
}

// TestPublishLeavesPeopleAlone finds what a person pushed to the branch.
func TestPublishLeavesPeopleAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	theirs := w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
	head, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump b\n")
	w.must(err)
	if head.Branch != "pawl/update-2" || head.Done != "opened" || !cmp.Equal(head.Foreign, []string{"pawl/update"}) {
		t.Errorf("published %+v", head)
	}
	again, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump b\n")
	w.must(err)
	if again.HeadSHA != head.HeadSHA || again.Done != "unchanged" || w.repo.Head("pawl/update") != theirs {
		t.Errorf("again %+v", again)
	}
}

// TestPublishLeavesASealAlone has the ledger written between two runs: the branch stays, for every push starts its checks again. One
// that bears no seal where there is to be one is replaced.
func TestPublishLeavesASealAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	base, said := w.repo.Head("main"), "Bump a\n\nwhy\n\nPawl-Chain: x\n"
	var heads []forge.Pull
	for _, seal := range []string{"", "Pawl-Seal: 4\n", "Pawl-Seal: 5\n"} {
		head, err := w.publish(w.connect(token), base, edits(), said+seal)
		w.must(err)
		heads = append(heads, head)
	}
	if heads[0].Done != "opened" || heads[1].Done != "updated" || heads[2].Done != "unchanged" || heads[2].HeadSHA != heads[1].HeadSHA {
		t.Errorf("%+v", heads)
	}
}

func TestPublishRebuildsOnTheNewBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	base := w.push("main", "alice", map[string]string{"README.md": "moved\n"})
	head, err := w.publish(w.client, base, edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
	w.must(err)
	if log := w.repo.Log("pawl/update"); head.Done != "updated" || head.Branch != "pawl/update" || log[0].Parents[0] != base || len(log) != 3 {
		t.Errorf("published %+v: %+v", head, log)
	}
	if pull, _ := w.repo.Pull(1); pull.State != "open" || pull.HeadSHA != head.HeadSHA {
		t.Errorf("pull request %+v", pull)
	}
}

// A branch that another run built on a newer base holds commits that the older one lacks, and is no person's for that.
func TestPublishOnAnOldBase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	old := w.repo.Head("main")
	w.propose()
	theirs, err := w.publish(w.connect(token), w.push("main", "alice", map[string]string{"README.md": "moved\n"}), edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
	w.must(err)
	if head, err := w.publish(w.client, old, edits(), "Bump b\n"); !errors.Is(err, forge.ErrMoved) || w.repo.Head("pawl/update") != theirs.HeadSHA || w.repo.Head("pawl/update-2") != "" {
		t.Errorf("published %+v, %v: %v", head, err, w.repo.Refs())
	}
}

// TestPublishLosesARace has a person push to the branch, or make it, between our look and our push.
func TestPublishLosesARace(t *testing.T) {
	t.Parallel()
	for _, exists := range []bool{true, false} {
		var w *world
		var theirs string
		act := onFirst("git-receive-pack", func(w *world) {
			theirs = w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
		})
		watching := false
		w = newWorld(t, fake.Settings{}, func(o *fake.Options) {
			o.Before = func(c fake.Call) {
				if watching {
					act(w, c)
				}
			}
		})
		if exists {
			w.propose()
		}
		watching = true
		base := w.push("main", "alice", map[string]string{"README.md": "moved\n"})
		_, err := w.publish(w.client, base, edits(), "Bump b\n")
		if !errors.Is(err, forge.ErrMoved) || w.repo.Head("pawl/update") != theirs {
			t.Errorf("%t: %v, the branch is at %s, want %s", exists, err, w.repo.Head("pawl/update"), theirs)
		}
	}
}

// TestLedger keeps what it is told, also of a branch on which others keep files, and says what is in its way.
func TestLedger(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	onBranch := func(c *github.Config) { c.Ledger = "refs/heads/pawl-ledger" }
	w.must(w.connect(token, onBranch).Record(ctx, claims("c1")))
	w.push("pawl-ledger", "alice", map[string]string{"NOTES.md": "hands off\n"})
	w.must(w.connect(token, onBranch).Record(ctx, claims("c2")))
	if text, _ := w.repo.File("pawl-ledger", "NOTES.md"); string(text) != "hands off\n" {
		t.Errorf("the note is %q", text)
	}
	if log := w.repo.Log("pawl-ledger"); !slices.Equal(log[0].Files, []string{"claims.json"}) || log[0].Author != "pawl-bot" {
		t.Errorf("wrote %+v", log[0])
	}
	writes := w.fake.Writes()
	w.must(w.connect(token, onBranch).Record(ctx, claims("c2")))
	if w.fake.Writes() != writes {
		t.Error("it is written for nothing")
	}
	w.repo.Guard("refs/pawl/", fake.NameRule{Create: true})
	if err := w.client.Record(ctx, claims("c1")); err == nil || !strings.Contains(advice(err), "ledger: refs/heads/pawl-ledger") {
		t.Errorf("refused: %v, advice %q", err, advice(err))
	}
	w.push("pawl-ledger", "alice", map[string]string{"claims.json": "not json"})
	if _, err := w.connect(token, onBranch).Ledger(ctx); err == nil || !strings.Contains(err.Error(), "claims.json") {
		t.Errorf("broken: %v", err)
	}
}

// TestGitHost is where git is spoken, which gets the token: the API's own GitHub and no other.
func TestGitHost(t *testing.T) {
	t.Parallel()
	for api, want := range map[string]string{
		"": "https://github.com/a/b.git/git-upload-pack", "https://api.github.com/": "https://github.com/a/b.git/git-upload-pack",
		"https://ghe.example/api/v3":      "https://ghe.example/a/b.git/git-upload-pack",
		"https://ghe.example/gh/api/v3/":  "https://ghe.example/gh/a/b.git/git-upload-pack",
		"https://api.corp.ghe.com":        "https://corp.ghe.com/a/b.git/git-upload-pack",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080/a/b.git/git-upload-pack",
		"http://api.example:8080/api/v3/": "http://api.example:8080/a/b.git/git-upload-pack",
	} {
		var asked string
		transport := roundTrip(func(req *http.Request) *http.Response {
			if user, password, _ := req.BasicAuth(); user != "x-access-token" || password != token {
				t.Errorf("%s: the token is not sent", req.URL)
			}
			asked = req.URL.String()
			return answer(req, 404, "Repository not found.")
		})
		client := mustNew(t, github.Config{HTTP: over(transport), API: api, Repository: "a/b", Token: token})
		if _, err := client.Tip(context.Background()); err == nil || asked != want || !strings.Contains(advice(err), "a/b does not exist") {
			t.Errorf("%q asked %s, %v", api, asked, err)
		}
	}
}

// TestLedgerRacers has twenty runs write at once: nobody's claim is lost, and none is written over.
func TestLedgerRacers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	var racers sync.WaitGroup
	for i := range 20 {
		racers.Go(func() {
			if err := w.connect(token).Record(ctx, claims(fmt.Sprint("c", i))); err != nil {
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	racers.Wait()
	l, err := w.connect(token).Ledger(ctx)
	w.must(err)
	if len(l.Claims) != 20 || len(w.repo.Log(ledgerRef)) != 20 {
		t.Errorf("%d claims in %d commits", len(l.Claims), len(w.repo.Log(ledgerRef)))
	}
}

// TestLedgerOf20000Files has somebody put files beside the ledger, at its top and in folders: they are not lost, and the
// ledger costs as many calls as before.
func TestLedgerOf20000Files(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	cost := func(commit string) int {
		client := w.connect(token, func(c *github.Config) { c.Ledger = "refs/heads/pawl-ledger" })
		w.must(client.Record(ctx, claims(commit)))
		return client.Calls()
	}
	cost("c1")
	before := cost("c2")
	files := map[string]string{}
	for i := range 20_000 {
		files[fmt.Sprintf("junk-%05d.json", i)], files[fmt.Sprintf("folder-%02d/x.json", i%50)] = "{}", fmt.Sprint(i)
	}
	w.push("pawl-ledger", "alice", files)
	if after := cost("c3"); after != before {
		t.Errorf("%d calls, %d before", after, before)
	}
	for _, name := range []string{"junk-00007.json", "folder-49/x.json", "claims.json"} {
		if text, found := w.repo.File("pawl-ledger", name); !found {
			t.Errorf("%s is lost: %q", name, text)
		}
	}
}
