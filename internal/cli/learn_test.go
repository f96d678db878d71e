package cli_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
)

// shown runs pawl in a profile of some files, against one server that is every host, and returns all that it prints.
func shown(t *testing.T, files, env map[string]string, server func(*http.Request) *http.Response, args ...string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(root, name), text)
	}
	var out, errs strings.Builder
	cli.Run(t.Context(), append(args, "--root", root), cli.System{Out: &out, Err: &errs, Now: time.Now,
		Sleep: func(context.Context, time.Duration) error { return nil },
		Env:   func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() (all []string) {
			for name, value := range env {
				all = append(all, name+"="+value)
			}
			return all
		},
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			res := server(r)
			res.Request, res.Proto, res.ProtoMajor, res.ProtoMinor = r, "HTTP/1.1", 1, 1
			if res.Header == nil {
				res.Header = http.Header{}
			}
			if res.Body == nil {
				res.Body = io.NopCloser(strings.NewReader("{}"))
			}
			return res, nil
		})})
	return out.String() + errs.String()
}

// oneImage is a profile that follows an image at a registry which wants a login.
var oneImage = map[string]string{
	"values.yaml":      "a: v1.0.0\n",
	"manifests/a.yaml": "sources: {image: {kind: dockerimage, spec: {image: private.example/org/a, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.a}}}\n",
}

// TestDockerCredentialsAreKnownAsSoonAsRead lets a registry repeat each kind of credential that a docker configuration may
// hold, in the first address that it sends us to: no later request has carried it by then.
func TestDockerCredentialsAreKnownAsSoonAsRead(t *testing.T) {
	const secret = "c4nary-d0cker"
	bin := t.TempDir()
	helper := "#!/bin/sh\ncat >/dev/null\nprintf '{\"ServerURL\":\"private.example\",\"Username\":\"%s\",\"Secret\":\"" + secret + "\"}' \"$HELPED\"\n"
	writeFile(t, filepath.Join(bin, "docker-credential-canary"), helper)
	if err := os.Chmod(filepath.Join(bin, "docker-credential-canary"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for name, entry := range map[string]string{
		"auth":                     fmt.Sprintf(`"auths":{"private.example":{"auth":%q}}`, base64.StdEncoding.EncodeToString([]byte("me:"+secret))),
		"password":                 fmt.Sprintf(`"auths":{"private.example":{"username":"me","password":%q}}`, secret),
		"identity token":           fmt.Sprintf(`"auths":{"private.example":{"identitytoken":%q}}`, secret),
		"registry token":           fmt.Sprintf(`"auths":{"private.example":{"registrytoken":%q}}`, secret),
		"helper":                   `"credHelpers":{"private.example":"canary"}`,
		"helper of identity token": `"credHelpers":{"private.example":"canary"}`,
	} {
		for _, scheme := range []string{"Basic", "Bearer"} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				t.Setenv("HELPED", map[bool]string{true: "<token>", false: "me"}[strings.HasPrefix(name, "helper of")])
				dir := t.TempDir()
				writeFile(t, filepath.Join(dir, "config.json"), "{"+entry+"}")
				t.Setenv("DOCKER_CONFIG", dir)
				used := false
				printed := shown(t, oneImage, nil, func(r *http.Request) *http.Response {
					switch {
					case r.URL.Path == "/v2/":
						return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {scheme + ` realm="https://private.example/token",service="x"`}}}
					case strings.Contains(r.URL.Path, "/again/"):
						return &http.Response{StatusCode: 404}
					}
					used = true
					return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"https://private.example/again/" + secret + "/list"}}}
				}, "plan", "-v")
				if !used || strings.Contains(printed, secret) || !strings.Contains(printed, "/again/***/list") {
					t.Errorf("asked: %v; %s", used, printed)
				}
			})
		}
	}
}

