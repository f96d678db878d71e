package cli_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
)

// TestTokenSentElsewhere names the forge's token, one of GitHub Actions and one of another host wherever a setting sends
// a secret: each is refused with exit code 4, and nothing is sent.
func TestTokenSentElsewhere(t *testing.T) {
	t.Parallel()
	project := func(secret, api string) string {
		return `{name: dev, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: ` + secret + `, api: ` + api + `}`
	}
	const merge = "the token MERGE_TOKEN is not for "
	for name, c := range map[string]struct{ config, projects, want string }{
		"secret":             {"deploy: {projects: [" + project("MERGE_TOKEN", "API") + "]}", "", merge + "gitlab.example"},
		"api":                {"deploy: {projects: [" + project("DEV", "GITHUB_TOKEN") + "]}", "", "the token GITHUB_TOKEN is not for gitlab.example"},
		"secrets":            {"secrets: {MERGE_TOKEN: evil.example}", "", merge + "evil.example"},
		"token of a sink":    {"events: {source: 'https://p.example', sinks: [{type: http, url: 'https://events.example/in', token: MERGE_TOKEN}]}", "", merge + "events.example"},
		"hmac of a sink":     {"events: {source: 'https://p.example', sinks: [{type: http, url: 'https://events.example/in', hmac: MERGE_TOKEN}]}", "", merge + "events.example"},
		"runtime token":      {"deploy: {projects: [" + project("ACTIONS_RUNTIME_TOKEN", "API") + "]}", "", "the token ACTIONS_RUNTIME_TOKEN is not for"},
		"dispatch target":    {"deploy: {projects: [" + project("DOWNSTREAM_IMAGE_A", "API") + "]}", "", "the token DOWNSTREAM_IMAGE_A is not for"},
		"small letters":      {"deploy: {projects: [" + project("merge_token", "API") + "]}", "", "is not for gitlab.example: it belongs to GitHub"},
		"bound elsewhere":    {"secrets: {DEV: git.example}\ndeploy: {projects: [" + project("DEV", "API") + "]}", "", "it belongs to git.example (secrets)"},
		"another project's":  {"deploy: {projects: [" + project("DEV", "API") + ", {name: b, url: 'https://evil.example/api/v4/projects/1/trigger/pipeline', secret: DEV}]}", "", "the token DEV is not for evil.example: it belongs to gitlab.example"},
		"a project's, sunk":  {"deploy: {projects: [" + project("DEV", "API") + "]}\nevents: {source: 'https://p.example', sinks: [{type: http, url: 'https://events.example/in', token: API}]}", "", "the token API is not for"},
		"another port":       {"secrets: {DEV: 'gitlab.example:8443'}\ndeploy: {projects: [" + project("DEV", "API") + "]}", "", "it belongs to gitlab.example:8443"},
		"without TLS":        {"secrets: {DEV: 'http://gitlab.example'}\ndeploy: {projects: [" + project("DEV", "API") + "]}", "", "it belongs to gitlab.example:80"},
		"PROJECTS":           {"deploy: {projects: '${PROJECTS}'}", `[{"name":"dev","url":"https://gitlab.example/api/v4/projects/1/trigger/pipeline","secret":"MERGE_TOKEN"}]`, merge + "gitlab.example"},
		"PROJECTS, api":      {"deploy: {projects: '${PROJECTS}'}", `[{"name":"dev","url":"https://gitlab.example/api/v4/projects/1/trigger/pipeline","secret":"DEV","api":"GITHUB_TOKEN"}]`, "the token GITHUB_TOKEN"},
		"PROJECTS, bound":    {"secrets: {DEV: git.example}\ndeploy: {projects: '${PROJECTS}'}", `[{"name":"dev","url":"https://gitlab.example/api/v4/projects/1/trigger/pipeline","secret":"DEV"}]`, "it belongs to git.example"},
		"it may":             {"secrets: {DEV: 'https://GitLab.example:443'}\ndeploy: {projects: [" + project("DEV", "DEV") + "]}", "", ""},
		"one's own":          {"secrets: {GITHUB_TOKEN: api.github.com}", "", ""},
		"the configured API": {"secrets: {GITHUB_TOKEN: ghe.example}", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for file, text := range map[string]string{".pawl.yaml": "version: 1\nforge: {repository: acme/profile}\n" + c.config + "\n", "values.yaml": "a: v1.0.0\n",
				"manifests/a.yaml": "name: a\nsources:\n  a: {kind: dockerimage, spec: {image: org/a, versionfilter: {kind: semver, pattern: '>=1.0.0'}}}\ntargets:\n  a: {kind: yaml, sourceid: a, spec: {file: values.yaml, key: $.a}}\n"} {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			commands := [][]string{{"validate"}, {"run"}, {"deploy", "--commit", "abc"}, {"plan"}}
			if c.projects != "" {
				commands = commands[1:3]
			}
			if c.want == "" {
				commands = commands[:1]
			}
			for _, args := range commands {
				var out, errs strings.Builder
				code := cli.Run(t.Context(), append(args, "--root", root), elsewhereSystem(t, &out, &errs, c.projects))
				text := errs.String() + out.String()
				if c.want == "" && code != 0 || c.want != "" && (code != 4 || !strings.Contains(text, c.want) || !strings.Contains(text, "hint: make a token for that host alone")) {
					t.Errorf("%v: exit code %d, want %q: %s", args, code, c.want, text)
				}
			}
		})
	}
}

