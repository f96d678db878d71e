package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/past"
)

// compare holds what shadow runs recorded against what git says was made of the same values.
func (o *historyOptions) compare(ctx context.Context, names []string) error {
	if len(names) > 0 {
		return usage(errors.New("--shadow compares with the commits of a repository, and reads no reports"))
	}
	if o.page != "" && o.file != "" && filepath.Clean(o.page) == filepath.Clean(o.file) {
		return usage(errors.New("--page and --file: both name the same file; --file is for what is printed of the comparison"))
	}
	if err := cmp.Or(writable("the comparison", o.file), writable(thePage, o.page)); err != nil {
		return err
	}
	o.git = cmp.Or(o.git, o.root)
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	s.warnOfConfig()
	known, err := o.recorded(ctx, s)
	if err != nil {
		return err
	}
	if len(known.Shadow) == 0 {
		return &exit{code: Usage, err: errors.New("no shadow run recorded anything yet"), topics: []topic{shadowTopic},
			hint: "pawl run --shadow records in the ledger, pawl run --shadow-file FILE in a file, which has to be named here as well"}
	}
	if askGit(ctx, o.git, "rev-parse", "--is-shallow-repository") == "true" {
		o.reporter().say(slog.LevelWarn, "the clone is shallow: changes that it does not hold count as not made", "fetch all of the history: git fetch --unshallow, fetch-depth: 0 of actions/checkout, or GIT_DEPTH: 0 at a GitLab")
	}
	keys, _ := s.keys()
	series, err := o.series(ctx, past.Watched(keys, known.Shadow, s.has))
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	c := past.Compare(series, known.Shadow, o.sys.Now())
	profile := page.Repository(askGit(ctx, o.git, "config", "--get", "remote.origin.url"))
	if err := o.savePage(o.page, page.Shadow{Comparison: c, Profile: profile, Sentence: sentence(c), Why: whyOf}.Page); err != nil {
		return err
	}
	var text strings.Builder
	if o.output == "json" {
		err = writeJSON(&text, c)
	} else {
		err = writeComparison(&text, c, o.verbose)
	}
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	if o.file == "" {
		return o.write(text.String())
	}
	return o.save("the comparison", o.file, []byte(text.String()))
}

// has reports whether the profile has a file.
func (s *session) has(file string) bool {
	_, err := fs.Stat(s.tree.FS(), file)
	return err == nil
}

// recorded are the decisions of the ledger, or of a file.
func (o *historyOptions) recorded(ctx context.Context, s *session) (ledger.Ledger, error) {
	if o.shadowFile != "" {
		return readShadow(o.shadowFile)
	}
	f, err := s.forge(s.wire().Client())
	if err != nil {
		return ledger.Ledger{}, err
	}
	if _, err := f.Open(ctx); err != nil {
		return ledger.Ledger{}, &exit{code: Failure, err: err}
	}
	known, err := f.Ledger(ctx)
	if err != nil {
		return known, &exit{code: Failure, err: err}
	}
	return known, nil
}

// writeComparison prints a sentence to decide on, then the changes that were not agreed, or all.
func writeComparison(w io.Writer, c past.Comparison, all bool) error {
	fmt.Fprintln(w, printable(sentence(c)))
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "VERDICT\tNAME\tOLD\tNEW\tMADE\tBY\tPAWL\tWHY")
	shown := 0
	for _, one := range c.Changes {
		if one.Verdict == past.Agreed && !all {
			continue
		}
		shown++
		fmt.Fprintln(tw, strings.Join([]string{string(one.Verdict), printable(one.Manifest), printable(one.Old), printable(dash(one.New)), dash(minute(one.At)),
			printable(dash(one.Author)), printable(dash(one.Pawl)), printable(whyOf(one))}, "\t"))
	}
	if shown == 0 {
		return nil
	}
	_ = tw.Flush() // a strings.Builder never fails
	_, err := fmt.Fprint(w, "\n"+b.String())
	return err
}

// whyOf says why pawl decided as it did; of what was agreed, how much earlier or later.
func whyOf(c past.Change) string {
	switch {
	case c.Verdict == past.Agreed && c.Ahead == 0:
		return "at the same time"
	case c.Verdict == past.Agreed:
		return ahead(c.Ahead)
	case c.Passed:
		return c.Reason + ", and passed on since"
	case c.Detail != "":
		return c.Reason + ": " + c.Detail
	default:
		return c.Reason
	}
}

// named is how many changes the sentence names.
const namedChanges = 3

// sentence says whether the team may switch.
func sentence(c past.Comparison) string {
	text := "In " + long(c.To.Sub(c.From)) + " "
	switch {
	case c.Made == 0:
		text += fmt.Sprintf("nothing was changed of %s", count(c.Values, "value"))
	case c.Agreed == c.Made && c.Made == 1:
		text += "pawl would have made the one change that was made"
	case c.Agreed == c.Made:
		text += fmt.Sprintf("pawl would have made all %d changes that were made", c.Made)
	default:
		text += fmt.Sprintf("pawl would have made %d of the %s that %s made", c.Agreed, count(c.Made, "change"), plural(c.Made, "was", "were"))
	}
	if c.Agreed > 0 && c.Ahead != 0 {
		text += ", " + ahead(c.Ahead) + " in the median"
	}
	if c.Differed > 0 {
		text += fmt.Sprintf("; %d %s: %s", c.Differed, plural(c.Differed, "differs", "differ"), examples(c, past.Differed))
	}
	if c.Missed > 0 {
		text += fmt.Sprintf("; %d it did not decide on: %s", c.Missed, examples(c, past.Missed))
	}
	if c.Alone > 0 {
		text += fmt.Sprintf("; %d it alone would have made: %s", c.Alone, examples(c, past.Alone))
	}
	return text + "."
}

// examples names the first changes of a verdict.
func examples(c past.Comparison, of past.Verdict) string {
	var all []string
	for _, one := range c.Changes {
		if one.Verdict != of {
			continue
		}
		text := one.Manifest + " " + one.New + " where pawl has " + one.Pawl
		switch {
		case of == past.Alone:
			text = one.Manifest + " " + one.Pawl
		case one.Pawl == "":
			text = one.Manifest + " " + one.New + " where pawl has nothing"
		}
		all = append(all, text+" ("+one.Reason+")")
	}
	if more := len(all) - namedChanges; more > 0 {
		all = append(all[:namedChanges], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// ahead says how much earlier or later pawl was.
func ahead(seconds float64) string {
	word := "earlier"
	if seconds < 0 {
		word = "later"
	}
	return long(time.Duration(math.Abs(seconds)*float64(time.Second))) + " " + word
}

// long is a time in the unit that says enough.
func long(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return count(int(d.Round(24*time.Hour).Hours()/24), "day")
	case d >= time.Hour:
		return count(int(d.Round(time.Hour).Hours()), "hour")
	case d >= time.Minute:
		return count(int(d.Round(time.Minute).Minutes()), "minute")
	default:
		return count(int(d.Round(time.Second).Seconds()), "second")
	}
}
