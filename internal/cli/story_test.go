package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/event/contract"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/cdevents"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// storyStage is a deploy stage with a receiver of events.
type storyStage struct {
	*deployStage
	receiver *receiver.Receiver
	// sources is the registry behind its faults.
	sources *fake.Faults
}

func newStoryStage(t *testing.T, projects int, settings github.Settings, more string) *storyStage {
	t.Helper()
	s := &storyStage{deployStage: newDeployStage(t, projects, settings, more+"events: {sinks: [{type: http, url: 'https://events.example/in'}]}\n"), receiver: receiver.New()}
	s.bubble, s.sources = true, fake.WithFaults(s.registry)
	return s
}

// environment is that of a job.
func (s *storyStage) environment(run int) map[string]string {
	return map[string]string{"GITHUB_RUN_ID": fmt.Sprint(run), "GITHUB_RUN_ATTEMPT": "1"}
}

// network is the way to everything, the receiver included.
func (s *storyStage) network() http.RoundTripper {
	all := s.transport().(hosts)
	all[""] = fake.Network{"index.docker.io": s.sources}
	all["events.example"] = fake.Network{"events.example": s.receiver}
	return all
}

// play runs pawl as the run of a number.
func (s *storyStage) play(number, want int, args ...string) {
	s.Helper()
	code, report, printed := s.command(s.network(), s.environment(number), append([]string{"run"}, args...)...)
	if code != want {
		s.Fatalf("exit code %d, want %d: %s", code, want, printed)
	}
	for _, d := range report.Delivery {
		if d.Waiting+d.Dead > 0 {
			s.Errorf("not delivered: %+v", d)
		}
	}
}

// configure changes the configuration, here and on the base.
func (s *storyStage) configure(before, after string) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.root, ".pawl.yaml"))
	s.must(nil, err)
	changed := strings.Replace(string(text), before, after, 1)
	s.local(".pawl.yaml", changed)
	s.must(s.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(changed)}, "another configuration"))
}

// occurrence is one event as a receiver sees it.
type occurrence struct {
	raw     json.RawMessage
	Context struct {
		ID, Source, Type, ChainID string
		Timestamp                 time.Time
		Links                     []struct {
			LinkType, LinkKind string
			From, Target       struct{ ContextID string }
		}
	}
	Subject struct {
		ID, Source string
		Content    struct {
			Outcome, From, To, TaskName string
			Errors                      string
		}
	}
	CustomData struct {
		Pawl struct{ Result, Reason, Status string }
	}
}

func (e occurrence) kind() string {
	parts := strings.Split(e.Context.Type, ".")
	return strings.TrimPrefix(strings.Join(parts[2:4], "."), "pawl-")
}

// derived reports whether the event tells what the forge shows, and not what a run did.
func (e occurrence) derived() bool {
	return !strings.HasPrefix(e.Subject.ID, "run/") && e.kind() != "version.found"
}

// events are what the receiver has, each once, in the order of arrival. Repetitions must be the same bytes.
func (s *storyStage) events() []occurrence {
	s.Helper()
	var all []occurrence
	seen := map[string]json.RawMessage{}
	for _, got := range s.receiver.Events() {
		if n := got.Attributes["sequence"]; len(n) != 10 {
			s.Errorf("the number %q of %s", n, got.Data)
		}
		var e occurrence
		s.must(nil, json.Unmarshal(got.Data, &e))
		e.raw = got.Data
		if err := cdevents.Validate(got.Data); err != nil {
			s.Errorf("%s\n%v", got.Data, err)
		}
		if err := contract.Validate(got.Data); err != nil {
			s.Errorf("%s\n%v", got.Data, err)
		}
		if first, known := seen[e.Context.ID]; known {
			if e.derived() && !bytes.Equal(first, got.Data) {
				s.Errorf("told otherwise: %s", cmp.Diff(string(first), string(got.Data)))
			}
			continue
		}
		seen[e.Context.ID] = got.Data
		all = append(all, e)
	}
	return all
}

