package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/git"
)

// authority asks the real rules about the edit on the given base.
func (w *world) authority(base string, need change.Requirement, limit time.Duration) func(context.Context, forge.State) (forge.Answer, error) {
	plan := change.Set{Base: base, Files: edits(), Updates: []change.Update{{
		Manifest: "a", Target: "yaml", File: file, Key: "$.image.tag", Old: "v1.0.0", New: "v1.1.0", Version: "v1.1.0",
	}}}
	return func(ctx context.Context, q forge.State) (forge.Answer, error) {
		repository, err := w.client.OpenRepository(ctx)
		if err != nil {
			return forge.Answer{}, err
		}
		checks := change.Checks{Runs: q.Checks, Require: need.Resolve(q.Enforced), Enforced: q.Enforced, Waited: q.Waited, Limit: limit}
		rules := change.Rules{Self: repository.Self, Repository: "acme/profile", Branch: "pawl/update", Base: "main", BaseSHA: q.BaseSHA}
		view := change.View{Order: strings.Compare}
		return forge.Answer{Now: change.Authorize(plan, q.Pull, checks, view, rules), Later: change.MayArm(plan, q.Pull, checks, view, rules)}, nil
	}
}

func named(checks ...string) change.Requirement {
	return change.Requirement{Mode: change.RequireNamed, Names: checks}
}

// mergeCase is one state of a pull request and the end that it must have.
type mergeCase struct {
	name     string
	settings fake.Settings
	options  func(*fake.Options)
	protect  fake.Protection
	need     change.Requirement
	method   string
	wait     time.Duration // default 10 minutes
	// arrange happens once the pull request is there, later when 30 seconds have gone by, and act before each request.
	arrange, later func(w *world, head string)
	before         func(w *world, call fake.Call)
	want           forge.Outcome
	by             forge.Way
	code           change.Code
	text           string // in detail or hint
	writes         []string
	armed          bool // still armed at the end
}

const (
	put     = "PUT /pulls/{pull_number}/merge"
	enable  = "mutation enablePullRequestAutoMerge"
	disable = "mutation disablePullRequestAutoMerge"
	enqueue = "mutation enqueuePullRequest"
	dequeue = "mutation dequeuePullRequest"
)

func green(name string) func(*world, string) {
	return func(w *world, head string) { w.repo.SetCheck(head, fake.Check{Name: name, Conclusion: "success"}) }
}

func once(operation string, fault fake.Fault) func(*world, string) {
	return func(w *world, _ string) {
		fault.Match = func(c fake.Call) bool { return short(c) == operation }
		w.fake.Inject(fault)
	}
}

