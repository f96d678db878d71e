package config_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// equal compares configurations whole, with what is not exported in them.
func equal(want, got config.Config) string {
	return cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true }))
}

// defaults is the configuration of an absent file.
func defaults(t *testing.T) config.Config {
	t.Helper()
	return config.Config{
		Mirrors: mirrors(t, nil), Concurrency: map[string]int{}, Timeouts: map[string]time.Duration{}, Secrets: map[string]string{},
		Forge:  config.Forge{Branch: "pawl/update"},
		Merge:  config.Merge{Method: "squash", Wait: 10 * time.Minute},
		Ledger: "refs/pawl/ledger",
		Deploy: config.Deploy{By: "run", Ref: "main"},
	}
}

func mirrors(t *testing.T, written map[string]string) source.Mirrors {
	t.Helper()
	m, err := source.ParseMirrors(written)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func template(t *testing.T, text string) change.Template {
	t.Helper()
	words, err := change.ParseTemplate(text, true)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func TestFull(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, problems := config.Parse(config.FileName, data)
	if len(problems) != 1 || !problems[0].Warning || problems[0].Place() != ".pawl.yaml:26:11" || problems[0].Message != "events.outbox is not used any more" {
		t.Fatal(problems)
	}
	want := config.Config{
		Mirrors: mirrors(t, map[string]string{
			"docker.io": "http://127.0.0.1:5000", "ghcr.io": "https://harbor.example/ghcr-proxy",
			"https://mojaloop.github.io": "http://127.0.0.1:5001/helm", "https://api.github.com": "http://127.0.0.1:5002/api/v3",
		}),
		Concurrency: map[string]int{"docker.io": 16},
		Timeouts:    map[string]time.Duration{},
		Env:         []string{"MY_VARIABLE"},
		Values:      []string{"updatecli/values.yaml"},
		Change: config.Change{Words: change.Words{Title: template(t, "chore: {summary}"), Commit: template(t, "build: {count}")},
			Labels: []string{"bot"}, Reviewers: []string{"alice", "org/team"}, Assignees: []string{"bob"}, Unsigned: true},
		Secrets:  map[string]string{"MY_TOKEN": "git.example"},
		Policies: manifest.Policies{All: policy.Policy{Downgrade: policy.Keep}},
		Forge:    config.Forge{Kind: "github", Repository: "infitx-org/profile-cd", Base: "main", Branch: "pawl/update", Labels: []string{"dependencies"}},
		Merge:    config.Merge{Method: "squash", Wait: 10 * time.Minute, Require: []string{"ci"}},
		Ledger:   "refs/pawl/ledger",
		Deploy:   config.Deploy{By: "run", Variable: "PROJECTS", Ref: "main", ExtraPaths: []string{"cluster-config.yaml"}},
		Events: config.Events{
			Source: "https://github.com/infitx-org/profile-cd", Outbox: "DIR", Accept: []string{"https://ci.example"},
			Sinks: []config.Sink{
				{Type: "file", Path: "events.jsonl", Mode: "binary", Partition: "chain"},
				{Type: "http", URL: "https://events.example/cdevents", Mode: "binary", Token: "EVENTS_TOKEN", HMAC: "EVENTS_KEY", Partition: "chain"},
				{Type: "kafka", Brokers: []string{"127.0.0.1:9092"}, Topic: "cdevents", Mode: "binary", Partition: "chain"},
				{Type: "kafka", Brokers: []string{"b.example:9093"}, Topic: "cdevents", Mode: "binary", Partition: "chain", TLS: true, CA: "certs/ca.pem", SASL: "scram-sha-512", User: "KAFKA_USER", Password: "KAFKA_PASSWORD"},
			},
		},
		Uses: []config.Use{
			{Variable: "MY_TOKEN", To: "git.example", Setting: "secrets", At: strictyaml.Problem{File: ".pawl.yaml", Line: 11, Column: 11}},
			{Variable: "EVENTS_TOKEN", To: "https://events.example/cdevents", Setting: "token of a sink", At: strictyaml.Problem{File: ".pawl.yaml", Line: 30, Column: 79}},
			{Variable: "EVENTS_KEY", To: "https://events.example/cdevents", Setting: "hmac of a sink", At: strictyaml.Problem{File: ".pawl.yaml", Line: 30, Column: 99}},
			{Variable: "KAFKA_PASSWORD", To: "b.example:9093", Setting: "password of a sink", At: strictyaml.Problem{File: ".pawl.yaml", Line: 32, Column: 134}},
		},
	}
	if diff := equal(want, got); diff != "" {
		t.Error(diff)
	}
	for host, want := range map[string]source.Endpoint{
		"docker.io": {Scheme: "http", Host: "127.0.0.1:5000"}, "ghcr.io": {Scheme: "https", Host: "harbor.example", Prefix: "ghcr-proxy"},
	} {
		if e, ok := got.Mirrors.Registry(host); !ok || e != want {
			t.Errorf("mirror of %s: %+v", host, e)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"absent": nil, "empty": {}, "comment": []byte("# nothing\n"), "version": []byte("version: 1\n"),
		"keys alone": []byte("mirrors:\nforge:\nmerge:\ndeploy:\nevents:\npolicy:\nledger:\n"), "empty maps": []byte("forge: {}\nmerge: {}\ndeploy: {}\nevents: {}\n")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := config.Parse(config.FileName, data)
			if diff := equal(defaults(t), got); diff != "" || len(problems) > 0 {
				t.Errorf("%s problems %v", diff, problems)
			}
		})
	}
}

// TestForms reads what may be written in several ways.
func TestForms(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(c *config.Config){
		"merge: off\n":                                func(c *config.Config) { c.Merge.Off = true },
		"merge: {require: none}\n":                    func(c *config.Config) { c.Merge.None = true },
		"merge: {require: [a, b], method: rebase}\n":  func(c *config.Config) { c.Merge.Require, c.Merge.Method = []string{"a", "b"}, "rebase" },
		"change: {sign: false}\n":                     func(c *config.Config) { c.Change.Unsigned = true },
		"change: {sign: true}\n":                      func(*config.Config) {},
		"merge: {arm: false}\n":                       func(c *config.Config) { c.Merge.NoArm = true },
		"merge: {arm: true}\n":                        func(*config.Config) {},
		"merge: {wait: 90s}\n":                        func(c *config.Config) { c.Merge.Wait = 90 * time.Second },
		"merge: {wait: 0s}\n":                         func(c *config.Config) { c.Merge.Wait = 0 },
		"deploy: {projects: '${X}'}\n":                func(c *config.Config) { c.Deploy.Variable = "X" },
		"deploy:\n  projects: ${X_1}\n":               func(c *config.Config) { c.Deploy.Variable = "X_1" },
		"deploy: {by: push, wait: 1h, ref: stable}\n": func(c *config.Config) { c.Deploy.By, c.Deploy.Wait, c.Deploy.Ref = "push", time.Hour, "stable" },
		"deploy: {projects: [{name: a, url: 'https://h.example/t', secret: S, api: A, paths: [x/../v.yaml]}]}\n": func(c *config.Config) {
			c.Deploy.Projects = []config.Project{{Name: "a", URL: "https://h.example/t", Secret: "S", API: "A", Paths: []string{"v.yaml"},
				Place: strictyaml.Problem{File: ".pawl.yaml", Line: 1, Column: 36}}}
			c.Uses = []config.Use{
				{Variable: "S", To: "https://h.example/t", Setting: "secret of the project a", At: strictyaml.Problem{File: ".pawl.yaml", Line: 1, Column: 67}},
				{Variable: "A", To: "https://h.example/t", Setting: "api of the project a", At: strictyaml.Problem{File: ".pawl.yaml", Line: 1, Column: 75}},
			}
		},
		"ledger: refs/heads/pawl-ledger\n": func(c *config.Config) { c.Ledger = "refs/heads/pawl-ledger" },
		"registries: {ghcr.io: {timeout: 30s}, a.b: {timeout: 1h}}": func(c *config.Config) {
			c.Timeouts = map[string]time.Duration{"ghcr.io": 30 * time.Second, "a.b": time.Hour}
		},
		"registries: {ghcr.io: {concurrency: 256}, a.b: {}}": func(c *config.Config) { c.Concurrency["ghcr.io"] = 256 },
		"policy: {channel: infitx, downgrade: follow, loose: true}\n": func(c *config.Config) {
			c.Policies.All = policy.Policy{Channel: "infitx", Downgrade: policy.Follow, Loose: true}
		},
		"events: {source: 'urn:x:y', required: true}\n": func(c *config.Config) { c.Events.Source, c.Events.Required = "urn:x:y", true },
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			want := defaults(t)
			change(&want)
			got, problems := config.Parse(config.FileName, []byte(text))
			if diff := equal(want, got); diff != "" || len(problems) > 0 {
				t.Errorf("%s problems %v", diff, problems)
			}
		})
	}
}

