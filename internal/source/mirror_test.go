package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMirrorsRegistry(t *testing.T) {
	t.Parallel()
	m, err := ParseMirrors(map[string]string{
		"index.docker.io":  "http://127.0.0.1:5000",
		"GHCR.io":          "https://harbor.example/ghcr-proxy/",
		"own.example:5443": "https://[::1]:5000/a/b",
	})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]Endpoint{
		"docker.io":        {Scheme: "http", Host: "127.0.0.1:5000"},
		"ghcr.io":          {Scheme: "https", Host: "harbor.example", Prefix: "ghcr-proxy"},
		"own.example:5443": {Scheme: "https", Host: "[::1]:5000", Prefix: "a/b"},
	} {
		got, ok := m.Registry(host)
		if !ok {
			t.Errorf("%s is not mirrored", host)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", host, diff)
		}
	}
	if e, ok := m.Registry("quay.io"); ok {
		t.Errorf("quay.io is mirrored by %v", e)
	}
	if _, ok := (Mirrors{}).Registry("docker.io"); ok {
		t.Error("the zero value mirrors docker.io")
	}
}

func TestMirrorsURL(t *testing.T) {
	t.Parallel()
	m, err := ParseMirrors(map[string]string{
		"https://charts.example":       "http://127.0.0.1:5001/helm",
		"https://charts.example/infra": "http://127.0.0.1:5002/",
		"https://api.github.com":       "http://127.0.0.1:5003/api/v3",
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		raw, want string
		mirrored  bool
	}{
		{"https://charts.example", "http://127.0.0.1:5001/helm", true},
		{"https://charts.example/", "http://127.0.0.1:5001/helm", true},
		{"https://CHARTS.example/apps/x", "http://127.0.0.1:5001/helm/apps/x", true},
		{"https://charts.example/infra", "http://127.0.0.1:5002", true},
		{"https://charts.example/infra/x", "http://127.0.0.1:5002/x", true},
		{"https://charts.example/infrared", "http://127.0.0.1:5001/helm/infrared", true},
		{"https://charts.example.evil/x", "https://charts.example.evil/x", false},
		{"https://charts.example:8443/x", "https://charts.example:8443/x", false},
		{"http://charts.example/x", "http://charts.example/x", false},
		{"https://api.github.com", "http://127.0.0.1:5003/api/v3", true},
	}
	for _, tt := range tests {
		got, ok := m.URL(tt.raw)
		if got != tt.want || ok != tt.mirrored {
			t.Errorf("URL(%q) = %q, %v; want %q, %v", tt.raw, got, ok, tt.want, tt.mirrored)
		}
	}
}

func TestParseMirrorsErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		from, to string
		want     string
	}{
		{"no scheme in the target", "docker.io", "127.0.0.1:5000", "want"},
		{"credentials in the target", "docker.io", "https://user:hunter22@mirror.example", "user information"},
		{"query", "docker.io", "https://mirror.example/?x=1", "query"},
		{"dots", "docker.io", "https://mirror.example/../x", ".."},
		{"path without scheme", "ghcr.io/org", "https://mirror.example", "want a host"},
		{"oci scheme", "oci://ghcr.io", "https://mirror.example", "scheme"},
		{"empty", "", "https://mirror.example", "want a host"},
		{"no host", "docker.io", "https:///x", "without host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseMirrors(map[string]string{tt.from: tt.to})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
	_, err := ParseMirrors(map[string]string{"docker.io": "http://a.example", "index.docker.io": "http://b.example"})
	if err == nil {
		t.Error("docker.io may be mirrored twice")
	}
}

func FuzzParseMirrors(f *testing.F) {
	f.Add("docker.io", "http://127.0.0.1:5000", "https://charts.example/x")
	f.Add("https://charts.example", "https://mirror.example/helm/", "https://charts.example/x")
	f.Fuzz(func(t *testing.T, from, to, asked string) {
		m, err := ParseMirrors(map[string]string{from: to})
		if err != nil {
			return
		}
		if e, ok := m.Registry(from); ok && (e.Host == "" || strings.HasPrefix(e.Prefix, "/") || (e.Scheme != "http" && e.Scheme != "https")) {
			t.Errorf("mirror of %q by %q is %+v", from, to, e)
		}
		got, ok := m.URL(asked)
		if !ok && got != asked {
			t.Errorf("URL(%q) = %q without a mirror", asked, got)
		}
		if again, _ := m.URL(asked); again != got {
			t.Errorf("URL(%q) = %q, then %q", asked, got, again)
		}
	})
}
