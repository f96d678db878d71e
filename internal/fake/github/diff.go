package github

import (
	"sort"

	"github.com/aymanbagabas/go-udiff"
)

// fileChange is one file that differs between two trees.
type fileChange struct {
	path, status        string // added, removed, modified
	before, after       string // blob ids, empty when absent
	additions, deletion int    // lines
	patch               string
}

// diffTrees lists the files that differ, ordered by path. Renames are shown as removed and added.
func (s *store) diffTrees(before, after string) ([]fileChange, error) {
	old, err := s.files(before)
	if err != nil {
		return nil, err
	}
	now, err := s.files(after)
	if err != nil {
		return nil, err
	}
	var changes []fileChange
	for path, id := range now {
		switch old[path] {
		case id:
		case "":
			changes = append(changes, fileChange{path: path, status: "added", after: id})
		default:
			changes = append(changes, fileChange{path: path, status: "modified", before: old[path], after: id})
		}
	}
	for path, id := range old {
		if now[path] == "" {
			changes = append(changes, fileChange{path: path, status: "removed", before: id})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].path < changes[j].path })
	for i := range changes {
		s.fill(&changes[i])
	}
	return changes, nil
}

func (s *store) files(tree string) (map[string]string, error) {
	entries, err := s.walk(tree, "", false)
	if err != nil {
		return nil, err
	}
	byPath := make(map[string]string, len(entries))
	for _, e := range entries {
		byPath[e.name] = e.id
	}
	return byPath, nil
}

// fill counts the lines of a change and writes its patch without the file header, as GitHub does.
func (s *store) fill(change *fileChange) {
	before, after := string(s.objects[change.before].data), string(s.objects[change.after].data)
	for _, h := range hunks(before, after) {
		change.additions += len(h.lines)
		change.deletion += h.to - h.from
	}
	text, err := udiff.ToUnified("a", "b", before, udiff.Strings(before, after), udiff.DefaultContextLines)
	if err != nil {
		return
	}
	change.patch = afterLines(text, 2)
}

// afterLines is the text without its first n lines and without its last newline.
func afterLines(text string, n int) string {
	for i := 0; i < len(text) && n > 0; i++ {
		if text[i] == '\n' {
			text, i, n = text[i+1:], -1, n-1
		}
	}
	if len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	return text
}
