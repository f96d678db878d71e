package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// decided is a decision of a test: at a minute, for a key, what is wanted; nothing wanted is a failure.
func decided(minute int, key, want string) Decision {
	d := Decision{At: start.Add(time.Duration(minute) * time.Minute), Manifest: "m", Place: Place{File: "f", Key: key}, Now: "1", Want: want, Reason: "newest-match"}
	if want == "" {
		d.Outcome, d.Reason, d.Detail = "failed", "source-failed", "the registry <is> down"
	}
	return d
}

// toldOf are decisions as "minute key want".
func toldOf(l Ledger) string {
	var all []string
	for _, d := range l.Shadow {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%d %s %s", int(d.At.Sub(start).Minutes()), d.Key, d.Want)))
	}
	return strings.Join(all, ", ")
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		runs [][]Decision
		want string
	}{
		"each once":              {[][]Decision{{decided(0, "a", "2"), decided(0, "b", "1")}, {decided(5, "a", "2"), decided(5, "b", "1")}}, "0 a 2, 0 b 1"},
		"one changes":            {[][]Decision{{decided(0, "a", "2"), decided(0, "b", "1")}, {decided(5, "a", "3"), decided(5, "b", "1")}}, "0 a 2, 0 b 1, 5 a 3"},
		"to and fro":             {[][]Decision{{decided(0, "a", "2")}, {decided(5, "a", "3")}, {decided(9, "a", "2")}}, "0 a 2, 5 a 3, 9 a 2"},
		"a failure stands":       {[][]Decision{{decided(0, "a", "2")}, {decided(5, "a", "")}, {decided(6, "a", "")}}, "0 a 2, 5 a"},
		"a failure that is over": {[][]Decision{{decided(0, "a", "2")}, {decided(5, "a", "")}, {decided(9, "a", "2")}}, "0 a 2"},
		"a failure, then news":   {[][]Decision{{decided(0, "a", "2")}, {decided(5, "a", "")}, {decided(9, "a", "3")}}, "0 a 2, 5 a, 9 a 3"},
		"a late word":            {[][]Decision{{decided(5, "a", "3")}, {decided(0, "a", "2")}}, "0 a 2, 5 a 3"},
		"a late word of old":     {[][]Decision{{decided(0, "a", "2")}, {decided(5, "a", "3")}, {decided(3, "a", "2")}}, "0 a 2, 5 a 3"},
	} {
		var l Ledger
		for _, run := range c.runs {
			l = l.Decide(run...)
		}
		if got := toldOf(l); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestDecideInAnyOrder: whoever of runs that race is first, the decisions stand in the order of their times, none twice in a
// row, and after the next run the last one holds.
func TestDecideInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 17))
		var runs []Decision
		for minute := range 5 {
			runs = append(runs, decided(minute, "a", []string{"1", "2", ""}[r.IntN(3)]))
		}
		var l Ledger
		for _, at := range r.Perm(len(runs)) {
			l = l.Decide(runs[at])
		}
		next := runs[4]
		next.At = next.At.Add(time.Hour)
		l = l.Decide(next)
		for i, d := range l.Shadow[1:] {
			if d.Same(l.Shadow[i]) || d.At.Before(l.Shadow[i].At) {
				t.Errorf("seed %d: %s", seed, toldOf(l))
			}
		}
		if last := l.Shadow[len(l.Shadow)-1]; !last.Same(next) {
			t.Errorf("seed %d: %s, want %q at the end", seed, toldOf(l), next.Want)
		}
	}
}

func TestShadowRoundTrip(t *testing.T) {
	t.Parallel()
	var l Ledger
	for i := range 50 {
		l = l.Decide(decided(i, fmt.Sprintf("$.k%d", i%7), fmt.Sprint(i%3)), decided(i, "$.broken", ""))
	}
	s, err := l.Encode()
	if err != nil || len(s) != 1 || !IsLedger([]string{ShadowFile}) {
		t.Fatal(s, err)
	}
	s[ShadowFile] = append(s[ShadowFile], `{"at":"2026-02-02T00:00:00Z","manifest":"n","file":"f","key":"k","reason":"later","zone":7}`+"\n"...)
	back, err := Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(l.Shadow, back.Shadow[:len(l.Shadow)]); diff != "" {
		t.Error(diff)
	}
	again, err := back.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(s[ShadowFile]), string(again[ShadowFile])); diff != "" {
		t.Errorf("what is unknown does not survive (-want +got):\n%s", diff)
	}
	if !back.Empty() {
		t.Error("decisions of shadow runs hide that a ledger got lost")
	}
	if kept := back.Compact(start.Add(100*24*time.Hour), Limits{}); len(kept.Shadow) != 1 {
		t.Errorf("after a hundred days there are %d", len(kept.Shadow))
	}
	for _, broken := range []string{"", "{}", `{"schema":"pawl.ledger/7"}`, "{\"schema\":\"pawl.ledger/1\"}\n{", "{\"schema\":\"pawl.ledger/1\"}\n[]"} {
		if _, err := Decode(Snapshot{ShadowFile: []byte(broken)}); err == nil {
			t.Errorf("no error for %q", broken)
		}
	}
}

// TestShadowIsBounded: the oldest go, and of the decisions that hold none before all that do not.
func TestShadowIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	var l Ledger
	for batch := range 20 {
		var all []Decision
		for i := range 400 {
			d := decided(batch*400+i, fmt.Sprintf("$.k%d", i%200), fmt.Sprint(batch, i))
			d.Detail = long
			all = append(all, d)
		}
		l = l.Decide(all...)
	}
	s, err := l.Encode()
	if size := len(s[ShadowFile]); err != nil || size > MaxShadowBytes+100 || size < MaxShadowBytes-1000 {
		t.Errorf("%d bytes, error %v", size, err)
	}
	holds := map[string]bool{}
	for _, d := range l.Shadow[len(l.Shadow)-200:] {
		holds[d.Key] = true
	}
	if len(holds) != 200 || !slices.IsSortedFunc(l.Shadow, compareDecisions) {
		t.Errorf("%d values have a decision", len(holds))
	}
	if again := l.Decide(l.Shadow...); !slices.EqualFunc(l.Shadow, again.Shadow, func(a, b Decision) bool { return compareDecisions(a, b) == 0 }) {
		t.Error("deciding the same again changes something")
	}
}

func FuzzShadow(f *testing.F) {
	f.Add("{\"schema\":\"pawl.ledger/1\"}\n{\"at\":\"2026-02-02T00:00:00Z\",\"manifest\":\"n\",\"file\":\"f\",\"key\":\"k\",\"reason\":\"r\"}\n")
	f.Add("{\"schema\":\"pawl.ledger/1\"}")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Decode(Snapshot{ShadowFile: []byte(text)})
		if err != nil {
			return
		}
		s, err := l.Decide().Encode()
		if err != nil {
			t.Skip("a time that JSON cannot say")
		}
		if _, err := Decode(s); err != nil {
			t.Errorf("%q: %v", s[ShadowFile], err)
		}
	})
}