// TestProxyPasswords has passwords in the addresses of proxies, well formed or not: none is shown, also where the address
// is what is wrong.
func TestProxyPasswords(t *testing.T) {
	t.Parallel()
	for value, secret := range map[string]string{
		"http://me:c4nary-proxy@proxy.example:8080": "c4nary-proxy", "me:c4nary-proxy@proxy.example": "c4nary-proxy", "http://c4nary-proxy@proxy.example": "c4nary-proxy",
		"http://me:c4nary proxy 1@proxy.example": "c4nary proxy 1", "http://me:c4nary/proxy#1?@proxy.example": "c4nary/proxy#1?", "http://me:c4n%61ry-proxy@proxy.example": "c4nary-proxy",
		"http://me:c4n@ry-proxy@proxy.example": "c4n@ry-proxy",
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
			printed := shown(t, oneImage, map[string]string{name: value}, func(*http.Request) *http.Response {
				return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"https://private.example/" + strings.NewReplacer("?", "%3F", "#", "%23", " ", "%20").Replace(secret)}}}
			}, "plan", "-v")
			if strings.Contains(unfolded(printed), secret) || !strings.Contains(printed, "***") {
				t.Errorf("%s=%s: %s", name, value, printed)
			}
		}
	}
}

// TestAddressesOfTheConfiguration has passwords in addresses of the settings, of manifests that cannot be used, of variables
// that manifests may read and of the projects: what is said of them shows none.
func TestAddressesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	const at = "://me:c4nary-address@h.example/x"
	manifest := oneImage["manifests/a.yaml"]
	for name, c := range map[string]struct{ config, manifest, env string }{
		"a mirror":              {config: "mirrors: {docker.io: ftp" + at + "}\n"},
		"a setting unknown":     {config: "mirors: {docker.io: 'https" + at + "'}\n"},
		"no YAML":               {config: "mirrors: {docker.io: 'https" + at + "'\nx: ]"},
		"a chart":               {manifest: "sources: {c: {kind: helmchart, spec: {url: 'ftp" + at + "', name: c, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.a}}}\n"},
		"a chart that answers":  {manifest: "sources: {c: {kind: helmchart, spec: {url: 'https" + at + "', name: c, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.a}}}\n"},
		"a kind":                {manifest: strings.Replace(manifest, "kind: dockerimage", "kind: 'https"+at+"'", 1)},
		"a manifest of no YAML": {manifest: "x: 'https" + at + "'\ny: ]\n"},
		"a variable":            {config: "env: [CHARTS]\n", env: "https" + at, manifest: "sources: {c: {kind: helmchart, spec: {url: '{{ requiredEnv \"CHARTS\" }}', name: c, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.a}}}\n"},
		"projects":              {config: "deploy: {projects: '${CHARTS}'}\n", env: `[{"name": "p", "url": "https:\/\/me:c4nary-address@h.example\/x", "secret": "T"}]`},
		"a token for its name":  {config: "deploy: {projects: [{name: p, url: 'https://h.example/x', secret: c4nary-address}]}\n"},
		"a token in projects":   {config: "deploy: {projects: '${CHARTS}'}\n", env: `[{"name": "p", "url": "https://h.example/x", "secret": "c4nary-address"}]`},
		"a sink":                {config: "events: {sinks: [{type: http, url: 'https" + at + "', token: c4nary-address}]}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"values.yaml": "a: v1.0.0\n", "manifests/a.yaml": manifest, ".pawl.yaml": "version: 1\n" + c.config}
			if c.manifest != "" {
				files["manifests/a.yaml"] = c.manifest
			}
			for _, args := range [][]string{{"validate"}, {"plan", "-v"}, {"run", "--dry-run"}, {"explain", "a"}, {"deploy"}, {"init", "--dry-run"}, {"events", "list"}} {
				printed := shown(t, files, map[string]string{"CHARTS": c.env, "MERGE_TOKEN": "m3rge-token", "GITHUB_REPOSITORY": "org/p"}, func(r *http.Request) *http.Response {
					return &http.Response{StatusCode: 404, Body: io.NopCloser(strings.NewReader(`{"message":"c4nary-address at ` + r.URL.Redacted() + `"}`))}
				}, args...)
				if strings.Contains(printed, "c4nary-address") {
					t.Errorf("pawl %s: %s", strings.Join(args, " "), printed)
				}
			}
		})
	}
}