func mergeCases() []mergeCase {
	none := change.Requirement{Mode: change.RequireNone}
	ci := fake.Protection{Checks: []string{"ci"}}
	queue := fake.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Build: 2 * time.Minute}
	auto := fake.Settings{AutoMerge: true}
	return []mergeCase{
		{name: "clean", need: named("ci"), arrange: green("ci"), want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "nothing required on purpose", need: none, want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "unstable by an optional check", need: named("ci"), arrange: func(w *world, head string) {
			green("ci")(w, head)
			w.repo.SetCheck(head, fake.Check{Name: "lint", Conclusion: "failure"})
		}, want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "a required check fails", need: named("ci"), settings: auto, protect: ci, later: func(w *world, head string) {
			w.repo.SetCheck(head, fake.Check{Name: "ci", Conclusion: "failure"})
		}, want: forge.Refused, code: change.CheckFailed, writes: []string{enable, disable}},
		{name: "unknown, then clean", need: named("ci"), arrange: green("ci"), options: func(o *fake.Options) { o.MergeableReads = 3 },
			want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "unknown for good", need: named("ci"), arrange: green("ci"), options: func(o *fake.Options) { o.MergeableReads = 1000 },
			want: forge.Pending, text: "computing"},
		{name: "blocked, then green, by auto-merge", settings: auto, protect: ci, need: named("ci"), later: green("ci"),
			want: forge.Merged, by: forge.Auto, writes: []string{enable}},
		{name: "clean status when arming", settings: auto, protect: ci, need: named("ci"), before: func(w *world, call fake.Call) {
			if call.Operation == enable {
				green("ci")(w, w.repo.Head("pawl/update"))
			}
		}, want: forge.Merged, by: forge.Direct, writes: []string{enable, put}},
		{name: "auto-merge is not allowed", protect: ci, need: named("ci"), later: green("ci"),
			want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "auto-merge is switched off while arming", settings: auto, protect: ci, need: named("ci"), later: green("ci"),
			before: func(w *world, call fake.Call) {
				if call.Operation == enable {
					w.repo.Configure(func(s *fake.Settings) { s.AutoMerge = false })
				}
			}, want: forge.Merged, by: forge.Direct, writes: []string{enable, put}},
		{name: "the required check is not enforced", settings: auto, protect: fake.Protection{Checks: []string{"other"}}, need: named("ci"),
			arrange: green("other"), later: green("ci"), want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "behind", settings: auto, protect: fake.Protection{Checks: []string{"ci"}, Strict: true}, need: named("ci"),
			arrange: func(w *world, head string) {
				green("ci")(w, head)
				w.push("main", "alice", map[string]string{"README.md": "moved\n"})
			}, want: forge.Rebuild, code: change.BaseMoved},
		{name: "dirty", settings: auto, need: named("ci"), arrange: func(w *world, _ string) {
			w.push("main", "alice", map[string]string{file: strings.Replace(before, "v1.0.0", "v9.9.9", 1)})
		}, want: forge.Rebuild, text: "conflicts"},
		{name: "base modified at the last moment", need: none, before: onFirst(put, func(w *world) {
			w.fake.Inject(fake.Fault{Match: func(c fake.Call) bool { return short(c) == put }, Status: 405,
				Message: "Base branch was modified. Review and try the merge again."})
		}), want: forge.Merged, by: forge.Direct, writes: []string{put, put}},
		{name: "base really modified at the last moment", need: none, before: onFirst(put, func(w *world) {
			w.push("main", "alice", map[string]string{"README.md": "moved\n"})
			w.fake.Inject(fake.Fault{Match: func(c fake.Call) bool { return short(c) == put }, Status: 405,
				Message: "Base branch was modified. Review and try the merge again."})
		}), want: forge.Rebuild, code: change.BaseMoved, writes: []string{put}},
		{name: "not mergeable for good", need: none, arrange: once(put, fake.Fault{Times: 100, Status: 405, Message: "Pull Request is not mergeable"}),
			want: forge.Rebuild, text: "not mergeable", writes: slices.Repeat([]string{put}, 9)},
		{name: "head moved at the last moment", need: none, before: onFirst(put, func(w *world) {
			w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
		}), want: forge.Refused, code: change.ForeignCommit, writes: []string{put}},
		{name: "method not allowed", settings: fake.Settings{NoSquash: true, NoMergeCommit: true}, need: none,
			want: forge.Failed, text: "merge: {method: rebase}"},
		{name: "method forbidden a moment ago", need: none, before: onFirst(put, func(w *world) {
			w.repo.Configure(func(s *fake.Settings) { s.NoSquash = true })
		}), want: forge.Failed, text: "squash", writes: []string{put}},
		{name: "another method", need: none, method: "rebase", want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "queue", settings: auto, protect: queue, need: named("ci"), arrange: green("ci"),
			want: forge.Merged, by: forge.Queue, writes: []string{enqueue}},
		{name: "queue that takes no unenforced check", protect: fake.Protection{Queue: true, Ruleset: true}, need: named("ci"), arrange: green("ci"),
			want: forge.Pending, text: "merge queue"},
		{name: "queue, and nothing is required", protect: fake.Protection{Queue: true, Ruleset: true, Build: time.Minute}, need: none,
			want: forge.Merged, by: forge.Queue, writes: []string{enqueue}},
		{name: "the answer is an empty object", need: none, arrange: once(put, fake.Fault{Status: 200, Message: "{}"}),
			want: forge.Merged, by: forge.Direct, writes: []string{put, put}},
		{name: "the answer says that it is not merged", need: none, arrange: once(put, fake.Fault{Status: 200, Message: `{"sha":"1234","merged":false}`}),
			want: forge.Merged, by: forge.Direct, writes: []string{put, put}},
		{name: "the answer is empty, and it was merged", need: none, arrange: once(put, fake.Fault{Apply: true, Status: 204, Message: "{}"}),
			want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "answers without a commit for good", need: none, arrange: once(put, fake.Fault{Times: 1000, Status: 200, Message: "{}"}),
			want: forge.Pending, text: "names no commit", writes: slices.Repeat([]string{put}, 9)},
		{name: "queue, and somebody pushes", settings: auto, protect: fake.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Build: time.Hour},
			need: named("ci"), arrange: green("ci"), later: func(w *world, head string) {
				w.repo.SetCheck(head, fake.Check{Name: "ci", Conclusion: "failure"})
			}, want: forge.Refused, code: change.CheckFailed, writes: []string{enqueue, dequeue}},
		{name: "draft", need: none, arrange: func(w *world, _ string) { w.must(w.repo.Draft(1, true)) }, want: forge.Refused, code: change.IsDraft},
		{name: "under review", need: none, arrange: func(w *world, _ string) { w.must(w.repo.Label(1, change.ReviewLabel)) },
			want: forge.Refused, code: change.UnderReview},
		{name: "checks that never report", settings: auto, protect: ci, need: named("ci"), want: forge.Pending, text: "GITHUB_TOKEN",
			writes: []string{enable}, armed: true},
		{name: "a check that never ends", settings: auto, protect: ci, need: named("ci"), arrange: func(w *world, head string) {
			w.repo.SetCheck(head, fake.Check{Name: "ci"})
		}, want: forge.Pending, code: change.CheckPending, writes: []string{enable}, armed: true},
		{name: "a check that is absent to the end", need: named("ci", "lint"), arrange: green("lint"), want: forge.Refused, code: change.CheckAbsent},
		{name: "green on an older head only", need: named("ci"), arrange: func(w *world, _ string) {
			w.repo.SetCheck(w.repo.Head("main"), fake.Check{Name: "ci", Conclusion: "success"})
		}, want: forge.Pending, code: change.ChecksSilent},
		{name: "a commit status counts", need: named("ci"), arrange: func(w *world, head string) {
			w.repo.SetCheck(head, fake.Check{Name: "ci", Conclusion: "success", Status: true})
		}, want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "no wait", need: named("ci"), wait: time.Nanosecond, want: forge.Pending, code: change.CheckAbsent},
		{name: "nothing named", arrange: green("ci"), want: forge.Refused, code: change.RequireIsBare},
		{name: "somebody pushes while it is armed", settings: auto, protect: ci, need: named("ci"), later: func(w *world, _ string) {
			w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
		}, want: forge.Refused, code: change.ForeignCommit, writes: []string{enable, disable}},
		{name: "somebody pushes while it is being armed", settings: auto, protect: ci, need: named("ci"), before: onFirst(enable, func(w *world) {
			w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
		}), want: forge.Refused, code: change.ForeignCommit, writes: []string{enable}},
		{name: "armed by an earlier run, now held back", settings: auto, protect: ci, need: named("ci"), arrange: func(w *world, _ string) {
			w.arm()
			w.must(w.repo.Label(1, change.ReviewLabel))
		}, want: forge.Refused, code: change.UnderReview, writes: []string{disable}},
		{name: "the answer to the disarming gets lost", settings: auto, protect: ci, need: named("ci"), arrange: func(w *world, _ string) {
			w.arm()
			w.must(w.repo.Label(1, change.ReviewLabel))
			once(disable, fake.Fault{Apply: true})(w, "")
		}, want: forge.Refused, code: change.UnderReview, writes: []string{disable}},
		{name: "merged while it is disarmed", settings: auto, protect: ci, need: named("ci"), arrange: func(w *world, _ string) {
			w.arm()
			w.must(w.repo.Label(1, change.ReviewLabel))
		}, before: onFirst(disable, func(w *world) {
			_, err := w.repo.Merge(1, "alice", "squash")
			w.must(err)
		}), want: forge.Merged, by: forge.ByPerson, writes: []string{disable}},
		{name: "the answer to the arming gets lost", settings: auto, protect: ci, need: named("ci"), arrange: once(enable, fake.Fault{Apply: true}),
			later: green("ci"), want: forge.Merged, by: forge.Auto, writes: []string{enable}},
		{name: "the queue's answer gets lost", settings: auto, protect: queue, need: named("ci"), arrange: func(w *world, head string) {
			green("ci")(w, head)
			once(enqueue, fake.Fault{Apply: true})(w, head)
		}, want: forge.Merged, by: forge.Queue, writes: []string{enqueue}},
		{name: "armed by a person, under review", settings: auto, protect: ci, need: named("ci"), arrange: func(w *world, _ string) {
			w.armAs("alice")
			w.must(w.repo.Label(1, change.ReviewLabel))
		}, want: forge.Refused, code: change.UnderReview, armed: true},
		{name: "armed by an earlier run", settings: auto, protect: ci, need: named("ci"), arrange: func(w *world, _ string) { w.arm() },
			later: green("ci"), want: forge.Merged, by: forge.Auto},
		{name: "closed by a person", need: named("ci"), later: func(w *world, _ string) { w.must(w.repo.Close(1, "alice")) }, want: forge.Closed},
		{name: "merged by a person", need: named("ci"), later: func(w *world, _ string) {
			_, err := w.repo.Merge(1, "alice", "squash")
			w.must(err)
		}, want: forge.Merged, by: forge.ByPerson},
		{name: "merged already by an earlier run", need: none, arrange: once(put, fake.Fault{Apply: true}),
			want: forge.Merged, by: forge.Direct, writes: []string{put}},
		{name: "the request got lost", need: none, arrange: once(put, fake.Fault{}), want: forge.Merged, by: forge.Direct, writes: []string{put, put}},
		{name: "server error", need: none, arrange: once(put, fake.Fault{Status: 502, Message: "Bad Gateway"}),
			want: forge.Merged, by: forge.Direct, writes: []string{put, put}},
		{name: "secondary rate limit", need: none, arrange: once(put, fake.Fault{Status: 403, Message: "You have exceeded a secondary rate limit."}),
			want: forge.Merged, by: forge.Direct, writes: []string{put, put}},
		{name: "protection is stricter than the configuration", protect: ci, need: none, later: green("ci"),
			want: forge.Merged, by: forge.Direct, writes: []string{put, put, put, put}},
	}
}

