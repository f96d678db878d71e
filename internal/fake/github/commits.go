package github

import (
	"fmt"
	"strings"
	"time"
)

// person is an author or committer with the time of the act.
type person struct {
	name, email string
	when        time.Time
}

func (p person) String() string {
	return fmt.Sprintf("%s <%s> %d +0000", p.name, p.email, p.when.Unix())
}

// commit is a parsed commit. Its generation is one more than the highest of its parents.
type commit struct {
	id, tree          string
	parents           []string
	author, committer person
	message           string
	generation        int
}

// putCommit stores a commit and returns its id. The parents must exist.
func (s *store) putCommit(c commit) (string, error) {
	if !s.has("tree", c.tree) {
		return "", fmt.Errorf("writing commit: tree %s does not exist", c.tree)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "tree %s\n", c.tree)
	for _, parent := range c.parents {
		known := s.commits[parent]
		if known == nil {
			return "", fmt.Errorf("writing commit: parent %s does not exist", parent)
		}
		c.generation = max(c.generation, known.generation+1)
		fmt.Fprintf(&out, "parent %s\n", parent)
	}
	fmt.Fprintf(&out, "author %s\ncommitter %s\n\n%s", c.author, c.committer, c.message)
	c.id = s.put("commit", []byte(out.String()))
	if s.commits[c.id] == nil {
		s.commits[c.id] = &c
	}
	return c.id, nil
}

// relation says how two commits stand to each other.
type relation struct {
	ahead, behind []string // commits only in head, only in base; newest first
	mergeBase     string   // empty when they share no history
}

// relate walks back from both commits until everything left is shared.
func (s *store) relate(base, head string) relation {
	const inBase, inHead = 1, 2
	if s.commits[base] == nil || s.commits[head] == nil {
		return relation{}
	}
	flags := map[string]int{base: inBase}
	flags[head] |= inHead
	frontier := []string{base}
	if head != base {
		frontier = append(frontier, head)
	}
	var found relation
	for s.undecided(frontier, flags) {
		var id string
		id, frontier = s.newest(frontier)
		switch flags[id] {
		case inBase:
			found.behind = append(found.behind, id)
		case inHead:
			found.ahead = append(found.ahead, id)
		}
		if flags[id] == inBase|inHead && found.mergeBase == "" {
			found.mergeBase = id
		}
		for _, parent := range s.commits[id].parents {
			if flags[parent] == 0 {
				frontier = append(frontier, parent)
			}
			flags[parent] |= flags[id]
		}
	}
	if found.mergeBase == "" && len(frontier) > 0 {
		found.mergeBase, _ = s.newest(frontier)
	}
	return found
}

func (s *store) undecided(frontier []string, flags map[string]int) bool {
	for _, id := range frontier {
		if flags[id] != 3 {
			return true
		}
	}
	return false
}

// newest takes the commit of the highest generation out of the frontier: no descendant of it is left there.
func (s *store) newest(frontier []string) (string, []string) {
	best := 0
	for i, id := range frontier {
		if s.commits[id].generation > s.commits[frontier[best]].generation {
			best = i
		}
	}
	id := frontier[best]
	return id, append(frontier[:best:best], frontier[best+1:]...)
}

// contains says whether the commit is the head or an ancestor of it.
func (s *store) contains(head, id string) bool {
	if head == id {
		return true
	}
	if s.commits[head] == nil || s.commits[id] == nil {
		return false
	}
	return len(s.relate(id, head).behind) == 0
}

func headline(message string) string {
	first, _, _ := strings.Cut(message, "\n")
	return first
}

// bodyOf is the message after its first line and the empty line below it.
func bodyOf(message string) string {
	_, rest, _ := strings.Cut(message, "\n")
	return strings.TrimLeft(rest, "\n")
}
