package page

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTook(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "0 s", -3: "0 s", 0.0001: "1 ms", 0.25: "250 ms", 1: "1 s", 1.84: "1.8 s", 12.4: "12 s", 60: "1 min", 61: "1 min 1 s",
		3600: "1 h", 5400: "1 h 30 min", 86400: "1 d", 90000: "1 d 1 h", 12 * 86400: "12 d",
	} {
		if got := strings.ReplaceAll(took(seconds), "\u00a0", " "); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range [][5]string{
		{"v1.2.3", "v1.2.4", "v1.2.", "3", "4"}, {"v1.19.0", "v1.20.0", "v1.", "19.0", "20.0"}, {"org/a:v1", "org/a:v2", "org/a:", "v1", "v2"},
		{"1", "1", "", "1", "1"}, {"", "v1", "", "", "v1"}, {"v1.2", "v1.2.1", "v1.", "2", "2.1"}, {"ä", "ö", "", "ä", "ö"},
	} {
		same, from, to := cut(c[0], c[1])
		if diff := cmp.Diff([]string{c[2], c[3], c[4]}, []string{same, from, to}); diff != "" {
			t.Errorf("%s to %s: %s", c[0], c[1], diff)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"v1.2.3 – ü": "v1.2.3 – ü", "a\nb": `a\u000ab`, "\u202ea\u2066": `\u202ea\u2066`, "\x00\x1b[31m": `\u0000\u001b[31m`,
		strings.Repeat("ü", maxText+1): strings.Repeat("ü", maxText) + "…",
	} {
		if got := visible(text); got != want {
			t.Errorf("%.40q: %.80q, want %.80q", text, got, want)
		}
	}
	if got := visibleLines(strings.Repeat("a\n", 1000)); len(got) != 501 || got[500] != "…" {
		t.Errorf("%d lines", len(got))
	}
	if diff := cmp.Diff([]string{"a", "", "    b"}, visibleLines("a\r\n\n\tb\n\n")); diff != "" {
		t.Error(diff)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 updates", 1: "1 update", 2: "2 updates", 1234: "1\u202f234 updates", 1234567: "1\u202f234\u202f567 updates"} {
		if got := count(n, "update"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestUnreadableEvents: what is no event is counted and not shown, and the rest of the timeline is there.
func TestUnreadableEvents(t *testing.T) {
	t.Parallel()
	good := `{"context": {"id": "a", "type": "com.example.odd.1", "timestamp": "2026-03-02T08:00:00Z", "links": [{"linkType": "PATH", "from": {"contextId": "a"}}]}, "subject": {"id": "s", "content": {"from": {"an": "object"}}}}`
	var events []json.RawMessage
	for _, text := range []string{"", "null", "[]", "7", `{"context": 7}`, `{"context": {"id": "b", "timestamp": "yesterday"}}`, good} {
		events = append(events, json.RawMessage(text))
	}
	c := newChain(events, time.Time{})
	if c.Count != 7 || c.Omitted != 6 || len(c.Nodes) != 1 || c.Nodes[0].Title != "com.example.odd.1" || len(c.Nodes[0].Links) != 0 {
		t.Errorf("%+v", c)
	}
	if c := newChain(events[:6], time.Time{}); len(c.Nodes) != 0 || c.Omitted != 6 {
		t.Errorf("%+v", c)
	}
	var many []json.RawMessage
	for range maxEvents + 5 {
		many = append(many, json.RawMessage(good))
	}
	if c := newChain(many, time.Time{}); len(c.Nodes) != maxEvents || c.Omitted != 5 {
		t.Errorf("%d nodes, %d omitted", len(c.Nodes), c.Omitted)
	}
}
