package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/dispatch"
)

// TestVariablesThatHoldSecrets lists what an environment makes known before any file is read, and what it does not: names of
// files, addresses, and what strangers write.
func TestVariablesThatHoldSecrets(t *testing.T) {
	t.Parallel()
	var environ, want []string
	for _, name := range []string{"GITLAB_TOKEN", "CI_JOB_TOKEN", "MERGE_TOKEN", "token_dev", "TOKEN_DEV", "GH_PAT", "CI_JOB_JWT", "CI_JOB_JWT_V2", "DEPLOY_TOKEN_2", "DB_PASSWORD", "KEY_PASSPHRASE",
		"AZURE_CLIENT_SECRET", "REGISTRY_CREDENTIALS", "NPM_APIKEY", "X_API_KEY", "SSH_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "COSIGN_SIGNING_KEY"} {
		environ, want = append(environ, name+"=s-"+name), append(want, "s-"+name)
	}
	environ = append(environ, "DOWNSTREAM_IMAGE_A=org/a:d0wnstream", "REDIS_URL=redis://u:r3dis@h", "GITHUB_SERVER_URL=https://github.com", "no_proxy=localhost", "HTTP_PROXY=u:pr0xy@h:1")
	want = append(want, "d0wnstream", "r3dis", "pr0xy")
	environ = append(environ, "GOOGLE_APPLICATION_CREDENTIALS=/etc/gcp.json", "CI_COMMIT_TITLE=see https://u:v1.2.3@h", "PATH=/bin", "TOKENS=3 of them", "SECRET_FILE=/run/x", "COMPAT=yes-it-is-1",
		"IDENTITY_TOKEN_URL=https://h.example/x", "GITHUB_HEAD_REF=x://u:v2@h")
	got := secretsOf(environ, dispatch.DefaultPrefix)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.DeleteFunc(got, func(s string) bool { return s == "" })); diff != "" {
		t.Error(diff)
	}
}

// TestSecretsOfTracing keeps what only a collector may see from the output of every command, those without a trace too.
func TestSecretsOfTracing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, secret string }{
		{"OTEL_EXPORTER_OTLP_HEADERS", "x-team=a, x-key = s3cret%2Dheader%2Dvalue", "s3cret-header-value"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret%2Dheader%2Dvalue", "s3cret%2Dheader%2Dvalue"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "s3cret-header-value", "s3cret-header-value"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "x-key=s3cret%zheader", "s3cret%zheader"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer%20s3cret-bearer-1", "s3cret-bearer-1"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Basic s3cret-basic-1=", "s3cret-basic-1="},
		{"OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-key=s3cret-metrics-1", "s3cret-metrics-1"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example/otlp?a=b&key=s3cret%2Dquery#top", "s3cret-query"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector.example/?s3cret-query-2", "s3cret-query-2"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:s3cret-passw0rd@collector.example", "s3cret-passw0rd"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://s3cret-us3r@collector.example", "s3cret-us3r"},
	} {
		var out, errs strings.Builder
		env := map[string]string{c.name: c.value}
		code := Run(t.Context(), []string{"validate", "--root", "/nowhere/" + c.secret + "/x"}, System{Out: &out, Err: &errs, Now: time.Now,
			Env:     func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			Environ: func() []string { return []string{c.name + "=" + c.value} }})
		if code != Usage || !strings.Contains(errs.String(), "/nowhere/***/x") {
			t.Errorf("%s=%s: exit code %d: %s%s", c.name, c.value, code, out.String(), errs.String())
		}
	}
}
