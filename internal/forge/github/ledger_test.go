package github_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

const ledgerRef = "refs/pawl/ledger"

// claims returns a transition that claims one commit for a run.
func claims(commit string) ledger.Transition {
	return func(l ledger.Ledger) ledger.Ledger {
		next, _, _ := l.Claim(ledger.Claim{Commit: commit, Run: "run-" + commit, At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, "dev")
		return next
	}
}

func TestLedgerIsKept(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	empty, parent, err := w.client.LoadLedger(ctx, ledgerRef)
	w.must(err)
	if parent != "" || len(empty.Claims) != 0 {
		t.Errorf("loaded %q %+v", parent, empty)
	}
	_, err = w.client.UpdateLedger(ctx, ledgerRef, claims("c1"))
	w.must(err)
	first := w.repo.Head(ledgerRef)
	_, err = w.connect(token).UpdateLedger(ctx, ledgerRef, claims("c2"))
	w.must(err)
	log := w.repo.Log(ledgerRef)
	if len(log) != 2 || log[0].Parents[0] != first || len(log[1].Parents) != 0 {
		t.Errorf("log %+v", log)
	}
	l, parent, err := w.connect(token).LoadLedger(ctx, ledgerRef)
	w.must(err)
	if _, found := l.ClaimOf("c1", "dev"); !found || len(l.Claims) != 2 || parent != w.repo.Head(ledgerRef) {
		t.Errorf("loaded %s %+v", parent, l)
	}
}

func TestLedgerWritesNothingForNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	same := func(l ledger.Ledger) ledger.Ledger { return l }
	_, err := w.client.UpdateLedger(ctx, ledgerRef, same)
	w.must(err)
	if w.fake.Writes() != 0 {
		t.Errorf("an empty ledger took %d writes", w.fake.Writes())
	}
	_, err = w.client.UpdateLedger(ctx, ledgerRef, claims("c1"))
	w.must(err)
	writes := w.fake.Writes()
	for _, next := range []ledger.Transition{same, claims("c1")} {
		_, err = w.connect(token).UpdateLedger(ctx, ledgerRef, next)
		w.must(err)
	}
	if w.fake.Writes() != writes {
		t.Errorf("%d writes too many", w.fake.Writes()-writes)
	}
}

