package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/folder"
)

// due are the kinds of acceptance cases that must pass, in the words of the table that comes with them; the others are
// told and may fail until their work is done.
var due = []string{"Right on real answers", "Any repository", "must hold always"}

// TestCases runs the acceptance cases in the folder PAWL_CASES with the built binary: small inputs of what real users
// met, each with what is right.
func TestCases(t *testing.T) {
	t.Parallel()
	dir := folder.Of(t, "PAWL_CASES")
	table, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	must, err := numbersDue(string(table))
	if err != nil {
		t.Fatal(err)
	}
	binary := build(t, "../../cmd/pawl", "pawl")
	out, err := exec.CommandContext(t.Context(), "python3", filepath.Join(dir, "cases.py"), "--pawl", binary, dir).CombinedOutput() // it exits 1 when a case fails
	passed, later := 0, 0
	for _, m := range regexp.MustCompile(`(?m)^(PASS|FAIL) (\d+)-(.*)$`).FindAllStringSubmatch(string(out), -1) {
		number, _ := strconv.Atoi(m[2]) // they are digits
		switch {
		case !must[number]:
			t.Logf("not due yet: %s %s-%s", m[1], m[2], m[3])
			later++
		case m[1] == "FAIL":
			t.Errorf("case %s-%s", m[2], m[3])
		default:
			passed++
		}
		delete(must, number)
	}
	if passed == 0 || len(must) > 0 {
		t.Errorf("%d passed, %d are absent (%v), %v: %s", passed, len(must), must, err, out)
	}
	t.Logf("%d cases that are due pass; %d others", passed, later)
}

var casesRow = regexp.MustCompile(`(?m)^\| ([0-9, -]+) \| "?([^"|]+?)"? \|$`)

// numbersDue reads the table "| 01-18, 31 | kind |" and returns the numbers of the cases of those kinds.
func numbersDue(table string) (map[int]bool, error) {
	found := map[int]bool{}
	for _, kind := range due {
		known := false
		for _, row := range casesRow.FindAllStringSubmatch(table, -1) {
			if row[2] != kind {
				continue
			}
			known = true
			for _, part := range strings.Split(row[1], ",") {
				first, last, _ := strings.Cut(strings.TrimSpace(part), "-")
				if last == "" {
					last = first
				}
				from, err1 := strconv.Atoi(first)
				to, err2 := strconv.Atoi(last)
				if err1 != nil || err2 != nil || to < from {
					return nil, fmt.Errorf("reading the table of cases: %q", part)
				}
				for n := from; n <= to; n++ {
					found[n] = true
				}
			}
		}
		if !known {
			return nil, fmt.Errorf("the table of cases has no row %q", kind)
		}
	}
	return found, nil
}

// TestNumbersDue reads a table as it is written.
func TestNumbersDue(t *testing.T) {
	t.Parallel()
	const rows = "| cases | belong to |\n|---|---|\n| 01-03, 31, 53 | \"Right on real answers\" |\n| 19-20 | \"Any repository\" |\n| 91-92 | must hold always |\n"
	found, err := numbersDue(rows)
	if err != nil || fmt.Sprint(found) != "map[1:true 2:true 3:true 19:true 20:true 31:true 53:true 91:true 92:true]" {
		t.Errorf("%v, %v", found, err)
	}
	for _, bad := range []string{"", strings.ReplaceAll(rows, "must hold always", "other"), strings.ReplaceAll(rows, "01-03", "03-01")} {
		if _, err := numbersDue(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}
