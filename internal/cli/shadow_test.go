package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

// wrote are the writing requests of what is done, in their order.
func (s *stage) wrote(do func()) (all []string) {
	s.Helper()
	from := len(s.github.Calls())
	do()
	for _, c := range s.github.Calls()[from:] {
		if c.Writing {
			all = append(all, c.Operation)
		}
	}
	return all
}

// record is what shadow runs recorded, without the schema.
func (s *stage) record() []string {
	s.Helper()
	data, _ := s.repo.File("refs/pawl/ledger", "shadow.jsonl")
	return strings.Split(strings.TrimSpace(string(data)), "\n")[1:]
}

// push is the one request that a shadow may write with.
var push = []string{"git-receive-pack"}

// TestShadow: a shadow run writes a line for each value whose decision changed with one push of the ledger, whatever else is
// there to do, and what the other bot does is no decision of ours.
func TestShadow(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	shadow := func(want run.Shadow, writes []string, args ...string) run.Report {
		s.Helper()
		s.pass(time.Hour)
		base := s.repo.Head("main")
		var report run.Report
		got := s.wrote(func() { report = s.run(cli.OK, append([]string{"--shadow"}, args...)...) })
		if diff := gocmp.Diff(&want, report.Shadow) + gocmp.Diff(writes, got); diff != "" {
			s.Errorf("%v (-want +got):\n%s", args, diff)
		}
		if refs := s.repo.Refs(); len(s.repo.Pulls()) > 0 || s.repo.Head("main") != base || len(refs) > 2 || !report.DryRun || report.Events != nil {
			s.Errorf("pull requests %v, refs %v, report %+v", s.repo.Pulls(), refs, report)
		}
		return report
	}
	to := "refs/pawl/ledger"
	shadow(run.Shadow{To: to, Values: 3, Changed: 3}, nil, "--dry-run")
	if report := shadow(run.Shadow{To: to, Values: 3, Changed: 3, Recorded: true}, push); report.Preview == nil || len(report.Plan.Changes) != 1 {
		t.Errorf("it does not say what it would do: %+v", report)
	}
	shadow(run.Shadow{To: to, Values: 3}, nil)
	s.edit("main", "  a: v1.0.0", "  a: v1.1.0") // the other bot
	shadow(run.Shadow{To: to, Values: 3}, nil)
	s.registry.SetTags("org/b", "v1.0.0", "v1.2.0")
	shadow(run.Shadow{To: to, Values: 3, Changed: 1, Recorded: true}, push)
	s.edit("main", "  c: v1.0.0", "  c: v9.0.0") // a person
	shadow(run.Shadow{To: to, Values: 3, Changed: 1, Recorded: true}, push)
	want := []string{
		`{"at":"2026-03-01T14:00:00Z","manifest":"a","file":"values.yaml","key":"$.apps.a","now":"v1.0.0","want":"v1.1.0","reason":"newest-match"}`,
		`{"at":"2026-03-01T14:00:00Z","manifest":"b","file":"values.yaml","key":"$.apps.b","now":"v1.0.0","want":"v1.0.0","reason":"newest-match"}`,
		`{"at":"2026-03-01T14:00:00Z","manifest":"c","file":"values.yaml","key":"$.apps.c","now":"v1.0.0","want":"v1.0.0","reason":"newest-match"}`,
		`{"at":"2026-03-01T17:00:00Z","manifest":"b","file":"values.yaml","key":"$.apps.b","now":"v1.0.0","want":"v1.2.0","reason":"newest-match"}`,
		`{"at":"2026-03-01T18:00:00Z","manifest":"c","file":"values.yaml","key":"$.apps.c","now":"v9.0.0","want":"v1.0.0","reason":"pinned-down"}`,
	}
	if diff := gocmp.Diff(want, s.record()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	env := map[string]string{"PAWL_PAUSE": "holidays", "GITHUB_STEP_SUMMARY": filepath.Join(t.TempDir(), "summary")}
	page := filepath.Join(t.TempDir(), "page.html")
	if code, out, errs := s.pawl(env, "run", "--shadow", "--page", page); code != cli.OK || !strings.Contains(out, "shadow run: nothing is proposed, merged or deployed") || strings.Contains(out, "paused") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for name, says := range map[string]string{env["GITHUB_STEP_SUMMARY"]: "shadow run: nothing is proposed", page: "This was a shadow run"} {
		if data, err := os.ReadFile(name); err != nil || !strings.Contains(string(data), says) {
			t.Errorf("%s does not say %q: %v", filepath.Base(name), says, err)
		}
	}
}

// TestShadowByConfiguration: mode: shadow makes a run one, and everything else that would write is refused.
func TestShadowByConfiguration(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks+"mode: shadow\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if got := s.wrote(func() {
		if report := s.run(cli.OK); report.Shadow == nil || !report.Shadow.Recorded {
			t.Errorf("it was no shadow: %+v", report)
		}
	}); !slices.Equal(got, push) {
		t.Errorf("wrote %v", got)
	}
	if got := s.wrote(func() {
		if code, _, errs := s.pawl(nil, "run", "--shadow=false"); code != cli.OK || !strings.Contains(errs, "--shadow=false does not change") {
			t.Errorf("exit code %d: %s", code, errs)
		}
		for _, args := range [][]string{
			{"deploy"}, {"quarantine", "org/a:v1.1.0", "--reason", "r"}, {"unquarantine", "org/a:v1.1.0"}, {"hold", "a", "--reason", "r"}, {"unhold", "a"},
			{"rollback", "a", "--reason", "r"}, {"pause", "--reason", "r"}, {"resume"}, {"pause", "--reason", "r", "--dispatch"}, {"pause", "--reason", "r", "--repository", "acme/profile"},
			{"ledger", "accept"}, {"events", "flush"},
		} {
			if code, out, errs := s.pawl(nil, args...); code != cli.Usage || !strings.Contains(errs, ".pawl.yaml says mode: shadow") || out != "" {
				t.Errorf("%v: exit code %d: %s%s", args, code, out, errs)
			}
		}
		for _, args := range [][]string{{"status"}, {"plan"}, {"validate"}, {"run", "--dry-run"}, {"pause", "--reason", "r", "--dry-run"}, {"ledger", "show"}, {"ledger", "accept", "--dry-run"}} {
			if code, out, errs := s.pawl(nil, args...); code != cli.OK {
				t.Errorf("%v: exit code %d: %s%s", args, code, out, errs)
			}
		}
	}); got != nil {
		t.Errorf("wrote %v", got)
	}
	for name, text := range map[string]string{".pawl.yaml": profileFiles(noChecks)[".pawl.yaml"]} { // switched
		s.must(s.repo.Push("main", "alice", map[string][]byte{name: []byte(text)}, "switch to pawl"))
		s.local(name, text)
	}
	if report := s.run(cli.OK); report.Shadow != nil || report.Merge == nil || s.value("a") != "v1.1.0" {
		t.Errorf("it did not switch: %+v", report)
	}
	if len(s.record()) != 3 {
		t.Errorf("the record is %q", s.record())
	}
}

