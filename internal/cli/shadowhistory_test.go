package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/past"
)

var comparisonSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(past.ComparisonSchemaJSON()))
	if err != nil {
		return nil, err
	}
	if err := c.AddResource("https://pawl-cd.github.io/schema/pawl.shadow@1.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("https://pawl-cd.github.io/schema/pawl.shadow@1.json")
})

// validComparison holds the JSON form of a comparison against its schema.
func validComparison(t *testing.T, text string) {
	t.Helper()
	schema, err := comparisonSchema()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("it is no JSON: %v\n%s", err, text)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
}

// TestHistoryShadow: two weeks beside another bot, which is early once, late once, and wrong once; a person is there as well.
func TestHistoryShadow(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks+"mode: shadow\n")
	b := newBranch(t)
	values, _ := s.repo.File("main", "values.yaml")
	text := string(values)
	commit := func(author, old, now string) {
		t.Helper()
		s.pass(time.Hour)
		if old != "" {
			s.edit("main", old, now)
			text = strings.Replace(text, old, now, 1)
		}
		written := text
		b.commit("main", s.clock(), author, map[string]*string{"values.yaml": &written})
	}
	history := func(want int, args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := s.pawl(nil, append([]string{"history", "--shadow", "--git", b.dir}, args...)...)
		if code != want {
			t.Fatalf("exit code %d: %s%s", code, out, errs)
		}
		return out, errs
	}
	if _, errs := history(cli.Usage); !strings.Contains(errs, "no shadow run recorded anything yet") {
		t.Error(errs)
	}
	commit("alice", "", "")
	s.pass(time.Hour)
	s.run(cli.OK)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.pass(24 * time.Hour)
	s.run(cli.OK)
	s.pass(2 * time.Hour)
	commit("bot\x1b[31m", "  a: v1.0.0", "  a: v1.1.0") // three hours later than pawl
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0", "v1.2.0")
	commit("bot", "  b: v1.0.0", "  b: v1.1.0") // the wrong one
	s.pass(time.Hour)
	s.run(cli.OK)
	s.registry.SetTags("org/c", "v1.0.0", "v1.3.0")
	commit("bot", "  c: v1.0.0", "  c: v1.3.0") // an hour earlier than pawl
	s.pass(time.Hour)
	s.run(cli.OK)
	s.pass(11 * 24 * time.Hour)
	b.done()
	writes := s.github.Writes()
	out, errs := history(cli.OK)
	want := `In 12 days pawl would have made 2 of the 3 changes that were made, 1 hour earlier in the median; 1 differs: b v1.1.0 where pawl has v1.2.0 (newest-match).

VERDICT   NAME  OLD     NEW     MADE                  BY   PAWL    WHY
differed  b     v1.0.0  v1.1.0  2026-03-02 18:00 UTC  bot  v1.2.0  newest-match
`
	if diff := gocmp.Diff(want, out); diff != "" || errs != "" {
		t.Errorf("(-want +got):\n%s%s", diff, errs)
	}
	all, _ := history(cli.OK, "-v")
	for _, says := range []string{"3 hours earlier", "1 hour later", `bot\u001b[31m`} {
		if !strings.Contains(all, says) || strings.Contains(all, "\x1b") {
			t.Errorf("%q is missing: %s", says, all)
		}
	}
	file := filepath.Join(t.TempDir(), "shadow.json")
	history(cli.OK, "--output", "json", "--file", file)
	data, err := os.ReadFile(file)
	var c past.Comparison
	if err != nil || json.Unmarshal(data, &c) != nil || c.Made != 3 || c.Agreed != 2 || c.Ahead != 3600 {
		t.Errorf("%v %+v", err, c)
	}
	validComparison(t, string(data))
	if s.github.Writes() != writes {
		t.Errorf("it wrote %d times", s.github.Writes()-writes)
	}
	page := filepath.Join(t.TempDir(), "shadow.html")
	table, _ := history(cli.OK, "--page", page)
	head, _, _ := strings.Cut(strings.SplitN(table, "\n", 2)[0], "; ")
	if data, err := os.ReadFile(page); err != nil || table != out || !strings.Contains(string(data), `<h1 id="headline">`+strings.TrimSuffix(head, ".")+`</h1>`) {
		t.Errorf("%v: the page does not say %q: %s", err, head, data)
	}
	if _, errs := history(cli.Usage, "--page", t.TempDir()); !strings.Contains(errs, "is a directory") {
		t.Errorf("a page that cannot be written: %s", errs)
	}
	if _, errs := history(cli.Usage, "--page", page, "--file", filepath.Dir(page)+"/./shadow.html"); !strings.Contains(errs, "both name the same file") {
		t.Errorf("one file for two: %s", errs)
	}
	if code, _, errs := s.pawl(nil, "history", "--git", b.dir, "--page", page, "--file", page); code != cli.Usage || !strings.Contains(errs, "--page and --file") {
		t.Errorf("two files: exit code %d: %s", code, errs)
	}
	if code, _, errs := s.pawl(nil, "history", "--git", b.dir, "--page", page); code != cli.OK {
		t.Errorf("a page of the history: exit code %d: %s", code, errs)
	} else if data, err := os.ReadFile(page); err != nil || !strings.Contains(string(data), "<title>History: ") {
		t.Errorf("%v: no page of the history", err)
	}
	if _, errs := history(cli.Usage, "reports"); !strings.Contains(errs, "reads no reports") {
		t.Error(errs)
	}
	if code, _, errs := s.pawl(nil, "history", "--git", b.dir, "--output", "json"); code != cli.Usage || !strings.Contains(errs, "--output") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
