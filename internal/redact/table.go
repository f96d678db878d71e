package redact

import (
	"cmp"
	"slices"
	"strings"
)

// keyLength is how many bytes at the beginning of a form lead to it.
const keyLength = 4

// table finds any of many forms in a text: for each position four bytes are looked up in a small filter, and the forms
// are compared only where it says that one may begin. The zero table has none.
type table struct {
	secrets map[string]bool
	forms   map[string][]string // by their first bytes
	filter  [1 << 10]uint64     // one bit for each hash of these
}

// span is a part of a text, from one byte to before another.
type span struct{ from, to int }

func (t *table) has(secret string) bool { return t.secrets[secret] }

func (t *table) add(secret string) {
	if t.secrets == nil {
		t.secrets, t.forms = map[string]bool{}, map[string][]string{}
	}
	if t.secrets[secret] {
		return
	}
	t.secrets[secret] = true
	for _, form := range forms(secret) {
		key := form[:keyLength]
		if slices.Contains(t.forms[key], form) {
			continue
		}
		t.forms[key] = append(t.forms[key], form)
		slices.SortFunc(t.forms[key], func(a, b string) int { return cmp.Compare(len(b), len(a)) })
		h := hash(key)
		t.filter[h>>6] |= 1 << (h & 63)
	}
}

// hash makes 16 bits of the first four bytes of a text.
func hash(text string) uint32 {
	n := uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16 | uint32(text[3])<<24
	return n * 2654435761 >> 16
}

// replace puts Mark in the place of every secret.
func (t *table) replace(text string) string {
	found := t.spans(text)
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
func (t *table) spans(text string) []span {
	if len(t.forms) == 0 || len(text) < keyLength {
		return nil
	}
	found := t.plain(text)
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
		for _, s := range t.escaped(text[begin:end]) {
			found = append(found, span{begin + s.from, begin + s.to})
		}
		from = end
	}
	return merged(found)
}

// plain finds the forms as they stand.
func (t *table) plain(text string) (found []span) {
	for i := range len(text) - keyLength + 1 {
		h := hash(text[i:])
		if t.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, form := range t.forms[text[i:i+keyLength]] {
			if strings.HasPrefix(text[i:], form) {
				found = append(found, span{i - backslashes(text[:i])&1, i + len(form)})
				break
			}
		}
	}
	return found
}

// backslashes counts those at the end of a text: after an odd number the next character belongs to the last one.
func backslashes(text string) int { return len(text) - len(strings.TrimRight(text, `\`)) }

// escaped finds the forms in what a line says once its escapes are resolved, again and again.
func (t *table) escaped(line string) (found []span) {
	places := []int(nil)
	for range maxDepth {
		plain, at, more := unescape(line)
		if !more {
			break
		}
		if places != nil {
			for i := range at {
				at[i] = places[at[i]]
			}
		}
		line, places = plain, at
		for _, s := range t.plain(line) {
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
