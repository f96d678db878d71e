package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/fleet"
)

// Of a fleet is told what fits on any screen: lines of so many characters, and of profiles that are alike so many.
const (
	fleetWidth = 80
	fleetAlike = 3
)

// prose tells sentences in lines that fit.
func (t teller) prose(format string, args ...any) { t.hanging("", fmt.Sprintf(format, args...)) }

// table tells how the profiles of a run ended: all that are bad, and the first of the others.
func (d *fleetDemonstration) table(r fleet.Report) {
	shown := fleet.Report{}
	alike := 0
	for _, one := range r.Profiles {
		if !one.State.Bad() {
			alike++
		}
		if alike <= fleetAlike {
			one.Pull = "" // its place is another one each time
			shown.Profiles = append(shown.Profiles, one)
		}
	}
	rows, hints := fleetRows(shown.Profiles)
	widths := widthsOf(rows)
	for i, row := range rows {
		before := fmt.Sprintf("%-*s  %-*s  ", widths[0], row[0], widths[1], row[1])
		d.tell.hanging(before, row[2])
		if hints[i] != "" {
			d.tell.hanging("  hint: ", hints[i])
		}
	}
	if left := len(r.Profiles) - len(shown.Profiles); left > 0 {
		d.tell.line("… and %d more: %s", left, r.Profiles[len(r.Profiles)-1].State)
	}
	fmt.Fprintln(d.tell.out)
	d.tell.prose("%s", fleetTally(r))
}

// hanging tells a text behind something, in lines that fit and stand below each other.
func (t teller) hanging(before, text string) {
	room := max(fleetWidth-2-utf8.RuneCountInString(before), narrowest)
	lines := wrapped(strings.Fields(text), room)
	if len(lines) == 0 {
		lines = []string{""}
	}
	for _, line := range lines {
		t.line("%s", strings.TrimRight(before+line, " "))
		before = strings.Repeat(" ", utf8.RuneCountInString(before))
	}
}

// blocks tells what a command over a fleet said of each profile below its name: all with an error, the first of the others, and
// the last line.
func (d *fleetDemonstration) blocks(text string) {
	var blocks [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, " ") && len(blocks) > 0 {
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		} else {
			blocks = append(blocks, []string{line})
		}
	}
	alike, left := 0, 0
	for i, block := range blocks {
		bad := len(block) > 1 && strings.HasPrefix(block[1], "  error: ")
		if !bad && i < len(blocks)-1 {
			if alike++; alike > fleetAlike {
				left++
				continue
			}
		}
		if i == len(blocks)-1 && left > 0 {
			d.tell.line("… and %d more like the first", left)
		}
		for _, line := range block {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			d.tell.hanging(indent, strings.TrimLeft(line, " "))
		}
	}
}

// end names the folder, what is in it, and what to try next.
func (d *fleetDemonstration) end() {
	d.tell.heading("Everything stays in %s", d.dir)
	own := strings.TrimPrefix(d.Profiles[0], "acme/") + ".git"
	for _, l := range []struct{ name, what string }{
		{"reports", "the report and the page of each run"},
		{fleet.FileName, "the profiles, and which variables each of them sees"},
		{"fleet.snapshot", "what the profiles say, for the next run"},
		{own, "the git repository of " + d.Profiles[0]},
	} {
		if d.left(l.name) {
			d.tell.line("%-16s  %s", l.name, l.what)
		}
	}
	d.tell.heading("Try next")
	executable, _ := os.Executable() // without its path it is called as usual
	pawl := called(executable)
	d.tell.line("open %s in a browser", fileURL(filepath.Join(d.dir, "reports", "2-release.html")))
	d.tell.line("git -C %s log -p --all", shellWord(filepath.Join(d.dir, own)))
	d.tell.line("%s validate --schema=fleet", pawl)
	d.tell.line("%s fleet run --dry-run --fleet YOUR-FLEET", pawl)
}