var (
	hexadecimal = regexp.MustCompile(`\b[0-9a-f]{40}\b`)
	pipelineNo  = regexp.MustCompile(`/pipelines/\d+`)
)

// tale writes events as lines: number, type, subject, what came of it, chain, and the numbers of the events that it is
// linked to. It checks that every link leads to an event of the set.
func (s *storyStage) tale(all []occurrence) string {
	s.Helper()
	slices.SortStableFunc(all, func(a, b occurrence) int { // chains arrive beside each other
		if a.Context.ChainID == b.Context.ChainID {
			return 0
		}
		return strings.Compare(a.Context.ChainID, b.Context.ChainID)
	})
	numbers, chains := map[string]int{}, map[string]string{"": "-"}
	for i, e := range all {
		numbers[e.Context.ID] = i + 1
	}
	var text strings.Builder
	for i, e := range all {
		if _, ok := chains[e.Context.ChainID]; !ok {
			chains[e.Context.ChainID] = string(rune('A' + len(chains) - 1))
		}
		var links []string
		for _, l := range e.Context.Links {
			to := l.From.ContextID + l.Target.ContextID
			if numbers[to] == 0 {
				s.Errorf("%s: a link to no event: %s", e.Context.Type, to)
			}
			links = append(links, strings.TrimSuffix(l.LinkType+" "+l.LinkKind, " ")+" "+fmt.Sprint(numbers[to]))
		}
		slices.Sort(links)
		subject := pipelineNo.ReplaceAllString(hexadecimal.ReplaceAllString(e.Subject.ID, "SHA"), "/pipelines/N")
		c := e.Subject.Content
		about := strings.Join(slices.DeleteFunc([]string{c.From, c.To, c.Outcome, e.CustomData.Pawl.Result, e.CustomData.Pawl.Reason, e.CustomData.Pawl.Status, c.Errors}, func(t string) bool { return t == "" }), " ")
		fmt.Fprintf(&text, "%2d %s %s | %s | chain %s | %s\n", i+1, e.kind(), subject, about, chains[e.Context.ChainID], strings.Join(links, ", "))
	}
	return text.String()
}

// scenario is a story to be told.
type scenario struct {
	projects int
	settings github.Settings
	more     string
	play     func(s *storyStage)
	// after is the exit code of one run more.
	after int
}

func scenarios() map[string]scenario {
	slow := checks(github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute})
	one := func(s *storyStage) {
		s.publish("a")
		s.play(1, 0, "--image", "org/a:v1.2.0")
	}
	return map[string]scenario{
		"nothing to do": {projects: 2, play: func(s *storyStage) { s.play(1, 0) }},
		"one update":    {projects: 2, play: one},
		"one update and a run with nothing to do": {projects: 1, play: func(s *storyStage) {
			one(s)
			s.play(2, 0)
		}},
		"many updates": {projects: 2, play: func(s *storyStage) {
			for _, app := range []string{"a", "b", "c"} {
				s.publish(app)
			}
			s.play(1, 0)
		}},
		"a hold": {projects: 1, play: func(s *storyStage) {
			one(s)
			s.edit("main", "a: v1.2.0", "a: v1.0.0") // a person goes back
			s.play(2, 0)
		}},
		"a source that fails": {projects: 1, after: 3, play: func(s *storyStage) {
			s.publish("a")
			s.sources.Set("/v2/org/b/", fake.Fault{Status: 403})
			s.play(1, 3)
		}},
		"a pull request that is updated": {projects: 1, settings: slow, more: "", play: func(s *storyStage) {
			s.publish("a")
			s.play(1, 0, "--no-merge")
			s.publish("a")
			s.play(2, 0)
		}},
		"closed by a person": {projects: 1, play: func(s *storyStage) {
			s.publish("a")
			s.play(1, 0, "--no-merge")
			s.must(nil, s.repo.Close(1, "alice"))
			s.play(2, 0)
		}},
		"withdrawn": {projects: 1, play: func(s *storyStage) {
			s.publish("a")
			s.play(1, 0, "--no-merge")
			s.registry.SetTags("org/a", "v1.0.0")
			s.play(2, 0)
		}},
		"one project that fails": {projects: 3, play: func(s *storyStage) {
			s.projects[1].Inject(gitlab.Faults()["401"])
			s.publish("a")
			s.play(1, 3)
			s.projects[1].Heal()
			s.play(2, 0)
		}},
		"a merge that takes too long": {projects: 1, settings: slow, after: 3, play: func(s *storyStage) {
			s.configure("merge: {require: none}", "merge: {require: [ci], wait: 1m}")
			s.publish("a")
			s.play(1, 3)
		}},
		"pipelines that are followed": {projects: 2, more: "  wait: 10m\n", play: func(s *storyStage) {
			s.projects[1].SetStatuses("created", "running", "success")
			s.publish("a")
			s.play(1, 0)
		}},
		"pipelines that end later": {projects: 2, more: "  wait: 1m\n", play: func(s *storyStage) {
			s.projects[1].SetStatuses(append(slices.Repeat([]string{"running"}, 8), "failed")...)
			s.publish("a")
			s.play(1, 0)
			s.play(2, 0)
			s.play(3, 0)
		}},
		"two workflows": {projects: 2, more: "  by: push\n", play: func(s *storyStage) {
			s.publish("a")
			s.play(1, 0)
			if code, _, printed := s.command(s.network(), s.environment(2), "deploy", "--commit", s.repo.Head("main")); code != 0 {
				s.Fatalf("exit code %d: %s", code, printed)
			}
		}},
		"a crash after the merge, and the disk with it": {projects: 2, play: func(s *storyStage) {
			s.publish("a")
			s.dies(1, s.mergeAt(), true)
			s.play(2, 0)
		}},
	}
}

