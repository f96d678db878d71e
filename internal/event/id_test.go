package event_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

// TestID holds ids against ones that were computed elsewhere (Python's hashlib over the documented texts).
func TestID(t *testing.T) {
	t.Parallel()
	w := teller(t, event.About{Source: "https://bot.example", Run: "1", Repository: "o/p"})
	c := event.Change{Number: 1}
	for got, want := range map[string]string{
		w.Started(at(0)).ID:   "4fe8d1bf-b09b-5a74-9450-c6c6ca4f20c4",
		w.ChangeCreated(c).ID: "eb9758ba-f1f8-55a6-80c5-eed74115627e",
		w.ChangeMerged(c, event.Merge{Commit: "abc", At: at(0)}).ID: "461ff7a2-e465-57c0-b6f2-0a803d427ff3",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestIDs: they are version 5 UUIDs, and whatever an event is told apart by changes its id.
func TestIDs(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	w := teller(t, about())
	another := about()
	another.Source += "/2"
	c, other, p := pull(7), pull(7), deployment()
	other.At = c.At.Add(time.Second)
	p2, p3 := p, p
	p2.ID, p3.Server = 4712, "https://gitlab2.example"
	u := updates()[0]
	elsewhere, further := u, u
	elsewhere.Key, further.To = "$.other", "v1.4.0"
	ids := map[string]int{}
	for i, m := range []event.Message{
		w.ChangeCreated(c), w.ChangeCreated(pull(8)), teller(t, another).ChangeCreated(c),
		w.ChangeUpdated(c), w.ChangeUpdated(other),
		w.AutoMergeEnabled(c, at(0)), w.AutoMergeEnabled(c, at(1)),
		w.ChangeMerged(c, event.Merge{Commit: "a"}), w.ChangeMerged(c, event.Merge{Commit: "b"}),
		w.ChangeAbandoned(c, event.Abandon{At: at(0)}), w.ChangeAbandoned(c, event.Abandon{At: at(1)}),
		w.BranchCreated(event.Branch{Name: "a", Change: 1}), w.BranchCreated(event.Branch{Name: "a", Change: 2}),
		w.PipelineQueued(p, at(0)), w.PipelineQueued(p2, at(0)), w.PipelineQueued(p3, at(0)),
		w.PipelineFinished(p, "success", at(0)), w.PipelineFinished(p, "failed", at(0)),
		w.Found(event.Find{Update: u}), w.Found(event.Find{Update: elsewhere}), w.Found(event.Find{Update: further}),
		w.Queried(event.Query{Registry: "a", Repository: "b"}), w.Queried(event.Query{Registry: "a", Repository: "c"}),
		w.Rewritten(event.Rewrite{File: "a", After: "b"}), w.Rewritten(event.Rewrite{File: "a", After: "c"}),
	} {
		if before, found := ids[m.ID]; found || !form.MatchString(m.ID) {
			t.Errorf("event %d (%s) has the id %s of event %d", i, m.Type, m.ID, before)
		}
		ids[m.ID] = i
	}
}

func TestPipelineOutcome(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{"success": "success", "failed": "failure", "canceled": "cancel", "skipped": "cancel",
		"lost": "error", "running": "error", "": "error"} {
		got := parse(t, teller(t, about()).PipelineFinished(deployment(), status, at(0)))
		if got.Subject.Content["outcome"] != want {
			t.Errorf("%q: %v, want %s", status, got.Subject.Content["outcome"], want)
		}
	}
}
