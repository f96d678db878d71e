package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// LedgerLost is the reason of a run that does nothing because its ledger got lost.
const LedgerLost = "ledger-lost"

// Lost says that there is no ledger although pawl merged something here before: nobody knows what was deployed and what
// people rejected. Its JSON form is part of the report.
type Lost struct {
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	// Pending are the merges of the last days that may not have been deployed, the newest first.
	Pending []PendingMerge `json:"pending"`
}

// PendingMerge is a merge of which nobody knows whether it was deployed. Pull is 0 when only the commit tells.
type PendingMerge struct {
	Pull   int       `json:"pull,omitempty"`
	Commit string    `json:"commit"`
	URL    string    `json:"url,omitempty"`
	Title  string    `json:"title,omitempty"`
	At     time.Time `json:"at"`
}

// Forgotten says whether the ledger got lost: nothing is recorded, and pull requests of ours were merged, or the history of
// the base has commits of ours. Nil is a ledger, or a profile in which nothing was merged yet.
func Forgotten(ctx context.Context, f forge.Forge, base string, known ledger.Ledger, pulls []forge.PullState, now time.Time) (*Lost, error) {
	if !known.Empty() {
		return nil, nil
	}
	var merges []PendingMerge
	for _, p := range pulls {
		if p.Merged {
			merges = append(merges, PendingMerge{Pull: p.Number, Commit: p.SHA, URL: forge.CommitURL(p.URL, p.SHA), Title: p.Title, At: p.At})
		}
	}
	if len(merges) == 0 {
		commits, err := f.OwnCommits(ctx, base)
		if err != nil {
			return nil, err
		}
		for _, c := range commits {
			title, _, _ := strings.Cut(c.Message, "\n")
			merges = append(merges, PendingMerge{Commit: c.SHA, URL: c.URL, Title: title, At: c.At})
		}
	}
	if len(merges) == 0 {
		return nil, nil
	}
	lost := &Lost{
		Reason: LedgerLost, Detail: fmt.Sprintf("there is no ledger, and %s was merged here before: nothing is merged and nothing is fired", short(merges[0].Commit)),
		Hint:    "bring the ledger's ref back, or run pawl ledger accept to begin anew; what was merged by then counts as deployed, so run pawl deploy --commit SHA for what was not",
		Pending: append([]PendingMerge{}, slices.DeleteFunc(merges, func(m PendingMerge) bool { return now.Sub(m.At) > pickUp })...),
	}
	return lost, nil
}

// again returns the ledger, read once more when there seemed to be none although pawl merged something: another run may have
// begun it, and merged, after it was read here and before the pull requests were.
func again(ctx context.Context, f forge.Forge, known ledger.Ledger, pulls []forge.PullState) (ledger.Ledger, error) {
	if !known.Empty() || !slices.ContainsFunc(pulls, func(p forge.PullState) bool { return p.Merged }) {
		return known, nil
	}
	return f.Ledger(ctx)
}

// Accept is how a ledger begins anew after its loss: with what pull requests tell of values and rejected versions, and with
// a person's word that everything that was merged is deployed. A ledger that is there stays as it is.
func Accept(pulls []forge.PullState, digests map[string]string, word ledger.Acceptance) ledger.Transition {
	return func(l ledger.Ledger) ledger.Ledger {
		if !l.Empty() {
			return l
		}
		return lessonsOf(pulls, digests)(l).Accept(word)
	}
}

// Everything reads all our pull requests from the configured branch.
func Everything(ctx context.Context, f forge.Forge) ([]forge.PullState, error) {
	var all []forge.PullState
	for page, more := 1, true; more; page++ {
		var pulls []forge.PullState
		var err error
		if pulls, more, err = f.Recent(ctx, page); err != nil {
			return nil, err
		}
		all = append(all, pulls...)
	}
	slices.SortStableFunc(all, func(a, b forge.PullState) int { return b.Number - a.Number })
	return all, nil
}

// SealFloor is the highest counter of a ledger's seal that our commits on the base were made under.
func SealFloor(ctx context.Context, f forge.Forge, base string) (int, error) {
	commits, err := f.OwnCommits(ctx, base)
	floor := 0
	for _, c := range commits {
		floor = max(floor, change.ParseTrailers(c.Message).Seal)
	}
	return floor, err
}

// goneBack says that the ledger is an older one than those that changes were merged under: somebody took brakes away, or wrote it
// without the key.
func goneBack(counter, floor int) *Lost {
	return &Lost{Reason: LedgerLost, Detail: fmt.Sprintf("the ledger's seal is number %d, and changes were merged under number %d: somebody brought an older ledger back, or wrote it without the key; nothing is merged and nothing is fired", counter, floor),
		Hint: "look at the history of the ledger's ref and bring the newest one back, or run pawl ledger accept to go on with what is there", Pending: []PendingMerge{}}
}