// TestStories are the events of each scenario, golden: all valid, all links inside the set, one chain from the pull
// request to its pipelines. One run more tells of nothing but itself, and writes nothing.
func TestStories(t *testing.T) {
	t.Parallel()
	for name, c := range scenarios() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newStoryStage(t, c.projects, c.settings, c.more)
				c.play(s)
				tale := s.tale(s.events())
				file := filepath.Join("testdata", "stories", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".txt")
				if *rewrite {
					s.must(nil, os.MkdirAll(filepath.Dir(file), 0o755))
					s.must(nil, os.WriteFile(file, []byte(tale), 0o644))
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), tale); diff != "" {
					t.Error(diff)
				}
				s.oneChain()
				before, writes := len(s.receiver.Events()), s.stage.github.Writes()
				s.play(9, c.after)
				for _, e := range s.receiver.Events()[before:] {
					if !strings.Contains(string(e.Data), "run/9-1") {
						t.Errorf("told again: %s", e.Data)
					}
				}
				if n := s.stage.github.Writes() - writes; n > 0 {
					t.Errorf("one more run writes %d times", n)
				}
			})
		})
	}
}

// oneChain checks that a pull request and all that follows have one chain.
func (s *storyStage) oneChain() {
	s.Helper()
	chains := map[string]string{} // by id of the event
	for _, e := range s.events() {
		chains[e.Context.ID] = e.Context.ChainID
		if !e.derived() {
			continue
		}
		if e.Context.ChainID == "" {
			s.Errorf("no chain: %s", e.raw)
		}
		for _, l := range e.Context.Links {
			if before := chains[l.From.ContextID+l.Target.ContextID]; before != e.Context.ChainID {
				s.Errorf("the chain %s follows %s: %s", e.Context.ChainID, before, e.raw)
			}
		}
	}
}

// dies runs pawl until its request of a number, counted over the forge, the GitLab and the receiver.
func (s *storyStage) dies(run, request int, after bool) {
	s.Helper()
	s.command(&mortal{next: s.network(), left: request, after: after}, s.environment(run), "run")
}

// counting counts requests that are not of the registry, and notes which of them merged.
type counting struct {
	next   http.RoundTripper
	mu     sync.Mutex
	n      int
	merged int
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	if req.URL.Host != "index.docker.io" {
		c.n++
		if strings.HasSuffix(req.URL.Path, "/merge") {
			c.merged = c.n
		}
	}
	c.mu.Unlock()
	return c.next.RoundTrip(req)
}

