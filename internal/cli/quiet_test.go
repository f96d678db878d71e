package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fleet"
)

// settled is a fleet of three profiles that are quiet, with a snapshot that says so; clock moves all clocks.
func settled(t *testing.T, config string) (s *squadron, snapshot string, clock func(time.Duration)) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s = newSquadronAt(t, 3, config, func() time.Time { return at })
	snapshot = filepath.Join(t.TempDir(), "snapshot")
	clock = func(d time.Duration) { at = at.Add(d) }
	s.run(0, "--snapshot", snapshot)
	if report, _ := s.run(0, "--snapshot", snapshot); fmt.Sprint(report.Tally()) != "[{quiet 3}]" {
		t.Fatalf("nothing has changed: %+v", report)
	}
	return s, snapshot, clock
}

// TestQuietWakes changes one thing at a time that an answer depends on: the profile is looked at again, and those that it does
// not concern stay quiet, with a snapshot and without.
func TestQuietWakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wakes string // the numbers of the profiles
		do    func(s *squadron, clock func(time.Duration))
	}{
		{"nothing", "", func(*squadron, func(time.Duration)) {}},
		{"a version is published", "012", func(s *squadron, _ func(time.Duration)) { s.registry.SetTags("org/a", "v1.0.0", "v1.1.0") }},
		{"a version is withdrawn", "012", func(s *squadron, _ func(time.Duration)) { s.registry.SetTags("org/b") }},
		{"a version is published that nobody follows", "012", func(s *squadron, _ func(time.Duration)) { s.registry.SetTags("org/a", "v1.0.0", "v9.0.0") }},
		{"another image", "", func(s *squadron, _ func(time.Duration)) { s.registry.SetTags("org/z", "v1.0.0") }},
		{"a person edits a value", "1", func(s *squadron, _ func(time.Duration)) {
			s.push(1, map[string]string{"values.yaml": "apps: {a: v1.0.0, b: v1.0.0, c: v1.0.0}\n"})
		}},
		{"a person edits the configuration", "1", func(s *squadron, _ func(time.Duration)) {
			s.push(1, map[string]string{".pawl.yaml": noChecks + "forge: {labels: [x]}\n"})
		}},
		{"a brake is pulled", "1", func(s *squadron, _ func(time.Duration)) {
			s.brake(1, "pause", "--reason", "x")
		}},
		{"a variable changes", "1", func(s *squadron, _ func(time.Duration)) { s.env["OWN_1"] = "other" }},
		{"a variable that all see changes", "012", func(s *squadron, _ func(time.Duration)) { s.env["PAWL_PAUSE"] = "x" }},
		{"a variable that nobody sees changes", "", func(s *squadron, _ func(time.Duration)) { s.env["OPERATOR_SECRET"] = "other-c4nary" }},
		{"a docker configuration is named", "1", func(s *squadron, _ func(time.Duration)) {
			text, _ := os.ReadFile(s.file)
			s.write(strings.Replace(string(text), "env: [OWN_1]", "env: [OWN_1], docker: "+s.TempDir(), 1))
		}},
		{"a branch of ours appears", "1", func(s *squadron, _ func(time.Duration)) { s.branch(1, "pawl/update") }},
		{"a run died while it committed", "1", func(s *squadron, _ func(time.Duration)) { s.branch(1, "pawl-scratch/pawl/update") }},
		{"another branch appears", "", func(s *squadron, _ func(time.Duration)) { s.branch(1, "feature") }},
		{"a day passes", "012", func(_ *squadron, clock func(time.Duration)) { clock(fleet.LongestQuiet) }},
		{"seventeen hours pass", "", func(_ *squadron, clock func(time.Duration)) { clock(17 * time.Hour) }},
		{"the mark is gone", "1", func(s *squadron, _ func(time.Duration)) { s.unmark(1, "") }},
		{"somebody's mark", "1", func(s *squadron, _ func(time.Duration)) { s.unmark(1, s.repo(1).Head("main")) }},
	} {
		for _, with := range []string{"with a snapshot", "without"} {
			t.Run(c.name+"/"+with, func(t *testing.T) {
				t.Parallel()
				s, snapshot, clock := settled(t, noChecks)
				c.do(s, clock)
				args := []string{"fleet", "run", "--output", "json"}
				if with == "with a snapshot" {
					args = append(args, "--snapshot", snapshot)
				}
				_, out, _ := s.pawl(args...)
				woke := ""
				for i := range 3 {
					if !strings.Contains(out, fmt.Sprintf(`"profile": "org/p%d",`, i)+"\n   \"forge\": \"github\",\n   \"state\": \"quiet\"") {
						woke += fmt.Sprint(i)
					}
				}
				if woke != c.wakes {
					t.Errorf("awake are %q, want %q: %s", woke, c.wakes, out)
				}
			})
		}
	}
}

