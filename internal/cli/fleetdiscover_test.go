package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/conformance"
	"github.com/pawl-cd/pawl/internal/fake/gitea"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// scout is a person who makes the list of a fleet, with what the forge answers to.
type scout struct {
	*testing.T
	forge http.RoundTripper
	env   map[string]string
	file  string
	mu    sync.Mutex
	asked []string
}

func newScout(t *testing.T, forge http.RoundTripper) *scout {
	t.Helper()
	return &scout{T: t, forge: forge, env: map[string]string{"ACME_TOKEN": "acme-c4nary", "OTHER": "other-c4nary"}, file: filepath.Join(t.TempDir(), "fleet.yaml")}
}

// RoundTrip notes what is asked, where and as whom.
func (s *scout) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
	s.mu.Unlock()
	return s.forge.RoundTrip(r)
}

// discover runs the command and returns what it prints; the file is that of the scout.
func (s *scout) discover(want int, args ...string) (out, errs string) {
	s.Helper()
	var o, e bytes.Buffer
	code := cli.Run(s.Context(), append([]string{"fleet", "discover", "--fleet", s.file}, args...), cli.System{Out: &o, Err: &e,
		Now: func() time.Time { return time.Date(2026, 11, 28, 1, 2, 3, 4, time.UTC) }, Transport: s,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Env:   func(name string) (string, bool) { value, ok := s.env[name]; return value, ok }})
	if code != want {
		s.Errorf("%v: exit code %d, want %d: %s%s", args, code, want, &o, &e)
	}
	if text := o.String() + e.String(); strings.Contains(text, "c4nary") {
		s.Errorf("%v: a secret was printed: %s", args, text)
	}
	return o.String(), strings.ReplaceAll(e.String(), s.file, "fleet.yaml")
}

// write writes the file of the fleet.
func (s *scout) write(text string) {
	s.Helper()
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// entries reads a file as pawl fleet does, and returns the addresses of its profiles.
func (s *scout) entries(text string) []string {
	s.Helper()
	f, problems := fleet.Parse("fleet.yaml", []byte(text))
	if len(problems) > 0 {
		s.Fatalf("the file cannot be used: %v\n%s", problems, text)
	}
	var all []string
	for _, p := range f.Profiles {
		all = append(all, p.Address())
	}
	return all
}

func (s *scout) same(what, want, got string) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s: %s", what, diff)
	}
}

// acme is a GitHub with an organization of 213 repositories, of which some are profiles.
func acme(t *testing.T) (*github.Server, map[string]*github.Repo) {
	t.Helper()
	descriptions, err := conformance.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	options := github.Options{Identities: map[string]github.Identity{
		"acme-c4nary":  {Login: "bot"},
		"other-c4nary": {Login: "guest", Only: []string{"acme/pay"}},
		"app-c4nary":   {Login: "pawl[bot]", App: true, Only: []string{"acme/pay", "acme/shop", "hal/lab"}},
		"hal-c4nary":   {Login: "hal", Only: []string{}},
	}}
	if descriptions != nil {
		checker := descriptions.Checker()
		options.Check = checker.Exchange
		t.Cleanup(func() {
			for _, v := range checker.Violations() {
				t.Error(v)
			}
		})
	}
	hub := github.New(options)
	hub.Organize("acme")
	repos := map[string]*github.Repo{}
	add := func(name string, settings github.Settings, files map[string]string) {
		settings.Topics = append(settings.Topics, "go")
		repos[name] = hub.Create(name, settings)
		all := map[string][]byte{}
		for file, text := range files {
			all[file] = []byte(text)
		}
		if files == nil {
			return
		}
		if _, err := repos[name].Push("main", "alice", all, "start"); err != nil {
			t.Fatal(err)
		}
	}
	pawl := []string{"pawl"}
	profile := map[string]string{".pawl.yaml": "merge: {require: none}\n", "manifests/a.yaml": "a"}
	add("acme/shop", github.Settings{Topics: pawl}, map[string]string{".pawl.yaml": "env: [SHOP_REGION]\nsecrets: {MERGE_TOKEN: git.example, CHARTS_TOKEN: charts.example}\n" +
		"ledger: {key: SEAL}\ndeploy: {projects: [{name: env, url: 'https://gitlab.example/api/v4/projects/19/trigger/pipeline', secret: TRIGGER, api: READER}]}\n" +
		"events: {sinks: [{type: http, url: 'https://events.example', token: SINK_TOKEN}]}\n"})
	add("acme/pay", github.Settings{Topics: pawl, Private: true}, profile)
	add("acme/old-style", github.Settings{Topics: pawl}, map[string]string{".updatecli/a.yaml": "a"})
	add("acme/broken", github.Settings{Topics: pawl}, map[string]string{".pawl.yaml": "unknown: key\n"})
	add("acme/attic", github.Settings{Topics: pawl, Archived: true}, nil)
	add("acme/banned", github.Settings{Topics: pawl, Disabled: true}, profile)
	add("acme/empty", github.Settings{Topics: pawl}, nil)
	add("acme/app", github.Settings{Topics: pawl}, map[string]string{"main.go": "package main\n", "deep/.pawl.yaml": "{}\n"})
	add("acme/untold", github.Settings{}, profile)
	add("hal/lab", github.Settings{Topics: pawl, Private: true}, profile)
	add("hal/open", github.Settings{Topics: pawl}, profile)
	add("other/thing", github.Settings{Topics: pawl}, profile)
	for i := range 204 {
		add(fmt.Sprintf("acme/app-%03d", i), github.Settings{}, nil)
	}
	return hub, repos
}

