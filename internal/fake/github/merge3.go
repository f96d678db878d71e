package github

import (
	"bytes"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// mergeTrees merges two trees that grew from base, file by file and line by line; ok is false on a conflict.
func (s *store) mergeTrees(base, ours, theirs string) (merged string, ok bool, err error) {
	var sides [3]map[string]entry
	for i, id := range []string{base, ours, theirs} {
		entries, err := s.tree(id)
		if err != nil {
			return "", false, err
		}
		sides[i] = map[string]entry{}
		for _, e := range entries {
			sides[i][e.name] = e
		}
	}
	var out []entry
	for name := range union(sides[:]) {
		e, ok, err := s.mergeEntry(sides[0][name], sides[1][name], sides[2][name])
		if err != nil || !ok {
			return "", false, err
		}
		if e.id != "" {
			out = append(out, e)
		}
	}
	merged, err = s.putTree(out)
	return merged, err == nil, err
}

func union(sides []map[string]entry) map[string]bool {
	names := map[string]bool{}
	for _, side := range sides {
		for name := range side {
			names[name] = true
		}
	}
	return names
}

func (s *store) mergeEntry(base, ours, theirs entry) (entry, bool, error) {
	switch {
	case ours == theirs, base == theirs:
		return ours, true, nil
	case base == ours:
		return theirs, true, nil
	case ours.isTree() && theirs.isTree() && (base.id == "" || base.isTree()):
		id, ok, err := s.mergeTrees(base.id, ours.id, theirs.id)
		return entry{ours.mode, ours.name, id}, ok, err
	case base.kind() != "blob" || base.id == "" || ours.mode != base.mode || theirs.mode != base.mode:
		return entry{}, false, nil
	}
	return s.mergeBlobs(base, ours, theirs)
}

func (s *store) mergeBlobs(base, ours, theirs entry) (entry, bool, error) {
	var texts [3][]byte
	for i, e := range []entry{base, ours, theirs} {
		data, err := s.get("blob", e.id)
		if err != nil {
			return entry{}, false, err
		}
		texts[i] = data
	}
	merged, ok := mergeLines(string(texts[0]), string(texts[1]), string(texts[2]))
	if !ok {
		return entry{}, false, nil
	}
	return entry{base.mode, base.name, s.put("blob", []byte(merged))}, true, nil
}

// hunk replaces the lines [from, to) of the base.
type hunk struct {
	from, to int
	lines    []string
}

// mergeLines applies what both sides did to the base. Hunks that overlap or touch are a conflict, as in git, unless equal.
func mergeLines(base, ours, theirs string) (string, bool) {
	if bytes.IndexByte([]byte(base), 0) >= 0 {
		return "", false
	}
	a, b := hunks(base, ours), hunks(base, theirs)
	var all []hunk
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].to < b[0].from:
			all, a = append(all, a[0]), a[1:]
		case len(a) == 0 || b[0].to < a[0].from:
			all, b = append(all, b[0]), b[1:]
		case same(a[0], b[0]):
			all, a, b = append(all, a[0]), a[1:], b[1:]
		default:
			return "", false
		}
	}
	return applyHunks(strings.SplitAfter(base, "\n"), all), true
}

func same(a, b hunk) bool {
	return a.from == b.from && a.to == b.to && strings.Join(a.lines, "") == strings.Join(b.lines, "")
}

func applyHunks(lines []string, all []hunk) string {
	var out strings.Builder
	next := 0
	for _, h := range all {
		out.WriteString(strings.Join(lines[next:h.from], ""))
		out.WriteString(strings.Join(h.lines, ""))
		next = h.to
	}
	out.WriteString(strings.Join(lines[next:], ""))
	return out.String()
}

// hunks lists what turns before into after, by whole lines.
func hunks(before, after string) []hunk {
	edits := udiff.Strings(before, after)
	diff, err := udiff.ToUnifiedDiff("a", "b", before, edits, 0)
	if err != nil {
		return []hunk{{0, len(strings.SplitAfter(before, "\n")), []string{after}}}
	}
	var all []hunk
	for _, h := range diff.Hunks {
		one := hunk{from: h.FromLine - 1, to: h.FromLine - 1}
		for _, line := range h.Lines {
			switch line.Kind {
			case udiff.Insert:
				one.lines = append(one.lines, line.Content)
			case udiff.Delete:
				one.to++
			}
		}
		all = append(all, one)
	}
	return all
}
