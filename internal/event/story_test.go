package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fake/cdevents"
	"github.com/pawl-cd/pawl/internal/source"
)

var update = flag.Bool("update", false, "write the samples anew")

const (
	incomingID = "6ca3f9c5-1cef-4ce0-861c-2456a69cf137"
	chain      = "0b1f4c3e-7d1c-5b52-9d8e-0a4f7b2f9a11"
	digest     = "sha256:4f1d2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7"
)

var began = time.Date(2026, 3, 2, 9, 30, 0, 123_456_789, time.FixedZone("CET", 3600))

// at is a moment of the story.
func at(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }

func about() event.About {
	return event.About{
		Source: "https://github.com/acme/profile", Run: "7812345678-1", Pipeline: "update versions",
		URI:     "https://github.com/acme/profile/actions/runs/7812345678",
		Trigger: incomingID, Dispatched: true, Chain: chain,
		Forge: "https://github.com", Repository: "acme/profile", RepositoryURL: "https://github.com/acme/profile",
	}
}

func teller(t testing.TB, a event.About) *event.Teller {
	t.Helper()
	teller, err := event.NewTeller(a)
	if err != nil {
		t.Fatal(err)
	}
	return teller
}

func updates() []event.Update {
	return []event.Update{
		{Artifact: source.ImageArtifact("docker.io/acme/ledger", "v1.3.0", digest), Manifest: "ledger", File: "values.yaml",
			Key: "$.ledger.image.tag", From: "v1.2.9", To: "v1.3.0"},
		{Artifact: source.ChartArtifact("https://charts.example/stable", "redis", "18.0.1"), Manifest: "infra/redis", File: "values.yaml",
			Document: 1, Key: "$.redis['chart.version']", From: "17.9.0", To: "18.0.1"},
		{Artifact: source.ReleaseArtifact("", "acme", "tool", "release/2.0"), Manifest: "tool", File: "tools.yaml",
			Key: "$.tool", From: "1.9", To: "2.0"},
	}
}

func pull(number int) event.Change {
	return event.Change{Number: number, URI: "https://github.com/acme/profile/pull/7", Branch: "pawl/update",
		HeadSHA: "1111111111111111111111111111111111111111", Title: "ledger v1.2.9 -> v1.3.0, redis, tool", Chain: chain,
		Updates: updates(), Require: "named", At: at(20)}
}

func deployment() event.Pipeline {
	return event.Pipeline{Server: "https://gitlab.example", Project: "19", Name: "dev", ID: 4711,
		URI: "https://gitlab.example/acme/dev/-/pipelines/4711", Ref: "main",
		Commit: "3333333333333333333333333333333333333333", Change: 7, Chain: chain}
}

// step is one event of the story; sample is the case of its type's sample.
type step struct {
	sample  string
	message event.Message
}

