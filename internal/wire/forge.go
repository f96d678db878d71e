package wire

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"

	deploy "github.com/pawl-cd/pawl/internal/deploy/gitlab"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/gitea"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/forge/gitlab"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// The kinds of forges.
const (
	kindGitHub = "github"
	kindGitea  = "gitea"
	kindGitLab = "gitlab"
)

// ForgeKind is the kind of the profile's forge: the configured one, else that of the job whose own repository the profile is,
// else GitHub.
func (w Wire) ForgeKind() string {
	own := w.Config.Forge.Repository == "" || strings.EqualFold(w.Config.Forge.Repository, w.env("GITHUB_REPOSITORY"))
	switch {
	case w.Config.Forge.Kind != "":
		return w.Config.Forge.Kind
	case own && w.inGitea():
		return kindGitea
	case w.inGitLab() && w.env("CI_PROJECT_PATH") != "" && (w.Config.Forge.Repository == "" && w.env("GITHUB_REPOSITORY") == "" ||
		strings.EqualFold(w.Config.Forge.Repository, w.env("CI_PROJECT_PATH"))):
		return kindGitLab
	default:
		return kindGitHub
	}
}

// inGitea reports whether this is a job of Gitea's or Forgejo's, whose variables have the names of GitHub's.
func (w Wire) inGitea() bool { return w.env("GITEA_ACTIONS") == "true" }

// inGitLab reports whether this is a job of GitLab's.
func (w Wire) inGitLab() bool { return w.env("GITLAB_CI") == "true" }

// forgeURL is the address of a gitea or a gitlab: the configured one, else that of the job, else gitlab.com.
func (w Wire) forgeURL() string {
	if w.ForgeKind() == kindGitLab {
		own := ""
		if w.inGitLab() {
			own = w.env("CI_SERVER_URL")
		}
		return cmp.Or(w.Config.Forge.URL, own, "https://gitlab.com")
	}
	if w.Config.Forge.URL == "" && w.inGitea() {
		return w.env("GITHUB_SERVER_URL")
	}
	return w.Config.Forge.URL
}

// ForgePage is the address of the profile's forge for people.
func (w Wire) ForgePage() string {
	switch {
	case w.ForgeKind() != kindGitHub:
		return strings.TrimRight(w.forgeURL(), "/")
	case w.inGitea(): // then the variable names that of Gitea
		return "https://github.com"
	default:
		return cmp.Or(w.env("GITHUB_SERVER_URL"), "https://github.com")
	}
}

// HasWorkflows reports whether the profile's forge has workflows that may be started from outside.
func (w Wire) HasWorkflows() bool { return w.ForgeKind() != kindGitLab }

// ForgeAPI is the address of the API of the profile's forge, empty for GitHub's own: where ForgeToken belongs.
func (w Wire) ForgeAPI() string {
	switch {
	case w.ForgeKind() == kindGitea:
		return strings.TrimRight(w.forgeURL(), "/") + "/api/v1"
	case w.ForgeKind() == kindGitLab:
		return strings.TrimRight(w.forgeURL(), "/") + "/api/v4"
	case w.inGitea(): // then the variable names that of Gitea
		return ""
	default:
		return w.env("GITHUB_API_URL")
	}
}

// ForgeToken is the one token that does everything: MERGE_TOKEN, else the job's own, if the job runs at the forge. That of a
// job of GitLab's opens and merges nothing, so it is none.
func (w Wire) ForgeToken() string {
	if token := w.env("MERGE_TOKEN"); token != "" {
		return token
	}
	if w.ForgeKind() == kindGitLab {
		return ""
	}
	if (w.ForgeKind() == kindGitea) != w.inGitea() || w.inGitea() && placeOf(w.forgeURL()) != placeOf(w.env("GITHUB_SERVER_URL")) {
		return ""
	}
	return w.env("GITHUB_TOKEN")
}

// forges make the client of a forge, by its kind.
var forges = map[string]func(w Wire, client *httpx.Client, repository string) (forge.Forge, error){
	kindGitHub: Wire.gitHub,
	kindGitea:  Wire.gitea,
	kindGitLab: Wire.gitLab,
}

