package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
)

const gated = noChecks + `gates:
  scan: {run: [./scan.sh, "{image}:{tag}@{digest}"], deny: [2], kinds: [dockerimage], timeout: 5s, env: [SCAN_DB]}
policy: {gates: [scan]}
`

// gate writes the program of the gate scan.
func (s *stage) program(lines string) {
	s.Helper()
	s.local("scan.sh", "#!/bin/sh\n"+lines)
	s.must(nil, os.Chmod(filepath.Join(s.root, "scan.sh"), 0o755))
}

// gates judges in a step of its own, with what the ledger holds, and returns the verdicts.
func (s *stage) gates(want int, env map[string]string) (gate.Verdicts, string) {
	s.Helper()
	all := map[string]string{"MERGE_TOKEN": "-", "PATH": os.Getenv("PATH"), "HOME": "/home/bot"}
	for name, value := range env {
		all[name] = value
	}
	_, shown, _ := s.pawl(nil, "ledger", "show")
	s.local("ledger.json", shown)
	code, out, errs := s.pawl(all, "gates", "--verdicts", s.verdicts(), "--ledger", filepath.Join(s.root, "ledger.json"))
	if code != want {
		s.Fatalf("pawl gates: exit code %d, want %d: %s%s", code, want, out, errs)
	}
	data, err := os.ReadFile(s.verdicts())
	if err != nil {
		return gate.Verdicts{}, out + errs
	}
	said, err := gate.Parse(data)
	s.must(nil, err)
	return said, out + errs
}

func (s *stage) verdicts() string { return filepath.Join(s.root, "verdicts.json") }

// judged runs with the verdicts, and says what became of a.
func (s *stage) judged(args ...string) string {
	s.Helper()
	return s.after(s.run(0, args...))
}

func (s *stage) after(report run.Report) string {
	for _, o := range report.Plan.Outcomes {
		if o.Manifest == "a" {
			return strings.Join([]string{s.value("a"), string(o.Outcome), string(o.Reason), o.Detail}, " ")
		}
	}
	return s.value("a")
}

func (s *stage) says(got, head string, parts ...string) {
	s.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			s.Errorf("it said %q, want %q in it", got, part)
		}
	}
	if !strings.HasPrefix(got, head) {
		s.Errorf("it said %q, want %q first", got, head)
	}
}

// TestGates shows that what a program denies is not written, by any run, until the same program passes it.
func TestGates(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, gated)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	s.program(`echo "looked at $1"; if grep -q "${1%@*}" bad; then echo "critical: CVE-1"; exit 2; fi`)
	s.local("bad", "docker.io/org/a:v1.2.0\n")

	s.says(s.judged(), "v1.0.0 held gate-missing v1.2.0 is not judged by the gate scan: there is no verdict") // no run without a verdict
	said, printed := s.gates(0, nil)
	if len(said.Verdicts) != 2 || said.Verdicts[0].Outcome != gate.Deny || said.Verdicts[1].Outcome != gate.Pass {
		t.Fatalf("the verdicts are %+v", said)
	}
	s.says(printed, "scan: pkg:oci/a@sha256", "denied: looked at docker.io/org/a:v1.2.0@sha256:", "critical: CVE-1", "tag=v1.1.0 passes")
	report := s.run(0, "--verdicts", s.verdicts())
	s.says(s.after(report), "v1.1.0 update newest-match", "v1.2.0 is denied by the gate scan")
	if body := s.pull(1).Body; !strings.Contains(body, "### Gates") || !strings.Contains(body, "v1.1.0 passes") {
		t.Errorf("the pull request does not say what passed: %s", body)
	}
	var told []string
	for _, e := range report.Events {
		var text strings.Builder
		s.must(nil, json.NewEncoder(&text).Encode(e))
		if text := text.String(); strings.Contains(text, "testcaserun.finished") {
			told = append(told, text)
		}
	}
	if len(told) != 2 || !strings.Contains(told[0]+told[1], `"outcome":"failure"`) || !strings.Contains(told[0]+told[1], `"outcome":"success"`) {
		t.Errorf("the events of gates are %v", told)
	}
	report = s.run(0)
	s.says(s.after(report), "v1.1.0 held gate-denied v1.2.0 is denied by the gate scan") // the ledger knows, without a file
	if again := toldOf(t, report, "testcaserun.finished"); len(again) != 0 {
		t.Errorf("what nobody judged is told as judged: %v", again)
	}

	s.local("bad", "\n") // the scanner has learned better
	s.gates(0, nil)
	s.says(s.judged("--verdicts", s.verdicts()), "v1.2.0 update newest-match")
	_, shown, _ := s.pawl(nil, "ledger", "show")
	if strings.Contains(shown, "CVE-1") {
		t.Error("the ledger still holds the denial of what was passed")
	}
}

