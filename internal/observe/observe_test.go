package observe_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/observe"
	"github.com/pawl-cd/pawl/internal/run"
)

// shelf is a sender that delivers at once.
type shelf struct{ ids []string }

func (s *shelf) Sinks() []string { return []string{"shelf"} }
func (s *shelf) Add(m event.Message, _ []string) error {
	s.ids = append(s.ids, m.ID)
	return nil
}
func (s *shelf) Deliver(context.Context)      {}
func (s *shelf) Settled() map[string][]string { return map[string][]string{"shelf": s.ids} }

// archive is a forge that shows pull requests and a ledger.
type archive struct {
	forge.Forge
	pulls  []forge.PullState
	ledger ledger.Ledger
}

func (a *archive) Recent(context.Context, int) ([]forge.PullState, bool, error) {
	return a.pulls, false, nil
}
func (a *archive) Ledger(context.Context) (ledger.Ledger, error)       { return a.ledger, nil }
func (a *archive) Withdraw(context.Context) ([]forge.PullState, error) { return nil, nil }
func (a *archive) Record(_ context.Context, next ledger.Transition) error {
	a.ledger = next(a.ledger)
	return nil
}

// week is what a forge shows of a busy one: merged pull requests with updates, and three pipelines for each.
func week(at time.Time, pulls, updates int) *archive {
	a := &archive{}
	for n := pulls; n > 0; n-- {
		p := forge.PullState{
			Number: n, URL: fmt.Sprintf("https://github.com/o/r/pull/%d", n), Branch: "pawl/update", Title: "updates", Merged: true,
			SHA: fmt.Sprintf("%040d", n), Created: at.Add(-time.Duration(n) * time.Hour), At: at.Add(-time.Duration(n)*time.Hour + time.Minute),
			Says: change.Metadata{Schema: change.MetadataSchema, Chain: fmt.Sprint("chain-", n)},
		}
		for u := range updates {
			p.Says.Updates = append(p.Says.Updates, change.MetadataUpdate{Manifest: fmt.Sprint("m", u), File: "values.yaml", Key: fmt.Sprint("$.a", u), Old: "v1", New: fmt.Sprint("v", n),
				Version: "v2", Reason: "newest-match", Artifact: fmt.Sprintf("pkg:oci/a%d?repository_url=docker.io%%2Forg%%2Fa&tag=v2", u)})
		}
		a.pulls = append(a.pulls, p)
		for project := range 3 {
			a.ledger = a.ledger.Answer(ledger.Claim{Commit: p.SHA, Project: fmt.Sprint("env-", project), State: ledger.Accepted, PipelineID: int64(10*n + project),
				Server: "https://gitlab.example", Path: "group/env", Pull: n, Chain: p.Says.Chain, Queued: p.At, MergedAt: p.At})
		}
	}
	return a
}

// seen lets an observer see a run with nothing to do.
func seen(t testing.TB, a *archive, box observe.Sender, at time.Time) run.Report {
	t.Helper()
	o, err := observe.New(observe.Config{
		About:  event.About{Source: "https://github.com/o/r", Run: "1", Forge: "https://github.com", Repository: "o/r", RepositoryURL: "https://github.com/o/r"},
		Sender: box, Clock: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Started()
	forge, report := o.Forge(a), run.Report{}
	ctx := context.Background()
	if _, _, err := forge.Recent(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := forge.Ledger(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := forge.Withdraw(ctx); err != nil {
		t.Fatal(err)
	}
	if err := o.Finished(ctx, a, &report, nil); err != nil {
		t.Fatal(err)
	}
	return report
}

// TestObserverOnce: what a sink lacks of the last days is told once; what the ledger says it has is not told again.
func TestObserverOnce(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	a := week(at, 200, 2) // one an hour: 168 of them are younger than a week
	first := seen(t, a, &shelf{}, at)
	if got, want := len(first.Events), 2+168*(2+3+3); got != want { // found versions, the pull request, its pipelines
		t.Errorf("%d events, want %d", got, want)
	}
	if again := seen(t, a, &shelf{}, at); len(again.Events) != 2 {
		t.Errorf("%d events again", len(again.Events))
	}
	if quiet := seen(t, week(at, 5, 2), nil, at); len(quiet.Events) != 2 {
		t.Errorf("%d events of earlier runs without anybody who lacks them", len(quiet.Events))
	}
}

// BenchmarkObserver is what it costs to tell a busy week to a new receiver, and to see that nobody lacks anything.
func BenchmarkObserver(b *testing.B) {
	at := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	b.Run("all", func(b *testing.B) {
		told := 0
		for b.Loop() {
			told += len(seen(b, week(at, 30, 5), &shelf{}, at).Events)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(told), "µs/event")
	})
	b.Run("none", func(b *testing.B) {
		a := week(at, 30, 5)
		seen(b, a, &shelf{}, at)
		for b.Loop() {
			seen(b, a, &shelf{}, at)
		}
	})
}
