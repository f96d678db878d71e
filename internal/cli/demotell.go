package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/pawl-cd/pawl/internal/pipeline"
)

// teller tells the story of a demonstration.
type teller struct {
	out    *remembering
	colour bool
}

// remembering is a writer that keeps its first error and writes nothing after it.
type remembering struct {
	io.Writer
	err error
}

// Write writes to the writer below.
func (r *remembering) Write(p []byte) (n int, err error) {
	if r.err == nil {
		n, r.err = r.Writer.Write(p)
	}
	return n, r.err
}

// teller writes to stdout, in colour on a terminal (https://no-color.org), and is silent when the result is JSON.
func (o *demoOptions) teller() teller {
	if o.output == "json" {
		return teller{out: &remembering{Writer: io.Discard}}
	}
	noColour, _ := o.sys.Env("NO_COLOR")
	return teller{out: &remembering{Writer: o.sys.Out}, colour: o.sys.Screen && noColour == ""}
}

// The colours, as SGR parameters.
const (
	bold  = "1"
	red   = "31"
	green = "32"
)

func (t teller) paint(colour, text string) string {
	if !t.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (t teller) title(format string, args ...any) {
	fmt.Fprintf(t.out, "%s\n", t.paint(bold, printable(fmt.Sprintf(format, args...))))
}

func (t teller) heading(format string, args ...any) {
	fmt.Fprintln(t.out)
	t.title(format, args...)
}

func (t teller) command(text string) { fmt.Fprintf(t.out, "  %s\n", t.paint(bold, printable(text))) }

func (t teller) line(format string, args ...any) {
	fmt.Fprintf(t.out, "  %s\n", printable(fmt.Sprintf(format, args...)))
}

// text shows lines that a command printed.
func (t teller) text(text string) {
	for line := range strings.Lines(text) {
		t.line("%s", strings.TrimRight(line, "\n"))
	}
}

// diff shows a patch.
func (t teller) diff(patch string) {
	for line := range strings.Lines(patch) {
		colour := map[byte]string{'+': green, '-': red}[line[0]] // a line is never empty
		fmt.Fprintf(t.out, "  %s\n", t.paint(colour, printable(strings.TrimRight(line, "\n"))))
	}
}

// transport keeps the demonstration on this machine.
func (d *demonstration) transport() http.RoundTripper {
	if d.globals.sys.Transport != nil {
		return d.globals.sys.Transport
	}
	return d.Transport()
}

// show prints a report as pawl run does.
func (d *demonstration) show(report pipeline.Report) {
	var text strings.Builder
	_ = writeTable(&text, report.Plan, false) // a strings.Builder never fails
	d.tell.text(text.String())
	for _, line := range runLines(report) {
		d.tell.line("%s", line)
	}
}

// showCommit shows what a merge changed, as the git repository has it.
func (d *demonstration) showCommit(report pipeline.Report) error {
	if report.Merge == nil || report.Merge.SHA == "" {
		return fmt.Errorf("pawl run merged nothing: %+v", report.Merge)
	}
	patch, err := d.Diff(report.Merge.SHA)
	if err != nil {
		return err
	}
	d.tell.line("the commit %.8s in profile.git:", report.Merge.SHA)
	d.tell.diff(patch)
	return nil
}

// things are those that may be in the folder.
var things = []struct{ name, what string }{
	{"profile.git", "the git repository: main, the pull request's branch, and the ledger that pawl keeps there"},
	{"checkout", "the profile as the workflow checked it out: manifests, the files they manage, .pawl.yaml"},
	{"report.json", "what the run of step 2 did; step-3 and step-4 hold the reports of the others"},
	{"report.html", "the same as a page for people"},
	{"events.jsonl", "a CDEvent for each thing that the runs found or did; the receiver got the same"},
	{"outbox", "where events wait that a receiver has not taken"},
}

// end names the folder, what is in it, and what to try next.
func (d *demonstration) end() {
	d.tell.heading("Done in %.1f s; %.0f s of waiting were skipped. Everything stays in %s", d.report.Duration, d.report.Skipped, d.dir)
	for _, l := range things {
		if d.left(l.name) {
			d.tell.line("%-12s  %s", l.name, l.what)
		}
	}
	d.tell.heading("Try next")
	repository := shellWord(filepath.Join(d.dir, "profile.git"))
	d.tell.line("git -C %s log -p main", repository)
	d.tell.line("git -C %s log -p refs/pawl/ledger", repository)
	if d.left("events.jsonl") {
		d.tell.line("pawl events validate %s", shellWord(filepath.Join(d.dir, "events.jsonl")))
	}
	d.tell.line("pawl validate --root %s", shellWord(filepath.Join(d.dir, "checkout")))
	d.tell.line("pawl plan --root YOUR-PROFILE")
}

// left reports whether something of this name is in the folder.
func (d *demonstration) left(name string) bool {
	_, err := os.Stat(filepath.Join(d.dir, name))
	return err == nil
}

// shellWord quotes a path for a shell when it has to be.
func shellWord(path string) string {
	safe := func(r rune) bool {
		return strings.ContainsRune("/._-+:@", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.IndexFunc(path, func(r rune) bool { return !safe(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
