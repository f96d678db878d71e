package cli_test

import (
	"bytes"
	gocmp "cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	profile "github.com/pawl-cd/pawl"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/run"
)

// demoRun is a demonstration that has ended.
type demoRun struct {
	*testing.T
	dir       string
	out, errs string
	asked     *onlyHere
	// repository is the folder of git, profile.git when empty.
	repository string
}

// onlyHere refuses every host but this machine.
type onlyHere struct {
	mu    sync.Mutex
	hosts map[string]int
}

func (o *onlyHere) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.hosts[r.URL.Host]++
	o.mu.Unlock()
	if r.URL.Hostname() != "127.0.0.1" {
		return nil, errors.New("not this machine: " + r.URL.Host)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// newDemo runs the demonstration in an environment where every variable is set to a secret.
func newDemo(t *testing.T, screen bool, env map[string]string, args ...string) demoRun {
	t.Helper()
	var out, errs strings.Builder
	d := demoRun{T: t, dir: filepath.Join(t.TempDir(), "kept"), asked: &onlyHere{hosts: map[string]int{}}}
	code := cli.Run(t.Context(), append([]string{"demo", "--keep", d.dir}, args...), cli.System{
		Out: &out, Err: &errs, Now: time.Now, Screen: screen, Transport: d.asked,
		Env: func(name string) (string, bool) {
			if v, ok := env[name]; ok {
				return v, true
			}
			return canary, true
		},
		Environ: func() []string { return []string{"DOWNSTREAM_IMAGE_X=x/y:" + canary} },
		Sleep:   bubbleSleep,
	})
	d.out, d.errs = out.String(), errs.String()
	if code != 0 || d.errs != "" {
		t.Fatalf("exit code %d: %s%s", code, d.out, d.errs)
	}
	return d
}

// git runs git on the repository that the demonstration left.
func (d demoRun) git(args ...string) string {
	d.Helper()
	cmd := exec.CommandContext(d.Context(), "git", append([]string{"-C", filepath.Join(d.dir, gocmp.Or(d.repository, "profile.git"))}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.Fatalf("git %v: %v: %s", args, err, out)
	}
	return string(out)
}

// report reads a report that was left.
func (d demoRun) report(name string) run.Report {
	d.Helper()
	data, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.Fatal(err)
	}
	valid(d.T, string(data))
	return read(d.T, string(data))
}

// demoSums is the JSON form of a demonstration.
type demoSums struct {
	Schema, Folder string
	Steps          []struct {
		Step, Report, PullRequest, Merge, Commit      string
		Exit, Changes, ForgeWrites, Pipelines, Events int
		Failed                                        []string
		Triggers                                      []run.Trigger
	}
}

// TestDemo runs the demonstration and holds what it says against what it left.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := newDemo(t, false, nil, "--output", "json")
	var sums demoSums
	if err := json.Unmarshal([]byte(d.out), &sums); err != nil || sums.Schema != "pawl.demo/1" || sums.Folder != d.dir {
		t.Fatalf("%v: %s", err, d.out)
	}
	var told []string
	for _, s := range sums.Steps {
		told = append(told, fmt.Sprintf("%s %d: %d changes, %d failed, %d pipelines, writes %t", s.Step, s.Exit, s.Changes, len(s.Failed), s.Pipelines, s.ForgeWrites > 0))
	}
	if diff := cmp.Diff([]string{
		"dispatch 0: 0 changes, 0 failed, 0 pipelines, writes true",
		"merge 0: 1 changes, 0 failed, 2 pipelines, writes true",
		"nothing-new 0: 0 changes, 0 failed, 0 pipelines, writes false",
		"failure 3: 1 changes, 1 failed, 2 pipelines, writes true",
		"quarantine 0: 0 changes, 0 failed, 0 pipelines, writes true",
		"rollback 3: 1 changes, 1 failed, 2 pipelines, writes true",
	}, told); diff != "" {
		t.Error(diff)
	}
	servers := 4
	for i, s := range sums.Steps[1:] {
		if s.Report == "" {
			continue // no run
		}
		if events := d.checkStep(s.Report, s.Events, s.Pipelines); events > 0 && i == 0 {
			servers++ // the receiver
		}
	}
	for name, text := range map[string]string{
		"report.html": sums.Steps[1].Commit, "reports/2-merge.html": sums.Steps[1].Commit, "reports/2-merge.json": sums.Steps[1].Commit,
		"reports/3-nothing.html": "Everything is current", "reports/4-failure.html": "1 update merged, 1 failed", "reports/4-failure.json": sums.Steps[3].Commit,
		"pull-1.md": "v19.13.0-infitx.2", "pull-2.md": "10.0.1", "pull-3.md": "broken in production", "reports/6-rollback.json": sums.Steps[5].Commit, "workflow/2-merge.json": "mojaloop/central-ledger", "workflow/3-nothing.json": "schedule",
	} {
		if got := readText(t, filepath.Join(d.dir, filepath.FromSlash(name))); !strings.Contains(got, text) {
			t.Errorf("%s: %.2000s", name, got)
		}
	}
	d.checkHistory(sums)
	d.checkSecrets()
	if len(d.asked.hosts) != servers {
		t.Errorf("%d servers were asked: %v", len(d.asked.hosts), d.asked.hosts)
	}
}