// TestFleetDiscover makes the file of a fleet of what an organization has, over three pages, takes it over, and finds nothing more
// until something changes.
func TestFleetDiscover(t *testing.T) {
	t.Parallel()
	hub, repos := acme(t)
	s := newScout(t, hub.RoundTripper())
	s.write("\n") // as a shell does that writes into it
	args := []string{"--owner", "acme", "--topic", "pawl", "--token", "ACME_TOKEN"}
	out, errs := s.discover(0, args...)
	s.same("the file", `version: 1
profiles:
  - repository: acme/broken
    token: ACME_TOKEN
    # its .pawl.yaml cannot be used: pawl validate says why
  - repository: acme/old-style
    token: ACME_TOKEN
    # it has no .pawl.yaml, only .updatecli/
  - repository: acme/pay
    token: ACME_TOKEN
  - repository: acme/shop
    token: ACME_TOKEN
    # env: [CHARTS_TOKEN, READER, SEAL, SHOP_REGION, SINK_TOKEN, TRIGGER]
`, out)
	s.same("what is said", `pawl: info: left out, archived: acme/attic
pawl: info: left out, disabled by the forge: acme/banned
pawl: info: left out, without a profile at the top of the default branch that can be seen: acme/app, acme/empty
pawl: info: 8 repositories listed: 4 new, 0 in the file
pawl: next: look through the entries, say with env and docker what each profile sees, and try them with pawl fleet run --dry-run
`, errs)
	if got := fmt.Sprint(s.entries(out)); got != "[acme/broken acme/old-style acme/pay acme/shop]" {
		t.Errorf("the file lists %s", got)
	}
	if len(s.asked) != 3+6+3 { // the pages, a look into each, and the configurations
		t.Errorf("%d requests:\n%s", len(s.asked), strings.Join(s.asked, "\n"))
	}
	for _, r := range s.asked {
		if !strings.HasPrefix(r, "GET https://api.github.com/") || !strings.HasSuffix(r, " Bearer acme-c4nary") {
			t.Errorf("asked %s", r)
		}
	}
	if again, _ := s.discover(0, args...); again != out {
		t.Errorf("another output: %s", again)
	}

	// A person takes it over, in an order and a writing of their own.
	s.write(strings.Replace(out, "acme/shop", "Acme/Shop", 1) + "  - {repository: hal/lab, token: HAL_TOKEN}\n  - {repository: acme/gone}\n  - {repository: acme/attic}\n" +
		"  - {repository: acme/shop, forge: {kind: gitea, url: 'https://git.example'}}\n")
	out, errs = s.discover(0, args...)
	s.same("nothing new", "", out)
	s.same("what a person should look at", `pawl: warning: fleet.yaml:16:18: acme/attic takes no changes, archived
pawl: hint: take the entry out
pawl: warning: fleet.yaml:15:18: acme/gone: the forge does not list it with the topic pawl
pawl: hint: take the entry out if the repository is gone, or give the repository the topic; else see whether the token may see it
pawl: info: left out, disabled by the forge: acme/banned
pawl: info: left out, without a profile at the top of the default branch that can be seen: acme/app, acme/empty
pawl: info: 8 repositories listed: 0 new, 4 in the file
`, errs)
	repos["acme/untold"].Configure(func(s *github.Settings) { s.Topics = []string{"PAWL"} })
	out, _ = s.discover(0, args...)
	s.same("one is new", "  - repository: acme/untold\n    token: ACME_TOKEN\n", out)
	file, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.entries(string(file) + out); len(got) != 9 {
		t.Errorf("pasted: %v", got)
	}
}

