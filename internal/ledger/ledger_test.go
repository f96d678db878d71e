package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func encoded(t *testing.T, l Ledger) string {
	t.Helper()
	s, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, path := range []string{claimsFile, valuesFile, vetoesFile, cursorsFile, "other.json"} {
		fmt.Fprintf(&out, "== %s\n%s", path, s[path])
	}
	return out.String()
}

// randomStep makes one transition that depends on nothing but the random numbers.
func randomStep(r *rand.Rand) Transition {
	pick := func(prefix string, n int) string { return fmt.Sprintf("%s%d", prefix, r.IntN(n)) }
	at := start.Add(time.Duration(r.IntN(1_000)) * time.Hour)
	place := Place{File: pick("f", 3), Document: r.IntN(2), Key: pick("$.k", 3)}
	asker := Asker{Manifest: pick("m", 2), Digest: pick("d", 2)}
	version, commit, project, run := pick("v", 9), pick("c", 40), pick("p", 4), pick("r", 3)
	switch r.IntN(5) {
	case 0:
		return func(l Ledger) Ledger {
			next, _, _ := l.Claim(Claim{Commit: commit, Run: run, At: at}, project, "all")
			return next
		}
	case 1:
		state := []State{Accepted, Refused, Unknown}[r.IntN(3)]
		return func(l Ledger) Ledger {
			return l.Answer(Claim{Commit: commit, Project: project, Run: run, At: at, State: state, Detail: "<a & b>"})
		}
	case 2:
		return func(l Ledger) Ledger {
			return l.Written(Value{Place: place, Asker: asker, Value: version, Version: version, At: at})
		}
	case 3:
		return func(l Ledger) Ledger { return l.Veto(Veto{Place: place, Asker: asker, Version: version, At: at}) }
	default:
		return func(l Ledger) Ledger {
			return l.Advance(Cursor{Sink: pick("s", 3), Settled: map[string]time.Time{version: at}})
		}
	}
}

func randomLedger(r *rand.Rand, steps int) Ledger {
	var l Ledger
	for range steps {
		l = randomStep(r)(l)
	}
	return l
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		l := randomLedger(rand.New(rand.NewPCG(seed, 1)), 60)
		want := encoded(t, l)
		s, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, encoded(t, back)); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		for _, d := range []string{gocmp.Diff(l.Claims, back.Claims), gocmp.Diff(l.Values, back.Values),
			gocmp.Diff(l.Vetoes, back.Vetoes), gocmp.Diff(l.Cursors, back.Cursors)} {
			if d != "" {
				t.Fatalf("seed %d (-want +got):\n%s", seed, d)
			}
		}
	}
}