// checkStep holds the report of a run against what the servers counted, and returns how many events it told.
func (d demoRun) checkStep(name string, events, pipelines int) int {
	d.Helper()
	report := d.report(name)
	forge, err := url.Parse(report.Deploy.URL)
	if err != nil || report.Plan.Requests[forge.Host] != report.Calls {
		d.Errorf("%s: %d requests to the forge, the plan counts %v", name, report.Calls, report.Plan.Requests)
	}
	fired := 0
	for _, trigger := range report.Deploy.Triggers {
		if trigger.Fired {
			fired++
			if trigger.State != "accepted" || trigger.Status != "success" {
				d.Errorf("%s: %+v", name, trigger)
			}
		}
	}
	if fired != pipelines {
		d.Errorf("%s: %d triggers, %d pipelines", name, fired, pipelines)
	}
	if events != len(report.Events) {
		d.Errorf("%s: %d events were told, the receiver took %d", name, len(report.Events), events)
	}
	if len(report.Events) > 0 {
		lines, err := os.ReadFile(filepath.Join(d.dir, "events.jsonl"))
		if err != nil || bytes.Count(lines, []byte("\n")) < len(report.Events) {
			d.Errorf("%s: %d events, in the file %d: %v", name, len(report.Events), bytes.Count(lines, []byte("\n")), err)
		}
	}
	return len(report.Events)
}

// checkHistory holds the git repository against the steps: each merge is one commit that replaces one value and no other
// byte.
func (d demoRun) checkHistory(sums demoSums) {
	d.Helper()
	first, last, back := sums.Steps[1].Commit, sums.Steps[3].Commit, sums.Steps[5].Commit
	if log := strings.Fields(d.git("log", "--format=%H", "main")); len(log) != 4 || log[0] != back || log[1] != last || log[2] != first {
		d.Errorf("the log is %v, merged were %s and %s", log, first, last)
	}
	if before, after := d.git("show", first+"~:profiles/mojaloop-values-override.yaml"), d.git("show", back+":profiles/mojaloop-values-override.yaml"); before != after {
		d.Errorf("after the quarantine the file is not as it was: %s", cmp.Diff(before, after))
	}
	for _, c := range []struct{ sha, file, old, new string }{
		{first, "profiles/mojaloop-values-override.yaml", "v19.13.0-infitx.1", "v19.13.0-infitx.2"},
		{last, "profiles/pm4ml-vars.yaml", "10.0.0", "10.0.1"},
	} {
		embedded, err := profile.Profile.ReadFile(c.file)
		if err != nil {
			d.Fatal(err)
		}
		want := strings.Replace(string(embedded), c.old, c.new, 1)
		if got := d.git("show", c.sha+":"+c.file); got != want || strings.Count(string(embedded), c.old) != 1 {
			d.Errorf("%s: %s", c.file, cmp.Diff(want, got))
		}
		if stat := strings.TrimSpace(d.git("show", "--format=", "--numstat", c.sha)); stat != "1\t1\t"+c.file {
			d.Errorf("the commit changes %q", stat)
		}
	}
	if failed := sums.Steps[3].Failed; !slices.Equal(failed, []string{"quoting-service"}) {
		d.Errorf("failed: %v", failed)
	}
	d.git("fsck", "--strict")
}

// checkSecrets looks for the user's variables, and the demonstration's own tokens, in everything that was left.
func (d demoRun) checkSecrets() {
	d.Helper()
	var all strings.Builder
	all.WriteString(d.out + d.git("log", "-p", "--all"))
	files := 0
	err := filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil || files < 80 {
		d.Fatalf("%d files: %v", files, err)
	}
	for _, secret := range []string{canary, "demo-merge-token", "demo-dispatch-token", "demo-trigger-token", "demo-read-token"} {
		for _, form := range encodings(secret) {
			if strings.Contains(all.String(), form) {
				d.Errorf("%s was left", form)
			}
		}
	}
}