// TestFleetDiscoverNothing tells who finds nothing what to look at.
func TestFleetDiscoverNothing(t *testing.T) {
	t.Parallel()
	hub, _ := acme(t)
	out, errs := newScout(t, hub.RoundTripper()).discover(0, "--owner", "acme", "--topic", "nobodys", "--token", "ACME_TOKEN")
	if out != "" || !strings.Contains(errs, "0 repositories listed: 0 new, 0 in the file\npawl: hint: give the repositories the topic nobodys at the forge, or leave out --topic") {
		t.Errorf("a topic that none has: %s%s", out, errs)
	}
	scoped := answers(func(*http.Request) (int, http.Header, string) {
		return 403, nil, `{"message": "token does not have at least one of required scope(s), required=[read:user], token scope=read:repository"}`
	})
	if _, errs := newScout(t, scoped).discover(1, "--owner", "acme", "--forge", "gitea", "--url", "https://git.example", "--token", "ACME_TOKEN"); !strings.Contains(errs, "hint: the token needs the scope read:user\n") {
		t.Errorf("a token without a scope: %s", errs)
	}
	inside := transport(func(r *http.Request) (*http.Response, error) {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}
	})
	if _, errs := newScout(t, inside).discover(1, "--owner", "acme"); !strings.Contains(errs, "hint: name a Gitea or a GitLab with --forge and --url; ") {
		t.Errorf("without the internet: %s", errs)
	}
	if _, errs := newScout(t, inside).discover(1, "--owner", "acme", "--forge", "gitea", "--url", "https://git.exmaple"); !strings.Contains(errs, "hint: check the spelling of git.exmaple") {
		t.Errorf("a name with a slip: %s", errs)
	}
}

// TestFleetDiscoverJSON holds the same against its schema.
func TestFleetDiscoverJSON(t *testing.T) {
	t.Parallel()
	hub, _ := acme(t)
	s := newScout(t, hub.RoundTripper())
	s.write("version: 1\nprofiles: [{repository: acme/pay}, {repository: acme/gone}]\n")
	out, _ := s.discover(0, "--owner", "acme", "--token", "ACME_TOKEN", "--topic", "pawl", "--output", "json")
	validFleet(t, out)
	var d fleet.Discovery
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	got := map[string]fleet.Finding{}
	for _, one := range d.Repositories {
		got[one.Repository] = one.Finding
	}
	want := map[string]fleet.Finding{"acme/app": "no-profile", "acme/attic": "archived", "acme/banned": "disabled", "acme/broken": "new", "acme/empty": "no-profile",
		"acme/gone": "gone", "acme/old-style": "new", "acme/pay": "known", "acme/shop": "new"}
	if diff := cmp.Diff(want, got); diff != "" || d.Owner != "acme" || d.At.IsZero() {
		t.Errorf("%s\n%s", diff, out)
	}
}