// onFirst acts before the first request of an operation.
func onFirst(operation string, act func(*world)) func(*world, fake.Call) {
	done := false
	return func(w *world, call fake.Call) {
		if short(call) == operation && !done {
			done = true
			act(w)
		}
	}
}

// arm arms auto-merge as an earlier run did.
func (w *world) arm() {
	w.Helper()
	result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash", Wait: time.Nanosecond,
		Message: change.Message{Subject: "Bump a"}, Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)})
	w.must(err)
	if pull, _ := w.repo.Pull(1); result.Outcome != forge.Pending || !pull.AutoMerge {
		w.Fatalf("arming: %+v", result)
	}
}

// armAs arms auto-merge as a person does.
func (w *world) armAs(who string) {
	w.Helper()
	_, body := w.graphQL(who, `{repository(owner:"acme",name:"profile"){pullRequest(number:1){id}}}`)
	id := strings.Split(body[strings.Index(body, `"id":"`)+len(`"id":"`):], `"`)[0]
	status, body := w.graphQL(who, `mutation{enablePullRequestAutoMerge(input:{pullRequestId:"`+id+`",mergeMethod:SQUASH}){clientMutationId}}`)
	if pull, _ := w.repo.Pull(1); !pull.AutoMerge {
		w.Fatalf("arming as %s: %d %s", who, status, body)
	}
}