// mergeAt is the number of the request that merges, of a run on an equal stage.
func (s *storyStage) mergeAt() int {
	s.Helper()
	twin := newStoryStage(s.T, len(s.projects), github.Settings{}, "")
	twin.publish("a")
	c := &counting{next: twin.network()}
	twin.command(c, twin.environment(1), "run")
	return c.merged
}

// TestStoryKilled kills a run at each of its requests, before it arrives and after. Once the
// next run is done no event of a thing that happened is missing, and none tells what did not happen.
func TestStoryKilled(t *testing.T) {
	t.Parallel()
	deeds := map[string]struct {
		settings github.Settings
		before   func(s *storyStage)
	}{
		"a new pull request": {before: func(s *storyStage) { s.publish("a") }},
		"an older one": {before: func(s *storyStage) {
			s.publish("a")
			s.play(1, 0, "--no-merge")
			s.publish("a")
		}},
		"withdrawn": {before: func(s *storyStage) {
			s.publish("a")
			s.play(1, 0, "--no-merge")
			s.registry.SetTags("org/a", "v1.0.0")
		}},
		"auto-merge": {
			settings: withAutoMerge(checks(github.Check{Name: "ci", Conclusion: "success", After: time.Minute})),
			before: func(s *storyStage) {
				s.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
				s.publish("a")
			},
		},
	}
	for name, deed := range deeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stage := func(t *testing.T) *storyStage {
				s := newStoryStage(t, 2, deed.settings, "")
				deed.before(s)
				return s
			}
			requests := 0
			synctest.Test(t, func(t *testing.T) {
				s := stage(t)
				c := &counting{next: s.network()}
				s.command(c, s.environment(2), "run")
				requests = c.n
				s.happened("undisturbed")
			})
			for request := 1; request <= requests; request += stride(9) {
				for _, after := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						s := stage(t)
						s.dies(2, request, after)
						s.wait(11 * time.Minute) // nobody can be at it any more
						s.stage.github.Tick()
						for run := 3; run < 5; run++ { // what a run merges last, it may tell of only after it looked
							s.command(s.network(), s.environment(run), "run")
						}
						s.happened(fmt.Sprintf("request %d, arrived %t", request, after))
					})
				}
			}
			t.Logf("%d requests: %d deaths", requests, 2*requests)
		})
	}
}

// happened holds what was told against what the forge and the GitLab show.
func (s *storyStage) happened(when string) {
	s.Helper()
	want := map[string]bool{}
	for _, p := range s.repo.Pulls() {
		subject := fmt.Sprintf("acme/profile#%d", p.Number)
		want["change.created "+subject] = true
		want["branch.created "+p.Head] = true
		switch {
		case p.Merged:
			want["change.merged "+subject] = true
		case p.State == "closed":
			want["change.abandoned "+subject] = true
		}
		if p.AutoMerge {
			want["automerge.enabled "+subject] = true
		}
		if strings.Contains(p.Body, fmt.Sprintf(`"revised":{"pull":%d,`, p.Number)) {
			want["change.updated "+subject] = true
		}
	}
	unknown := map[string]bool{}
	var book struct{ Claims []ledger.Claim }
	if data, ok := s.repo.File("refs/pawl/ledger", "claims.json"); ok {
		s.must(nil, json.Unmarshal(data, &book))
	}
	for _, c := range book.Claims {
		unknown[c.Project] = c.Open()
	}
	got := map[string]bool{}
	for _, e := range s.events() {
		if e.derived() {
			got[e.kind()+" "+e.Subject.ID] = true
		}
	}
	for i, p := range s.projects {
		for _, made := range p.Pipelines() {
			told := fmt.Sprintf("pipelinerun.queued %s/pipelines/%d", p.Path(), made.ID)
			if i%2 == 0 && unknown[fmt.Sprintf("env-%d", i)] && !got[told] {
				continue // its answer got lost, and nobody may look it up
			}
			want[told] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		s.Errorf("%s: %s", when, diff)
	}
	known := map[string]bool{}
	for _, e := range s.events() {
		known[e.Context.ID] = true
	}
	for _, e := range s.events() {
		for _, l := range e.Context.Links {
			if e.derived() && !known[l.From.ContextID+l.Target.ContextID] {
				s.Errorf("%s: a link to no event: %s", when, e.raw)
			}
		}
	}
}

// TestStoryAgain gives the same state to a receiver that knows nothing: it is told everything in the same bytes.
func TestStoryAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "")
		s.publish("a")
		s.play(1, 0)
		s.publish("b")
		s.play(2, 0)
		first := s.events()
		other := receiver.New()
		more := hosts{}
		maps.Copy(more, s.network().(hosts))
		more["other.example"] = fake.Network{"other.example": other}
		config := filepath.Join(s.root, ".pawl.yaml")
		text, err := os.ReadFile(config)
		s.must(nil, err)
		s.must(nil, os.WriteFile(config, bytes.Replace(text, []byte("https://events.example/in"), []byte("https://other.example/in"), 1), 0o644))
		s.wait(time.Hour)
		code, _, printed := s.command(more, s.environment(3), "run", "--from", "root")
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, printed)
		}
		var want, got []string
		for _, e := range first {
			if e.derived() {
				want = append(want, string(e.raw))
			}
		}
		for _, e := range other.Events() {
			var o occurrence
			s.must(nil, json.Unmarshal(e.Data, &o))
			if o.derived() {
				got = append(got, string(e.Data))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 2*5 {
			t.Errorf("%d events: %s", len(got), diff)
		}
	})
}