// TestFleetDiscoverWhose lists what a token is for, what a person has, and what everybody may see.
func TestFleetDiscoverWhose(t *testing.T) {
	t.Parallel()
	hub, _ := acme(t)
	for _, c := range []struct{ name, token, args, want string }{
		{"an installation of an App", "app-c4nary", "--topic pawl", "[acme/pay acme/shop hal/lab]"},
		{"all in which a user has a role", "other-c4nary", "", "[acme/pay]"},
		{"an organization by an App", "app-c4nary", "--owner acme --topic pawl", "[acme/broken acme/old-style acme/pay acme/shop]"},
		{"an organization by a stranger", "hal-c4nary", "--owner ACME --topic pawl", "[acme/broken acme/old-style acme/shop]"},
		{"an organization by nobody", "", "--owner acme --topic pawl", "[acme/broken acme/old-style acme/shop]"},
		{"a person by themself", "hal-c4nary", "--owner hal", "[hal/lab hal/open]"},
		{"a person by an App", "app-c4nary", "--owner hal", "[hal/lab hal/open]"},
		{"a person by a stranger", "other-c4nary", "--owner hal", "[hal/open]"},
		{"a person by nobody", "", "--owner hal", "[hal/open]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScout(t, hub.RoundTripper())
			args := strings.Fields(c.args)
			if s.env["MINE"] = c.token; c.token != "" {
				args = append(args, "--token", "MINE")
			}
			out, errs := s.discover(0, args...)
			if strings.Contains(errs, "with a name that no entry can have") {
				t.Errorf("more is listed: %s", errs)
			}
			if got := fmt.Sprint(s.entries(out)); got != c.want || strings.Contains(out, "token: MINE") != (c.token != "") {
				t.Errorf("%s, want %s\n%s", got, c.want, out)
			}
		})
	}
	// Another GitHub has another address; that of a job at a Gitea is none.
	for server, want := range map[string]string{"": "GET https://ghe.example/api/v3/user/repos?", "true": "GET https://api.github.com/user/repos?"} {
		s := newScout(t, hub.RoundTripper())
		s.env["GITHUB_API_URL"], s.env["GITEA_ACTIONS"] = "https://ghe.example/api/v3", server
		if s.discover(0, "--token", "OTHER"); len(s.asked) != 3 || !strings.HasPrefix(s.asked[0], want) {
			t.Errorf("asked %v", s.asked)
		}
	}
	s := newScout(t, hub.RoundTripper())
	if _, errs := s.discover(1, "--owner", "nobody", "--token", "ACME_TOKEN"); !strings.Contains(errs, "error: listing repositories: github: Not Found (404)\npawl: hint: nobody does not exist, or the token cannot see it") {
		t.Errorf("nobody: %s", errs)
	}
	s.env["ACME_TOKEN"] = "unknown-c4nary"
	if _, errs := s.discover(1, "--token", "ACME_TOKEN"); !strings.Contains(errs, "Bad credentials (401)\npawl: hint: the token is unknown or expired") {
		t.Errorf("a bad token: %s", errs)
	}
}

