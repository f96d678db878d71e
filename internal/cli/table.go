package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/change"
)

// narrowest is how short a cell of the table may become.
const narrowest = 16

// paper is what a table is printed on: its width in characters, 0 when nobody says it, whether it has colours, and whether a
// person watches it.
type paper struct {
	width           int
	colour, watched bool
}

// paper is a person's terminal, or what COLUMNS says of where the text goes.
func (g *globals) paper() paper {
	p := paper{colour: g.sys.Screen && !g.plain(), watched: g.sys.Screen}
	if g.sys.Screen {
		p.width = g.sys.Width
	}
	if text, ok := g.sys.Env("COLUMNS"); ok {
		if n, err := strconv.Atoi(text); err == nil && n >= 40 && n <= 10_000 {
			p.width = n
		}
	}
	return p
}

// plain reports whether somebody wants no colours (https://no-color.org).
func (g *globals) plain() bool {
	text, _ := g.sys.Env("NO_COLOR")
	return text != ""
}

// writeChanges prints a line for each value that changes. Where a line does not fit, what FROM and TO begin with alike is left
// out, and long keys and names are cut in the middle.
func writeChanges(w io.Writer, changes []change.Update, on paper) error {
	rows := [][]string{{"UPDATE", "FROM", "TO", "FILE", "KEY"}}
	for _, c := range changes {
		rows = append(rows, []string{printable(c.Manifest), printable(c.Old), printable(c.New), printable(c.File), printable(place(c))})
	}
	if on.width > 0 && total(rows) > on.width {
		for _, r := range rows[1:] {
			r[1], r[2] = apart(r[1], r[2])
		}
		for _, column := range []int{4, 3, 0} {
			narrow(rows, column, total(rows)-on.width)
		}
	}
	widths := widthsOf(rows)
	for n, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			text := cell
			if i < len(r)-1 {
				text += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			}
			switch {
			case on.colour && n == 0:
				text = "\x1b[1m" + text + "\x1b[0m"
			case on.colour && i == 2:
				text = "\x1b[32m" + text + "\x1b[0m"
			}
			b.WriteString(text)
		}
		if _, err := fmt.Fprintln(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func widthsOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// total is the length of the longest line that rows make.
func total(rows [][]string) int {
	sum := 2 * (len(rows[0]) - 1)
	for _, w := range widthsOf(rows) {
		sum += w
	}
	return sum
}

// narrow cuts the cells of a column so that it takes up less by so many characters, if it can.
func narrow(rows [][]string, column, by int) {
	if by <= 0 {
		return
	}
	width := max(widthsOf(rows)[column]-by, narrowest)
	for _, r := range rows[1:] {
		r[column] = shortened(r[column], width)
	}
}

// shortened cuts the middle out of a text that is too long: what it is stands at its end, where it is at its beginning.
func shortened(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	tail := (width - 3) * 2 / 3
	return string(runes[:width-3-tail]) + "..." + string(runes[len(runes)-tail:])
}

// apart leaves out what two texts begin with alike, up to the last of / : and @ that they share.
func apart(from, to string) (string, string) {
	same := 0
	for same < min(len(from), len(to)) && from[same] == to[same] {
		same++
	}
	cut := strings.LastIndexAny(from[:same], "/:@") + 1
	if cut <= 3 {
		return from, to
	}
	return "..." + from[cut:], "..." + to[cut:]
}
