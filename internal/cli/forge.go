package cli

import (
	"errors"
	"log/slog"
	"slices"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// forgeToken is the one token that does everything: MERGE_TOKEN, else GITHUB_TOKEN.
func (s *session) forgeToken() string {
	if token := s.env("MERGE_TOKEN"); token != "" {
		return token
	}
	return s.env("GITHUB_TOKEN")
}

// forges make the client of a forge, by the kind that forge.kind names.
var forges = map[string]func(s *session, client *httpx.Client, repository string) (forge.Forge, error){
	"github": (*session).gitHub,
}

// forge returns the configured forge.
func (s *session) forge(client *httpx.Client) (forge.Forge, error) {
	repository := s.repository()
	if repository == "" {
		return nil, &exit{code: Usage, err: errors.New("no repository is named"), hint: "set forge: {repository: OWNER/NAME} in .pawl.yaml, or GITHUB_REPOSITORY", topics: []topic{noRepositoryTopic}}
	}
	f, err := forges[s.config.Forge.Kind](s, client, repository)
	if err != nil {
		hint := "see forge in .pawl.yaml"
		if s.config.Forge.Repository == "" {
			hint = "correct GITHUB_REPOSITORY, or set forge: {repository: OWNER/NAME} in .pawl.yaml"
		}
		return nil, &exit{code: Usage, err: err, hint: hint, topics: []topic{noRepositoryTopic}}
	}
	return f, nil
}

// gitHub is the client of GitHub.
func (s *session) gitHub(client *httpx.Client, repository string) (forge.Forge, error) {
	return github.New(github.Config{
		HTTP: client, API: s.env("GITHUB_API_URL"), GraphQL: s.env("GITHUB_GRAPHQL_URL"), Repository: repository, Token: s.forgeToken(),
		Base: s.config.Forge.Base, Branch: s.config.Forge.Branch, Ledger: s.config.Ledger, Labels: slices.Concat(s.config.Forge.Labels, s.config.Change.Labels),
		Reviewers: s.config.Change.Reviewers, Assignees: s.config.Change.Assignees, Now: s.g.sys.Now, Sleep: s.g.sys.Sleep, Clean: s.g.door.Text,
		Warn: func(err error) { s.g.reporter().say(slog.LevelWarn, err.Error(), fault.Hint(err)) },
	})
}