// TestFleetDiscoverGitLab lists a group with the groups below it, what a token has a role in, and a person's projects.
func TestFleetDiscoverGitLab(t *testing.T) {
	t.Parallel()
	lab := gitlab.New(gitlab.Options{Address: "https://gitlab.example/sub"})
	lab.Person("hal")
	profile, pawl, bot := map[string]string{".pawl.yaml": "{}\n", "README.md": ""}, []string{"pawl"}, []string{"acme-c4nary"}
	wide := map[string]string{".pawl.yaml": "env: [WIDE]\n"}
	for i := range 130 {
		wide[fmt.Sprintf("app-%03d/x", i)] = ""
	}
	for path, settings := range map[string]gitlab.Settings{
		"acme/shop":               {Files: profile, Topics: pawl, Readers: bot},
		"acme/platform/eu/pay":    {Files: wide, Topics: append(pawl, "x"), Readers: bot},
		"acme/platform/public":    {Files: profile, Topics: pawl, Public: true},
		"acme/secret":             {Files: profile, Topics: pawl},
		"acme/attic":              {Files: profile, Topics: pawl, Readers: bot, Archived: true},
		"acme/leaving":            {Files: profile, Topics: pawl, Readers: bot, Deleted: "2026-12-01"},
		"acme/copy":               {Files: profile, Topics: pawl, Readers: bot, Mirror: true},
		"acme/empty":              {Topics: pawl, Readers: bot},
		"acme/untold":             {Files: profile, Readers: bot},
		"acmeville/shop":          {Files: profile, Topics: pawl, Readers: bot},
		"hal/lab":                 {Files: profile, Topics: pawl, Reporters: bot},
		"hal/own":                 {Files: profile, Topics: pawl},
		"strangers/with-my-topic": {Files: profile, Topics: pawl, Public: true},
	} {
		lab.Create(path, settings)
	}
	for i := range 240 {
		lab.Create(fmt.Sprintf("acme/apps/a%03d", i), gitlab.Settings{Readers: bot})
	}
	lab.Create("acme/late", gitlab.Settings{Files: profile, Readers: bot})
	lab.Create("hal/late", gitlab.Settings{Files: profile, Topics: pawl, Readers: bot})
	s := newScout(t, lab.RoundTripper())
	at := []string{"--forge", "gitlab", "--url", "https://gitlab.example/sub/"}
	out, errs := s.discover(0, append(at, "--owner", "acme", "--token", "ACME_TOKEN", "--topic", "pawl")...)
	const sub = "https://gitlab.example/sub/"
	if got := fmt.Sprint(s.entries(out)); got != "["+sub+"acme/platform/eu/pay "+sub+"acme/platform/public "+sub+"acme/shop]" {
		t.Errorf("the group: %s", got)
	}
	first, _, _ := strings.Cut(out, "  - repository: acme/platform/public")
	s.same("an entry", "version: 1\nprofiles:\n  - repository: acme/platform/eu/pay\n    token: ACME_TOKEN\n    forge: {kind: gitlab, url: 'https://gitlab.example/sub'}\n    # env: [WIDE]\n", first)
	for _, line := range []string{"left out, archived: acme/attic\n", "left out, about to be deleted: acme/leaving\n", "left out, mirrors of something else: acme/copy\n", "that can be seen: acme/empty\n"} {
		if !strings.Contains(errs, line) {
			t.Errorf("%q is not said: %s", line, errs)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"--token ACME_TOKEN --topic pawl", "acme/platform/eu/pay acme/shop acmeville/shop hal/lab hal/late"},
		{"--token ACME_TOKEN", "acme/late acme/platform/eu/pay acme/shop acme/untold acmeville/shop hal/lab hal/late"},
		{"--token ACME_TOKEN --owner acme", "acme/late acme/platform/eu/pay acme/platform/public acme/shop acme/untold"},
		{"--token ACME_TOKEN --owner acme/platform", "acme/platform/eu/pay acme/platform/public"},
		{"--token ACME_TOKEN --owner hal", "hal/lab hal/late"},
		{"--token ACME_TOKEN --owner hal --topic pawl", "hal/lab hal/late"},
		{"--owner acme", "acme/platform/public"},
	} {
		out, errs := s.discover(0, append(slices.Clone(at), strings.Fields(c.args)...)...)
		if strings.Contains(errs, "with a name that no entry can have") {
			t.Errorf("%s: more is listed: %s", c.args, errs)
		}
		if got := strings.ReplaceAll(strings.Join(s.entries(out), " "), sub, ""); got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
	for _, r := range s.asked {
		if !strings.HasPrefix(r, "GET https://gitlab.example/sub/api/v4/") {
			t.Errorf("asked %s", r)
		}
	}
}

// TestFleetDiscoverRefuses has flags and files that cannot be meant: nothing is asked.
func TestFleetDiscoverRefuses(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                       "it is not said whose repositories are meant",
		"--topic pawl":                           "hint: name an --owner",
		"--owner acme --token NOT_SET":           "--token: the variable NOT_SET is not set",
		"--owner acme --token ghp_c4nary-1":      "--token: want the name of a variable; the token itself stays in the environment",
		"--owner acme/shop":                      "--owner: want the name of a person",
		"--owner acme?x=1":                       "--owner: want the name of a person",
		"--owner ..":                             "--owner: want the name of a person",
		"--owner acme --topic a,b":               "--topic: want one topic",
		"--owner acme --forge svn":               "--forge: want github, gitea or gitlab",
		"--owner acme --forge gitea":             "hint: add --url https://HOST",
		"--owner acme --url https://ghe.example": "hint: another GitHub is named by GITHUB_API_URL",
		"--owner acme --forge gitea --url https://u:c4nary@git.example": "want an http(s) address without credentials",
		"--owner acme --output text":                                    "want yaml or json",
		"--owner acme --config x":                                       "--config: that of a profile",
		"--owner acme --root .":                                         "fleet.yaml:1:1:",
		"--owner acme more":                                             "more",
	} {
		s := newScout(t, nil)
		if strings.HasSuffix(args, "--root .") {
			s.write("profiles: []\n")
		}
		out, errs := s.discover(4, strings.Fields(args)...)
		if out != "" || len(s.asked) > 0 || !strings.Contains(errs, want) {
			t.Errorf("%s: %v %s%s, want %s", args, s.asked, out, errs, want)
		}
	}
}

// answers is a forge that says what a test wants.
type answers func(r *http.Request) (status int, header http.Header, body string)