// Forge returns the configured forge.
func (w Wire) Forge(client *httpx.Client) (forge.Forge, error) {
	repository := w.Repository()
	if repository == "" {
		return nil, fault.New("set forge: {repository: OWNER/NAME} in .pawl.yaml, or GITHUB_REPOSITORY", "no repository is named")
	}
	f, err := forges[w.ForgeKind()](w, client, repository)
	if err != nil {
		hint := "see forge in .pawl.yaml"
		if w.Config.Forge.Repository == "" {
			hint = "correct GITHUB_REPOSITORY, or set forge: {repository: OWNER/NAME} in .pawl.yaml"
		}
		return nil, fault.With(err, cmp.Or(fault.Hint(err), hint))
	}
	return f, nil
}

// gitHub is the client of GitHub.
func (w Wire) gitHub(client *httpx.Client, repository string) (forge.Forge, error) {
	c := github.Config{
		HTTP: client, API: w.ForgeAPI(), GraphQL: w.env("GITHUB_GRAPHQL_URL"), Repository: repository, Token: w.ForgeToken(),
		Base: w.Config.Forge.Base, Branch: w.Config.Forge.Branch, Ledger: w.Config.Ledger, Seal: w.ledgerKey(repository), Store: w.Store, Labels: w.labels(),
		Reviewers: w.Config.Change.Reviewers, Assignees: w.Config.Change.Assignees, Now: w.Now, Sleep: w.Sleep, Clean: w.Redactor.Text, Warn: w.warn,
		Unsigned: w.Config.Change.Unsigned,
	}
	if w.inGitea() { // then this is none of GitHub's
		c.GraphQL = ""
	}
	return github.New(c)
}

// gitea is the client of Gitea and Forgejo.
func (w Wire) gitea(client *httpx.Client, repository string) (forge.Forge, error) {
	if w.forgeURL() == "" {
		return nil, fault.New("set forge: {url: https://HOST} in .pawl.yaml", "configuring the forge: no address of the gitea is named")
	}
	return gitea.New(gitea.Config{
		HTTP: client, URL: w.forgeURL(), Repository: repository, Token: w.ForgeToken(),
		Base: w.Config.Forge.Base, Branch: w.Config.Forge.Branch, Ledger: w.Config.Ledger, Seal: w.ledgerKey(repository), Store: w.Store, Labels: w.labels(),
		Reviewers: w.Config.Change.Reviewers, Assignees: w.Config.Change.Assignees, Now: w.Now, Sleep: w.Sleep, Clean: w.Redactor.Text, Warn: w.warn,
	})
}

// gitLab is the client of GitLab.
func (w Wire) gitLab(client *httpx.Client, repository string) (forge.Forge, error) {
	return gitlab.New(gitlab.Config{
		HTTP: client, URL: w.forgeURL(), Repository: repository, Token: w.ForgeToken(),
		Base: w.Config.Forge.Base, Branch: w.Config.Forge.Branch, Ledger: w.Config.Ledger, Seal: w.ledgerKey(repository), Store: w.Store, Labels: w.labels(),
		Reviewers: w.Config.Change.Reviewers, Assignees: w.Config.Change.Assignees, Now: w.Now, Sleep: w.Sleep, Clean: w.Redactor.Text, Warn: w.warn,
	})
}

// labels are what pull requests wear.
func (w Wire) labels() []string { return slices.Concat(w.Config.Forge.Labels, w.Config.Change.Labels) }

// warn tells people of what went wrong beside the run.
func (w Wire) warn(err error) { w.Say(slog.LevelWarn, err.Error(), fault.Hint(err)) }

// Triggerer fires and follows the pipelines of GitLab.
func (w Wire) Triggerer(client *httpx.Client) *deploy.Client {
	return deploy.New(deploy.Config{HTTP: client, Token: w.env, Now: w.Now, Sleep: w.Sleep})
}

// ledgerKey is what the ledger is sealed with; the zero key where none is configured, or set.
func (w Wire) ledgerKey(repository string) ledger.Key {
	if w.Config.LedgerKey == "" {
		return ledger.Key{}
	}
	secret := w.env(w.Config.LedgerKey)
	w.Redactor.Add(secret)
	return ledger.Key{Secret: []byte(secret), Repository: repository}
}