func TestTransitionsLeaveTheirLedgerAlone(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	l := randomLedger(r, 60)
	want := encoded(t, l)
	for range 500 {
		randomStep(r)(randomStep(r)(l)).Compact(start.Add(1e6*time.Hour), Limits{Order: cmp.Compare[string], MaxClaims: 1})
	}
	if diff := gocmp.Diff(want, encoded(t, l)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

const unknown = `{
  "schema": "pawl.ledger/1",
  "note": {"by": [1, 12345678901234567890]},
  "claims": [
    {"commit": "c2", "project": "dev", "run": "r", "state": "claimed", "zone": "eu", "a": null},
    {"commit": "c1", "project": "dev", "run": "r", "state": "paused"}
  ]
}`

func TestUnknownSurvives(t *testing.T) {
	t.Parallel()
	l, err := Decode(Snapshot{claimsFile: []byte(unknown), "other.json": []byte("not even JSON")})
	if err != nil {
		t.Fatal(err)
	}
	l = l.Answer(Claim{Commit: "c2", Project: "dev", Run: "r", State: Accepted, PipelineID: 9, At: start})
	want := `{
  "schema": "pawl.ledger/1",
  "note": {
    "by": [
      1,
      12345678901234567890
    ]
  },
  "claims": [
    {
      "commit": "c1",
      "project": "dev",
      "run": "r",
      "state": "paused"
    },
    {
      "commit": "c2",
      "project": "dev",
      "run": "r",
      "at": "2026-01-02T03:04:05Z",
      "state": "accepted",
      "pipelineId": 9,
      "a": null,
      "zone": "eu"
    }
  ]
}
`
	s, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(Snapshot{claimsFile: []byte(want), "other.json": []byte("not even JSON")}, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, fresh, taken := l.Claim(Claim{Commit: "c1", Run: "r2", At: start}, "dev"); len(fresh) != 0 || len(taken) != 1 {
		t.Error("a claim in a state of a later version was taken over")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"broken": `{`, "other schema": `{"schema":"pawl.ledger/3","claims":[]}`, "no schema": `{}`, "not a list": `{"schema":"pawl.ledger/1","claims":{}}`,
		"wrong entry": `{"schema":"pawl.ledger/1","claims":[7]}`, "huge": strings.Repeat(" ", MaxSize+1), "array": `[]`,
	} {
		if _, err := Decode(Snapshot{claimsFile: []byte(text)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	l, err := Decode(nil)
	if s, err2 := l.Encode(); err != nil || err2 != nil || len(s) != 0 {
		t.Errorf("an empty ledger became %v, %v, %v", s, err, err2)
	}
}

func TestIndependentTransitionsCommute(t *testing.T) {
	t.Parallel()
	at := Place{File: "f", Key: "$.k"}
	claim := func(commit, project string) Transition {
		return func(l Ledger) Ledger {
			l, _, _ = l.Claim(Claim{Commit: commit, Run: "r", At: start}, project)
			return l
		}
	}
	answer := func(run string, s State) Transition {
		return func(l Ledger) Ledger {
			return l.Answer(Claim{Commit: "c", Project: "p", Run: run, State: s, At: start})
		}
	}
	veto := func(version string, pull int) Transition {
		return func(l Ledger) Ledger { return l.Veto(Veto{Place: at, Version: version, Pull: pull}) }
	}
	cursorOf := func(sink, position string, hours int) Transition {
		return func(l Ledger) Ledger {
			return l.Advance(Cursor{Sink: sink, Settled: map[string]time.Time{position: start.Add(time.Duration(hours) * time.Hour)}})
		}
	}
	cursor := func(position string, hours int) Transition { return cursorOf("s", position, hours) }
	written := func(key string) Transition {
		return func(l Ledger) Ledger { return l.Written(Value{Place: Place{File: "f", Key: key}, Value: "v"}) }
	}
	held := claim("c", "p")(Ledger{})
	pairs := map[string][2]Transition{
		"claims of two commits":   {claim("c1", "p"), claim("c2", "p")},
		"claims of two projects":  {claim("c", "p"), claim("c", "q")},
		"answers of one run":      {answer("r", Unknown), answer("r", Refused)},
		"accepted by an old run":  {answer("old", Accepted), answer("r", Unknown)},
		"vetoes":                  {veto("v1", 1), veto("v2", 2)},
		"one veto twice":          {veto("v1", 1), veto("v1", 2)},
		"cursors of one sink":     {cursor("a", 2), cursor("b", 1)},
		"cursors of one moment":   {cursor("a", 1), cursor("b", 1)},
		"one event twice":         {cursor("a", 2), cursor("a", 1)},
		"an event long ago":       {cursor("a", 1), cursor("b", 1000)},
		"a sink that is gone":     {cursorOf("gone", "a", 1), cursor("b", 1000)},
		"values of two scalars":   {written("$.a"), written("$.b")},
		"a value and a veto":      {written("$.k"), veto("v1", 1)},
		"an answer and a cursor":  {answer("r", Accepted), cursor("a", 1)},
		"a claim and its answers": {claim("c", "p"), answer("r", Accepted)},
	}
	for name, pair := range pairs {
		ab, ba := pair[1](pair[0](held)), pair[0](pair[1](held))
		if diff := gocmp.Diff(encoded(t, ab), encoded(t, ba)); diff != "" {
			t.Errorf("%s (-ab +ba):\n%s", name, diff)
		}
	}
}

func TestClaim(t *testing.T) {
	t.Parallel()
	l, fresh, taken := Ledger{}.Claim(Claim{Commit: "c", Run: "r1", At: start}, "b", "a", "b")
	if len(fresh) != 2 || fresh[0].Project != "a" || len(taken) != 0 {
		t.Fatalf("got %v and %v", fresh, taken)
	}
	l = l.Answer(Claim{Commit: "c", Project: "a", Run: "r1", State: Refused, Detail: strings.Repeat("é", 1_000)})
	l, fresh, taken = l.Claim(Claim{Commit: "c", Run: "r2", At: start}, "a", "b", "d")
	if len(fresh) != 2 || fresh[0].Project != "a" || fresh[1].Project != "d" || len(taken) != 1 || taken[0].Run != "r1" {
		t.Fatalf("got %v and %v", fresh, taken)
	}
	l = l.Answer(Claim{Commit: "c", Project: "a", Run: "r1", State: Unknown})
	if c, _ := l.ClaimOf("c", "a"); c.Run != "r2" || c.State != Claimed {
		t.Errorf("a late word of an old run counted: %+v", c)
	}
	l = l.Answer(Claim{Commit: "c", Project: "b", Run: "r1", State: Unknown})
	l = l.Answer(Claim{Commit: "c", Project: "b", Run: "r1", State: Refused})
	l, fresh, _ = l.Claim(Claim{Commit: "c", Run: "r3", At: start}, "b")
	if c, _ := l.ClaimOf("c", "b"); len(fresh) != 1 || c.Run != "r3" || c.State != Claimed {
		t.Errorf("got %v %+v", fresh, c)
	}
	l = l.Answer(Claim{Commit: "c", Project: "b", Run: "r3", State: Accepted, PipelineID: 4})
	if _, fresh, _ := l.Claim(Claim{Commit: "c", Run: "r4", At: start}, "b"); len(fresh) != 0 {
		t.Error("claimed an accepted trigger")
	}
	if got := l.Claims; len(got) != 3 || got[1].PipelineID != 4 || got[1].Open() {
		t.Errorf("got %+v", got)
	}
}

func TestCompact(t *testing.T) {
	t.Parallel()
	order := Order(cmp.Compare[string])
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		l := randomLedger(r, 300)
		now := start.Add(time.Duration(r.IntN(4_000)) * time.Hour)
		limits := Limits{MaxClaims: 1 + r.IntN(20), MaxValues: 1 + r.IntN(20), Order: order}
		c := l.Compact(now, limits)
		open := 0
		for _, old := range l.Claims {
			got, found := c.ClaimOf(old.Commit, old.Project)
			if old.Open() {
				open++
				if !found || !gocmp.Equal(got, old) {
					t.Fatalf("seed %d: the open claim %+v became %+v", seed, old, got)
				}
			}
		}
		if len(c.Claims) > max(open, limits.MaxClaims) || len(c.Values) > limits.MaxValues || len(c.Cursors) != len(l.Cursors) {
			t.Fatalf("seed %d: %d claims, %d values", seed, len(c.Claims), len(c.Values))
		}
		if diff := gocmp.Diff(encoded(t, c), encoded(t, c.Compact(now, limits))); diff != "" {
			t.Fatalf("seed %d: compacting twice differs:\n%s", seed, diff)
		}
		samePeople(t, l, l.Compact(now, Limits{Order: order}), order)
	}
}

// samePeople asks both ledgers about every version that is newer than what pawl last wrote: no veto may be lost.
func samePeople(t *testing.T, before, after Ledger, order Order) {
	t.Helper()
	for _, v := range before.Vetoes {
		for i := range 10 {
			p := Proposal{Place: v.Place, Asker: v.Asker, Base: "x", Value: "y", Version: fmt.Sprintf("v%d", i)}
			last, found := before.ValueOf(v.Place, v.Manifest)
			if found && last.Digest == v.Digest && order(p.Version, last.Version) <= 0 {
				continue
			}
			if b, a := before.Judge(p, order), after.Judge(p, order); b.Held() != a.Held() {
				t.Fatalf("%+v: %+v became %+v", p, b, a)
			}
		}
	}
}

func TestSizeIsBounded(t *testing.T) {
	t.Parallel()
	var l Ledger
	sizes := map[int]int{}
	for i := range 2_000 {
		commit, now := fmt.Sprintf("%040d", i), start.Add(time.Duration(i)*time.Hour)
		l, _, _ = l.Claim(Claim{Commit: commit, Run: "r", At: now}, "dev", "prod")
		l = l.Answer(Claim{Commit: commit, Project: "dev", Run: "r", State: Accepted, At: now},
			Claim{Commit: commit, Project: "prod", Run: "r", State: Refused, At: now, Detail: strings.Repeat("x", 1e5)})
		version := fmt.Sprintf("v%05d", i)
		at := Place{File: "f", Key: fmt.Sprintf("$.k%d", i%7)}
		l = l.Written(Value{Place: at, Version: version, Value: version, At: now}).Veto(Veto{Place: at, Version: version, At: now})
		l = l.Compact(now, Limits{MaxClaims: 100, Order: cmp.Compare[string]})
		if i == 500 || i == 1_999 {
			s, err := l.Encode()
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range s {
				sizes[i] += len(text)
			}
		}
	}
	if sizes[1_999] > sizes[500]+100 || sizes[500] > 150_000 {
		t.Errorf("grows: %v", sizes)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(unknown))
	f.Add([]byte(`{"schema":"pawl.ledger/1","claims":[{"COMMIT":"a","commit":"b"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Decode(Snapshot{claimsFile: text})
		if err != nil {
			return
		}
		first, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("%v in %s", err, first[claimsFile])
		}
		second, err := again.Encode()
		if err != nil || !bytes.Equal(first[claimsFile], second[claimsFile]) {
			t.Errorf("%v: %s became %s", err, first[claimsFile], second[claimsFile])
		}
	})
}