// elsewhereSystem has a value for every variable, and no network.
func elsewhereSystem(t *testing.T, out, errs *strings.Builder, projects string) cli.System {
	return cli.System{Out: out, Err: errs, Now: time.Now, Transport: noNetwork{t}, Env: func(name string) (string, bool) {
		switch name {
		case "PROJECTS":
			return projects, true
		case "GITHUB_API_URL":
			return "https://ghe.example/api/v3", true
		case "MERGE_TOKEN", "GITHUB_TOKEN", "DEV", "API", "ACTIONS_RUNTIME_TOKEN":
			return "value-of-" + name, true
		}
		return "", false
	}}
}

// noNetwork fails the test when anything is sent.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("%s %s is sent", r.Method, r.URL)
	return nil, errors.New("there is no network")
}

// TestTokenOfAnotherForge lets the token of a profile at a GitLab or a Gitea go to that host, which may be the one that deploys, and
// names it where it may not go.
func TestTokenOfAnotherForge(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gitlab", "gitea"} {
		for host, want := range map[string]string{"gitlab.example": "", "evil.example": "the token MERGE_TOKEN is not for evil.example: it belongs to gitlab.example"} {
			root := t.TempDir()
			for file, text := range map[string]string{
				".pawl.yaml": "forge: {kind: " + kind + ", url: 'https://gitlab.example', repository: acme/profile}\n" +
					"deploy: {projects: [{name: dev, url: 'https://" + host + "/api/v4/projects/1/trigger/pipeline', secret: DEV, api: MERGE_TOKEN}]}\n",
				"values.yaml":      "a: v1.0.0\n",
				"manifests/a.yaml": "sources: {a: {kind: dockerimage, spec: {image: org/a, versionfilter: ^1.0.0}}}\ntargets: {a: {kind: yaml, spec: {file: values.yaml, key: $.a}}}\n",
			} {
				if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755), os.WriteFile(filepath.Join(root, file), []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			code := cli.Run(t.Context(), []string{"validate", "--root", root}, cli.System{Out: &out, Err: &out, Now: time.Now,
				Env: func(string) (string, bool) { return "", false }, Transport: noNetwork{t}})
			if (code == 0) != (want == "") || !strings.Contains(out.String(), want) {
				t.Errorf("%s, %s: exit code %d: %s", kind, host, code, out.String())
			}
		}
	}
}