// TestQuietCosts counts what a quiet profile costs: one request at its forge, and nothing at a source that is listed already.
func TestQuietCosts(t *testing.T) {
	t.Parallel()
	s, snapshot, _ := settled(t, noChecks)
	s.seen = nil
	report, by := s.run(0, "--snapshot", snapshot)
	lists := slices.DeleteFunc(slices.Clone(s.seen), func(r string) bool { return strings.HasPrefix(r, "GET https://index.docker.io/v2/ ") }) // each profile may say hello
	if report.Calls != 3 || by["org/p1"].Calls != 1 || len(lists) != 3+3 || s.github.Writes() != 3 {
		t.Errorf("%d calls, and %d requests: %s", report.Calls, len(lists), strings.Join(s.seen, "\n"))
	}
	if report, _ := s.run(0, "--snapshot", snapshot, "--fresh"); fmt.Sprint(report.Tally()) != "[{unchanged 3}]" {
		t.Errorf("--fresh: %+v", report)
	}
}

// TestNotQuiet lists what keeps a profile from being marked, although its run has nothing to do.
func TestNotQuiet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(s *squadron)
	}{
		{"a failure", func(s *squadron) { s.registry.SetTags("org/a") }},
		{"a hold that ends", func(s *squadron) {
			s.push(1, map[string]string{"values.yaml": "apps: {a: v0.9.0, b: v1.0.0, c: v1.0.0}\n"}) // then the ledger knows a
			s.pawl("fleet", "run")
			s.brake(1, "hold", "a", "--reason", "x", "--until", "3d")
		}},
		{"a quarantine that ends", func(s *squadron) {
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.brake(1, "quarantine", "org/a:v1.1.0", "--reason", "x", "--until", "3d")
		}},
		{"somebody writes the ledger meanwhile", func(s *squadron) {
			meanwhile := sync.OnceFunc(func() { s.brake(1, "pause", "--reason", "x") })
			s.before = func(r *http.Request) error {
				if strings.Contains(r.URL.Path, "/tags/list") { // the ledger has been read
					meanwhile()
				}
				return nil
			}
			text, _ := os.ReadFile(s.file)
			lines := strings.Split(string(text), "\n")
			s.write(strings.Join(append(lines[:2:2], lines[3]), "\n") + "\n")
			s.run(0)
			for name := range s.repo(1).Refs() {
				if strings.HasPrefix(name, "refs/pawl/quiet/") {
					s.Errorf("marked: %s", name)
				}
			}
		}},
		{"a pause", func(s *squadron) { s.brake(1, "pause", "--reason", "x") }},
		{"a receiver is away", func(s *squadron) {
			s.push(1, map[string]string{".pawl.yaml": noChecks + "events: {source: 'https://x.example', sinks: [{type: http, url: 'https://away.example'}]}\n"})
			s.before = func(r *http.Request) error {
				if r.URL.Host == "away.example" {
					return fmt.Errorf("away")
				}
				return nil
			}
		}},
		{"a version that is too young", func(s *squadron) {
			s.push(1, map[string]string{".pawl.yaml": noChecks + "policy: {age: 3d}\n"})
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSquadronAt(t, 3, noChecks, func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) })
			c.do(s)
			for range 2 {
				s.pawl("fleet", "run")
			}
			for name := range s.repo(1).Refs() {
				if strings.HasPrefix(name, "refs/pawl/quiet/") {
					t.Errorf("marked: %s", name)
				}
			}
		})
	}
}