// TestShadowConverges: runs that race, and runs that are killed at their push, leave what one run leaves.
func TestShadowConverges(t *testing.T) {
	t.Parallel()
	alone := newStage(t, github.Settings{}, noChecks)
	alone.run(cli.OK, "--shadow")
	want := alone.record()
	if len(want) != 3 {
		t.Fatal(want)
	}
	raced := newStage(t, github.Settings{}, noChecks)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if code, out, errs := raced.pawl(nil, "run", "--shadow"); code != cli.OK {
				t.Errorf("exit code %d: %s%s", code, out, errs)
			}
		})
	}
	all.Wait()
	if diff := gocmp.Diff(want, raced.record()); diff != "" {
		t.Errorf("raced (-want +got):\n%s", diff)
	}
	for _, applied := range []bool{false, true} {
		s := newStage(t, github.Settings{}, noChecks)
		last := 0
		s.github.Inject(github.Fault{Write: 1, Apply: applied, Match: func(c github.Call) bool { last = c.Number; return true }})
		s.github.Inject(github.Fault{Match: func(c github.Call) bool { return last > 0 && c.Number > last }, Times: 1 << 20})
		if code, out, errs := s.pawl(nil, "run", "--shadow"); last == 0 || code == cli.OK {
			t.Errorf("it was not killed: exit code %d: %s%s", code, out, errs)
		}
		s.github.Heal()
		s.run(cli.OK, "--shadow")
		if diff := gocmp.Diff(untimed(want), untimed(s.record())); diff != "" {
			t.Errorf("killed, applied=%t (-want +got):\n%s", applied, diff)
		}
	}
}

// untimed are lines of a record without their times.
func untimed(lines []string) (all []string) {
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, ",")
		all = append(all, rest)
	}
	return all
}

