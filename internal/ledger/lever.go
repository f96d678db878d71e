package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// BrakeSchema is the version of a ledger's files once it holds a lever: what reads only Schema refuses it, so that an old pin
// cannot merge what is quarantined.
const BrakeSchema = "pawl.ledger/2"

// LeverKind is what a lever does.
type LeverKind string

// The kinds of levers. A quarantine is of an artifact, a hold and a rollback are of a manifest, a pause is of the profile.
const (
	Quarantine LeverKind = "quarantine"
	Rollback   LeverKind = "rollback"
	Hold       LeverKind = "hold"
	Pause      LeverKind = "pause"
	// Withdrawn is an event's word that an artifact was deleted: it counts while the registry says so as well.
	Withdrawn LeverKind = "withdrawn"
)

// Known reports whether this version knows what it does.
func (k LeverKind) Known() bool {
	return slices.Contains([]LeverKind{Quarantine, Rollback, Hold, Pause, Withdrawn}, k)
}

// Lever is a person's word, given by a command, that holds versions back or brings them back.
type Lever struct {
	Kind LeverKind `json:"kind"`
	// Subject is the package URL of an artifact, or the name of a manifest; empty for a pause.
	Subject string `json:"subject,omitempty"`
	// Version is what to go to or to stay at, empty when pawl finds it.
	Version string `json:"version,omitempty"`
	// Base is the tip of the base branch when it was pulled: a rollback goes back from there.
	Base   string `json:"base,omitempty"`
	Reason string `json:"reason"`
	// Stay bars the artifact and moves no value: somebody said so whose word nobody can check.
	Stay bool `json:"stay,omitempty"`
	// Event is the id of the event that said it.
	Event string `json:"event,omitempty"`
	// Urgent lets what it asks for pass the windows of the configuration, BreakGlass, which says why, freezes as well.
	Urgent     bool   `json:"urgent,omitempty"`
	BreakGlass string `json:"breakGlass,omitempty"`
	// By is who said so, by the forge's word, and At when; Until is its end, zero for none.
	By    string    `json:"by,omitempty"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	Extra Extra     `json:"-"`
}

func compareLevers(a, b Lever) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
}

// Active reports whether the lever holds at a time.
func (l Lever) Active(now time.Time) bool { return l.Until.IsZero() || now.Before(l.Until) }

// Why is the reason with who gave it and until when, for people.
func (l Lever) Why() string {
	var more []string
	if l.By != "" {
		more = append(more, l.By)
	}
	if !l.Until.IsZero() {
		more = append(more, "until "+Minute(l.Until))
	}
	if l.BreakGlass != "" {
		more = append(more, "break glass: "+l.BreakGlass)
	}
	if len(more) == 0 {
		return l.Reason
	}
	return strings.TrimSpace(l.Reason + " (" + strings.Join(more, ", ") + ")")
}

// Minute is a time as people are told it.
func Minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Brake records levers; one of the same kind and subject replaces what was said before. A rollback that is said again goes back from
// where it was said first: the base has moved because of it. What ended long ago is forgotten.
func (l Ledger) Brake(levers ...Lever) Ledger {
	levers = slices.Clone(levers)
	for i := range levers {
		levers[i].At, levers[i].Until = levers[i].At.UTC(), levers[i].Until.UTC()
	}
	l.Levers = put(l.Levers, levers, compareLevers, func(old, n Lever) Lever {
		if n.Kind == Rollback && old.Active(n.At) {
			n.Base = old.Base
		}
		if n.Extra == nil {
			n.Extra = old.Extra
		}
		return n
	})
	return l.lapse(levers)
}

// lapse forgets levers that ended long before the given ones were pulled. Those of the ledger say no time: who dates one of
// them forward must not end the others.
func (l Ledger) lapse(pulled []Lever) Ledger {
	at := latestOf(pulled)
	l.Levers = slices.DeleteFunc(slices.Clone(l.Levers), func(one Lever) bool { return one.lapsed(at) })
	return l
}

// leverAge is how long a lever is kept after its end.
const leverAge = 31 * 24 * time.Hour

// lapsed reports that it ended long before a time.
func (l Lever) lapsed(at time.Time) bool { return !l.Until.IsZero() && at.Sub(l.Until) > leverAge }

// latestOf is when the latest of some levers was pulled.
func latestOf(levers []Lever) (latest time.Time) {
	for _, one := range levers {
		latest = later(latest, one.At)
	}
	return latest
}

// Lift takes levers back: those of a kind, of the subjects.
func (l Ledger) Lift(kind LeverKind, subjects ...string) Ledger {
	l.Levers = slices.DeleteFunc(slices.Clone(l.Levers), func(one Lever) bool {
		return one.Kind == kind && slices.Contains(subjects, one.Subject)
	})
	return l
}

// LeverOf returns the lever of a kind that holds a subject at a time.
func (l Ledger) LeverOf(kind LeverKind, subject string, now time.Time) (Lever, bool) {
	at, found := slices.BinarySearchFunc(l.Levers, Lever{Kind: kind, Subject: subject}, compareLevers)
	if !found || !l.Levers[at].Active(now) {
		return Lever{}, false
	}
	return l.Levers[at], true
}

// LeversOf returns all levers of a kind that hold at a time.
func (l Ledger) LeversOf(kind LeverKind, now time.Time) []Lever {
	var all []Lever
	for _, one := range l.Levers {
		if one.Kind == kind && one.Active(now) {
			all = append(all, one)
		}
	}
	return all
}

// SameLevers reports that people said the same by two ledgers.
func (l Ledger) SameLevers(m Ledger) bool {
	return slices.EqualFunc(l.Levers, m.Levers, func(a, b Lever) bool {
		return compareLevers(a, b) == 0 && a.Version == b.Version && a.At.Equal(b.At) && a.Until.Equal(b.Until)
	})
}

// Hear records what events said. What a person said of the same subject stays, and so does an earlier word whose bytes were signed,
// when the new one is not.
func (l Ledger) Hear(now time.Time, levers ...Lever) Ledger {
	for _, one := range levers {
		old, holds := l.LeverOf(one.Kind, one.Subject, now)
		if holds && (one.Stay && !old.Stay || old.Event == "" || old.Event == one.Event && old.Stay == one.Stay) {
			continue
		}
		l = l.Brake(one)
	}
	return l
}

// Said is what changed in what people and events said, as one line for the history of the ledger; empty when nothing did.
func (l Ledger) Said(next Ledger) string {
	var words []string
	said := l.news(next)
	for _, one := range said {
		words = append(words, one.Line())
	}
	at := latestOf(said)
	for _, one := range l.Levers {
		if _, stays := slices.BinarySearchFunc(next.Levers, one, compareLevers); !stays && !one.lapsed(at) {
			words = append(words, "lift "+strings.TrimSpace(string(one.Kind)+" "+one.Subject))
		}
	}
	return cut(strings.Join(words, "; "))
}

// news are the levers of a later ledger that were pulled since, or say something else now.
func (l Ledger) news(next Ledger) []Lever {
	return slices.DeleteFunc(slices.Clone(next.Levers), func(one Lever) bool {
		at, known := slices.BinarySearchFunc(l.Levers, one, compareLevers)
		return known && l.Levers[at].At.Equal(one.At) && l.Levers[at].Version == one.Version
	})
}

// Line says the lever in one line.
func (l Lever) Line() string {
	line := strings.TrimSpace(string(l.Kind) + " " + l.Subject)
	if l.Version != "" {
		line += ", to " + l.Version
	}
	return line + ": " + l.Why()
}
