package ledger

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// The ends of a pull request.
const (
	// EndMerged: it was merged, by whomever. EndClosed: a person closed it. EndWithdrawn: pawl closed it. EndGone: the forge
	// does not know it any more.
	EndMerged    = "merged"
	EndClosed    = "closed"
	EndWithdrawn = "withdrawn"
	EndGone      = "gone"
)

// Pull is a pull request of pawl's own, with what was pushed to its branch last.
type Pull struct {
	Number int    `json:"number"`
	Branch string `json:"branch"`
	// Head is the commit that was pushed, Diff the digest of what it changes.
	Head string `json:"head"`
	Diff string `json:"diff,omitempty"`
	// Files are the paths that it changes, Updates the scalars; these are forgotten once its end is known, Files and Diff two
	// weeks after it was merged.
	Files   []string     `json:"files,omitempty"`
	Updates []PullUpdate `json:"updates,omitempty"`
	// At is when it was recorded, or when it ended.
	At time.Time `json:"at,omitzero"`
	// End is how it ended, empty while it is open or nobody has looked; Commit what it was merged as.
	End    string `json:"end,omitempty"`
	Commit string `json:"commit,omitempty"`
	// Unplanned says why the merge, though it was pawl's, is not what pawl planned; nothing deploys it by itself.
	Unplanned string `json:"unplanned,omitempty"`
	Extra     Extra  `json:"-"`
}

// PullUpdate is one scalar that a pull request changes.
type PullUpdate struct {
	Place
	Manifest string `json:"manifest"`
	Old      string `json:"old"`
	New      string `json:"new"`
	Version  string `json:"version"`
}

func comparePulls(a, b Pull) int { return cmp.Compare(a.Number, b.Number) }

// PullOf returns the record of a pull request.
func (l Ledger) PullOf(number int) (Pull, bool) {
	at, found := slices.BinarySearchFunc(l.Pulls, Pull{Number: number}, comparePulls)
	if !found {
		return Pull{}, false
	}
	return l.Pulls[at], true
}

// Hold records what a pull request holds that is open; what was recorded of it before is replaced, unless it was merged: no
// such pull request opens again.
func (l Ledger) Hold(p Pull) Ledger {
	p.At = p.At.UTC()
	if old, found := l.PullOf(p.Number); found && (old.End == EndMerged || old.holds(p)) {
		return l
	}
	l.Pulls = put(l.Pulls, []Pull{p}, comparePulls, func(old, p Pull) Pull {
		if p.Extra == nil {
			p.Extra = old.Extra
		}
		return p
	})
	l.Pulls = compactPulls(l.Pulls)
	return l
}

// holds reports that a record says the same as another one of an open pull request, at whatever time.
func (p Pull) holds(q Pull) bool {
	p.At, p.Extra, q.At, q.Extra = time.Time{}, nil, time.Time{}, nil
	return reflect.DeepEqual(p, q)
}

// Settle records how a pull request ended. What it held is learned by then: of its updates only the paths stay.
func (l Ledger) Settle(p Pull) Ledger {
	p.At, p.Updates = p.At.UTC(), nil
	l.Pulls = put(l.Pulls, []Pull{p}, comparePulls, func(old, p Pull) Pull {
		p.Branch, p.Head, p.Diff = cmp.Or(p.Branch, old.Branch), cmp.Or(p.Head, old.Head), cmp.Or(p.Diff, old.Diff)
		if p.Files == nil {
			p.Files = old.Files
		}
		if p.Extra == nil {
			p.Extra = old.Extra
		}
		return p
	})
	l.Pulls = compactPulls(l.Pulls)
	return l
}

// How many pull requests are kept: of those that ended the newest, of the others nearly all there can be.
const (
	maxEnded = 300
	maxOpen  = 100
	// told is how long what a merge changed is kept: no run brings it to a project after a week.
	told = 14 * 24 * time.Hour
)

