package page

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/run"
)

// occurred is an event of a type at a time after 08:00:00, which follows another.
func occurred(id, kind, at, after, more string) json.RawMessage {
	links := ""
	if after != "" {
		links = fmt.Sprintf(`,"links":[{"linkType":"PATH","from":{"contextId":%q}}]`, after)
	}
	return json.RawMessage(fmt.Sprintf(`{"context":{"id":%q,"source":"https://bot.example/acme/profile","type":"dev.cdevents%s.0.3.0","timestamp":"2026-03-02T08:00:%sZ"%s},%s}`, id, kind, at, links, more))
}

// clocks is a run whose forge reports whole seconds, and which fires two pipelines that end in another order than they are
// told.
func clocks() []json.RawMessage {
	run, change := `"subject":{"id":"run/1"},"customData":{"pawl":{"step":"run"}}`, `"subject":{"id":"acme/profile#1","content":{}}`
	deploy := func(project string, id int) string {
		return fmt.Sprintf(`"subject":{"id":"acme/%s/pipelines/%d","content":{"pipelineName":%q,"outcome":"success"}},"customData":{"pawl":{"step":"deploy"}}`, project, id, project)
	}
	return []json.RawMessage{
		occurred("queued", ".pipelinerun.queued", "00.205", "", run),
		occurred("run", ".pipelinerun.started", "00.205", "queued", run),
		occurred("query", ".taskrun.finished", "00.230", "run", `"subject":{"id":"q"},"customData":{"pawl":{"step":"query","registry":"docker.io","repository":"org/a"}}`),
		occurred("found", "x.pawl-version.found", "00.257", "run", `"subject":{"id":"pkg:oci/a","content":{"from":"1","to":"2"}}`),
		occurred("branch", ".branch.created", "00", "found", `"subject":{"id":"pawl/update","content":{}}`),
		occurred("created", ".change.created", "00", "found", change),
		occurred("merged", ".change.merged", "40", "created", change),
		occurred("q2", ".pipelinerun.queued", "40.200", "merged", deploy("dev", 2)),
		occurred("q1", ".pipelinerun.queued", "40.250", "merged", deploy("switch", 1)),
		occurred("s2", ".pipelinerun.started", "42.250", "q2", deploy("dev", 2)),
		occurred("e2", ".pipelinerun.finished", "59.250", "q2", deploy("dev", 2)),
		occurred("s1", ".pipelinerun.started", "43", "q1", deploy("switch", 1)),
		occurred("e1", ".pipelinerun.finished", "45", "q1", deploy("switch", 1)),
		occurred("end", ".pipelinerun.finished", "59.300", "run", strings.Replace(run, `"run/1"`, `"run/1","content":{"outcome":"success"}`, 1)),
	}
}

// TestTimeline: time does not run backwards, begins with the run, and nothing is told more exactly than it is known.
func TestTimeline(t *testing.T) {
	t.Parallel()
	c := newChain(clocks(), time.Time{})
	var got []string
	last := time.Time{}
	for _, n := range c.Nodes {
		got = append(got, strings.ReplaceAll(n.Offset+" "+n.Title, "\u00a0", " "))
		if n.At.Before(last) {
			t.Errorf("%s is earlier than the one before", n.Title)
		}
		last = n.At
	}
	for _, l := range c.Legs {
		got = append(got, strings.ReplaceAll(l.Name+": "+l.Took, "\u00a0", " "))
	}
	want := []string{
		"+0 s Dispatch received", "+0 s Run started", "+25 ms Asked docker.io for org/a", "+52 ms Found 2", "< 1 s Branch pushed", "< 1 s Pull request opened",
		"+40 s Merged", "+40 s Pipeline of dev queued", "+40 s Pipeline of switch queued", "+42 s Pipeline of dev started",
		"+43 s Pipeline of switch started", "+45 s Pipeline of switch ended: success", "+59 s Pipeline of dev ended: success", "+59 s Run ended: success",
		"Waiting for the run to start: 0 s", "Reading, and asking the sources: 25 ms", "Making the pull request: < 1 s", "Waiting for checks and the merge: 40 s",
		"Waiting for the pipeline of dev: 2 s", "Pipeline of dev: 17 s", "Waiting for the pipeline of switch: 3 s", "Pipeline of switch: 2 s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[int64]string{2: "17 s", 3: ""} {
		if got := strings.ReplaceAll(c.Ran(run.Trigger{Project: "dev", PipelineID: id}), "\u00a0", " "); got != want {
			t.Errorf("pipeline %d ran %q, want %q", id, got, want)
		}
	}
	if c := newChain(clocks()[2:3], time.Date(2026, 3, 2, 7, 59, 59, 0, time.UTC)); c.Nodes[0].Offset != "+1.2\u00a0s" {
		t.Errorf("without its start, the run's clock is at %s", c.Nodes[0].Offset)
	}
	if c := newChain(clocks()[:2], time.Time{}); c.Nodes[0].Offset != "+0\u00a0s" {
		t.Error(c.Nodes[0].Offset)
	}
	early := append([]json.RawMessage{occurred("early", ".pipelinerun.queued", "00.005", "", `"subject":{"id":"run/1"}`)}, clocks()[1:]...)
	if c := newChain(early, time.Time{}); c.Nodes[0].Offset != "−200\u00a0ms" {
		t.Error(c.Nodes[0].Offset)
	}
}

