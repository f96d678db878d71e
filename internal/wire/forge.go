package wire

import (
	"log/slog"
	"slices"

	"github.com/pawl-cd/pawl/internal/deploy/gitlab"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// ForgeToken is the one token that does everything: MERGE_TOKEN, else GITHUB_TOKEN.
func (w Wire) ForgeToken() string {
	if token := w.env("MERGE_TOKEN"); token != "" {
		return token
	}
	return w.env("GITHUB_TOKEN")
}

// forges make the client of a forge, by the kind that forge.kind names.
var forges = map[string]func(w Wire, client *httpx.Client, repository string) (forge.Forge, error){
	"github": Wire.gitHub,
}

// Forge returns the configured forge.
func (w Wire) Forge(client *httpx.Client) (forge.Forge, error) {
	repository := w.Repository()
	if repository == "" {
		return nil, fault.New("set forge: {repository: OWNER/NAME} in .pawl.yaml, or GITHUB_REPOSITORY", "no repository is named")
	}
	f, err := forges[w.Config.Forge.Kind](w, client, repository)
	if err != nil {
		hint := "see forge in .pawl.yaml"
		if w.Config.Forge.Repository == "" {
			hint = "correct GITHUB_REPOSITORY, or set forge: {repository: OWNER/NAME} in .pawl.yaml"
		}
		return nil, fault.With(err, hint)
	}
	return f, nil
}

// gitHub is the client of GitHub.
func (w Wire) gitHub(client *httpx.Client, repository string) (forge.Forge, error) {
	return github.New(github.Config{
		HTTP: client, API: w.env("GITHUB_API_URL"), GraphQL: w.env("GITHUB_GRAPHQL_URL"), Repository: repository, Token: w.ForgeToken(),
		Base: w.Config.Forge.Base, Branch: w.Config.Forge.Branch, Ledger: w.Config.Ledger, Seal: w.ledgerKey(repository), Labels: slices.Concat(w.Config.Forge.Labels, w.Config.Change.Labels),
		Reviewers: w.Config.Change.Reviewers, Assignees: w.Config.Change.Assignees, Now: w.Now, Sleep: w.Sleep, Clean: w.Redactor.Text,
		Warn: func(err error) { w.Say(slog.LevelWarn, err.Error(), fault.Hint(err)) },
	})
}

// Triggerer fires and follows the pipelines of GitLab.
func (w Wire) Triggerer(client *httpx.Client) *gitlab.Client {
	return gitlab.New(gitlab.Config{HTTP: client, Token: w.env, Now: w.Now, Sleep: w.Sleep})
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
