package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

// form is a flag that takes one of several words.
type form struct {
	to    *string
	words []string
}

func (f form) String() string {
	if f.to == nil {
		return ""
	}
	return *f.to
}

func (f form) Type() string { return "form" }

func (f form) Set(word string) error {
	if !slices.Contains(f.words, word) {
		last := len(f.words) - 1
		return fmt.Errorf("want %s or %s", strings.Join(f.words[:last], ", "), f.words[last])
	}
	*f.to = word
	return nil
}

func addOutput(cmd *cobra.Command, to *string, forms ...string) {
	*to = forms[0]
	cmd.Flags().VarP(form{to, forms}, "output", "o", "`form` of the result: "+strings.Join(forms, ", "))
}

// completable has a shell complete the forms of cmd and all commands below it. Cobra keeps what it is told of a command for as long
// as the process lives: only one that a shell asks is told.
func completable(cmd *cobra.Command) {
	if f := cmd.Flags().Lookup("output"); f != nil {
		if value, ok := f.Value.(form); ok {
			_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(value.words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	for _, below := range cmd.Commands() {
		completable(below)
	}
}

// The old names of --page and of pawl history, which the next release drops.
const (
	oldPage    = "report"
	oldHistory = "report"
)

func addPage(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "page", "", "write a page for people, HTML, to this `file`")
}

// addRunPage is addPage, with the flag's old name.
func addRunPage(cmd *cobra.Command, to *string) {
	addPage(cmd, to)
	cmd.Flags().StringVar(to, oldPage, "", "the old name of --page")
	_ = cmd.Flags().MarkHidden(oldPage) // it is there
}

// renamed says what is called otherwise now.
func (g *globals) renamed(cmd *cobra.Command) {
	if old := cmd.Flags().Lookup(oldPage); old != nil && old.Changed {
		g.reporter().say(slog.LevelInfo, "--report is called --page now; the old name goes with the next release", "")
	}
	if cmd.CalledAs() == oldHistory {
		g.reporter().say(slog.LevelInfo, "pawl report is called pawl history now; the old name goes with the next release", "")
	}
}

// render prints the plan in the form asked for.
func (g *globals) render(form string, plan plan.Plan) error {
	w := g.sys.Out
	switch form {
	case "json":
		return writeJSON(w, plan)
	case "diff":
		return writeDiff(w, plan)
	case "markdown":
		return writeMarkdown(w, plan)
	default:
		return writeTable(w, plan, g.verbose, g.paper())
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(disarmed{w}) // which writes the whole value at once
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

// writeDiff prints a patch that git apply accepts.
func writeDiff(w io.Writer, plan plan.Plan) error {
	for _, f := range plan.Files {
		a, b := gitPath("a/"+f.Path), gitPath("b/"+f.Path)
		if _, err := fmt.Fprintf(w, "diff --git %s %s\n%s", a, b, udiff.Unified(a, b, string(f.Before), string(f.After))); err != nil {
			return err
		}
	}
	return nil
}

// gitPath quotes a path as git does (git-config core.quotePath): only when it must.
func gitPath(p string) string {
	if strings.IndexFunc(p, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) < 0 {
		return p
	}
	return fmt.Sprintf("%q", p)
}

// writeTable prints the changes, then what needs to be seen, then the sums.
func writeTable(w io.Writer, p plan.Plan, verbose bool, on paper) error {
	if len(p.Changes) > 0 {
		if err := writeChanges(w, p.Changes, on); err != nil {
			return err
		}
	}
	shown := slices.DeleteFunc(slices.Clone(p.Outcomes), func(o plan.Outcome) bool {
		return !verbose && (o.Outcome == policy.Update || o.Outcome == policy.Current) && !noteworthy(o)
	})
	writeOutcomes(w, shown, on.watched && !verbose, on)
	_, err := fmt.Fprintf(w, "%s\n%s\n", sums(p), requests(p))
	return err
}

// noteworthy are the outcomes that a person has to see although nothing is wrong.
func noteworthy(o plan.Outcome) bool {
	return o.Hint != "" || o.Reason == policy.PinnedDown || o.Reason.Brake()
}

// place is the value's key, with the document when the file's first is not meant.
func place(c change.Update) string {
	if c.Document == 0 {
		return c.Key
	}
	return fmt.Sprintf("%s (document %d)", c.Key, c.Document+1)
}

func writeOutcome(w io.Writer, o plan.Outcome) {
	name := o.Manifest
	if o.Target != "" {
		name += "/" + o.Target
	}
	if o.Place != "" { // its faults were said when the manifests were read
		fmt.Fprintf(w, "%s: %s (%s): %s, see the error above\n", printable(name), o.Outcome, o.Reason, printable(o.Place))
		return
	}
	fmt.Fprintf(w, "%s: %s (%s): %s\n", printable(name), o.Outcome, o.Reason, printable(o.Detail))
	if o.Hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", printable(o.Hint))
	}
}

// sums counts the outcomes: "3 updates, 56 current, 1 failed".
func sums(plan plan.Plan) string {
	counts := map[policy.Outcome]int{}
	for _, o := range plan.Outcomes {
		counts[o.Outcome]++
	}
	parts := []string{count(counts[policy.Update], "update")}
	for _, o := range []policy.Outcome{policy.Current, policy.Held, policy.None, policy.Failed} {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	return strings.Join(parts, ", ")
}

// requests counts them by host: "42 requests: docker.io 31, ghcr.io 4".
func requests(plan plan.Plan) string {
	total, parts := 0, []string{}
	for _, host := range slices.Sorted(maps.Keys(plan.Requests)) {
		n := plan.Requests[host]
		total += n
		part := fmt.Sprintf("%s %d", printable(host), n)
		if left, ok := plan.Remaining[host]; ok {
			part += fmt.Sprintf(" (%d left)", left)
		}
		parts = append(parts, part)
	}
	if total == 0 {
		return "no requests"
	}
	return count(total, "request") + ": " + strings.Join(parts, ", ")
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// writeMarkdown prints the plan for a pull request or a job summary; everything untrusted is inert.
func writeMarkdown(w io.Writer, plan plan.Plan) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", sums(plan))
	if len(plan.Changes) > 0 {
		b.WriteString("| name | value | from | to | why |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, c := range plan.Changes {
		fmt.Fprintf(&b, "| %s | %s:%s | %s | %s | %s |\n", cell(c.Manifest), cell(c.File), cell(place(c)), cell(c.Old), cell(c.New), cell(c.Reason))
	}
	first := true
	for _, o := range plan.Outcomes {
		if (o.Outcome == policy.Update || o.Outcome == policy.Current) && !noteworthy(o) {
			continue
		}
		if first {
			b.WriteString("\n| name | outcome | why | hint |\n| --- | --- | --- | --- |\n")
			first = false
		}
		fmt.Fprintf(&b, "| %s | %s (%s) | %s | %s |\n", cell(o.Manifest), o.Outcome, o.Reason, cell(o.Detail), cell(o.Hint))
	}
	fmt.Fprintf(&b, "\n%s\n", requests(plan))
	_, err := io.WriteString(w, b.String())
	return err
}
