package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// sourced is a profile that follows one source of each kind, and its .pawl.yaml.
func sourced(t *testing.T, config string, kinds ...string) (root string) {
	t.Helper()
	specs := map[string]string{
		"image":   "kind: dockerimage, spec: {image: org/app, versionfilter: '*'}",
		"chart":   "kind: helmchart, spec: {url: 'https://charts.example', name: app, versionfilter: '*'}",
		"release": "kind: githubrelease, spec: {owner: org, repository: app, versionfilter: '*'}",
	}
	files := map[string]string{".pawl.yaml": config, "v.yaml": "image: 1.0.0\nchart: 1.0.0\nrelease: 1.0.0\n"}
	for _, kind := range kinds {
		files["manifests/"+kind+".yaml"] = "sources: {s: {" + specs[kind] + "}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $." + kind + "}}}\n"
	}
	root = t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// plan plans a profile over a transport.
func planOver(ctx context.Context, root string, transport http.RoundTripper) (code int, out string) {
	var text strings.Builder
	code = cli.Run(ctx, []string{"plan", "--root", root}, cli.System{Out: &text, Err: &text, Env: func(string) (string, bool) { return "", false }, Now: time.Now, Transport: transport})
	return code, text.String()
}

// endless answers every request for tags with one more and the next page, after a while.
type endless struct {
	after time.Duration
	pages int
}

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := httpx.Sleep(r.Context(), e.after); err != nil {
		return nil, err
	}
	e.pages++
	res := &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"tags":["1.%d.0"]}`, e.pages)))}
	res.Header.Set("Link", fmt.Sprintf(`</v2/org/app/tags/list?last=%d>; rel="next"`, e.pages))
	return res, nil
}

// TestAttackerEndlessListing lists tags that never end, a page in 302 ms: it took 302 s, and takes the minute that a source
// has, or what the configuration says. The reason names the key.
func TestAttackerEndlessListing(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]struct {
		took time.Duration
		says string
	}{
		"": {time.Minute, "not done within 1m0s in all (registries: {docker.io: {timeout: 1m}})"},
		"registries: {docker.io: {timeout: 90s}, ghcr.io: {timeout: 1s}}\n": {90 * time.Second, "(registries: {docker.io: {timeout: 1m30s}})"},
		"registries: {docker.io: {timeout: 2s}}\n":                          {2 * time.Second, "(registries: {docker.io: {timeout: 2s}})"},
	} {
		root := sourced(t, config, "image")
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			code, out := planOver(t.Context(), root, &endless{after: 302 * time.Millisecond})
			if took := time.Since(begin); code != cli.Partial || took < want.took || took > want.took+time.Second || !strings.Contains(out, want.says) || !strings.Contains(out, "source-failed") {
				t.Errorf("%q: exit code %d after %s: %s", config, code, took, out)
			}
		})
	}
}

// TestAttackerSlowBodies lets bodies of every kind of source drip for ever.
func TestAttackerSlowBodies(t *testing.T) {
	t.Parallel()
	faults := fake.WithFaults(http.NotFoundHandler())
	faults.Set("/", fake.Fault{Drip: true})
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	for kind, host := range map[string]string{"image": "docker.io", "chart": "charts.example", "release": "api.github.com"} {
		config := fmt.Sprintf("registries: {%s: {timeout: 300ms}}\nmirrors: {docker.io: '%s', 'https://charts.example': '%[2]s', 'https://api.github.com': '%[2]s'}\n", host, server.URL)
		begin := time.Now()
		code, out := planOver(t.Context(), sourced(t, config, kind), nil)
		if took := time.Since(begin); code != cli.Partial || took > 5*time.Second || !strings.Contains(out, "(registries: {"+host+": {timeout: 300ms}})") {
			t.Errorf("%s: exit code %d after %s: %s", kind, code, took, out)
		}
	}
}

// TestAttackerInterruptEndsParsing interrupts a run that has fetched an index and reads it, and one that reads what it was
// never meant to be. It is over within two seconds.
func TestAttackerInterruptEndsParsing(t *testing.T) {
	t.Parallel()
	for name, item := range map[string]string{"odd items": "  c-%d:\n  - version: '1.0.0'\n", "plain items": "  c-%d:\n  - version: 1.0.0\n"} {
		served := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			out := bufio.NewWriter(w)
			_, _ = io.WriteString(out, "entries:\n")
			for i := range 900_000 {
				fmt.Fprintf(out, item, i)
			}
			_ = out.Flush()
			close(served)
		}))
		t.Cleanup(server.Close)
		root := sourced(t, "mirrors: {'https://charts.example': '"+server.URL+"'}\n", "chart")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var interrupted time.Time
		go func() {
			<-served
			interrupted = time.Now()
			cancel()
		}()
		code, out := planOver(ctx, root, nil)
		if took := time.Since(interrupted); code != cli.Interrupted || took > 2*time.Second {
			t.Errorf("%s: exit code %d, %s after the interrupt: %s", name, code, took, out)
		}
	}
}
