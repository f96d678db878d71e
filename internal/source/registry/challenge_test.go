package registry

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

func TestChallengeOf(t *testing.T) {
	t.Parallel()
	bearer := func(parameters map[string]string) *transport.Challenge {
		return &transport.Challenge{Scheme: "bearer", Parameters: parameters}
	}
	tests := []struct {
		name    string
		headers []string
		want    *transport.Challenge
	}{
		{"none", nil, nil},
		{"empty", []string{"", " , "}, nil},
		{"ECR", []string{`Basic realm="https://1234.dkr.ecr.eu-west-2.amazonaws.com/",service="ecr.amazonaws.com"`},
			&transport.Challenge{Scheme: "basic", Parameters: map[string]string{"realm": "https://1234.dkr.ecr.eu-west-2.amazonaws.com/", "service": "ecr.amazonaws.com"}}},
		{"Docker Hub", []string{`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:org/app:pull,push",error="insufficient_scope"`},
			bearer(map[string]string{"realm": "https://auth.docker.io/token", "service": "registry.docker.io", "scope": "repository:org/app:pull,push", "error": "insufficient_scope"})},
		{"no quotes and spaces", []string{`BEARER Realm = https://t.example/token , service=x`}, bearer(map[string]string{"realm": "https://t.example/token", "service": "x"})},
		{"another scheme first", []string{`Negotiate, Bearer realm="r"`}, bearer(map[string]string{"realm": "r"})},
		{"another header first", []string{"Negotiate abc==", `Bearer realm="r", Basic realm="b"`}, bearer(map[string]string{"realm": "r"})},
		{"escapes", []string{`Bearer realm="a\"b\\c", x="open`}, bearer(map[string]string{"realm": `a"b\c`, "x": "open"})},
		{"bare", []string{"basic"}, &transport.Challenge{Scheme: "basic", Parameters: map[string]string{}}},
		{"parameters without scheme", []string{`realm="r"`}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, challengeOf(http.Header{"Www-Authenticate": tt.headers})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="x",scope="a:b:c"`, `Basic`, `a=b, c="`, "=,= \t\"\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(challenges(text)); n > len(text) {
			t.Errorf("%d challenges in %d bytes", n, len(text))
		}
	})
}
