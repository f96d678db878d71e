package change

import (
	"fmt"
	"slices"
	"strings"
)

// MaxTitle is GitHub's limit for the title of a pull request; Title counts bytes, which are never fewer than characters.
const MaxTitle = 256

// named is how many updates a title names.
const named = 3

// move is one update as a title sees it, encoded.
type move struct{ name, old, new string }

func (m move) String() string { return m.name + " " + m.old + " -> " + m.new }

// short cuts a move to fit; what both values begin with goes first.
func (m move) short() string {
	same := 0
	for same < min(len(m.old), len(m.new)) && m.old[same] == m.new[same] {
		same++
	}
	if same = strings.LastIndexByte(m.old[:same], '/') + 1; same > 3 {
		m.old, m.new = "..."+m.old[same:], "..."+m.new[same:]
	}
	return move{cut(m.name, 80), cut(m.old, 85), cut(m.new, 85)}.String()
}

// Title is the title of the pull request: what the set changes, in the team's words where it has some. An empty set has none.
func Title(s Set) string {
	if !s.Words.Title.set() || len(s.Updates) == 0 {
		return summaryOf(s)
	}
	return s.Words.Title.render(s, MaxTitle)
}

// summaryOf says in one line what the set changes: up to three moves as `name old -> new`, joined by ", "; for more, or when
// they do not fit, `N updates: a, b, c +k`, where N counts the distinct moves and k those whose name is not shown. An
// empty set has an empty title. Two texts that differ come out different unless they are cut, which "..." shows.
func summaryOf(s Set) string {
	moves := s.moves()
	if len(moves) == 0 {
		return ""
	}
	texts := make([]string, len(moves))
	for i, m := range moves {
		texts[i] = m.String()
	}
	if full := strings.Join(texts, ", "); len(moves) <= named && len(full) <= MaxTitle {
		return full
	}
	if len(moves) == 1 {
		return moves[0].short()
	}
	return summary(moves)
}

// summary names the first names and counts the rest.
func summary(moves []move) string {
	var names []string
	shown := 0
	for _, m := range moves {
		known := slices.Contains(names, m.name)
		if !known && len(names) < named {
			names = append(names, m.name)
			known = true
		}
		if known {
			shown++
		}
	}
	for i := range names {
		names[i] = cut(names[i], 70)
	}
	title := fmt.Sprintf("%s: %s", plural(len(moves), "update"), strings.Join(names, ", "))
	if more := len(moves) - shown; more > 0 {
		title += fmt.Sprintf(" +%d", more)
	}
	return title
}

// moves returns the distinct moves in the order of the updates.
func (s Set) moves() []move {
	var moves []move
	seen := map[[3]string]bool{}
	for _, u := range s.sorted() {
		whole := [3]string{u.Manifest, u.Old, u.New}
		if !seen[whole] {
			seen[whole] = true
			moves = append(moves, move{word(u.Manifest), word(brief(u.Old)), word(brief(u.New))})
		}
	}
	return moves
}

// brief cuts the digest at the end of a value to what is enough to recognize it.
func brief(value string) string {
	at := strings.LastIndex(value, "sha")
	if at < 0 {
		return value
	}
	algorithm, hex, _ := strings.Cut(value[at:], ":")
	if len(hex) < 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return value
	}
	return value[:at] + algorithm + ":" + hex[:12] + "..."
}