// TestGateKey shows that a verdict is of bytes, of arguments and of the files that they name: with others it counts for nothing.
func TestGateKey(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(s *stage){
		"the tag moves":       func(s *stage) { s.registry.Retag("org/a", "v1.1.0") },
		"the program changes": func(s *stage) { s.program("exit 0 # another") },
		"another gate's verdict": func(s *stage) {
			data, err := os.ReadFile(s.verdicts())
			s.must(nil, err)
			s.local("verdicts.json", strings.ReplaceAll(string(data), `"scan"`, `"other"`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, gated)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.program("exit 0")
			s.gates(0, nil)
			move(s)
			s.says(s.judged("--verdicts", s.verdicts()), "v1.0.0 held gate-missing")
		})
	}
}

// TestGateBroken shows that a program which neither passes nor denies holds the version for this time, and that the step fails.
func TestGateBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ program, want string }{
		"another exit code": {"echo no database; exit 1", "exit code 1, which is neither 0 nor one that denies. no database"},
		"a signal":          {"kill -9 $$", "signal: killed"},
		"too slow":          {"sleep 60 & sleep 60", "it took more than 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, gated)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.program(c.program)
			begun := time.Now()
			said, printed := s.gates(3, nil)
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			if len(said.Verdicts) != 1 || said.Verdicts[0].Outcome != gate.Broken {
				t.Fatalf("the verdicts are %+v", said)
			}
			s.says(printed, "scan: ", "not judged: ", c.want)
			s.says(s.judged("--verdicts", s.verdicts()), "v1.0.0 held gate-missing", c.want)
		})
	}
}

// TestGatesRefuse shows when no program is started at all.
func TestGatesRefuse(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, gated)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.local("verdicts.json", `{"schema":"pawl.verdicts/1","verdicts":[{"gate":"scan","key":"k","outcome":"pass"}]}`)
	_, printed := s.gates(4, nil)
	s.says(printed, "pawl: error: gates.scan: there is no program ./scan.sh", "pawl: hint: install it")
	if said, err := os.ReadFile(s.verdicts()); err != nil || !strings.Contains(string(said), `"verdicts": []`) {
		t.Errorf("old verdicts stay: %s, %v", said, err)
	}
	s.program("touch started")
	for _, token := range []string{"MERGE_TOKEN", "GITHUB_TOKEN"} {
		_, printed = s.gates(4, map[string]string{token: canary})
		s.says(printed, "pawl: error: "+token+" is set, and a program can read the environment", "hint: run pawl gates in a step")
	}
	for _, args := range [][]string{{"plan"}, {"explain", "a"}, {"validate"}, {"apply"}, {"run"}} {
		s.pawl(map[string]string{"PATH": os.Getenv("PATH")}, args...)
	}
	if _, err := os.Stat(filepath.Join(s.root, "started")); err == nil {
		t.Error("a program was started")
	}
	s.local("verdicts.json", `{"schema":"pawl.verdicts/1","verdicts":[{"gate":"scan","outcome":"perhaps"}]}`)
	code, _, errs := s.pawl(nil, "run", "--verdicts", s.verdicts())
	if s.says(errs, "pawl: error: --verdicts: verdict 1: want a gate and one of pass, deny and broken", "hint: name the file"); code != 4 {
		t.Errorf("exit code %d", code)
	}
}