// TestLedgerRacers has two clients store on one parent, and twenty update at once: nobody's claim is lost.
func TestLedgerRacers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	one, two := w.connect(token), w.connect("app")
	for _, parent := range []string{"absent", "present"} {
		a, at, err := one.LoadLedger(ctx, ledgerRef)
		w.must(err)
		b, _, err := two.LoadLedger(ctx, ledgerRef)
		w.must(err)
		_, err = one.StoreLedger(ctx, ledgerRef, at, "", claims("a"+parent)(a))
		w.must(err)
		if _, err = two.StoreLedger(ctx, ledgerRef, at, "", claims("b"+parent)(b)); !errors.Is(err, forge.ErrMoved) {
			t.Errorf("on a parent that is %s: %v", parent, err)
		}
	}
	var racers sync.WaitGroup
	for i := range 20 {
		racers.Go(func() {
			if _, err := w.connect(token).UpdateLedger(ctx, ledgerRef, claims(fmt.Sprint("c", i))); err != nil {
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	racers.Wait()
	l, _, err := w.connect(token).LoadLedger(ctx, ledgerRef)
	w.must(err)
	if len(l.Claims) != 22 || len(w.repo.Log(ledgerRef)) != 22 {
		t.Errorf("%d claims in %d commits", len(l.Claims), len(w.repo.Log(ledgerRef)))
	}
}

// TestLedgerSurvivesKills breaks each writing call of two updates, before it is applied and after.
func TestLedgerSurvivesKills(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, apply := range []bool{false, true} {
		for write := 1; write <= 6; write++ {
			w := newWorld(t, fake.Settings{}, nil)
			w.fake.Inject(fake.Fault{Write: write, Apply: apply})
			for _, commit := range []string{"c1", "c2"} {
				if _, err := w.client.UpdateLedger(ctx, ledgerRef, claims(commit)); err != nil {
					_, err = w.connect(token).UpdateLedger(ctx, ledgerRef, claims(commit))
					w.must(err)
				}
			}
			l, _, err := w.client.LoadLedger(ctx, ledgerRef)
			w.must(err)
			if len(l.Claims) != 2 || len(w.repo.Log(ledgerRef)) != 2 {
				t.Errorf("write %d, applied %v: %d claims in %d commits", write, apply, len(l.Claims), len(w.repo.Log(ledgerRef)))
			}
		}
	}
}

func TestLedgerKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	_, err := w.client.UpdateLedger(ctx, "refs/heads/pawl-ledger", claims("c1"))
	w.must(err)
	w.push("pawl-ledger", "alice", map[string]string{"NOTES.md": "hands off\n"})
	_, err = w.connect(token).UpdateLedger(ctx, "refs/heads/pawl-ledger", claims("c2"))
	w.must(err)
	if text, _ := w.repo.File("pawl-ledger", "NOTES.md"); string(text) != "hands off\n" {
		t.Errorf("the note is %q", text)
	}
	if files := w.repo.Log("pawl-ledger")[0].Files; !slices.Equal(files, []string{"claims.json"}) {
		t.Errorf("wrote %v", files)
	}
}

// TestLedgerOf20000Files has somebody put files beside the ledger, at its top and in folders: they are neither read nor
// lost, and the ledger costs as many calls as before.
func TestLedgerOf20000Files(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const ref = "refs/heads/pawl-ledger"
	w := newWorld(t, fake.Settings{}, nil)
	cost := func(commit string) int {
		client := w.connect(token)
		_, err := client.UpdateLedger(ctx, ref, claims(commit))
		w.must(err)
		return client.Calls()
	}
	cost("c1")
	before := cost("c2")
	files := map[string]string{}
	for i := range 10_000 {
		files[fmt.Sprintf("junk-%05d.json", i)], files[fmt.Sprintf("folder-%05d/x.json", i)] = "{}", fmt.Sprint(i)
	}
	w.push("pawl-ledger", "alice", files)
	if after := cost("c3"); after > before+1 {
		t.Errorf("%d calls, %d before", after, before)
	}
	for _, name := range []string{"junk-00007.json", "folder-09999/x.json", "claims.json"} {
		if text, found := w.repo.File("pawl-ledger", name); !found {
			t.Errorf("%s is lost: %q", name, text)
		}
	}
	l, _, err := w.connect(token).LoadLedger(ctx, ref)
	w.must(err)
	if len(l.Claims) != 3 {
		t.Errorf("%d claims", len(l.Claims))
	}
	// a file of the ledger that is empty goes, the others stay
	_, err = w.client.UpdateLedger(ctx, ref, func(l ledger.Ledger) ledger.Ledger {
		l.Claims = nil
		return l.Written(ledger.Value{Place: ledger.Place{File: "values.yaml", Key: "$.a"}})
	})
	w.must(err)
	_, gone := w.repo.File("pawl-ledger", "claims.json")
	_, there := w.repo.File("pawl-ledger", "junk-00007.json")
	if gone || !there {
		t.Errorf("claims.json there %v, the others %v", gone, there)
	}
}

func TestLedgerRefusedOrBroken(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	once("POST /git/refs", fake.Fault{Status: 422, Message: "Repository rule violations found"})(w, "")
	_, err := w.client.UpdateLedger(ctx, ledgerRef, claims("c1"))
	if err == nil || !strings.Contains(advice(err), "ledger: refs/heads/pawl-ledger") {
		t.Errorf("refused: %v, advice %q", err, advice(err))
	}
	w.push("pawl-ledger", "alice", map[string]string{"claims.json": "not json"})
	if _, _, err := w.client.LoadLedger(ctx, "refs/heads/pawl-ledger"); err == nil || !strings.Contains(err.Error(), "claims.json") {
		t.Errorf("broken: %v", err)
	}
}