// story is a run in which everything happens.
func story(t testing.TB, a event.About) []step {
	t.Helper()
	w := teller(t, a)
	c, p, all := pull(7), deployment(), updates()
	old := pull(6)
	old.HeadSHA, old.Updates, old.Chain = "0000000000000000000000000000000000000000", all[1:2], "c4d1e5a2-7f0b-5e6c-8a3d-9b2c1d0e4f55"
	taken := pull(9)
	taken.RollbackOf, taken.CausedBy = []int{7}, []string{about().Trigger}
	next := c
	next.HeadSHA = "2222222222222222222222222222222222222222"
	find := func(i int, announced bool) event.Message {
		return w.Found(event.Find{Update: all[i], Policy: "newest-match", Announced: announced, Chain: chain, At: at(8)})
	}
	return []step{
		{"run", w.Queued(at(0))},
		{"run", w.Started(at(1))},
		{"query", w.Queried(event.Query{Registry: "docker.io", Repository: "acme/ledger", Listed: 812, At: at(5)})},
		{"query-failed", w.Queried(event.Query{Registry: "ghcr.io", Repository: "acme/gone", At: at(6),
			Err: "listing tags of ghcr.io/acme/gone: 401 Unauthorized\n{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}"})},
		{"full", w.Judged(event.Judgement{Gate: "scan", Artifact: all[0].Artifact, Version: "v1.2.3", Decision: "pass", At: at(7)})},
		{"denied", w.Judged(event.Judgement{Gate: "signature", Artifact: all[0].Artifact, Version: "v1.2.4", Decision: "deny", Detail: "no matching signatures", At: at(7)})},
		{"full", find(0, true)},
		{"chart", find(1, false)},
		{"release", find(2, false)},
		{"rewrite", w.Rewritten(event.Rewrite{File: "values.yaml", Before: digest, After: strings.Replace(digest, "4f", "5e", 1),
			Updates: all[:2], Chain: chain, At: at(9)})},
		{"full", w.Excluded(event.Exclude{Artifact: all[0].Artifact, Rule: "quarantine", Reason: "CVE-2026-1", Cause: about().Trigger, Until: at(3600), At: at(26)})},
		{"full", w.BranchCreated(event.Branch{Name: "pawl/update", Change: c.Number, Chain: chain, Updates: all, At: at(18)})},
		{"superseded", w.ChangeCreated(old)},
		{"full", w.ChangeCreated(c)},
		{"full", w.ChangeAbandoned(old, event.Abandon{Reason: event.Withdrawn, At: at(21)})},
		{"full", w.ChangeUpdated(next)},
		{"full", w.AutoMergeEnabled(next, at(25))},
		{"rollback", w.ChangeCreated(taken)},
		{"full", w.ChangeMerged(next, event.Merge{Commit: p.Commit, Auto: true, At: at(60)})},
		{"deploy", w.PipelineQueued(p, at(62))},
		{"deploy", w.PipelineStarted(p, at(65))},
		{"deploy", w.PipelineFinished(p, "success", at(120))},
		{"run", w.Finished(event.Finish{Outcome: event.Failure, Result: event.Updated, At: at(121),
			Counts: event.Counts{Manifests: 5, Updated: 3, Current: 1, Failed: 1}, Errors: []string{"listing tags of ghcr.io/acme/gone: 401 Unauthorized"}})},
	}
}

// least are events of which as little is known as can be.
func least(t testing.TB) []step {
	t.Helper()
	w := teller(t, event.About{Source: "https://bot.example", Run: "1", Repository: "o/p"})
	chained := teller(t, event.About{Source: "https://bot.example", Run: "1", Chain: "c"})
	c, p := event.Change{Number: 1, Branch: "b", HeadSHA: "a"}, event.Pipeline{Project: "o/p", ID: 1}
	u := event.Update{Artifact: source.ImageArtifact("r.example/a", "1", ""), Manifest: "m", File: "f", Key: "$", From: "0", To: "1"}
	return []step{
		{"minimal", w.Queued(at(0))},
		{"minimal", w.Started(at(0))},
		{"minimal", w.Queried(event.Query{Registry: "r.example", Repository: "a", At: at(0)})},
		{"minimal", w.Judged(event.Judgement{Gate: "g", Artifact: u.Artifact, Version: "1", Decision: "broken", At: at(0)})},
		{"minimal", w.Found(event.Find{Update: u, Policy: "newest-match", At: at(0)})},
		{"minimal", w.BranchCreated(event.Branch{Name: "b", Change: 1, At: at(0)})},
		{"minimal", w.ChangeCreated(c)},
		{"minimal", w.ChangeUpdated(c)},
		{"minimal", w.AutoMergeEnabled(c, at(0))},
		{"minimal", w.Excluded(event.Exclude{Artifact: u.Artifact, Rule: "quarantine", Reason: "r", At: at(0)})},
		{"minimal", w.ChangeMerged(c, event.Merge{Commit: "a", At: at(0)})},
		{"minimal", w.ChangeAbandoned(c, event.Abandon{Reason: event.Closed, At: at(0)})},
		{"deploy-minimal", w.PipelineQueued(p, at(0))},
		{"deploy-minimal", w.PipelineStarted(p, at(0))},
		{"deploy-lost", w.PipelineFinished(p, "lost", at(0))},
		{"minimal", w.Finished(event.Finish{Outcome: event.Cancel, At: at(0)})},
		{"noop", chained.Finished(event.Finish{Outcome: event.Success, Result: event.Noop, At: at(0)})},
		{"pending", w.Finished(event.Finish{Outcome: event.Failure, Result: event.Pending, At: at(0)})},
		{"misconfigured", w.Finished(event.Finish{Outcome: event.Error, Errors: []string{".pawl.yaml:3:1: unknown key"}, At: at(0)})},
	}
}