// TestPanicPassesTheDoor shows that also what a fault of pawl says is without secrets, on stderr as on a page, and that it
// ends with 1 and no traceback.
func TestPanicPassesTheDoor(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"text", "json"} {
		for _, v := range []bool{false, true} {
			var out, errs strings.Builder
			args := []string{"plan", "--log", form, "--root", t.TempDir()}
			if v {
				args = append(args, "-v")
			}
			writeFile(t, filepath.Join(args[4], "values.yaml"), oneImage["values.yaml"])
			writeFile(t, filepath.Join(args[4], "manifests/a.yaml"), oneImage["manifests/a.yaml"])
			code := cli.Run(t.Context(), args, cli.System{Out: &out, Err: &errs, Now: func() time.Time { panic("no time for " + canary) },
				Env: func(name string) (string, bool) { return canary, name == "MERGE_TOKEN" }})
			printed := out.String() + errs.String()
			if code != cli.Failure || leak(printed) != "" || !strings.Contains(printed, "no time for ***") || !strings.Contains(printed, "please report it") {
				t.Errorf("exit code %d: %s", code, printed)
			}
			if strings.Contains(printed, "goroutine ") != v {
				t.Errorf("with -v %v: %s", v, printed)
			}
		}
	}
}

// TestPanicOfOneSource lets the reading of one source panic, in its listing or in its digest: its target fails with what the
// panic said, cleaned, and the other source is followed. The exit code is not Go's 2, which means changes.
func TestPanicOfOneSource(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"/tags/list", "/manifests/"} {
		files := map[string]string{"values.yaml": "a: v1.0.0\nb: v1.0.0\n", "manifests/a.yaml": oneImage["manifests/a.yaml"],
			"manifests/b.yaml": strings.NewReplacer("org/a", "org/b", "$.a", "$.b").Replace(oneImage["manifests/a.yaml"])}
		printed := shown(t, files, map[string]string{"MERGE_TOKEN": canary}, func(r *http.Request) *http.Response {
			switch {
			case strings.Contains(r.URL.Path, "org/a"+at):
				panic("cannot read " + canary)
			case strings.HasSuffix(r.URL.Path, "/list"):
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"tags":["v1.0.0","v1.1.0"]}`))}
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Docker-Content-Digest": {"sha256:" + strings.Repeat("0", 64)}}}
		}, "plan", "--detailed-exitcode")
		if leak(printed) != "" || !strings.Contains(printed, "pawl failed in itself: cannot read ***") || !strings.Contains(printed, "please report it") || !strings.Contains(printed, "v1.1.0  values.yaml  $.b") {
			t.Errorf("%s: %s", at, printed)
		}
	}
}

// TestStrangersMakeNothingSecret has a stranger's words in variables of a CI system: a version that they call a password is
// written all the same.
func TestStrangersMakeNothingSecret(t *testing.T) {
	t.Parallel()
	const title = "see https://x:v1.1.0-rc.1@h.example and x:v1.1.0-rc.1@h.example"
	printed := shown(t, map[string]string{"values.yaml": "a: v1.0.0\n", "manifests/a.yaml": strings.ReplaceAll(oneImage["manifests/a.yaml"], "^1.0.0", "'>=1.0.0-0'")},
		map[string]string{"CI_COMMIT_TITLE": title, "PAWL_UPSTREAM": title, "GITHUB_HEAD_REF": title, "COMMIT_MESSAGE": title}, func(r *http.Request) *http.Response {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"name":"org/a","tags":["v1.0.0","v1.1.0-rc.1"]}`))}
		}, "plan")
	if !strings.Contains(printed, "v1.1.0-rc.1") {
		t.Error(printed)
	}
}
