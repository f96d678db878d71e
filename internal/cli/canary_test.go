package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/otlp"
)

// aviary is a stage with a token of every kind: of the forge, of two projects, of an event sink, of a private registry in
// the docker config, of releases at another server, of a proxy, of a dispatch target, of the runner and of a collector of traces.
type aviary struct {
	*storyStage
	secrets map[string]string
	private *fake.Registry
	over    hosts
	// pages is a folder for pages.
	pages string
	// collector takes traces.
	collector *otlp.Collector
}

// cages are the hosts that each secret may be sent to.
var cages = map[string]string{"MERGE_TOKEN": "api.github.com", "TRIGGER_0": "gitlab.example", "TRIGGER_1": "gitlab.example", "READER_1": "gitlab.example",
	"EVENTS_TOKEN": "events.example", "RELEASES_TOKEN": "git.example", "docker": "private.example", "OTEL_EXPORTER_OTLP_HEADERS": "collector.example"}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	a := &aviary{storyStage: newStoryStage(t, 2, github.Settings{}, "secrets: {RELEASES_TOKEN: git.example}\n"), pages: t.TempDir(), collector: &otlp.Collector{}}
	maps.Copy(a.env, map[string]string{"EVENTS_TOKEN": "c4nary-events-token", "EVENTS_KEY": `c4nary"events\key&<1>`, "RELEASES_TOKEN": "c4nary_releases_token",
		"ACTIONS_RUNTIME_TOKEN": "c4nary.runtime.token", "DEPLOY_PASSWORD": "c4nary password 9", "DOWNSTREAM_IMAGE_X": "org/x:c4nary-downstream",
		"HTTPS_PROXY": "http://me:c4nary-proxy@proxy.example"})
	a.configure("/in'}", "/in', token: EVENTS_TOKEN, hmac: EVENTS_KEY}")
	a.secrets = maps.Clone(a.env)
	maps.Copy(a.env, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=c4nary%2Dotel%2Dkey",
		"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "TRACESTATE": "rojo=00f067aa0ba902b7"})
	a.secrets["OTEL_EXPORTER_OTLP_HEADERS"] = "c4nary-otel-key"
	a.secrets["docker"] = "c4nary-d0cker-passw0rd"
	a.secrets["DOWNSTREAM_IMAGE_X"], a.secrets["HTTPS_PROXY"] = "c4nary-downstream", "c4nary-proxy"
	for name, source := range map[string]string{
		"d": "{kind: dockerimage, spec: {image: private.example/org/d, versionfilter: ^1.0.0}}",
		"e": "{kind: helmchart, spec: {url: 'https://charts.example', name: e, versionfilter: ^1.0.0}}",
		"f": `{kind: githubrelease, spec: {owner: org, repository: f, url: 'https://git.example', token: '{{ requiredEnv "RELEASES_TOKEN" }}', versionfilter: ^1.0.0}}`,
	} {
		text := "sources: {image: " + source + "}\ntargets: {yaml: {kind: yaml, spec: {file: more.yaml, key: $." + name + "}}}\n"
		a.both("manifests/"+name+".yaml", text)
	}
	a.both("more.yaml", "d: v1.0.0\ne: 1.0.0\nf: v1.0.0\n")
	a.private = fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/d": {"v1.0.0", "v1.1.0"}}, Auth: fake.BasicAuth, User: "me", Password: a.secrets["docker"]})
	a.over = a.network().(hosts)
	a.over["private.example"] = fake.Network{"private.example": a.private}
	a.over["collector.example"] = fake.Network{"collector.example": a.collector}
	a.over["charts.example"] = fake.Network{"charts.example": fake.NewHelm(map[string][]string{"e": {"1.0.0", "1.1.0"}})}
	a.over["git.example"] = fake.Network{"git.example": fake.NewReleases(fake.ReleasesOptions{Prefix: "/api/v3", Token: a.secrets["RELEASES_TOKEN"],
		Releases: map[string][]fake.Release{"org/f": {{ID: 1, Tag: "v1.0.0"}, {ID: 2, Tag: "v1.1.0"}}}})}
	return a
}

// both writes a file here and on the base.
func (a *aviary) both(name, text string) {
	a.local(name, text)
	a.must(a.repo.Push("main", "alice", map[string][]byte{name: []byte(text)}, "a file"))
}

