package ledger_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// TestSeal shows what counts of a ledger that is written with a key: what was written without it only tightens.
func TestSeal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := ledger.Key{Secret: []byte("k"), Repository: "acme/profile"}
	never := func(string, string) bool { return false }
	decode := func(s ledger.Snapshot, key ledger.Key) ledger.Ledger {
		t.Helper()
		l, err := ledger.DecodeSealed(s, key)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	encode := func(l ledger.Ledger) ledger.Snapshot {
		t.Helper()
		s, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	lever := func(kind ledger.LeverKind, subject string) ledger.Lever {
		return ledger.Lever{Kind: kind, Subject: subject, Reason: "r", By: "alice", At: at}
	}
	sighting := func(tag string, at time.Time) ledger.Sighting { return ledger.Sighting{Source: "s", Tag: tag, At: at} }
	first := decode(nil, key).Brake(lever(ledger.Hold, "a"), lever(ledger.Quarantine, "pkg:oci/b?tag=1")).Sight([]ledger.Sighting{sighting("1", at)}, never).
		Deny([]ledger.Denial{{Gate: "scan", Key: "k", Source: "s", Tag: "1", At: at}}, func(ledger.Denial) bool { return false }, never)
	whole := encode(first)
	if again := encode(decode(whole, key)); string(again["seal.json"]) != string(whole["seal.json"]) || decode(whole, key).Counter() != 1 {
		t.Error("what did not change was sealed anew")
	}
	spoilt := func(change func(s ledger.Snapshot)) ledger.Ledger {
		s := maps.Clone(whole)
		change(s)
		return decode(s, key)
	}
	forge := func(change func(l ledger.Ledger) ledger.Ledger) ledger.Ledger { // by somebody without the key
		l, err := ledger.Decode(whole)
		if err != nil {
			t.Fatal(err)
		}
		return decode(encode(change(l)), key)
	}
	for name, l := range map[string]ledger.Ledger{
		"as it was": decode(whole, key),
		"lifted": forge(func(l ledger.Ledger) ledger.Ledger {
			return l.Lift(ledger.Hold, "a").Lift(ledger.Quarantine, "pkg:oci/b?tag=1")
		}),
		"the file is gone": spoilt(func(s ledger.Snapshot) { delete(s, "levers.json") }),
		"ended": forge(func(l ledger.Ledger) ledger.Ledger {
			one := lever(ledger.Hold, "a")
			one.Until = at
			return l.Brake(one)
		}),
		"earlier sightings": forge(func(l ledger.Ledger) ledger.Ledger {
			return l.Sight([]ledger.Sighting{sighting("1", at.AddDate(-1, 0, 0)), sighting("2", at.AddDate(-1, 0, 0))}, never)
		}),
		"denials taken back": forge(func(l ledger.Ledger) ledger.Ledger { l.Denials = nil; return l }),
	} {
		if len(l.Levers) != 2 || !l.Levers[0].Until.IsZero() || len(l.Seen) != 1 || !l.Seen[0].At.Equal(at) || len(l.Denials) != 1 || l.Counter() != 1 {
			t.Errorf("%s: %+v %+v %+v", name, l.Levers, l.Seen, l.Denials)
		}
	}
	if l := forge(func(l ledger.Ledger) ledger.Ledger { return l.Brake(lever(ledger.Pause, "")) }); len(l.Levers) != 3 {
		t.Errorf("a brake without the key does not count: %+v", l.Levers)
	}
	for name, l := range map[string]ledger.Ledger{
		"no seal": spoilt(func(s ledger.Snapshot) { delete(s, "seal.json") }),
		"another body": spoilt(func(s ledger.Snapshot) {
			s["seal.json"] = []byte(strings.Replace(string(s["seal.json"]), "alice", "malice", 1))
		}),
		"another counter": spoilt(func(s ledger.Snapshot) {
			s["seal.json"] = []byte(strings.Replace(string(s["seal.json"]), `"counter": 1`, `"counter": 9`, 1))
		}),
		"another key":        decode(whole, ledger.Key{Secret: []byte("other"), Repository: key.Repository}),
		"another repository": decode(whole, ledger.Key{Secret: key.Secret, Repository: "acme/other"}),
		"no JSON":            spoilt(func(s ledger.Snapshot) { s["seal.json"] = []byte("{") }),
	} {
		if len(l.Levers) != 2 || len(l.Seen) != 0 || len(l.Denials) != 1 || l.Counter() != 0 {
			t.Errorf("%s: %+v %+v, number %d", name, l.Levers, l.Seen, l.Counter())
		}
	}
	lifted := decode(encode(decode(whole, key).Lift(ledger.Hold, "a")), key)
	if len(lifted.Levers) != 1 || lifted.Counter() != 2 {
		t.Errorf("lifted with the key: %+v, number %d", lifted.Levers, lifted.Counter())
	}
	one, err := decode(whole, key).Lift(ledger.Hold, "a").Seal() // as a client keeps it that has written it
	if err != nil || one.Counter() != 2 {
		t.Errorf("once it was written it is number %d: %v", one.Counter(), err)
	}
	if again := decode(encode(one.Brake(lever(ledger.Hold, "a"))), key); again.Counter() != 3 {
		t.Errorf("what is sealed as it was before the last time is number %d", again.Counter())
	}
	if l := forge(func(l ledger.Ledger) ledger.Ledger { // longer, without the key
		return l.Brake(ledger.Lever{Kind: ledger.Hold, Subject: "a", Reason: "longer", By: "bob", At: at})
	}); l.Levers[0].Reason != "longer" {
		t.Errorf("a brake that holds as much does not count without the key: %+v", l.Levers)
	}
	if above := decode(encode(lifted.Above(7)), key); above.Counter() != 8 || len(above.Levers) != 1 {
		t.Errorf("above 7 it is number %d", above.Counter())
	}
}
