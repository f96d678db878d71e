package run

import (
	"strconv"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

const (
	// sending is how long after its claim a trigger may be sent; after that it is not, and has to be claimed again.
	sending = 30 * time.Second
	// lease is how long a claim of another run has to be seen unchanged, by the own clock, until it may be taken over: the
	// run sends nothing for it any more. longLease is the age that says the same without looking on, by the forge's clock.
	lease     = 90 * time.Second
	longLease = 10 * time.Minute
	// answering is how long a trigger that was sent may take to be answered unless Deployment.Timeout says more, and making how long
	// GitLab may work on one whose client has left
	// (https://docs.gitlab.com/omnibus/settings/puma.html#worker-timeout).
	answering = 20 * time.Second
	making    = time.Minute
	// resting bounds how long a deployment waits for others, over all.
	resting = 4 * time.Minute
	// impossible is how far in the future a time has to be to be no matter of clocks.
	impossible = 24 * time.Hour
)

// Attempt is one attempt of a workflow run at the forge. There is one at a time: when a later one runs, the earlier ones
// are over.
type Attempt struct {
	ID     string
	Number int
}

// after reports whether a run is an earlier attempt of the same workflow run, as its name says: ID-ATTEMPT/PROCESS.
func (a Attempt) after(run string) bool {
	if a.ID == "" {
		return false
	}
	name, _, _ := strings.Cut(run, "/")
	number, same := strings.CutPrefix(name, a.ID+"-")
	n, err := strconv.Atoi(number)
	return same && err == nil && n > 0 && n < a.Number
}

// key names a trigger.
type key struct{ commit, project string }

func keyOf(c ledger.Claim) key { return key{c.Commit, c.Project} }

// sighting is a claim as it was seen first, and when that was by the own clock.
type sighting struct {
	claim ledger.Claim
	since time.Time
}

// same reports whether a claim is the one that was seen: whoever claims or answers says when.
func same(a, b ledger.Claim) bool {
	return a.Run == b.Run && a.At.Equal(b.At)
}

// see notes the open claims of a ledger.
func (t *turns) see(l ledger.Ledger) {
	now := t.Clock()
	for _, c := range l.Claims {
		if !c.Open() {
			continue
		}
		if old, ok := t.seen[keyOf(c)]; !ok || !same(old.claim, c) {
			t.seen[keyOf(c)] = sighting{c, now}
		}
	}
}

// age is how old a claim is by the forge's clock; 0 when that is not known or cannot be.
func (t *turns) age(c ledger.Claim) time.Duration {
	if t.Base == nil || t.Base.Time().IsZero() {
		return 0
	}
	return max(0, t.Base.Time().Sub(c.At))
}

// left is how long the lease of another run's claim still lasts. An earlier attempt is over; where its pipeline can be
// looked for, that begins as soon as a look-up can end with a certain answer.
func (t *turns) left(c ledger.Claim) time.Duration {
	if t.Workflow.after(c.Run) {
		if p, _ := t.project(c.Project); p.API == "" {
			return 0
		}
		return max(0, t.settled(c).Sub(t.Clock())-looking)
	}
	seen := lease - t.Clock().Sub(t.seen[keyOf(c)].since)
	if age := t.age(c); age > 0 {
		return max(0, min(seen, longLease-age))
	}
	return max(0, seen)
}

// settled is when a pipeline that is not there by then will certainly never be, by the own clock: for a trigger of this
// run after its answer should have come, for one of another run after it can have been sent at all.
func (t *turns) settled(c ledger.Claim) time.Time {
	seen := t.seen[keyOf(c)].since
	if own, ok := t.sent[keyOf(c)]; ok && c.Run == t.Run {
		return own.ended.Add(making)
	}
	most := sending + max(answering, t.Timeout) + making
	return earlier(seen.Add(most), t.Clock().Add(max(0, most-t.age(c))))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