// RoundTrip looks at what is sent: no secret goes to a host that it does not belong to.
func (a *aviary) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(strings.NewReader(body))
	}
	sent := fmt.Sprint(req.URL, " ", req.Header, " ", body)
	if _, password, ok := req.BasicAuth(); ok {
		sent += " " + password
	}
	all := unfolded(sent)
	for name, secret := range a.secrets {
		if _, ours := a.over[req.URL.Host]; ours && cages[name] != strings.Replace(req.URL.Host, "github.com", "api.github.com", bit(req.URL.Host == "github.com")) && strings.Contains(all, secret) { // a realm is where a host that knows it sends us
			a.Errorf("%s is sent to %s: %s %s", name, req.URL.Host, req.Method, sent)
		}
	}
	return a.over.RoundTrip(req)
}

// parrot repeats every secret in the answers of one host: in all of them, or in one.
type parrot struct {
	*aviary
	host       string
	at, status int
	mu         sync.Mutex
	n          int
}

func (p *parrot) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := p.aviary.RoundTrip(req)
	if err != nil || req.URL.Host != p.host {
		return res, err
	}
	p.mu.Lock()
	p.n++
	hit := p.at == 0 || p.at == p.n
	p.mu.Unlock()
	if hit {
		p.repeat(res)
	}
	return res, nil
}

// repeat makes an answer one that shows every secret in every spelling, in a body that each client reads its own way.
func (p *parrot) repeat(res *http.Response) {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.secrets)) {
		all = append(all, spellingsOf(p.secrets[name]))
	}
	text, _ := json.Marshal("your tokens are " + strings.Join(all, " ")) // a string is always JSON
	body := fmt.Sprintf(`{"message":%s,"error":%s,"errors":[{"type":"FORBIDDEN","code":"DENIED","message":%s,"detail":%s}],"documentation_url":%s}`, text, text, text, text, text)
	res.StatusCode, res.Status = p.status, strconv.Itoa(p.status)+" "+strings.Join(all, " ")
	res.Body, res.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	res.Header.Set("X-Echo", strings.Join(all, " "))
	if p.status == http.StatusUnauthorized {
		res.Header.Set("Www-Authenticate", `Bearer realm="https://`+base64.RawURLEncoding.EncodeToString([]byte(p.secrets["docker"]))+`.example/`+p.secrets["READER_1"]+`",service="`+p.secrets["EVENTS_TOKEN"]+`"`)
	}
}

// clean fails the test when a text holds any secret.
func (a *aviary) clean(what, text string) {
	a.Helper()
	if seen[text] {
		return
	}
	all := unfolded(text)
	for name, secret := range a.secrets {
		if strings.Contains(all, secret) {
			a.Errorf("%s holds %s: %.2000s", what, name, text)
		}
	}
	seen[text] = true
}

// seen are the texts that were looked at already.
var seen = map[string]bool{}

// unfolded is a text with everything that its base64 and its escapes may mean.
func unfolded(text string) string {
	var b strings.Builder
	plain := html.UnescapeString(text)
	for _, layer := range []string{text, plain, strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(plain),
		escape.ReplaceAllStringFunc(plain, func(e string) string { c, _ := url.PathUnescape(e); return c })} {
		b.WriteString(layer + "\n")
	}
	for _, run := range encoded.FindAllString(text, -1) {
		run = strings.NewReplacer("-", "+", "_", "/").Replace(run)
		for skip := range min(4, len(run)) {
			data, _ := base64.RawStdEncoding.DecodeString(run[skip:]) // up to the first fault
			b.Write(append(data, '\n'))
		}
	}
	return b.String()
}

// fly runs pawl and looks at everything that comes of it.
func (a *aviary) fly(over http.RoundTripper, run int, args ...string) (printed string) {
	a.Helper()
	dir := a.TempDir()
	env := a.environment(run)
	maps.Copy(env, a.env)
	maps.Copy(env, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")})
	var out, errs strings.Builder
	cli.Run(a.Context(), append(args, "--root", a.root), cli.System{Out: &out, Err: &errs, Now: a.clock, Sleep: a.sleep, Transport: over,
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() []string {
			var all []string
			for name, value := range env {
				all = append(all, name+"="+value)
			}
			return all
		}})
	a.clean("stdout", out.String())
	a.clean("stderr", errs.String())
	_, raw, headers, faults := a.collector.Received()
	if len(faults) > 0 {
		a.Errorf("the collector refuses: %v", faults)
	}
	for i, body := range raw {
		a.clean("a trace", body)
		if headers[i].Get("X-Key") != a.secrets["OTEL_EXPORTER_OTLP_HEADERS"] {
			a.Errorf("the collector got %v", headers[i])
		}
	}
	kept, _ := a.repo.File("refs/pawl/ledger", "pending.jsonl")
	a.clean("the ledger", string(kept))
	for _, folder := range []string{dir, a.pages} {
		a.must(nil, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				data, _ := os.ReadFile(path)
				a.clean(path, string(data))
			}
			return err
		}))
	}
	for _, e := range a.receiver.Events() {
		a.clean("an event", string(e.Raw))
	}
	for ref := range a.repo.Refs() {
		a.clean("a ref", ref)
		for _, c := range a.repo.Log(ref) {
			a.clean("a commit", c.Author+c.Committer+c.Message)
			for _, file := range c.Files {
				data, _ := a.repo.File(c.SHA, file)
				a.clean("the file "+file, string(data))
			}
		}
	}
	for _, p := range a.repo.Pulls() {
		a.clean("a pull request", fmt.Sprint(p))
	}
	return out.String() + errs.String()
}