// RoundTrip answers at once.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, body := a(r)
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Request: r, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// TestFleetDiscoverHostile has a forge, or who chose the names there, say anything: nothing of it becomes a line of the file, the token goes
// nowhere else, and nothing is endless.
func TestFleetDiscoverHostile(t *testing.T) {
	t.Parallel()
	names := []string{"acme/x}, {repository: acme/y", "acme/x\n  - repository: evil/x", "acme/x # y", "acme/../../etc", "acme/", "", "acme/a/b", "evil/x", "acme/::add-mask::x", "acme/\x1b[31m",
		"acme/x:token", "acme/a%2Fb", "acme/'", "acme/ü", "acme/&a", "acme/" + strings.Repeat("x", 2000)}
	listed := func(names ...string) string {
		var all []map[string]any
		for _, name := range names {
			all = append(all, map[string]any{"full_name": name, "archived": false})
		}
		text, _ := json.Marshal(all)
		return string(text)
	}
	next := http.Header{"Link": {`<https://evil.example/orgs/acme/repos?page=2>; rel="next"`}}
	top := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/contents/") }
	const files = `[{"name": ".pawl.yaml", "type": "file"}]`
	for _, c := range []struct {
		name  string
		forge answers
		code  int
		out   string
		says  []string
		asked int
	}{
		{"names", func(r *http.Request) (int, http.Header, string) {
			if top(r) {
				return 200, nil, `[{"name": "manifests", "type": "dir"}]`
			}
			return 200, nil, listed(append(names, "acme/good")...)
		}, 0, "version: 1\nprofiles:\n  - repository: acme/good\n    token: ACME_TOKEN\n    # it has no .pawl.yaml, only manifests/\n",
			[]string{"left out, with a name that no entry can have: ", "and 6 more\n", "17 repositories listed: 1 new"}, 2},
		{"the next page is elsewhere", func(r *http.Request) (int, http.Header, string) {
			if r.URL.Query().Get("page") == "1" {
				return 200, next, listed("acme/one")
			}
			return 200, nil, map[bool]string{true: `[]`, false: listed("acme/two")}[top(r)]
		}, 0, "", []string{"can be seen: acme/one, acme/two\n"}, 4},
		{"pages without an end", func(r *http.Request) (int, http.Header, string) {
			return 200, next, listed(slices.Repeat([]string{"acme/x"}, 5000)...)
		}, 1, "", []string{"there are more than 100000 repositories\npawl: hint: name an owner"}, 21},
		{"empty pages without an end", func(r *http.Request) (int, http.Header, string) { return 200, next, `[]` }, 1, "", []string{"a page is empty, and another one follows\npawl: hint: run again"}, 1},
		{"nothing", func(*http.Request) (int, http.Header, string) { return 200, nil, `null` }, 1, "", []string{"error: listing repositories: "}, 1},
		{"an object", func(*http.Request) (int, http.Header, string) { return 200, nil, `{}` }, 1, "", []string{"error: listing repositories: "}, 1},
		{"a page for people", func(*http.Request) (int, http.Header, string) { return 200, nil, "<html>sign in</html>" }, 1, "", []string{"error: listing repositories: "}, 1},
		{"a redirect", func(r *http.Request) (int, http.Header, string) {
			return 301, http.Header{"Location": {"https://evil.example/orgs/acme/repos"}}, ""
		}, 1, "", []string{"hint: acme has another name now"}, 1},
		{"an object around nothing", func(r *http.Request) (int, http.Header, string) { return 200, nil, `{"total_count": 2}` }, 1, "",
			[]string{"hint: something else than the forge's API may be answering: check the proxy and --url"}, 1},
		{"a bomb", func(r *http.Request) (int, http.Header, string) {
			switch {
			case strings.HasSuffix(r.URL.Path, ".pawl.yaml"):
				return 200, nil, `{"type": "file", "encoding": "base64", "content": "` + strings.Repeat("YTog", 400_000) + `"}`
			case top(r):
				return 200, nil, files
			}
			return 200, nil, listed("acme/one")
		}, 3, "", []string{"error: reading .pawl.yaml of acme/one: it cannot be read, or is longer than 1048576 bytes"}, 3},
		{"a link", func(r *http.Request) (int, http.Header, string) {
			switch {
			case strings.HasSuffix(r.URL.Path, ".pawl.yaml"):
				return 200, nil, `{"type": "symlink", "target": "/etc/passwd"}`
			case top(r):
				return 200, nil, files
			}
			return 200, nil, listed("acme/one")
		}, 3, "", []string{"error: reading .pawl.yaml of acme/one: it is no file that can be read"}, 3},
		{"one that may not be read", func(r *http.Request) (int, http.Header, string) {
			switch {
			case strings.Contains(r.URL.Path, "/closed/"):
				return 403, nil, `{"message": "Resource not accessible by integration"}`
			case strings.HasSuffix(r.URL.Path, ".pawl.yaml"):
				return 200, nil, `{"type": "file", "encoding": "base64", "content": "e30K\n"}`
			case top(r):
				return 200, nil, files
			}
			return 200, nil, listed("acme/closed", "acme/open")
		}, 3, "version: 1\nprofiles:\n  - repository: acme/open\n    token: ACME_TOKEN\n",
			[]string{"error: looking into acme/closed: github: Resource not accessible by integration (403)\npawl: hint: the token may not do that", "2 repositories listed: 1 new"}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScout(t, c.forge)
			out, errs := s.discover(c.code, "--owner", "acme", "--token", "ACME_TOKEN")
			s.same("the file", c.out, out)
			for _, want := range c.says {
				if !strings.Contains(errs, want) {
					t.Errorf("%q is not said: %s", want, errs)
				}
			}
			if len(s.asked) != c.asked || strings.Contains(errs, "\x1b") || slices.ContainsFunc(s.asked, func(r string) bool { return !strings.HasPrefix(r, "GET https://api.github.com/") }) {
				t.Errorf("asked %d times, want %d: %.2000s", len(s.asked), c.asked, strings.Join(s.asked, "\n"))
			}
		})
	}
}