// graphQL sends a query as somebody.
func (w *world) graphQL(who, query string) (int, string) {
	w.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	w.must(err)
	req, err := http.NewRequest(http.MethodPost, "https://api.github.com/graphql", bytes.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+who)
	res, err := w.fake.RoundTripper().RoundTrip(req)
	w.must(err)
	text, err := io.ReadAll(res.Body)
	w.must(err)
	return res.StatusCode, string(text)
}

// TestHeadThatShowsLate merges a head that GitHub shows a moment later, and does not wait for one that a person hid.
func TestHeadThatShowsLate(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{true, false} {
		w := newWorld(t, fake.Settings{}, nil)
		ctx, base := context.Background(), w.repo.Head("main")
		old, _ := w.propose()
		me, err := w.client.Open(ctx)
		w.must(err)
		ours := git.Person{Name: "pawl-bot", Email: fmt.Sprintf("%d+pawl-bot@users.noreply.github.com", me.Self.ID)}
		next := w.next(token, "later", old.HeadSHA, base, ours, ours)
		w.time.each = func() {
			if late {
				w.must(w.repo.SetBranch("pawl/update", next))
			}
		}
		if !late {
			w.push("pawl/update", "mallory", map[string]string{"README.md": "mine\n"})
		}
		asked := 0
		authority := w.authority(base, change.Requirement{Mode: change.RequireNone}, 0)
		result, err := w.client.Merge(ctx, forge.Order{Number: 1, Method: "squash", Head: next,
			Authority: func(ctx context.Context, q forge.State) (forge.Answer, error) {
				asked++
				if late && q.Pull.HeadSHA == old.HeadSHA {
					t.Error("asked about the old head")
				}
				return authority(ctx, q)
			}})
		w.must(err)
		if late != (result.Outcome == forge.Merged) || !late && result.Decision.Code != change.ForeignCommit || asked != 1 || late && w.time.slept != time.Second {
			t.Errorf("late %v: asked %d times, ended %+v", late, asked, result)
		}
	}
}