// TestStoryCosts: telling costs no call of the forge on the way to a merge.
func TestStoryCosts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		quiet := newDeployStage(t, 2, github.Settings{}, "")
		quiet.publish("a")
		want := quiet.do(0, "run").Calls
		s := newStoryStage(t, 2, github.Settings{}, "")
		s.publish("a")
		if _, report, _ := s.command(s.network(), s.environment(1), "run"); report.Calls != want || len(report.Events) < 10 {
			t.Errorf("%d calls and %d events, %d calls without", report.Calls, len(report.Events), want)
		}
	})
}

// TestStoryDry shows what a run would tell, and tells nobody.
func TestStoryDry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "")
		s.publish("a")
		for _, args := range [][]string{{"run", "--dry-run"}, {"run"}} {
			env := s.environment(1)
			if len(args) == 1 {
				env["PAWL_PAUSE"] = "release week"
			}
			code, report, printed := s.command(s.network(), env, args...)
			var kinds []string
			for _, raw := range report.Events {
				var e occurrence
				s.must(nil, json.Unmarshal(raw, &e))
				s.must(nil, cdevents.Validate(raw))
				kinds = append(kinds, e.kind())
			}
			want := []string{"pipelinerun.started", "taskrun.finished", "taskrun.finished", "taskrun.finished", "version.found", "taskrun.finished", "pipelinerun.finished"}
			if diff := cmp.Diff(want, kinds); diff != "" || code != 0 {
				t.Errorf("exit code %d, %s%s", code, diff, printed)
			}
		}
		if len(s.receiver.Events()) > 0 || s.repo.Head("refs/pawl/ledger") != "" {
			t.Errorf("%d events were sent, or some are kept", len(s.receiver.Events()))
		}
	})
}

