package demo

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestStaysHere shows that the stage's network ends at this machine, whatever the host is called.
func TestStaysHere(t *testing.T) {
	t.Parallel()
	stage, err := Open(t.TempDir(), profile("image"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stage.Close() })
	client := &http.Client{Transport: stage.Transport()}
	for _, p := range stage.Places {
		res, err := client.Get(p.URL)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		_ = res.Body.Close()
	}
	for _, url := range []string{"http://192.0.2.1/", "https://github.com/", "http://localhost.example:80/", "http://[2001:db8::1]/"} {
		if _, err := client.Get(url); err == nil || !strings.Contains(err.Error(), "stays on this machine") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// profile has one manifest of a kind.
func profile(kind string) fstest.MapFS {
	return fstest.MapFS{
		"manifests/a.yaml": {Data: []byte("sources: {s: {kind: docker" + kind + ", spec: {image: org/a, versionfilter: '^1.0.0'}}}\ntargets: {t: {kind: yaml, spec: {file: values.yaml, key: $.a}}}\n")},
		"values.yaml":      {Data: []byte("a: v1.0.9\n")},
	}
}

// TestSources shows that a source lists what the profile holds, and that a profile that cannot be read is an error.
func TestSources(t *testing.T) {
	t.Parallel()
	versions, err := Sources(profile("image"))
	if diff := cmp.Diff(map[string][]string{"org/a": {"v1.0.9"}}, versions.Images); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	missing := profile("image")
	delete(missing, "values.yaml")
	for name, broken := range map[string]fstest.MapFS{"kind": profile("nonsense"), "none": {}, "file": missing} {
		if _, err := Sources(broken); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := Open(t.TempDir(), broken, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"v1.2.3": "v1.2.4", "v1.2.9-infitx.99": "v1.2.9-infitx.100", "10.0.0": "10.0.1", "v1": "v2", "main": "main1"} {
		if got := next(version); got != want {
			t.Errorf("next(%s) = %s, want %s", version, got, want)
		}
	}
}