// TestMergedWithAnotherHead shows that what another run put on the branch, and merged, is not what was to be merged.
func TestMergedWithAnotherHead(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		w := newWorld(t, fake.Settings{}, nil)
		base, want := w.repo.Head("main"), forge.Merged
		head, _ := w.propose()
		w.time.each = func() {
			if !same {
				want = forge.Rebuild
				w.push("pawl/update", "pawl-bot", map[string]string{file: strings.Replace(before, "v1.0.0", "v1.0.9", 1)})
			}
			_, err := w.repo.Merge(1, "pawl-bot", "squash")
			w.must(err)
		}
		result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash", Head: head.HeadSHA, Wait: time.Hour, Authority: w.authority(base, named("ci"), time.Hour)})
		w.must(err)
		if result.Outcome != want || same != (result.SHA == w.repo.Head("main")) {
			t.Errorf("the same head: %t, ended %+v", same, result)
		}
	}
}

func TestMergeMachine(t *testing.T) {
	t.Parallel()
	for _, test := range mergeCases() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t)
		})
	}
}

func (test mergeCase) run(t *testing.T) {
	var w *world
	w = newWorld(t, test.settings, func(o *fake.Options) {
		if test.options != nil {
			test.options(o)
		}
		o.Before = func(call fake.Call) {
			if test.before != nil {
				test.before(w, call)
			}
		}
	})
	head, _ := w.propose()
	base, limit := w.repo.Head("main"), max(test.wait, 10*time.Minute)
	w.repo.Protect("main", test.protect)
	if test.arrange != nil {
		test.arrange(w, head.HeadSHA)
	}
	due := w.time.now().Add(30 * time.Second)
	w.time.each = func() {
		if test.later != nil && !w.time.now().Before(due) {
			test.later(w, head.HeadSHA)
			test.later = nil
		}
	}
	if test.wait == 0 {
		test.wait = 10 * time.Minute
	}
	if test.method == "" {
		test.method = "squash"
	}
	since := len(w.fake.Calls())
	result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Head: head.HeadSHA, Method: test.method, Wait: test.wait,
		Message: change.Message{Subject: "Bump a", Body: "why"}, Authority: w.authority(base, test.need, limit)})
	w.must(err)
	test.check(w, result, since)
}

