package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/wire"
)

// teller tells the story of a demonstration.
type teller struct {
	out    *remembering
	colour bool
	// width is how long command lines may be, 0 for any length.
	width int
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

// command shows a command line, which goes on below where it does not fit.
func (t teller) command(text string) {
	lines := wrapped(strings.Split(printable(text), " "), max(0, t.width-8))
	fmt.Fprintf(t.out, "  %s\n", t.paint(bold, strings.Join(lines, " \\\n      ")))
}

func (t teller) line(format string, args ...any) {
	fmt.Fprintf(t.out, "  %s\n", printable(fmt.Sprintf(format, args...)))
}

// text shows lines that a command printed.
func (t teller) text(text string) {
	for line := range strings.Lines(text) {
		t.line("%s", strings.TrimRight(line, "\n"))
	}
}

// diff shows a patch. Before the first @@ of a file its lines name the file.
func (t teller) diff(patch string) {
	for line := range strings.Lines(patch) {
		colour := map[byte]string{'+': green, '-': red}[line[0]] // a line is never empty
		if header.MatchString(line) {
			colour = bold
		}
		fmt.Fprintf(t.out, "  %s\n", t.paint(colour, printable(strings.TrimRight(line, "\n"))))
	}
}

// header is a line of a patch that names a file.
var header = regexp.MustCompile(`^(--- a/|\+\+\+ b/)`)

// transport keeps the demonstration on this machine.
func (d *playing) transport() http.RoundTripper {
	if d.globals.sys.Transport != nil {
		return d.globals.sys.Transport
	}
	return d.world.Transport()
}

// show prints a report as pawl run does, but for what it says of earlier runs: sinks by what they are, and no pipelines but
// its own.
func (d *demonstration) show(report run.Report) error {
	var text strings.Builder
	_ = writeTable(&text, report.Plan, false, paper{}) // a strings.Builder never fails
	d.tell.text(text.String())
	sinks, err := d.sinks()
	if err != nil {
		return err
	}
	report.Delivery = slices.Clone(report.Delivery)
	for i, to := range report.Delivery {
		report.Delivery[i].Sink = cmp.Or(sinks[to.Sink], to.Sink)
	}
	report.Deploy = ownPart(report)
	for _, line := range runLines(report) {
		d.tell.line("%s", line)
	}
	return nil
}

// sinks are the receivers of events as people call them, by the names that reports have for them.
func (d *demonstration) sinks() (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(d.dir, "checkout", config.FileName))
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	c, _ := config.Parse(config.FileName, data) // pawl run has read it
	names := map[string]string{}
	for _, s := range c.Events.Sinks {
		names[wire.SinkName(s)] = s.Type + " " + strings.Replace(s.Path, d.dir, "DIR", 1) + s.URL
	}
	return names, nil
}

// ownPart is the deployment without what earlier runs did.
func ownPart(report run.Report) *run.Deploy {
	if report.Deploy == nil {
		return nil
	}
	own := *report.Deploy
	own.Triggers = slices.DeleteFunc(slices.Clone(own.Triggers), func(t run.Trigger) bool {
		return !t.Fired && !t.Failed() && (report.Merge == nil || t.Commit != report.Merge.SHA)
	})
	return &own
}

// showCommit shows what a merge changed, as the git repository has it.
func (d *demonstration) showCommit(report run.Report) error {
	if report.Merge == nil || report.Merge.SHA == "" {
		return fmt.Errorf("pawl run merged nothing: %+v", report.Merge)
	}
	patch, err := d.Diff(report.Merge.SHA)
	if err != nil {
		return err
	}
	d.tell.line("the commit %.8s of the repository:", report.Merge.SHA)
	d.tell.diff(patch)
	return nil
}

// things are those that may be in the folder.
var things = []struct{ name, what string }{
	{"report.html", "the page of the run of step 2; its links lead to servers that are gone now"},
	{"report.json", "the same for programs"},
	{"events.jsonl", "a CDEvent for each thing that the runs found or did; the receiver got the same"},
	{"pull-1.md", "the text of the pull request of step 2"},
	{"pull-2.md", "the text of the pull request of step 4"},
	{"pull-3.md", "the text of the pull request of step 6"},
	{"reports", "the reports and pages of all runs: 2-merge, 3-nothing, 4-failure, 6-rollback"},
	{"profile.git", "the git repository: main, the pull request's branch, and the ledger that pawl keeps there"},
	{"checkout", "the profile as the workflow checked it out: manifests, the files they manage, .pawl.yaml"},
	{"workflow", "what started each run, as GitHub tells a workflow"},
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
	in := func(name string) string { return shellWord(filepath.Join(d.dir, name)) }
	page := func(name string) string { return fileURL(filepath.Join(d.dir, name)) }
	executable, _ := os.Executable() // without its path it is called as usual
	pawl := called(executable)
	d.tell.line("open %s in a browser", page("report.html"))
	d.tell.line("%s history %s --file %s", pawl, in("reports"), in("history.html"))
	d.tell.line("open %s, the history that these runs make", page("history.html"))
	if d.left("profile.git") {
		d.tell.line("git -C %s log -p main", in("profile.git"))
		d.tell.line("git -C %s log -p refs/pawl/ledger", in("profile.git"))
	} else {
		d.tell.line("look at the pull requests at %s", d.Address())
	}
	if d.left("events.jsonl") {
		d.tell.line("%s events validate %s", pawl, in("events.jsonl"))
	}
	d.tell.line("%s validate --root %s", pawl, in("checkout"))
	d.tell.line("%s plan --root YOUR-PROFILE", pawl)
}

// fileURL is the address of a file for a browser.
func fileURL(path string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	return u.String()
}

// built is where go run leaves programs: below a folder for temporary files, or in its cache.
var built = regexp.MustCompile(`/go-build[0-9]+/b[0-9]+/exe/[^/]+$|/[0-9a-f]{2}/[0-9a-f]{64}-d/[^/]+$`)

// called is how to call this program again, by its path.
func called(executable string) string {
	if built.MatchString(filepath.ToSlash(executable)) {
		return "go run ./cmd/pawl"
	}
	return "pawl"
}

// left reports whether something of this name is in the folder.
func (d *playing) left(name string) bool {
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
