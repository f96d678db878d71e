package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// waits is an event of so many bytes that waits for a sink.
func waits(sink string, n, size int) Pending {
	return Pending{Sink: sink, ID: fmt.Sprint(n), Source: "https://x.example", Event: json.RawMessage(`{"text":"` + strings.Repeat("<", size) + `"}`)}
}

// kept names what waits.
func kept(l Ledger) []string {
	var all []string
	for _, p := range l.Pending {
		all = append(all, p.Sink+" "+p.ID)
	}
	return all
}

// TestKeep: what waits is kept once and in order, what is settled goes, for its sink only, and the ledger before is left alone.
func TestKeep(t *testing.T) {
	t.Parallel()
	first, dropped := Ledger{}.Keep(nil, []Pending{waits("a", 1, 1), waits("b", 1, 1), waits("a", 2, 1), waits("a", 1, 1)})
	if diff := gocmp.Diff([]string{"a 1", "b 1", "a 2"}, kept(first)); diff != "" || dropped != 0 {
		t.Errorf("%d dropped, %s", dropped, diff)
	}
	second, _ := first.Keep([]Pending{waits("a", 1, 1), waits("c", 1, 1)}, []Pending{waits("b", 2, 1)})
	if diff := gocmp.Diff([]string{"b 1", "a 2", "b 2"}, kept(second)); diff != "" {
		t.Error(diff)
	}
	other := waits("b", 1, 1)
	other.Source = "https://other.example"
	third, _ := second.Keep([]Pending{other, waits("a", 2, 1), waits("b", 2, 1)}, nil)
	if diff := gocmp.Diff([]string{"b 1"}, kept(third)); diff != "" || len(kept(second)) != 3 || len(kept(first)) != 3 {
		t.Errorf("%s, or a ledger was changed", diff)
	}
	if !third.Empty() {
		t.Error("events that wait are no ledger")
	}
}

// TestKeepBounds: the oldest go, by number and by bytes, and are counted.
func TestKeepBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, size, want int }{{MaxPending, 100, MaxPending}, {MaxPending + 7, 100, MaxPending}, {300, 10_000, 104}, {1, MaxPendingBytes, 0}, {0, 0, 0}} {
		var all []Pending
		for n := range c.n {
			all = append(all, waits("a", n, c.size))
		}
		l, dropped := Ledger{}.Keep(nil, all)
		if len(l.Pending) != c.want || dropped != c.n-c.want {
			t.Errorf("%d of %d bytes: %d kept and %d dropped, want %d kept", c.n, c.size, len(l.Pending), dropped, c.want)
		}
		if c.want > 0 && l.Pending[c.want-1].ID != fmt.Sprint(c.n-1) {
			t.Errorf("the newest is not kept: %s", l.Pending[c.want-1].ID)
		}
		s, err := l.Encode()
		if size := len(s[pendingFile]); err != nil || size > MaxPendingBytes+100 {
			t.Errorf("%d bytes, %v", size, err)
		}
	}
}

// TestPendingFile: JSON Lines with the event as it is, what is not known survives, and what is broken is named.
func TestPendingFile(t *testing.T) {
	t.Parallel()
	const text = `{"schema":"pawl.ledger/1"}
{"sink":"a","id":"1","source":"s","event":{"html":"<&>","n":12345678901234567890},"since":"2030"}
`
	l, err := Decode(Snapshot{pendingFile: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Encode()
	if diff := gocmp.Diff(text, string(s[pendingFile])); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	none, _ := l.Keep(l.Pending, nil)
	if s, err = none.Encode(); string(s[pendingFile]) != "{\"schema\":\"pawl.ledger/1\"}\n" || err != nil {
		t.Errorf("%v, without events the file holds %q: a ledger without any file is none", err, s[pendingFile])
	}
	for text, want := range map[string]string{
		"":                                      "pending.jsonl of the ledger: schema",
		`{"schema":"pawl.ledger/2"}`:            `schema pawl.ledger/2 is not "pawl.ledger/1"`,
		"{\"schema\":\"pawl.ledger/1\"}\n{}\n[": "line 3",
	} {
		if _, err := Decode(Snapshot{pendingFile: []byte(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if !IsFile(pendingFile) {
		t.Error("it is no file of a ledger")
	}
}