func (test mergeCase) check(w *world, result forge.Merge, since int) {
	w.Helper()
	if result.Outcome != test.want || result.By != test.by || test.code != "" && result.Decision.Code != test.code {
		w.Errorf("ended %+v", result)
	}
	if said := result.Detail + " " + result.Hint; !strings.Contains(said, test.text) {
		w.Errorf("said %q, want %q", said, test.text)
	}
	if diff := cmp.Diff(test.writes, w.writes(since)); diff != "" {
		w.Error(diff)
	}
	pull, _ := w.repo.Pull(1)
	if result.Outcome == forge.Merged && (result.SHA == "" || result.SHA != w.repo.Head("main") || result.At.IsZero()) {
		w.Errorf("merged as %+v, main is at %s", result, w.repo.Head("main"))
	}
	if pull.Merged != (result.Outcome == forge.Merged) || pull.AutoMerge != test.armed || pull.Queued {
		w.Errorf("left behind %+v", pull)
	}
	if text, _ := w.repo.File("main", file); pull.Merged && string(text) != after {
		w.Errorf("main holds %q", text)
	}
}

// TestWaitingReadsTheDiffOnce counts what a long wait costs.
func TestWaitingReadsTheDiffOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	head, _ := w.propose()
	w.repo.SetCheck(head.HeadSHA, fake.Check{Name: "ci"})
	since := len(w.fake.Calls())
	result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash", Wait: 5 * time.Minute,
		Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)})
	w.must(err)
	count := map[string]int{}
	for _, c := range w.fake.Calls()[since:] {
		count[short(c)]++
	}
	if result.Outcome != forge.Pending || count["GET /compare/{basehead}"] != 1 || count["GET /branches/{branch}"] != 1 ||
		count["GET /commits/{ref}/check-runs"] != 31 {
		t.Errorf("ended %+v after %v", result, count)
	}
}

// TestHappyPathIsShort counts the requests from opening the repository to the merged commit.
func TestHappyPathIsShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx := context.Background()
	repository, err := w.client.OpenRepository(ctx)
	w.must(err)
	_, err = w.client.Read(ctx, repository.BaseSHA, []string{file})
	w.must(err)
	w.propose()
	plan := w.authority(repository.BaseSHA, change.Requirement{Mode: change.RequireNone}, 0)
	before := w.client.Calls()
	_, err = w.client.Merge(ctx, forge.Order{Number: 1, Method: "squash", Authority: plan})
	w.must(err)
	if total := w.client.Calls(); total > 20 || w.fake.Writes() != 5 {
		t.Errorf("%d calls, %d of them for the merge, %d write:\n%+v", total, total-before, w.fake.Writes(), w.fake.Calls())
	}
}

func TestMergeSendsTheMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	w.propose()
	base := w.repo.Head("main")
	_, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash",
		Message: change.Message{Subject: "Bump a", Body: "why\n\nPawl-Chain: x"}, Authority: w.authority(base, change.Requirement{Mode: change.RequireNone}, 0)})
	w.must(err)
	if log := w.repo.Log("main"); log[0].Message != "Bump a\n\nwhy\n\nPawl-Chain: x" || len(log) != 2 {
		t.Errorf("log %+v", log)
	}
}

// TestNoGrantMergesNothing asks an authority that says yes without a grant, or with one of another pull request.
func TestNoGrantMergesNothing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]forge.Answer{
		"nothing said": {},
		"only words": {
			Now: change.Decision{Verdict: change.Granted, Code: change.Authorized}, Later: change.Decision{Verdict: change.Granted},
		},
		"of another pull request": {Now: granted(t, 7), Later: granted(t, 7)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.Settings{AutoMerge: true}, nil)
			w.repo.Protect("main", fake.Protection{Checks: []string{"ci"}})
			head, _ := w.propose()
			green("ci")(w, head.HeadSHA)
			since := len(w.fake.Calls())
			result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash", Wait: time.Minute,
				Authority: func(context.Context, forge.State) (forge.Answer, error) { return answer, nil }})
			if err == nil && result.Outcome != forge.Pending || len(w.writes(since)) != 0 {
				t.Errorf("%+v, %v, wrote %v", result, err, w.writes(since))
			}
		})
	}
}

// TestNotDisarmedIsAnError must not pass for a quiet refusal.
func TestNotDisarmedIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{AutoMerge: true}, nil)
	w.propose()
	w.repo.Protect("main", fake.Protection{Checks: []string{"ci"}})
	w.arm()
	w.must(w.repo.Label(1, change.ReviewLabel))
	once(disable, fake.Fault{Status: 403, Message: "Resource not accessible", Times: 10})(w, "")
	result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash",
		Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)})
	if err == nil || result.Outcome != forge.Failed || result.Decision.Code != change.UnderReview || !strings.Contains(advice(err), "pull-requests: write") {
		t.Errorf("%+v, %v", result, err)
	}
}

// granted is a real grant for a pull request.
func granted(t *testing.T, number int) change.Decision {
	t.Helper()
	self := change.Identity{ID: 1}
	plan := change.Set{Base: "b", Files: edits(), Updates: []change.Update{{Manifest: "a", File: file, Old: "v1.0.0", New: "v1.1.0"}}}
	d := change.Authorize(plan, change.PullRequest{Number: number, Author: self, HeadRepo: "o/n", BaseRepo: "o/n", HeadBranch: "x",
		HeadSHA: "h", BaseBranch: "main", State: "open", Commits: []change.Commit{{SHA: "h", Author: self}}, Files: edits()},
		change.Checks{Require: change.Requirement{Mode: change.RequireNone}}, change.View{Order: strings.Compare},
		change.Rules{Self: self, Repository: "o/n", Branch: "x", Base: "main", BaseSHA: "b"})
	if _, ok := d.Grant(); !ok {
		t.Fatalf("no grant: %+v", d)
	}
	return d
}

func TestMergeErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		text   string
	}{{http.StatusForbidden, "contents: write"}, {http.StatusUnauthorized, "MERGE_TOKEN"}, {http.StatusNotFound, "acme/profile"}} {
		w := newWorld(t, fake.Settings{}, nil)
		w.propose()
		once(put, fake.Fault{Status: test.status, Message: "no, " + token})(w, "")
		result, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Method: "squash",
			Authority: w.authority(w.repo.Head("main"), change.Requirement{Mode: change.RequireNone}, 0)})
		if err == nil || result.Outcome != forge.Failed || !strings.Contains(advice(err), test.text) || strings.Contains(err.Error(), token) {
			t.Errorf("%d: %+v, %v, advice %q", test.status, result, err, advice(err))
		}
	}
}
