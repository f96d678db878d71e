package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ShadowFile holds what shadow runs decided, as JSON Lines: a line of its own for each value whose decision changed.
const ShadowFile = "shadow.jsonl"

// What is kept of shadow runs is bounded: bytes of the file, and of the text of one decision.
const (
	MaxShadowBytes  = 1 << 20
	maxShadowDetail = 200
)

// Decision is what a shadow run decided for one value. It holds until the next one of the same value.
type Decision struct {
	At       time.Time `json:"at"`
	Manifest string    `json:"manifest"`
	Place
	// Now is the text that stood there. Want is the text that a run would leave there, empty when it chose none: then Outcome
	// is held, none or failed, and Held the text that it saw and holds back, if it is one.
	Now     string `json:"now,omitempty"`
	Want    string `json:"want,omitempty"`
	Held    string `json:"held,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
	Extra   Extra  `json:"-"`
}

// Moves reports whether a run would have changed the value.
func (d Decision) Moves() bool { return d.Want != "" && d.Want != d.Now }

// watched is the value that a decision is of.
type watched struct {
	manifest string
	place    Place
}

// Same reports whether a later decision on a value says the same. That somebody else wrote the wanted text is no other decision;
// that another text is to be replaced by it is one.
func (d Decision) Same(later Decision) bool {
	moved := later.Moves() && later.Now != d.Now
	return d.Want == later.Want && d.Held == later.Held && d.Outcome == later.Outcome && d.Reason == later.Reason && !moved
}

// failed reports that there was no decision, because something failed.
func (d Decision) failed() bool { return d.Outcome == "failed" }

func compareDecisions(a, b Decision) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Manifest, b.Manifest), a.Place.compare(b.Place), cmp.Compare(a.Want, b.Want),
		cmp.Compare(a.Held, b.Held), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason))
}

// Decide records decisions, of which those count that are others than before; a failure that ended where it began is taken
// out again. Of runs that race the
// earlier one stands before the later one, whoever writes first. When there are too many, the oldest go, first those that do not hold any
// more.
func (l Ledger) Decide(decisions ...Decision) Ledger {
	values := map[watched][]Decision{}
	for _, d := range slices.Concat(l.Shadow, decisions) {
		d.At, d.Detail = d.At.UTC().Truncate(time.Second), shortened(d.Detail)
		of := watched{d.Manifest, d.Place}
		values[of] = append(values[of], d)
	}
	var over, hold []Decision
	for _, of := range values {
		all := changes(of)
		over, hold = append(over, all[:len(all)-1]...), append(hold, all[len(all)-1])
	}
	slices.SortFunc(over, compareDecisions)
	slices.SortFunc(hold, compareDecisions)
	hold, left := newestDecisions(hold, MaxShadowBytes)
	over, _ = newestDecisions(over, left)
	l.Shadow = slices.Concat(over, hold)
	slices.SortFunc(l.Shadow, compareDecisions)
	return l
}

// DecisionOf returns the decision that holds for a value.
func (l Ledger) DecisionOf(manifest string, place Place) (Decision, bool) {
	for _, d := range slices.Backward(l.Shadow) {
		if d.Manifest == manifest && d.Place == place {
			return d, true
		}
	}
	return Decision{}, false
}

// changes are the decisions of one value that differ from the ones before them, in the order of their times.
func changes(of []Decision) []Decision {
	slices.SortStableFunc(of, compareDecisions)
	var all []Decision
	for _, d := range of {
		n := len(all)
		switch {
		case n > 0 && all[n-1].Same(d):
		case n > 1 && all[n-1].failed() && all[n-2].Same(d):
			all = all[:n-1]
		default:
			all = append(all, d)
		}
	}
	return all
}

// newestDecisions are the newest of decisions in their order that a number of bytes is enough for, and what is left of it.
func newestDecisions(all []Decision, limit int) ([]Decision, int) {
	for i, d := range slices.Backward(all) {
		line, err := encodeEntry(d)
		if err != nil || len(line)+1 > limit {
			return all[i+1:], 0
		}
		limit -= len(line) + 1
	}
	return all, limit
}

// shortened bounds the text of a decision.
func shortened(text string) string {
	if len(text) > maxShadowDetail {
		text = strings.ToValidUTF8(text[:maxShadowDetail], "")
	}
	return text
}
