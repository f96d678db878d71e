package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/policy"
)

// offered notes when a run first saw each version, and returns those of this step that nobody saw before, in their order.
func offered(first map[string]time.Time, tags, absent []known, step int, now time.Time) []known {
	var fresh []known
	there := offers(tags, absent, step)
	for _, k := range tags {
		name := k.Source + " " + k.Tag
		if _, seen := first[name]; seen || k.Step > step {
			continue
		}
		for _, tag := range there[k.Kind][k.Source] {
			if tag == k.Tag {
				first[name] = now
				fresh = append(fresh, k)
			}
		}
	}
	return fresh
}

// named is a version as people name it.
func (k known) named() string {
	if k.Kind == "dockerimage" {
		return k.Source + ":" + k.Tag
	}
	return k.Source + "@" + k.Tag
}

// TestHistoryBraked lets pawl live through the real history with a minimum age of an hour, and with every 50th version quarantined for a
// day: no value is merged that no run has known for an hour, none that is quarantined, and in the end every value is where it is
// without any of it.
func TestHistoryBraked(t *testing.T) {
	t.Parallel()
	tags, absent := records[known](t, "tags.jsonl"), records[known](t, "availability.jsonl")
	moments := records[moment](t, "steps.jsonl")
	h := newHistory(t)
	h.configure(historyConfig + "policy: {age: 1h}\n")
	first, until := map[string]time.Time{}, map[string]time.Time{}
	pulled, counted, young, barred, largest := 0, 0, 0, 0, 0
	check := func(before int) {
		for _, c := range h.commits[before:] {
			for _, u := range c.says {
				name, chosen := u.Source.Name+" "+u.Version, u.Reason == string(policy.PinnedDown) || u.Reason == string(policy.HeldByPolicy)
				if since, known := first[name]; !chosen && (!known || h.now.Sub(since) < time.Hour) {
					young++
					t.Errorf("step %d: %s was merged %s after it was seen", c.seq, name, h.now.Sub(since))
				}
				if end, was := until[name]; was && h.now.Before(end) {
					barred++
					t.Errorf("step %d: %s was merged, and is quarantined until %s", c.seq, name, end)
				}
			}
		}
	}
	for _, m := range moments {
		if m.Time.After(h.now) {
			h.now = m.Time
		}
		h.people(m)
		h.network = internet(offers(tags, absent, m.Seq))
		for _, k := range offered(first, tags, absent, m.Seq, h.now) {
			if counted++; counted%50 == 0 {
				var out, errs strings.Builder
				code := cli.Run(t.Context(), []string{"quarantine", k.named(), "--reason", "every 50th", "--until", "1d", "--yes", "--no-run", "--root", h.root}, cli.System{
					Out: &out, Err: &errs, Now: h.clock, Sleep: h.sleep, Transport: everywhere{h.stage.github.RoundTripper(), h.network},
					Env: func(name string) (string, bool) {
						v, ok := map[string]string{"MERGE_TOKEN": canary}[name]
						return v, ok
					},
				})
				if code != 0 {
					t.Fatalf("%s: exit code %d: %s%s", k.named(), code, out.String(), errs.String())
				}
				pulled, until[k.Source+" "+k.Tag] = pulled+1, h.now.Add(24*time.Hour)
			}
		}
		before := len(h.commits)
		h.live(m.Seq)
		check(before)
		largest = max(largest, h.ledgerSize())
	}
	for range 3 {
		h.now = h.now.Add(25 * time.Hour)
		before := len(h.commits)
		h.live(len(moments))
		check(before)
	}
	runs := len(h.commits)
	h.now = h.now.Add(time.Hour)
	h.live(len(moments))
	if len(h.commits) != runs {
		t.Error("the values have not converged")
	}
	h.configure(historyConfig)
	if _, err := h.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte(historyConfig)}, "no age"); err != nil {
		t.Fatal(err)
	}
	if h.live(len(moments)); len(h.commits) != runs {
		t.Error("without an age the values are others")
	}
	t.Logf("%d runs, %d commits, %d versions, %d of them quarantined for a day; the ledger had at most %d bytes", len(moments)+5, len(h.commits), counted, pulled, largest)
	if pulled < 10 || len(h.commits) < 200 || young+barred > 0 || largest > 1<<20 {
		t.Errorf("%d quarantines, %d commits, %d young, %d barred", pulled, len(h.commits), young, barred)
	}
}

// ledgerSize is that of all files of the ledger, in bytes.
func (h *history) ledgerSize() int {
	size := 0
	for _, name := range []string{"claims.json", "values.json", "vetoes.json", "cursors.json", "pulls.json", "levers.json", "seen.json", "verdicts.json", "reported.json", "accepted.json"} {
		data, _ := h.repo.File("refs/pawl/ledger", name)
		size += len(data)
	}
	return size
}
