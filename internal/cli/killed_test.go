package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// deed is a job that a run does, and what happened before it.
type deed struct {
	settings github.Settings
	config   string
	before   func(s *stage)
	// merged, open and closed are how it ends: commits on the base, and pull requests.
	merged, open, closed int
}

func deeds() map[string]deed {
	offer := func(versions ...string) func(s *stage) {
		return func(s *stage) { s.registry.SetTags("org/a", append([]string{"v1.0.0"}, versions...)...) }
	}
	proposed := func(s *stage) {
		offer("v1.0.5")(s)
		s.run(0, "--no-merge")
	}
	slow := checks(github.Check{Name: "ci", Conclusion: "success", After: time.Minute})
	return map[string]deed{
		"a new pull request": {config: noChecks, before: offer("v1.1.0"), merged: 1, closed: 1},
		"an older one":       {config: noChecks, before: func(s *stage) { proposed(s); offer("v1.1.0")(s) }, merged: 1, closed: 1},
		"auto-merge": {settings: withAutoMerge(slow), merged: 1, closed: 1,
			before: func(s *stage) { s.repo.Protect("main", github.Protection{Checks: []string{"ci"}}); offer("v1.1.0")(s) }},
		"a slow check":  {settings: slow, config: onlyCI, before: offer("v1.1.0"), merged: 1, closed: 1},
		"only proposed": {config: "merge: off\n", before: offer("v1.1.0"), open: 1},
		"withdrawn":     {config: noChecks, before: func(s *stage) { proposed(s); offer()(s) }, closed: 1},
		"closed by a person": {config: noChecks, closed: 1,
			before: func(s *stage) { proposed(s); s.must(nil, s.repo.Close(1, "alice")) }},
		"a person's commit on the branch": {config: noChecks, merged: 1, open: 1, closed: 1,
			before: func(s *stage) {
				proposed(s)
				s.must(s.repo.Push("pawl/update", "alice", map[string][]byte{"notes.md": []byte("wait\n")}, "notes"))
				offer("v1.1.0")(s)
			}},
	}
}

func (d deed) stage(t *testing.T, adjust ...func(*github.Options)) *stage {
	s := newStage(t, d.settings, d.config, adjust...)
	s.bubble = true
	d.before(s)
	return s
}

// pauses are the times between the death and the next run: GitHub may have merged meanwhile.
func (d deed) pauses() []time.Duration {
	if d.settings.AutoMerge {
		return []time.Duration{0, time.Hour}
	}
	return []time.Duration{0}
}

// revised is when a pull request got its present change; whoever comes later revises it later.
var revised = regexp.MustCompile(`"revised":\{"pull":1,"at":"[^"]*"\}`)

// TestRunKilled kills a run at each of its writing calls, before GitHub got the call and after it was applied. The next
// run ends where an undisturbed one does, the one after it writes nothing, and people's word counts as ever.
func TestRunKilled(t *testing.T) {
	t.Parallel()
	if _, err := described(); err != nil { // read once, outside the bubbles
		t.Fatal(err)
	}
	for name, d := range deeds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin, end, want := 0, 0, ""
			synctest.Test(t, func(t *testing.T) {
				s := d.stage(t)
				begin = s.github.Writes()
				s.run(0)
				end, want = s.github.Writes(), s.state()
				s.ended(d)
			})
			for write := begin + 1; write <= end; write += stride(3) {
				for _, applied := range []bool{false, true} {
					for _, pause := range d.pauses() {
						synctest.Test(t, func(t *testing.T) {
							s := d.stage(t, unchecked)
							s.kill(write, applied)
							s.wait(pause)
							s.run(0)
							if diff := cmp.Diff(want, s.state()); diff != "" {
								t.Errorf("writing call %d, applied %t, %s later: %s", write, applied, pause, diff)
							}
							s.ended(d)
							s.settled(d)
						})
					}
				}
			}
			t.Logf("%d writing calls: %d deaths", end-begin, 2*len(d.pauses())*(end-begin))
		})
	}
}

