package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// mailbox answers every request with 404 and keeps who was asked, and with which token.
type mailbox struct {
	mu    sync.Mutex
	hosts []string
}

func (m *mailbox) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	host := r.URL.Scheme + "://" + r.URL.Host
	if r.URL.Host == "github.com" && strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
		host = "https://api.github.com" // the same GitHub, where it speaks git
	}
	if r.Header.Get("Authorization") == "" {
		host += " without a token"
	}
	if !slices.Contains(m.hosts, host) {
		m.hosts = append(m.hosts, host)
	}
	return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"message":"Not Found"}`)), Request: r}, nil
}

// TestWhereARemoteProfileIs shows which host a command with --repository asks, and that it asks none where that is not certain:
// the token goes along.
func TestWhereARemoteProfileIs(t *testing.T) {
	t.Parallel()
	const atGitea = "version: 1\nforge: {kind: gitea, url: 'https://git.example/sub'}\n"
	giteaJob := map[string]string{"GITEA_ACTIONS": "true", "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://job.example", "GITHUB_API_URL": "https://job.example/api/v1", "GITHUB_REPOSITORY": "org/own"}
	for _, c := range []struct {
		name, config string
		env          map[string]string
		args         []string
		host, says   string
	}{
		{name: "nothing says otherwise", args: []string{"org/profile"}, host: "https://api.github.com"},
		{name: "another GitHub", env: map[string]string{"GITHUB_API_URL": "https://ghe.example/api/v3", "GITHUB_GRAPHQL_URL": "https://ghe.example/api/graphql"}, args: []string{"org/profile"}, host: "https://ghe.example"},
		{name: "the gitea of this directory", config: atGitea, args: []string{"org/profile"}, host: "https://git.example"},
		{name: "the gitea of this directory, by name", config: atGitea, args: []string{"org/profile", "--forge", "gitea"}, host: "https://git.example"},
		{name: "GitHub from such a directory", config: atGitea, args: []string{"org/profile", "--forge", "github"}, host: "https://api.github.com"},
		{name: "an address of GitHub", config: atGitea, args: []string{"https://github.com/org/profile"}, host: "https://api.github.com"},
		{name: "an address to clone from", args: []string{"https://github.com/org/profile.git/"}, host: "https://api.github.com"},
		{name: "an address below that of this directory", config: atGitea, args: []string{"https://git.example/sub/org/profile"}, host: "https://git.example"},
		{name: "an address of a gitea", args: []string{"https://other.example/org/profile", "--forge", "gitea"}, host: "https://other.example"},
		{name: "an address of an unknown host", args: []string{"https://other.example/org/profile"}, says: "it is not said what other.example is"},
		{name: "an address beside that of this directory", config: atGitea, args: []string{"https://git.example/org/profile"}, says: "it is not said what git.example is"},
		{name: "a gitea without an address", args: []string{"org/profile", "--forge", "gitea"}, says: "--repository https://HOST/org/profile"},
		{name: "another host is no GitHub", args: []string{"https://other.example/org/profile", "--forge", "github"}, says: "other.example is not the GitHub that is asked"},
		{name: "the GitHub of a job", env: map[string]string{"GITHUB_SERVER_URL": "https://ghe.example", "GITHUB_API_URL": "https://ghe.example/api/v3", "GITHUB_GRAPHQL_URL": "https://ghe.example/api/graphql"}, args: []string{"https://ghe.example/org/profile"}, host: "https://ghe.example"},
		{name: "a public address in the job of another GitHub", env: map[string]string{"GITHUB_SERVER_URL": "https://ghe.example", "GITHUB_API_URL": "https://ghe.example/api/v3"}, args: []string{"https://github.com/org/profile"}, says: "it is not said what github.com is"},
		{name: "a job of a gitea", env: giteaJob, args: []string{"org/profile"}, says: "add --forge gitea for this job's own"},
		{name: "a job of a gitea, by name", env: giteaJob, args: []string{"org/profile", "--forge", "gitea"}, host: "https://job.example"},
		{name: "a job of a gitea, by address", env: giteaJob, args: []string{"https://job.example/org/profile"}, host: "https://job.example"},
		{name: "a configuration that cannot be read", config: "version: 1\nforge: {kind: gitae}\n", args: []string{"org/profile"}, says: "does not say which forge"},
		{name: "... is not asked", config: "version: 1\nforge: {kind: gitae}\n", args: []string{"https://other.example/org/profile", "--forge", "gitea"}, host: "https://other.example"},
		{name: "an address of gitlab.com", args: []string{"https://gitlab.com/org/team/profile"}, host: "https://gitlab.com"},
		{name: "an address of a gitlab", args: []string{"https://gl.example/org/team/profile.git", "--forge", "gitlab"}, host: "https://gl.example"},
		{name: "the gitlab of this directory", config: "version: 1\nforge: {kind: gitlab, url: 'https://gl.example/sub'}\n", args: []string{"org/team/profile"}, host: "https://gl.example"},
		{name: "an address below that gitlab", config: "version: 1\nforge: {kind: gitlab, url: 'https://gl.example/sub'}\n", args: []string{"https://gl.example/sub/org/profile"}, host: "https://gl.example"},
		{name: "a job of a gitlab", env: map[string]string{"GITLAB_CI": "true", "CI_SERVER_URL": "https://gl.example"}, args: []string{"org/profile"}, says: "add --forge gitlab for this job's own"},
		{name: "a job of a gitlab, by name", env: map[string]string{"GITLAB_CI": "true", "CI_SERVER_URL": "https://gl.example"}, args: []string{"org/profile", "--forge", "gitlab"}, host: "https://gl.example"},
		{name: "groups are GitLab's", args: []string{"org/team/profile"}, says: "add --forge gitlab"},
		{name: "a kind that is none", args: []string{"org/profile", "--forge", "gitae"}, says: "want github, gitea or gitlab"},
		{name: "no repository", args: []string{"profile"}, says: "OWNER/NAME"},
		{name: "a password in the address", args: []string{"https://me:hunter2@git.example/org/profile", "--forge", "gitea"}, says: "without credentials"},
		{name: "a host alone", args: []string{"https://git.example/profile", "--forge", "gitea"}, says: "want the address of a repository"},
	} {
		for _, command := range [][]string{{"status"}, {"plan"}, {"run"}, {"explain", "a"}, {"quarantine", "org/api:1.4.2", "--reason", "broken"}, {"resume"}, {"hold", "a", "--reason", "x", "--dispatch"}} {
			t.Run(c.name+"/"+command[0], func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				if c.config != "" {
					if err := os.WriteFile(filepath.Join(root, ".pawl.yaml"), []byte(c.config), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				box := &mailbox{}
				var out bytes.Buffer
				sys := cli.System{Out: &out, Err: &out, Transport: box, Now: func() time.Time { return time.Unix(0, 0) }, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Env: func(name string) (string, bool) {
					value, ok := c.env[name]
					if name == "MERGE_TOKEN" {
						value, ok = "t0ken-of-the-forge", true
					}
					return value, ok
				}}
				args := slices.Concat(command, []string{"--root", root, "--repository"}, c.args)
				code := cli.Run(t.Context(), args, sys)
				if want := fmt.Sprint([]string{c.host}); c.says == "" && fmt.Sprint(box.hosts) != want {
					t.Errorf("asked were %s, want %s\n%s", box.hosts, want, out.String())
				}
				if c.says != "" && (code != cli.Usage || len(box.hosts) > 0 || !strings.Contains(out.String(), c.says)) {
					t.Errorf("exit %d, asked were %s:\n%s", code, box.hosts, out.String())
				}
				if strings.Contains(out.String(), "t0ken") || strings.Contains(out.String(), "hunter2") {
					t.Errorf("a secret is shown:\n%s", out.String())
				}
			})
		}
	}
}

// TestARemoteProfileThatMoved shows that a profile whose own configuration names another forge is left alone: neither its ledger
// here is written, nor is the token sent there.
func TestARemoteProfileThatMoved(t *testing.T) {
	t.Parallel()
	s := lately(t, github.Settings{}, noChecks)
	s.must(s.repo.Push("main", "alice", map[string][]byte{".pawl.yaml": []byte("version: 1\nforge: {kind: gitea, url: 'https://git.example'}\n")}, "moved"))
	s.root = t.TempDir()
	writes := s.github.Writes()
	for _, args := range [][]string{{"status"}, {"pause", "--reason", "x"}} {
		if out := s.brake(cli.Usage, append(args, "--repository", "acme/profile")...); !strings.Contains(out, "lives on gitea at https://git.example") {
			t.Errorf("it says %s", out)
		}
	}
	if s.github.Writes() != writes {
		t.Error("something was written")
	}
}
