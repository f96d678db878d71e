package page_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

var morning = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func hours(n int) time.Time { return morning.Add(time.Duration(n) * time.Hour) }

// move is an update of the manifest app.
func move(from, to string) change.Update {
	return change.Update{Manifest: "app", Target: "t", File: "v.yaml", Key: "$.a", Old: from, New: to, Version: to, Source: change.Source{Kind: "dockerimage", Name: "org/app"}}
}

// at is a report of a run that began after some hours and merged after some more, if any.
func at(began, merged int, sha string, updates ...change.Update) run.Report {
	r := run.Report{Schema: run.ReportSchema, Started: hours(began), Plan: plan.Plan{Schema: plan.PlanSchema, Changes: updates}}
	r.Pull = &forge.Pull{Number: 1 + began, URL: "https://forge.example/1"}
	r.Merge = &forge.Merge{Outcome: "pending"}
	if merged > 0 {
		r.Merge = &forge.Merge{Outcome: "merged", SHA: sha, At: hours(merged)}
	}
	return r
}

// dispatched are the events of a run that was dispatched an hour after publication, and found what the incoming event tells of.
func dispatched(t *testing.T, r run.Report, received int, also ...string) []json.RawMessage {
	t.Helper()
	w, err := event.NewTeller(event.About{Source: "https://bot.example", Run: "1", Trigger: incoming, Dispatched: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []json.RawMessage
	for _, raw := range also {
		all = append(all, json.RawMessage(raw))
	}
	updates, _ := told(r.Plan.Changes)
	return append(all, w.Queued(hours(received)).Body, w.Started(hours(received+1)).Body,
		w.Found(event.Find{Update: updates[0], Policy: "newest-match", Announced: true, At: hours(received + 1)}).Body)
}

const artifact = `{"context": {"specversion": "0.5.1", "id": "` + incoming + `", "source": "https://ci.example", "type": "dev.cdevents.artifact.published.0.3.0",
	"timestamp": "2026-03-02T05:00:00Z"}, "subject": {"id": "pkg:oci/app?tag=2", "content": {}}}`

// TestLead: the lead time begins with what is known earliest and best of a version.
func TestLead(t *testing.T) {
	t.Parallel()
	pending, merged := at(0, 0, "", move("1", "2")), at(2, 4, "s", move("1", "2"))
	announced, published := merged, merged
	announced.Events = dispatched(t, merged, 1)
	published.Events = dispatched(t, merged, 1, artifact)
	received, ignored, future := announced, announced, announced
	received.Incoming = &run.Incoming{ID: incoming, Type: event.ArtifactPublished, At: morning.Add(-2 * time.Hour)}
	ignored.Incoming = &run.Incoming{ID: incoming, Type: event.ArtifactPublished, At: morning.Add(-2 * time.Hour), Ignored: "it is our own"}
	future.Incoming = &run.Incoming{ID: incoming, Type: event.ArtifactPublished, At: hours(3)}
	for name, c := range map[string]struct {
		reports []run.Report
		commits []page.Commit
		how     page.How
		lead    time.Duration
		known   bool
	}{
		"the run that merged":          {reports: []run.Report{merged}, how: page.FirstSeen, lead: 2 * time.Hour, known: true},
		"an earlier run saw it":        {reports: []run.Report{merged, pending}, how: page.FirstSeen, lead: 4 * time.Hour, known: true},
		"announced":                    {reports: []run.Report{announced}, how: page.Announced, lead: 3 * time.Hour, known: true},
		"published":                    {reports: []run.Report{published}, how: page.Published, lead: 7 * time.Hour, known: true},
		"the incoming event":           {reports: []run.Report{received}, how: page.Published, lead: 6 * time.Hour, known: true},
		"an event that is ignored":     {reports: []run.Report{ignored}, how: page.Announced, lead: 3 * time.Hour, known: true},
		"published after it was found": {reports: []run.Report{future}, how: page.Announced, lead: 3 * time.Hour, known: true},
		"merged after the run":         {[]run.Report{pending}, []page.Commit{commit("s", hours(9), []change.Update{move("1", "2")})}, page.FirstSeen, 9 * time.Hour, true},
		"not merged":                   {reports: []run.Report{pending}, how: page.FirstSeen},
		"commits alone":                {commits: []page.Commit{commit("s", hours(9), []change.Update{move("1", "2")})}},
		"a report and its own merge":   {[]run.Report{merged}, []page.Commit{commit("s", hours(5), []change.Update{move("1", "2")})}, page.FirstSeen, 2 * time.Hour, true},
	} {
		h := page.NewHistory(c.reports, c.commits, nil)
		if len(h.Lines) != 1 || h.Lines[0].Manifest != "app" || len(h.Lines[0].Moves) != 1 {
			t.Fatalf("%s: %+v", name, h.Lines)
		}
		m := h.Lines[0].Moves[0]
		if lead, known := m.Lead(); lead != c.lead || known != c.known || m.How != c.how {
			t.Errorf("%s: %s, %t, %q; want %s, %t, %q", name, lead, known, m.How, c.lead, c.known, c.how)
		}
	}
}

// TestMoves: what was merged, taken back by a person and merged again is two moves; moves are in the order of their merges.
func TestMoves(t *testing.T) {
	t.Parallel()
	again := at(20, 21, "d", move("1", "2"))
	h := page.NewHistory([]run.Report{again, at(8, 9, "b", move("2", "3")), at(0, 1, "a", move("1", "2"))},
		[]page.Commit{commit("d", hours(21), []change.Update{move("1", "2")}), commit("c", hours(5), []change.Update{move("0", "1")}),
			{SHA: "x", At: hours(90), Message: "Pawl-Update: nothing"}}, nil)
	type step struct {
		Old, New, Commit string
		Hour             int
	}
	var got []step
	for _, m := range h.Lines[0].Moves {
		got = append(got, step{m.Old, m.New, m.Commit, int(m.Merged.Sub(morning).Hours())})
	}
	want := []step{{"1", "2", "a", 1}, {"0", "1", "c", 5}, {"2", "3", "b", 9}, {"1", "2", "d", 21}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if h.Commits != 2 || !h.Begin.Equal(hours(0)) || !h.End.Equal(hours(21)) || !h.Runs[0].Started.Equal(again.Started) {
		t.Errorf("%d commits from %s to %s", h.Commits, h.Begin, h.End)
	}
}

// TestTroubles: a failure counts once a run, however many targets have it; another text is another failure.
func TestTroubles(t *testing.T) {
	t.Parallel()
	fail := func(began int, details ...string) run.Report {
		r := at(began, 0, "")
		for _, d := range details {
			r.Plan.Outcomes = append(r.Plan.Outcomes, plan.Outcome{Manifest: "app", Outcome: policy.Failed, Reason: policy.SourceFailed, Detail: d})
		}
		return r
	}
	h := page.NewHistory([]run.Report{fail(2, "401"), fail(1, "401", "401"), fail(3, "500"), fail(4)}, nil, nil)
	want := []page.Trouble{{Reason: "source-failed", Detail: "401", Times: []time.Time{hours(1), hours(2)}}, {Reason: "source-failed", Detail: "500", Times: []time.Time{hours(3)}}}
	if diff := cmp.Diff(want, h.Lines[0].Failures); diff != "" || len(h.Lines) != 1 {
		t.Error(diff)
	}
	if f := h.Lines[0].Failures[0]; !f.First().Equal(hours(1)) || !f.Last().Equal(hours(2)) {
		t.Errorf("from %s to %s", f.First(), f.Last())
	}
}

// TestSpan: a history of one day names that day once, one without reports says nothing that only reports tell, and one of a
// repository in which nothing was found says among how many commits.
func TestSpan(t *testing.T) {
	t.Parallel()
	day := string(history(t, page.NewHistory([]run.Report{at(0, 1, "a", move("1", "2"))}, nil, nil)))
	days := string(history(t, page.NewHistory([]run.Report{at(0, 40, "a", move("1", "2"))}, nil, nil)))
	commits := string(history(t, page.NewHistory(nil, []page.Commit{commit("d", hours(1), []change.Update{move("1", "2")})}, nil)))
	none := page.NewHistory(nil, nil, nil)
	none.Among, none.Profile = 1234, "acme/profile"
	nothing := string(history(t, none))
	for name, c := range map[string]struct {
		page       string
		says, lies []string
	}{
		"one day":      {day, []string{`<p class="kind">History, 2 Mar 2026</p>`, "Each manifest, 2 Mar 2026<", "Lead time", "Failed runs"}, []string{"2 Mar 2026 to"}},
		"two days":     {days, []string{`<p class="kind">History, 2 Mar 2026 to 4 Mar 2026</p>`, "Each manifest, 2 Mar 2026 to 4 Mar 2026<"}, nil},
		"commits":      {commits, []string{"1 version merged", "<dt>Commits</dt><dd>1<", "Reports of runs tell"}, []string{"ead time</", "Failed runs", "<dt>Runs<", "<dt>Not merged<", "Known by"}},
		"no commit":    {nothing, []string{"No commit of pawl among 1\u202f234 commits", "<title>History: No commit of pawl among 1\u202f234 commits – acme/profile – pawl</title>", `<span class="profile">acme/profile</span>`}, []string{"Nothing has"}},
		"nothing read": {string(history(t, page.NewHistory(nil, nil, nil))), []string{"Nothing has happened yet"}, nil},
	} {
		for _, text := range c.says {
			if !strings.Contains(c.page, text) {
				t.Errorf("%s: the page does not say %s", name, text)
			}
		}
		for _, text := range c.lies {
			if strings.Contains(c.page, text) {
				t.Errorf("%s: the page says %s", name, text)
			}
		}
	}
}