// kill lets a run die at a writing call: nothing that it sends afterwards arrives.
func (s *stage) kill(write int, applied bool) {
	s.Helper()
	last := 0
	s.github.Inject(github.Fault{Write: write, Apply: applied, Match: func(c github.Call) bool { last = c.Number; return true }})
	s.github.Inject(github.Fault{Match: func(c github.Call) bool { return last > 0 && c.Number > last }, Times: 1 << 20})
	if code, out, errs := s.pawl(nil, "run"); last == 0 || code == 0 {
		s.Errorf("it was not killed at the writing call %d: exit code %d: %s%s", write, code, out, errs)
	}
	s.github.Heal()
}

// wait lets time pass at GitHub.
func (s *stage) wait(d time.Duration) {
	time.Sleep(d)
	s.github.Tick()
}

// state is what a repository holds, without times and numbers of commits. Left out is what may come later: values that
// were found right, and the end of a branch that no pull request is open for.
func (s *stage) state() string {
	s.Helper()
	var text strings.Builder
	data, _ := s.repo.File("main", "values.yaml")
	fmt.Fprintf(&text, "%s\n", data)
	for _, c := range s.repo.Log("main") {
		fmt.Fprintf(&text, "commit %s %q %v\n", c.Author, c.Message, c.Files)
	}
	for _, p := range s.repo.Pulls() {
		fmt.Fprintf(&text, "pull #%d %s merged=%t armed=%t %q %v %q %v\n", p.Number, p.State, p.Merged, p.AutoMerge, p.Title, p.Labels, revised.ReplaceAllString(p.Body, `"revised":{"pull":1}`), p.Comments)
	}
	refs := slices.Sorted(maps.Keys(s.repo.Refs()))
	fmt.Fprintln(&text, slices.DeleteFunc(refs, func(ref string) bool {
		return strings.HasPrefix(ref, "refs/heads/pawl/") && !slices.ContainsFunc(s.repo.Pulls(), func(p github.Pull) bool {
			return p.State == "open" && "refs/heads/"+p.Head == ref
		})
	}))
	var known struct {
		Values []ledger.Value
		Vetoes []ledger.Veto
	}
	for _, file := range []string{"values.json", "vetoes.json"} {
		if data, ok := s.repo.File("refs/pawl/ledger", file); ok {
			s.must(nil, json.Unmarshal(data, &known))
		}
	}
	for _, v := range known.Values {
		if v.Commit != "" {
			fmt.Fprintln(&text, "value", v.Place, v.Asker, v.Value, v.Version)
		}
	}
	for _, v := range known.Vetoes {
		fmt.Fprintln(&text, "veto", v.Place, v.Asker, v.Version, v.Pull)
	}
	return text.String()
}

// ended counts commits and pull requests.
func (s *stage) ended(d deed) {
	s.Helper()
	open, closed := 0, 0
	for _, p := range s.repo.Pulls() {
		if p.State == "open" {
			open++
		} else {
			closed++
		}
	}
	if merged := len(s.repo.Log("main")) - 1; merged != d.merged || open != d.open || closed != d.closed {
		s.Errorf("%d commits, %d open and %d closed pull requests, want %d, %d and %d", merged, open, closed, d.merged, d.open, d.closed)
	}
}

// settled shows that nothing is left to write, and that a person's revert stays.
func (s *stage) settled(d deed) {
	s.Helper()
	writes := s.github.Writes()
	if s.run(0); s.github.Writes() != writes {
		s.Errorf("one more run writes %d times", s.github.Writes()-writes)
	}
	if d.merged == 0 {
		return
	}
	s.must(s.repo.Revert("main", "alice", s.repo.Head("main")))
	if s.run(0); s.value("a") != "v1.0.0" {
		s.Errorf("a person's revert is undone: %s", s.value("a"))
	}
}