// TestFleetDiscoverUntold has a forge that does not say topics: it is not taken for one that has none, nor for one that has all.
func TestFleetDiscoverUntold(t *testing.T) {
	t.Parallel()
	s := newScout(t, answers(func(*http.Request) (int, http.Header, string) { return 200, nil, `[{"full_name": "acme/shop"}]` }))
	if out, errs := s.discover(1, "--owner", "acme", "--topic", "pawl"); out != "" || !strings.Contains(errs, "the answer holds no topics of repositories") {
		t.Errorf("%s%s", out, errs)
	}
}

// TestFleetDiscoverLimited has the forge say after some repositories that there were too many requests: no more are sent, what was seen is
// printed, and the next time goes on.
func TestFleetDiscoverLimited(t *testing.T) {
	t.Parallel()
	hub := github.New(github.Options{CallsPerHour: 30, Identities: map[string]github.Identity{"acme-c4nary": {Login: "bot"}}})
	hub.Organize("acme")
	for i := range 90 {
		if _, err := hub.Create(fmt.Sprintf("acme/p%02d", i), github.Settings{}).Push("main", "alice", map[string][]byte{"manifests/a.yaml": []byte("a")}, "start"); err != nil {
			t.Fatal(err)
		}
	}
	s := newScout(t, hub.RoundTripper())
	out, errs := s.discover(3, "--owner", "acme", "--token", "ACME_TOKEN")
	if got := s.entries(out); len(got) != 29 {
		t.Errorf("%d entries", len(got))
	}
	if !strings.Contains(errs, "api.github.com asks to wait") || !strings.Contains(errs, "and 51 more could not be looked into\npawl: hint: run again later") || len(s.asked) > 1+29+16 {
		t.Errorf("asked %d times: %s", len(s.asked), errs)
	}
}