// TestDemoInterrupted shows that a signal ends a demonstration in the middle of a command.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	var out, errs strings.Builder
	dir := filepath.Join(t.TempDir(), "kept")
	code := cli.Run(ctx, []string{"demo", "--keep", dir}, cli.System{
		Out: &out, Err: &errs, Now: time.Now, Sleep: bubbleSleep, Env: func(string) (string, bool) { return "", false },
		Transport: interrupting{cancel},
	})
	if code != cli.Interrupted || strings.Contains(out.String(), "2. ") || !strings.HasPrefix(errs.String(), "pawl: error: interrupted\npawl: hint: what was made so far is in "+dir+"\npawl: help: ") {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
}

// interrupting is a network on which the first request is the moment of the signal.
type interrupting struct{ signal func() }

func (i interrupting) RoundTrip(r *http.Request) (*http.Response, error) {
	i.signal()
	return nil, r.Context().Err()
}

// checkTold reads what was told step by step, to its end.
func (d demoRun) checkTold() {
	d.Helper()
	plain := regexp.MustCompile(`\x1b\[[0-9]*m`).ReplaceAllString(d.out, "")
	third, fourth := between(plain, "\n3. ", "\n4. "), between(plain, "\n4. ", "\n5. ")
	if !strings.Contains(third, "0 updates, 60 current") || strings.Contains(third, "deploy ") {
		d.Errorf("step 3 tells of pipelines of step 2: %s", third)
	}
	failed, more := strings.Index(fourth, "quoting-service/yaml: failed"), strings.Index(fourth, "pawl: help: ")
	if failed < 0 || more < failed || strings.Count(fourth, " accepted, pipeline ") != 2 || strings.Contains(fourth, " of ") && strings.Contains(fourth, "covered") {
		d.Errorf("step 4: %s", fourth)
	}
	if d.out != plain && (!strings.Contains(d.out, "\x1b[1m--- a/profiles/") || !strings.Contains(d.out, "\x1b[1m+++ b/profiles/") || !strings.Contains(d.out, "\x1b[31m- ")) {
		d.Errorf("the header of a patch is not told from its lines: %q", d.out)
	}
	_, next, _ := strings.Cut(plain, "\nTry next\n")
	if !strings.HasPrefix(next, "  open file://"+filepath.ToSlash(d.dir)+"/report.html in a browser\n") {
		d.Errorf("what to try first: %s", next)
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil || len(entries) != 10 {
		d.Errorf("%d entries: %v", len(entries), err)
	}
	listed := between(plain, "\nDone in ", "\nTry next\n")
	for _, e := range entries {
		if !strings.Contains(listed, "\n  "+e.Name()+"  ") {
			d.Errorf("%s is not listed: %s", e.Name(), listed)
		}
	}
}

// between is the text from one mark to another.
func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

// TestDemoTells shows that what is told is what was done, in plain text unless a person watches and wants colours.
func TestDemoTells(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		screen bool
		env    map[string]string
		colour bool
	}{
		{"a file", false, map[string]string{"NO_COLOR": ""}, false},
		{"a terminal", true, map[string]string{"NO_COLOR": ""}, true},
		{"a terminal without colours", true, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDemo(t, c.screen, c.env)
			if colour := strings.Contains(d.out, "\x1b[32m+"); colour != c.colour || strings.Contains(d.out, "\x1b") != c.colour {
				t.Errorf("in colour: %t, %q", colour, d.out)
			}
			report := d.report("report.json")
			want := []string{
				report.Plan.Changes[0].New, report.Pull.URL, report.Merge.SHA, report.Deploy.Triggers[0].URL, d.dir,
				fmt.Sprintf("GitHub got %d requests", report.Calls), "git -C ", "DIR is " + d.dir,
				"$ pawl run --root DIR/checkout --output json --page DIR/reports/2-merge.html > DIR/reports/2-merge.json",
				"events to file DIR/events.jsonl: ", "events to http http://127.0.0.1:", "links lead to servers that are gone", "pawl events validate ",
			}
			for _, text := range want {
				if !strings.Contains(d.out, text) {
					t.Errorf("%q is not told: %s", text, d.out)
				}
			}
			d.checkTold()
		})
	}
}
