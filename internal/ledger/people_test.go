package ledger

import (
	"cmp"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	place, other := Place{File: "f", Key: "$.a"}, Place{File: "f", Document: 1, Key: "$.a"}
	asker := Asker{Manifest: "m", Digest: "d"}
	wrote := Ledger{}.Written(Value{Place: place, Asker: asker, Value: "2", Version: "v2"})
	closed := Ledger{}.Veto(Veto{Place: place, Asker: asker, Version: "v2", Pull: 5})
	ask := func(base, version string) Proposal {
		return Proposal{Place: place, Asker: asker, Base: base, Value: version[1:], Version: version}
	}
	changed := ask("1", "v2")
	changed.Digest = "new"
	renamed := ask("1", "v2")
	renamed.Manifest = "n"
	elsewhere := ask("1", "v2")
	elsewhere.Place = other
	order := Order(cmp.Compare[string])
	tests := []struct {
		name  string
		l     Ledger
		p     Proposal
		order Order
		want  string
	}{
		{"empty ledger", Ledger{}, ask("1", "v2"), order, ""},
		{"the normal way", wrote, ask("2", "v3"), order, ""},
		{"a revert stays reverted", wrote, ask("1", "v2"), order, PeopleEdit},
		{"an edit is not undone", wrote, ask("9", "v2"), order, PeopleEdit},
		{"an edit is not undone downwards", wrote, ask("9", "v1"), order, PeopleEdit},
		{"a newer version ends the hold", wrote, ask("1", "v3"), order, ""},
		{"the base has it already", wrote, ask("1", "v1"), order, ""},
		{"a changed manifest lifts the hold", wrote, changed, order, ""},
		{"a renamed manifest lifts the hold", wrote, renamed, order, ""},
		{"another document", wrote, elsewhere, order, ""},
		{"no order holds", wrote, ask("1", "v3"), nil, PeopleEdit},
		{"downgrade of our own value", wrote, ask("2", "v1"), order, ""},
		{"closed", closed, ask("1", "v2"), order, Vetoed},
		{"closed, then an older one", closed, ask("0", "v1"), order, Vetoed},
		{"closed, then a newer one", closed, ask("1", "v3"), order, ""},
		{"closed, then the manifest changed", closed, changed, order, ""},
		{"closed, another scalar", closed, elsewhere, order, ""},
		{"closed without order", closed, ask("1", "v3"), nil, Vetoed},
	}
	for _, tt := range tests {
		got := tt.l.Judge(tt.p, tt.order)
		if got.Reason != tt.want || got.Held() != (tt.want != "") || got.Held() != (got.Detail != "" && got.Hint != "") {
			t.Errorf("%s: got %+v, want %q", tt.name, got, tt.want)
		}
	}
}

// After the version that ended the hold is written, the person's edit of it counts anew.
func TestJudgeFollowsTheLatestWord(t *testing.T) {
	t.Parallel()
	place, asker := Place{File: "f", Key: "$.a"}, Asker{Manifest: "m", Digest: "d"}
	l := Ledger{}.Written(Value{Place: place, Asker: asker, Value: "v2", Version: "v2"})
	l = l.Written(Value{Place: place, Asker: asker, Value: "v3", Version: "v3"})
	p := Proposal{Place: place, Asker: asker, Base: "v2", Value: "v3", Version: "v3"}
	if got := l.Judge(p, cmp.Compare[string]); got.Reason != PeopleEdit || len(l.Values) != 1 {
		t.Errorf("got %+v with %d values", got, len(l.Values))
	}
}
