package github_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitserver"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/git"
)

const scratch = "pawl-scratch/pawl/update"

// refused is GitHub's no to both mutations, as it comes with 200.
func refused(kind, message string) func(*world) {
	return func(w *world) {
		text := `{"data":{"updateRefs":null,"createCommitOnBranch":null},"errors":[{"type":"` + kind + `","path":["updateRefs"],"message":"` + message + `"}]}`
		once("mutation updateRefs createCommitOnBranch", fake.Fault{Times: 99, Status: 200, Message: text})(w, "")
	}
}

// TestScratchIsNotWorthTheRun has GitHub unable to commit, in every way that concerns nothing but its own commit: pawl pushes one
// of its own, says why it is not signed, and what people keep on a branch of that name stays theirs.
func TestScratchIsNotWorthTheRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(w *world)
		// left is what the scratch branch is at then: nothing, ours or theirs.
		left string
		warn string
	}{
		"somebody's commits": {func(w *world) { w.push(scratch, "alice", map[string]string{"notes": "hers"}) }, "theirs", "not pawl's"},
		"somebody's commits below a rule": {func(w *world) {
			w.push(scratch, "alice", map[string]string{"notes": "hers"})
			w.repo.Guard("refs/heads/pawl-scratch/", fake.NameRule{Update: true})
		}, "theirs", "not pawl's"},
		"somebody's own history": {func(w *world) {
			_, err := w.repo.PushOnto("", scratch, "alice", map[string][]byte{"a": []byte("b")}, "hers")
			w.must(err)
		}, "theirs", "not pawl's"},
		"somebody's amended commit":                {func(w *world) { w.amended(scratch) }, "theirs", "not pawl's"},
		"a branch in the place of the folder":      {func(w *world) { w.push("pawl-scratch", "alice", map[string]string{"x": "y"}) }, "", "without a signature"},
		"a branch below the name":                  {func(w *world) { w.push(scratch+"/x", "alice", map[string]string{"x": "y"}) }, "", "without a signature"},
		"a server that does not know the mutation": {refused("", "Field 'updateRefs' doesn't exist on type 'Mutation'"), "", "doesn't exist"},
		"a commit that is too large for the API": {func(w *world) {
			once("mutation updateRefs createCommitOnBranch", fake.Fault{Times: 99})(w, "")
		}, "", "connection"},
		"a token that may not move refs by the API": {refused("FORBIDDEN", "Resource not accessible by integration"), "", "not accessible"},
		"a path that GitHub does not take":          {refused("UNPROCESSABLE", "A path was requested that is malformed"), "", "malformed"},
		"a rule against its deletion": {func(w *world) {
			w.repo.Guard("refs/heads/pawl-scratch/", fake.NameRule{Delete: true})
		}, "ours", ""}, // it is signed all the same
		"a rule against deletion and force-pushes": {func(w *world) {
			w.push(scratch, "pawl-bot", map[string]string{"x": "y"})
			w.repo.Guard("refs/heads/pawl-scratch/", fake.NameRule{Delete: true, Force: true})
		}, "ours", "Cannot force-push"},
		"a protected branch": {func(w *world) {
			w.must(w.repo.SetBranch(scratch, w.repo.Head("main")))
			w.repo.Protect(scratch, fake.Protection{Reviews: 1})
		}, "ours", "approving review"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Settings{}, func(o *fake.Options) { o.Identities["mallory"] = fake.Identity{Login: "mallory", Email: "m@example"} })
			test.arrange(w)
			at := w.repo.Head(scratch)
			var warned []string
			warn := func(c *github.Config) {
				c.Warn = func(err error) { warned = append(warned, err.Error()+"; "+advice(err)) }
			}
			head, err := w.publish(w.connect(token, warn), w.repo.Head("main"), edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
			if text, _ := w.repo.File("pawl/update", file); err != nil || string(text) != after || w.repo.Head("pawl/update") != head.HeadSHA {
				t.Fatalf("%v, the branch holds %q", err, text)
			}
			if log := w.repo.Log("pawl/update"); len(log) != 2 {
				t.Errorf("%d commits", len(log))
			}
			switch left := w.repo.Head(scratch); {
			case test.left == "" && left != "", test.left == "theirs" && left != at, test.left == "ours" && left == "":
				t.Errorf("scratch was at %q and is at %q", at, left)
			}
			if all := strings.Join(warned, "\n"); test.warn == "" && len(warned) != 0 || test.warn != "" && (len(warned) != 1 || !strings.Contains(all, test.warn) || !strings.Contains(all, scratch)) {
				t.Errorf("warned of %q", warned)
			}
			// the next run, on a base that moved
			base := w.push("main", "alice", map[string]string{"README.md": "moved\n"})
			head, err = w.publish(w.connect(token, warn), base, edits(), "Bump a\n\nwhy\n\nPawl-Chain: y\n")
			if err != nil || head.Branch != "pawl/update" || w.repo.Head("pawl/update") != head.HeadSHA {
				t.Errorf("the next run: %+v, %v", head, err)
			}
		})
	}
}

