package past

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pawl-cd/pawl/internal/edit"
)

// reading is what the keys of a track are in one content. One of a file that cannot be read says nothing.
type reading struct {
	ok     bool
	values [][]value // by key
	// plain says that each value stands in a line of the form that near knows.
	plain bool
}

type value struct {
	spot
	text string
	line int
}

// spot is where a value stands.
type spot struct {
	document int
	key      string
}

// read looks up keys in a content; a key that is not there has no value.
func read(keys []Key, data []byte) reading {
	documents := map[string]edit.Document{}
	r := reading{ok: true, values: make([][]value, len(keys))}
	for i, k := range keys {
		kind := k.Address.Kind()
		d, opened := documents[kind]
		if !opened {
			d, _ = k.Address.Open(k.File, data) // nil when it cannot be read
			documents[kind] = d
		}
		if d == nil {
			return reading{}
		}
		r.values[i] = values(d, k.Address)
	}
	r.plain = plainly(r.values, data)
	return r
}

// values are those at an address, without what is encrypted.
func values(d edit.Document, at edit.Address) []value {
	found, err := at.Find(d)
	if err != nil {
		return nil
	}
	var all []value
	for _, s := range found {
		if !d.Encrypted(s) && s.Value != "" {
			all = append(all, value{spot{s.Document, s.Key}, s.Value, s.Line})
		}
	}
	return all
}

// series are the values of a key. One that always stood at one spot at a time is one value, wherever the spot was: an
// item of a list may move.
func (t track) series(key int) []Series {
	one := t.single(key)
	state, all := map[spot]string{}, map[spot]*Series{}
	for i, s := range t.steps {
		if i == 0 {
			t.advance(state, s.Old, key, one, all)
		}
		before := maps.Clone(state)
		t.advance(state, s.New, key, one, all)
		for at, series := range all {
			if before[at] != state[at] {
				series.Moves = append(series.Moves, Move{s.commit.SHA, s.commit.Author, s.commit.At, before[at], state[at]})
			}
			series.Now = state[at]
		}
	}
	return ordered(all)
}

// single says that no content has more than one value of a key.
func (t track) single(key int) bool {
	for _, r := range t.readings {
		if r.ok && len(r.values[key]) > 1 {
			return false
		}
	}
	return true
}

// advance makes the state that of a content, as far as it can be read.
func (t track) advance(state map[spot]string, content string, key int, one bool, all map[spot]*Series) {
	if content == "" {
		clear(state)
		return
	}
	r := t.readings[content]
	if !r.ok {
		return
	}
	clear(state)
	for _, v := range r.values[key] {
		at := v.spot
		if one {
			at = spot{}
		}
		if all[at] == nil {
			all[at] = &Series{Manifest: t.keys[key].Manifest, File: t.keys[key].File}
		}
		all[at].Key, all[at].Document = v.key, v.document
		state[at] = v.text
	}
}

func ordered(all map[spot]*Series) []Series {
	var list []Series
	for _, s := range all {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Document, b.Document), cmp.Compare(a.Key, b.Key))
	})
	return list
}
