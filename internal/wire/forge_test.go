package wire

import (
	"testing"

	"github.com/pawl-cd/pawl/internal/config"
)

// TestForgeOfTheJob says which forge a profile is on, where its API is and which token goes there, by configuration and job.
func TestForgeOfTheJob(t *testing.T) {
	t.Parallel()
	gitHub := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "org/profile", "GITHUB_TOKEN": "job", "GITHUB_API_URL": "https://api.github.com"}
	enterprise := map[string]string{"GITHUB_REPOSITORY": "org/profile", "GITHUB_TOKEN": "job", "GITHUB_API_URL": "https://ghe.example/api/v3"}
	gitea := map[string]string{"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITHUB_REPOSITORY": "org/profile", "GITHUB_TOKEN": "job",
		"GITHUB_API_URL": "https://git.example/api/v1", "GITHUB_SERVER_URL": "https://git.example/"}
	gitLab := map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "org/team/profile", "CI_SERVER_URL": "https://gl.example/sub", "CI_JOB_TOKEN": "job"}
	with := func(env map[string]string, token string) map[string]string {
		all := map[string]string{"MERGE_TOKEN": token}
		for name, value := range env {
			all[name] = value
		}
		return all
	}
	for name, c := range map[string]struct {
		forge                   config.Forge
		env                     map[string]string
		kind, api, token, bound string // bound is where MERGE_TOKEN may go
	}{
		"GitHub":                          {env: gitHub, kind: "github", api: "https://api.github.com", token: "job", bound: "https://api.github.com"},
		"an enterprise's":                 {env: enterprise, kind: "github", api: "https://ghe.example/api/v3", token: "job", bound: "https://ghe.example"},
		"by hand":                         {env: with(nil, "mine"), kind: "github", token: "mine", bound: "https://api.github.com"},
		"Gitea's own job":                 {env: gitea, kind: "gitea", api: "https://git.example/api/v1", token: "job", bound: "https://git.example"},
		"Gitea's own job, named":          {forge: config.Forge{Repository: "ORG/Profile"}, env: gitea, kind: "gitea", api: "https://git.example/api/v1", token: "job", bound: "https://git.example"},
		"a job at Gitea for GitHub":       {forge: config.Forge{Repository: "org/other"}, env: gitea, kind: "github", bound: "https://api.github.com"},
		"a job at Gitea for GitHub, told": {forge: config.Forge{Kind: "github"}, env: with(gitea, "mine"), kind: "github", token: "mine", bound: "https://api.github.com"},
		"a job at GitHub for Gitea":       {forge: config.Forge{Kind: "gitea", URL: "https://git.example"}, env: gitHub, kind: "gitea", api: "https://git.example/api/v1", bound: "https://git.example"},
		"a job at another Gitea": {forge: config.Forge{Kind: "gitea", URL: "https://other.example"}, env: gitea, kind: "gitea", api: "https://other.example/api/v1",
			bound: "https://other.example"},
		"Gitea by hand": {forge: config.Forge{Kind: "gitea", URL: "https://git.example/sub"}, env: with(nil, "mine"), kind: "gitea",
			api: "https://git.example/sub/api/v1", token: "mine", bound: "https://git.example"},
		"GitLab's own job":          {env: with(gitLab, "mine"), kind: "gitlab", api: "https://gl.example/sub/api/v4", token: "mine", bound: "https://gl.example"},
		"GitLab's own job, a token": {env: gitLab, kind: "gitlab", api: "https://gl.example/sub/api/v4", bound: "https://gl.example"},
		"GitLab's own job, named": {forge: config.Forge{Kind: "gitlab", Repository: "ORG/team/Profile"}, env: gitLab, kind: "gitlab", api: "https://gl.example/sub/api/v4",
			bound: "https://gl.example"},
		"a job at GitLab for GitHub": {forge: config.Forge{Repository: "org/other"}, env: with(gitLab, "mine"), kind: "github", token: "mine", bound: "https://api.github.com"},
		"GitLab by hand": {forge: config.Forge{Kind: "gitlab", Repository: "org/team/profile"}, env: with(nil, "mine"), kind: "gitlab", api: "https://gitlab.com/api/v4",
			token: "mine", bound: "https://gitlab.com"},
		"a job at GitHub for GitLab": {forge: config.Forge{Kind: "gitlab", URL: "https://gl.example"}, env: gitHub, kind: "gitlab", api: "https://gl.example/api/v4",
			bound: "https://gl.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := Wire{Config: config.Config{Forge: c.forge}, Env: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }}
			if w.ForgeKind() != c.kind || w.ForgeAPI() != c.api || w.ForgeToken() != c.token {
				t.Errorf("it is %s at %q with the token %q, want %s at %q with %q", w.ForgeKind(), w.ForgeAPI(), w.ForgeToken(), c.kind, c.api, c.token)
			}
			for _, place := range []string{"https://api.github.com", "https://ghe.example", "https://git.example", "https://other.example", "https://gl.example", "https://gitlab.com", "https://evil.example"} {
				if want := place == c.bound || name == "an enterprise's" && place == "https://api.github.com"; w.Bound("MERGE_TOKEN", place) != want {
					t.Errorf("MERGE_TOKEN may go to %s: %t", place, !want)
				}
			}
			if c.env["GITEA_ACTIONS"] == "true" && w.Bound("GITHUB_TOKEN", "https://api.github.com") {
				t.Error("the token of a Gitea job may go to GitHub")
			}
		})
	}
}

// TestForgePage is where people find the profile, which events are told of.
func TestForgePage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		forge config.Forge
		env   map[string]string
		want  string
	}{
		"by hand":                       {forge: config.Forge{Repository: "org/p"}, want: "https://github.com/org/p"},
		"a job of an enterprise's":      {env: map[string]string{"GITHUB_REPOSITORY": "org/p", "GITHUB_SERVER_URL": "https://ghe.example"}, want: "https://ghe.example/org/p"},
		"Gitea by hand":                 {forge: config.Forge{Kind: "gitea", URL: "https://git.example/sub/", Repository: "org/p"}, want: "https://git.example/sub/org/p"},
		"a job of GitHub's for a Gitea": {forge: config.Forge{Kind: "gitea", URL: "https://git.example", Repository: "org/p"}, env: map[string]string{"GITHUB_SERVER_URL": "https://github.com"}, want: "https://git.example/org/p"},
		"a job of Gitea's":              {env: map[string]string{"GITEA_ACTIONS": "true", "GITHUB_REPOSITORY": "org/p", "GITHUB_SERVER_URL": "https://git.example"}, want: "https://git.example/org/p"},
		"a job of Gitea's for a GitHub": {forge: config.Forge{Kind: "github", Repository: "org/p"}, env: map[string]string{"GITEA_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.example"}, want: "https://github.com/org/p"},
		"GitLab by hand":                {forge: config.Forge{Kind: "gitlab", Repository: "org/team/p"}, want: "https://gitlab.com/org/team/p"},
		"a job of GitLab's":             {env: map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "org/team/p", "CI_SERVER_URL": "https://gl.example"}, want: "https://gl.example/org/team/p"},
		"nobody knows which repository": {want: ""},
	} {
		w := Wire{Config: config.Config{Forge: c.forge}, Env: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }}
		if got := w.EventSource(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