// TestSettleEnds: events that follow each other in a circle, or themselves, are shown.
func TestSettleEnds(t *testing.T) {
	t.Parallel()
	circle := []json.RawMessage{
		occurred("a", ".x", "03", "c", `"subject":{"id":"s"}`), occurred("b", ".x", "02", "a", `"subject":{"id":"s"}`), occurred("c", ".x", "05", "b", `"subject":{"id":"s"}`),
	}
	c := newChain(circle, time.Time{})
	for _, n := range c.Nodes {
		if n.At.Second() != 5 {
			t.Errorf("%+v", n)
		}
	}
	if len(c.Nodes) != 3 {
		t.Errorf("%d nodes", len(c.Nodes))
	}
}

// TestRepository: the profile's name is in pages of a forge and in what git calls a remote; nothing else of it is taken.
func TestRepository(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://github.com/acme/profile/pull/7": "acme/profile", "https://github.com/acme/profile.git": "acme/profile", "git@github.com:acme/profile.git": "acme/profile",
		"https://user:secret@github.com/acme/profile": "acme/profile", "ssh://git@forge.example/acme/profile": "acme/profile",
		"/srv/git/profile.git": "", "../profile": "", "https://github.com": "", "https://github.com/acme": "", "": "", "file:///srv/git/profile": "",
		"https://github.com/" + strings.Repeat("x", 200) + "/y": "",
	} {
		if got := Repository(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// TestProfile: a report says whose it is in one of several ways.
func TestProfile(t *testing.T) {
	t.Parallel()
	merged := occurred("m", ".change.merged", "40", "", `"subject":{"id":"acme/other#1","content":{}}`)
	elsewhere := json.RawMessage(strings.Replace(string(clocks()[1]), "/acme/profile", "/teams/one/pawl/", 1))
	for name, c := range map[string]struct {
		r    run.Report
		want string
	}{
		"pull request": {run.Report{Pull: &forge.Pull{URL: "https://forge.example/a/b/pull/1"}, Deploy: &run.Deploy{URL: "https://forge.example/c/d/commit/1"}}, "a/b"},
		"commit":       {run.Report{Pull: &forge.Pull{}, Deploy: &run.Deploy{URL: "https://forge.example/c/d/commit/1"}}, "c/d"},
		"change":       {run.Report{Events: append(clocks()[:2], merged)}, "acme/other"},
		"source":       {run.Report{Events: clocks()[:2]}, "acme/profile"},
		"other source": {run.Report{Events: []json.RawMessage{elsewhere}}, "bot.example/teams/one/pawl"},
		"nothing":      {run.Report{Events: []json.RawMessage{json.RawMessage("7")}}, ""},
	} {
		if got := profileOf(c.r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	both := NewHistory([]run.Report{{Events: clocks()[:2]}, {Events: []json.RawMessage{merged}, Started: time.Unix(9, 0)}}, nil, nil)
	if both.Profile != "acme/other and 1 more" {
		t.Errorf("%q", both.Profile)
	}
}
