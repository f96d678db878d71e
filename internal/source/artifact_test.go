package source_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/package-url/packageurl-go"

	"github.com/pawl-cd/pawl/internal/source"
)

const digest = "sha256:4f1d2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7"

func TestArtifact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		artifact source.Artifact
		want     string
	}{
		{source.ImageArtifact("docker.io/mojaloop/central-ledger", "v19.13.0-infitx.27", digest),
			"pkg:oci/central-ledger@" + digest + "?repository_url=docker.io%2Fmojaloop%2Fcentral-ledger&tag=v19.13.0-infitx.27"},
		{source.ImageArtifact("docker.io/library/redis", "7", ""), "pkg:oci/redis?repository_url=docker.io%2Flibrary%2Fredis&tag=7"},
		{source.ImageArtifact("localhost:5000/Org/App", "V1_x", ""), "pkg:oci/app?repository_url=localhost:5000%2Forg%2Fapp&tag=V1_x"},
		{source.ChartArtifact("https://charts.example/stable/", "redis", "1.0.0+build.2"),
			"pkg:helm/redis@1.0.0%2Bbuild.2?repository_url=https:%2F%2Fcharts.example%2Fstable"},
		{source.ChartArtifact("https://me:pw@charts.example", "a b", "1"), "pkg:helm/a%20b@1?repository_url=https:%2F%2Fcharts.example"},
		{source.ReleaseArtifact("", "Acme", "Tool", "v1/@?#%"), "pkg:github/acme/tool@v1%2F%40%3F%23%25"},
		{source.ReleaseArtifact("https://api.github.com/", "acme", "tool", "v1"), "pkg:github/acme/tool@v1"},
		{source.ReleaseArtifact("https://ghe.example/api/v3", "acme", "tool", "v1"), "pkg:github/acme/tool@v1?repository_url=https:%2F%2Fghe.example%2Fapi%2Fv3"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			if got := c.artifact.String(); got != c.want {
				t.Errorf("got %s", got)
			}
			other, err := packageurl.FromString(c.want)
			if err != nil {
				t.Fatalf("another implementation: %v", err)
			}
			q := other.Qualifiers.Map()
			theirs := source.Artifact{Type: other.Type, Namespace: other.Namespace, Name: other.Name, Version: other.Version,
				Repository: q["repository_url"], Tag: q["tag"]}
			if !theirs.Same(c.artifact) {
				t.Errorf("another implementation reads %+v", theirs)
			}
			if strings.Contains(c.want, "%20") {
				return // no space is read
			}
			ours, err := source.ParseArtifact(c.want)
			if diff := cmp.Diff(theirs, ours); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestParseArtifact(t *testing.T) {
	t.Parallel()
	want, err := source.ParseArtifact("pkg:oci/ledger@sha256:ab?repository_url=docker.io/acme/ledger&tag=v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{
		"pkg:OCI/Ledger@sha256%3AAB?tag=v1&arch=amd64&repository_url=docker.io%2Facme%2Fledger#sub/path",
		"pkg://oci/ledger@sha256%3aab?Repository_URL=docker.io%2Facme%2fledger&tag=v1",
		"pkg:oci/ledger@sha256:ab?repository_url=docker.io/acme/ledger&tag=v2",
	} {
		got, err := source.ParseArtifact(other)
		if err != nil || !got.Same(want) {
			t.Errorf("%s is another artifact: %+v, %v", other, got, err)
		}
	}
	for _, bad := range []string{"", "oci/a", "pkg:", "pkg:oci", "pkg:oci/", "pkg:/a", "pkg:o ci/a", "pkg:oci/a%zz", "pkg:oci/a%00", "pkg:oci/a%2Fb",
		"pkg:oci/a?tag=%0A", "pkg:oci/ä", "docker.io/acme/ledger:v1", "pkg:oci/" + strings.Repeat("a", 2000)} {
		if a, err := source.ParseArtifact(bad); err == nil {
			t.Errorf("%q is %+v", bad, a)
		}
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"pkg:oci/a@sha256:1?tag=1", "pkg:oci/a@sha256:1?tag=2", true},
		{"pkg:oci/a@sha256:1?tag=1", "pkg:oci/a@sha256:2?tag=1", false},
		{"pkg:oci/a@sha256:1?tag=1", "pkg:oci/a?tag=1", true},
		{"pkg:oci/a@sha256:1", "pkg:oci/a?tag=1", false},
		{"pkg:oci/a", "pkg:oci/a", false},
		{"pkg:oci/a?tag=v1", "pkg:oci/a?tag=V1", false},
		{"pkg:oci/a?tag=1&repository_url=x", "pkg:oci/a?tag=1&repository_url=y", false},
		{"pkg:github/O/r@v1", "pkg:github/o/R@v1", true},
		{"pkg:github/o/r@v1", "pkg:github/o/r@V1", false},
		{"pkg:helm/r@1", "pkg:oci/r@1", false},
	} {
		a, errA := source.ParseArtifact(c.a)
		b, errB := source.ParseArtifact(c.b)
		if errA != nil || errB != nil || a.Same(b) != c.want || b.Same(a) != c.want {
			t.Errorf("%s and %s: %v, want %v; %v %v", c.a, c.b, a.Same(b), c.want, errA, errB)
		}
	}
}

// TestGitTag names a tag by where it is cloned from.
func TestGitTag(t *testing.T) {
	t.Parallel()
	for repository, want := range map[string]string{
		"https://github.com/org/tool.git":        "pkg:github/org/tool@v1.0.0",
		"https://git.example/group/sub/tool":     "pkg:generic/group/sub/tool@v1.0.0?repository_url=https:%2F%2Fgit.example%2Fgroup%2Fsub%2Ftool",
		"https://user:secret@git.example/o/tool": "pkg:generic/o/tool@v1.0.0?repository_url=https:%2F%2Fgit.example%2Fo%2Ftool",
	} {
		if got := source.GitTagArtifact(repository, "v1.0.0").String(); got != want {
			t.Errorf("%s: %s, want %s", repository, got, want)
		}
	}
}