// TestGateSeesNoSecret shows what a program gets: the variables that are named, arguments that stay single, and the profile as its
// directory. What it prints is shown without what is secret and without what moves a cursor.
func TestGateSeesNoSecret(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, strings.Replace(gated, `{digest}"]`, `{digest}", "was={current}", "of={manifest}"]`, 1))
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.program(`env | sort > "seen"; printf '%s\n' "$@" > args; printf 'a\033[2Jb\r\nc ` + strings.Repeat("x", 2000) + `'; exit 2`)
	said, _ := s.gates(0, map[string]string{"SCAN_DB": "/db", "OTHER": "hidden"})
	seen, err := os.ReadFile(filepath.Join(s.root, "seen"))
	s.must(nil, err)
	s.secret("the environment of a program", string(seen))
	if text := string(seen); !strings.Contains(text, "SCAN_DB=/db\n") || !strings.Contains(text, "HOME=/home/bot\n") || strings.Contains(text, "OTHER") {
		t.Errorf("it saw %s", text)
	}
	args, err := os.ReadFile(filepath.Join(s.root, "args"))
	s.must(nil, err)
	if want := "docker.io/org/a:v1.1.0@sha256:"; !strings.HasPrefix(string(args), want) || !strings.HasSuffix(string(args), "\nwas=v1.0.0\nof=a\n") {
		t.Errorf("its arguments are %q", args)
	}
	if detail := said.Verdicts[0].Detail; len(detail) > gate.MaxDetail || strings.ContainsAny(detail, "\x1b\n\r") {
		t.Errorf("the detail is %q", detail)
	}
}

// TestGatesFollowTheLedger shows that gates judge what a run would write: not what is quarantined, held or too young.
func TestGatesFollowTheLedger(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, gated)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
	s.program("exit 0")
	s.brake(0, "quarantine", "org/a:v1.2.0", "--reason", "x")
	s.brake(0, "hold", "b", "--reason", "x")
	said, _ := s.gates(0, nil)
	if len(said.Verdicts) != 1 || said.Verdicts[0].Version != "v1.1.0" {
		t.Errorf("the verdicts are %+v", said)
	}
	s.says(s.judged("--verdicts", s.verdicts()), "v1.1.0 update")
}

// TestDenialsAreBounded keeps what the ledger remembers of denials small.
func TestDenialsAreBounded(t *testing.T) {
	t.Parallel()
	var l ledger.Ledger
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	never := func(string, string) bool { return false }
	for i := range 40 {
		d := ledger.Denial{Gate: "scan", Key: string(rune('a' + i)), Source: "s", Tag: "v" + string(rune('a'+i)), At: at.Add(time.Duration(i) * time.Hour)}
		l = l.Deny([]ledger.Denial{d}, func(ledger.Denial) bool { return false }, never)
	}
	if len(l.Denials) != 12 || l.Denials[0].At.Before(at.Add(28*time.Hour)) {
		t.Errorf("%d denials are kept: %+v", len(l.Denials), l.Denials)
	}
	files, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ledger.Decode(files)
	if _, there := again.Denied("scan", l.Denials[3].Key); err != nil || !there {
		t.Errorf("it reads %+v: %v", again.Denials, err)
	}
	if l = l.Deny(nil, func(d ledger.Denial) bool { return d.Key == l.Denials[3].Key }, func(_, tag string) bool { return tag != l.Denials[3].Tag && tag != l.Denials[4].Tag }); len(l.Denials) != 1 {
		t.Errorf("%+v stay", l.Denials)
	}
}

// TestPolicies shows policies of some sources: the last one that matches wins, and a manifest only asks for more.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks+"policy: {age: 3h}\npolicies:\n  - {match: 'org/*', age: 5h}\n  - {match: org/b, age: 0}\n  - {match: 'docker.io/org/c', exclude: v1.1.0, age: 0}\n  - {match: org/nobody, age: 1d}\n")
	for _, app := range []string{"a", "b", "c"} {
		s.registry.SetTags("org/"+app, "v1.0.0", "v1.1.0")
	}
	if _, out, errs := s.pawl(nil, "validate"); !strings.Contains(out+errs, `.pawl.yaml:8:13: warning: no source matches "org/nobody"`) {
		t.Errorf("validate says %s%s", out, errs)
	}
	s.run(0)
	if a, b, c := s.value("a"), s.value("b"), s.value("c"); a != "v1.0.0" || b != "v1.1.0" || c != "v1.0.0" {
		t.Errorf("a %s, b %s, c %s", a, b, c)
	}
	s.pass(4 * time.Hour)
	s.run(0)
	if a := s.value("a"); a != "v1.0.0" {
		t.Errorf("a %s", a)
	}
	s.pass(time.Hour)
	s.run(0)
	if a := s.value("a"); a != "v1.1.0" {
		t.Errorf("a %s", a)
	}
}

