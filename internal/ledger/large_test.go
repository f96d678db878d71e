package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// many returns so many vetoes: of one scalar, or of as many scalars.
func many(n int, one bool) []ledger.Veto {
	all := make([]ledger.Veto, n)
	for i := range all {
		v := ledger.Veto{Place: ledger.Place{File: "values.yaml", Key: fmt.Sprintf("$.k%06d", i)}, Asker: ledger.Asker{Manifest: "m", Digest: "d"},
			Version: fmt.Sprintf("%08d", i), Pull: i + 1, At: time.Unix(int64(i), 0).UTC()}
		if one {
			v.Key = "$.k"
		}
		all[i] = v
	}
	return all
}

// newer orders versions as texts.
func newer(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// live is what a run does with the vetoes: record, write, read, forget, ask.
func live(tb testing.TB, vetoes []ledger.Veto, order ledger.Order) ledger.Ledger {
	s, err := ledger.Ledger{}.Veto(vetoes...).Encode()
	if err != nil {
		tb.Fatal(err)
	}
	l, err := ledger.Decode(s)
	if err != nil {
		tb.Fatal(err)
	}
	l = l.Compact(time.Unix(0, 0), ledger.Limits{Order: order})
	for _, v := range vetoes[:min(len(vetoes), 1000)] {
		l.Judge(ledger.Proposal{Place: v.Place, Asker: v.Asker, Base: "a", Value: "b", Version: v.Version}, order)
	}
	return l
}

// TestLedgerOf32000Vetoes holds that the work grows with the ledger and not with its square.
func TestLedgerOf32000Vetoes(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]bool{"of one scalar": true, "of many": false} {
		t.Run(name, func(t *testing.T) {
			fastest := func(n int) time.Duration {
				best := time.Hour
				for range 3 {
					vetoes, begun := many(n, one), time.Now()
					if l := live(t, vetoes, nil); len(l.Vetoes) != n {
						t.Errorf("%d vetoes", len(l.Vetoes))
					}
					best = min(best, time.Since(begun))
				}
				return best
			}
			small, large := fastest(4_000), fastest(32_000)
			for range 5 { // a busy machine is looked at again
				if large <= 32*small {
					break
				}
				small, large = fastest(4_000), fastest(32_000)
			}
			if large > 32*small { // eight times as many: the square is 64 times the work
				t.Errorf("4,000 took %s, 32,000 took %s", small, large)
			}
		})
	}
}

// TestCompactForgetsOutgrownVetoes keeps of ordered vetoes the newest, and of those without order all.
func TestCompactForgetsOutgrownVetoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		order ledger.Order
		one   bool
		kept  int
	}{
		"in order":      {newer, true, 1},
		"many":          {newer, false, 200},
		"without order": {func(string, string) int { return 0 }, true, 200},
		"none":          {nil, true, 200},
	} {
		if l := live(t, many(200, c.one), c.order); len(l.Vetoes) != c.kept {
			t.Errorf("%s: %d vetoes, want %d", name, len(l.Vetoes), c.kept)
		}
	}
	written := ledger.Value{Place: ledger.Place{File: "values.yaml", Key: "$.k"}, Asker: ledger.Asker{Manifest: "m", Digest: "d"}, Version: "00000999"}
	l := ledger.Ledger{}.Veto(many(200, true)...).Written(written).Compact(time.Unix(0, 0), ledger.Limits{Order: newer})
	if len(l.Vetoes) != 0 {
		t.Errorf("%d vetoes are older than what was written", len(l.Vetoes))
	}
}

// TestManyAtOnce shows that many entries at once do the same as one after the other.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	vetoes := append(many(50, true), many(50, false)...)
	for i := range 30 {
		again := vetoes[(i*37)%len(vetoes)]
		again.At, again.Pull = again.At.Add(time.Duration(i-15)*time.Second), i
		vetoes = append(vetoes, again)
	}
	var singly ledger.Ledger
	for i := range vetoes {
		vetoes[i].Key += fmt.Sprint(i * 7919 % 13)
		singly = singly.Veto(vetoes[i])
	}
	if diff := cmp.Diff(singly, ledger.Ledger{}.Veto(vetoes...), cmpopts.IgnoreUnexported(ledger.Ledger{})); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkVetoes(b *testing.B) {
	for _, n := range []int{8_000, 16_000, 32_000} {
		for name, one := range map[string]bool{"one": true, "many": false} {
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				vetoes := many(n, one)
				for b.Loop() {
					live(b, vetoes, newer)
				}
			})
		}
	}
}