// amended has a person commit in our name.
func (w *world) amended(branch string) {
	w.Helper()
	me, err := w.client.Open(context.Background())
	w.must(err)
	base := w.repo.Head("main")
	ours := git.Person{Name: "pawl-bot", Email: fmt.Sprintf("%d+pawl-bot@users.noreply.github.com", me.Self.ID)}
	w.next("mallory", branch, base, base, ours, git.Person{Name: "m", Email: "m@example"})
}

// TestScratchTellsTheBranch has a rule on both branches: what is said is about the one that people see.
func TestScratchTellsTheBranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.repo.Guard("refs/heads/pawl/", fake.NameRule{Create: true})
	w.repo.Guard("refs/heads/pawl-scratch/", fake.NameRule{Delete: true})
	_, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n")
	if err == nil || strings.Contains(err.Error(), "scratch") || !strings.Contains(advice(err), "a rule guards the branch pawl/update") {
		t.Errorf("%v, advice %q", err, advice(err))
	}
}

// TestScratchIsNobodysName has branches of the configuration below pawl-scratch: the base would be committed to and deleted, the
// branch of one profile be the scratch of another.
func TestScratchIsNobodysName(t *testing.T) {
	t.Parallel()
	for key, adjust := range map[string]func(c *github.Config){
		"forge.base":   func(c *github.Config) { c.Base = scratch },
		"forge.branch": func(c *github.Config) { c.Branch = scratch },
		"ledger":       func(c *github.Config) { c.Ledger = "refs/heads/" + scratch },
	} {
		w := newWorld(t, fake.Settings{}, nil)
		w.must(w.repo.SetBranch(scratch, w.repo.Head("main")))
		since := len(w.fake.Calls())
		client := w.connect(token, adjust)
		_, err := client.Open(context.Background())
		var wrong *change.RefError
		if !errors.As(err, &wrong) || wrong.Key != key || wrong.Hint == "" {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := w.publish(client, w.repo.Head("main"), edits(), "Bump a\n"); err == nil || len(w.writes(since)) != 0 {
			t.Errorf("%s: %v, wrote %v", key, err, w.writes(since))
		}
	}
	w := newWorld(t, fake.Settings{DefaultBranch: scratch}, nil)
	w.must(w.repo.SetBranch(scratch, w.repo.Head("main")))
	if _, err := w.connect(token).Open(context.Background()); err == nil {
		t.Error("the default branch is the scratch branch")
	}
}

// TestScratchOfTwoProfiles has two profiles in one repository: neither sees the other's branches.
func TestScratchOfTwoProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	base := w.repo.Head("main")
	for _, branch := range []string{"pawl/update", "pawl/обновление", "pawl", "pawl-x", "a/b/c"} {
		if branch == "pawl" { // no branch may be a folder of another
			w.repo.DeleteBranch("pawl/update", "alice")
			w.repo.DeleteBranch("pawl/обновление", "alice")
		}
		head, err := w.publish(w.connect(token, func(c *github.Config) { c.Branch = branch }), base, edits(), "Bump a\n")
		if err != nil || head.Branch != branch || w.repo.Head(branch) != head.HeadSHA {
			t.Errorf("%s: %+v, %v", branch, head, err)
		}
	}
	for ref := range w.repo.Refs() {
		if strings.Contains(ref, "pawl-scratch") {
			t.Errorf("%s is left", ref)
		}
	}
}

// TestScratchWaits has GitHub ask for patience at each request that publishes: nothing is done twice.
func TestScratchWaits(t *testing.T) {
	t.Parallel()
	quiet := newWorld(t, fake.Settings{}, nil)
	since := len(quiet.fake.Calls())
	_, err := quiet.publish(quiet.client, quiet.repo.Head("main"), edits(), "Bump a\n")
	quiet.must(err)
	want := quiet.writes(since)
	for _, status := range []int{403, 429} {
		for i := range want {
			w := newWorld(t, fake.Settings{}, nil)
			w.fake.Inject(fake.Fault{Write: w.fake.Writes() + 1 + i, Status: status, Message: "You have exceeded a secondary rate limit.", Header: map[string][]string{"Retry-After": {"7"}}})
			since := len(w.fake.Calls())
			head, err := w.publish(w.client, w.repo.Head("main"), edits(), "Bump a\n")
			got := w.writes(since)
			if err != nil || w.repo.Head("pawl/update") != head.HeadSHA || w.time.slept < 7e9 || !slices.Equal(got, slices.Insert(slices.Clone(want), i, want[i])) {
				t.Errorf("%d at %s: %v, slept %v, wrote %v", status, want[i], err, w.time.slept, got)
			}
		}
	}
}