// TestStoryUndelivered: a receiver that is away or says no does not fail a run, unless the events are required; what it
// lacks waits, and arrives in order.
func TestStoryUndelivered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.receiver.Set("/in", fake.Fault{Status: 503})
		s.publish("a")
		begun := time.Now()
		code, report, printed := s.command(s.network(), s.environment(1), "run")
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("a receiver that is away costs %s", took)
		}
		if code != 0 || len(report.Delivery) != 1 || report.Delivery[0].Waiting != len(report.Events) || report.Delivery[0].Detail == "" {
			t.Fatalf("exit code %d, %+v: %s", code, report.Delivery, printed)
		}
		var flushed strings.Builder
		env := s.environment(2)
		env["MERGE_TOKEN"] = canary
		code = cli.Run(t.Context(), []string{"events", "flush", "--root", s.root}, cli.System{Out: &flushed, Err: &flushed, Now: s.clock, Sleep: s.sleep,
			Transport: s.network(), Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
		if code != 3 || len(s.receiver.Events()) > 0 {
			t.Errorf("a flush to nobody: exit code %d: %s", code, flushed.String())
		}
		s.receiver.Clear()
		s.play(3, 0)
		if got, want := len(s.events()), len(report.Events); got < want {
			t.Errorf("%d of %d events arrived", got, want)
		}
		s.inOrder()

		s.configure("events: {", "events: {required: true, ")
		s.receiver.Set("/in", fake.Fault{Status: 400, Body: "no such thing"})
		s.publish("a")
		code, report, printed = s.command(s.network(), s.environment(4), "run")
		if code != 3 || report.Merge.Outcome != "merged" || report.Delivery[0].Dead != len(report.Events) || !strings.Contains(report.Delivery[0].Detail, "400") {
			t.Errorf("exit code %d, %+v: %s", code, report.Delivery, printed)
		}
	})
}

// TestStoryFailsUndelivered: a run that ends before it has a report says on stderr what waits for receivers.
func TestStoryFailsUndelivered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.receiver.Set("/in", fake.Fault{Status: 503})
		env := s.environment(1)
		env["MERGE_TOKEN"] = "wrong"
		code, _, printed := s.command(s.network(), env, "run")
		if code != 1 || !strings.Contains(printed, "pawl: warning: events to http-events.example-0ce8caee: 0 delivered, 2 lost: ") ||
			!strings.Contains(printed, "pawl: hint: the next run tells what waits") {
			t.Errorf("exit code %d: %s", code, printed)
		}
	})
}

// inOrder checks that no event of a chain arrived before one that it follows.
func (s *storyStage) inOrder() {
	s.Helper()
	seen := map[string]bool{}
	for _, e := range s.events() {
		for _, l := range e.Context.Links {
			if to := l.From.ContextID; e.derived() && to != "" && !seen[to] {
				s.Errorf("%s arrived before what it follows", e.raw)
			}
		}
		seen[e.Context.ID] = true
	}
}

// TestStoryKeeps: what a run did that the forge does not show waits in the ledger for a receiver that is away, without what
// servers said, and comes with the next run or a flush: everything once it is there, nothing twice.
func TestStoryKeeps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.receiver.Set("/in", fake.Fault{Status: 503, Body: "teapot"})
		s.publish("a")
		s.sources.Set("/v2/org/b/", fake.Fault{Status: 500, Body: "kettle"})
		_, first, _ := s.command(s.network(), s.environment(1), "run")
		kept, _ := s.repo.File("refs/pawl/ledger", "pending.jsonl")
		own := 0
		for _, raw := range first.Events {
			var e occurrence
			s.must(nil, json.Unmarshal(raw, &e))
			if !e.derived() && e.kind() != "version.found" {
				own++
			}
		}
		if got := bytes.Count(kept, []byte("\n")) - 1; got != own || own < 4 {
			t.Errorf("%d events are kept, want %d:\n%s", got, own, kept)
		}
		for _, said := range []string{"teapot", "kettle", "500"} {
			if bytes.Contains(kept, []byte(said)) {
				t.Errorf("the ledger keeps what a server said:\n%s", kept)
			}
		}
		before := s.repo.Head("refs/pawl/ledger")
		_, second, _ := s.command(s.network(), s.environment(2), "run") // nothing to do, and still away
		if kept, _ = s.repo.File("refs/pawl/ledger", "pending.jsonl"); s.repo.Head("refs/pawl/ledger") == before || bytes.Count(kept, []byte("\n")) <= own+1 {
			t.Errorf("the second run keeps nothing:\n%s", kept)
		}
		s.receiver.Clear()
		s.sources.Clear()
		s.play(3, 0)
		s.happened("the receiver is back")
		came := map[string]int{}
		for _, e := range s.receiver.Events() {
			came[e.Attributes["id"]]++
		}
		for _, raw := range slices.Concat(first.Events, second.Events) {
			var e occurrence
			s.must(nil, json.Unmarshal(raw, &e))
			if came[e.Context.ID] != 1 {
				t.Errorf("%s came %d times", raw, came[e.Context.ID])
			}
		}
		if kept, _ = s.repo.File("refs/pawl/ledger", "pending.jsonl"); bytes.Count(kept, []byte("\n")) != 1 {
			t.Errorf("the ledger still keeps\n%s", kept)
		}
	})
}

