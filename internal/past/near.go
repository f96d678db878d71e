package past

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/edit"
)

// Most commits change a few values and nothing else, and taking a large file apart for each of them is slow. Where two
// contents differ in lines of one simple form only, of which nothing but the scalar differs, their structure is the same,
// wherever in a document the lines stand: the values of one follow from those of the other.

// plainLine is such a line: what comes before the scalar, the scalar with or without quotes, and what comes after it.
var plainLine = regexp.MustCompile(`^(\s*(?:- +)*[A-Za-z0-9_./-]+: +)("?|'?)([A-Za-z0-9](?:[A-Za-z0-9._+/@:-]*[A-Za-z0-9._+/@-])?)("?|'?)(\s*|\s+#.*)$`)

// near is the reading of a content by that of another one, which is not far from it; ok is false when it has to be read.
func near(keys []Key, known reading, from, to []byte) (r reading, ok bool) {
	if !known.ok || !known.plain || len(from) == 0 || slices.ContainsFunc(keys, fancy) {
		return r, false
	}
	first, before, after := differing(from, to)
	if len(before) != len(after) {
		return r, false
	}
	moved := map[int][2]string{}
	for i := range before {
		was, is := scalar(before[i]), scalar(after[i])
		if before[i] == after[i] {
			continue
		}
		if was == nil || is == nil || was.frame != is.frame {
			return r, false
		}
		moved[first+i] = [2]string{was.text, is.text}
	}
	return known.with(moved)
}

// with is a reading with other scalars in some lines.
func (r reading) with(moved map[int][2]string) (reading, bool) {
	values := slices.Clone(r.values)
	for i, all := range values {
		for k, v := range all {
			m, changed := moved[v.line]
			if !changed {
				continue
			}
			if m[0] != v.text {
				return r, false
			}
			values[i] = slices.Clone(values[i])
			values[i][k].text = m[1]
		}
	}
	r.values = values
	return r, true
}

// fancy reports whether what a key finds depends on more than names and places.
func fancy(k Key) bool {
	_, yaml := k.Address.(edit.InYAML)
	return !yaml || strings.Contains(k.Address.String(), "?")
}

// differing are the lines between what two contents begin and end with alike, and the number of the first of them, from 1.
func differing(from, to []byte) (first int, before, after []string) {
	same := 0
	for same < min(len(from), len(to)) && from[same] == to[same] {
		same++
	}
	same = bytes.LastIndexByte(from[:same], '\n') + 1
	a, b := from[same:], to[same:]
	tail := 0
	for tail < min(len(a), len(b)) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	if cut := bytes.IndexByte(a[len(a)-tail:], '\n'); cut >= 0 {
		tail -= cut
	} else {
		tail = 0
	}
	first = bytes.Count(from[:same], []byte("\n")) + 1
	return first, strings.Split(string(a[:len(a)-tail]), "\n"), strings.Split(string(b[:len(b)-tail]), "\n")
}

// plain is a line of the simple form: its scalar, and all around it.
type plain struct {
	text  string
	frame [3]string
}

// scalar is a line of the simple form, nil for any other.
func scalar(line string) *plain {
	m := plainLine.FindStringSubmatch(line)
	if m == nil || m[2] != m[4] {
		return nil
	}
	return &plain{m[3], [3]string{m[1], m[2], m[5]}}
}

// plainly reports whether each value stands in a line of the simple form.
func plainly(all [][]value, data []byte) bool {
	var lines []string
	for _, values := range all {
		for _, v := range values {
			if lines == nil {
				lines = strings.Split(string(data), "\n")
			}
			if v.line < 1 || v.line > len(lines) {
				return false
			}
			if s := scalar(lines[v.line-1]); s == nil || s.text != v.text {
				return false
			}
		}
	}
	return true
}