// TestProblems is the list of what people get wrong, with what they are told.
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"syntax":               "merge: {\n",
		"two documents":        "version: 1\n---\nversion: 1\n",
		"not a map":            "- version\n",
		"unknown key":          "mirorrs: {}\n",
		"other case":           "deploy: {extrapaths: [v.yaml]}\n",
		"version":              "version: 2\n",
		"mirror":               "mirrors:\n  docker.io: 127.0.0.1:5000\n  https://h.example/?a=b: http://m.example\n  'a b': http://m.example\n",
		"mirror twice":         "mirrors:\n  docker.io: http://a.example\n  index.docker.io: http://b.example\n",
		"mirror empty":         "mirrors: {docker.io: }\n",
		"concurrency":          "registries:\n  a.example: {concurrency: 0}\n  b.example: {concurrency: 257}\n  c.example: {concurrency: many}\n",
		"variables":            "env: [MY-VARIABLE, '', 1A, $A]\nsecrets: {a b: git.example}\n",
		"policy":               "policy: {channel: 'a b', exclude: [xyz], downgrade: up, hold: {until: soon}}\n",
		"forge":                "forge: {kind: gitlab, repository: profile-cd}\n",
		"repository":           "forge: {repository: a/b/c}\n",
		"merge":                "merge: never\n",
		"merge words":          "merge: {method: fast, wait: 10, require: all}\n",
		"calendar":             "merge:\n  max: 0\n  windows:\n    - {days: monday, from: 8, to: 25:00, zone: Berlin}\n    - {from: 08:00, to: 08:00}\n    - {days: mon}\n  freeze:\n    - {from: 2026-12-20, to: 2026-12-01}\n    - {from: christmas, to: 2027-01-02, zone: Local}\n",
		"wait":                 "merge: {wait: -5m}\ndeploy: {wait: soon}\n",
		"ledger":               "ledger: pawl-ledger\n",
		"branch is base":       "forge: {base: main, branch: main}\n",
		"branch is base-2":     "forge: {base: pawl/update-2}\n",
		"branch in capital":    "forge: {base: main, branch: Main}\n",
		"branch is a ref":      "forge: {base: main, branch: refs/heads/main}\n",
		"branch with space":    "forge: {branch: 'main '}\n",
		"base is a ref":        "forge: {base: heads/main}\n",
		"ledger is base":       "forge: {base: main}\nledger: refs/heads/main\n",
		"branch is scratch":    "forge: {branch: pawl-scratch/x}\n",
		"base is scratch":      "forge: {base: Pawl-Scratch/pawl/update}\n",
		"ledger is scratch":    "ledger: refs/heads/pawl-scratch/ledger\n",
		"ledger is branch":     "forge: {branch: bot}\nledger: refs/heads/bot\n",
		"ledger is branch-2":   "ledger: refs/heads/pawl/update-2\n",
		"ledger with slashes":  "forge: {base: main}\nledger: refs/heads//main\n",
		"ledger with capitals": "forge: {base: main}\nledger: refs/Heads/Main\n",
		"ledger with a dot":    "forge: {base: main}\nledger: refs/heads/./main\n",
		"timeout":              "registries:\n  a.example: {timeout: 0s}\n  b.example: {timeout: 2h}\n  c.example: {timeout: 60}\n  d.example: {timeout: -1s}\n",
		"deploy":               "deploy: {by: hand, projects: $PROJECTS, extraPaths: [/etc/x, ../x, 'a\\b', '']}\n",
		"deploy variable":      "deploy: {projects: '${A}/${B}'}\n",
		"project":              "deploy:\n  projects:\n    - {name: a}\n    - {name: b, url: gitlab.example/x, secret: glptt-0123, paths: [../v.yaml]}\n",
		"project no secret":    "deploy: {projects: [{name: b, url: 'https://h.example', secret: ''}]}\n",
		"events":               "events: {source: profile-cd, required: often, accept: [ci]}\n",
		"sinks":                "events:\n  sinks:\n    - {type: file}\n    - {type: http}\n    - {type: kafka, brokers: [], topic: x}\n    - {type: kafka, brokers: [h:1]}\n    - {type: pigeon}\n    - {type: http, url: 'https://h.example', token: 'Bearer x', mode: xml}\n",
		"gates":                "gates:\n  scan: {run: ['{image}', '{imgae}', '{word}'], deny: [0, 2, 300], kinds: [dockerimages], timeout: 1h, env: [MERGE_TOKEN, OK, 'a b']}\n  'a b': {run: []}\n  away: {run: [../x]}\npolicy: {gates: [scann], platforms: [amd64]}\npolicies:\n  - {match: '[', gates: [scan]}\n  - {age: soon}\n  - {match: 'a/*', colour: red}\n",
		"login":                "events:\n  sinks:\n    - {type: kafka, brokers: ['b.example:1'], topic: x, sasl: plain, user: U, password: P}\n    - {type: kafka, brokers: ['b.example:1'], topic: y, sasl: kerberos}\n    - {type: kafka, brokers: ['b.example:1'], topic: z, user: U, password: 's3cret!'}\n    - {type: kafka, brokers: ['127.0.0.1:1'], topic: a, sasl: plain, user: U, password: P2}\n    - {type: kafka, brokers: ['c.example:1'], topic: b, tls: true, sasl: plain, user: U}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := config.Parse(config.FileName, []byte(text))
			var b strings.Builder
			for _, p := range problems {
				word := "error"
				if p.Warning {
					word = "warning"
				}
				fmt.Fprintf(&b, "%s: %s: %s\n", p.Place(), word, p.Message)
				if p.Hint != "" {
					fmt.Fprintf(&b, "  hint: %s\n", p.Hint)
				}
			}
			golden(t, "testdata/problems/"+strings.ReplaceAll(name, " ", "-")+".txt", b.String())
		})
	}
}

