package cli

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/run"
)

// proposal shows what a run would propose: the title, which is the commit's first line too, and the lines of the message.
func proposal(p run.Preview) []string {
	lines := []string{"would propose: " + p.Title}
	_, rest, _ := strings.Cut(p.Message, "\n")
	for line := range strings.SplitSeq(rest, "\n") {
		if line != "" {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// plainURL is a URL that can stand in Markdown as it is.
var plainURL = regexp.MustCompile(`^https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._-]+)*$`)

// writePullLink lets a reader of the summary open the pull request.
func writePullLink(w io.Writer, p *forge.Pull) {
	if p != nil && plainURL.MatchString(p.URL) {
		fmt.Fprintf(w, "\n[Open the pull request](%s)\n", p.URL)
	}
}