// dockerConfig lets the process log in at the private registry.
func dockerConfig(t *testing.T) {
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte("me:c4nary-d0cker-passw0rd"))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"private.example":{"auth":"`+auth+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
}

// TestCanaries lets every kind of server repeat tokens of every kind, in every answer or in one, and looks for them in all
// that leaves the process.
func TestCanaries(t *testing.T) {
	dockerConfig(t)
	forms := [][]string{{"run", "-o", "json", "--log", "json", "-v"}, {"run", "-o", "markdown"}, {"run", "-v"}, {"plan"}, {"plan", "-o", "markdown", "-v"}, {"run", "--dry-run"}}
	said := map[string]int{}
	for _, host := range []string{"", "api.github.com", "gitlab.example", "events.example", "index.docker.io", "private.example", "charts.example", "git.example", "collector.example"} {
		for i, status := range []int{200, 401, 403, 422, 500} {
			if status == 500 && !slices.Contains([]string{"", "api.github.com", "gitlab.example", "events.example"}, host) {
				status = 404 // several wait for one answer, on which the clock of a bubble does not go on
			}
			for k, at := range []int{0, 1 + i*5} {
				if k > 0 && i%stride(2) > 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s %d at %d", host, status, at), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						a := newAviary(t)
						p := &parrot{aviary: a, host: host, at: at, status: status}
						printed := a.fly(p, 1, append(slices.Clone(forms[(i+at)%len(forms)]), "--page", filepath.Join(a.pages, "page.html"))[:len(forms[(i+at)%len(forms)])+2*bit(forms[(i+at)%len(forms)][0] == "run")]...)
						if host == "" && !strings.Contains(printed, "v1.1.0") {
							t.Errorf("nothing is updated: %s", printed)
						}
						if _, raw, _, _ := a.collector.Received(); len(raw) == 0 {
							t.Errorf("no trace came: %s", printed)
						}
						if strings.Contains(printed, "your tokens are") {
							said[host]++
						}
						a.fly(p, 2, "run", "-o", "json")
						if i == 0 {
							a.fly(p, 3, "events", "list")
						}
					})
				})
				if host == "" {
					break
				}
			}
		}
	}
	t.Logf("shown: %v", said)
	for _, host := range []string{"api.github.com", "gitlab.example", "events.example"} {
		if said[host] == 0 {
			t.Errorf("nothing that %s said was shown, so nothing was tested", host)
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestSecretAsVersion lets sources list a token as the newest version: it is never written.
func TestSecretAsVersion(t *testing.T) {
	dockerConfig(t)
	synctest.Test(t, func(t *testing.T) {
		a := newAviary(t)
		tag := "v1.9.0-" + a.secrets["ACTIONS_RUNTIME_TOKEN"]
		a.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.9.0+"+a.secrets["TRIGGER_1"], "v1.9.1-"+base64.RawURLEncoding.EncodeToString([]byte(a.secrets["TRIGGER_0"])))
		a.private.SetTags("org/d", "v1.0.0", "v1.2.0", "1.9.0+"+a.secrets["docker"], tag)
		a.over["charts.example"] = fake.Network{"charts.example": fake.NewHelm(map[string][]string{"e": {"1.0.0", "1.9.0+" + a.secrets["EVENTS_TOKEN"], "1.9.1+" + a.secrets["TRIGGER_0"]}})}
		printed := a.fly(a, 1, "run", "-v")
		if !strings.Contains(printed, "index.docker.io") || strings.Count(printed, "lists a version that holds a secret of this run") < 3 || !strings.Contains(printed, "v1.1.0") {
			t.Errorf("nothing is said of it: %s", printed)
		}
	})
}
