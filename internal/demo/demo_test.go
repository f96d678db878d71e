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

// TestFleet shows that a world of many profiles counts what it is told: requests for a repository by whose token, and whatever
// reaches the hostile profile's own server or starts its program.
func TestFleet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := OpenFleet(dir, 12)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if f.Profiles[0] != "acme/profile-01" || len(f.Profiles) != 12 || len(f.Images()) != 9 {
		t.Errorf("%v follow %v", f.Profiles, f.Images())
	}
	get := func(url, token string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := f.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	own, hub := f.Environment()["TOKEN_01"], f.place("GitHub")
	get(hub+"/repos/acme/profile-01", own)
	get(hub+"/acme/profile-01.git/info/refs?service=git-upload-pack", own)
	get(hub+"/user", own)
	get(hub+"/repos/acme/failing", f.Environment()["TOKEN_FAILING"])
	if c := f.Counts(); c.Calls != 3 || c.Profiles["acme/profile-01"].Calls != 3 || c.Strayed != 0 || c.Trapped != 0 || c.Started {
		t.Errorf("its own: %+v", c)
	}
	get(hub+"/repos/acme/profile-02", own)
	get(hub+"/acme/hostile.git/info/refs?service=git-upload-pack", own)
	get(f.place("trap")+"/v2/", "")
	get(f.place("registry")+"/v2/acme/api/tags/list", "")
	if err := f.Write(proof, nil); err != nil {
		t.Fatal(err)
	}
	if c := f.Counts(); c.Strayed != 2 || c.Trapped != 1 || !c.Started || c.Listings["acme/api"] != 1 {
		t.Errorf("another's: %+v", c)
	}
	if version := f.Publish(); version != "v1.5.0" {
		t.Errorf("published %s", version)
	}
}
