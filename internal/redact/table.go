package redact

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// keyLength is how many bytes of a form lead to it. A form has minSecret bytes or more, so whatever stands before it, its
	// first bytes hold a key that begins at a multiple of stride: only there a text is looked at.
	keyLength = 4
	stride    = minSecret - keyLength + 1
)

// table finds any of many forms in a text: at every stride four bytes are looked up in a small filter, and the forms are
// compared only where it says that one may hold them. The zero table has none.
type table struct {
	secrets map[string]bool // whether each is loose
	places  []place
	heads   map[uint32]int  // the last place of each key
	filter  [1 << 10]uint64 // one bit for each hash of these
}

// place is where in a form a key stands, and the place before it with the same key. A loose one is of a token that a server
// made up.
type place struct {
	form   string
	at     int
	loose  bool
	before int
}

// span is a part of a text, from one byte to before another.
type span struct{ from, to int }

// has reports whether a secret is known, as strictly as is asked.
func (t *table) has(secret string, loose bool) bool {
	l, ok := t.secrets[secret]
	return ok && (loose || !l)
}

func (t *table) add(secret string, loose bool) {
	if t.secrets == nil {
		t.secrets, t.heads, t.places = map[string]bool{}, map[uint32]int{}, make([]place, 1) // the first is none
	}
	if t.has(secret, loose) {
		return
	}
	t.secrets[secret] = loose
	for _, form := range forms(secret) {
		for at := range stride {
			key := keyAt(form[at:])
			t.places = append(t.places, place{form: form, at: at, loose: loose, before: t.heads[key]})
			t.heads[key] = len(t.places) - 1
			h := hash(key)
			t.filter[h>>6] |= 1 << (h & 63)
		}
	}
}

// keyAt is the key at the beginning of a text.
func keyAt(text string) uint32 {
	return uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16 | uint32(text[3])<<24
}

// hash makes 16 bits of a key.
func hash(key uint32) uint32 { return key * 2654435761 >> 16 }

// replace puts Mark in the place of every secret, of the loose ones if that is asked.
func (t *table) replace(text string, loose bool) string {
	found := t.spans(text, loose)
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range found {
		b.WriteString(text[at:s.from])
		b.WriteString(Mark)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// spans are the parts of a text that hold secrets, in order, apart from each other.
func (t *table) spans(text string, loose bool) []span {
	if len(t.places) == 0 || len(text) < minSecret {
		return nil
	}
	found := t.plain(text, loose)
	if !t.hides(text, loose) {
		return merged(found)
	}
	for from := 0; from < len(text); {
		at := strings.IndexAny(text[from:], escapes)
		if at < 0 {
			break
		}
		at += from
		begin, end := strings.LastIndexByte(text[:at], '\n')+1, len(text)
		if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
			end = at + n
		}
		for _, s := range t.escaped(text[begin:end], loose) {
			found = append(found, span{begin + s.from, begin + s.to})
		}
		from = end
	}
	return merged(found)
}

// hides reports whether there is a form in what a text says once its escapes are resolved, again and again.
func (t *table) hides(text string, loose bool) bool {
	for range maxDepth {
		plain, _, more := unescape(text, false)
		if !more {
			return false
		}
		if text = plain; len(t.plain(text, loose)) > 0 {
			return true
		}
	}
	return false
}

// plain finds the forms as they stand.
func (t *table) plain(text string, loose bool) (found []span) {
	for i := 0; i+keyLength <= len(text); i += stride {
		key := keyAt(text[i:])
		h := hash(key)
		if t.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for n := t.heads[key]; n > 0; n = t.places[n].before {
			p := &t.places[n]
			if from := i - p.at; from >= 0 && (loose || !p.loose) && strings.HasPrefix(text[from:], p.form) {
				found = append(found, span{from - backslashes(text[:from])&1, from + len(p.form)})
			}
		}
	}
	return found
}

// backslashes counts those at the end of a text: after an odd number the next character belongs to the last one.
func backslashes(text string) int { return len(text) - len(strings.TrimRight(text, `\`)) }

// escaped finds where these are in a line.
func (t *table) escaped(line string, loose bool) (found []span) {
	places := []int(nil)
	for range maxDepth {
		plain, at, more := unescape(line, true)
		if !more {
			break
		}
		if places != nil {
			for i := range at {
				at[i] = places[at[i]]
			}
		}
		line, places = plain, at
		for _, s := range t.plain(line, loose) {
			to := s.to
			for to < len(line) && places[to] == places[to-1] {
				to++ // a character that is one escape
			}
			found = append(found, span{places[s.from], places[to]})
		}
	}
	return found
}

// merged orders the spans and joins those that meet.
func merged(all []span) []span {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := all[:0]
	for _, s := range all {
		if n := len(joined); n > 0 && s.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
