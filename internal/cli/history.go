package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/run"
)

// What `pawl history` reads at most: bytes of one report and of all, commits and bytes of a git history.
const (
	maxReport  = 16 << 20
	maxReports = 256 << 20
	maxCommits = 10_000
	maxLog     = 64 << 20
)

type historyOptions struct {
	*globals
	file, git string
	// page is the file of the page, beside what is printed of a comparison.
	page string
	// shadow compares with what shadow runs recorded, in the ledger or in a file.
	shadow             bool
	shadowFile, output string
}

func newHistory(g *globals) *cobra.Command {
	o := &historyOptions{globals: g}
	cmd := &cobra.Command{
		Use:     "history [DIR|FILE...]",
		Aliases: []string{oldHistory},
		Short:   "Write a page with the history of versions, lead times and failures",
		Long: `History reads the reports in the directories, which are the files *.json that run and deploy print with
--output json, or files that are named, and writes one HTML page: for each manifest its versions over time,
the time from publication to merge, and what failed; other files are left out with a warning. With --git it
reads a repository as well, or alone: what the tracked values were in each commit that touched their files,
whoever made it, and what the commits of pawl say. The profile is that directory's, unless --root names one.
The page loads nothing and runs no script. With --shadow it prints what the shadow runs of the ledger, or of
--shadow-file, decided beside what was made of the same values by the commits of --git (default the root):
a sentence, then what was not agreed, with -v everything; as JSON it is pawl.shadow/1, and --page writes it as a page.`,
		Example: `  pawl history reports --file history.html
  pawl history --git . > history.html
  pawl history --shadow --page shadow.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.git != "" && !cmd.Flags().Changed("root") {
				o.root = o.git
			}
			if o.shadow || o.shadowFile != "" {
				return o.compare(cmd.Context(), args)
			}
			if o.page != "" && o.file != "" {
				return usage(errors.New("--page and --file: both name the file of the page; --file is for the comparison of --shadow"))
			}
			o.file = cmp.Or(o.file, o.page)
			if cmd.Flags().Changed("output") {
				return usage(errors.New("--output: a page has one form; it is for --shadow"))
			}
			return o.run(cmd.Context(), args)
		},
	}
	cmd.Flags().StringVar(&o.file, "file", "", "write the page or the comparison to this `file` (default stdout)")
	addPage(cmd, &o.page)
	cmd.Flags().StringVar(&o.git, "git", "", "the `directory` of a profile's repository, whose commits are read from HEAD")
	cmd.Flags().BoolVar(&o.shadow, "shadow", false, "compare what shadow runs recorded in the ledger with what was made")
	cmd.Flags().StringVar(&o.shadowFile, "shadow-file", "", "the same with what they recorded in this `file`")
	addOutput(cmd, &o.output, "table", "json")
	return cmd
}

func (o *historyOptions) run(ctx context.Context, names []string) error {
	if len(names) == 0 && o.git == "" {
		return &exit{code: Usage, err: errors.New("there is nothing to read"), hint: "name a directory of reports, or a repository with --git"}
	}
	if err := writable(thePage, o.file); err != nil {
		return err
	}
	reports, err := o.reports(names)
	if err != nil {
		return &exit{code: Usage, err: err, hint: cmp.Or(fault.Hint(err), "name a directory of reports, or a report; keep one with pawl run --output json > DIRECTORY/NAME.json")}
	}
	if len(names) > 0 && len(reports) == 0 && o.git == "" {
		return &exit{code: Usage, err: errors.New("there is no report in " + strings.Join(names, ", ")), hint: "keep one with pawl run --output json > DIRECTORY/NAME.json"}
	}
	var past repository
	if o.git != "" {
		if past, err = o.repository(ctx); err != nil {
			return err
		}
	}
	history := page.NewHistory(reports, past.commits, past.values)
	history.Among, history.Profile, history.Now = past.among, cmp.Or(history.Profile, past.profile), o.sys.Now()
	page, err := history.Page()
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	if o.file == "" {
		return o.write(string(page))
	}
	return o.save(thePage, o.file, page)
}

// reports reads the reports in directories and files, each one once.
func (o *historyOptions) reports(names []string) ([]run.Report, error) {
	files, err := reportFiles(names)
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	var all []run.Report
	seen, size := map[[sha256.Size]byte]bool{}, 0
	for _, file := range files {
		data, err := readReport(file)
		var r run.Report
		if err == nil {
			r, err = parseReport(data)
		}
		if err != nil {
			o.reporter().say(slog.LevelWarn, fmt.Sprintf("left out %s: %v", file, err), fault.Hint(err))
			continue
		}
		if sum := sha256.Sum256(data); !seen[sum] {
			seen[sum] = true
			all = append(all, r)
		}
		if size += len(data); size > maxReports {
			return nil, fault.New(olderElsewhere, "the reports have more than %d bytes", maxReports)
		}
	}
	return all, nil
}

// reportFiles are the files that are named, and those *.json of the directories that are.
func reportFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		entries, err := os.ReadDir(name) // in the order of their names
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") && !e.IsDir() {
				files = append(files, filepath.Join(name, e.Name()))
			}
		}
	}
	return files, nil
}

// olderElsewhere is the hint when there is more than a history can hold.
const olderElsewhere = "move older reports to a directory of their own"

// readReport reads a regular file up to the limit.
func readReport(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err == nil && len(data) > maxReport {
		return nil, fmt.Errorf("it has more than %d bytes", maxReport)
	}
	return data, err
}

func parseReport(data []byte) (r run.Report, err error) {
	var head struct{ Schema string }
	parsed := json.Unmarshal(data, &head)
	if version, ok := strings.CutPrefix(head.Schema, "pawl.report/"); ok && parsed == nil && head.Schema != run.ReportSchema {
		if _, err := strconv.ParseUint(version, 10, 16); err == nil {
			return r, fault.New("read it with that version of pawl, or a later one", "it is a %s, written by a newer pawl", head.Schema)
		}
	}
	if parsed != nil || head.Schema != run.ReportSchema {
		return r, errors.New("it is no " + run.ReportSchema)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("it is no valid %s: %w", run.ReportSchema, err)
	}
	return r, nil
}

const pageHint = "name a file in a directory that exists and may be written"