// TestShadowInFile: without a token the record is a file, and no forge is asked.
func TestShadowInFile(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	none := map[string]string{"MERGE_TOKEN": "-"}
	file := filepath.Join(t.TempDir(), "shadow.jsonl")
	shadow := func(want int, says string) string {
		s.Helper()
		s.pass(time.Hour)
		if code, out, errs := s.pawl(none, "run", "--shadow-file", file); code != want || !strings.Contains(out+errs, says) {
			s.Errorf("exit code %d: %s%s", code, out, errs)
		}
		data, _ := os.ReadFile(file)
		return string(data)
	}
	if code, _, errs := s.pawl(none, "run", "--shadow"); code != cli.Usage || !strings.Contains(errs, "--shadow-file FILE") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	first := shadow(cli.OK, "3 new decisions of 3 recorded in "+file)
	if again := shadow(cli.OK, "the decisions on 3 values are those of the last run"); again != first || strings.Count(first, "\n") != 4 {
		t.Errorf("recorded %s, then %s", first, again)
	}
	s.registry.SetTags("org/b", "v1.0.0", "v1.2.0")
	if more, ok := strings.CutPrefix(shadow(cli.OK, "1 new decision of 3 recorded"), first); !ok || strings.Count(more, "\n") != 1 {
		t.Errorf("recorded %s", more)
	}
	if err := os.WriteFile(file, []byte(first+"{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if left := shadow(cli.Usage, "line 5"); left != first+"{" {
		t.Errorf("it wrote over a record that cannot be read: %s", left)
	}
	if n := len(s.github.Calls()); n != 0 {
		t.Errorf("%d requests to the forge", n)
	}
}

// TestShadowKeepsAges: a version that has to have an age is held back from when a shadow first saw it, and then decided for; the
// sighting is written with the first decision. With a key the record stands in a sealed ledger.
func TestShadowKeepsAges(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"plain": "", "sealed": "ledger: {key: SEAL}\n"} {
		s := newStage(t, github.Settings{}, aged+more)
		env := map[string]string{"SEAL": "k3y of the seal"}
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		shadow := func(writes int, last string) {
			t.Helper()
			if got := s.wrote(func() {
				if code, out, errs := s.pawl(env, "run", "--shadow"); code != cli.OK {
					t.Errorf("%s: exit code %d: %s%s", name, code, out, errs)
				}
			}); len(got) != writes {
				t.Errorf("%s: wrote %v", name, got)
			}
			if record := s.record(); !strings.Contains(record[len(record)-1], last) && !strings.Contains(record[0], last) {
				t.Errorf("%s: %q is missing in %q", name, last, record)
			}
		}
		shadow(1, `"now":"v1.0.0","held":"v1.1.0","outcome":"held","reason":"too-young"`)
		s.pass(2 * time.Hour)
		shadow(0, "")
		s.pass(time.Hour)
		shadow(1, `"now":"v1.0.0","want":"v1.1.0","reason":"newest-match"`)
	}
}

// TestShadowOfABrokenSource: what cannot be decided is no decision. It is told as a failure, and goes again when it led to nothing.
func TestShadowOfABrokenSource(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.run(cli.OK, "--shadow")
	before := s.record()
	s.pass(time.Hour)
	delete(s.network, "index.docker.io")
	if report := s.run(cli.Partial, "--shadow"); report.Shadow.Changed != 3 || !strings.Contains(s.record()[3], `"outcome":"failed","reason":"source-failed"`) {
		t.Errorf("%+v %q", report.Shadow, s.record())
	}
	s.pass(time.Hour)
	if got := s.wrote(func() { s.run(cli.Partial, "--shadow") }); got != nil {
		t.Errorf("the same failure wrote %v", got)
	}
	s.network["index.docker.io"] = s.registry
	s.pass(time.Hour)
	s.run(cli.OK, "--shadow")
	if diff := gocmp.Diff(before, s.record()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestShadowOnGitea: the same at a real Gitea, whose only new ref is the ledger's.
func TestShadowOnGitea(t *testing.T) {
	t.Parallel()
	s := giteas(t)(t, []string{"a", "b"}, noChecks+"mode: shadow\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	run := func(says string) (writes []string) {
		t.Helper()
		over := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
				writes = append(writes, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/"+s.repository+".git"))
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		if code, printed := s.pawl(over, "run"); code != cli.OK || !strings.Contains(printed, says) {
			t.Errorf("exit code %d: %s", code, printed)
		}
		return writes
	}
	if got := run("2 new decisions of 2 recorded in refs/pawl/ledger"); !slices.Equal(got, []string{"POST /git-receive-pack"}) {
		t.Errorf("wrote %v", got)
	}
	if got := run("the decisions on 2 values are those of the last run"); got != nil {
		t.Errorf("wrote %v", got)
	}
	if refs, pulls := s.list("/git/refs"), s.list("/pulls?state=all"); len(refs) != 2 || len(pulls) != 0 {
		t.Errorf("refs %v, pull requests %v", refs, pulls)
	}
}
