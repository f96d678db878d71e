package cli_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// promising are the pages that say what may be relied on, with a table of every promise and the tests that hold it.
var promising = []string{"docs/operating.md", "docs/security.md"}

// TestPromisesHaveTests shows that each promise of the tables names tests that are there: TestName where one package has it,
// package.TestName where several have, and TestScripts/name for a script of the command line.
func TestPromisesHaveTests(t *testing.T) {
	t.Parallel()
	known := testsOf(t, "../..")
	for name, text := range pages(t) {
		if !slices.Contains(promising, name) {
			continue
		}
		rows, problems := promises(text, known)
		for _, problem := range problems {
			t.Errorf("%s: %s", name, problem)
		}
		if rows < 20 {
			t.Errorf("%s has %d promises", name, rows)
		}
	}
	// Each check can fail.
	for row, want := range map[string]string{
		"| it flies | `TestThatIsNowhere` |":            "TestThatIsNowhere is no test",
		"| it flies | `TestFaults` |":                   "TestFaults is a test of several packages",
		"| it flies | `nowhere.TestFaults` |":           "nowhere.TestFaults is no test",
		"| it flies | `TestScripts/that-is-nowhere` |":  "TestScripts/that-is-nowhere is no test",
		"| | `TestDocs` |":                              "a row without a promise",
		"| it flies | by itself |":                      "no test holds: it flies",
		"| it flies | `TestDocs`, and TestThatIsBare |": "TestThatIsBare",
		"| it flies |":                                  "a row of 1 cells",
	} {
		_, problems := promises(promiseHead+"\n| --- | --- |\n"+row+"\n", known)
		if got := strings.Join(problems, "; "); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", row, got, want)
		}
	}
}

// promiseHead begins a table of promises.
const promiseHead = "| promise | held by |"

var (
	testName = regexp.MustCompile("`((?:[a-z]+\\.)?(?:Test|Fuzz)\\w+(?:/[\\w-]+)?)`")
	bareTest = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
)

// promises reads the tables of a page: how many rows they have, and what is wrong with them. Known are the tests by name,
// each with the packages that have it.
func promises(text string, known map[string][]string) (rows int, problems []string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == promiseHead:
			inside = true
			continue
		case !strings.HasPrefix(line, "|"):
			inside = false
		}
		if !inside || strings.HasPrefix(line, "| ---") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 2 {
			problems = append(problems, fmt.Sprintf("a row of %d cells: %s", len(cells), line))
			continue
		}
		problems = append(problems, held(strings.TrimSpace(cells[0]), cells[1], known)...)
	}
	return rows, problems
}

// held returns what is wrong with the tests of one promise.
func held(promise, tests string, known map[string][]string) (problems []string) {
	if promise == "" {
		problems = append(problems, "a row without a promise: "+tests)
	}
	names := testName.FindAllStringSubmatch(tests, -1)
	if len(names) == 0 {
		problems = append(problems, "no test holds: "+promise)
	}
	for _, m := range names {
		folder, name, qualified := strings.Cut(m[1], ".")
		if !qualified {
			folder, name = "", m[1]
		}
		in := known[name]
		switch {
		case qualified && !slices.Contains(in, folder), len(in) == 0:
			problems = append(problems, fmt.Sprintf("%s is no test (%s)", m[1], promise))
		case !qualified && len(in) > 1:
			problems = append(problems, fmt.Sprintf("%s is a test of several packages: %s", name, strings.Join(in, ", ")))
		}
	}
	for _, bare := range bareTest.FindAllString(testName.ReplaceAllString(tests, ""), -1) {
		problems = append(problems, bare+" is no name between ` and `")
	}
	return problems
}

// testsOf are the tests below a directory by name, each with the names of the folders that have it; scripts too.
func testsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	known := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return leftOut(err)
		}
		if script, ok := strings.CutSuffix(d.Name(), ".txtar"); ok && path.Base(filepath.ToSlash(filepath.Dir(file))) == "script" {
			known["TestScripts/"+script] = []string{"cli"}
		}
		if !strings.HasSuffix(d.Name(), "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := filepath.Base(filepath.Dir(file))
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && bareTest.MatchString(f.Name.Name) && !slices.Contains(known[f.Name.Name], folder) {
				known[f.Name.Name] = append(known[f.Name.Name], folder)
			}
		}
		return nil
	})
	if err != nil || len(known) < 500 {
		t.Fatalf("%d tests, %v", len(known), err)
	}
	return known
}

// leftOut leaves a hidden directory out, unless there is an error.
func leftOut(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}

// TestTokenThatExpiresSoonIsSaid warns in the last 14 days of a token, and not before.
func TestTokenThatExpiresSoonIsSaid(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]bool{1: true, 13: true, 15: false, 300: false} {
		s := newStage(t, github.Settings{}, noChecks, func(o *github.Options) {
			o.Identities[canary] = github.Identity{Login: "pawl-bot", ExpiresAt: o.Now().AddDate(0, 0, days)}
		})
		code, out, errs := s.pawl(map[string]string{"MERGE_TOKEN": canary}, "run")
		if code != 0 || strings.Contains(out+errs, "the token expires on 2026-03-") != want || strings.Contains(out+errs, "expires") != want {
			t.Errorf("%d days before: exit code %d: %s%s", days, code, out, errs)
		}
	}
}

// TestMergeOfTheLastWeekIsDeployed has a person merge, and no run for days: what is younger than a week is deployed by the
// next one, what is older is left to people.
func TestMergeOfTheLastWeekIsDeployed(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  []int
	}{{7*24*time.Hour - time.Hour, []int{1, 1}}, {7*24*time.Hour + time.Hour, []int{0, 0}}} {
		t.Run(c.after.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDeployStage(t, 2, github.Settings{}, "")
				d.publish("a")
				d.do(0, "run", "--no-merge")
				if _, err := d.repo.Merge(1, "alice", "squash"); err != nil {
					t.Fatal(err)
				}
				d.wait(c.after)
				d.do(0, "run")
				if got := d.counts(d.head()); !slices.Equal(got, c.want) {
					t.Errorf("pipelines %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestLeftoversAreNoManifests shows that what a killed apply left beside a manifest or a target is neither: validate, plan
// and init do not see it.
func TestLeftoversAreNoManifests(t *testing.T) {
	t.Parallel()
	files := map[string]string{"values.yaml": "a: v1.0.0\n", "manifests/a.yaml": oneImage["manifests/a.yaml"],
		"manifests/.a.yaml.pawl-new-1": "sources: [", ".values.yaml.pawl-new-1": "image: org/other:v1.0.0\n"}
	for _, args := range [][]string{{"validate"}, {"init", "--dry-run", "--force"}} {
		if printed := shown(t, files, nil, nil, args...); strings.Contains(printed, "pawl-new") || strings.Contains(printed, "org/other") {
			t.Errorf("%v: %s", args, printed)
		}
	}
}