// TestVerdictsInPlan shows the verdicts in plan and explain, which start nothing.
func TestVerdictsInPlan(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, gated)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.program("echo bad signature; exit 2")
	s.gates(0, nil)
	_, out, _ := s.pawl(nil, "plan", "--output", "json", "--verdicts", s.verdicts())
	var made struct {
		Verdicts []gate.Verdict
		Outcomes []struct{ Reason, Detail string }
	}
	s.must(nil, json.Unmarshal([]byte(out), &made))
	if len(made.Verdicts) != 1 || made.Verdicts[0].Outcome != gate.Deny || made.Outcomes[0].Reason != "gate-denied" {
		t.Errorf("the plan says %+v", made)
	}
	_, out, _ = s.pawl(nil, "explain", "a", "--verdicts", s.verdicts())
	s.says(out, "a/yaml", "outcome  held (gate-denied)", "denied by the gate scan: bad signature")
}

// TestNoGatesAtAll shows that an empty list takes back what was demanded before it.
func TestNoGatesAtAll(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, gated+"policies: [{match: org/a, gates: []}]\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
	s.program("exit 0")
	if s.run(0); s.value("a") != "v1.1.0" || s.value("b") != "v1.0.0" {
		t.Errorf("a is %s, b is %s", s.value("a"), s.value("b"))
	}
}

// TestGatesFiles shows what is said of files that cannot be written, and that what is written holds no secret.
func TestGatesFiles(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, gated)
	code, _, errs := s.pawl(map[string]string{"MERGE_TOKEN": "-"}, "gates", "--verdicts", filepath.Join(s.root, "none", "v.json"))
	if s.says(errs, "pawl: error: writing the verdicts: stat ", "hint: name a file in a directory that exists"); code != 4 {
		t.Errorf("exit code %d", code)
	}
	file := filepath.Join(s.root, "ledger.json")
	code, _, errs = s.pawl(nil, "ledger", "show", "--file", filepath.Join(s.root, "none", "l.json"))
	if s.says(errs, "pawl: error: writing the ledger: "); code != 1 {
		t.Errorf("exit code %d", code)
	}
	s.brake(0, "hold", "a", "--reason", "x")
	_, shown, _ := s.pawl(nil, "ledger", "show")
	s.pawl(nil, "ledger", "show", "--file", file)
	data, err := os.ReadFile(file)
	if s.must(nil, err); string(data) != shown || !strings.Contains(shown, "levers.json") {
		t.Errorf("the file holds %s, and shown is %s", data, shown)
	}
}

// TestGatesAreNotArmed has checks that take five minutes, at a GitHub that would merge by itself: what a gate let pass for a run is
// merged by that run, or by a later one that asked the gate again, and enters a queue once its checks are green.
func TestGatesAreNotArmed(t *testing.T) {
	t.Parallel()
	slow := github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute}
	for name, c := range map[string]struct {
		merge      string
		protection github.Protection
		by         string // empty: the run ends before
	}{
		"it waits":        {"merge: {wait: 20m}\n", github.Protection{Checks: []string{"ci"}}, "direct"},
		"it does not":     {"merge: {wait: 0s}\n", github.Protection{Checks: []string{"ci"}}, ""},
		"a queue":         {"merge: {wait: 20m}\n", github.Protection{Checks: []string{"ci"}, Queue: true, Build: time.Minute}, "queue"},
		"it is not armed": {"merge: {wait: 20m, arm: false}\n", github.Protection{Checks: []string{"ci"}}, "direct"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, withAutoMerge(checks(slow)), strings.Replace(gated, noChecks, c.merge, 1))
			s.repo.Protect("main", c.protection)
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.program("exit 0")
			s.gates(0, nil)
			calls := len(s.github.Calls())
			code := 0
			if c.by == "" {
				code = cli.Partial
			}
			report := s.run(code, "--verdicts", s.verdicts())
			for _, call := range s.github.Calls()[calls:] {
				if strings.Contains(call.Operation, "enablePullRequestAutoMerge") {
					t.Error("it is left to GitHub")
				}
			}
			if c.by != "" {
				if s.value("a") != "v1.1.0" || report.Merge.By != forge.Way(c.by) {
					t.Errorf("a is %s: %+v", s.value("a"), report.Merge)
				}
				return
			}
			s.pass(10 * time.Minute)
			s.github.Tick()
			if s.value("a") != "v1.0.0" || s.pull(1).AutoMerge {
				t.Errorf("a is %s, armed %t", s.value("a"), s.pull(1).AutoMerge)
			}
			if s.gates(0, nil); len(s.run(0, "--verdicts", s.verdicts()).Plan.Changes) != 1 || s.value("a") != "v1.1.0" {
				t.Errorf("a is %s after the next run", s.value("a"))
			}
		})
	}
}