// compactPulls forgets the oldest ones. One that was merged otherwise than planned stays until everything else is gone.
func compactPulls(pulls []Pull) []Pull {
	at := func(p Pull) time.Time { return p.At }
	pulls = brief(pulls)
	ended, unplanned := 0, 0
	for _, p := range pulls {
		if p.End != "" {
			ended++
		}
		if p.Unplanned != "" {
			unplanned++
		}
	}
	open := len(pulls) - ended
	pulls = newest(pulls, open+max(maxEnded, unplanned), at, func(p Pull) bool { return p.End != "" && p.Unplanned == "" })
	ended = min(ended, max(maxEnded, unplanned))
	return newest(pulls, ended+maxOpen, at, func(p Pull) bool { return p.End == "" })
}

// brief leaves out what was changed by merges that are two weeks older than the latest one.
func brief(pulls []Pull) []Pull {
	var latest time.Time
	for _, p := range pulls {
		if p.End == EndMerged {
			latest = later(latest, p.At)
		}
	}
	pulls = slices.Clone(pulls)
	for i, p := range pulls {
		if p.End == EndMerged && latest.Sub(p.At) > told {
			pulls[i].Files, pulls[i].Diff = nil, ""
		}
	}
	return pulls
}

// Learned reports that the end of a pull request is known: it is recorded, or the pull request is older than all that are
// and there are so many that older ones are forgotten.
func (l Ledger) Learned(number int) bool {
	if p, found := l.PullOf(number); found {
		return p.End != ""
	}
	ended := 0
	for _, p := range l.Pulls {
		if p.End != "" {
			ended++
		}
	}
	return ended >= maxEnded && number < l.Pulls[0].Number
}

// OpenPulls are the numbers of the pull requests whose end nobody has seen yet, the newest first.
func (l Ledger) OpenPulls() []int {
	var all []int
	for _, p := range slices.Backward(l.Pulls) {
		if p.End == "" {
			all = append(all, p.Number)
		}
	}
	return all
}

// Knows reports whether a merged commit is recorded already, with its values or its triggers.
func (l Ledger) Knows(commit string) bool {
	return slices.ContainsFunc(l.Values, func(v Value) bool { return v.Commit == commit }) || slices.ContainsFunc(l.Claims, func(c Claim) bool { return c.Commit == commit })
}

// Heads are the commits that were pushed to pull requests.
func (l Ledger) Heads() []string {
	var all []string
	for _, p := range l.Pulls {
		if p.Head != "" {
			all = append(all, p.Head)
		}
	}
	return all
}

// Unplanned are the pull requests that were merged in pawl's name otherwise than planned, as long as no pipeline that was
// accepted brings them: one for the very commit, or for one that was merged later.
func (l Ledger) Unplanned() []Pull {
	var all []Pull
	for _, p := range l.Pulls {
		covered := slices.ContainsFunc(l.Claims, func(c Claim) bool {
			return c.State == Accepted && (c.Commit == p.Commit || c.MergedAt.After(p.At))
		})
		if p.Unplanned != "" && !covered {
			all = append(all, p)
		}
	}
	return all
}

// Acceptance is a person's word that the profile goes on with a new ledger: what was merged before is deployed.
type Acceptance struct {
	At time.Time `json:"at"`
	// Base is the tip of the base branch at that time, By who said so.
	Base  string `json:"base,omitempty"`
	By    string `json:"by,omitempty"`
	Extra Extra  `json:"-"`
}

func compareAcceptances(a, b Acceptance) int { return a.At.Compare(b.At) }

// Accept records a person's word.
func (l Ledger) Accept(a Acceptance) Ledger {
	a.At = a.At.UTC()
	l.Accepted = put(l.Accepted, []Acceptance{a}, compareAcceptances, func(_, a Acceptance) Acceptance { return a })
	return l
}

// Since is when the ledger began by a person's word; zero when it never got lost.
func (l Ledger) Since() time.Time {
	if len(l.Accepted) == 0 {
		return time.Time{}
	}
	return l.Accepted[len(l.Accepted)-1].At
}

// Empty reports that nothing is recorded beside what receivers of events have and what shadow runs decided: there is no ledger yet, or it got lost.
func (l Ledger) Empty() bool {
	return len(l.Claims)+len(l.Values)+len(l.Vetoes)+len(l.Pulls)+len(l.Accepted) == 0
}
