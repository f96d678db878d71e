package cli

import (
	"slices"
	"testing"

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
