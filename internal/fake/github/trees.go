package github

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
)

const (
	modeFile = "100644"
	modeTree = "40000" // as git stores it; the API writes 040000
)

// entry is one line of a tree.
type entry struct {
	mode, name, id string
}

func (e entry) isTree() bool { return e.mode == modeTree }

func (e entry) kind() string {
	switch e.mode {
	case modeTree:
		return "tree"
	case "160000":
		return "commit"
	}
	return "blob"
}

// tree parses a tree; the empty id is the empty tree.
func (s *store) tree(id string) ([]entry, error) {
	if id == "" {
		return nil, nil
	}
	data, err := s.get("tree", id)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for len(data) > 0 {
		head, rest, found := bytes.Cut(data, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		if !found || !spaced || len(rest) < 20 {
			return nil, fmt.Errorf("parsing tree %s: cut short", id)
		}
		entries = append(entries, entry{mode, name, hex.EncodeToString(rest[:20])})
		data = rest[20:]
	}
	return entries, nil
}

// putTree stores a tree in git's order.
func (s *store) putTree(entries []entry) (string, error) {
	sort.Slice(entries, func(i, j int) bool { return sortKey(entries[i]) < sortKey(entries[j]) })
	var out bytes.Buffer
	for _, e := range entries {
		raw, err := hex.DecodeString(e.id)
		if err != nil {
			return "", fmt.Errorf("writing tree entry %s: %w", e.name, err)
		}
		out.WriteString(e.mode + " " + e.name + "\x00")
		out.Write(raw)
	}
	return s.put("tree", out.Bytes()), nil
}

func sortKey(e entry) string {
	if e.isTree() {
		return e.name + "/"
	}
	return e.name
}

// find returns the entry at a slash-separated path; the empty path is the tree itself.
func (s *store) find(tree, path string) (entry, bool) {
	current := entry{mode: modeTree, id: tree}
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" {
			return current, true
		}
		next, ok := s.child(current, part)
		if !ok {
			return entry{}, false
		}
		current = next
	}
	return current, true
}

func (s *store) child(parent entry, name string) (entry, bool) {
	if !parent.isTree() {
		return entry{}, false
	}
	entries, err := s.tree(parent.id)
	if err != nil {
		return entry{}, false
	}
	for _, e := range entries {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}

// walk lists a tree depth first, with full paths; withTrees includes the trees themselves.
func (s *store) walk(tree, prefix string, withTrees bool) ([]entry, error) {
	entries, err := s.tree(tree)
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, e := range entries {
		full := entry{e.mode, prefix + e.name, e.id}
		if !e.isTree() || withTrees {
			all = append(all, full)
		}
		if !e.isTree() {
			continue
		}
		below, err := s.walk(e.id, full.name+"/", withTrees)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// overlay returns the tree with the changes put over it; a change without an id deletes its path.
func (s *store) overlay(tree string, changes []entry) (string, error) {
	entries, err := s.tree(tree)
	if err != nil {
		return "", err
	}
	byName := map[string]entry{}
	for _, e := range entries {
		byName[e.name] = e
	}
	below := map[string][]entry{}
	for _, c := range changes {
		first, rest, deeper := strings.Cut(c.name, "/")
		switch {
		case deeper:
			below[first] = append(below[first], entry{c.mode, rest, c.id})
		case c.id == "":
			delete(byName, first)
		default:
			byName[first] = c
		}
	}
	if err := s.overlayBelow(byName, below); err != nil {
		return "", err
	}
	return s.putTree(values(byName))
}

func (s *store) overlayBelow(byName map[string]entry, below map[string][]entry) error {
	for name, changes := range below {
		base := ""
		if byName[name].isTree() {
			base = byName[name].id
		}
		id, err := s.overlay(base, changes)
		if err != nil {
			return err
		}
		byName[name] = entry{modeTree, name, id}
		if data, err := s.get("tree", id); err == nil && len(data) == 0 {
			delete(byName, name)
		}
	}
	return nil
}

func values(byName map[string]entry) []entry {
	all := make([]entry, 0, len(byName))
	for _, e := range byName {
		all = append(all, e)
	}
	return all
}