// golden holds text against a file; PAWL_UPDATE=1 writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("PAWL_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" || got == "" {
		t.Errorf("%s: %s", file, diff)
	}
}

// TestSecretsAreNotShown puts a URL with a password wherever a text may stand.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "https://me:s3cret@h.example/a"
	for _, text := range []string{
		"mirrors: {docker.io: '%s'}\n", "mirrors: {'%s': http://m.example}\n", "mirrors: {'%s?x': http://m.example}\n",
		"mirrors: {'h.example/?token=s3cret': http://m.example}\n", "mirrors: {'%s\x01': http://m.example}\n",
		"registries: {docker.io: '%s'}\n", "registries: {docker.io: {concurrency: '%s'}}\n", "version: '%s'\n",
		"env: ['%s']\n", "env: '%s'\n", "secrets: {'%s': h}\n", "policy: {downgrade: '%s'}\n", "policy: {loose: '%s'}\n", "policy: '%s'\n",
		"forge: {repository: '%s'}\n", "forge: {kind: '%s'}\n", "forge: '%s'\n",
		"merge: '%s'\n", "merge: {wait: '%s'}\n", "merge: {require: '%s'}\n", "merge: {method: '%s'}\n", "ledger: '%s'\n", "forge: {branch: '%s'}\n", "forge: {base: '%s'}\n",
		"deploy: {projects: '%s'}\n", "deploy: {projects: ['%s']}\n", "deploy: {wait: '%s'}\n", "deploy: {by: '%s'}\n",
		"deploy: {extraPaths: ['../%s']}\n", "deploy: {projects: [{name: x, url: '%s', secret: '%[1]s', api: '%[1]s', paths: ['/%[1]s']}]}\n",
		"events: {source: '%s', accept: ['%[1]s'], required: '%[1]s'}\n", "events: {sinks: ['%s']}\n",
		"events: {sinks: [{type: http, url: '%s', token: '%[1]s', hmac: '%[1]s', mode: '%[1]s'}]}\n", "events: {sinks: [{type: '%s'}]}\n",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			full := strings.ReplaceAll(strings.ReplaceAll(text, "%[1]s", secret), "%s", secret)
			_, problems := config.Parse(config.FileName, []byte(full))
			if len(problems) == 0 {
				t.Error("no problem is found")
			}
			for _, p := range problems {
				if strings.Contains(p.Error()+p.Hint, "s3cret") {
					t.Errorf("a secret is shown: %s (%s)", p.Error(), p.Hint)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte("merge: off\ndeploy: {projects: [{name: a, url: 'https://h', secret: S}]}\n"))
	f.Add([]byte("mirrors: {a: &a [*a]}\n"))
	f.Add([]byte("policy: {exclude: 1, hold: {until: 2026-01-01}}\nregistries: {x: {concurrency: 7}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := config.Parse(config.FileName, data)
		failed := false
		for _, p := range problems {
			if p.Message == "" || p.Line < 0 || strings.Contains(p.Message, "\n") {
				t.Fatalf("bad problem: %+v", p)
			}
			failed = failed || !p.Warning
		}
		again, _ := config.Parse(config.FileName, data)
		if diff := equal(c, again); diff != "" {
			t.Fatalf("read otherwise the second time: %s", diff)
		}
		if failed {
			return
		}
		for host, n := range c.Concurrency {
			if n < 1 || n > 256 {
				t.Fatalf("concurrency of %s: %d", host, n)
			}
		}
		for _, p := range c.Deploy.ExtraPaths {
			if strings.HasPrefix(p, "/") || p == ".." || strings.HasPrefix(p, "../") {
				t.Fatalf("a path leaves the root: %q", p)
			}
		}
		if c.Merge.Wait < 0 || c.Deploy.Wait < 0 || c.Forge.Branch == "" || !strings.HasPrefix(c.Ledger, "refs/") {
			t.Fatalf("%+v", c)
		}
	})
}