// TestGiteaDiscover lists what a real Gitea has: an organization's, a person's, and what a token has a role in.
func TestGiteaDiscover(t *testing.T) {
	t.Parallel()
	server := gitea.Start(t)
	server.User(t, "bot")
	bot := server.Token(t, "bot", "read:repository,read:user")
	call := func(method, path string, body any) { t.Helper(); server.Call(t, server.Admin, method, path, body) }
	call(http.MethodPost, "orgs", map[string]any{"username": "acme", "visibility": "private"})
	call(http.MethodPost, "orgs", map[string]any{"username": "open"})
	profile := map[string]string{".pawl.yaml": "env: [REGION]\n"}
	add := func(name string, private bool, files map[string]string, topics ...string) {
		t.Helper()
		owner, short, _ := strings.Cut(name, "/")
		path := "orgs/" + owner + "/repos"
		if owner == "admin" {
			path = "user/repos"
		}
		call(http.MethodPost, path, map[string]any{"name": short, "private": private, "default_branch": "main"})
		if files != nil {
			server.Commit(t, server.Admin, name, "main", "start", files)
		}
		call(http.MethodPut, "repos/"+name+"/topics", map[string]any{"topics": topics})
	}
	add("acme/shop", true, profile, "pawl", "go")
	add("acme/pay", true, map[string]string{"manifests/a.yaml": ""}, "pawl")
	add("acme/attic", true, profile, "pawl")
	add("acme/empty", true, nil, "pawl")
	add("acme/untold", true, profile, "pawl-not")
	add("open/one", false, profile, "pawl")
	add("open/two", true, profile, "pawl")
	add("admin/mine", true, profile, "pawl")
	add("admin/given", true, profile, "pawl")
	call(http.MethodPatch, "repos/acme/attic", map[string]any{"archived": true})
	call(http.MethodPut, "repos/admin/given/collaborators/bot", map[string]any{"permission": "write"})
	for i := range 60 { // more than a page
		add(fmt.Sprintf("open/app%02d", i), false, nil, "go")
	}
	add("open/last", false, profile, "pawl")
	team := server.Call(t, server.Admin, http.MethodPost, "orgs/acme/teams", map[string]any{"name": "bots", "permission": "write", "includes_all_repositories": true,
		"units_map": map[string]string{"repo.code": "write"}})
	call(http.MethodPut, fmt.Sprintf("teams/%v/members/bot", team["id"]), nil)

	s := newScout(t, http.DefaultTransport)
	s.env["ACME_TOKEN"], s.env["ADMIN_TOKEN"] = bot, server.Admin
	at := []string{"--forge", "gitea", "--url", server.URL}
	out, errs := s.discover(0, append(at, "--owner", "acme", "--token", "ACME_TOKEN", "--topic", "pawl")...)
	s.same("the file", strings.ReplaceAll(`version: 1
profiles:
  - repository: acme/pay
    token: ACME_TOKEN
    forge: {kind: gitea, url: 'URL'}
    # it has no .pawl.yaml, only manifests/
  - repository: acme/shop
    token: ACME_TOKEN
    forge: {kind: gitea, url: 'URL'}
    # env: [REGION]
`, "URL", server.URL), out)
	for _, line := range []string{"left out, archived: acme/attic\n", "that can be seen: acme/empty\n", "4 repositories listed: 2 new"} {
		if !strings.Contains(errs, line) {
			t.Errorf("%q is not said: %s", line, errs)
		}
	}
	host, _ := url.Parse(server.URL)
	for _, c := range []struct{ args, want string }{
		{"--token ACME_TOKEN --topic pawl", "acme/pay acme/shop admin/given"},
		{"--token ACME_TOKEN", "acme/pay acme/shop acme/untold admin/given"},
		{"--token ACME_TOKEN --owner acme", "acme/pay acme/shop acme/untold"},
		{"--token ACME_TOKEN --owner admin", "admin/given"},
		{"--token ADMIN_TOKEN --owner admin", "admin/given admin/mine"},
		{"--token ACME_TOKEN --owner open", "open/last open/one"},
		{"--owner open", "open/last open/one"},
		{"--token ADMIN_TOKEN --owner Open --topic PAWL", "open/last open/one open/two"},
	} {
		out, errs := s.discover(0, append(slices.Clone(at), strings.Fields(c.args)...)...)
		if strings.Contains(errs, "with a name that no entry can have") {
			t.Errorf("%s: more is listed: %s", c.args, errs)
		}
		if got := strings.ReplaceAll(strings.Join(s.entries(out), " "), server.URL+"/", ""); got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
	if _, errs := s.discover(1, append(slices.Clone(at), "--owner", "acme")...); !strings.Contains(errs, "hint: acme does not exist, or is private: name the variable with a token with --token") {
		t.Errorf("a stranger: %s", errs)
	}
	for _, r := range s.asked {
		if !strings.HasPrefix(r, "GET http://"+host.Host+"/api/v1/") {
			t.Errorf("asked %s", r)
		}
	}
}