// TestStoryInterrupted: a run that is told to stop hands over what it has told, its end included.
func TestStoryInterrupted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "")
		s.publish("a")
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs strings.Builder
		env := s.environment(1)
		env["MERGE_TOKEN"], env["TRIGGER_0"] = canary, s.env["TRIGGER_0"]
		code := cli.Run(ctx, []string{"run", "--root", s.root}, cli.System{
			Out: &out, Err: &errs, Now: s.clock, Sleep: s.sleep, Transport: stopping{s.network(), cancel},
			Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		})
		all := s.events()
		if code != cli.Interrupted {
			t.Errorf("exit code %d, %d events: %s%s", code, len(all), out.String(), errs.String())
		}
		last := slices.IndexFunc(all, func(e occurrence) bool { return e.kind() == "pipelinerun.finished" })
		if last < 0 || all[last].Subject.Content.Outcome != "cancel" {
			t.Errorf("the end is not told: %+v", all)
		}
	})
}

// stopping interrupts the run when it is about to merge.
type stopping struct {
	next http.RoundTripper
	stop func()
}

func (s stopping) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/merge") {
		s.stop()
		return nil, context.Canceled
	}
	return s.next.RoundTrip(req)
}

// TestStorySecrets lets GitHub and GitLab show tokens in their answers, at each request: no event holds one,
// on no way and in no spelling, and the ledger keeps none.
func TestStorySecrets(t *testing.T) {
	t.Parallel()
	const user = "https://bot:" + canary + "@ci.example/7"
	run := func(t *testing.T, at, status int) (requests int) {
		synctest.Test(t, func(t *testing.T) {
			s := newStoryStage(t, 2, github.Settings{}, "")
			s.env["EVENTS_TOKEN"] = "c4nary-events-token"
			s.configure("/in'}", "/in', token: EVENTS_TOKEN}")
			s.publish("a")
			c := &echoing{next: s.network(), at: at, status: status}
			s.command(c, s.environment(1), "run", "--upstream", user, "--image", "org/a:v1.2.0")
			s.receiver.Set("/in", fake.Fault{Status: 503})
			s.command(c, s.environment(2), "run")
			for _, e := range s.receiver.Events() {
				s.secret("an event", string(e.Data))
				for _, secret := range s.env {
					if strings.Contains(string(e.Raw), secret) {
						t.Errorf("an event holds %s: %s", secret, e.Raw)
					}
				}
			}
			kept, _ := s.repo.File("refs/pawl/ledger", "pending.jsonl")
			s.secret("the ledger", string(kept))
			requests = c.n
		})
		return requests
	}
	requests := run(t, 0, 0)
	if requests < 30 {
		t.Fatalf("%d requests", requests)
	}
	for at := 1; at <= requests; at += stride(5) { // what is sent after a wrong answer is nothing that GitHub describes
		t.Run(fmt.Sprint(at), func(t *testing.T) { run(t, at, []int{401, 422, 500, 200}[at%4]) })
	}
}

// echoing shows the token in the answer of one request.
type echoing struct {
	next          http.RoundTripper
	n, at, status int
	mu            sync.Mutex
}

func (c *echoing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == "events.example" || req.URL.Host == "index.docker.io" {
		return c.next.RoundTrip(req)
	}
	c.mu.Lock()
	c.n++
	hit := c.n == c.at
	c.mu.Unlock()
	res, err := c.next.RoundTrip(req)
	if err == nil && hit {
		echo(res, c.status)
	}
	return res, err
}