// TestWorkflowNeedsAPermission has a target among the workflows: what GitHub says then, in the push, says what to do.
func TestWorkflowNeedsAPermission(t *testing.T) {
	t.Parallel()
	const says = "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` permission"
	w := newWorld(t, fake.Settings{}, nil)
	refused("FORBIDDEN", says)(w)
	next := w.fake.RoundTripper()
	refusing := roundTrip(func(req *http.Request) *http.Response {
		if !strings.HasSuffix(req.URL.Path, "/git-receive-pack") {
			res, err := next.RoundTrip(req)
			w.must(err)
			return res
		}
		body, err := io.ReadAll(req.Body)
		w.must(err)
		push, err := gitserver.ParsePush(body)
		w.must(err)
		res := answer(req, 200, "")
		res.Header.Set("Content-Type", "application/x-git-receive-pack-result")
		res.Body = io.NopCloser(bytes.NewReader(push.Report("", map[string]string{"refs/heads/pawl/update": says}, "")))
		return res
	})
	_, err := w.publish(w.over(refusing, token), w.repo.Head("main"), edits(), "Bump a\n")
	if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(advice(err), "MERGE_TOKEN") {
		t.Errorf("%v, advice %q", err, advice(err))
	}
}

// TestUnsigned has pawl told to sign nothing: it pushes its commit itself, in one push and without a mutation of GraphQL, whatever is
// on the scratch branch.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	const message = "Bump a\n\nwhy\n\nPawl-Chain: x\n"
	w := newWorld(t, fake.Settings{}, nil)
	client := w.connect(token, func(c *github.Config) { c.Unsigned = true })
	theirs := w.push(scratch, "alice", map[string]string{"x": "y"})
	for _, readme := range []string{"once\n", "moved\n"} {
		base := w.push("main", "alice", map[string]string{"README.md": readme})
		since := len(w.fake.Calls())
		head, err := w.publish(client, base, edits(), message)
		w.must(err)
		pushes := func(s string) bool { return s == "git-receive-pack" }
		wrote := w.writes(since)
		if i := slices.IndexFunc(wrote, pushes); i != 0 || slices.ContainsFunc(wrote[1:], pushes) || strings.Contains(strings.Join(wrote, " "), "mutation") {
			t.Errorf("wrote %v", wrote)
		}
		made := w.repo.Log("pawl/update")[0]
		if made.SHA != head.HeadSHA || made.Verified || made.Author != "pawl-bot" || !slices.Equal(made.Parents, []string{base}) || !forge.SameText(made.Message, message) {
			t.Errorf("made %+v", made)
		}
		if text, _ := w.repo.File(head.HeadSHA, file); string(text) != after || w.repo.Head(scratch) != theirs {
			t.Errorf("the branch holds %q, scratch is at %s", text, w.repo.Head(scratch))
		}
	}
	since := len(w.fake.Calls()) // what is there already stays, however it was made
	head, err := w.publish(w.connect(token), w.repo.Head("main"), edits(), message)
	if err != nil || head.Done != "unchanged" || len(w.writes(since)) != 0 {
		t.Errorf("%+v, %v, wrote %v", head, err, w.writes(since))
	}
}

// TestScratchAnswers has each request that publishes answered in every wrong way, before and after it was carried out, once and for
// long: this run or the next one ends with one signed commit and one pull request, and nothing is left beside.
func TestScratchAnswers(t *testing.T) {
	t.Parallel()
	const message = "Bump a\n\nwhy\n\nPawl-Chain: x\n"
	later := http.Header{"Retry-After": {"3"}}
	faults := map[string]fake.Fault{
		"lost": {}, "502": {Status: 502, Message: "bad"}, "503": {Status: 503, Message: "x", Header: later}, "429": {Status: 429, Message: "x"},
		"403": {Status: 403, Message: "You have exceeded a secondary rate limit.", Header: later}, "empty": {Status: 200},
		"null": {Status: 200, Message: `{"data":null}`}, "half": {Status: 200, Message: `{"data":{"updateRefs":{},"createCommitOnBranch":{"commit":null}}}`},
		"a limit with 200": {Status: 200, Message: `{"data":{"updateRefs":{}},"errors":[{"type":"RATE_LIMIT","message":"secondary rate limit"}]}`},
	}
	for _, operation := range []string{"mutation updateRefs createCommitOnBranch", "git-receive-pack", "POST /pulls"} {
		for name, f := range faults {
			for i := range 4 {
				f.Apply, f.Times = i%2 == 0, 1+i
				w := newWorld(t, fake.Settings{}, nil)
				once(operation, f)(w, "")
				_, failed := w.publish(w.client, w.repo.Head("main"), edits(), message)
				if failed != nil && operation == "git-receive-pack" && i < 3 { // four are as many as it tries
					t.Errorf("%s at %s: %v", name, operation, failed)
				}
				w.fake.Heal()
				head, err := w.publish(w.connect(token), w.repo.Head("main"), edits(), message)
				w.must(err)
				if failed == nil && head.Done != "unchanged" || head.Branch != "pawl/update" {
					t.Errorf("%s at %s: the next run %+v", name, operation, head)
				}
				made := w.repo.Log("pawl/update")
				if len(made) != 2 || !made[0].Verified || made[0].SHA != head.HeadSHA || len(w.repo.Pulls()) != 1 || w.repo.Head(scratch) != "" {
					t.Errorf("%s at %s: %+v, scratch is at %q", name, operation, made, w.repo.Head(scratch))
				}
			}
		}
	}
}