// everything are the steps of all tests.
func everything(t testing.TB) []step { return append(story(t, about()), least(t)...) }

// file is where the sample of a step stands: the name of its schema, then the case.
func (s step) file(t testing.TB) string {
	t.Helper()
	for _, schema := range event.Schemas() {
		if strings.HasPrefix(s.message.Type, schema.Type+".") {
			return "schemas/samples/" + schema.Name + "." + s.sample + ".sample.json"
		}
	}
	t.Fatalf("%s has no schema", s.message.Type)
	return ""
}

// TestSamples holds every event against its sample, byte for byte.
func TestSamples(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range everything(t) {
		file := s.file(t)
		if seen[file] {
			t.Fatalf("two events have the sample %s", file)
		}
		seen[file] = true
		if *update {
			if err := os.WriteFile(file, append(bytes.Clone(s.message.Body), '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(s.message.Body)+"\n"); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
	for _, k := range event.Kinds() {
		if !strings.Contains(strings.Join(keys(seen), "\n"), "/"+strings.Join(words(k.Name), ".")+"@") {
			t.Errorf("no step tells %s", k.Name)
		}
	}
}

func keys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

// words are subject and predicate of a type.
func words(name string) []string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "dev.cdevents."), "dev.cdeventsx.pawl-")
	return strings.Split(name, ".")
}

// read is what the tests read of an event.
type read struct {
	Context struct {
		SpecVersion, ID, Source, Type, Timestamp, ChainID string
		Links                                             []struct {
			LinkType, LinkKind string
			From, Target       struct{ ContextID string }
		}
	}
	Subject struct {
		ID, Source string
		Content    map[string]any
	}
	CustomData struct{ Pawl map[string]any }
}

func parse(t testing.TB, m event.Message) read {
	t.Helper()
	var r read
	if err := json.Unmarshal(m.Body, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSequence: the numbers are ordered as texts.
func TestSequence(t *testing.T) {
	t.Parallel()
	if a, b := event.Sequence(9), event.Sequence(10); a >= b || a != "0000000009" {
		t.Errorf("%q follows %q", b, a)
	}
}

// TestStory checks what joins the events of a run: ids, links, the chain, and the attributes beside the body.
func TestStory(t *testing.T) {
	t.Parallel()
	steps := story(t, about())
	ids := map[string]bool{incomingID: true}
	for _, s := range steps {
		if ids[s.message.ID] {
			t.Errorf("two events have the id of %s", s.message.Body)
		}
		ids[s.message.ID] = true
	}
	deploying := false
	for _, s := range steps {
		m, r := s.message, parse(t, s.message)
		for _, l := range r.Context.Links {
			if target := l.From.ContextID + l.Target.ContextID; !ids[target] {
				t.Errorf("%s: the link %s %s leads nowhere", m.Type, l.LinkType, l.LinkKind)
			}
		}
		got := []string{r.Context.ID, r.Context.Source, r.Context.Type, r.Subject.ID, r.Context.Timestamp, r.Context.ChainID, r.Context.SpecVersion}
		want := []string{m.ID, m.Source, m.Type, m.Subject, m.Time.Format(time.RFC3339Nano), m.Chain, "0.5.1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the body says something else than the attributes: %s", diff)
		}
		if !strings.HasSuffix(r.Context.Timestamp, "Z") {
			t.Errorf("%s is not UTC", r.Context.Timestamp)
		}
		deploying = deploying || strings.HasPrefix(m.Type, event.BranchCreated)
		if deploying && m.Chain != chain && m.Subject != "acme/profile#6" {
			t.Errorf("%s is not in the chain", m.Type)
		}
	}
}

// TestToldAgain tells the story in another run: what the forge knows comes out in the same bytes and names no run.
func TestToldAgain(t *testing.T) {
	t.Parallel()
	other := about()
	other.Run, other.Pipeline, other.URI = "99-2", "another", "https://ci.example/99"
	other.Trigger, other.Chain, other.Dispatched, other.TraceParent = "", "", false, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	first, again := story(t, about()), story(t, other)
	same := 0
	for i, s := range first {
		own := strings.Contains(s.message.Type, ".taskrun.") || strings.Contains(s.message.Type, ".testcaserun.") || s.message.Subject == "run/7812345678-1"
		found := strings.Contains(s.message.Type, "pawl-version.found")
		equal := bytes.Equal(s.message.Body, again[i].message.Body)
		switch {
		case own && (equal || s.message.ID == again[i].message.ID):
			t.Errorf("%s does not tell which run it is of", s.message.Type)
		case found && s.message.ID != again[i].message.ID:
			t.Errorf("the same find has two ids: %s", s.message.Body)
		case !own && !found && !equal:
			t.Errorf("told otherwise: %s", cmp.Diff(string(s.message.Body), string(again[i].message.Body)))
		case !own && !found:
			same++
			if bytes.Contains(s.message.Body, []byte("7812345678")) {
				t.Errorf("it names the run: %s", s.message.Body)
			}
		}
	}
	if same != 12 {
		t.Errorf("%d events come from the forge", same)
	}
}

// TestWithoutDigest: a later run knows the updates from the pull request, which records no digest.
func TestWithoutDigest(t *testing.T) {
	t.Parallel()
	c := pull(7)
	want := teller(t, about()).ChangeCreated(c)
	for i := range c.Updates {
		c.Updates[i].Artifact = c.Updates[i].Artifact.Undigested()
	}
	got := teller(t, about()).ChangeCreated(c)
	if diff := cmp.Diff(string(want.Body), string(got.Body)); diff != "" {
		t.Error(diff)
	}
}

func TestStarted(t *testing.T) {
	t.Parallel()
	a := about()
	a.Dispatched = false
	for want, trigger := range map[string]string{"RELATION": incomingID, "": ""} {
		a.Trigger = trigger
		got := ""
		for _, l := range parse(t, teller(t, a).Started(at(0))).Context.Links {
			got += l.LinkType
		}
		if got != want {
			t.Errorf("trigger %q: links %q", trigger, got)
		}
	}
}

func TestNewTeller(t *testing.T) {
	t.Parallel()
	for _, a := range []event.About{{Run: "1"}, {Source: "acme/profile", Run: "1"}, {Source: "https://bot.example"}, {Source: "https://", Run: "1"}} {
		if _, err := event.NewTeller(a); err == nil {
			t.Errorf("%+v makes a teller", a)
		}
	}
}

// TestManyUpdates: an event stays bounded however many values change and however long they are.
func TestManyUpdates(t *testing.T) {
	t.Parallel()
	c := pull(7)
	long := strings.Repeat("ü", 5000)
	for range 5000 {
		u := c.Updates[0]
		u.Key, u.From, u.Manifest = long+u.Key, long, long
		c.Updates = append(c.Updates, u)
	}
	m := teller(t, about()).ChangeCreated(c)
	if data := parse(t, m).CustomData.Pawl; len(data["updates"].([]any)) != 100 || data["omitted"] != 4903.0 {
		t.Errorf("%d updates, %v omitted", len(data["updates"].([]any)), data["omitted"])
	}
	if len(m.Body) > 300_000 {
		t.Errorf("%d bytes", len(m.Body))
	}
	if err := cdevents.Validate(m.Body); err != nil {
		t.Error(err)
	}
}