// TestQuietBase has the profile live on another branch than the default one, whose configuration says so: a change of either
// wakes it.
func TestQuietBase(t *testing.T) {
	t.Parallel()
	for _, branch := range []string{"main", "stable"} {
		s := newSquadronAt(t, 1, noChecks, func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) })
		s.push(0, map[string]string{".pawl.yaml": noChecks + "forge: {base: stable}\n"})
		s.branch(0, "stable")
		snapshot := filepath.Join(t.TempDir(), "snapshot")
		s.run(0, "--snapshot", snapshot)
		for range 2 {
			if report, _ := s.run(0, "--snapshot", snapshot); fmt.Sprint(report.Tally()) != "[{quiet 1}]" {
				t.Fatalf("nothing has changed: %+v", report)
			}
		}
		if _, err := s.repo(0).Push(branch, "alice", map[string][]byte{"README.md": []byte("x")}, "x"); err != nil {
			t.Fatal(err)
		}
		if report, _ := s.run(0, "--snapshot", snapshot); fmt.Sprint(report.Tally()) != "[{unchanged 1}]" {
			t.Errorf("a commit on %s: %+v", branch, report)
		}
	}
}

// TestSnapshot has fleet list write what shards read: they list nothing that is for everybody, and no secret is in it.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 4, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	code, out, errs := s.pawl("fleet", "list", "--snapshot", snapshot)
	if code != 0 || out != "4 profiles, 3 sources listed for everybody, tracked 12 times\n" || s.github.Writes() != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	data, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(packed); err != nil || strings.Contains(string(text), "c4nary") || !strings.Contains(string(text), "v1.1.0") {
		t.Errorf("%v: %s", err, text)
	}
	s.seen = nil
	for i := range 2 {
		report, _ := s.run(0, "--snapshot", snapshot, "--shard", fmt.Sprintf("%d/2", i))
		if report.Listings != 0 || report.Uses != 3*len(report.Profiles) {
			t.Errorf("shard %d: %d listed, %d uses of %d profiles", i, report.Listings, report.Uses, len(report.Profiles))
		}
	}
	for _, request := range s.seen {
		if strings.Contains(request, "/tags/list") {
			t.Errorf("listed again: %s", request)
		}
	}
	for i := range 4 {
		if s.value(i, "a") != "v1.1.0" {
			t.Errorf("org/p%d: a is %s", i, s.value(i, "a"))
		}
	}
	if again, err := os.ReadFile(snapshot); err != nil || !bytes.Equal(again, data) {
		t.Errorf("a shard wrote the snapshot: %v", err)
	}
	s.env["TOKEN_2"] = ""
	if code, out, errs := s.pawl("fleet", "list", "--snapshot", snapshot); code != 3 || !strings.HasPrefix(out, "3 profiles, ") || !strings.Contains(errs, "the variable TOKEN_2 is not set") {
		t.Errorf("one without a token: exit code %d: %s%s", code, out, errs)
	}
	if err := os.WriteFile(snapshot, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, errs := s.pawl("fleet", "run", "--snapshot", snapshot); !strings.Contains(errs, "it is no pawl.snapshot/1") {
		t.Errorf("a broken one: %s", errs)
	}
}

