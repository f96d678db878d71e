package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// fleetSums is the JSON form of a demonstration of a fleet.
type fleetSums struct {
	Schema, Folder string
	Duration       float64
	Steps          []struct {
		Step, Report                                                string
		Exit, Changes, ForgeCalls, ForgeWrites, Listings, Pipelines int
		Profiles                                                    map[string]int
		Failed, Held                                                []string
	}
}

// TestDemoFleet runs the demonstration of a fleet, and holds what it says against what it left.
func TestDemoFleet(t *testing.T) {
	t.Parallel()
	d := newDemo(t, false, nil, "--fleet", "4", "--output", "json")
	var sums fleetSums
	if err := json.Unmarshal([]byte(d.out), &sums); err != nil || sums.Schema != "pawl.demo/1" || sums.Folder != d.dir || sums.Duration <= 0 {
		t.Fatalf("%v: %s", err, d.out)
	}
	var told []string
	for _, s := range sums.Steps {
		told = append(told, fmt.Sprintf("%s %d: %v, %d changes, %v failed, %d writes, %d listings, %d pipelines", s.Step, s.Exit, s.Profiles, s.Changes, s.Failed, s.ForgeWrites, s.Listings, s.Pipelines))
		if len(s.Held) == 0 {
			t.Errorf("%s: nothing was held", s.Step)
		}
	}
	if diff := cmp.Diff([]string{
		"first 0: map[unchanged:4], 0 changes, [] failed, 4 writes, 7 listings, 0 pipelines",
		"release 3: map[failed:1 merged:4 refused:1], 4 changes, [acme/failing acme/hostile] failed, 28 writes, 7 listings, 4 pipelines",
		"next-day 3: map[failed:1 refused:1 unchanged:4], 0 changes, [acme/failing acme/hostile] failed, 4 writes, 7 listings, 0 pipelines",
		"quiet 3: map[failed:1 quiet:4 refused:1], 0 changes, [acme/failing acme/hostile] failed, 0 writes, 7 listings, 0 pipelines",
		"pause 3: map[], 0 changes, [] failed, 5 writes, 0 listings, 0 pipelines",
		"paused 3: map[failed:1 paused:4 refused:1], 4 changes, [acme/failing acme/hostile] failed, 0 writes, 7 listings, 0 pipelines",
		"status 3: map[paused:5 unreadable:1], 0 changes, [] failed, 0 writes, 0 listings, 0 pipelines",
	}, told); diff != "" {
		t.Error(diff)
	}
	for _, s := range sums.Steps {
		if s.Report == "" {
			continue
		}
		text := readText(t, filepath.Join(d.dir, s.Report))
		validFleet(t, text)
		if s.Step == "status" {
			continue
		}
		var report fleet.Report
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatal(err)
		}
		for _, one := range report.Profiles {
			if one.Profile != "acme/failing" { // whose requests are refused
				s.ForgeCalls -= one.Calls
			}
		}
		if s.ForgeCalls != 0 {
			t.Errorf("%s: the demonstration tells %d requests more than the report", s.Step, s.ForgeCalls)
		}
		if page := readText(t, filepath.Join(d.dir, strings.Replace(s.Report, ".json", ".html", 1))); !strings.Contains(page, "acme/profile-4") {
			t.Errorf("%s: the page: %.500s", s.Step, page)
		}
	}
	d.checkFleetLeft()
}

// checkFleetLeft holds the git repository of the first profile against what was told, and looks for secrets in all that was left.
func (d demoRun) checkFleetLeft() {
	d.Helper()
	left := newDemoRepository(d, "profile-1.git")
	if stat := strings.TrimSpace(left.git("show", "--format=", "--numstat", "main")); stat != "1\t1\tvalues.yaml" {
		d.Errorf("the merge changes %q", stat)
	}
	left.git("fsck", "--strict")
	err := filepath.WalkDir(d.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range []string{canary, "demo-merge", "demo-trigger", "demo-read"} {
			for _, form := range encodings(secret) {
				if bytes.Contains(data, []byte(form)) || strings.Contains(d.out, form) {
					d.Errorf("%s: %s was left", path, form)
				}
			}
		}
		return err
	})
	if err != nil {
		d.Error(err)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "started")); err == nil {
		d.Error("the program of the hostile profile was started")
	}
}

// newDemoRepository is a demonstration with another repository for git.
func newDemoRepository(d demoRun, name string) demoRun {
	d.Helper()
	d.repository = name
	return d
}

// TestDemoFleetTells shows that the text is the same each time, fits, and is short for many profiles.
func TestDemoFleetTells(t *testing.T) {
	t.Parallel()
	var texts []string
	for range 2 {
		d := newDemo(t, false, nil, "--fleet", "12")
		texts = append(texts, strings.ReplaceAll(d.out, d.dir, "FOLDER"))
	}
	if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
		t.Errorf("told again: %s", diff)
	}
	told, _, _ := strings.Cut(texts[0], "\nEverything stays in ")
	for line := range strings.Lines(told) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 || strings.HasSuffix(line, " \n") {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	for _, want := range []string{"  acme/profile-03  merged   api v1.4.0 -> v1.5.0\n  … and 9 more: merged\n", "acme/hostile     refused", "… and 10 more like the first\n", "\n  -  api: v1.4.0"} {
		if !strings.Contains(told, want) {
			t.Errorf("it says not %q: %s", want, told)
		}
	}
	if strings.Contains(told, "profile-04  ") || strings.Contains(told, "127.0.0.1") {
		t.Errorf("it says too much: %s", told)
	}
}

// TestDemoFleetFails spoils what is measured, one thing at a time: the demonstration says which, and ends as a failure.
func TestDemoFleetFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		spoils     *spoiler
	}{
		{"a pipeline is started twice", "step release: it does not hold that each merged it once, and started one pipeline, for that merge: acme/profile-1: want 1 pipeline, have 2",
			&spoiler{again: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/trigger/pipeline") }}},
		{"a source is listed twice", "step first: it does not hold that 3 images listed once each, for all: acme/api: want 1 listing, have 2",
			&spoiler{again: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/api/tags/list") }}},
		{"a request is not counted", "step first: it does not hold that the report counts what the servers do, and each request had its own profile's token: acme/profile-1: want 22 requests, have 13",
			&spoiler{again: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/git-upload-pack") }}},
		{"the token of another one is sent", "request with the token of another profile",
			&spoiler{change: func(r *http.Request) {
				if strings.Contains(r.URL.Path, "acme/failing") {
					r.SetBasicAuth("x", "demo-merge-1-token")
				}
			}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out, errs strings.Builder
			code := cli.Run(t.Context(), []string{"demo", "--fleet", "1", "--keep", filepath.Join(t.TempDir(), "kept")}, cli.System{
				Out: &out, Err: &errs, Now: time.Now, Sleep: bubbleSleep, Env: func(string) (string, bool) { return "", false }, Transport: c.spoils,
			})
			if said := strings.Join(strings.Fields(errs.String()), " "); code != cli.Failure || !strings.Contains(said, c.says) || !strings.Contains(said, "pawl: hint: what was made so far is in ") {
				t.Errorf("exit code %d: %s%s", code, &out, &errs)
			}
		})
	}
}

// spoiler is a network that sends some requests twice, or changed.
type spoiler struct {
	again  func(r *http.Request) bool
	change func(r *http.Request)
}

// RoundTrip sends a request.
func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if s.change != nil {
		s.change(r)
	}
	if s.again == nil || !s.again(r) {
		return http.DefaultTransport.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(r)
}
