package source_test

import (
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

const bad = "sha256:393163ba6a668e8a8f4ca0a3ce01fd14b3908faa6f40c291563f7447ed01bc4f"

// TestParseNamed reads artifacts as people name them, and says which version of which source each one covers.
func TestParseNamed(t *testing.T) {
	t.Parallel()
	image := func(name string) source.Query {
		q, err := source.ParseImage(name)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	classic := source.Query{Kind: source.HelmChart, Host: "charts.example", Base: "https://charts.example", Path: "web"}
	oci := source.Query{Kind: source.HelmChart, Host: "ghcr.io", Base: "oci://ghcr.io/org/charts", Path: "web"}
	release := source.Query{Kind: source.GitHubRelease, Host: "github.com", Base: "https://api.github.com", Path: "Org/Tool"}
	for _, c := range []struct {
		text        string
		of          source.Query
		tag, digest string
		covers      bool
	}{
		{"org/app:1.4.2", image("org/app"), "1.4.2", "", true},
		{"docker.io/org/app:1.4.2", image("org/app"), "1.4.2", bad, true},
		{"index.docker.io/org/app:1.4.2", image("org/app"), "1.4.2", "", true},
		{"nginx:1.27", image("nginx"), "1.27", "", true},
		{"ghcr.io/org/app:1.4.2", image("org/app"), "1.4.2", "", false},
		{"org/app:1.4.2", image("org/app"), "1.4.20", "", false},
		{"org/app:1.4.2", image("org/app2"), "1.4.2", "", false},
		{"localhost:5000/app:1", image("localhost:5000/app"), "1", "", true},
		{"org/app@" + bad, image("org/app"), "1.4.2", bad, true},
		{"org/app@" + bad, image("org/app"), "1.4.2", "", false},
		{"org/app:1.4.2@" + bad, image("org/app"), "latest", bad, true},
		{"org/app:1.4.2@" + bad, image("org/app"), "1.4.2", "sha256:00", false},
		{"pkg:oci/app?repository_url=docker.io%2Forg%2Fapp&tag=1.4.2", image("org/app"), "1.4.2", "", true},
		{"pkg:oci/app@1.4.2?repository_url=docker.io%2Forg%2Fapp", image("org/app"), "1.4.2", "", true},
		{"pkg:oci/app@" + bad + "?repository_url=docker.io%2Forg%2Fapp&tag=1", image("org/app"), "1.4.2", bad, true},
		{"pkg:docker/org/app@1.4.2", image("org/app"), "1.4.2", "", true},
		{"pkg:docker/org/app@1.4.2?repository_url=ghcr.io", image("ghcr.io/org/app"), "1.4.2", "", true},
		{"web@1.2.3", classic, "1.2.3", "", true},
		{"web@1.2.3", oci, "1.2.3", "", true},
		{"web@1.2.3", image("org/web"), "1.2.3", "", false},
		{"https://charts.example#web@1.2.3", classic, "1.2.3", "", true},
		{"https://charts.example/#web@1.2.3", classic, "1.2.3", "", true},
		{"https://other.example#web@1.2.3", classic, "1.2.3", "", false},
		{"oci://ghcr.io/org/charts/web@1.2.3", oci, "1.2.3", "", true},
		{"org/tool@v1.2.3", release, "v1.2.3", "", true},
		{"pkg:github/org/tool@v1.2.3", release, "v1.2.3", "", true},
		{"org/tool@v1.2.3", release, "v1.2.4", "", false},
	} {
		a, err := source.ParseNamed(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := a.Covers(c.of, c.tag, c.digest); got != c.covers {
			t.Errorf("%s is %s, and covers %s %s: %v", c.text, a, c.of, c.tag, got)
		}
		again, err := source.ParseArtifact(a.String())
		if err != nil || again.Covers(c.of, c.tag, c.digest) != c.covers {
			t.Errorf("%s is not the same after it was written as %s: %v", c.text, a, err)
		}
	}
	for _, text := range []string{
		"", "app", "org/app", "org/app:", "org/app@", "@1.2.3", "https://charts.example@1", "a/b/c@1.2.3", "org/app:1 .2", "pkg:oci/app", "pkg:oci/app@1.2.3",
		"pkg:oci/app?repository_url=docker.io%2Forg%2Fapp", "pkg:github/tool@v1", "pkg:helm/web", "ORG/APP:1", "org/app:x/y",
	} {
		if a, err := source.ParseNamed(text); err == nil {
			t.Errorf("%q is %+v", text, a)
		}
	}
}

// FuzzParseNamed shows that what is read names a version, and reads the same once it was written.
func FuzzParseNamed(f *testing.F) {
	for _, text := range []string{"org/app:1.4.2", "web@1.2.3", "pkg:docker/a/b@1", "https://c.example#w@1", "oci://h/c@1", "a/b@v1", "a@" + bad} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := source.ParseNamed(text)
		if err != nil {
			return
		}
		if a.Name == "" || a.Version == "" && a.Tag == "" {
			t.Fatalf("%q is %+v", text, a)
		}
		if again, err := source.ParseArtifact(a.String()); err != nil || !again.Same(a) {
			t.Fatalf("%q is %s, which is read as %+v: %v", text, a, again, err)
		}
	})
}
