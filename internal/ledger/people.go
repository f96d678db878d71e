package ledger

import (
	"cmp"
	"fmt"
	"slices"
)

// Why a proposal is held; the codes are those of the plan.
const (
	PeopleEdit = "people-edit"
	Vetoed     = "vetoed"
)

// Order compares two versions: negative when a is older than b, positive when it is newer, 0 when neither can be said.
type Order func(a, b string) int

// newer reports whether a is certainly newer than b.
func (o Order) newer(a, b string) bool { return o != nil && o(a, b) > 0 }

// Proposal is one value that pawl would write.
type Proposal struct {
	Place
	// Asker is the manifest as it is now.
	Asker
	// Base is the value on the base now, and Current the version that it stands for, empty when that is not known; Value
	// and Version are what would be written and the version it is made from.
	Base, Current  string
	Value, Version string
	// Braked says that a quarantine or a rollback asks for it: of what people said only a no to this very version counts.
	Braked bool
}

// current is the version of the base's value, as well as it is known.
func (p Proposal) current() string { return cmp.Or(p.Current, p.Base) }

// Verdict says whether people let a proposal pass. The zero Verdict lets it pass.
type Verdict struct {
	// Reason is PeopleEdit or Vetoed when the proposal is held, else empty.
	Reason string
	// Detail says what the person did, and Hint how to lift the hold.
	Detail, Hint string
}

// Held reports whether the proposal must not be written.
func (v Verdict) Held() bool { return v.Reason != "" }

// Written records the values that a merged commit wrote; the latest word on a scalar replaces the one before.
func (l Ledger) Written(values ...Value) Ledger {
	values = slices.Clone(values)
	for i := range values {
		values[i].At = values[i].At.UTC()
	}
	l.Values = put(l.Values, values, compareValues, func(old, v Value) Value {
		if v.Extra == nil {
			v.Extra = old.Extra
		}
		return v
	})
	return l
}

// Confirmed records values that were found right as they are, so that a person's edit of them is recognized later. A
// scalar of which another run recorded something since the ledger was seen is left to that run.
func (l Ledger) Confirmed(seen Ledger, values ...Value) Ledger {
	var free []Value
	for _, v := range values {
		before, _ := seen.ValueOf(v.Place, v.Manifest)
		if now, _ := l.ValueOf(v.Place, v.Manifest); now.same(before) {
			free = append(free, v)
		}
	}
	return l.Written(free...)
}

// same reports whether two entries of a scalar say the same of it; the zero Value stands for no entry.
func (v Value) same(w Value) bool {
	return v.Asker == w.Asker && v.Value == w.Value && v.Version == w.Version
}

// Unknown returns those of the values that the ledger does not hold yet.
func (l Ledger) Unknown(values []Value) []Value {
	var news []Value
	for _, v := range values {
		if known, _ := l.ValueOf(v.Place, v.Manifest); !known.same(v) {
			news = append(news, v)
		}
	}
	return news
}

// Veto records that people rejected versions, as closing the pull request that proposes them does. The first veto of a
// version stays.
func (l Ledger) Veto(vetoes ...Veto) Ledger {
	vetoes = slices.Clone(vetoes)
	for i := range vetoes {
		vetoes[i].At = vetoes[i].At.UTC()
	}
	l.Vetoes = put(l.Vetoes, vetoes, compareVetoes, earlier)
	return l
}

// earlier chooses between two vetoes of one version.
func earlier(old, v Veto) Veto {
	if cmp.Or(old.At.Compare(v.At), cmp.Compare(old.Pull, v.Pull)) <= 0 {
		return old
	}
	if v.Extra == nil {
		v.Extra = old.Extra
	}
	return v
}

// Judge says whether people object to a proposal. They do when they changed the scalar after pawl wrote it, or closed a
// pull request with it; until a version newer than the one they replaced or rejected, and no older than the one they
// wrote, is proposed, or the manifest's text changes, for that is a person's word too. Where the ledger knows nothing, nobody objects. An order that cannot
// tell two versions apart holds.
func (l Ledger) Judge(p Proposal, order Order) Verdict {
	if p.Base == p.Value {
		return Verdict{}
	}
	if p.Braked {
		if v, found := l.Rejected(p.Place, p.Asker, p.Version); found {
			return vetoed(v)
		}
		return Verdict{}
	}
	if v, found := l.vetoOf(p, order); found {
		return vetoed(v)
	}
	last, found := l.ValueOf(p.Place, p.Manifest)
	switch {
	case !found, last.Digest != p.Digest, last.Value == p.Base, order.newer(p.Version, last.Version) && !order.newer(p.current(), p.Version):
		return Verdict{}
	default:
		return edited(p, last, order)
	}
}

// vetoOf finds a veto of the scalar, by the present manifest, that the proposal does not outgrow.
func (l Ledger) vetoOf(p Proposal, order Order) (Veto, bool) {
	at, _ := slices.BinarySearchFunc(l.Vetoes, Veto{Place: p.Place, Asker: p.Asker}, compareVetoes)
	for _, v := range l.Vetoes[at:] {
		if v.Place != p.Place || v.Asker != p.Asker {
			break
		}
		if !order.newer(p.Version, v.Version) {
			return v, true
		}
	}
	return Veto{}, false
}

// Rejected returns a person's no to this very version of a scalar, by the present manifest.
func (l Ledger) Rejected(at Place, by Asker, version string) (Veto, bool) {
	i, found := slices.BinarySearchFunc(l.Vetoes, Veto{Place: at, Asker: by, Version: version}, compareVetoes)
	if !found {
		return Veto{}, false
	}
	return l.Vetoes[i], true
}

// ValueOf returns what pawl last wrote to a scalar for a manifest.
func (l Ledger) ValueOf(at Place, manifest string) (Value, bool) {
	key := Value{Place: at, Asker: Asker{Manifest: manifest}}
	i, found := slices.BinarySearchFunc(l.Values, key, compareValues)
	if !found {
		return Value{}, false
	}
	return l.Values[i], true
}

func vetoed(v Veto) Verdict {
	detail := fmt.Sprintf("a person rejected %s", v.Version)
	if v.Pull > 0 {
		detail = fmt.Sprintf("a person closed pull request %d with %s", v.Pull, v.Version)
	}
	return Verdict{
		Reason: Vetoed,
		Detail: detail,
		Hint:   fmt.Sprintf("wait for a version newer than %s, or change the manifest", v.Version),
	}
}

func edited(p Proposal, last Value, order Order) Verdict {
	did := "wrote"
	if last.Commit == "" {
		did = "confirmed"
	}
	return Verdict{
		Reason: PeopleEdit,
		Detail: fmt.Sprintf("pawl %s %s and a person changed it to %s", did, last.Value, p.Base),
		Hint:   fmt.Sprintf("wait for a version newer than %s, or change the manifest", p.outgrown(last, order)),
	}
}

// outgrown is the version that a proposal has to be newer than: the person's own when they went up.
func (p Proposal) outgrown(last Value, order Order) string {
	if order.newer(p.current(), last.Version) {
		return p.current()
	}
	return last.Version
}
