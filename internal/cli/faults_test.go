package cli_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
)

// site is a profile of one image, and what pawl talks to on loopback: a registry, a GitHub and a GitLab.
type site struct {
	*testing.T
	root     string
	registry *fake.Faults
	hub      *github.Server
	repo     *github.Repo
	project  *gitlab.Project
	env      map[string]string
	now      time.Time
}

const (
	siteManifest = "sources:\n  image:\n    kind: dockerimage\n    spec:\n      image: org/app\n      versionfilter: ^1.0.0\ntargets:\n  tag:\n    kind: yaml\n    spec:\n      file: values.yaml\n      key: $.app.tag\n"
	siteValues   = "app:\n  tag: v1.0.0\n"
	readOnly     = "c4nary-read-only"
)

func newSite(t *testing.T, files map[string]string) *site {
	t.Helper()
	s := &site{T: t, root: t.TempDir(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s.registry = fake.WithFaults(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/app": {"v1.0.0", "v1.1.0"}}}))
	registry, hub := s.serve(s.registry), github.New(github.Options{Now: s.clock, Identities: map[string]github.Identity{
		canary: {Login: "pawl-bot"}, readOnly: {Login: "reader", ReadOnly: true},
	}})
	forge := s.serve(hub)
	s.hub = hub
	s.repo = hub.Create("acme/profile", github.Settings{})
	lab := gitlab.New(gitlab.Options{Now: s.clock})
	trigger := s.serve(lab)
	s.project = lab.Create("group/dev", gitlab.Settings{Triggers: []string{"c4nary-trigger"}})
	s.env = map[string]string{"MERGE_TOKEN": canary, "GITHUB_API_URL": forge, "GITHUB_GRAPHQL_URL": forge + "/graphql", "TRIGGER_DEV": "c4nary-trigger",
		"TRIGGER_URL": strings.Replace(s.project.TriggerPathURL(), "https://gitlab.example", trigger, 1)}
	all := map[string]string{"manifests/app.yaml": siteManifest, "values.yaml": siteValues, ".pawl.yaml": ""}
	for name, text := range files {
		all[name] = text
	}
	all[".pawl.yaml"] = strings.ReplaceAll("mirrors: {docker.io: '"+registry+"'}\n"+all[".pawl.yaml"], "TRIGGER_URL", s.env["TRIGGER_URL"])
	if !strings.Contains(all[".pawl.yaml"], "forge:") {
		all[".pawl.yaml"] += "forge: {repository: acme/profile}\n"
	}
	pushed := map[string][]byte{}
	for name, text := range all {
		if text != "-" {
			s.write(name, text)
			pushed[name] = []byte(text)
		}
	}
	if _, err := s.repo.Push("main", "alice", pushed, "the profile"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	s.Cleanup(server.Close)
	return server.URL
}

func (s *site) write(name, text string) {
	s.Helper()
	file := filepath.Join(s.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

func (s *site) clock() time.Time { return s.now }

func (s *site) sleep(ctx context.Context, d time.Duration) error {
	s.now = s.now.Add(d)
	return ctx.Err()
}

// dial is the network of this machine, with a name that nobody knows.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, _ := net.SplitHostPort(address); host == "registry.invalid" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// pawl runs a command and returns what it printed.
func (s *site) pawl(args ...string) (code int, out, errs string) {
	s.Helper()
	var stdout, stderr strings.Builder
	code = cli.Run(s.Context(), append(args, "--root", s.root), cli.System{
		Out: &stdout, Err: &stderr, Now: s.clock, Sleep: s.sleep, Transport: &http.Transport{DialContext: dial},
		Env: func(name string) (string, bool) { v, ok := s.env[name]; return v, ok },
		Environ: func() []string {
			var all []string
			for name, value := range s.env {
				all = append(all, name+"="+value)
			}
			return all
		},
	})
	if text := stdout.String() + stderr.String(); strings.Contains(text, "c4nary") {
		s.Errorf("a token is shown: %s", text)
	}
	return code, stdout.String(), stderr.String()
}

// mistake is something that is wrong, and what a person is told.
type mistake struct {
	name  string
	files map[string]string
	// spoil changes the site, nil when the files are the fault.
	spoil func(s *site)
	args  string
	code  int
	// message and hint are expressions that what is printed matches, stdout and stderr together; an empty hint is none.
	message, hint string
	// anchor is the entry of the manual: printed as a link when the command failed.
	anchor string
}

func replaced(text, old, new string) string { return strings.Replace(text, old, new, 1) }

func mistakes() []mistake {
	app := func(old, new string) map[string]string {
		return map[string]string{"manifests/app.yaml": replaced(siteManifest, old, new)}
	}
	config := func(text string) map[string]string { return map[string]string{".pawl.yaml": text} }
	env := func(name, value string) func(*site) {
		return func(s *site) {
			s.env[name] = value
		}
	}
	const deployment = "merge: {require: none}\ndeploy: {projects: [{name: dev, url: 'TRIGGER_URL', secret: TRIGGER_DEV}]}\n"
	return []mistake{
		{"a typo in a key", app("versionfilter", "versionfiltr"), nil, "plan", 3,
			`manifests/app.yaml:6:7: unknown key "versionfiltr"`, `did you mean "versionfilter"`, "manifest-invalid"},
		{"an unknown field", app("    kind: dockerimage", "    colour: red\n    kind: dockerimage"), nil, "validate", 4,
			`manifests/app.yaml:3:5: error: unknown key "colour"`, `known here: name, kind`, "manifest-invalid"},
		{"a bad range", app("^1.0.0", "'>>1.0'"), nil, "plan", 3, `manifests/app.yaml:6:22: .*>>1.0`, `write a semver range, e.g. \^1.2.0`, "manifest-invalid"},
		{"no YAML", app("^1.0.0", ">1.0"), nil, "plan", 3, `manifests/app.yaml:6:7: reading YAML: > has a meaning`, `put quotes around the range: '>1.0'`, "manifest-invalid"},
		{"an empty image", app("org/app", "''"), nil, "validate", 4, `manifests/app.yaml:5:14: error: image is empty`, `write e.g. ghcr.io/org/app`, "manifest-invalid"},
		{"the address of a page at Docker Hub", app("org/app", "https://hub.docker.com/r/org/web"), nil, "plan", 3, `an image has no scheme`, `write org/web$`, "manifest-invalid"},
		{"an image with a scheme", app("org/app", "https://ghcr.io/org/web"), nil, "plan", 3, `5:14: reading image "https://ghcr.io/org/web": an image has no scheme`, `write ghcr.io/org/web`, "manifest-invalid"},
		{"a token that is not bound", app("dockerimage\n    spec:\n      image: org/app", "githubrelease\n    spec:\n      owner: o\n      repository: r\n      token: '{{ requiredEnv \"OTHER_TOKEN\" }}'"), nil, "validate", 4,
			`manifests/app.yaml:7:14: error: the environment variable "OTHER_TOKEN" may not be read by a manifest`, `bind it to its host in .pawl.yaml: secrets: {OTHER_TOKEN: api.github.com}`, "manifest-invalid"},
		{"a line too far left", app("\n    kind: yaml", "\n    kind: yaml\n   name: x"), nil, "validate", 4, `manifests/app.yaml:10:4: error: reading YAML: this line does not fit`, `indent it like its neighbours`, "manifest-invalid"},
		{"a target that is no YAML", map[string]string{"values.yaml": siteValues + " x: y\n"}, nil, "plan", 3, `values.yaml:3:2: expected YAML: this line does not fit`, `indent it like its neighbours`, "target-invalid"},
		{"a missing file", app("values.yaml", "absent.yaml"), nil, "plan", 3, `failed \(target-invalid\): absent.yaml: the file does not exist`, `file`, "target-invalid"},
		{"a wrong key", app("$.app.tag", "$.app.tga"), nil, "plan", 3, `values.yaml:2:3: .*\$\.app\.tga`, `tag`, "target-invalid"},
		{"a key twice", map[string]string{"values.yaml": siteValues + "  tag: v1.0.1\n"}, nil, "plan", 3, `values.yaml:3:3: .*tag.*`, `remove`, "target-invalid"},
		{"an alias", map[string]string{"values.yaml": "base: &v v1.0.0\napp:\n  tag: *v\n"}, nil, "plan", 3, `values.yaml:3:8: .*alias`, `use \$\.base`, "target-invalid"},
		{"another image", map[string]string{"manifests/app.yaml": replaced(siteManifest, "targets:", "    transformers: [addprefix: 'org/app:']\ntargets:"), "values.yaml": "app:\n  tag: org/log:v1.0.0\n"},
			nil, "plan", 3, `failed \(target-mismatch\): values.yaml:2:8: expected a value that begins with org/app:, found "org/log:v1.0.0"`, `correct key`, "target-mismatch"},
		{"another image, validated", map[string]string{"values.yaml": "app:\n  tag: org/log:v1.0.0\n"}, nil, "validate", 4, `expected a tag alone, found "org/log:v1.0.0"`, `addprefix: 'org/log:'`, "target-invalid"},
		{"a file of SOPS", map[string]string{"values.yaml": siteValues + "sops:\n  mac: ENC[x]\n"}, nil, "plan", 3, `failed \(target-encrypted\): values.yaml:4:3: the checksum`, `mac_only_encrypted: true`, "target-encrypted"},
		{"a value of SOPS", map[string]string{"values.yaml": "app:\n  tag: ENC[AES256_GCM,data:x]\n"}, nil, "plan", 3, `failed \(target-encrypted\): values.yaml:2:8: the value is encrypted`, `in clear text`, "target-encrypted"},
		{"a digest that moved", map[string]string{"values.yaml": "app:\n  tag: v1.1.0@sha256:" + strings.Repeat("0", 64) + "\n"}, nil, "plan", 0,
			`held \(digest-moved\): v1.1.0 is pinned to sha256:000000000000..., and the registry gives it sha256:`, `policy.digest: follow`, "digest-moved"},
		{"a digest beside a tag", map[string]string{"values.yaml": siteValues + "  digest: sha256:" + strings.Repeat("0", 64) + "\n"}, nil, "plan", 0,
			`held \(digest-beside\): \$.app.digest beside it is sha256:000000000000..., which no target writes`, `writes: digest`, "digest-beside"},
		{"an unset variable", app("org/app", `'{{ requiredEnv "APP" }}'`), func(s *site) {
			s.write(".pawl.yaml", "env: [APP]\n")
		}, "plan", 3, `manifests/app.yaml:5:14: the environment variable APP is not set`, `set it`, "manifest-invalid"},
		{"an unknown host", app("org/app", "registry.invalid/org/app"), nil, "plan", 3, `registry.invalid/v2/.*`, `check the spelling of registry.invalid`, "unknown-host"},
		{"a mirror without TLS", nil, func(s *site) {
			file := filepath.Join(s.root, ".pawl.yaml")
			text, err := os.ReadFile(file)
			if err := errors.Join(err, os.WriteFile(file, []byte(replaced(string(text), "http:", "https:")), 0o644)); err != nil {
				s.Fatal(err)
			}
		}, "plan", 3, `the host speaks HTTP where HTTPS was expected`, `speaks no TLS: write http:// in its url or in mirrors$`, "tls"},
		{"a private image", nil, func(s *site) {
			s.registry.Set("/v2/org/app", fake.Fault{Status: 401, Header: http.Header{"Www-Authenticate": {`Basic realm="x"`}}})
		}, "plan", 3, `failed \(source-failed\): .*401`, `docker login`, "unauthorized"},
		{"no such image", nil, func(s *site) { s.registry.Set("/v2/org/app", fake.Fault{Status: 404}) }, "plan", 3, `failed \(source-failed\): .*404`, `check the name`, "not-found"},
		{"too many requests", nil, func(s *site) {
			s.registry.Set("/v2/org/app", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}})
		}, "plan", 3, `429.*asks to wait 3600 s`, `run again after that, or set credentials`, "rate-limit"},
		{"a broken configuration", config("mergee: {wait: soon}\n"), nil, "plan", 4, `.pawl.yaml:2:1: unknown key "mergee"`, `did you mean "merge"`, "configuration"},
		{"no token", nil, func(s *site) { delete(s.env, "MERGE_TOKEN") }, "run", 4, `no token is set`, `set MERGE_TOKEN .*--dry-run`, "no-token"},
		{"no token where one is needed", nil, func(s *site) {
			delete(s.env, "MERGE_TOKEN")
			s.hub.Inject(github.Fault{Status: 401, Times: 9})
		}, "run --dry-run", 1, `401`, `^no token is set and the host wants one: set MERGE_TOKEN`, "no-token"},
		{"an event from somebody else", config("events: {source: 'https://a.example'}\n"), func(s *site) {
			s.write("event.json", `{"context":{"specversion":"0.5.1","id":"1","source":"https://evil.example","type":"dev.cdevents.artifact.published.0.3.0","timestamp":"2026-03-01T08:30:00Z"},"subject":{"id":"pkg:oci/app@sha256%3Aab?tag=v1","content":{}}}`)
		}, "run --event ROOT/event.json", 4, `events from https://evil.example are not accepted`, `events: {accept: \[SOURCE\]}`, "event-invalid"},
		{"a setting that is used no more", config("events: {source: 'https://a.example', outbox: state}\n"), nil, "validate", 0, `.pawl.yaml:2:47: warning: events.outbox is not used any more`, `remove it: .* is kept in the ledger`, "event-sinks"},
		{"a history of no repository", nil, nil, "report --git ROOT", 4, `asking git: fatal: `, `name the directory of a git repository`, "usage"},
		{"reports that are not there", nil, nil, "report ROOT/absent", 4, `reading reports: `, `name a directory of reports`, "usage"},
		{"a repository that is none", config("forge: {base: main}\n"), env("GITHUB_REPOSITORY", "foo"), "run", 4, `repository "foo" is not OWNER/NAME`, `correct GITHUB_REPOSITORY`, "no-repository"},
		{"a list that is none", config("forge: {repository: acme/profile, labels: dependencies}\n"), nil, "plan", 4, `labels: want a list, have "dependencies"`, `^write labels: \[dependencies\]$`, "configuration"},
		{"a project that is not there", config(deployment), nil, "deploy --commit HEAD --project prod", 4, `there is no project "prod"`, `name one of: dev`, "projects"},
		{"a manifest that is empty", map[string]string{"manifests/app.yaml": "# later\n"}, nil, "plan", 4, `no manifest found below manifests: manifests/app.yaml is empty`, `--manifests`, "no-manifest"},
		{"another ending", map[string]string{"manifests/app.yaml": "-", "manifests/web.yam": siteManifest}, nil, "plan", 4, `it holds 1 file, and its name does not end in .yaml or .yml: manifests/web.yam`, `--manifests`, "no-manifest"},
		{"a file in place of a directory", nil, nil, "plan --manifests values.yaml", 4, `no manifest found: values.yaml is a file`, `name the directory`, "no-manifest"},
		{"a wrong repository", config("forge: {repository: acme/nope}\n"), nil, "run", 1, `opening acme/nope: .*404`, `acme/nope does not exist, or the token cannot see it`, "not-found"},
		{"an expired token", nil, env("MERGE_TOKEN", "c4nary-old"), "run", 1, `401`, `renew MERGE_TOKEN`, "unauthorized"},
		{"a token that may only read", config("merge: {require: none}\n"), env("MERGE_TOKEN", readOnly), "run", 1, `403`, "needs the permission `contents: write`", "forbidden"},
		{"a check that never reports", config("merge: {require: [ci]}\n"), nil, "run", 3, `merge: pending \(checks-silent\)`, `set MERGE_TOKEN`, "merge-checks-silent"},
		{"no check is named", nil, nil, "run", 3, `merge: refused \(require-unset\)`, `add to .pawl.yaml`, "merge-require-unset"},
		{"a pull request under review", config("merge: {require: none}\n"), func(s *site) {
			if code, _, errs := s.pawl("run", "--no-merge"); code != 0 {
				s.Fatal(errs)
			}
			if err := s.repo.Label(1, "pawl/review"); err != nil {
				s.Fatal(err)
			}
		}, "run", 0, `merge: refused \(review-label\)`, `merge it yourself, or remove the label`, "merge-review-label"},
		{"projects that are no JSON", config("deploy: {projects: '${PROJECTS}'}\n"), env("PROJECTS", `[{"name":"dev"`), "run", 4, `the variable PROJECTS: .*no JSON`, `write a JSON list such as`, "projects"},
		{"projects that are not set", config("deploy: {projects: '${PROJECTS}'}\n"), nil, "run", 4, `the variable PROJECTS is not set`, `\[\] for none`, "projects"},
		{"a project's token that is not set", config(deployment), func(s *site) { delete(s.env, "TRIGGER_DEV") }, "run", 4, `TRIGGER_DEV is not set`, `set the variable TRIGGER_DEV`, "projects"},
		{"GitLab answers 404", config(deployment), env("TRIGGER_DEV", "c4nary-other"), "run", 3, `deploy dev: refused.*404`, `create a new one under Settings`, "trigger-refused"},
		{"GitLab answers 401", config(deployment), func(s *site) { s.project.Inject(gitlab.Unauthorized()) }, "run", 3, `deploy dev: refused.*401`, `is not accepted: create a new one`, "trigger-refused"},
		{"an answer that is lost", config(deployment), func(s *site) { s.project.Inject(gitlab.CutAfter()) }, "run", 3, `deploy dev: unknown`, `pawl deploy --project dev --retry-unknown`, "trigger-unknown"},
		{"no git repository", config(deployment), nil, "deploy", 4, `git knows of none here`, `name the commit with --commit`, "no-commit"},
		{"a base with other manifests", nil, func(s *site) { s.write("manifests/app.yaml", siteManifest+"# mine\n") }, "run", 4, `manifests/app.yaml: not as on the branch main`, `--from root`, "manifests-differ"},
		{"a value that goes down", app("^1.0.0", "~1.0"), func(s *site) { s.write("values.yaml", replaced(siteValues, "v1.0.0", "v1.1.0")) }, "plan", 0,
			`app/tag: update \(pinned-down\): v1.1.0 does not satisfy ~1.0`, ``, "pinned-down"},
		{"a transformer that fits nothing", app("targets:", "    transformers: [{find: x+}]\ntargets:"), nil, "plan", 3, `failed \(empty-value\): transforming "v1.1.0": [^t]`, `correct transformers`, "empty-value"},
		{"a hold that has ended", app("targets:", "policy: {hold: {until: 2026-02-28, reason: load test}}\ntargets:"), nil, "plan", 0,
			`update \(hold-expired\): .*2026-02-28`, `remove policy.hold`, "hold-expired"},
		{"no manifests", map[string]string{"manifests/app.yaml": "-"}, nil, "plan", 4, `no manifest found`, `--manifests`, "no-manifest"},
		{"an unknown flag", nil, nil, "plan --otput json", 4, `unknown flag: --otput`, `did you mean --output\? see pawl plan --help`, "usage"},
		{"nothing was published", nil, env("DOWNSTREAM_IMAGE_A", "acme/profile:c4nary"), "dispatch", 4, `image`, `give --image or --chart`, "nothing-published"},
		{"a target without a token", nil, env("DOWNSTREAM_IMAGE_A", "acme/profile"), "dispatch --image org/app:v1.1.0", 4, `reading the target in DOWNSTREAM_IMAGE_A`, `OWNER/REPOSITORY:TOKEN`, "dispatch-targets"},
		{"a target that is not there", nil, env("DOWNSTREAM_IMAGE_A", "acme/nope:"+canary), "dispatch --image org/app:v1.1.0", 1, `dispatching docker-image.yaml of acme/nope: github answers 404`, `actions: write`, "not-found"},
		{"a sink without its token", config("events: {source: 'https://a.example', sinks: [{type: http, url: 'http://127.0.0.1:1/', token: EVENTS_TOKEN}]}\n"), env("HOME", "/nowhere"), "events flush", 4,
			`the variable EVENTS_TOKEN is not set`, `set EVENTS_TOKEN, or remove token`, "event-sinks"},
		{"a receiver that is down", config("merge: {require: none}\nevents: {required: true, source: 'https://a.example', sinks: [{type: http, url: 'http://127.0.0.1:1/'}]}\n"), nil, "run", 3, `events.required: [0-9]+ events are not delivered`, `pawl events flush`, "events-undelivered"},
		{"a file that is no event", nil, func(s *site) { s.write("event.json", "{}\n") }, "events validate ROOT/event.json", 4, `1 invalid event in`, `pawl events schema`, "event-invalid"},
	}
}

var (
	hintLine = regexp.MustCompile(`(?m)^(?:pawl: |  )hint: (.*)$`)
	helpLine = regexp.MustCompile(`(?m)^pawl: help: (\S+)$`)
)

// TestFaults provokes what goes wrong most often, with all parts on loopback: the message names the place, a hint says
// what to do, and a link leads to the entry of the manual, which is there.
func TestFaults(t *testing.T) {
	t.Parallel()
	entries := manual(t)
	for _, f := range mistakes() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, f.files)
			if f.spoil != nil {
				f.spoil(s)
			}
			code, out, errs := s.pawl(strings.Fields(strings.ReplaceAll(f.args, "ROOT", s.root))...)
			all := out + errs
			if code != f.code {
				t.Errorf("exit code %d, want %d", code, f.code)
			}
			if !regexp.MustCompile(f.message).MatchString(all) {
				t.Errorf("no message %q", f.message)
			}
			hint := regexp.MustCompile(f.hint)
			if f.hint != "" && !slices.ContainsFunc(hintLine.FindAllStringSubmatch(all, -1), func(m []string) bool { return hint.MatchString(m[1]) }) {
				t.Errorf("no hint %q", f.hint)
			}
			var links, want []string
			for _, m := range helpLine.FindAllStringSubmatch(errs, -1) {
				links = append(links, m[1])
			}
			if f.code != 0 {
				want = []string{"https://github.com/pawl-cd/pawl/blob/main/docs/troubleshooting.md#" + f.anchor}
			}
			if diff := cmp.Diff(want, links); diff != "" {
				t.Errorf("links: %s", diff)
			}
			if entry := entries[f.anchor]; !shows(entry, all) || !strings.Contains(entry, "**Do:**") {
				t.Errorf("the entry %s does not show the message, or not what to do: %s", f.anchor, entry)
			}
			if t.Failed() {
				t.Log(all)
			}
		})
	}
}

// shows reports whether an entry quotes what was printed: a text in backquotes with several words, where ... stands for
// anything.
func shows(entry, printed string) bool {
	return slices.ContainsFunc(inline.FindAllString(entry, -1), func(quote string) bool {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Trim(quote, "`")), "…", ".*")
		return strings.Contains(quote, " ") && regexp.MustCompile(pattern).MatchString(printed)
	})
}

// manual reads the entries of the troubleshooting page by their anchors.
func manual(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^### `).Split(string(text), -1)[1:] {
		name, body, _ := strings.Cut(part, "\n")
		entries[name] = body
	}
	return entries
}