// TestQuietModel has two fleets go through the same random history: one looks at every profile each time, the other leaves out
// those that are quiet. They decide alike, at the same run. PAWL_SEEDS says how many histories.
func TestQuietModel(t *testing.T) {
	t.Parallel()
	slept, histories := 0, 0
	for seed := range trees() {
		r := rand.New(rand.NewPCG(seed, 18))
		at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		clock := func() time.Time { return at }
		const n = 5
		worlds := []*squadron{newSquadronAt(t, n, noChecks, clock), newSquadronAt(t, n, noChecks, clock)}
		snapshot, quiet, story := filepath.Join(t.TempDir(), "snapshot"), 0, []string{}
		minor := map[string]int{}
		for range 12 {
			i, app := r.IntN(n), string("abc"[r.IntN(3)])
			do := map[string]func(s *squadron){
				"nothing happens": func(*squadron) {},
				"publish " + app: func(s *squadron) {
					tags := []string{"v1.0.0"}
					for v := range minor[app] {
						tags = append(tags, fmt.Sprintf("v1.%d.0", v+1))
					}
					s.registry.SetTags("org/"+app, tags...)
				},
				"edit": func(s *squadron) {
					data, _ := s.repo(i).File("main", "values.yaml")
					s.push(i, map[string]string{"values.yaml": string(data) + "# edited\n"})
				},
				"set back " + app: func(s *squadron) {
					data, _ := s.repo(i).File("main", "values.yaml")
					s.push(i, map[string]string{"values.yaml": regexp.MustCompile(app+`: v[0-9.]+`).ReplaceAllString(string(data), app+": v1.0.0")})
				},
				"age": func(s *squadron) {
					s.push(i, map[string]string{".pawl.yaml": noChecks + "policy: {age: 1d}\n"})
				},
				"window": func(s *squadron) {
					s.push(i, map[string]string{".pawl.yaml": "merge: {require: none, windows: [{days: mon-fri, from: '08:00', to: '18:00'}]}\n"})
				},
				"no policy": func(s *squadron) { s.push(i, map[string]string{".pawl.yaml": noChecks}) },
				"quarantine " + app: func(s *squadron) {
					s.brake(i, "quarantine", fmt.Sprintf("org/%s:v1.%d.0", app, minor[app]), "--reason", "x", "--until", "2d")
				},
				"pause":    func(s *squadron) { s.brake(i, "pause", "--reason", "x", "--until", "1d") },
				"variable": func(s *squadron) { s.env[fmt.Sprintf("OWN_%d", i)] = fmt.Sprint(at) },
			}
			name := slices.Sorted(maps.Keys(do))[r.IntN(len(do))]
			if strings.HasPrefix(name, "publish") {
				minor[app]++
			}
			for _, w := range worlds {
				do[name](w)
			}
			at = at.Add([]time.Duration{time.Minute, 20 * time.Minute, 5 * time.Hour, 26 * time.Hour}[r.IntN(4)])
			story = append(story, fmt.Sprintf("%s in %d, then %s", name, i, at.Format(time.RFC3339)))
			var states [2][n]string
			for w, s := range worlds {
				args := [][]string{{"--fresh"}, {"--snapshot", snapshot}}[w]
				_, out, errs := s.pawl(append([]string{"fleet", "run", "--output", "json"}, args...)...)
				var report fleet.Report
				if err := json.Unmarshal([]byte(out), &report); err != nil {
					t.Fatalf("seed %d: %v: %s%s", seed, err, out, errs)
				}
				for _, one := range report.Profiles {
					i := int(one.Profile[len(one.Profile)-1] - '0')
					state := string(one.State)
					if one.State == fleet.Quiet {
						quiet, state = quiet+1, string(fleet.Unchanged)
					}
					values, _ := s.repo(i).File("main", "values.yaml")
					states[w][i] = fmt.Sprintf("%s %s %d pull requests\n%s", state, one.Summary, len(s.repo(i).Pulls()), values)
				}
			}
			if diff := cmp.Diff(states[0], states[1]); diff != "" {
				t.Fatalf("seed %d: the quiet fleet decides otherwise: %s\nafter %s", seed, diff, strings.Join(story, "\n  "))
			}
		}
		slept += quiet
		histories++
	}
	if slept < histories {
		t.Errorf("in %d histories profiles were quiet %d times", histories, slept)
	}
	t.Logf("%d histories, quiet %d times", histories, slept)
}
